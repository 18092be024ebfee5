//! What each policy did in a stretch of records: how often, for whom, how risky, and what people made of it.
//!
//! A fold over records. The suggestion goes by fixed borders that stand here with their reasons; a person decides.

use holdshort_model::{ApprovalRecord, Decision, DecisionRecord, Effect, Level, Mode, Record, RecordId};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// A policy that was only observed for less than this says little: a week shows the working days and the weekend.
const WATCH_MS: u64 = 7 * 24 * 3_600_000;
/// Fewer decisions than this say little.
const DECISIONS_MIN: u64 = 500;
/// From this share of decisions on, in permille, a policy fires too often to be enforced without refining it.
const OFTEN_PERMILLE: u64 = 20;
/// Answers of people from which on they say something.
const ANSWERS_MIN: u64 = 10;
/// Share of yes, in percent, from which on the question only wears people out.
const YES_PERCENT: u64 = 95;
/// Agents that are named; the rest is counted.
const AGENTS_MAX: usize = 1_000;
/// Decisions that are kept to be matched with people's answers.
const PENDING_MAX: usize = 100_000;
/// Decisions that are named as examples.
const EXAMPLES_MAX: usize = 3;

/// What all policies did.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Decisions that were looked at.
    pub(crate) decisions: u64,
    /// When the first and the last of them were made, in milliseconds since 1970.
    pub(crate) from_ms: u64,
    /// See `from_ms`.
    pub(crate) to_ms: u64,
    /// The policies that fired, rare and risky ones first.
    pub(crate) policies: Vec<PolicyFirings>,
    /// Records that could not be looked at.
    pub(crate) skipped: crate::skipped::Skipped,
    #[serde(skip)]
    by_policy: BTreeMap<String, PolicyFirings>,
    #[serde(skip)]
    asked_by: HashMap<RecordId, Vec<String>>,
}

/// What one policy did.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PolicyFirings {
    /// Its name.
    pub(crate) policy: String,
    /// Its mode at the last decision.
    pub(crate) mode: Mode,
    /// Decisions in which it fired.
    pub(crate) fired: u64,
    /// Of them: it wanted a refusal, a person, nothing.
    pub(crate) wanted: ByEffect,
    /// Of them: actions that ran and would not have, had it been enforced.
    pub(crate) would_have_stopped: u64,
    /// Of them: actions that nobody but it stopped.
    pub(crate) stopped_alone: u64,
    /// Of them, by level of risk.
    pub(crate) risk: ByLevel,
    /// How often each agent met it.
    pub(crate) agents: BTreeMap<String, u64>,
    /// Questions of it that people said yes to, remembered answers included.
    pub(crate) approved: u64,
    /// Questions of it that people said no to.
    pub(crate) refused: u64,
    /// The latest decisions.
    pub(crate) examples: Vec<RecordId>,
    /// What to do with it.
    pub(crate) suggestion: Suggestion,
    /// Why.
    pub(crate) because: String,
}

/// Counts by what was wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ByEffect {
    pub(crate) deny: u64,
    pub(crate) ask: u64,
    pub(crate) note: u64,
}

/// Counts by level of risk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ByLevel {
    pub(crate) low: u64,
    pub(crate) medium: u64,
    pub(crate) high: u64,
    pub(crate) critical: u64,
}

/// What to do with a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Suggestion {
    /// Go on as it is.
    #[default]
    Keep,
    /// Look longer.
    Watch,
    /// Enforce it.
    Promote,
    /// Make it narrower first: it meets ordinary work.
    Refine,
    /// People say yes to nearly everything: remember answers, or narrow the question.
    AskLess,
}

impl Suggestion {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Watch => "watch",
            Self::Promote => "promote",
            Self::Refine => "refine",
            Self::AskLess => "ask less",
        }
    }
}

impl Report {
    /// Takes a record in. Records come in their order.
    pub(crate) fn add(&mut self, record: &Record) {
        match record {
            Record::Decision(decision) => self.decision(decision),
            Record::Approval(approval) => self.answer(approval),
            _ => {}
        }
    }

