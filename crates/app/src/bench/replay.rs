//! Replay: a log of decisions with the policy library, decided again.

use crate::config::Loaded;
use crate::failure::Failure;
use crate::policies;
use crate::replay::identical::{Judge, Tally};
use crate::replay::{Kept, Stretch, each};
use holdshort_decide::{GrantEntry, Parts, SessionView, Snapshot, decide};
use holdshort_history::{Decided, State};
use holdshort_inventory::{AgentEntry, Agents, PART, SnapshotEntry, SnapshotStore as _};
use holdshort_model::{
    Action, ActionKind, Authentication, BuildInfo, Claims, Context, DecisionRecord, Digest, Mode, Record, RecordId,
    Request, SessionId, Subject, Verb,
};
use holdshort_store::log::{BenchCase, Log, LogOptions};
use holdshort_store::records::Records;
use holdshort_store::sqlite::{STATE_FILE, StateDb};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Decisions for each operation that is asked for: a replay is quick.
const DECISIONS_EACH: u64 = 25;
/// Decisions of one session.
const SESSION: u64 = 200;
/// From one decision to the next, in nanoseconds.
const STEP_NS: i64 = 1_000_000_000;
/// When the first one was made, in nanoseconds since 1970.
const BEGIN_NS: i64 = 1_767_268_800_000_000_000;

/// Writes `operations` times 25 decisions and decides them again.
pub(crate) fn replay(scratch: &Path, operations: u32) -> Result<Vec<BenchCase>, Failure> {
    let database = StateDb::open(&scratch.join(STATE_FILE)).map_err(Failure::internal)?;
    let snapshot = snapshot()?;
    keep(&database, &snapshot)?;
    let options = LogOptions::new(scratch.join("log"), scratch.join("log.key"), "bench/holdshort/replay");
    let (log, _) = Log::open(options).map_err(Failure::internal)?;
    let count = u64::from(operations) * DECISIONS_EACH;
    let bytes = write(&log, &snapshot, count)?;
    let reader = Records::new(log.reader().map_err(Failure::internal)?);
    let (kept, stretch) = (Kept::new(&database), Stretch::default());
    let mut tally = Tally::default();
    let started = Instant::now();
    let make = || {
        let mut judge = Judge::new(&stretch, &kept);
        move |record| judge.judge(&record)
    };
    each(stretch.records(&reader), make, |verdict| {
        tally.add(verdict);
        Ok(())
    })?;
    let elapsed = started.elapsed().as_secs_f64();
    log.close_blocking().map_err(Failure::internal)?;
    if tally.identical != count {
        return Err(Failure::internal(format!("a measured decision does not come out again: {:?}", tally.differences)));
    }
    let each = elapsed * 1e6 / count as f64;
    let name = format!("replay: decided again, {} bytes a record", bytes / count.max(1));
    let rate = count as f64 / elapsed.max(f64::MIN_POSITIVE);
    Ok(vec![BenchCase { name, unit: "us", p50: each, p99: each, rate, n: count }])
}

fn keep(database: &StateDb, snapshot: &Snapshot) -> Result<(), Failure> {
    let (document, policies) = snapshot.document().map_err(Failure::internal)?;
    let entry = |digest: Digest, source: &str, content: Vec<u8>| SnapshotEntry {
        digest,
        time_ms: 0,
        source: source.to_owned(),
        content,
    };
    let part = document.policies.zip(policies).map(|(digest, text)| entry(digest, PART, text));
    let own = entry(snapshot.digest(), "start", serde_json::to_vec(&document).map_err(Failure::internal)?);
    let entries: Vec<SnapshotEntry> = part.into_iter().chain([own]).collect();
    database.keep_snapshot(&entries).map_err(Failure::internal)
}

/// Gives the bytes that were written.
fn write(log: &Log, snapshot: &Snapshot, count: u64) -> Result<u64, Failure> {
    let (mut state, mut bytes) = (State::default(), 0);
    for number in 0..count {
        if number % SESSION == 0 {
            state = State::default();
        }
        let now_ns = BEGIN_NS.saturating_add(STEP_NS.saturating_mul(i64::try_from(number).unwrap_or(i64::MAX)));
        let received_ms = u64::try_from(now_ns / 1_000_000).unwrap_or(0);
        let id = RecordId::from_parts(received_ms, u128::from(number));
        let request = request(number);
        let mut view = SessionView::active(request.session.clone());
        (view.sequence, view.state) = (number % SESSION, Some(&state));
        let (decision, facts) = decide(snapshot, &view, &request, id, now_ns);
        let decided = Decided { id, facts: &facts, enforced: decision.enforced, definition: None, now_ns };
        state.decided(snapshot.rules(), &decided);
        let record = Record::Decision(Box::new(DecisionRecord {
            version: 1,
            sequence: number % SESSION,
            previous: None,
            received_ms,
            deciding_ns: 1,
            request,
            facts,
            decision,
            build: BuildInfo { version: env!("CARGO_PKG_VERSION").into() },
        }));
        let text = serde_json::to_vec(&record).map_err(Failure::internal)?;
        bytes += text.len() as u64;
        // Waits where the queue is full, and for the last one, so that all are durable.
        if number + 1 == count || log.enqueue(text.clone()).is_err() {
            log.append_blocking(text).map_err(Failure::internal)?;
        }
    }
    Ok(bytes)
}

pub(in crate::bench) fn request(number: u64) -> Request {
    let (name, args) = match number % 5 {
        0 => ("write_file", json!({"path": format!("src/{number}.rs"), "content": "fn main() {}"})),
        1 => ("read_file", json!({"path": "src/lib.rs"})),
        2 => ("fetch", json!({"url": "https://docs.example/today"})),
        3 => ("delete_file", json!({"path": format!("old/{number}")})),
        _ => ("send_mail", json!({"to": "bob@example.org", "subject": "done", "body": "The build is green."})),
    };
    let subject = Subject {
        agent: "bench".into(),
        user: None,
        delegation: Vec::new(),
        authenticated_by: Authentication::Token,
        claims: Claims::default(),
    };
    let action =
        Action { kind: ActionKind::ToolCall, server: Some("files".into()), name: name.into(), args, digest: None };
    let context = Context {
        intent: Some("tidy up the sources and tell bob@example.org when the build is green".into()),
        workspace: Some("/home/bench".into()),
        enforcement_point: "bench".into(),
        ..Context::default()
    };
    Request { subject, action, context, session: SessionId::from(format!("bench-{}", number / SESSION)) }
}

pub(in crate::bench) fn snapshot() -> Result<Snapshot, Failure> {
    let loaded = Loaded::read(None)?;
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
    let policies = Some(Arc::new(policies::load(&loaded)?));
    let modes_fixed = loaded.config.policies.modes.keys().cloned().collect();
    let parts = Parts { policies, agents: Arc::new(agents), grants: vec![grant], modes_fixed, ..Parts::default() };
    Snapshot::new(parts).map_err(|faults| Failure::internal(format!("{faults:?}")))
}
