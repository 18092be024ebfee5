//! Baselines as a store keeps them: whose it is, and bytes that only `history` can read.

use holdshort_model::AgentId;

/// Whose baseline it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BaselineOwner {
    /// One agent.
    Agent(AgentId),
    /// All agents of a class, by its name.
    Class(String),
}

/// A baseline as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineEntry {
    /// Whose it is.
    pub owner: BaselineOwner,
    /// The baseline in its own format, which carries a version and a checksum.
    pub state: Vec<u8>,
}
