//! Which sessions were there before and were forgotten.
//!
//! Who comes back after that has read what nobody remembers; it must not count as a session that has read nothing. Only
//! a hash is kept of each, and of each agent the latest ones.

use crate::sessions::lock;
use holdshort_model::AgentId;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;

/// Forgotten sessions of one agent that are told from new ones; the oldest give way.
const SESSIONS_MAX: usize = 4_096;
/// Agents whose forgotten sessions are told from new ones; the one that forgot none for the longest time gives way.
const AGENTS_MAX: usize = 512;

/// The forgotten sessions, as hashes with a secret key.
#[derive(Default)]
pub(crate) struct Forgotten {
    agents: Mutex<(u64, HashMap<AgentId, OfAgent>)>,
}

#[derive(Default)]
struct OfAgent {
    latest: u64,
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Forgotten {
    /// A session is forgotten.
    pub(crate) fn add(&self, agent: &AgentId, session: u64) {
        let mut agents = lock(&self.agents);
        let (clock, agents) = &mut *agents;
        *clock += 1;
        if !agents.contains_key(agent)
            && agents.len() >= AGENTS_MAX
            && let Some(oldest) = agents.iter().min_by_key(|(_, of)| of.latest).map(|(agent, _)| agent.clone())
        {
            agents.remove(&oldest);
        }
        let of_agent = agents.entry(agent.clone()).or_default();
        of_agent.latest = *clock;
        if of_agent.known.insert(session) {
            of_agent.order.push_back(session);
        }
        if of_agent.order.len() > SESSIONS_MAX
            && let Some(oldest) = of_agent.order.pop_front()
        {
            of_agent.known.remove(&oldest);
        }
    }

    /// Whether the agent had this session.
    pub(crate) fn has(&self, agent: &AgentId, session: u64) -> bool {
        lock(&self.agents).1.get(agent).is_some_and(|of| of.known.contains(&session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_the_forgotten_is_bounded_for_each_agent() {
        let forgotten = Forgotten::default();
        forgotten.add(&"quiet".into(), 7);
        for session in 0..SESSIONS_MAX as u64 + 10 {
            forgotten.add(&"busy".into(), session);
        }
        assert!(forgotten.has(&"quiet".into(), 7), "another agent does not push it out");
        assert!(!forgotten.has(&"busy".into(), 9) && forgotten.has(&"busy".into(), 10));
        for agent in 0..AGENTS_MAX {
            forgotten.add(&format!("a{agent}").into(), 1);
        }
        assert!(lock(&forgotten.agents).1.len() <= AGENTS_MAX);
    }
}
