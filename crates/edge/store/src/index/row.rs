//! What of a record can be looked for. One reading for the index and for a search without it, so that both find the same.

use super::sketch::Sketch;
use crate::records::{Content, LoggedRecord};
use holdshort_model::{
    ApprovalRecord, DecisionRecord, DeclassificationRecord, Effect, Level, Outcome, Record, RecordId, Scope,
    StandingRecord,
};
use serde_json::Value;
use std::borrow::Cow;

/// Parts of a free-form value that are read: a record has 1 MiB, and hardly any has more than a dozen.
const PARTS_MAX: usize = 100_000;

/// A side of a record that can be asked for by its exact value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Facet {
    /// Type of the record, such as `decision`; `erased` and `closed` for one that cannot be read.
    Type = 1,
    /// The agent.
    Agent = 2,
    /// The person it acted for, or who answered, released or changed something.
    User = 3,
    /// The session.
    Session = 4,
    /// The server.
    Server = 5,
    /// The tool, or what else the action names: alone, and as `server/name`.
    Tool = 6,
    /// Kind of the action, such as `tool.call`.
    Kind = 7,
    /// Effect that was decided.
    Effect = 8,
    /// Effect that was enforced.
    Enforced = 9,
    /// Level of risk.
    Level = 10,
    /// A policy that had something to say.
    Policy = 11,
    /// What the action does to resources: `read`, `delete`, ...
    Verb = 12,
    /// A word of a reason.
    Text = 13,
    /// Marks a record that has more words than are indexed.
    Long = 14,
    /// Id of the key that a record is sealed with.
    Key = 15,
    /// Id of a key that an erasure destroys.
    Gone = 16,
    /// Marks a record that has more values of other facets than are indexed.
    Many = 17,
}

impl Facet {
    /// What it is called where it is asked for.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Agent => "agent",
            Self::User => "user",
            Self::Session => "session",
            Self::Server => "server",
            Self::Tool => "tool",
            Self::Kind => "kind",
            Self::Effect => "effect",
            Self::Enforced => "enforced",
            Self::Level => "level",
            Self::Policy => "policy",
            Self::Verb => "verb",
            Self::Text => "text",
            Self::Long | Self::Many => "length",
            Self::Key | Self::Gone => "key",
        }
    }
}

/// What can be looked for in one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row<'a> {
    /// When, in milliseconds since 1970; none when it cannot be read.
    pub time_ms: Option<u64>,
    /// Values by facet.
    pub facets: Vec<(Facet, Cow<'a, str>)>,
    /// What it says in words: reasons, signals, why a person did something.
    pub texts: Vec<Cow<'a, str>>,
    /// Ids of decisions, approvals and incidents.
    pub ids: Vec<RecordId>,
}

impl Row<'_> {
    /// Reads a record and looks at it. One of a later version is read as far as its fields have their old names.
    pub fn read<T>(record: &LoggedRecord, look: impl FnOnce(&Row<'_>) -> T) -> T {
        let look = |mut row: Row<'_>| {
            // Of an erased one nothing is known that an erasure could take out.
            if record.content != Content::Erased
                && let Some(id) = record.key_id()
            {
                row.facets.push((Facet::Key, Cow::Owned(id.to_string())));
            }
            look(&row)
        };
        match (&record.content, record.payload()) {
            (Content::Erased, _) => look(Row::named("erased")),
            (Content::Closed, _) | (_, None) => look(Row::named("closed")),
            (_, Some(payload)) => match Sketch::read(payload) {
                Some(sketch) => look(sketch.into_row()),
                None => match record.parse() {
                    Some(known) => look(Row::of(&known)),
                    None => look(Row::later(&serde_json::from_slice(payload).unwrap_or(Value::Null))),
                },
            },
        }
    }
}

impl<'a> Row<'a> {
    pub(super) fn named(record: &'static str) -> Self {
        let mut row = Self::default();
        row.has(Facet::Type, record);
        row
    }

