//! What people are told: everything that is needed to judge, and nothing of what the agent carries.

use crate::{AgentId, Containment, Decision, Effect, Level, Mode, RecordId, SessionId};
use serde::{Deserialize, Serialize};

/// Why people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// Something was allowed that a policy wants people to know of.
    Allowed,
    /// A person has to approve, and a policy wants others to know of it.
    Asked,
    /// Something was refused.
    Refused,
    /// Something was taken away from an agent.
    Contained,
    /// A question waits for an answer.
    Approval,
    /// Somebody tries the channel.
    Test,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Allowed, Self::Asked, Self::Refused, Self::Contained, Self::Approval, Self::Test];

    /// The text form, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Asked => "asked",
            Self::Refused => "refused",
            Self::Contained => "contained",
            Self::Approval => "approval",
            Self::Test => "test",
        }
    }

    /// What a decision is told as.
    pub fn of(decision: &Decision) -> Self {
        match (decision.containment, decision.enforced) {
            (Containment::Narrow | Containment::Isolate | Containment::Terminate, _) => Self::Contained,
            (Containment::None, Effect::Deny) => Self::Refused,
            (Containment::None, Effect::Ask) => Self::Asked,
            (Containment::None, Effect::Allow) => Self::Allowed,
        }
    }
}

/// A message to people. Its texts are bounded, and none is an argument or a result; they may still be what an agent or
/// a server chose (names of tools, sessions), so every channel renders them as text and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id: the same in every attempt, so that a receiver can tell a repetition.
    pub id: RecordId,
    /// Why people are told.
    pub kind: NoticeKind,
    /// How often it happened: more than 1 when several were put together.
    pub count: u32,
    /// When it happened first, in milliseconds since 1970.
    pub at_ms: u64,
    /// When it happened last, in milliseconds since 1970.
    pub last_ms: u64,
    /// Level of the risk.
    pub level: Level,
    /// What happened, in one sentence.
    pub title: String,
    /// The incident that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<RecordId>,
    /// The approval that is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<RecordId>,
    /// The decision.
    pub decision: RecordId,
    /// Index of its record in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Who acted.
    pub subject: NoticeSubject,
    /// What it wanted to do.
    pub action: NoticeAction,
    /// What was decided.
    pub effect: Effect,
    /// What was carried out.
    pub enforced: Effect,
    /// `observe` when the one is not the other.
    pub mode: Mode,
    /// What was taken away.
    pub containment: Containment,
    /// Names of the grants that were taken away.
    #[serde(default)]
    pub removed: Vec<String>,
    /// Why, the strictest first: the policy and what it says.
    #[serde(default)]
    pub reasons: Vec<(String, String)>,
    /// The risk score, 0 to 100.
    pub score: u8,
    /// What contributed to it: signal, points, why.
    #[serde(default)]
    pub parts: Vec<(String, u8, String)>,
    /// What a person may do now: what it is for, and the command line.
    #[serde(default)]
    pub commands: Vec<(String, String)>,
}

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeSubject {
    /// The agent.
    pub agent: AgentId,
    /// Its class.
    pub class: String,
    /// The person or team that answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The person that it acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The agents between the person and this one.
    #[serde(default)]
    pub delegation: Vec<String>,
    /// Its session.
    pub session: SessionId,
}

/// What an agent wanted to do, without arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeAction {
    /// Kind of operation, such as `tool.call`.
    pub kind: String,
    /// Upstream server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Name of the tool, or what stands for it.
    pub name: String,
    /// What it does, such as `delete record`.
    #[serde(default)]
    pub effects: Vec<String>,
    /// The hosts that it reaches.
    #[serde(default)]
    pub destinations: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_agree_with_serde() {
        for kind in NoticeKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
