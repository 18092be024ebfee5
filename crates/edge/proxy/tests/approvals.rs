//! Calls that wait for a person, in both eras, and calls that policies change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Recorder, Reply, Rig, Say, bodies, http, scripted};
use holdshort_model::{ActionKind, ApprovalState, Request};
use holdshort_proxy::mcp::{EraChoice, GatewayOptions};
use holdshort_testkit::ScriptedUpstream;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn asks(request: &Request) -> Say {
    if request.action.name == "pay" { Say::Person } else { Say::Allow }
}

fn upstream() -> ScriptedUpstream {
    scripted(|message, _| match message["method"].as_str() {
        Some("tools/call") => Some(Reply::text(message, "paid")),
        _ => None,
    })
}

/// `wait`: how long a call waits for a person.
fn rig(upstream: &ScriptedUpstream, era: EraChoice, authority: Arc<Recorder>, wait: Duration) -> Rig {
    let mut options = GatewayOptions::default();
    options.limits.approval_wait = wait;
    Rig::with(authority, vec![http("up", &upstream.url(), era)], options)
}

const LONG: Duration = Duration::from_secs(60);

fn asked(rig: &Rig, times: usize) {
    rig.authority.wait("the question", |log| (log.of(ActionKind::ToolCall).len() >= times).then_some(()));
}

#[test]
fn a_session_client_is_kept_waiting_and_hears_of_it() {
    let upstream = upstream();
    let rig = rig(&upstream, EraChoice::Session, Recorder::new(asks), LONG);
    let client = rig.client("up").open();
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"pay","arguments":{"to":"ann"},"_meta":{"progressToken":"p"}}}"#;
    let mut waiting = client.start(&client.request_bytes(&[], call.as_bytes()));
    let progress = waiting.until("notifications/progress");
    assert_eq!(progress["params"]["progressToken"], "p");
    assert!(bodies(&upstream, "tools/call").is_empty(), "nothing ran");
    rig.authority.answer(ApprovalState::Approved);
    assert_eq!(waiting.response()["result"]["content"][0]["text"], "paid");
    assert_eq!(bodies(&upstream, "tools/call").len(), 1);
}

#[test]
fn who_waits_too_long_is_told_how_to_go_on() {
    let upstream = upstream();
    let rig = rig(&upstream, EraChoice::Session, Recorder::new(asks), Duration::ZERO);
    let client = rig.client("up").open();
    let refused = client.ask(7, "tools/call", json!({ "name": "pay", "arguments": {} }));
    let error = &refused["error"];
    assert_eq!((&error["code"], &error["data"]["retry"]), (&json!(-32001), &json!("after-approval")), "{refused}");
    let approval = error["data"]["approval"].as_str().unwrap();
    assert!(error["message"].as_str().unwrap().contains(approval));
    rig.authority.answer(ApprovalState::Approved);
    let again = client.ask(8, "tools/call", json!({ "name": "pay", "arguments": {} }));
    assert_eq!(again["result"]["content"][0]["text"], "paid", "{again}");
}

#[test]
fn a_refusal_and_an_answer_that_was_used_end_the_wait() {
    for (state, says) in [
        (ApprovalState::Refused, "refused"),
        (ApprovalState::Expired, "in time"),
        (ApprovalState::Used, "used already"),
    ] {
        let upstream = upstream();
        let rig = rig(&upstream, EraChoice::Session, Recorder::new(asks), LONG);
        let client = rig.client("up").open();
        rig.authority.answer(state);
        let refused = client.ask(7, "tools/call", json!({ "name": "pay", "arguments": {} }));
        assert!(refused["error"]["message"].as_str().unwrap().contains(says), "{refused}");
        assert!(bodies(&upstream, "tools/call").is_empty());
    }
}

#[test]
fn a_call_that_is_cancelled_while_it_waits_never_runs() {
    let upstream = upstream();
    let rig = rig(&upstream, EraChoice::Session, Recorder::new(asks), LONG);
    let client = rig.client("up").open();
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"pay","arguments":{},"_meta":{"progressToken":"p"}}}"#;
    let mut waiting = client.start(&client.request_bytes(&[], call.as_bytes()));
    waiting.until("notifications/progress");
    client.say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#);
    assert!(waiting.response().get("error").is_some());
    rig.authority.answer(ApprovalState::Approved);
    assert_eq!(client.ask(8, "tools/call", json!({ "name": "other" }))["result"]["content"][0]["text"], "paid");
    assert_eq!(bodies(&upstream, "tools/call").len(), 1, "only the other one");
}

fn retry(params: Value, question: &Value, action: &str) -> Value {
    let mut params = params;
    params["requestState"] = question["result"]["requestState"].clone();
    if question["result"].get("inputRequests").is_some() {
        params["inputResponses"] = json!({ "holdshort_approval": { "action": action, "content": {} } });
    }
    params
}

