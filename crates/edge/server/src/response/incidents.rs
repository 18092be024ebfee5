//! The open incidents in memory, and what is kept of them.

use super::evidence::Answer;
use holdshort_inventory::{Happening, INCIDENTS_KEPT_MAX, IncidentStore, Incidents, OutboxRules, StoreError};
use holdshort_model::{AgentId, Incident, IncidentEntry, RecordId};
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Settings of the response to decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseConfig {
    /// After so long a silence of an agent, its next playbook opens a new incident.
    pub incident_window: Duration,
    /// How messages are put together and tried again.
    pub outbox: OutboxRules,
}

impl Default for ResponseConfig {
    fn default() -> Self {
        Self { incident_window: Duration::from_secs(24 * 3600), outbox: OutboxRules::default() }
    }
}

/// The open incidents.
pub(super) struct Open {
    incidents: Mutex<Incidents>,
    /// The agents that have one. Asked for every refusal.
    agents: RwLock<HashSet<AgentId>>,
    /// False as long as nobody has one: then asking costs next to nothing.
    any: AtomicBool,
    /// Those that could not be kept yet.
    pub(super) unkept: Mutex<BTreeSet<RecordId>>,
    /// Held while incidents are written: an older copy never comes after a newer one.
    pub(super) keeping: tokio::sync::Mutex<()>,
}

impl Open {
    pub(super) fn load(config: &ResponseConfig, store: &dyn IncidentStore) -> Result<Self, StoreError> {
        let window_ms = u64::try_from(config.incident_window.as_millis()).unwrap_or(u64::MAX);
        let incidents = Incidents::new(window_ms, store.open_incidents()?);
        let agents: HashSet<AgentId> = incidents.agents().cloned().collect();
        Ok(Self {
            any: AtomicBool::new(!agents.is_empty()),
            incidents: Mutex::new(incidents),
            agents: RwLock::new(agents),
            unkept: Mutex::default(),
            keeping: tokio::sync::Mutex::default(),
        })
    }

    /// Whether the agent has an open incident. Cheap.
    pub(super) fn concerns(&self, agent: &AgentId) -> bool {
        self.any.load(Ordering::Acquire) && self.agents.read().unwrap_or_else(PoisonError::into_inner).contains(agent)
    }

    /// What is refused to this agent belongs to an incident from now on.
    pub(super) fn mark(&self, agent: &AgentId) {
        if !self.concerns(agent) {
            self.agents.write().unwrap_or_else(PoisonError::into_inner).insert(agent.clone());
            self.any.store(true, Ordering::Release);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.lock().iter().count()
    }

    pub(super) fn newest(&self, agents: &[AgentId]) -> Option<RecordId> {
        self.lock().newest(agents)
    }

    pub(super) fn joined(&self, agents: &[AgentId], now_ms: u64) -> Option<RecordId> {
        self.lock().joined(agents, now_ms)
    }

    pub(super) fn find(&self, id: RecordId) -> Option<Incident> {
        self.lock().find(id).cloned()
    }

    pub(super) fn add(&self, id: RecordId, happening: Happening) -> bool {
        for agent in &happening.agents {
            self.mark(agent);
        }
        self.lock().add(id, happening)
    }

    /// Opens an incident and keeps it. What it holds of the decision comes with [`Self::add`].
    pub(super) async fn open(
        &self,
        id: RecordId,
        title: &str,
        evidence: Value,
        answer: &Answer,
        store: &Arc<dyn IncidentStore + Send + Sync>,
    ) -> Result<(), String> {
        let opened = self.lock().open(id, title, evidence);
        if let Err(error) = opened {
            self.refresh();
            return Err(error.to_string());
        }
        self.add(id, super::runner::happening(answer, Vec::new()));
        match self.write(store, BTreeSet::from([id]), true).await {
            Ok(()) => Ok(()),
            Err(error) => Err(format!("open in memory only, and tried again: {error}")),
        }
    }

    /// Keeps what changed, and what could not be kept before.
    pub(super) async fn keep(&self, store: &Arc<dyn IncidentStore + Send + Sync>, mut changed: BTreeSet<RecordId>) {
        changed.append(&mut self.unkept.lock().unwrap_or_else(PoisonError::into_inner));
        if !changed.is_empty()
            && let Err(error) = self.write(store, changed, false).await
        {
            tracing::warn!(%error, "incidents not kept");
        }
    }

    /// Closes an incident: kept first, then gone from here. `None` when it is not open.
    pub(super) async fn close(
        &self,
        id: RecordId,
        entry: IncidentEntry,
        store: &Arc<dyn IncidentStore + Send + Sync>,
    ) -> Option<Result<Incident, StoreError>> {
        let _keeping = self.keeping.lock().await;
        let closed = self.lock().closed(id, entry)?;
        let (store, kept) = (store.clone(), closed.clone());
        let written = tokio::task::spawn_blocking(move || store.put_incidents(&[kept])).await;
        if let Err(error) = written.unwrap_or_else(|error| Err(StoreError::Backend(error.to_string()))) {
            return Some(Err(error));
        }
        self.lock().remove(id);
        self.unkept.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.refresh();
        Some(Ok(closed))
    }

    fn refresh(&self) {
        let incidents = self.lock();
        let mut agents = self.agents.write().unwrap_or_else(PoisonError::into_inner);
        *agents = incidents.agents().cloned().collect();
        self.any.store(!agents.is_empty(), Ordering::Release);
    }

    // `more`: there is one more than before, so that an old one may have to go.
    async fn write(
        &self,
        store: &Arc<dyn IncidentStore + Send + Sync>,
        ids: BTreeSet<RecordId>,
        more: bool,
    ) -> Result<(), StoreError> {
        let _keeping = self.keeping.lock().await;
        let incidents: Vec<Incident> = {
            let open = self.lock();
            ids.iter().filter_map(|id| open.find(*id).cloned()).collect()
        };
        let store = store.clone();
        let written = tokio::task::spawn_blocking(move || {
            store.put_incidents(&incidents)?;
            if more { store.forget_closed(INCIDENTS_KEPT_MAX).map(drop) } else { Ok(()) }
        });
        let result = written.await.unwrap_or_else(|error| Err(StoreError::Backend(error.to_string())));
        if result.is_err() {
            self.unkept.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        }
        result
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Incidents> {
        self.incidents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
