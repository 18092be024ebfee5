//! `GET /v1/sessions`: the sessions that are live in this service.

use holdshort_model::{AgentId, SessionId};
use serde::{Deserialize, Serialize};

/// Live sessions, the most recently used first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsPage {
    /// The sessions, at most 1,000.
    pub sessions: Vec<SessionSummary>,
    /// How many are live.
    pub total: u64,
}

/// One live session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// The agent.
    pub agent: AgentId,
    /// The session.
    pub session: SessionId,
    /// Decisions so far.
    pub decisions: u64,
    /// First action, in milliseconds since 1970.
    pub first_ms: u64,
    /// Latest action, in milliseconds since 1970.
    pub last_ms: u64,
}
