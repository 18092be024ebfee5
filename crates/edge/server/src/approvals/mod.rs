//! Questions to people: asked, answered, used once.
//!
//! The book of them is in memory ([`holdshort_inventory::Book`]), and everything that it says is kept before anybody acts
//! on it. Three parties meet here: deciding asks and redeems ([`Approvals::answer`]), people answer ([`reply`]), and
//! enforcement points wait ([`Approvals::wait`]).
//!
//! INVARIANT: an action runs on an approval only after its use is durable. What cannot be kept is a refusal
//! (`approvals-down`). A use is never given back: when the record of the decision fails, or the agent goes away, a person
//! is asked again.

mod desk;
mod erasing;
mod reply;
mod steady;
mod writer;

#[cfg(test)]
mod tests;

use crate::clock::{Clock, ms};
use crate::journal::Journal;
use desk::{Desk, Shared, record};
use holdshort_api::{ApprovalEvent, ApprovalsWhich};
use holdshort_decide::{SessionView, Snapshot, destinations};
use holdshort_enforce::Fault;
use holdshort_inventory::{
    ApprovalChange, ApprovalLimits, ApprovalStore, Book, Reply, StoreError, is_final, lift, refuse,
};
use holdshort_model::{
    AgentId, Approval, ApprovalHistory, ApprovalState, Decision, Effect, Exception, Facts, RecordId,
};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use steady::Steady;
use tokio::sync::{Mutex, broadcast, mpsc};
use tokio::time::Instant;
use writer::{Job, Writing, down};

/// Events that a listener may be behind before it misses some.
const EVENTS_BEHIND_MAX: usize = 1_024;
/// Shortest pause between two looks at an approval that is about to end.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Who may answer besides registered people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approvers {
    /// Whoever runs the service: the holder of the administrator's token, and the operating system's user.
    #[default]
    Anyone,
    /// Nobody: only people with a token of their own.
    People,
}

/// Settings of approvals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApprovalsConfig {
    /// Bounds.
    pub limits: ApprovalLimits,
    /// Who may answer.
    pub approvers: Approvers,
}

/// The questions of one service.
pub(crate) struct Approvals {
    shared: Arc<Shared>,
    /// Held by whoever writes an answer.
    answering: Mutex<()>,
    /// What was erased in memory and could not be kept.
    unerased: std::sync::Mutex<Vec<ApprovalChange>>,
    pub(crate) config: ApprovalsConfig,
}

/// What became of a decision.
#[must_use = "a ruling is given only after what it rests on is kept"]
pub(crate) struct Answered {
    /// What has to be durable before the ruling is given.
    pub(crate) write: Option<Writing>,
}

impl Approvals {
    /// Takes up what was kept. Has to be called within a runtime.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn load(
        config: ApprovalsConfig,
        store: Arc<dyn ApprovalStore + Send + Sync>,
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StoreError> {
        let kept = store.approvals()?;
        let mut steady = Steady::new(kept.high_ms);
        let mut book = Book::new(config.limits, kept);
        // Of what was kept, the latest answer may be later than the latest time that was written.
        let now_ms = steady.now_ms(book.time(ms(clock.now_ns())));
        book.time(now_ms);
        let (queue, jobs) = mpsc::unbounded_channel();
        let desk = Desk { book, steady, unkept: HashSet::new() };
        let shared = Arc::new(Shared::new(desk, clock, store, queue, EVENTS_BEHIND_MAX));
        tokio::spawn(writer::work(Arc::downgrade(&shared), jobs, journal));
        Ok(Arc::new(Self { shared, answering: Mutex::default(), unerased: std::sync::Mutex::default(), config }))
    }

    /// What people answered when this agent asked before. `server`, `name`: what it is about to use.
    pub(crate) fn history(&self, agent: &AgentId, server: Option<&str>, name: &str, now_ms: u64) -> ApprovalHistory {
        let mut desk = self.shared.desk();
        let now_ms = desk.steady.now_ms(now_ms);
        desk.book.history(agent, server, name, now_ms)
    }

    /// Lays people's answers over a decision: what asks and was approved runs, what asks otherwise waits or is refused.
    /// `destinations`: all destinations of the action, see [`places`]. Waits for nothing.
    ///
    /// INVARIANT: an approval is used here, at once and in memory, so that of many actions at a time one gets it. The
    /// ruling is given only after [`Answered::write`] is kept.
    ///
    /// # Errors
    /// When nothing can be kept any more.
    pub(crate) fn answer(
        &self,
        decision: &mut Decision,
        facts: &Facts,
        destinations: &dyn Fn() -> Vec<(String, String)>,
        now_ms: u64,
    ) -> Result<Answered, Fault> {
        let mut desk = self.shared.desk();
        let now_ms = desk.steady.now_ms(now_ms);
        let job = match decision.enforced {
            Effect::Deny => None,
            Effect::Allow => desk.book.consume(decision, facts, now_ms).map(|used| {
                decision.approval = Some(used.id);
                using(&used, decision.id, now_ms)
            }),
            Effect::Ask => match desk.book.ask(decision, facts, destinations, now_ms) {
                Reply::Approved { approved, used } => {
                    lift(decision, approved);
                    used.map(|used| using(&used, decision.id, now_ms))
                }
                Reply::Waiting { id, asked } => {
                    decision.approval = Some(id);
                    match asked {
                        Some(asked) => {
                            desk.unkept.insert(id);
                            Some(asking(&asked, now_ms))
                        }
                        // Whoever joins a question that is not durable yet waits behind it.
                        None => desk.unkept.contains(&id).then(|| joining(id, now_ms)),
                    }
                }
                Reply::Refused { why } => {
                    refuse(decision, why);
                    None
                }
            },
        };
        let Some(job) = job else { return Ok(Answered { write: None }) };
        let write = self.shared.hand_over(&desk, job).ok_or_else(down)?;
        Ok(Answered { write: Some(write) })
    }

