//! What was decided, and why.

use crate::{Approved, Digest, Receipt, RecordId, Step};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer to a request. Ordered by strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The action runs.
    Allow,
    /// A person has to approve first.
    Ask,
    /// The action does not run.
    Deny,
}

/// What is taken away beside the answer. Ordered by strictness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Containment {
    /// Nothing.
    #[default]
    None,
    /// Grants: those that [`Decision::removed`] names.
    Narrow,
    /// Everything, until a person releases it.
    Isolate,
    /// Everything, and the workflow ends.
    Terminate,
}

/// Whether a policy is enforced or only observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The record says what would have been done; nothing is refused.
    Observe,
    /// The decision is carried out.
    #[default]
    Enforce,
}

/// A decision. `effect` is what was decided; `enforced` is what happens, given the modes of the policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Id of the decision and of its record.
    pub id: RecordId,
    /// What was decided, observed policies included.
    pub effect: Effect,
    /// What is carried out.
    pub enforced: Effect,
    /// `Observe` when `enforced` is milder than `effect`.
    pub mode: Mode,
    /// What is taken away.
    #[serde(default)]
    pub containment: Containment,
    /// Names of the grants that are taken away; sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// How risky the action is.
    pub risk: Risk,
    /// Why, the strictest first.
    pub reasons: Vec<Reason>,
    /// What the enforcement point has to do besides.
    #[serde(default)]
    pub obligations: Vec<Obligation>,
    /// Id of the approval that is waited for, or that was used.
    #[serde(default)]
    pub approval: Option<RecordId>,
    /// What people's answer it rests on: set when it would have asked and did not have to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
    /// What is done besides, in the order of [`Step`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub playbook: Vec<Step>,
    /// Digest of the snapshot that decided.
    pub snapshot: Digest,
}

/// One reason of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Policy, grant set or fail mode that speaks, such as `holdshort.rules.mass_delete` or `grants`.
    pub policy: String,
    /// What a person reads: what was refused, and what would be allowed instead.
    pub message: String,
    /// What this reason alone asks for.
    pub effect: Effect,
    /// Whether it is enforced.
    pub mode: Mode,
}

/// Something that the enforcement point has to do. One that it cannot do means Deny.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Obligation {
    /// Remove the value at this JSON pointer before forwarding.
    Redact {
        /// JSON pointer into the arguments.
        pointer: String,
    },
    /// Put this value at this JSON pointer before forwarding.
    Constrain {
        /// JSON pointer into the arguments.
        pointer: String,
        /// The value.
        value: Value,
    },
    /// Append this to the text at this JSON pointer before forwarding, unless it ends so already.
    Watermark {
        /// JSON pointer into the arguments.
        pointer: String,
        /// What whoever reads it is to see.
        text: String,
    },
}

impl Obligation {
    /// Where in the arguments.
    pub fn pointer(&self) -> &str {
        match self {
            Self::Redact { pointer } | Self::Constrain { pointer, .. } | Self::Watermark { pointer, .. } => pointer,
        }
    }
}

/// Level of a risk score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Allow and watch.
    #[default]
    Low,
    /// A person approves.
    Medium,
    /// Refused, permissions removed.
    High,
    /// Isolated.
    Critical,
}

/// A risk score from 0 to 100 with its parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// 0 to 100.
    pub score: u8,
    /// Level of the score.
    pub level: Level,
    /// What contributed.
    pub parts: Vec<RiskPart>,
}

/// One contribution to a risk score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskPart {
    /// Name of the signal.
    pub signal: String,
    /// Points that it adds, 0 to 100, confidence taken into account.
    pub points: u8,
    /// How sure the signal is, 0 to 100.
    pub confidence: u8,
    /// Why.
    pub why: String,
}

/// A decision together with the receipt of its durable record.
///
/// INVARIANT: a `Ruling` exists only after the record is durable. Whoever implements `enforce::Authority` keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// The decision.
    #[serde(flatten)]
    pub decision: Decision,
    /// Where its record stands.
    pub receipt: Receipt,
}

/// A named way in which deciding or recording can fail. Each is closed: the action does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailMode {
    /// The decision point did not answer in time, or cannot be reached.
    DeciderLate,
    /// The record could not be made durable.
    RecorderDown,
    /// The disk of the log is nearly full: nothing more is taken until there is room.
    RecorderFull,
    /// Nobody knows the agent.
    UnknownAgent,
    /// The message could not be parsed.
    Unparseable,
    /// A policy failed: error, exhausted budget, undefined where a value is needed.
    PolicyError,
    /// No policy is loaded.
    NoPolicy,
    /// The message is over a limit.
    Oversize,
    /// Approvals cannot be kept.
    ApprovalsDown,
}

impl FailMode {
    /// The text form, as in records and refusals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeciderLate => "decider-late",
            Self::RecorderDown => "recorder-down",
            Self::RecorderFull => "recorder-full",
            Self::UnknownAgent => "unknown-agent",
            Self::Unparseable => "unparseable",
            Self::PolicyError => "policy-error",
            Self::NoPolicy => "no-policy",
            Self::Oversize => "oversize",
            Self::ApprovalsDown => "approvals-down",
        }
    }
}
