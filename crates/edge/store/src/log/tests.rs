//! The log as its callers see it: order, durability, reading, closing, the lock, and bad input.

use super::*;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// A new data directory.
pub(super) fn data() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Small segments, so that a few thousand records rotate.
pub(super) fn options(data: &TempDir) -> LogOptions {
    LogOptions {
        segment_bytes_first: 0,
        segment_bytes_max: 0,
        ..LogOptions::new(data.path().join("log"), data.path().join("log.key"), "example.com/test")
    }
}

pub(super) fn payload(index: u64) -> Vec<u8> {
    format!("record {index} {}", "x".repeat(usize::try_from(index % 97).unwrap())).into_bytes()
}

/// Opens the log and appends records until it has `size`, all waiting at the same time.
pub(super) fn fill(options: &LogOptions, size: u64) -> Log {
    let (log, report) = Log::open(options.clone()).unwrap();
    let appended =
        queue::block_on(futures_util::future::join_all((report.size..size).map(|index| log.append(payload(index)))));
    for (appended, index) in appended.into_iter().zip(report.size..) {
        assert_eq!(appended.unwrap().index, index);
    }
    log
}

pub(super) fn check(options: &LogOptions) -> Result<Verified, Damage> {
    verify(&options.directory, &VerifyOptions::default(), &mut |_| {})
}

#[test]
fn records_come_back_in_order_after_closing_and_opening_again() {
    let (data, mut size) = (data(), 0);
    let options = options(&data);
    for more in [0, 1, 254, 1, 1, 255, 3_000] {
        size += more;
        let log = fill(&options, size);
        assert_eq!(log.size(), size);
        log.close_blocking().unwrap();
        let verified = check(&options).unwrap();
        assert_eq!((verified.checkpoint.size, verified.unsealed, verified.torn_bytes), (size, 0, 0));
        let reader = Reader::open(&options.directory).unwrap();
        let all: Vec<StoredRecord> = reader.forwards(0).map(Result::unwrap).collect();
        assert_eq!(all.len() as u64, size);
        assert!(all.iter().zip(0..).all(|(record, index)| record.index == index && record.payload == payload(index)));
        let mut back: Vec<StoredRecord> = reader.backwards(u64::MAX).map(Result::unwrap).collect();
        back.reverse();
        assert_eq!(back, all);
    }
}

#[test]
fn segments_rotate_and_readers_cross_them() {
    let data = data();
    let options = options(&data);
    let (log, _) = Log::open(options.clone()).unwrap();
    for index in 0..10u8 {
        assert_eq!(log.append_blocking(vec![index; 400_000]).unwrap().index, u64::from(index));
    }
    assert!(segments::list(&options.directory).unwrap().len() > 3);
    let reader = log.reader().unwrap();
    let first = |record: Result<StoredRecord, LogError>| record.unwrap().payload[0];
    assert_eq!(reader.forwards(3).map(first).collect::<Vec<_>>(), (3..10).collect::<Vec<_>>());
    assert_eq!(reader.backwards(7).map(first).collect::<Vec<_>>(), (0..7).rev().collect::<Vec<_>>());
    log.close_blocking().unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, 10);
}

#[test]
fn a_reader_follows_a_running_log_and_never_runs_ahead() {
    let data = data();
    let (log, _) = Log::open(options(&data)).unwrap();
    let mut records = log.reader().unwrap().forwards(0);
    assert!(records.next().is_none());
    for index in 0..600 {
        log.append_blocking(payload(index)).unwrap();
        assert_eq!(records.next().unwrap().unwrap().payload, payload(index));
        assert!(records.next().is_none());
    }
}

