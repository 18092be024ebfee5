//! Old records are archived and dropped by the real binary, and a nearly full disk is refused by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use holdshort_store::log::{Log, LogOptions};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, SystemTime};
use support::{Home, Service, text};

const DAY: u64 = 86_400;

/// Records that are put into the log beside those of the service.
const RECORDS: u64 = 60;

fn segments(home: &Home) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(home.data().join("log/records")).unwrap();
    let mut found: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.to_str().unwrap().contains(".seg"));
    found.sort();
    found
}

/// A log of several segments, each a day younger than the one before; the service that made it has ended.
fn old_log() -> Home {
    let home = Home::new("");
    drop(Service::start(&home));
    let (log, key) = (home.data().join("log"), home.data().join("log.key"));
    let options = LogOptions { segment_bytes_max: 1 << 20, ..LogOptions::new(log, key, "-") };
    let (log, _) = Log::open(options).unwrap();
    for number in 0..RECORDS {
        let detail = json!({ "number": number, "text": "long ago ".repeat(20_000) });
        let record = json!({ "type": "lifecycle", "time_ms": number, "event": "test", "detail": detail });
        log.append_blocking(serde_json::to_vec(&record).unwrap()).unwrap();
    }
    log.close_blocking().unwrap();
    let segments = segments(&home);
    assert!(segments.len() > 4, "{segments:?}");
    for (segment, days) in segments.iter().zip((0..segments.len() as u64).rev()) {
        let written = SystemTime::now() - Duration::from_secs(days * DAY);
        std::fs::File::options().write(true).open(segment).unwrap().set_modified(written).unwrap();
    }
    home
}

fn run(home: &Home, arguments: &[&str]) -> Value {
    let output = home.run(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn refused(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stderr).to_string()
}

#[test]
fn old_records_are_archived_then_dropped_and_the_log_verifies_all_the_way() {
    let home = old_log();
    let before = segments(&home);
    let dry = run(&home, &["log", "archive", "--older-than", "36h", "--dry-run", "--json"]);
    assert_eq!(segments(&home), before);
    let done = run(&home, &["log", "archive", "--older-than", "36h", "--json"]);
    assert_eq!((&done["segments"], &done["records"]), (&dry["segments"], &dry["records"]));
    assert!(done["bytes_after"].as_u64().unwrap() * 20 < done["bytes_before"].as_u64().unwrap(), "{done}");

    let verified = run(&home, &["log", "verify", "--json"]);
    assert_eq!((&verified["archived"], &verified["dropped"]), (&done["records"], &json!(0)));
    assert_eq!(run(&home, &["log", "show", "5", "--json"])["index"], 5);
    let proof = home.path().join("5.tlog-proof");
    run(&home, &["log", "prove", "5", "--out", proof.to_str().unwrap()]);
    let archive = segments(&home).remove(0);
    assert!(archive.to_str().unwrap().ends_with(".seg.zst"));
    let copy = home.path().join(archive.file_name().unwrap());
    std::fs::copy(&archive, &copy).unwrap();

    let drop_old = |more: &[&str]| {
        let arguments = [&["log", "drop", "--older-than", "60h", "--because", "a test of retention"], more].concat();
        home.run(&arguments)
    };
    assert!(refused(&drop_old(&[]), 2).contains("--yes"));
    let service = Service::start(&home);
    assert!(refused(&drop_old(&["--yes"]), 1).contains("drop_after"));
    drop(service);
    let output = drop_old(&["--yes", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let dropped: Value = serde_json::from_slice(&output.stdout).unwrap();
    let first = dropped["first_kept"].as_u64().unwrap();
    assert!(first > 5 && !archive.exists());

    let verified = run(&home, &["log", "verify", "--json"]);
    assert_eq!(verified["dropped"], first);
    let index = run(&home, &["log", "index", "--rebuild", "--json"]);
    assert_eq!((&index["dropped"], &index["lag"]), (&json!(first), &json!(0)), "{index}");
    assert_eq!(index["indexed"], index["records"].as_u64().unwrap() - first);
    assert!(text(&home.run(&["log", "index"]).stdout).contains(&format!("0 are not, {first} were dropped,")));
    let said = text(&home.run(&["log", "verify"]).stdout).to_string();
    assert!(said.contains("a test of retention") && said.contains(&format!("{first} dropped")), "{said}");
    let record = run(&home, &["log", "show", &dropped["record"].to_string(), "--json"]);
    assert_eq!(
        (&record["record"]["event"], &record["record"]["detail"]["first_kept"]),
        (&json!("records-dropped"), &json!(first))
    );
    for command in ["prove", "show"] {
        let told = refused(&home.run(&["log", command, "5"]), 1);
        assert!(told.contains("record 5 was dropped on purpose") && told.contains("`holdshort log prove 5 --bare`"));
        assert!(!told.contains("damaged"), "{told}");
    }
    run(&home, &["log", "prove", "5", "--bare", "--out", proof.to_str().unwrap()]);
    // The copy that was kept elsewhere is still proved, by the tree alone.
    assert!(run(&home, &["log", "verify-segment", copy.to_str().unwrap(), "--json"])["records"].as_u64().unwrap() > 3);
    // The service goes on with it, and so do all who read everything.
    drop(Service::start(&home));
    run(&home, &["log", "tail", "-n", "1000", "--json"]);
    run(&home, &["log", "verify", "--json"]);
}

#[test]
fn on_a_nearly_full_disk_the_service_starts_refuses_by_name_and_comes_back() {
    let home = old_log();
    let added = home.run(&["agents", "add", "tidy", "--class", "assistant", "--json"]);
    let token = serde_json::from_slice::<Value>(&added.stdout).unwrap()["token"].as_str().unwrap().to_owned();
    let question = json!({
        "subject": {"agent": "tidy"}, "session": "s1",
        "action": {"kind": "tool.call", "server": "mail", "name": "list", "args": {}},
    });
    home.configure("[log]\nkeep_free = \"900000 GiB\"\n");
    for _ in 0..2 {
        let service = Service::start(&home);
        let (status, answer) = service.post("/v1/decide", &token, &question);
        assert_eq!((status, &answer["error"]["code"]), (503, &json!("recorder-full")), "{answer}");
        let answer = service.get("/readyz");
        assert!(answer["faults"].as_array().unwrap().contains(&json!("recorder-full")), "{answer}");
    }
    home.configure("");
    let service = Service::start(&home);
    assert_eq!(service.post("/v1/decide", &token, &question).0, 200);
    drop(service);
    let tail = home.run(&["log", "tail", "-n", "1000", "--json"]);
    assert!(text(&tail.stdout).contains("log-space"));
    run(&home, &["log", "verify", "--json"]);

    // No log is begun on such a disk.
    let fresh = Home::new("");
    fresh.configure("[log]\nkeep_free = \"900000 GiB\"\n");
    let output = fresh.run(&["serve"]);
    assert!(text(&output.stderr).contains("nearly full"), "{}", text(&output.stderr));
}
