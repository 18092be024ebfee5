//! Containment: whom it holds for, what was taken away, and since when.

use crate::{AgentId, Containment, Decision, RecordId, SessionId, Standing};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whom a standing holds for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "kebab-case")]
pub enum Scope {
    /// Everybody.
    All,
    /// Every agent of a class.
    Class {
        /// The class.
        class: String,
    },
    /// An agent with all its sessions, and whoever acts on its behalf.
    Agent {
        /// The agent.
        agent: AgentId,
    },
    /// One session of an agent.
    Session {
        /// The agent.
        agent: AgentId,
        /// The session.
        session: SessionId,
    },
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("everybody"),
            Self::Class { class } => write!(f, "the class `{class}`"),
            Self::Agent { agent } => write!(f, "the agent `{agent}`"),
            Self::Session { agent, session } => write!(f, "the session `{session}` of the agent `{agent}`"),
        }
    }
}

/// What was taken away from a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingEntry {
    /// Whom it holds for.
    #[serde(flatten)]
    pub scope: Scope,
    /// What is left.
    pub standing: Standing,
    /// Names of grants that were taken away; sorted.
    #[serde(default)]
    pub removed: Vec<String>,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// Who: `policy`, `kill-file`, `signal`, or a person.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The decision that brought it about, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<RecordId>,
}

/// What is left to one subject in one session: the join of everything that holds for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingView {
    /// What is left.
    pub standing: Standing,
    /// Names of grants that were taken away; sorted.
    pub removed: Vec<String>,
    /// In words: whom it was taken from, by whom and why; of the strictest entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl StandingView {
    /// Takes away what a decision takes away. It only falls.
    pub fn lower(&mut self, decision: &Decision) {
        let standing = match decision.containment {
            Containment::None => return,
            Containment::Narrow => Standing::Narrowed,
            Containment::Isolate => Standing::Isolated,
            Containment::Terminate => Standing::Terminated,
        };
        self.standing = self.standing.max(standing);
        self.removed.extend(decision.removed.iter().cloned());
        self.removed.sort_unstable();
        self.removed.dedup();
    }
}
