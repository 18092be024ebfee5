//! All questions and answers: grouped, bounded, answered, used once, ended.

mod erasing;

use super::binding::{asking, binding, wanted};
use super::exceptions::{DESTINATIONS_REMEMBERED_MAX, Exceptions};
use super::limits::ApprovalLimits;
use super::past::{COUNTED_MS, HOUR_MS, Past};
use super::readable::readable;
use super::state::{is_final, may_become};
use super::store::{ApprovalChange, Kept};
use holdshort_model::{
    ActionEffect, AgentId, Approval, ApprovalHistory, ApprovalState, Approved, Decision, Digest, Effect, Exception,
    Facts, Level, Mode, Reason, RecordId, SessionId,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Most questions that wait, of all agents.
const PENDING_ALL_MAX: usize = 2_000;
/// Most questions of one agent that are over and still shown.
const ENDED_PER_AGENT_MAX: usize = 500;
/// Most questions that are over and still shown.
const ENDED_MAX: usize = 20_000;
/// How long a refusal answers the same question again, in milliseconds: an hour. A person who said no is not asked
/// until they say yes.
const REFUSED_HOLDS_MS: u64 = 3_600_000;
/// Longest destinations that an approval names, in bytes together.
const DESTINATION_BYTES_MAX: usize = 16 * 1024;
/// Longest effects that an approval shows, in bytes of JSON together. The binding has all of them.
const EFFECT_BYTES_MAX: usize = 16 * 1024;
/// Most arguments of which an approval says where they come from.
const PROVENANCE_MAX: usize = 64;
/// Longest texts of an approval that come from policies, in characters.
const MESSAGE_CHARS_MAX: usize = 1_000;
/// Most reasons that an approval names, besides one of each policy that asks.
const REASONS_MAX: usize = 20;

/// What becomes of an action that asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It counts as approved. `used`: the approval that it took; absent when the answer was a remembered one.
    Approved {
        /// Whose answer it rests on.
        approved: Approved,
        /// The approval, used up.
        used: Option<Arc<Approval>>,
    },
    /// It waits for a person.
    Waiting {
        /// The approval.
        id: RecordId,
        /// The approval, when it is a new one.
        asked: Option<Arc<Approval>>,
    },
    /// Nobody is asked.
    Refused {
        /// Why, as the agent reads it.
        why: String,
    },
}

/// The questions and their answers, in memory.
#[derive(Clone, Debug, Default)]
pub struct Book {
    pub(super) limits: ApprovalLimits,
    high_ms: u64,
    all: BTreeMap<RecordId, Arc<Approval>>,
    by_binding: HashMap<Digest, Vec<RecordId>>,
    /// Those that are not over, by the time of their end.
    ends: BTreeSet<(u64, RecordId)>,
    agents: BTreeMap<AgentId, OfAgent>,
    pending: usize,
    approved: usize,
    ended: usize,
    /// Those that an answer is being written for: they do not end meanwhile.
    pub(super) held: HashSet<RecordId>,
    pub(super) exceptions: Exceptions,
    forgotten: Vec<ApprovalChange>,
    /// When it was last looked for what need not be kept.
    forgot_ms: u64,
}

#[derive(Clone, Debug, Default)]
struct OfAgent {
    past: Past,
    /// Those that are over, in the order of their end.
    ended: VecDeque<RecordId>,
}

impl Book {
    /// The book of what was kept.
    pub fn new(limits: ApprovalLimits, kept: Kept) -> Self {
        let mut book = Self { limits, high_ms: kept.high_ms, ..Self::default() };
        for approval in kept.approvals {
            book.take_up(approval);
        }
        kept.exceptions.into_iter().for_each(|exception| book.exceptions.add(exception));
        book
    }

    /// Other bounds from now on. What was asked before keeps its end.
    pub fn set_limits(&mut self, limits: ApprovalLimits) {
        self.limits = limits;
    }

    /// The highest time so far. INVARIANT: a clock that jumps back revives nothing.
    pub fn time(&mut self, now_ms: u64) -> u64 {
        self.high_ms = self.high_ms.max(now_ms);
        self.high_ms
    }

