//! Reasons of what was taken away, erased. What was taken away stays so.

use super::Containment;
use holdshort_inventory::Whose;
use std::sync::PoisonError;

impl Containment {
    /// Erases reasons, in memory and in the database, once what waits for the log is on record. Answers how many.
    pub(crate) async fn erase(&self, whose: &Whose) -> u64 {
        self.all_kept().await;
        let (count, number) = {
            let mut standings = self.standings.write().unwrap_or_else(PoisonError::into_inner);
            let changed = standings.erase(whose);
            let number = changed.iter().map(|scope| self.lanes.add(None, scope.clone())).max();
            (changed.len() as u64, number)
        };
        if let Some(number) = number {
            self.kept(number).await;
        }
        count
    }

    /// Whether there is a reason to erase.
    pub(crate) fn concerns(&self, whose: &Whose) -> bool {
        let standings = self.standings.read().unwrap_or_else(PoisonError::into_inner);
        !standings.clone().erase(whose).is_empty()
    }
}
