//! The real service exports what it records: to a file, to a receiver that comes and goes, through kill -9; and once from
//! the command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use holdshort_testkit::ocsf_validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use support::{Home, Service, text};

/// Longest time for anything to arrive.
const DEADLINE: Duration = Duration::from_secs(60);

/// An HTTP endpoint that answers everything with a success and passes on the lines that it gets.
fn receiver() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    (url, listening(listener, Arc::new(AtomicBool::new(true))))
}

/// The same, and 503 for everybody until it takes something.
fn listening(listener: TcpListener, takes: Arc<AtomicBool>) -> Receiver<Value> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (sender, takes) = (sender.clone(), takes.clone());
            std::thread::spawn(move || {
                let stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                // A service that is killed breaks off: the end of this connection, and of nothing else.
                while let Some(body) = request(&mut reader) {
                    if !takes.load(Ordering::SeqCst) {
                        let _ = (&stream).write_all(b"HTTP/1.1 503 Later\r\ncontent-length: 0\r\n\r\n");
                        continue;
                    }
                    let lines = body.lines().map(|line| serde_json::from_str(line).unwrap());
                    lines.for_each(|line| drop(sender.send(line)));
                    let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                }
            });
        }
    });
    lines
}

fn request(reader: &mut impl BufRead) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

fn export(name: &str, format: &str, to: &str) -> String {
    format!(
        "[[export]]\nname = \"{name}\"\nformat = \"{format}\"\nto = \"{to}\"\nbatch_ms = 20\npause_first_ms = 20\npause_max_s = 1\n"
    )
}

fn plain(name: &str, format: &str, to: &str) -> String {
    format!("{}gzip = false\n", export(name, format, to))
}

fn decide(service: &Service<'_>, number: usize) -> u64 {
    let question = json!({
        "subject": { "agent": "tidy" }, "session": "s1",
        "action": { "kind": "tool.call", "server": "mail", "name": format!("tool_{number}"), "args": { "text": "secret words" } },
    });
    let (status, ruling) = service.post("/v1/decide", &service.admin_token(), &question);
    assert_eq!(status, 200, "{ruling}");
    ruling["receipt"]["index"].as_u64().unwrap()
}

fn until(lines: &Receiver<Value>, seen: &mut BTreeSet<u64>, index: u64) {
    while !seen.contains(&index) {
        let line = lines.recv_timeout(DEADLINE).expect("it arrives");
        seen.insert(line["index"].as_u64().unwrap());
    }
}

fn assert_no_gap(seen: &BTreeSet<u64>) {
    let last = *seen.last().unwrap();
    assert_eq!(
        seen.len() as u64,
        last + 1,
        "missing: {:?}",
        (0..last).filter(|index| !seen.contains(index)).collect::<Vec<_>>()
    );
}

