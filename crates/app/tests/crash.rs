//! `kill -9` among calls on 32 connections: what an upstream received is on record, and what was refused never
//! reached one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/gateway.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod gateway;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use gateway::{Client, Gateway, assert_verifies, decisions, home, http_upstream, message, records, register};
use holdshort_model::Digest;
use holdshort_testkit::{ScriptedUpstream, UpstreamRequest, raw};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

const CALLS: u64 = 1_000;
const CONNECTIONS: usize = 32;
/// Every so many calls one deletes without a bound, which the built-in policies refuse.
const FORBIDDEN_EVERY: u64 = 10;

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A server of the session era that notes when a call arrived, and says when it has seen `kill_at` of them.
fn upstream(kill_at: usize, tell: mpsc::Sender<()>) -> (ScriptedUpstream, Arc<std::sync::Mutex<HashMap<Digest, u64>>>) {
    let (seen, arrived) = (AtomicUsize::new(0), Arc::new(std::sync::Mutex::new(HashMap::new())));
    let arrivals = Arc::clone(&arrived);
    let tell = std::sync::Mutex::new(tell);
    let answer = move |request: &UpstreamRequest, stream: &mut TcpStream| {
        if request.body.is_empty() {
            return stream.write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n").is_ok();
        }
        let message = request.json();
        if message["method"] == "tools/call" {
            arrivals.lock().unwrap().entry(Digest::of(&request.body)).or_insert_with(now_ms);
            if seen.fetch_add(1, Ordering::SeqCst) + 1 == kill_at {
                tell.lock().unwrap().send(()).ok();
            }
        }
        reply(&message, stream)
    };
    (ScriptedUpstream::start(answer), arrived)
}

fn reply(message: &Value, stream: &mut TcpStream) -> bool {
    let definition = |name: &str| json!({"name": name, "description": name, "inputSchema": {"type": "object"}});
    let result = match message["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "scripted", "version": "1"},
        }),
        Some("tools/list") => json!({"tools": [definition("get_note"), definition("delete_notes")]}),
        Some("tools/call") => json!({"content": [{"type": "text", "text": message["params"]["arguments"]["id"]}]}),
        _ => return stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").is_ok(),
    };
    let body = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).is_ok()
}

