//! Who acts: the agent, its owner, and how sure we are of it.

use crate::AgentId;
use serde::{Deserialize, Serialize};

/// An agent as the inventory knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Id given by the organisation.
    pub id: AgentId,
    /// Class whose grants apply, such as `coding`; `unknown` for an agent that nobody registered.
    pub class: String,
    /// The person or team that answers for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// What the agent says of itself (MCP `clientInfo`, user agent). A claim, never an identity.
    #[serde(default)]
    pub claims: Claims,
}

/// The person or team that answers for an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Id of the person or team in the organisation's directory.
    pub id: String,
    /// False once the owner's account is disabled.
    pub active: bool,
}

/// What an agent says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Name of the program, from MCP `clientInfo.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Version of the program, from MCP `clientInfo.version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Path of the client's executable as the kernel tells it (stdio only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

/// How the subject's identity was established.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// A bearer token of this agent.
    Token,
    /// The operating system's word for the peer of a unix socket, or for the parent of a stdio wrapper.
    OsUser,
    /// A trusted caller named the subject: the command line, or the holder of the administrator's token.
    Operator,
    /// Not established.
    #[default]
    None,
}

/// What an agent or session may still do, as far as containment is concerned. Ordered: it only rises by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing was taken away.
    #[default]
    Active,
    /// Some grants were removed.
    Narrowed,
    /// Every enforcement point refuses.
    Isolated,
    /// The workflow was ended.
    Terminated,
}
