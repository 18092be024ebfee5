//! Decisions with everything on: a hundred policies, every detector, risk, habits, and a session of a thousand calls.

use super::decide::{filled, sent};
use super::repeat;
use crate::config::Loaded;
use crate::failure::Failure;
use crate::{clock, policies};
use holdshort_decide::{GrantEntry, Habits, Parts, SessionView, Snapshot, decide as decide_once};
use holdshort_detect::intelligence::{Builder, Feed, Format, Intelligence};
use holdshort_detect::rules::{BUILTIN, Rules};
use holdshort_detect::{Detectors, FingerprintKey, OwnSecret, injection};
use holdshort_history::{Baseline, BaselineEvent, Decided, Settled, State};
use holdshort_inventory::{AgentEntry, Agents, Destinations, FirstUse, KnownDestination, Pins};
use holdshort_model::{
    Anomaly, ApprovalHistory, Effect, Facts, FailMode, Mode, OutcomeStatus, Request, ToolDefinition, Verb,
};
use holdshort_policy::PolicySet;
use holdshort_store::log::BenchCase;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

/// Calls of the session before the one that is measured.
const CALLS: u64 = 1_000;
/// What each of them gave back.
const OUTPUT_BYTES: usize = 1_000;
/// Indicators of the threat intelligence.
const INDICATORS: u32 = 100_000;
/// Domains that look-alikes are measured against.
const DOMAINS: u32 = 500;
/// The text that is written or sent.
const TEXT_BYTES: usize = 1_024;
const HOUR_NS: i64 = 3_600_000_000_000;

/// Measures with `operations` decisions for each case.
pub(super) fn cases(loaded: &Loaded, operations: u32) -> Result<Vec<BenchCase>, Failure> {
    let set = PolicySet::load(&filled(loaded)?, &policies::options(loaded));
    let set = set.map_err(|faults| policies::refused(&faults))?;
    let on = format!("everything on, {} policies, {CALLS} past calls", set.policies().len());
    let detectors = Arc::new(detectors()?);
    let snapshot = snapshot(set, Arc::clone(&detectors))?;
    let small = json!({"path": "src/main.rs", "content": "fn main() {}", "note": "small"});
    let file = json!({"path": "docs/report.md", "content": prose(TEXT_BYTES)});
    let message = json!({"url": "https://api.partner7.example.org/v1/notes", "text": prose(TEXT_BYTES)});
    let scan = repeat("scan: 1 KiB of arguments, every detector", operations, || {
        drop(black_box(detectors.scan_args(black_box(&file))));
    });
    Ok(vec![
        scan,
        measure(&format!("{on}, small arguments"), &snapshot, sent("files", "write_file", small), operations)?,
        measure(&format!("{on}, 1 KiB to a file"), &snapshot, sent("files", "write_file", file), operations)?,
        measure(&format!("{on}, 1 KiB to a host"), &snapshot, sent("web", "post_note", message), operations)?,
    ])
}

fn measure(name: &str, snapshot: &Snapshot, request: Request, operations: u32) -> Result<BenchCase, Failure> {
    let (state, habits, now_ns) = past(snapshot, &request)?;
    let id = clock::record_id()?;
    let view =
        SessionView { state: Some(&state), habits: Some(&habits), ..SessionView::active(request.session.clone()) };
    let once = || decide_once(snapshot, &view, black_box(&request), id, now_ns).0;
    let decision = once();
    let broken = decision.reasons.iter().any(|reason| reason.policy == FailMode::PolicyError.as_str());
    if broken || decision.enforced == Effect::Deny {
        return Err(Failure::internal(format!("the measured request is refused: {:?}", decision.reasons)));
    }
    Ok(repeat(name, operations, || drop(black_box(once()))))
}

/// What is usual for the agent. What people answered it is a look into a table of the service, and given here.
#[derive(Debug)]
struct Known {
    baseline: Baseline,
    now_ns: i64,
}

impl Habits for Known {
    fn anomaly(&self, facts: &Facts) -> Anomaly {
        let event = BaselineEvent::of(facts, Some("read_file"));
        event.map_or_else(Anomaly::default, |event| self.baseline.score(&event, self.now_ns))
    }

    fn approvals(&self, _: &Facts) -> ApprovalHistory {
        ApprovalHistory { approved: 12, refused: 1, ..ApprovalHistory::default() }
    }
}

// A session that has read for a while, of an agent that is known.
fn past(snapshot: &Snapshot, request: &Request) -> Result<(State, Known, i64), Failure> {
    let mut state = State::default();
    let mut baseline = Baseline::new(1);
    let mut now_ns = 1_800_000_000_000_000_000;
    let read = sent("files", "read_file", json!({"path": "docs/notes.md"}));
    for call in 0..CALLS {
        let view = SessionView { state: Some(&state), ..SessionView::active(read.session.clone()) };
        let id = clock::record_id()?;
        let (_, facts) = decide_once(snapshot, &view, &read, id, now_ns);
        let definition = snapshot.definition("files", "read_file");
        state.decided(snapshot.rules(), &Decided { id, facts: &facts, enforced: Effect::Allow, definition, now_ns });
        let output = format!("{call} {}", prose(OUTPUT_BYTES));
        let (status, parts) = (OutcomeStatus::Ok, &[output.as_str()]);
        let settled = Settled { decision: id, status, parts, truncated: false, claimed: false, now_ns };
        state.settled(snapshot.rules(), &settled);
        let view = SessionView { state: Some(&state), ..SessionView::active(read.session.clone()) };
        let (_, measured) = decide_once(snapshot, &view, request, id, now_ns);
        for facts in [&facts, &measured] {
            if let Some(event) = BaselineEvent::of(facts, Some("read_file")) {
                baseline.learn(&event, now_ns);
            }
        }
        now_ns += HOUR_NS;
    }
    Ok((state, Known { baseline, now_ns }, now_ns))
}

