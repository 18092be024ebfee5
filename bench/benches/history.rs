//! What a session's past costs: learning of an output, weighing it against the next action at different lengths of the
//! past, and the memory of many sessions. One JSON line for each case, as `holdshort bench --json` prints them.
//!
//! Texts are put together from numbered words, so that every output brings new values: the expensive case.
#![expect(clippy::panic, clippy::print_stdout, reason = "a benchmark prints, and stops on a fault")]

use holdshort_decide::{GrantEntry, Parts, SessionView, Snapshot, decide};
use holdshort_history::{Baseline, BaselineEvent, Decided, Pending, Settled, State};
use holdshort_inventory::{AgentEntry, Agents, FirstUse, Pins};
use holdshort_model::{
    Action, ActionKind, Authentication, Claims, Context, Effect, Facts, OutcomeStatus, RecordId, Request, Subject,
    ToolDefinition,
};
use holdshort_policy::{Bundle, LoadOptions, PolicySet, SourceFile};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Output that is seen in a session before it is weighed.
const SEEN_BYTES: usize = 5_000_000;
const CALLS: usize = 50;
const INTENT: &str = "Read the bills in my inbox and send the total to bob@corp.example, with the subject Bills.";
const POLICY: &str = "# METADATA\n# title: One\npackage holdshort.rules.one\n\n\
    deny contains \"no\" if input.action.name == \"never\"\n\n\
    examples := [{\"name\": \"a\", \"input\": {\"action\": {\"name\": \"never\"}}, \"expect\": [\"deny\"]}, {\"name\": \"b\", \"input\": {}, \"expect\": []}]\n";

fn main() {
    let one = vec![SourceFile { path: "one.rego".into(), text: POLICY.into() }];
    let single = snapshot(one).unwrap_or_else(|error| panic!("{error}"));
    baseline(&single);
    let all = shipped().and_then(snapshot).unwrap_or_else(|error| panic!("{error}"));
    let snapshot = single;
    for (what, output) in [("prose", prose as fn(usize, usize) -> String), ("rows as JSON", rows)] {
        observe(&snapshot, what, output);
    }
    for calls in [10, 100, 1_000] {
        weigh(&snapshot, calls);
        decided(&all, "with the shipped policies, ", calls);
    }
    for (sessions, bytes) in [(10_000, 200), (10_000, 1_000), (1_000, 10_000)] {
        memory(&snapshot, sessions, bytes);
    }
}

// Each in a session that has seen ten such outputs before.
fn observe(snapshot: &Snapshot, what: &str, output: fn(usize, usize) -> String) {
    let mut samples = Vec::new();
    for session in 0..40 {
        let mut state = State::default();
        for call in 0..20 {
            let spent = learn(snapshot, &mut state, call, &output(session * 100 + call, 10_000));
            if call >= 10 {
                samples.push(spent);
            }
        }
    }
    report(&format!("observe 10 KB of {what}"), samples);
}

fn weigh(snapshot: &Snapshot, calls: usize) {
    let mut state = State::default();
    for call in 0..calls {
        learn(snapshot, &mut state, call, &prose(call, SEEN_BYTES / calls));
    }
    let (read, send) = (facts(snapshot, &state, "get_mail", calls), facts(snapshot, &state, "send_mail", calls));
    for (what, facts) in [("a read", read), ("a send", send)] {
        let definition = snapshot.definition("mail", &facts.action.name);
        let samples = (0..20_000).map(|_| {
            let pending = Pending { facts: &facts, definition, known: &|_, _| false, now_ns: 1 };
            let start = Instant::now();
            black_box(state.weigh(snapshot.rules(), black_box(&pending)));
            start.elapsed()
        });
        report(&format!("weigh {what} after {calls} calls and 5 MB"), samples.collect());
    }
    decided(snapshot, "", calls);
}

// The whole decision.
fn decided(snapshot: &Snapshot, what: &str, calls: usize) {
    let mut state = State::default();
    for call in 0..calls {
        learn(snapshot, &mut state, call, &prose(call, SEEN_BYTES / calls));
    }
    let view = SessionView { state: Some(&state), ..SessionView::active("session".into()) };
    let request = request("send_mail", calls);
    let samples = (0..20_000).map(|_| {
        let start = Instant::now();
        black_box(decide(snapshot, &view, black_box(&request), RecordId::from_parts(1, 2), 1));
        start.elapsed()
    });
    report(&format!("decide a send {what}after {calls} calls and 5 MB"), samples.collect());
}

