//! What a call reads, from its decision to what came back of it.
//!
//! What is under way counts as read: the agent can have the answer before we hear of it, and some enforcement points never
//! say what came back. A call that came back with nothing is taken out again; it has read nothing.

use super::lattice::cut;
use super::{LabelRules, LabelState, ReadEvent};
use crate::Settled;
use holdshort_effects::Trust;
use holdshort_model::{
    ActionEffect, ActionKind, Certainty, DeclassificationRecord, Facts, Integrity, Labels, OutcomeStatus, RecordId,
    Verb,
};
use std::collections::{BTreeMap, BTreeSet};

/// Reads of one session that may be under way; beyond that the oldest counts as if it had come back with everything
/// that it can contain.
pub const READS_IN_FLIGHT_MAX: usize = 64;
/// What comes back from an action that reads nothing is a confirmation up to this size, in bytes; beyond, it is content.
pub const CONFIRMATION_BYTES_MAX: usize = 256;
/// Most labels of one call.
const LABELS_MAX: usize = 128;
/// Longest name of a tool that is kept until the call comes back, in bytes. A call of one with a longer name counts as if
/// it had returned everything that is declared.
const NAME_BYTES_MAX: usize = 512;

/// The labels of a session, with the reads that are under way.
#[derive(Clone, Debug, Default)]
pub struct Labelling {
    read: LabelState,
    in_flight: BTreeMap<RecordId, Reading>,
}

/// What a call brought into the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// Content that outsiders can write.
    pub untrusted: bool,
    /// Its labels.
    pub labels: Vec<String>,
}

/// What a permitted action may read.
#[derive(Clone, Debug)]
struct Reading {
    source: Box<str>,
    server: Option<Box<str>>,
    tool: Option<Box<str>>,
    /// It reads, or nobody can say that it does not.
    reads: bool,
    /// What is declared of its output.
    trust: Option<Trust>,
    /// Labels of the resources that it reads.
    labels: Box<[Box<str>]>,
    /// Labels of the other resources: they count when more than a confirmation comes back.
    others: Box<[Box<str>]>,
    /// Labels that its output can have by declaration.
    declared: Box<[Box<str>]>,
    at_ns: i64,
}

/// What a declassification does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowering {
    /// What was read before this is lowered.
    pub at_ns: i64,
    /// What the session carries.
    pub before: Labels,
    /// What it carries afterwards.
    pub after: Labels,
}

impl Labelling {
    /// An action was permitted. `source`: its name and number in the session, such as `read_file#2`.
    pub fn permitted(&mut self, rules: &LabelRules, id: RecordId, facts: &Facts, source: &str, now_ns: i64) {
        let Some(reading) = Reading::of(rules, facts, source, now_ns) else { return };
        if self.in_flight.len() >= READS_IN_FLIGHT_MAX
            && let Some((_, oldest)) = self.in_flight.pop_first()
        {
            let labels: Vec<&str> = oldest.possible().collect();
            self.learn(rules, &oldest, oldest.trust != Some(Trust::Trusted), &labels, now_ns);
        }
        self.in_flight.insert(id, reading);
    }

    /// An action came back.
    ///
    /// INVARIANT: an agent's own word about it takes nothing away. The call has then returned whatever is declared, and
    /// no trust is in it.
    pub fn came_back(&mut self, rules: &LabelRules, settled: &Settled<'_>) -> Option<Learnt> {
        let Settled { decision, status, parts, truncated, claimed, now_ns } = *settled;
        let reading = self.in_flight.remove(&decision)?;
        let whole = !truncated;
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let answered = match status {
            OutcomeStatus::Ok | OutcomeStatus::ToolError | OutcomeStatus::InputRequired => true,
            OutcomeStatus::Error
            | OutcomeStatus::Timeout
            | OutcomeStatus::UpstreamFault
            | OutcomeStatus::Cancelled
            | OutcomeStatus::Sent => bytes > 0 || !whole,
        };
        if !answered && !claimed {
            return None;
        }
        let (server, tool) = (reading.server.as_deref(), reading.tool.as_deref());
        let mut labels = rules.outputs.labels(server, tool, parts, whole && !claimed);
        let content = reading.gives_content() || bytes > CONFIRMATION_BYTES_MAX || !whole;
        if content {
            let others = if reading.reads { [].as_slice() } else { &reading.others };
            labels.extend(reading.labels.iter().chain(others).map(|label| &**label));
        }
        let something = bytes > 0 || !whole || claimed;
        let untrusted = content && something && (claimed || reading.trust != Some(Trust::Trusted));
        let labels: Vec<&str> = labels.into_iter().collect();
        self.learn(rules, &reading, untrusted, &labels, now_ns);
        Some(Learnt { untrusted, labels: labels.into_iter().map(str::to_owned).collect() })
    }

    /// What a call that is under way may read.
    pub(crate) fn under_way(&self, id: RecordId) -> Option<Learnt> {
        let reading = self.in_flight.get(&id)?;
        let untrusted = reading.gives_content() && reading.trust != Some(Trust::Trusted);
        Some(Learnt { untrusted, labels: reading.possible().map(str::to_owned).collect() })
    }

