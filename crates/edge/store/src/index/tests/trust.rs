//! An index of no use is noticed, said, and made again; it never changes what is found.

use super::*;

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
        ("it has version 9, this program knows 2", later),
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
        assert!(writer.take_discarded().unwrap().to_string().contains(message));
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
    assert!(matches!(found.take_discarded(), Some(Unusable::Longer { indexed: 2, size: 1 } | Unusable::Rewritten(_))));
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
fn a_damaged_row_that_a_search_came_upon_is_made_again_by_whoever_writes() {
    let world = World::with(&[decision(0, &TOLD), decision(1, &TOLD)]);
    let mut writer = world.index();
    let change = "UPDATE postings SET places = CAST(substr(places, 1, length(places) - 1) || x'07' AS BLOB)";
    Connection::open(world.file()).unwrap().execute_batch(change).unwrap();
    let index = world.reader().unwrap().unwrap();
    let (records, filter) = (world.records(), Filter::default().any(Facet::Agent, ["tidy"]));
    let mut search = Search::new(&records, Some(&index), &filter, Order::NewestFirst, 0..u64::MAX);
    assert_eq!(search.by_ref().map(Result::unwrap).count(), 2);
    assert!(search.fault().is_some());
    assert!(world.reader().unwrap_err().to_string().contains("a search came upon it"));
    assert_eq!(writer.extend(&records).unwrap(), 2, "it is made again");
    assert!(matches!(writer.take_discarded(), Some(Unusable::Damaged(_))));
    let index = world.reader().unwrap().unwrap();
    assert_eq!(world.find(Some(&index), &filter, Order::OldestFirst, 0..u64::MAX), [0, 1]);
}

#[test]
fn pages_that_were_overwritten_while_it_is_written_are_made_again() {
    use std::os::unix::fs::FileExt as _;
    let records: Vec<Value> = (0..5_000).map(|number| decision(number, &TOLD)).collect();
    let world = World::with(&records);
    drop(world.index());
    let mut writer = world.writer();
    let bytes = std::fs::metadata(world.file()).unwrap().len();
    let file = std::fs::File::options().write(true).open(world.file()).unwrap();
    file.write_all_at(&vec![0xA5; usize::try_from(bytes).unwrap() - 4_096], 4_096).unwrap();
    world.append(&[decision(5_000, &TOLD)]);
    while writer.extend(&world.records()).unwrap() > 0 {}
    assert!(writer.take_discarded().is_some());
    let (index, filter) = (world.reader().unwrap().unwrap(), Filter::default().any(Facet::Agent, ["tidy"]));
    assert_eq!(world.find(Some(&index), &filter, Order::OldestFirst, 0..u64::MAX).len(), 5_001);
}

#[test]
fn a_file_that_is_taken_away_while_it_is_written_is_made_again() {
    let world = World::with(&[decision(0, &TOLD)]);
    let mut writer = world.index();
    file::remove(&world.file()).unwrap();
    world.append(&[decision(1, &TOLD)]);
    assert_eq!(writer.extend(&world.records()).unwrap(), 2);
    assert_eq!(writer.take_discarded(), Some(Unusable::Removed));
    assert_eq!(world.reader().unwrap().unwrap().size(), 2);
}

#[test]
fn it_leaves_the_disk_to_the_log() {
    let world = World::with(&[decision(0, &TOLD)]);
    let mut writer = world.writer().keep_free(u64::MAX);
    assert!(matches!(writer.extend(&world.records()), Err(IndexError::Room { .. })));
    assert_eq!(writer.keep_free(1).extend(&world.records()).unwrap(), 1);
}

#[test]
fn a_disk_that_is_full_stops_the_index_and_changes_nothing() {
    let records: Vec<Value> = (0..600).map(|number| decision(number, &TOLD)).collect();
    let (first, rest) = records.split_at(1);
    let world = World::with(first);
    let mut writer = world.index();
    // What a full disk is to SQLite.
    writer.index().connection.pragma_update(None, "max_page_count", 1).unwrap();
    world.append(rest);
    let refused = writer.extend(&world.records()).unwrap_err();
    assert!(matches!(&refused, IndexError::Database(why) if why.contains("make room")), "{refused}");
    let (index, filter) = (world.reader().unwrap().unwrap(), Filter::default().any(Facet::Agent, ["tidy"]));
    assert_eq!((index.size(), writer.index().size()), (1, 1));
    assert_eq!(world.find(Some(&index), &filter, Order::OldestFirst, 0..u64::MAX).len(), 600, "the rest is read");
    writer.index().connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    while writer.extend(&world.records()).unwrap() > 0 {}
    assert_eq!(world.reader().unwrap().unwrap().size(), 600);
}
