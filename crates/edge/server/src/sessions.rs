//! Live sessions: for each, the number of its next record and the digest of its latest one.
//!
//! Bounded: idle sessions are forgotten, and beyond the cap the one that was idle longest. A forgotten session that
//! comes back starts a new chain at 0. Keyed by agent and session, so that no agent can write into another's chain.

use holdshort_api::SessionSummary;
use holdshort_model::{AgentId, Digest, SessionId};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Two cores rarely meet in one of sixteen shards.
const SHARDS: usize = 16;

type Key = (AgentId, SessionId);
type Shard = HashMap<Key, Arc<Session>>;

/// The live sessions.
pub(crate) struct Sessions {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    shard_max: usize,
    idle_ms: u64,
}

/// One live session.
pub(crate) struct Session {
    first_ms: u64,
    last_ms: AtomicU64,
    chain: Mutex<Chain>,
}

impl Session {
    /// Exclusive use of the chain: whoever holds it decides and appends the session's next record.
    pub(crate) fn chain(&self) -> MutexGuard<'_, Chain> {
        lock(&self.chain)
    }
}

/// Links the records of one session.
///
/// INVARIANT: `head` is the digest of a record that is in the log or on its way there. When a record that
/// was on its way does not arrive, `head` goes back to the latest durable one; its number is not used again, so that
/// the gap shows.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    sequence: u64,
    head: Option<Digest>,
    durable: Option<(u64, Digest)>,
    epoch: u32,
    rebased: bool,
}

/// The place of one record in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) sequence: u64,
    pub(crate) previous: Option<Digest>,
    epoch: u32,
}

impl Chain {
    /// The place of the next record.
    pub(crate) fn next(&self) -> Link {
        Link { sequence: self.sequence, previous: self.head, epoch: self.epoch }
    }

    /// A record took the place `next` and is on its way to the log.
    pub(crate) fn extend(&mut self, digest: Digest) {
        self.sequence += 1;
        self.head = Some(digest);
        self.rebased = false;
    }

    /// The record at `link` is durable.
    pub(crate) fn confirm(&mut self, link: Link, digest: Digest) {
        if self.durable.is_none_or(|(sequence, _)| sequence < link.sequence) {
            self.durable = Some((link.sequence, digest));
        }
        // An earlier record whose good news comes after the bad news of a later one.
        if self.rebased {
            self.head = self.durable.map(|(_, digest)| digest);
        }
    }

    /// The record at `link` did not become durable.
    pub(crate) fn fail(&mut self, link: Link) {
        if link.epoch == self.epoch {
            self.epoch += 1;
            self.head = self.durable.map(|(_, digest)| digest);
            self.rebased = true;
        }
    }
}

impl Sessions {
    pub(crate) fn new(sessions_max: usize, idle_ms: u64) -> Self {
        Self {
            shards: Default::default(),
            hasher: RandomState::new(),
            shard_max: sessions_max.div_ceil(SHARDS).max(1),
            idle_ms: idle_ms.max(1),
        }
    }

    /// The session, made when it is not known, and marked as used now.
    pub(crate) fn touch(&self, agent: &AgentId, session: &SessionId, now_ms: u64) -> Arc<Session> {
        let key = (agent.clone(), session.clone());
        let mut shard = self.shard(&key);
        if let Some(found) = shard.get(&key).filter(|found| !self.expired(found, now_ms)) {
            found.last_ms.store(now_ms, Ordering::Relaxed);
            return found.clone();
        }
        shard.remove(&key);
        if shard.len() >= self.shard_max {
            self.make_room(&mut shard, now_ms);
        }
        let made = Arc::new(Session { first_ms: now_ms, last_ms: AtomicU64::new(now_ms), chain: Mutex::default() });
        shard.insert(key, made.clone());
        made
    }

    /// Whether the session is live.
    pub(crate) fn contains(&self, agent: &AgentId, session: &SessionId) -> bool {
        let key = (agent.clone(), session.clone());
        self.shard(&key).contains_key(&key)
    }

