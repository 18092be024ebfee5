//! Which of the actions that ran are no reason for a grant, and which a person has to look at.
//!
//! INVARIANT: what an agent did under somebody else's hand justifies nothing. A session from which something was taken away, or that
//! is part of an incident, is left out as a whole.

use holdshort_enforce::would_change;
use holdshort_model::{
    AgentId, ArgumentRole, Asks, Containment, DecisionRecord, Effect, Incident, Integrity, Mode, Origin, Record, Scope,
    SessionId,
};
use serde::Serialize;
use std::collections::HashSet;

/// Contained sessions that are remembered.
const SESSIONS_MAX: usize = 100_000;

/// Whether an action ran as it was decided. One that policies rewrote did not: what became of it is a decision of its own.
pub(crate) fn ran(record: &DecisionRecord) -> bool {
    let decision = &record.decision;
    decision.enforced == Effect::Allow && !would_change(&decision.obligations, &record.request.action.args)
}

/// Why an action that ran does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftOut {
    /// Its session was contained, or is part of an incident.
    Contained,
    /// A policy that is only observed would have refused it.
    Observed,
    /// Untrusted content asked for it, the person's request did not, and nobody approved it.
    Steered,
}

/// Actions that ran and do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOuts {
    /// See [`LeftOut::Contained`].
    pub(crate) contained: u64,
    /// See [`LeftOut::Observed`].
    pub(crate) observed: u64,
    /// See [`LeftOut::Steered`].
    pub(crate) steered: u64,
}

impl LeftOuts {
    pub(crate) fn add(&mut self, why: LeftOut) {
        let count = match why {
            LeftOut::Contained => &mut self.contained,
            LeftOut::Observed => &mut self.observed,
            LeftOut::Steered => &mut self.steered,
        };
        *count += 1;
    }

    /// In words, one for each kind that there is.
    pub(crate) fn lines(self) -> impl Iterator<Item = String> {
        let kinds = [
            (self.contained, "of sessions that were contained or are part of an incident"),
            (self.observed, "that a policy which is only observed would have refused"),
            (self.steered, "that untrusted content asked for, and the person did not"),
        ];
        kinds
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("Left out: {count} {} {what}.", if count == 1 { "action" } else { "actions" }))
    }
}

/// Why a person has to look at what an action leads to, before it is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mark {
    /// A person was asked and said yes.
    Approved,
    /// A policy that is only observed would have asked a person.
    Questioned,
    /// What it leads to stood in content that outsiders can write.
    Untrusted,
}

impl Mark {
    /// In words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "a person was asked and said yes",
            Self::Questioned => "a policy that is only observed would have asked",
            Self::Untrusted => "it was named by untrusted content",
        }
    }
}

/// More contained sessions than can be remembered.
#[derive(Debug, thiserror::Error)]
#[error("more than {SESSIONS_MAX} sessions were contained in this time; choose a shorter one")]
pub(crate) struct TooMany;

/// What is known of the sessions: which of them were contained.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    contained: HashSet<(AgentId, SessionId)>,
    incidents: HashSet<SessionId>,
}

impl Doubts {
    /// Takes note of an incident.
    pub(crate) fn incident(&mut self, incident: &Incident) {
        // Sub-agents and their sessions are part of it: the session says enough.
        self.incidents.extend(incident.sessions.iter().cloned());
    }

    /// Takes note of what was taken away from a session.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn look(&mut self, record: &Record) -> Result<(), TooMany> {
        let found = match record {
            Record::Decision(found) if found.decision.containment != Containment::None => {
                let subject = &found.facts.subject;
                Some((subject.agent.id.clone(), subject.session.clone()))
            }
            Record::Standing(standing) if !standing.released => match &standing.after.scope {
                Scope::Session { agent, session } => Some((agent.clone(), session.clone())),
                Scope::All | Scope::Class { .. } | Scope::Agent { .. } => None,
            },
            _ => None,
        };
        self.contained.extend(found);
        if self.contained.len() > SESSIONS_MAX { Err(TooMany) } else { Ok(()) }
    }

    /// Why an action that ran does not count, where that is so.
    pub(crate) fn left_out(&self, record: &DecisionRecord) -> Option<LeftOut> {
        let (subject, decision, request) = (&record.facts.subject, &record.decision, &record.facts.request);
        let session = (subject.agent.id.clone(), subject.session.clone());
        if self.incidents.contains(&session.1) || self.contained.contains(&session) {
            return Some(LeftOut::Contained);
        }
        let approved = decision.approved.is_some();
        if !approved && observed(record, Effect::Deny) {
            return Some(LeftOut::Observed);
        }
        let steered = !request.steered_by.is_empty() && request.asks == Asks::No;
        (steered && !approved).then_some(LeftOut::Steered)
    }
}

/// Why a person has to look at it, where that is so.
pub(crate) fn mark(record: &DecisionRecord) -> Option<Mark> {
    if record.decision.approved.is_some() {
        return Some(Mark::Approved);
    }
    if observed(record, Effect::Ask) {
        return Some(Mark::Questioned);
    }
    let named = record.facts.provenance.values().any(|value| {
        value.role == ArgumentRole::Target
            && !value.known
            && matches!(value.origin, Origin::Prose | Origin::Instruction)
            && value.sources.iter().any(|source| source.trust == Integrity::Untrusted)
    });
    named.then_some(Mark::Untrusted)
}

/// Whether an observed policy would have had this effect. Grants that are only observed are what the proposal replaces.
fn observed(record: &DecisionRecord, effect: Effect) -> bool {
    let reasons = &record.decision.reasons;
    reasons.iter().any(|reason| reason.mode == Mode::Observe && reason.effect == effect && reason.policy != "grants")
}
