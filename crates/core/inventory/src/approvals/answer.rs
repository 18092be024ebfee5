//! A person's answer: whether it counts, and what comes of it.

use super::book::{Book, erase};
use super::exceptions::{EXCEPTIONS_PER_AGENT_MAX, remembered};
use super::state::same_person;
use holdshort_model::{Answer, Approval, ApprovalState, Digest, Exception, Level, RecordId};
use std::sync::Arc;

/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 1_000;
/// Shortest time for which an answer can be remembered, in milliseconds: a minute.
const REMEMBER_MIN_MS: u64 = 60_000;

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The approval.
    pub id: RecordId,
    /// Who answers: an authenticated person.
    pub by: String,
    /// Whether it is a yes.
    pub approved: bool,
    /// Why, in the person's words.
    pub reason: String,
    /// For how long the answer is remembered, in milliseconds.
    pub remember_ms: Option<u64>,
}

/// An answer that does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// There is no such approval.
    #[error("there is no approval `{0}`; `holdshort approvals list` shows those that wait")]
    Missing(RecordId),
    /// It is over, or answered already.
    #[error("approval `{0}` is {1} already; what the agent does next is another question")]
    Over(RecordId, &'static str),
    /// Another answer is being written.
    #[error("somebody else is just answering approval `{0}`; look again")]
    Busy(RecordId),
    /// The policies are others by now.
    #[error("policies or settings changed since approval `{0}` was asked; the agent has to ask again")]
    Outdated(RecordId),
    /// Whoever answers is the one that asks.
    #[error("`{0}` cannot approve what it asks for itself")]
    Yourself(String),
    /// The same person twice.
    #[error("`{0}` approved this already; a second person has to")]
    Twice(String),
    /// No reason.
    #[error("an approval at this risk needs a reason; give one with `--reason`")]
    NoReason,
    /// Too long a reason.
    #[error("a reason has at most {REASON_CHARS_MAX} characters")]
    LongReason,
    /// It cannot be remembered.
    #[error("this answer cannot be remembered: {0}")]
    NotRemembered(String),
}

impl Book {
    /// What the answer makes of the approval, and what is remembered. Nothing changes yet, and the approval does not end
    /// by itself until [`Self::settle`] or [`Self::abandon`]: in between the caller makes the answer durable.
    ///
    /// # Errors
    /// When the answer does not count. Nothing is held then.
    pub fn prepare(
        &mut self,
        wanted: &Wanted,
        snapshot: Digest,
        now_ms: u64,
    ) -> Result<(Approval, Option<Exception>), AnswerError> {
        let now_ms = self.time(now_ms);
        let Wanted { id, by, approved, .. } = wanted;
        let reason = wanted.reason.trim();
        let found = self.find(*id).ok_or(AnswerError::Missing(*id))?;
        if reason.chars().count() > REASON_CHARS_MAX {
            return Err(AnswerError::LongReason);
        }
        let state = if now_ms < found.expires_ms { found.state } else { late(found.state) };
        match (state, approved) {
            (ApprovalState::Pending, _) | (ApprovalState::Approved, false) => {}
            (over, _) => return Err(AnswerError::Over(*id, name(over))),
        }
        let mut next = Approval::clone(found);
        next.answers.push(Answer { by: by.clone(), approved: *approved, reason: reason.to_owned(), at_ms: now_ms });
        let exception = match approved {
            true => self.approve(&mut next, wanted, reason, snapshot, now_ms)?,
            false => {
                next.state = ApprovalState::Refused;
                None
            }
        };
        if next.state != ApprovalState::Pending {
            erase(&mut next);
        }
        match self.held.insert(*id) {
            true => Ok((next, exception)),
            false => Err(AnswerError::Busy(*id)),
        }
    }

    fn approve(
        &self,
        next: &mut Approval,
        wanted: &Wanted,
        reason: &str,
        snapshot: Digest,
        now_ms: u64,
    ) -> Result<Option<Exception>, AnswerError> {
        let by = &wanted.by;
        if by.eq_ignore_ascii_case(next.agent.as_str()) {
            return Err(AnswerError::Yourself(by.clone()));
        }
        if next.snapshot != snapshot {
            return Err(AnswerError::Outdated(next.id));
        }
        let level = next.risk.level;
        if self.limits.reason_from.is_some_and(|from| level >= from) && reason.is_empty() {
            return Err(AnswerError::NoReason);
        }
        let (_, before) = next.answers.split_last().ok_or(AnswerError::Missing(next.id))?;
        if before.iter().any(|answer| same_person(&answer.by, by)) {
            return Err(AnswerError::Twice(by.clone()));
        }
        if next.answers.len() < usize::from(next.people_needed) {
            return match wanted.remember_ms {
                None => Ok(None),
                Some(_) => Err(AnswerError::NotRemembered("the last one who approves says so".into())),
            };
        }
        next.state = ApprovalState::Approved;
        next.expires_ms = now_ms.saturating_add(self.limits.use_ms);
        let Some(remember_ms) = wanted.remember_ms else { return Ok(None) };
        let no = |why: String| Err(AnswerError::NotRemembered(why));
        if level >= Level::Critical {
            return no("its risk is critical".into());
        }
        let max_ms = self.limits.remember_max_ms;
        if !(REMEMBER_MIN_MS..=max_ms).contains(&remember_ms) {
            return no(format!("the time has to be from 1 minute to {} hours", max_ms / 3_600_000));
        }
        if self.exceptions.is_full(&next.agent) {
            return no(format!("the agent has {EXCEPTIONS_PER_AGENT_MAX} exceptions; revoke some"));
        }
        let names: Vec<&str> = next.answers.iter().map(|answer| answer.by.as_str()).collect();
        match remembered(next, &names.join(", "), reason, now_ms.saturating_add(remember_ms)) {
            Some(exception) => Ok(Some(exception)),
            None => no("no policy asked for it".into()),
        }
    }

    /// The prepared answer takes effect. `None` when the approval went another way meanwhile.
    pub fn settle(&mut self, next: Approval, exception: Option<Exception>, now_ms: u64) -> Option<Arc<Approval>> {
        let now_ms = self.time(now_ms);
        self.held.remove(&next.id);
        let asked = self.find(next.id)?.asked;
        let settled = self.change(Approval { asked, ..next }, now_ms)?;
        if let Some(exception) = exception {
            self.exceptions.add(exception);
        }
        Some(settled)
    }

    /// The prepared answer could not be made durable, and does not count.
    pub fn abandon(&mut self, id: RecordId) {
        self.held.remove(&id);
    }

    /// Revokes an exception; `None` when there is no such one. Revoking a revoked one changes nothing.
    pub fn revoke(&mut self, id: RecordId) -> Option<Exception> {
        self.exceptions.revoke(id);
        self.exceptions.find(id).cloned()
    }
}

fn late(state: ApprovalState) -> ApprovalState {
    match state {
        ApprovalState::Pending | ApprovalState::Approved => ApprovalState::Expired,
        over => over,
    }
}

fn name(state: ApprovalState) -> &'static str {
    match state {
        ApprovalState::Pending => "pending",
        ApprovalState::Approved => "approved",
        ApprovalState::Refused => "refused",
        ApprovalState::Expired => "expired",
        ApprovalState::Used => "used",
    }
}