    /// How many are live. Forgets the idle ones first.
    pub(crate) fn count(&self, now_ms: u64) -> usize {
        let live = |shard: &Mutex<Shard>| {
            let mut shard = lock(shard);
            shard.retain(|_, session| !self.expired(session, now_ms));
            shard.len()
        };
        self.shards.iter().map(live).sum()
    }

    /// The sessions that were used last, at most `limit`.
    pub(crate) fn latest(&self, limit: usize) -> Vec<SessionSummary> {
        let mut all: Vec<_> = Vec::new();
        for shard in &self.shards {
            let live = lock(shard).iter().map(|(key, session)| (key.clone(), session.clone())).collect::<Vec<_>>();
            all.extend(live);
        }
        all.sort_by_key(|(_, session)| std::cmp::Reverse(session.last_ms.load(Ordering::Relaxed)));
        all.truncate(limit);
        let summary = |((agent, session), live): (Key, Arc<Session>)| SessionSummary {
            agent,
            session,
            decisions: live.chain().sequence,
            first_ms: live.first_ms,
            last_ms: live.last_ms.load(Ordering::Relaxed),
        };
        all.into_iter().map(summary).collect()
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let [first, ..] = &self.shards;
        let at = (self.hasher.hash_one(key) % SHARDS as u64) as usize;
        lock(self.shards.get(at).unwrap_or(first))
    }

    fn expired(&self, session: &Session, now_ms: u64) -> bool {
        now_ms.saturating_sub(session.last_ms.load(Ordering::Relaxed)) >= self.idle_ms
    }

    fn make_room(&self, shard: &mut Shard, now_ms: u64) {
        shard.retain(|_, session| !self.expired(session, now_ms));
        while shard.len() >= self.shard_max {
            let oldest = shard.iter().min_by_key(|(_, session)| session.last_ms.load(Ordering::Relaxed));
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            shard.remove(&oldest);
        }
    }
}

/// A thread that panicked while it held the lock left plain values that are still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u64) -> Digest {
        Digest::of(&n.to_be_bytes())
    }

    fn extend(chain: &mut Chain, n: u64) -> Link {
        let link = chain.next();
        chain.extend(digest(n));
        link
    }

    #[test]
    fn each_record_links_to_the_one_before() {
        let mut chain = Chain::default();
        let first = extend(&mut chain, 0);
        let second = extend(&mut chain, 1);
        assert_eq!((first.sequence, first.previous), (0, None));
        assert_eq!((second.sequence, second.previous), (1, Some(digest(0))));
    }

    #[test]
    fn after_failures_the_chain_goes_on_from_the_latest_durable_record() {
        let mut chain = Chain::default();
        let links: Vec<_> = (0..4).map(|n| extend(&mut chain, n)).collect();
        chain.confirm(links[0], digest(0));
        chain.fail(links[2]);
        chain.confirm(links[1], digest(1));
        chain.fail(links[3]);
        let next = extend(&mut chain, 4);
        assert_eq!((next.sequence, next.previous), (4, Some(digest(1))));
        assert_eq!(chain.next().previous, Some(digest(4)), "an old failure does not touch the new records");
    }

    #[test]
    fn sessions_of_different_agents_are_different() {
        let sessions = Sessions::new(100, 1_000);
        sessions.touch(&"a".into(), &"s".into(), 0).chain().extend(digest(1));
        assert_eq!(sessions.touch(&"b".into(), &"s".into(), 0).chain().next().sequence, 0);
        assert_eq!(sessions.touch(&"a".into(), &"s".into(), 0).chain().next().sequence, 1);
    }

    #[test]
    fn idle_sessions_are_forgotten_and_the_cap_holds() {
        let sessions = Sessions::new(64, 1_000);
        for n in 0..1_000u64 {
            sessions.touch(&"a".into(), &format!("s{n}").as_str().into(), n % 10);
        }
        assert!(sessions.count(10) <= 64);
        sessions.touch(&"a".into(), &"late".into(), 900);
        assert_eq!(sessions.count(1_500), 1);
        assert_eq!(sessions.latest(10)[0].session.as_str(), "late");
    }
}
