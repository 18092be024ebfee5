//! Proofs for strangers: made by the real binary, checked by it with nothing of the log but its key.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use serde_json::{Value, json};
use std::path::Path;
use support::{Home, Service, text};

/// A data directory with a few records, whose service has ended.
fn recorded() -> (Home, String) {
    let home = Home::new("");
    let service = Service::start(&home);
    let added = home.run(&["agents", "add", "tidy", "--class", "assistant", "--owner", "ada", "--json"]);
    let issued: Value = serde_json::from_slice(&added.stdout).unwrap();
    let question = json!({
        "subject": {"agent": "tidy"}, "session": "s1",
        "action": {"kind": "tool.call", "server": "mail", "name": "delete_messages", "args": {"ids": ["1", "2"]}},
    });
    let (_, ruling) = service.post("/v1/decide", issued["token"].as_str().unwrap(), &question);
    drop(service);
    (home, ruling["id"].as_str().unwrap().to_owned())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_proof_file_is_checked_without_the_log_and_every_lie_in_it_is_refused() {
    let (home, id) = recorded();
    let (proof, key) = (home.path().join("one.tlog-proof"), home.path().join("kept.pub"));
    std::fs::copy(home.data().join("log/log.pub"), &key).unwrap();
    let made = home.run(&["log", "prove", &id, "--out", path(&proof)]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let bare = home.run(&["log", "prove", "0", "--bare"]);
    std::fs::write(home.path().join("bare"), &bare.stdout).unwrap();
    std::fs::remove_dir_all(home.data()).unwrap();

    let check = |file: &Path| plain(&["log", "verify-proof", path(file), "--key", path(&key), "--json"]);
    let checked = check(&proof);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    let said: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert!(
        said["record"].to_string().contains(&id) && said["record"]["request"]["subject"]["agent"] == "tidy",
        "{said}"
    );
    let said: Value = serde_json::from_slice(&check(&home.path().join("bare")).stdout).unwrap();
    assert_eq!((&said["ok"], &said["record"], &said["index"]), (&json!(true), &Value::Null, &json!(0)), "{said}");

    let whole = std::fs::read_to_string(&proof).unwrap();
    let lie = home.path().join("lie");
    std::fs::write(&lie, whole.replacen("\nindex ", "\nindex 1", 1)).unwrap();
    assert_eq!(check(&lie).status.code(), Some(1));
    std::fs::write(&lie, "garbage").unwrap();
    let refused = plain(&["log", "verify-proof", path(&lie), "--key", path(&key)]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("not a proof file"), "{}", text(&refused.stderr));
    let other = Home::new("");
    drop(Service::start(&other));
    let foreign = other.data().join("log/log.pub");
    let refused = plain(&["log", "verify-proof", path(&proof), "--key", path(&foreign)]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
}

/// The real binary, without the configuration of a home.
fn plain(arguments: &[&str]) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_holdshort")).args(arguments).output().unwrap()
}

#[test]
fn a_log_is_checked_audited_and_mirrored_over_http() {
    let home = Home::new("");
    let (older, key, copy) = (home.path().join("older"), home.path().join("kept.pub"), home.path().join("copy"));
    drop(Service::start(&home));
    std::fs::copy(home.data().join("log/checkpoint"), &older).unwrap();
    std::fs::copy(home.data().join("log/log.pub"), &key).unwrap();
    let service = Service::start(&home);
    let address = format!("{}/log", service.address());
    let token = home.data().join("admin.token");
    let (older, key, token) = (path(&older), path(&key), path(&token));
    let audited = plain(&["log", "audit", &address, "--older", older, "--key", key, "--token", token, "--json"]);
    assert_eq!(audited.status.code(), Some(0), "{}", text(&audited.stderr));
    let verified = home.run(&["log", "verify", &address, "--key", key, "--token", token]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stderr));
    let refused = plain(&["log", "audit", &address, "--older", older, "--key", key]);
    assert_eq!(refused.status.code(), Some(3), "nothing is said against a log that was not seen");
    let message = text(&refused.stderr);
    assert!(message.contains("status 401") && message.contains("`--token`"), "{message}");

    let mirror = ["mirror", "--from", &address, "--to", path(&copy), "--token", token, "--once"];
    let unknown = plain(&mirror);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
    let mirrored = plain(&[&mirror[..], &["--key", key]].concat());
    assert_eq!(mirrored.status.code(), Some(0), "{}", text(&mirrored.stderr));
    assert_eq!(plain(&mirror).status.code(), Some(0), "the mirror knows the key now");
    drop(service);
    let verified = home.run(&["log", "verify", path(&copy), "--key", key, "--older", older]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stderr));
}

#[test]
fn a_log_that_was_rewritten_and_signed_again_is_exposed_by_its_mirror_with_the_record() {
    let home = Home::new("");
    let (log, backup, copy) = (home.data().join("log"), home.path().join("backup"), home.path().join("copy"));
    drop(Service::start(&home));
    assert!(std::process::Command::new("cp").arg("-r").args([&log, &backup]).status().unwrap().success());
    let said: Value = serde_json::from_slice(&home.run(&["log", "verify", "--json"]).stdout).unwrap();
    let common = said["size"].as_u64().unwrap();
    drop(Service::start(&home));
    let key = log.join("log.pub");
    let mirror = ["mirror", "--from", path(&log), "--to", path(&copy), "--key", path(&key), "--once"];
    let mirrored = plain(&mirror);
    assert_eq!(mirrored.status.code(), Some(0), "{}", text(&mirrored.stderr));

    std::fs::remove_dir_all(&log).unwrap();
    std::fs::rename(&backup, &log).unwrap();
    drop(Service::start(&home));
    drop(Service::start(&home));
    assert_eq!(home.run(&["log", "verify"]).status.code(), Some(0), "it passes alone");
    let exposed = plain(&mirror);
    assert_eq!(exposed.status.code(), Some(1));
    let message = text(&exposed.stderr);
    assert!(message.contains(&format!("rewritten from record {common} on")), "{message}");
    assert!(copy.join("contradiction").exists());
    let audited = plain(&["log", "audit", path(&log), "--older", path(&copy.join("checkpoint")), "--key", path(&key)]);
    assert_eq!(audited.status.code(), Some(1));
    assert!(text(&audited.stderr).contains("history was rewritten"), "{}", text(&audited.stderr));
}
