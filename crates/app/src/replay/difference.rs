//! The same records decided with a candidate: what would be newly refused, allowed, asked, by policy and agent.
//!
//! Both sides are compared as if nobody had been asked: an answer of a person is for the snapshot that asked. The past is the
//! recorded one: what a refusal of the candidate would have changed for the actions after it is not seen.

use super::identical::Named;
use super::{Entry, Stretch};
use holdshort_decide::{Redecider, replayable};
use holdshort_enforce::would_change;
use holdshort_inventory::{APPROVALS_POLICY, asking};
use holdshort_model::{Agent, AgentId, Containment, Decision, DecisionRecord, Digest, Effect, Mode, RecordId};
use holdshort_store::records::LoggedRecord;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Changed decisions that are named of each kind.
const EXAMPLES_MAX: usize = 20;
/// Rows by policy and agent; what is over it is counted in one row of each policy.
const ROWS_MAX: usize = 2_000;
/// Policies that are told apart.
const POLICIES_MAX: usize = 500;
/// Questions of one day that are told apart.
const QUESTIONS_MAX: usize = 100_000;
/// Snapshots of the stretch that are looked at for what the candidate declares otherwise.
const SNAPSHOTS_MAX: usize = 1_000;
/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;
/// Longest reason that is shown, in characters.
const MESSAGE_CHARS_MAX: usize = 300;
/// What stands for policies and agents over the bound.
const OTHERS: &str = "(others)";

/// What a candidate makes of one record.
#[derive(Debug)]
pub(crate) enum Compared {
    /// No decision of the stretch.
    Other,
    /// A record of another version.
    Unreadable(u64),
    /// A record whose key was destroyed.
    Erased(u64),
    /// A record whose key is not at hand.
    Closed(u64),
    /// It cannot be decided again.
    Unreplayable(u64, String),
    /// Decided.
    Decided(Box<Pair>),
}

/// A record and what the candidate makes of it.
#[derive(Debug)]
pub(crate) struct Pair {
    index: u64,
    id: RecordId,
    agent: String,
    name: String,
    day: u64,
    recorded: Effect,
    candidate: Effect,
    contained: (Containment, Containment),
    /// Whoever is to be thanked for the change, and what it says.
    because: Vec<(String, String)>,
    /// The question that was asked, if one was.
    asked: Option<RecordId>,
    /// The question that the candidate would ask.
    asks: Option<RecordId>,
    /// The candidate's policies look at sequences that the record knows nothing of.
    blind: bool,
    /// The snapshot that decided.
    snapshot: Digest,
    /// The candidate wants the arguments changed otherwise.
    rewritten: bool,
    /// The candidate takes away other grants, or responds otherwise.
    response: bool,
    /// The candidate comes to another level of risk.
    level: bool,
}

/// Decides records with the candidate.
pub(crate) struct Comparer<'a> {
    stretch: &'a Stretch,
    candidate: Redecider,
    /// Sequences that the candidate's policies declare.
    sequences: Vec<String>,
    /// The agents that the candidate's configuration declares.
    agents: &'a BTreeMap<AgentId, Agent>,
}

impl<'a> Comparer<'a> {
    /// `agents`: those that the candidate's configuration declares, which it has another class for perhaps.
    pub(crate) fn new(
        stretch: &'a Stretch,
        candidate: &holdshort_decide::Snapshot,
        agents: &'a BTreeMap<AgentId, Agent>,
    ) -> Self {
        let declared = candidate.policies().map(|policies| policies.sequences()).unwrap_or_default();
        let sequences = declared.iter().map(|sequence| sequence.name.clone()).collect();
        Self { stretch, candidate: Redecider::new(candidate), sequences, agents }
    }

    /// Decides one record.
    pub(crate) fn compare(&self, logged: &LoggedRecord) -> Compared {
        let index = logged.index();
        let mut record = match self.stretch.read(logged) {
            Entry::Decision(record) => record,
            Entry::Other => return Compared::Other,
            Entry::Unreadable => return Compared::Unreadable(index),
            Entry::Erased => return Compared::Erased(index),
            Entry::Closed => return Compared::Closed(index),
        };
        if let Err(why) = replayable(&record) {
            return Compared::Unreplayable(index, why.to_string());
        }
        let agent = &mut record.facts.subject.agent;
        if let Some(declared) = self.agents.get(&agent.id) {
            (agent.class, agent.owner) = (declared.class.clone(), declared.owner.clone());
        }
        let decision = self.candidate.redecide(&record);
        let old = &record.decision;
        let recorded = unanswered(&record.decision);
        let known = &record.facts.history.sequences;
        Compared::Decided(Box::new(Pair {
            index,
            id: record.decision.id,
            agent: record.request.subject.agent.to_string(),
            name: record.request.action.name.clone(),
            day: record.received_ms / DAY_MS,
            recorded,
            candidate: decision.enforced,
            contained: (record.decision.containment, decision.containment),
            because: because(recorded, &record.decision, &decision),
            asked: question(&record, recorded),
            asks: question(&record, decision.enforced),
            blind: self.sequences.iter().any(|name| !known.contains_key(name)),
            snapshot: old.snapshot,
            rewritten: old.obligations != decision.obligations,
            response: old.removed != decision.removed || old.playbook != decision.playbook,
            level: old.risk.level != decision.risk.level,
        }))
    }
}

