//! The state of one session.

mod forget;

use crate::past::Past;
use crate::{Labelling, Learnt, Lowering, Raised, Rules, SequenceState};
use holdshort_effects::Meaning;
use holdshort_model::{
    DeclassificationRecord, Effect, Facts, HistoryFacts, Labels, OutcomeStatus, Provenance, RecordId, RequestFacts,
    Verb,
};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// Actions in flight that one session may have; the oldest is forgotten, and said to be.
pub const IN_FLIGHT_MAX: usize = 1_024;

/// So much of the name of a tool or resource is kept with what it gave, in bytes.
const SOURCE_NAME_BYTES_MAX: usize = 256;

/// What a session has done and seen. Bounded; see [`State::bytes`].
#[derive(Clone, Debug, Default)]
pub struct State {
    actions: u64,
    counts: [u64; Verb::ALL.len()],
    in_flight: HashSet<RecordId>,
    truncated: bool,
    labels: Labelling,
    sequences: SequenceState,
    past: Past,
}

/// A decision that was made and recorded.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// Its id.
    pub id: RecordId,
    /// What was known.
    pub facts: &'a Facts,
    /// What was enforced: only `Allow` changes the state.
    pub enforced: Effect,
    /// The definition of the tool, where the action calls one.
    pub definition: Option<&'a Value>,
    /// Nanoseconds since 1970.
    pub now_ns: i64,
}

/// What came of a permitted action.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// The decision that permitted it.
    pub decision: RecordId,
    /// How it ended.
    pub status: OutcomeStatus,
    /// What the agent gets to see, part by part: text blocks, structured content as JSON text.
    pub parts: &'a [&'a str],
    /// The enforcement point left something of it out.
    pub truncated: bool,
    /// The agent itself reports it, not an enforcement point. INVARIANT: such parts never count as what a trusted tool
    /// said, nor as what a tool's own serialiser wrote.
    pub claimed: bool,
    /// Nanoseconds since 1970.
    pub now_ns: i64,
}

/// An action that is being decided.
#[derive(Clone, Copy)]
pub struct Pending<'a> {
    /// Everything else that is known of it.
    pub facts: &'a Facts,
    /// The definition of the tool, where the action calls one.
    pub definition: Option<&'a Value>,
    /// Whether a person approved this destination for this agent and person before; takes its kind, and its value as
    /// [`crate::fold`] gives it. INVARIANT: asked for the destinations of the action and nothing wider (not for the
    /// host of a URL, where the URL is the destination): what was asked for is what a granted Ask remembers.
    pub known: &'a dyn Fn(&str, &str) -> bool,
    /// Nanoseconds since 1970.
    pub now_ns: i64,
}

/// What the past means for a pending action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    /// `input.labels`.
    pub labels: Labels,
    /// `input.provenance`.
    pub provenance: BTreeMap<String, Provenance>,
    /// `input.request`.
    pub request: RequestFacts,
    /// `input.history`.
    pub history: HistoryFacts,
}

impl State {
    /// An allowed action is in flight from here on and counts.
    pub fn decided(&mut self, rules: &Rules, decided: &Decided<'_>) {
        if decided.enforced != Effect::Allow {
            return;
        }
        self.actions += 1;
        for verb in Verb::ALL {
            let does = decided.facts.action.effects.iter().any(|effect| effect.verb == verb);
            if let Some(count) = self.counts.get_mut(verb as usize) {
                *count += u64::from(does);
            }
        }
        let name = decided.facts.action.name.as_str();
        let name = name.get(..name.floor_char_boundary(SOURCE_NAME_BYTES_MAX)).unwrap_or_default();
        let source = format!("{name}#{}", self.actions);
        self.sequences.reserve(&rules.sequences, decided.id, &decided.facts.action, decided.now_ns);
        self.labels.permitted(&rules.labels, decided.id, decided.facts, &source, decided.now_ns);
        if rules.sequences.has_labels() {
            let learnt = self.labels.under_way(decided.id);
            self.raise(rules, decided.id, learnt, decided.now_ns);
        }
        if self.in_flight.len() >= IN_FLIGHT_MAX {
            self.truncated = true;
            self.past.truncate();
            return;
        }
        self.in_flight.insert(decided.id);
        self.past.permitted(rules, decided.id, decided.facts, decided.definition, &source);
    }

    /// An action came back: what it returned is read.
    pub fn settled(&mut self, rules: &Rules, settled: &Settled<'_>) {
        self.in_flight.remove(&settled.decision);
        let Settled { decision, status, parts, truncated, claimed, now_ns } = *settled;
        // What an agent says of its own calls gives nothing back and opens nothing: it is as if nobody knew.
        let known = if settled.claimed { OutcomeStatus::Timeout } else { status };
        self.sequences.settle(&rules.sequences, decision, known, now_ns);
        let learnt = self.labels.came_back(&rules.labels, settled);
        self.raise(rules, decision, learnt, now_ns);
        self.past.came_back(decision, parts, claimed);
        if truncated {
            self.truncated = true;
            self.past.truncate();
        }
    }

    // What was read is an event for the sequences.
    fn raise(&mut self, rules: &Rules, id: RecordId, learnt: Option<Learnt>, now_ns: i64) {
        let Some(learnt) = learnt.filter(|_| rules.sequences.has_labels()) else { return };
        if learnt.untrusted {
            self.sequences.labelled(&rules.sequences, id, Raised::Untrusted, now_ns);
        }
        for label in &learnt.labels {
            let raised = match rules.labels.classification.meaning(label) {
                Meaning::Level(_) => Raised::Confidentiality(label),
                Meaning::Category => Raised::Category(label),
                Meaning::Plain => continue,
            };
            self.sequences.labelled(&rules.sequences, id, raised, now_ns);
        }
    }

    /// What a declassification of `what` would do; `None` when there is nothing to lower. The record of it comes first.
    pub fn lowering(&mut self, rules: &Rules, what: &str, now_ns: i64) -> Option<Lowering> {
        self.labels.lowering(&rules.labels, what, now_ns)
    }

    /// A person lowered a label; the record of it is durable.
    pub fn declassified(&mut self, record: &DeclassificationRecord) {
        self.labels.declassified(record);
    }

    /// What the session has read, and what of that is under way.
    pub fn labelling(&self) -> &Labelling {
        &self.labels
    }

    /// What the past means for this action.
    pub fn weigh(&self, rules: &Rules, pending: &Pending<'_>) -> Flow {
        let history = HistoryFacts {
            actions: self.actions,
            in_flight: self.in_flight.len() as u64,
            counts: Verb::ALL
                .into_iter()
                .zip(self.counts)
                .filter(|(_, count)| *count > 0)
                .map(|(verb, count)| (verb.as_str().to_owned(), count))
                .collect(),
            sequences: self.sequences.facts(&rules.sequences, Some(&pending.facts.action), pending.now_ns),
            truncated: self.truncated || self.past.is_truncated(),
        };
        let (provenance, request) = self.past.weigh(rules, pending);
        Flow { labels: self.labels.labels(&rules.labels), provenance, request, history }
    }

    /// An estimate of the memory that the state takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.in_flight.len() * 64 + self.labels.bytes() + self.sequences.bytes() + self.past.bytes()
    }
}