    fn decision(&mut self, record: &DecisionRecord) {
        let DecisionRecord { received_ms, request, decision, .. } = record;
        if self.decisions == 0 {
            self.from_ms = *received_ms;
        }
        self.decisions += 1;
        self.to_ms = self.to_ms.max(*received_ms);
        let mut names: Vec<&str> = decision.reasons.iter().map(|reason| reason.policy.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in &names {
            let firings = self.by_policy.entry((*name).to_owned()).or_default();
            firings.note(name, decision, request.subject.agent.as_str());
        }
        if decision.effect == Effect::Ask && self.asked_by.len() < PENDING_MAX {
            let asked = decision.reasons.iter().filter(|reason| reason.effect == Effect::Ask);
            self.asked_by.insert(decision.id, asked.map(|reason| reason.policy.clone()).collect());
        }
    }

    fn answer(&mut self, approval: &ApprovalRecord) {
        let Some(answer) = &approval.answer else { return };
        for policy in self.asked_by.get(&approval.decision).into_iter().flatten() {
            if let Some(firings) = self.by_policy.get_mut(policy) {
                let count = if answer.approved { &mut firings.approved } else { &mut firings.refused };
                *count += 1;
            }
        }
    }

    /// Puts the policies in order, rare and risky first, with a suggestion for each.
    pub(crate) fn finish(mut self) -> Self {
        let (decisions, watched_ms) = (self.decisions, self.to_ms.saturating_sub(self.from_ms));
        self.policies = std::mem::take(&mut self.by_policy).into_values().collect();
        for firings in &mut self.policies {
            let (suggestion, because) = firings.judge(decisions, watched_ms);
            (firings.suggestion, firings.because) = (suggestion, because);
        }
        self.policies.sort_by_key(|one| (std::cmp::Reverse(one.risky_permille()), one.fired, one.policy.clone()));
        self
    }
}

impl PolicyFirings {
    fn note(&mut self, policy: &str, decision: &Decision, agent: &str) {
        let mine = || decision.reasons.iter().filter(|reason| reason.policy == policy);
        let wanted = mine().map(|reason| reason.effect).max().unwrap_or(Effect::Allow);
        let observed = mine().all(|reason| reason.mode == Mode::Observe);
        self.policy = policy.to_owned();
        self.mode = if observed { Mode::Observe } else { Mode::Enforce };
        self.fired += 1;
        match wanted {
            Effect::Deny => self.wanted.deny += 1,
            Effect::Ask => self.wanted.ask += 1,
            Effect::Allow => self.wanted.note += 1,
        }
        match decision.risk.level {
            Level::Low => self.risk.low += 1,
            Level::Medium => self.risk.medium += 1,
            Level::High => self.risk.high += 1,
            Level::Critical => self.risk.critical += 1,
        }
        self.would_have_stopped += u64::from(observed && wanted > decision.enforced);
        let others = |reason: &holdshort_model::Reason| reason.policy != policy && reason.mode == Mode::Enforce;
        let strictest_other = decision.reasons.iter().filter(|reason| others(reason)).map(|reason| reason.effect).max();
        let alone =
            !observed && decision.enforced > Effect::Allow && strictest_other.is_none_or(|e| e < decision.enforced);
        self.stopped_alone += u64::from(alone);
        if self.agents.len() < AGENTS_MAX || self.agents.contains_key(agent) {
            *self.agents.entry(agent.to_owned()).or_default() += 1;
        }
        self.approved += u64::from(decision.approved.as_ref().is_some_and(|used| used.remembered));
        self.examples.insert(0, decision.id);
        self.examples.truncate(EXAMPLES_MAX);
    }

    /// Share of firings at medium risk or more.
    fn risky_permille(&self) -> u64 {
        (self.risk.medium + self.risk.high + self.risk.critical) * 1_000 / self.fired.max(1)
    }

