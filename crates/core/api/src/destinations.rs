//! Destinations that people approved.

use holdshort_model::AgentId;
use serde::{Deserialize, Serialize};

/// One remembered destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationSummary {
    /// The agent that may use it.
    pub agent: AgentId,
    /// The person that the agent acts for; empty = nobody in particular.
    pub user: String,
    /// Kind of destination: `mail`, `url`, `account`, `path`, `handle`, `name`.
    pub kind: String,
    /// The destination, in one spelling.
    pub value: String,
    /// Since when it is known, in milliseconds since 1970.
    pub since_ms: u64,
    /// Who approved it.
    pub by: String,
    /// How: `add`, or the id of the decision that was granted.
    pub via: String,
}

/// Answer of `GET /v1/destinations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationsPage {
    /// All of them, by agent, person, kind and value.
    pub destinations: Vec<DestinationSummary>,
}

/// Body of `POST /v1/destinations`: a destination to be remembered; query of `DELETE /v1/destinations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDestination {
    /// The agent that may use it.
    pub agent: AgentId,
    /// The person that the agent acts for; absent = nobody in particular.
    #[serde(default)]
    pub user: String,
    /// Kind of destination: `mail`, `url`, `account`, `path`, `handle`; or `name`, for a target that is no address.
    pub kind: String,
    /// The destination, in any spelling; for a `name`: `PARAMETER=VALUE`.
    pub value: String,
    /// The decision that a person granted with it; absent = none, it was added by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}
