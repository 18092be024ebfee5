//! Received, Gate, Permitted.

use crate::{Authority, Fault, obligations};
use holdshort_model::{
    ApprovalState, Decision, Digest, Effect, FailMode, Outcome, OutcomeStatus, Reason, Receipt, RecordId, Request,
    Ruling, SessionId,
};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// How often a message is decided on, changed as policies want it, before it is refused.
const REWRITES_MAX: usize = 3;

/// A message in the exact form in which it would be forwarded.
pub trait Payload {
    /// The bytes that the upstream would get.
    fn bytes(&self) -> &[u8];
}

impl<T: AsRef<[u8]>> Payload for T {
    fn bytes(&self) -> &[u8] {
        self.as_ref()
    }
}

/// Makes the same message with other arguments; `None` when it cannot carry them.
pub type Rewrite<T> = fn(&T, &Value) -> Option<T>;

/// A message that arrived, with the question it raises. Not yet decided.
#[derive(Debug)]
pub struct Received<T> {
    request: Request,
    payload: T,
    rewrite: Option<Rewrite<T>>,
}

impl<T: Payload> Received<T> {
    /// Binds a request to the final bytes: the request's digest is taken from them here and nowhere else.
    pub fn new(mut request: Request, payload: T) -> Self {
        request.action.digest = Some(Digest::of(payload.bytes()));
        Self { request, payload, rewrite: None }
    }

    /// How the message gets other arguments, when policies want them changed. Without it such a decision is a refusal.
    #[must_use]
    pub fn rewritten_by(self, rewrite: Rewrite<T>) -> Self {
        Self { rewrite: Some(rewrite), ..self }
    }

    /// The question.
    pub fn request(&self) -> &Request {
        &self.request
    }
}

/// The right to forward one message once. Private fields, no `Clone`: only the gate makes one, sending consumes it.
#[derive(Debug)]
#[must_use = "a permit that is dropped is an action that was recorded as permitted and never ran"]
pub struct Permitted<T> {
    payload: T,
    decision: RecordId,
    session: SessionId,
    receipt: Receipt,
}

impl<T> Permitted<T> {
    /// The decision that permits it.
    pub fn decision(&self) -> RecordId {
        self.decision
    }

    /// The session of the action.
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// Where the decision's record stands.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// A look at the message.
    pub fn payload(&self) -> &T {
        &self.payload
    }

    /// Uses the permit up. To be called by what sends, nowhere else.
    pub fn into_payload(self) -> T {
        self.payload
    }
}

/// Answer of the gate.
#[derive(Debug)]
pub enum Verdict<T> {
    /// Forward it.
    Permit(Permitted<T>),
    /// A person is asked. Nothing runs; the question can be put again.
    Suspend(Box<Suspended<T>>),
    /// Do not forward it, and tell the agent why.
    Refuse(Refusal),
}

/// A message that waits for a person. No permit: [`Gate::resume`] decides on it anew, with everything that is known then.
#[derive(Debug)]
pub struct Suspended<T> {
    received: Received<T>,
    approval: RecordId,
    refusal: Refusal,
}

impl<T> Suspended<T> {
    /// The approval that it waits for.
    pub fn approval(&self) -> RecordId {
        self.approval
    }

    /// The question.
    pub fn request(&self) -> &Request {
        &self.received.request
    }

    /// What the agent is told when nobody waits.
    pub fn refusal(self) -> Refusal {
        self.refusal
    }
}

/// Why a message is not forwarded, in the words that the agent gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The decision, unless none could be made.
    pub decision: Option<RecordId>,
    /// `Ask` when a person could permit it, else `Deny`.
    pub effect: Effect,
    /// The approval that would permit it, when a person is asked.
    pub approval: Option<RecordId>,
    /// Why. Never empty.
    pub reasons: Vec<Reason>,
    /// Set when the refusal comes from a failure, not from a policy.
    pub fail_mode: Option<FailMode>,
}

impl Refusal {
    /// A refusal because of a failure.
    pub fn from_fault(fault: &Fault) -> Self {
        let reason = Reason {
            policy: format!("fail-mode/{}", fault.mode.as_str()),
            message: fault.message.clone(),
            effect: Effect::Deny,
            mode: holdshort_model::Mode::Enforce,
        };
        Self {
            decision: None,
            effect: Effect::Deny,
            approval: None,
            reasons: vec![reason],
            fail_mode: Some(fault.mode),
        }
    }

