//! Agents that the configuration declares, laid over those in the database.

use crate::config::Config;
use crate::snapshot;
use holdshort_inventory::{AgentEntry, AgentStore, StoreError, TokenEntry};
use holdshort_model::{AgentId, Digest};
use holdshort_store::sqlite::StateDb;
use std::sync::Arc;

/// A store of agents in which the file's word stands for class and owner. Tokens are in the database alone.
pub(crate) struct DeclaredAgents {
    database: Arc<StateDb>,
    config: Config,
}

impl DeclaredAgents {
    pub(crate) fn new(database: Arc<StateDb>, config: Config) -> Self {
        Self { database, config }
    }

    fn declared(&self, agent: &AgentId) -> Option<AgentEntry> {
        let declared = snapshot::lay_over(&self.config, Vec::new());
        declared.into_iter().find(|entry| entry.id == *agent)
    }
}

impl AgentStore for DeclaredAgents {
    fn agents(&self) -> Result<Vec<AgentEntry>, StoreError> {
        Ok(snapshot::lay_over(&self.config, self.database.agents()?))
    }

    fn add_agent(&self, entry: &AgentEntry) -> Result<(), StoreError> {
        match self.declared(&entry.id) {
            Some(_) => Err(StoreError::Exists(format!("an agent `{}` in the configuration", entry.id))),
            None => self.database.add_agent(entry),
        }
    }

    fn add_token(&self, agent: &AgentId, token: &TokenEntry) -> Result<(), StoreError> {
        match (self.database.add_token(agent, token), self.declared(agent)) {
            // A declared agent gets its row in the database with its first token.
            (Err(StoreError::Missing(_)), Some(entry)) => {
                self.database.add_agent(&AgentEntry { tokens: vec![token.clone()], ..entry })
            }
            (added, _) => added,
        }
    }

    fn revoke_token(&self, agent: &AgentId, hash: &Digest) -> Result<(), StoreError> {
        self.database.revoke_token(agent, hash)
    }

    fn remove_agent(&self, agent: &AgentId) -> Result<(), StoreError> {
        match self.declared(agent) {
            Some(_) => Err(StoreError::Exists(format!("an agent `{agent}` in the configuration; remove it there"))),
            None => self.database.remove_agent(agent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_class_and_owner_and_tokens_stay() {
        let directory = tempfile::tempdir().unwrap();
        let database = Arc::new(StateDb::open(&directory.path().join("state.db")).unwrap());
        let config =
            crate::config::parse("[[agents]]\nid = \"a\"\nclass = \"coding\"\nowner = \"ann\"\n", "f").unwrap();
        let store = DeclaredAgents::new(database.clone(), config);
        let hash = Digest::of(b"token");
        let token = TokenEntry { hash, label: "t".into(), created_ms: 1, expires_ms: None, revoked: false };
        store.add_token(&"a".into(), &token).unwrap();
        let entries = store.agents().unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].class.as_str(), entries[0].tokens.as_slice()), ("coding", [token].as_slice()));
        let other = AgentEntry { id: "a".into(), ..entries[0].clone() };
        assert!(matches!(store.add_agent(&other), Err(StoreError::Exists(_))));
        assert!(matches!(store.remove_agent(&"a".into()), Err(StoreError::Exists(_))));
        assert!(matches!(store.remove_agent(&"b".into()), Err(StoreError::Missing(_))));
    }
}
