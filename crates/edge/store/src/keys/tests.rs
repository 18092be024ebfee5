use super::*;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Barrier;
use tempfile::TempDir;

fn open(dir: &TempDir) -> Keys {
    Keys::open(&dir.path().join(KEYS_FILE)).unwrap()
}

fn subject(agent: &str, user: Option<&str>, session: &str) -> Owner {
    Owner::Subject { agent: agent.into(), user: user.map(Into::into), session: session.into() }
}

fn session(agent: Option<&str>, session: &str) -> Owner {
    Owner::Session { agent: agent.map(Into::into), session: session.into() }
}

fn ids(owned: &[Owned]) -> BTreeSet<KeyId> {
    owned.iter().map(|owned| owned.id).collect()
}

fn is_there(dir: &TempDir, text: &[u8]) -> bool {
    let mut files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
    files.any(|file| std::fs::read(file).unwrap().windows(text.len()).any(|window| window == text))
}

#[test]
fn a_session_has_one_key_and_keeps_it() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let owner = subject("a", Some("ada"), "s");
    assert!(keys.at_hand(&owner).is_none());
    let key = keys.key_of(&owner, 1).unwrap();
    assert_eq!(keys.at_hand(&owner).unwrap().id, key.id);
    assert_eq!(keys.key_of(&owner, 2).unwrap().id, key.id);
    for other in [subject("a", Some("bob"), "s"), subject("a", None, "s"), subject("b", Some("ada"), "s")] {
        assert_ne!(keys.key_of(&other, 3).unwrap().id, key.id, "{other:?}");
    }
    drop(keys);
    let keys = open(&dir);
    let again = keys.key_of(&owner, 4).unwrap();
    assert_eq!((again.id, again.key.as_bytes()), (key.id, key.key.as_bytes()));
    assert!(matches!(keys.find(&key.id).unwrap(), Found::Key(found) if found.as_bytes() == key.key.as_bytes()));
    assert!(matches!(keys.find(&KeyId::new([0; 16])).unwrap(), Found::Unknown));
}

#[test]
fn a_record_that_does_not_name_everybody_goes_with_its_session() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let mine = keys.key_of(&subject("a", Some("ada"), "s"), 1).unwrap().id;
    assert_eq!(keys.key_of(&session(Some("a"), "s"), 2).unwrap().id, mine);
    assert_eq!(keys.key_of(&session(None, "s"), 2).unwrap().id, mine, "nobody else has a session of this name");
    let theirs = keys.key_of(&subject("b", None, "s"), 3).unwrap().id;
    let nobody = keys.key_of(&session(None, "s"), 4).unwrap().id;
    assert!(nobody != mine && nobody != theirs, "two agents have a session of this name");
    assert_eq!(keys.key_of(&session(None, "s"), 5).unwrap().id, nobody);
    let of = |scope| ids(&keys.select(&scope).unwrap());
    assert_eq!(of(Scope::Agent("b".into())), BTreeSet::from([theirs, nobody]));
    assert_eq!(of(Scope::Session("s".into())), BTreeSet::from([mine, theirs, nobody]));
    let alone = keys.key_of(&subject("a", None, "s"), 5).unwrap().id;
    assert_eq!(of(Scope::User("ada".into())), BTreeSet::from([mine, alone, nobody]), "and not what another agent did");
    assert_eq!(of(Scope::User("bob".into())), BTreeSet::new());
    // Whoever the agent works for next: what does not name them goes with them, also without a restart.
    let next = keys.key_of(&subject("a", Some("bob"), "s"), 6).unwrap().id;
    assert_eq!(keys.key_of(&session(Some("a"), "s"), 7).unwrap().id, next);
}

#[test]
fn keys_on_a_medium_that_cannot_be_written_open_records_and_are_not_touched() {
    let dir = TempDir::new().unwrap();
    // What a name of a file may hold, and an address must not.
    let path = dir.path().join("50% of #1?.db");
    let keys = Keys::open(&path).unwrap();
    let key = keys.key_of(&subject("a", Some("ada"), "s"), 1).unwrap();
    let read = || open_unwritable(&path, &table::SCHEMA).unwrap();
    assert!(read().is_none(), "its journal has to be read first");
    drop(keys);
    let files = || {
        let mut all: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        all.sort();
        all
    };
    let before = (files(), std::fs::read(&path).unwrap());
    let unwritable = Keys::of(read().unwrap(), read().unwrap());
    assert!(matches!(unwritable.find(&key.id).unwrap(), Found::Key(found) if found.as_bytes() == key.key.as_bytes()));
    assert!(unwritable.key_of(&subject("b", None, "t"), 2).is_err() && unwritable.erase(&[key.id], 3).is_err());
    drop(unwritable);
    assert_eq!((files(), std::fs::read(&path).unwrap()), before);
    assert!(Keys::open_to_read(&path).unwrap().is_some());
    assert!(Keys::open_to_read(&dir.path().join("no")).unwrap().is_none());
}

