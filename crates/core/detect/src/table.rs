//! An immutable set of keys with what is known of each. A miss costs one look at a filter, however many keys there are.

/// Keys are 128 bits of a hash of what they stand for.
pub(crate) type Key = u128;

/// Keys, each with one or more numbers.
#[derive(Default)]
pub(crate) struct Table {
    /// 16 bits for each key, three of them set, all in one word.
    filter: Vec<u64>,
    /// For each value of the first bits of a key, where the keys that begin so start; one more at the end.
    starts: Vec<u32>,
    keys: Vec<Key>,
    numbers: Vec<u32>,
    bits: u32,
}

impl Table {
    /// A table of `pairs`. Nobody may give more than `u32::MAX`.
    pub(crate) fn new(mut pairs: Vec<(Key, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        if pairs.is_empty() {
            return Self::default();
        }
        let bits = pairs.len().next_power_of_two().trailing_zeros().max(1);
        let mut filter = vec![0_u64; (pairs.len() / 4).next_power_of_two()];
        let mut starts = vec![0_u32; (1 << bits) + 1];
        let words = filter.len();
        for (key, _) in &pairs {
            let (word, mask) = place(*key, words);
            filter.get_mut(word).into_iter().for_each(|word| *word |= mask);
            starts.get_mut(bucket(*key, bits) + 1).into_iter().for_each(|count| *count += 1);
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let (keys, numbers) = pairs.into_iter().unzip();
        Self { filter, starts, keys, numbers, bits }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The numbers of `key`.
    pub(crate) fn find(&self, key: Key) -> impl Iterator<Item = u32> + '_ {
        let range = if self.may_hold(key) { self.range(key) } else { 0..0 };
        let keys = self.keys.get(range.clone()).unwrap_or_default();
        let numbers = self.numbers.get(range).unwrap_or_default();
        keys.iter().zip(numbers).filter(move |(known, _)| **known == key).map(|(_, number)| *number)
    }

    /// Whether it holds `key`.
    pub(crate) fn holds(&self, key: Key) -> bool {
        self.find(key).next().is_some()
    }

    /// All keys in order, each with a number.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (Key, u32)> + '_ {
        self.keys.iter().copied().zip(self.numbers.iter().copied())
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.filter.len() * 8 + self.starts.len() * 4 + self.keys.len() * 16 + self.numbers.len() * 4
    }

    fn may_hold(&self, key: Key) -> bool {
        let (word, mask) = place(key, self.filter.len());
        self.filter.get(word).is_some_and(|word| word & mask == mask)
    }

    fn range(&self, key: Key) -> std::ops::Range<usize> {
        let bucket = bucket(key, self.bits);
        let at = |n: usize| self.starts.get(n).map_or(0, |start| *start as usize);
        at(bucket)..at(bucket + 1)
    }
}

// The first bits choose the bucket, the last ones the place in the filter.
fn bucket(key: Key, bits: u32) -> usize {
    (key >> (128 - bits)) as usize
}

fn place(key: Key, words: usize) -> (usize, u64) {
    let low = key as u64;
    let mask = (1 << (low & 63)) | (1 << (low >> 6 & 63)) | (1 << (low >> 12 & 63));
    ((low >> 18) as usize & words.saturating_sub(1), mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_holds_what_was_put_in(pairs in prop::collection::vec((any::<Key>(), 0_u32..9), 0..300), more in prop::collection::vec(any::<Key>(), 0..50)) {
            let table = Table::new(pairs.clone());
            for key in pairs.iter().map(|(key, _)| *key).chain(more) {
                let expected: BTreeSet<u32> = pairs.iter().filter(|(known, _)| *known == key).map(|(_, n)| *n).collect();
                let found: Vec<u32> = table.find(key).collect();
                prop_assert_eq!(found.len(), expected.len());
                prop_assert!(found.iter().all(|n| expected.contains(n)));
                prop_assert_eq!(table.holds(key), !expected.is_empty());
            }
        }

        #[test]
        fn near_keys_are_told_apart(low in prop::collection::btree_set(0_u128..2000, 0..200)) {
            let table = Table::new(low.iter().map(|key| (*key, 1)).collect());
            for key in 0..2000 {
                prop_assert_eq!(table.holds(key), low.contains(&key));
            }
        }
    }

    #[test]
    fn an_empty_one_holds_nothing() {
        assert!(Table::default().is_empty() && !Table::default().holds(0) && !Table::new(Vec::new()).holds(7));
    }
}
