//! Approvals: a person's answer to one exact action.

use crate::{ActionEffect, ActionKind, AgentId, Digest, Provenance, Reason, RecordId, Risk, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How an approval stands. `Pending` is the only one that changes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalState {
    /// Nobody has answered yet, or a second person has to.
    Pending,
    /// It may be used once.
    Approved,
    /// A person said no.
    Refused,
    /// Nobody answered in time, or the answer was not used in time.
    Expired,
    /// It was used: the action ran.
    Used,
}

/// A question to a person, and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id: that of the decision that asked first.
    pub id: RecordId,
    /// How it stands.
    pub state: ApprovalState,
    /// What it is bound to: digest of agent, person, session, kind, server, name, canonical arguments, definition,
    /// effects and snapshot. Anything else needs an approval of its own.
    pub binding: Digest,
    /// What is wanted, whatever the session, the policies and the tool's definition: what a refusal holds for. Absent in
    /// what an earlier version asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Digest>,
    /// The decision that asked first.
    pub decision: RecordId,
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
    /// Digest of the tool's definition, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Digest>,
    /// The arguments, for the person to read, long texts cut; `null` once it was answered, or when they are too much to
    /// be read.
    pub args: Value,
    /// Where the values of the arguments come from, by JSON pointer; empty once it was answered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub provenance: BTreeMap<String, Provenance>,
    /// What it would do.
    pub effects: Vec<ActionEffect>,
    /// Where it would go, as `(kind, folded value)`: what is remembered when the answer is.
    #[serde(default)]
    pub destinations: Vec<(String, String)>,
    /// Why it is asked.
    pub reasons: Vec<Reason>,
    /// How risky it is.
    pub risk: Risk,
    /// The snapshot that asked.
    pub snapshot: Digest,
    /// How often the same was asked.
    pub asked: u32,
    /// When it was asked first, in milliseconds since 1970.
    pub asked_ms: u64,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: u64,
    /// People who have to approve: 1 or 2.
    pub people_needed: u8,
    /// The answers so far.
    #[serde(default)]
    pub answers: Vec<Answer>,
}

/// One person's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Who: the name of a registered person, `operator` or `os-user`.
    pub by: String,
    /// Whether it is a yes.
    pub approved: bool,
    /// Why, in the person's words.
    #[serde(default)]
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// A remembered answer: what this agent asks of this tool with these destinations counts as approved until it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Id of the approval that it was remembered from.
    pub id: RecordId,
    /// The agent.
    pub agent: AgentId,
    /// The person that the agent acts for; empty = nobody in particular.
    #[serde(default)]
    pub user: String,
    /// Kind of operation.
    pub kind: ActionKind,
    /// Upstream server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Name of the tool.
    pub name: String,
    /// Digest of the tool's definition, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Digest>,
    /// The only destinations it holds for; empty = the action has none.
    #[serde(default)]
    pub destinations: Vec<(String, String)>,
    /// The policies whose question it answers. What another one asks is asked.
    pub policies: Vec<String>,
    /// The highest risk score it holds for.
    pub score_max: u8,
    /// When it ends, in milliseconds since 1970.
    pub until_ms: u64,
    /// Who remembered it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// True once a person took it back.
    #[serde(default)]
    pub revoked: bool,
}

/// What a decision used of people's answers: `input` of nothing, but on record, so that replay finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// Id of the approval, or of the one that was remembered.
    pub id: RecordId,
    /// Who approved, joined with `, `.
    pub by: String,
    /// True when it is a remembered answer.
    pub remembered: bool,
}
