//! Finding is the same with an index, without one, and with one that was made again; nothing that is wrong with an index
//! changes what is found.

use super::*;
use crate::keys::{Keys, NamedKey, Owner, Scope};
use crate::log::{Dropped, Log, LogOptions, Retention};
use crate::records::LoggedRecord;
use holdshort_model::{Effect, Level, Record, RecordId};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::Range;
use tempfile::TempDir;

/// A data directory with a log and an index.
struct World {
    data: TempDir,
    log: Log,
}

impl World {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let log = Self::open_log(&data);
        Self { data, log }
    }

    fn open_log(data: &TempDir) -> Log {
        let options = LogOptions {
            segment_bytes_first: 0,
            segment_bytes_max: 0,
            ..LogOptions::new(data.path().join("log"), data.path().join("log.key"), "example.com/test")
        };
        Log::open(options).unwrap().0
    }

    fn with(records: &[Value]) -> Self {
        let world = Self::new();
        world.append(records);
        world
    }

    fn append(&self, records: &[Value]) {
        let (last, rest) = records.split_last().unwrap();
        rest.iter().for_each(|record| self.log.enqueue(record.to_string().into_bytes()).unwrap());
        self.log.append_blocking(last.to_string().into_bytes()).unwrap();
    }

    fn records(&self) -> Records {
        Records::new(self.log.reader().unwrap())
    }

    fn directory(&self) -> PathBuf {
        self.data.path().join("log")
    }

    fn file(&self) -> PathBuf {
        self.data.path().join(INDEX_FILE)
    }

    fn writer(&self) -> Writer {
        Writer::open(&self.file(), &self.directory(), &self.records(), true).unwrap()
    }

    /// Indexes everything.
    fn index(&self) -> Writer {
        let mut writer = self.writer();
        while writer.extend(&self.records()).unwrap() > 0 {}
        writer
    }

    fn reader(&self) -> Result<Option<Index>, IndexError> {
        Index::open(&self.file(), &self.directory(), &self.records())
    }

    fn find(&self, index: Option<&Index>, filter: &Filter, order: Order, range: Range<u64>) -> Vec<u64> {
        let records = self.records();
        let mut search = Search::new(&records, index, filter, order, range);
        let found = search.by_ref().map(|record| record.unwrap().index()).collect();
        assert!(search.fault().is_none(), "{:?}", search.fault());
        found
    }

    fn scan(&self, filter: &Filter) -> Vec<u64> {
        self.find(None, filter, Order::OldestFirst, 0..u64::MAX)
    }
}

fn id(number: u64) -> RecordId {
    RecordId::from_parts(1_000 + number, number.into())
}

struct Told<'a> {
    agent: &'a str,
    session: &'a str,
    tool: &'a str,
    effect: &'a str,
    level: &'a str,
    message: &'a str,
}

const TOLD: Told<'static> =
    Told { agent: "tidy", session: "s1", tool: "read_file", effect: "allow", level: "low", message: "fine" };

fn decision(number: u64, told: &Told<'_>) -> Value {
    let Told { agent, session, tool, effect, level, message } = told;
    let digest = format!("sha256:{}", "0".repeat(64));
    json!({
        "type": "decision", "version": 1, "sequence": 0, "received_ms": 1_000 + number, "deciding_ns": 5,
        "request": {
            "subject": { "agent": agent, "user": "ann" }, "session": session,
            "action": { "kind": "tool.call", "server": "files", "name": tool, "args": {} },
        },
        "facts": {
            "subject": {
                "agent": { "id": agent, "class": "c" }, "session": session,
                "authenticated_by": "token", "standing": "active",
            },
            "action": { "kind": "tool.call", "name": tool, "args": {}, "effects": [
                { "verb": "delete", "resource": { "kind": "file" }, "certainty": "derived" },
            ]},
            "context": { "time": 1, "enforcement_point": "mcp" },
        },
        "decision": {
            "id": id(number), "effect": effect, "enforced": "allow", "mode": "observe",
            "risk": { "score": 1, "level": level, "parts": [] },
            "reasons": [{ "policy": format!("p/{effect}"), "message": message, "effect": effect, "mode": "observe" }],
            "snapshot": digest,
        },
        "build": { "version": "1" },
    })
}

