//! What waits for the sealer: entries whose records are durable.
//!
//! The sealer may stand still for as long as a sync of the file system takes, which is as long as everything takes that
//! others have written to it. The writer goes on meanwhile. Bounded by entries, not by groups: a disk that syncs quickly
//! makes many small groups.

use holdshort_ledger::Entry;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Entries from which on the writer waits, and with it the callers: 8 MiB, seconds at the highest rates.
const ENTRIES_MAX: usize = 1 << 18;

#[derive(Debug)]
struct Backlog {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    entries_max: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<Entry>,
    /// No more will come.
    is_closed: bool,
    /// Nobody takes any more.
    is_left: bool,
}

/// What the sealer finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Everything that waited.
    Entries(Vec<Entry>),
    /// Nothing came in time.
    Nothing,
    /// Nothing is there, and nothing will come.
    Closed,
}

/// The writer's end. Dropped: no more will come.
#[derive(Debug)]
pub(crate) struct Giver(Arc<Backlog>);

/// The sealer's end. Dropped: nobody takes any more, so that the writer waits for nothing.
#[derive(Debug)]
pub(crate) struct Taker(Arc<Backlog>);

/// Both ends of an empty one.
pub(crate) fn backlog() -> (Giver, Taker) {
    bounded(ENTRIES_MAX)
}

fn bounded(entries_max: usize) -> (Giver, Taker) {
    let backlog = Arc::new(Backlog { waiting: Mutex::default(), changed: Condvar::new(), entries_max });
    (Giver(Arc::clone(&backlog)), Taker(backlog))
}

impl Giver {
    /// Hands entries over. Waits while too many wait. `false` when nobody takes them any more.
    pub(crate) fn give(&self, entries: Vec<Entry>) -> bool {
        let Backlog { changed, entries_max, .. } = self.0.as_ref();
        let full = |waiting: &mut Waiting| waiting.entries.len() >= *entries_max && !waiting.is_left;
        let waiting = changed.wait_while(self.0.lock(), full);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        if waiting.is_left {
            return false;
        }
        match waiting.entries.is_empty() {
            true => waiting.entries = entries,
            false => waiting.entries.extend(entries),
        }
        changed.notify_all();
        true
    }
}

impl Taker {
    /// Takes all that waits; waits for it at most so long.
    pub(crate) fn take(&self, at_most: Duration) -> Taken {
        let nothing = |waiting: &mut Waiting| waiting.entries.is_empty() && !waiting.is_closed;
        let waiting = self.0.changed.wait_timeout_while(self.0.lock(), at_most, nothing);
        let (mut waiting, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        let entries = std::mem::take(&mut waiting.entries);
        self.0.changed.notify_all();
        match (entries.is_empty(), waiting.is_closed) {
            (false, _) => Taken::Entries(entries),
            (true, true) => Taken::Closed,
            (true, false) => Taken::Nothing,
        }
    }
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.0.lock().is_left = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_ledger::SALT_BYTES;
    use std::sync::mpsc::channel;

    const LONG: Duration = Duration::from_secs(60);

    fn entry(number: u8) -> Entry {
        Entry::commit(&[number; SALT_BYTES], b"")
    }

    #[test]
    fn what_is_given_is_taken_at_once_and_in_order() {
        let (giver, taker) = backlog();
        assert_eq!(taker.take(Duration::ZERO), Taken::Nothing);
        assert!(giver.give(vec![entry(0), entry(1)]) && giver.give(vec![entry(2)]));
        assert_eq!(taker.take(LONG), Taken::Entries(vec![entry(0), entry(1), entry(2)]));
        assert!(giver.give(vec![entry(3)]));
        drop(giver);
        assert_eq!(taker.take(LONG), Taken::Entries(vec![entry(3)]), "what came before the end is not lost");
        assert_eq!(taker.take(LONG), Taken::Closed);
    }

    #[test]
    fn who_gives_waits_while_it_is_full_and_no_longer_when_nobody_takes() {
        let (giver, taker) = bounded(2);
        std::thread::scope(|scope| {
            let (tell, told) = channel();
            scope.spawn(move || {
                for number in 0..5 {
                    tell.send(giver.give(vec![entry(number)])).unwrap();
                }
            });
            assert!(told.recv().unwrap() && told.recv().unwrap());
            assert_eq!(taker.0.lock().entries.len(), 2, "the third waits");
            assert_eq!(taker.take(LONG), Taken::Entries(vec![entry(0), entry(1)]));
            assert!(told.recv().unwrap() && told.recv().unwrap());
            drop(taker);
            assert!(!told.recv().unwrap());
        });
    }
}
