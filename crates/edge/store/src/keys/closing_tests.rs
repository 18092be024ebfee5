//! Keys that seal nothing more: retired before they are destroyed, closed so that they can go with their records.

use super::*;
use tempfile::TempDir;

fn open(dir: &TempDir) -> Keys {
    Keys::open(&dir.path().join(KEYS_FILE)).unwrap()
}

fn subject(user: &str, session: &str) -> Owner {
    Owner::Subject { agent: "a".into(), user: Some(user.into()), session: session.into() }
}

fn of_session(session: &str) -> Owner {
    Owner::Session { agent: Some("a".into()), session: session.into() }
}

#[test]
fn what_is_retired_seals_nothing_more_and_what_was_looked_up_before_is_sealed_anew() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let gate = keys.gate();
    let old = keys.key_of(&subject("ada", "s"), 1).unwrap().id;
    assert!(keys.hold(gate).is_some());
    let retired = keys.retire(&[old]);
    assert!(keys.hold(gate).is_none(), "it has to look again");
    assert!(keys.at_hand(&subject("ada", "s")).is_none());
    let fresh = keys.key_of(&subject("ada", "s"), 2).unwrap().id;
    assert_ne!(fresh, old);
    assert!(matches!(keys.find(&old).unwrap(), Found::Key(_)), "it still opens");
    // What does not name everybody goes with the fresh one, and gets no name of what is being erased.
    assert_eq!(keys.key_of(&of_session("s"), 3).unwrap().id, fresh);
    drop(retired);
    assert_eq!(keys.key_of(&subject("ada", "s"), 4).unwrap().id, fresh, "the newest one");
}

#[test]
fn a_name_is_not_handed_on_while_it_is_erased() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let old = keys.key_of(&subject("ada", "s"), 1).unwrap().id;
    let _retired = keys.retire(&[old]);
    let fresh = keys.key_of(&of_session("s"), 2).unwrap().id;
    assert_ne!(fresh, old);
    keys.erase(&[old], 3).unwrap();
    assert!(keys.select(&Scope::User("ada".into())).unwrap().is_empty());
    assert_eq!(keys.select(&Scope::Session("s".into())).unwrap().len(), 1);
}

#[test]
fn a_key_goes_when_all_its_records_were_dropped_and_not_before() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    assert_eq!(keys.close_all().unwrap(), None, "nothing to close");
    let first = keys.key_of(&subject("ada", "s"), 1).unwrap().id;
    let closing = keys.close_all().unwrap().unwrap();
    let second = keys.key_of(&subject("ada", "s"), 2).unwrap().id;
    assert_ne!(first, second, "a closed key seals nothing more");
    // Not kept yet: nobody knows where its records end.
    assert_eq!(keys.remove_dropped(u64::MAX, &|| true).unwrap(), 0);
    keys.note_closing(closing, 100, 5).unwrap();
    assert_eq!(keys.closed_ms().unwrap(), Some(5));
    assert_eq!(keys.remove_dropped(99, &|| true).unwrap(), 0, "one of its records may be kept");
    assert!(matches!(keys.find(&first).unwrap(), Found::Key(_)));
    assert_eq!(keys.remove_dropped(100, &|| false).unwrap(), 0, "asked to stop");
    assert_eq!(keys.remove_dropped(100, &|| true).unwrap(), 1);
    assert!(matches!(keys.find(&first).unwrap(), Found::Unknown), "also for whoever read it before");
    assert!(matches!(keys.find(&second).unwrap(), Found::Key(_)), "made after the closing");
    assert_eq!(keys.key_of(&subject("ada", "s"), 3).unwrap().id, second);
}