    /// What becomes of a decision whose `enforced` is Ask. `destinations`: all destinations of the action.
    pub fn ask(
        &mut self,
        decision: &Decision,
        facts: &Facts,
        destinations: &dyn Fn() -> Vec<(String, String)>,
        now_ms: u64,
    ) -> Reply {
        let now_ms = self.time(now_ms);
        let binding = binding(decision, facts);
        let same: Vec<Arc<Approval>> = self.bound(&binding).cloned().collect();
        let wanted = wanted(facts);
        if let Some(why) = self.refused_lately(&facts.subject.agent.id, &wanted, now_ms) {
            return Reply::Refused { why };
        }
        let asks = asking(&decision.reasons);
        let level = decision.risk.level;
        let fits = |one: &&Arc<Approval>| covers(one, &asks, level) && now_ms < one.expires_ms;
        let mut fitting = same.iter().filter(fits);
        if let Some(found) = fitting.clone().find(|one| one.state == ApprovalState::Approved)
            && let Some(used) = self.end(found.id, ApprovalState::Used, now_ms)
        {
            let approved = Approved { id: used.id, by: approvers(&used), remembered: false };
            return Reply::Approved { approved, used: Some(used) };
        }
        let alike = |exception: &Exception| {
            self.all.get(&exception.id).is_some_and(|answered| does_the_same(answered, &facts.action.effects))
        };
        if let Some(exception) = self.exceptions.covering(decision, facts, destinations, &alike, now_ms) {
            let approved = Approved { id: exception.id, by: exception.by.clone(), remembered: true };
            return Reply::Approved { approved, used: None };
        }
        if let Some(found) = fitting.find(|one| one.state == ApprovalState::Pending) {
            return self.repeat(found.id);
        }
        if let Some(why) = self.too_much(&facts.subject.agent.id, now_ms) {
            return Reply::Refused { why };
        }
        let approval = Arc::new(self.question(decision, facts, (binding, wanted), destinations(), now_ms));
        self.agents.entry(approval.agent.clone()).or_default().past.note_asked(now_ms);
        self.put(approval.clone());
        Reply::Waiting { id: approval.id, asked: Some(approval) }
    }

    /// Uses up the approval of exactly this action, when the action runs without needing it any more: what a person said
    /// yes to once does not lie about.
    pub fn consume(&mut self, decision: &Decision, facts: &Facts, now_ms: u64) -> Option<Arc<Approval>> {
        let now_ms = self.time(now_ms);
        if !self.has_approved(&facts.subject.agent.id, &facts.subject.session) {
            return None;
        }
        let binding = binding(decision, facts);
        let found = self.bound(&binding).find(|one| one.state == ApprovalState::Approved)?.id;
        self.end(found, ApprovalState::Used, now_ms)
    }

    /// What people answered when this agent asked before.
    pub fn history(&mut self, agent: &AgentId, server: Option<&str>, name: &str, now_ms: u64) -> ApprovalHistory {
        let now_ms = self.time(now_ms);
        let limits = self.limits;
        let Some(of_agent) = self.agents.get_mut(agent) else { return ApprovalHistory::default() };
        let asked = of_agent.past.asked_lately(now_ms);
        let mut history = of_agent.past.history(server, name, now_ms);
        history.flooding = history.pending >= limits.pending_max || asked >= limits.per_hour_max as usize;
        history
    }

