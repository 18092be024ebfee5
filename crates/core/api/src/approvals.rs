//! `/v1/approvals` and `/v1/exceptions`.

use crate::DestinationSummary;
use holdshort_model::{ActionKind, AgentId, Approval, ApprovalState, Exception, Level, Reason, RecordId, SessionId};
use serde::{Deserialize, Serialize};

/// Longest time that a question about approvals waits for a change, in seconds.
pub const APPROVAL_WAIT_S_MAX: u64 = 60;
/// Most approvals on one page.
pub const APPROVALS_PAGE_MAX: u32 = 200;

/// Which approvals are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalsWhich {
    /// Those that wait for an answer, or for their use.
    #[default]
    Open,
    /// All that are still known.
    All,
}

/// Query of `GET /v1/approvals`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalsQuery {
    /// Which ones.
    pub which: ApprovalsWhich,
    /// Only those of this agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// At most this many, the newest ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Waits until something changed since the page with this `version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
    /// Longest time to wait for that, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<u64>,
}

/// Answer of `GET /v1/approvals`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalsPage {
    /// The approvals, the newest first.
    pub approvals: Vec<Approval>,
    /// Number of the state that the page shows; it changes whenever an approval does.
    pub version: u64,
}

/// Query of `GET /v1/approvals/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalQuery {
    /// While it is pending, waits at most this long for a change, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<u64>,
    /// The agent that it has to be of. With an agent's token it is that agent, whatever this says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
}

/// Answer of `GET /v1/approvals/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// Its id.
    pub id: RecordId,
    /// How it stands.
    pub state: ApprovalState,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: u64,
    /// All of it; absent for the agent that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Box<Approval>>,
}

/// Body of `POST /v1/approvals/{id}/answer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAnswer {
    /// Whether it is a yes.
    pub approved: bool,
    /// Why; at most 1,000 characters. An approval of high risk needs one.
    #[serde(default)]
    pub reason: String,
    /// For how long the answer holds for this agent, tool and destination, in seconds. Default: for this action alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember_s: Option<u64>,
    /// Whether its destinations are known from now on. Default: when a policy of flow asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub know_destinations: Option<bool>,
}

/// An answer that counts. Its record is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerGiven {
    /// The approval as it is now.
    pub approval: Approval,
    /// What is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<Exception>,
    /// The destinations that are known from now on.
    #[serde(default)]
    pub known: Vec<DestinationSummary>,
}

/// Answer of `GET /v1/exceptions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionsPage {
    /// Remembered answers, by agent; revoked and ended ones included for a while.
    pub exceptions: Vec<Exception>,
}

/// Query of `DELETE /v1/exceptions/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevokeException {
    /// Why, in the person's words; at most 1,000 characters.
    pub reason: String,
}

/// Something that happened to an approval. No arguments: whoever has to read them looks the approval up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalEvent {
    /// What happened: `asked`, `answered`, `used`, `expired`, `remembered`, `revoked`.
    pub event: String,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// The approval.
    pub id: RecordId,
    /// How it stands.
    pub state: ApprovalState,
    /// The agent.
    pub agent: AgentId,
    /// Its session.
    pub session: SessionId,
    /// The person that the agent acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Kind of operation.
    pub kind: ActionKind,
    /// Upstream server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Name of the tool, or what stands for it.
    pub name: String,
    /// How risky it is, 0 to 100.
    pub score: u8,
    /// Level of the risk.
    pub level: Level,
    /// Why it is asked.
    pub reasons: Vec<Reason>,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: u64,
    /// People who have to approve.
    pub people_needed: u8,
    /// Who answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
