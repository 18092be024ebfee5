//! The suites for approvals and people against stores in memory, and against stores with a fault each: the suites can fail.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "stores for tests, outside of a test function")]

use holdshort_inventory::{
    ApprovalChange, ApprovalStore, Kept, PersonEntry, PersonStore, StoreError, TokenEntry, check_approval_store,
    check_person_store,
};
use holdshort_model::Digest;
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    UsesTwice,
    Overwrites,
    TimeFalls,
    ForgetsRevoking,
    RemembersTwice,
}

#[derive(Clone)]
struct Approvals {
    fault: Fault,
    kept: Arc<Mutex<Kept>>,
}

impl ApprovalStore for Approvals {
    fn approvals(&self) -> Result<Kept, StoreError> {
        Ok(self.kept.lock().unwrap().clone())
    }

    fn change_approvals(&self, changes: &[ApprovalChange], high_ms: u64) -> Result<Vec<bool>, StoreError> {
        let mut kept = self.kept.lock().unwrap();
        kept.high_ms = if self.fault == Fault::TimeFalls { high_ms } else { kept.high_ms.max(high_ms) };
        let made = changes.iter().map(|change| self.apply(&mut kept, change)).collect();
        kept.approvals.sort_by_key(|one| one.id);
        Ok(made)
    }
}

impl Approvals {
    fn apply(&self, kept: &mut Kept, change: &ApprovalChange) -> bool {
        match change {
            ApprovalChange::Put { from, to } => {
                let at = kept.approvals.iter().position(|one| one.id == to.id);
                match (at, from) {
                    (None, None) => kept.approvals.push(*to.clone()),
                    (Some(at), None) if self.fault == Fault::Overwrites => kept.approvals[at] = *to.clone(),
                    (Some(at), Some(from)) if kept.approvals[at].state == *from || self.fault == Fault::UsesTwice => {
                        kept.approvals[at] = *to.clone();
                    }
                    _ => return false,
                }
                true
            }
            ApprovalChange::Remember(exception) => {
                let known = kept.exceptions.iter().any(|one| one.id == exception.id);
                if known && self.fault != Fault::RemembersTwice {
                    return false;
                }
                kept.exceptions.push(*exception.clone());
                true
            }
            ApprovalChange::Revoke(id) => match kept.exceptions.iter_mut().find(|one| one.id == *id) {
                Some(found) => {
                    found.revoked = self.fault != Fault::ForgetsRevoking;
                    true
                }
                None => false,
            },
            ApprovalChange::Forget(id) => {
                let before = kept.approvals.len();
                kept.approvals.retain(|one| one.id != *id);
                kept.approvals.len() < before
            }
            ApprovalChange::ForgetException(id) => {
                let before = kept.exceptions.len();
                kept.exceptions.retain(|one| one.id != *id);
                kept.exceptions.len() < before
            }
        }
    }
}

#[test]
fn the_suite_for_approvals_passes_and_finds_each_fault() {
    let check = |fault: Fault| {
        let store = Approvals { fault, kept: Arc::default() };
        check_approval_store(|| store.clone())
    };
    assert_eq!(check(Fault::None), Ok(()));
    for fault in [Fault::UsesTwice, Fault::Overwrites, Fault::TimeFalls, Fault::ForgetsRevoking, Fault::RemembersTwice]
    {
        assert!(check(fault).is_err(), "{fault:?}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lapse {
    None,
    SharesTokens,
    RevokesOthers,
    KeepsRemoved,
}

#[derive(Clone)]
struct Persons {
    lapse: Lapse,
    people: Arc<Mutex<Vec<PersonEntry>>>,
}

impl Persons {
    fn has(&self, hash: &Digest) -> bool {
        let people = self.people.lock().unwrap();
        self.lapse != Lapse::SharesTokens && people.iter().any(|one| one.tokens.iter().any(|token| token.hash == *hash))
    }
}

impl PersonStore for Persons {
    fn people(&self) -> Result<Vec<PersonEntry>, StoreError> {
        let mut people = self.people.lock().unwrap().clone();
        people.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(people)
    }

    fn add_person(&self, entry: &PersonEntry) -> Result<(), StoreError> {
        let known = self.people.lock().unwrap().iter().any(|one| one.name == entry.name);
        if known || entry.tokens.iter().any(|token| self.has(&token.hash)) {
            return Err(StoreError::Exists("it".into()));
        }
        self.people.lock().unwrap().push(entry.clone());
        Ok(())
    }

    fn add_person_token(&self, name: &str, token: &TokenEntry) -> Result<(), StoreError> {
        if self.has(&token.hash) {
            return Err(StoreError::Exists("a token".into()));
        }
        let mut people = self.people.lock().unwrap();
        let found = people.iter_mut().find(|one| one.name == name).ok_or(StoreError::Missing("it".into()))?;
        found.tokens.push(token.clone());
        Ok(())
    }

    fn revoke_person_token(&self, name: &str, hash: &Digest) -> Result<(), StoreError> {
        let mut people = self.people.lock().unwrap();
        let anybody = self.lapse == Lapse::RevokesOthers;
        let mut tokens = people.iter_mut().filter(|one| anybody || one.name == name).flat_map(|one| &mut one.tokens);
        let token = tokens.find(|token| token.hash == *hash).ok_or(StoreError::Missing("it".into()))?;
        token.revoked = true;
        Ok(())
    }

    fn remove_person(&self, name: &str) -> Result<(), StoreError> {
        let mut people = self.people.lock().unwrap();
        let at = people.iter().position(|one| one.name == name).ok_or(StoreError::Missing("it".into()))?;
        if self.lapse != Lapse::KeepsRemoved {
            people.remove(at);
        }
        Ok(())
    }
}

#[test]
fn the_suite_for_people_passes_and_finds_each_fault() {
    let check = |lapse: Lapse| {
        let store = Persons { lapse, people: Arc::default() };
        check_person_store(|| store.clone())
    };
    assert_eq!(check(Lapse::None), Ok(()));
    for lapse in [Lapse::SharesTokens, Lapse::RevokesOthers, Lapse::KeepsRemoved] {
        assert!(check(lapse).is_err(), "{lapse:?}");
    }
}
