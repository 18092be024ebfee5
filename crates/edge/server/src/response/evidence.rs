//! What is put aside of a session before anything is taken away from it.

use holdshort_model::{
    AgentId, Containment, Decision, Digest, Effect, Facts, Labels, Level, Mode, Receipt, RecordId, Risk, SessionId,
    Signals, Standing, Step, Verb, one_line,
};
use serde::Serialize;

/// Most effects, hosts, reasons, parts of a risk and names of each that are kept.
const LISTED_MAX: usize = 8;
/// Longest name that is kept, in characters.
const NAME_CHARS_MAX: usize = 200;
/// Longest reason that is kept, in characters.
const REASON_CHARS_MAX: usize = 300;

/// Where a decision stands in its session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// Number of its record, from 0.
    pub(crate) sequence: u64,
    /// Digest of the record before it: it stands for all of them.
    pub(crate) previous: Option<Digest>,
    /// When it was decided, in milliseconds since 1970.
    pub(crate) now_ms: u64,
}

/// What is known of a session at one moment, from memory: no argument, no result.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub(super) agent: AgentId,
    pub(super) session: SessionId,
    pub(super) delegation: Vec<AgentId>,
    pub(super) name: String,
    pub(super) at_ms: u64,
    /// Only with a playbook; a line of a timeline needs no more than the above.
    pub(super) captured: Option<Box<Captured>>,
}

/// What goes into an incident as its evidence.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Captured {
    pub(super) agent: AgentId,
    pub(super) class: String,
    pub(super) owner: Option<String>,
    pub(super) user: Option<String>,
    pub(super) delegation: Vec<String>,
    pub(super) session: SessionId,
    pub(super) kind: String,
    pub(super) server: Option<String>,
    pub(super) name: String,
    pub(super) effects: Vec<String>,
    pub(super) destinations: Vec<String>,
    standing: Standing,
    removed: Vec<String>,
    labels: Labels,
    signals: Signals,
    pub(super) risk: Risk,
    records: Records,
}

/// Where the session's records are.
#[derive(Clone, Debug, Serialize)]
struct Records {
    /// How many there are with this one.
    count: u64,
    /// Digest of the one before this one: each names the one before it.
    previous: Option<Digest>,
    /// Digest of this one.
    digest: Option<Digest>,
}

impl Evidence {
    pub(super) fn line(facts: &Facts, at: Position) -> Self {
        let subject = &facts.subject;
        Self {
            agent: subject.agent.id.clone(),
            session: subject.session.clone(),
            delegation: subject.delegation.iter().take(LISTED_MAX).map(|agent| agent.as_str().into()).collect(),
            name: one_line(&facts.action.name, NAME_CHARS_MAX),
            at_ms: at.now_ms,
            captured: None,
        }
    }

    pub(super) fn capture(decision: &Decision, facts: &Facts, at: Position) -> Self {
        let (subject, action) = (&facts.subject, &facts.action);
        let name = |text: &str| one_line(text, NAME_CHARS_MAX);
        let mut risk = decision.risk.clone();
        risk.parts.truncate(LISTED_MAX);
        let captured = Captured {
            agent: subject.agent.id.clone(),
            class: name(&subject.agent.class),
            owner: subject.agent.owner.as_ref().map(|owner| name(&owner.id)),
            user: subject.user.as_deref().map(name),
            delegation: subject.delegation.iter().take(LISTED_MAX).map(|agent| name(agent)).collect(),
            session: subject.session.clone(),
            kind: action.kind.as_str().to_owned(),
            server: action.server.as_deref().map(name),
            name: name(&action.name),
            effects: effects(facts),
            destinations: destinations(facts),
            standing: subject.standing,
            removed: subject.removed.clone(),
            labels: facts.labels.clone(),
            signals: facts.signals.clone(),
            risk,
            records: Records { count: at.sequence + 1, previous: at.previous, digest: None },
        };
        Self { captured: Some(Box::new(captured)), ..Self::line(facts, at) }
    }

    /// The digest of the decision's record, which is made after the capture.
    pub(crate) fn record(&mut self, digest: Digest) {
        if let Some(captured) = &mut self.captured {
            captured.records.digest = Some(digest);
        }
    }

    // What a reason may name: none of it is an argument, but for hosts, which people have to know.
    fn known(&self) -> Vec<String> {
        let mut known = vec![self.name.clone(), self.agent.to_string()];
        if let Some(captured) = &self.captured {
            let Captured { class, server, destinations, removed, labels, signals, .. } = captured.as_ref();
            known.push(class.clone());
            known.extend(server.clone());
            known.extend(destinations.iter().chain(removed).chain(&labels.categories).chain(&labels.sources).cloned());
            known.push(labels.confidentiality.clone());
            known.extend(signals.content.secrets.iter().map(|secret| secret.rule.clone()));
            known.extend(signals.content.intelligence.iter().map(|hit| hit.feed.clone()));
            known.extend(signals.content.rules.iter().map(|rule| rule.rule.clone()));
        }
        known
    }

