//! What enforcement points ask: what is left to somebody, and whether that has changed.

use crate::faults::Refused;
use crate::service::Service;
use holdshort_enforce::Fault;
use holdshort_model::{
    Decision, FailMode, Outcome, OutcomeStatus, Request, SessionId, Standing, StandingView, Subject,
};
use std::time::Duration;

/// How long somebody who waits for a change waits at most; then it asks again.
const WAIT_MAX: Duration = Duration::from_secs(20);

impl Service {
    /// What is left to a subject in a session.
    pub fn standing_of(&self, subject: &Subject, session: &SessionId) -> StandingView {
        self.containment.view(self.snapshot().agents(), subject, session)
    }

    /// Whether less is left now than a decision went by.
    pub(crate) fn is_overtaken(&self, decided: &StandingView, request: &Request) -> bool {
        self.containment.is_less_than(decided, self.snapshot().agents(), &request.subject, &request.session)
    }

    /// A permit that containment has overtaken on its way to the enforcement point: it is given back, and that is on
    /// record beside the decision.
    pub(crate) async fn overtaken(&self, request: &Request, decision: &Decision, now_ms: u64) -> Fault {
        let status = OutcomeStatus::Cancelled;
        let (decision, session) = (decision.id, request.session.clone());
        let outcome = Outcome { decision, session, status, digest: None, bytes: 0, duration_us: 0 };
        // The refusal stands whether that is recorded or not.
        let _ = self.take_report(None, outcome, None).await;
        let left = self.standing_of(&request.subject, &request.session);
        let what = match left.standing {
            Standing::Isolated | Standing::Terminated => left.because.unwrap_or_default(),
            Standing::Active | Standing::Narrowed => "what it rests on was taken away; ask again".to_owned(),
        };
        let fault = Fault::new(FailMode::DeciderLate, format!("this does not run: {what}"));
        self.journal.refuse(&fault, Refused::new(request, now_ms, Some(decision)));
        fault
    }

    /// Whether the log or the database does not take what was taken away.
    pub fn standings_unkept(&self) -> bool {
        self.containment.is_unkept()
    }

    /// Waits until anybody's standing has changed since `seen`, and gives the number of now.
    pub(crate) async fn standing_number(&self, seen: u64) -> u64 {
        let mut numbers = self.containment.numbers();
        let changed = tokio::time::timeout(WAIT_MAX, numbers.wait_for(|number| *number != seen)).await;
        match changed {
            Ok(Ok(number)) => *number,
            // Nothing changed, or the service is ending.
            Ok(Err(_)) | Err(_) => seen,
        }
    }
}
