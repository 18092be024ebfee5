//! `mirror --listen`: logs upload to it, and their copies are served (C2SP tlog-mirror).

use super::listen::{Listening, told_to_end};
use super::mirror::{beside, own};
use super::mirror_http::serve;
use crate::cli::MirrorArgs;
use crate::failure::{Failure, Outcome, named_file};
use crate::out;
use holdshort_ledger::{CosignerKey, VerifierKey, origin_digest};
use holdshort_store::log::{MIRROR_PUBLIC_KEY_FILE, MirrorHost, MirroredLog};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(arguments: &MirrorArgs) -> Outcome {
    let Some(listen) = arguments.listen else {
        return Err(Failure::usage("a mirror needs a log to follow, or an address to listen on"));
    };
    let key_file = arguments.mirror_key.clone().unwrap_or_else(|| beside(&arguments.to));
    let (name, logs) = (name(arguments)?, logs(&arguments.log)?);
    if logs.iter().any(|log| log.key.name() == name) {
        return Err(Failure::usage(format!(
            "`{name}` is a log that is mirrored here, and can be no mirror of its own"
        ))
        .hint("another `--name`, and a key that no log signs with"));
    }
    let host = MirrorHost::open(&arguments.to, &key_file, &name, &logs).map_err(own)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot start threads: {error}")))?;
    runtime.block_on(async {
        let listening = Listening::open(listen, &arguments.listening).await?;
        let end = told_to_end()?;
        announce(arguments, &host, &listening)?;
        serve(listening, Arc::new(host), end).await;
        Ok(ExitCode::SUCCESS)
    })
}

/// The name that was given, or the one that the mirror was made with.
fn name(arguments: &MirrorArgs) -> Result<String, Failure> {
    if let Some(name) = &arguments.name {
        return Ok(name.clone());
    }
    let text = fs::read_to_string(arguments.to.join(MIRROR_PUBLIC_KEY_FILE)).unwrap_or_default();
    CosignerKey::parse(text.trim()).map(|key| key.name().to_owned()).map_err(|_| {
        Failure::usage("a new mirror needs a name").hint("`--name mirror.example.com/m1`, a URL without its scheme")
    })
}

/// The logs whose keys these files hold: an Ed25519 key makes one, and a cosigner's key of the same name belongs to it.
fn logs(files: &[PathBuf]) -> Result<Vec<MirroredLog>, Failure> {
    let (mut logs, mut cosigners) = (Vec::new(), Vec::new());
    for file in files {
        let text = fs::read_to_string(file).map_err(named_file("read", file))?;
        match (VerifierKey::parse(text.trim()), CosignerKey::parse(text.trim())) {
            (Ok(key), _) => logs.push(MirroredLog { key, cosigner: None }),
            (Err(_), Ok(key)) => cosigners.push((key, file)),
            (Err(error), Err(_)) => {
                let wrong = format!("`{}` holds no verification key: {error}", file.display());
                return Err(Failure::usage(wrong).hint("a copy of `log.pub` is one"));
            }
        }
    }
    for (key, file) in cosigners {
        let log = logs.iter_mut().find(|log| log.key.name() == key.name()).ok_or_else(|| no_log(&key, file))?;
        log.cosigner = Some(key);
    }
    Ok(logs)
}

fn no_log(key: &CosignerKey, file: &Path) -> Failure {
    Failure::usage(format!("`{}` is a second key of `{}`, whose `log.pub` is not named", file.display(), key.name()))
        .hint("name both with `--log`")
}

fn announce(arguments: &MirrorArgs, host: &MirrorHost, listening: &Listening) -> Result<(), Failure> {
    let key = host.key().to_string();
    if arguments.output.json {
        let log = |(origin, signed, here): (&str, u64, u64)| json!({ "origin": origin, "path": origin_digest(origin), "size": signed, "next": here });
        let logs: Vec<_> = host.logs().into_iter().map(log).collect();
        return out::json(&json!({ "url": listening.url(), "key": key, "logs": logs }));
    }
    out::line(format_args!("mirror on {}", listening.url()))?;
    out::line(format_args!("    key  {key}"))?;
    for (origin, signed, here) in host.logs() {
        let digest = origin_digest(origin);
        out::line(format_args!("    log  `{origin}`, {signed} records cosigned, {here} here, served below /{digest}"))?;
    }
    Ok(())
}
