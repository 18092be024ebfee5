//! Everything at once on a log that is written to: archived, dropped, mirrored, verified, read and proved.

use super::fault::memory;
use super::tests::{options, payload};
use super::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Records that are appended; a segment takes some two hundred of them.
const SIZE: u64 = 2_000;
/// Records that are kept whatever is dropped.
const KEPT: u64 = 500;

fn large(index: u64) -> Vec<u8> {
    let mut bytes = payload(index);
    bytes.resize(4_500, b'a' + u8::try_from(index % 26).unwrap());
    bytes
}

/// Whether a record was dropped just now: the one answer besides the record itself.
fn is_dropped(error: &LogError) -> bool {
    matches!(error, LogError::Damaged(Damage { wrong: Wrong::Dropped(_), .. }))
}

#[test]
fn nobody_who_reads_sees_anything_torn_while_records_come_are_archived_and_dropped() {
    let data = memory();
    let options = LogOptions { checkpoint_interval: Duration::from_millis(2), segment_bytes_max: 0, ..options(&data) };
    let (log, _) = Log::open(options.clone()).unwrap();
    let (directory, done) = (&options.directory, AtomicU64::new(0));
    log.append_blocking(large(0)).unwrap();
    let ended = || done.load(Ordering::SeqCst) > 0;
    let later = SystemTime::now() + Duration::from_secs(86_400);
    // Each one goes once more when the last record is there.
    let repeat = |work: &mut dyn FnMut()| {
        let mut last = false;
        while !last {
            last = ended();
            work();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for index in 1..SIZE {
                assert_eq!(log.append_blocking(large(index)).unwrap().index, index);
            }
            log.close_blocking().unwrap();
            done.store(1, Ordering::SeqCst);
        });
        scope.spawn(|| {
            let mut dropped = 0;
            repeat(&mut || {
                let retention = Retention::open(directory).unwrap();
                retention.archive(later, false, &|| true).unwrap();
                let to = Reader::open(directory).unwrap().size().saturating_sub(KEPT);
                if let Some(plan) = retention.plan_drop_to(to).unwrap() {
                    let statement = Dropped { first: 0, time_ms: 1, record: 0, because: "a test".into() };
                    retention.drop_records(&plan, &statement, &options.key_file).unwrap();
                    dropped = plan.first;
                }
            });
            assert!(dropped > KEPT, "only {dropped} were dropped");
        });
        scope.spawn(|| repeat(&mut || drop(verify(directory, &VerifyOptions::default(), &mut |_| {}).unwrap())));
        scope.spawn(|| {
            let reader = log.reader().unwrap();
            repeat(&mut || {
                let mut last = None;
                for record in reader.forwards(0).map(Result::unwrap) {
                    assert_eq!(record.payload, large(record.index));
                    assert!(last.is_none_or(|last| last < record.index));
                    last = Some(record.index);
                }
                let back = reader.backwards(u64::MAX).map(|record| record.unwrap().index);
                assert!(back.is_sorted_by(|one, other| one > other));
            });
        });
        scope.spawn(|| {
            let (mut index, mut proved) = (0, 0);
            repeat(&mut || {
                let size = Reader::open(directory).unwrap().size();
                index = (index + 97) % size.max(1);
                match prove(directory, index, true) {
                    Ok(_) => proved += 1,
                    Err(error) => assert!(size == 0 || is_dropped(&error), "{error}"),
                }
                assert!(size == 0 || prove(directory, index, false).is_ok());
            });
            assert!(proved > 0);
        });
        scope.spawn(|| {
            let key = keys::read_public(&directory.join(PUBLIC_KEY_FILE)).unwrap();
            let (to, secret) = (data.path().join("mirror"), data.path().join("mirror.key"));
            let mut mirror = Mirror::open(&to, key, &secret, "mirror.example/m1").unwrap();
            repeat(&mut || drop(mirror.step(&mut DirectorySource::new(directory), 7).unwrap()));
        });
    });
    let verified = verify(directory, &VerifyOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(verified.checkpoint.size, SIZE);
    assert!(verified.dropped.is_some_and(|dropped| dropped.first > KEPT) && verified.archived > 0);
}
