//! What is about to happen: the kind of an action, and its effects on resources.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Kind of an intercepted operation. The text forms are part of the policy contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ActionKind {
    /// MCP `tools/call`.
    #[serde(rename = "tool.call")]
    ToolCall,
    /// MCP `resources/read`.
    #[serde(rename = "resource.read")]
    ResourceRead,
    /// MCP `resources/subscribe` and the resource part of `subscriptions/listen`.
    #[serde(rename = "resource.subscribe")]
    ResourceSubscribe,
    /// MCP `prompts/get`.
    #[serde(rename = "prompt.get")]
    PromptGet,
    /// MCP `completion/complete`.
    #[serde(rename = "completion.complete")]
    Complete,
    /// MCP `sampling/createMessage`: a server asks for a model call.
    #[serde(rename = "sampling.create")]
    Sampling,
    /// MCP `elicitation/create`: a server asks the person something.
    #[serde(rename = "elicitation.create")]
    Elicitation,
    /// MCP `roots/list`: a server asks which folders it may know of.
    #[serde(rename = "roots.list")]
    RootsList,
    /// MCP `tasks/get`, `tasks/result`, `tasks/list`.
    #[serde(rename = "task.read")]
    TaskRead,
    /// MCP `tasks/update`, `tasks/cancel`.
    #[serde(rename = "task.update")]
    TaskUpdate,
    /// MCP `tools/list`, `resources/list`, `resources/templates/list`, `prompts/list`.
    #[serde(rename = "catalog.list")]
    CatalogList,
    /// A shell command: `name` is the shell (`bash`), `args.command` the text, `args.cwd` the folder it starts in.
    #[serde(rename = "shell.command")]
    ShellCommand,
    /// A database statement: `name` is the dialect (`postgres`, `sqlite`, ...), `args.statement` the text.
    #[serde(rename = "db.statement")]
    DbStatement,
    /// An outbound HTTP request: `name` is the method, `args.url` the URL.
    #[serde(rename = "http.request")]
    HttpRequest,
    /// What keeps a protocol alive and touches nothing: `initialize`, `server/discover`, `ping`, notifications.
    #[serde(rename = "protocol")]
    Protocol,
    /// A method that this version does not know. Refused, unless a policy bundle of the organisation grants it.
    #[serde(rename = "unknown")]
    Unknown,
}

impl ActionKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 16] = [
        Self::ToolCall,
        Self::ResourceRead,
        Self::ResourceSubscribe,
        Self::PromptGet,
        Self::Complete,
        Self::Sampling,
        Self::Elicitation,
        Self::RootsList,
        Self::TaskRead,
        Self::TaskUpdate,
        Self::CatalogList,
        Self::ShellCommand,
        Self::DbStatement,
        Self::HttpRequest,
        Self::Protocol,
        Self::Unknown,
    ];

    /// The text form, as in `input.action.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToolCall => "tool.call",
            Self::ResourceRead => "resource.read",
            Self::ResourceSubscribe => "resource.subscribe",
            Self::PromptGet => "prompt.get",
            Self::Complete => "completion.complete",
            Self::Sampling => "sampling.create",
            Self::Elicitation => "elicitation.create",
            Self::RootsList => "roots.list",
            Self::TaskRead => "task.read",
            Self::TaskUpdate => "task.update",
            Self::CatalogList => "catalog.list",
            Self::ShellCommand => "shell.command",
            Self::DbStatement => "db.statement",
            Self::HttpRequest => "http.request",
            Self::Protocol => "protocol",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an action does to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Looks at it.
    Read,
    /// Creates or changes it.
    Write,
    /// Removes it.
    Delete,
    /// Runs something.
    Execute,
    /// Carries data to somebody else.
    Send,
    /// Moves money or uses up a budget.
    Spend,
    /// Starts or instructs another agent.
    Delegate,
    /// Changes what somebody may do.
    Grant,
}

impl Verb {
    /// Every verb, in the order of declaration.
    pub const ALL: [Self; 8] =
        [Self::Read, Self::Write, Self::Delete, Self::Execute, Self::Send, Self::Spend, Self::Delegate, Self::Grant];

    /// The text form, as in `input.action.effects[_].verb`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Execute => "execute",
            Self::Send => "send",
            Self::Spend => "spend",
            Self::Delegate => "delegate",
            Self::Grant => "grant",
        }
    }
}

/// One effect of an action on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionEffect {
    /// What happens.
    pub verb: Verb,
    /// To what.
    pub resource: Resource,
    /// Whether it can be undone; `None` when nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversible: Option<bool>,
    /// How many things are touched; `None` when unbounded or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// How the effect is known.
    pub certainty: Certainty,
}

/// How an effect is known, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// The organisation's catalog says so.
    Declared,
    /// Derived from the tool's definition and the arguments, or from the text of a command, statement or URL.
    Derived,
    /// Part of it is only known when it runs: a variable, a substitution, an option that we do not know.
    Unprovable,
    /// Nothing says what it does; the strictest reading was taken.
    Unknown,
}

/// A resource that an action touches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Kind of thing: `file`, `url`, `mail`, `record`, `tool`, ... Chosen by the catalog or derived from the tool.
    pub kind: String,
    /// Identifier as the action gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Host name, lower case, for network resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Absolute, lexically normalised path, for files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Classification labels that the organisation declared for the resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_agree_with_serde() {
        for kind in ActionKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for verb in Verb::ALL {
            assert_eq!(serde_json::to_value(verb).unwrap(), verb.as_str());
        }
    }
}