/// What was enforced before people's answers were laid over it.
fn unanswered(decision: &Decision) -> Effect {
    let refused = decision.reasons.iter().any(|reason| reason.policy == APPROVALS_POLICY);
    match decision.approved.is_some() || refused && !asking(&decision.reasons).is_empty() {
        true => Effect::Ask,
        false => decision.enforced,
    }
}

/// The question that an Ask puts to a person: one for all that wait for the same answer, none where an answer was there, and none
/// where the action was rewritten first, since a person is asked about what became of it.
fn question(record: &DecisionRecord, effect: Effect) -> Option<RecordId> {
    let decision = &record.decision;
    let rewritten = would_change(&decision.obligations, &record.request.action.args);
    let asks = effect == Effect::Ask && decision.approved.is_none() && !rewritten;
    asks.then(|| decision.approval.unwrap_or(decision.id))
}

/// Who made the stricter of the two what it is: the policies whose enforced reasons have its effect.
fn because(recorded: Effect, old: &Decision, new: &Decision) -> Vec<(String, String)> {
    let (effect, stricter) = match new.enforced.cmp(&recorded) {
        std::cmp::Ordering::Equal => return Vec::new(),
        std::cmp::Ordering::Greater => (new.enforced, new),
        std::cmp::Ordering::Less => (recorded, old),
    };
    let mut seen = BTreeSet::new();
    let reasons = stricter.reasons.iter().filter(|reason| reason.effect == effect && reason.mode == Mode::Enforce);
    let reasons = reasons.filter(|reason| reason.policy != APPROVALS_POLICY && seen.insert(reason.policy.clone()));
    let short = |text: &str| text.chars().take(MESSAGE_CHARS_MAX).collect();
    reasons.map(|reason| (reason.policy.clone(), short(&reason.message))).collect()
}

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Change {
    /// It would be refused, and was not.
    Refused,
    /// A person would be asked, and it ran by itself or was refused.
    Asked,
    /// It would run by itself, and was refused or asked.
    Allowed,
}

impl Change {
    /// Every kind.
    pub(crate) const ALL: [Self; 3] = [Self::Refused, Self::Asked, Self::Allowed];

    fn of(recorded: Effect, candidate: Effect) -> Option<Self> {
        match candidate {
            _ if recorded == candidate => None,
            Effect::Deny => Some(Self::Refused),
            Effect::Ask => Some(Self::Asked),
            Effect::Allow => Some(Self::Allowed),
        }
    }

    /// In words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "newly refused",
            Self::Asked => "newly asked",
            Self::Allowed => "newly allowed",
        }
    }
}

/// A changed decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Changed {
    /// Index of the record.
    pub(crate) index: u64,
    /// Id of the decision.
    pub(crate) id: RecordId,
    /// The agent.
    pub(crate) agent: String,
    /// What it did.
    pub(crate) name: String,
    /// What happened.
    pub(crate) recorded: Effect,
    /// What would happen.
    pub(crate) candidate: Effect,
    /// Why.
    pub(crate) reasons: Vec<String>,
}

/// Counts of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) refused: u64,
    pub(crate) asked: u64,
    pub(crate) allowed: u64,
}

impl Counts {
    fn add(&mut self, change: Change) {
        let count = match change {
            Change::Refused => &mut self.refused,
            Change::Asked => &mut self.asked,
            Change::Allowed => &mut self.allowed,
        };
        *count += 1;
    }

    fn total(&self) -> u64 {
        self.refused + self.asked + self.allowed
    }

    /// Of one kind.
    pub(crate) fn of(&self, change: Change) -> u64 {
        match change {
            Change::Refused => self.refused,
            Change::Asked => self.asked,
            Change::Allowed => self.allowed,
        }
    }
}

