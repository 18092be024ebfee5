//! Deciding: everything between a question and the hand-over of its record, under the session's lock. Nothing here waits.

use crate::approvals::{Answered, places};
use crate::arguments;
use crate::baselines::Noted;
use crate::clock::ms;
use crate::faults::Refused;
use crate::flight::{Flight, Place, Reserved};
use crate::journal::recorder_down;
use crate::recorder::{RECORD_BYTES_MAX, RecordOwner};
use crate::response::{Evidence, Position};
use crate::service::Service;
use crate::sessions::Live;
use holdshort_decide::{Habits, SessionView, Snapshot, decide};
use holdshort_enforce::{Fault, would_change};
use holdshort_history as history;
use holdshort_model::{
    Anomaly, ApprovalHistory, Authentication, BuildInfo, Decision, DecisionRecord, Digest, Effect, Facts, FailMode,
    Record, RecordId, Request, StandingView,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// After how many decisions of a session the memory of its state is counted; outcomes with text count it as well.
const COUNTED_EACH: u64 = 32;
/// The enforcement point of a question that comes over the API and names none.
pub(crate) const API_POINT: &str = "api";
/// Version of the decision record's format.
const RECORD_VERSION: u32 = 1;

/// A decision whose record is on its way.
pub(crate) struct Decided {
    pub(crate) request: Request,
    pub(crate) decision: Decision,
    /// What was left to the subject.
    pub(crate) standing: StandingView,
    /// What people's answers changed, and what of that has to be kept first.
    pub(crate) answered: Answered,
    /// What was put aside for the playbook.
    pub(crate) evidence: Option<Evidence>,
    /// What is to be learnt once it runs.
    pub(crate) noted: Option<Noted>,
    pub(crate) flight: Flight,
    pub(crate) now_ms: u64,
}

/// What came of weighing.
struct Weighed {
    decision: Decision,
    facts: Facts,
    answered: Answered,
    noted: Option<Noted>,
}

/// Which decision it is.
#[derive(Clone, Copy)]
struct Mark {
    id: RecordId,
    sequence: u64,
    now_ns: i64,
}

impl Service {
    // Holds the session from the number of its record to the hand-over, so that the log has the records of a session in
    // the order of their numbers, and so that two actions at once count each other.
    pub(crate) fn decide(&self, request: Request, started: Instant) -> Result<Decided, Fault> {
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
        let mark = Mark { id, sequence: link.sequence, now_ns };
        // A bug in a policy engine refuses this action and no other.
        let weighed = catch_unwind(AssertUnwindSafe(|| self.weigh(&snapshot, &mut live, &standing, &request, mark)));
        let Weighed { decision, facts, answered, noted } = match weighed {
            Ok(Ok(weighed)) => weighed,
            Ok(Err(fault)) => {
                drop(live);
                return Err(self.journal.refuse_request(fault, &request));
            }
            Err(_) => {
                // Nobody knows what the state got to learn before it failed.
                live.state.reduce();
                drop(live);
                let fault = Fault::new(FailMode::PolicyError, "deciding failed inside of holdshort; please report it");
                return Err(self.journal.refuse_request(fault, &request));
            }
        };
        // Evidence first: what is put aside is what was there before anything is taken away.
        let at = Position { sequence: link.sequence, previous: link.previous, now_ms };
        let mut evidence = self.response.begin(&decision, &facts, at);
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
        let (bytes, owner) = (written(&record), RecordOwner::of(&record));
        let Record::Decision(record) = record else {
            return Err(Fault::new(FailMode::RecorderDown, "the record of this cannot be written"));
        };
        let DecisionRecord { request, decision, .. } = *record;
        let handed = bytes.and_then(|bytes| {
            let digest = Digest::of(&bytes);
            let appending = self.journal.hand_over(bytes, owner.as_ref()).map_err(|error| recorder_down(&error))?;
            Ok((appending, digest))
        });
        let (appending, digest) = match handed {
            Ok(handed) => handed,
            Err(fault) => {
                reserved.release(&mut live.state);
                drop(live);
                if let Some(evidence) = evidence {
                    self.response.carry_out(evidence, &decision, None);
                }
                self.journal.refuse(&fault, Refused::new(&request, now_ms, Some(decision.id)));
                return Err(fault);
            }
        };
        live.chain.extend(digest);
        if let Some(evidence) = &mut evidence {
            evidence.record(digest);
        }
        // What an action adds by itself is little; counting it each time would cost more than deciding.
        let state_bytes = link.sequence.is_multiple_of(COUNTED_EACH).then(|| live.state.bytes());
        drop(live);
        if let Some(bytes) = state_bytes {
            self.budget.note(&self.sessions, &session, bytes);
        }
        let place = Place { session, link, digest, reserved };
        let flight = Flight::new(appending, place);
        Ok(Decided { request, decision, standing, answered, evidence, noted, flight, now_ms })
    }

    /// Decides, lays people's answers over it, and sets aside what an allowed action will have done.
    fn weigh(
        &self,
        snapshot: &Arc<Snapshot>,
        live: &mut Live,
        standing: &StandingView,
        request: &Request,
        Mark { id, sequence, now_ns }: Mark,
    ) -> Result<Weighed, Fault> {
        let previous = live.previous.as_deref();
        let habits = Known { service: self, previous, now_ns };
        let view = SessionView {
            sequence,
            standing: standing.standing,
            removed: standing.removed.clone(),
            because: standing.because.clone(),
            state: Some(&live.state),
            seen: Some(&live.seen),
            habits: Some(&habits),
            ..SessionView::active(request.session.clone())
        };
        let (mut decision, facts) = decide(snapshot, &view, request, id, now_ns);
        let all = || places(snapshot, &view, &facts, id);
        // What is about to be rewritten is decided again: a person is asked about that, and that is what is learnt.
        let rewritten = would_change(&decision.obligations, &facts.action.args);
        let answered = match rewritten {
            true => Answered { write: None },
            false => self.approvals.answer(&mut decision, &facts, &all, ms(now_ns))?,
        };
        let runs = decision.enforced == Effect::Allow;
        // What an agent only asks about over the API need not have happened: it would teach itself what is usual.
        let only_asked =
            facts.subject.authenticated_by == Authentication::Token && facts.context.enforcement_point == API_POINT;
        let noted = (runs && !only_asked && !rewritten).then(|| Noted::of(&facts, previous)).flatten();
        if !runs {
            self.baselines.refuse(&facts, now_ns);
        }
        let tool = facts.tool.as_ref();
        let definition = tool.and_then(|tool| snapshot.definition(&tool.server, &tool.name));
        let decided = history::Decided { id, facts: &facts, enforced: decision.enforced, definition, now_ns };
        live.state.decided(snapshot.rules(), &decided);
        if noted.is_some() {
            live.previous = Some(facts.action.name.clone());
        }
        Ok(Weighed { decision, facts, answered, noted })
    }
}

/// What is known of the agent beyond its session.
struct Known<'a> {
    service: &'a Service,
    /// The tool that the session used before.
    previous: Option<&'a str>,
    now_ns: i64,
}

impl std::fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("previous", &self.previous).finish_non_exhaustive()
    }
}

impl Habits for Known<'_> {
    fn anomaly(&self, facts: &Facts) -> Anomaly {
        self.service.baselines.score(facts, self.previous, self.now_ns)
    }

    fn approvals(&self, facts: &Facts) -> ApprovalHistory {
        let (agent, action) = (&facts.subject.agent.id, &facts.action);
        self.service.approvals.history(agent, action.server.as_deref(), &action.name, ms(self.now_ns))
    }
}

fn written(record: &Record) -> Result<Vec<u8>, Fault> {
    let bytes = serde_json::to_vec(record)
        .map_err(|_| Fault::new(FailMode::RecorderDown, "the record of this cannot be written"))?;
    match bytes.len() > RECORD_BYTES_MAX {
        true => Err(Fault::new(FailMode::Oversize, "what this would touch is too much to be recorded; do it in parts")),
        false => Ok(bytes),
    }
}