    /// Ends what nobody answered or used in time; each of them, as it is now.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Arc<Approval>> {
        let now_ms = self.time(now_ms);
        let over = self.ends.iter().take_while(|(end, _)| *end <= now_ms).map(|(_, id)| *id);
        let over: Vec<RecordId> = over.filter(|id| !self.held.contains(id)).collect();
        over.into_iter().filter_map(|id| self.end(id, ApprovalState::Expired, now_ms)).collect()
    }

    /// When the next one ends by itself, in milliseconds since 1970.
    pub fn next_end_ms(&self) -> Option<u64> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// What need not be kept any longer, each change once.
    pub fn take_forgotten(&mut self, now_ms: u64) -> Vec<ApprovalChange> {
        let now_ms = self.time(now_ms);
        // Looked for once an hour: it goes through all that is over.
        if now_ms >= self.forgot_ms.saturating_add(HOUR_MS) {
            self.forgot_ms = now_ms;
            self.forget_old(now_ms.saturating_sub(COUNTED_MS));
        }
        std::mem::take(&mut self.forgotten)
    }

    fn forget_old(&mut self, before_ms: u64) {
        let old: Vec<RecordId> = self
            .agents
            .values()
            .flat_map(|of_agent| of_agent.ended.iter())
            .filter(|id| self.all.get(id).is_some_and(|one| one.expires_ms < before_ms))
            .copied()
            .collect();
        old.into_iter().for_each(|id| self.forget(id));
        let ended = self.exceptions.take_ended(before_ms);
        self.forgotten.extend(ended.into_iter().map(ApprovalChange::ForgetException));
    }

    /// The approval.
    pub fn find(&self, id: RecordId) -> Option<&Arc<Approval>> {
        self.all.get(&id)
    }

    /// All approvals, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Approval>> {
        self.all.values().rev()
    }

    /// All exceptions, by agent.
    pub fn exceptions(&self) -> impl Iterator<Item = &Exception> {
        self.exceptions.iter()
    }

    /// Takes back a question that could not be kept: as if it had never been asked, except that it counts as asked.
    pub fn withdraw(&mut self, id: RecordId) {
        if self.all.get(&id).is_some_and(|one| one.state == ApprovalState::Pending) {
            self.take(id);
        }
    }

    /// Whether a session has an approval that was not used yet.
    pub fn has_approved(&self, agent: &AgentId, session: &SessionId) -> bool {
        self.approved > 0
            && self
                .ends
                .iter()
                .filter_map(|(_, id)| self.all.get(id))
                .any(|one| one.state == ApprovalState::Approved && one.agent == *agent && one.session == *session)
    }

    /// Brings an approval into another state that it may come to be in. `None` when it may not.
    pub(super) fn change(&mut self, next: Approval, now_ms: u64) -> Option<Arc<Approval>> {
        let before = self.all.get(&next.id)?;
        if !may_become(before.state, next.state) {
            return None;
        }
        // An approval that nobody used in time was answered all the same.
        let counts = match next.state {
            ApprovalState::Expired => before.state == ApprovalState::Pending,
            _ => before.state != next.state,
        };
        self.take(next.id);
        let next = Arc::new(next);
        if counts {
            self.agents.entry(next.agent.clone()).or_default().past.note(&next, now_ms);
        }
        self.put(next.clone());
        Some(next)
    }

    fn end(&mut self, id: RecordId, state: ApprovalState, now_ms: u64) -> Option<Arc<Approval>> {
        let mut next = Approval::clone(self.all.get(&id)?);
        next.state = state;
        erase(&mut next);
        self.change(next, now_ms)
    }

    // An approval that was kept, with what its past counts for.
    fn take_up(&mut self, approval: Approval) {
        self.high_ms = approval.answers.iter().map(|answer| answer.at_ms).fold(self.high_ms, u64::max);
        self.high_ms = self.high_ms.max(approval.asked_ms);
        let past = &mut self.agents.entry(approval.agent.clone()).or_default().past;
        past.note_asked(approval.asked_ms);
        let answered_ms = approval.answers.last().map(|answer| answer.at_ms);
        let was = match approval.state {
            ApprovalState::Used => ApprovalState::Approved,
            ApprovalState::Expired if answered_ms.is_some() => ApprovalState::Approved,
            other => other,
        };
        let counted = Approval { state: was, ..approval.clone() };
        past.note(&counted, answered_ms.unwrap_or(approval.expires_ms));
        self.put(Arc::new(approval));
    }

    fn repeat(&mut self, id: RecordId) -> Reply {
        let max = self.limits.repeats_max;
        let Some(approval) = self.all.get_mut(&id) else {
            return Reply::Refused { why: "the question is gone; ask again".into() };
        };
        if approval.asked >= max {
            let why = format!("this was asked {} times and waits for a person (approval {id}); wait", approval.asked);
            return Reply::Refused { why };
        }
        Arc::make_mut(approval).asked += 1;
        Reply::Waiting { id, asked: None }
    }

    fn too_much(&mut self, agent: &AgentId, now_ms: u64) -> Option<String> {
        let ApprovalLimits { pending_max, per_hour_max, .. } = self.limits;
        if self.pending >= PENDING_ALL_MAX {
            return Some(format!("{PENDING_ALL_MAX} questions wait for people already; this one is not asked"));
        }
        let past = &mut self.agents.get_mut(agent)?.past;
        if past.pending >= pending_max {
            let pending = past.pending;
            return Some(format!("{pending} questions of this agent wait for a person already; wait for the answers"));
        }
        let asked = past.asked_lately(now_ms);
        (asked >= per_hour_max as usize)
            .then(|| format!("this agent asked {asked} different questions within an hour; people are not asked more"))
    }

    fn question(
        &self,
        decision: &Decision,
        facts: &Facts,
        (binding, wanted): (Digest, Digest),
        destinations: Vec<(String, String)>,
        now_ms: u64,
    ) -> Approval {
        let (subject, action) = (&facts.subject, &facts.action);
        let two = self.limits.second_person_from.is_some_and(|from| decision.risk.level >= from);
        Approval {
            id: decision.id,
            state: ApprovalState::Pending,
            binding,
            wanted: Some(wanted),
            decision: decision.id,
            agent: subject.agent.id.clone(),
            session: subject.session.clone(),
            user: subject.user.clone(),
            kind: action.kind,
            server: action.server.clone(),
            name: action.name.clone(),
            definition: facts.tool.as_ref().and_then(|tool| tool.definition),
            args: readable(&action.args),
            provenance: facts
                .provenance
                .iter()
                .take(PROVENANCE_MAX)
                .map(|(at, one)| (at.clone(), one.clone()))
                .collect(),
            effects: shown(&action.effects),
            destinations: named(destinations),
            reasons: reasons(&decision.reasons),
            risk: decision.risk.clone(),
            snapshot: decision.snapshot,
            asked: 1,
            asked_ms: now_ms,
            expires_ms: now_ms.saturating_add(self.limits.wait_ms),
            people_needed: if two { 2 } else { 1 },
            answers: Vec::new(),
        }
    }

    // Whether a person said no to the same wish within the hour, in whatever session. Those that are over are bounded.
    fn refused_lately(&self, agent: &AgentId, wanted: &Digest, now_ms: u64) -> Option<String> {
        let ended = self.agents.get(agent)?.ended.iter().rev().filter_map(|id| self.all.get(id));
        ended.filter(|one| one.wanted.as_ref() == Some(wanted)).find_map(|one| refused_lately(one, now_ms))
    }

    fn bound(&self, binding: &Digest) -> impl Iterator<Item = &Arc<Approval>> {
        self.by_binding.get(binding).into_iter().flatten().filter_map(|id| self.all.get(id))
    }

    // The indices follow the approvals: nothing else puts one in or takes one out.
    fn put(&mut self, approval: Arc<Approval>) {
        let id = approval.id;
        let of_agent = self.agents.entry(approval.agent.clone()).or_default();
        self.by_binding.entry(approval.binding).or_default().push(id);
        match approval.state {
            ApprovalState::Pending => {
                self.pending += 1;
                of_agent.past.pending += 1;
            }
            ApprovalState::Approved => self.approved += 1,
            ApprovalState::Refused | ApprovalState::Expired | ApprovalState::Used => {
                self.ended += 1;
                of_agent.ended.push_back(id);
            }
        }
        if !is_final(approval.state) {
            self.ends.insert((approval.expires_ms, id));
        }
        let agent = approval.agent.clone();
        self.all.insert(id, approval);
        self.make_room(&agent);
    }

    fn take(&mut self, id: RecordId) -> Option<Arc<Approval>> {
        let approval = self.all.remove(&id)?;
        self.ends.remove(&(approval.expires_ms, id));
        if let Some(same) = self.by_binding.get_mut(&approval.binding) {
            same.retain(|other| *other != id);
            if same.is_empty() {
                self.by_binding.remove(&approval.binding);
            }
        }
        let of_agent = self.agents.entry(approval.agent.clone()).or_default();
        match approval.state {
            ApprovalState::Pending => {
                self.pending = self.pending.saturating_sub(1);
                of_agent.past.pending = of_agent.past.pending.saturating_sub(1);
            }
            ApprovalState::Approved => self.approved = self.approved.saturating_sub(1),
            ApprovalState::Refused | ApprovalState::Expired | ApprovalState::Used => {
                self.ended = self.ended.saturating_sub(1);
                of_agent.ended.retain(|other| *other != id);
            }
        }
        Some(approval)
    }

    // Of the agent whose list is full; else of the one that has most: no agent pushes out what is known of another.
    fn make_room(&mut self, agent: &AgentId) {
        let full = self.agents.get(agent).is_some_and(|of_agent| of_agent.ended.len() > ENDED_PER_AGENT_MAX);
        let from = match (full, self.ended > ENDED_MAX) {
            (true, _) => Some(agent.clone()),
            (false, true) => self.agents.iter().max_by_key(|(_, all)| all.ended.len()).map(|(id, _)| id.clone()),
            (false, false) => None,
        };
        let oldest = from.and_then(|from| self.agents.get(&from)?.ended.front().copied());
        if let Some(oldest) = oldest {
            self.forget(oldest);
        }
    }

    fn forget(&mut self, id: RecordId) {
        if self.take(id).is_some() {
            self.forgotten.push(ApprovalChange::Forget(id));
        }
    }
}

