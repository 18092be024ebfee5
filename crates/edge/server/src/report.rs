//! What came of an action: learned by the session, then recorded.

use crate::recorder::RecordOwner;
use crate::service::Service;
use crate::sessions::Session;
use holdshort_enforce::Fault;
use holdshort_history::Settled;
use holdshort_model::{AgentId, Outcome, Record, Seen};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Results with more text than this are read on a thread of their own, in bytes: that takes longer than a decision.
const ASIDE_BYTES: usize = 32 * 1024;

impl Service {
    /// Takes an outcome in. `agent`: set when the agent itself reports it, which then can only add to what its own
    /// sessions have seen, and never as something that can be trusted.
    ///
    /// # Errors
    /// When the log cannot take the record. The session has learned of it all the same.
    pub(crate) async fn take_report(
        &self,
        agent: Option<&AgentId>,
        outcome: Outcome,
        seen: Option<Seen>,
    ) -> Result<(), Fault> {
        let session = match agent {
            Some(agent) => self.sessions.find(agent, &outcome.session),
            // An enforcement point does not say whose session it was; the decision does.
            None => {
                self.sessions.of_any_agent(&outcome.session).into_iter().find(|session| waits_for(session, &outcome))
            }
        };
        let whose = agent.or(session.as_ref().map(|session| &session.agent)).cloned();
        let owner = RecordOwner::Session { agent: whose, session: outcome.session.clone() };
        let waiting = session.filter(|session| waits_for(session, &outcome));
        // What no session waits for an agent can report again and again.
        let is_at_will = agent.is_some() && waiting.is_none();
        if let Some(session) = waiting {
            // Something came back, and nobody says what: then something was left out.
            let seen = seen.unwrap_or_else(|| Seen { truncated: outcome.bytes > 0, ..Seen::default() });
            self.learn(session, &outcome, seen.bounded(), agent.is_some()).await;
        }
        self.journal.metrics.outcome(outcome.status);
        // Not a moment is waited for here: an outcome must not get lost because somebody hangs up.
        let record = Record::Outcome(outcome);
        match is_at_will {
            true => self.journal.write_later_unkept(&record, Some(&owner)),
            false => self.journal.write_later_of(&record, Some(&owner)),
        }
    }

    async fn learn(&self, session: Arc<Session>, outcome: &Outcome, seen: Seen, claimed: bool) {
        let (snapshot, now_ns) = (self.snapshot(), self.clock.now_ns());
        let (decision, status) = (outcome.decision, outcome.status);
        let bytes: usize = seen.parts.iter().map(String::len).sum();
        let learning = session.clone();
        // Whatever is decided meanwhile knows that something was not looked at yet.
        session.live().seen.unscanned += 1;
        let learn = move || {
            let detectors = snapshot.detectors();
            let found = catch_unwind(AssertUnwindSafe(|| detectors.scan_parts(&seen.parts, seen.truncated)));
            let parts: Vec<&str> = seen.parts.iter().map(String::as_str).collect();
            let settled = Settled { decision, status, parts: &parts, truncated: seen.truncated, claimed, now_ns };
            let mut live = learning.live();
            live.seen.unscanned = live.seen.unscanned.saturating_sub(1);
            match found {
                Ok(found) => live.seen.join(&found),
                Err(_) => live.seen.truncated = true,
            }
            let learned = catch_unwind(AssertUnwindSafe(|| live.state.settled(snapshot.rules(), &settled)));
            if learned.is_err() {
                // A bug in what reads results: nobody can tell any more where values come from.
                live.state.reduce();
            }
            live.state.bytes()
        };
        let state_bytes = match bytes > ASIDE_BYTES {
            true => tokio::task::spawn_blocking(learn).await.ok(),
            false => Some(learn()),
        };
        if let Some(state_bytes) = state_bytes {
            self.budget.note(&self.sessions, &session, state_bytes);
        }
    }
}

fn waits_for(session: &Session, outcome: &Outcome) -> bool {
    session.live().state.is_in_flight(outcome.decision)
}
