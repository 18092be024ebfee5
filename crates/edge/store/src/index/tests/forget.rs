//! What was erased or dropped is not in the index any more.

use super::*;
use crate::keys::{Keys, NamedKey, Owner, Scope};
use crate::log::{Dropped, Retention};

#[test]
fn what_is_forgotten_leaves_no_byte() {
    let mut records: Vec<Value> = (0..5_000).map(|number| decision(number, &TOLD)).collect();
    let gone: BTreeSet<u64> = [17, 18, 4_999].into();
    for index in &gone {
        let told = Told { session: "secret-session", message: "zanzibar was named", ..TOLD };
        records[usize::try_from(*index).unwrap()] = decision(*index, &told);
    }
    let world = World::with(&records);
    let mut writer = world.index();
    let key = writer.index().about.key;
    let traces = || {
        let words = [(Facet::Session, "secret-session"), (Facet::Text, "zanzibar")];
        let words = words.map(|(facet, value)| key.word(facet, value).to_be_bytes().to_vec());
        let ids = gone.iter().map(|index| id(*index).to_bytes().to_vec());
        words.into_iter().chain(ids).collect::<Vec<_>>()
    };
    let bytes = || {
        let mut all = Vec::new();
        for file in std::fs::read_dir(world.data.path()).unwrap().map(Result::unwrap) {
            if file.file_name().to_string_lossy().starts_with(INDEX_FILE) {
                all.extend(std::fs::read(file.path()).unwrap());
            }
        }
        all
    };
    let has = |bytes: &[u8], trace: &[u8]| bytes.windows(trace.len()).any(|window| window == trace);
    let before = bytes();
    assert!(traces().iter().all(|trace| has(&before, trace)), "the traces are what the file holds");
    assert!(!has(&before, b"zanzibar") && !has(&before, b"secret-session"), "no text is in the file at all");

    writer.forget(&gone).unwrap();
    let after = bytes();
    assert!(traces().iter().all(|trace| !has(&after, trace)));
    assert_eq!(writer.index().size(), 5_000);
    let index = world.reader().unwrap().unwrap();
    let found =
        world.find(Some(&index), &Filter::default().any(Facet::Agent, ["tidy"]), Order::OldestFirst, 0..u64::MAX);
    assert_eq!(found.len(), 4_997, "the others are found as before");
    assert!(gone.iter().all(|index| !found.contains(index)));
    let erased = |range: Range<u64>| index.count(Facet::Type, "erased", &range).unwrap();
    assert_eq!((erased(0..u64::MAX), erased(18..4_999), erased(18..5_000), erased(0..0)), (3, 1, 2, 0));
}

