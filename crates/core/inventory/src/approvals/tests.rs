//! The book as a whole.

use super::*;
use holdshort_model::{
    ActionEffect, ActionFacts, ActionKind, Agent, Approval, ApprovalState, ArgumentRole, Authentication, Certainty,
    Claims, Containment, ContextFacts, Decision, Digest, Effect, Facts, HistoryFacts, Labels, Level, Mode, Origin,
    Provenance, Reason, RecordId, RequestFacts, Resource, Risk, Signals, Standing, SubjectFacts, ToolFacts, Verb,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

const NOW: u64 = 1_000_000;

/// A difference, by name.
type Change = (&'static str, fn(&mut World));

/// A decision that asks, with its facts.
#[derive(Clone)]
struct World {
    decision: Decision,
    facts: Facts,
    places: Vec<(String, String)>,
    number: u64,
}

fn reason(policy: &str) -> Reason {
    Reason { policy: policy.into(), message: "why".into(), effect: Effect::Ask, mode: Mode::Enforce }
}

impl World {
    fn new() -> Self {
        let decision = Decision {
            id: RecordId::from_parts(NOW, 0),
            effect: Effect::Ask,
            enforced: Effect::Ask,
            mode: Mode::Enforce,
            containment: Containment::None,
            removed: Vec::new(),
            risk: Risk { score: 30, level: Level::Medium, parts: Vec::new() },
            reasons: vec![reason("p")],
            obligations: Vec::new(),
            approval: None,
            approved: None,
            playbook: Vec::new(),
            snapshot: Digest::of(b"policies"),
        };
        let agent = Agent { id: "tidy".into(), class: "mail".into(), owner: None, claims: Claims::default() };
        let resource = Resource { kind: "mail".into(), id: Some("x".into()), ..Resource::default() };
        let effect = ActionEffect {
            verb: Verb::Send,
            resource,
            reversible: Some(false),
            count: Some(1),
            certainty: Certainty::Declared,
        };
        let facts = Facts {
            subject: SubjectFacts {
                agent,
                user: Some("ann".into()),
                delegation: Vec::new(),
                session: "s".into(),
                authenticated_by: Authentication::Token,
                standing: Standing::Active,
                removed: Vec::new(),
            },
            action: ActionFacts {
                kind: ActionKind::ToolCall,
                server: Some("mail".into()),
                name: "send".into(),
                effects: vec![effect],
                args: json!({"to": "bob@example.org", "body": "hello"}),
                digest: None,
            },
            tool: Some(ToolFacts {
                server: "mail".into(),
                name: "send".into(),
                pin: holdshort_model::Pin::Match,
                annotations: Value::Null,
                definition: Some(Digest::of(b"send")),
                could: None,
            }),
            context: ContextFacts {
                intent: None,
                time: 0,
                workspace: None,
                enforcement_point: "mcp-http".into(),
                trace: None,
            },
            labels: Labels::default(),
            provenance: [].into(),
            request: RequestFacts::default(),
            history: HistoryFacts::default(),
            signals: Signals::default(),
            risk: Risk::default(),
        };
        Self { decision, facts, places: vec![("mail".into(), "bob@example.org".into())], number: 0 }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut world = Self::new();
        change(&mut world);
        world
    }

    /// Asks as a decision of its own.
    fn ask(&mut self, book: &mut Book, now_ms: u64) -> Reply {
        self.number += 1;
        self.decision.id = RecordId::from_parts(now_ms, u128::from(self.number));
        let places = self.places.clone();
        book.ask(&self.decision, &self.facts, &|| places.clone(), now_ms)
    }

    fn question(&mut self, book: &mut Book, now_ms: u64) -> RecordId {
        match self.ask(book, now_ms) {
            Reply::Waiting { id, .. } => id,
            other => panic!("{other:?}"),
        }
    }
}

fn wanted(id: RecordId, by: &str, approved: bool) -> Wanted {
    Wanted { id, by: by.into(), approved, reason: "because".into(), remember_ms: None }
}

fn answer(book: &mut Book, wanted: &Wanted, now_ms: u64) -> Result<ApprovalState, AnswerError> {
    let (next, exception) = book.prepare(wanted, Digest::of(b"policies"), now_ms)?;
    Ok(book.settle(next, exception, now_ms).unwrap().state)
}

fn runs(reply: &Reply) -> bool {
    matches!(reply, Reply::Approved { .. })
}

#[test]
fn an_approved_action_runs_once() {
    let (mut book, mut world) = (Book::default(), World::new());
    let id = world.question(&mut book, NOW);
    assert_eq!(world.question(&mut book, NOW), id, "the same is one question");
    assert_eq!(book.find(id).unwrap().asked, 2);
    assert_eq!(book.find(id).unwrap().args, world.facts.action.args);
    assert_eq!(answer(&mut book, &wanted(id, "ann", true), NOW), Ok(ApprovalState::Approved));
    assert_eq!(book.find(id).unwrap().args, Value::Null, "nobody needs them any more");
    match world.ask(&mut book, NOW) {
        Reply::Approved { approved, used: Some(used) } => {
            assert_eq!((approved.id, approved.by.as_str(), approved.remembered), (id, "ann", false));
            assert_eq!(used.state, ApprovalState::Used);
        }
        other => panic!("{other:?}"),
    }
    assert_ne!(world.question(&mut book, NOW), id, "used once is used");
}

#[test]
fn whatever_differs_is_another_question() {
    let changes: [Change; 16] = [
        ("agent", |world| world.facts.subject.agent.id = "eve".into()),
        ("user", |world| world.facts.subject.user = None),
        ("delegation", |world| world.facts.subject.delegation = vec!["x".into()]),
        ("authentication", |world| world.facts.subject.authenticated_by = Authentication::OsUser),
        ("session", |world| world.facts.subject.session = "t".into()),
        ("kind", |world| world.facts.action.kind = ActionKind::ShellCommand),
        ("server", |world| world.facts.action.server = None),
        ("name", |world| world.facts.action.name = "send2".into()),
        ("argument", |world| world.facts.action.args["to"] = json!("eve@example.org")),
        ("more arguments", |world| world.facts.action.args["bcc"] = json!("eve@example.org")),
        ("a hidden argument", |world| world.facts.action.args["_meta"] = json!("eve@example.org")),
        ("definition", |world| world.facts.tool.as_mut().unwrap().definition = None),
        ("effects", |world| world.facts.action.effects[0].resource.id = Some("y".into())),
        ("policies", |world| world.decision.snapshot = Digest::of(b"others")),
        ("another policy asks", |world| world.decision.reasons.push(reason("q"))),
        ("a high risk", |world| world.decision.risk.level = Level::High),
    ];
    for (what, change) in changes {
        let (mut book, mut world) = (Book::default(), World::new());
        let id = world.question(&mut book, NOW);
        answer(&mut book, &wanted(id, "ann", true), NOW).unwrap();
        let mut other = World::with(change);
        other.number = 10;
        assert!(!runs(&other.ask(&mut book, NOW)), "{what}");
        assert!(runs(&world.ask(&mut book, NOW)), "{what}: the approved one still does");
    }
    // The order of members is no difference.
    let (mut book, mut world) = (Book::default(), World::new());
    let id = world.question(&mut book, NOW);
    world.facts.action.args = serde_json::from_str(r#"{"body":"hello","to":"bob@example.org"}"#).unwrap();
    assert_eq!(world.question(&mut book, NOW), id);
}

#[test]
fn questions_and_approvals_end_and_no_clock_brings_them_back() {
    let limits = ApprovalLimits { wait_ms: 100, use_ms: 50, ..ApprovalLimits::default() };
    let (mut book, mut world) = (Book::new(limits, Kept::default()), World::new());
    let first = world.question(&mut book, NOW);
    assert!(book.expire(NOW + 99).is_empty());
    assert_eq!(book.next_end_ms(), Some(NOW + 100));
    assert_eq!(book.expire(NOW + 100).len(), 1);
    assert_eq!(book.find(first).unwrap().state, ApprovalState::Expired);
    let late = answer(&mut book, &wanted(first, "ann", true), NOW);
    assert_eq!(late, Err(AnswerError::Over(first, "expired")), "the clock that went back does not help");

    let second = world.question(&mut book, NOW + 100);
    answer(&mut book, &wanted(second, "ann", true), NOW + 110).unwrap();
    assert_eq!(book.find(second).unwrap().expires_ms, NOW + 160);
    assert!(!runs(&world.ask(&mut book, NOW + 160)), "nobody used it in time, whether that was noticed or not");
    assert!(!runs(&world.ask(&mut book, 1)), "nor does it come back");
    assert_eq!(book.expire(1).len(), 1);
    let history = book.history(&"tidy".into(), Some("mail"), "send", NOW + 160);
    assert_eq!((history.approved, history.expired, history.pending), (1, 1, 1));
}

#[test]
fn a_refusal_is_final_and_holds() {
    let (mut book, mut world) = (Book::default(), World::new());
    let id = world.question(&mut book, NOW);
    assert_eq!(answer(&mut book, &wanted(id, "ann", false), NOW), Ok(ApprovalState::Refused));
    assert_eq!(answer(&mut book, &wanted(id, "bob", true), NOW), Err(AnswerError::Over(id, "refused")));
    match world.ask(&mut book, NOW + 1) {
        Reply::Refused { why } => assert!(why.contains("because"), "{why}"),
        other => panic!("{other:?}"),
    }
    // Neither a new session nor a change of policy is a way around it.
    for change in [
        (|world| world.facts.subject.session = "another".into()) as fn(&mut World),
        |world| world.decision.snapshot = Digest::of(b"other policies"),
        |world| world.facts.subject.delegation.push("helper".into()),
    ] {
        let mut again = World::with(change);
        again.number = 20;
        assert!(matches!(again.ask(&mut book, NOW + 1), Reply::Refused { .. }));
    }
    let mut others = World::with(|world| world.facts.subject.agent.id = "other".into());
    others.number = 30;
    assert_ne!(others.question(&mut book, NOW + 1), id, "another agent's question is its own");
    let mut other = World::with(|world| world.facts.action.args["to"] = json!("carl@example.org"));
    other.number = 10;
    assert_ne!(other.question(&mut book, NOW + 1), id);
    assert_ne!(world.question(&mut book, NOW + 3_600_000), id, "an hour later a person may be asked again");
    let history = book.history(&"tidy".into(), Some("mail"), "send", NOW + 1);
    assert_eq!((history.refused, history.refused_same), (1, 1));
    assert_eq!(book.history(&"tidy".into(), Some("mail"), "read", NOW).refused_same, 0);
    assert_eq!(book.history(&"tidy".into(), Some("mail"), "send", NOW + 86_400_001).refused_same, 0);
}

#[test]
fn an_approval_can_be_taken_back_until_it_is_used() {
    let (mut book, mut world) = (Book::default(), World::new());
    let id = world.question(&mut book, NOW);
    answer(&mut book, &wanted(id, "ann", true), NOW).unwrap();
    assert_eq!(answer(&mut book, &wanted(id, "bob", false), NOW), Ok(ApprovalState::Refused));
    assert!(!runs(&world.ask(&mut book, NOW)));
}

#[test]
fn two_people_are_two_people() {
    let critical = |world: &mut World| world.decision.risk.level = Level::Critical;
    let (mut book, mut world) = (Book::default(), World::with(critical));
    let id = world.question(&mut book, NOW);
    assert_eq!(book.find(id).unwrap().people_needed, 2);
    assert_eq!(answer(&mut book, &wanted(id, "operator", true), NOW), Ok(ApprovalState::Pending));
    assert!(!runs(&world.ask(&mut book, NOW)));
    for same in ["operator", "os-user", "Operator"] {
        assert_eq!(answer(&mut book, &wanted(id, same, true), NOW), Err(AnswerError::Twice(same.into())));
    }
    assert_eq!(answer(&mut book, &wanted(id, "ann", true), NOW), Ok(ApprovalState::Approved));
    match world.ask(&mut book, NOW) {
        Reply::Approved { approved, .. } => assert_eq!(approved.by, "operator, ann"),
        other => panic!("{other:?}"),
    }
    let second = world.question(&mut book, NOW);
    answer(&mut book, &wanted(second, "ann", true), NOW).unwrap();
    assert_eq!(answer(&mut book, &wanted(second, "bob", false), NOW), Ok(ApprovalState::Refused));
}

#[test]
fn answers_that_do_not_count() {
    let (mut book, mut world) = (Book::default(), World::with(|world| world.decision.risk.level = Level::High));
    let id = world.question(&mut book, NOW);
    let check = |book: &mut Book, wanted: Wanted, expected: AnswerError| {
        assert_eq!(book.prepare(&wanted, Digest::of(b"policies"), NOW).unwrap_err(), expected);
    };
    let yes = wanted(id, "ann", true);
    check(&mut book, wanted(id, "TIDY", true), AnswerError::Yourself("TIDY".into()));
    check(&mut book, Wanted { reason: " \n".into(), ..yes.clone() }, AnswerError::NoReason);
    check(&mut book, Wanted { reason: "x".repeat(1_001), ..yes.clone() }, AnswerError::LongReason);
    let missing = RecordId::from_parts(9, 9);
    check(&mut book, wanted(missing, "ann", true), AnswerError::Missing(missing));
    for (ms, text) in [(1, "1 minute"), (31 * 86_400_000, "720 hours")] {
        let error = book.prepare(&Wanted { remember_ms: Some(ms), ..yes.clone() }, Digest::of(b"policies"), NOW);
        assert!(error.unwrap_err().to_string().contains(text));
    }
    assert_eq!(book.prepare(&yes, Digest::of(b"new"), NOW).unwrap_err(), AnswerError::Outdated(id));
    let held = book.prepare(&yes, Digest::of(b"policies"), NOW).unwrap();
    check(&mut book, yes.clone(), AnswerError::Busy(id));
    assert!(book.expire(u64::MAX).is_empty(), "it does not end while its answer is written");
    book.abandon(id);
    assert_eq!(book.find(id).unwrap().state, ApprovalState::Pending);
    assert_eq!(book.expire(u64::MAX).len(), 1);
    assert!(book.settle(held.0, held.1, NOW).is_none(), "too late");
}

#[test]
fn floods_are_refused_and_seen() {
    let limits = ApprovalLimits { pending_max: 3, per_hour_max: 5, repeats_max: 4, ..ApprovalLimits::default() };
    let mut book = Book::new(limits, Kept::default());
    let asks = |book: &mut Book, number: u64, now_ms: u64| {
        let mut world = World::with(|world| world.facts.action.args = json!({ "n": number }));
        world.number = number * 100;
        world.ask(book, now_ms)
    };
    let refused = |reply: &Reply, text: &str| match reply {
        Reply::Refused { why } => assert!(why.contains(text), "{why}"),
        other => panic!("{other:?}"),
    };
    let ids: Vec<RecordId> = (0..3)
        .map(|number| match asks(&mut book, number, NOW) {
            Reply::Waiting { id, .. } => id,
            other => panic!("{other:?}"),
        })
        .collect();
    refused(&asks(&mut book, 3, NOW), "3 questions of this agent wait");
    assert!(book.history(&"tidy".into(), None, "x", NOW).flooding);
    for _ in 0..3 {
        assert!(matches!(asks(&mut book, 0, NOW), Reply::Waiting { .. }), "the same again is no new question");
    }
    refused(&asks(&mut book, 0, NOW), "asked 4 times");
    for id in &ids {
        answer(&mut book, &wanted(*id, "ann", true), NOW).unwrap();
    }
    assert!(runs(&asks(&mut book, 0, NOW)), "an answer still counts");
    assert!(matches!(asks(&mut book, 3, NOW), Reply::Waiting { .. }));
    assert!(matches!(asks(&mut book, 4, NOW), Reply::Waiting { .. }));
    refused(&asks(&mut book, 5, NOW), "within an hour");
    let mut other = World::with(|world| world.facts.subject.agent.id = "calm".into());
    other.number = 9_000;
    assert!(matches!(other.ask(&mut book, NOW), Reply::Waiting { .. }), "another agent is not held up");
    assert!(matches!(asks(&mut book, 6, NOW + 3_600_001), Reply::Waiting { .. }));
}

#[test]
fn a_remembered_answer_holds_for_what_was_remembered_only() {
    let (mut book, mut world) = (Book::default(), World::new());
    let id = world.question(&mut book, NOW);
    let remember = Wanted { remember_ms: Some(3_600_000), ..wanted(id, "ann", true) };
    answer(&mut book, &remember, NOW).unwrap();
    assert!(runs(&world.ask(&mut book, NOW)), "the approval itself");
    for _ in 0..3 {
        match world.ask(&mut book, NOW) {
            Reply::Approved { approved, used: None } => assert!(approved.remembered && approved.id == id),
            other => panic!("{other:?}"),
        }
    }
    let holds: [Change; 3] = [
        ("session", |world| world.facts.subject.session = "t".into()),
        ("text", |world| world.facts.action.args["body"] = json!("more")),
        ("to another", |world| world.facts.action.effects[0].resource.id = Some("y".into())),
    ];
    let ends: [Change; 11] = [
        ("no destination", |world| world.places.clear()),
        ("what it does", |world| world.facts.action.effects[0].verb = Verb::Delete),
        ("what it does besides", |world| {
            let mut besides = world.facts.action.effects[0].clone();
            besides.resource.kind = "file".into();
            world.facts.action.effects.push(besides);
        }),
        ("agent", |world| world.facts.subject.agent.id = "eve".into()),
        ("user", |world| world.facts.subject.user = None),
        ("name", |world| world.facts.action.name = "pay".into()),
        ("definition", |world| world.facts.tool.as_mut().unwrap().definition = None),
        ("destination", |world| world.places.push(("mail".into(), "eve@example.org".into()))),
        ("policy", |world| world.decision.reasons.push(reason("q"))),
        ("nobody asks", |world| world.decision.reasons.clear()),
        ("risk", |world| world.decision.risk.score = 31),
    ];
    for (expected, changes) in [(true, holds.as_slice()), (false, ends.as_slice())] {
        for (number, (what, change)) in (100..).step_by(10).zip(changes) {
            let mut other = World::with(change);
            other.number = number + u64::from(expected);
            assert_eq!(runs(&other.ask(&mut book, NOW)), expected, "{what}");
        }
    }
    assert!(runs(&world.ask(&mut book, NOW + 3_599_999)));
    let mut revoked = book.clone();
    assert!(revoked.revoke(id).unwrap().revoked);
    assert!(!runs(&world.ask(&mut revoked, NOW)));
    assert!(!runs(&world.ask(&mut book, NOW + 3_600_000)), "until then");
    assert!(revoked.revoke(RecordId::from_parts(1, 1)).is_none());
}

#[test]
fn what_goes_nowhere_is_remembered_for_the_same_things_only() {
    let removes = |path: &str| {
        World::with(|world| {
            world.places.clear();
            let effect = &mut world.facts.action.effects[0];
            effect.verb = Verb::Delete;
            effect.resource = Resource { kind: "file".into(), path: Some(path.into()), ..Resource::default() };
        })
    };
    let (mut book, mut world) = (Book::default(), removes("/w/build"));
    let id = world.question(&mut book, NOW);
    let remember = Wanted { remember_ms: Some(3_600_000), ..wanted(id, "ann", true) };
    answer(&mut book, &remember, NOW).unwrap();
    assert!(runs(&world.ask(&mut book, NOW)) && runs(&world.ask(&mut book, NOW)));
    let mut more = removes("/home/ann");
    more.number = 10;
    assert!(!runs(&more.ask(&mut book, NOW)));
}

#[test]
fn what_was_erased_of_an_answer_makes_it_hold_for_nothing_more() {
    let (mut book, mut world) = (Book::default(), World::with(|world| world.places.clear()));
    let id = world.question(&mut book, NOW);
    let remember = Wanted { remember_ms: Some(3_600_000), ..wanted(id, "ann", true) };
    answer(&mut book, &remember, NOW).unwrap();
    assert!(runs(&world.ask(&mut book, NOW)) && runs(&world.ask(&mut book, NOW)));
    let erased = |one: &Arc<Approval>| Approval {
        session: ERASED_SESSION.into(),
        effects: Vec::new(),
        destinations: Vec::new(),
        ..one.as_ref().clone()
    };
    let kept = Kept {
        approvals: book.iter().map(erased).collect(),
        exceptions: book.exceptions().cloned().collect(),
        high_ms: NOW,
    };
    let mut book = Book::new(ApprovalLimits::default(), kept);
    let mut other = World::with(|world| {
        world.places.clear();
        world.facts.action.effects.clear();
    });
    other.number = 10;
    assert!(!runs(&other.ask(&mut book, NOW)));
}

#[test]
fn a_session_that_calls_itself_erased_is_erased_like_others() {
    use crate::whose::Whose;
    let mut book = Book::default();
    let mut world = World::with(|world| world.facts.subject.session = ERASED_SESSION.into());
    let id = world.question(&mut book, NOW);
    answer(&mut book, &wanted(id, "ann", false), NOW).unwrap();
    let whose = Whose::new(holdshort_model::ErasureKind::Agent, world.facts.subject.agent.id.as_str(), []);
    assert_eq!(book.erase(&whose, NOW).len(), 1);
    let one = book.find(id).unwrap();
    assert_eq!((one.state, &one.user, one.answers[0].by.as_str()), (ApprovalState::Refused, &None, "erased"));
    assert!(one.destinations.is_empty() && one.reasons.is_empty());
    assert!(book.erase(&whose, NOW).is_empty(), "again is no change");
}

#[test]
fn a_destination_that_was_not_looked_at_is_covered_by_nothing() {
    let target = |role| Provenance {
        role,
        origin: Origin::Unknown,
        sources: vec![],
        coverage: 0,
        required: true,
        address: true,
        record: false,
        rivals: 0,
        known: false,
    };
    let to = |text: &str| {
        World::with(|world| {
            world.facts.action.args = json!({ "to": text, "body": "hello" });
            world.facts.provenance.insert("/to".into(), target(ArgumentRole::Target));
        })
    };
    let (mut book, mut world) = (Book::default(), to("bob@example.org"));
    let id = world.question(&mut book, NOW);
    let remember = Wanted { remember_ms: Some(3_600_000), ..wanted(id, "ann", true) };
    answer(&mut book, &remember, NOW).unwrap();
    assert!(runs(&world.ask(&mut book, NOW)) && runs(&world.ask(&mut book, NOW)));
    assert!(runs(&to("Bob Example <bob@example.org>").ask(&mut book, NOW)));
    // More than is traced: only the first ones are named as destinations.
    let many = format!("{}, eve@example.org", vec!["bob@example.org"; 32].join(", "));
    let mut hidden = to(&many);
    hidden.number = 10;
    assert!(!runs(&hidden.ask(&mut book, NOW)));
    let mut rest = to("bob@example.org");
    rest.number = 20;
    rest.facts.action.args["body"] = json!("other");
    rest.facts.provenance.insert("/...".into(), target(ArgumentRole::Content));
    assert!(!runs(&rest.ask(&mut book, NOW)), "arguments that nobody traced");
    let mut crowd = to("bob@example.org");
    crowd.number = 30;
    crowd.facts.action.args["body"] = json!("another");
    crowd.places = vec![("mail".into(), "bob@example.org".into()); 32];
    assert!(!runs(&crowd.ask(&mut book, NOW)), "as many as are traced at most");
}

#[test]
fn what_is_critical_is_never_remembered() {
    let limits = ApprovalLimits { second_person_from: None, ..ApprovalLimits::default() };
    let mut book = Book::new(limits, Kept::default());
    let mut world = World::with(|world| world.decision.risk.level = Level::Critical);
    let id = world.question(&mut book, NOW);
    let remember = Wanted { remember_ms: Some(3_600_000), ..wanted(id, "ann", true) };
    assert!(matches!(answer(&mut book, &remember, NOW), Err(AnswerError::NotRemembered(_))));
    assert_eq!(answer(&mut book, &wanted(id, "ann", true), NOW), Ok(ApprovalState::Approved));
}

#[test]
fn what_runs_anyway_uses_its_approval_up() {
    let (mut book, mut world) = (Book::default(), World::new());
    let id = world.question(&mut book, NOW);
    assert_eq!(book.consume(&world.decision, &world.facts, NOW), None);
    answer(&mut book, &wanted(id, "ann", true), NOW).unwrap();
    let other = World::with(|world| world.facts.action.args = json!({}));
    assert_eq!(book.consume(&other.decision, &other.facts, NOW), None);
    assert_eq!(book.consume(&world.decision, &world.facts, NOW).unwrap().id, id);
    assert!(!runs(&world.ask(&mut book, NOW)));
}

#[test]
fn a_restart_keeps_what_waits_and_what_was_approved() {
    let (mut book, mut world) = (Book::default(), World::new());
    let mut other = World::with(|world| world.facts.action.name = "read".into());
    other.number = 50;
    let (id, waiting) = (world.question(&mut book, NOW), other.question(&mut book, NOW));
    let remember = Wanted { remember_ms: Some(3_600_000), ..wanted(id, "ann", true) };
    answer(&mut book, &remember, NOW).unwrap();
    let kept = Kept {
        approvals: book.iter().map(|one| one.as_ref().clone()).collect(),
        exceptions: book.exceptions().cloned().collect(),
        high_ms: NOW,
    };
    let mut again = Book::new(ApprovalLimits::default(), kept.clone());
    assert_eq!(again.exceptions().count(), 1);
    let history = again.history(&"tidy".into(), None, "x", 0);
    assert_eq!((history.pending, history.approved), (1, 1));
    assert_eq!(other.question(&mut again, 0), waiting, "still the same question");
    match world.ask(&mut again, 0) {
        Reply::Approved { approved, used: Some(_) } => assert_eq!(approved.id, id),
        other => panic!("{other:?}"),
    }
    let mut late = Book::new(ApprovalLimits::default(), Kept { high_ms: NOW + 3_600_000, ..kept });
    assert_eq!(late.expire(0).len(), 2, "time does not start anew");
}

#[test]
fn what_cannot_be_kept_is_withdrawn() {
    let (mut book, mut world) = (Book::default(), World::new());
    let id = world.question(&mut book, NOW);
    book.withdraw(id);
    assert!(book.find(id).is_none());
    let again = world.question(&mut book, NOW);
    answer(&mut book, &wanted(again, "ann", true), NOW).unwrap();
    book.withdraw(again);
    assert!(book.find(again).is_some(), "only what waits");
}

#[test]
fn old_ones_are_forgotten_once() {
    let limits = ApprovalLimits { per_hour_max: 1_000, pending_max: 1_000, ..ApprovalLimits::default() };
    let mut book = Book::new(limits, Kept::default());
    for number in 0..510 {
        let mut world = World::with(|world| world.facts.action.args = json!({ "n": number }));
        world.number = number;
        let id = world.question(&mut book, NOW);
        answer(&mut book, &wanted(id, "ann", false), NOW).unwrap();
    }
    assert_eq!(book.take_forgotten(NOW).len(), 10);
    assert_eq!(book.take_forgotten(NOW), []);
    assert_eq!(book.take_forgotten(NOW + 32 * 86_400_000).len(), 500);
    assert_eq!(book.iter().count(), 0);
}

#[test]
fn answers_change_decisions_in_one_direction() {
    let approved = holdshort_model::Approved { id: RecordId::from_parts(1, 1), by: "ann".into(), remembered: false };
    let mut asked = World::new().decision;
    lift(&mut asked, approved.clone());
    assert_eq!((asked.effect, asked.enforced, asked.mode), (Effect::Allow, Effect::Allow, Mode::Enforce));
    assert_eq!((asked.approval, asked.approved.as_ref()), (Some(approved.id), Some(&approved)));

    let mut observed = Decision { effect: Effect::Deny, ..World::new().decision };
    lift(&mut observed, approved.clone());
    assert_eq!((observed.effect, observed.enforced, observed.mode), (Effect::Deny, Effect::Allow, Mode::Observe));

    let denied = Decision { effect: Effect::Deny, enforced: Effect::Deny, ..World::new().decision };
    let mut lifted = denied.clone();
    lift(&mut lifted, approved);
    assert_eq!(lifted, denied, "a Deny stays a Deny");

    let mut refused = World::new().decision;
    refuse(&mut refused, "no".into());
    assert_eq!((refused.effect, refused.enforced), (Effect::Deny, Effect::Deny));
    for recorded in [&asked, &refused] {
        let mut replayed = World::new().decision;
        as_recorded(&mut replayed, recorded);
        assert_eq!(&replayed, recorded);
        let mut replayed = denied.clone();
        as_recorded(&mut replayed, recorded);
        assert_eq!(replayed, denied);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ask(u8),
    Answer(u8, u8, bool),
    Pass(u16),
    Back,
    Consume(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u8..3).prop_map(Step::Ask),
        (0u8..8, 0u8..3, any::<bool>()).prop_map(|(which, who, yes)| Step::Answer(which, who, yes)),
        (0u16..80).prop_map(Step::Pass),
        Just(Step::Back),
        (0u8..3).prop_map(Step::Consume),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn no_state_is_ever_left_backwards_and_every_use_had_an_answer(steps in steps()) {
        let limits = ApprovalLimits { wait_ms: 100, use_ms: 50, ..ApprovalLimits::default() };
        let mut book = Book::new(limits, Kept::default());
        let (mut now, mut uses, mut yeses) = (NOW, 0, 0);
        let mut worlds: Vec<World> =
            (0..3).map(|n| World::with(|world| world.facts.action.args = json!({ "n": n }))).collect();
        for (number, world) in (0..).step_by(1_000).zip(&mut worlds) {
            world.number = number;
        }
        let mut before: std::collections::BTreeMap<RecordId, ApprovalState> = [].into();
        for step in steps {
            match step {
                Step::Ask(which) => uses += usize::from(runs(&worlds[usize::from(which)].ask(&mut book, now))),
                Step::Answer(which, who, yes) => {
                    let id = book.iter().nth(usize::from(which)).map(|one| one.id);
                    let by = ["ann", "bob", "tidy"][usize::from(who)];
                    if let Some(id) = id {
                        let answered = answer(&mut book, &wanted(id, by, yes), now);
                        yeses += usize::from(answered == Ok(ApprovalState::Approved));
                    }
                }
                Step::Pass(ms) => now += u64::from(ms),
                Step::Back => now = NOW,
                Step::Consume(which) => {
                    let world = &worlds[usize::from(which)];
                    uses += usize::from(book.consume(&world.decision, &world.facts, now).is_some());
                }
            }
            book.expire(now);
            for one in book.iter() {
                if let Some(was) = before.insert(one.id, one.state) {
                    prop_assert!(was == one.state || may_become(was, one.state), "{was:?} -> {:?}", one.state);
                }
            }
        }
        prop_assert!(uses <= yeses);
        let states = |state| book.iter().filter(|one| one.state == state).count();
        prop_assert_eq!(states(ApprovalState::Used), uses);
    }
}
