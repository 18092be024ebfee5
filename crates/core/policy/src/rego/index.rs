//! Finds the slices that can match without looking at all of them.

use super::dimension::Dimension;
use super::guard::Guard;
use super::policy::Unit;
use holdshort_model::Facts;
use std::collections::BTreeMap;

/// Rules with the same guard.
pub(super) struct Slice {
    pub(super) guard: Guard,
    pub(super) units: Vec<Unit>,
}

/// Slices by what they need.
pub(super) struct GuardIndex {
    always: Vec<usize>,
    /// Slices with an alternative that speaks of arguments only: each is asked.
    asked: Vec<usize>,
    /// For each dimension, the slices by one of the values of their first clause.
    by_value: Vec<(Dimension, BTreeMap<String, Vec<usize>>)>,
}

impl GuardIndex {
    pub(super) fn new(slices: &[Slice]) -> Self {
        let (mut always, mut asked) = (Vec::new(), Vec::new());
        let mut maps: BTreeMap<Dimension, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
        for (index, slice) in slices.iter().enumerate() {
            if slice.guard.is_always() {
                always.push(index);
                continue;
            }
            for clause in slice.guard.alternatives.iter().filter_map(|clauses| clauses.first()) {
                let Some((dimension, values)) = clause.field() else {
                    asked.push(index);
                    continue;
                };
                for value in values {
                    maps.entry(dimension).or_default().entry(value.clone()).or_default().push(index);
                }
            }
        }
        asked.dedup();
        Self { always, asked, by_value: maps.into_iter().collect() }
    }

    /// The slices whose guard holds, in their order.
    pub(super) fn candidates(&self, facts: &Facts, slices: &[Slice]) -> Vec<usize> {
        let holds = |index: &&usize| slices.get(**index).is_some_and(|slice| slice.guard.holds(facts));
        let mut chosen = self.always.clone();
        chosen.extend(self.asked.iter().filter(holds));
        for (dimension, map) in &self.by_value {
            dimension.any(facts, |value| {
                if let Some(indexes) = map.get(value) {
                    chosen.extend(indexes.iter().filter(holds));
                }
                false
            });
        }
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }
}
