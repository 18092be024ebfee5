//! What the gate lets pass, and everything that it does not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic too")]

use async_trait::async_trait;
use holdshort_enforce::{Authority, Fault, Gate, Received, Refusal, Verdict};
use holdshort_model::{
    Action, ActionKind, Authentication, Claims, Containment, Context, Decision, Digest, Effect, FailMode, Mode,
    Obligation, Outcome, Reason, Receipt, RecordId, Request, Risk, Ruling, Seen, Subject, ToolListing, ToolsSeen,
};
use std::sync::{Arc, Mutex};

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
    let obligations = vec![Obligation::Redact { pointer: "/path".into() }];
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