/// Session of an ended approval of which was taken out who it was for and what it was about.
pub const ERASED_SESSION: &str = crate::whose::ERASED;

/// What only a waiting question needs goes with it.
pub(super) fn erase(approval: &mut Approval) {
    approval.args = serde_json::Value::Null;
    approval.provenance.clear();
}

/// Who approved, joined.
pub(super) fn approvers(approval: &Approval) -> String {
    let names: Vec<&str> =
        approval.answers.iter().filter(|answer| answer.approved).map(|answer| answer.by.as_str()).collect();
    names.join(", ")
}

// A person answered these policies' questions at this level of risk, and no others. Below high nothing else is asked of
// who approves, and a refusal of something else may have moved it meanwhile.
fn covers(approval: &Approval, asks: &[&str], level: Level) -> bool {
    let answered = asking(&approval.reasons);
    asks.iter().all(|policy| answered.contains(policy)) && level <= approval.risk.level.max(Level::Medium)
}

// Whether an action does no other things than the one that was answered. What goes nowhere does it to the same things as
// well: nothing else says what the answer was for. Once the approval is forgotten or erased nobody knows, and a person is
// asked.
fn does_the_same(answered: &Approval, effects: &[ActionEffect]) -> bool {
    if answered.session.as_str() == ERASED_SESSION {
        return false;
    }
    let kinds =
        |one: &ActionEffect, other: &ActionEffect| one.verb == other.verb && one.resource.kind == other.resource.kind;
    match answered.destinations.is_empty() {
        true => answered.effects == effects,
        false => effects.iter().all(|effect| answered.effects.iter().any(|known| kinds(known, effect))),
    }
}

