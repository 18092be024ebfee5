//! Clients that leave, use one id twice, ask too much at once, or do not read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Door, Recorder, Reply, Rig, bodies, child, http, played, respond, scripted, stdio, taped};
use holdshort_model::{ActionKind, OutcomeStatus, Standing};
use holdshort_proxy::mcp::{EraChoice, GatewayOptions, Limits};
use holdshort_testkit::ScriptedUpstream;
use serde_json::{Value, json};
use std::io::Read;

fn limited(change: impl FnOnce(&mut Limits)) -> GatewayOptions {
    let mut options = GatewayOptions::default();
    change(&mut options.limits);
    options
}

fn call(id: u64, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#)
}

#[test]
fn a_stateless_client_that_leaves_cancels_at_a_server_on_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let tape = dir.path().join("tape");
    let server = child(
        "if (message.method === 'notifications/cancelled') send({ id: state.id, result: {} }); else if (message.params?.name === 'slow') state.id = message.id; else if (message.id !== undefined) send({ id: message.id, result: { content: [] } });",
    );
    let rig = Rig::new(Recorder::open(), vec![stdio("up", &taped(&tape, &server), EraChoice::Session)]);
    let client = rig.client("up");
    let left = client.start(&client.modern_bytes(1, "tools/call", json!({ "name": "slow" })));
    rig.authority.wait("the call", |log| (!log.of(ActionKind::ToolCall).is_empty()).then_some(()));
    drop(left);
    rig.authority.wait_ended(ActionKind::ToolCall, OutcomeStatus::Cancelled);
    rig.authority.wait("the cancellation", |log| {
        log.of(ActionKind::Protocol)
            .iter()
            .any(|asked| asked.request.action.name == "notifications/cancelled")
            .then_some(())
    });
    assert!(client.call(2, "other", json!({})).get("result").is_some());
    let received = played(&tape);
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let slow = received.lines().find(|line| line.contains("slow")).map(id).unwrap();
    let cancelled = received.lines().find(|line| line.contains("notifications/cancelled")).map(id).unwrap();
    assert_eq!(cancelled["params"]["requestId"], slow["id"], "under the id that the server knows");
}

#[test]
fn a_stateless_client_that_leaves_closes_the_stream_of_an_http_server() {
    let closed = Door::default();
    let (arrived, seen) = (Door::default(), closed.clone());
    let here = arrived.clone();
    let upstream = ScriptedUpstream::start(move |request, stream| {
        if !String::from_utf8_lossy(&request.body).contains("slow") {
            return respond(request, stream, |_, _| None);
        }
        here.open();
        // Nothing more comes on this connection but its end.
        if matches!(stream.read(&mut [0]), Ok(0)) {
            seen.open();
        }
        false
    });
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    let client = rig.client("up");
    let left = client.start(&client.modern_bytes(1, "tools/call", json!({ "name": "slow" })));
    assert!(arrived.pass(), "the call arrives");
    drop(left);
    rig.authority.wait_ended(ActionKind::ToolCall, OutcomeStatus::Cancelled);
    assert!(closed.pass(), "the upstream sees that nobody waits");
    assert!(bodies(&upstream, "notifications/cancelled").is_empty(), "the closed stream is the cancellation");
}

