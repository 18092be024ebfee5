//! Which keys nothing more is sealed with, and the moment from which that holds.
//!
//! INVARIANT: whoever holds the gate with the number that it had when the key was looked up may seal with that key until it
//! lets go. Spending keys waits for all of them, and gives the gate another number: what is sealed afterwards has a fresh
//! key, and what was sealed before is on its way to the log already.

use holdshort_ledger::KeyId;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// Keys that are there and seal nothing more.
#[derive(Clone, Debug, Default)]
pub(super) struct Spent {
    /// Their number is at most this one.
    pub(super) closed: i64,
    /// They are about to be destroyed. Whole sets, so that nothing is copied while everybody waits.
    pub(super) retired: Vec<Arc<HashSet<KeyId>>>,
}

impl Spent {
    pub(super) fn has(&self, number: i64, id: &KeyId) -> bool {
        self.is_closed(number) || self.retired.iter().any(|keys| keys.contains(id))
    }

    pub(super) fn is_closed(&self, number: i64) -> bool {
        number <= self.closed
    }
}

/// The gate.
#[derive(Debug, Default)]
pub(super) struct Gate(RwLock<(u64, Spent)>);

/// Held while something that was sealed goes to the log: nothing becomes spent meanwhile. Never held for long.
#[derive(Debug)]
pub struct Held<'a> {
    _gate: RwLockReadGuard<'a, (u64, Spent)>,
}

impl Gate {
    /// Its number; keys that are looked up after this may be used with it.
    pub(super) fn number(&self) -> u64 {
        self.read().0
    }

    /// Holds it, unless it has another number by now.
    pub(super) fn hold(&self, number: u64) -> Option<Held<'_>> {
        let gate = self.read();
        (gate.0 == number).then_some(Held { _gate: gate })
    }

    pub(super) fn spent(&self) -> Spent {
        self.read().1.clone()
    }

    /// Changes what is spent, and with it the number. `forget` takes the keys out of memory, before anybody looks again.
    pub(super) fn change(&self, change: impl FnOnce(&mut Spent), forget: impl FnOnce()) {
        let mut gate = self.0.write().unwrap_or_else(PoisonError::into_inner);
        gate.0 += 1;
        change(&mut gate.1);
        forget();
    }

    fn read(&self) -> RwLockReadGuard<'_, (u64, Spent)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
