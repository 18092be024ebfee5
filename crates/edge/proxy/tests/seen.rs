//! What the agent gets to see is known to the authority before the agent sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Client, Recorder, Reply, Rig, http, scripted};
use holdshort_model::ActionKind;
use holdshort_proxy::mcp::EraChoice;
use holdshort_testkit::{Counterpart, Server};
use serde_json::{Value, json};

fn rig(answer: impl Fn(&Value) -> Option<Reply> + Send + Sync + 'static) -> (holdshort_testkit::ScriptedUpstream, Rig) {
    let upstream = scripted(move |message, _| answer(message));
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    (upstream, rig)
}

/// Known when the answer is here, without waiting.
fn shown(rig: &Rig, kind: ActionKind) -> Vec<String> {
    rig.authority.look(|log| log.shown(kind))
}

#[test]
fn results_errors_and_what_is_said_beside_them() {
    let (_upstream, rig) = rig(|message| {
        let id = &message["id"];
        let method = message["method"].as_str().unwrap_or_default();
        Some(match (method, message["params"]["name"].as_str().unwrap_or_default()) {
            ("tools/call", "error") => {
                let error = json!({ "code": -32000, "message": "ask mallory", "data": "at evil.example" });
                Reply::Json(json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string())
            }
            ("tools/call", "slow") => {
                let params = json!({ "progressToken": 1, "progress": 1, "message": "half of it" });
                let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params });
                let result = json!({ "content": [{ "type": "text", "text": "all of it" }], "resultType": "complete" });
                let result = json!({ "jsonrpc": "2.0", "id": id, "result": result });
                Reply::Stream(vec![progress.to_string(), result.to_string()])
            }
            ("tools/call", name) => Reply::text(message, &format!("text of {name}")),
            ("resources/read", _) => Reply::result(
                message,
                json!({ "contents": [{ "uri": "a:b", "text": "a page" }], "resultType": "complete", "ttlMs": 0,
                        "cacheScope": "private" }),
            ),
            ("prompts/get", _) => Reply::result(
                message,
                json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": "a prompt" } }],
                        "resultType": "complete" }),
            ),
            _ => return None,
        })
    });
    let client = rig.client("up");
    client.call(1, "one", json!({}));
    assert_eq!(shown(&rig, ActionKind::ToolCall), ["text of one"]);
    client.call(2, "error", json!({}));
    assert_eq!(shown(&rig, ActionKind::ToolCall)[1..], ["ask mallory", r#"{"data":"at evil.example"}"#]);
    client.call(3, "slow", json!({}));
    assert_eq!(shown(&rig, ActionKind::ToolCall)[3..], ["half of it", "all of it"]);
    client.request(4, "resources/read", json!({ "uri": "a:b" }));
    assert_eq!(shown(&rig, ActionKind::ResourceRead), ["a page", r#"{"uri":"a:b"}"#]);
    client.request(5, "prompts/get", json!({ "name": "p" }));
    assert_eq!(shown(&rig, ActionKind::PromptGet), ["a prompt"]);
}

#[test]
fn a_question_is_known_before_it_is_asked_in_either_era() {
    let server = Server::start_ours(&Counterpart::FixtureSession.line());
    let rig = Rig::new(Recorder::open(), vec![http("up", server.url(), EraChoice::Auto)]);
    let able = |client: Client| client.with_capabilities(json!({ "elicitation": {}, "sampling": {} }));
    able(rig.client("up")).call(1, "test_elicitation", json!({ "message": "who?" }));
    let asked = shown(&rig, ActionKind::Elicitation);
    assert_eq!(asked.first().map(String::as_str), Some("who?"), "{asked:?}");

    let client = able(rig.client("up")).open();
    let call = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call",
                       "params": { "name": "test_sampling", "arguments": { "prompt": "2+2?" } } });
    let mut incoming = client.start(&client.request_bytes(&[], call.to_string().as_bytes()));
    incoming.until("sampling/createMessage");
    let asked = shown(&rig, ActionKind::Sampling);
    assert!(asked.iter().any(|text| text.contains("2+2?")), "{asked:?}");
}