#[test]
fn a_session_client_that_leaves_does_not_cancel() {
    let door = Door::default();
    let waits = door.clone();
    let upstream = scripted(move |message, _| {
        (message["method"] == "tools/call").then(|| {
            waits.pass();
            Reply::text(message, "ran")
        })
    });
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    let left = client.start(&client.request_bytes(&[], call(1, r#"{"name":"slow"}"#).as_bytes()));
    rig.authority.wait("the call", |log| (!log.of(ActionKind::ToolCall).is_empty()).then_some(()));
    drop(left);
    door.open();
    rig.authority.wait_ended(ActionKind::ToolCall, OutcomeStatus::Ok);
    assert!(bodies(&upstream, "notifications/cancelled").is_empty());
}

/// An upstream whose `slow` waits for the door, and everything else does not.
fn slow_and_fast(door: &Door) -> ScriptedUpstream {
    let door = door.clone();
    scripted(move |message, _| {
        (message["method"] == "tools/call").then(|| {
            if message["params"]["name"] == "slow" {
                door.pass();
            }
            Reply::text(message, "ran")
        })
    })
}

#[test]
fn two_requests_with_one_id_are_not_mixed_up() {
    let door = Door::default();
    let upstream = slow_and_fast(&door);
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    let first = client.start(&client.request_bytes(&[], call(1, r#"{"name":"slow"}"#).as_bytes()));
    rig.authority.wait("the call", |log| (!log.of(ActionKind::ToolCall).is_empty()).then_some(()));
    let second = client.ask(1, "tools/call", json!({ "name": "fast" }));
    assert_eq!(second["error"]["code"], -32600, "{second}");
    door.open();
    assert_eq!(first.response()["result"]["content"][0]["text"], "ran");
    assert!(client.ask(1, "tools/call", json!({ "name": "fast" })).get("result").is_some(), "free again");
}

#[test]
fn requests_under_way_are_bounded() {
    let door = Door::default();
    let upstream = slow_and_fast(&door);
    let up = http("up", &upstream.url(), EraChoice::Session);
    let rig = Rig::with(Recorder::open(), vec![up], limited(|limits| limits.in_flight_max = 2));
    let client = rig.client("up").open();
    let start = |id| client.start(&client.request_bytes(&[], call(id, r#"{"name":"slow"}"#).as_bytes()));
    let waiting = [start(1), start(2)];
    rig.authority.wait("both calls", |log| (log.of(ActionKind::ToolCall).len() == 2).then_some(()));
    let third = client.ask(3, "tools/call", json!({ "name": "fast" }));
    assert_eq!(third["error"]["code"], -32600, "{third}");
    door.open();
    for one in waiting {
        assert!(one.response().get("result").is_some());
    }
    assert!(client.ask(3, "tools/call", json!({ "name": "fast" })).get("result").is_some());
}

#[test]
fn a_client_that_does_not_read_does_not_stop_the_others() {
    // Both share one child; the first one's progress is far more than all buffers between take.
    let script = r#"
        if (message.method !== 'tools/call') return;
        const { name, _meta } = message.params;
        if (name === 'flood') {
          const text = 'x'.repeat(10000);
          for (let n = 0; n < 3000; n += 1) send({ method: 'notifications/progress', params: { progressToken: _meta.progressToken, progress: n, message: text } });
        }
        send({ id: message.id, result: { content: [{ type: 'text', text: name }] } });"#;
    let rig = Rig::new(Recorder::open(), vec![stdio("up", &child(script), EraChoice::Session)]);
    let client = rig.client("up");
    let flood = json!({ "name": "flood", "_meta": { "progressToken": "p" } });
    let mut unread = client.start(&client.modern_bytes(1, "tools/call", flood));
    assert_eq!(unread.head().status, 200, "it streams");
    assert_eq!(client.call(2, "quick", json!({}))["result"]["content"][0]["text"], "quick");
    assert_eq!(unread.response()["result"]["content"][0]["text"], "flood", "who reads late still gets the answer");
}

fn echo() -> ScriptedUpstream {
    scripted(|message, _| (message["method"] == "tools/call").then(|| Reply::text(message, "ran")))
}

#[test]
fn an_agent_that_opens_many_sessions_pushes_out_its_own() {
    let upstream = echo();
    let up = http("up", &upstream.url(), EraChoice::Session);
    let rig = Rig::with(Recorder::open(), vec![up], limited(|limits| limits.sessions_max = 8));
    let quiet = rig.client("up").as_agent(Some("bob")).open();
    let greedy: Vec<_> = (0..20).map(|_| rig.client("up").open()).collect();
    assert_eq!(rig.gateway.sessions(), 3, "a fourth of eight, and the other agent's");
    assert_eq!(quiet.post(&[], call(1, r#"{"name":"t"}"#)).status, 200, "the other agent's session lives");
    let alive = greedy.iter().filter(|client| client.post(&[], call(1, r#"{"name":"t"}"#)).status == 200).count();
    assert_eq!(alive, 2);
}

#[test]
fn an_agent_that_names_many_conversations_pushes_out_its_own() {
    let called = Door::default();
    let (upstream, entered) = (called.clone(), called.clone());
    let upstream = scripted(move |message, _| match message["params"]["name"].as_str() {
        Some("slow") => {
            upstream.open();
            Some(Reply::Silence)
        }
        _ => (message["method"] == "tools/call").then(|| Reply::text(message, "ran")),
    });
    let up = http("up", &upstream.url(), EraChoice::Stateless);
    let rig = Rig::with(Recorder::open(), vec![up], limited(|limits| limits.sessions_max = 8));
    let in_conversation = |tool: &str, name: &str| json!({ "name": tool, "_meta": { "gen_ai.conversation.id": name } });
    let (quiet, greedy) = (rig.client("up").as_agent(Some("bob")), rig.client("up"));
    quiet.call(1, "quick", json!({}));
    let latest = || rig.authority.look(|log| log.of(ActionKind::ToolCall).last().unwrap().request.session.clone());
    let window = latest();
    let held = greedy.start(&greedy.modern_bytes(2, "tools/call", in_conversation("slow", "held")));
    assert!(entered.pass(), "the call arrives");
    let also = greedy.start(&greedy.modern_bytes(3, "tools/call", in_conversation("slow", "also")));
    for number in 0..20 {
        greedy.modern(4, "tools/call", in_conversation("quick", &format!("{number}")));
    }
    quiet.call(5, "quick", json!({}));
    assert_eq!(latest(), window, "the other agent's session lives");
    assert!(rig.gateway.sessions() <= 3, "a fourth of eight, and the other agent's");
    // What nobody finds any more could not be taken back either.
    rig.authority.leave(Standing::Isolated);
    for pending in [held, also] {
        assert!(pending.response()["error"].is_object(), "it ends with its session");
    }
}