#[test]
fn what_is_closed_stays_closed_after_a_restart_and_numbers_are_not_used_again() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let first = keys.key_of(&subject("ada", "s"), 1).unwrap().id;
    let closing = keys.close_all().unwrap().unwrap();
    drop(keys);
    // If we crash before the place is kept, the key is open again.
    let keys = open(&dir);
    assert_eq!(keys.key_of(&subject("ada", "s"), 2).unwrap().id, first);
    assert_eq!(keys.close_all().unwrap(), Some(closing));
    keys.note_closing(closing, 10, 1).unwrap();
    drop(keys);
    let keys = open(&dir);
    assert_eq!(keys.close_all().unwrap(), None);
    assert_eq!(keys.remove_dropped(10, &|| true).unwrap(), 1);
    // The file has no key any more. The next one has a number of its own all the same.
    let next = keys.key_of(&subject("ada", "s"), 3).unwrap().id;
    assert_eq!(keys.remove_dropped(u64::MAX, &|| true).unwrap(), 0, "it was not closed");
    assert!(matches!(keys.find(&next).unwrap(), Found::Key(_)));
}

#[test]
fn a_record_that_names_nobody_stays_with_whom_the_closed_key_was() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    keys.key_of(&subject("ada", "s"), 1).unwrap();
    for round in 1..4 {
        let closing = keys.close_all().unwrap().unwrap();
        keys.note_closing(closing, round, 1).unwrap();
        let next = keys.key_of(&of_session("s"), 2).unwrap().id;
        let of_ada = keys.select(&Scope::User("ada".into())).unwrap();
        assert_eq!(of_ada.last().map(|owned| owned.id), Some(next), "erased with what ada asked for");
        assert_eq!(keys.key_of(&subject("ada", "s"), 3).unwrap().id, next);
    }
}

#[test]
fn removed_keys_leave_no_byte_and_many_go_in_steps() {
    const MANY: usize = 3 * erase::EACH + 7;
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    keys.connection().pragma_update(None, "synchronous", false).unwrap();
    let mut traces = HashSet::new();
    for number in 0..MANY {
        let key = keys.key_of(&subject("ada-lovelace", &format!("{number}")), 1).unwrap().key;
        traces.insert(<[u8; 16]>::try_from(&key.as_bytes()[..16]).unwrap());
    }
    let closing = keys.close_all().unwrap().unwrap();
    keys.note_closing(closing, 5, 1).unwrap();
    let kept = keys.key_of(&subject("bob", "kept-session"), 1).unwrap();
    assert_eq!(keys.remove_dropped(5, &|| true).unwrap(), MANY as u64);
    let mut found = false;
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(16).any(|window| traces.contains(window)), "a key is still there");
        assert!(!bytes.windows(12).any(|window| window == b"ada-lovelace"));
        found |= bytes.windows(32).any(|window| window == kept.key.as_bytes());
    }
    assert!(found, "a search that finds nothing proves nothing");
}

#[test]
fn an_intent_is_kept_until_it_is_done_and_then_names_nobody() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let intent = Intent { scope: Scope::User("ada-lovelace".into()), reason: "asked".into(), by: "operator".into() };
    let number = keys.intend(&intent).unwrap();
    drop(keys);
    let keys = open(&dir);
    assert_eq!(keys.intents().unwrap(), [(number, intent)]);
    keys.end_intent(number).unwrap();
    assert_eq!(keys.intents().unwrap(), []);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(12).any(|window| window == b"ada-lovelace"));
    }
}

#[test]
fn how_far_erasures_were_carried_out_goes_with_the_file() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    assert_eq!(keys.carried_out().unwrap(), 0);
    keys.note_carried_out(70).unwrap();
    keys.note_carried_out(90).unwrap();
    drop(keys);
    assert_eq!(open(&dir).carried_out().unwrap(), 90);
}

/// What a crash in the middle leaves: the journal is there, with what it was about to lose.
#[test]
fn the_traces_of_an_erasure_that_was_killed_are_cleared_at_the_next_start() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let gone = keys.key_of(&subject("ada-lovelace", "s"), 1).unwrap();
    let held = |dir: &std::path::Path| {
        std::fs::read_dir(dir).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(32).any(|window| window == gone.key.as_bytes())
        })
    };
    // As after a `kill -9` behind the commit: the files as they are at this moment, elsewhere.
    erase::erase(&mut keys.connection(), &[gone.id], 7).unwrap();
    let copy = TempDir::new().unwrap();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    assert!(held(copy.path()), "a search that finds nothing proves nothing");
    let again = open(&copy);
    assert!(matches!(again.find(&gone.id).unwrap(), Found::Erased(7)));
    again.clear_traces().unwrap();
    assert!(!held(copy.path()));
}

