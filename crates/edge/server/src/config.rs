//! What the service can be told.

use crate::approvals::ApprovalsConfig;
use crate::containment::NarrowTo;
use crate::response::ResponseConfig;
use std::time::Duration;

/// Settings of the decision service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Longest time for deciding and recording one action; beyond it the action is refused (`decider-late`).
    pub deadline: Duration,
    /// Whether records hold arguments.
    pub arguments: Arguments,
    /// Arguments whose JSON is longer than this are recorded as their digest, in bytes.
    pub argument_bytes_max: usize,
    /// Most live sessions; beyond it, of the agent that has most of them, the one that was idle longest is forgotten.
    pub sessions_max: usize,
    /// What all sessions together may remember of what they have seen, in bytes; beyond it, of the agent whose sessions
    /// remember most, the one that was idle longest gives up what it has seen, and says so.
    pub history_bytes: usize,
    /// A session without an action for this long is forgotten.
    pub session_idle: Duration,
    /// What a policy's `narrow` takes grants from.
    pub narrow: NarrowTo,
    /// Questions to people.
    pub approvals: ApprovalsConfig,
    /// What is done beside the answer.
    pub response: ResponseConfig,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(2),
            arguments: Arguments::Full,
            argument_bytes_max: 16 * 1024,
            sessions_max: 20_000,
            history_bytes: 512 << 20,
            session_idle: Duration::from_secs(24 * 3600),
            narrow: NarrowTo::default(),
            approvals: ApprovalsConfig::default(),
            response: ResponseConfig::default(),
        }
    }
}

/// How arguments stand in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arguments {
    /// As they are, up to the size limit.
    #[default]
    Full,
    /// As their digest only. What effects name (paths, hosts, ids) stays.
    Digest,
}
