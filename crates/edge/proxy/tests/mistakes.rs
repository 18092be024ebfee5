//! Each enforcement mistake that was seen in other gateways, as a test that ours does not make it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Client, Recorder, Reply, Rig, Say, Wrapper, bodies, http, scripted, stdio};
use holdshort_model::{ActionKind, FailMode, OutcomeStatus};
use holdshort_proxy::mcp::{EraChoice, GatewayOptions, RefusalStyle};
use holdshort_testkit::{Counterpart, ScriptedUpstream};
use serde_json::{Value, json};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn tools(names: &[&str]) -> Value {
    let tools: Vec<_> = names.iter().map(|name| json!({ "name": name, "inputSchema": { "type": "object" } })).collect();
    json!({ "tools": tools })
}

/// Lists `good` and `bad`, and runs both.
fn good_and_bad() -> ScriptedUpstream {
    scripted(|message, _| match message["method"].as_str()? {
        "tools/list" => Some(Reply::result(message, tools(&["good", "bad"]))),
        "tools/call" => Some(Reply::text(message, "ran")),
        _ => None,
    })
}

fn names(answer: &Value) -> Vec<String> {
    let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("no list: {answer}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

fn without_bad(upstream: &ScriptedUpstream) -> Rig {
    Rig::new(Recorder::without(&["bad"]), vec![http("up", &upstream.url(), EraChoice::Session)])
}

#[test]
fn mistake_1_the_list_filter_is_not_bypassed_by_the_media_type_or_the_status() {
    let cases: [(u16, Option<&'static str>, bool); 9] = [
        (200, Some("application/json"), true),
        (200, Some("Application/JSON"), true),
        (200, Some("application/json ;charset=utf-8"), true),
        (201, Some("application/json"), true),
        (200, Some("text/html"), false),
        (200, Some("application/jsonx"), false),
        (200, Some("text/html, application/json"), false),
        (200, None, false),
        (201, Some("text/plain"), false),
    ];
    for (status, media, passes) in cases {
        let upstream = scripted(move |message, _| {
            let list = json!({ "jsonrpc": "2.0", "id": message["id"], "result": tools(&["good", "bad"]) });
            (message["method"] == "tools/list").then(|| Reply::As(status, media, list.to_string()))
        });
        let answer = without_bad(&upstream).client("up").open().ask(1, "tools/list", json!({}));
        match passes {
            true => assert_eq!(names(&answer), ["good"], "{status} {media:?}"),
            false => assert_eq!(answer["error"]["code"], -32603, "{status} {media:?}: {answer}"),
        }
    }
}

#[test]
fn mistake_1_nor_by_an_event_stream() {
    let upstream = scripted(|message, _| {
        let list = json!({ "jsonrpc": "2.0", "id": message["id"], "result": tools(&["good", "bad"]) }).to_string();
        (message["method"] == "tools/list").then(|| Reply::Stream(vec![list.clone()]))
    });
    assert_eq!(names(&without_bad(&upstream).client("up").open().ask(1, "tools/list", json!({}))), ["good"]);
}

#[test]
fn mistake_2_the_decision_is_about_the_bytes_that_are_sent() {
    let upstream = good_and_bad();
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    // The bridge rewrites this call; what was asked about is what came out of it.
    rig.client("up").open().ask(5, "tools/call", json!({ "name": "good", "arguments": { "a": 1 } }));
    let sent = bodies(&upstream, "tools/call").remove(0);
    assert!(sent.contains("2026-07-28"), "{sent}");
    assert!(rig.authority.permitted().contains(&holdshort_model::Digest::of(sent.as_bytes())));
}

#[test]
fn mistake_3_a_policy_sees_the_arguments_of_a_call() {
    let upstream = good_and_bad();
    let secret = |request: &holdshort_model::Request| match request.action.args["path"] == "/secret" {
        true => Say::Deny,
        false => Say::Allow,
    };
    let rig = Rig::new(Recorder::new(secret), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    let call = |path: &str| client.ask(1, "tools/call", json!({ "name": "good", "arguments": { "path": path } }));
    assert_eq!(call("/secret")["error"]["code"], -32001);
    assert_eq!(call("/open")["result"]["content"][0]["text"], "ran");
    assert_eq!(bodies(&upstream, "tools/call").len(), 1);
}

#[test]
fn mistake_4_without_a_known_token_nothing_happens() {
    let upstream = good_and_bad();
    let rig = without_bad(&upstream);
    for token in [None, Some("mallory"), Some(""), Some("alice bob")] {
        let answer = rig.client("up").as_agent(token).post(&[], LIST);
        assert_eq!(answer.status, 401, "{token:?}");
        assert!(answer.header("www-authenticate").is_some());
    }
    assert!(upstream.received().is_empty());
    assert!(rig.authority.look(|log| log.asked.is_empty()));
}

#[test]
fn mistake_4_a_session_of_another_agent_is_as_unknown_as_any() {
    let upstream = good_and_bad();
    let rig = without_bad(&upstream);
    let alice = rig.client("up").open();
    let bob = alice.as_agent(Some("bob"));
    let foreign = bob.post(&[], LIST);
    let mut unknown = bob.clone();
    unknown.session = Some("never-given".into());
    let unknown = unknown.post(&[], LIST);
    assert_eq!((foreign.status, unknown.status), (404, 404));
    assert_eq!(foreign.body, unknown.body, "a foreign session must not be told from an unknown one");
    assert!(bodies(&upstream, "tools/list").is_empty());
    assert_eq!(alice.post(&[], LIST).status, 200, "and it still lives");
}

#[test]
fn mistake_5_foreign_hosts_and_origins_are_refused() {
    let upstream = good_and_bad();
    let rig = without_bad(&upstream);
    let client = rig.client("up").open();
    let foreign = [
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example"),
        ("host", "evil.example:80"),
        ("origin", "http://evil.example"),
        ("origin", "http://localhost.evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1@evil.example"),
        ("origin", "http://localhost:1@evil.example"),
    ];
    for (name, value) in foreign {
        assert_eq!(client.post(&[(name, value)], LIST).status, 403, "{name}: {value}");
    }
    assert!(bodies(&upstream, "tools/list").is_empty());
    for (name, value) in [("host", "localhost:1"), ("origin", "http://localhost:3000"), ("origin", "http://[::1]:3000")]
    {
        assert_eq!(client.post(&[(name, value)], LIST).status, 200, "{name}: {value}");
    }
}

#[test]
fn mistake_5_configured_hosts_and_origins_are_taken() {
    let upstream = good_and_bad();
    let options = GatewayOptions {
        allowed_hosts: vec!["gateway.example".into()],
        allowed_origins: vec!["https://console.example".into()],
        ..GatewayOptions::default()
    };
    let up = http("up", &upstream.url(), EraChoice::Session);
    let rig = Rig::with(Recorder::open(), vec![up], options);
    let client = rig.client("up").open();
    let headers = [("host", "gateway.example:7071"), ("origin", "https://console.example")];
    assert_eq!(client.post(&headers, LIST).status, 200);
}

#[test]
fn mistake_6_lists_and_calls_follow_one_predicate_on_every_page() {
    let upstream = scripted(|message, _| match message["method"].as_str()? {
        "tools/list" if message["params"]["cursor"] == "2" => {
            Some(Reply::result(message, tools(&["bad", "also_good"])))
        }
        "tools/list" => {
            let mut page = tools(&["good", "bad"]);
            page["nextCursor"] = "2".into();
            Some(Reply::result(message, page))
        }
        "tools/call" => Some(Reply::text(message, "ran")),
        _ => None,
    });
    let rig = without_bad(&upstream);
    let client = rig.client("up").open();
    let first = client.ask(1, "tools/list", json!({}));
    let second = client.ask(2, "tools/list", json!({ "cursor": first["result"]["nextCursor"] }));
    assert_eq!((names(&first), names(&second)), (vec!["good".to_owned()], vec!["also_good".to_owned()]));
    for name in ["good", "bad", "also_good"] {
        let runs = client.ask(3, "tools/call", json!({ "name": name })).get("result").is_some();
        assert_eq!(runs, name != "bad", "{name}");
    }
    assert_eq!(names(&rig.federated().open().ask(4, "tools/list", json!({}))), ["up__good", "up__also_good"]);
}

#[test]
fn mistake_6_prompts_and_resources_are_filtered_as_well() {
    let upstream = scripted(|message, _| match message["method"].as_str()? {
        "prompts/list" => Some(Reply::result(message, json!({ "prompts": [{ "name": "bad" }, { "name": "good" }] }))),
        "resources/list" => {
            let resources = json!([{ "uri": "x:good", "name": "g" }, { "uri": "x:bad", "name": "b" }]);
            Some(Reply::result(message, json!({ "resources": resources })))
        }
        "resources/templates/list" => {
            Some(Reply::result(message, json!({ "resourceTemplates": [{ "uriTemplate": "x:bad", "name": "b" }] })))
        }
        _ => None,
    });
    let rig = Rig::new(Recorder::without(&["bad", "x:bad"]), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    assert_eq!(client.ask(1, "prompts/list", json!({}))["result"], json!({ "prompts": [{ "name": "good" }] }));
    let resources = client.ask(2, "resources/list", json!({}))["result"].clone();
    assert_eq!(resources, json!({ "resources": [{ "uri": "x:good", "name": "g" }] }));
    let templates = client.ask(3, "resources/templates/list", json!({}))["result"].clone();
    assert_eq!(templates, json!({ "resourceTemplates": [] }));
    assert_eq!(client.ask(4, "prompts/get", json!({ "name": "bad" }))["error"]["code"], -32001);
    assert_eq!(client.ask(5, "resources/read", json!({ "uri": "x:bad" }))["error"]["code"], -32001);
}

#[test]
fn mistake_6_a_definition_that_can_be_read_in_two_ways_is_not_listed() {
    let upstream = scripted(|message, _| {
        let list = [
            r#"{"name":"good","name":"bad","inputSchema":{}}"#,
            r#"{"name":"good","Name":"bad","inputSchema":{}}"#,
            r#"{"name":"good","inputSchema":{"type":"object","type":"array"}}"#,
            r#"{"name":7}"#,
            r#"{}"#,
            r#""good""#,
            r#"{"name":"fine"}"#,
        ];
        let text = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"tools":[{}]}}}}"#, message["id"], list.join(","));
        (message["method"] == "tools/list").then_some(Reply::Json(text))
    });
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    assert_eq!(names(&rig.client("up").open().ask(1, "tools/list", json!({}))), ["fine"]);
    for key in ["tools", "Tools"] {
        let text = move |id: &Value| {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[],"{key}":[{{"name":"bad"}}]}}}}"#)
        };
        let upstream =
            scripted(move |message, _| (message["method"] == "tools/list").then(|| Reply::Json(text(&message["id"]))));
        let rig = Rig::new(Recorder::without(&["bad"]), vec![http("up", &upstream.url(), EraChoice::Session)]);
        let answer = rig.client("up").open().ask(1, "tools/list", json!({}));
        assert!(!answer.to_string().contains("bad"), "{answer}");
    }
}

