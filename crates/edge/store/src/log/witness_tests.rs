//! A witness on disk: what it answers to logs that we wrote, what it keeps, and what a crash or a failed write leaves.

use super::super::fault::{Fault, FaultDisk};
use super::super::layout::LOCK_FILE;
use super::super::tests::{data, fill, options};
use super::super::*;
use super::*;
use crate::log::keys::read_public;
use holdshort_ledger::{ConsistencyProof, CosignerKey};
use std::fs;
use tempfile::TempDir;

const NAME: &str = "witness.example/w1";

fn public(options: &LogOptions) -> VerifierKey {
    read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap()
}

fn open(data: &TempDir, options: &LogOptions) -> Result<Witness, LogError> {
    Witness::open(&data.path().join("witness"), &data.path().join("w.key"), NAME, &[public(options)])
}

/// What the log asks now of a witness that it takes to know `old_size`.
fn request(options: &LogOptions, old_size: u64) -> String {
    let note = Note::parse(&fs::read(options.directory.join(CHECKPOINT_FILE)).unwrap()).unwrap();
    let size = Checkpoint::parse_text(note.text()).unwrap().size;
    let proof = ConsistencyProof::make(old_size, size, &mut DirectoryTiles::new(&options.directory)).unwrap().hashes;
    AddCheckpoint { old_size, proof, note }.to_string()
}

fn cosigned(reply: WitnessReply) -> String {
    match reply {
        WitnessReply::Cosigned(lines) => lines,
        other => panic!("{other:?}"),
    }
}

