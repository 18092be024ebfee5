//! What all sessions together may remember.
//!
//! Over the budget, states are reduced: what they have seen is given up, what they are labelled with stays, and each says
//! that it forgot something. Of the agent whose sessions remember most, the one that was idle longest comes first, so that
//! nobody's many sessions cost another agent its memory.

use crate::sessions::{Session, Sessions};
use holdshort_model::AgentId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The budget and what was used of it.
pub(crate) struct Budget {
    bytes_max: usize,
    used: AtomicUsize,
    reduced: AtomicU64,
    reducing: Mutex<()>,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, used: AtomicUsize::new(0), reduced: AtomicU64::new(0), reducing: Mutex::default() }
    }

    /// What the states take, in bytes.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many states were reduced since the start.
    pub(crate) fn reduced(&self) -> u64 {
        self.reduced.load(Ordering::Relaxed)
    }

    /// A session's state takes `bytes` now. The caller holds no session.
    pub(crate) fn note(&self, sessions: &Sessions, session: &Session, bytes: usize) {
        let before = session.bytes.swap(bytes, Ordering::Relaxed);
        let used = match bytes.checked_sub(before) {
            Some(more) => self.used.fetch_add(more, Ordering::Relaxed).saturating_add(more),
            None => self.used.fetch_sub(before - bytes, Ordering::Relaxed).saturating_sub(before - bytes),
        };
        // One at a time; whoever comes meanwhile is counted by the next one.
        if used > self.bytes_max
            && let Ok(_reducing) = self.reducing.try_lock()
        {
            self.reduce(sessions);
        }
    }

    /// Goes down to seven eighths, so that the next sessions do not cause it again at once.
    fn reduce(&self, sessions: &Sessions) {
        let all = sessions.all();
        let sum = |sessions: &[Arc<Session>]| -> usize {
            sessions.iter().map(|session| session.bytes.load(Ordering::Relaxed)).sum()
        };
        // What forgotten sessions took goes out of the count here.
        let mut used = sum(&all);
        let goal = self.bytes_max - self.bytes_max / 8;
        let mut agents: HashMap<AgentId, Vec<Arc<Session>>> = HashMap::new();
        for session in all {
            agents.entry(session.agent.clone()).or_default().push(session);
        }
        let mut agents: Vec<(usize, Vec<Arc<Session>>)> = agents
            .into_values()
            .map(|mut sessions| {
                sessions.sort_by_key(|session| std::cmp::Reverse(session.last_ms()));
                (sum(&sessions), sessions)
            })
            .collect();
        while used > goal {
            let Some((of_agent, sessions)) = agents.iter_mut().max_by_key(|(bytes, _)| *bytes) else { break };
            // Nobody has anything left to give up.
            let Some(session) = sessions.pop() else { break };
            let freed = self.reduce_one(&session);
            used = used.saturating_sub(freed);
            *of_agent = if sessions.is_empty() { 0 } else { of_agent.saturating_sub(freed) };
        }
        self.used.store(used, Ordering::Relaxed);
    }

    fn reduce_one(&self, session: &Session) -> usize {
        let mut live = session.live();
        if !live.state.is_reducible() {
            return 0;
        }
        live.state.reduce();
        let bytes = live.state.bytes();
        drop(live);
        self.reduced.fetch_add(1, Ordering::Relaxed);
        session.bytes.swap(bytes, Ordering::Relaxed).saturating_sub(bytes)
    }
}
