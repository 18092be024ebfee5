//! What a store has to do for the inventory. Implemented at the edge; one suite for all of them: [`crate::conformance`].

use crate::{AgentEntry, BaselineEntry, BaselineOwner, KnownDestination, PinEntry};
use holdshort_model::{AgentId, Digest, Scope, StandingEntry};

/// A store that failed, by whose fault.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such thing.
    #[error("there is no {0}")]
    Missing(String),
    /// There is one already.
    #[error("there is already {0}")]
    Exists(String),
    /// The store could not read or write.
    #[error("the inventory's store failed: {0}")]
    Backend(String),
    /// What was stored cannot be read back.
    #[error("the inventory's store holds something damaged: {0}")]
    Damaged(String),
}

/// Agents and the hashes of their tokens. Every method is atomic and durable when it returns.
pub trait AgentStore {
    /// All agents, by id.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn agents(&self) -> Result<Vec<AgentEntry>, StoreError>;

    /// Adds an agent that is not there yet.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the id or the hash of one of its tokens is there already.
    fn add_agent(&self, entry: &AgentEntry) -> Result<(), StoreError>;

    /// Adds a token to an agent.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without that agent; [`StoreError::Exists`] when any agent has that hash.
    fn add_token(&self, agent: &AgentId, token: &crate::TokenEntry) -> Result<(), StoreError>;

    /// Revokes a token. Revoking a revoked one changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the agent has no such token.
    fn revoke_token(&self, agent: &AgentId, hash: &Digest) -> Result<(), StoreError>;

    /// Removes an agent with its tokens.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without that agent.
    fn remove_agent(&self, agent: &AgentId) -> Result<(), StoreError>;
}

/// Pins of tool definitions. Every method is atomic and durable when it returns.
pub trait PinStore {
    /// All pins, by server and tool.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn pins(&self) -> Result<Vec<PinEntry>, StoreError>;

    /// Writes entries, each in the place of the one with its server and tool.
    ///
    /// # Errors
    /// When the store fails; then none of them is written.
    fn put_pins(&self, entries: &[PinEntry]) -> Result<(), StoreError>;
}

/// Known destinations. Every method is atomic and durable when it returns.
pub trait DestinationStore {
    /// All of them, by agent, person, kind and value.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn destinations(&self) -> Result<Vec<KnownDestination>, StoreError>;

    /// Remembers destinations. One that is known already stays as it is.
    ///
    /// # Errors
    /// When the store fails; then none of them is remembered.
    fn add_destinations(&self, entries: &[KnownDestination]) -> Result<(), StoreError>;

    /// Forgets a destination.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it is not known.
    fn forget_destination(&self, agent: &AgentId, user: &str, kind: &str, value: &str) -> Result<(), StoreError>;

    /// Forgets destinations. One that is not known is forgotten already.
    ///
    /// # Errors
    /// When the store fails; then none of them is forgotten.
    fn forget_destinations(&self, entries: &[KnownDestination]) -> Result<(), StoreError>;
}

/// What was taken from whom. Every method is atomic and durable when it returns.
pub trait StandingStore {
    /// All entries, in no particular order.
    ///
    /// # Errors
    /// When the store fails or is damaged. Nothing starts then: what was taken away must not come back unseen.
    fn standings(&self) -> Result<Vec<StandingEntry>, StoreError>;

    /// Writes entries, each in the place of the one with its scope, and forgets others. One that is not there is
    /// forgotten already.
    ///
    /// # Errors
    /// When the store fails; then nothing of it is done.
    fn change_standings(&self, put: &[StandingEntry], forget: &[Scope]) -> Result<(), StoreError>;
}

/// Baselines of agents and classes: what they hold is known to whoever made them. Every method is atomic and durable
/// when it returns.
pub trait BaselineStore {
    /// All of them, agents before classes, each by id.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn baselines(&self) -> Result<Vec<BaselineEntry>, StoreError>;

    /// Writes entries, each in the place of the one with its owner.
    ///
    /// # Errors
    /// When the store fails; then none of them is written.
    fn put_baselines(&self, entries: &[BaselineEntry]) -> Result<(), StoreError>;

    /// Removes what is there of these. What is not there is no error.
    ///
    /// # Errors
    /// When the store fails; then none of them is removed.
    fn remove_baselines(&self, owners: &[BaselineOwner]) -> Result<(), StoreError>;
}
