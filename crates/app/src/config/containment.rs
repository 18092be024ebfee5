//! `[containment]`: what is taken from whom.

use holdshort_server::NarrowTo;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a policy's decision takes away, beside the answer. `isolate` and `terminate` always hold for the agent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Containment {
    /// Whom a policy's `narrow` takes grants from: the `session` in which the action was decided, or the `agent` in all
    /// its sessions. Until a person gives them back. A client that opens another session has them back with `session`.
    /// Default: `agent`.
    pub(crate) narrow: Narrow,
}

/// Whom grants are taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Narrow {
    /// The session.
    Session,
    /// The agent.
    #[default]
    Agent,
}

impl From<Narrow> for NarrowTo {
    fn from(narrow: Narrow) -> Self {
        match narrow {
            Narrow::Session => Self::Session,
            Narrow::Agent => Self::Agent,
        }
    }
}