// What an agent's habits cost, in batches: a clock takes as long as one of them.
fn baseline(snapshot: &Snapshot) {
    const BATCH: usize = 100;
    const HOUR_NS: i64 = 3_600_000_000_000;
    let state = State::default();
    let all = ["get_mail", "send_mail"].map(|tool| facts(snapshot, &state, tool, 1));
    let mut habits = Baseline::new(1);
    let mut now_ns = 1_800_000_000_000_000_000;
    for hour in 0..400_usize {
        now_ns += HOUR_NS;
        for facts in all.iter().flat_map(|facts| [facts; 3]) {
            let event = BaselineEvent::of(facts, Some("get_mail")).unwrap_or_else(|| panic!("hour {hour}: no event"));
            habits.learn(&event, now_ns);
        }
    }
    let [_, sent] = &all;
    let read = || BaselineEvent::of(black_box(sent), Some("get_mail")).unwrap_or_else(|| panic!("no event"));
    let event = read();
    let report = |what: &str, samples: Vec<Duration>| {
        report_in(&format!("baseline: {what}, batches of {BATCH}"), "ns", 1e9 / BATCH as f64, samples);
    };
    let mut timed = |what: &str, work: &mut dyn FnMut(&mut Baseline, i64)| {
        let samples = (0..2_000).map(|_| {
            now_ns += 60_000_000_000;
            let start = Instant::now();
            (0..BATCH).for_each(|_| work(&mut habits, now_ns));
            start.elapsed()
        });
        report(what, samples.collect());
    };
    timed("read an action", &mut |_, _| {
        black_box(read());
    });
    timed("score a usual action", &mut |habits, now_ns| drop(black_box(habits.score(black_box(&event), now_ns))));
    let mut strange = sent.clone();
    strange.action.name = "dump_mail".into();
    let strange = BaselineEvent::of(&strange, Some("get_mail")).unwrap_or_else(|| panic!("no event"));
    timed("score an unusual action", &mut |habits, now_ns| drop(black_box(habits.score(black_box(&strange), now_ns))));
    timed("learn, beyond the share of a minute", &mut |habits, now_ns| {
        black_box(habits.learn(&event, now_ns));
    });
    let mut second = 0;
    timed("learn, in full", &mut |habits, now_ns| {
        second += 1;
        black_box(habits.learn(&event, now_ns + second * 3_000_000_000));
    });
    let name = "baseline: memory, and bytes in the store";
    let (memory, stored) = (size_of::<Baseline>(), habits.to_bytes().len());
    println!("{}", json!({"name": name, "unit": "B", "memory": memory, "stored": stored}));
}

// Without the budget that the service has for all of its sessions.
fn memory(snapshot: &Snapshot, sessions: usize, output_bytes: usize) {
    let before = resident();
    let mut states = Vec::with_capacity(sessions);
    for session in 0..sessions {
        let mut state = State::default();
        for call in 0..CALLS {
            learn(snapshot, &mut state, call, &prose(session * CALLS + call, output_bytes));
        }
        states.push(state);
    }
    let resident = resident().saturating_sub(before);
    let counted: usize = states.iter().map(State::bytes).sum();
    let name = format!("{sessions} sessions of {CALLS} calls with {output_bytes} bytes each");
    println!("{}", json!({"name": name, "unit": "MiB", "resident": resident >> 20, "counted": counted >> 20}));
    drop(states);
}

// One call: decided, permitted, and its output read. How long the reading took.
fn learn(snapshot: &Snapshot, state: &mut State, call: usize, output: &str) -> Duration {
    let facts = facts(snapshot, state, "get_mail", call);
    let id = RecordId::from_parts(call as u64, 0);
    let now_ns = call as i64;
    let definition = snapshot.definition("mail", "get_mail");
    let rules = snapshot.rules();
    state.decided(rules, &Decided { id, facts: &facts, enforced: Effect::Allow, definition, now_ns });
    let status = OutcomeStatus::Ok;
    let start = Instant::now();
    state.settled(rules, &Settled { decision: id, status, parts: &[output], truncated: false, claimed: false, now_ns });
    start.elapsed()
}

fn facts(snapshot: &Snapshot, state: &State, tool: &str, call: usize) -> Facts {
    let view = SessionView { state: Some(state), ..SessionView::active("session".into()) };
    decide(snapshot, &view, &request(tool, call), RecordId::from_parts(1, 2), 1).1
}