    /// Whoever acted first, then those it acted for.
    pub(super) fn agents(&self) -> Vec<AgentId> {
        std::iter::once(&self.agent).chain(&self.delegation).cloned().collect()
    }
}

// The verb and the kind of thing; which one is an argument, and stands in the record.
fn effects(facts: &Facts) -> Vec<String> {
    let mut effects = Vec::new();
    for effect in &facts.action.effects {
        let count = effect.count.filter(|count| *count != 1).map(|count| format!(" x{count}")).unwrap_or_default();
        let unsure = if effect.verb == Verb::Read { "" } else { certainty(effect.reversible) };
        let text =
            one_line(&format!("{} {}{count}{unsure}", effect.verb.as_str(), effect.resource.kind), NAME_CHARS_MAX);
        if effects.len() < LISTED_MAX && !effects.contains(&text) {
            effects.push(text);
        }
    }
    effects
}

fn certainty(reversible: Option<bool>) -> &'static str {
    if reversible == Some(false) { " for good" } else { "" }
}

fn destinations(facts: &Facts) -> Vec<String> {
    let known = facts.signals.destinations.iter().map(|destination| &destination.host);
    let hosts = known.chain(facts.action.effects.iter().filter_map(|effect| effect.resource.host.as_ref()));
    let mut destinations: Vec<String> = Vec::new();
    for host in hosts {
        let host = one_line(host, NAME_CHARS_MAX);
        if destinations.len() < LISTED_MAX && !destinations.contains(&host) {
            destinations.push(host);
        }
    }
    destinations
}

/// A reason without what it quotes of the arguments: policies put into backticks what they name.
pub(super) fn unnamed(message: &str, known: &[String]) -> String {
    let mut parts = message.split('`');
    // Where the backticks are not in pairs, nobody knows which of them quote.
    if message.matches('`').count() % 2 == 1 {
        return format!("{}\u{2026}", parts.next().unwrap_or_default());
    }
    let quoted =
        |part: &str| if known.iter().any(|name| name == part) { part.to_owned() } else { "\u{2026}".to_owned() };
    let part = |(at, part): (usize, &str)| if at % 2 == 1 { quoted(part) } else { part.to_owned() };
    parts.enumerate().map(part).collect::<Vec<String>>().join("`")
}

/// A decision with its evidence, as the runner needs it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) evidence: Evidence,
    pub(super) decision: RecordId,
    pub(super) index: Option<u64>,
    pub(super) effect: Effect,
    pub(super) enforced: Effect,
    pub(super) mode: Mode,
    pub(super) containment: Containment,
    pub(super) removed: Vec<String>,
    pub(super) reasons: Vec<(String, String)>,
    pub(super) level: Level,
    pub(super) approval: Option<RecordId>,
    pub(super) playbook: Vec<Step>,
    /// What people are told it is.
    pub(super) kind: holdshort_model::NoticeKind,
}

impl Answer {
    pub(super) fn new(mut evidence: Evidence, decision: &Decision, receipt: Option<&Receipt>) -> Self {
        let known = evidence.known();
        for part in evidence.captured.iter_mut().flat_map(|captured| &mut captured.risk.parts) {
            part.why = one_line(&unnamed(&part.why, &known), REASON_CHARS_MAX);
        }
        let reason = |reason: &holdshort_model::Reason| {
            (one_line(&reason.policy, NAME_CHARS_MAX), one_line(&unnamed(&reason.message, &known), REASON_CHARS_MAX))
        };
        let reasons = decision.reasons.iter().take(LISTED_MAX).map(reason).collect();
        Self {
            evidence,
            decision: decision.id,
            index: receipt.map(|receipt| receipt.index),
            effect: decision.effect,
            enforced: decision.enforced,
            mode: decision.mode,
            containment: decision.containment,
            removed: decision.removed.clone(),
            reasons,
            level: decision.risk.level,
            approval: decision.approval,
            playbook: decision.playbook.clone(),
            kind: holdshort_model::NoticeKind::of(decision),
        }
    }

    /// What happened, in one sentence.
    pub(super) fn title(&self) -> String {
        let done = match self.enforced {
            Effect::Allow => "was allowed",
            Effect::Ask => "waits for a person",
            Effect::Deny => "was refused",
        };
        let taken = match self.containment {
            Containment::None => "",
            Containment::Narrow => ", and grants were taken away",
            Containment::Isolate => ", and the agent was isolated",
            Containment::Terminate => ", and the agent was terminated",
        };
        let agent = one_line(self.evidence.agent.as_str(), NAME_CHARS_MAX);
        format!("`{}` of the agent `{agent}` {done}{taken}", self.evidence.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_what_is_known_and_no_argument() {
        let known = ["pay".to_owned(), "restricted".to_owned()];
        let check = |text: &str, expected: &str| assert_eq!(unnamed(text, &known), expected, "{text}");
        check("`pay` of `/home/ada/plan.txt`", "`pay` of `\u{2026}`");
        check("the session has read `restricted` data", "the session has read `restricted` data");
        check("too much at once", "too much at once");
        check("`pay` to `it`s` now", "\u{2026}");
        check("", "");
    }
}
