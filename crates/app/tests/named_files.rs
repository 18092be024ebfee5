//! Files and addresses that a command of the log is given: relative names do, and a wrong one is told from a wrong log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use support::{Home, Service, text};

/// A home with a log whose service has ended.
fn recorded() -> Home {
    let home = Home::new("");
    drop(Service::start(&home));
    std::fs::copy(home.data().join("log/log.pub"), home.path().join("log.pub")).unwrap();
    home
}

/// The real binary in the home's folder, which names everything relative to it.
fn within(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
    command.args(arguments).current_dir(home.path()).env("HOLDSHORT_DATA", home.data()).stdin(Stdio::null());
    command
}

fn run(home: &Home, arguments: &[&str]) -> Output {
    within(home, arguments).output().unwrap()
}

/// What a command says that ends with this code.
fn said(home: &Home, code: i32, arguments: &[&str]) -> String {
    let output = run(home, arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{said}", text(&output.stdout));
    said
}

#[test]
fn a_bare_name_is_a_file_in_this_folder() {
    let home = recorded();
    said(&home, 0, &["mirror", "--from", "data/log", "--to", "mir", "--key", "log.pub", "--once"]);
    assert!(home.path().join("mir.key").exists() && home.path().join("mir/checkpoint").exists());
    let arguments = [
        ["witness", "--listen", "127.0.0.1:0", "--name", "w4.example/w"].as_slice(),
        &["--log", "log.pub", "--state", "w4", "--key", "w4.key"],
    ];
    let mut witness = within(&home, &arguments.concat()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(witness.stdout.take().unwrap()).read_line(&mut line).unwrap();
    witness.kill().unwrap();
    witness.wait().unwrap();
    assert!(line.starts_with("witness on http://127.0.0.1:"), "{line}");
    assert!(home.path().join("w4.key").exists() && home.path().join("w4.mldsa.key").exists());
}

#[test]
fn a_file_that_is_not_there_is_wrong_usage_and_says_why() {
    let home = recorded();
    let missing: [&[&str]; 8] = [
        &["log", "verify-proof", "nope", "--key", "log.pub"],
        &["log", "verify", "--key", "nope"],
        &["log", "verify", "--witness-policy", "nope"],
        &["log", "audit", "data/log", "--older", "nope"],
        &["log", "verify-segment", "nope", "--key", "log.pub"],
        &["mirror", "--from", "data/log", "--to", "mir", "--key", "nope", "--once"],
        &["witness", "--log", "nope", "--state", "w", "--key", "w.key", "--name", "w.example/w"],
        &["log", "export", "--format", "ocsf", "--out", "nope/export"],
    ];
    for arguments in missing {
        let said = said(&home, 2, arguments);
        assert!(said.contains("`nope") && said.contains("No such file or directory"), "{arguments:?}: {said}");
        assert!(said.contains("hint: check the path"), "{arguments:?}: {said}");
    }
    std::fs::write(home.path().join("there"), "kept").unwrap();
    let exists = said(&home, 2, &["log", "export", "--format", "ocsf", "--out", "there"]);
    assert!(exists.contains("hint: name another file"), "{exists}");
    assert_eq!(std::fs::read(home.path().join("there")).unwrap(), b"kept");

    let none = said(&home, 2, &["log", "archive", "--older-than", "1d", "--data", "nope"]);
    assert!(none.contains("there is no log in") && none.contains("hint: "), "{none}");
    let none = ["log", "drop", "--older-than", "1d", "--because", "old", "--yes", "--data", "nope"];
    assert!(said(&home, 2, &none).contains("there is no log in"));
    assert!(!home.path().join("nope").exists(), "it was looked for, not made");
    let erased = said(&home, 2, &["log", "erase", "--user", "ada", "--because", " ", "--yes"]);
    assert!(erased.contains("`--because` is empty"), "{erased}");
}

#[test]
fn an_address_where_nobody_answers_is_no_verdict_on_the_log() {
    let home = recorded();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (address, segment) = (format!("http://{free}/log"), "data/log/records/00000000000000000000.seg");
    let unreachable: [&[&str]; 7] = [
        &["log", "verify", &address],
        &["log", "verify", &address, "--key", "log.pub"],
        &["log", "verify", &address, "--key", "log.pub", "--json"],
        &["log", "verify-segment", segment, "--log", &address, "--key", "log.pub"],
        &["log", "audit", &address, "--key", "log.pub", "--older", "data/log/checkpoint"],
        &["log", "audit", "data/log", "--copy", &address],
        &["mirror", "--from", &address, "--to", "mir", "--key", "log.pub", "--once"],
    ];
    for arguments in unreachable {
        let said = said(&home, 3, arguments);
        assert!(said.contains("the log cannot be reached: Connection refused"), "{arguments:?}: {said}");
        assert!(said.contains("hint: nothing was checked"), "{arguments:?}: {said}");
    }
    // A log that answers with something else is judged by it.
    std::fs::rename(home.data().join("log/checkpoint"), home.path().join("older")).unwrap();
    std::fs::write(home.data().join("log/checkpoint"), "another story\n").unwrap();
    said(&home, 1, &["log", "audit", "data/log", "--key", "log.pub", "--older", "older"]);
}
