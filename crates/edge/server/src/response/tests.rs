//! The runner and the channels with a real database, a log that keeps the order, and channels that go down and up.

use super::*;
use crate::recorder::{Appending, RecordOwner, Recorder, RecorderError};
use crate::{NotifyError, SystemClock};
use async_trait::async_trait;
use holdshort_inventory::{OutboxRules, definition_digest};
use holdshort_model::{
    ActionFacts, ActionKind, Agent, Claims, Containment, ContextFacts, Digest, Level, Mode, Notice, NoticeKind, Owner,
    Reason, Risk, RiskPart, SessionId, SubjectFacts,
};
use holdshort_store::sqlite::StateDb;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use tokio::sync::watch;

/// A log in memory.
#[derive(Clone)]
struct Tape(Arc<watch::Sender<Vec<Value>>>, Arc<AtomicBool>);

impl Recorder for Tape {
    fn append(&self, record: Vec<u8>, _owner: Option<&RecordOwner>) -> Appending {
        let tape = self.clone();
        Box::pin(async move {
            if tape.1.load(Ordering::Relaxed) {
                return Err(RecorderError::Down("no space left".into()));
            }
            let mut index = 0;
            tape.0.send_modify(|records| {
                index = records.len() as u64;
                records.push(serde_json::from_slice(&record).unwrap());
            });
            Ok(Receipt { log: "l".into(), index })
        })
    }

    fn enqueue(&self, _record: Vec<u8>, _owner: Option<&RecordOwner>) -> Result<(), RecorderError> {
        Ok(())
    }
}

impl Tape {
    async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut records = self.0.subscribe();
        let found = records.wait_for(|records| records.iter().any(&wanted)).await.unwrap();
        found.iter().find(|record| wanted(record)).unwrap().clone()
    }

    fn of(&self, kind: &str) -> Vec<Value> {
        self.0.borrow().iter().filter(|record| record["type"] == kind).cloned().collect()
    }
}

/// A channel that fails as long as it is down.
struct Bell {
    name: String,
    down: watch::Sender<bool>,
    got: watch::Sender<Vec<Notice>>,
    tried: watch::Sender<u32>,
}

impl Bell {
    fn new(name: &str, down: bool) -> Arc<Self> {
        let name = name.to_owned();
        Arc::new(Self {
            name,
            down: watch::Sender::new(down),
            got: watch::Sender::default(),
            tried: watch::Sender::default(),
        })
    }

    async fn rings(&self, times: usize) -> Vec<Notice> {
        self.got.subscribe().wait_for(|got| got.len() >= times).await.unwrap().clone()
    }
}

#[async_trait]
impl Notifier for Bell {
    fn name(&self) -> &str {
        &self.name
    }

    fn takes(&self, _notice: &Notice) -> bool {
        true
    }

    async fn send(&self, notice: &Notice) -> Result<(), NotifyError> {
        self.tried.send_modify(|tried| *tried += 1);
        if *self.down.borrow() {
            return Err(NotifyError { class: "unreachable".into(), text: "cannot be reached".into() });
        }
        self.got.send_modify(|got| got.push(notice.clone()));
        Ok(())
    }
}

struct World {
    response: Response,
    tape: Tape,
    db: Arc<StateDb>,
    broken: Arc<AtomicBool>,
}

fn config() -> ResponseConfig {
    let outbox = OutboxRules { repeat_ms: 60_000, attempts_max: 1_000, pause_first_ms: 1, pause_max_ms: 20 };
    ResponseConfig { outbox, ..ResponseConfig::default() }
}

fn world(dir: &Path, bells: &[&Arc<Bell>], config: &ResponseConfig) -> World {
    let db = Arc::new(StateDb::open(&dir.join("state.db")).unwrap());
    let broken = Arc::new(AtomicBool::new(false));
    let tape = Tape(Arc::new(watch::Sender::new(Vec::new())), broken.clone());
    let clock = Arc::new(SystemClock);
    let journal = Journal::new(Arc::new(tape.clone()), clock.clone());
    let response = Response::start(config, db.clone(), db.clone(), journal, clock, Ids).unwrap();
    response.attach(bells.iter().map(|bell| (*bell).clone() as Arc<dyn Notifier>).collect());
    World { response, tape, db, broken }
}

