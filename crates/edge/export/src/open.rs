//! What is still open: decisions whose end has not been seen, a bounded number of them.

use holdshort_model::RecordId;
use std::collections::{HashMap, VecDeque};

/// Values by decision, the oldest first out.
#[derive(Debug)]
pub(crate) struct Open<T> {
    values: HashMap<RecordId, (u64, T)>,
    order: VecDeque<(u64, RecordId)>,
    max: usize,
}

impl<T> Open<T> {
    pub(crate) fn new(max: usize) -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), max }
    }

    /// Takes a value in. Returns the oldest one when there are too many.
    pub(crate) fn insert(&mut self, id: RecordId, at_ms: u64, value: T) -> Option<T> {
        self.values.insert(id, (at_ms, value));
        self.order.push_back((at_ms, id));
        if self.values.len() > self.max { self.oldest(|_| true) } else { None }
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, id: &RecordId) -> Option<T> {
        let found = self.values.remove(id).map(|(_, value)| value);
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

    /// Takes out one that was taken in before `before_ms`.
    pub(crate) fn expired(&mut self, before_ms: u64) -> Option<T> {
        self.oldest(|at_ms| at_ms < before_ms)
    }

    fn oldest(&mut self, due: impl Fn(u64) -> bool) -> Option<T> {
        loop {
            let (at_ms, id) = *self.order.front()?;
            if self.values.contains_key(&id) && !due(at_ms) {
                return None;
            }
            self.order.pop_front();
            if let Some((_, value)) = self.values.remove(&id) {
                return Some(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_and_nothing_grows() {
        let id = |n: u64| RecordId::from_parts(n, u128::from(n));
        let mut open = Open::new(3);
        for n in 0..3 {
            assert_eq!(open.insert(id(n), n, n), None);
        }
        assert_eq!(open.remove(&id(1)), Some(1));
        assert_eq!(open.insert(id(3), 3, 3), None);
        assert_eq!(open.insert(id(4), 4, 4), Some(0));
        assert_eq!((open.expired(2), open.expired(3)), (None, Some(2)));
        assert_eq!((open.remove(&id(3)), open.remove(&id(9))), (Some(3), None));
        for n in 10..10_000 {
            open.insert(id(n), n, n);
            open.remove(&id(n));
        }
        assert!(open.order.len() <= 7 && open.values.len() <= 3);
    }
}
