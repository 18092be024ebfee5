//! What becomes of questions and answers whose session is erased: they end, and say nothing more.
//!
//! INVARIANT: nothing is loosened. What waits or was approved ends unused, and a person is asked anew. What was refused stays
//! refused, what was asked still counts against the agent, and remembered answers go.

use super::{ApprovalChange, Book};
use crate::approvals::is_final;
use crate::whose::{ERASED, Whose};
use holdshort_model::{Approval, ApprovalState, RecordId};
use std::sync::Arc;

impl Book {
    /// Erases. What is to be kept of it, each change once.
    pub fn erase(&mut self, whose: &Whose, now_ms: u64) -> Vec<ApprovalChange> {
        let now_ms = self.time(now_ms);
        let mut changes = Vec::new();
        // By all that goes: an agent can name its session as it likes.
        let is_blank = |one: &Approval| {
            let is_same = || {
                let mut blanked = one.clone();
                blank(&mut blanked);
                blanked == *one
            };
            is_final(one.state) && one.session.as_str() == ERASED && is_same()
        };
        let concerns = |one: &Approval| !is_blank(one) && whose.has(&one.agent, &one.session, one.user.as_deref());
        // Before the questions: what is remembered of one is found by it.
        let remembered = self.exceptions.take(|exception| {
            let asked = self.all.get(&exception.id).is_some_and(|asked| concerns(asked));
            asked || whose.is_agent(&exception.agent) || whose.is_user(&exception.user)
        });
        changes.extend(remembered.into_iter().map(ApprovalChange::ForgetException));
        let concerned: Vec<RecordId> = self.all.values().filter(|one| concerns(one)).map(|one| one.id).collect();
        for id in concerned {
            let Some(before) = self.all.get(&id).map(|one| one.state) else { continue };
            if !is_final(before) && self.end(id, ApprovalState::Expired, now_ms).is_none() {
                continue;
            }
            if let Some(one) = self.all.get_mut(&id) {
                blank(Arc::make_mut(one));
                changes.push(ApprovalChange::Put { from: Some(before), to: Box::new(Approval::clone(one)) });
            }
        }
        changes
    }
}

// What it was about, for whom, and why. The agent, the tool and the digests stay: a refusal holds by them.
fn blank(approval: &mut Approval) {
    super::erase(approval);
    approval.session = ERASED.into();
    approval.user = None;
    approval.effects.clear();
    approval.destinations.clear();
    approval.reasons.clear();
    approval.risk.parts.clear();
    for answer in &mut approval.answers {
        answer.by = ERASED.to_owned();
        answer.reason.clear();
    }
}
