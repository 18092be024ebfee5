//! Upstreams that die, hang, flood or answer garbage: one call fails, clearly, and no other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Recorder, Rig, Wrapper, http, stdio};
use holdshort_model::{ActionKind, OutcomeStatus};
use holdshort_proxy::mcp::{EraChoice, GatewayOptions, Limits};
use holdshort_testkit::{Counterpart, Server};
use serde_json::json;
use std::time::Duration;

fn limited(change: impl FnOnce(&mut Limits)) -> GatewayOptions {
    let mut options = GatewayOptions::default();
    change(&mut options.limits);
    options
}

fn call(id: u64, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#)
}

/// What a misbehaving server may do to one call, and whether the call can still be answered.
const FAULTS: [(&str, bool); 12] = [
    ("string_id", false),
    ("wrong_id", false),
    ("null_id", false),
    ("garbage", false),
    ("invalid_json", false),
    ("deep", false),
    ("both", false),
    ("neither", false),
    ("no_jsonrpc", false),
    ("duplicate_keys", false),
    ("duplicate", true),
    ("unknown_notification", true),
];

#[test]
fn a_server_on_a_pipe_that_answers_badly_fails_one_call_and_no_other() {
    let authority = Recorder::open();
    let limits = Limits { upstream_silence: Duration::from_millis(1500), ..Limits::default() };
    let server = stdio("up", &Counterpart::Misbehave.line().arg("--stdio").arg("--noise"), EraChoice::Session);
    let mut client = Wrapper::with(&authority, server, limits).open();
    // All at once: each that gets no answer costs the same silence.
    for (at, (fault, _)) in FAULTS.iter().enumerate() {
        client.write(call(100 + at as u64, &format!(r#"{{"name":"{fault}"}}"#)));
    }
    let mut answers = std::collections::HashMap::new();
    while answers.len() < FAULTS.len() {
        let message = client.receive();
        if let Some(id) = message["id"].as_u64() {
            assert!(answers.insert(id, message).is_none(), "each id is answered once");
        }
    }
    for (at, (fault, answered)) in FAULTS.iter().enumerate() {
        let answer = &answers[&(100 + at as u64)];
        assert_eq!(answer.get("result").is_some(), *answered, "{fault}: {answer}");
        assert!(!answer.to_string().contains("second answer") && !answer.to_string().contains("last key"), "{answer}");
    }
    let answer = client.ask(1, "tools/call", json!({ "name": "read_note" }));
    assert_eq!(answer["result"]["content"][0]["text"], "right answer of read_note");
}

#[test]
fn a_server_on_a_pipe_that_dies_in_a_call_is_an_error_and_the_session_is_over() {
    let authority = Recorder::open();
    let server = stdio("up", &Counterpart::Misbehave.line().arg("--stdio"), EraChoice::Session);
    let mut client = Wrapper::new(&authority, server).open();
    let answer = client.ask(1, "tools/call", json!({ "name": "die" }));
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    authority.wait_ended(ActionKind::ToolCall, OutcomeStatus::UpstreamFault);
    assert_eq!(client.ask(2, "tools/call", json!({ "name": "read_note" }))["error"]["code"], -32603);
}

#[test]
fn a_server_that_cannot_be_started_or_reached_is_an_error() {
    let missing = stdio("up", &holdshort_testkit::CommandLine::new("/nonexistent/server"), EraChoice::Session);
    let closed = http("up", "http://127.0.0.1:1/mcp", EraChoice::Session);
    let dies = stdio("up", &Counterpart::Misbehave.line().args(["--stdio", "--die", "start"]), EraChoice::Session);
    for upstream in [missing, closed, dies] {
        let rig = Rig::new(Recorder::open(), vec![upstream]);
        let (answer, said) = rig.client("up").initialize("2025-11-25");
        assert_eq!((said["error"]["code"].as_i64(), answer.header("mcp-session-id")), (Some(-32603), None), "{said}");
        assert_eq!(rig.gateway.sessions(), 0);
    }
}

#[test]
fn a_line_that_is_too_long_ends_the_server_and_the_call() {
    let authority = Recorder::open();
    let limits = Limits { response_bytes_max: 100_000, ..Limits::default() };
    let server = stdio("up", &Counterpart::Misbehave.line().arg("--stdio"), EraChoice::Session);
    let mut client = Wrapper::with(&authority, server, limits).open();
    let answer = client.ask(1, "tools/call", json!({ "name": "huge", "arguments": { "bytes": 200_000 } }));
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("100000"), "{answer}");
}

#[test]
fn a_server_over_http_that_answers_badly_fails_one_call_and_no_other() {
    let server = Server::start_ours(&Counterpart::Misbehave.line());
    let up = http("up", server.url(), EraChoice::Session);
    let silence = Duration::from_millis(1500);
    let rig = Rig::with(Recorder::open(), vec![up], limited(|limits| limits.upstream_silence = silence));
    let client = rig.client("up").open();
    let fine = [
        "sse_split",
        "sse_multiline",
        "sse_crlf",
        "sse_cr",
        "sse_bom",
        "sse_comments",
        "sse_no_event_name",
        "sse_two_answers",
        "sse_drip",
        "media_upper",
        "media_space",
        "status_201",
        "unasked_request",
        "unknown_notification",
        "duplicate",
    ];
    let bad = [
        "garbage",
        "invalid_json",
        "invalid_utf8",
        "deep",
        "wrong_id",
        "string_id",
        "null_id",
        "batch",
        "both",
        "neither",
        "no_jsonrpc",
        "duplicate_keys",
        "media_suffix",
        "media_html",
        "media_none",
        "media_twice",
        "status_204",
        "status_404",
        "status_500",
        "redirect",
        "gzip",
        "wrong_length",
        "cut_off",
        "sse_other_event",
        "sse_no_blank_line",
        "sse_without_answer",
        "hang",
    ];
    for (at, name) in fine.iter().chain(&bad).enumerate() {
        let answer = client.ask(at as u64, "tools/call", json!({ "name": name }));
        let expected = fine.contains(name);
        assert_eq!(answer.get("result").is_some(), expected, "{name}: {answer}");
        assert_eq!(answer["id"], at as u64, "{name}");
        let text = answer.to_string();
        assert!(!text.contains("second answer") && !text.contains("last key"), "{name}: {answer}");
    }
    use OutcomeStatus as S;
    let ended = rig.authority.look(|log| log.ended(ActionKind::ToolCall));
    assert_eq!(ended.len(), fine.len() + bad.len(), "each call has an outcome");
    assert_eq!(ended.last(), Some(&S::Timeout), "hang");
    assert!(ended[fine.len()..].iter().all(|status| [S::UpstreamFault, S::Timeout].contains(status)), "{ended:?}");
}

#[test]
fn a_flood_does_not_grow_and_the_answer_comes() {
    let server = stdio("up", &Counterpart::Misbehave.line().arg("--stdio"), EraChoice::Session);
    let rig = Rig::new(Recorder::open(), vec![server]);
    let client = rig.client("up").open();
    let answer = client.ask(1, "tools/call", json!({ "name": "flood", "arguments": { "lines": 20_000 } }));
    assert_eq!(answer["result"]["content"][0]["text"], "right answer of flood");
}
