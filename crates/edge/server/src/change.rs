//! Changes that people make: agents, tokens, accepted definitions. Recorded, then kept, then in force.

use crate::service::{LoadError, Service, Stores, load_agents, pin_summary};
use holdshort_api::{AcceptPin, AgentSummary, IssuedToken, NewAgent, NewToken, PinSummary};
use holdshort_enforce::Fault;
use holdshort_inventory::{AgentEntry, Agents, PinsError, StoreError, Token, TokenEntry};
use holdshort_model::{AgentId, Digest};
use serde_json::{Value, json};
use std::sync::Arc;

/// Longest label of a token, in characters.
const LABEL_CHARS_MAX: usize = 128;

/// A change that was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It asks for something that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// It exists already, or is not what the caller looked at.
    #[error("{0}")]
    Conflict(String),
    /// It could not be kept.
    #[error("the change could not be kept: {0}")]
    State(String),
    /// It could not be recorded.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Service {
    /// Registers an agent.
    ///
    /// # Errors
    /// When the id or the class is not one, the agent is registered already, or the change cannot be recorded or kept.
    pub async fn add_agent(&self, new: NewAgent) -> Result<AgentSummary, ChangeError> {
        let NewAgent { id, class, owner } = new;
        let entry = AgentEntry { id, class, owner, created_ms: self.now_ms(), tokens: Vec::new() };
        Agents::new([entry.clone()]).map_err(|errors| {
            ChangeError::Invalid(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let _changing = self.changing.lock().await;
        if self.snapshot().agents().by_id(&entry.id).is_some() {
            return Err(ChangeError::Conflict(format!("there is already an agent `{}`", entry.id)));
        }
        self.record("agent-added", json!({ "agent": entry.id, "class": entry.class, "owner": entry.owner })).await?;
        let AgentEntry { id, class, owner, created_ms, .. } = entry.clone();
        self.change(move |stores| stores.agents.add_agent(&entry)).await?;
        Ok(AgentSummary { id, class, owner, created_ms, tokens: 0 })
    }

    /// Removes an agent with its tokens, and takes its remembered answers back.
    ///
    /// # Errors
    /// When nobody registered it, or the change cannot be recorded or kept.
    pub async fn remove_agent(&self, id: AgentId) -> Result<(), ChangeError> {
        let _changing = self.changing.lock().await;
        self.registered(&id)?;
        // Before it is gone: whoever is registered under its name next takes none of its remembered answers over.
        let remembered = self.exceptions().exceptions.into_iter().filter(|one| one.agent == id && !one.revoked);
        for one in remembered {
            self.revoke_exception(one.id, "operator", "the agent was removed").await?;
        }
        self.record("agent-removed", json!({ "agent": id })).await?;
        let removed = id.clone();
        self.change(move |stores| stores.agents.remove_agent(&id)).await?;
        self.baselines.forget(&removed);
        Ok(())
    }

    /// Makes a token for an agent. The answer is the only place where it stands in clear text.
    ///
    /// # Errors
    /// When nobody registered the agent, or the change cannot be recorded or kept.
    pub async fn issue_token(&self, agent: AgentId, new: NewToken) -> Result<IssuedToken, ChangeError> {
        let NewToken { label, expires_ms } = new;
        if label.chars().count() > LABEL_CHARS_MAX {
            return Err(ChangeError::Invalid(format!("`label` is longer than {LABEL_CHARS_MAX} characters")));
        }
        if expires_ms.is_some_and(|end| end <= self.now_ms()) {
            return Err(ChangeError::Invalid("`expires_ms` is in the past".into()));
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| ChangeError::State(format!("no random numbers: {error}")))?;
        let token = Token::from_random(random);
        let entry = TokenEntry { hash: token.hash(), label, created_ms: self.now_ms(), expires_ms, revoked: false };
        let _changing = self.changing.lock().await;
        self.registered(&agent)?;
        let detail = json!({ "agent": agent, "token": entry.hash, "label": entry.label, "expires_ms": expires_ms });
        self.record("token-issued", detail).await?;
        let (hash, owner) = (entry.hash, agent.clone());
        self.change(move |stores| stores.agents.add_token(&owner, &entry)).await?;
        Ok(IssuedToken { hash, agent, token: token.text().into() })
    }

    /// Revokes a token; from the next request on it is refused.
    ///
    /// # Errors
    /// When the agent has no such token, or the change cannot be recorded or kept.
    pub async fn revoke_token(&self, agent: AgentId, hash: Digest) -> Result<(), ChangeError> {
        let _changing = self.changing.lock().await;
        let tokens = self.registered(&agent)?.tokens;
        if !tokens.iter().any(|token| token.hash == hash) {
            return Err(ChangeError::Missing(format!("the agent `{agent}` has no such token")));
        }
        self.record("token-revoked", json!({ "agent": agent, "token": hash })).await?;
        self.change(move |stores| stores.agents.revoke_token(&agent, &hash)).await
    }

    /// Pins the definition that a person looked at.
    ///
    /// # Errors
    /// When nobody saw the tool, the server shows another definition by now, or the change cannot be recorded or kept.
    pub async fn accept_pin(&self, accept: AcceptPin) -> Result<PinSummary, ChangeError> {
        let AcceptPin { server, tool, definition } = accept;
        let _changing = self.changing.lock().await;
        let snapshot = self.snapshot();
        let mut pins = (**snapshot.pins()).clone();
        let entry = pins.accept(&server, &tool, definition, self.now_ms()).map_err(|error| match error {
            PinsError::NeverSeen(..) => ChangeError::Missing(error.to_string()),
            PinsError::Outdated { .. } => ChangeError::Conflict(error.to_string()),
            _ => ChangeError::Invalid(error.to_string()),
        })?;
        let summary = pin_summary(&pins, &entry);
        self.record("pin-accepted", json!({ "server": server, "tool": tool, "definition": definition })).await?;
        self.keep(vec![entry]).await?;
        self.put(snapshot.with_pins(Arc::new(pins)));
        Ok(summary)
    }

    fn registered(&self, id: &AgentId) -> Result<AgentEntry, ChangeError> {
        let snapshot = self.snapshot();
        let missing = || ChangeError::Missing(format!("nobody registered an agent `{id}`"));
        snapshot.agents().by_id(id).cloned().ok_or_else(missing)
    }

    // INVARIANT: the caller holds `changing` and recorded the change. If we crash in here, then the record tells of a
    // change that was not made; the state that is loaded at the next start is what counts.
    async fn change<F>(&self, work: F) -> Result<(), ChangeError>
    where
        F: FnOnce(&Stores) -> Result<(), StoreError> + Send + 'static,
    {
        let stores = self.stores.clone();
        let changed = tokio::task::spawn_blocking(move || {
            work(&stores).map_err(refused)?;
            load_agents(&stores).map_err(|error| match error {
                LoadError::Store(error) => refused(error),
                LoadError::Entries(text) => ChangeError::State(text),
            })
        });
        let agents = match changed.await.map_err(|error| ChangeError::State(error.to_string()))? {
            Ok(agents) => agents,
            Err(error) => {
                self.record("change-failed", Value::String(error.to_string())).await?;
                return Err(error);
            }
        };
        self.put(self.snapshot().with_agents(Arc::new(agents)));
        Ok(())
    }
}

fn refused(error: StoreError) -> ChangeError {
    match error {
        StoreError::Missing(_) => ChangeError::Missing(error.to_string()),
        StoreError::Exists(_) => ChangeError::Conflict(error.to_string()),
        StoreError::Backend(_) | StoreError::Damaged(_) => ChangeError::State(error.to_string()),
    }
}

/// How many tokens of the agent are good now.
pub(crate) fn tokens_good(entry: &AgentEntry, now_ms: u64) -> u32 {
    let good = |token: &&TokenEntry| !token.revoked && token.expires_ms.is_none_or(|end| end > now_ms);
    u32::try_from(entry.tokens.iter().filter(good).count()).unwrap_or(u32::MAX)
}
