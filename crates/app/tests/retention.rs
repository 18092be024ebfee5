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
use std::time::{SystemTime, UNIX_EPOCH};
use support::{Home, Service, text};

const HOUR_MS: u64 = 3_600_000;

/// Records that are put into the log beside those of the service.
const RECORDS: u64 = 60;

fn segments(home: &Home) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(home.data().join("log/records")).unwrap();
    let mut found: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.to_str().unwrap().contains(".seg"));
    found.sort();
    found
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A log of several segments, whose records are six hours apart up to now; the service that made it has ended.
fn old_log() -> Home {
    let home = Home::new("");
    drop(Service::start(&home));
    let (log, key) = (home.data().join("log"), home.data().join("log.key"));
    let options = LogOptions { segment_bytes_max: 1 << 20, ..LogOptions::new(log, key, "-") };
    let (log, _) = Log::open(options).unwrap();
    for number in 0..RECORDS {
        let detail = json!({ "number": number, "text": "long ago ".repeat(20_000) });
        let time_ms = now_ms() - (RECORDS - number) * 6 * HOUR_MS;
        let record = json!({ "type": "lifecycle", "time_ms": time_ms, "event": "test", "detail": detail });
        log.append_blocking(serde_json::to_vec(&record).unwrap()).unwrap();
    }
    log.close_blocking().unwrap();
    assert!(segments(&home).len() > 4);
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
    // Nobody but whoever runs the service, and a running one does it itself.
    let added = run(&home, &["agents", "add", "tidy", "--class", "assistant", "--json"]);
    let wanted = json!({ "before": 30, "because": "an agent wants it" });
    let (status, answer) = service.post("/v1/retention/drop", added["token"].as_str().unwrap(), &wanted);
    assert_eq!(status, 403, "{answer}");
    let state = run(&home, &["log", "retention", "--json"]);
    assert_eq!((&state["archived"]["records"], &state["first_kept"]), (&done["records"], &json!(0)));
    assert!(state["oldest_ms"].as_u64().unwrap() < now_ms() - 60 * HOUR_MS && state["waits_for"].is_null(), "{state}");
    assert_eq!(run(&home, &["log", "archive", "--older-than", "36h", "--json"])["segments"], 0);
    let output = drop_old(&["--yes", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let dropped: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(refused(&drop_old(&["--yes"]), 1).contains("nothing was dropped"));
    // Who asks the running service about it is told what became of it.
    let gone = refused(&home.run(&["log", "show", "5"]), 1);
    assert!(gone.contains("dropped on purpose"), "{gone}");
    drop(service);
    let first = dropped["first_kept"].as_u64().unwrap();
    assert!(first > 5 && !archive.exists());

    let verified = run(&home, &["log", "verify", "--json"]);
    assert_eq!(verified["dropped"], first);
    let index = run(&home, &["log", "index", "--rebuild", "--json"]);
    assert_eq!((&index["dropped"], &index["lag"]), (&json!(first), &json!(0)), "{index}");
    assert_eq!(index["indexed"], index["records"].as_u64().unwrap() - first);
    assert!(text(&home.run(&["log", "index"]).stdout).contains(&format!("0 are not, {first} were dropped,")));
    let searched = text(&home.run(&["log", "search", "--type", "decision"]).stderr).to_string();
    assert!(searched.contains(&format!("the records before {first} were dropped on purpose")), "{searched}");
    let said = text(&home.run(&["log", "verify"]).stdout).to_string();
    assert!(said.contains("a test of retention") && said.contains(&format!("{first} dropped")), "{said}");
    let record = run(&home, &["log", "show", &dropped["record"].to_string(), "--json"]);
    let detail = &record["record"]["detail"];
    assert_eq!((&record["record"]["event"], &detail["first_kept"]), (&json!("records-dropped"), &json!(first)));
    assert_eq!((&detail["by"], &detail["because"]), (&json!("os-user"), &json!("a test of retention")));
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
fn a_clock_that_jumped_drops_nothing_until_a_person_says_that_it_is_right() {
    let home = old_log();
    // The clock was believed half a year ago, and is now by what passed since, or by mistake.
    let believed = format!("holdshort/clock/v1\n{}\n", now_ms() - 180 * 24 * HOUR_MS);
    std::fs::write(home.data().join("log/records/clock"), believed).unwrap();
    let drop_old =
        |more: &[&str]| home.run(&[&["log", "drop", "--because", "a test", "--yes", "--json"], more].concat());
    let waits = || run(&home, &["log", "retention", "--json"])["waits_for"].clone();
    let doubted = |more: &[&str]| refused(&drop_old(more), 1);
    let old = ["--older-than", "60h"];
    assert!(doubted(&old).contains("--clock-is-right"));
    let service = Service::start(&home);
    assert!(doubted(&old).contains("--clock-is-right"));
    assert!(waits().as_str().unwrap().contains("has gone on by more than"));
    drop(service);
    // Starting again is no answer.
    assert!(doubted(&old).contains("--clock-is-right") && waits().is_string());
    // Which records, and not how old: that needs no clock.
    let named = drop_old(&["--before", "30"]);
    assert!(named.status.success(), "{}", text(&named.stderr));
    let first: Value = serde_json::from_slice(&named.stdout).unwrap();
    assert!((5..=30).contains(&first["first_kept"].as_u64().unwrap()), "{first}");
    assert!(run(&home, &["log", "retention", "--clock-is-right", "--json"])["waits_for"].is_null());
    assert!(drop_old(&old).status.success());
    let tail = home.run(&["log", "tail", "-n", "1000", "--json"]);
    assert!(text(&tail.stdout).contains("clock-believed"));
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