#[test]
fn killed_again_and_again_it_leaves_no_record_out() {
    let (url, lines) = receiver();
    let home = Home::new(&plain("siem", "json", &url));
    let mut seen = BTreeSet::new();
    for round in 0..6 {
        let mut process = home.command(&["serve"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        let service = Service::running(&home);
        let mut last = 0;
        for number in 0..20 {
            last = decide(&service, round * 100 + number);
        }
        // Sometimes in the middle of a batch, sometimes behind it, with or without the cursor.
        if round % 2 == 0 {
            until(&lines, &mut seen, last);
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let service = Service::start(&home);
    let last = decide(&service, 1_000);
    until(&lines, &mut seen, last);
    assert_no_gap(&seen);
    drop(service);
    let status = home.run(&["export", "status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let export = &status["exports"][0];
    assert_eq!((&export["error"], &export["skipped"], &export["lost"]), (&Value::Null, &json!(0), &json!(0)));
    assert!(export["next"].as_u64().unwrap() > last, "{status}");
}

#[test]
fn a_receiver_that_never_answers_holds_no_decision_and_no_end_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let home = Home::new(&plain("siem", "ocsf", &url));
    let service = Service::start(&home);
    // It has connected and waits for an answer from here on.
    let (mut stream, _) = silent.accept().unwrap();
    let mut some = [0; 16];
    stream.read_exact(&mut some).unwrap();
    let before = Instant::now();
    for number in 0..100 {
        decide(&service, number);
    }
    assert!(before.elapsed() < Duration::from_secs(20), "{:?}", before.elapsed());
    let before = Instant::now();
    drop(service);
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
}

#[test]
fn a_file_of_events_is_what_the_validator_wants_and_the_command_line_says_the_same() {
    let home = Home::new("");
    let path = home.path().join("events.ndjson");
    home.configure(&export("lake", "ocsf", path.to_str().unwrap()));
    let service = Service::start(&home);
    let last = (0..10).fold(0, |_, number| decide(&service, number));
    let deadline = Instant::now() + DEADLINE;
    let events = loop {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let whole: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if whole.iter().any(|event| event["metadata"]["sequence"] == last) {
            break whole;
        }
        assert!(Instant::now() < deadline, "{text}");
        std::thread::sleep(Duration::from_millis(10));
    };
    drop(service);
    let seen: BTreeSet<u64> = events.iter().map(|event| event["metadata"]["sequence"].as_u64().unwrap()).collect();
    assert_no_gap(&seen);
    let exported = home.run(&["log", "export", "--format", "ocsf"]);
    let printed = text(&exported.stdout);
    assert!(!printed.contains("secret words"));
    // The same events, but for the time at which they were read.
    let plain = |event: &Value| {
        let mut event = event.clone();
        event["metadata"]["processed_time"] = Value::Null;
        event
    };
    let printed: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(printed.len() >= events.len());
    for (one, other) in events.iter().zip(&printed) {
        assert_eq!(plain(one), plain(other));
    }
    let mut validator = ocsf_validator().command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    validator.stdin.take().unwrap().write_all(&exported.stdout).unwrap();
    let said = text(&validator.wait_with_output().unwrap().stdout).to_owned();
    assert!(said.contains("\"wrong\": 0"), "{said}");

    let out = home.path().join("s1.cef");
    let told = home.run(&["log", "export", "--format", "cef", "--session", "s1", "--out", out.to_str().unwrap()]);
    assert!(told.status.success(), "{}", text(&told.stderr));
    let lines = std::fs::read_to_string(&out).unwrap();
    assert!(lines.lines().count() >= 10 && lines.lines().all(|line| line.starts_with("CEF:0|Holdshort|")), "{lines}");
    let again = home.run(&["log", "export", "--format", "cef", "--out", out.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(2), "a file that is there is not written over");
    let full = home.run(&["log", "export", "--format", "json", "--arguments", "full", "--from", &last.to_string()]);
    assert!(text(&full.stdout).contains("secret words"));
}

#[test]
fn what_cannot_work_is_refused_before_the_start() {
    let home = Home::new(&export("siem", "cef", "https://logs.example.org/"));
    let refused = home.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused.stderr).contains("export `siem`: `cef` goes to a file or a syslog collector"));
    assert!(!home.data().exists(), "nothing was made");
    let wrong = [
        ("cef", "https://logs.example.org/", "`cef` goes to a file or a syslog collector"),
        ("ocsf", "http://example.org/x", "clear text"),
        ("ocsf", "udp://127.0.0.1:514", "`ocsf` goes to a file or an HTTP endpoint, not to syslog"),
        ("ocsf", "ftp://example.org/x", "`to` is neither a file nor begins with `https://`"),
        ("cef", "ftp://example.org/x", "`to` is neither a file nor begins with `https://`"),
    ];
    for (format, to, expected) in wrong {
        let home = Home::new(&export("siem", format, to));
        let (checked, refused) = (home.run(&["config", "check"]), home.run(&["serve"]));
        assert_eq!((checked.status.code(), refused.status.code()), (Some(64), Some(64)), "{format} {to}");
        // Both say the same; what checks the file names it as well.
        let said = text(&refused.stderr);
        let said = said.trim_end().trim_start_matches("error: ");
        assert!(text(&checked.stderr).contains(said), "{said}\n{}", text(&checked.stderr));
        assert!(text(&checked.stderr).contains(expected), "{}", text(&checked.stderr));
    }
    // A secret may be elsewhere than whoever checks.
    let more = "token_env = \"HOLDSHORT_NOT_SET\"\n";
    let home = Home::new(&(export("siem", "hec", "https://logs.example.org/") + more));
    let checked = home.run(&["config", "check"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert!(text(&checked.stderr).contains("export `siem` is not checked"), "{}", text(&checked.stderr));
    let home = Home::new("");
    assert_eq!(home.run(&["export", "status"]).status.code(), Some(2));
}

/// A figure of an export, as `/metrics` has it.
fn figure(service: &Service<'_>, name: &str) -> f64 {
    let address = service.address().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    let (token, mut text) = (service.admin_token(), String::new());
    let head = format!(
        "GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.read_to_string(&mut text).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("holdshort_export_{name}{{export=\"siem\"}} ")));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !look() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_export_that_stays_behind_is_counted_recorded_and_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let takes = Arc::new(AtomicBool::new(false));
    let _lines = listening(listener, takes.clone());
    let home = Home::new(&format!("{}late_after_s = 1\n", plain("siem", "json", &url)));
    let service = Service::start(&home);
    decide(&service, 1);
    eventually("it is behind", || figure(&service, "down") == 1.0 && figure(&service, "lag_records") >= 2.0);
    assert!(figure(&service, "failed_total") >= 1.0 && figure(&service, "sent_total") == 0.0);
    let recorded = |event: &str| {
        let found = service.get("/v1/records?limit=1000");
        let records = found["records"].as_array().cloned().unwrap_or_default();
        records
            .into_iter()
            .find(|found| found["record"]["event"] == event)
            .map(|found| found["record"]["detail"].clone())
    };
    eventually("it is on record", || recorded("export-late").is_some());
    let late = recorded("export-late").unwrap();
    assert_eq!((&late["export"], &late["reason"]), (&json!("siem"), &json!("answered 503")));
    takes.store(true, Ordering::SeqCst);
    eventually("it caught up", || recorded("export-caught-up").is_some());
    assert_eq!(figure(&service, "down"), 0.0);
    assert!(figure(&service, "sent_total") >= 3.0 && figure(&service, "sent_bytes_total") > 100.0);
    // Nobody has to ask what became of it: the last record says so, and went out like the rest.
    eventually("it is sent as well", || figure(&service, "lag_records") == 0.0);
}