#[test]
fn mistake_6_a_filtered_list_is_not_cached_for_others() {
    let upstream = scripted(|message, _| {
        let mut list = tools(&["good", "bad"]);
        list.as_object_mut().unwrap().extend(
            json!({ "ttlMs": 60000, "cacheScope": "public", "resultType": "complete" }).as_object().unwrap().clone(),
        );
        (message["method"] == "tools/list").then(|| Reply::result(message, list))
    });
    let rig = Rig::new(Recorder::without(&["bad"]), vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    let answer = rig.client("up").request(1, "tools/list", json!({}));
    assert_eq!(names(&answer), ["good"]);
    assert_eq!((&answer["result"]["ttlMs"], &answer["result"]["cacheScope"]), (&json!(0), &json!("private")));
}

fn denied(client: &Client, rig: &Rig, upstream: &ScriptedUpstream) -> Value {
    let answer = client.ask(9, "tools/call", json!({ "name": "bad", "arguments": { "x": 1 } }));
    let (brief, said) = rig.authority.look(|log| {
        let asked = log.of(ActionKind::ToolCall)[0];
        (asked.brief(), asked.said)
    });
    assert_eq!((brief.as_str(), said), ("tool.call up/bad", Say::Deny), "a refusal is on record");
    assert!(rig.authority.look(|log| log.ended(ActionKind::ToolCall).is_empty()), "and not as something that ran");
    assert!(bodies(upstream, "tools/call").is_empty());
    answer
}

#[test]
fn mistake_7_a_denial_has_its_own_code_and_is_recorded_as_one() {
    let upstream = good_and_bad();
    let rig = without_bad(&upstream);
    let answer = denied(&rig.client("up").open(), &rig, &upstream);
    let error = &answer["error"];
    assert_eq!((&answer["id"], &error["code"]), (&json!(9), &json!(-32001)));
    assert!(error["message"].as_str().unwrap().contains("the test forbids it"));
    assert_eq!(error["data"]["reasons"][0]["policy"], "test.policy");
    assert!(error["data"]["decision"].is_string());
    let stateless = rig.client("up").modern(10, "tools/call", json!({ "name": "bad" }));
    assert_eq!((stateless.status, &stateless.json()["error"]["code"]), (200, &json!(-32001)), "told in the protocol");
}

#[test]
fn mistake_7_a_denial_as_a_result_says_that_it_is_an_error() {
    let upstream = good_and_bad();
    let up = http("up", &upstream.url(), EraChoice::Session);
    let options = GatewayOptions { refusal: RefusalStyle::Result, ..GatewayOptions::default() };
    let rig = Rig::with(Recorder::without(&["bad"]), vec![up], options);
    let answer = denied(&rig.client("up").open(), &rig, &upstream);
    assert_eq!(answer["result"]["isError"], true);
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains("the test forbids it"));
}