/// The file may be a link to another volume.
#[test]
fn the_file_may_lie_elsewhere() {
    let (dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let target = elsewhere.path().join("keys-of-the-log.db");
    std::os::unix::fs::symlink(&target, dir.path().join(KEYS_FILE)).unwrap();
    let keys = open(&dir);
    let key = keys.key_of(&subject("ada", "s"), 1).unwrap();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        assert!(file.file_type().unwrap().is_symlink(), "{:?} lies in the data directory", file.file_name());
    }
    drop(keys);
    assert_eq!(open(&dir).key_of(&subject("ada", "s"), 2).unwrap().id, key.id);
}

/// A million sessions: how large the file is, how long the steps take, and how long others wait meanwhile. Each session's key
/// is made as in a burst, without a sync of its own. `cargo test -p holdshort-store --lib -- --ignored million --nocapture`
#[test]
#[ignore = "takes minutes"]
fn a_million_sessions() {
    use std::time::Instant;
    const SESSIONS: usize = 1_000_000;
    const OF_ONE_AGENT: usize = 100_000;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(KEYS_FILE);
    let keys = open(&dir);
    let owner = |number: usize| Owner::Subject {
        agent: if number.is_multiple_of(SESSIONS / OF_ONE_AGENT) {
            "busy".into()
        } else {
            format!("agent-{}", number % 500)
        },
        user: Some(format!("person-{}@example.com", number % 2_000)),
        session: format!("{:032x}", (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
    };
    for first in (0..SESSIONS).step_by(1_000) {
        let wishes: Vec<table::Wish> =
            (first..first + 1_000).map(|number| table::Wish::new(owner(number), 1)).collect();
        table::serve(&mut keys.connection(), &wishes, &gate::Spent::default()).unwrap();
    }
    keys.clear_traces().unwrap();
    println!("file: {} MB", std::fs::metadata(&path).unwrap().len() / 1_000_000);
    drop(keys);
    let started = Instant::now();
    let keys = open(&dir);
    println!("open: {:?}", started.elapsed());
    // Meanwhile sessions begin, and live ones go on.
    let ended = std::sync::atomic::AtomicBool::new(false);
    let waits = std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let (mut new, mut known) = (Vec::new(), Vec::new());
            let live = subject("bob", "live");
            keys.key_of(&live, 1).unwrap();
            for number in 0.. {
                if ended.load(std::sync::atomic::Ordering::Acquire) {
                    break;
                }
                let began = Instant::now();
                keys.key_of(&subject("eve", &format!("new {number}")), 1).unwrap();
                new.push(began.elapsed());
                let began = Instant::now();
                let gate = keys.gate();
                keys.key_of(&live, 1).unwrap();
                drop(keys.hold(gate));
                known.push(began.elapsed());
            }
            [new, known].map(|mut all| {
                all.sort_unstable();
                (all[all.len() / 2], all[all.len() * 99 / 100], all[all.len() - 1])
            })
        });
        let started = Instant::now();
        let owned = keys.select(&Scope::Agent("busy".into())).unwrap();
        println!("select of {}: {:?}", owned.len(), started.elapsed());
        let ids: Vec<KeyId> = owned.iter().map(|owned| owned.id).collect();
        let started = Instant::now();
        let retired = keys.retire(&ids);
        println!("retire: {:?}", started.elapsed());
        let started = Instant::now();
        keys.erase(&ids, 7).unwrap();
        println!("erase: {:?}", started.elapsed());
        drop(retired);
        ended.store(true, std::sync::atomic::Ordering::Release);
        busy.join().unwrap()
    });
    println!("meanwhile (p50, p99, longest): new sessions {:?}, live ones {:?}", waits[0], waits[1]);
    let closing = keys.close_all().unwrap().unwrap();
    keys.note_closing(closing, 5, 1).unwrap();
    let started = Instant::now();
    let removed = keys.remove_dropped(5, &|| true).unwrap();
    println!(
        "remove of {removed}: {:?}; file: {} MB",
        started.elapsed(),
        std::fs::metadata(&path).unwrap().len() / 1_000_000
    );
}
