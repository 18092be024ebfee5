//! What is usual for each agent and class: in memory, read while deciding, learnt after a permit, kept in the store.
//!
//! INVARIANT: only what was permitted and durably recorded is learnt, and only of an agent whose identity is
//! established. A refused action is counted, nothing more.
//! A baseline that cannot be read back starts cold, and the log of the program says so. If we crash, then what was
//! learnt since the last save is gone: the figures are a minute older, and nothing else depends on them.

use crate::service::Service;
use holdshort_history::{Baseline, BaselineEvent};
use holdshort_inventory::{BaselineEntry, BaselineOwner, BaselineStore, StoreError, UNKNOWN_CLASS};
use holdshort_model::{AgentId, Anomaly, Authentication, Facts, SubjectFacts};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often what was learnt is saved.
const SAVE_EVERY: Duration = Duration::from_secs(60);
/// Parts that are locked on their own, so that agents do not wait for each other.
const SHARDS: usize = 16;
/// Most agents of a part; 4,096 in all, with about 24 MiB. Over it the one that was idle longest starts cold again.
const AGENTS_PER_SHARD_MAX: usize = 256;
/// Most of them that nobody registered: their ids cost nothing, and must not drive out others.
const STRANGERS_PER_SHARD_MAX: usize = 32;
/// Most classes of a part. They come from the configuration; over it a class has no baseline.
const CLASSES_PER_SHARD_MAX: usize = 64;

/// The baselines of all agents and classes.
pub(crate) struct Baselines {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    /// What the store still has and memory has no more.
    gone: Mutex<BTreeSet<BaselineOwner>>,
    /// Held by whoever saves, so that older bytes never replace newer ones.
    saving: Mutex<()>,
}

#[derive(Default)]
struct Shard {
    agents: HashMap<AgentId, Held>,
    classes: HashMap<String, Held>,
}

struct Held {
    baseline: Box<Baseline>,
    /// Learnt since it was saved.
    dirty: bool,
    /// Nobody registered the agent: its baseline ends with the process.
    stranger: bool,
    /// When it last learnt, in nanoseconds since 1970.
    learnt_ns: i64,
}

/// What is to be learnt of an action, without its facts: those are gone when the record is durable.
pub(crate) struct Noted {
    agent: AgentId,
    class: String,
    event: BaselineEvent<'static>,
}

impl Noted {
    /// What counts of an action; `None` when there is nothing to learn, or nobody knows who acts. `previous`: the tool
    /// that the session used before, the same that [`Baselines::score`] was given.
    pub(crate) fn of(facts: &Facts, previous: Option<&str>) -> Option<Self> {
        let SubjectFacts { agent, authenticated_by, .. } = &facts.subject;
        if *authenticated_by == Authentication::None {
            return None;
        }
        let event = BaselineEvent::of(facts, previous)?.unnamed();
        Some(Self { agent: agent.id.clone(), class: agent.class.clone(), event })
    }
}

