use super::*;
use holdshort_history::{LEARNT_PER_MINUTE_MAX, WARM_EVENTS};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

const MINUTE: i64 = 60_000_000_000;
const START: i64 = 1_800_000_000_000_000_000;

/// A store in memory that can be told to fail.
#[derive(Default)]
struct Memory {
    kept: Mutex<BTreeMap<BaselineOwner, Vec<u8>>>,
    fails: AtomicBool,
}

impl Memory {
    fn answer<T>(&self, work: impl FnOnce(&mut BTreeMap<BaselineOwner, Vec<u8>>) -> T) -> Result<T, StoreError> {
        match self.fails.load(Ordering::Relaxed) {
            true => Err(StoreError::Backend("the disk is full".into())),
            false => Ok(work(&mut self.kept.lock().unwrap())),
        }
    }

    fn owners(&self) -> Vec<BaselineOwner> {
        self.kept.lock().unwrap().keys().cloned().collect()
    }
}

impl BaselineStore for Memory {
    fn baselines(&self) -> Result<Vec<BaselineEntry>, StoreError> {
        let entry =
            |(owner, state): (&BaselineOwner, &Vec<u8>)| BaselineEntry { owner: owner.clone(), state: state.clone() };
        self.answer(|kept| kept.iter().map(entry).collect())
    }

    fn put_baselines(&self, entries: &[BaselineEntry]) -> Result<(), StoreError> {
        self.answer(|kept| entries.iter().for_each(|entry| drop(kept.insert(entry.owner.clone(), entry.state.clone()))))
    }

    fn remove_baselines(&self, owners: &[BaselineOwner]) -> Result<(), StoreError> {
        self.answer(|kept| owners.iter().for_each(|owner| drop(kept.remove(owner))))
    }
}

fn facts(agent: &str, class: &str, tool: &str) -> Facts {
    let facts = json!({
        "subject": {"agent": {"id": agent, "class": class}, "session": "s", "authenticated_by": "token",
            "standing": "active"},
        "action": {"kind": "tool.call", "server": "server", "name": tool, "effects": [], "args": {"n": 1}},
        "context": {"time": 0, "enforcement_point": "test"},
    });
    serde_json::from_value(facts).unwrap()
}

// As many actions as it takes to be warm, as fast as they are learnt.
fn warm(baselines: &Baselines, agent: &str, class: &str) -> i64 {
    let mut now = START;
    for event in 0..WARM_EVENTS {
        now = START + i64::from(event / u32::from(LEARNT_PER_MINUTE_MAX)) * MINUTE;
        learn(baselines, &facts(agent, class, "get"), Some("list"), now);
    }
    now
}

fn empty() -> Baselines {
    Baselines::load(&Memory::default()).unwrap()
}

fn learn(baselines: &Baselines, facts: &Facts, previous: Option<&str>, now_ns: i64) {
    if let Some(noted) = Noted::of(facts, previous) {
        baselines.learn_noted(&noted, now_ns);
    }
}

#[test]
fn a_cold_agent_is_compared_with_its_class() {
    let baselines = empty();
    let now = warm(&baselines, "a", "coding");
    let own = baselines.score(&facts("a", "coding", "dump"), None, now);
    assert!(!own.cold && own.novelty == 100 && own.why[0].contains("the agent"), "{own:?}");
    let class = baselines.score(&facts("b", "coding", "dump"), None, now);
    assert!(!class.cold && class.novelty == 100 && class.why[0].contains("the class `coding`"), "{class:?}");
    assert!(baselines.score(&facts("b", "coding", "get"), Some("list"), now).novelty < 100);
    let other = baselines.score(&facts("b", "mail", "dump"), None, now);
    assert_eq!(other, Anomaly::default());
}

#[test]
fn strangers_teach_no_class_and_nothing_is_handed_down() {
    let baselines = empty();
    let now = warm(&baselines, "a", UNKNOWN_CLASS);
    assert!(!baselines.score(&facts("a", UNKNOWN_CLASS, "get"), None, now).cold);
    assert!(baselines.score(&facts("b", UNKNOWN_CLASS, "get"), None, now).cold);
    let store = Memory::default();
    assert_eq!((baselines.save(&store).unwrap(), store.owners()), (0, vec![]));
    // Registered now: what was done under the name before does not count.
    learn(&baselines, &facts("a", "coding", "get"), None, now);
    assert!(baselines.score(&facts("a", "coding", "get"), None, now).cold);
}