#[test]
fn many_erased_sessions_leave_no_byte_among_many_that_stay() {
    const SESSIONS: u64 = 3_000;
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    // What is tested is what the file holds in the end, not when.
    keys.connection().pragma_update(None, "synchronous", false).unwrap();
    // Names in no order, so that the pages of the indexes are split and filled again.
    let name = |number: u64| format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut traces = std::collections::HashSet::new();
    for number in 0..SESSIONS {
        let gone = number % 10 != 0;
        let user = if gone { "ada-lovelace" } else { "bob" };
        let owner =
            subject("helper", Some(user), &format!("{}-{}", name(number), if gone { "of-ada" } else { "kept" }));
        let key = keys.key_of(&owner, 1).unwrap().key;
        if gone {
            traces.insert(<[u8; 16]>::try_from(&key.as_bytes()[..16]).unwrap());
        }
    }
    let gone: Vec<KeyId> = keys.select(&Scope::User("ada-lovelace".into())).unwrap().iter().map(|one| one.id).collect();
    assert_eq!(gone.len() as u64, SESSIONS / 10 * 9);
    // In two goes: what the first one moves about, the second one destroys.
    gone.chunks(1_000).for_each(|part| keys.erase(part, 7).unwrap());
    assert!(!is_there(&dir, b"ada-lovelace") && !is_there(&dir, b"-of-ada"));
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(16).any(|window| traces.contains(window)), "a key is still there");
    }
    assert_eq!(keys.select(&Scope::User("bob".into())).unwrap().len() as u64, SESSIONS / 10);
    assert!(is_there(&dir, b"-kept"), "a search that finds nothing proves nothing");
}

#[test]
fn what_is_erased_leaves_no_byte_of_key_or_name() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let owner = subject("the-agent-name", Some("ada-lovelace"), "the-session-name");
    let (kept, gone) = (keys.key_of(&subject("b", None, "other"), 1).unwrap(), keys.key_of(&owner, 1).unwrap());
    let traces = [gone.key.as_bytes().as_slice(), b"the-agent-name", b"ada-lovelace", b"the-session-name"];
    for trace in traces {
        assert!(is_there(&dir, trace), "a search that finds nothing proves nothing");
    }
    let owned = keys.select(&Scope::User("ada-lovelace".into())).unwrap();
    assert_eq!(
        owned,
        [Owned { id: gone.id, agent: Some("the-agent-name".into()), session: "the-session-name".into() }]
    );
    keys.erase(&[gone.id], 77).unwrap();
    for trace in traces {
        assert!(!is_there(&dir, trace), "{}", String::from_utf8_lossy(trace));
    }
    assert!(matches!(keys.find(&gone.id).unwrap(), Found::Erased(77)));
    keys.erase(&[gone.id, KeyId::new([1; 16])], 99).unwrap();
    assert!(matches!(keys.find(&gone.id).unwrap(), Found::Erased(77)), "the first time counts");
    assert!(matches!(keys.find(&kept.id).unwrap(), Found::Key(_)));
    // The session goes on with another key.
    let next = keys.key_of(&owner, 100).unwrap();
    assert_ne!(next.id, gone.id);
    drop(keys);
    assert!(matches!(open(&dir).find(&gone.id).unwrap(), Found::Erased(77)));
}

#[test]
fn a_reader_in_the_way_is_named_and_erasing_again_clears_the_traces() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let gone = keys.key_of(&subject("a", None, "s"), 1).unwrap();
    let other = Connection::open(dir.path().join(KEYS_FILE)).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM keys;").unwrap();
    keys.connection().busy_timeout(std::time::Duration::from_millis(1)).unwrap();
    assert!(matches!(keys.erase(&[gone.id], 7), Err(KeysError::Traces)));
    assert!(matches!(keys.find(&gone.id).unwrap(), Found::Erased(7)));
    other.execute_batch("COMMIT").unwrap();
    keys.erase(&[gone.id], 8).unwrap();
    assert!(!is_there(&dir, gone.key.as_bytes()));
}

#[test]
fn a_hundred_first_records_of_one_session_get_one_key() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let start = Barrier::new(100);
    let found: BTreeSet<KeyId> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    keys.key_of(&subject("a", Some("ada"), "s"), 1).unwrap().id
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(found.len(), 1);
    assert_eq!(keys.select(&Scope::Session("s".into())).unwrap().len(), 1);
}

#[test]
fn many_sessions_at_once_get_keys_of_their_own() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    let start = Barrier::new(50);
    let one = |number: usize| keys.key_of(&subject("a", None, &format!("s{number}")), 1).unwrap().id;
    let (one, start) = (&one, &start);
    let found: BTreeSet<KeyId> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50)
            .map(|number| {
                scope.spawn(move || {
                    start.wait();
                    one(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(found.len(), 50);
    assert_eq!(ids(&keys.select(&Scope::Agent("a".into())).unwrap()), found);
}

#[test]
fn a_key_that_cannot_be_kept_is_none() {
    let dir = TempDir::new().unwrap();
    let keys = open(&dir);
    keys.connection().pragma_update(None, "query_only", true).unwrap();
    let error = keys.key_of(&subject("a", None, "s"), 1).unwrap_err();
    assert!(matches!(error, KeysError::Together(_)), "{error}");
    assert!(keys.at_hand(&subject("a", None, "s")).is_none());
    keys.connection().pragma_update(None, "query_only", false).unwrap();
    keys.key_of(&subject("a", None, "s"), 1).unwrap();
}

#[test]
fn only_the_owner_reads_the_file_and_another_database_is_refused() {
    let dir = TempDir::new().unwrap();
    assert!(Keys::open_existing(&dir.path().join(KEYS_FILE)).unwrap().is_none());
    let _keys = open(&dir);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let state = dir.path().join("state.db");
    drop(crate::sqlite::StateDb::open(&state).unwrap());
    assert!(matches!(Keys::open(&state), Err(KeysError::Open(OpenError::Foreign(_)))));
    // One that somebody made by hand.
    let empty = dir.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    std::fs::set_permissions(&empty, std::fs::Permissions::from_mode(0o644)).unwrap();
    Keys::open(&empty).unwrap();
    assert_eq!(empty.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_damaged_file_is_named_with_what_it_costs_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(KEYS_FILE);
    drop(open(&dir));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100..4_096].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let error = Keys::open(&path).unwrap_err();
    assert!(error.to_string().contains("nobody can read what was sealed"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}