impl Baselines {
    /// Reads what the store has.
    ///
    /// # Errors
    /// When the store fails. A single baseline that is damaged is no error: it starts cold.
    pub(crate) fn load(store: &(dyn BaselineStore + Send + Sync)) -> Result<Self, StoreError> {
        let baselines = Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
            gone: Mutex::default(),
            saving: Mutex::default(),
        };
        for BaselineEntry { owner, state } in store.baselines()? {
            match Baseline::from_bytes(&state) {
                Ok(baseline) => baselines.put(owner, baseline),
                Err(error) => tracing::warn!(owner = label(&owner), %error, "baseline not read"),
            }
        }
        Ok(baselines)
    }

    /// How unusual an action is for its agent, or for its class while the agent is cold. `previous`: the tool that the
    /// session used before.
    pub(crate) fn score(&self, facts: &Facts, previous: Option<&str>, now_ns: i64) -> Anomaly {
        let agent = &facts.subject.agent;
        let event = BaselineEvent::of(facts, previous);
        let own = self.shard(&agent.id).agents.get(&agent.id).map(|Held { baseline, .. }| match &event {
            Some(event) => baseline.score(event, now_ns),
            None => baseline.unmoved(now_ns),
        });
        let own = own.unwrap_or_default();
        let Some(event) = event.filter(|_| own.cold && agent.class != UNKNOWN_CLASS) else { return own };
        let shard = self.shard(agent.class.as_str());
        let class = shard.classes.get(&agent.class);
        let class = class.map(|held| held.baseline.score_class(&agent.class, &event, now_ns));
        class.filter(|class| !class.cold).unwrap_or(own)
    }

    /// Takes in an action. INVARIANT: it was permitted, and its record is durable.
    pub(crate) fn learn_noted(&self, noted: &Noted, now_ns: i64) {
        let Noted { agent, class, event } = noted;
        let stranger = class == UNKNOWN_CLASS;
        let mut shard = self.shard(agent);
        // Whoever registers a name does not take over what strangers did under it.
        if shard.agents.get(agent).is_none_or(|held| held.stranger != stranger) {
            let Some(held) = Held::new(stranger) else { return };
            if let Some(evicted) = shard.make_room(agent, stranger) {
                self.gone().insert(BaselineOwner::Agent(evicted));
            }
            shard.agents.insert(agent.clone(), held);
        }
        let learnt = shard.agents.get_mut(agent).is_some_and(|held| held.learn(event, now_ns));
        drop(shard);
        // What one agent floods is not taught to its class.
        if !learnt || stranger {
            return;
        }
        let mut shard = self.shard(class.as_str());
        if shard.classes.len() < CLASSES_PER_SHARD_MAX
            && !shard.classes.contains_key(class)
            && let Some(held) = Held::new(false)
        {
            shard.classes.insert(class.clone(), held);
        }
        if let Some(held) = shard.classes.get_mut(class) {
            held.learn(event, now_ns);
        }
    }

    /// Counts an action that was refused. Nothing becomes usual by it.
    pub(crate) fn refuse(&self, facts: &Facts, now_ns: i64) {
        if let Some(held) = self.shard(&facts.subject.agent.id).agents.get_mut(&facts.subject.agent.id) {
            held.baseline.refuse(now_ns);
            held.dirty = true;
        }
    }

    /// Forgets what is usual for an agent that is removed.
    pub(crate) fn forget(&self, agent: &AgentId) {
        self.shard(agent).agents.remove(agent);
        self.gone().insert(BaselineOwner::Agent(agent.clone()));
    }

    /// The agents that something is usual for.
    pub(crate) fn agents(&self) -> Vec<AgentId> {
        let of = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.agents.keys().cloned().collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(of).collect()
    }

    /// Writes what changed since the last time. Answers how many were written.
    ///
    /// # Errors
    /// When the store fails; then the next save writes them.
    pub(crate) fn save(&self, store: &(dyn BaselineStore + Send + Sync)) -> Result<usize, StoreError> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<BaselineOwner> = std::mem::take(&mut *self.gone()).into_iter().collect();
        // If we crash between the two, then one that was removed and came back starts cold.
        if let Err(error) = store.remove_baselines(&gone) {
            self.gone().extend(gone);
            return Err(error);
        }
        let entries: Vec<BaselineEntry> = self.dirty().into_iter().filter_map(|owner| self.clean(owner)).collect();
        if let Err(error) = store.put_baselines(&entries) {
            entries.iter().for_each(|entry| self.with(&entry.owner, |held| held.dirty = true));
            return Err(error);
        }
        Ok(entries.len())
    }

    fn dirty(&self) -> Vec<BaselineOwner> {
        let mut owners = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let agents = shard.agents.iter().filter(|(_, held)| held.dirty && !held.stranger);
            owners.extend(agents.map(|(id, _)| BaselineOwner::Agent(id.clone())));
            let classes = shard.classes.iter().filter(|(_, held)| held.dirty);
            owners.extend(classes.map(|(name, _)| BaselineOwner::Class(name.clone())));
        }
        owners
    }

    // Copied under the lock and written as bytes outside of it: an action may be waiting.
    fn clean(&self, owner: BaselineOwner) -> Option<BaselineEntry> {
        let mut copy = None;
        self.with(&owner, |held| {
            held.dirty = false;
            copy = Some(held.baseline.clone());
        });
        copy.map(|baseline| BaselineEntry { state: baseline.to_bytes(), owner })
    }

    fn with(&self, owner: &BaselineOwner, work: impl FnOnce(&mut Held)) {
        match owner {
            BaselineOwner::Agent(id) => self.shard(id).agents.get_mut(id).map(work),
            BaselineOwner::Class(name) => self.shard(name.as_str()).classes.get_mut(name).map(work),
        };
    }

    fn put(&self, owner: BaselineOwner, baseline: Baseline) {
        let held = Held { baseline: Box::new(baseline), dirty: false, stranger: false, learnt_ns: 0 };
        match owner {
            BaselineOwner::Agent(id) => {
                let mut shard = self.shard(&id);
                if shard.agents.len() < AGENTS_PER_SHARD_MAX {
                    shard.agents.insert(id, held);
                } else {
                    self.gone().insert(BaselineOwner::Agent(id));
                }
            }
            BaselineOwner::Class(name) => {
                let mut shard = self.shard(name.as_str());
                if shard.classes.len() < CLASSES_PER_SHARD_MAX {
                    shard.classes.insert(name, held);
                } else {
                    self.gone().insert(BaselineOwner::Class(name));
                }
            }
        }
    }

    fn gone(&self) -> MutexGuard<'_, BTreeSet<BaselineOwner>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is a shard's number")]
    fn shard(&self, name: impl Hash) -> MutexGuard<'_, Shard> {
        let number = self.hasher.hash_one(name) as usize % SHARDS;
        self.shards[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    // Makes room for an agent; answers with whom it took it from, when the store has that one.
    fn make_room(&mut self, agent: &AgentId, stranger: bool) -> Option<AgentId> {
        if self.agents.contains_key(agent) {
            return None;
        }
        let strangers = self.agents.values().filter(|held| held.stranger).count();
        let crowded = stranger && strangers >= STRANGERS_PER_SHARD_MAX;
        if !crowded && self.agents.len() < AGENTS_PER_SHARD_MAX {
            return None;
        }
        let candidates = self.agents.iter().filter(|(_, held)| held.stranger || !crowded);
        let idle = candidates.min_by_key(|(_, held)| (!held.stranger, held.learnt_ns)).map(|(id, _)| id.clone())?;
        self.agents.remove(&idle).filter(|held| !held.stranger).map(|_| idle)
    }
}