/// A log with `common` records, then two stories: one that the witness cosigned up to `first`, and one up to `second`.
fn forked(data: &TempDir, options: &LogOptions, common: u64, first: u64, second: u64) -> Witness {
    fill(options, common).close_blocking().unwrap();
    let backup = data.path().join("backup");
    let copy = |from: &Path, to: &Path| {
        let _ = fs::remove_dir_all(to);
        assert!(std::process::Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
    };
    copy(&options.directory, &backup);
    fill(options, first).close_blocking().unwrap();
    let witness = open(data, options).unwrap();
    cosigned(witness.add(request(options, 0).as_bytes(), 7));
    copy(&backup, &options.directory);
    fill(options, second).close_blocking().unwrap();
    witness
}

#[test]
fn it_follows_a_log_with_both_keys_and_remembers_over_a_restart() {
    let (data, mut known) = (data(), 0);
    let options = options(&data);
    for size in [0, 1, 255, 256, 700, 700] {
        fill(&options, size).close_blocking().unwrap();
        let witness = open(&data, &options).unwrap();
        assert_eq!(witness.logs(), [(public(&options).name(), known)]);
        let lines = cosigned(witness.add(request(&options, known).as_bytes(), 1_700_000_000 + size));
        let own = fs::read_to_string(options.directory.join(CHECKPOINT_FILE)).unwrap();
        let note = Note::parse(format!("{own}{lines}").as_bytes()).unwrap();
        for file in [WITNESS_PUBLIC_KEY_FILE, WITNESS_MLDSA_PUBLIC_KEY_FILE] {
            let text = fs::read_to_string(data.path().join("witness").join(file)).unwrap();
            assert_eq!(CosignerKey::parse(text.trim()).unwrap().verify(&note), Ok(1_700_000_000 + size));
        }
        let served = witness.checkpoint(&origin_digest(public(&options).name())).unwrap();
        assert_eq!(Checkpoint::open(served.as_bytes(), &public(&options)).unwrap().size, size);
        known = size;
    }
    let witness = open(&data, &options).unwrap();
    assert_eq!(witness.add(request(&options, 0).as_bytes(), u64::from(u32::MAX)), WitnessReply::Outdated(700));
    assert!(matches!(witness.add(b"old 0\n\nx", 0), WitnessReply::Malformed(_)));
    let other = request(&options, 700).replace(public(&options).name(), "example.com/other");
    assert_eq!(witness.add(other.as_bytes(), 0), WitnessReply::UnknownLog);
    assert_eq!(witness.checkpoint(""), None);
    assert!(matches!(open(&data, &options), Err(LogError::Locked { .. })), "one process at a time");
}

#[test]
fn another_story_is_refused_and_kept_as_evidence() {
    let data = data();
    let options = options(&data);
    let witness = forked(&data, &options, 300, 700, 700);
    let folder = data.path().join("witness").join(origin_digest(public(&options).name()));
    let refused = WitnessReply::Refused { known: 700, contradiction: true };
    assert_eq!(witness.add(request(&options, 700).as_bytes(), 8), refused);
    let evidence = fs::read_to_string(folder.join(CONTRADICTION_FILE)).unwrap();
    assert_eq!(evidence, fs::read_to_string(options.directory.join(CHECKPOINT_FILE)).unwrap());
    fill(&options, 900).close_blocking().unwrap();
    let refused = WitnessReply::Refused { known: 700, contradiction: false };
    for _ in 0..3 {
        assert_eq!(witness.add(request(&options, 700).as_bytes(), 9), refused);
    }
    assert_eq!(fs::read_dir(folder.join("refused")).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(folder.join(CONTRADICTION_FILE)).unwrap(), evidence, "the first one stays");
    assert_eq!(witness.logs()[0].1, 700);
}

#[test]
fn a_log_that_was_rolled_back_is_told_the_size_that_it_had() {
    let data = data();
    let options = options(&data);
    let witness = forked(&data, &options, 300, 700, 300);
    assert_eq!(witness.add(request(&options, 300).as_bytes(), 8), WitnessReply::Outdated(700));
}

#[test]
fn of_fifty_at_once_each_is_answered_by_the_rules_and_the_last_one_stands() {
    let data = data();
    let options = options(&data);
    let mut requests = Vec::new();
    for size in 1..=50 {
        fill(&options, size).close_blocking().unwrap();
        requests.push(request(&options, 0));
    }
    let witness = open(&data, &options).unwrap();
    let replies: Vec<WitnessReply> = std::thread::scope(|scope| {
        let asked: Vec<_> = requests.iter().map(|request| scope.spawn(|| witness.add(request.as_bytes(), 7))).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let won = replies.iter().position(|reply| matches!(reply, WitnessReply::Cosigned(_))).unwrap();
    for (at, reply) in replies.iter().enumerate() {
        let known = u64::try_from(won).unwrap() + 1;
        assert!(at == won || *reply == WitnessReply::Outdated(known), "{at}: {reply:?}, {won} was first");
    }
}

/// A public checkpoint with the log's line in it a hundred times: whoever sends it does not end the service for the log.
#[test]
fn a_note_that_is_full_of_copies_of_a_good_signature_is_cosigned_with_one() {
    let data = data();
    let options = options(&data);
    fill(&options, 5).close_blocking().unwrap();
    let witness = open(&data, &options).unwrap();
    let mut full = AddCheckpoint::parse(request(&options, 0).as_bytes()).unwrap();
    let own = full.note.signatures().iter().find(|one| one.bytes.len() == 64).unwrap().clone();
    full.note = full.note.retaining(|one| **one == own);
    while full.note.add(own.clone()).is_ok() {}
    cosigned(witness.add(full.to_string().as_bytes(), 7));
    fill(&options, 9).close_blocking().unwrap();
    cosigned(witness.add(request(&options, 5).as_bytes(), 8));
    let stored = witness.checkpoint(&origin_digest(public(&options).name())).unwrap();
    assert_eq!(Note::parse(stored.as_bytes()).unwrap().signatures().len(), 3);
}

#[test]
fn a_clock_that_is_not_set_signs_nothing() {
    let data = data();
    let options = options(&data);
    fill(&options, 5).close_blocking().unwrap();
    let witness = open(&data, &options).unwrap();
    assert!(matches!(witness.add(request(&options, 0).as_bytes(), 0), WitnessReply::Unavailable(_)));
    cosigned(witness.add(request(&options, 0).as_bytes(), 1));
}

#[test]
fn a_clock_that_is_behind_the_latest_cosignature_signs_nothing() {
    let data = data();
    let options = options(&data);
    fill(&options, 5).close_blocking().unwrap();
    let witness = open(&data, &options).unwrap();
    cosigned(witness.add(request(&options, 0).as_bytes(), 100));
    drop(witness);
    let witness = open(&data, &options).unwrap();
    assert!(matches!(witness.add(request(&options, 5).as_bytes(), 99), WitnessReply::Unavailable(_)));
    cosigned(witness.add(request(&options, 5).as_bytes(), 100));
}

#[test]
fn a_witness_without_its_state_and_one_with_another_s_does_not_start() {
    let data = data();
    let options = options(&data);
    fill(&options, 5).close_blocking().unwrap();
    let witness = open(&data, &options).unwrap();
    cosigned(witness.add(request(&options, 0).as_bytes(), 100));
    drop(witness);
    let folder = data.path().join("witness").join(origin_digest(public(&options).name()));
    let stored = fs::read_to_string(folder.join(CHECKPOINT_FILE)).unwrap();
    // Without our cosignature it may be anything.
    fs::copy(options.directory.join(CHECKPOINT_FILE), folder.join(CHECKPOINT_FILE)).unwrap();
    assert!(matches!(open(&data, &options), Err(LogError::Damaged(_))));
    fs::write(folder.join(CHECKPOINT_FILE), &stored[..stored.len() / 2]).unwrap();
    assert!(matches!(open(&data, &options), Err(LogError::Damaged(_))));
    fs::remove_dir_all(data.path().join("witness")).unwrap();
    let gone = open(&data, &options).unwrap_err();
    assert!(gone.to_string().contains("state is gone"), "{gone}");
}

/// The lock file was removed, or the other process runs where locks are not shared.
#[test]
fn a_witness_whose_state_was_taken_over_cosigns_nothing_more() {
    let data = data();
    let options = options(&data);
    fill(&options, 5).close_blocking().unwrap();
    let before = open(&data, &options).unwrap();
    fs::remove_file(data.path().join("witness").join(LOCK_FILE)).unwrap();
    let after = open(&data, &options).unwrap();
    let taken_over = WitnessReply::Unavailable("the checkpoint cannot be stored");
    assert_eq!(before.add(request(&options, 0).as_bytes(), 7), taken_over);
    assert_eq!(after.logs()[0].1, 0);
    cosigned(after.add(request(&options, 0).as_bytes(), 7));
}

#[test]
fn nothing_is_cosigned_before_it_is_durable_and_nothing_after_a_failed_write() {
    let data = data();
    let options = options(&data);
    fill(&options, 5).close_blocking().unwrap();
    drop(open(&data, &options).unwrap());
    let (directory, key) = (data.path().join("witness"), data.path().join("w.key"));
    let path = directory.join(origin_digest(public(&options).name())).join(CHECKPOINT_FILE);
    let mut survived = false;
    for at in 0.. {
        let _ = fs::remove_file(&path);
        let disk = FaultDisk::default();
        let witness = Witness::open_on(Box::new(disk.clone()), &directory, (&key, NAME), &[public(&options)]).unwrap();
        disk.plan(disk.done() + at, Fault::Broken);
        let reply = witness.add(request(&options, 0).as_bytes(), 7);
        if let WitnessReply::Cosigned(_) = reply {
            survived = true;
            break;
        }
        assert_eq!(reply, WitnessReply::Unavailable("the checkpoint cannot be stored"), "operation {at}");
        let again = witness.add(request(&options, 0).as_bytes(), 8);
        assert!(matches!(again, WitnessReply::Unavailable(_)), "operation {at}: {again:?}");
        drop(witness);
        // Started again it goes by what the disk holds, whichever that is.
        let witness = open(&data, &options).unwrap();
        let known = witness.logs()[0].1;
        assert!(known == 0 || known == 5, "operation {at}");
        cosigned(witness.add(request(&options, known).as_bytes(), 9));
    }
    assert!(survived);
}