fn request(tool: &str, call: usize) -> Request {
    let args = match tool {
        "get_mail" => json!({ "id": call.to_string() }),
        _ => json!({"to": "bob@corp.example", "subject": "Bills", "body": "The total is 1200."}),
    };
    Request {
        subject: Subject {
            agent: "a".into(),
            user: None,
            delegation: vec![],
            authenticated_by: Authentication::Token,
            claims: Claims::default(),
        },
        action: Action {
            kind: ActionKind::ToolCall,
            server: Some("mail".into()),
            name: tool.into(),
            args,
            digest: None,
        },
        context: Context { intent: Some(INTENT.into()), ..Context::default() },
        session: "session".into(),
    }
}

/// Sentences with new words, an address and a link in every tenth.
fn prose(seed: usize, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 128);
    let mut n = seed.wrapping_mul(2_654_435_761) % 1_000_003;
    while text.len() < bytes {
        n = (n * 7_919 + 17) % 1_000_003;
        let _ =
            write!(text, "The note {n} about item{} was written by person{} on day {}. ", n % 9_973, n % 997, n % 31);
        if n.is_multiple_of(10) {
            let _ = writeln!(text, "Write to person{n}@mail{}.example or see https://site{n}.example/page.", n % 89);
        }
    }
    text.truncate(bytes);
    text
}

/// A list of records, as a tool serialises them.
fn rows(seed: usize, bytes: usize) -> String {
    let row = |n: usize| json!({"id": n, "from": format!("p{n}@corp.example"), "subject": format!("Bill {n} of May"), "total": n % 977});
    let mut rows: Vec<Value> = Vec::new();
    let mut length = 2;
    while length < bytes {
        let row = row(seed * 1_000 + rows.len());
        length += row.to_string().len() + 1;
        rows.push(row);
    }
    Value::Array(rows).to_string()
}

fn report(name: &str, samples: Vec<Duration>) {
    report_in(name, "us", 1e6, samples);
}

fn report_in(name: &str, unit: &str, per_second: f64, mut samples: Vec<Duration>) {
    samples.sort_unstable();
    let time = |share: usize| {
        let at = samples.get(samples.len() * share / 100).copied().unwrap_or_default();
        (at.as_secs_f64() * per_second * 10.0).round() / 10.0
    };
    println!("{}", json!({"name": name, "unit": unit, "p50": time(50), "p99": time(99), "n": samples.len()}));
}

/// Resident memory of this process in bytes; pages have 4 KiB on the machines that this is run on.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4_096
}

/// The policies that the program comes with.
fn shipped() -> anyhow::Result<Vec<SourceFile>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies");
    let mut files = Vec::new();
    for folder in [folder.to_owned(), format!("{folder}/flow")] {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rego") {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push(SourceFile { path: name, text: std::fs::read_to_string(&path)? });
            }
        }
    }
    Ok(files)
}

fn snapshot(files: Vec<SourceFile>) -> anyhow::Result<Snapshot> {
    let policies = PolicySet::load(&Bundle { files, data: Value::Null }, &LoadOptions::default());
    let policies = policies.map_err(|faults| anyhow::anyhow!("{faults:#?}"))?;
    let grants: Vec<GrantEntry> =
        serde_json::from_value(json!([{"name": "all", "class": "*", "verbs": ["read", "send"], "resources": ["*"]}]))?;
    let agent = AgentEntry { id: "a".into(), class: "coding".into(), owner: None, created_ms: 1, tokens: vec![] };
    let agents = Agents::new([agent]).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let mut pins = Pins::new(FirstUse::Trust, []);
    let tool = |name: &str, description: &str, properties: Value, required: Value| ToolDefinition {
        name: name.into(),
        definition: json!({"name": name, "description": description,
            "inputSchema": {"type": "object", "properties": properties, "required": required}}),
    };
    let text = || json!({"type": "string"});
    let send = json!({"to": text(), "subject": text(), "body": text()});
    let tools = [
        tool("get_mail", "Reads one mail", json!({ "id": text() }), json!(["id"])),
        tool("send_mail", "Sends a mail", send, json!(["to"])),
    ];
    pins.observe("mail", &tools, 1)?;
    let (policies, agents, pins) = (Some(Arc::new(policies)), Arc::new(agents), Arc::new(pins));
    Snapshot::new(Parts { policies, grants, agents, pins, ..Parts::default() })
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))
}