fn event(number: u64, event: &str, detail: Value) -> Value {
    json!({ "type": "lifecycle", "time_ms": 1_000 + number, "event": event, "detail": detail })
}

fn outcome(number: u64, session: &str) -> Value {
    json!({ "type": "outcome", "decision": id(number), "session": session, "status": "ok", "bytes": 1, "duration_us": 1 })
}

#[test]
fn the_samples_are_records_of_this_version() {
    let read = |value: Value| serde_json::from_value::<Record>(value).unwrap();
    assert!(matches!(read(decision(1, &TOLD)), Record::Decision(_)));
    assert!(matches!(read(outcome(1, "s")), Record::Outcome(_)));
}

/// One record of any kind, with names that collide often.
fn any_record() -> impl Strategy<Value = Value> {
    let name = || prop_oneof![Just("a"), Just("b"), Just("A"), Just("a/b")];
    let effect = prop_oneof![Just("allow"), Just("ask"), Just("deny")];
    let level = prop_oneof![Just("low"), Just("medium"), Just("high"), Just("critical")];
    let text = prop_oneof![
        Just("not granted".to_owned()),
        Just("\"NOT\" OR granted*; DROP TABLE postings".to_owned()),
        Just("\u{202e}über\u{0}\u{1b}[31m straße".to_owned()),
        "[ -~]{0,40}",
    ];
    (0..60u64, 0..5u8, name(), name(), name(), effect, level, text).prop_map(
        |(number, kind, agent, session, tool, effect, level, message)| match kind {
            0 | 1 => decision(number, &Told { agent, session, tool, effect, level, message: &message }),
            2 => outcome(number, session),
            3 => event(number, tool, json!({ "agent": agent, "why": [message, { "id": id(number) }] })),
            _ => json!({ "type": "of-2031", "time_ms": 1_000 + number, "agent": agent, "session": { "id": 1 } }),
        },
    )
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let name =
        || prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("A".to_owned()), Just("files/a".to_owned())];
    let facet = prop_oneof![
        Just(Facet::Agent),
        Just(Facet::Session),
        Just(Facet::Tool),
        Just(Facet::User),
        Just(Facet::Server),
        Just(Facet::Type),
        Just(Facet::Policy),
    ];
    let value = prop_oneof![
        name(),
        Just("lifecycle".into()),
        Just("of-2031".into()),
        Just("files".into()),
        Just("p/ask".into())
    ];
    let effect = proptest::option::of(prop_oneof![Just(Effect::Allow), Just(Effect::Ask), Just(Effect::Deny)]);
    let level = proptest::option::of(prop_oneof![Just(Level::Low), Just(Level::Medium), Just(Level::Critical)]);
    let text = proptest::option::of(prop_oneof![
        Just("granted"),
        Just("\"not\" granted)"),
        Just("STRASSE"),
        Just("straße ÜBER"),
        Just("table"),
    ]);
    let facets = proptest::collection::vec((facet, proptest::collection::vec(value, 1..3)), 0..3);
    let time = || proptest::option::of(990..1_080u64);
    (facets, effect, level, text, time(), time(), proptest::option::of(0..60u64)).prop_map(
        |(facets, effect, level, text, since, until, wanted)| {
            let mut filter = Filter::default().since(since).until(until).effects(Facet::Effect, effect);
            for (facet, values) in facets {
                filter = filter.any(facet, values);
            }
            if let Some(level) = level {
                filter = filter.at_least(level);
            }
            if let Some(text) = text {
                filter = filter.says(text).unwrap();
            }
            filter.ids(wanted.map(id))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_index_finds_what_reading_everything_finds(
        records in proptest::collection::vec(any_record(), 1..120),
        filters in proptest::collection::vec(any_filter(), 8),
        parts in proptest::collection::vec(1..40usize, 1..6),
        range in (0..60u64, 0..140u64),
    ) {
        let world = World::new();
        // Records come in parts, and are indexed as they come; the last part is not indexed.
        let mut rest = records.as_slice();
        for part in parts {
            let (now, later) = rest.split_at(part.min(rest.len()));
            if !now.is_empty() {
                world.append(now);
                world.index();
            }
            rest = later;
        }
        if !rest.is_empty() {
            world.append(rest);
        }
        let index = world.reader().unwrap().unwrap();
        let again = {
            let file = world.data.path().join("again.db");
            let mut writer = Writer::open(&file, &world.directory(), &world.records(), true).unwrap();
            while writer.extend(&world.records()).unwrap() > 0 {}
            drop(writer);
            Index::open(&file, &world.directory(), &world.records()).unwrap().unwrap()
        };
        prop_assert_eq!(again.size(), records.len() as u64);
        for filter in filters {
            for range in [0..u64::MAX, range.0..range.1] {
                let expected = world.find(None, &filter, Order::OldestFirst, range.clone());
                for index in [&index, &again] {
                    let found = world.find(Some(index), &filter, Order::OldestFirst, range.clone());
                    prop_assert_eq!(&found, &expected, "{:?}", filter);
                    let mut found = world.find(Some(index), &filter, Order::NewestFirst, range.clone());
                    found.reverse();
                    prop_assert_eq!(&found, &expected, "{:?}", filter);
                }
            }
        }
    }
}

#[test]
fn many_blocks_are_searched_and_pages_go_on_where_they_ended() {
    let tool = |number: u64| if number % 1_000 == 7 { "rare" } else { "usual" };
    let records: Vec<Value> = (0..9_000).map(|number| decision(number, &Told { tool: tool(number), ..TOLD })).collect();
    let world = World::with(&records);
    world.index();
    let index = world.reader().unwrap().unwrap();
    let filter = Filter::default().any(Facet::Tool, ["rare"]);
    let expected: Vec<u64> = (0..9).map(|thousand| thousand * 1_000 + 7).collect();
    assert_eq!(world.scan(&filter), expected);

    for order in [Order::NewestFirst, Order::OldestFirst] {
        let records = world.records();
        let (mut found, mut left) = (Vec::new(), 0..u64::MAX);
        while !left.is_empty() {
            let mut search = Search::new(&records, Some(&index), &filter, order, left);
            found.extend(search.by_ref().take(2).map(|record| record.unwrap().index()));
            left = search.left();
            assert!(search.looked() <= 9, "a rare word is not looked for in every record: {}", search.looked());
        }
        if order == Order::NewestFirst {
            found.reverse();
        }
        assert_eq!(found, expected);
    }
    let time = Filter::default().since(Some(1_000 + 5_000)).until(Some(1_000 + 5_009));
    assert_eq!(world.find(Some(&index), &time, Order::OldestFirst, 0..u64::MAX), (5_000..=5_009).collect::<Vec<_>>());
}

#[test]
fn what_is_not_indexed_yet_is_found_too_while_the_log_grows() {
    let world = World::with(&[decision(0, &TOLD)]);
    drop(world.index());
    let filter = Filter::default().any(Facet::Agent, ["tidy"]);
    let log = world.log.clone();
    let writing = std::thread::spawn(move || {
        for number in 1..2_000 {
            log.append_blocking(decision(number, &TOLD).to_string().into_bytes()).unwrap();
        }
    });
    let mut writer = world.writer();
    while !writing.is_finished() {
        let before = world.log.size();
        let index = world.reader().unwrap().unwrap();
        let found = world.find(Some(&index), &filter, Order::NewestFirst, 0..u64::MAX);
        assert!(found.len() as u64 >= before, "{} of {before}", found.len());
        assert!(found.windows(2).all(|pair| pair[0] == pair[1] + 1) && found.last() == Some(&0));
        writer.extend(&world.records()).unwrap();
    }
    writing.join().unwrap();
}

#[test]
fn another_version_another_log_and_garbage_are_made_again_and_said() {
    let world = World::with(&[decision(0, &TOLD), decision(1, &TOLD)]);
    drop(world.index());
    let sound = std::fs::read(world.file()).unwrap();
    let spoil = |bytes: &[u8]| {
        file::remove(&world.file()).unwrap();
        std::fs::write(world.file(), bytes).unwrap();
    };
    let other = World::with(&[decision(0, &TOLD), decision(1, &Told { message: "other", ..TOLD })]);
    drop(other.index());
    let mut later = sound.clone();
    later[60..64].copy_from_slice(&9i32.to_be_bytes());
    let cases: [(&str, Vec<u8>); 6] = [
        ("it has version 9, this program knows 1", later),
        ("the file is no index", b"this was never a database, and is long enough to be looked at as one".to_vec()),
        ("the file is no index", Vec::new()),
        ("record 1 of the log is another one than was indexed", std::fs::read(other.file()).unwrap()),
        ("the file is damaged", sound[..8_192].to_vec()),
        ("the file is damaged", {
            let mut torn = sound.clone();
            torn[4_096..].fill(0xA5);
            torn
        }),
    ];
    for (message, bytes) in cases {
        spoil(&bytes);
        let told = world.reader().unwrap_err().to_string();
        assert!(told.contains(message), "{told}");
        let mut writer = world.writer();
        assert!(writer.discarded().unwrap().to_string().contains(message));
        assert_eq!(writer.index().size(), 0);
        assert_eq!(writer.extend(&world.records()).unwrap(), 2);
        drop(writer);
        let index = world.reader().unwrap().unwrap();
        let filter = Filter::default().any(Facet::Agent, ["tidy"]);
        assert_eq!(world.find(Some(&index), &filter, Order::OldestFirst, 0..u64::MAX), [0, 1]);
    }
}

#[test]
fn the_index_of_a_log_with_another_name_is_not_used() {
    let world = World::with(&[decision(0, &TOLD)]);
    drop(world.index());
    Connection::open(world.file()).unwrap().execute("UPDATE about SET origin = 'example.com/other'", []).unwrap();
    let told = world.reader().unwrap_err().to_string();
    assert!(told.contains("it belongs to the log `example.com/other`"), "{told}");
}

#[test]
fn a_log_that_was_cut_back_gets_a_new_index() {
    let world = World::with(&[decision(0, &TOLD), decision(1, &TOLD)]);
    drop(world.index());
    let shorter = World::with(&[decision(0, &TOLD)]);
    std::fs::copy(world.file(), shorter.file()).unwrap();
    let mut found = shorter.writer();
    assert!(matches!(found.discarded(), Some(Unusable::Longer { indexed: 2, size: 1 } | Unusable::Rewritten(_))));
    assert_eq!(found.extend(&shorter.records()).unwrap(), 1);
}

#[test]
fn a_changed_row_ends_the_use_of_the_index_and_not_the_search() {
    let world = World::with(&[decision(0, &TOLD), decision(1, &TOLD), event(2, "start", Value::Null)]);
    drop(world.index());
    let index = world.reader().unwrap().unwrap();
    let change = "UPDATE postings SET places = CAST(substr(places, 1, length(places) - 1) || x'07' AS BLOB)";
    Connection::open(world.file()).unwrap().execute_batch(change).unwrap();
    let (records, filter) = (world.records(), Filter::default().any(Facet::Agent, ["tidy"]));
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let mut search = Search::new(&records, Some(&index), &filter, order, 0..u64::MAX);
        assert_eq!(search.by_ref().map(Result::unwrap).count(), 2);
        assert!(search.fault().unwrap().to_string().contains("wrong checksum"));
    }
}