#[test]
fn every_record_has_a_proof_and_every_checkpoint_continues_the_one_before() {
    use holdshort_ledger::{Checkpoint, ConsistencyProof, InclusionProof};
    let data = data();
    let options = options(&data);
    let mut older: Option<Checkpoint> = None;
    for size in [1, 300, 70_000] {
        let log = fill(&options, size);
        log.close_blocking().unwrap();
        let checkpoint = check(&options).unwrap().checkpoint;
        let mut tiles = log.tiles();
        for index in [0, size / 2, size - 1] {
            let record = log.reader().unwrap().forwards(index).next().unwrap().unwrap();
            let leaf = holdshort_ledger::Entry::commit(&record.salt, &payload(index)).leaf();
            let proof = InclusionProof::make(index, size, &mut tiles).unwrap();
            assert_eq!(proof.verify(&leaf, &checkpoint.root), Ok(()));
        }
        if let Some(older) = older {
            let proof = ConsistencyProof::make(older.size, size, &mut tiles).unwrap();
            assert_eq!(proof.verify(&older.root, &checkpoint.root), Ok(()));
        }
        older = Some(checkpoint);
    }
}

#[test]
fn a_second_service_is_told_who_holds_the_log_until_it_is_closed() {
    let data = data();
    let (log, _) = Log::open(options(&data)).unwrap();
    let refused = Log::open(options(&data)).unwrap_err();
    assert!(matches!(&refused, LogError::Locked { pid, .. } if *pid == std::process::id().to_string()), "{refused}");
    log.close_blocking().unwrap();
    assert!(Log::open(options(&data)).is_ok());
    assert!(matches!(log.append_blocking(vec![]), Err(LogError::Closed)));
    assert!(matches!(log.enqueue(vec![]), Err(LogError::Closed)));
    assert!(log.close_blocking().is_ok());
}

#[test]
fn closing_writes_and_seals_what_is_queued() {
    let data = data();
    let (log, _) = Log::open(options(&data)).unwrap();
    for index in 0..1_000 {
        log.enqueue(payload(index)).unwrap();
    }
    log.close_blocking().unwrap();
    assert_eq!(check(&options(&data)).unwrap().checkpoint.size, 1_000);
}

#[test]
fn dropping_the_last_handle_closes_the_log() {
    let data = data();
    let (log, _) = Log::open(options(&data)).unwrap();
    let other = log.clone();
    log.enqueue(payload(0)).unwrap();
    drop(log);
    other.enqueue(payload(1)).unwrap();
    drop(other);
    assert_eq!(check(&options(&data)).unwrap().checkpoint.size, 2);
}

#[test]
fn the_queue_is_bounded() {
    let data = data();
    let (log, _) = Log::open(LogOptions { queue_bytes_max: 1_000, ..options(&data) }).unwrap();
    // A record larger than the queue takes all of it, and goes through.
    assert_eq!(log.append_blocking(vec![1; 10_000]).unwrap().index, 0);
    let queued = (0..100_000).map_while(|_| log.enqueue(vec![1; 10_000]).ok()).count();
    assert!(queued < 100_000, "nothing held the callers back");
    // Those who wait instead all get through.
    let all = queue::block_on(futures_util::future::join_all((0..100).map(|_| log.append(vec![1; 300]))));
    assert!(all.into_iter().all(|appended| appended.is_ok()));
}

#[test]
fn records_that_wait_for_room_keep_their_order_whoever_is_polled_first() {
    let data = data();
    let (log, _) = Log::open(LogOptions { queue_bytes_max: 1_000, ..options(&data) }).unwrap();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut all: Vec<_> = (0..200).map(|_| Some(Box::pin(log.append(vec![1; 300])))).collect();
    let mut found = vec![None; all.len()];
    // Whether it still waits, once it was polled.
    let mut poll = |number: usize| {
        let Some(waiting) = &mut all[number] else { return false };
        let std::task::Poll::Ready(appended) = std::future::Future::poll(waiting.as_mut(), &mut context) else {
            return true;
        };
        found[number] = Some(appended.unwrap().index);
        all[number] = None;
        false
    };
    (0..200).for_each(|number| _ = poll(number));
    let mut rounds = 0;
    // Until all were answered: the log has grown a moment before the last of them hear of it.
    while (0..200).rev().filter(|number| poll(*number)).count() > 0 {
        std::thread::yield_now();
        rounds += 1;
        assert!(rounds < 10_000_000, "it never ended");
    }
    assert_eq!(found, (0..200).map(Some).collect::<Vec<_>>());
}

