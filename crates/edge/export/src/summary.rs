//! A record in a few named fields: what every flat format is made of, and nothing of what has to stay.

use crate::event::{Body, Event};
use holdshort_model::{
    ApprovalRecord, DecisionRecord, Effect, LifecycleRecord, Outcome, OutcomeStatus, Record, Resource, ResponseRecord,
    StandingRecord, one_line,
};
use serde::Serialize;

/// Longest text, in characters.
const TEXT_CHARS_MAX: usize = 512;
/// Most entries of a list.
pub(crate) const LIST_MAX: usize = 32;

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    List(Vec<String>),
}

/// A record in a few named fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// What happened: `decision.deny`, `approval.asked`, ... A word of ours, never one of an agent's.
    pub(crate) what: &'static str,
    /// What a person reads; one line.
    pub(crate) message: String,
    /// The rest, in a fixed order, each name once. None is empty.
    pub(crate) fields: Vec<(&'static str, Value)>,
}

impl Summary {
    pub(crate) fn of(event: &Event) -> Self {
        let mut to = Self { what: "unreadable", message: String::new(), fields: Vec::new() };
        match &event.body {
            Body::Unreadable(why) => {
                to.message = format!("a record that cannot be read: {}", why.as_str());
                to.word("status", why.as_str());
            }
            Body::Record(record) => to.record(record),
        }
        to
    }

