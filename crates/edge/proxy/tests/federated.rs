//! Several upstreams behind one endpoint.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Client, Recorder, Reply, Rig, bodies, http, scripted, stdio};
use holdshort_model::ActionKind;
use holdshort_proxy::mcp::EraChoice;
use holdshort_testkit::{Counterpart, ScriptedUpstream, Server};
use serde_json::{Value, json};

/// Lists `read` and one tool of its own on two pages; says its name when it is called.
fn named(name: &'static str) -> ScriptedUpstream {
    scripted(move |message, _| match message["method"].as_str()? {
        "tools/list" if message["params"]["cursor"] == "more" => {
            Some(Reply::result(message, json!({ "tools": [{ "name": format!("only_{name}"), "inputSchema": {} }] })))
        }
        "tools/list" => {
            let tools = json!([{ "inputSchema": { "b": 1e3, "a": 2 }, "name": "read" }]);
            Some(Reply::result(message, json!({ "tools": tools, "nextCursor": "more" })))
        }
        "prompts/list" => Some(Reply::result(message, json!({ "prompts": [{ "name": "hello" }] }))),
        "resources/list" => Some(Reply::result(message, json!({ "resources": [{ "uri": "file:///a", "name": "a" }] }))),
        "tools/call" => {
            let content =
                json!([{ "type": "text", "text": name }, { "type": "resource_link", "uri": "file:///a", "name": "a" }]);
            Some(Reply::result(message, json!({ "content": content, "resultType": "complete" })))
        }
        "prompts/get" => {
            Some(Reply::result(message, json!({ "messages": [], "description": name, "resultType": "complete" })))
        }
        "resources/read" => {
            let uri = &message["params"]["uri"];
            Some(Reply::result(
                message,
                json!({ "contents": [{ "uri": uri, "text": name }], "resultType": "complete" }),
            ))
        }
        _ => None,
    })
}

fn listed(client: &Client, method: &str, key: &str, name: &str) -> Vec<String> {
    let answer = match client.session {
        Some(_) => client.ask(1, method, json!({})),
        None => client.request(1, method, json!({})),
    };
    let list = answer["result"][key].as_array().unwrap_or_else(|| panic!("no list: {answer}"));
    list.iter().map(|one| one[name].as_str().unwrap().to_owned()).collect()
}

struct Pair {
    one: ScriptedUpstream,
    two: ScriptedUpstream,
    rig: Rig,
}

fn pair() -> Pair {
    let (one, two) = (named("one"), named("two"));
    let upstreams = vec![http("one", &one.url(), EraChoice::Session), http("two", &two.url(), EraChoice::Stateless)];
    let rig = Rig::new(Recorder::open(), upstreams);
    Pair { one, two, rig }
}

#[test]
fn lists_are_merged_over_all_pages_with_prefixes() {
    let pair = pair();
    let rig = &pair.rig;
    for client in [rig.federated().open(), rig.federated()] {
        let tools = listed(&client, "tools/list", "tools", "name");
        assert_eq!(tools, ["one__read", "one__only_one", "two__read", "two__only_two"]);
        assert_eq!(listed(&client, "prompts/list", "prompts", "name"), ["one__hello", "two__hello"]);
        let uris = listed(&client, "resources/list", "resources", "uri");
        assert_eq!(uris, ["one+file:///a", "two+file:///a"]);
    }
}

#[test]
fn tools_of_one_name_are_told_apart() {
    let Pair { one, two, rig } = pair();
    let client = rig.federated().open();
    for (server, upstream) in [("one", &one), ("two", &two)] {
        let answer = client.ask(
            7,
            "tools/call",
            json!({ "name": format!("{server}__read"), "arguments": { "name": "one__x" } }),
        );
        assert_eq!(answer["result"]["content"][0]["text"], server, "{answer}");
        assert_eq!(answer["result"]["content"][1]["uri"], format!("{server}+file:///a"), "links can be followed here");
        let sent: Value = serde_json::from_str(&bodies(upstream, "tools/call")[0]).unwrap();
        assert_eq!((&sent["params"]["name"], &sent["params"]["arguments"]["name"]), (&json!("read"), &json!("one__x")));
    }
    assert_eq!(rig.authority.briefs(ActionKind::ToolCall), ["tool.call one/read", "tool.call two/read"]);
    let mirrored =
        two.received().into_iter().find(|request| request.header("mcp-method") == Some("tools/call")).unwrap();
    assert_eq!(mirrored.header("mcp-name"), Some("read"), "headers mirror the upstream's own name");
}

