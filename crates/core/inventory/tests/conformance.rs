//! The store suite against a store in memory, and against stores with a fault each: the suite can fail.
#![expect(clippy::unwrap_used, reason = "a store for tests, outside of a test function")]

use holdshort_inventory::conformance::{
    check_agent_store, check_baseline_store, check_destination_store, check_pin_store,
};
use holdshort_inventory::{
    AgentEntry, AgentStore, BaselineEntry, BaselineOwner, BaselineStore, DestinationStore, KnownDestination, PinEntry,
    PinStore, StoreError, TokenEntry,
};
use holdshort_model::{AgentId, Digest};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    ForgetsTokens,
    OverwritesAgents,
    RevokesOthers,
    AppendsPins,
    OverwritesDestinations,
    ForgetsOfAll,
    KeepsBaselines,
    MixesOwners,
}

#[derive(Clone)]
struct Memory {
    fault: Fault,
    agents: Arc<Mutex<BTreeMap<AgentId, AgentEntry>>>,
    pins: Arc<Mutex<Vec<PinEntry>>>,
    destinations: Arc<Mutex<BTreeMap<[String; 4], KnownDestination>>>,
    baselines: Arc<Mutex<BTreeMap<BaselineOwner, Vec<u8>>>>,
}

impl Memory {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            agents: Arc::default(),
            pins: Arc::default(),
            destinations: Arc::default(),
            baselines: Arc::default(),
        }
    }

    fn has(&self, hash: &Digest) -> bool {
        self.agents.lock().unwrap().values().any(|agent| agent.tokens.iter().any(|token| token.hash == *hash))
    }
}

impl AgentStore for Memory {
    fn agents(&self) -> Result<Vec<AgentEntry>, StoreError> {
        Ok(self.agents.lock().unwrap().values().cloned().collect())
    }

    fn add_agent(&self, entry: &AgentEntry) -> Result<(), StoreError> {
        let known = self.agents.lock().unwrap().contains_key(&entry.id);
        if self.fault != Fault::OverwritesAgents && (known || entry.tokens.iter().any(|token| self.has(&token.hash))) {
            return Err(StoreError::Exists("it".into()));
        }
        self.agents.lock().unwrap().insert(entry.id.clone(), entry.clone());
        Ok(())
    }

    fn add_token(&self, agent: &AgentId, token: &TokenEntry) -> Result<(), StoreError> {
        if self.has(&token.hash) {
            return Err(StoreError::Exists("a token".into()));
        }
        let mut agents = self.agents.lock().unwrap();
        let entry = agents.get_mut(agent).ok_or(StoreError::Missing("it".into()))?;
        if self.fault != Fault::ForgetsTokens {
            entry.tokens.push(token.clone());
        }
        Ok(())
    }

    fn revoke_token(&self, agent: &AgentId, hash: &Digest) -> Result<(), StoreError> {
        let mut agents = self.agents.lock().unwrap();
        let anybody = self.fault == Fault::RevokesOthers;
        let tokens =
            agents.values_mut().filter(|entry| anybody || entry.id == *agent).flat_map(|entry| &mut entry.tokens);
        let token = tokens.into_iter().find(|token| token.hash == *hash).ok_or(StoreError::Missing("it".into()))?;
        token.revoked = true;
        Ok(())
    }

    fn remove_agent(&self, agent: &AgentId) -> Result<(), StoreError> {
        self.agents.lock().unwrap().remove(agent).map(|_| ()).ok_or(StoreError::Missing("it".into()))
    }
}

impl PinStore for Memory {
    fn pins(&self) -> Result<Vec<PinEntry>, StoreError> {
        let mut pins = self.pins.lock().unwrap().clone();
        pins.sort_by(|a, b| (&a.server, &a.tool).cmp(&(&b.server, &b.tool)));
        Ok(pins)
    }

