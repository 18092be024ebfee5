//! A client of one era before an upstream of the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Client, Recorder, Reply, Rig, Say, bodies, child, http, scripted, stdio};
use holdshort_model::ActionKind;
use holdshort_proxy::mcp::EraChoice;
use holdshort_testkit::{Counterpart, Server};
use serde_json::{Value, json};

/// A rig before the fixture of one era, over HTTP.
fn fixture(counterpart: Counterpart, authority: std::sync::Arc<Recorder>) -> (Server, Rig) {
    let line = match counterpart {
        Counterpart::FixtureStateless => counterpart.line().arg("--modern-only"),
        _ => counterpart.line(),
    };
    let server = Server::start_ours(&line);
    let up = http("up", server.url(), EraChoice::Auto);
    (server, Rig::new(authority, vec![up]))
}

fn able(rig: &Rig) -> Client {
    rig.client("up").with_capabilities(json!({ "elicitation": {}, "sampling": {}, "roots": {} }))
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"))
}

#[test]
fn a_stateless_client_is_asked_by_a_session_server_through_its_results() {
    let (_server, rig) = fixture(Counterpart::FixtureSession, Recorder::open());
    let client = able(&rig);
    let question = client.call(1, "test_elicitation", json!({ "message": "who?" }));
    let result = &question["result"];
    assert_eq!(result["resultType"], "input_required", "{question}");
    let asked = result["inputRequests"].as_object().unwrap();
    let (key, asked) = asked.iter().next().unwrap();
    assert_eq!((&asked["method"], &asked["params"]["message"]), (&json!("elicitation/create"), &json!("who?")));
    let answer = json!({ "action": "accept", "content": { "username": "ann", "email": "a@b.c" } });
    let retry = json!({
        "name": "test_elicitation", "arguments": { "message": "who?" },
        "inputResponses": { key: answer }, "requestState": result["requestState"],
    });
    let done = client.request("two", "tools/call", retry);
    assert_eq!((&done["id"], &done["result"]["resultType"]), (&json!("two"), &json!("complete")), "{done}");
    assert!(text(&done).contains("action=accept") && text(&done).contains("ann"), "{done}");
    let briefs = rig.authority.briefs(ActionKind::Elicitation);
    assert_eq!(briefs, ["elicitation.create up/elicitation/create", "elicitation.create up/elicitation/create#answer"]);
}

#[test]
fn sampling_goes_the_same_way() {
    let (_server, rig) = fixture(Counterpart::FixtureSession, Recorder::open());
    let client = able(&rig);
    let arguments = json!({ "prompt": "2+2?" });
    let question = client.call(1, "test_sampling", arguments.clone());
    let (key, asked) = question["result"]["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(asked["method"], "sampling/createMessage");
    let answer = json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "four" } });
    let retry = json!({ "name": "test_sampling", "arguments": arguments, "inputResponses": { key: answer },
                        "requestState": question["result"]["requestState"] });
    assert_eq!(text(&client.request(2, "tools/call", retry)), "LLM response: four");
}

