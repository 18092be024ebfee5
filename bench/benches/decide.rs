//! A whole decision in process, 100 policies loaded, small arguments: criterion's mean, and the percentiles that the
//! target names, measured call by call.
#![expect(clippy::panic, clippy::print_stdout, reason = "a benchmark prints, and stops on a fault")]

use criterion::{Criterion, criterion_group, criterion_main};
use holdshort_decide::{GrantEntry, Parts, SessionView, Snapshot, decide};
use holdshort_inventory::{AgentEntry, Agents, FirstUse, Pins};
use holdshort_model::{Action, ActionKind, Authentication, Context, RecordId, Request, Subject, ToolDefinition};
use holdshort_policy::{Bundle, LoadOptions, PolicySet, SourceFile};
use serde_json::{Value, json};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const POLICIES: usize = 100;
const SAMPLES: usize = 100_000;

// One in ten looks at every tool call, the others at a tool, a server or a verb, as written policies do.
fn policy(number: usize) -> SourceFile {
    let guard = match number % 10 {
        0 => "input.action.kind == \"tool.call\"".to_owned(),
        1..4 => format!("input.tool.server == \"server{number}\""),
        4..7 => "some effect in input.action.effects\n\teffect.verb == \"delete\"".to_owned(),
        _ => format!("input.action.name == \"tool{number}\""),
    };
    let fires = match number % 10 {
        0 => json!({"action": {"args": {"note": "forbidden"}}}),
        1..4 => json!({"tool": {"server": format!("server{number}")}, "action": {"args": {"note": "forbidden"}}}),
        4..7 => {
            json!({"action": {"args": {"note": "forbidden"}, "effects": [{"verb": "delete", "resource": {"kind": "file"}}]}})
        }
        _ => json!({"action": {"name": format!("tool{number}"), "args": {"note": "forbidden"}}}),
    };
    let examples = json!([
        {"name": "fires", "input": fires, "expect": ["deny"]},
        {"name": "rests", "input": {"action": {"args": {"note": "fine"}}}, "expect": []},
    ]);
    let rule =
        format!("deny contains \"not here\" if {{\n\t{guard}\n\tcontains(input.action.args.note, \"forbidden\")\n}}");
    let text = format!(
        "# METADATA\n# title: Policy {number}\npackage holdshort.rules.p{number}\n\n{rule}\n\nexamples := {examples}\n"
    );
    SourceFile { path: format!("p{number}.rego"), text }
}

fn snapshot() -> anyhow::Result<Snapshot> {
    let bundle = Bundle { files: (0..POLICIES).map(policy).collect(), data: Value::Null };
    let policies =
        PolicySet::load(&bundle, &LoadOptions::default()).map_err(|faults| anyhow::anyhow!("{faults:#?}"))?;
    let grant =
        json!({"name": "g", "class": "coding", "verbs": ["read", "write"], "resources": ["file:${workspace}/**"]});
    let grants: Vec<GrantEntry> = vec![serde_json::from_value(grant)?];
    let agent = AgentEntry { id: "coder".into(), class: "coding".into(), owner: None, created_ms: 1, tokens: vec![] };
    let agents = Agents::new([agent]).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let mut pins = Pins::new(FirstUse::Trust, []);
    let definition =
        json!({"name": "write_file", "description": "Create or overwrite a file", "inputSchema": {"type": "object"}});
    pins.observe("fs", &[ToolDefinition { name: "write_file".into(), definition }], 1)?;
    let (policies, agents, pins) = (Some(Arc::new(policies)), Arc::new(agents), Arc::new(pins));
    Snapshot::new(Parts { policies, grants, agents, pins, ..Parts::default() })
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))
}

fn request() -> Request {
    let args = json!({"path": "src/main.rs", "content": "fn main() {}", "note": "small"});
    Request {
        subject: Subject {
            agent: "coder".into(),
            user: Some("ann".into()),
            delegation: vec![],
            authenticated_by: Authentication::Token,
            claims: holdshort_model::Claims::default(),
        },
        action: Action {
            kind: ActionKind::ToolCall,
            server: Some("fs".into()),
            name: "write_file".into(),
            args,
            digest: None,
        },
        context: Context {
            workspace: Some("/home/ann/project".into()),
            enforcement_point: "bench".into(),
            ..Context::default()
        },
        session: "session".into(),
    }
}

fn benches(criterion: &mut Criterion) {
    let snapshot = snapshot().unwrap_or_else(|error| panic!("{error}"));
    let (session, request, id) = (SessionView::active("session".into()), request(), RecordId::from_parts(1, 2));
    let once = |now: i64| decide(&snapshot, &session, black_box(&request), id, now);
    let (decision, _) = once(1);
    assert_eq!(decision.enforced, holdshort_model::Effect::Allow, "{:?}", decision.reasons);

    let mut samples: Vec<Duration> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            black_box(once(1));
            start.elapsed()
        })
        .collect();
    samples.sort_unstable();
    let at = |share: usize| samples.get(SAMPLES * share / 1_000).copied().unwrap_or_default();
    println!("decide, {POLICIES} policies: p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));

    criterion.bench_function("decide/100 policies", |bencher| bencher.iter(|| once(1)));
    // A new minute each time: the tool as such is judged again.
    let mut now = 0_i64;
    criterion.bench_function("decide/100 policies, tool not remembered", |bencher| {
        bencher.iter(|| {
            now += holdshort_decide::PROBE_WINDOW_NS;
            once(now)
        });
    });
}

criterion_group!(decisions, benches);
criterion_main!(decisions);
