//! Asking, answering and redeeming with the real database, a log in memory, and stores that fail.

use super::*;
use crate::recorder::{Appending, RecordOwner, Recorder, RecorderError};
use holdshort_inventory::{Kept, Wanted};
use holdshort_model::{
    ActionFacts, ActionKind, Agent, Authentication, Claims, Containment, ContextFacts, Digest, FailMode, HistoryFacts,
    Labels, Mode, Reason, Receipt, Record, RequestFacts, Risk, Signals, Standing, SubjectFacts,
};
use holdshort_store::sqlite::StateDb;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

const NOW: u64 = 1_800_000_000_000;

struct StillClock(AtomicI64);

impl Clock for StillClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Tape(std::sync::Mutex<Vec<Record>>);

impl Recorder for Tape {
    fn append(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Appending {
        let receipt = self.enqueue(record, owner).map(|()| Receipt { log: "l".into(), index: 0 });
        Box::pin(std::future::ready(receipt))
    }

    fn enqueue(&self, record: Vec<u8>, _owner: Option<&RecordOwner>) -> Result<(), RecorderError> {
        self.0.lock().unwrap().push(serde_json::from_slice(&record).unwrap());
        Ok(())
    }
}

/// The database, unless it is told to fail.
struct Fragile {
    db: StateDb,
    fails: AtomicBool,
    writes: AtomicU64,
}

impl ApprovalStore for Fragile {
    fn approvals(&self) -> Result<Kept, StoreError> {
        self.db.approvals()
    }

    fn change_approvals(&self, changes: &[ApprovalChange], high_ms: u64) -> Result<Vec<bool>, StoreError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        match self.fails.load(Ordering::Relaxed) {
            true => Err(StoreError::Backend("the disk failed".into())),
            false => self.db.change_approvals(changes, high_ms),
        }
    }
}

struct World {
    approvals: Arc<Approvals>,
    clock: Arc<StillClock>,
    store: Arc<Fragile>,
    tape: Arc<Tape>,
    next: AtomicU64,
}

impl World {
    fn start(dir: &Path) -> Self {
        let clock = Arc::new(StillClock(AtomicI64::new(NOW as i64 * 1_000_000)));
        let db = StateDb::open(&dir.join("state.db")).unwrap();
        let store = Arc::new(Fragile { db, fails: AtomicBool::new(false), writes: AtomicU64::new(0) });
        let tape = Arc::new(Tape::default());
        let journal = Journal::new(tape.clone(), clock.clone());
        let config = ApprovalsConfig::default();
        let approvals = Approvals::load(config, store.clone(), journal, clock.clone()).unwrap();
        // Ids of two runs differ, as those of the clock do.
        let next = AtomicU64::new(store.db.approvals().unwrap().approvals.len() as u64 * 1_000);
        Self { approvals, clock, store, tape, next }
    }