/// Changes that one policy brings to one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    pub(crate) policy: String,
    pub(crate) agent: String,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// Changes that one policy brings to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PolicyRow {
    pub(crate) policy: String,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// Questions to people.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Questions {
    /// Days with decisions.
    pub(crate) days: u64,
    /// Questions that were asked.
    pub(crate) recorded: u64,
    /// Questions that the candidate would ask.
    pub(crate) candidate: u64,
    /// Most on one day.
    pub(crate) recorded_day_max: u64,
    /// The same of the candidate.
    pub(crate) candidate_day_max: u64,
}

#[derive(Default)]
struct Day {
    recorded: HashSet<RecordId>,
    candidate: HashSet<RecordId>,
}

/// The difference.
#[derive(Default, Serialize)]
pub(crate) struct Difference {
    /// Decisions of the stretch.
    pub(crate) decisions: u64,
    /// Of them: those to which the candidate gives the same answer.
    pub(crate) same: u64,
    /// The others.
    pub(crate) changed: Counts,
    /// Those that would take something away and did not, and the other way round.
    pub(crate) newly_contained: u64,
    /// See `newly_contained`.
    pub(crate) no_longer_contained: u64,
    /// Those whose arguments would be changed otherwise before they run.
    pub(crate) newly_rewritten: u64,
    /// Those that would take away other grants, or be responded to otherwise.
    pub(crate) other_response: u64,
    /// Those of another level of risk.
    pub(crate) other_level: u64,
    /// By policy. A decision counts for each policy that has a say in it.
    pub(crate) policies: Vec<PolicyRow>,
    /// The same by policy and agent.
    pub(crate) rows: Vec<Row>,
    /// Questions to people.
    pub(crate) questions: Questions,
    /// The first of each kind.
    pub(crate) examples: BTreeMap<Change, Vec<Changed>>,
    /// Decisions of which the candidate's new sequences know nothing.
    pub(crate) blind: u64,
    /// Those that cannot be decided again, by what is missing.
    pub(crate) unreplayable: BTreeMap<String, Named>,
    /// Records of another version.
    pub(crate) unreadable: Named,
    /// Records whose key was destroyed, which may have been decisions.
    pub(crate) erased: Named,
    /// Records whose key is not at hand, which may be decisions.
    pub(crate) closed: Named,
    /// What the candidate declares otherwise, and what is not seen: the recorded facts cannot tell.
    pub(crate) unseen: Vec<&'static str>,
    /// Index of the first record that was kept, where some that may belong to the stretch were dropped.
    pub(crate) dropped_before: Option<u64>,
    /// The snapshots that decided.
    #[serde(skip)]
    pub(crate) snapshots: BTreeSet<Digest>,
    #[serde(skip)]
    by_policy: BTreeMap<String, Counts>,
    #[serde(skip)]
    by: BTreeMap<(String, String), Counts>,
    #[serde(skip)]
    day: Option<(u64, Day)>,
}

impl Difference {
    pub(crate) fn add(&mut self, compared: Compared) {
        match compared {
            Compared::Other => {}
            Compared::Unreadable(index) => self.unreadable.add(index),
            Compared::Erased(index) => self.erased.add(index),
            Compared::Closed(index) => self.closed.add(index),
            Compared::Unreplayable(index, why) => {
                self.decisions += 1;
                self.unreplayable.entry(why).or_default().add(index);
            }
            Compared::Decided(pair) => self.decided(*pair),
        }
    }

    fn decided(&mut self, pair: Pair) {
        self.decisions += 1;
        self.blind += u64::from(pair.blind);
        if self.snapshots.len() < SNAPSHOTS_MAX {
            self.snapshots.insert(pair.snapshot);
        }
        self.newly_rewritten += u64::from(pair.rewritten);
        self.other_response += u64::from(pair.response);
        self.other_level += u64::from(pair.level);
        self.questions(&pair);
        match pair.contained {
            (old, new) if new > old => self.newly_contained += 1,
            (old, new) if new < old => self.no_longer_contained += 1,
            _ => {}
        }
        let Some(change) = Change::of(pair.recorded, pair.candidate) else {
            self.same += 1;
            return;
        };
        self.changed.add(change);
        for (policy, _) in &pair.because {
            let known = self.by_policy.len() < POLICIES_MAX || self.by_policy.contains_key(policy);
            let policy = if known { policy.as_str() } else { OTHERS };
            self.by_policy.entry(policy.to_owned()).or_default().add(change);
            let mut key = (policy.to_owned(), pair.agent.clone());
            if self.by.len() >= ROWS_MAX && !self.by.contains_key(&key) {
                OTHERS.clone_into(&mut key.1);
            }
            self.by.entry(key).or_default().add(change);
        }
        let examples = self.examples.entry(change).or_default();
        if examples.len() < EXAMPLES_MAX {
            let Pair { index, id, agent, name, recorded, candidate, because, .. } = pair;
            let reasons = because.into_iter().map(|(policy, message)| format!("{policy}: {message}")).collect();
            examples.push(Changed { index, id, agent, name, recorded, candidate, reasons });
        }
    }