    /// The value of a field as text.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string())
    }

    fn record(&mut self, record: &Record) {
        match record {
            Record::Decision(record) => self.decision(record),
            Record::Outcome(outcome) => self.outcome(outcome),
            Record::Approval(approval) => self.approval(approval),
            Record::Standing(standing) => self.standing(standing),
            Record::Response(response) => self.response(response),
            Record::Lifecycle(lifecycle) => self.lifecycle(lifecycle),
            Record::ToolChange(change) => {
                self.what = "tool-change";
                self.message =
                    format!("the definition of {} of {} is {}", change.tool, change.server, name(&change.pin));
                self.word("status", &name(&change.pin));
                self.text("action", &change.tool);
                self.text("server", &change.server);
                self.text("digest", &change.after.to_string());
            }
            Record::Policy(policy) => {
                self.what = if policy.accepted { "policy.accepted" } else { "policy.refused" };
                self.message = match policy.diagnostics.first() {
                    _ if policy.accepted => format!("policies in force, from {}", policy.source),
                    Some(first) => format!("policies refused: {first}"),
                    None => "policies refused".into(),
                };
                self.text("by", &policy.source);
                self.text("snapshot", &policy.snapshot.to_string());
            }
            Record::Declassification(lowered) => {
                self.what = "declassification";
                self.message = format!("{} lowered `{}`: {}", lowered.by, lowered.what, lowered.reason);
                self.text("agent", lowered.agent.as_str());
                self.text("session", lowered.session.as_str());
                self.text("by", &lowered.by);
                self.text("reason", &lowered.reason);
            }
            Record::Erasure(erasure) => {
                self.what = "erasure";
                self.message =
                    format!("{} destroyed the keys of one {}: {}", erasure.by, erasure.scope.as_str(), erasure.reason);
                self.text("by", &erasure.by);
                self.text("reason", &erasure.reason);
            }
            Record::Promotion(promotion) => {
                let (before, after) = (name(&promotion.before), name(&promotion.after));
                self.what = "promotion";
                self.message = format!("{} set `{}` from {before} to {after}", promotion.by, promotion.policy);
                self.list("policies", [promotion.policy.as_str()]);
                self.word("mode", &after);
                self.text("by", &promotion.by);
                self.text("reason", &promotion.reason);
            }
        }
        self.message = one_line(&self.message, TEXT_CHARS_MAX);
    }

    fn decision(&mut self, record: &DecisionRecord) {
        let DecisionRecord { request, facts, decision, .. } = record;
        self.what = match decision.enforced {
            Effect::Allow => "decision.allow",
            Effect::Ask => "decision.ask",
            Effect::Deny => "decision.deny",
        };
        self.message = {
            let said = match decision.enforced {
                Effect::Allow => "allowed",
                Effect::Ask => "waits for a person",
                Effect::Deny => "refused",
            };
            let server = request.action.server.as_deref().map(|server| format!(" of {server}")).unwrap_or_default();
            let why = decision.reasons.first().map(|reason| format!(": {}", reason.message)).unwrap_or_default();
            format!("{said}: {} {}{server}{why}", request.action.kind, public_name(record))
        };
        self.text("decision", &decision.id.to_string());
        self.text("agent", request.subject.agent.as_str());
        self.text("agent_class", &facts.subject.agent.class);
        self.text("owner", facts.subject.agent.owner.as_ref().map_or("", |owner| owner.id.as_str()));
        self.text("user", request.subject.user.as_deref().unwrap_or_default());
        self.list("delegation", request.subject.delegation.iter().map(|agent| agent.as_str()));
        self.text("session", request.session.as_str());
        self.text("kind", request.action.kind.as_str());
        self.text("action", &public_name(record));
        self.text("server", request.action.server.as_deref().unwrap_or_default());
        self.word("enforced", &name(&decision.enforced));
        self.word("effect", &name(&decision.effect));
        self.word("mode", &name(&decision.mode));
        self.number("score", decision.risk.score.into());
        self.word("level", &name(&decision.risk.level));
        if decision.containment != holdshort_model::Containment::None {
            self.word("containment", &name(&decision.containment));
        }
        self.list("removed", decision.removed.iter().map(String::as_str));
        self.list("policies", decision.reasons.iter().map(|reason| reason.policy.as_str()));
        let reasons: Vec<&str> = decision.reasons.iter().map(|reason| reason.message.as_str()).collect();
        self.text("reason", &reasons.join("; "));
        self.list("risks", decision.risk.parts.iter().map(|part| part.signal.as_str()));
        self.list("verbs", unique(facts.action.effects.iter().map(|effect| effect.verb.as_str().to_owned())));
        self.list("resources", unique(facts.action.effects.iter().filter_map(|effect| resource(&effect.resource))));
        let hosts = facts.action.effects.iter().filter_map(|effect| effect.resource.host.clone());
        self.list("destinations", unique(hosts));
        self.list("obligations", decision.obligations.iter().map(|obligation| obligation.pointer()));
        self.text("approval", &decision.approval.map(|id| id.to_string()).unwrap_or_default());
        self.text("by", decision.approved.as_ref().map_or("", |approved| approved.by.as_str()));
        self.text("digest", &request.action.digest.map(|digest| digest.to_string()).unwrap_or_default());
        self.text("enforcement_point", &request.context.enforcement_point);
        self.text("request_id", request.context.request_id.as_deref().unwrap_or_default());
        self.text("snapshot", &decision.snapshot.to_string());
        self.number("duration_us", record.deciding_ns / 1_000);
    }

    fn outcome(&mut self, outcome: &Outcome) {
        self.what = if succeeded(outcome.status) { "outcome.success" } else { "outcome.failure" };
        self.message = format!("ended: {}", name(&outcome.status));
        self.text("decision", &outcome.decision.to_string());
        self.text("session", outcome.session.as_str());
        self.word("status", &name(&outcome.status));
        self.text("digest", &outcome.digest.map(|digest| digest.to_string()).unwrap_or_default());
        self.number("bytes", outcome.bytes);
        self.number("duration_us", outcome.duration_us);
    }

    fn approval(&mut self, approval: &ApprovalRecord) {
        self.what = match approval.event.as_str() {
            "asked" => "approval.asked",
            "answered" => "approval.answered",
            "used" => "approval.used",
            "expired" => "approval.expired",
            "remembered" => "approval.remembered",
            "revoked" => "approval.revoked",
            _ => "approval",
        };
        let answer = approval.answer.as_ref();
        let by = answer.map(|answer| format!(" by {}", answer.by)).unwrap_or_default();
        self.message = format!("approval {}{by}, now {}", approval.event, name(&approval.state));
        self.text("decision", &approval.decision.to_string());
        self.text("approval", &approval.id.to_string());
        self.text("agent", approval.agent.as_str());
        self.text("session", approval.session.as_str());
        self.word("status", &name(&approval.state));
        self.text("by", answer.map_or("", |answer| answer.by.as_str()));
        self.text("reason", answer.map_or("", |answer| answer.reason.as_str()));
        self.text("digest", &approval.binding.to_string());
    }

    fn standing(&mut self, record: &StandingRecord) {
        let entry = &record.after;
        self.what = if record.released { "standing.released" } else { "standing.lowered" };
        self.message = format!("{} is {}, by {}: {}", entry.scope, name(&entry.standing), entry.by, entry.reason);
        self.text("decision", &entry.decision.map(|id| id.to_string()).unwrap_or_default());
        match &entry.scope {
            holdshort_model::Scope::All => {}
            holdshort_model::Scope::Class { class } => self.text("agent_class", class),
            holdshort_model::Scope::Agent { agent } => self.text("agent", agent.as_str()),
            holdshort_model::Scope::Session { agent, session } => {
                self.text("agent", agent.as_str());
                self.text("session", session.as_str());
            }
        }
        self.word("status", &name(&entry.standing));
        self.list("removed", entry.removed.iter().map(String::as_str));
        self.text("by", &entry.by);
        self.text("reason", &entry.reason);
    }

    fn response(&mut self, response: &ResponseRecord) {
        self.what = if response.done { "response.done" } else { "response.failed" };
        self.message = format!("{}: {}", response.step.as_str(), response.text);
        self.text("decision", &response.decision.to_string());
        self.text("incident", &response.incident.map(|id| id.to_string()).unwrap_or_default());
        self.word("status", response.step.as_str());
    }

    fn lifecycle(&mut self, lifecycle: &LifecycleRecord) {
        let word = |name: &str| lifecycle.detail.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        self.what = "lifecycle";
        self.message = format!("service: {}", lifecycle.event);
        self.text("status", &lifecycle.event);
        self.text("agent", word("agent"));
        self.text("incident", word("incident"));
        self.text("by", word("by"));
        self.text("reason", word("reason"));
    }

    fn text(&mut self, name: &'static str, text: &str) {
        if !text.is_empty() {
            self.fields.push((name, Value::Text(one_line(text, TEXT_CHARS_MAX))));
        }
    }

    fn word(&mut self, name: &'static str, word: &str) {
        self.text(name, word);
    }

    fn number(&mut self, name: &'static str, number: u64) {
        self.fields.push((name, Value::Number(number)));
    }

    fn list<T: AsRef<str>>(&mut self, name: &'static str, texts: impl IntoIterator<Item = T>) {
        let texts = texts.into_iter().take(LIST_MAX).map(|text| one_line(text.as_ref(), TEXT_CHARS_MAX));
        let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
        if !texts.is_empty() {
            self.fields.push((name, Value::List(texts)));
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::List(texts) => f.write_str(&texts.join(", ")),
        }
    }
}