    fn judge(&self, decisions: u64, watched_ms: u64) -> (Suggestion, String) {
        let share = self.fired * 1_000 / decisions.max(1);
        let answers = self.approved + self.refused;
        match self.mode {
            Mode::Enforce if answers >= ANSWERS_MIN && self.approved * 100 >= answers * YES_PERCENT => {
                let because = format!("people said yes to {} of {answers} questions", self.approved);
                (Suggestion::AskLess, because)
            }
            Mode::Enforce => (Suggestion::Keep, "it is enforced".into()),
            Mode::Observe if self.would_have_stopped == 0 => {
                (Suggestion::Keep, "it would have stopped nothing that ran".into())
            }
            Mode::Observe if decisions < DECISIONS_MIN || watched_ms < WATCH_MS => {
                let days = watched_ms / (24 * 3_600_000);
                let because = format!("{decisions} decisions in {days} days; look at {DECISIONS_MIN} in 7 days first");
                (Suggestion::Watch, because)
            }
            Mode::Observe if share >= OFTEN_PERMILLE => {
                let percent = share as f64 / 10.0;
                (Suggestion::Refine, format!("it fires in {percent} % of all decisions, which is ordinary work"))
            }
            Mode::Observe => {
                let because = format!(
                    "it would have stopped {} of {decisions} actions, {} % of them risky",
                    self.would_have_stopped,
                    self.risky_permille() / 10
                );
                (Suggestion::Promote, because)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_model::{Answer, ApprovalState, Digest};
    use serde_json::json;

    const HOUR: u64 = 3_600_000;

    /// `reasons`: policy, effect and mode.
    fn decision(number: u64, agent: &str, score: u8, enforced: &str, reasons: &[(&str, &str, &str)]) -> Record {
        let level = match score {
            0..40 => "low",
            40..65 => "medium",
            65..85 => "high",
            _ => "critical",
        };
        let effect =
            reasons.iter().map(|reason| reason.1).max_by_key(|e| ["allow", "ask", "deny"].iter().position(|x| x == e));
        let reasons: Vec<_> = reasons
            .iter()
            .map(|(policy, effect, mode)| json!({"policy": policy, "message": "m", "effect": effect, "mode": mode}))
            .collect();
        let id = RecordId::from_parts(number + 1, u128::from(number));
        serde_json::from_value(json!({
            "type": "decision", "version": 1, "sequence": 0, "received_ms": number * HOUR, "deciding_ns": 1,
            "request": {"subject": {"agent": agent}, "action": {"kind": "tool.call", "name": "t"}, "session": "s"},
            "facts": {
                "subject": {"agent": {"id": agent, "class": "c"}, "session": "s", "authenticated_by": "token", "standing": "active"},
                "action": {"kind": "tool.call", "name": "t", "effects": [], "args": {}},
                "context": {"time": 0, "enforcement_point": "e"},
            },
            "decision": {
                "id": id, "effect": effect.unwrap_or("allow"), "enforced": enforced, "mode": "enforce",
                "risk": {"score": score, "level": level, "parts": []}, "reasons": reasons, "snapshot": Digest::of(b""),
            },
            "build": {"version": "1"},
        }))
        .unwrap()
    }

    fn answered(number: u64, approved: bool) -> Record {
        let id = RecordId::from_parts(number + 1, u128::from(number));
        let answer = Some(Answer { by: "ann".into(), approved, reason: String::new(), at_ms: 0 });
        Record::Approval(Box::new(ApprovalRecord {
            time_ms: 0,
            id,
            event: "answered".into(),
            state: ApprovalState::Approved,
            binding: Digest::of(b""),
            decision: id,
            agent: "a".into(),
            session: "s".into(),
            answer,
            exception: None,
        }))
    }

    fn report(records: impl IntoIterator<Item = Record>) -> Report {
        let mut report = Report::default();
        records.into_iter().for_each(|record| report.add(&record));
        report.finish()
    }

    #[test]
    fn rare_and_risky_ones_come_first() {
        let report = report([
            decision(0, "a", 10, "allow", &[("often", "deny", "observe")]),
            decision(1, "b", 10, "allow", &[("often", "deny", "observe")]),
            decision(2, "a", 70, "deny", &[("risky", "deny", "enforce"), ("often", "deny", "observe")]),
        ]);
        let names: Vec<_> = report.policies.iter().map(|one| one.policy.as_str()).collect();
        assert_eq!((names, report.decisions, report.to_ms), (vec!["risky", "often"], 3, 2 * HOUR));
        let often = &report.policies[1];
        assert_eq!((often.fired, often.would_have_stopped, often.risk.low, often.risk.high), (3, 2, 2, 1));
        assert_eq!(often.agents, BTreeMap::from([("a".into(), 2), ("b".into(), 1)]));
        assert_eq!(report.policies[0].stopped_alone, 1);
    }

    #[test]
    fn suggestions_go_by_time_share_and_answers() {
        let quiet = |from: u64, to: u64| (from..to).map(|number| decision(number, "a", 0, "allow", &[]));
        let fires = |number, score| decision(number, "a", score, "allow", &[("p", "deny", "observe")]);
        let judged = |records: Vec<Record>| report(records).policies[0].suggestion;
        assert_eq!(judged(vec![fires(0, 70)]), Suggestion::Watch);
        assert_eq!(judged(quiet(0, 999).chain([fires(999, 70)]).collect()), Suggestion::Promote);
        assert_eq!(judged(quiet(0, 500).chain((500..600).map(|n| fires(n, 0))).collect()), Suggestion::Refine);
        let stopped_anyway = decision(0, "a", 70, "deny", &[("p", "ask", "observe"), ("z", "deny", "enforce")]);
        let report = report([stopped_anyway]);
        assert_eq!(report.policies[0].suggestion, Suggestion::Keep);
    }

    #[test]
    fn what_people_approved_anyway_is_counted() {
        let ask = |number| decision(number, "a", 45, "ask", &[("p", "ask", "enforce")]);
        let records = (0..20).flat_map(|number| [ask(number), answered(number, number != 7)]);
        let firings = report(records).policies[0].clone();
        assert_eq!((firings.approved, firings.refused, firings.suggestion), (19, 1, Suggestion::AskLess));
    }
}
