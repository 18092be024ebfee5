//! `PolicySet::evaluate`, input document included, with 10, 100 and 1,000 policies; and loading them.
//!
//! The policies are the shipped library over and over under other names, with rules for tools and servers of their own
//! between them, as an organisation's policies would have. The action is a write in the workspace that no rule stops.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use holdshort_model::Facts;
use holdshort_policy::{Bundle, LoadOptions, PolicySet, SourceFile};
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

fn bundle(count: usize) -> Bundle {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies");
    let paths = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<SourceFile> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "rego"))
        .filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            Some(SourceFile { path: name, text: std::fs::read_to_string(&path).ok()? })
        })
        .collect();
    files.sort_by(|left, right| left.path.cmp(&right.path));
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

fn facts() -> Option<Facts> {
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
    serde_json::from_value(facts).ok()
}

fn policies(criterion: &mut Criterion) {
    let Some(facts) = facts() else { return };
    let mut group = criterion.benchmark_group("policy/evaluate");
    for count in [10, 100, 1_000] {
        let start = Instant::now();
        let Ok(set) = PolicySet::load(&bundle(count), &LoadOptions::default()) else { return };
        let loaded = start.elapsed();
        let mut nanos: Vec<u128> = (0..50_000)
            .map(|_| {
                let start = Instant::now();
                let _ = black_box(set.evaluate(black_box(&facts)));
                start.elapsed().as_nanos()
            })
            .collect();
        nanos.sort_unstable();
        let at = |part: usize| nanos.get(nanos.len() * part / 1_000).copied().unwrap_or_default();
        report(&format!("policies {count}: load {loaded:?}, p50 {} ns, p99 {} ns", at(500), at(990)));
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

criterion_group!(benches, policies);
criterion_main!(benches);
