//! Keys in memory: those that are in use, and nothing that is not durable.

use super::{Found, NamedKey, Owner};
use holdshort_ledger::KeyId;
use std::collections::{HashMap, HashSet};

/// Keys of each half; a key that was not used while as many others were, is read again. About 200 bytes each.
const HALF_MAX: usize = 8_192;

/// Two halves: what is used moves to the young one, and when that is full the old one is given up.
#[derive(Default)]
pub(super) struct Cache {
    sealing: Halves<Owner, NamedKey>,
    reading: Halves<KeyId, Found>,
}

struct Halves<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K, V> Default for Halves<K, V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Clone + Eq + std::hash::Hash, V: Clone> Halves<K, V> {
    fn get(&mut self, key: &K) -> Option<V> {
        if let Some(found) = self.young.get(key) {
            return Some(found.clone());
        }
        let found = self.old.remove(key)?;
        self.put(key.clone(), found.clone());
        Some(found)
    }

    fn put(&mut self, key: K, value: V) {
        if self.young.len() >= HALF_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    fn retain(&mut self, keep: impl Fn(&K, &V) -> bool) {
        self.young.retain(|key, value| keep(key, value));
        self.old.retain(|key, value| keep(key, value));
    }
}

impl Cache {
    pub(super) fn key_of(&mut self, owner: &Owner) -> Option<NamedKey> {
        self.sealing.get(owner)
    }

    /// Remembers a durable key. When it is another subject's, the newest key of the session is another one now.
    pub(super) fn remember(&mut self, owner: &Owner, key: &NamedKey) {
        if let Owner::Subject { agent, session, .. } = owner {
            for agent in [None, Some(agent.clone())] {
                self.sealing.remove(&Owner::Session { agent, session: session.clone() });
            }
        }
        self.sealing.put(owner.clone(), key.clone());
    }

    pub(super) fn found(&mut self, id: &KeyId) -> Option<Found> {
        self.reading.get(id)
    }

    pub(super) fn note(&mut self, id: KeyId, found: &Found) {
        // One that is not there may come.
        if !matches!(found, Found::Unknown) {
            self.reading.put(id, found.clone());
        }
    }

    /// Nothing is sealed any more with what is remembered.
    pub(super) fn close(&mut self) {
        self.sealing = Halves::default();
    }

    /// Who reads looks again.
    pub(super) fn forget_read(&mut self) {
        self.reading = Halves::default();
    }

    pub(super) fn forget(&mut self, keys: &HashSet<KeyId>) {
        self.sealing.retain(|_, key| !keys.contains(&key.id));
        self.reading.retain(|id, _| !keys.contains(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let mut halves: Halves<usize, usize> = Halves::default();
        halves.put(0, 0);
        for key in 1..=5 * HALF_MAX {
            halves.put(key, key);
            assert_eq!(halves.get(&0), Some(0), "after {key}");
            assert!(halves.young.len() + halves.old.len() <= 2 * HALF_MAX);
        }
        assert_eq!(halves.get(&1), None);
        halves.retain(|key, _| *key != 0);
        assert_eq!(halves.get(&0), None);
    }
}