#[test]
fn the_state_of_a_question_is_good_for_one_answer_to_the_same_call_of_the_same_agent() {
    let (_server, rig) = fixture(Counterpart::FixtureSession, Recorder::open());
    let client = able(&rig);
    let ask = || client.call(1, "test_elicitation", json!({ "message": "m" }))["result"].clone();
    let retry = |asked: &Value, message: &str, answered: bool| {
        let key = asked["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
        let answer = json!({ "action": "accept", "content": { "username": "ann", "email": "a@b.c" } });
        let responses = if answered { json!({ key: answer }) } else { json!({}) };
        json!({ "name": "test_elicitation", "arguments": { "message": message }, "inputResponses": responses,
                "requestState": asked["requestState"] })
    };
    let refused = |answer: Value, what: &str| assert_eq!(answer["error"]["code"], -32602, "{what}: {answer}");

    let asked = ask();
    assert!(text(&client.request(2, "tools/call", retry(&asked, "m", true))).contains("ann"));
    refused(client.request(3, "tools/call", retry(&asked, "m", true)), "a replay");

    let asked = ask();
    refused(client.request(4, "tools/call", retry(&asked, "other", true)), "other arguments");
    refused(client.request(5, "tools/call", retry(&asked, "m", true)), "used up by the attempt");

    let asked = ask();
    refused(client.request(6, "tools/call", retry(&asked, "m", false)), "no answer");

    let asked = ask();
    let bob = client.as_agent(Some("bob"));
    refused(bob.request(7, "tools/call", retry(&asked, "m", true)), "another agent");
    assert!(text(&client.request(8, "tools/call", retry(&asked, "m", true))).contains("ann"), "its owner still can");

    let mut made_up = ask();
    made_up["requestState"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
    refused(client.request(9, "tools/call", retry(&made_up, "m", true)), "made up");
}

#[test]
fn what_a_stateless_client_did_not_declare_it_is_not_asked() {
    let (_server, rig) = fixture(Counterpart::FixtureSession, Recorder::open());
    let answer = rig.client("up").call(1, "test_elicitation", json!({ "message": "m" }));
    assert!(answer["result"].get("inputRequests").is_none(), "{answer}");
    assert!(rig.authority.briefs(ActionKind::Elicitation).is_empty());
}

#[test]
fn a_question_that_is_refused_is_not_put_into_a_result() {
    let refuse = |request: &holdshort_model::Request| match request.action.kind {
        ActionKind::Elicitation => Say::Deny,
        _ => Say::Allow,
    };
    let (_server, rig) = fixture(Counterpart::FixtureSession, Recorder::new(refuse));
    let answer = able(&rig).call(1, "test_elicitation", json!({ "message": "secret question" }));
    assert!(answer["result"].get("inputRequests").is_none() && !answer.to_string().contains("secret"), "{answer}");
}

#[test]
fn a_session_client_is_asked_for_a_stateless_server() {
    let (_server, rig) = fixture(Counterpart::FixtureStateless, Recorder::open());
    let client = able(&rig).open();
    let params = json!({ "name": "test_input_required_result_elicitation", "arguments": {} });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let mut stream = client.start(&client.request_bytes(&[], call.as_bytes()));
    let question = stream.until("elicitation/create");
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": "accept", "content": { "name": "Ann" } } });
    assert_eq!(client.post(&[], answer.to_string()).status, 202);
    assert_eq!(text(&stream.response()), "Hello, Ann!");
    let briefs = rig.authority.briefs(ActionKind::Elicitation);
    assert_eq!(briefs, ["elicitation.create up/elicitation/create", "elicitation.create up/elicitation/create#answer"]);
    let calls = rig.authority.briefs(ActionKind::ToolCall);
    assert_eq!(calls.len(), 2, "the call with the answer in it is a question of its own");
}

#[test]
fn an_answer_that_is_refused_does_not_reach_a_stateless_server() {
    let refuse = |request: &holdshort_model::Request| match request.action.args.to_string().contains("hunter2") {
        true => Say::Deny,
        false => Say::Allow,
    };
    let (_server, rig) = fixture(Counterpart::FixtureStateless, Recorder::new(refuse));
    let client = able(&rig).open();
    let params = json!({ "name": "test_input_required_result_elicitation", "arguments": {} });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let mut stream = client.start(&client.request_bytes(&[], call.as_bytes()));
    let question = stream.until("elicitation/create");
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": "accept", "content": { "name": "hunter2" } } });
    client.post(&[], answer.to_string());
    let ended = stream.response();
    assert_eq!(ended["error"]["code"], -32001, "{ended}");
    assert_eq!(rig.authority.briefs(ActionKind::ToolCall).len(), 1, "the call was not made again");
}

#[test]
fn each_side_gets_the_handshake_of_its_era() {
    let (_old, rig) = fixture(Counterpart::FixtureSession, Recorder::open());
    let discovered = rig.client("up").request("server-discover-probe-1", "server/discover", json!({}));
    let result = &discovered["result"];
    assert_eq!(
        (&discovered["id"], &result["supportedVersions"]),
        (&json!("server-discover-probe-1"), &json!(["2026-07-28"]))
    );
    assert_eq!(
        (&result["cacheScope"], &result["ttlMs"], &result["resultType"]),
        (&json!("private"), &json!(0), &json!("complete"))
    );
    assert!(result["capabilities"]["tools"].is_object());
    let called = rig.client("up").call(2, "test_simple_text", json!({}));
    assert_eq!(called["result"]["resultType"], "complete", "{called}");

    let (_new, rig) = fixture(Counterpart::FixtureStateless, Recorder::open());
    for version in ["2025-11-25", "2025-06-18", "2024-11-05"] {
        let (answer, said) = rig.client("up").initialize(version);
        assert_eq!(said["result"]["protocolVersion"], version, "{said}");
        assert_eq!(said["result"]["serverInfo"]["name"], "holdshort-fixture-stateless");
        assert!(answer.header("mcp-session-id").is_some());
    }
    let client = rig.client("up").open();
    assert_eq!(client.ask(1, "ping", json!({}))["result"], json!({}));
    assert!(text(&client.ask(2, "tools/call", json!({ "name": "test_simple_text" }))).contains("text"));
}

#[test]
fn a_stateless_client_hears_of_changes_at_a_session_server() {
    let script = r#"
        if (message.method === 'tools/list') send({ id: message.id, result: { tools: [] } });
        if (message.method !== 'tools/call') return;
        send({ method: 'notifications/tools/list_changed' });
        send({ method: 'notifications/prompts/list_changed' });
        send({ id: message.id, result: { content: [] } });"#;
    let line = child(&script.replace("tools: {}", "tools: { listChanged: true }"));
    let line = holdshort_testkit::CommandLine {
        args: line.args.iter().map(|arg| arg.replace("{ tools: {} }", "{ tools: { listChanged: true } }")).collect(),
        ..line
    };
    let rig = Rig::new(Recorder::open(), vec![stdio("up", &line, EraChoice::Auto)]);
    let client = rig.client("up");
    let wanted = json!({ "notifications": { "toolsListChanged": true, "promptsListChanged": true } });
    let mut stream = client.start(&client.modern_bytes("sub-1", "subscriptions/listen", wanted));
    let acknowledged = stream.next().unwrap();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["notifications"], json!({ "toolsListChanged": true }), "what the server can do");
    let key = "io.modelcontextprotocol/subscriptionId";
    assert_eq!(acknowledged["params"]["_meta"][key], "sub-1");
    client.call(1, "change", json!({}));
    let changed = stream.next().unwrap();
    assert_eq!(
        (&changed["method"], &changed["params"]["_meta"][key]),
        (&json!("notifications/tools/list_changed"), &json!("sub-1"))
    );
    client.call(2, "change", json!({}));
    assert_eq!(stream.next().unwrap()["method"], "notifications/tools/list_changed", "and nothing else in between");
}

#[test]
fn a_session_client_hears_of_changes_at_a_stateless_server() {
    let (_server, rig) = fixture(Counterpart::FixtureStateless, Recorder::open());
    let client = rig.client("up").open();
    let mut stream = client.listen();
    assert_eq!(stream.head().status, 200);
    rig.authority.wait("listening at the upstream", |log| {
        log.asked.iter().any(|asked| asked.request.action.name == "subscriptions/listen").then_some(())
    });
    assert!(client.ask(5, "resources/subscribe", json!({ "uri": "test://watched-resource" })).get("result").is_some());
    rig.authority.wait("listening anew, with the resource", |log| {
        let listens =
            |asked: &&common::Asked| asked.request.action.args.to_string().contains("test://watched-resource");
        log.asked.iter().find(listens).map(|_| ())
    });
    // The stream at the upstream opens by itself; a change that comes before it is open is not announced again.
    let heard = std::thread::spawn(move || stream.until("notifications/tools/list_changed"));
    for id in 10.. {
        client.ask(id, "tools/call", json!({ "name": "test_trigger_tool_change" }));
        if heard.is_finished() {
            break;
        }
        assert!(id < 2000, "nothing was announced");
    }
    heard.join().unwrap();
}

#[test]
fn a_session_client_follows_a_resource_of_a_stateless_server() {
    let updated = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x:y"}}"#;
    let upstream = scripted(move |message, _| {
        let followed = &message["params"]["notifications"]["resourceSubscriptions"];
        match (message["method"].as_str()?, followed == &json!(["x:y"])) {
            ("subscriptions/listen", true) => Some(Reply::Stream(vec![updated.to_owned()])),
            ("subscriptions/listen", false) => Some(Reply::Silence),
            _ => None,
        }
    });
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    let client = rig.client("up").open();
    let mut stream = client.listen();
    assert_eq!(client.ask(1, "resources/subscribe", json!({ "uri": "x:y" }))["result"], json!({}));
    assert_eq!(stream.until("notifications/resources/updated")["params"]["uri"], "x:y");
    assert!(bodies(&upstream, "resources/subscribe").is_empty(), "that method does not exist there");
}

#[test]
fn clients_that_use_the_same_ids_and_tokens_on_one_child_are_not_mixed_up() {
    // Waits for both calls, reports progress in turns, and answers the later one first.
    let script = r#"
        if (message.method !== 'tools/call') return;
        (state.calls ??= []).push(message);
        if (state.calls.length < 2) return;
        const [one, two] = state.calls;
        for (let n = 1; n <= 3; n += 1)
          for (const { params } of [one, two])
            send({ method: 'notifications/progress', params: { progressToken: params._meta.progressToken, progress: n, message: params.name } });
        for (const { id, params } of [two, one]) send({ id, result: { content: [{ type: 'text', text: params.name }] } });"#;
    let rig = Rig::new(Recorder::open(), vec![stdio("up", &child(script), EraChoice::Session)]);
    let client = rig.client("up");
    let start = |name: &str| {
        client.start(&client.modern_bytes(1, "tools/call", json!({ "name": name, "_meta": { "progressToken": 1 } })))
    };
    let streams = [("one", start("one")), ("two", start("two"))];
    for (name, mut stream) in streams {
        for n in 1..=3 {
            let progress = stream.next().unwrap();
            let params = &progress["params"];
            assert_eq!((&params["message"], &params["progress"]), (&json!(name), &json!(n)), "{progress}");
            assert_eq!(params["progressToken"], 1, "the client's own token");
        }
        let answer = stream.next().unwrap();
        assert_eq!((&answer["id"], text(&answer)), (&json!(1), name));
    }
}

#[test]
fn an_upstream_that_speaks_both_eras_is_spoken_to_in_the_clients() {
    let upstream = scripted(|message, _| (message["method"] == "tools/call").then(|| Reply::text(message, "ran")));
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Auto)]);
    rig.client("up").call(1, "stateless", json!({}));
    rig.client("up").open().ask(2, "tools/call", json!({ "name": "session" }));
    rig.client("up").call(3, "stateless", json!({}));
    let sent = bodies(&upstream, "tools/call");
    let modern: Vec<_> = sent.iter().map(|body| body.contains("io.modelcontextprotocol/protocolVersion")).collect();
    assert_eq!(modern, [true, false, true], "{sent:?}");
}

