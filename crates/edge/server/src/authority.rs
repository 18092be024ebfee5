//! Deciding and recording: the path of every action.

use crate::arguments;
use crate::clock::ms;
use crate::faults::Refused;
use crate::flight::{Flight, Place, Reserved};
use crate::journal::recorder_down;
use crate::recorder::RECORD_BYTES_MAX;
use crate::service::Service;
use crate::sessions::Live;
use async_trait::async_trait;
use holdshort_api::DecisionEvent;
use holdshort_decide::{SessionView, Snapshot, decide};
use holdshort_enforce::{Authority, Fault};
use holdshort_history as history;
use holdshort_model::{
    BuildInfo, Decision, DecisionRecord, Digest, Effect, Facts, FailMode, Outcome, Receipt, Record, RecordId, Request,
    Ruling, Seen, SessionId, StandingView, Subject, ToolListing, ToolsSeen,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// Longest id of an agent or a session, in bytes: ids are kept in memory and stand in every record.
const ID_BYTES_MAX: usize = 256;
/// Longest other text of a request that is recorded as it is: names, URIs, the person's request. In bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// After how many decisions of a session the memory of its state is counted; outcomes with text count it as well.
const COUNTED_EACH: u64 = 32;
/// Version of the decision record's format.
const RECORD_VERSION: u32 = 1;

#[async_trait]
impl Authority for Service {
    async fn rule(&self, request: Request) -> Result<Ruling, Fault> {
        let started = Instant::now();
        if let Some(what) = oversize(&request) {
            let fault = Fault::new(FailMode::Oversize, format!("the {what} of this request is too long"));
            return Err(self.journal.refuse_request(fault, &request));
        }
        let decided = self.decide(request, started)?;
        let Decided { request, decision, standing, flight, now_ms } = decided;
        let left = self.config.deadline.saturating_sub(started.elapsed());
        let fault = match tokio::time::timeout(left, flight.land()).await {
            // Durable, and meanwhile something was taken away that it went by.
            Ok(Ok(_)) if decision.enforced == Effect::Allow && self.is_overtaken(&standing, &request) => {
                return Err(self.overtaken(&request, &decision, now_ms).await);
            }
            Ok(Ok(receipt)) => {
                self.journal.metrics.decision(&decision);
                self.tell(&request, &decision, &receipt, now_ms);
                return Ok(Ruling { decision, receipt });
            }
            Ok(Err(error)) => recorder_down(&error),
            Err(_) => Fault::new(
                FailMode::DeciderLate,
                "deciding and recording took too long, so this does not run; try again",
            ),
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

    async fn standing_changed(&self, seen: u64) -> Result<u64, Fault> {
        Ok(self.standing_number(seen).await)
    }
}

/// A decision whose record is on its way.
struct Decided {
    request: Request,
    decision: Decision,
    /// What was left to the subject.
    standing: StandingView,
    flight: Flight,
    now_ms: u64,
}

impl Service {
    // Holds the session from the number of its record to the hand-over, so that the log has the records of a session in
    // the order of their numbers, and so that two actions at once count each other. Nothing in between waits.
    fn decide(&self, request: Request, started: Instant) -> Result<Decided, Fault> {
        let now_ns = self.clock.now_ns();
        let now_ms = ms(now_ns);
        let Some(id) = self.ids.next(now_ns) else {
            let fault =
                Fault::new(FailMode::RecorderDown, "the system has no random numbers, so no record can be named");
            return Err(self.journal.refuse_request(fault, &request));
        };
        let snapshot = self.snapshot();
        let session = self.sessions.touch(&request.subject.agent, &request.session, snapshot.rules(), now_ms);
        let mut live = session.live();
        let link = live.chain.next();
        let standing = self.containment.view(snapshot.agents(), &request.subject, &request.session);
        // A bug in a policy engine refuses this action and no other.
        let Ok((decision, facts)) = catch_unwind(AssertUnwindSafe(|| {
            weigh(&snapshot, &mut live, &standing, &request, (id, link.sequence, now_ns))
        })) else {
            // Nobody knows what the state got to learn before it failed.
            live.state.reduce();
            drop(live);
            let fault = Fault::new(FailMode::PolicyError, "deciding failed inside of holdshort; please report it");
            return Err(self.journal.refuse_request(fault, &request));
        };
        // INVARIANT: bites before anything is waited for. The next action of anybody it holds for is weighed against it.
        self.containment.apply(&decision, &request.subject.agent, &request.session, now_ms);
        let reserved = Reserved { snapshot, decision: id, now_ns };
        let deciding = started.elapsed();
        self.journal.metrics.deciding(deciding);
        let mut record = Box::new(DecisionRecord {
            version: RECORD_VERSION,
            sequence: link.sequence,
            previous: link.previous,
            received_ms: now_ms,
            deciding_ns: u64::try_from(deciding.as_nanos()).unwrap_or(u64::MAX),
            request,
            facts,
            decision,
            build: BuildInfo { version: env!("CARGO_PKG_VERSION").into() },
        });
        arguments::limit(&self.config, &mut record);
        let record = Record::Decision(record);
        let bytes = serde_json::to_vec(&record);
        let Record::Decision(record) = record else {
            return Err(Fault::new(FailMode::RecorderDown, "the record of this cannot be written"));
        };
        let DecisionRecord { request, decision, .. } = *record;
        let Ok(bytes) = bytes else {
            reserved.release(&mut live.state);
            drop(live);
            let fault = Fault::new(FailMode::RecorderDown, "the record of this cannot be written");
            return Err(self.journal.refuse_request(fault, &request));
        };
        if bytes.len() > RECORD_BYTES_MAX {
            reserved.release(&mut live.state);
            drop(live);
            let fault =
                Fault::new(FailMode::Oversize, "what this would touch is too much to be recorded; do it in parts");
            return Err(self.journal.refuse_request(fault, &request));
        }
        let digest = Digest::of(&bytes);
        let appending = match self.journal.hand_over(bytes) {
            Ok(appending) => appending,
            Err(error) => {
                reserved.release(&mut live.state);
                drop(live);
                let fault = recorder_down(&error);
                self.journal.refuse(&fault, Refused::new(&request, now_ms, Some(decision.id)));
                return Err(fault);
            }
        };
        live.chain.extend(digest);
        // What an action adds by itself is little; counting it each time would cost more than deciding.
        let state_bytes = link.sequence.is_multiple_of(COUNTED_EACH).then(|| live.state.bytes());
        drop(live);
        if let Some(bytes) = state_bytes {
            self.budget.note(&self.sessions, &session, bytes);
        }
        let place = Place { session, link, digest, reserved };
        Ok(Decided { request, decision, standing, flight: Flight::new(appending, place), now_ms })
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

/// Decides, and sets aside what an allowed action will have done.
fn weigh(
    snapshot: &Snapshot,
    live: &mut Live,
    standing: &StandingView,
    request: &Request,
    (id, sequence, now_ns): (RecordId, u64, i64),
) -> (Decision, Facts) {
    let view = SessionView {
        sequence,
        standing: standing.standing,
        removed: standing.removed.clone(),
        because: standing.because.clone(),
        state: Some(&live.state),
        seen: Some(&live.seen),
        ..SessionView::active(request.session.clone())
    };
    let (decision, facts) = decide(snapshot, &view, request, id, now_ns);
    let tool = facts.tool.as_ref();
    let definition = tool.and_then(|tool| snapshot.definition(&tool.server, &tool.name));
    let decided = history::Decided { id, facts: &facts, enforced: decision.enforced, definition, now_ns };
    live.state.decided(snapshot.rules(), &decided);
    (decision, facts)
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