    // Records come in the order of time, but for a clock that was set: a day that comes again counts as another one.
    fn questions(&mut self, pair: &Pair) {
        if self.day.as_ref().is_none_or(|(day, _)| *day != pair.day) {
            self.end_day();
            self.day = Some((pair.day, Day::default()));
        }
        let Some((_, day)) = &mut self.day else { return };
        for (set, question) in [(&mut day.recorded, pair.asked), (&mut day.candidate, pair.asks)] {
            if let Some(id) = question.filter(|_| set.len() < QUESTIONS_MAX) {
                set.insert(id);
            }
        }
    }

    fn end_day(&mut self) {
        let Some((_, day)) = self.day.take() else { return };
        let (recorded, candidate) = (day.recorded.len() as u64, day.candidate.len() as u64);
        let all = &mut self.questions;
        all.days += 1;
        all.recorded += recorded;
        all.candidate += candidate;
        all.recorded_day_max = all.recorded_day_max.max(recorded);
        all.candidate_day_max = all.candidate_day_max.max(candidate);
    }

    /// The report: most changes first.
    #[must_use]
    pub(crate) fn finish(mut self) -> Self {
        self.end_day();
        let rows = std::mem::take(&mut self.by).into_iter();
        self.rows = rows.map(|((policy, agent), counts)| Row { policy, agent, counts }).collect();
        self.rows.sort_by(|a, b| {
            let most = b.counts.total().cmp(&a.counts.total());
            most.then_with(|| (&a.policy, &a.agent).cmp(&(&b.policy, &b.agent)))
        });
        let policies = std::mem::take(&mut self.by_policy).into_iter();
        self.policies = policies.map(|(policy, counts)| PolicyRow { policy, counts }).collect();
        self.policies.sort_by(|a, b| b.counts.total().cmp(&a.counts.total()).then_with(|| a.policy.cmp(&b.policy)));
        self
    }

    /// Whether nothing would be different, and all of it could be said.
    pub(crate) fn is_empty(&self) -> bool {
        self.same == self.decisions
            && self.decisions > 0
            && self.unseen.is_empty()
            && self.newly_contained == 0
            && self.no_longer_contained == 0
            && self.newly_rewritten + self.other_response + self.other_level == 0
            && self.unreplayable.is_empty()
            && self.unreadable.count + self.erased.count + self.closed.count == 0
    }
}

impl Difference {
    /// What differs beside the answers, and what could not be decided again, one line for each.
    pub(crate) fn others(&self) -> Vec<String> {
        let count = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let mut lines: Vec<String> = [
            count(self.newly_contained, "would take something away and did not"),
            count(self.no_longer_contained, "took something away and would not"),
            count(self.newly_rewritten, "would have their arguments changed otherwise"),
            count(self.other_response, "would take away other grants, or be responded to otherwise"),
            count(self.other_level, "would be of another level of risk"),
        ]
        .into_iter()
        .flatten()
        .collect();
        lines.extend(
            self.unreplayable.iter().map(|(why, named)| format!("{} not replayable: {why} ({named})", named.count)),
        );
        for (named, what) in [
            (&self.unreadable, "of another version, not read"),
            (&self.erased, "erased, may have been decisions"),
            (&self.closed, "sealed, their keys are not here; may be decisions"),
        ] {
            lines.extend((named.count > 0).then(|| format!("{} {what} ({named})", named.count)));
        }
        lines
    }
}

impl Questions {
    /// Both sides in words.
    pub(crate) fn in_words(&self) -> String {
        format!(
            "{:.1} a day (at most {}), with the candidate {:.1} a day (at most {}), over {} {}",
            self.per_day(self.recorded),
            self.recorded_day_max,
            self.per_day(self.candidate),
            self.candidate_day_max,
            self.days,
            if self.days == 1 { "day" } else { "days" }
        )
    }

    fn per_day(&self, count: u64) -> f64 {
        count as f64 / self.days.max(1) as f64
    }
}