#[test]
fn a_record_that_is_too_long_is_refused_and_the_longest_is_not() {
    let data = data();
    let (log, _) = Log::open(options(&data)).unwrap();
    assert!(matches!(log.append_blocking(vec![0; PAYLOAD_BYTES_MAX + 1]), Err(LogError::TooLarge(_))));
    assert!(matches!(log.enqueue(vec![0; PAYLOAD_BYTES_MAX + 1]), Err(LogError::TooLarge(_))));
    assert_eq!(log.append_blocking(vec![0; PAYLOAD_BYTES_MAX]).unwrap().index, 0);
}

#[test]
fn a_waiter_that_goes_away_does_not_take_its_record_with_it() {
    let data = data();
    let (log, _) = Log::open(options(&data)).unwrap();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waiting = Box::pin(log.append(payload(0)));
    assert!(std::future::Future::poll(waiting.as_mut(), &mut context).is_pending());
    drop(waiting);
    assert_eq!(log.append_blocking(payload(1)).unwrap().index, 1);
    assert_eq!(log.reader().unwrap().forwards(0).next().unwrap().unwrap().payload, payload(0));
}

#[test]
fn the_private_key_is_private_and_belongs_to_its_log() {
    let data = data();
    let options = options(&data);
    fill(&options, 3).close_blocking().unwrap();
    let mode = std::fs::metadata(&options.key_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = std::fs::read(&options.key_file).unwrap();

    std::fs::set_permissions(&options.key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Log::open(options.clone()).unwrap_err().to_string().contains("0600"));
    std::fs::remove_file(&options.key_file).unwrap();
    assert!(Log::open(options.clone()).unwrap_err().to_string().contains("is missing"));

    let other = LogOptions { directory: data.path().join("other"), ..options.clone() };
    Log::open(other).unwrap().0.close_blocking().unwrap();
    assert!(Log::open(options.clone()).unwrap_err().to_string().contains("not the private key of this log"));
    std::fs::write(&options.key_file, key).unwrap();
    assert_eq!(Log::open(options.clone()).unwrap().1.size, 3);

    let inside = LogOptions { key_file: options.directory.join("key"), ..options };
    assert!(matches!(Log::open(inside), Err(LogError::Key { .. })));
}

#[test]
fn a_name_that_cannot_stand_in_a_checkpoint_is_refused() {
    for origin in ["", "two words", "a+b", "line\nfeed"] {
        let data = data();
        let options = LogOptions { origin: origin.to_owned(), ..options(&data) };
        assert!(matches!(Log::open(options), Err(LogError::Key { .. })), "`{origin}` was taken");
    }
}

#[test]
fn a_live_log_can_be_verified_and_read_from_another_place() {
    let data = data();
    let options = LogOptions { checkpoint_interval: Duration::ZERO, ..options(&data) };
    let log = fill(&options, 400);
    // The sealer follows: its checkpoint is watched for, and covers what was acknowledged.
    while !log.checkpoint().contains("\n400\n") {
        std::thread::yield_now();
    }
    assert_eq!(check(&options).unwrap().checkpoint.size, 400);
    assert_eq!(Reader::open(&options.directory).unwrap().backwards(u64::MAX).count(), 400);
}

#[test]
fn a_log_is_verified_while_it_is_written() {
    let data = data();
    let options = LogOptions { checkpoint_interval: Duration::ZERO, ..options(&data) };
    let log = fill(&options, 100);
    let writer = std::thread::spawn(move || {
        for index in 100..400 {
            log.append_blocking(payload(index)).unwrap();
        }
        log.close_blocking().unwrap();
    });
    let mut sizes = Vec::new();
    while !writer.is_finished() {
        sizes.push(check(&options).unwrap().checkpoint.size);
    }
    writer.join().unwrap();
    assert!(sizes.is_sorted());
    assert_eq!(check(&options).unwrap().checkpoint.size, 400);
}
