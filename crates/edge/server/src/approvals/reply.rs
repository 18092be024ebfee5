//! People's answers: authenticated by whoever calls, checked, recorded, kept, and only then in effect.

use super::desk::{Shared, record};
use super::writer::{Job, Writing};
use super::{Approvals, Approvers};
use crate::change::ChangeError;
use crate::clock::ms;
use crate::service::Service;
use holdshort_api::{
    APPROVAL_WAIT_S_MAX, APPROVALS_PAGE_MAX, AnswerGiven, ApprovalEvent, ApprovalView, ApprovalsPage, ApprovalsQuery,
    ExceptionsPage, NewAnswer, NewDestination,
};
use holdshort_enforce::Fault;
use holdshort_inventory::{AnswerError, ApprovalChange, REASON_CHARS_MAX, Wanted, asking};
use holdshort_model::{
    AgentId, Answer, Approval, ApprovalRecord, ApprovalState, Exception, FailMode, Record, RecordId,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// Policies that ask about destinations: what a person approves there is known from then on.
const FLOW: &str = "holdshort.rules.flow";

impl Service {
    /// Whether whoever runs the service may answer, besides registered people.
    pub fn operators_answer(&self) -> bool {
        self.approvals.config.approvers == Approvers::Anyone
    }

    /// Approvals, the newest first; with `seen` after something changed or the time was over.
    pub async fn approvals(&self, query: &ApprovalsQuery) -> ApprovalsPage {
        if let (Some(seen), Some(wait)) = (query.seen, query.wait) {
            self.approvals.changed(seen, Duration::from_secs(wait)).await;
        }
        let limit = query.limit.unwrap_or(APPROVALS_PAGE_MAX).min(APPROVALS_PAGE_MAX) as usize;
        let (found, version) = self.approvals.list(query.which, query.agent.as_ref(), limit);
        ApprovalsPage { approvals: found.iter().map(|one| one.as_ref().clone()).collect(), version }
    }

    /// One approval; while it is pending, after it changed or `wait` is over. `agent`: set when it has to be of this one.
    pub async fn approval_view(&self, agent: Option<&AgentId>, id: RecordId, wait: Duration) -> Option<ApprovalView> {
        let found = self.approvals.wait(agent, id, wait).await?;
        let (state, expires_ms) = (found.state, found.expires_ms);
        Some(ApprovalView { id, state, expires_ms, approval: Some(Box::new(found.as_ref().clone())) })
    }

    /// How an approval of this agent stands; while it is pending, after it changed or `wait` is over.
    pub(crate) async fn approval_state(
        &self,
        agent: &AgentId,
        id: RecordId,
        wait: Duration,
    ) -> Result<ApprovalState, Fault> {
        let wait = wait.min(Duration::from_secs(APPROVAL_WAIT_S_MAX));
        let found = self.approvals.wait(Some(agent), id, wait).await;
        let missing = || Fault::new(FailMode::ApprovalsDown, format!("this agent has no approval `{id}`"));
        found.map(|found| found.state).ok_or_else(missing)
    }

    /// Remembered answers.
    pub fn exceptions(&self) -> ExceptionsPage {
        ExceptionsPage { exceptions: self.approvals.exceptions() }
    }

    /// What happens to approvals from now on. Carries no arguments.
    pub fn approval_events(&self) -> broadcast::Receiver<Arc<ApprovalEvent>> {
        self.approvals.subscribe()
    }

    /// A person's answer. `by`: the authenticated person, or who runs the service.
    ///
    /// INVARIANT: the record is durable, then the answer is kept, then it takes effect. If we crash in between, then the
    /// record tells of an answer that had no effect, or the answer takes effect at the next start.
    ///
    /// # Errors
    /// When it does not count, or cannot be recorded or kept. Nothing has changed then.
    pub async fn answer_approval(&self, id: RecordId, by: &str, new: NewAnswer) -> Result<AnswerGiven, ChangeError> {
        let NewAnswer { approved, reason, remember_s, know_destinations } = new;
        let remember_ms = remember_s.map(|seconds| seconds.saturating_mul(1_000));
        let wanted = Wanted { id, by: by.to_owned(), approved, reason, remember_ms };
        let (approval, exception) = self.take_answer(&wanted).await?;
        let flow = || asking(&approval.reasons).iter().any(|policy| policy.starts_with(FLOW));
        let known = match approval.state == ApprovalState::Approved && know_destinations.unwrap_or_else(flow) {
            true => self.know(&approval, by).await,
            false => Vec::new(),
        };
        Ok(AnswerGiven { approval: approval.as_ref().clone(), exception, known })
    }

    async fn take_answer(&self, wanted: &Wanted) -> Result<(Arc<Approval>, Option<Exception>), ChangeError> {
        let approvals = &self.approvals;
        let _answering = approvals.answering.lock().await;
        let held = approvals.hold(wanted, self)?;
        let Held { next, exception, from, now_ms, .. } = &held;
        let (answer, now_ms) = (next.answers.last().cloned(), *now_ms);
        let answered = with(record("answered", next, next.decision, now_ms), answer, None);
        self.journal.write(&answered).await?;
        let mut changes = vec![ApprovalChange::Put { from: Some(*from), to: Box::new(next.clone()) }];
        let mut told = vec![answered];
        if let Some(exception) = exception {
            let remembered = with(record("remembered", next, next.decision, now_ms), None, Some(exception.clone()));
            self.journal.write(&remembered).await?;
            changes.push(ApprovalChange::Remember(Box::new(exception.clone())));
            told.push(remembered);
        }
        self.keep_answer(Job { changes, high_ms: now_ms, ..Job::default() }).await?;
        let exception = exception.clone();
        let settled = held.settle().ok_or_else(|| {
            ChangeError::Conflict(format!(
                "approval `{}` was used or ended meanwhile; the answer has no effect",
                wanted.id
            ))
        })?;
        told.iter().for_each(|record| approvals.shared.tell(record));
        approvals.shared.bump();
        Ok((settled, exception))
    }

    /// Revokes a remembered answer; from the next action on it is asked again. `by`: who.
    ///
    /// # Errors
    /// When there is no such one, or the change cannot be recorded. It holds from before the first wait all the same: what
    /// is taken back is taken back.
    pub async fn revoke_exception(&self, id: RecordId, by: &str, reason: &str) -> Result<Exception, ChangeError> {
        let reason = reason.trim();
        if reason.chars().count() > REASON_CHARS_MAX {
            return Err(ChangeError::Invalid(format!("`reason` has at most {REASON_CHARS_MAX} characters")));
        }
        let shared = &self.approvals.shared;
        let (revoked, writing, approval, now_ms) = {
            let mut desk = shared.desk();
            let now_ms = desk.steady.now_ms(ms(self.clock.now_ns()));
            let missing = || ChangeError::Missing(format!("there is no remembered answer `{id}`"));
            let revoked = desk.book.revoke(id).ok_or_else(missing)?;
            let approval = desk.book.find(id).cloned();
            let job = Job { changes: vec![ApprovalChange::Revoke(id)], high_ms: now_ms, ..Job::default() };
            (revoked, shared.hand_over(&desk, job), approval, now_ms)
        };
        kept(writing).await?;
        let answer = Answer { by: by.to_owned(), approved: false, reason: reason.to_owned(), at_ms: now_ms };
        let record = Record::Approval(Box::new(ApprovalRecord {
            time_ms: now_ms,
            id,
            event: "revoked".into(),
            // What is left of the approval itself, where it is still known.
            state: approval.as_ref().map_or(ApprovalState::Used, |approval| approval.state),
            binding: approval.as_ref().map_or(self.snapshot().digest(), |approval| approval.binding),
            decision: id,
            agent: revoked.agent.clone(),
            session: approval.as_ref().map_or_else(|| "".into(), |approval| approval.session.clone()),
            answer: Some(answer),
            exception: Some(revoked.clone()),
        }));
        self.journal.write(&record).await?;
        shared.tell(&record);
        shared.bump();
        Ok(revoked)
    }

    async fn know(&self, approval: &Approval, by: &str) -> Vec<holdshort_api::DestinationSummary> {
        let mut known = Vec::new();
        for (kind, value) in &approval.destinations {
            let new = NewDestination {
                agent: approval.agent.clone(),
                user: approval.user.clone().unwrap_or_default(),
                kind: kind.clone(),
                value: value.clone(),
                via: Some(approval.id.to_string()),
            };
            match self.add_destination(new, by).await {
                Ok(summary) => known.push(summary),
                // The answer counts all the same; the next action that goes there is asked about again.
                Err(error) => {
                    tracing::warn!(%error, approval = %approval.id, "a destination cannot be remembered");
                    break;
                }
            }
        }
        known
    }

    async fn keep_answer(&self, job: Job) -> Result<(), ChangeError> {
        let writing = self.approvals.shared.hand_over(&self.approvals.shared.desk(), job);
        let Err(error) = kept(writing).await else { return Ok(()) };
        self.record("change-failed", error.to_string().into()).await?;
        Err(error)
    }
}

async fn kept(writing: Option<Writing>) -> Result<(), ChangeError> {
    let failed = || ChangeError::State("the answer could not be kept".into());
    writing.ok_or_else(failed)?.kept().await.map_err(|_| failed())
}

/// An answer on its way. Given up, it does not count, and the approval may end again.
struct Held {
    shared: Arc<Shared>,
    next: Approval,
    exception: Option<Exception>,
    from: ApprovalState,
    now_ms: u64,
    settled: bool,
}

impl Approvals {
    fn hold(&self, wanted: &Wanted, service: &Service) -> Result<Held, ChangeError> {
        self.shared.sweep();
        let snapshot = service.snapshot().digest();
        let mut desk = self.shared.desk();
        let now_ms = desk.steady.now_ms(ms(self.shared.clock.now_ns()));
        if desk.unkept.contains(&wanted.id) {
            return Err(ChangeError::Missing(AnswerError::Missing(wanted.id).to_string()));
        }
        let from = desk.book.find(wanted.id).map(|found| found.state);
        let (next, exception) = desk.book.prepare(wanted, snapshot, now_ms).map_err(refused)?;
        let from = from.unwrap_or(ApprovalState::Pending);
        Ok(Held { shared: self.shared.clone(), next, exception, from, now_ms, settled: false })
    }
}

impl Held {
    fn settle(mut self) -> Option<Arc<Approval>> {
        self.settled = true;
        let (next, exception) = (self.next.clone(), self.exception.take());
        self.shared.desk().book.settle(next, exception, self.now_ms)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.settled {
            self.shared.desk().book.abandon(self.next.id);
        }
    }
}

fn with(record: Record, answer: Option<Answer>, exception: Option<Exception>) -> Record {
    match record {
        Record::Approval(record) => Record::Approval(Box::new(ApprovalRecord { answer, exception, ..*record })),
        other => other,
    }
}

fn refused(error: AnswerError) -> ChangeError {
    let text = error.to_string();
    match error {
        AnswerError::Missing(_) => ChangeError::Missing(text),
        AnswerError::Over(..)
        | AnswerError::Busy(_)
        | AnswerError::Outdated(_)
        | AnswerError::Twice(_)
        | AnswerError::Yourself(_) => ChangeError::Conflict(text),
        AnswerError::NoReason | AnswerError::LongReason | AnswerError::NotRemembered(_) => ChangeError::Invalid(text),
    }
}