#[test]
fn what_a_crash_left_of_what_was_taken_out_goes_when_the_index_is_opened_again() {
    let told = Told { session: "secret-session", ..TOLD };
    let all: Vec<Value> = (0..300).map(|number| decision(number, if number == 7 { &told } else { &TOLD })).collect();
    let world = World::with(&all);
    let mut writer = world.index();
    let trace = writer.index().about.key.word(Facet::Session, "secret-session").to_be_bytes();
    let left = || {
        let files = std::fs::read_dir(world.data.path()).unwrap().map(Result::unwrap);
        let ours = files.filter(|file| file.file_name().to_string_lossy().starts_with(INDEX_FILE));
        ours.map(|file| std::fs::read(file.path()).unwrap())
            .filter(|bytes| bytes.windows(8).any(|window| window == trace))
            .count()
    };
    // Taken out, and not swept: the journal has the page as it was.
    writer.take_out(&[7].into()).unwrap();
    assert!(left() > 0, "a search that finds nothing proves nothing");
    drop_as_a_crash(writer, &world);
    let writer = world.writer();
    assert!(writer.index().size() == 300, "it was not thrown away for it");
    assert_eq!(left(), 0);
    let unswept = "SELECT count(*) FROM sqlite_schema WHERE name = 'unswept'";
    assert_eq!(writer.index().connection.query_row(unswept, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn what_cannot_be_written_anew_in_the_room_beside_the_log_is_thrown_away() {
    let world = World::with(&[decision(0, &TOLD), decision(1, &TOLD)]);
    let mut writer = world.index().keep_free(u64::MAX);
    writer.forget(&[1].into()).unwrap();
    assert_eq!((writer.index().size(), world.reader().unwrap().unwrap().size()), (0, 0));
}

/// Closing a database clears its journal; a crash does not.
fn drop_as_a_crash(writer: Writer, world: &World) {
    let aside = tempfile::tempdir().unwrap();
    let files = |from: &std::path::Path, to: &std::path::Path| {
        for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let name = file.file_name();
            if name.to_string_lossy().starts_with(INDEX_FILE) && !name.to_string_lossy().ends_with("-shm") {
                std::fs::copy(file.path(), to.join(name)).unwrap();
            }
        }
    };
    files(world.data.path(), aside.path());
    drop(writer);
    files(aside.path(), world.data.path());
}

#[test]
fn what_the_log_dropped_is_not_looked_for_and_not_kept() {
    let message = "m".repeat(600);
    let all: Vec<Value> = (0..9_000).map(|number| decision(number, &Told { message: &message, ..TOLD })).collect();
    let World { data, log } = World::with(&all);
    let (directory, file) = (data.path().join("log"), data.path().join(INDEX_FILE));
    let open = || Records::open(&directory).unwrap();
    let live = Records::new(log.reader().unwrap());
    let mut writer = Writer::open(&file, &directory, &live, true).unwrap();
    while writer.extend(&live).unwrap() > 0 {}
    drop(writer);
    log.close_blocking().unwrap();
    let retention = Retention::open(&directory).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(3_600);
    let plan = retention.plan_drop(later).unwrap().unwrap();
    let statement = Dropped { first: 0, time_ms: 7, record: 8_999, because: "a test".into() };
    retention.drop_records(&plan, &statement, &data.path().join("log.key")).unwrap();
    assert!(plan.first > BLOCK, "a whole block goes: {}", plan.first);

    let (records, filter) = (open(), Filter::default().any(Facet::Agent, ["tidy"]));
    let kept: Vec<u64> = (plan.first..9_000).collect();
    let check = |index: Option<&Index>| {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let mut search = Search::new(&records, index, &filter, order, 0..u64::MAX);
            let mut found: Vec<u64> = search.by_ref().map(|record| record.unwrap().index()).collect();
            if order == Order::NewestFirst {
                found.reverse();
            }
            assert_eq!(found, kept);
            assert!(search.left().is_empty(), "{:?} is left", search.left());
        }
    };
    check(None);
    check(Some(&Index::open(&file, &directory, &records).unwrap().unwrap()));
    let again = data.path().join("again.db");
    for path in [&file, &again] {
        let mut writer = Writer::open(path, &directory, &records, false).unwrap();
        assert!(writer.take_discarded().is_none());
        while writer.extend(&records).unwrap() > 0 {}
        drop(writer);
        let index = Index::open(path, &directory, &records).unwrap().unwrap();
        check(Some(&index));
        for (column, table) in [("block", "blocks"), ("block", "postings"), ("record / 4096", "ids")] {
            let sql = format!("SELECT min({column}) FROM {table}");
            let least: i64 = index.connection.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(least, signed(block_of(plan.first)), "{table}");
        }
    }
}

/// A record sealed with the key of a session.
fn sealed(keys: &Keys, session: &str, record: &Value) -> (String, Vec<u8>) {
    sealed_of(keys, &Owner::Session { agent: None, session: session.to_owned() }, record)
}

fn sealed_of(keys: &Keys, owner: &Owner, record: &Value) -> (String, Vec<u8>) {
    let NamedKey { id, key } = keys.key_of(owner, 1).unwrap();
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).unwrap();
    (id.to_string(), holdshort_ledger::seal(record.to_string().as_bytes(), id, &key, &nonce).unwrap())
}

