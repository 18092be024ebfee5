//! A log directory in which somebody has changed files: no panic, no endless loop, and what is read, proved and opened is what
//! was recorded, or an error. Covers segments with their recovery, tiles, bundles and the checkpoint.
#![no_main]

#[path = "fixture/log.rs"]
mod fixture;

use fixture::{Bytes, Fixture, SIZE, options, payload};
use holdshort_ledger::Disclosure;
use holdshort_store::log::{Log, Reader, VerifyOptions, prove, verify};
use libfuzzer_sys::fuzz_target;
use std::fs;

/// Files that one input changes at most.
const CHANGES_MAX: usize = 4;

fuzz_target!(|data: &[u8]| {
    let fixture = Fixture::shared();
    let copy = tempfile::tempdir().expect("a folder");
    let directory = copy.path().join("log");
    fixture.copy(&directory);
    let mut input = Bytes(data);
    let index = u64::try_from(input.below(usize::try_from(SIZE).expect("small"))).expect("small");
    for _ in 0..CHANGES_MAX {
        if input.0.is_empty() {
            break;
        }
        let path = directory.join(&fixture.files[input.below(fixture.files.len())]);
        let Ok(mut bytes) = fs::read(&path) else { continue };
        match input.change(&mut bytes) {
            Ok(()) => fs::write(&path, bytes).expect("a file"),
            Err(_) => fs::remove_file(&path).expect("a file"),
        }
    }
    let options_of_check = VerifyOptions { key: Some(fixture.key.clone()), older: Vec::new() };
    let verified = verify(&directory, &options_of_check, &mut |_| {});
    if let Ok(found) = &verified {
        assert!(found.checkpoint == fixture.checkpoint || found.checkpoint == fixture.older);
    }
    if let Ok(reader) = Reader::open(&directory) {
        for record in [reader.forwards(index).next(), reader.backwards(index + 1).next()].into_iter().flatten() {
            // Checksums are no signatures: only a directory that was verified says what was recorded.
            if let (Ok(record), true) = (record, verified.is_ok()) {
                assert_eq!((record.index, record.payload), (index, payload(index)));
            }
        }
    }
    if let Ok(proof) = prove(&directory, index, true) {
        let Ok(Disclosure::Record { payload: found, .. }) = proof.disclosure() else { panic!("an undisclosed record") };
        assert_eq!(found, payload(index));
    }
    let key_file = copy.path().join("log.key");
    fs::copy(&fixture.key_file, &key_file).expect("a key");
    fs::copy(fixture.key_file.with_extension("mldsa.key"), key_file.with_extension("mldsa.key")).expect("a key");
    fs::copy(fixture.key_file.with_extension("cose.key"), key_file.with_extension("cose.key")).expect("a key");
    if let Ok((log, report)) = Log::open(options(&directory, &key_file)) {
        assert!(report.size >= fixture.older.size, "opened with less than was signed");
        log.append_blocking(b"one more".to_vec()).expect("a log that is open takes records");
        log.close_blocking().expect("a log that is open can be closed");
        if verified.is_ok() {
            verify(&directory, &options_of_check, &mut |_| {}).expect("what was sound and went on is sound");
        }
    }
});
