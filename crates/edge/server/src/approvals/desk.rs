//! The book of approvals with what is between it and the outside: time, the store's queue, those who wait.

use super::steady::Steady;
use super::writer::{Job, Writing};
use crate::clock::{Clock, ms};
use holdshort_api::ApprovalEvent;
use holdshort_inventory::{ApprovalChange, ApprovalStore, Book};
use holdshort_model::{Approval, ApprovalRecord, ApprovalState, Record, RecordId};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, mpsc, watch};

/// What one question after the other changes.
pub(super) struct Desk {
    pub(super) book: Book,
    pub(super) steady: Steady,
    /// Questions that are not durable yet.
    pub(super) unkept: HashSet<RecordId>,
}

/// What the desk and the writer share.
pub(super) struct Shared {
    desk: Mutex<Desk>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: Arc<dyn ApprovalStore + Send + Sync>,
    /// INVARIANT: used with the desk held, so that the store's order is the book's order.
    queue: mpsc::UnboundedSender<Job>,
    pub(super) events: broadcast::Sender<Arc<ApprovalEvent>>,
    pub(super) version: watch::Sender<u64>,
    down: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        desk: Desk,
        clock: Arc<dyn Clock>,
        store: Arc<dyn ApprovalStore + Send + Sync>,
        queue: mpsc::UnboundedSender<Job>,
        events_behind_max: usize,
    ) -> Self {
        // Versions of two runs of the service are not taken for one another.
        let version = watch::Sender::new(ms(clock.now_ns()));
        let (events, down) = (broadcast::Sender::new(events_behind_max), AtomicBool::new(false));
        Self { desk: Mutex::new(desk), clock, store, queue, events, version, down }
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the latest write failed.
    pub(super) fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Release);
    }

    /// Something changed that somebody may wait for.
    pub(super) fn bump(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// Ends what is over.
    pub(super) fn sweep(&self) {
        let wall_ms = ms(self.clock.now_ns());
        let mut desk = self.desk();
        let now_ms = desk.steady.now_ms(wall_ms);
        let mut job = Job { high_ms: now_ms, ..Job::default() };
        for (over, from) in desk.expire(now_ms) {
            let to = Box::new(over.as_ref().clone());
            job.changes.push(ApprovalChange::Put { from: Some(from), to });
            job.records.push(record("expired", &over, over.decision, now_ms));
        }
        job.changes.extend(desk.book.take_forgotten(now_ms));
        if !job.changes.is_empty() {
            // A writer that is gone refuses everything else; nothing rests on this.
            let _ = self.queue.send(job);
            drop(desk);
            self.bump();
        }
    }

    /// Hands changes over. `None` when nobody takes them any more.
    pub(super) fn hand_over(&self, _held: &MutexGuard<'_, Desk>, mut job: Job) -> Option<Writing> {
        let (done, writing) = Writing::new();
        job.done = Some(done);
        self.queue.send(job).ok().map(|()| writing)
    }

    /// Tells listeners of a record that concerns an approval.
    pub(super) fn tell(&self, record: &Record) {
        let Record::Approval(record) = record else { return };
        if self.events.receiver_count() == 0 {
            return;
        }
        let Some(approval) = self.desk().book.find(record.id).cloned() else { return };
        let ApprovalRecord { time_ms, id, event, state, answer, .. } = record.as_ref();
        let told = ApprovalEvent {
            event: event.clone(),
            time_ms: *time_ms,
            id: *id,
            state: *state,
            agent: approval.agent.clone(),
            session: approval.session.clone(),
            user: approval.user.clone(),
            kind: approval.kind,
            server: approval.server.clone(),
            name: approval.name.clone(),
            score: approval.risk.score,
            level: approval.risk.level,
            reasons: approval.reasons.clone(),
            expires_ms: approval.expires_ms,
            people_needed: approval.people_needed,
            by: answer.as_ref().map(|answer| answer.by.clone()),
        };
        // The last listener may have gone since the question above.
        let _ = self.events.send(Arc::new(told));
    }
}

impl Desk {
    // What ended, with the state before.
    fn expire(&mut self, now_ms: u64) -> Vec<(Arc<Approval>, ApprovalState)> {
        let from = |over: &Approval| match over.answers.len() >= usize::from(over.people_needed) {
            true => ApprovalState::Approved,
            false => ApprovalState::Pending,
        };
        self.book.expire(now_ms).into_iter().map(|over| (over.clone(), from(&over))).collect()
    }
}

/// A record of what happened to an approval.
pub(super) fn record(event: &str, approval: &Approval, decision: RecordId, time_ms: u64) -> Record {
    Record::Approval(Box::new(ApprovalRecord {
        time_ms,
        id: approval.id,
        event: event.to_owned(),
        state: approval.state,
        binding: approval.binding,
        decision,
        agent: approval.agent.clone(),
        session: approval.session.clone(),
        answer: None,
        exception: None,
    }))
}