impl Held {
    // Nothing when the system has no random numbers: then nothing is decided either.
    fn new(stranger: bool) -> Option<Self> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).ok()?;
        let baseline = Box::new(Baseline::new(u64::from_le_bytes(seed)));
        Some(Self { baseline, dirty: true, stranger, learnt_ns: 0 })
    }

    fn learn(&mut self, event: &BaselineEvent<'_>, now_ns: i64) -> bool {
        (self.dirty, self.learnt_ns) = (true, now_ns);
        self.baseline.learn(event, now_ns)
    }
}

fn label(owner: &BaselineOwner) -> String {
    match owner {
        BaselineOwner::Agent(id) => format!("agent {id}"),
        BaselineOwner::Class(name) => format!("class {name}"),
    }
}

impl Service {
    /// Saves what is usual for agents. A store that fails is said, and tried again the next time.
    pub(crate) async fn save_baselines(&self) {
        let (baselines, store) = (self.baselines.clone(), self.stores.baselines.clone());
        match tokio::task::spawn_blocking(move || baselines.save(&*store)).await {
            Ok(Ok(written)) => tracing::debug!(written, "baselines saved"),
            Ok(Err(error)) => tracing::warn!(%error, "baselines not saved"),
            Err(error) => tracing::warn!(%error, "baselines not saved"),
        }
    }
}

/// Saves from time to time, as long as the service is there.
pub(crate) async fn save_regularly(service: Weak<Service>) {
    let mut ticks = tokio::time::interval(SAVE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Some(service) = service.upgrade() else { return };
        service.save_baselines().await;
    }
}

#[cfg(test)]
mod tests;