/// The body of call `n`: no two are alike, and the gateway forwards these bytes.
fn call(n: u64, round: usize) -> String {
    let tool = if n.is_multiple_of(FORBIDDEN_EVERY) { "delete_notes" } else { "get_note" };
    let what = if n.is_multiple_of(FORBIDDEN_EVERY) { "query" } else { "id" };
    let arguments = json!({what: format!("{round}-{n}")});
    format!(
        r#"{{ "jsonrpc":"2.0","id":{n}, "method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    )
}

/// Connections that exist before the first call: a gateway that is killed early cannot refuse one.
fn connections(client: &Client) -> Vec<raw::Connection> {
    (0..CONNECTIONS).map(|_| raw::Connection::open(client.authority())).collect()
}

/// Calls until `calls` are used up or the gateway is gone; the ids that were answered with a result.
fn caller(client: &Client, mut connection: raw::Connection, next: &AtomicU64, calls: u64, round: usize) -> Vec<u64> {
    let mut answered = Vec::new();
    loop {
        let n = next.fetch_add(1, Ordering::SeqCst);
        if n > calls || !connection.write(&client.bytes(&call(n, round))) {
            return answered;
        }
        let Some(answer) = connection.answer() else { return answered };
        let complete = answer.header("content-length").and_then(|length| length.parse().ok());
        if complete.is_some_and(|length: usize| length != answer.body.len()) || answer.body.is_empty() {
            return answered;
        }
        let message = message(&answer, n);
        if n.is_multiple_of(FORBIDDEN_EVERY) {
            gateway::assert_refused(&message, "holdshort.rules.mass_delete");
        } else {
            assert_eq!(gateway::text_of(&message), format!("{round}-{n}"));
            answered.push(n);
        }
    }
}

/// One round: `kill_at` calls arrive, the gateway is killed, another one starts on the same log.
fn round(round: usize, kill_at: usize, home: &support::Home, token: &str) {
    let (tell, killing) = mpsc::channel();
    let (upstream, arrived) = upstream(kill_at, tell);
    gateway::configure(home, "", &http_upstream("notes", &upstream.url(), ""));
    let mut gateway = Gateway::start(home);
    let client = Client::connect(&gateway, "notes", token);
    client.request(0, "tools/list", &json!({}));
    let next = AtomicU64::new(1);
    let answered: Vec<u64> = std::thread::scope(|scope| {
        let callers: Vec<_> = connections(&client)
            .into_iter()
            .map(|one| scope.spawn(|| caller(&client, one, &next, u64::MAX, round)))
            .collect();
        killing.recv().unwrap();
        gateway.kill();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });

    // The next service recovers the log, and its end seals it.
    assert!(Gateway::start(home).interrupt().success());
    assert_verifies(home);
    let records = records(home);
    let allowed: HashMap<Digest, &Value> = decisions(&records)
        .into_iter()
        .filter(|record| {
            record["decision"]["enforced"] == "allow" && record["request"]["action"]["kind"] == "tool.call"
        })
        .map(|record| (record["request"]["action"]["digest"].as_str().unwrap().parse().unwrap(), record))
        .collect();

    // No received call without a record of exactly its bytes, decided before it arrived.
    let calls: Vec<_> = upstream.received().into_iter().filter(|one| !one.body.is_empty()).collect();
    let calls: Vec<_> = calls.into_iter().filter(|one| one.json()["method"] == "tools/call").collect();
    assert!(calls.len() >= kill_at);
    let mut digests = HashSet::new();
    for one in &calls {
        let (digest, text) = (Digest::of(&one.body), String::from_utf8_lossy(&one.body));
        let record = allowed.get(&digest).unwrap_or_else(|| panic!("forwarded without a record: {text}"));
        assert!(record["received_ms"].as_u64().unwrap() <= arrived.lock().unwrap()[&digest], "{text}: {record}");
        assert!(!text.contains("delete_notes"), "refused, and forwarded: {text}");
        assert!(digests.insert(digest), "forwarded twice: {text}");
    }
    // What the client was told to have happened did happen, and is on record.
    for n in &answered {
        assert!(digests.contains(&Digest::of(call(*n, round).as_bytes())), "answered and never forwarded: {n}");
    }
}

#[test]
fn every_forwarded_call_is_on_record_after_kill_9() {
    let home = home("", "");
    let token = register(&home, "caller");
    for (number, kill_at) in [1, 40, 333, 700, 990].into_iter().enumerate() {
        round(number, kill_at, &home, &token);
    }
}

/// The same for the thousand calls of a gateway that nobody kills: all that was allowed arrives, and nothing else.
#[test]
fn a_thousand_calls_and_none_is_lost() {
    let home = home("", "");
    let token = register(&home, "caller");
    let (tell, _killing) = mpsc::channel();
    let (upstream, _) = upstream(usize::MAX, tell);
    gateway::configure(&home, "", &http_upstream("notes", &upstream.url(), ""));
    let mut gateway = Gateway::start(&home);
    let client = Client::connect(&gateway, "notes", &token);
    client.request(0, "tools/list", &json!({}));
    let next = AtomicU64::new(1);
    let answered: usize = std::thread::scope(|scope| {
        let callers: Vec<_> =
            connections(&client).into_iter().map(|one| scope.spawn(|| caller(&client, one, &next, CALLS, 0))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap().len()).sum()
    });
    let forbidden = CALLS / FORBIDDEN_EVERY;
    assert_eq!(answered as u64, CALLS - forbidden);
    assert!(gateway.interrupt().success());
    assert_verifies(&home);
    let records = records(&home);
    let enforced = |effect: &str| {
        let of_calls = decisions(&records).into_iter().filter(|one| one["request"]["action"]["kind"] == "tool.call");
        of_calls.filter(|one| one["decision"]["enforced"] == effect).count() as u64
    };
    assert_eq!((enforced("allow"), enforced("deny")), (CALLS - forbidden, forbidden));
    let outcomes = records.iter().filter(|one| one["type"] == "outcome" && one["status"] == "ok").count() as u64;
    assert!(outcomes >= CALLS - forbidden, "{outcomes} outcomes");
}