    fn from_decision(decision: Decision) -> Self {
        // What is only noted, or told to people, is nothing that the agent could do otherwise.
        let stops = |reason: &Reason| reason.mode == holdshort_model::Mode::Enforce && reason.effect != Effect::Allow;
        let mut reasons: Vec<_> = decision.reasons.into_iter().filter(stops).collect();
        if reasons.is_empty() {
            reasons.push(Reason {
                policy: "decision".into(),
                message: "refused; the decision gave no reason".into(),
                effect: decision.enforced,
                mode: holdshort_model::Mode::Enforce,
            });
        }
        let approval = decision.approval.filter(|_| decision.enforced == Effect::Ask);
        Self { decision: Some(decision.id), effect: decision.enforced, approval, reasons, fail_mode: None }
    }
}

/// The gate of one enforcement point.
#[derive(Clone)]
pub struct Gate {
    authority: Arc<dyn Authority>,
}

impl Gate {
    /// A gate that asks `authority`.
    pub fn new(authority: Arc<dyn Authority>) -> Self {
        Self { authority }
    }

    /// The authority behind the gate, for outcomes and tool lists.
    pub fn authority(&self) -> &Arc<dyn Authority> {
        &self.authority
    }

    /// Decides, records, and only then permits. Every error is a refusal.
    ///
    /// A decision with obligations is no permit: they are carried out, and what the action is then is decided on its own.
    pub async fn check<T: Payload>(&self, received: Received<T>) -> Verdict<T> {
        let mut received = received;
        for _ in 0..REWRITES_MAX {
            let session = received.request.session.clone();
            let ruling = match self.authority.rule(received.request.clone()).await {
                Ok(ruling) => ruling,
                Err(fault) => return Verdict::Refuse(Refusal::from_fault(&fault)),
            };
            let Ruling { decision, receipt } = ruling;
            if decision.enforced == Effect::Deny {
                return Verdict::Refuse(Refusal::from_decision(decision));
            }
            let mut args = received.request.action.args.clone();
            match (obligations::carry_out(&decision.obligations, &mut args), decision.enforced) {
                (Ok(false), Effect::Allow) => {
                    let payload = received.payload;
                    return Verdict::Permit(Permitted { payload, decision: decision.id, session, receipt });
                }
                // A person is asked about what would be forwarded, and about nothing else.
                (Ok(false), _) => return suspend(received, decision),
                (Ok(true), _) => {}
                (Err(what), _) => return self.cannot(decision.id, session, what).await,
            }
            self.give_back(decision.id, session.clone()).await;
            // INVARIANT: decided on the final bytes. The rewritten message is a new question with a new digest.
            let rewritten = received.rewrite.and_then(|rewrite| rewrite(&received.payload, &args));
            let Some(payload) = rewritten else {
                return self.cannot(decision.id, session, "this kind of message cannot be changed".into()).await;
            };
            let rewrite = received.rewrite;
            let mut request = received.request;
            request.action.args = args;
            request.context.rewritten_from = Some(decision.id);
            received = Received { rewrite, ..Received::new(request, payload) };
        }
        let what = "policies ask for one change after the other, and never agree".to_owned();
        Verdict::Refuse(Refusal::from_fault(&Fault::new(FailMode::PolicyError, what)))
    }

    /// Puts a suspended question again: to be called when its approval was answered.
    pub async fn resume<T: Payload>(&self, suspended: Box<Suspended<T>>) -> Verdict<T> {
        self.check(suspended.received).await
    }

    /// How the approval stands; waits at most `wait` for an answer.
    ///
    /// # Errors
    /// When nobody knows.
    pub async fn wait<T>(&self, suspended: &Suspended<T>, wait: Duration) -> Result<ApprovalState, Fault> {
        self.authority.approval(&suspended.received.request.subject, suspended.approval, wait).await
    }

    /// INVARIANT: an obligation that this gate cannot carry out is a refusal (AuthZEN obligations draft).
    async fn cannot<T>(&self, decision: RecordId, session: SessionId, what: String) -> Verdict<T> {
        self.give_back(decision, session).await;
        let what = format!("the decision carries an obligation that cannot be carried out: {what}");
        Verdict::Refuse(Refusal::from_fault(&Fault::new(FailMode::PolicyError, what)))
    }

    /// A permit that is not used: the session does not wait for its outcome.
    async fn give_back(&self, decision: RecordId, session: SessionId) {
        let status = OutcomeStatus::Cancelled;
        let outcome = Outcome { decision, session, status, digest: None, bytes: 0, duration_us: 0 };
        // The refusal stands whether that is recorded or not.
        let _ = self.authority.report(outcome, None).await;
    }
}

fn suspend<T>(received: Received<T>, decision: Decision) -> Verdict<T> {
    let approval = decision.approval;
    let refusal = Refusal::from_decision(decision);
    match approval {
        Some(approval) => Verdict::Suspend(Box::new(Suspended { received, approval, refusal })),
        None => Verdict::Refuse(refusal),
    }
}