#[test]
fn conversations_are_sessions_of_their_agent() {
    let upstream = scripted(|message, _| (message["method"] == "tools/call").then(|| Reply::text(message, "ran")));
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    let alice = rig.client("up");
    let bob = alice.as_agent(Some("bob"));
    let call = |client: &Client, conversation: &str| {
        let meta = json!({ "gen_ai.conversation.id": conversation });
        client.request(1, "tools/call", json!({ "name": "t", "_meta": meta }));
    };
    for (client, conversation) in [(&alice, "x"), (&alice, "x"), (&alice, "y"), (&bob, "x")] {
        call(client, conversation);
    }
    let sessions: Vec<_> = rig
        .authority
        .look(|log| log.of(ActionKind::ToolCall).iter().map(|asked| asked.request.session.clone()).collect());
    assert_eq!(sessions[0], sessions[1]);
    assert!(sessions[0] != sessions[2] && sessions[0] != sessions[3] && sessions[2] != sessions[3], "{sessions:?}");
}

#[test]
fn questions_inside_results_and_answers_inside_retries_are_decided() {
    let (_server, rig) = fixture(Counterpart::FixtureStateless, Recorder::open());
    let client = able(&rig);
    let tool = "test_input_required_result_elicitation";
    let question = client.call(1, tool, json!({}));
    let result = &question["result"];
    assert_eq!(result["resultType"], "input_required", "{question}");
    let (key, _) = result["inputRequests"].as_object().unwrap().iter().next().unwrap();
    let mut retry = json!({
        "name": tool, "arguments": {},
        "inputResponses": { key: { "action": "accept", "content": { "name": "ann" } } },
    });
    if let Some(state) = result.get("requestState") {
        retry["requestState"] = state.clone();
    }
    let done = client.request("two", "tools/call", retry);
    assert_eq!(done["result"]["resultType"], "complete", "{done}");
    let briefs = rig.authority.briefs(ActionKind::Elicitation);
    assert_eq!(briefs, ["elicitation.create up/elicitation/create", "elicitation.create up/elicitation/create#answer"]);
}

