//! An agent is isolated, or its workflow ended, while it is at work: what is under way ends, and nothing new begins.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Client, Door, Recorder, Reply, Rig, Wrapper, child, http, played, scripted, stdio, taped};
use holdshort_model::{ActionKind, Digest, OutcomeStatus, Standing};
use holdshort_proxy::mcp::EraChoice;
use holdshort_testkit::{ScriptedUpstream, UpstreamRequest};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// Waits for something that another thread does.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + common::DEADLINE;
    while !done() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::yield_now();
    }
}

/// An upstream over HTTP with a session of its own, whose `slow` says when it was called and never answers.
fn with_session(called: &Door) -> ScriptedUpstream {
    let called = called.clone();
    ScriptedUpstream::start(move |request, stream| {
        let message: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match (request.line.split(' ').next().unwrap(), message["method"].as_str()) {
            ("DELETE", _) => Reply::As(200, None, String::new()).write(stream),
            ("POST", Some("initialize")) => {
                let result = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
                    "serverInfo": { "name": "s", "version": "1" } });
                let body = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string();
                let head = format!(
                    "HTTP/1.1 200 x\r\ncontent-type: application/json\r\nmcp-session-id: abc\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                std::io::Write::write_all(stream, format!("{head}{body}").as_bytes()).is_ok()
            }
            _ => common::respond(request, stream, |message, _| match message["params"]["name"].as_str() {
                Some("slow") => {
                    called.open();
                    Some(Reply::Silence)
                }
                Some("task") => {
                    Some(Reply::result(message, json!({ "task": { "taskId": "t1", "status": "working" } })))
                }
                Some("done") => {
                    let task = json!({ "taskId": "t2", "status": "completed" });
                    Some(Reply::result(message, json!({ "task": task })))
                }
                _ => (message["method"] == "tools/list").then(|| {
                    Reply::result(
                        message,
                        json!({ "tools": [{ "name": "slow", "inputSchema": { "type": "object" } }] }),
                    )
                }),
            }),
        }
    })
}

fn method(request: &UpstreamRequest) -> String {
    let message: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    message["method"].as_str().unwrap_or_default().to_owned()
}

fn call(id: u64, tool: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool } }).to_string()
}