#[test]
fn an_index_that_lies_invents_nothing() {
    let world = World::with(&[decision(0, &TOLD), decision(1, &Told { agent: "other", ..TOLD })]);
    drop(world.index());
    let index = world.reader().unwrap().unwrap();
    // Every record is said to have every word.
    let connection = Connection::open(world.file()).unwrap();
    let words: Vec<i64> = connection
        .prepare("SELECT word FROM postings")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for word in words {
        let all = places::Places::first(2).encode(index.about.key, word, 0);
        connection.execute("UPDATE postings SET places = ?1 WHERE word = ?2", (all, word)).unwrap();
    }
    let filter = Filter::default().any(Facet::Agent, ["other"]);
    assert_eq!(world.find(Some(&index), &filter, Order::NewestFirst, 0..u64::MAX), [1]);
}

#[test]
fn one_process_writes_and_others_are_told() {
    let world = World::with(&[decision(0, &TOLD)]);
    let _writer = world.index();
    let second = Writer::open(&world.file(), &world.directory(), &world.records(), true);
    assert!(matches!(second, Err(IndexError::Busy)));
    assert_eq!(world.reader().unwrap().unwrap().size(), 1);
}

#[test]
fn large_records_and_records_of_many_words_are_found() {
    let many: String = (0..60_000).map(|number| format!("word{number} ")).collect();
    let blob = "x".repeat(900_000);
    let records = [
        decision(0, &Told { message: &many, ..TOLD }),
        event(1, "start", json!({ "agent": "big", "blob": blob })),
        decision(2, &TOLD),
    ];
    let world = World::with(&records);
    drop(world.index());
    let index = world.reader().unwrap().unwrap();
    let find = |filter: &Filter| world.find(Some(&index), filter, Order::OldestFirst, 0..u64::MAX);
    for word in ["word5", "word59999"] {
        assert_eq!(find(&Filter::default().says(word).unwrap()), [0], "{word}");
    }
    assert_eq!(find(&Filter::default().any(Facet::Agent, ["big"])), [1]);
    assert!(find(&Filter::default().says("word60000").unwrap()).is_empty());
    assert_eq!(find(&Filter::default().contains(Some("xxxx".into()))), [1]);
}

