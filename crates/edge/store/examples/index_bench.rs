//! How fast the index of a log is built, how large it gets, and how long searches take: `index_bench DIR [RECORDS]`;
//! with `searches` behind it the index is taken as it is.
//!
//! The records are sealed: decisions of 200 agents in sessions of 100 calls, 64 of them at a time, and their outcomes. A log
//! that is there is taken as it is. Prints one JSON object a line.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program for developers, which ends when something is wrong"
)]

use holdshort_ledger::seal;
use holdshort_model::{Effect, Level, Record, RecordId, Verb};
use holdshort_store::index::{Facet, Filter, INDEX_FILE, Index, Order, Search, Writer};
use holdshort_store::keys::{KEYS_FILE, Keys, NamedKey, Owner};
use holdshort_store::log::{Log, LogOptions};
use holdshort_store::records::Records;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

const SEARCHES: u64 = 200;
const AGENTS: u64 = 200;
/// Sessions that go on at the same time, and records of each: every call has two.
const AT_ONCE: u64 = 64;
const SESSION_RECORDS: u64 = 200;
/// Threads that have keys made: they share the syncs.
const KEY_MAKERS: u64 = 32;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().unwrap();
    let count: u64 = arguments.next().map_or(200_000, |count| count.parse().unwrap());
    let data = Path::new(&directory);
    std::fs::create_dir_all(data).unwrap();
    let keys = Keys::open(&data.join(KEYS_FILE)).unwrap();
    let options = LogOptions::new(data.join("log"), data.join("log.key"), "example.com/index-bench");
    let (log, _) = Log::open(options).unwrap();
    fill(&log, &keys, count);
    let records = Records::new(log.reader().unwrap()).with_keys(Some(keys));
    let file = data.join(INDEX_FILE);
    if arguments.next().as_deref() != Some("searches") {
        build(&records, &file, &data.join("log"));
    }
    search_all(&records, &file, &data.join("log"), records.size());
}

