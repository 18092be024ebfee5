//! `secrets`: the organisation's own secrets, known by their fingerprints.

use crate::cli::SecretsCommand;
use crate::detectors;
use crate::failure::{Failure, Outcome, io_failure};
use crate::out;
use holdshort_detect::{OWN_BYTES_MAX, OWN_BYTES_MIN};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{IsTerminal, Read, Write as _};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(command: SecretsCommand) -> Outcome {
    let SecretsCommand::Fingerprint { place, output, name } = command;
    let data = place.data(&place.load()?)?;
    data.prepare()?;
    let key = detectors::ensure_key(&data)?;
    let secret = read(&name)?;
    if !(OWN_BYTES_MIN..=OWN_BYTES_MAX).contains(&secret.len()) {
        let failure =
            Failure::usage(format!("a secret of {} bytes: expected {OWN_BYTES_MIN} to {OWN_BYTES_MAX}", secret.len()));
        return Err(failure.hint("shorter ones cannot be told from other text"));
    }
    let mut fingerprint = String::new();
    // Writing to a string does not fail.
    key.fingerprint(&secret).iter().for_each(|byte| write!(fingerprint, "{byte:02x}").unwrap_or_default());
    if output.json {
        out::json(&json!({ "name": name, "fingerprint": fingerprint, "bytes": secret.len() }))?;
    } else {
        let name = toml::Value::String(name);
        let bytes = secret.len();
        out::line(format_args!(
            "[[detect.own_secrets]]\nname = {name}\nfingerprint = \"{fingerprint}\"\nbytes = {bytes}"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

// One line of a terminal without showing it, or all of what is piped in; without the line break at its end.
fn read(name: &str) -> Result<Vec<u8>, Failure> {
    let unreadable = || io_failure("read", Path::new("standard input"));
    let stdin = std::io::stdin();
    let mut bytes = Vec::new();
    if stdin.is_terminal() {
        let _quiet = Quiet::new(&stdin)?;
        let mut prompt = std::io::stderr();
        // If standard error is gone, the secret can still be typed.
        let _ = write!(prompt, "value of `{name}` (not shown): ");
        let mut line = String::new();
        stdin.read_line(&mut line).map_err(unreadable())?;
        let _ = writeln!(prompt);
        bytes = line.into_bytes();
    } else {
        let most = OWN_BYTES_MAX as u64 + 3;
        stdin.lock().take(most).read_to_end(&mut bytes).map_err(unreadable())?;
    }
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    if bytes.ends_with(b"\r") {
        bytes.pop();
    }
    Ok(bytes)
}

/// While it lives, the terminal does not show what is typed.
struct Quiet<'a> {
    terminal: &'a std::io::Stdin,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn new(terminal: &'a std::io::Stdin) -> Result<Self, Failure> {
        let failed =
            |error: rustix::io::Errno| Failure::internal(format!("cannot turn the terminal's echo off: {error}"));
        let before = tcgetattr(terminal).map_err(failed)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &quiet).map_err(failed)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
