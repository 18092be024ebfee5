//! `PolicySet::evaluate`, input document included, with 10, 100 and 1,000 policies; and loading them.
//!
//! The policies are the shipped library over and over under other names, with rules for tools and servers of their own
//! between them, as an organisation's policies would have. The action is a write in the workspace that no rule stops. Beside
//! it a send with the whole shipped library, after untrusted content was read: most of its policies speak of sending.
#![expect(clippy::panic, reason = "a benchmark stops on a fault")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use holdshort_model::Facts;
use holdshort_policy::{Bundle, LoadOptions, PolicySet, SourceFile};
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

// What does not load is a fault of the benchmark, and said.
fn loaded(bundle: &Bundle) -> PolicySet {
    PolicySet::load(bundle, &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn parsed(facts: serde_json::Value) -> Facts {
    serde_json::from_value(facts).unwrap_or_else(|error| panic!("{error}"))
}

fn shipped(folders: &[&str]) -> Vec<SourceFile> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies");
    let folders = folders.iter().map(|folder| format!("{root}/{folder}"));
    let paths = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let mut files: Vec<SourceFile> = paths
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "rego"))
        .filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            Some(SourceFile { path: name, text: std::fs::read_to_string(&path).ok()? })
        })
        .collect();
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

fn bundle(count: usize) -> Bundle {
    let mut files = shipped(&[""]);
    let verbs = ["delete", "send", "execute", "spend", "write"];
    for (number, verb) in verbs.iter().cycle().flat_map(|verb| std::iter::repeat_n(verb, 10)).enumerate() {
        if number >= count {
            break;
        }
        if number < files.len() {
            continue;
        }
        // One in ten speaks of every write; the others of a server or a tool of their own.
        let guard = match number % 10 {
            0 => format!("some e in input.action.effects\n\te.verb == \"{verb}\""),
            1..=4 => format!("input.action.server == \"server{number}\""),
            _ => format!("input.tool.name == \"tool{number}\"\n\tinput.action.kind == \"tool.call\""),
        };
        let examples = examples(number, verb);
        files.push(SourceFile {
            path: format!("p{number}.rego"),
            text: format!(
                "# METADATA\n# title: Policy {number}\npackage holdshort.rules.p{number}\n\n\
                 deny contains \"no\" if {{\n\t{guard}\n\tinput.action.args.amount > {number}\n}}\n\n{examples}\n"
            ),
        });
    }
    Bundle { files, data: serde_json::Value::Null }
}

fn examples(number: usize, verb: &str) -> String {
    let amount = number + 1;
    format!(
        "examples := [\n\t{{\"name\": \"y\", \"input\": {{\"action\": {{\"server\": \"server{number}\", \
         \"args\": {{\"amount\": {amount}}}, \"effects\": [{{\"verb\": \"{verb}\", \"resource\": {{\"kind\": \"record\"}}}}]}}, \
         \"tool\": {{\"name\": \"tool{number}\"}}}}, \"expect\": [\"deny\"]}},\n\
         \t{{\"name\": \"n\", \"input\": {{}}, \"expect\": []}},\n]"
    )
}

fn facts() -> Facts {
    let facts = json!({
        "subject": {
            "agent": {"id": "a1", "class": "coding", "owner": {"id": "ann", "active": true}, "claims": {"name": "x"}},
            "user": "ann", "delegation": [], "session": "s1", "authenticated_by": "token", "standing": "active"
        },
        "action": {
            "kind": "tool.call", "server": "files", "name": "write_file",
            "effects": [{
                "verb": "write", "resource": {"kind": "file", "id": "src/main.rs", "path": "/home/ann/p/src/main.rs"},
                "count": 1, "certainty": "derived"
            }],
            "args": {"path": "src/main.rs", "content": "x".repeat(900)}
        },
        "tool": {"server": "files", "name": "write_file", "pin": "match", "annotations": {"readOnlyHint": false}},
        "context": {"time": 1, "workspace": "/home/ann/p", "enforcement_point": "mcp-http"}
    });
    parsed(facts)
}

/// A message to the address that the person named.
fn message() -> Facts {
    let source = json!({
        "kind": "user", "id": "request", "trust": "trusted", "character": "prose", "reach": "named", "document": false,
        "span": [48, 64], "form": "plain"
    });
    let facts = json!({
        "subject": {
            "agent": {"id": "a1", "class": "coding", "owner": {"id": "ann", "active": true}, "claims": {"name": "x"}},
            "user": "ann", "delegation": [], "session": "s1", "authenticated_by": "token", "standing": "active"
        },
        "action": {
            "kind": "tool.call", "server": "mail", "name": "send_mail",
            "effects": [{
                "verb": "send", "resource": {"kind": "mail", "id": "bo@other.example", "host": "other.example"},
                "certainty": "derived"
            }],
            "args": {"to": "bo@other.example", "subject": "Summary", "body": "This is what the mails say."}
        },
        "tool": {"server": "mail", "name": "send_mail", "pin": "match", "annotations": {}},
        "context": {
            "intent": "Send the summary of today's mails to bo@other.example", "time": 1, "workspace": "/home/ann/p",
            "enforcement_point": "mcp-http"
        },
        "labels": {"integrity": "untrusted", "since": 1, "sources": ["get_mail#0"]},
        "request": {"known": true, "asks": "call", "because": ["send"]},
        "provenance": {
            "/to": {"role": "target", "origin": "request", "coverage": 100, "required": true, "address": true, "sources": [source]},
            "/body": {"role": "content", "origin": "nowhere", "required": true}
        },
        "history": {"actions": 100, "in_flight": 0, "counts": {"read": 90, "send": 10}, "sequences": {
            "burst_of_deletes/deleted": {"holds": false, "value": 0},
            "outside_after_credentials/read": {"holds": false, "value": 0}
        }}
    });
    parsed(facts)
}

fn library(criterion: &mut Criterion) {
    let facts = message();
    let bundle = Bundle { files: shipped(&["", "flow"]), data: serde_json::Value::Null };
    let set = loaded(&bundle);
    percentiles(&format!("the library, {} policies, a send", set.policies().len()), &set, &facts);
    criterion.bench_function("policy/library send", |bencher| bencher.iter(|| set.evaluate(black_box(&facts))));
}

fn percentiles(name: &str, set: &PolicySet, facts: &Facts) {
    let mut nanos: Vec<u128> = (0..50_000)
        .map(|_| {
            let start = Instant::now();
            let _ = black_box(set.evaluate(black_box(facts)));
            start.elapsed().as_nanos()
        })
        .collect();
    nanos.sort_unstable();
    let at = |part: usize| nanos.get(nanos.len() * part / 1_000).copied().unwrap_or_default();
    report(&format!("{name}: p50 {} ns, p99 {} ns", at(500), at(990)));
}

fn policies(criterion: &mut Criterion) {
    let facts = facts();
    let mut group = criterion.benchmark_group("policy/evaluate");
    for count in [10, 100, 1_000] {
        let start = Instant::now();
        let set = loaded(&bundle(count));
        let spent = start.elapsed();
        percentiles(&format!("policies {count}, loaded in {spent:?}"), &set, &facts);
        group.bench_with_input(BenchmarkId::from_parameter(count), &facts, |bencher, facts| {
            bencher.iter(|| set.evaluate(black_box(facts)));
        });
    }
    group.finish();
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn report(line: &str) {
    println!("{line}");
}

criterion_group!(benches, policies, library);
criterion_main!(benches);
