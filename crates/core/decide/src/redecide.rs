//! Deciding again what is on record: from the facts of the record, and nothing else.
//!
//! The same functions judge as when it was decided (`weigh`, `judge_tool`, `assess`, `combine`). What is not in the facts:
//! - the judgement of the tool as such goes by what a call could do, which the facts of the tool keep ([`ToolFacts::could`]);
//! - why something was taken away is words: they come from the recorded reason, behind the part that the standing gives;
//! - a fault of the enforcement point stands in the recorded request;
//! - people's answers are no part of it: see `holdshort_inventory::as_recorded`.

use crate::decide::{Scope, coverage, taken, weigh};
use crate::listing::judge_tool;
use crate::memo::{PROBES_MAX, Probe};
use crate::risk::assess;
use crate::{PROBE_WINDOW_NS, Snapshot};
use holdshort_model::{
    ActionFacts, ContextFacts, Decision, DecisionRecord, Facts, HistoryFacts, Labels, RequestFacts, Risk, Signals,
    SubjectFacts, ToolFacts, is_digested,
};
use serde_json::Value;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

/// The version of decision records that is known.
const RECORD_VERSION: u32 = 1;

/// Why a record cannot be decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Unreplayable {
    /// Policies read arguments, and they are not there.
    #[error("its arguments were replaced by their digest")]
    Digested,
    /// The tool as such cannot be judged.
    #[error("it does not say what the tool could do: it comes from a version that did not keep it")]
    Tool,
    /// Another format.
    #[error("its format is of another version")]
    Version,
}

/// Whether a record holds what is needed to decide it again.
///
/// # Errors
/// What is missing.
pub fn replayable(record: &DecisionRecord) -> Result<(), Unreplayable> {
    if record.version != RECORD_VERSION {
        return Err(Unreplayable::Version);
    }
    if is_digested(&record.facts.action.args) || is_digested(&record.request.action.args) {
        return Err(Unreplayable::Digested);
    }
    match &record.facts.tool {
        Some(ToolFacts { could: None, .. }) => Err(Unreplayable::Tool),
        _ => Ok(()),
    }
}

/// Decides a record again, as if nobody had been asked. Pure: the same snapshot and record give the same decision.
///
/// `snapshot`: the one that decided, for the identical decision; another one, for what it would decide from the same facts.
/// [`replayable`] has to hold; else the decision is none of these.
pub fn redecide(snapshot: &Snapshot, record: &DecisionRecord) -> Decision {
    Redecider::new(snapshot).redecide(record)
}

/// Decides many records with one snapshot: remembers what it found of tools as such. For one thread.
#[derive(Debug)]
pub struct Redecider {
    snapshot: Snapshot,
    tools: RefCell<Tools>,
}

#[derive(Debug, Default)]
struct Tools {
    buckets: HashMap<u64, Vec<Judged>>,
    kept: usize,
}

/// INVARIANT: everything that the judgement depends on beside the snapshot; equality decides.
#[derive(Debug)]
struct Judged {
    subject: SubjectFacts,
    tool: ToolFacts,
    time: i64,
    because: Option<String>,
    found: Rc<Probe>,
}

impl Redecider {
    /// Decides with this snapshot.
    pub fn new(snapshot: &Snapshot) -> Self {
        Self { snapshot: snapshot.clone(), tools: RefCell::default() }
    }

    /// See [`redecide`].
    pub fn redecide(&self, record: &DecisionRecord) -> Decision {
        let snapshot = &self.snapshot;
        let coverage = coverage(snapshot, &record.facts, Scope::Action);
        let risk = assess(&snapshot.fixed.risk, &record.facts, coverage.lacking());
        // Policies read the risk that this snapshot's weights give.
        let facts = match risk == record.facts.risk {
            true => Cow::Borrowed(&record.facts),
            false => Cow::Owned(Facts { risk, ..record.facts.clone() }),
        };
        let because = because(record);
        let mut weighed = weigh(snapshot, &facts, because, coverage);
        if let Some(tool) = &facts.tool {
            weighed.tool(&self.tool(&facts, tool, because));
        }
        weighed.fault(&record.request);
        weighed.decision(snapshot, &facts, record.decision.id)
    }

    fn tool(&self, facts: &Facts, tool: &ToolFacts, because: Option<&str>) -> Rc<Probe> {
        let (subject, time) = (&facts.subject, facts.context.time);
        let time = time.saturating_sub(time.rem_euclid(PROBE_WINDOW_NS));
        let hash = hash(subject, tool, time);
        let same = |kept: &&Judged| {
            kept.time == time && kept.because.as_deref() == because && kept.subject == *subject && kept.tool == *tool
        };
        if let Some(kept) = self.tools.borrow().buckets.get(&hash).and_then(|bucket| bucket.iter().find(same)) {
            return Rc::clone(&kept.found);
        }
        let found = Rc::new(judge_tool(&self.snapshot, as_such(facts, tool, time), because));
        let mut tools = self.tools.borrow_mut();
        if tools.kept >= PROBES_MAX {
            *tools = Tools::default();
        }
        tools.kept += 1;
        tools.buckets.entry(hash).or_default().push(Judged {
            subject: subject.clone(),
            tool: tool.clone(),
            time,
            because: because.map(str::to_owned),
            found: Rc::clone(&found),
        });
        found
    }
}

/// The facts of the tool as such: those that `decide` makes of a call without arguments, circumstances and past.
fn as_such(facts: &Facts, tool: &ToolFacts, time: i64) -> Facts {
    let ActionFacts { kind, server, name, .. } = &facts.action;
    Facts {
        subject: facts.subject.clone(),
        action: ActionFacts {
            kind: *kind,
            server: server.clone(),
            name: name.clone(),
            effects: tool.could.clone().unwrap_or_default(),
            args: Value::Null,
            digest: None,
        },
        tool: Some(tool.clone()),
        context: ContextFacts { intent: None, time, workspace: None, enforcement_point: String::new(), trace: None },
        labels: Labels::default(),
        provenance: BTreeMap::new(),
        request: RequestFacts::default(),
        history: HistoryFacts::default(),
        signals: Signals::default(),
        risk: Risk::default(),
    }
}

/// The words that stand behind a standing in the recorded reason.
fn because(record: &DecisionRecord) -> Option<&str> {
    let taken = taken(record.facts.subject.standing)?;
    let said = record.decision.reasons.iter().find(|reason| reason.policy == "standing")?;
    said.message.strip_prefix(taken)?.strip_prefix(": ")
}

// Only spreads. `DefaultHasher::new` has fixed keys, and the table is bounded.
fn hash(subject: &SubjectFacts, tool: &ToolFacts, time: i64) -> u64 {
    let mut hasher = DefaultHasher::new();
    subject.session.as_str().hash(&mut hasher);
    subject.agent.id.as_str().hash(&mut hasher);
    tool.server.hash(&mut hasher);
    tool.name.hash(&mut hasher);
    time.hash(&mut hasher);
    hasher.finish()
}
