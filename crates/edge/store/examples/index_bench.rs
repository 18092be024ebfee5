//! How fast the index of a log is built, how large it gets, and how long searches take: `index_bench DIR [RECORDS]`.
//!
//! The records are decisions of 40 agents in sessions of 50 calls. Prints one JSON object a line.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program for developers, which ends when something is wrong"
)]

use holdshort_model::{Effect, Level, Record, RecordId};
use holdshort_store::index::{Facet, Filter, Index, Order, Search, Writer};
use holdshort_store::log::{Log, LogOptions};
use holdshort_store::records::Records;
use serde_json::json;
use std::path::Path;
use std::time::Instant;

const SEARCHES: usize = 20;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().unwrap();
    let count: u64 = arguments.next().map_or(200_000, |count| count.parse().unwrap());
    let data = Path::new(&directory);
    let options = LogOptions::new(data.join("log"), data.join("log.key"), "example.com/index-bench");
    let (log, _) = Log::open(options).unwrap();
    let mut bytes = 0;
    for number in log.size()..count {
        let record = record(number);
        bytes += record.len();
        // The queue is bounded.
        match number % 1_000 {
            0 => log.append_blocking(record).map(|_| ()).unwrap(),
            _ => log.enqueue(record).unwrap(),
        }
    }
    log.append_blocking(record(count)).unwrap();
    let records = Records::new(log.reader().unwrap());
    let file = data.join("index.db");

    let began = Instant::now();
    let mut writer = Writer::open(&file, &data.join("log"), &records, true).unwrap();
    let mut indexed = 0;
    loop {
        match writer.extend(&records).unwrap() {
            0 => break,
            more => indexed += more,
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let state = writer.index().state();
    println!(
        "{}",
        json!({
            "name": "index: built", "records": indexed, "record_bytes": bytes as u64 / count.max(1), "seconds": seconds,
            "rate": indexed as f64 / seconds, "index_bytes_per_record": state.bytes as f64 / state.size.max(1) as f64,
        })
    );
    drop(writer);
    let index = Index::open(&file, &data.join("log"), &records).unwrap().unwrap();
    let session = || Filter::default().any(Facet::Session, [format!("session-{}", count / 100)]);
    let cases = [
        ("one session", session()),
        (
            "an agent's refusals",
            Filter::default().any(Facet::Agent, ["agent-7"]).effects(Facet::Effect, [Effect::Deny]),
        ),
        ("critical", Filter::default().at_least(Level::Critical)),
        ("two words", Filter::default().says("exfiltration uncommon").unwrap()),
        ("nothing", Filter::default().any(Facet::Agent, ["nobody"])),
        ("an id", Filter::default().ids([id(count / 2)])),
        ("an hour", Filter::default().since(Some(time(count / 2))).until(Some(time(count / 2 + 360)))),
    ];
    for (name, filter) in &cases {
        let mut times: Vec<f64> = (0..SEARCHES).map(|_| search(&records, Some(&index), filter).1).collect();
        times.sort_by(f64::total_cmp);
        let found = search(&records, Some(&index), filter).0;
        let half = times.get(times.len() / 2).copied();
        println!(
            "{}",
            json!({ "name": format!("search: {name}"), "found": found, "p50_ms": half, "worst_ms": times.last() })
        );
    }
    let (found, milliseconds) = search(&records, None, &session());
    println!("{}", json!({ "name": "search: one session, every record read", "found": found, "ms": milliseconds }));
}

/// The newest hundred that match, and how many milliseconds it takes.
fn search(records: &Records, index: Option<&Index>, filter: &Filter) -> (usize, f64) {
    let began = Instant::now();
    let found =
        Search::new(records, index, filter, Order::NewestFirst, 0..u64::MAX).take(100).map(Result::unwrap).count();
    (found, began.elapsed().as_secs_f64() * 1e3)
}

fn id(number: u64) -> RecordId {
    RecordId::from_parts(time(number), u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn time(number: u64) -> u64 {
    1_780_000_000_000 + number * 10_000
}

fn record(number: u64) -> Vec<u8> {
    let (agent, session) = (format!("agent-{}", number % 40), format!("session-{}", number / 50));
    let (effect, level) = match number % 1_000 {
        7 => ("deny", "critical"),
        8..20 => ("deny", "high"),
        20..60 => ("ask", "medium"),
        _ => ("allow", "low"),
    };
    let word = if number.is_multiple_of(9_973) { "an uncommon exfiltration" } else { "the usual" };
    let tool =
        ["read_file", "write_file", "send_message", "search_web", "delete_file"][usize::try_from(number % 5).unwrap()];
    let text = "a value of an argument that somebody wrote, as long as such values are ".repeat(8);
    let action = json!({ "kind": "tool.call", "server": "files", "name": tool, "args": { "path": "/srv/data/report.txt", "content": text } });
    let part = |signal: &str| json!({ "signal": signal, "points": 3, "confidence": 90, "why": format!("{word} destination was seen {} times before", number % 7) });
    let facts_action = json!({
        "kind": "tool.call", "server": "files", "name": tool, "args": action["args"],
        "effects": [{ "verb": "write", "resource": { "kind": "file", "path": "/srv/data/report.txt" }, "certainty": "derived" }],
    });
    let record = json!({
        "type": "decision", "version": 1, "sequence": number % 50, "received_ms": time(number), "deciding_ns": 20_000,
        "request": { "subject": { "agent": agent, "user": format!("user-{}", number % 400) }, "action": action, "session": session },
        "facts": {
            "subject": {
                "agent": { "id": agent, "class": "assistant" }, "session": session,
                "authenticated_by": "token", "standing": "active",
            },
            "action": facts_action,
            "context": { "time": 1, "enforcement_point": "mcp" },
        },
        "decision": {
            "id": id(number), "effect": effect, "enforced": effect, "mode": "enforce",
            "risk": { "score": 12, "level": level, "parts": [part("destination"), part("history")] },
            "reasons": [{ "policy": "grants", "message": format!("not granted: `{tool}` with {word} content"), "effect": effect, "mode": "enforce" }],
            "snapshot": format!("sha256:{}", "0".repeat(64)),
        },
        "build": { "version": "0.1.0" },
    });
    // As the service writes it, with its type first.
    serde_json::to_vec(&serde_json::from_value::<Record>(record).unwrap()).unwrap()
}