impl World {
    async fn settled(&self) {
        self.response.settle(Duration::from_secs(30)).await;
    }
}

fn facts(agent: &str, session: &str, name: &str) -> Facts {
    let agent = Agent {
        id: agent.into(),
        class: "assistant".into(),
        owner: Some(Owner { id: "ada@example.org".into(), active: true }),
        claims: Claims::default(),
    };
    Facts {
        subject: SubjectFacts {
            agent,
            user: None,
            delegation: vec!["parent".into()],
            session: session.into(),
            authenticated_by: Default::default(),
            standing: Default::default(),
            removed: vec![],
        },
        action: ActionFacts {
            kind: ActionKind::ToolCall,
            server: Some("mail".into()),
            name: name.into(),
            effects: vec![],
            args: json!({"body": "PAYLOAD-OF-THE-ACTION"}),
            digest: None,
        },
        tool: None,
        context: ContextFacts {
            intent: Some("PAYLOAD-OF-THE-PERSON".into()),
            time: 1,
            workspace: None,
            enforcement_point: "test".into(),
            trace: None,
        },
        labels: Default::default(),
        provenance: Default::default(),
        request: Default::default(),
        history: Default::default(),
        signals: Default::default(),
        risk: Default::default(),
    }
}

fn decision(playbook: &[Step], containment: Containment) -> Decision {
    let id = Ids.next(SystemClock.now_ns()).unwrap();
    let part = RiskPart { signal: "tool".into(), points: 40, confidence: 100, why: "deletes".into() };
    Decision {
        id,
        effect: Effect::Deny,
        enforced: Effect::Deny,
        mode: Mode::Enforce,
        containment,
        removed: vec!["mail-write".into()],
        risk: Risk { score: 80, level: Level::High, parts: vec![part] },
        reasons: vec![Reason {
            policy: "holdshort.rules.mass_delete".into(),
            message: "too much at once".into(),
            effect: Effect::Deny,
            mode: Mode::Enforce,
        }],
        obligations: vec![],
        approval: None,
        approved: None,
        playbook: playbook.to_vec(),
        snapshot: Digest::of(b"s"),
    }
}

fn at(sequence: u64) -> Position {
    Position { sequence, previous: Some(Digest::of(b"before")), now_ms: ms(SystemClock.now_ns()) }
}

fn carry_out(world: &World, decision: &Decision, facts: &Facts) -> bool {
    let evidence = world.response.begin(decision, facts, at(4));
    let some = evidence.is_some();
    if let Some(evidence) = evidence {
        world.response.carry_out(evidence, decision, Some(&Receipt { log: "l".into(), index: 7 }));
    }
    some
}

#[tokio::test]
async fn steps_are_done_and_recorded_in_their_order_whatever_order_they_are_named_in() {
    let (dir, bell) = (tempfile::tempdir().unwrap(), Bell::new("soc", false));
    let world = world(dir.path(), &[&bell], &config());
    let playbook = [Step::OpenIncident, Step::Notify, Step::Contain, Step::Capture];
    let decision = decision(&playbook, Containment::Isolate);
    assert!(carry_out(&world, &decision, &facts("a", "s", "wipe")));
    world.settled().await;
    let notice = bell.rings(1).await.remove(0);
    world.tape.until(|record| record["text"].as_str().is_some_and(|text| text.contains("was told"))).await;
    let records = world.tape.of("response");
    let steps: Vec<&str> = records.iter().map(|record| record["step"].as_str().unwrap()).collect();
    let mut order = steps.clone();
    order.retain(|step| *step != "notify");
    assert_eq!(order, ["capture", "contain", "open-incident"], "{records:#?}");
    let first = steps.iter().position(|step| *step == "notify").unwrap();
    assert_eq!(first, 2, "the step itself comes after containment; that it arrived may come at any time");
    for record in &records {
        assert_eq!((&record["decision"], &record["done"]), (&json!(decision.id), &json!(true)), "{record}");
    }

    let incident = world.db.open_incidents().unwrap().remove(0);
    assert!(records.iter().all(|record| record["incident"] == json!(incident.id)));
    let what: Vec<&str> = incident.timeline.iter().map(|entry| entry.what.as_str()).collect();
    assert_eq!(what, ["refused", "captured", "contained", "notified"]);
    assert_eq!(incident.agents, ["a".into(), "parent".into()]);
    assert_eq!((incident.level, incident.timeline[0].index), (Level::High, Some(7)));
    assert_eq!(incident.evidence["records"]["count"], 5);
    let digest = definition_digest(&incident.evidence).to_string();
    assert!(records[0]["text"].as_str().unwrap().contains(&digest), "the record commits to the evidence: {records:?}");

    assert_eq!((notice.kind, notice.incident), (NoticeKind::Contained, Some(incident.id)));
    assert_eq!((notice.index, notice.score, notice.subject.owner.as_deref()), (Some(7), 80, Some("ada@example.org")));
    let all = format!("{}{notice:?}{records:?}", serde_json::to_string(&incident).unwrap());
    assert!(!all.contains("PAYLOAD"), "{all}");
}

