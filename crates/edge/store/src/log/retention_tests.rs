//! Old records are compressed and dropped: whoever reads, proves, mirrors and verifies sees the same log, and a crash at
//! any step loses nothing.

use super::fault::{Fault, FaultDisk, memory};
use super::tests::{check, data, options, payload};
use super::*;
use holdshort_ledger::Disclosure;
use std::fs;
use std::time::SystemTime;
use tempfile::TempDir;

/// Records of the log that [`long`] makes: some hundred in each of several segments.
const SIZE: u64 = 1_000;

fn large(index: u64) -> Vec<u8> {
    let mut text = payload(index);
    text.extend((0..900u64).flat_map(|at| (index * 7_919 + at * at).to_string().into_bytes()));
    text
}

/// A closed log of several segments.
fn long(options: &LogOptions) -> u64 {
    let (log, _) = Log::open(options.clone()).unwrap();
    let all = queue::block_on(futures_util::future::join_all((0..SIZE).map(|index| log.append(large(index)))));
    assert!(all.iter().all(Result::is_ok));
    log.close_blocking().unwrap();
    let segments = segments::list(&options.directory).unwrap();
    assert!(segments.len() > 4, "{} segments", segments.len());
    segments.len() as u64
}

fn retention(options: &LogOptions) -> Retention {
    Retention::open(&options.directory).unwrap()
}

fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3_600)
}

/// Everybody reads the records from `first` on, and the directory is sound.
fn check_reads(options: &LogOptions, first: u64, size: u64) -> Verified {
    let reader = Reader::open(&options.directory).unwrap();
    assert_eq!(reader.first().unwrap(), first);
    let all: Vec<StoredRecord> = reader.forwards(0).map(Result::unwrap).collect();
    assert_eq!(all.len() as u64, size - first);
    for (record, index) in all.iter().zip(first..) {
        assert_eq!((record.index, &record.payload), (index, &large(index)));
    }
    let mut back: Vec<StoredRecord> = reader.backwards(u64::MAX).map(Result::unwrap).collect();
    back.reverse();
    assert_eq!(back, all);
    for index in [first, u64::midpoint(first, size), size - 1] {
        assert_eq!(reader.forwards(index).next().unwrap().unwrap().payload, large(index));
        let disclosure = prove(&options.directory, index, true).unwrap().disclosure().unwrap();
        assert!(matches!(disclosure, Disclosure::Record { payload, .. } if payload == large(index)));
    }
    let verified = check(options).unwrap();
    assert_eq!(verified.checkpoint.size, size);
    assert_eq!(verified.dropped.as_ref().map_or(0, |dropped| dropped.first), first);
    verified
}

fn drop_before(options: &LogOptions, disk: &FaultDisk, before: SystemTime) -> Result<u64, LogError> {
    let retention = Retention::open_on(Arc::new(disk.clone()), &options.directory)?;
    let plan = retention.plan_drop(before)?.expect("there is something to drop");
    let statement = Dropped { first: 0, time_ms: 7, record: SIZE - 1, because: "a test".into() };
    retention.drop_records(&plan, &statement, &options.key_file)?;
    Ok(plan.first)
}

/// Gives the segments ages of their own: the first one was written `segments` hours ago.
fn age(options: &LogOptions) {
    let segments = segments::list(&options.directory).unwrap();
    for (segment, hours) in segments.iter().zip((0..segments.len() as u64).rev()) {
        let written = SystemTime::now() - Duration::from_secs(3_600 * (hours + 1));
        fs::File::options().write(true).open(&segment.path).unwrap().set_modified(written).unwrap();
    }
}

#[test]
fn archived_segments_read_like_live_ones() {
    let data = data();
    let options = options(&data);
    let segments = long(&options);
    let names = || segments::list_all(&options.directory).unwrap();
    let before = names();
    let dry = retention(&options).archive(later(), true, &|| true).unwrap();
    assert_eq!((dry.segments, dry.bytes_after, names()), (segments - 1, 0, before));

    let done = retention(&options).archive(later(), false, &|| true).unwrap();
    assert_eq!((done.segments, done.records), (segments - 1, dry.records));
    assert!(done.bytes_after * 2 < done.bytes_before, "{done:?}");
    assert_eq!(names().iter().filter(|segment| segment.archived).count() as u64, segments - 1);
    assert_eq!(check_reads(&options, 0, SIZE).archived, done.records);
    assert_eq!(retention(&options).archive(later(), false, &|| true).unwrap(), Archived::default());

    // The log goes on, and its tiles can be made again from the archives.
    fs::remove_dir_all(options.directory.join("tile")).unwrap();
    let (log, report) = Log::open(options.clone()).unwrap();
    assert!(report.tiles_rebuilt);
    log.append_blocking(large(SIZE)).unwrap();
    log.close_blocking().unwrap();
    check_reads(&options, 0, SIZE + 1);
}

