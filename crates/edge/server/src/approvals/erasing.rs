//! Questions and answers whose session is erased.

use super::Approvals;
use super::writer::{Job, down};
use crate::clock::ms;
use holdshort_enforce::Fault;
use holdshort_inventory::{ApprovalChange, Whose};
use std::sync::{MutexGuard, PoisonError};

impl Approvals {
    /// Ends what is open, and takes out what they say. Nothing of it goes on record: it would be sealed with a key of the
    /// session, which would then be there again. Answers how many questions and remembered answers.
    ///
    /// # Errors
    /// When it cannot be kept; doing it again keeps it.
    pub(crate) async fn erase(&self, whose: &Whose) -> Result<u64, Fault> {
        // Nobody writes an answer meanwhile.
        let _answering = self.answering.lock().await;
        let (writing, changes) = {
            let mut desk = self.shared.desk();
            let now_ms = desk.steady.now_ms(ms(self.shared.clock.now_ns()));
            let mut changes = std::mem::take(&mut *self.unerased());
            changes.extend(desk.book.erase(whose, now_ms));
            if changes.is_empty() {
                return Ok(0);
            }
            let job = Job { changes: changes.clone(), high_ms: now_ms, ..Job::default() };
            (self.shared.hand_over(&desk, job), changes)
        };
        let count = changes.len() as u64;
        let kept = match writing {
            Some(writing) => writing.kept().await,
            None => Err(down()),
        };
        self.shared.bump();
        // In memory it is gone: who does it again must find what to keep.
        kept.inspect_err(|_| *self.unerased() = changes).map(|()| count)
    }

    /// Whether there is anything to erase.
    pub(crate) fn concerns(&self, whose: &Whose) -> bool {
        // On a copy: nothing is changed by asking.
        let mut book = self.shared.desk().book.clone();
        !self.unerased().is_empty() || !book.erase(whose, 0).is_empty()
    }

    fn unerased(&self) -> MutexGuard<'_, Vec<ApprovalChange>> {
        self.unerased.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