#[tokio::test]
async fn what_is_refused_later_joins_and_an_agent_without_an_incident_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), &[], &config());
    let plain = decision(&[], Containment::None);
    assert!(!carry_out(&world, &plain, &facts("a", "s", "wipe")), "there is no incident yet");
    assert!(carry_out(&world, &decision(&[Step::OpenIncident], Containment::None), &facts("a", "s", "wipe")));
    assert!(carry_out(&world, &plain, &facts("a", "s2", "wipe")), "already before the runner has opened it");
    assert!(!carry_out(&world, &plain, &facts("b", "s", "wipe")));
    assert!(carry_out(&world, &decision(&[Step::OpenIncident], Containment::None), &facts("a", "s3", "wipe")));
    let allowed = Decision { enforced: Effect::Allow, ..plain.clone() };
    assert!(!carry_out(&world, &allowed, &facts("a", "s", "look")));
    world.response.note(Note {
        agent: "a".into(),
        what: "released".into(),
        text: "given back by ada: a mistake\u{1b}[31m".into(),
        at_ms: 5,
        index: Some(9),
    });
    world.settled().await;
    let incidents = world.db.open_incidents().unwrap();
    assert_eq!(incidents.len(), 1);
    let what: Vec<&str> = incidents[0].timeline.iter().map(|entry| entry.what.as_str()).collect();
    assert_eq!(what, ["refused", "refused", "refused", "released"]);
    assert_eq!(incidents[0].sessions.len(), 3);
    assert!(!incidents[0].timeline[3].text.contains('\u{1b}'));
    let texts: Vec<String> = world.tape.of("response").iter().map(|record| record["text"].to_string()).collect();
    assert!(texts[0].contains("opened: incident") && texts[1].contains("carried on"), "{texts:?}");
}

#[tokio::test]
async fn a_channel_that_is_down_is_tried_again_and_holds_up_nothing_and_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (up, down) = (Bell::new("up", false), Bell::new("down", true));
    let world = world(dir.path(), &[&down, &up], &config());
    carry_out(&world, &decision(&[Step::Notify], Containment::None), &facts("a", "s", "wipe"));
    assert_eq!(up.rings(1).await.len(), 1);
    down.tried.subscribe().wait_for(|tried| *tried >= 5).await.unwrap();
    // More of the same, while it is down: one message with a count.
    for _ in 0..9 {
        carry_out(&world, &decision(&[Step::Notify], Containment::None), &facts("a", "s", "wipe"));
    }
    world.settled().await;
    let metrics = world.response.metrics_text();
    for expected in ["holdshort_notify_down{channel=\"down\"} 1", "holdshort_notify_down{channel=\"up\"} 0"] {
        assert!(metrics.contains(expected), "{metrics}");
    }
    down.down.send_replace(false);
    let first = down.rings(1).await.remove(0);
    world.tape.until(|record| record["text"].as_str().is_some_and(|text| text.starts_with("`down` was told"))).await;
    let failures = world.tape.of("response");
    let failures = failures.iter().filter(|record| record["done"] == false).count();
    // At most two messages went that way: the one that was being tried as the others came, and theirs.
    assert!((1..=2).contains(&failures), "each way to fail is recorded once for each message: {failures}");
    let waiting = world.db.messages().unwrap();
    let count: u32 = waiting.iter().filter(|entry| entry.channel == "down").map(|entry| entry.notice.count).sum();
    assert!(count == 10 && first.count >= 1, "{count} {}", first.count);
}

