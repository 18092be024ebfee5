//! Every operation on the disk fails once, in every way: what was acknowledged is there, and nothing else was said.

use super::fault::{Fault, FaultDisk, memory};
use super::tests::{data, options, payload};
use super::*;
use holdshort_ledger::Checkpoint;
use std::io;
use tempfile::TempDir;

/// Records that [`use_log`] appends.
const RECORDS: usize = 305;

/// What callers were told before the disk failed.
#[derive(Debug, Default)]
struct Told {
    appended: Vec<(u64, Vec<u8>)>,
    checkpoint: Option<Checkpoint>,
    failures: Vec<LogError>,
}

fn seal_at_once(data: &TempDir) -> LogOptions {
    LogOptions { checkpoint_interval: Duration::ZERO, ..options(data) }
}

/// Groups of one and of many records, a rotation, partial and full tiles, a close.
fn use_log(disk: &FaultDisk, options: &LogOptions, told: &mut Told) -> Result<(), LogError> {
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options.clone())?;
    let mut append = |payloads: Vec<Vec<u8>>| {
        let all = futures_util::future::join_all(payloads.iter().map(|payload| log.append(payload.clone())));
        for (result, payload) in queue::block_on(all).into_iter().zip(payloads) {
            match result {
                Ok(appended) => {
                    assert!(told.failures.is_empty(), "acknowledged after a failure");
                    told.appended.push((appended.index, payload));
                }
                Err(error) => told.failures.push(error),
            }
        }
    };
    append(vec![payload(1)]);
    append((0..300).map(payload).collect());
    append(vec![vec![7; 900_000]]);
    append(vec![vec![8; 400_000], payload(2)]);
    append(vec![payload(3)]);
    let closed = log.close_blocking();
    told.checkpoint =
        Checkpoint::parse_text(holdshort_ledger::Note::parse(log.checkpoint().as_bytes()).unwrap().text()).ok();
    closed
}

/// Opens the log on a sound disk and compares it with what callers were told.
fn check_told(disk: &FaultDisk, options: &LogOptions, told: &Told) {
    let (log, report) = Log::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
    let records: Vec<StoredRecord> = log.reader().unwrap().forwards(0).map(Result::unwrap).collect();
    assert_eq!(records.len() as u64, report.size);
    for (index, payload) in &told.appended {
        assert_eq!(&records[usize::try_from(*index).unwrap()].payload, payload, "record {index}");
    }
    log.close_blocking().unwrap();
    let known = VerifyOptions { older: told.checkpoint.clone().into_iter().collect(), ..VerifyOptions::default() };
    assert_eq!(verify(&options.directory, &known, &mut |_| {}).unwrap().checkpoint.size, report.size);
}

fn run_with(at: u64, fault: Fault) -> u64 {
    let (data, disk) = (memory(), FaultDisk::default());
    let options = seal_at_once(&data);
    let mut told = Told::default();
    disk.plan(at, fault);
    let result = use_log(&disk, &options, &mut told);
    let done = disk.done();
    // What fails may be something that was not needed any more: the next segment, at the end. Then everything else was done.
    if result.is_ok() {
        assert_eq!(told.appended.len(), RECORDS, "the failure at {at} was not reported");
        assert_eq!(told.checkpoint.as_ref().map(|checkpoint| checkpoint.size), Some(RECORDS as u64));
    }
    assert!(told.failures.iter().all(|error| matches!(error, LogError::Poisoned { .. })), "{:?}", told.failures);
    disk.mend();
    if fault == Fault::Crash {
        disk.lose_power(at);
    }
    // After a failed sync the same kernel goes on: what it shows may not be on the disk.
    check_told(&disk, &options, &told);
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
    let later = log.append_blocking(b"later".to_vec()).unwrap();
    told.appended.push((later.index, b"later".to_vec()));
    drop(log);
    disk.lose_power(at + 1);
    check_told(&disk, &options, &told);
    done
}

fn at_every_operation(fault: Fault) {
    let mut at = 0;
    // The number of operations differs a little from run to run: two threads share the disk.
    while run_with(at, fault) > at {
        at += 1;
    }
    assert!(at > 60, "only {at} operations");
}

#[test]
fn a_crash_at_any_operation_loses_nothing_that_was_acknowledged() {
    at_every_operation(Fault::Crash);
}

#[test]
fn an_error_at_any_operation_ends_the_log_and_loses_nothing_that_was_acknowledged() {
    at_every_operation(Fault::Broken);
}

#[test]
fn a_disk_that_fills_at_any_operation_loses_nothing_that_was_acknowledged() {
    at_every_operation(Fault::Full);
}

#[test]
fn after_a_failure_everybody_is_told_its_kind_and_nothing_is_taken() {
    let (data, disk) = (memory(), FaultDisk::default());
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options(&data)).unwrap();
    log.append_blocking(payload(0)).unwrap();
    disk.plan(0, Fault::Full);
    for _ in 0..2 {
        let refused = log.append_blocking(payload(1)).unwrap_err();
        assert!(matches!(&refused, LogError::Poisoned { kind: io::ErrorKind::StorageFull, .. }), "{refused}");
        assert_eq!(refused.to_string().matches("No space left on device").count(), 1, "{refused}");
        disk.mend();
    }
    assert!(matches!(log.enqueue(payload(1)), Err(LogError::Poisoned { .. })));
    assert!(matches!(log.close_blocking(), Err(LogError::Poisoned { .. })));
    assert_eq!(log.size(), 1);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let data = data();
    let file = data.path().join("a file");
    std::fs::write(&file, b"").unwrap();
    let options = LogOptions { directory: file.join("log"), ..options(&data) };
    let refused = Log::open(options).unwrap_err();
    assert!(matches!(&refused, LogError::Io { .. }), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("a file/log") && text.matches("Not a directory").count() == 1, "{text}");
}