#[test]
fn mistake_7_a_person_could_approve_is_said_as_such() {
    let upstream = good_and_bad();
    let ask = |request: &holdshort_model::Request| match request.action.kind {
        ActionKind::ToolCall => Say::Ask,
        _ => Say::Allow,
    };
    let rig = Rig::new(Recorder::new(ask), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let answer = rig.client("up").open().ask(1, "tools/call", json!({ "name": "good" }));
    assert_eq!(
        (&answer["error"]["code"], &answer["error"]["data"]["retry"]),
        (&json!(-32001), &json!("after-approval"))
    );
    assert!(bodies(&upstream, "tools/call").is_empty());
}

#[test]
fn mistake_8_an_authority_that_fails_lets_nothing_pass() {
    use FailMode as F;
    let modes =
        [F::DeciderLate, F::RecorderDown, F::UnknownAgent, F::Unparseable, F::PolicyError, F::NoPolicy, F::Oversize];
    for mode in modes {
        let upstream = good_and_bad();
        let fail = move |request: &holdshort_model::Request| match request.action.kind {
            ActionKind::Protocol => Say::Allow,
            _ => Say::Fail(mode),
        };
        let rig = Rig::new(Recorder::new(fail), vec![http("up", &upstream.url(), EraChoice::Session)]);
        let client = rig.client("up").open();
        let call = client.ask(1, "tools/call", json!({ "name": "good" }));
        assert_eq!(call["error"]["code"], -32001, "{mode:?}");
        assert_eq!(call["error"]["data"]["reasons"][0]["policy"], format!("fail-mode/{}", mode.as_str()));
        assert!(client.ask(2, "tools/list", json!({})).get("error").is_some(), "{mode:?}");
        assert!(bodies(&upstream, "tools/").is_empty() && bodies(&upstream, "tools/list").is_empty(), "{mode:?}");
    }
}

#[test]
fn mistake_8_a_list_that_cannot_be_judged_is_not_shown() {
    let upstream = good_and_bad();
    let fail = |request: &holdshort_model::Request| match request.action.kind {
        ActionKind::ToolCall => Say::Fail(FailMode::DeciderLate),
        _ => Say::Allow,
    };
    let rig = Rig::new(Recorder::new(fail), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let answer = rig.client("up").open().ask(1, "tools/list", json!({}));
    assert!(answer.get("error").is_some() && !answer.to_string().contains("good"), "{answer}");
    assert_eq!(bodies(&upstream, "tools/list").len(), 1, "the list itself was permitted");
}

#[test]
fn mistake_9_a_batch_does_not_slip_past() {
    let upstream = good_and_bad();
    let rig = without_bad(&upstream);
    let client = rig.client("up").open();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"bad"}}"#;
    for batch in [format!("[{call}]"), format!(" \n[{LIST},{call}]"), "[]".to_owned()] {
        let answer = client.post(&[], &batch);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(-32600)), "{batch}");
    }
    assert!(bodies(&upstream, "tools/call").is_empty());
    assert_eq!(rig.authority.look(|log| log.of(ActionKind::Unknown).len()), 3, "each attempt is on record");
}

