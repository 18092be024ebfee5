//! Tools and their pinned definitions.

use crate::{ActionEffect, ActionKind, Digest, SessionId, Subject};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a tool's present definition compares with the pinned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pin {
    /// Same as the pinned definition.
    Match,
    /// No definition was pinned before, or none was ever seen.
    New,
    /// Differs from the pinned definition.
    Changed,
    /// Another server offers a tool of this name, or this definition under another name.
    Shadowed,
}

/// What is known of the tool that an action names (`input.tool`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolFacts {
    /// Upstream server.
    pub server: String,
    /// Name of the tool on that server.
    pub name: String,
    /// Comparison with the pin.
    pub pin: Pin,
    /// The server's own hints. A server that is not trusted can only tighten with them.
    #[serde(default)]
    pub annotations: Value,
    /// Digest of the definition that the agent was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Digest>,
    /// What a call could do, whatever its arguments: what the tool as such is judged by, so that replay can judge it again.
    /// Not part of a policy's input. Absent in records of versions that did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub could: Option<Vec<ActionEffect>>,
}

/// A tool definition as a server gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// Name on its server; the URI of a resource.
    pub name: String,
    /// The whole definition object.
    pub definition: Value,
}

/// Definitions of one kind that a server listed, on their way to an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolsSeen {
    /// Who asked for the list.
    pub subject: Subject,
    /// The session in which it was asked for.
    pub session: SessionId,
    /// Upstream server.
    pub server: String,
    /// What using a listed thing would be: `tool.call`, `resource.read` or `prompt.get`. Only tools are pinned.
    #[serde(default = "tool_call")]
    pub kind: ActionKind,
    /// The definitions of one page, in the server's order.
    pub tools: Vec<ToolDefinition>,
}

fn tool_call() -> ActionKind {
    ActionKind::ToolCall
}

/// Whether a listed tool may be shown to the agent. In the order of [`ToolsSeen::tools`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolListing {
    /// Name on its server.
    pub name: String,
    /// False: a call would be refused whatever its arguments, so it is not listed.
    pub listed: bool,
    /// Comparison with the pin.
    pub pin: Pin,
}