#[test]
fn what_another_agent_did_in_a_session_of_the_same_name_is_found_as_before() {
    let world = World::new();
    let keys = Keys::open(&world.data.path().join("keys.db")).unwrap();
    let records = || Records::new(world.log.reader().unwrap()).with_keys(Some(keys.clone()));
    let owner = |agent: &str| Owner::Session { agent: Some(agent.into()), session: "s".into() };
    let told = |number| decision(number, &Told { session: "s", ..TOLD });
    let (gone, first) = sealed_of(&keys, &owner("a"), &told(0));
    world.log.append_blocking(first).unwrap();
    world.log.append_blocking(sealed_of(&keys, &owner("b"), &told(1)).1).unwrap();
    let mut writer = Writer::open(&world.file(), &world.directory(), &records(), true).unwrap();
    while writer.extend(&records()).unwrap() > 0 {}
    writer.forget_keys(&[gone]).unwrap();
    let (records, index) = (records(), Index::open(&world.file(), &world.directory(), &records()).unwrap());
    let filter = Filter::default().any(Facet::Session, ["s"]);
    let found = Search::new(&records, index.as_ref(), &filter, Order::OldestFirst, 0..u64::MAX);
    assert_eq!(found.map(|record| record.unwrap().index()).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_record_with_more_names_than_are_indexed_is_forgotten_like_others() {
    let world = World::new();
    let keys = Keys::open(&world.data.path().join("keys.db")).unwrap();
    let records = Records::new(world.log.reader().unwrap()).with_keys(Some(keys.clone()));
    let mut long = decision(0, &Told { agent: "secret-agent", ..TOLD });
    let effect = long["facts"]["action"]["effects"][0].clone();
    long["facts"]["action"]["effects"] = vec![effect; 5_000].into();
    let (gone, bytes) = sealed(&keys, "s1", &long);
    world.log.append_blocking(bytes).unwrap();
    let mut writer = Writer::open(&world.file(), &world.directory(), &records, true).unwrap();
    while writer.extend(&records).unwrap() > 0 {}
    let word = writer.index().about.key.word(Facet::Agent, "secret-agent").to_be_bytes();
    let left = || {
        let files = [world.file(), world.data.path().join(format!("{INDEX_FILE}-wal"))];
        files.iter().filter(|file| std::fs::read(file).unwrap().windows(8).any(|window| window == word)).count()
    };
    assert!(left() > 0, "a search that finds nothing proves nothing");
    writer.forget_keys(&[gone]).unwrap();
    assert_eq!(left(), 0);
}

#[test]
fn an_erasure_on_record_is_enough_to_forget() {
    let world = World::new();
    let keys = Keys::open(&world.data.path().join("keys.db")).unwrap();
    let records = || Records::new(world.log.reader().unwrap()).with_keys(Some(keys.clone()));
    let secret = |number: u64| decision(number, &Told { session: "secret-session", ..TOLD });
    let append = |bytes: Vec<u8>| world.log.append_blocking(bytes).unwrap().index;
    let erased: Vec<u64> = (0..3).map(|number| append(sealed(&keys, "secret-session", &secret(number)).1)).collect();
    let kept = append(sealed(&keys, "other", &decision(3, &TOLD)).1);
    let plain = append(decision(4, &TOLD).to_string().into_bytes());
    let everything = Filter::default().any(Facet::Agent, ["tidy"]);
    let find = |index: Option<&Index>, filter: &Filter| -> Vec<u64> {
        let records = records();
        Search::new(&records, index, filter, Order::OldestFirst, 0..u64::MAX)
            .map(|record| record.unwrap().index())
            .collect()
    };

    let closed = world.records();
    let mut writer = Writer::open(&world.file(), &world.directory(), &closed, true).unwrap();
    assert!(matches!(writer.extend(&closed), Err(IndexError::Closed(0))), "without keys nothing is hidden by an index");
    while writer.extend(&records()).unwrap() > 0 {}
    let open = || Index::open(&world.file(), &world.directory(), &records()).unwrap().unwrap();
    assert_eq!(find(Some(&open()), &everything), [erased.clone(), vec![kept, plain]].concat());

    // The record of the erasure comes first, then another sealed one that was under way, then the keys go.
    let (id, late) = sealed(&keys, "secret-session", &secret(9));
    append(
        json!({ "type": "erasure", "time_ms": 5, "scope": "session", "keys": [id], "by": "ann", "reason": "asked" })
            .to_string()
            .into_bytes(),
    );
    append(late);
    while writer.extend(&records()).unwrap() > 0 {}
    let key = writer.index().about.key;
    let bytes = std::fs::read(world.file()).unwrap();
    let wal = std::fs::read(world.data.path().join(format!("{INDEX_FILE}-wal"))).unwrap();
    let word = key.word(Facet::Session, "secret-session").to_be_bytes();
    assert!([&bytes, &wal].iter().all(|bytes| !bytes.windows(8).any(|window| window == word)));
    let by_key = Scope::Session("secret-session".into());
    let gone: Vec<_> = keys.select(&by_key).unwrap().into_iter().map(|owned| owned.id).collect();
    keys.erase(&gone, 6).unwrap();
    assert_eq!(find(Some(&open()), &everything), [kept, plain]);
    assert_eq!(find(None, &everything), [kept, plain]);
    let unreadable = Filter::default().any(Facet::Type, ["erased"]);
    assert_eq!(find(Some(&open()), &unreadable), find(None, &unreadable));
    assert_eq!(find(None, &unreadable).len(), 4);
    assert_eq!(find(Some(&open()), &Filter::default().any(Facet::Type, ["erasure"]).says("asked").unwrap()), [5]);
}
