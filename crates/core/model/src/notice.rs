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
    /// Something is the matter with the installation itself.
    Alarm,
    /// Somebody tries the channel.
    Test,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Allowed, Self::Asked, Self::Refused, Self::Contained, Self::Approval, Self::Alarm, Self::Test];

    /// The text form, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Asked => "asked",
            Self::Refused => "refused",
            Self::Contained => "contained",
            Self::Approval => "approval",
            Self::Alarm => "alarm",
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
    /// What is the matter with the installation, in an alarm. Then no agent did anything: subject and action are our own, and
    /// what was decided says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<NoticeAlarm>,
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

/// What is the matter with the installation itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeAlarm {
    /// Name of the event, such as `witness-conflict`.
    pub event: String,
    /// What is known of it: what it is, and the value.
    #[serde(default)]
    pub facts: Vec<(String, String)>,
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

/// Text as people may see it: one line of at most `chars_max` characters. Control characters become blanks; characters
/// that are not seen, or that turn the direction of writing around, become `\u{fffd}`.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let shown = |c: char| match c {
        c if c.is_control() => ' ',
        // Format characters (Unicode category Cf), separators of lines, variation selectors and tags.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' => '\u{fffd}',
        '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => '\u{fffd}',
        c => c,
    };
    let mut line: String = text.chars().take(chars_max).map(shown).collect();
    if text.chars().nth(chars_max).is_some() {
        line.pop();
        line.push('\u{2026}');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_one_line_and_shows_what_it_is() {
        let check = |text: &str, expected: &str| assert_eq!(one_line(text, 10), expected, "{text:?}");
        check("plain \u{e9}\u{1f980}", "plain \u{e9}\u{1f980}");
        check("a\r\nBcc: x", "a  Bcc: x");
        check("\u{1b}[31m\u{9b}\u{0}", " [31m  ");
        check("a\u{202e}b\u{200d}c\u{e0041}", "a\u{fffd}b\u{fffd}c\u{fffd}");
        check("a\u{2028}b\u{85}", "a\u{fffd}b ");
        check("12345678901", "123456789\u{2026}");
        check("1234567890", "1234567890");
    }

    #[test]
    fn text_forms_agree_with_serde() {
        for kind in NoticeKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
