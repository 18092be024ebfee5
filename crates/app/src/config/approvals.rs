//! `[approvals]`: how people are asked.

use holdshort_inventory::ApprovalLimits;
use holdshort_model::Level;
use holdshort_server::{ApprovalsConfig, Approvers as Who};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Questions to people: how long they wait, how many there may be, and who answers.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Approvals {
    /// Who may answer. Default: `anyone`.
    pub(crate) approvers: Approvers,
    /// Time that a question waits for its answer, in seconds. Default: 3600 (an hour).
    pub(crate) wait_s: u64,
    /// Time that a call is held while it waits, in seconds; after it the agent is told to make the same call again later.
    /// Many MCP clients give up after 60. Default: 45.
    pub(crate) hold_s: u64,
    /// Time within which an approval has to be used, in seconds; after it the action is asked again. Default: 900 (15 minutes).
    pub(crate) use_s: u64,
    /// Most questions of one agent that may wait at once; over it the action is refused. Default: 20.
    pub(crate) pending_max: u32,
    /// Most new questions of one agent in an hour; over it the action is refused. Default: 60, at most 1000.
    pub(crate) per_hour_max: u32,
    /// How often an agent may repeat one question while it waits; over it the action is refused. Default: 100.
    pub(crate) repeats_max: u32,
    /// Longest time for which an answer may be remembered, in hours. Default: 720 (30 days).
    pub(crate) remember_hours_max: u64,
    /// Level of risk from which on an approval needs a reason. Default: `high`.
    pub(crate) reason_from: RiskLevel,
    /// Level of risk from which on two different people have to approve. Default: `critical`.
    pub(crate) second_person_from: RiskLevel,
}

/// Who may answer questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Approvers {
    /// Whoever runs the service (the administrator's token, the operating system's user), and registered people.
    #[default]
    Anyone,
    /// Only people with a token of their own, see `holdshort people add`. For machines on which agents run as the same
    /// user as the service.
    People,
}

/// A level of risk, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RiskLevel {
    /// Always.
    Low,
    /// From medium on.
    Medium,
    /// From high on.
    High,
    /// For critical ones.
    Critical,
    /// Not at all.
    Never,
}

impl Default for Approvals {
    fn default() -> Self {
        let limits = ApprovalLimits::default();
        Self {
            approvers: Approvers::Anyone,
            wait_s: limits.wait_ms / 1_000,
            hold_s: 45,
            use_s: limits.use_ms / 1_000,
            pending_max: limits.pending_max,
            per_hour_max: limits.per_hour_max,
            repeats_max: limits.repeats_max,
            remember_hours_max: limits.remember_max_ms / 3_600_000,
            reason_from: RiskLevel::High,
            second_person_from: RiskLevel::Critical,
        }
    }
}

impl RiskLevel {
    fn level(self) -> Option<Level> {
        match self {
            Self::Low => Some(Level::Low),
            Self::Medium => Some(Level::Medium),
            Self::High => Some(Level::High),
            Self::Critical => Some(Level::Critical),
            Self::Never => None,
        }
    }
}

impl From<Approvals> for ApprovalsConfig {
    fn from(approvals: Approvals) -> Self {
        let limits = ApprovalLimits {
            pending_max: approvals.pending_max,
            per_hour_max: approvals.per_hour_max,
            repeats_max: approvals.repeats_max,
            wait_ms: approvals.wait_s.saturating_mul(1_000),
            use_ms: approvals.use_s.saturating_mul(1_000),
            remember_max_ms: approvals.remember_hours_max.saturating_mul(3_600_000),
            reason_from: approvals.reason_from.level(),
            second_person_from: approvals.second_person_from.level(),
        };
        let approvers = match approvals.approvers {
            Approvers::Anyone => Who::Anyone,
            Approvers::People => Who::People,
        };
        Self { limits, approvers }
    }
}

/// What cannot work.
pub(super) fn validate(approvals: &Approvals, problems: &mut Vec<String>) {
    let ranges = [
        ("wait_s", approvals.wait_s, 1, 30 * 86_400),
        ("hold_s", approvals.hold_s, 0, 3_600),
        ("use_s", approvals.use_s, 1, 30 * 86_400),
        ("pending_max", approvals.pending_max.into(), 1, 1_000),
        ("per_hour_max", approvals.per_hour_max.into(), 1, 1_000),
        ("repeats_max", approvals.repeats_max.into(), 1, 1_000_000),
        ("remember_hours_max", approvals.remember_hours_max, 1, 366 * 24),
    ];
    for (key, value, min, max) in ranges {
        if !(min..=max).contains(&value) {
            problems.push(format!("`approvals.{key}`: {value} is not from {min} to {max}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn the_defaults_are_those_of_the_service() {
        let config = parse("", "f").unwrap();
        assert_eq!(ApprovalsConfig::from(config.approvals), ApprovalsConfig::default());
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for (text, expected) in [
            ("wait_s = 0", "`approvals.wait_s`: 0 is not from 1"),
            ("per_hour_max = 1001", "is not from 1 to 1000"),
            ("approvers = \"agents\"", "agents"),
            ("second_person_from = \"sometimes\"", "sometimes"),
        ] {
            let error = parse(&format!("[approvals]\n{text}"), "f").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
