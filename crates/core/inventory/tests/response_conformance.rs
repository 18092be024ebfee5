//! The suites for incidents and messages against a store in memory, and against stores with a fault each.
#![expect(clippy::unwrap_used, reason = "a store for tests, outside of a test function")]

use holdshort_inventory::conformance::{check_incident_store, check_outbox};
use holdshort_inventory::{IncidentStore, NotificationOutbox, OutboxEntry, StoreError};
use holdshort_model::{Incident, IncidentState, RecordId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    OldestFirst,
    ForgetsOpen,
    KeepsTheFirst,
    AppendsMessages,
    RemovesAll,
}

#[derive(Clone)]
struct Memory {
    fault: Fault,
    incidents: Arc<Mutex<BTreeMap<RecordId, Incident>>>,
    messages: Arc<Mutex<Vec<OutboxEntry>>>,
}

impl Memory {
    fn new(fault: Fault) -> Self {
        Self { fault, incidents: Arc::default(), messages: Arc::default() }
    }
}

impl IncidentStore for Memory {
    fn open_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        let all = self.incidents.lock().unwrap();
        Ok(all.values().filter(|incident| incident.state == IncidentState::Open).cloned().collect())
    }

    fn incidents(
        &self,
        state: Option<IncidentState>,
        before: Option<RecordId>,
        limit: usize,
    ) -> Result<Vec<Incident>, StoreError> {
        let all = self.incidents.lock().unwrap();
        let wanted = all.values().filter(|incident| state.is_none_or(|state| incident.state == state));
        let mut wanted: Vec<Incident> = wanted.filter(|one| before.is_none_or(|id| one.id < id)).cloned().collect();
        if self.fault != Fault::OldestFirst {
            wanted.reverse();
        }
        wanted.truncate(limit);
        Ok(wanted)
    }

    fn incident(&self, id: RecordId) -> Result<Option<Incident>, StoreError> {
        Ok(self.incidents.lock().unwrap().get(&id).cloned())
    }

    fn put_incidents(&self, incidents: &[Incident]) -> Result<(), StoreError> {
        let mut all = self.incidents.lock().unwrap();
        for incident in incidents {
            if self.fault != Fault::KeepsTheFirst || !all.contains_key(&incident.id) {
                all.insert(incident.id, incident.clone());
            }
        }
        Ok(())
    }

    fn forget_closed(&self, keep: usize) -> Result<u64, StoreError> {
        let mut all = self.incidents.lock().unwrap();
        let any = self.fault == Fault::ForgetsOpen;
        let closed = all.values().filter(|incident| any || incident.state == IncidentState::Closed);
        let gone: Vec<RecordId> = closed.map(|incident| incident.id).rev().skip(keep).collect();
        gone.iter().for_each(|id| drop(all.remove(id)));
        Ok(gone.len() as u64)
    }
}

impl NotificationOutbox for Memory {
    fn messages(&self) -> Result<Vec<OutboxEntry>, StoreError> {
        let mut all = self.messages.lock().unwrap().clone();
        all.sort_by_key(|entry| entry.notice.id);
        Ok(all)
    }

    fn put_messages(&self, entries: &[OutboxEntry]) -> Result<(), StoreError> {
        let mut all = self.messages.lock().unwrap();
        for entry in entries {
            if self.fault != Fault::AppendsMessages {
                all.retain(|known| known.notice.id != entry.notice.id);
            }
            all.push(entry.clone());
        }
        Ok(())
    }

    fn remove_messages(&self, ids: &[RecordId]) -> Result<(), StoreError> {
        let any = self.fault == Fault::RemovesAll;
        self.messages.lock().unwrap().retain(|entry| !any && !ids.contains(&entry.notice.id));
        Ok(())
    }
}

#[test]
fn a_good_store_passes() {
    let store = Memory::new(Fault::None);
    check_incident_store(|| store.clone()).unwrap();
    check_outbox(|| store.clone()).unwrap();
}

#[test]
fn each_fault_is_found() {
    for fault in [Fault::OldestFirst, Fault::ForgetsOpen, Fault::KeepsTheFirst] {
        let store = Memory::new(fault);
        check_incident_store(|| store.clone()).unwrap_err();
    }
    for fault in [Fault::AppendsMessages, Fault::RemovesAll] {
        let store = Memory::new(fault);
        check_outbox(|| store.clone()).unwrap_err();
    }
}