    pub(super) fn of(record: &'a Record) -> Self {
        match record {
            Record::Decision(decision) => Self::decision(decision),
            Record::Outcome(outcome) => Self::outcome(outcome),
            Record::Approval(approval) => Self::approval(approval),
            Record::Standing(standing) => Self::standing(standing),
            Record::Declassification(lowered) => Self::declassification(lowered),
            Record::ToolChange(change) => {
                let mut row = Self::named("tool-change").at(change.time_ms);
                row.target(Some(&change.server), &change.tool);
                row.say(change.difference.iter().map(String::as_str));
                row
            }
            Record::Policy(policy) => {
                let mut row = Self::named("policy").at(policy.time_ms);
                row.say(policy.diagnostics.iter().map(String::as_str));
                row
            }
            Record::Response(step) => {
                let mut row = Self::named("response").at(step.time_ms);
                row.say([step.text.as_str(), step.step.as_str()]);
                row.ids.extend([Some(step.decision), step.incident].into_iter().flatten());
                row
            }
            Record::Promotion(promotion) => {
                let mut row = Self::named("promotion").at(promotion.time_ms);
                row.has(Facet::Policy, &promotion.policy);
                row.has(Facet::User, &promotion.by);
                row.say([promotion.reason.as_str()]);
                row
            }
            Record::Erasure(erasure) => {
                let mut row = Self::named("erasure").at(erasure.time_ms);
                row.has(Facet::User, &erasure.by);
                row.say([erasure.reason.as_str(), erasure.scope.as_str()]);
                row.all(Facet::Gone, erasure.keys.iter());
                row
            }
            Record::Lifecycle(event) => {
                let mut row = Self::named("lifecycle").at(event.time_ms);
                row.say([event.event.as_str()]);
                row.detail(&event.detail);
                row
            }
        }
    }

    fn decision(record: &'a DecisionRecord) -> Self {
        let mut row = Self::named("decision").at(record.received_ms);
        let (request, decision) = (&record.request, &record.decision);
        row.has(Facet::Agent, request.subject.agent.as_str());
        row.all(Facet::User, request.subject.user.iter());
        row.has(Facet::Session, request.session.as_str());
        row.has(Facet::Kind, request.action.kind.as_str());
        row.target(request.action.server.as_ref(), &request.action.name);
        row.has(Facet::Effect, effect_word(decision.effect));
        row.has(Facet::Enforced, effect_word(decision.enforced));
        row.has(Facet::Level, level_word(decision.risk.level));
        for reason in &decision.reasons {
            row.has(Facet::Policy, &reason.policy);
        }
        for effect in &record.facts.action.effects {
            row.has(Facet::Verb, effect.verb.as_str());
        }
        row.say(decision.reasons.iter().map(|reason| reason.message.as_str()));
        row.say(decision.risk.parts.iter().map(|part| part.why.as_str()));
        let approved = decision.approved.as_ref().map(|approved| approved.id);
        row.ids.extend([Some(decision.id), decision.approval, approved].into_iter().flatten());
        row
    }

    fn outcome(outcome: &'a Outcome) -> Self {
        let mut row = Self::named("outcome").at(outcome.ended_ms());
        row.has(Facet::Session, outcome.session.as_str());
        if let Ok(Value::String(status)) = serde_json::to_value(outcome.status) {
            row.texts.push(Cow::Owned(status));
        }
        row.ids.push(outcome.decision);
        row
    }

    fn approval(approval: &'a ApprovalRecord) -> Self {
        let mut row = Self::named("approval").at(approval.time_ms);
        row.has(Facet::Agent, approval.agent.as_str());
        row.has(Facet::Session, approval.session.as_str());
        row.say([approval.event.as_str()]);
        if let Some(answer) = &approval.answer {
            row.has(Facet::User, &answer.by);
            row.say([answer.reason.as_str()]);
        }
        if let Some(exception) = &approval.exception {
            row.has(Facet::User, &exception.user);
            row.has(Facet::User, &exception.by);
            row.has(Facet::Kind, exception.kind.as_str());
            row.target(exception.server.as_ref(), &exception.name);
            row.all(Facet::Policy, exception.policies.iter());
            row.say([exception.reason.as_str()]);
        }
        row.ids.extend([approval.id, approval.decision]);
        row
    }

    fn standing(standing: &'a StandingRecord) -> Self {
        let mut row = Self::named("standing").at(standing.time_ms);
        let after = &standing.after;
        if let Scope::Agent { agent } | Scope::Session { agent, .. } = &after.scope {
            row.has(Facet::Agent, agent.as_str());
        }
        if let Scope::Session { session, .. } = &after.scope {
            row.has(Facet::Session, session.as_str());
        }
        row.has(Facet::User, &after.by);
        row.say([after.reason.as_str(), if standing.released { "released" } else { "contained" }]);
        row.ids.extend(after.decision);
        row
    }