    fn forward_ms(&self, ms: i64) {
        self.clock.0.fetch_add(ms * 1_000_000, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        ms(self.clock.now_ns())
    }

    /// Decides, asks, and waits until what came of it is kept.
    async fn rule(&self, tool: &str) -> Result<Decision, Fault> {
        let (mut decision, facts) = asked(self.next.fetch_add(1, Ordering::Relaxed), tool);
        let answered = self.approvals.answer(&mut decision, &facts, &Vec::new, self.now_ms())?;
        if let Some(write) = answered.write {
            write.kept().await?;
        }
        Ok(decision)
    }

    fn answer(&self, id: RecordId, approved: bool) -> ApprovalState {
        let wanted = Wanted { id, by: "ann".into(), approved, reason: String::new(), remember_ms: None };
        let mut desk = self.approvals.shared.desk();
        let (next, exception) = desk.book.prepare(&wanted, Digest::of(b"policies"), self.now_ms()).unwrap();
        let changes = vec![ApprovalChange::Put { from: Some(ApprovalState::Pending), to: Box::new(next.clone()) }];
        let job = Job { changes, high_ms: self.now_ms(), ..Job::default() };
        let _ = self.approvals.shared.hand_over(&desk, job).unwrap();
        let state = desk.book.settle(next, exception, self.now_ms()).unwrap().state;
        drop(desk);
        self.approvals.shared.bump();
        state
    }

    fn events(&self) -> Vec<String> {
        let records = self.tape.0.lock().unwrap();
        let event = |record: &Record| match record {
            Record::Approval(record) => Some(record.event.clone()),
            _ => None,
        };
        records.iter().filter_map(event).collect()
    }
}

fn asked(number: u64, tool: &str) -> (Decision, Facts) {
    let reason = Reason { policy: "p".into(), message: "m".into(), effect: Effect::Ask, mode: Mode::Enforce };
    let decision = Decision {
        id: RecordId::from_parts(NOW, u128::from(number)),
        effect: Effect::Ask,
        enforced: Effect::Ask,
        mode: Mode::Enforce,
        containment: Containment::None,
        removed: Vec::new(),
        risk: Risk::default(),
        reasons: vec![reason],
        obligations: Vec::new(),
        approval: None,
        approved: None,
        playbook: Vec::new(),
        snapshot: Digest::of(b"policies"),
    };
    let agent = Agent { id: "tidy".into(), class: "mail".into(), owner: None, claims: Claims::default() };
    let subject = SubjectFacts {
        agent,
        user: None,
        delegation: Vec::new(),
        session: "s".into(),
        authenticated_by: Authentication::Token,
        standing: Standing::Active,
        removed: Vec::new(),
    };
    let action = ActionFacts {
        kind: ActionKind::ToolCall,
        server: Some("mail".into()),
        name: tool.into(),
        effects: Vec::new(),
        args: json!({"to": "bob@example.org"}),
        digest: None,
    };
    let context =
        ContextFacts { intent: None, time: 0, workspace: None, enforcement_point: "test".into(), trace: None };
    let facts = Facts {
        subject,
        action,
        tool: None,
        context,
        labels: Labels::default(),
        provenance: BTreeMap::new(),
        request: RequestFacts::default(),
        history: HistoryFacts::default(),
        signals: Signals::default(),
        risk: Risk::default(),
    };
    (decision, facts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_redemptions_at_once_one_runs() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(World::start(dir.path()));
    let id = world.rule("send").await.unwrap().approval.unwrap();
    assert_eq!(world.answer(id, true), ApprovalState::Approved);
    let all = (0..100).map(|_| {
        let world = world.clone();
        tokio::spawn(async move { world.rule("send").await.unwrap() })
    });
    let mut ran = Vec::new();
    for one in all.collect::<Vec<_>>() {
        let decision = one.await.unwrap();
        if decision.enforced == Effect::Allow {
            // INVARIANT under test: when the ruling is given, the use is on disk.
            ran.push(decision);
        }
    }
    assert_eq!(ran.len(), 1, "exactly one");
    let approved = ran[0].approved.as_ref().unwrap();
    assert_eq!((approved.id, approved.by.as_str(), approved.remembered), (id, "ann", false));
    let kept = world.store.db.approvals().unwrap().approvals;
    let states: Vec<ApprovalState> = kept.iter().map(|one| one.state).collect();
    assert_eq!(states, [ApprovalState::Used, ApprovalState::Pending]);
    assert_eq!(kept[0].args, Value::Null);
    assert_eq!(world.events(), ["asked", "used", "asked"].map(str::to_owned).to_vec());
}

#[tokio::test]
async fn the_use_is_on_disk_before_the_ruling_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(dir.path());
    let id = world.rule("send").await.unwrap().approval.unwrap();
    assert_eq!(world.store.db.approvals().unwrap().approvals[0].state, ApprovalState::Pending);
    world.answer(id, true);
    assert_eq!(world.rule("send").await.unwrap().enforced, Effect::Allow);
    assert_eq!(world.store.db.approvals().unwrap().approvals[0].state, ApprovalState::Used);
}

#[tokio::test]
async fn a_store_that_fails_refuses_and_nothing_is_lost_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(dir.path());
    let id = world.rule("send").await.unwrap().approval.unwrap();
    world.answer(id, true);
    world.approvals.all_kept().await.unwrap();
    world.store.fails.store(true, Ordering::Relaxed);
    for tool in ["send", "other"] {
        assert_eq!(world.rule(tool).await.unwrap_err().mode, FailMode::ApprovalsDown, "{tool}");
    }
    assert!(world.approvals.is_down());
    assert!(world.approvals.all_kept().await.is_err());
    let (found, _) = world.approvals.list(ApprovalsWhich::All, None, 10);
    assert_eq!(found.len(), 1, "a question that cannot be kept is not shown to anybody");
    assert_eq!(found[0].state, ApprovalState::Used, "what was used stays used, although it did not run");
    world.store.fails.store(false, Ordering::Relaxed);
    let again = world.rule("send").await.unwrap();
    assert_eq!(again.enforced, Effect::Ask);
    assert_ne!(again.approval, Some(id));
    assert!(!world.approvals.is_down());
}

#[tokio::test]
async fn whoever_joins_a_question_that_is_not_kept_is_refused_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(dir.path());
    world.store.fails.store(true, Ordering::Relaxed);
    let ((mut one, facts), (mut other, _)) = (asked(1, "send"), asked(2, "send"));
    let first = world.approvals.answer(&mut one, &facts, &Vec::new, NOW).unwrap().write.unwrap();
    let second = world.approvals.answer(&mut other, &facts, &Vec::new, NOW).unwrap().write.unwrap();
    assert_eq!(one.approval, other.approval);
    assert!(first.kept().await.is_err() && second.kept().await.is_err());
}

