//! Remembered answers.

use super::binding::asking;
use holdshort_model::{AgentId, Approval, ArgumentRole, Decision, Exception, Facts, RecordId};
use std::collections::BTreeMap;

/// Most exceptions of one agent: a person makes each of them.
pub(super) const EXCEPTIONS_PER_AGENT_MAX: usize = 500;

/// Most destinations that a remembered answer is for. Of one argument no more than 32 addresses are traced
/// (`holdshort_history`): with fewer than that there is none that was not looked at.
pub(super) const DESTINATIONS_REMEMBERED_MAX: usize = 31;
/// Text of a target that need not be part of a destination, in bytes: a person's name, a comma.
const BESIDES_BYTES_MAX: usize = 64;

/// The exceptions, by agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Exceptions {
    agents: BTreeMap<AgentId, BTreeMap<RecordId, Exception>>,
}

impl Exceptions {
    pub(super) fn add(&mut self, exception: Exception) {
        self.agents.entry(exception.agent.clone()).or_default().insert(exception.id, exception);
    }

    /// Whether the agent has as many as it may have.
    pub(super) fn is_full(&self, agent: &AgentId) -> bool {
        self.agents.get(agent).is_some_and(|all| all.len() >= EXCEPTIONS_PER_AGENT_MAX)
    }

    pub(super) fn find(&self, id: RecordId) -> Option<&Exception> {
        self.agents.values().find_map(|all| all.get(&id))
    }

    pub(super) fn revoke(&mut self, id: RecordId) {
        if let Some(exception) = self.agents.values_mut().find_map(|all| all.get_mut(&id)) {
            exception.revoked = true;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Exception> {
        self.agents.values().flat_map(BTreeMap::values)
    }

    /// Takes out those that ended before.
    pub(super) fn take_ended(&mut self, before_ms: u64) -> Vec<RecordId> {
        let ended: Vec<RecordId> = self.iter().filter(|one| one.until_ms < before_ms).map(|one| one.id).collect();
        self.agents.retain(|_, all| {
            all.retain(|id, _| !ended.contains(id));
            !all.is_empty()
        });
        ended
    }

    /// Takes out those that are asked for.
    pub(super) fn take(&mut self, wanted: impl Fn(&Exception) -> bool) -> Vec<RecordId> {
        let gone: Vec<RecordId> = self.iter().filter(|one| wanted(one)).map(|one| one.id).collect();
        self.agents.retain(|_, all| {
            all.retain(|id, _| !gone.contains(id));
            !all.is_empty()
        });
        gone
    }

    /// The exception that covers a decision that asks. `destinations`: all that the action has, asked for when everything
    /// else fits. `alike`: whether the action does what was answered.
    pub(super) fn covering(
        &self,
        decision: &Decision,
        facts: &Facts,
        destinations: &dyn Fn() -> Vec<(String, String)>,
        alike: &dyn Fn(&Exception) -> bool,
        now_ms: u64,
    ) -> Option<&Exception> {
        let of_agent = self.agents.get(&facts.subject.agent.id)?;
        let asking = asking(&decision.reasons);
        let fitting: Vec<&Exception> =
            of_agent.values().filter(|one| fits(one, &asking, decision, facts, now_ms) && alike(one)).collect();
        if fitting.is_empty() {
            return None;
        }
        let destinations = destinations();
        if !all_are_named(facts, &destinations) {
            return None;
        }
        // An answer for somebody is none for nobody: what goes nowhere is not what was looked at.
        let goes = |one: &&Exception| one.destinations.is_empty() == destinations.is_empty();
        let all = |one: &&Exception| destinations.iter().all(|place| one.destinations.contains(place));
        fitting.into_iter().find(|one| goes(one) && all(one))
    }
}

// Whether every destination of the action is among these: nothing was left out because there was too much of it.
fn all_are_named(facts: &Facts, destinations: &[(String, String)]) -> bool {
    let named: usize = destinations.iter().map(|(_, value)| value.len()).sum();
    let explained = |at: &str| match facts.action.args.pointer(at) {
        // Repeating a known address until nobody looks at the next one takes more text than that.
        Some(value) => value.as_str().is_none_or(|text| text.len() <= 2 * named + BESIDES_BYTES_MAX),
        // The entry for everything that was not traced stands at no argument.
        None => false,
    };
    destinations.len() <= DESTINATIONS_REMEMBERED_MAX
        && facts.provenance.iter().all(|(at, found)| match found.role {
            ArgumentRole::Target => explained(at),
            ArgumentRole::Content | ArgumentRole::Setting => facts.action.args.pointer(at).is_some(),
        })
}

fn fits(exception: &Exception, asking: &[&str], decision: &Decision, facts: &Facts, now_ms: u64) -> bool {
    let (subject, action) = (&facts.subject, &facts.action);
    let answers = |policy: &&str| exception.policies.iter().any(|known| known == policy);
    !exception.revoked
        && now_ms < exception.until_ms
        && subject.user.as_deref().unwrap_or_default() == exception.user
        && action.kind == exception.kind
        && action.server == exception.server
        && action.name == exception.name
        && facts.tool.as_ref().and_then(|tool| tool.definition) == exception.definition
        && !asking.is_empty()
        && asking.iter().all(answers)
        && decision.risk.score <= exception.score_max
}

/// What is remembered of an approval. `None` when no policy would be answered by it.
pub(super) fn remembered(approval: &Approval, by: &str, reason: &str, until_ms: u64) -> Option<Exception> {
    let policies: Vec<String> = asking(&approval.reasons).into_iter().map(str::to_owned).collect();
    (!policies.is_empty()).then(|| Exception {
        id: approval.id,
        agent: approval.agent.clone(),
        user: approval.user.clone().unwrap_or_default(),
        kind: approval.kind,
        server: approval.server.clone(),
        name: approval.name.clone(),
        definition: approval.definition,
        destinations: approval.destinations.clone(),
        policies,
        score_max: approval.risk.score,
        until_ms,
        by: by.to_owned(),
        reason: reason.to_owned(),
        revoked: false,
    })
}