#[test]
fn mistake_9_a_batch_of_an_upstream_is_not_passed_on() {
    let authority = Recorder::open();
    let mut client = Wrapper::new(&authority, stdio("up", &misbehaving(), EraChoice::Session)).open();
    client.write(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"batch"}}"#);
    let answer = client.ask(2, "tools/call", json!({ "name": "read_note" }));
    assert_eq!(answer["result"]["content"][0]["text"], "right answer of read_note");
}

fn misbehaving() -> holdshort_testkit::CommandLine {
    Counterpart::Misbehave.line().arg("--stdio")
}

/// A client of the session era that declares what it answers; the upstream asks it during a call.
fn asking(authority: &std::sync::Arc<Recorder>, tool: &str, arguments: Value) -> (Wrapper, Value) {
    let line = Counterpart::FixtureSession.line().arg("--stdio");
    let mut client = Wrapper::new(authority, stdio("up", &line, EraChoice::Session));
    let info = json!({ "name": "test", "version": "1" });
    let capabilities = json!({ "sampling": {}, "elicitation": {}, "roots": {} });
    client.ask(
        0,
        "initialize",
        json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": info }),
    );
    client.write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let params = json!({ "name": tool, "arguments": arguments });
    client.write(json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string());
    let next = client.receive();
    (client, next)
}

