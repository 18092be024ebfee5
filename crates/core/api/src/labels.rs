//! `GET /v1/sessions/{agent}/{session}/labels` and `POST /v1/sessions/{agent}/{session}/declassify`.

use holdshort_model::{AgentId, Labels, Receipt, RecordId, SessionId};
use serde::{Deserialize, Serialize};

/// What a live session carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLabels {
    /// The agent.
    pub agent: AgentId,
    /// The session.
    pub session: SessionId,
    /// What it has read, and what is under way.
    pub labels: Labels,
}

/// Lowers one label of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declassify {
    /// `integrity`, or the name of a level or category that the session carries.
    pub what: String,
    /// Why, in the person's words; 1 to 1,000 characters.
    pub reason: String,
}

/// A label that was lowered. What was read before is lowered, and nothing later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declassified {
    /// Id of the record.
    pub record: RecordId,
    /// Where the record stands.
    pub receipt: Receipt,
    /// What the session carries now.
    pub labels: Labels,
}