#[test]
fn an_id_finds_everything_that_carries_it() {
    let records =
        [decision(7, &TOLD), outcome(7, "s1"), outcome(8, "s1"), event(9, "incident-closed", json!({ "id": id(7) }))];
    let world = World::with(&records);
    drop(world.index());
    let index = world.reader().unwrap().unwrap();
    let filter = Filter::default().ids([id(7)]);
    assert_eq!(world.find(Some(&index), &filter, Order::OldestFirst, 0..u64::MAX), [0, 1, 3]);
    assert_eq!(world.scan(&filter), [0, 1, 3]);
}

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
        let ids = gone.iter().map(|index| id(*index).to_string().into_bytes());
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
        assert!(writer.discarded().is_none());
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

#[test]
fn only_the_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::with(&[decision(0, &TOLD)]);
    let _writer = world.index();
    let files = std::fs::read_dir(world.data.path()).unwrap().map(Result::unwrap);
    let ours: Vec<_> = files.filter(|file| file.file_name().to_string_lossy().starts_with(INDEX_FILE)).collect();
    assert!(ours.len() >= 2);
    for file in ours {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[test]
fn a_record_that_nobody_here_can_read_is_not_indexed_as_something_else() {
    let record = LoggedRecord {
        stored: crate::log::StoredRecord { index: 0, salt: [0; 16], payload: b"sealed".to_vec() },
        content: crate::records::Content::Erased,
    };
    let types = |record: &LoggedRecord| {
        Row::read(record, |row| {
            (row.facets.clone().into_iter().map(|(_, value)| value.into_owned()).collect::<Vec<_>>(), row.time_ms)
        })
    };
    assert_eq!(types(&record), (vec!["erased".to_owned()], None));
    let closed = LoggedRecord { content: crate::records::Content::Closed, ..record };
    assert_eq!(types(&closed), (vec!["closed".to_owned()], None));
    assert!(!Filter::default().any(Facet::Agent, ["tidy"]).matches(&closed));
}
