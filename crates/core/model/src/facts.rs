//! Everything that was known when a decision was made: the policy contract's `input`, version 1.
//!
//! Field names here are the names that policies use. The record of a decision holds this value, so that replay
//! decides from the same facts.

use crate::{
    ActionEffect, ActionKind, Agent, Authentication, Digest, HistoryFacts, Labels, Provenance, RequestFacts, Risk,
    SessionId, Signals, Standing, ToolFacts,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The policy input document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Who acts.
    pub subject: SubjectFacts,
    /// What is about to happen.
    pub action: ActionFacts,
    /// The tool that the action names; absent for actions without a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolFacts>,
    /// Circumstances.
    pub context: ContextFacts,
    /// What the session has read so far.
    #[serde(default)]
    pub labels: Labels,
    /// Where the values of the arguments come from, by JSON pointer; only arguments that say where something goes, or
    /// hold an address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub provenance: BTreeMap<String, Provenance>,
    /// What the person's request has to do with the action.
    #[serde(default)]
    pub request: RequestFacts,
    /// The past of the session.
    #[serde(default)]
    pub history: HistoryFacts,
    /// What content, destination, habit and people's answers say of it.
    #[serde(default)]
    pub signals: Signals,
    /// All of it weighed.
    #[serde(default)]
    pub risk: Risk,
}

/// `input.subject`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubjectFacts {
    /// The agent as the inventory knows it.
    pub agent: Agent,
    /// The person that the agent acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Ids of the agents between the person and this agent, outermost first.
    #[serde(default)]
    pub delegation: Vec<String>,
    /// The session.
    pub session: SessionId,
    /// How the identity was established.
    pub authenticated_by: Authentication,
    /// What the subject may still do.
    pub standing: Standing,
    /// Names of grants that containment took away; sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

/// `input.action`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionFacts {
    /// Kind of operation.
    pub kind: ActionKind,
    /// Upstream server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Name of the tool, URI of the resource, name of the prompt, or the protocol's method.
    pub name: String,
    /// What the action does, each with the resource.
    pub effects: Vec<ActionEffect>,
    /// The arguments; `null` when only the tool as such is judged (listing).
    pub args: Value,
    /// Digest of the exact bytes that would be forwarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// `input.context`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextFacts {
    /// The person's request in their own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Time of the decision in nanoseconds since 1970, as OPA's `time` functions take it.
    pub time: i64,
    /// Absolute path of the folder that the agent works in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Name of the enforcement point.
    pub enforcement_point: String,
    /// W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}