#[test]
fn prompts_and_resources_are_routed_and_renamed() {
    let pair = pair();
    let rig = &pair.rig;
    for client in [rig.federated().open(), rig.federated()] {
        let ask = |id: u64, method: &str, params: Value| match client.session {
            Some(_) => client.ask(id, method, params),
            None => client.request(id, method, params),
        };
        assert_eq!(ask(2, "prompts/get", json!({ "name": "two__hello" }))["result"]["description"], "two");
        let read = ask(3, "resources/read", json!({ "uri": "one+file:///a" }));
        let contents = &read["result"]["contents"][0];
        assert_eq!((&contents["uri"], &contents["text"]), (&json!("one+file:///a"), &json!("one")), "{read}");
    }
}

#[test]
fn names_without_a_known_prefix_go_nowhere() {
    let Pair { one, two, rig } = pair();
    let client = rig.federated().open();
    let cases = [
        ("tools/call", json!({ "name": "read" })),
        ("tools/call", json!({ "name": "three__read" })),
        ("tools/call", json!({ "name": "__read" })),
        ("tools/call", json!({ "name": "ONE__read" })),
        ("tools/call", json!({})),
        ("prompts/get", json!({ "name": "one+hello" })),
        ("resources/read", json!({ "uri": "file:///a" })),
        ("resources/read", json!({ "uri": "one__file:///a" })),
    ];
    for (method, params) in cases {
        let answer = client.ask(4, method, params.clone());
        assert_eq!(answer["error"]["code"], -32602, "{method} {params}: {answer}");
    }
    assert_eq!(client.ask(5, "nothing/known", json!({}))["error"]["code"], -32601);
    for upstream in [&one, &two] {
        for method in ["tools/call", "prompts/get", "resources/read", "nothing/known"] {
            assert!(bodies(upstream, method).is_empty(), "{method}");
        }
    }
}

#[test]
fn one_dead_upstream_does_not_take_the_others_along() {
    let alive = named("alive");
    let dead = Counterpart::Misbehave.line().args(["--stdio", "--die", "start"]);
    let upstreams = vec![
        stdio("dead", &dead, EraChoice::Session),
        http("closed", "http://127.0.0.1:1/mcp", EraChoice::Stateless),
        http("alive", &alive.url(), EraChoice::Session),
    ];
    let rig = Rig::new(Recorder::open(), upstreams);
    for client in [rig.federated().open(), rig.federated()] {
        assert_eq!(listed(&client, "tools/list", "tools", "name"), ["alive__read", "alive__only_alive"]);
        let ask = |name: &str| match client.session {
            Some(_) => client.ask(5, "tools/call", json!({ "name": name })),
            None => client.call(5, name, json!({})),
        };
        assert_eq!(ask("alive__read")["result"]["content"][0]["text"], "alive");
        for gone in ["dead__read", "closed__read"] {
            let answer = ask(gone);
            assert_eq!(answer["error"]["code"], -32603, "{gone}: {answer}");
        }
    }
}

#[test]
fn an_upstream_that_dies_later_does_not_take_the_others_along() {
    let alive = named("alive");
    let mut server = Server::start_ours(&Counterpart::FixtureSession.line());
    let upstreams =
        vec![http("mortal", server.url(), EraChoice::Session), http("alive", &alive.url(), EraChoice::Session)];
    let rig = Rig::new(Recorder::open(), upstreams);
    let client = rig.federated().open();
    assert!(listed(&client, "tools/list", "tools", "name").iter().any(|name| name.starts_with("mortal__")));
    server.kill();
    assert_eq!(listed(&client, "tools/list", "tools", "name"), ["alive__read", "alive__only_alive"]);
    let gone = client.ask(6, "tools/call", json!({ "name": "mortal__test_simple_text" }));
    assert_eq!(gone["error"]["code"], -32603, "{gone}");
    assert_eq!(client.ask(7, "tools/call", json!({ "name": "alive__read" }))["result"]["content"][0]["text"], "alive");
}

#[test]
fn a_filter_judges_the_upstreams_own_names() {
    let (one, two) = (named("one"), named("two"));
    let only_two = |request: &holdshort_model::Request| match (&request.action.server, request.action.name.as_str()) {
        (Some(server), "read") if server == "one" => common::Say::Deny,
        _ => common::Say::Allow,
    };
    let upstreams = vec![http("one", &one.url(), EraChoice::Session), http("two", &two.url(), EraChoice::Session)];
    let rig = Rig::new(Recorder::new(only_two), upstreams);
    let client = rig.federated().open();
    assert_eq!(listed(&client, "tools/list", "tools", "name"), ["one__only_one", "two__read", "two__only_two"]);
    assert_eq!(client.ask(2, "tools/call", json!({ "name": "one__read" }))["error"]["code"], -32001);
    assert!(client.ask(3, "tools/call", json!({ "name": "two__read" })).get("result").is_some());
}
