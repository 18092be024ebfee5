//! What an evaluation finds, and how it can fail.

use crate::info::Severity;
use holdshort_model::{Containment, Effect, Mode, Step};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// What a policy asks for: the name of the rule that fired. The strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The agent's workflow ends, and the action does not run.
    Terminate,
    /// The agent is isolated, and the action does not run.
    Isolate,
    /// Grants are taken away, and the action does not run.
    Narrow,
    /// The action does not run.
    Deny,
    /// A person has to approve first.
    Ask,
    /// A value is removed from the arguments before they are forwarded.
    Redact,
    /// A value of the arguments is replaced before they are forwarded.
    Constrain,
    /// A text is appended to a value of the arguments before they are forwarded.
    Watermark,
    /// Steps of a playbook are carried out; the answer stays as it is.
    Respond,
    /// The record says so; nothing else happens.
    Observe,
}

impl Rule {
    /// Every rule, in the order of declaration.
    pub const ALL: [Self; 10] = [
        Self::Terminate,
        Self::Isolate,
        Self::Narrow,
        Self::Deny,
        Self::Ask,
        Self::Redact,
        Self::Constrain,
        Self::Watermark,
        Self::Respond,
        Self::Observe,
    ];

    /// The name of the rule in a policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminate => "terminate",
            Self::Isolate => "isolate",
            Self::Narrow => "narrow",
            Self::Deny => "deny",
            Self::Ask => "ask",
            Self::Redact => "redact",
            Self::Constrain => "constrain",
            Self::Watermark => "watermark",
            Self::Respond => "respond",
            Self::Observe => "observe",
        }
    }

    /// The rule of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }

    /// What the rule means for the answer.
    pub fn effect(self) -> Effect {
        match self {
            Self::Terminate | Self::Isolate | Self::Narrow | Self::Deny => Effect::Deny,
            Self::Ask => Effect::Ask,
            Self::Redact | Self::Constrain | Self::Watermark | Self::Respond | Self::Observe => Effect::Allow,
        }
    }

    /// What the rule takes away.
    pub fn containment(self) -> Containment {
        match self {
            Self::Terminate => Containment::Terminate,
            Self::Isolate => Containment::Isolate,
            Self::Narrow => Containment::Narrow,
            Self::Deny
            | Self::Ask
            | Self::Redact
            | Self::Constrain
            | Self::Watermark
            | Self::Respond
            | Self::Observe => Containment::None,
        }
    }

    /// What a rule gives, in words.
    pub fn form(self) -> &'static str {
        match self {
            Self::Terminate | Self::Isolate | Self::Deny | Self::Ask | Self::Observe => {
                "expected a string, or an object with `message`"
            }
            Self::Narrow => "expected a string, or `{\"message\": \"...\", \"grants\": [\"...\"]}`",
            Self::Redact => "expected `{\"message\": \"...\", \"pointer\": \"/json/pointer\"}`",
            Self::Constrain => "expected `{\"message\": \"...\", \"pointer\": \"/json/pointer\", \"value\": ...}`",
            Self::Watermark => "expected `{\"message\": \"...\", \"pointer\": \"/json/pointer\", \"text\": \"...\"}`",
            Self::Respond => {
                "expected `{\"message\": \"...\", \"steps\": [...]}` with steps of `capture`, `contain`, `notify`, `open-incident`"
            }
        }
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
    /// [`Rule::Redact`], [`Rule::Constrain`], [`Rule::Watermark`]: JSON pointer (RFC 6901) of the value in the
    /// arguments; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// [`Rule::Narrow`]: names of the grants to take away; empty for those that cover the action's effects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// [`Rule::Constrain`]: what is put there; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// [`Rule::Watermark`]: what is appended; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// [`Rule::Respond`]: what is done, in the policy's order; otherwise empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

impl Finding {
    /// A finding that says nothing yet.
    pub(crate) fn new(policy: Arc<str>, rule: Rule, mode: Mode, severity: Severity) -> Self {
        Self {
            policy,
            rule,
            message: String::new(),
            mode,
            severity,
            pointer: None,
            grants: Vec::new(),
            value: None,
            text: None,
            steps: Vec::new(),
        }
    }
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
    #[error("policy `{policy}`: `{rule}` gave {found}; {}", rule.form())]
    Output {
        /// Id of the policy.
        policy: String,
        /// The rule.
        rule: Rule,
        /// What it gave, shortened.
        found: String,
    },
}
