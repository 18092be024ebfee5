//! How familiar a thing is: the hours of the clock in which it was seen, fading with age.
//!
//! A small exact table for what is common, in sets of four; a count-min sketch for the long tail. Both are fixed in size.
//! A key never loses count by being moved: the sketch takes at least what the table held.

const SETS: usize = 64;
const WAYS: usize = 4;
const ROWS: usize = 4;
const COLUMNS: usize = 256;
const GATE_WORDS: usize = 32;
/// Count of one hour. Halved three times it is nothing.
pub(super) const UNIT: u8 = 4;

/// One set of the table. A key with no count is an empty place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) keys: [u64; WAYS],
    pub(super) counts: [u8; WAYS],
}

/// Counts by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Familiar {
    pub(super) sets: [Set; SETS],
    pub(super) tail: [[u8; COLUMNS]; ROWS],
}

impl Default for Familiar {
    fn default() -> Self {
        Self { sets: [Set::default(); SETS], tail: [[0; COLUMNS]; ROWS] }
    }
}

impl Familiar {
    /// The count of a key, in quarters of an hour seen; at most 255. Never below what was added, up to ageing.
    pub(super) fn count(&self, key: u64) -> u8 {
        let set = self.sets.get(set_of(key));
        let exact =
            set.and_then(|set| set.keys.iter().zip(&set.counts).find(|(own, count)| **own == key && **count > 0));
        exact.map_or_else(|| self.in_tail(key), |(_, count)| *count)
    }

    /// One more hour.
    pub(super) fn add(&mut self, key: u64) {
        let tail = self.in_tail(key);
        let Some(set) = self.sets.get_mut(set_of(key)) else { return };
        let mut places = set.keys.iter_mut().zip(set.counts.iter_mut());
        if let Some((_, count)) = places.find(|(own, count)| **own == key && **count > 0) {
            *count = count.saturating_add(UNIT);
            return;
        }
        let raised = tail.saturating_add(UNIT);
        let rarest = set.keys.iter_mut().zip(set.counts.iter_mut()).min_by_key(|(_, count)| **count);
        match rarest {
            Some((own, count)) if *count < raised => {
                let (old, held) = (std::mem::replace(own, key), std::mem::replace(count, raised));
                self.raise_tail(old, held);
            }
            _ => self.raise_tail(key, raised),
        }
    }

    /// Ages everything by `times` half-lives.
    pub(super) fn halve(&mut self, times: u32) {
        let counts = self.sets.iter_mut().flat_map(|set| &mut set.counts);
        counts.chain(self.tail.iter_mut().flatten()).for_each(|count| *count = count.checked_shr(times).unwrap_or(0));
    }

    fn in_tail(&self, key: u64) -> u8 {
        let cells = self.tail.iter().enumerate().filter_map(|(row, cells)| cells.get(column(key, row)));
        cells.copied().min().unwrap_or(0)
    }

    // Conservative update: only cells below the count are raised.
    fn raise_tail(&mut self, key: u64, count: u8) {
        for (row, cells) in self.tail.iter_mut().enumerate() {
            if let Some(cell) = cells.get_mut(column(key, row)) {
                *cell = (*cell).max(count);
            }
        }
    }
}

fn set_of(key: u64) -> usize {
    key as usize % SETS
}

// The four upper bytes; the set is chosen by the lowest bits.
fn column(key: u64, row: usize) -> usize {
    (key >> (32 + 8 * row)) as usize % COLUMNS
}

/// Lets a key pass once in an hour (a Bloom filter, emptied with the hour). In error it does not let pass: what floods
/// the gate is learnt more slowly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) words: [u64; GATE_WORDS],
}

impl Gate {
    /// Whether this is the first time in this hour.
    pub(super) fn first(&mut self, key: u64) -> bool {
        // Both are done: no short cut.
        let (one, other) = (self.set(key >> 8), self.set(key >> 29));
        one | other
    }

    // True when the bit was not set.
    fn set(&mut self, bits: u64) -> bool {
        let (word, bit) = (bits as usize % GATE_WORDS, 1 << (bits >> 5 & 63));
        self.words.get_mut(word).is_some_and(|word| {
            let fresh = *word & bit == 0;
            *word |= bit;
            fresh
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::mix;
    use super::*;

    #[test]
    fn no_count_is_ever_too_small() {
        let mut familiar = Familiar::default();
        let mut exact = std::collections::BTreeMap::<u64, u8>::new();
        for n in 0..20_000_u64 {
            // Some are common, most are rare.
            let key = mix(n * n % 3_001 % (1 + n % 900), 7);
            familiar.add(key);
            let count = exact.entry(key).or_default();
            *count = count.saturating_add(UNIT);
            assert!(familiar.count(key) >= *count, "{n}");
        }
        for (key, count) in exact {
            assert!(familiar.count(key) >= count);
        }
    }

    #[test]
    fn what_is_common_is_exact_beside_a_long_tail() {
        let mut familiar = Familiar::default();
        for hour in 0..40 {
            for common in 0..30 {
                familiar.add(mix(common, 1));
            }
            for rare in 0..20 {
                familiar.add(mix(1_000 + hour * 20 + rare, 1));
            }
        }
        for common in 0..30 {
            assert_eq!(familiar.count(mix(common, 1)), 160);
        }
        let unknown = (0..1_000).filter(|n| familiar.count(mix(100_000 + n, 1)) > UNIT).count();
        assert!(unknown < 50, "{unknown} of 1000 unknown things seem familiar");
    }

    #[test]
    fn the_gate_opens_once_for_each() {
        let mut gate = Gate::default();
        let passed = (0..200).filter(|n| gate.first(mix(*n, 3))).count();
        assert!(passed > 190, "{passed}");
        assert_eq!((0..200).filter(|n| gate.first(mix(*n, 3))).count(), 0);
        // Flooded, it lets nothing pass.
        (0..100_000).for_each(|n| {
            gate.first(mix(n, 5));
        });
        assert_eq!((0..1_000).filter(|n| gate.first(mix(*n, 9))).count(), 0);
    }

    #[test]
    fn ageing_forgets() {
        let mut familiar = Familiar::default();
        familiar.add(9);
        familiar.halve(1);
        assert_eq!(familiar.count(9), UNIT / 2);
        familiar.halve(40);
        assert_eq!(familiar.count(9), 0);
    }
}
