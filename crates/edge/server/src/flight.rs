//! A decision's record on its way to the log.

use crate::chain::Link;
use crate::recorder::{Appending, RecorderError};
use crate::sessions::Session;
use holdshort_decide::Snapshot;
use holdshort_history::Settled;
use holdshort_model::{Digest, OutcomeStatus, Receipt, RecordId};
use std::sync::Arc;

/// A record that was handed over. Its session learns how it ended, even when nobody waits for it any more: after the
/// deadline, or when the caller went away.
///
/// INVARIANT: an action runs only after [`Flight::land`] gave a receipt. In every other end it does not run, and what its
/// session set aside for it is given back.
pub(crate) struct Flight {
    appending: Option<Appending>,
    place: Place,
}

#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) session: Arc<Session>,
    pub(crate) link: Link,
    pub(crate) digest: Digest,
    pub(crate) reserved: Reserved,
}

/// What a session set aside for an action that is about to run.
#[derive(Clone)]
pub(crate) struct Reserved {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) decision: RecordId,
    pub(crate) now_ns: i64,
}

impl Reserved {
    /// The action does not run.
    pub(crate) fn release(&self, state: &mut holdshort_history::State) {
        let (decision, now_ns) = (self.decision, self.now_ns);
        let status = OutcomeStatus::Cancelled;
        let settled = Settled { decision, status, parts: &[], truncated: false, claimed: false, now_ns };
        state.settled(self.snapshot.rules(), &settled);
    }
}

impl Flight {
    pub(crate) fn new(appending: Appending, place: Place) -> Self {
        Self { appending: Some(appending), place }
    }

    /// Waits until the record is durable, or can never be.
    pub(crate) async fn land(mut self) -> Result<Receipt, RecorderError> {
        let Some(appending) = self.appending.as_mut() else {
            return Err(RecorderError::Down("the record was waited for twice".into()));
        };
        let result = appending.await;
        self.appending = None;
        self.place.settle(&result, result.is_ok());
        result
    }
}

impl Place {
    fn settle(&self, result: &Result<Receipt, RecorderError>, runs: bool) {
        let mut live = self.session.live();
        match result {
            Ok(_) => live.chain.confirm(self.link, self.digest),
            Err(_) => live.chain.fail(self.link),
        }
        if !runs {
            self.reserved.release(&mut live.state);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let (Some(appending), place) = (self.appending.take(), self.place.clone()) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { place.settle(&appending.await, false) });
        }
    }
}
