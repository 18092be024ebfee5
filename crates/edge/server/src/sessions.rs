//! Live sessions: for each, the chain of its records and what it has done and seen.
//!
//! Bounded: idle sessions are forgotten, and beyond the cap one of the agent that has most of them, the one that was idle
//! longest. What all of them remember has a budget, see [`crate::budget`]. Keyed by agent and session, so that no agent
//! can write into another's chain.
//!
//! INVARIANT: a session that was forgotten and comes back does not begin innocent: see [`Forgotten`].

use crate::chain::Chain;
use crate::forgotten::Forgotten;
use holdshort_api::SessionSummary;
use holdshort_history::{Rules, State};
use holdshort_model::{AgentId, SeenContent, SessionId};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Two cores rarely meet in one of sixteen shards.
const SHARDS: usize = 16;

// In the order of sessions, so that those of one id stand together.
pub(crate) type Key = (SessionId, AgentId);
type Shard = BTreeMap<Key, Arc<Session>>;

/// The live sessions.
pub(crate) struct Sessions {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    forgotten: Forgotten,
    shard_max: usize,
    idle_ms: u64,
}

/// One live session.
pub(crate) struct Session {
    pub(crate) agent: AgentId,
    first_ms: u64,
    last_ms: AtomicU64,
    /// What its state takes, as far as the budget knows.
    pub(crate) bytes: AtomicUsize,
    live: Mutex<Live>,
}

/// What one action after the other changes.
#[derive(Default)]
pub(crate) struct Live {
    /// The records of the session.
    pub(crate) chain: Chain,
    /// What the session has done and seen.
    pub(crate) state: State,
    /// What was in the results that it has seen.
    pub(crate) seen: SeenContent,
    /// The tool that it used last.
    pub(crate) previous: Option<String>,
}

impl Session {
    /// Exclusive use: whoever holds it decides, lets the state learn of it, and appends the session's next record.
    pub(crate) fn live(&self) -> MutexGuard<'_, Live> {
        lock(&self.live)
    }

    /// When it was used last, in milliseconds since 1970.
    pub(crate) fn last_ms(&self) -> u64 {
        self.last_ms.load(Ordering::Relaxed)
    }
}

impl Sessions {
    pub(crate) fn new(sessions_max: usize, idle_ms: u64) -> Self {
        Self {
            shards: Default::default(),
            hasher: RandomState::new(),
            forgotten: Forgotten::default(),
            shard_max: sessions_max.div_ceil(SHARDS).max(1),
            idle_ms: idle_ms.max(1),
        }
    }

    /// The session, made when it is not known, and marked as used now.
    pub(crate) fn touch(&self, agent: &AgentId, session: &SessionId, rules: &Rules, now_ms: u64) -> Arc<Session> {
        let key = (session.clone(), agent.clone());
        let mut shard = self.shard(session);
        if let Some(found) = shard.get(&key).filter(|found| !self.expired(found, now_ms)) {
            found.last_ms.store(now_ms, Ordering::Relaxed);
            return found.clone();
        }
        if shard.remove(&key).is_some() {
            self.forget(&key);
        }
        if shard.len() >= self.shard_max {
            self.make_room(&mut shard, agent, now_ms);
        }
        let (state, seen) = match self.forgotten.has(agent, self.hasher.hash_one(&key)) {
            true => {
                let now_ns = i64::try_from(now_ms).unwrap_or(i64::MAX).saturating_mul(1_000_000);
                (State::forgotten(rules, now_ns), SeenContent::forgotten())
            }
            false => Default::default(),
        };
        let made = Arc::new(Session {
            agent: agent.clone(),
            first_ms: now_ms,
            last_ms: AtomicU64::new(now_ms),
            bytes: AtomicUsize::new(0),
            live: Mutex::new(Live { state, seen, ..Live::default() }),
        });
        shard.insert(key, made.clone());
        made
    }

    /// The session, when it is live.
    pub(crate) fn find(&self, agent: &AgentId, session: &SessionId) -> Option<Arc<Session>> {
        let key = (session.clone(), agent.clone());
        self.shard(session).get(&key).cloned()
    }

    /// Every live session with this id, of whatever agent.
    pub(crate) fn of_any_agent(&self, session: &SessionId) -> Vec<Arc<Session>> {
        let shard = self.shard(session);
        let from = shard.range((session.clone(), AgentId::from(""))..);
        from.take_while(|((id, _), _)| id == session).map(|(_, live)| live.clone()).collect()
    }

    /// How many are live. Forgets the idle ones first.
    pub(crate) fn count(&self, now_ms: u64) -> usize {
        let live = |shard: &Mutex<Shard>| {
            let mut shard = lock(shard);
            self.forget_idle(&mut shard, now_ms);
            shard.len()
        };
        self.shards.iter().map(live).sum()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.shards.iter().flat_map(|shard| lock(shard).values().cloned().collect::<Vec<_>>()).collect()
    }

    /// All of them, with whose they are.
    pub(crate) fn with_keys(&self) -> Vec<(Key, Arc<Session>)> {
        let of = |shard: &Mutex<Shard>| -> Vec<(Key, Arc<Session>)> {
            lock(shard).iter().map(|(key, session)| (key.clone(), session.clone())).collect()
        };
        self.shards.iter().flat_map(of).collect()
    }

