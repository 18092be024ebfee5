//! What was taken away, on its way to the log and to the database: two lanes, neither of which waits for the other.
//!
//! INVARIANT: a lane that fails undoes nothing. It tries again until it succeeds, and `/readyz` says so meanwhile.

use super::Containment;
use crate::journal::Journal;
use holdshort_inventory::StandingStore;
use holdshort_model::{Record, Scope};
use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Pause before the log or the database is tried again; it doubles up to the longest.
const RETRY: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);
/// Records that wait for a log that is down; beyond it they are only counted. The database has what they say.
const RECORDS_MAX: usize = 16_384;

/// What waits.
pub(super) struct Lanes {
    waiting: Mutex<Waiting>,
    log: Lane,
    store: Lane,
}

#[derive(Default)]
struct Waiting {
    records: VecDeque<(u64, Record)>,
    /// Records that found no place.
    lost: u64,
    /// Scopes whose entry is not stored as it is; with the number of the latest change.
    dirty: BTreeSet<Scope>,
    number: u64,
}

struct Lane {
    /// One permit: a lane that is busy looks again before it rests.
    added: Notify,
    done: watch::Sender<u64>,
    failing: AtomicBool,
}

impl Default for Lane {
    fn default() -> Self {
        Self { added: Notify::new(), done: watch::Sender::new(0), failing: AtomicBool::new(false) }
    }
}

impl Lanes {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), log: Lane::default(), store: Lane::default() })
    }

    /// Puts a change on its way and gives its number. Without a record: it is on record already.
    pub(super) fn add(&self, record: Option<Record>, scope: Scope) -> u64 {
        let mut waiting = self.waiting();
        waiting.number += 1;
        let number = waiting.number;
        match record {
            Some(record) if waiting.records.len() < RECORDS_MAX => waiting.records.push_back((number, record)),
            Some(_) => waiting.lost += 1,
            None => {}
        }
        waiting.dirty.insert(scope);
        drop(waiting);
        self.wake();
        number
    }

    pub(super) fn latest(&self) -> u64 {
        self.waiting().number
    }

    pub(super) async fn kept(&self, number: u64) {
        for lane in [&self.log, &self.store] {
            // The sender lives as long as this does.
            let _ = lane.done.subscribe().wait_for(|done| *done >= number).await;
        }
    }

    pub(super) fn failing(&self) -> bool {
        [&self.log, &self.store].iter().any(|lane| lane.failing.load(Ordering::Acquire))
    }

    pub(super) fn wake(&self) {
        self.log.added.notify_one();
        self.store.added.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, in its order. False: the log does not take it.
    async fn write(&self, journal: &Arc<Journal>) -> bool {
        loop {
            let (next, lost, latest) = {
                let waiting = self.waiting();
                (waiting.records.front().cloned(), waiting.lost, waiting.number)
            };
            let Some((number, record)) = next else {
                if lost > 0 && !self.tell_lost(journal, lost).await {
                    return false;
                }
                self.log.done.send_replace(latest);
                return true;
            };
            // If we crash here, then the record is there and the next start writes no second one.
            if journal.write(&record).await.is_err() {
                return false;
            }
            self.waiting().records.pop_front();
            self.log.done.send_replace(number);
        }
    }

    async fn tell_lost(&self, journal: &Arc<Journal>, lost: u64) -> bool {
        let record = journal.lifecycle("standing-records-lost", serde_json::json!({ "count": lost }));
        let told = journal.write(&record).await.is_ok();
        if told {
            self.waiting().lost -= lost;
        }
        told
    }

    /// Stores what holds now for the scopes that changed. False: the database does not take it.
    async fn keep(&self, containment: &Containment, store: &Arc<dyn StandingStore + Send + Sync>) -> bool {
        let (scopes, number) = {
            let mut waiting = self.waiting();
            (std::mem::take(&mut waiting.dirty), waiting.number)
        };
        let (mut put, mut forget) = (Vec::new(), Vec::new());
        for scope in &scopes {
            match containment.entry(scope) {
                Some(entry) => put.push(entry),
                None => forget.push(scope.clone()),
            }
        }
        let store = store.clone();
        let stored = tokio::task::spawn_blocking(move || store.change_standings(&put, &forget)).await;
        let failure = match stored {
            Ok(Ok(())) => {
                self.store.done.send_replace(number);
                return true;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(error = %failure, "what was taken away cannot be stored; it holds all the same");
        self.waiting().dirty.extend(scopes);
        false
    }
}

/// Starts both lanes. They end with the containment.
pub(super) fn start(
    containment: &Arc<Containment>,
    store: Arc<dyn StandingStore + Send + Sync>,
    journal: Arc<Journal>,
) {
    let writes = move |containment: Arc<Containment>| {
        let journal = journal.clone();
        async move { containment.lanes.write(&journal).await }
    };
    let keeps = move |containment: Arc<Containment>| {
        let store = store.clone();
        async move { containment.lanes.keep(&containment, &store).await }
    };
    tokio::spawn(run(Arc::downgrade(containment), containment.lanes.clone(), |lanes| &lanes.log, writes));
    tokio::spawn(run(Arc::downgrade(containment), containment.lanes.clone(), |lanes| &lanes.store, keeps));
}

async fn run<F: Future<Output = bool>>(
    containment: Weak<Containment>,
    lanes: Arc<Lanes>,
    lane: fn(&Lanes) -> &Lane,
    work: impl Fn(Arc<Containment>) -> F,
) {
    let mut pause = RETRY;
    loop {
        let Some(present) = containment.upgrade() else { return };
        let done = work(present).await;
        lane(&lanes).failing.store(!done, Ordering::Release);
        match done {
            true => {
                pause = RETRY;
                lane(&lanes).added.notified().await;
            }
            false => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        }
    }
}
