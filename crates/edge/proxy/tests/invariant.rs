//! The invariant under load: every message that an upstream received has an earlier permitted question with the digest
//! of exactly these bytes, and nothing that was refused was received.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Client, Recorder, Reply, Rig, Say, Wrapper, child, http, messages, played, respond, stdio, taped};
use holdshort_model::{ActionKind, Digest, FailMode};
use holdshort_proxy::mcp::EraChoice;
use holdshort_testkit::ScriptedUpstream;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const REQUESTS_PER_CLIENT: u64 = 60;

/// Numbers that look random and are the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Refuses, or fails on, what is marked so, wherever the mark stands.
fn authority() -> Arc<Recorder> {
    Recorder::new(|request| {
        let text = format!("{} {}", request.action.name, request.action.args);
        match () {
            () if text.contains("refuse-me") => Say::Deny,
            () if text.contains("fail-me") => Say::Fail(FailMode::RecorderDown),
            () => Say::Allow,
        }
    })
}

/// An upstream that looks up each message at the moment at which it arrives.
fn watched(
    authority: &Arc<Recorder>,
    violations: &Arc<Mutex<Vec<String>>>,
    received: &Arc<AtomicUsize>,
) -> ScriptedUpstream {
    let (authority, violations, received) = (authority.clone(), violations.clone(), received.clone());
    ScriptedUpstream::start(move |request, stream| {
        if request.line.starts_with("POST") {
            received.fetch_add(1, Ordering::SeqCst);
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let known = authority.permitted().contains(&Digest::of(&request.body));
            if !known || text.contains("refuse-me") || text.contains("fail-me") {
                violations.lock().unwrap().push(text);
            }
        }
        respond(request, stream, |message, _| match message["method"].as_str()? {
            "tools/call" => Some(Reply::text(message, &message["params"]["arguments"]["n"].to_string())),
            "tools/list" => Some(Reply::result(
                message,
                json!({ "tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private" }),
            )),
            "resources/read" => Some(Reply::result(
                message,
                json!({ "contents": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private" }),
            )),
            _ => None,
        })
    })
}

/// One client's random requests. `prefix` is that of the federated endpoint.
fn play(client: &Client, prefix: &str, seed: u64) {
    let mut random = Random(seed);
    let stateless = client.session.is_none();
    let ask = |id: u64, method: &str, params: Value| match stateless {
        true => client.request(id, method, params),
        false => client.ask(id, method, params),
    };
    for n in 0..REQUESTS_PER_CLIENT {
        let id = 100 + n;
        let mark = ["", "refuse-me", "fail-me", "", ""][random.below(5) as usize];
        match random.below(6) {
            0 if prefix.is_empty() => {
                let answer = ask(id, "resources/read", json!({ "uri": format!("x:{mark}{n}") }));
                assert_eq!(answer["error"]["code"] == -32001, !mark.is_empty(), "{answer}");
            }
            1 => assert!(ask(id, "tools/list", json!({})).get("result").is_some()),
            2 => {
                let said = format!(r#"{{"jsonrpc":"2.0","method":"notifications/{mark}x","params":{{"n":{n}}}}}"#);
                client.post(&[], said);
            }
            3 => {
                let batch =
                    format!(r#"[{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"refuse-me"}}}}]{n}"#);
                assert_eq!(client.post(&[], batch).status, 400);
            }
            _ => {
                let arguments = json!({ "n": n, "text": format!("{mark}é\n{seed}"), "deep": [{ "a": [n] }] });
                let answer = ask(id, "tools/call", json!({ "name": format!("{prefix}tool"), "arguments": arguments }));
                match mark {
                    "" => assert_eq!(answer["result"]["content"][0]["text"], n.to_string(), "{answer}"),
                    _ => assert_eq!(answer["error"]["code"], -32001, "{answer}"),
                }
                assert_eq!(answer["id"], id, "an answer belongs to its request");
            }
        }
    }
}

#[test]
fn everything_that_is_received_was_permitted_before() {
    let (authority, violations, received) = (authority(), Arc::default(), Arc::new(AtomicUsize::new(0)));
    let upstream = || watched(&authority, &violations, &received);
    let (old, new) = (upstream(), upstream());
    let upstreams = vec![http("old", &old.url(), EraChoice::Session), http("new", &new.url(), EraChoice::Stateless)];
    let rig = Rig::new(authority.clone(), upstreams);
    let clients = [
        (rig.client("old").open(), ""),
        (rig.client("new").open(), ""),
        (rig.client("old"), ""),
        (rig.client("new"), ""),
        (rig.client("old").as_agent(Some("bob")).open(), ""),
        (rig.federated().open(), "old__"),
        (rig.federated(), "new__"),
        (rig.federated().as_agent(Some("bob")), "old__"),
    ];
    std::thread::scope(|scope| {
        for (seed, (client, prefix)) in clients.iter().enumerate() {
            scope.spawn(move || play(client, prefix, seed as u64));
        }
    });
    assert!(received.load(Ordering::SeqCst) > 150, "the upstreams were used");
    let refused = authority.look(|log| log.asked.iter().filter(|asked| asked.said != Say::Allow).count());
    assert!(refused > 100, "and much was refused");
    assert_eq!(*violations.lock().unwrap(), Vec::<String>::new());
    let forwarded = authority.look(|log| {
        let calls = log.of(ActionKind::ToolCall).into_iter().filter(|asked| asked.said == Say::Allow).count();
        (calls, log.ended(ActionKind::ToolCall).len())
    });
    assert_eq!(forwarded.0, forwarded.1, "every permitted call has an outcome");
}

#[test]
fn the_same_holds_for_servers_on_pipes() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let answer = "if (message.id !== undefined && message.method === 'tools/call') send({ id: message.id, result: { content: [{ type: 'text', text: String(message.params.arguments.n) }] } }); \
                  else if (message.id !== undefined) send({ id: message.id, result: { tools: [], contents: [] } });";
    let authority = authority();
    {
        let rig = Rig::new(authority.clone(), vec![stdio("up", &taped(&one, &child(answer)), EraChoice::Session)]);
        let clients =
            [rig.client("up").open(), rig.client("up"), rig.client("up"), rig.client("up").as_agent(Some("bob"))];
        std::thread::scope(|scope| {
            for (seed, client) in clients.iter().enumerate() {
                scope.spawn(move || play(client, "", 100 + seed as u64));
            }
        });
    }
    {
        let mut client = Wrapper::new(&authority, stdio("up", &taped(&two, &child(answer)), EraChoice::Session)).open();
        for n in 0..REQUESTS_PER_CLIENT {
            let mark = ["", "refuse-me", "fail-me"][(n % 3) as usize];
            let params = json!({ "name": "t", "arguments": { "n": n, "mark": mark } });
            let answer = client.ask(100 + n, "tools/call", params);
            assert_eq!(answer.get("result").is_some(), mark.is_empty(), "{answer}");
        }
    }
    let permitted = authority.permitted();
    let tapes = [one, two].map(|tape| played(&tape));
    let lines: Vec<_> = tapes.iter().flat_map(|tape| tape.lines()).collect();
    assert!(lines.len() > 100, "{}", lines.len());
    for line in lines {
        assert!(permitted.contains(&Digest::of(line.as_bytes())), "not asked about: {line}");
        assert!(!line.contains("refuse-me") && !line.contains("fail-me"), "refused: {line}");
    }
}

#[test]
fn a_refused_call_says_the_same_to_both_eras() {
    let (authority, violations, received) = (authority(), Arc::default(), Arc::default());
    let upstream = watched(&authority, &violations, &received);
    let rig = Rig::new(authority, vec![http("up", &upstream.url(), EraChoice::Stateless)]);
    let params = json!({ "name": "refuse-me" });
    let old = rig.client("up").open().ask(1, "tools/call", params.clone());
    let new = messages(&rig.client("up").modern(1, "tools/call", params)).remove(0);
    assert_eq!((&old["error"]["code"], &old["error"]["message"]), (&new["error"]["code"], &new["error"]["message"]));
}
