//! What is erased besides the log, in memory and in `state.db`.
//!
//! INVARIANT: nothing gets milder. Who was isolated stays isolated, what was refused stays refused, quotas are not reset. What
//! was remembered in somebody's favour goes: answers, destinations, and what is usual for an agent, which is new from then on.

use crate::change::ChangeError;
use crate::service::Service;
use holdshort_inventory::{StoreError, Whose};
use holdshort_model::AgentId;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long a database may take to keep that reasons are gone.
const KEPT_WITHIN: Duration = Duration::from_secs(30);

impl Service {
    /// Erases; answers how many things.
    pub(super) async fn erase_state(&self, whose: &Whose) -> Result<u64, ChangeError> {
        // What waits to be written or told belongs to it.
        self.journal.flush().await;
        self.response.settle(self.config.deadline).await;
        let approvals = self.approvals.erase(whose).await?;
        let (incidents, messages) = self.response.erase(whose).await.map_err(state)?;
        let standings = self.erase_reasons(whose).await?;
        let destinations = self.erase_destinations(whose).await?;
        let baselines = self.erase_baselines(whose).await?;
        self.reduce_sessions(whose);
        let elsewhere = approvals + incidents + messages + standings + destinations + baselines;
        if elsewhere > 0 {
            let detail = json!({
                "approvals": approvals, "incidents": incidents, "messages": messages, "standings": standings,
                "destinations": destinations, "baselines": baselines,
            });
            self.record("state-erased", detail).await?;
        }
        Ok(elsewhere)
    }

    /// Whether there is anything to erase besides the log.
    pub(super) async fn has_state(&self, whose: &Whose) -> Result<bool, ChangeError> {
        let agents = self.baselines.agents();
        let destinations = (**self.snapshot().destinations()).clone().erase(whose);
        Ok(agents.iter().any(|agent| whose.is_agent(agent))
            || !destinations.is_empty()
            || self.approvals.concerns(whose)
            || self.containment.concerns(whose)
            || self.response.concerns(whose).await.map_err(state)?)
    }

    async fn erase_reasons(&self, whose: &Whose) -> Result<u64, ChangeError> {
        let erasing = tokio::time::timeout(KEPT_WITHIN, self.containment.erase(whose));
        erasing
            .await
            .map_err(|_| ChangeError::State("the log or the database does not take that reasons are gone".into()))
    }

    async fn erase_destinations(&self, whose: &Whose) -> Result<u64, ChangeError> {
        let _changing = self.changing.lock().await;
        let mut left = (**self.snapshot().destinations()).clone();
        let gone = left.erase(whose);
        let count = gone.len() as u64;
        if count > 0 {
            self.keep_destinations(left, move |store| store.forget_destinations(&gone)).await?;
        }
        Ok(count)
    }

    async fn erase_baselines(&self, whose: &Whose) -> Result<u64, ChangeError> {
        let agents: Vec<AgentId> = self.baselines.agents().into_iter().filter(|agent| whose.is_agent(agent)).collect();
        agents.iter().for_each(|agent| self.baselines.forget(agent));
        if !agents.is_empty() {
            let (baselines, store) = (self.baselines.clone(), self.stores.baselines.clone());
            let saved = tokio::task::spawn_blocking(move || baselines.save(&*store)).await;
            saved.unwrap_or_else(|error| Err(StoreError::Backend(error.to_string()))).map_err(state)?;
        }
        Ok(agents.len() as u64)
    }

    /// Live sessions forget what they have seen and what they were asked for. Labels, counts and sequences stay.
    fn reduce_sessions(&self, whose: &Whose) {
        for session in self.sessions.of(|agent, session| whose.has(agent, session, None)) {
            let mut live = session.live();
            live.state.reduce();
            live.previous = None;
            let bytes = live.state.bytes();
            drop(live);
            self.budget.note(&self.sessions, &session, bytes);
        }
    }
}

fn state(error: StoreError) -> ChangeError {
    ChangeError::State(error.to_string())
}

impl crate::sessions::Sessions {
    /// Live sessions that are asked for.
    fn of(&self, wanted: impl Fn(&AgentId, &holdshort_model::SessionId) -> bool) -> Vec<Arc<crate::sessions::Session>> {
        self.with_keys()
            .into_iter()
            .filter(|((session, agent), _)| wanted(agent, session))
            .map(|(_, live)| live)
            .collect()
    }
}
