//! Records of every size and kind.

use super::*;

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

#[test]
fn records_of_many_words_are_in_the_way_of_searches_for_words_alone() {
    let many: String = (0..9_000).map(|number| format!("w{number} ")).collect();
    let mut records: Vec<Value> = (0..50).map(|number| decision(number, &Told { message: &many, ..TOLD })).collect();
    records.push(decision(50, &Told { agent: "other", message: "zero", ..TOLD }));
    let world = World::with(&records);
    drop(world.index());
    let (index, records) = (world.reader().unwrap().unwrap(), world.records());
    for (filter, looked) in
        [(Filter::default().any(Facet::Agent, ["other"]), 1), (Filter::default().says("zero").unwrap(), 51)]
    {
        let mut search = Search::new(&records, Some(&index), &filter, Order::NewestFirst, 0..u64::MAX);
        assert_eq!(search.by_ref().map(|record| record.unwrap().index()).collect::<Vec<_>>(), [50]);
        assert_eq!(search.looked(), looked);
    }
}

#[test]
fn an_outcome_happened_when_it_ended() {
    let mut late = outcome(7, "s1");
    late["duration_us"] = 60_000_000.into();
    let mut claimed = outcome(8, "s1");
    claimed["duration_us"] = u64::MAX.into();
    let world = World::with(&[decision(7, &TOLD), late, claimed]);
    drop(world.index());
    let index = world.reader().unwrap().unwrap();
    let decided = id(7).time_ms();
    for index in [None, Some(&index)] {
        let at = |from, to| {
            let filter = Filter::default().since(Some(from)).until(Some(to)).any(Facet::Type, ["outcome"]);
            world.find(index, &filter, Order::OldestFirst, 0..u64::MAX)
        };
        assert_eq!(at(decided, decided + 59_999), [0u64; 0]);
        assert_eq!(at(decided + 60_000, decided + 60_000), [1]);
        assert_eq!(at(decided + 60_001, decided + 86_500_000), [2], "no more than a day is believed");
    }
}