    fn put_pins(&self, entries: &[PinEntry]) -> Result<(), StoreError> {
        let mut pins = self.pins.lock().unwrap();
        for entry in entries {
            if self.fault != Fault::AppendsPins {
                pins.retain(|other| (&other.server, &other.tool) != (&entry.server, &entry.tool));
            }
            pins.push(entry.clone());
        }
        Ok(())
    }
}

impl DestinationStore for Memory {
    fn forget_destinations(&self, entries: &[KnownDestination]) -> Result<(), StoreError> {
        self.destinations.lock().unwrap().retain(|_, known| {
            let is = |entry: &KnownDestination| {
                let of =
                    |one: &KnownDestination| (one.agent.clone(), one.user.clone(), one.kind.clone(), one.value.clone());
                of(known) == of(entry)
            };
            !entries.iter().any(is)
        });
        Ok(())
    }

    fn destinations(&self) -> Result<Vec<KnownDestination>, StoreError> {
        Ok(self.destinations.lock().unwrap().values().cloned().collect())
    }

    fn add_destinations(&self, entries: &[KnownDestination]) -> Result<(), StoreError> {
        let mut known = self.destinations.lock().unwrap();
        for entry in entries {
            let KnownDestination { agent, user, kind, value, .. } = entry.clone();
            let key = [agent.to_string(), user, kind, value];
            if self.fault == Fault::OverwritesDestinations || !known.contains_key(&key) {
                known.insert(key, entry.clone());
            }
        }
        Ok(())
    }

    fn forget_destination(&self, agent: &AgentId, user: &str, kind: &str, value: &str) -> Result<(), StoreError> {
        let mut known = self.destinations.lock().unwrap();
        let before = known.len();
        let anybody = self.fault == Fault::ForgetsOfAll;
        known.retain(|[a, u, k, v], _| !((anybody || a == agent.as_str()) && u == user && k == kind && v == value));
        if known.len() == before { Err(StoreError::Missing("it".into())) } else { Ok(()) }
    }
}

impl BaselineStore for Memory {
    fn baselines(&self) -> Result<Vec<BaselineEntry>, StoreError> {
        let entry =
            |(owner, state): (&BaselineOwner, &Vec<u8>)| BaselineEntry { owner: owner.clone(), state: state.clone() };
        Ok(self.baselines.lock().unwrap().iter().map(entry).collect())
    }

    fn put_baselines(&self, entries: &[BaselineEntry]) -> Result<(), StoreError> {
        for BaselineEntry { owner, state } in entries {
            let owner = match owner {
                BaselineOwner::Class(name) if self.fault == Fault::MixesOwners => {
                    BaselineOwner::Agent(name.as_str().into())
                }
                owner => owner.clone(),
            };
            self.baselines.lock().unwrap().insert(owner, state.clone());
        }
        Ok(())
    }

    fn remove_baselines(&self, owners: &[BaselineOwner]) -> Result<(), StoreError> {
        if self.fault != Fault::KeepsBaselines {
            self.baselines.lock().unwrap().retain(|owner, _| !owners.contains(owner));
        }
        Ok(())
    }
}

#[test]
fn a_good_store_passes() {
    let store = Memory::new(Fault::None);
    check_agent_store(|| store.clone()).unwrap();
    check_pin_store(|| store.clone()).unwrap();
    check_destination_store(|| store.clone()).unwrap();
    check_baseline_store(|| store.clone()).unwrap();
}

#[test]
fn each_fault_is_found() {
    for fault in [Fault::ForgetsTokens, Fault::OverwritesAgents, Fault::RevokesOthers] {
        let store = Memory::new(fault);
        check_agent_store(|| store.clone()).unwrap_err();
    }
    let store = Memory::new(Fault::AppendsPins);
    check_pin_store(|| store.clone()).unwrap_err();
    for fault in [Fault::OverwritesDestinations, Fault::ForgetsOfAll] {
        let store = Memory::new(fault);
        check_destination_store(|| store.clone()).unwrap_err();
    }
    for fault in [Fault::KeepsBaselines, Fault::MixesOwners] {
        let store = Memory::new(fault);
        check_baseline_store(|| store.clone()).unwrap_err();
    }
}