#[tokio::test]
async fn a_repeated_question_costs_no_write() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(dir.path());
    world.rule("send").await.unwrap();
    let before = world.store.writes.load(Ordering::Relaxed);
    for _ in 0..50 {
        assert_eq!(world.rule("send").await.unwrap().enforced, Effect::Ask);
    }
    assert_eq!(world.store.writes.load(Ordering::Relaxed), before);
    for _ in 0..50 {
        world.rule("send").await.unwrap();
    }
    let refused = world.rule("send").await.unwrap();
    assert_eq!((refused.enforced, refused.reasons[0].policy.as_str()), (Effect::Deny, "approvals"));
}

#[tokio::test]
async fn a_restart_keeps_questions_and_approvals_bound_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(dir.path());
    let (approved, waiting) = (world.rule("send").await.unwrap(), world.rule("wipe").await.unwrap());
    world.answer(approved.approval.unwrap(), true);
    world.approvals.all_kept().await.unwrap();
    drop(world);
    let world = World::start(dir.path());
    assert_eq!(world.rule("wipe").await.unwrap().approval, waiting.approval, "the same question");
    assert_eq!(world.rule("read").await.unwrap().enforced, Effect::Ask);
    let ran = world.rule("send").await.unwrap();
    assert_eq!((ran.enforced, ran.approval), (Effect::Allow, approved.approval));
    assert_eq!(world.rule("send").await.unwrap().enforced, Effect::Ask);
}

#[tokio::test]
async fn a_clock_that_jumps_brings_nothing_back_not_even_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(dir.path());
    let id = world.rule("send").await.unwrap().approval.unwrap();
    world.answer(id, true);
    // Beyond the time in which it may be used.
    world.forward_ms(960_000);
    assert_eq!(world.rule("send").await.unwrap().enforced, Effect::Ask);
    world.forward_ms(-960_000);
    assert_eq!(world.rule("send").await.unwrap().enforced, Effect::Ask);
    world.approvals.all_kept().await.unwrap();
    drop(world);
    let world = World::start(dir.path());
    assert_eq!(world.rule("send").await.unwrap().enforced, Effect::Ask, "the clock of the new run is behind");
    let (found, _) = world.approvals.list(ApprovalsWhich::All, None, 10);
    assert_eq!(found.iter().find(|one| one.id == id).unwrap().state, ApprovalState::Expired);
}

#[tokio::test]
async fn whoever_waits_is_woken_by_the_answer_and_by_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(World::start(dir.path()));
    let (sent, wiped) = (world.rule("send").await.unwrap(), world.rule("wipe").await.unwrap());
    let wait = |id: RecordId| {
        let approvals = world.approvals.clone();
        tokio::spawn(async move { approvals.wait(Some(&"tidy".into()), id, Duration::from_secs(60)).await })
    };
    let (answered, ended) = (wait(sent.approval.unwrap()), wait(wiped.approval.unwrap()));
    tokio::task::yield_now().await;
    world.answer(sent.approval.unwrap(), false);
    assert_eq!(answered.await.unwrap().unwrap().state, ApprovalState::Refused);
    world.forward_ms(3_600_001);
    // Anybody's look ends what is over.
    world.approvals.list(ApprovalsWhich::Open, None, 1);
    assert_eq!(ended.await.unwrap().unwrap().state, ApprovalState::Expired);

    let id = sent.approval.unwrap();
    assert!(world.approvals.wait(Some(&"other".into()), id, Duration::from_secs(60)).await.is_none(), "not its own");
    let unknown = RecordId::from_parts(1, 1);
    assert!(world.approvals.wait(None, unknown, Duration::from_secs(60)).await.is_none());
}

#[tokio::test]
async fn listeners_hear_what_happens_without_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(dir.path());
    let mut events = world.approvals.subscribe();
    let id = world.rule("send").await.unwrap().approval.unwrap();
    let event = events.recv().await.unwrap();
    assert_eq!((event.event.as_str(), event.id, event.state), ("asked", id, ApprovalState::Pending));
    assert!(!serde_json::to_string(&*event).unwrap().contains("bob@example.org"));
}

#[tokio::test]
async fn what_is_denied_stays_denied_and_what_is_allowed_uses_its_approval_up() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(dir.path());
    let id = world.rule("send").await.unwrap().approval.unwrap();
    world.answer(id, true);
    let (asks, facts) = asked(50, "send");
    let mut denied = Decision { effect: Effect::Deny, enforced: Effect::Deny, ..asks.clone() };
    let before = denied.clone();
    assert!(world.approvals.answer(&mut denied, &facts, &Vec::new, NOW).unwrap().write.is_none());
    assert_eq!(denied, before);
    let mut allowed = Decision { effect: Effect::Allow, enforced: Effect::Allow, ..asks };
    let write = world.approvals.answer(&mut allowed, &facts, &Vec::new, NOW).unwrap().write.unwrap();
    write.kept().await.unwrap();
    assert_eq!((allowed.approval, allowed.approved), (Some(id), None));
    assert_eq!(world.rule("send").await.unwrap().enforced, Effect::Ask);
}