#[test]
fn nothing_is_learnt_of_whoever_is_not_known() {
    let baselines = empty();
    let mut unknown = facts("a", "coding", "get");
    unknown.subject.authenticated_by = Authentication::None;
    (0..1_000).for_each(|n| learn(&baselines, &unknown, None, START + n * MINUTE));
    assert_eq!(baselines.score(&facts("a", "coding", "get"), None, START), Anomaly::default());
}

#[test]
fn refusals_count_and_teach_nothing() {
    let baselines = empty();
    baselines.refuse(&facts("a", "coding", "dump"), START);
    assert_eq!(baselines.score(&facts("a", "coding", "dump"), None, START), Anomaly::default());
    let now = warm(&baselines, "a", "coding");
    let before = baselines.score(&facts("a", "coding", "dump"), None, now);
    (0..500).for_each(|_| baselines.refuse(&facts("a", "coding", "dump"), now));
    let after = baselines.score(&facts("a", "coding", "dump"), None, now);
    assert_eq!((after.events, after.novelty, after.surprise), (before.events, before.novelty, before.surprise));
}

#[test]
fn what_was_learnt_survives_a_restart_and_damage_starts_cold() {
    let (baselines, store) = (empty(), Memory::default());
    let now = warm(&baselines, "a", "coding");
    assert_eq!(baselines.save(&store).unwrap(), 2);
    assert_eq!(baselines.save(&store).unwrap(), 0, "nothing changed");
    let asked = facts("a", "coding", "dump");
    let again = Baselines::load(&store).unwrap();
    assert_eq!(again.score(&asked, None, now), baselines.score(&asked, None, now));

    let agent = BaselineOwner::Agent("a".into());
    store.kept.lock().unwrap().get_mut(&agent).unwrap()[40] ^= 1;
    let damaged = Baselines::load(&store).unwrap();
    assert!(damaged.score(&asked, None, now).why[0].contains("class"), "its class is still there");
    learn(&damaged, &asked, None, now);
    damaged.save(&store).unwrap();
    assert!(Baseline::from_bytes(&store.kept.lock().unwrap()[&agent]).is_ok(), "replaced");
}

#[test]
fn a_store_that_fails_loses_nothing() {
    let (baselines, store) = (empty(), Memory::default());
    warm(&baselines, "a", "coding");
    store.fails.store(true, Ordering::Relaxed);
    baselines.save(&store).unwrap_err();
    baselines.forget(&"b".into());
    baselines.save(&store).unwrap_err();
    store.fails.store(false, Ordering::Relaxed);
    assert_eq!(baselines.save(&store).unwrap(), 2);
    baselines.forget(&"a".into());
    baselines.save(&store).unwrap();
    assert_eq!(store.owners(), [BaselineOwner::Class("coding".into())]);
}

#[test]
fn many_agents_are_bounded_and_strangers_drive_out_nobody() {
    let baselines = empty();
    let now = warm(&baselines, "a", "coding");
    for n in 0..20_000 {
        learn(&baselines, &facts(&format!("stranger{n}"), UNKNOWN_CLASS, "get"), None, now + n);
    }
    assert!(!baselines.score(&facts("a", "coding", "get"), None, now).cold);
    let count = || baselines.shards.iter().map(|shard| shard.lock().unwrap().agents.len()).sum::<usize>();
    assert!(count() <= 1 + SHARDS * STRANGERS_PER_SHARD_MAX);
    let store = Memory::default();
    for n in 0..6_000 {
        learn(&baselines, &facts(&format!("agent{n}"), "coding", "get"), None, now + 100_000 + n);
        if n % 1_000 == 0 {
            baselines.save(&store).unwrap();
        }
    }
    baselines.save(&store).unwrap();
    assert!(count() <= SHARDS * AGENTS_PER_SHARD_MAX);
    assert!(store.owners().len() <= count() + 1, "those that were driven out are gone from the store");
}

#[test]
fn agents_at_once_lose_nothing() {
    let baselines = empty();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let baselines = &baselines;
            scope.spawn(move || {
                for n in 0..300 {
                    let asked = facts(&format!("agent{}", worker % 2), "coding", "get");
                    baselines.score(&asked, None, START + n * MINUTE);
                    learn(baselines, &asked, None, START + n * MINUTE);
                }
            });
        }
        let store = Memory::default();
        for _ in 0..50 {
            baselines.save(&store).unwrap();
        }
    });
    let events = |agent| baselines.score(&facts(agent, "coding", "get"), None, START + 300 * MINUTE).events;
    assert_eq!((events("agent0"), events("agent1")), (600, 600));
}
