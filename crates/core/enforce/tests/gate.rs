//! What the gate lets pass, and everything that it does not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic too")]

use async_trait::async_trait;
use holdshort_enforce::{Authority, Fault, Gate, Received, Refusal, Verdict};
use holdshort_model::{
    Action, ActionKind, ApprovalState, Authentication, Claims, Containment, Context, Decision, Digest, Effect,
    FailMode, Mode, Obligation, Outcome, Reason, Receipt, RecordId, Request, Risk, Ruling, Seen, SessionId,
    StandingView, Subject, ToolListing, ToolsSeen,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const BYTES: &[u8] = b"{ \"id\": 1 }";

/// Answers what it is told, and remembers what it was asked.
struct Told {
    answer: Result<Decision, Fault>,
    asked: Mutex<Vec<Request>>,
}

#[async_trait]
impl Authority for Told {
    async fn rule(&self, request: Request) -> Result<Ruling, Fault> {
        self.asked.lock().unwrap().push(request);
        let receipt = Receipt { log: "test".into(), index: 7 };
        self.answer.clone().map(|decision| Ruling { decision, receipt })
    }

    async fn report(&self, _: Outcome, _: Option<Seen>) -> Result<(), Fault> {
        Ok(())
    }

    async fn inspect(&self, _: ToolsSeen) -> Result<Vec<ToolListing>, Fault> {
        Ok(Vec::new())
    }

    async fn approval(&self, _: &Subject, _: RecordId, _: Duration) -> Result<ApprovalState, Fault> {
        Ok(ApprovalState::Pending)
    }

    async fn standing(&self, _: &Subject, _: &SessionId) -> Result<StandingView, Fault> {
        Ok(StandingView::default())
    }

    async fn standing_changed(&self, _: u64) -> Result<u64, Fault> {
        Ok(1)
    }
}

fn decision(effect: Effect, enforced: Effect) -> Decision {
    Decision {
        id: RecordId::from_parts(1, 2),
        effect,
        enforced,
        mode: Mode::Enforce,
        containment: Containment::None,
        removed: Vec::new(),
        risk: Risk::default(),
        reasons: Vec::new(),
        obligations: Vec::new(),
        approval: None,
        approved: None,
        playbook: Vec::new(),
        snapshot: Digest::of(b""),
    }
}

fn request() -> Request {
    let subject = Subject {
        agent: "agent".into(),
        user: None,
        delegation: Vec::new(),
        authenticated_by: Authentication::Token,
        claims: Claims::default(),
    };
    // A digest that the caller states is not believed.
    let digest = Some(Digest::of(b"something else"));
    let action =
        Action { kind: ActionKind::ToolCall, server: None, name: "t".into(), args: serde_json::json!({}), digest };
    Request { subject, action, context: Context::default(), session: "session".into() }
}

async fn check(answer: Result<Decision, Fault>) -> (Verdict<Vec<u8>>, Vec<Request>) {
    let told = Arc::new(Told { answer, asked: Mutex::default() });
    let verdict = Gate::new(told.clone()).check(Received::new(request(), BYTES.to_vec())).await;
    let asked = told.asked.lock().unwrap().clone();
    (verdict, asked)
}

async fn refused(answer: Result<Decision, Fault>) -> Refusal {
    match check(answer).await.0 {
        Verdict::Refuse(refusal) => refusal,
        Verdict::Permit(_) => panic!("the gate let it pass"),
        Verdict::Suspend(_) => panic!("the gate asked somebody"),
    }
}

#[tokio::test]
async fn a_permit_owns_the_bytes_that_were_asked_about() {
    let (verdict, asked) = check(Ok(decision(Effect::Allow, Effect::Allow))).await;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].action.digest, Some(Digest::of(BYTES)));
    let Verdict::Permit(permit) = verdict else { panic!("refused") };
    assert_eq!((permit.decision(), permit.session().as_str()), (RecordId::from_parts(1, 2), "session"));
    assert_eq!((permit.receipt().index, permit.payload().as_slice()), (7, BYTES));
    assert_eq!(permit.into_payload(), BYTES);
}

#[tokio::test]
async fn what_is_enforced_counts_and_not_what_was_decided() {
    let (verdict, _) = check(Ok(decision(Effect::Deny, Effect::Allow))).await;
    assert!(matches!(verdict, Verdict::Permit(_)), "observe mode lets pass");
    for effect in [Effect::Ask, Effect::Deny] {
        let refusal = refused(Ok(decision(effect, effect))).await;
        assert_eq!((refusal.effect, refusal.decision), (effect, Some(RecordId::from_parts(1, 2))));
        assert_eq!((refusal.fail_mode, refusal.reasons.len()), (None, 1), "a refusal always has a reason");
    }
}

#[tokio::test]
async fn only_enforced_reasons_are_told() {
    let reason = |policy: &str, mode| Reason { policy: policy.into(), message: "m".into(), effect: Effect::Deny, mode };
    let reasons = vec![reason("seen", Mode::Observe), reason("done", Mode::Enforce)];
    let refusal = refused(Ok(Decision { reasons, ..decision(Effect::Deny, Effect::Deny) })).await;
    assert_eq!(refusal.reasons.iter().map(|r| r.policy.as_str()).collect::<Vec<_>>(), ["done"]);
}

#[tokio::test]
async fn an_obligation_that_cannot_be_carried_out_refuses() {
    let obligations = vec![Obligation::Constrain { pointer: "/path".into(), value: 1.into() }];
    let refusal = refused(Ok(Decision { obligations, ..decision(Effect::Allow, Effect::Allow) })).await;
    assert_eq!(refusal.fail_mode, Some(FailMode::PolicyError));
}