#[test]
fn a_question_of_a_server_that_is_refused_never_reaches_the_client() {
    let cases = [
        ("test_sampling", json!({ "prompt": "p" }), ActionKind::Sampling),
        ("test_elicitation", json!({ "message": "m" }), ActionKind::Elicitation),
    ];
    for (tool, arguments, kind) in cases {
        let refuse = move |request: &holdshort_model::Request| match request.action.kind == kind {
            true => Say::Deny,
            false => Say::Allow,
        };
        let authority = Recorder::new(refuse);
        let (_client, next) = asking(&authority, tool, arguments);
        assert_eq!(next["id"], 1, "the next thing is the answer to the call: {next}");
        assert!(next.to_string().contains("refused"), "the server was told why: {next}");
        assert_eq!(authority.look(|log| log.of(kind).len()), 1);
    }
}

#[test]
fn the_answer_to_an_elicitation_is_checked() {
    let secret = |request: &holdshort_model::Request| match request.action.args.to_string().contains("hunter2") {
        true => Say::Deny,
        false => Say::Allow,
    };
    for (word, passes) in [("harmless", true), ("hunter2", false)] {
        let authority = Recorder::new(secret);
        let (mut client, question) = asking(&authority, "test_elicitation", json!({ "message": "m" }));
        assert_eq!(question["method"], "elicitation/create");
        let content = json!({ "username": word, "email": "a@b.c" });
        let answer =
            json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": "accept", "content": content } });
        client.write(answer.to_string());
        let ended = client.receive();
        assert_eq!((&ended["id"], ended.to_string().contains("harmless")), (&json!(1), passes), "{ended}");
        assert!(!ended.to_string().contains("hunter2"), "{ended}");
        assert_eq!(
            authority.briefs(ActionKind::Elicitation),
            ["elicitation.create up/elicitation/create", "elicitation.create up/elicitation/create#answer"]
        );
    }
}

#[test]
fn outcomes_tell_success_from_failure() {
    let upstream = scripted(|message, _| match message["params"]["name"].as_str()? {
        "ok" => Some(Reply::text(message, "x")),
        "tool_error" => Some(Reply::result(message, json!({ "content": [], "isError": true }))),
        "garbage" => Some(Reply::Json("nonsense".into())),
        "gone" => Some(Reply::Close),
        _ => None,
    });
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    for name in ["ok", "tool_error", "garbage", "gone", "error"] {
        client.ask(1, "tools/call", json!({ "name": name }));
    }
    use OutcomeStatus as S;
    let ended = rig.authority.look(|log| log.ended(ActionKind::ToolCall));
    assert_eq!(ended, [S::Ok, S::ToolError, S::UpstreamFault, S::UpstreamFault, S::Error]);
}
