//! Bad input from clients: a clear error, nothing forwarded, everything on record.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Recorder, Reply, Rig, Say, Wrapper, bodies, http, messages, scripted, stdio};
use holdshort_model::{ActionKind, FailMode};
use holdshort_proxy::mcp::{EraChoice, GatewayOptions, Limits};
use holdshort_testkit::{Counterpart, ScriptedUpstream};
use serde_json::{Value, json};
use std::io::Write;

fn echo() -> ScriptedUpstream {
    scripted(|message, _| (message["method"] == "tools/call").then(|| Reply::text(message, "ran")))
}

fn limited(change: impl FnOnce(&mut Limits)) -> GatewayOptions {
    let mut options = GatewayOptions::default();
    change(&mut options.limits);
    options
}

fn call(id: u64, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#)
}

#[test]
fn what_cannot_be_read_in_one_way_is_refused_and_recorded() {
    let upstream = echo();
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let cases: Vec<(Vec<u8>, i64)> = vec![
        (b"".to_vec(), -32700),
        (b"{".to_vec(), -32700),
        (b"\xff\xfe".to_vec(), -32700),
        (b"null".to_vec(), -32600),
        (b"7".to_vec(), -32600),
        (call(1, r#"{"name":"t"}} "#).into_bytes(), -32700),
        (br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"b"}}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","Params":{"name":"b"}}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"a"}}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":1.5,"method":"tools/call","params":{"name":"a"}}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":{"$serde_json::private::RawValue":"1"},"method":"tools/call","params":{"name":"a"}}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"a"}}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["a"]}"#.to_vec(), -32600),
        (call(1, &format!(r#"{{"name":"t","arguments":{{"a":{}}}}}"#, deep(200))).into_bytes(), -32600),
        (call(1, &format!(r#"{{"name":"t","arguments":{{"a":{}}}}}"#, deep(100_000))).into_bytes(), -32600),
    ];
    for (count, (body, code)) in cases.iter().enumerate() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        let answer = client.post(&[], body);
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (400, Some(*code)), "{shown}");
        let recorded = rig.authority.look(|log| log.of(ActionKind::Unknown).len());
        assert_eq!(recorded, count + 1, "{shown}");
    }
    let faults = rig.authority.look(|log| {
        log.of(ActionKind::Unknown).iter().map(|asked| (asked.request.context.fault, asked.said)).collect::<Vec<_>>()
    });
    assert!(faults.iter().all(|one| *one == (Some(FailMode::Unparseable), Say::Deny)));
    assert!(bodies(&upstream, "tools/call").is_empty());
}

#[test]
fn arguments_that_another_parser_would_read_differently_are_refused() {
    let upstream = echo();
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    for params in [
        r#"{"name":"t","arguments":{"path":"a","path":"b"}}"#,
        r#"{"name":"t","arguments":{"path":"a","Path":"b"}}"#,
        r#"{"name":"t","arguments":{"path":"a","pa\u0074h":"b"}}"#,
        r#"{"name":"t","arguments":{"x":[{"k":1,"k":2}]}}"#,
        r#"{"name":"t","Arguments":{"path":"a"}}"#,
        r#"{"name":"t","arguments":[1]}"#,
        r#"{"name":7}"#,
        r#"{}"#,
    ] {
        let answer = messages(&client.post(&[], call(1, params))).remove(0);
        assert!(answer.get("error").is_some() && answer["id"] == 1, "{params}: {answer}");
    }
    assert!(bodies(&upstream, "tools/call").is_empty());
    assert!(rig.authority.look(|log| log.of(ActionKind::ToolCall).is_empty()), "no call was even asked about");
}

#[test]
fn a_body_over_the_limit_is_413_and_recorded() {
    let upstream = echo();
    let up = http("up", &upstream.url(), EraChoice::Session);
    let rig = Rig::with(Recorder::open(), vec![up], limited(|limits| limits.request_bytes_max = 1000));
    let client = rig.client("up").open();
    let fits = call(1, &format!(r#"{{"name":"{}"}}"#, "x".repeat(900)));
    assert_eq!(client.post(&[], &fits).status, 200);
    let answer = client.post(&[], fits.replace('x', "xx"));
    assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (413, Some(-32600)));
    let fault = rig.authority.look(|log| log.of(ActionKind::Unknown)[0].request.context.fault);
    assert_eq!((fault, bodies(&upstream, "tools/call").len()), (Some(FailMode::Oversize), 1));
}

#[test]
fn a_line_over_the_limit_is_answered_and_ends_the_pipe() {
    let authority = Recorder::open();
    let limits = Limits { request_bytes_max: 1000, ..Limits::default() };
    let server = stdio("up", &Counterpart::Misbehave.line().arg("--stdio"), EraChoice::Session);
    let mut client = Wrapper::with(&authority, server, limits).open();
    client.write(call(1, &format!(r#"{{"name":"read_note","arguments":{{"x":"{}"}}}}"#, "x".repeat(1000))));
    assert_eq!(client.receive()["error"]["code"], -32600);
    assert_eq!(client.line(), None);
    let fault = authority.look(|log| log.of(ActionKind::Unknown)[0].request.context.fault);
    assert_eq!(fault, Some(FailMode::Oversize));
}

#[test]
fn garbage_on_a_pipe_is_answered_and_the_pipe_goes_on() {
    let authority = Recorder::open();
    let server = stdio("up", &Counterpart::Misbehave.line().arg("--stdio"), EraChoice::Session);
    let mut client = Wrapper::new(&authority, server).open();
    for (line, code) in [("{", -32700), ("[]", -32600), ("\u{1}", -32700)] {
        client.write(line);
        assert_eq!(client.receive()["error"]["code"], code, "{line:?}");
    }
    client.write("  \t ");
    let answer = client.ask(3, "tools/call", json!({ "name": "read_note" }));
    assert_eq!(answer["result"]["content"][0]["text"], "right answer of read_note");
    assert_eq!(authority.look(|log| log.of(ActionKind::Unknown).len()), 3);
}

#[test]
fn only_json_is_taken() {
    let upstream = echo();
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    for media in ["text/plain", "application/jsonx", "application/x-www-form-urlencoded", "", "text/json"] {
        assert_eq!(client.post(&[("content-type", media)], call(1, r#"{"name":"t"}"#)).status, 415, "{media}");
    }
    assert!(bodies(&upstream, "tools/call").is_empty());
    for media in ["Application/JSON", "application/json; charset=utf-8", "application/json ;x=y"] {
        assert_eq!(client.post(&[("content-type", media)], call(1, r#"{"name":"t"}"#)).status, 200, "{media}");
    }
}

#[test]
fn headers_that_tell_another_story_than_the_body_are_refused() {
    let upstream = scripted(|message, _| match message["method"].as_str()? {
        "tools/list" => {
            let schema = json!({ "type": "object", "properties": {
                "region": { "type": "string", "x-mcp-header": "Region" }, "n": { "type": "integer", "x-mcp-header": "N" } } });
            let list = json!([{ "name": "t", "inputSchema": schema }]);
            Some(Reply::result(
                message,
                json!({ "tools": list, "resultType": "complete", "ttlMs": 0, "cacheScope": "private" }),
            ))
        }
        "tools/call" => Some(Reply::text(message, "ran")),
        _ => None,
    });
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    let client = rig.client("up");
    let params = client.enveloped(json!({ "name": "t", "arguments": { "region": "héllo", "n": 42 } }));
    let body = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params }).to_string();
    let right = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "t"),
        ("mcp-param-region", "=?base64?aMOpbGxv?="),
        ("mcp-param-n", "42.0"),
    ];
    assert_eq!(client.post(&right, &body).status, 200);
    let sent = upstream.received().into_iter().find(|request| request.header("mcp-name").is_some()).unwrap();
    assert_eq!(sent.header("mcp-method").map(str::to_owned), sent.json()["method"].as_str().map(str::to_owned));
    let call = upstream.received().into_iter().find(|r| r.header("mcp-method") == Some("tools/call")).unwrap();
    assert_eq!(
        (call.header("mcp-param-region"), call.header("mcp-param-n")),
        (Some("=?base64?aMOpbGxv?="), Some("42"))
    );
    let wrong = [
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-protocol-version", "2027-01-01"),
        ("mcp-method", "tools/list"),
        ("mcp-name", "T"),
        ("mcp-name", "=?base64?!?="),
        ("mcp-param-region", "hello"),
        ("mcp-param-region", "=?base64?aMOpbGxv"),
        ("mcp-param-n", "43"),
    ];
    for (name, value) in wrong {
        let headers: Vec<_> = right.iter().map(|(n, v)| (*n, if *n == name { value } else { *v })).collect();
        let answer = client.post(&headers, &body);
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (400, Some(-32020)), "{name}: {value}");
        assert_eq!(answer.json()["id"], 5);
    }
    for missing in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        let headers: Vec<_> = right.iter().filter(|(name, _)| *name != missing).copied().collect();
        assert_eq!(client.post(&headers, &body).json()["error"]["code"], -32020, "{missing}");
    }
    assert_eq!(bodies(&upstream, "tools/call").len(), 1);
}

#[test]
fn a_stateless_request_without_its_envelope_is_an_error_and_never_a_session() {
    let upstream = echo();
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    let client = rig.client("up");
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "t")];
    let metas = [
        ("", -32602),
        (r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#, -32602),
        (r#","_meta":{"io.modelcontextprotocol/clientCapabilities":{}}"#, -32602),
        (
            r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2027-01-01","io.modelcontextprotocol/clientCapabilities":{}}"#,
            -32020,
        ),
    ];
    for (meta, code) in metas {
        let answer = client.post(&headers, call(3, &format!(r#"{{"name":"t"{meta}}}"#)));
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (400, Some(code)), "{meta}");
    }
    for gone in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list"] {
        let answer = client.modern(4, gone, json!({ "uri": "x:y" }));
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (404, Some(-32601)), "{gone}");
    }
    assert!(bodies(&upstream, "tools/call").is_empty());
}

#[test]
fn a_dead_session_is_404() {
    let upstream = echo();
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    let delete = String::from_utf8(client.request_bytes(&[], b"")).unwrap().replacen("POST", "DELETE", 1);
    assert_eq!(client.start(delete.as_bytes()).head().status, 200);
    assert_eq!(client.post(&[], call(1, r#"{"name":"t"}"#)).status, 404);
    assert_eq!(client.listen().head().status, 404);
    assert!(bodies(&upstream, "tools/call").is_empty());
    assert_eq!(rig.gateway.sessions(), 0);
}

#[test]
fn a_session_that_is_dead_at_the_upstream_is_404_for_the_client() {
    let upstream = ScriptedUpstream::start(|request, stream| {
        if !request.line.starts_with("POST") {
            return Reply::As(405, None, String::new()).write(stream);
        }
        let message: Value = serde_json::from_slice(&request.body).unwrap();
        match message["method"].as_str().unwrap_or_default() {
            "initialize" => {
                let result = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": { "name": "s", "version": "1" } });
                let body = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: theirs\r\n";
                stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).is_ok()
            }
            "tools/call" => Reply::As(404, None, String::new()).write(stream),
            _ => Reply::As(202, None, String::new()).write(stream),
        }
    });
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    assert_eq!(client.post(&[], call(1, r#"{"name":"t"}"#)).status, 404);
    assert_eq!(client.post(&[], call(2, r#"{"name":"t"}"#)).status, 404);
    let sent = upstream.received().into_iter().find(|request| request.header("mcp-session-id").is_some()).unwrap();
    assert_eq!(sent.header("mcp-session-id"), Some("theirs"), "the client's own session id stays here");
}

#[test]
fn an_answer_that_nobody_asked_for_goes_nowhere() {
    let upstream = echo();
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    let answer = client.post(&[], r#"{"jsonrpc":"2.0","id":"made-up","result":{"action":"accept"}}"#);
    assert_eq!(answer.status, 400);
    assert!(bodies(&upstream, "accept").is_empty());
    assert_eq!(messages(&answer).len(), 1);
}