#[test]
fn a_refused_question_inside_a_result_never_reaches_the_client() {
    let (_server, rig) = fixture(Counterpart::FixtureStateless, Recorder::without(&["sampling/createMessage"]));
    let refused = able(&rig).call(1, "test_input_required_result_sampling", json!({}));
    assert_eq!(refused["error"]["code"], -32001, "{refused}");
    assert!(!refused.to_string().contains("inputRequests"), "{refused}");
}

#[test]
fn clients_that_share_a_session_at_an_upstream_have_ids_of_their_own_there() {
    let upstream = scripted(|message, _| (message["method"] == "tools/call").then(|| Reply::text(message, "ran")));
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    for name in ["one", "two"] {
        let answer = rig.client("up").call(1, name, json!({}));
        assert_eq!((&answer["id"], text(&answer)), (&json!(1), "ran"), "{answer}");
    }
    let ids: std::collections::BTreeSet<String> = bodies(&upstream, "tools/call")
        .iter()
        .map(|body| serde_json::from_str::<Value>(body).unwrap()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
}

#[test]
fn an_escaped_or_respelled_key_does_not_hide_a_question() {
    for key in ["input\\u0052equests", "InputRequests"] {
        let upstream = scripted(move |message, _| {
            let question = r#"{"q":{"method":"sampling/createMessage","params":{}}}"#;
            let result = format!(r#"{{"resultType":"input_required","{key}":{question}}}"#);
            (message["method"] == "tools/call").then(|| {
                let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, message["id"]);
                Reply::As(200, Some("application/json"), body)
            })
        });
        let rig = Rig::new(
            Recorder::without(&["sampling/createMessage"]),
            vec![http("up", &upstream.url(), EraChoice::Stateless)],
        );
        let answer = able(&rig).call(1, "t", json!({}));
        assert!(answer["error"].is_object() && answer.get("result").is_none(), "{key}: {answer}");
    }
}
