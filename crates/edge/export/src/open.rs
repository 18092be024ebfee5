//! What is still open: decisions whose end has not been seen, a bounded number of them.
//!
//! What a batch took out can be put back, for when the batch has to be made again.

use crate::event::Key;
use holdshort_model::RecordId;
use std::collections::{HashMap, VecDeque};

/// Values by decision, the oldest first out.
#[derive(Debug)]
pub(crate) struct Open<T> {
    values: HashMap<RecordId, Kept<T>>,
    order: VecDeque<(u64, RecordId)>,
    max: usize,
    /// What was taken out since the mark, with the record at which that happened; none without a mark.
    out: Option<Vec<(u64, RecordId, Kept<T>)>>,
    /// The record that is looked at.
    at: u64,
}

#[derive(Clone, Debug)]
struct Kept<T> {
    at_ms: u64,
    key: Option<Key>,
    value: T,
}

impl<T: Clone> Open<T> {
    pub(crate) fn new(max: usize) -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), max, out: None, at: 0 }
    }

    /// What is taken out from here on can be put back.
    pub(crate) fn mark(&mut self) {
        self.out.get_or_insert_default().clear();
        // Between records: such a thing is put back whatever was passed.
        self.at = u64::MAX;
    }

    /// The record that is looked at now.
    pub(crate) fn at(&mut self, index: u64) {
        self.at = index;
    }

    /// Puts back what was taken out since the mark, at the record `index` or later ones.
    pub(crate) fn rewind(&mut self, index: u64) {
        while let Some((at, id, kept)) = self.out.as_mut().and_then(Vec::pop) {
            if at >= index {
                self.order.push_front((kept.at_ms, id));
                self.values.insert(id, kept);
            }
        }
    }

    /// Forgets what was sealed with keys that are gone.
    pub(crate) fn forget(&mut self, gone: &mut impl FnMut(&Key) -> bool) {
        self.values.retain(|_, kept| !kept.key.as_ref().is_some_and(&mut *gone));
        if let Some(out) = &mut self.out {
            out.retain(|(_, _, kept)| !kept.key.as_ref().is_some_and(&mut *gone));
        }
    }

    /// Takes a value in. Returns the oldest one when there are too many.
    pub(crate) fn insert(&mut self, id: RecordId, at_ms: u64, key: Option<Key>, value: T) -> Option<T> {
        self.values.insert(id, Kept { at_ms, key, value });
        self.order.push_back((at_ms, id));
        if self.values.len() > self.max { self.oldest(|_| true) } else { None }
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, id: &RecordId) -> Option<T> {
        let found = self.values.remove(id).map(|kept| self.note(*id, kept));
        // What was taken out before its turn leaves its place behind; they are few as long as this holds.
        while self.order.front().is_some_and(|(_, id)| !self.values.contains_key(id)) {
            self.order.pop_front();
        }
        if self.order.len() > self.max.saturating_mul(2) {
            let values = &self.values;
            self.order.retain(|(_, id)| values.contains_key(id));
        }
        found
    }

    /// Takes out one that was taken in more than `most_ms` from `now_ms`: before it, or, since clocks are set back,
    /// behind it.
    pub(crate) fn expired(&mut self, now_ms: u64, most_ms: u64) -> Option<T> {
        self.oldest(|at_ms| at_ms.abs_diff(now_ms) > most_ms)
    }

    fn oldest(&mut self, due: impl Fn(u64) -> bool) -> Option<T> {
        loop {
            let (at_ms, id) = *self.order.front()?;
            if self.values.contains_key(&id) && !due(at_ms) {
                return None;
            }
            self.order.pop_front();
            if let Some(kept) = self.values.remove(&id) {
                return Some(self.note(id, kept));
            }
        }
    }

    fn note(&mut self, id: RecordId, kept: Kept<T>) -> T {
        let Some(out) = &mut self.out else { return kept.value };
        let value = kept.value.clone();
        out.push((self.at, id, kept));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> RecordId {
        RecordId::from_parts(n, u128::from(n))
    }

    #[test]
    fn the_oldest_goes_and_nothing_grows() {
        let mut open = Open::new(3);
        for n in 0..3 {
            assert_eq!(open.insert(id(n), n, None, n), None);
        }
        assert_eq!(open.remove(&id(1)), Some(1));
        assert_eq!(open.insert(id(3), 3, None, 3), None);
        assert_eq!(open.insert(id(4), 4, None, 4), Some(0));
        assert_eq!((open.expired(2, 0), open.expired(3, 0)), (None, Some(2)));
        assert_eq!((open.remove(&id(3)), open.remove(&id(9))), (Some(3), None));
        for n in 10..10_000 {
            open.mark();
            open.insert(id(n), n, None, n);
            open.remove(&id(n));
        }
        assert!(open.order.len() <= 7 && open.values.len() <= 3 && open.out.unwrap().len() == 1);
    }

    #[test]
    fn a_time_that_was_ahead_expires_as_well() {
        let mut open = Open::new(9);
        open.insert(id(1), 1_000_000, None, 1);
        open.insert(id(2), 100, None, 2);
        assert_eq!((open.expired(110, 600), open.expired(110, 600)), (Some(1), None));
    }

    #[test]
    fn what_comes_again_finds_what_it_found() {
        let mut open = Open::new(9);
        for n in 0..4 {
            open.insert(id(n), n, Some([n as u8; 16]), n);
        }
        open.mark();
        for n in 0..3 {
            open.at(100 + n);
            assert_eq!(open.remove(&id(n)), Some(n));
        }
        // The first of them was taken; of another one the key is gone.
        open.rewind(101);
        open.forget(&mut |key| *key == [2; 16]);
        assert_eq!((0..4).map(|n| open.remove(&id(n))).collect::<Vec<_>>(), [None, Some(1), None, Some(3)]);
    }
}
