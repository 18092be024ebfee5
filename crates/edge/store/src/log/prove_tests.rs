//! Proofs of single records: of every one, beside decoys, and of a log that was touched.

use super::tests::{data, fill, options, payload};
use super::*;
use holdshort_ledger::{Disclosure, SALT_BYTES, encode_frame};
use std::fs;

const SIZE: u64 = 3_000;

fn public(options: &LogOptions) -> holdshort_ledger::VerifierKey {
    keys::read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap()
}

#[test]
fn every_record_is_proved_by_a_file_that_needs_nothing_else() {
    let data = data();
    let options = options(&data);
    fill(&options, SIZE).close_blocking().unwrap();
    for index in [0, 1, 255, 256, 257, 1_500, 2_815, 2_816, 2_999] {
        let proof = prove(&options.directory, index, true).unwrap();
        let disclosure = proof.disclosure().unwrap();
        let checkpoint = proof.verify(&disclosure.entry().leaf(), &public(&options)).unwrap();
        assert_eq!((checkpoint.size, proof.index), (SIZE, index));
        assert!(matches!(disclosure, Disclosure::Record { payload: found, .. } if found == payload(index)));
        let bare = prove(&options.directory, index, false).unwrap();
        assert!(matches!(bare.disclosure().unwrap(), Disclosure::Entry(_)));
        assert!(bare.verify(&bare.disclosure().unwrap().entry().leaf(), &public(&options)).is_ok());
    }
    let error = prove(&options.directory, SIZE, true).unwrap_err();
    assert!(error.to_string().contains("covers 3000 records"), "{error}");
}

/// An agent that writes bytes into a record that look like another record leads nobody astray.
#[test]
fn a_record_that_holds_a_forged_frame_is_not_taken_for_the_one_it_imitates() {
    let data = data();
    let options = options(&data);
    let (log, _) = Log::open(options.clone()).unwrap();
    let mut decoys = Vec::new();
    for _ in 0..200 {
        for imitated in [3, 50, 130] {
            encode_frame(&mut decoys, imitated, 0, &[9; SALT_BYTES], b"a lie").unwrap();
        }
    }
    for index in 0..140 {
        let decoy = index % 2 == 1;
        log.append_blocking(if decoy { decoys.clone() } else { payload(index) }).unwrap();
    }
    log.close_blocking().unwrap();
    for index in [2, 3, 50, 130, 139] {
        let disclosure = prove(&options.directory, index, true).unwrap().disclosure().unwrap();
        let expected = if index % 2 == 1 { decoys.clone() } else { payload(index) };
        assert!(matches!(disclosure, Disclosure::Record { payload, .. } if payload == expected), "record {index}");
    }
}

#[test]
fn nothing_is_proved_from_a_record_or_a_tile_that_was_touched() {
    let data = data();
    let options = options(&data);
    fill(&options, 700).close_blocking().unwrap();
    let segment = options.directory.join("records/00000000000000000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(11).position(|window| window == b"record 300 ").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let error = prove(&options.directory, 300, true).unwrap_err();
    assert!(error.to_string().contains("record 300"), "{error}");
    assert!(prove(&options.directory, 300, false).is_ok(), "the tree still has it");

    let tile = options.directory.join("tile/0/000");
    let mut hashes = fs::read(&tile).unwrap();
    hashes[0] ^= 1;
    fs::write(&tile, hashes).unwrap();
    let error = prove(&options.directory, 1, false).unwrap_err();
    assert!(matches!(error, LogError::Damaged(Damage { place: Place { index: Some(1), .. }, .. })), "{error}");
}
