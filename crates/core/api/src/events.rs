//! One decision as `GET /v1/events` tells it, in an event of type `decision`.

use holdshort_model::{ActionKind, AgentId, Effect, Level, Mode, Reason, RecordId, SessionId};
use serde::{Deserialize, Serialize};

/// A decision whose record is durable. Carries no arguments: those are in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionEvent {
    /// Id of the decision.
    pub id: RecordId,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: u64,
    /// Who acted.
    pub agent: AgentId,
    /// In which session.
    pub session: SessionId,
    /// Kind of the action.
    pub kind: ActionKind,
    /// Upstream server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Tool, URI, prompt or method.
    pub name: String,
    /// What was decided.
    pub effect: Effect,
    /// What is carried out.
    pub enforced: Effect,
    /// `Observe` when `enforced` is milder than `effect`.
    pub mode: Mode,
    /// Level of the risk.
    pub level: Level,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Index of the record in the log.
    pub index: u64,
}
