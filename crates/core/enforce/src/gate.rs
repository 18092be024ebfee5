//! Received, Gate, Permitted.

use crate::{Authority, Fault};
use holdshort_model::{
    Decision, Digest, Effect, FailMode, Outcome, OutcomeStatus, Reason, Receipt, RecordId, Request, SessionId,
};
use std::sync::Arc;

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

/// A message that arrived, with the question it raises. Not yet decided.
#[derive(Debug)]
pub struct Received<T> {
    request: Request,
    payload: T,
}

impl<T: Payload> Received<T> {
    /// Binds a request to the final bytes: the request's digest is taken from them here and nowhere else.
    pub fn new(mut request: Request, payload: T) -> Self {
        request.action.digest = Some(Digest::of(payload.bytes()));
        Self { request, payload }
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
    /// Do not forward it, and tell the agent why.
    Refuse(Refusal),
}

/// Why a message is not forwarded, in the words that the agent gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The decision, unless none could be made.
    pub decision: Option<RecordId>,
    /// `Ask` when a person could permit it, else `Deny`.
    pub effect: Effect,
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
        Self { decision: None, effect: Effect::Deny, reasons: vec![reason], fail_mode: Some(fault.mode) }
    }

    fn from_decision(decision: Decision) -> Self {
        let enforced = |reason: &Reason| reason.mode == holdshort_model::Mode::Enforce;
        let mut reasons: Vec<_> = decision.reasons.into_iter().filter(enforced).collect();
        if reasons.is_empty() {
            reasons.push(Reason {
                policy: "decision".into(),
                message: "refused; the decision gave no reason".into(),
                effect: decision.enforced,
                mode: holdshort_model::Mode::Enforce,
            });
        }
        Self { decision: Some(decision.id), effect: decision.enforced, reasons, fail_mode: None }
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
    pub async fn check<T>(&self, received: Received<T>) -> Verdict<T> {
        let Received { request, payload } = received;
        let session = request.session.clone();
        let ruling = match self.authority.rule(request).await {
            Ok(ruling) => ruling,
            Err(fault) => return Verdict::Refuse(Refusal::from_fault(&fault)),
        };
        match ruling.decision.enforced {
            Effect::Allow if ruling.decision.obligations.is_empty() => {
                Verdict::Permit(Permitted { payload, decision: ruling.decision.id, session, receipt: ruling.receipt })
            }
            // INVARIANT: an obligation that this gate cannot carry out is a refusal (AuthZEN obligations draft).
            Effect::Allow => {
                self.give_back(ruling.decision.id, session).await;
                Verdict::Refuse(Refusal::from_fault(&Fault::new(
                    FailMode::PolicyError,
                    "the decision carries an obligation that this enforcement point cannot carry out",
                )))
            }
            Effect::Ask | Effect::Deny => Verdict::Refuse(Refusal::from_decision(ruling.decision)),
        }
    }

    /// A permit that is not used: the session does not wait for its outcome.
    async fn give_back(&self, decision: RecordId, session: SessionId) {
        let status = OutcomeStatus::Cancelled;
        let outcome = Outcome { decision, session, status, digest: None, bytes: 0, duration_us: 0 };
        // The refusal stands whether that is recorded or not.
        let _ = self.authority.report(outcome, None).await;
    }
}
