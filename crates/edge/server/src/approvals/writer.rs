//! Keeps what changed, in the order in which it changed, many changes in one transaction.

use super::desk::{Desk, Shared};
use crate::journal::Journal;
use holdshort_enforce::Fault;
use holdshort_inventory::{ApprovalChange, StoreError};
use holdshort_model::{FailMode, Record, RecordId};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Changes that go into one transaction.
const TOGETHER_MAX: usize = 256;
/// How often it is looked for what has ended.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Changes that belong together.
#[derive(Default)]
pub(super) struct Job {
    /// What is to be kept. All of it has to find what it expects.
    pub(super) changes: Vec<ApprovalChange>,
    /// The time of the changes.
    pub(super) high_ms: u64,
    /// A question that nobody was told of, and that is withdrawn when it cannot be kept.
    pub(super) question: Option<RecordId>,
    /// A question that has to be there for this to count.
    pub(super) joins: Option<RecordId>,
    /// What goes into the log once it is kept.
    pub(super) records: Vec<Record>,
    /// Told once it is kept.
    pub(super) done: Option<oneshot::Sender<bool>>,
}

/// A change on its way to the store. What it makes possible may happen only after [`Writing::kept`].
#[must_use = "what is not kept must not be told to anybody"]
pub(crate) struct Writing(oneshot::Receiver<bool>);

impl Writing {
    pub(super) fn new() -> (oneshot::Sender<bool>, Self) {
        let (done, kept) = oneshot::channel();
        (done, Self(kept))
    }

    /// Waits until the change is durable.
    ///
    /// # Errors
    /// When it cannot be. The action then does not run.
    pub(crate) async fn kept(self) -> Result<(), Fault> {
        match self.0.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(down()),
        }
    }
}

/// What the outside may know; the service's own log has the cause.
pub(super) fn down() -> Fault {
    let message = "questions to people and their answers cannot be kept, so this does not happen; \
                   whoever runs holdshort has to look at its data directory";
    Fault::new(FailMode::ApprovalsDown, message)
}

/// Works until nobody can hand anything over any more.
pub(super) async fn work(shared: Weak<Shared>, mut jobs: mpsc::UnboundedReceiver<Job>, journal: Arc<Journal>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let first = tokio::select! {
            job = jobs.recv() => job,
            _ = ticks.tick() => {
                // Hands a job over to this queue when something ended.
                let Some(shared) = shared.upgrade() else { return };
                shared.sweep();
                continue;
            }
        };
        let Some(first) = first else { return };
        let mut together = vec![first];
        while together.len() < TOGETHER_MAX
            && let Ok(job) = jobs.try_recv()
        {
            together.push(job);
        }
        let Some(shared) = shared.upgrade() else { return };
        keep(&shared, together, &journal).await;
    }
}

async fn keep(shared: &Arc<Shared>, mut jobs: Vec<Job>, journal: &Journal) {
    let high_ms = jobs.iter().map(|job| job.high_ms).max().unwrap_or_default();
    let counts: Vec<usize> = jobs.iter().map(|job| job.changes.len()).collect();
    let changes: Vec<ApprovalChange> = jobs.iter_mut().flat_map(|job| std::mem::take(&mut job.changes)).collect();
    let store = shared.store.clone();
    let made = tokio::task::spawn_blocking(move || store.change_approvals(&changes, high_ms)).await;
    let made = made.unwrap_or_else(|error| Err(StoreError::Backend(error.to_string())));
    shared.set_down(made.is_err());
    let mut made = match made {
        Ok(made) => made.into_iter(),
        Err(error) => {
            tracing::error!(%error, "approvals cannot be kept");
            Vec::new().into_iter()
        }
    };
    for (job, count) in jobs.into_iter().zip(counts) {
        let made: Vec<bool> = made.by_ref().take(count).collect();
        let kept = !shared.is_down() && made.len() == count && made.iter().all(|made| *made);
        settle(shared, job, kept, journal);
    }
}

fn settle(shared: &Shared, job: Job, kept: bool, journal: &Journal) {
    let mut desk = shared.desk();
    let Desk { book, unkept, .. } = &mut *desk;
    let kept = kept && job.joins.is_none_or(|question| book.find(question).is_some());
    if let Some(question) = job.question {
        unkept.remove(&question);
        if !kept {
            // Whoever joined it meanwhile waits behind this job, and finds it gone.
            book.withdraw(question);
        }
    }
    drop(desk);
    if kept {
        for record in &job.records {
            // A log that does not work refuses every action; this record is lost with it, and that is on record later.
            let _ = journal.write_later(record);
            shared.tell(record);
        }
    }
    if let Some(done) = job.done {
        // Whoever waited may have gone.
        let _ = done.send(kept);
    }
    shared.bump();
}