/// Whether an action ended as it should.
pub(crate) const fn succeeded(status: OutcomeStatus) -> bool {
    matches!(status, OutcomeStatus::Ok | OutcomeStatus::Sent | OutcomeStatus::InputRequired)
}

/// The text form of a value that is one word.
pub(crate) fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// What an action is called, on one line, without what came along in an address.
pub(crate) fn public_name(record: &DecisionRecord) -> String {
    one_line(&public_id(&record.request.action.name), TEXT_CHARS_MAX)
}

/// What an action touches, in one text: path, address or id.
pub(crate) fn resource(resource: &Resource) -> Option<String> {
    let named = resource.path.clone().or_else(|| resource.id.as_deref().map(public_id)).or(resource.host.clone());
    named.filter(|name| !name.is_empty()).map(|name| format!("{}:{name}", resource.kind))
}

/// An id without what came along in an address: user, password, query, fragment.
pub(crate) fn public_id(id: &str) -> String {
    let Some((scheme, rest)) = id.split_once("://") else { return id.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let host = authority.rsplit('@').next().unwrap_or_default();
    path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
}

fn unique(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for text in texts {
        if seen.len() < LIST_MAX && !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_along_in_an_address_stays() {
        let check = |id: &str, expected: &str| assert_eq!(public_id(id), expected);
        check("https://u:p@h.example/a/b?token=x#y", "https://h.example/a/b");
        check("https://h.example?x", "https://h.example");
        check("https://a@b@h.example/x@y", "https://h.example/x@y");
        check("/srv/a?b", "/srv/a?b");
        check("plain", "plain");
    }
}