#[test]
fn isolation_ends_what_is_under_way_and_hides_the_rest() {
    let called = Door::default();
    let upstream = with_session(&called);
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    let mut notices = client.listen();
    for tool in ["task", "done"] {
        assert!(client.ask(1, "tools/call", json!({ "name": tool })).get("result").is_some());
    }
    let pending = client.start(&client.request_bytes(&[], call(7, "slow").as_bytes()));
    assert!(called.pass(), "the call arrives");

    rig.authority.leave(Standing::Isolated);
    let answer = pending.response();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(-32001)), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("the test takes it away"), "{answer}");
    assert!(answer["error"]["data"]["decision"].is_string(), "the refusal names the call's decision: {answer}");
    notices.until("notifications/tools/list_changed");

    until("the session at the upstream is ended", || {
        upstream.received().iter().any(|request| request.line.starts_with("DELETE"))
    });
    let received = upstream.received();
    let messages: Vec<Value> =
        received.iter().filter_map(|request| serde_json::from_slice(&request.body).ok()).collect();
    let of = |name: &str| messages.iter().filter(|message| message["method"] == name).cloned().collect::<Vec<_>>();
    let cancelled = of("notifications/cancelled");
    assert_eq!((cancelled.len(), &cancelled[0]["params"]["requestId"]), (1, &json!(7)));
    let tasks = of("tasks/cancel");
    assert_eq!((tasks.len(), &tasks[0]["params"]["taskId"]), (1, &json!("t1")), "the one that had ended is left alone");
    assert_eq!(method(received.last().unwrap()), "", "the end of the session comes last");
    let ended = rig.authority.look(|log| log.ended(ActionKind::ToolCall));
    let count = |status| ended.iter().filter(|one| **one == status).count();
    assert_eq!(count(OutcomeStatus::Cancelled), 2, "the call and the task: {ended:?}");

    let before = upstream.received().len();
    assert_eq!(client.ask(8, "tools/list", json!({}))["result"], json!({ "tools": [] }));
    assert_eq!(client.ask(9, "tools/call", json!({ "name": "task" }))["error"]["code"], -32001);
    let other = rig.client("up");
    let (refused, _) = other.clone().initialize("2025-11-25");
    assert!(String::from_utf8(refused.body).unwrap().contains("-32001"), "no new session either");
    assert_eq!(client.post(&[], r#"{"jsonrpc":"2.0","method":"notifications/x"}"#).status, 400);
    assert_eq!(upstream.received().len(), before, "nothing more reaches the upstream");
    let refused = rig.authority.look(|log| log.asked.iter().filter(|asked| asked.said == common::Say::Deny).count());
    assert!(refused >= 4, "and every attempt is on record: {refused}");
}

#[test]
fn after_a_release_the_client_begins_anew() {
    let upstream = with_session(&Door::default());
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    rig.authority.leave(Standing::Isolated);
    until("it is cut off", || upstream.received().iter().any(|request| request.line.starts_with("DELETE")));
    rig.authority.leave(Standing::Active);
    until("the old session is over", || client.post(&[], call(1, "task")).status == 404);
    let again = rig.client("up").open();
    assert!(again.ask(1, "tools/call", json!({ "name": "done" })).get("result").is_some());
}

#[test]
fn a_stateless_agent_is_cut_off_and_goes_on_after_a_release() {
    let called = Door::default();
    let here = called.clone();
    let upstream = scripted(move |message, _| match message["params"]["name"].as_str() {
        Some("slow") => {
            here.open();
            Some(Reply::Silence)
        }
        Some(_) => Some(Reply::text(message, "ran")),
        None => None,
    });
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    let client = rig.client("up");
    let pending = client.start(&client.modern_bytes(1, "tools/call", json!({ "name": "slow" })));
    assert!(called.pass(), "the call arrives");
    rig.authority.leave(Standing::Isolated);
    assert_eq!(pending.response()["error"]["code"], -32001);
    let listed = client.request(2, "tools/list", json!({}));
    assert_eq!((&listed["result"]["tools"], &listed["result"]["resultType"]), (&json!([]), &json!("complete")));
    assert_eq!(client.call(3, "other", json!({}))["error"]["code"], -32001);
    rig.authority.leave(Standing::Active);
    until("it goes on", || client.call(4, "other", json!({})).get("result").is_some());
}

#[test]
fn a_terminated_agent_loses_its_session() {
    let upstream = with_session(&Door::default());
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    let bob = rig.client("up").as_agent(Some("bob")).open();
    assert_eq!(rig.gateway.sessions(), 2);
    rig.authority.leave(Standing::Terminated);
    until("the sessions are over", || rig.gateway.sessions() == 0);
    assert_eq!(client.post(&[], call(1, "task")).status, 404);
    assert_eq!(bob.post(&[], call(1, "task")).status, 404);
}

/// A server on a pipe whose `slow` never answers, with a tape of what it received.
fn piped(tape: &Path) -> holdshort_proxy::mcp::UpstreamConfig {
    let script = "if (message.params?.name !== 'slow' && message.id !== undefined) send({ id: message.id, result: { content: [] } });";
    stdio("up", &taped(tape, &child(script)), EraChoice::Session)
}

#[test]
fn a_wrapper_ends_the_server_behind_and_with_terminate_itself() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Recorder::open();
    let mut client = Wrapper::new(&authority, piped(dir.path())).open();
    client.write(call(7, "slow"));
    until("the call arrives", || played(dir.path()).contains("\"slow\""));
    authority.leave(Standing::Isolated);
    let mut methods = Vec::new();
    loop {
        let message = client.receive();
        match message["method"].as_str() {
            Some(method) => methods.push(method.to_owned()),
            None => {
                assert_eq!((&message["id"], &message["error"]["code"]), (&json!(7), &json!(-32001)), "{message}");
                break;
            }
        }
    }
    until("the cancellation arrives", || played(dir.path()).contains("notifications/cancelled"));
    let cancelled = played(dir.path());
    let cancelled = cancelled.lines().find(|line| line.contains("notifications/cancelled")).unwrap();
    assert!(!authority.permitted_bytes(cancelled), "no permit was asked for");
    assert!(!authority.permitted().contains(&Digest::of(cancelled.as_bytes())));

    authority.leave(Standing::Terminated);
    while let Some(line) = client.line() {
        let message: Value = serde_json::from_str(&line).unwrap();
        methods.extend(message["method"].as_str().map(str::to_owned));
    }
    assert!(methods.iter().any(|method| method == "notifications/tools/list_changed"), "{methods:?}");
}

#[test]
fn an_isolated_agent_starts_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Recorder::open();
    authority.leave(Standing::Isolated);
    let rig = Rig::new(authority, vec![piped(dir.path())]);
    let refused = rig.client("up").initialize("2025-11-25").0;
    assert!(String::from_utf8(refused.body).unwrap().contains("-32001"));
    assert_eq!(rig.client("up").call(1, "x", json!({}))["error"]["code"], -32001);
    assert_eq!(std::fs::read_dir(dir.path()).map_or(0, Iterator::count), 0, "no server was started");
}

#[test]
fn a_hundred_sessions_at_once() {
    let upstream = scripted(|message, _| (message["method"] == "tools/call").then(|| Reply::text(message, "ran")));
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let clients: Vec<Client> = (0..100).map(|_| rig.client("up").open()).collect();
    let (started, stopped) = (std::sync::Barrier::new(5), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        for group in clients.chunks(25) {
            let (started, stopped, rig) = (&started, &stopped, &rig);
            scope.spawn(move || {
                let allowed = |client: &Client| {
                    let answer = client.post(&[], call(1, "t"));
                    answer.status == 200 && String::from_utf8(answer.body).unwrap().contains("\"result\"")
                };
                group.iter().for_each(|client| assert!(allowed(client)));
                started.wait();
                while !stopped.load(std::sync::atomic::Ordering::Acquire) {
                    // Called after it was isolated, so refused; called before, either.
                    let isolated = rig.authority.is_isolated();
                    let ran = allowed(&group[0]);
                    assert!(!(isolated && ran), "it ran after it was isolated");
                }
                group.iter().for_each(|client| assert!(!allowed(client), "every session is refused"));
            });
        }
        started.wait();
        rig.authority.leave(Standing::Isolated);
        stopped.store(true, std::sync::atomic::Ordering::Release);
    });
}