#[test]
fn a_stateless_client_is_sent_back_and_calls_again() {
    let upstream = upstream();
    let rig = rig(&upstream, EraChoice::Stateless, Recorder::new(asks), LONG);
    let client = rig.client("up").with_capabilities(json!({ "elicitation": {} }));
    let params = json!({ "name": "pay", "arguments": { "to": "ann" } });
    let question = client.request(1, "tools/call", params.clone());
    assert_eq!(question["result"]["resultType"], "input_required", "{question}");
    let notice = &question["result"]["inputRequests"]["holdshort_approval"];
    assert_eq!(notice["method"], "elicitation/create");
    assert!(bodies(&upstream, "tools/call").is_empty(), "nothing ran");
    // An accepted notice is no approval: the call is held until a person approves it elsewhere.
    let held = client.start(&client.modern_bytes(2, "tools/call", retry(params.clone(), &question, "accept")));
    asked(&rig, 2);
    assert!(bodies(&upstream, "tools/call").is_empty(), "the agent's own connection approves nothing");
    rig.authority.answer(ApprovalState::Approved);
    assert_eq!(held.response()["result"]["content"][0]["text"], "paid");
    let sent = bodies(&upstream, "tools/call");
    assert_eq!(sent.len(), 1);
    assert!(!sent[0].contains("requestState") && !sent[0].contains("inputResponses"), "ours alone: {}", sent[0]);
}

#[test]
fn a_state_is_good_once_for_one_call_of_one_client() {
    let upstream = upstream();
    let rig = rig(&upstream, EraChoice::Stateless, Recorder::new(asks), Duration::ZERO);
    let client = rig.client("up").with_capabilities(json!({ "elicitation": {} }));
    let params = json!({ "name": "pay", "arguments": { "to": "ann" } });
    let question = client.request(1, "tools/call", params.clone());
    let mut changed = retry(params.clone(), &question, "accept");
    changed["arguments"]["to"] = json!("eve");
    let stranger = rig.client("up").as_agent(Some("bob")).with_capabilities(json!({ "elicitation": {} }));
    let foreign = stranger.request(2, "tools/call", retry(params.clone(), &question, "accept"));
    assert!(foreign["error"]["message"].as_str().unwrap().contains("unknown"), "{foreign}");
    let other = client.request(3, "tools/call", changed);
    assert!(other["error"]["message"].as_str().unwrap().contains("another call"), "{other}");
    let replayed = client.request(4, "tools/call", retry(params.clone(), &question, "accept"));
    assert!(replayed["error"]["message"].as_str().unwrap().contains("used before"), "{replayed}");
    let forged = json!({ "name": "pay", "arguments": { "to": "ann" }, "requestState": "holdshort-approval.AAAA" });
    assert!(client.request(5, "tools/call", forged)["error"].is_object());
    let question = client.request(6, "tools/call", params.clone());
    let declined = client.request(7, "tools/call", retry(params, &question, "decline"));
    assert_eq!(declined["error"]["code"], -32001, "{declined}");
    assert!(bodies(&upstream, "tools/call").is_empty());
}

#[test]
fn a_client_that_cannot_show_a_notice_gets_the_state_alone() {
    let upstream = upstream();
    let rig = rig(&upstream, EraChoice::Stateless, Recorder::new(asks), Duration::ZERO);
    let client = rig.client("up").with_capabilities(json!({}));
    let params = json!({ "name": "pay", "arguments": {} });
    let question = client.request(1, "tools/call", params.clone());
    assert!(question["result"].get("inputRequests").is_none(), "{question}");
    rig.authority.answer(ApprovalState::Approved);
    let done = client.request(2, "tools/call", retry(params, &question, "accept"));
    assert_eq!(done["result"]["content"][0]["text"], "paid", "{done}");
}

#[test]
fn what_was_meant_for_the_upstream_comes_back_to_it() {
    let upstream = upstream();
    let rig = rig(&upstream, EraChoice::Stateless, Recorder::new(asks), Duration::ZERO);
    let client = rig.client("up").with_capabilities(json!({ "elicitation": {} }));
    let params = json!({
        "name": "pay", "arguments": {}, "requestState": "theirs", "inputResponses": { "q": { "action": "accept" } },
    });
    let question = client.request(1, "tools/call", params);
    rig.authority.answer(ApprovalState::Approved);
    let done = client.request(2, "tools/call", retry(json!({ "name": "pay", "arguments": {} }), &question, "accept"));
    assert_eq!(done["result"]["content"][0]["text"], "paid", "{done}");
    let sent: Value = serde_json::from_str(&bodies(&upstream, "tools/call")[0]).unwrap();
    assert_eq!(
        (&sent["params"]["requestState"], &sent["params"]["inputResponses"]["q"]["action"]),
        (&json!("theirs"), &json!("accept"))
    );
}

#[test]
fn a_constrained_call_is_forwarded_as_it_was_decided_on() {
    let upstream = upstream();
    let authority = Recorder::new(|request| if request.action.name == "list" { Say::Limit(10) } else { Say::Allow });
    let rig = rig(&upstream, EraChoice::Session, authority, LONG);
    let client = rig.client("up").open();
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list","arguments":{"limit":1000,"q":"a"},"_meta":{"x":1.0}}}"#;
    let done = client.start(&client.request_bytes(&[], call.as_bytes())).response();
    assert_eq!(done["result"]["content"][0]["text"], "paid", "{done}");
    let sent = bodies(&upstream, "tools/call");
    assert_eq!(sent.len(), 1);
    assert!(
        sent[0].contains(r#""arguments":{"limit":10,"q":"a"}"#) && sent[0].contains(r#""_meta":{"x":1.0}"#),
        "{}",
        sent[0]
    );
    let digests = rig.authority.permitted_bytes(&sent[0]);
    assert!(digests, "the bytes that went out are those that were decided on");
}
