//! What an evaluation finds, and how it can fail.

use crate::info::Severity;
use holdshort_model::Mode;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What a policy asks for: the name of the rule that fired. The strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The action does not run.
    Deny,
    /// The agent is isolated, and the action does not run.
    Isolate,
    /// Grants are taken away.
    Narrow,
    /// A person has to approve first.
    Ask,
    /// A value is removed from the arguments before they are forwarded.
    Redact,
    /// The record says so; nothing else happens.
    Observe,
}

impl Rule {
    /// Every rule, in the order of declaration.
    pub const ALL: [Self; 6] = [Self::Deny, Self::Isolate, Self::Narrow, Self::Ask, Self::Redact, Self::Observe];

    /// The name of the rule in a policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Isolate => "isolate",
            Self::Narrow => "narrow",
            Self::Ask => "ask",
            Self::Redact => "redact",
            Self::Observe => "observe",
        }
    }

    /// The rule of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rule that fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Id of the policy, such as `holdshort.rules.mass_delete`.
    pub policy: Arc<str>,
    /// What it asks for.
    pub rule: Rule,
    /// What a person reads: what was refused, and what would be allowed instead.
    pub message: String,
    /// Whether the policy is enforced.
    pub mode: Mode,
    /// How serious the policy's author says it is.
    pub severity: Severity,
    /// [`Rule::Redact`]: JSON pointer (RFC 6901) of the value in the arguments; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// [`Rule::Narrow`]: names of the grants to take away; otherwise empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
}

/// An evaluation that gave no answer. Whoever decides has to refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A policy used up its instructions.
    #[error("policy `{policy}` used up its {limit} instructions; it loops over too much for one decision")]
    Budget {
        /// Id of the policy, or `unknown`.
        policy: String,
        /// The budget.
        limit: usize,
    },
    /// The engine failed.
    #[error("policy `{policy}` failed: {message}")]
    Engine {
        /// Id of the policy, or `unknown`.
        policy: String,
        /// What the engine says.
        message: String,
    },
    /// A rule gave something that is not a message.
    #[error("policy `{policy}`: `{rule}` gave {found}; expected a string, or an object with `message`")]
    Output {
        /// Id of the policy.
        policy: String,
        /// The rule.
        rule: Rule,
        /// What it gave, shortened.
        found: String,
    },
}