#[tokio::test]
async fn a_restart_with_a_full_outbox_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let down = Bell::new("soc", true);
    {
        let world = world(dir.path(), &[&down], &config());
        for n in 0..600 {
            let agent = format!("a{n}");
            carry_out(&world, &decision(&[Step::Notify], Containment::None), &facts(&agent, "s", "wipe"));
        }
        world.settled().await;
        let records = world.tape.of("response");
        let lost = records.iter().filter(|record| record["text"].as_str().unwrap().contains("nobody is told")).count();
        assert_eq!(lost, 100, "what finds no room is on record");
        assert!(world.response.metrics_text().contains("holdshort_notify_waiting{channel=\"soc\"} 500"));
    }
    let up = Bell::new("soc", false);
    let world = world(dir.path(), &[&up], &config());
    let got = up.rings(500).await;
    let mut agents: Vec<&str> = got.iter().map(|notice| notice.subject.agent.as_str()).collect();
    agents.sort_unstable();
    agents.dedup();
    assert_eq!(agents.len(), 500, "each once");
    world.tape.0.subscribe().wait_for(|records| records.len() >= 500).await.unwrap();
    assert!(world.tape.of("response").iter().all(|record| record["done"] == true));
}

#[tokio::test]
async fn a_message_is_given_up_in_the_end_and_one_for_a_channel_that_is_gone_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let down = Bell::new("soc", true);
    let mut config = config();
    {
        let world = world(dir.path(), &[&down], &config);
        carry_out(&world, &decision(&[Step::Notify], Containment::None), &facts("a", "s", "wipe"));
        world.settled().await;
    }
    let other = Bell::new("other", true);
    config.outbox.attempts_max = 3;
    let world = world(dir.path(), &[&other], &config);
    world.tape.until(|record| record["text"] == "`soc` is configured no more; given up").await;
    carry_out(&world, &decision(&[Step::Notify], Containment::None), &facts("a", "s", "wipe"));
    let text = "`other` cannot be reached (unreachable); given up after 3 attempts";
    world.tape.until(|record| record["text"] == text).await;
    assert_eq!(*other.tried.borrow(), 3);
}

#[tokio::test]
async fn what_does_not_fit_and_what_cannot_be_recorded_is_counted_and_confessed() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), &[], &config());
    world.broken.store(true, Ordering::Relaxed);
    carry_out(&world, &decision(&[Step::OpenIncident], Containment::None), &facts("a", "s", "wipe"));
    world.settled().await;
    assert_eq!(world.db.open_incidents().unwrap().len(), 1, "people can look although the log is down");
    world.broken.store(false, Ordering::Relaxed);
    // The runner is not scheduled in between: everything beyond the bound is left out.
    for _ in 0..LINES_MAX + 50 {
        carry_out(&world, &decision(&[], Containment::None), &facts("a", "s", "wipe"));
    }
    let mut other = facts("b", "s", "wipe");
    other.subject.delegation.clear();
    for _ in 0..QUEUE_MAX {
        carry_out(&world, &decision(&[Step::Capture], Containment::None), &other);
    }
    let lost = world.tape.until(|record| record["event"] == "responses-left-out").await;
    assert_eq!(lost["detail"]["dropped"].as_u64().unwrap() as usize, 50 + LINES_MAX);
    assert_eq!(lost["detail"]["unrecorded"], 1);
    world.settled().await;
    let incident = world.db.open_incidents().unwrap().remove(0);
    assert_eq!(incident.timeline.len() as u64 + incident.omitted, 1 + LINES_MAX as u64);
}

#[test]
fn what_is_captured_is_small_and_holds_no_argument() {
    let mut facts = facts("a", "s", "wipe");
    facts.action.args = json!({ "body": "PAYLOAD".repeat(100_000) });
    facts.action.name = "wipe\r\nBcc: x\u{202e}".into();
    let decision = decision(&[Step::Capture], Containment::None);
    let evidence = Evidence::capture(&decision, &facts, at(1));
    assert_eq!(evidence.name, "wipe  Bcc: x\u{fffd}");
    let text = serde_json::to_string(&evidence.captured).unwrap();
    assert!(!text.contains("PAYLOAD") && text.len() < 4_096, "{text}");
    let _session: &SessionId = &evidence.session;
}
