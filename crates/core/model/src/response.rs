//! What is done beside the answer: playbooks, and the incidents they open.

use crate::{AgentId, Level, RecordId, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A step of a playbook. Carried out in this order, whatever order a policy names them in: evidence first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// What is known of the session is put aside: standing, labels, signals, the places of its records.
    Capture,
    /// What the decision takes away is taken away. Recorded here; it has bitten before.
    Contain,
    /// The agent's owner and the configured channels are told.
    Notify,
    /// An incident is opened, or the one that is open for the agent is carried on.
    OpenIncident,
}

impl Step {
    /// Every step, in the order in which they are carried out.
    pub const ALL: [Self; 4] = [Self::Capture, Self::Contain, Self::Notify, Self::OpenIncident];

    /// The text form, as in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Contain => "contain",
            Self::Notify => "notify",
            Self::OpenIncident => "open-incident",
        }
    }

    /// The step of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == name)
    }
}

/// Whether an incident is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentState {
    /// Somebody has to look.
    #[default]
    Open,
    /// A person closed it.
    Closed,
}

/// Something that happened, with everything that belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: RecordId,
    /// What happened, in one sentence: of the decision that opened it.
    pub title: String,
    /// The highest level so far.
    pub level: Level,
    /// Whether it is open.
    pub state: IncidentState,
    /// When it was opened, in milliseconds since 1970.
    pub opened_ms: u64,
    /// When a person closed it, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_ms: Option<u64>,
    /// The agents involved; sorted.
    pub agents: Vec<AgentId>,
    /// The sessions involved; sorted.
    pub sessions: Vec<SessionId>,
    /// What happened, in order, bounded.
    pub timeline: Vec<IncidentEntry>,
    /// Lines of the timeline, agents and sessions that were left out because of a bound.
    #[serde(default)]
    pub omitted: u64,
    /// When something was added last, in milliseconds since 1970.
    #[serde(default)]
    pub last_ms: u64,
    /// What was put aside when it was opened.
    #[serde(default)]
    pub evidence: Value,
}

/// One line of an incident's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentEntry {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What: `refused`, `asked`, `contained`, `notified`, `notify-failed`, `captured`, `released`, `closed`, ...
    pub what: String,
    /// In words, without payloads.
    pub text: String,
    /// The decision, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<RecordId>,
    /// Index of the record in the log, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
}
