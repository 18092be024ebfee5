//! What people answered one agent before: a sign, see [`ApprovalHistory`].

use holdshort_model::{Approval, ApprovalHistory, ApprovalState};
use std::collections::VecDeque;

/// How long an answer counts, in milliseconds: 30 days.
pub(super) const COUNTED_MS: u64 = 30 * 86_400_000;
/// How long a refusal of the same tool counts, in milliseconds: 24 hours.
const SAME_TOOL_MS: u64 = 86_400_000;
/// The span over which new questions are counted, in milliseconds: an hour.
pub(super) const HOUR_MS: u64 = 3_600_000;
/// Most answers of one kind that are counted of one agent.
const COUNTED_MAX: usize = 1_000;

/// The past of one agent. Each kind has a list of its own, so that no kind pushes another one out.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    /// Questions that wait.
    pub(super) pending: u32,
    asked: VecDeque<u64>,
    approved: VecDeque<u64>,
    expired: VecDeque<u64>,
    refused: VecDeque<Refused>,
}

#[derive(Clone, Debug)]
struct Refused {
    at_ms: u64,
    server: Option<String>,
    name: String,
}

impl Past {
    pub(super) fn note_asked(&mut self, at_ms: u64) {
        push(&mut self.asked, at_ms);
    }

    /// New questions within the last hour.
    pub(super) fn asked_lately(&mut self, now_ms: u64) -> usize {
        drop_before(&mut self.asked, now_ms.saturating_sub(HOUR_MS));
        self.asked.len()
    }

    /// Counts what became of a question.
    pub(super) fn note(&mut self, approval: &Approval, at_ms: u64) {
        match approval.state {
            ApprovalState::Approved => push(&mut self.approved, at_ms),
            ApprovalState::Expired => push(&mut self.expired, at_ms),
            ApprovalState::Refused => {
                let (server, name) = (approval.server.clone(), approval.name.clone());
                push(&mut self.refused, Refused { at_ms, server, name });
            }
            ApprovalState::Pending | ApprovalState::Used => {}
        }
    }

    pub(super) fn history(&mut self, server: Option<&str>, name: &str, now_ms: u64) -> ApprovalHistory {
        let since = now_ms.saturating_sub(COUNTED_MS);
        drop_before(&mut self.approved, since);
        drop_before(&mut self.expired, since);
        while self.refused.front().is_some_and(|refused| refused.at_ms < since) {
            self.refused.pop_front();
        }
        let day = now_ms.saturating_sub(SAME_TOOL_MS);
        let lately = self.refused.iter().rev().take_while(|refused| refused.at_ms >= day);
        let same = lately.filter(|refused| refused.server.as_deref() == server && refused.name == name);
        ApprovalHistory {
            pending: self.pending,
            approved: count(self.approved.len()),
            refused: count(self.refused.len()),
            expired: count(self.expired.len()),
            refused_same: count(same.count()),
            flooding: false,
        }
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() >= COUNTED_MAX {
        list.pop_front();
    }
    list.push_back(item);
}

fn drop_before(list: &mut VecDeque<u64>, since_ms: u64) {
    while list.front().is_some_and(|at_ms| *at_ms < since_ms) {
        list.pop_front();
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