    fn declassification(lowered: &'a DeclassificationRecord) -> Self {
        let mut row = Self::named("declassification").at(lowered.id.time_ms());
        row.has(Facet::Agent, lowered.agent.as_str());
        row.has(Facet::Session, lowered.session.as_str());
        row.has(Facet::User, &lowered.by);
        row.say([lowered.reason.as_str(), lowered.what.as_str()]);
        row.ids.push(lowered.id);
        row
    }

    /// A record of a later version.
    fn later(record: &Value) -> Self {
        let text = |pointers: &[&str]| pointers.iter().find_map(|pointer| record.pointer(pointer)?.as_str());
        let owned = |facet: Facet, value: Option<&str>| value.map(|value| (facet, Cow::Owned(value.to_owned())));
        let number = |pointer: &str| record.pointer(pointer).and_then(Value::as_u64);
        let facets = [
            owned(Facet::Type, Some(text(&["/type"]).unwrap_or("unknown"))),
            owned(Facet::Agent, text(&["/request/subject/agent", "/agent"])),
            owned(Facet::User, text(&["/request/subject/user", "/by"])),
            owned(Facet::Session, text(&["/request/session", "/session"])),
            owned(Facet::Server, text(&["/request/action/server", "/server"])),
            owned(Facet::Tool, text(&["/request/action/name", "/tool"])),
            owned(Facet::Effect, text(&["/decision/effect"])),
            owned(Facet::Enforced, text(&["/decision/enforced"])),
        ];
        let ids = ["/decision/id", "/decision", "/id", "/incident"];
        Self {
            time_ms: number("/received_ms").or_else(|| number("/time_ms")),
            facets: facets.into_iter().flatten().collect(),
            texts: text(&["/reason", "/text", "/event"]).map(|said| Cow::Owned(said.to_owned())).into_iter().collect(),
            ids: ids.iter().filter_map(|pointer| text(&[pointer])?.parse().ok()).collect(),
        }
    }

    pub(super) fn at(mut self, time_ms: u64) -> Self {
        self.time_ms = Some(time_ms);
        self
    }

    fn has(&mut self, facet: Facet, value: &'a str) {
        self.facets.push((facet, Cow::Borrowed(value)));
    }

    fn all(&mut self, facet: Facet, values: impl Iterator<Item = &'a String>) {
        self.facets.extend(values.map(|value| (facet, Cow::Borrowed(value.as_str()))));
    }

    fn say(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        self.texts.extend(texts.into_iter().map(Cow::Borrowed));
    }

    fn target(&mut self, server: Option<&'a String>, name: &'a str) {
        self.has(Facet::Tool, name);
        if let Some(server) = server {
            self.has(Facet::Server, server);
            self.facets.push((Facet::Tool, Cow::Owned(format!("{server}/{name}"))));
        }
    }

    /// What an event of the service tells: who, whom, and everything else as words.
    fn detail(&mut self, detail: &'a Value) {
        let named =
            [("agent", Facet::Agent), ("session", Facet::Session), ("by", Facet::User), ("server", Facet::Server)];
        for (name, facet) in named {
            if let Some(value) = detail.get(name).and_then(Value::as_str) {
                self.has(facet, value);
            }
        }
        self.ids.extend(
            ["id", "decision", "approval", "incident"]
                .iter()
                .filter_map(|name| detail.get(name).and_then(Value::as_str)?.parse::<RecordId>().ok()),
        );
        let mut open = vec![detail];
        let mut parts = 0;
        while let Some(value) = open.pop().filter(|_| parts < PARTS_MAX) {
            parts += 1;
            match value {
                Value::String(text) => self.texts.push(Cow::Borrowed(text)),
                Value::Array(values) => open.extend(values),
                Value::Object(fields) => open.extend(fields.values()),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
    }
}

pub(super) fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Ask => "ask",
        Effect::Deny => "deny",
    }
}

pub(super) fn level_word(level: Level) -> &'static str {
    match level {
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Critical => "critical",
    }
}
