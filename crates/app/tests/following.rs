//! `log tail -f`: the real binary beside a service that comes and goes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/gateway.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod gateway;
#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use gateway::eventually;

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};
use support::{Home, Service, text};

fn decide(service: &Service<'_>, token: &str, session: &str, tool: &str) -> Value {
    let question = json!({
        "subject": {"agent": "tidy"}, "session": session,
        "action": {"kind": "tool.call", "server": "mail", "name": tool, "args": {"ids": ["1"]}},
    });
    let (status, ruling) = service.post("/v1/decide", token, &question);
    assert_eq!(status, 200, "{ruling}");
    ruling
}

fn agent(home: &Home) -> String {
    let added = home.run(&["agents", "add", "tidy", "--class", "assistant", "--owner", "ada", "--json"]);
    let issued: Value = serde_json::from_slice(&added.stdout).unwrap();
    issued["token"].as_str().unwrap().to_owned()
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

/// `log tail -f` with its lines.
struct Tail {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Tail {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let all = [&["log", "tail", "-f", "--json"], arguments].concat();
        let mut child =
            home.command(&all).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn said(&mut self) -> String {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

#[test]
fn following_goes_on_over_a_restart_of_the_service_and_ends_when_asked() {
    let home = Home::new("");
    let service = Service::start(&home);
    let token = agent(&home);
    decide(&service, &token, "s", "read_mail");
    let mut tail = Tail::start(&home, &["-n", "0", "--session", "s"]);
    // It may begin before or after the first record is seen.
    let second = decide(&service, &token, "s", "delete_messages");
    let mut seen = tail.next();
    if seen["record"]["decision"]["id"] != second["id"] {
        seen = tail.next();
    }
    assert_eq!(seen["record"]["decision"]["id"], second["id"]);
    drop(service);
    let service = Service::start(&home);
    decide(&service, &token, "other", "read_mail");
    let third = decide(&service, &token, "s", "read_mail");
    let seen = tail.next();
    assert_eq!(seen["record"]["decision"]["id"], third["id"], "what does not match is left out");

    interrupt(&tail.child);
    assert_eq!(tail.child.wait().unwrap().code(), Some(0));
    assert_eq!(tail.said(), "");
}

#[test]
fn following_ends_when_nobody_reads_any_more() {
    let home = Home::new("");
    let service = Service::start(&home);
    let mut tail = Tail::start(&home, &["-n", "1"]);
    tail.next();
    let Tail { mut child, lines } = tail;
    // Nothing is written any more: the end of the pipe alone tells.
    drop(lines);
    let ended = eventually("it ends", || child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
    drop(service);
}

/// Bytes that a pipe holds that nobody reads.
const PIPE_BYTES: usize = 64 << 10;

#[test]
fn ctrl_c_ends_it_also_when_nothing_takes_what_it_prints() {
    let home = Home::new("");
    let service = Service::start(&home);
    let token = agent(&home);
    let tail = Tail::start(&home, &["-n", "0"]);
    let Tail { mut child, mut lines } = tail;
    // Until it has said more than fits in: it waits for a reader, which reads no more.
    let mut told = 0;
    decide(&service, &token, "s", "read_mail");
    while told == 0 {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        told += line.len();
    }
    let mut written = 0;
    while written < 4 * PIPE_BYTES {
        written += decide(&service, &token, "s", "read_mail").to_string().len();
    }
    interrupt(&child);
    let ended = eventually("it ends", || child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
    drop(lines);
}

#[test]
fn what_was_erased_before_it_was_shown_is_said() {
    let home = Home::new("unknown_agent = \"observe\"\n");
    let service = Service::start(&home);
    let ask = |session: &str| decide(&service, &service.admin_token(), session, "read_mail");
    ask("gone");
    let erased = home.run(&["log", "erase", "--session", "gone", "--because", "asked", "--yes"]);
    assert!(erased.status.success(), "{}", text(&erased.stderr));
    // Seen with the next checkpoint.
    eventually("the erased record is shown as one", || {
        let all = home.run(&["log", "tail", "-n", "1000", "--json"]);
        text(&all.stdout).contains("\"sealed\":\"erased\"").then_some(())
    });
    let mut tail = Tail::start(&home, &["-n", "0", "--session", "s"]);
    let seen = ask("s");
    assert_eq!(tail.next()["record"]["decision"]["id"], seen["id"]);
    let searched = home.run(&["log", "search", "--session", "gone"]);
    assert!(searched.stdout.is_empty() && text(&searched.stderr).contains("erased"), "{}", text(&searched.stderr));
    interrupt(&tail.child);
    assert_eq!(tail.child.wait().unwrap().code(), Some(0));
}