fn fill(log: &Log, keys: &Keys, count: u64) {
    if log.size() >= count {
        return;
    }
    let sessions = session(count) + AT_ONCE;
    std::thread::scope(|scope| {
        for maker in 0..KEY_MAKERS {
            let mine = (maker..sessions).step_by(usize::try_from(KEY_MAKERS).unwrap());
            scope.spawn(move || mine.for_each(|session| drop(key(keys, session))));
        }
    });
    let (began, mut bytes, mut stored) = (Instant::now(), 0, 0);
    for number in log.size()..count {
        let (record, NamedKey { id, key }) = (record(number), key(keys, session(number)));
        let nonce = (u128::from(number) << 64 | u128::from(number)).to_be_bytes();
        let sealed = seal(&record, id, &key, &nonce).unwrap();
        (bytes, stored) = (bytes + record.len(), stored + sealed.len());
        // The queue is bounded.
        match number % 1_000 == 999 || number + 1 == count {
            true => log.append_blocking(sealed).map(|_| ()).unwrap(),
            false => log.enqueue(sealed).unwrap(),
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({ "name": "log: made", "seconds": seconds, "record_bytes": bytes as u64 / count, "sealed_bytes": stored as u64 / count })
    );
}

fn build(records: &Records, file: &Path, log: &Path) {
    let mut writer = Writer::open(file, log, records, true).unwrap();
    writer.clear().unwrap();
    let (began, on_cpu, mut indexed, mut told) = (Instant::now(), cpu_seconds(), 0, 0);
    let mut resident = Vec::new();
    loop {
        match writer.extend(records).unwrap() {
            0 => break,
            more => indexed += more,
        }
        if indexed / 1_000_000 > told {
            told = indexed / 1_000_000;
            resident.push(resident_mib());
        }
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - on_cpu);
    let state = writer.index().state();
    println!(
        "{}",
        json!({
            "name": "index: built", "records": indexed, "seconds": seconds, "cpu_seconds": cpu,
            "rate": indexed as f64 / seconds, "rate_of_cpu": indexed as f64 / cpu,
            "index_bytes_per_record": state.bytes as f64 / state.size.max(1) as f64,
            "resident_mib_each_million": resident,
        })
    );
}

fn search_all(records: &Records, file: &Path, log: &Path, count: u64) {
    let agent = |n: u64| Filter::default().any(Facet::Agent, [format!("agent-{}", n * 7 % AGENTS)]);
    let at = |n: u64| time(n * 7_919_993 % count);
    let hour = |filter: Filter, n: u64| filter.since(Some(at(n))).until(Some(at(n) + 3_600_000));
    let says = |filter: Filter, text: &str| filter.says(text).unwrap();
    type Case<'a> = (&'a str, Box<dyn Fn(u64) -> (Filter, u64) + 'a>);
    let newest = u64::MAX;
    let cases: [Case<'_>; 13] = [
        ("newest 20 of an agent", Box::new(|n| (agent(n), newest))),
        (
            "a session",
            Box::new(|n| (Filter::default().any(Facet::Session, [name(session(n * 7_919_993 % count))]), newest)),
        ),
        (
            "tool, effect and hour",
            Box::new(|n| {
                (
                    hour(
                        Filter::default()
                            .any(Facet::Tool, ["mail/delete_messages"])
                            .effects(Facet::Effect, [Effect::Deny]),
                        n,
                    ),
                    newest,
                )
            }),
        ),
        ("a rare word", Box::new(|n| (says(Filter::default(), &format!("doc{}x", n * 5_003 % (count / 97))), newest))),
        ("a frequent word", Box::new(|_| (says(Filter::default(), "destination"), newest))),
        ("word, agent and hour", Box::new(|n| (hour(says(agent(n), "destination seen"), n), newest))),
        (
            "a frequent word long ago",
            Box::new(|n| (says(Filter::default(), "destination").until(Some(time(n * 10))), newest)),
        ),
        ("nobody", Box::new(|n| (Filter::default().any(Facet::Agent, [format!("nobody-{n}")]), newest))),
        ("two frequent words that never meet", Box::new(|_| (says(Filter::default(), "destination approved"), newest))),
        (
            "an agent that never did it",
            Box::new(|n| (agent(n).any(Facet::Verb, [Verb::Spend.as_str()]).any(Facet::Session, [name(0)]), newest)),
        ),
        ("critical", Box::new(|_| (Filter::default().at_least(Level::Critical), newest))),
        ("an id", Box::new(|n| (Filter::default().ids([id((n * 7_919_993 % count) & !1)]), newest))),
        ("an agent, a page deep in the log", Box::new(|n| (agent(n), n * 7_919_993 % count))),
    ];
    for (name, case) in &cases {
        let mut found = 0;
        let mut times: Vec<f64> = (0..SEARCHES)
            .map(|n| {
                let (filter, before) = case(n);
                let (hits, milliseconds) = search(records, file, log, &filter, before);
                found += hits;
                milliseconds
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let part = |percent: usize| times[times.len() * percent / 100];
        println!(
            "{}",
            json!({ "name": format!("search: {name}"), "found": found as f64 / SEARCHES as f64, "p50_ms": part(50), "p99_ms": part(99) })
        );
    }
}

/// The newest twenty that match, and how many milliseconds it takes, opening the index included.
fn search(records: &Records, file: &Path, log: &Path, filter: &Filter, before: u64) -> (usize, f64) {
    let began = Instant::now();
    let index = Index::open(file, log, records).unwrap().unwrap();
    let found = Search::new(records, Some(&index), filter, Order::NewestFirst, 0..before);
    let found = found.take(20).map(Result::unwrap).count();
    (found, began.elapsed().as_secs_f64() * 1e3)
}

/// What this thread was on a processor, in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn resident_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

fn key(keys: &Keys, session: u64) -> NamedKey {
    let owner = Owner::Subject { agent: agent_of(session), user: Some(user_of(session)), session: name(session) };
    keys.key_of(&owner, 1).unwrap()
}

fn agent_of(session: u64) -> String {
    format!("agent-{}", session % AGENTS)
}

fn user_of(session: u64) -> String {
    format!("user-{}", session % 1_000)
}

fn session(number: u64) -> u64 {
    number / (AT_ONCE * SESSION_RECORDS) * AT_ONCE + number / 2 % AT_ONCE
}

fn name(session: u64) -> String {
    format!("session-{session}")
}

fn id(number: u64) -> RecordId {
    RecordId::from_parts(time(number), u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060))
}

fn time(number: u64) -> u64 {
    1_780_000_000_000 + number * 120
}

/// A decision, and behind it its outcome.
fn record(number: u64) -> Vec<u8> {
    let session = session(number);
    if number % 2 == 1 {
        let outcome = json!({
            "type": "outcome", "decision": id(number - 1), "session": name(session), "status": "ok", "bytes": number % 5_000, "duration_us": 40_000,
        });
        return typed(outcome);
    }
    let call = number / 2;
    let agent = agent_of(session);
    let (effect, level) = match call % 1_000 {
        7 => ("deny", "critical"),
        8..20 => ("deny", "high"),
        20..60 => ("ask", "medium"),
        _ => ("allow", "low"),
    };
    let (tool, verb) = [
        ("read_mail", "read"),
        ("write_file", "write"),
        ("send_message", "send"),
        ("pay_invoice", "spend"),
        ("delete_messages", "delete"),
        ("run_query", "read"),
        ("search_web", "read"),
    ][usize::try_from(call % 7).unwrap()];
    let text = "a value of an argument that somebody wrote, as long as such values are ".repeat(8);
    let doc = format!("doc{}x", number / 97);
    let action = json!({ "kind": "tool.call", "server": "mail", "name": tool, "args": { "path": format!("/srv/data/{doc}"), "content": text } });
    let part = |signal: &str, why: String| json!({ "signal": signal, "points": 3, "confidence": 90, "why": why });
    let seen = match call % 5 {
        0 => format!("the person approved it {} times", call % 11),
        _ => format!("destination host-{} was seen {} times before", call % 5_000, call % 7),
    };
    let facts_action = json!({
        "kind": "tool.call", "server": "mail", "name": tool, "args": action["args"],
        "effects": [{ "verb": verb, "resource": { "kind": "record", "id": doc }, "certainty": "derived" }],
    });
    let said = format!("no grant lets an agent of class `assistant` {verb} the record `{doc}`");
    typed(json!({
        "type": "decision", "version": 1, "sequence": call % 100, "received_ms": time(number), "deciding_ns": 20_000,
        "request": { "subject": { "agent": agent, "user": user_of(session) }, "action": action, "session": name(session) },
        "facts": {
            "subject": {
                "agent": { "id": agent, "class": "assistant" }, "session": name(session),
                "authenticated_by": "token", "standing": "active",
            },
            "action": facts_action,
            "context": { "time": 1, "enforcement_point": "mcp" },
        },
        "decision": {
            "id": id(number), "effect": effect, "enforced": effect, "mode": "enforce",
            "risk": { "score": 12, "level": level, "parts": [part("destination", seen), part("history", "usual for this agent".into())] },
            "reasons": [{ "policy": "grants", "message": said, "effect": effect, "mode": "enforce" }],
            "snapshot": format!("sha256:{}", "0".repeat(64)),
        },
        "build": { "version": "0.1.0" },
    }))
}

/// As the service writes it, with its type first.
fn typed(record: Value) -> Vec<u8> {
    serde_json::to_vec(&serde_json::from_value::<Record>(record).unwrap()).unwrap()
}
