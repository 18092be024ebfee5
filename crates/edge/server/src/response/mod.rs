//! Response: what is done beside the answer. Evidence first, then containment, then people are told, then the incident.
//!
//! [`Response::begin`] captures what is known in memory while the session is held, before anything is taken away;
//! [`Response::carry_out`] queues the rest. Nothing here is waited for by an action: a full queue, a database that does
//! not answer, a channel that is down are counted and recorded, and hold nobody up.
//! What is absent: arguments and results. Neither evidence nor messages hold any.

mod alarms;
mod announce;
mod delivery;
mod erasing;
mod evidence;
mod incidents;
mod notices;
mod people;
mod runner;
#[cfg(test)]
mod tests;

pub use alarms::Alarm;
pub(crate) use alarms::log_space;
pub use delivery::{Notifier, NotifyError};
pub use incidents::ResponseConfig;

pub(crate) use announce::announce;
use delivery::Delivery;
pub(crate) use evidence::{Evidence, Position};

use crate::clock::{Clock, Ids, ms};
use crate::journal::Journal;
use crate::recorder::RecordOwner;
use evidence::Answer;
use holdshort_inventory::{IncidentStore, NotificationOutbox, StoreError};
use holdshort_model::{
    Agent, AgentId, Approval, Decision, Effect, Facts, LifecycleRecord, Receipt, Record, ResponseRecord, Step,
};
use incidents::Open;
use serde_json::json;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Decisions and notes that may wait for the runner. 4,096 of some KiB.
const QUEUE_MAX: usize = 4_096;
/// Lines of timelines use this much of the queue: an agent that goes on trying does not crowd playbooks out.
const LINES_MAX: usize = QUEUE_MAX / 2;

/// What the runner does.
enum Task {
    /// A decision with a playbook, or of an agent with an open incident.
    Decision(Box<Answer>),
    /// Something else that happened to an agent.
    Note(Note),
    /// A question waits for a person.
    Approval(Box<(Arc<Approval>, Option<Agent>)>),
    /// Say when everything before this is done.
    Done(oneshot::Sender<()>),
}

/// Something that happened to an agent and belongs into its open incident.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    /// The agent.
    pub(crate) agent: AgentId,
    /// What: `released`, ...
    pub(crate) what: String,
    /// In words, without payloads.
    pub(crate) text: String,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// Index of its record in the log, where it has one.
    pub(crate) index: Option<u64>,
}

/// Carries playbooks out.
pub(crate) struct Response {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Task>,
    // Ended with this value.
    tasks: Mutex<JoinSet<()>>,
}

/// What the runner, the channels and people share.
struct Shared {
    open: Open,
    delivery: Arc<Delivery>,
    book: Book,
    store: Arc<dyn IncidentStore + Send + Sync>,
}

/// Time, ids and the way to the log.
#[derive(Clone)]
pub(crate) struct Book {
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
    ids: Ids,
    counts: Arc<Counts>,
}

/// What went wrong and was not recorded yet, and totals for the metrics.
#[derive(Default)]
struct Counts {
    dropped: AtomicU64,
    unrecorded: AtomicU64,
    dropped_total: AtomicU64,
    steps_total: AtomicU64,
    incidents_total: AtomicU64,
}