#[tokio::test]
async fn every_failure_is_a_refusal_with_its_name() {
    use FailMode as F;
    let modes =
        [F::DeciderLate, F::RecorderDown, F::UnknownAgent, F::Unparseable, F::PolicyError, F::NoPolicy, F::Oversize];
    for mode in modes {
        let refusal = refused(Err(Fault::new(mode, "why"))).await;
        assert_eq!((refusal.effect, refusal.decision, refusal.fail_mode), (Effect::Deny, None, Some(mode)));
        assert_eq!(refusal.reasons[0].policy, format!("fail-mode/{}", mode.as_str()));
        assert_eq!(refusal.reasons[0].message, "why");
    }
}

/// Wants `limit` to be 10, and asks a person about everything that names `big`.
struct Constrains {
    asked: Mutex<Vec<Request>>,
    approved: std::sync::atomic::AtomicBool,
    restless: bool,
}

#[async_trait]
impl Authority for Constrains {
    async fn rule(&self, request: Request) -> Result<Ruling, Fault> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(request.clone());
        let effect = match request.action.args.get("big") {
            Some(_) if !self.approved.load(std::sync::atomic::Ordering::SeqCst) => Effect::Ask,
            _ => Effect::Allow,
        };
        let limit = if self.restless { asked.len() as u64 } else { 10 };
        let obligations = vec![Obligation::Constrain { pointer: "/limit".into(), value: limit.into() }];
        let approval = (effect == Effect::Ask).then(|| RecordId::from_parts(9, 9));
        let id = RecordId::from_parts(1, asked.len() as u128);
        let decision = Decision { id, obligations, approval, ..decision(effect, effect) };
        Ok(Ruling { decision, receipt: Receipt { log: "l".into(), index: 7 } })
    }

    async fn report(&self, outcome: Outcome, _: Option<Seen>) -> Result<(), Fault> {
        assert_eq!(outcome.status, holdshort_model::OutcomeStatus::Cancelled, "only what is given back is reported");
        Ok(())
    }

    async fn inspect(&self, _: ToolsSeen) -> Result<Vec<ToolListing>, Fault> {
        Ok(Vec::new())
    }

    async fn approval(&self, _: &Subject, id: RecordId, _: Duration) -> Result<ApprovalState, Fault> {
        assert_eq!(id, RecordId::from_parts(9, 9));
        Ok(ApprovalState::Approved)
    }

    async fn standing(&self, _: &Subject, _: &SessionId) -> Result<StandingView, Fault> {
        Ok(StandingView::default())
    }

    async fn standing_changed(&self, seen: u64) -> Result<u64, Fault> {
        Ok(seen)
    }
}

fn with_args(_: &Vec<u8>, args: &serde_json::Value) -> Option<Vec<u8>> {
    Some(args.to_string().into_bytes())
}

async fn constrained(args: serde_json::Value, restless: bool) -> (Gate, Arc<Constrains>, Verdict<Vec<u8>>) {
    let authority = Arc::new(Constrains { asked: Mutex::default(), approved: Default::default(), restless });
    let gate = Gate::new(authority.clone());
    let mut request = request();
    request.action.args = args.clone();
    let received = Received::new(request, args.to_string().into_bytes()).rewritten_by(with_args);
    let verdict = gate.check(received).await;
    (gate, authority, verdict)
}

#[tokio::test]
async fn what_was_rewritten_is_decided_again_and_only_that_is_forwarded() {
    let (_, authority, verdict) = constrained(serde_json::json!({"limit": 1000}), false).await;
    let Verdict::Permit(permit) = verdict else { panic!("refused") };
    let bytes = br#"{"limit":10}"#;
    assert_eq!((permit.decision(), permit.payload().as_slice()), (RecordId::from_parts(1, 2), bytes.as_slice()));
    let asked = authority.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].action.digest, Some(Digest::of(bytes)), "decided on the final bytes");
    assert_eq!(asked[1].context.rewritten_from, Some(RecordId::from_parts(1, 1)));
}

#[tokio::test]
async fn obligations_that_never_come_to_rest_refuse() {
    let (_, authority, verdict) = constrained(serde_json::json!({"limit": 1000}), true).await;
    let Verdict::Refuse(refusal) = verdict else { panic!("let pass") };
    assert_eq!(refusal.fail_mode, Some(FailMode::PolicyError));
    assert_eq!(authority.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn what_waits_for_a_person_is_decided_anew() {
    let (gate, authority, verdict) = constrained(serde_json::json!({"big": 1, "limit": 10}), false).await;
    let Verdict::Suspend(suspended) = verdict else { panic!("not asked") };
    assert_eq!(suspended.approval(), RecordId::from_parts(9, 9));
    assert_eq!(gate.wait(&suspended, Duration::ZERO).await.unwrap(), ApprovalState::Approved);
    // Its own word is not enough: the authority still asks.
    let Verdict::Suspend(suspended) = gate.resume(suspended).await else { panic!("the gate believed it") };
    authority.approved.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(matches!(gate.resume(suspended).await, Verdict::Permit(_)));
    assert_eq!(authority.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_person_is_asked_about_what_would_be_forwarded() {
    let (_, authority, verdict) = constrained(serde_json::json!({"big": 1, "limit": 1000}), false).await;
    let Verdict::Suspend(suspended) = verdict else { panic!("not asked") };
    assert_eq!(suspended.request().action.args, serde_json::json!({"big": 1, "limit": 10}));
    assert_eq!(authority.asked.lock().unwrap().len(), 2);
}
