//! Deciding and recording: the path of every action.

use crate::deciding::Decided;
use crate::faults::Refused;
use crate::journal::recorder_down;
use crate::recorder::RecordOwner;
use crate::service::Service;
use async_trait::async_trait;
use holdshort_api::DecisionEvent;
use holdshort_enforce::{Authority, Fault};
use holdshort_model::{
    ApprovalState, Decision, Effect, FailMode, Outcome, Receipt, RecordId, Request, Ruling, Seen, SessionId,
    StandingView, Subject, ToolListing, ToolsSeen,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest id of an agent or a session, in bytes: ids are kept in memory and stand in every record.
const ID_BYTES_MAX: usize = 256;
/// Longest other text of a request that is recorded as it is: names, URIs, the person's request. In bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;

#[async_trait]
impl Authority for Service {
    async fn rule(&self, request: Request) -> Result<Ruling, Fault> {
        let started = Instant::now();
        if let Some(what) = oversize(&request) {
            let fault = Fault::new(FailMode::Oversize, format!("the {what} of this request is too long"));
            return Err(self.journal.refuse_request(fault, &request));
        }
        // They stand in the program's own log and on terminals, and the agent may have chosen them.
        if [request.subject.agent.as_str(), request.session.as_str()].iter().any(|id| id.chars().any(char::is_control))
        {
            let fault = Fault::new(FailMode::Unparseable, "ids of agents and sessions have no control characters");
            return Err(self.journal.refuse_request(fault, &request));
        }
        // Before the session is held: a new one needs a key that its records are sealed with, and that is durable first.
        let (subject, session) = (&request.subject, request.session.clone());
        let owner = RecordOwner::Subject { agent: subject.agent.clone(), user: subject.user.clone(), session };
        if let Err(fault) = self.ready(&owner, started).await {
            return Err(self.journal.refuse_request(fault, &request));
        }
        let decided = self.decide(request, started)?;
        let Decided { request, decision, standing, answered, evidence, noted, flight, now_ms } = decided;
        let left = self.config.deadline.saturating_sub(started.elapsed());
        // Whatever a ruling rests on is durable before it is given: the record, and that an approval was asked for or used.
        // Without either the action does not run: the flight gives back what the session set aside for it.
        let durable = async {
            if let Some(write) = answered.write {
                write.kept().await?;
            }
            flight.land().await.map_err(|error| recorder_down(&error))
        };
        let durable = tokio::time::timeout(left, durable).await.unwrap_or_else(|_| {
            let what = "deciding and recording took too long, so this does not run; try again";
            Err(Fault::new(FailMode::DeciderLate, what))
        });
        if let Some(evidence) = evidence {
            self.response.carry_out(evidence, &decision, durable.as_ref().ok());
        }
        let fault = match durable {
            // Durable, and meanwhile something was taken away that it went by.
            Ok(_) if decision.enforced == Effect::Allow && self.is_overtaken(&standing, &request) => {
                return Err(self.overtaken(&request, &decision, now_ms).await);
            }
            Ok(receipt) => {
                if let Some(noted) = noted.filter(|_| decision.enforced == Effect::Allow) {
                    self.baselines.learn_noted(&noted, self.clock.now_ns());
                }
                self.journal.metrics.decision(&decision);
                self.tell(&request, &decision, &receipt, now_ms);
                return Ok(Ruling { decision, receipt });
            }
            Err(fault) => fault,
        };
        self.journal.refuse(&fault, Refused::new(&request, now_ms, Some(decision.id)));
        Err(fault)
    }

    async fn report(&self, outcome: Outcome, seen: Option<Seen>) -> Result<(), Fault> {
        self.take_report(None, outcome, seen).await
    }

    async fn inspect(&self, seen: ToolsSeen) -> Result<Vec<ToolListing>, Fault> {
        self.inspect_tools(seen).await
    }

    async fn standing(&self, subject: &Subject, session: &SessionId) -> Result<StandingView, Fault> {
        Ok(self.standing_of(subject, session))
    }

    async fn approval(&self, subject: &Subject, id: RecordId, wait: Duration) -> Result<ApprovalState, Fault> {
        self.approval_state(&subject.agent, id, wait).await
    }

    async fn standing_changed(&self, seen: u64) -> Result<u64, Fault> {
        Ok(self.standing_number(seen).await)
    }
}

impl Service {
    async fn ready(&self, owner: &RecordOwner, started: Instant) -> Result<(), Fault> {
        let left = self.config.deadline.saturating_sub(started.elapsed());
        tokio::time::timeout(left, self.journal.prepare(owner)).await.unwrap_or_else(|_| {
            let what = "deciding and recording took too long, so this does not run; try again";
            Err(Fault::new(FailMode::DeciderLate, what))
        })
    }

    fn tell(&self, request: &Request, decision: &Decision, receipt: &Receipt, now_ms: u64) {
        if self.events.receiver_count() == 0 {
            return;
        }
        let event = DecisionEvent {
            id: decision.id,
            time_ms: now_ms,
            agent: request.subject.agent.clone(),
            session: request.session.clone(),
            kind: request.action.kind,
            server: request.action.server.clone(),
            name: request.action.name.clone(),
            effect: decision.effect,
            enforced: decision.enforced,
            mode: decision.mode,
            level: decision.risk.level,
            reasons: decision.reasons.clone(),
            index: receipt.index,
        };
        // The last listener may have gone since the question above.
        let _ = self.events.send(Arc::new(event));
    }
}

/// The part of the request that is too long to be recorded.
fn oversize(request: &Request) -> Option<&'static str> {
    let (subject, action, context) = (&request.subject, &request.action, &request.context);
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let delegation: usize = subject.delegation.iter().map(|agent| agent.as_str().len()).sum();
    let claims = length(&subject.claims.name) + length(&subject.claims.version) + length(&subject.claims.program);
    [
        ("agent's id", subject.agent.as_str().len(), ID_BYTES_MAX),
        ("session's id", request.session.as_str().len(), ID_BYTES_MAX),
        ("server's name", length(&action.server), ID_BYTES_MAX),
        ("action's name", action.name.len(), TEXT_BYTES_MAX),
        ("user", length(&subject.user), ID_BYTES_MAX),
        ("chain of delegation", delegation, TEXT_BYTES_MAX),
        ("agent's description of itself", claims, TEXT_BYTES_MAX),
        ("person's request", length(&context.intent), TEXT_BYTES_MAX),
        ("workspace", length(&context.workspace), TEXT_BYTES_MAX),
        ("enforcement point's name", context.enforcement_point.len(), ID_BYTES_MAX),
        ("trace id", length(&context.trace), ID_BYTES_MAX),
        ("request id", length(&context.request_id), ID_BYTES_MAX),
    ]
    .into_iter()
    .find_map(|(what, bytes, bytes_max)| (bytes > bytes_max).then_some(what))
}