    /// What a declassification of `what` would do; `None` when the session does not carry it, or it is only under way.
    /// Lowers nothing. What is read from here on is later than its stamp.
    pub fn lowering(&mut self, rules: &LabelRules, what: &str, now_ns: i64) -> Option<Lowering> {
        if !self.read.carries(what) {
            return None;
        }
        let (before, at_ns) = (self.labels(rules), self.read.stamp(now_ns));
        let mut lowered = self.clone();
        lowered.read.lower(what, at_ns);
        Some(Lowering { at_ns, before, after: lowered.labels(rules) })
    }

    /// A person lowered a label; the record is durable.
    pub fn declassified(&mut self, record: &DeclassificationRecord) {
        self.read.declassify(record);
    }

    /// What has been read, without what is under way.
    pub fn state(&self) -> &LabelState {
        &self.read
    }

    /// Learns what another node knows of the same session.
    pub fn merge(&mut self, other: &LabelState) {
        self.read.merge(other);
    }

    /// `input.labels`: what has been read, and what is under way.
    pub fn labels(&self, rules: &LabelRules) -> Labels {
        let possible = self.in_flight.values().flat_map(|reading| reading.possible());
        let mut labels = self.read.labels(&rules.classification, possible);
        for reading in
            self.in_flight.values().filter(|reading| reading.gives_content() && reading.trust != Some(Trust::Trusted))
        {
            labels.integrity = Integrity::Untrusted;
            labels.since = labels.since.or(Some(reading.at_ns));
            if labels.sources.len() < super::SOURCES_MAX {
                labels.sources.push(reading.source.to_string());
            }
        }
        labels
    }

    /// An estimate of the memory behind it, in bytes.
    pub fn bytes(&self) -> usize {
        self.read.bytes() + self.in_flight.values().map(Reading::bytes).sum::<usize>()
    }

    fn learn(&mut self, rules: &LabelRules, reading: &Reading, untrusted: bool, labels: &[&str], now_ns: i64) {
        if untrusted || !labels.is_empty() {
            let at_ns = self.read.stamp(now_ns);
            let read = ReadEvent { source: &reading.source, untrusted, labels, at_ns };
            self.read.apply(&rules.classification, &read);
        }
    }
}

impl Reading {
    // `None`: nothing comes back from it to the agent, or nothing that could matter.
    fn of(rules: &LabelRules, facts: &Facts, source: &str, now_ns: i64) -> Option<Self> {
        let action = &facts.action;
        match action.kind {
            ActionKind::ToolCall
            | ActionKind::ResourceRead
            | ActionKind::ResourceSubscribe
            | ActionKind::PromptGet
            | ActionKind::Complete
            | ActionKind::TaskRead
            | ActionKind::TaskUpdate
            | ActionKind::ShellCommand
            | ActionKind::DbStatement
            | ActionKind::HttpRequest
            | ActionKind::Unknown => {}
            // The answers to these go to the server, or say what there is to call.
            ActionKind::Sampling
            | ActionKind::Elicitation
            | ActionKind::RootsList
            | ActionKind::CatalogList
            | ActionKind::Protocol => return None,
        }
        let server = action.server.as_deref();
        let tool = (action.kind == ActionKind::ToolCall).then_some(action.name.as_str());
        let (mut labels, mut others) = (BTreeSet::new(), BTreeSet::new());
        // Nobody says what it does: then it reads.
        let mut reading = action.effects.is_empty();
        for effect in &action.effects {
            let reads = reads(effect);
            reading |= reads;
            let set = if reads { &mut labels } else { &mut others };
            set.extend(effect.resource.labels.iter().map(String::as_str));
        }
        let kept = tool.filter(|tool| tool.len() <= NAME_BYTES_MAX);
        if tool != kept {
            labels.extend(rules.outputs.possible(server, tool));
        }
        let boxed = |set: BTreeSet<&str>| set.into_iter().take(LABELS_MAX).map(Box::from).collect();
        Some(Self {
            source: cut(source).into(),
            server: server.map(Box::from),
            tool: kept.map(Box::from),
            reads: reading,
            trust: rules.outputs.trust(server, tool),
            labels: boxed(labels),
            others: boxed(others),
            declared: boxed(rules.outputs.possible(server, tool)),
            at_ns: now_ns,
        })
    }

    // Whatever comes back is content, however little.
    fn gives_content(&self) -> bool {
        self.reads || self.trust == Some(Trust::Untrusted)
    }

    // Every label that may come of it.
    fn possible(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().chain(&self.declared).map(|label| &**label)
    }

    fn bytes(&self) -> usize {
        let length = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let labels: usize = self
            .labels
            .iter()
            .chain(&self.others)
            .chain(&self.declared)
            .map(|label| label.len() + size_of::<Box<str>>())
            .sum();
        size_of::<Self>()
            + size_of::<RecordId>()
            + self.source.len()
            + length(&self.server)
            + length(&self.tool)
            + labels
    }
}

// Whether something of the resource comes back: when in doubt, yes.
fn reads(effect: &ActionEffect) -> bool {
    match effect.verb {
        Verb::Read | Verb::Execute | Verb::Delegate => true,
        Verb::Write | Verb::Delete | Verb::Send | Verb::Spend | Verb::Grant => match effect.certainty {
            Certainty::Declared | Certainty::Derived => false,
            Certainty::Unprovable | Certainty::Unknown => true,
        },
    }
}

#[cfg(test)]
mod tests;
