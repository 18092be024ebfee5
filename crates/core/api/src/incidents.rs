//! Incidents, and the channels that people are told by.

use holdshort_model::{AgentId, IncidentState, Level, RecordId};
use serde::{Deserialize, Serialize};

/// Query of `GET /v1/incidents`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentsQuery {
    /// Only those of this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<IncidentState>,
    /// Only those before this one: `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<RecordId>,
}

/// Answer of `GET /v1/incidents`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentsPage {
    /// The newest first.
    pub incidents: Vec<IncidentSummary>,
    /// `before` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RecordId>,
}

/// An incident without its timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentSummary {
    /// Its id.
    pub id: RecordId,
    /// What happened, in one sentence.
    pub title: String,
    /// The highest level so far.
    pub level: Level,
    /// Whether it is open.
    pub state: IncidentState,
    /// When it was opened, in milliseconds since 1970.
    pub opened_ms: u64,
    /// When something was added last, in milliseconds since 1970.
    pub last_ms: u64,
    /// When a person closed it, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_ms: Option<u64>,
    /// The agents involved.
    pub agents: Vec<AgentId>,
    /// Lines of its timeline, with those that were left out.
    pub lines: u64,
}

/// Body of `POST /v1/incidents/{id}/close`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseIncident {
    /// Why, in the person's words.
    pub reason: String,
}

/// Answer of `GET /v1/channels`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelsPage {
    /// In the order of the configuration.
    pub channels: Vec<ChannelState>,
}

/// How a channel does, since the service was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelState {
    /// Its name.
    pub name: String,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that were delivered.
    pub sent: u64,
    /// Attempts in vain.
    pub failed: u64,
    /// Messages that were given up.
    pub given_up: u64,
    /// Messages that found no room.
    pub dropped: u64,
    /// Whether the latest attempt failed.
    pub down: bool,
}

/// Answer of `POST /v1/channels/{name}/test`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelTested {
    /// Its name.
    pub name: String,
    /// Whether the message was taken.
    pub delivered: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}