    /// The sessions that were used last, at most `limit`.
    pub(crate) fn latest(&self, limit: usize) -> Vec<SessionSummary> {
        let mut all: Vec<_> = Vec::new();
        for shard in &self.shards {
            let live = lock(shard).iter().map(|(key, session)| (key.clone(), session.clone())).collect::<Vec<_>>();
            all.extend(live);
        }
        all.sort_by_key(|(_, session)| std::cmp::Reverse(session.last_ms()));
        all.truncate(limit);
        let summary = |((session, agent), live): (Key, Arc<Session>)| SessionSummary {
            agent,
            session,
            decisions: live.live().chain.next().sequence,
            first_ms: live.first_ms,
            last_ms: live.last_ms(),
        };
        all.into_iter().map(summary).collect()
    }

    fn shard(&self, session: &SessionId) -> MutexGuard<'_, Shard> {
        let [first, ..] = &self.shards;
        let at = (self.hasher.hash_one(session) % SHARDS as u64) as usize;
        lock(self.shards.get(at).unwrap_or(first))
    }

    fn expired(&self, session: &Session, now_ms: u64) -> bool {
        now_ms.saturating_sub(session.last_ms()) >= self.idle_ms
    }

    fn forget(&self, key: &Key) {
        self.forgotten.add(&key.1, self.hasher.hash_one(key));
    }

    fn forget_idle(&self, shard: &mut Shard, now_ms: u64) {
        shard.retain(|key, session| {
            let expired = self.expired(session, now_ms);
            if expired {
                self.forget(key);
            }
            !expired
        });
    }

    /// `newcomer`: the agent that needs the place. It counts as if it had the place already, so that an agent that opens
    /// one session after the other pushes out its own.
    fn make_room(&self, shard: &mut Shard, newcomer: &AgentId, now_ms: u64) {
        self.forget_idle(shard, now_ms);
        while shard.len() >= self.shard_max {
            let mut counts: HashMap<&AgentId, usize> = HashMap::from([(newcomer, 1)]);
            for (_, agent) in shard.keys() {
                *counts.entry(agent).or_default() += 1;
            }
            let crowding = |((_, agent), session): &(&Key, &Arc<Session>)| {
                (std::cmp::Reverse(counts.get(agent).copied().unwrap_or_default()), session.last_ms())
            };
            let Some(key) = shard.iter().min_by_key(crowding).map(|(key, _)| key.clone()) else { return };
            shard.remove(&key);
            self.forget(&key);
        }
    }
}

/// A thread that panicked while it held the lock left plain values that are still good.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_model::{Digest, Integrity};

    fn touch(sessions: &Sessions, agent: &str, session: &str, now_ms: u64) -> Arc<Session> {
        sessions.touch(&agent.into(), &session.into(), &Rules::default(), now_ms)
    }

    fn sequence(session: &Session) -> u64 {
        session.live().chain.next().sequence
    }

    /// Whether it counts as one that has read anything.
    fn remembers(session: &Session) -> bool {
        let rules = Rules::default();
        session.live().state.labelling().labels(&rules.labels).integrity == Integrity::Untrusted
    }

    #[test]
    fn sessions_of_different_agents_are_different() {
        let sessions = Sessions::new(100, 1_000);
        touch(&sessions, "a", "s", 0).live().chain.extend(Digest::of(b"1"));
        assert_eq!(sequence(&touch(&sessions, "b", "s", 0)), 0);
        assert_eq!(sequence(&touch(&sessions, "a", "s", 0)), 1);
        assert_eq!(sessions.of_any_agent(&"s".into()).len(), 2);
        assert!(sessions.find(&"c".into(), &"s".into()).is_none());
    }

    #[test]
    fn idle_sessions_are_forgotten_and_the_cap_holds() {
        let sessions = Sessions::new(64, 1_000);
        for n in 0..1_000u64 {
            touch(&sessions, "a", &format!("s{n}"), n % 10);
        }
        assert!(sessions.count(10) <= 64);
        touch(&sessions, "a", "late", 900);
        assert_eq!(sessions.count(1_500), 1);
        assert_eq!(sessions.latest(10)[0].session.as_str(), "late");
    }

    #[test]
    fn who_opens_session_after_session_pushes_out_its_own() {
        let sessions = Sessions::new(1_024, 1_000_000);
        let others: Vec<_> = (0..100).map(|n| (format!("agent{}", n % 10), format!("s{n}"))).collect();
        for (agent, session) in &others {
            touch(&sessions, agent, session, 0).live().chain.extend(Digest::of(b"1"));
        }
        for n in 0..10_000u64 {
            touch(&sessions, "greedy", &format!("g{n}"), 1 + n);
        }
        for (agent, session) in &others {
            assert_eq!(sequence(&touch(&sessions, agent, session, 20_000)), 1, "{agent} lost {session}");
        }
        assert!(sessions.count(20_000) <= 1_024);
    }

    #[test]
    fn a_session_that_was_forgotten_does_not_begin_innocent() {
        let sessions = Sessions::new(16, 1_000);
        assert!(!remembers(&touch(&sessions, "a", "idle", 0)));
        assert!(remembers(&touch(&sessions, "a", "idle", 5_000)), "it was idle too long");
        for n in 0..2_000u64 {
            assert!(!remembers(&touch(&sessions, "a", &format!("s{n}"), 5_000)), "a new one");
        }
        assert!(remembers(&touch(&sessions, "a", "s0", 5_000)), "it had to make room");
        assert!(!remembers(&touch(&sessions, "b", "s0", 5_000)), "another agent's");
    }
}