    /// The approval; while it is pending, after it changed or `wait` is over. `None` when there is none, or it is of
    /// another agent.
    pub(crate) async fn wait(&self, agent: Option<&AgentId>, id: RecordId, wait: Duration) -> Option<Arc<Approval>> {
        let until = Instant::now() + wait;
        let mut version = self.shared.version.subscribe();
        loop {
            version.mark_unchanged();
            let (found, now_ms) = self.look(id)?;
            if agent.is_some_and(|agent| *agent != found.agent) {
                return None;
            }
            let left = until.saturating_duration_since(Instant::now());
            if found.state != ApprovalState::Pending || left.is_zero() {
                return Some(found);
            }
            let ends = Duration::from_millis(found.expires_ms.saturating_sub(now_ms)).max(LOOK_AGAIN);
            // A sender that is gone ends with the service; then the time is waited for.
            let _ = tokio::time::timeout(left.min(ends), version.changed()).await;
        }
    }

    fn look(&self, id: RecordId) -> Option<(Arc<Approval>, u64)> {
        self.shared.sweep();
        let mut desk = self.shared.desk();
        let now_ms = desk.steady.now_ms(ms(self.shared.clock.now_ns()));
        desk.book.find(id).cloned().map(|found| (found, now_ms))
    }

    /// The approvals, the newest first, and the number of what they show.
    pub(crate) fn list(
        &self,
        which: ApprovalsWhich,
        agent: Option<&AgentId>,
        limit: usize,
    ) -> (Vec<Arc<Approval>>, u64) {
        self.shared.sweep();
        let version = *self.shared.version.borrow();
        let desk = self.shared.desk();
        let wanted = |one: &&Arc<Approval>| {
            (which == ApprovalsWhich::All || !is_final(one.state)) && agent.is_none_or(|agent| *agent == one.agent)
        };
        (desk.book.iter().filter(wanted).take(limit).cloned().collect(), version)
    }

    /// Questions that wait for a person.
    pub(crate) fn pending(&self) -> usize {
        self.shared.sweep();
        self.shared.desk().book.iter().filter(|one| one.state == ApprovalState::Pending).count()
    }

    /// Waits until the number is another one than `seen`, at most `wait`.
    pub(crate) async fn changed(&self, seen: u64, wait: Duration) {
        let mut version = self.shared.version.subscribe();
        let _ = tokio::time::timeout(wait, version.wait_for(|version| *version != seen)).await;
    }

    /// Remembered answers.
    pub(crate) fn exceptions(&self) -> Vec<Exception> {
        self.shared.desk().book.exceptions().cloned().collect()
    }

    /// The approval of this id.
    pub(crate) fn find(&self, id: RecordId) -> Option<Arc<Approval>> {
        self.shared.desk().book.find(id).cloned()
    }

    /// What happens to approvals from now on. Carries no arguments.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<ApprovalEvent>> {
        self.shared.events.subscribe()
    }

    /// Whether the latest write failed.
    pub(crate) fn is_down(&self) -> bool {
        self.shared.is_down()
    }

    /// Waits until everything that was handed over is kept, and tells whether the store works.
    pub(crate) async fn all_kept(&self) -> Result<(), Fault> {
        let job = Job { high_ms: self.shared.desk().steady.now_ms(ms(self.shared.clock.now_ns())), ..Job::default() };
        let writing = self.shared.hand_over(&self.shared.desk(), job);
        writing.ok_or_else(down)?.kept().await
    }
}

/// All destinations of a decided action, known ones included: what a remembered answer is bound to. `facts` and `session`
/// have to be what the decision was made from.
pub(crate) fn places(
    snapshot: &Snapshot,
    session: &SessionView<'_>,
    facts: &Facts,
    decision: RecordId,
) -> Vec<(String, String)> {
    let nothing_known = snapshot.with_destinations(Arc::default());
    let all = destinations(&nothing_known, session, facts, decision, "");
    all.into_iter().map(|one| (one.kind, one.value)).collect()
}

fn asking(approval: &Approval, now_ms: u64) -> Job {
    Job {
        changes: vec![ApprovalChange::Put { from: None, to: Box::new(approval.clone()) }],
        high_ms: now_ms,
        question: Some(approval.id),
        records: vec![record("asked", approval, approval.decision, now_ms)],
        ..Job::default()
    }
}

fn joining(question: RecordId, now_ms: u64) -> Job {
    Job { high_ms: now_ms, joins: Some(question), ..Job::default() }
}

// If we crash before this is kept, then the action has not run, and the approval is still good for one.
fn using(approval: &Approval, decision: RecordId, now_ms: u64) -> Job {
    Job {
        changes: vec![ApprovalChange::Put { from: Some(ApprovalState::Approved), to: Box::new(approval.clone()) }],
        high_ms: now_ms,
        records: vec![record("used", approval, decision, now_ms)],
        ..Job::default()
    }
}
