//! What an enforcement point knows before a decision: the body of `POST /v1/decide`.

use crate::{ActionKind, AgentId, Authentication, Claims, Digest, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A question to the decision point. Everything else that is weighed comes from the snapshot and the session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Who acts.
    pub subject: Subject,
    /// What is about to happen.
    pub action: Action,
    /// Circumstances.
    #[serde(default)]
    pub context: Context,
    /// The session that the action belongs to.
    pub session: SessionId,
}

/// The subject as the enforcement point established it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The authenticated agent.
    pub agent: AgentId,
    /// The person that the agent acts for, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Agents between the person and this agent, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegation: Vec<AgentId>,
    /// How the identity was established. Set by the enforcement point; ignored in a request from outside.
    #[serde(default)]
    pub authenticated_by: Authentication,
    /// What the agent says of itself.
    #[serde(default)]
    pub claims: Claims,
}

/// The operation as it would be forwarded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Kind of operation.
    pub kind: ActionKind,
    /// Name of the upstream server, from the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Name of the tool, URI of the resource, name of the prompt, or the protocol's method.
    pub name: String,
    /// The arguments.
    #[serde(default)]
    pub args: Value,
    /// Digest of the exact bytes that would be forwarded; set by `enforce::Received`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// Circumstances of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// The person's request in their own words, where the enforcement point knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Absolute path of the folder that the agent works in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Name of the enforcement point, such as `mcp-http` or `mcp-stdio`.
    #[serde(default)]
    pub enforcement_point: String,
    /// W3C trace id, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Set when the enforcement point itself cannot let the message pass, whatever policies say: the decision is
    /// then Deny with this fail mode, and the attempt is on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<crate::FailMode>,
    /// The decision whose obligations made the action what it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewritten_from: Option<crate::RecordId>,
    /// The protocol's id of the request, for correlation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