impl Response {
    /// Loads open incidents and messages that wait, and starts the runner.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn start(
        config: &ResponseConfig,
        incidents: Arc<dyn IncidentStore + Send + Sync>,
        outbox: Arc<dyn NotificationOutbox + Send + Sync>,
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
        ids: Ids,
    ) -> Result<Self, StoreError> {
        let book = Book { journal, clock, ids, counts: Arc::default() };
        let open = Open::load(config, &*incidents)?;
        let delivery = Arc::new(Delivery::load(config.outbox, outbox, book.clone())?);
        let shared = Arc::new(Shared { open, delivery, book, store: incidents });
        let (queue, receiver) = mpsc::channel(QUEUE_MAX);
        let mut tasks = JoinSet::new();
        tasks.spawn(runner::run(shared.clone(), receiver));
        Ok(Self { shared, queue, tasks: Mutex::new(tasks) })
    }

    /// The channels that people are told by. To be called once, before the first action; what waited for them goes on.
    pub(crate) fn attach(&self, notifiers: Vec<Arc<dyn Notifier>>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.delivery.attach(notifiers, &mut tasks);
    }

    /// Captures what is known, before containment bites. `None` when nothing has to be done: no playbook, and nothing was
    /// refused or asked of an agent with an open incident. Waits for nothing, and costs microseconds.
    pub(crate) fn begin(&self, decision: &Decision, facts: &Facts, at: Position) -> Option<Evidence> {
        let agent = &facts.subject.agent.id;
        if decision.playbook.is_empty() {
            let told = decision.enforced != Effect::Allow && self.shared.open.concerns(agent);
            return told.then(|| Evidence::line(facts, at));
        }
        if decision.playbook.contains(&Step::OpenIncident) {
            // From here on, what is refused belongs to it, although it is opened in a moment.
            self.shared.open.mark(agent);
        }
        Some(Evidence::capture(decision, facts, at))
    }

    /// Queues what is left to be done. `receipt`: none when the decision could not be recorded; people are told all the
    /// same.
    pub(crate) fn carry_out(&self, evidence: Evidence, decision: &Decision, receipt: Option<&Receipt>) {
        let answer = Answer::new(evidence, decision, receipt);
        let only_a_line = answer.evidence.captured.is_none();
        self.queue(Task::Decision(Box::new(answer)), only_a_line);
    }

    /// Adds a line to the open incident of an agent, if it has one.
    pub(crate) fn note(&self, note: Note) {
        if self.shared.open.concerns(&note.agent) {
            self.queue(Task::Note(note), true);
        }
    }

    /// Tells people that a question waits for them. `agent`: who asks, as the inventory knows it.
    pub(crate) fn announce(&self, approval: Arc<Approval>, agent: Option<Agent>) {
        self.queue(Task::Approval(Box::new((approval, agent))), false);
    }

    /// Waits until what was queued so far is done, for at most this long. Messages that wait stay in the outbox.
    pub(crate) async fn settle(&self, longest: Duration) {
        let (done, waits) = oneshot::channel();
        let settled = async {
            if self.queue.send(Task::Done(done)).await.is_ok() {
                // Dropped without an answer: the runner has ended.
                let _ = waits.await;
            }
        };
        // A log or a database that does not answer must not hold the end up.
        let _ = tokio::time::timeout(longest, settled).await;
    }

    /// Counts questions that nobody could be told of, because too many came at once.
    pub(crate) fn missed(&self, count: u64) {
        self.shared.book.counts.dropped.fetch_add(count, Ordering::Relaxed);
        self.shared.book.counts.dropped_total.fetch_add(count, Ordering::Relaxed);
    }

    fn queue(&self, task: Task, only_a_line: bool) {
        let room = self.queue.capacity() > if only_a_line { QUEUE_MAX - LINES_MAX } else { 0 };
        if !room || self.queue.try_send(task).is_err() {
            self.missed(1);
        }
    }

    /// Counters in the Prometheus text format.
    pub(crate) fn metrics_text(&self) -> String {
        let (counts, open) = (&self.shared.book.counts, self.shared.open.count());
        let mut out = String::new();
        let rows = [
            (
                "holdshort_response_steps_total",
                "counter",
                "Steps of playbooks.",
                counts.steps_total.load(Ordering::Relaxed),
            ),
            (
                "holdshort_response_dropped_total",
                "counter",
                "Playbooks and lines of timelines that were left out because too many waited.",
                counts.dropped_total.load(Ordering::Relaxed),
            ),
            (
                "holdshort_incidents_total",
                "counter",
                "Incidents that were opened.",
                counts.incidents_total.load(Ordering::Relaxed),
            ),
            ("holdshort_incidents_open", "gauge", "Incidents that nobody has closed.", open as u64),
        ];
        for (name, kind, help, value) in rows {
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        }
        self.shared.delivery.metrics_text(&mut out);
        out
    }
}

impl Book {
    fn now_ms(&self) -> u64 {
        ms(self.clock.now_ns())
    }

    /// Hands a step's record over, in the order of the calls, and does not wait until it is durable.
    fn step(&self, record: ResponseRecord, owner: Option<&RecordOwner>) {
        self.counts.steps_total.fetch_add(1, Ordering::Relaxed);
        self.write(&Record::Response(record), owner);
    }

    fn write(&self, record: &Record, owner: Option<&RecordOwner>) {
        let lost = |counts: &Counts| counts.unrecorded.fetch_add(1, Ordering::Relaxed);
        let Ok(bytes) = serde_json::to_vec(record) else {
            lost(&self.counts);
            return;
        };
        match self.journal.hand_over(bytes, owner) {
            Err(_) => drop(lost(&self.counts)),
            Ok(appending) => {
                let counts = self.counts.clone();
                tokio::spawn(async move {
                    if appending.await.is_err() {
                        lost(&counts);
                    }
                });
            }
        }
    }

    /// Records how much was left out, once it is possible again.
    fn confess(&self) {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        if self.journal.is_down() {
            return;
        }
        let (dropped, unrecorded) = (take(&self.counts.dropped), take(&self.counts.unrecorded));
        if dropped + unrecorded > 0 {
            tracing::warn!(dropped, unrecorded, "responses left out");
            let detail = json!({ "dropped": dropped, "unrecorded": unrecorded });
            let event = "responses-left-out".to_owned();
            self.write(&Record::Lifecycle(LifecycleRecord { time_ms: self.now_ms(), event, detail }), None);
        }
    }
}