#[test]
fn only_what_is_finished_covered_and_old_is_archived() {
    let data = data();
    let options = options(&data);
    long(&options);
    age(&options);
    let two_hours = |hours: u64| SystemTime::now() - Duration::from_secs(hours * 3_600 + 60);
    let finished = retention(&options).finished().unwrap();
    assert!(finished.iter().all(|segment| segment.tier == Tier::Live));
    let archive = |before| retention(&options).archive(before, false, &|| true).unwrap();
    assert_eq!(archive(SystemTime::now() - Duration::from_secs(86_400)).segments, 0);
    let old = finished.len() as u64 - 2;
    assert_eq!(archive(two_hours(3)).segments, old);
    // The ages stay with the archives.
    assert_eq!(retention(&options).plan_drop(two_hours(3)).unwrap().unwrap().segments.len() as u64, old);
    // Told to stop, it stops between two.
    assert_eq!(retention(&options).archive(later(), false, &|| false).unwrap().segments, 0);

    // A checkpoint that is behind covers less.
    let last = segments::list(&options.directory).unwrap();
    let keys = keys::load_or_create(&disk::RealDisk, &options, false).unwrap();
    let checkpoint = holdshort_ledger::Checkpoint {
        origin: keys.log.verifier().name().to_owned(),
        size: last[1].first_index,
        root: holdshort_ledger::Hash::empty(),
    };
    let note = checkpoint.sign(&keys.log).unwrap();
    fs::write(options.directory.join(CHECKPOINT_FILE), note.to_string()).unwrap();
    assert_eq!(retention(&options).finished().unwrap().len(), 1);
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_old() {
    let data = data();
    let options = options(&data);
    long(&options);
    let segments = segments::list(&options.directory).unwrap();
    let dated = |at: usize, written| {
        fs::File::options().write(true).open(&segments[at].path).unwrap().set_modified(written).unwrap();
    };
    let year = Duration::from_secs(365 * 86_400);
    dated(2, SystemTime::now() - 9 * year);
    assert!(retention(&options).plan_drop(SystemTime::now() - year).unwrap().is_none());
    dated(0, SystemTime::now() - 2 * year);
    assert_eq!(retention(&options).plan_drop(SystemTime::now() - year).unwrap().unwrap().segments.len(), 1);
}

#[test]
fn two_do_not_archive_at_once() {
    let data = data();
    let options = options(&data);
    long(&options);
    let first = retention(&options);
    assert!(matches!(Retention::open(&options.directory), Err(LogError::Busy { .. })));
    drop(first);
    retention(&options);
}

#[test]
fn what_was_dropped_is_gone_and_everything_about_the_tree_stays() {
    let data = data();
    let options = options(&data);
    long(&options);
    age(&options);
    retention(&options).archive(SystemTime::now() - Duration::from_secs(4 * 3_600), false, &|| true).unwrap();
    let mirror = || {
        let (to, key) = (data.path().join("mirror"), data.path().join("mirror.key"));
        let public = keys::read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap();
        let mut mirror = Mirror::open(&to, public, &key, "mirror.example/m1").unwrap();
        mirror.step(&mut DirectorySource::new(&options.directory), 7).unwrap()
    };
    mirror();
    let first =
        drop_before(&options, &FaultDisk::default(), SystemTime::now() - Duration::from_secs(2 * 3_600)).unwrap();
    assert!(first > 0 && !first.is_multiple_of(256));
    check_reads(&options, first, SIZE);
    assert!(segments::list_all(&options.directory).unwrap().iter().all(|segment| segment.first_index >= first));

    let bare = prove(&options.directory, 3, false).unwrap();
    let public = keys::read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap();
    assert!(bare.verify(&bare.disclosure().unwrap().entry().leaf(), &public).is_ok());
    let gone = prove(&options.directory, 3, true).unwrap_err().to_string();
    assert!(gone.contains("dropped on purpose") && gone.contains(&first.to_string()), "{gone}");

    // It goes on after a start, also when all tiles have to be made again.
    for remove in [None, Some("tile/0"), Some("tile/1"), Some("tile/0")] {
        if let Some(folder) = remove {
            fs::remove_dir_all(options.directory.join(folder)).unwrap();
        }
        let size = check_size(&options);
        let (log, report) = Log::open(options.clone()).unwrap();
        assert_eq!(report.tiles_rebuilt, remove.is_some());
        log.append_blocking(large(size)).unwrap();
        log.close_blocking().unwrap();
        check_reads(&options, first, size + 1);
    }
    assert_eq!(mirror().added, 4);

    // Without entries the tree cannot be made again, and it says so.
    fs::remove_dir_all(options.directory.join("tile")).unwrap();
    let refused = Log::open(options.clone()).unwrap_err();
    assert!(refused.to_string().contains("tile/entries/000"), "{refused}");
}

fn check_size(options: &LogOptions) -> u64 {
    Reader::open(&options.directory).unwrap().size()
}

#[test]
fn segments_that_are_missing_without_a_signed_statement_are_damage() {
    let data = data();
    let options = options(&data);
    long(&options);
    age(&options);
    let first =
        drop_before(&options, &FaultDisk::default(), SystemTime::now() - Duration::from_secs(3 * 3_600)).unwrap();
    let statement = options.directory.join(layout::DROPPED_FILE);
    let signed = fs::read_to_string(&statement).unwrap();
    let wrong = |text: Option<String>| {
        match text {
            Some(text) => fs::write(&statement, text).unwrap(),
            None => fs::remove_file(&statement).unwrap(),
        }
        let damage = check(&options).unwrap_err();
        assert!(Log::open(LogOptions { ..options.clone() }).is_ok() || text_is_used(&damage), "{damage}");
        damage.to_string()
    };
    assert!(wrong(Some(signed.replacen(&first.to_string(), "0", 1))).contains("records/dropped"));
    assert!(wrong(None).contains(&format!("record {first} stands where record 0 belongs")));
    fs::write(&statement, &signed).unwrap();
    check_reads(&options, first, SIZE);
    // And the first segment that was kept has to be there.
    let segments = segments::list(&options.directory).unwrap();
    fs::remove_file(&segments[0].path).unwrap();
    let damage = check(&options).unwrap_err().to_string();
    assert!(damage.contains("belongs"), "{damage}");
}

/// A statement that is not the log's keeps it from opening.
fn text_is_used(damage: &Damage) -> bool {
    damage.place.file == layout::DROPPED_FILE
}

#[test]
fn a_flip_in_an_archive_is_found_and_the_record_is_named() {
    let data = data();
    let options = options(&data);
    long(&options);
    retention(&options).archive(later(), false, &|| true).unwrap();
    let segments = segments::list(&options.directory).unwrap();
    let (archive, next) = (&segments[1], segments[2].first_index);
    let sound = fs::read(&archive.path).unwrap();
    let mut places = std::collections::BTreeSet::new();
    for part in 0..16 {
        let mut bytes = sound.clone();
        bytes[sound.len() * part / 16] ^= 1;
        fs::write(&archive.path, &bytes).unwrap();
        let damage = check(&options).unwrap_err();
        assert_eq!(damage.place.file, archive.name);
        let index = damage.place.index.unwrap();
        assert!((archive.first_index..=next).contains(&index), "{damage}");
        places.insert(index);
    }
    assert!(places.len() > 5, "{places:?}");
    fs::write(&archive.path, &sound[..sound.len() / 2]).unwrap();
    assert!(check(&options).is_err());
    fs::remove_file(&archive.path).unwrap();
    assert!(check(&options).is_err());
}

#[test]
fn readers_go_on_while_what_they_read_is_archived_and_dropped() {
    let data = data();
    let options = options(&data);
    long(&options);
    age(&options);
    let reader = Reader::open(&options.directory).unwrap();
    let (mut forwards, mut backwards, mut waiting) = (reader.forwards(0), reader.backwards(SIZE), reader.forwards(1));
    forwards.next().unwrap().unwrap();
    backwards.next().unwrap().unwrap();
    retention(&options).archive(later(), false, &|| true).unwrap();
    for index in 1..300 {
        assert_eq!(forwards.next().unwrap().unwrap().index, index);
    }
    let first =
        drop_before(&options, &FaultDisk::default(), SystemTime::now() - Duration::from_secs(2 * 3_600)).unwrap();
    assert!(first > 300);
    // What is open is read to its end; then it goes on with what was kept.
    let rest: Vec<u64> = forwards.map(|record| record.unwrap().index).collect();
    assert!(rest.is_sorted() && rest.contains(&first) && rest.last() == Some(&(SIZE - 1)));
    assert_eq!(waiting.next().unwrap().unwrap().index, first);
    assert_eq!(backwards.last().unwrap().unwrap().index, first);
}

fn run_with(at: u64, fault: Fault, drops: bool) -> bool {
    let (data, disk): (TempDir, _) = (memory(), FaultDisk::default());
    let options = options(&data);
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
    for index in 0..6 {
        log.append_blocking(vec![u8::try_from(index).unwrap(); 400_000]).unwrap();
    }
    log.close_blocking().unwrap();
    // What a loss of power puts back changes the time again.
    let make_old = || {
        let oldest = &segments::list(&options.directory).unwrap()[0].path;
        fs::File::options().write(true).open(oldest).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    };
    make_old();

    disk.plan(at, fault);
    let worked = if drops {
        drop_before(&options, &disk, SystemTime::now() - Duration::from_secs(3_600)).map(drop)
    } else {
        Retention::open_on(Arc::new(disk.clone()), &options.directory)
            .and_then(|retention| retention.archive(later(), false, &|| true))
            .map(drop)
    };
    let reached = disk.done() > at;
    assert!(worked.is_ok() != reached || fault == Fault::Full, "{worked:?} at {at}");
    disk.mend();
    if fault == Fault::Crash {
        disk.lose_power(at);
    }
    let check_it = || {
        let first = Reader::open(&options.directory).unwrap().first().unwrap();
        assert!(drops || first == 0);
        let records: Vec<_> = Reader::open(&options.directory).unwrap().forwards(0).map(Result::unwrap).collect();
        assert_eq!((records[0].index, records.len() as u64), (first, 6 - first));
        assert!(records.iter().all(|record| record.payload == vec![u8::try_from(record.index).unwrap(); 400_000]));
        verify(&options.directory, &VerifyOptions::default(), &mut |_| {}).unwrap();
    };
    check_it();
    // The next time finishes it.
    drop(Retention::open_on(Arc::new(disk.clone()), &options.directory).unwrap());
    if drops && Reader::open(&options.directory).unwrap().first().unwrap() == 0 {
        make_old();
        drop_before(&options, &disk, SystemTime::now() - Duration::from_secs(3_600)).unwrap();
    }
    let retention = Retention::open_on(Arc::new(disk.clone()), &options.directory).unwrap();
    retention.archive(later(), false, &|| true).unwrap();
    check_it();
    let names: Vec<_> = fs::read_dir(options.directory.join(RECORDS_DIRECTORY)).unwrap().map(Result::unwrap).collect();
    assert!(names.iter().all(|name| !name.file_name().to_string_lossy().ends_with(".zst.tmp")));
    assert_eq!(segments::list_all(&options.directory).unwrap(), segments::list(&options.directory).unwrap());
    Log::open(options.clone()).unwrap().0.close_blocking().unwrap();
    reached
}

#[test]
fn a_failure_at_any_step_of_archiving_loses_nothing() {
    for fault in [Fault::Crash, Fault::Broken, Fault::Full] {
        let steps = (0..).find(|at| !run_with(*at, fault, false)).unwrap();
        assert!(steps > 10, "only {steps} steps");
    }
}

#[test]
fn a_failure_at_any_step_of_dropping_loses_nothing_that_was_kept() {
    for fault in [Fault::Crash, Fault::Broken, Fault::Full] {
        let steps = (0..).find(|at| !run_with(*at, fault, true)).unwrap();
        assert!(steps > 4, "only {steps} steps");
    }
}

#[test]
fn a_copy_of_a_segment_is_checked_by_the_tree_alone() {
    let data = data();
    let options = options(&data);
    long(&options);
    retention(&options).archive(later(), false, &|| true).unwrap();
    let public = keys::read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap();
    let segments = segments::list(&options.directory).unwrap();
    let copies = tempfile::tempdir().unwrap();
    let to = |segment: &segments::Segment| copies.path().join(segment.path.file_name().unwrap());
    for segment in [&segments[1], segments.last().unwrap()] {
        fs::copy(&segment.path, to(segment)).unwrap();
    }
    // The log itself keeps no record any more.
    fs::remove_dir_all(options.directory.join(RECORDS_DIRECTORY)).unwrap();
    let mut source = DirectorySource::new(&options.directory);
    let mut verify = |segment| verify_segment(&to(segment), &mut source, &public);
    let found = verify(&segments[1]).unwrap();
    assert_eq!(
        (found.first, found.records),
        (segments[1].first_index, segments[2].first_index - segments[1].first_index)
    );
    assert_eq!(verify(segments.last().unwrap()).unwrap().checkpoint.size, SIZE);

    // Another record in the place of one, whole and with a sound checksum.
    let last = segments.last().unwrap();
    let mut forged = holdshort_ledger::SegmentHeader { first_index: last.first_index }.encode().to_vec();
    holdshort_ledger::encode_frame(&mut forged, last.first_index, 0, &[1; 16], b"a lie").unwrap();
    fs::write(to(last), forged).unwrap();
    let damage = verify(last).unwrap_err();
    assert_eq!((damage.wrong, damage.place.index), (Wrong::Payload, Some(last.first_index)));
}
