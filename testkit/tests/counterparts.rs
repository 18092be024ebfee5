//! The counterparts start, answer and end; the recorders record. What they answer is checked by the suites themselves.

use std::io::Write;
use std::time::Duration;

use holdshort_testkit::{Conformance, Counterpart, Driver, Script, ScriptedUpstream, Server, StdioPeer, Suite, raw};
use serde_json::{Value, json};

fn tools_of(result: &Value) -> Vec<&str> {
    let tools = result["tools"].as_array().into_iter().flatten();
    tools.filter_map(|tool| tool["name"].as_str()).collect()
}

#[test]
fn stdio_servers_list_their_tools() {
    let directory = std::env::temp_dir();
    let database = directory.join(format!("holdshort-testkit-{}.db", std::process::id()));
    let lines = [
        (Counterpart::Everything.line(), "echo"),
        (Counterpart::Filesystem.line().arg(&directory), "read_text_file"),
        (Counterpart::Memory.line(), "read_graph"),
        (Counterpart::Git.line(), "git_status"),
        (Counterpart::Fetch.line(), "fetch"),
        (Counterpart::Sqlite.line().arg("--db-path").arg(&database), "read_query"),
        (Counterpart::FixtureSession.line().arg("--stdio"), "test_simple_text"),
        (Counterpart::FixtureStateless.line().arg("--stdio"), "test_simple_text"),
        (Counterpart::Misbehave.line().arg("--stdio"), "hang"),
    ];
    for (line, tool) in lines {
        let mut peer = StdioPeer::spawn(line.command());
        assert!(peer.initialize()["serverInfo"]["name"].is_string(), "{line:?}");
        let list = peer.request(1, "tools/list", json!({}));
        assert!(tools_of(&list["result"]).contains(&tool), "{line:?} has no {tool}: {list}");
        peer.close_stdin();
        peer.wait();
    }
    std::fs::remove_file(database).ok();
}

#[test]
fn a_server_ends_with_its_owner() {
    let server = Server::start_ours(&Counterpart::Misbehave.line());
    let authority = server.authority().to_owned();
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let answer = raw::exchange(&authority, &raw::post(&authority, &[], list.as_bytes())).expect("an answer");
    assert_eq!((answer.status, answer.json()["id"].as_u64()), (200, Some(1)));
    drop(server);
    assert!(std::net::TcpStream::connect(&authority).is_err(), "the port is still open");
}

#[test]
fn a_fault_is_on_the_wire() {
    let server = Server::start_ours(&Counterpart::Misbehave.line());
    let call = |fault: &str| {
        let body = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": fault}}).to_string();
        raw::exchange(server.authority(), &raw::post(server.authority(), &[], body.as_bytes()))
    };
    assert_eq!(call("media_upper").unwrap().header("content-type"), Some("Application/JSON"));
    assert_eq!(call("status_201").unwrap().status, 201);
    assert_eq!(call("wrong_id").unwrap().json()["id"], 987_654_321);
    assert!(String::from_utf8(call("cut_off").unwrap().body).unwrap().len() < 21);
    assert_eq!(call("die"), None);
}

#[test]
fn a_silent_peer_is_seen_as_silent() {
    let mut peer = StdioPeer::spawn(Counterpart::Misbehave.line().args(["--stdio", "--hang", "tools/list"]).command());
    peer.initialize();
    peer.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    peer.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}));
    assert_eq!(peer.receive()["id"], 2);
    assert_eq!(peer.line_within(Duration::from_millis(50)), None);
}

#[test]
fn a_scripted_upstream_remembers_the_exact_bytes() {
    let upstream = ScriptedUpstream::start(|_, stream| stream.write_all(b"HTTP/1.1 202 Accepted\r\n\r\n").is_ok());
    let body = b"{ \"jsonrpc\":\"2.0\",  \"method\":\"notifications/x\" }";
    let answer = raw::exchange(&upstream.authority(), &raw::post(&upstream.authority(), &[("X-Odd", " a ")], body));
    assert_eq!(answer.map(|answer| answer.status), Some(202));
    let received = upstream.received();
    assert_eq!((received.len(), received[0].header("x-odd"), received[0].body.as_slice()), (1, Some("a"), &body[..]));
}

#[test]
fn every_client_runs_the_script_in_its_era() {
    let session = Server::start_ours(&Counterpart::FixtureSession.line());
    let stateless = Server::start_ours(&Counterpart::FixtureStateless.line());
    let call = r#"[{"op": "call", "name": "test_simple_text"}]"#;
    for driver in [Driver::TypescriptV1, Driver::TypescriptV2, Driver::PythonMcp, Driver::PythonFastmcp] {
        let newest = if driver == Driver::TypescriptV1 { "2025-11-25" } else { "2026-07-28" };
        for (server, era) in [(&session, "2025-11-25"), (&stateless, newest)] {
            let report = Script::new(driver, call).against(server);
            assert_eq!(report["era"], era, "{driver:?}: {report}");
            let text = &report["results"][0]["result"]["content"][0]["text"];
            assert_eq!(text, "This is a simple text response for testing.", "{driver:?}: {report}");
        }
    }
}

#[test]
fn conformance_tells_a_regression() {
    let fixture = Server::start_ours(&Counterpart::FixtureSession.line());
    let everything = Server::start_ours(&Counterpart::EverythingHttp.line());
    let run = || Conformance::new(Suite::Session, "session-fixture-direct").only(&["ping", "tools-call-image"]);
    assert_eq!(run().url(fixture.url()), Ok(()));
    let regressions = run().token("unused").url(everything.url()).expect_err("server-everything has no such tool");
    assert!(regressions.contains("REGRESSION tools-call-image"), "{regressions}");
    assert!(!regressions.contains("REGRESSION ping"), "{regressions}");
}