fn refused_lately(approval: &Approval, now_ms: u64) -> Option<String> {
    let answer = approval.answers.last().filter(|_| approval.state == ApprovalState::Refused)?;
    if now_ms >= answer.at_ms.saturating_add(REFUSED_HOLDS_MS) {
        return None;
    }
    let because = if answer.reason.is_empty() { String::new() } else { format!(": {}", answer.reason) };
    Some(format!("a person refused this{because}; do not ask again"))
}

// INVARIANT: every policy that asks is among them: what an answer covers is read from them.
fn reasons(all: &[Reason]) -> Vec<Reason> {
    let mut seen = BTreeSet::new();
    let asks = |reason: &Reason| reason.effect == Effect::Ask && reason.mode == Mode::Enforce;
    let (mut named, rest): (Vec<Reason>, Vec<Reason>) =
        all.iter().cloned().partition(|reason| asks(reason) && seen.insert(reason.policy.clone()));
    let room = REASONS_MAX.saturating_sub(named.len());
    named.extend(rest.into_iter().take(room));
    for Reason { message, .. } in &mut named {
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_CHARS_MAX) {
            message.truncate(end);
        }
    }
    named
}

// Left out altogether, not cut: a remembered answer must not look as if it were for all of them.
fn named(destinations: Vec<(String, String)>) -> Vec<(String, String)> {
    let bytes: usize = destinations.iter().map(|(kind, value)| kind.len() + value.len()).sum();
    if destinations.len() > DESTINATIONS_REMEMBERED_MAX || bytes > DESTINATION_BYTES_MAX {
        Vec::new()
    } else {
        destinations
    }
}

fn shown(effects: &[ActionEffect]) -> Vec<ActionEffect> {
    let mut left = EFFECT_BYTES_MAX;
    let mut fits = |effect: &&ActionEffect| {
        let bytes = serde_json::to_string(effect).map_or(usize::MAX, |text| text.len());
        left = left.saturating_sub(bytes);
        left > 0
    };
    effects.iter().take_while(|effect| fits(effect)).cloned().collect()
}
