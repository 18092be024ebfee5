//! What is allowed passes byte for byte, in both directions, over both transports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Client, Recorder, Reply, Rig, Wrapper, bodies, http, played, scripted, taped};
use holdshort_model::Digest;
use holdshort_proxy::mcp::EraChoice;
use holdshort_testkit::{CommandLine, Counterpart};
use serde_json::json;

/// Odd, and allowed: white space, order, unknown members, escapes, the longest number that fits, exponents.
const ODD_CALL: &str = " {\t\"params\" : {\"zz\":[ ],\"arguments\":{\"z\":1.0 , \"a\" : 18446744073709551615, \"u\\u0041\":\"\\u00e9\\/é\\ud83d\\ude00\", \"e\":-0.0, \"f\":1E+2},  \"name\":\"echo\",\"_meta\":{\"x\":null} }, \"unknown\" : {\"b\":1, \"a\":2} ,\"method\":\"tools\\/call\",\"id\" : 7 , \"jsonrpc\":\"2.0\"}";
/// The same for what comes back; a client gets it without its surrounding white space.
const ODD_RESULT: &str = "{ \"result\":{\"structuredContent\":{\"n\":1e400,\"big\":123456789012345678901234567890},\"content\":[{\"text\":\"\\u00e9\\/\",\"type\":\"text\"} ],  \"new\":[ ]}, \"id\":7,\"x\": 1E+2 , \"jsonrpc\":\"2.0\"}";

fn odd_upstream() -> holdshort_testkit::ScriptedUpstream {
    scripted(|message, _| (message["method"] == "tools/call").then(|| Reply::Json(ODD_RESULT.to_owned())))
}

#[test]
fn an_odd_call_and_its_odd_result_survive_over_http() {
    let upstream = odd_upstream();
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client = rig.client("up").open();
    assert_eq!(client.say(ODD_CALL), [ODD_RESULT]);
    assert_eq!(bodies(&upstream, "echo"), [ODD_CALL]);
    assert!(rig.authority.permitted().contains(&Digest::of(ODD_CALL.as_bytes())));
}

#[test]
fn an_odd_call_and_its_odd_result_survive_for_a_stateless_client() {
    let upstream = odd_upstream();
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    let client = rig.client("up");
    let envelope = r#""x":null, "io.modelcontextprotocol/clientCapabilities" : { },"io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
    let call = ODD_CALL.replace("\"x\":null", envelope);
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "echo")];
    let answer = client.post(&headers, &call);
    assert_eq!(String::from_utf8(answer.body).unwrap(), ODD_RESULT);
    assert_eq!(bodies(&upstream, "echo"), [call]);
}

#[test]
fn a_number_that_no_machine_holds_is_refused_in_arguments() {
    let upstream = odd_upstream();
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let call = ODD_CALL.replace("1E+2},", "1e400},");
    let client = rig.client("up").open();
    let answer = client.post(&[], call);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["id"], 7);
    assert!(bodies(&upstream, "echo").is_empty());
}

/// A server on a pipe that answers every call with the odd result.
fn odd_child() -> CommandLine {
    let script = r#"
        require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
          const message = JSON.parse(line);
          if (message.id === undefined) return;
          const hello = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 's', version: '1' } };
          const answer = message.method === 'initialize' ? JSON.stringify({ jsonrpc: '2.0', id: message.id, result: hello }) : process.argv[1];
          process.stdout.write(`${answer}\n`);
        });"#;
    CommandLine::new("node").args(["-e", script, ODD_RESULT])
}

#[test]
fn an_odd_call_and_its_odd_result_survive_over_stdio() {
    let dir = tempfile::tempdir().unwrap();
    let tape = dir.path().join("tape");
    let authority = Recorder::open();
    let mut client =
        Wrapper::new(&authority, common::stdio("up", &taped(&tape, &odd_child()), EraChoice::Session)).open();
    client.write(ODD_CALL);
    assert_eq!(client.line().unwrap(), ODD_RESULT);
    let received = played(&tape);
    let call = received.lines().find(|line| line.contains("echo")).unwrap();
    assert_eq!(call.trim_start(), ODD_CALL.trim_start());
    assert!(authority.permitted().contains(&Digest::of(call.as_bytes())));
}

#[test]
fn a_call_on_several_lines_reaches_a_pipe_on_one_and_that_one_was_decided_on() {
    let dir = tempfile::tempdir().unwrap();
    let tape = dir.path().join("tape");
    let rig = Rig::new(Recorder::open(), vec![common::stdio("up", &taped(&tape, &odd_child()), EraChoice::Session)]);
    let client = rig.client("up").open();
    let call = ODD_CALL.replace(" , ", "\r\n,\n");
    assert_eq!(client.say(&call), [ODD_RESULT]);
    let received = played(&tape);
    let line = received.lines().find(|line| line.contains("echo")).unwrap();
    assert_eq!(line, call.replace(['\r', '\n'], " "));
    assert!(rig.authority.permitted().contains(&Digest::of(line.as_bytes())), "the digest is that of other bytes");
}

#[test]
fn a_big_result_passes_whole() {
    let upstream =
        scripted(|message, _| (message["method"] == "tools/call").then(|| Reply::text(message, &"é".repeat(3 << 20))));
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let answer = rig.client("up").open().ask(1, "tools/call", json!({ "name": "big", "arguments": {} }));
    assert_eq!(answer["result"]["content"][0]["text"].as_str().unwrap().len(), 6 << 20);
}

#[test]
fn real_servers_get_what_the_client_wrote() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("note.txt"), "héllo").unwrap();
    let line = Counterpart::Filesystem.line().arg(dir.path().canonicalize().unwrap());
    let authority = Recorder::open();
    let mut client = Wrapper::new(&authority, common::stdio("fs", &line, EraChoice::Auto)).open();
    let path = dir.path().canonicalize().unwrap().join("note.txt");
    let answer = client.ask(1, "tools/call", json!({ "name": "read_text_file", "arguments": { "path": path } }));
    assert_eq!(answer["result"]["content"][0]["text"], "héllo", "{answer}");
}

#[test]
fn two_spellings_of_one_id_are_one_id() {
    let upstream = scripted(|message, _| (message["method"] == "tools/call").then(|| Reply::text(message, "done")));
    let rig = Rig::new(Recorder::open(), vec![http("up", &upstream.url(), EraChoice::Session)]);
    let client: Client = rig.client("up").open();
    let call = r#"{"jsonrpc":"2.0","id":"\u0061","method":"tools/call","params":{"name":"t"}}"#;
    let answer: serde_json::Value = serde_json::from_str(&client.say(call)[0]).unwrap();
    assert_eq!((answer["id"].as_str(), bodies(&upstream, "tools/call")), (Some("a"), vec![call.to_owned()]));
}