fn detectors() -> Result<Detectors, Failure> {
    let key = FingerprintKey::new(&[7; 32]);
    let own = ["correct/horse=battery9", "another-secret-of-ours"];
    let own_secrets = own.iter().filter_map(|value| OwnSecret::of(&key, "own", value)).collect();
    let rules = Rules::new(&[("builtin", BUILTIN)]);
    let rules = rules.map_err(|faults| Failure::internal(format!("the built-in rules: {faults:?}")))?;
    let parts = holdshort_detect::Parts {
        key,
        own_secrets,
        known_domains: (0..DOMAINS).map(|n| format!("partner{n}.example.org")).collect(),
        exemptions: Vec::new(),
        injection: Some(injection::Model::builtin()),
        intelligence: Some(Arc::new(intelligence()?)),
        rules: Some(Arc::new(rules)),
    };
    Detectors::new(parts).map_err(|faults| Failure::internal(format!("the detectors of the bench: {faults:?}")))
}

// Half domains, a quarter URLs, an eighth addresses, an eighth hashes, as public feeds mix them.
fn intelligence() -> Result<Intelligence, Failure> {
    let mut text = String::new();
    for n in 0..INDICATORS {
        let mixed = n.wrapping_mul(2_654_435_761);
        let written = match n % 8 {
            0..4 => writeln!(text, "host{n}.bad{}.example", n % 5_000),
            4 | 5 => writeln!(text, "http://host{}.bad{}.example/{mixed:x}/{n}?id={n}", n / 4, n % 5_000),
            6 => writeln!(text, "{}", std::net::Ipv4Addr::from_bits(0x5000_0000 | (mixed >> 3))),
            _ => writeln!(text, "{mixed:08x}{n:08x}{mixed:08x}{n:08x}"),
        };
        written.map_err(|_| Failure::internal("the feed of the bench cannot be written"))?;
    }
    let (name, format, bytes) = ("bench", Format::Plain, text.as_bytes());
    let feed = Feed { name, format, confidence: 80, ttl_ms: None, changed_ms: 0, bytes };
    let mut builder = Builder::new(0);
    builder.add(&feed).map_err(|fault| Failure::internal(format!("the feed of the bench: {fault}")))?;
    Ok(builder.build())
}

fn snapshot(policies: PolicySet, detectors: Arc<Detectors>) -> Result<Snapshot, Failure> {
    let grant = GrantEntry {
        name: "bench".into(),
        class: "coding".into(),
        verbs: vec![Verb::Read, Verb::Write, Verb::Send],
        resources: vec!["*".into()],
        servers: vec!["*".into()],
        mode: Mode::Enforce,
    };
    let agent =
        AgentEntry { id: "bench".into(), class: "coding".into(), owner: None, created_ms: 0, tokens: Vec::new() };
    let agents = Agents::new([agent]).map_err(|_| Failure::internal("the agent of the bench is not one"))?;
    let mut pins = Pins::new(FirstUse::Trust, []);
    let text = || json!({"type": "string"});
    let tool = |name: &str, description: &str, properties: Value| ToolDefinition {
        name: name.into(),
        definition: json!({"name": name, "description": description,
            "inputSchema": {"type": "object", "properties": properties}}),
    };
    let files = [
        tool("write_file", "Create or overwrite a file", json!({"path": text(), "content": text()})),
        tool("read_file", "Read a file", json!({ "path": text() })),
    ];
    let web = [tool("post_note", "Send a note to a URL", json!({"url": text(), "text": text()}))];
    for (server, tools) in [("files", &files[..]), ("web", &web[..])] {
        pins.observe(server, tools, 0).map_err(Failure::internal)?;
    }
    let host = KnownDestination {
        agent: "bench".into(),
        user: String::new(),
        kind: "host".into(),
        value: "api.partner7.example.org".into(),
        since_ms: 0,
        by: "bench".into(),
        via: "add".into(),
    };
    let parts = Parts {
        policies: Some(Arc::new(policies)),
        grants: vec![grant],
        agents: Arc::new(agents),
        pins: Arc::new(pins),
        destinations: Arc::new(Destinations::new([host])),
        detectors,
        ..Parts::default()
    };
    Snapshot::new(parts).map_err(|faults| Failure::internal(format!("{faults:?}")))
}

// Put together from words, so that nothing is found by heart.
fn prose(bytes: usize) -> String {
    const WORDS: &str =
        "the report says that quarterly revenue they access was delayed because of shipping; team review Friday.";
    let words: Vec<&str> = WORDS.split(' ').collect();
    let mut text = String::with_capacity(bytes + 16);
    for n in 0_usize.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(words.get((n * 7 + n / 16) % words.len()).copied().unwrap_or_default());
        text.push(if n % 13 == 12 { '\n' } else { ' ' });
    }
    text.truncate(bytes);
    text
}
