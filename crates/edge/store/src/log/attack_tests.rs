//! Attacks on a log directory: each is found, and reported with its place.

use super::segments::{Scan, Step, list};
use super::tests::{check, data, fill, options, payload};
use super::*;
use holdshort_ledger::{Checkpoint, FrameHeader, Hash, SigningKey, encode_frame};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const SIZE: u64 = 700;
const SEGMENT: &str = "records/00000000000000000000.seg";

/// A log of 700 records, closed: two full tiles and one of 188.
fn log() -> (TempDir, LogOptions) {
    let data = data();
    let options = options(&data);
    fill(&options, SIZE).close_blocking().unwrap();
    (data, options)
}

type Frame = (FrameHeader, Vec<u8>);

/// Where the frames of the only segment begin, and what they are.
fn frames(directory: &Path) -> (Vec<u64>, Vec<Frame>) {
    let mut scan = Scan::open(&list(directory).unwrap()[0]).unwrap();
    let (mut offsets, mut frames) = (vec![scan.offset()], Vec::new());
    while let Step::Frame(header) = scan.step().unwrap() {
        offsets.push(scan.offset());
        frames.push((header, scan.payload().to_vec()));
    }
    (offsets, frames)
}

/// Writes a segment with these records, all checksums right.
fn forge(directory: &Path, frames: &[Frame], renumber: bool) {
    let path = directory.join(SEGMENT);
    let mut bytes = fs::read(&path).unwrap();
    let mut out = Vec::new();
    for ((header, payload), at) in frames.iter().zip(0..) {
        let index = if renumber { at } else { header.index };
        encode_frame(&mut out, index, header.pending, &header.salt, payload).unwrap();
    }
    let rest = bytes.split_off(32);
    out.resize(rest.len().max(out.len()), 0);
    fs::write(&path, [bytes, out].concat()).unwrap();
}

fn flip(file: &Path, byte: u64) {
    let mut bytes = fs::read(file).unwrap();
    bytes[usize::try_from(byte).unwrap()] ^= 1;
    fs::write(file, bytes).unwrap();
}

/// Attacks a fresh log and gives what is found.
fn found(attack: impl FnOnce(&Path)) -> Damage {
    let (_data, options) = log();
    assert_eq!(check(&options).unwrap().checkpoint.size, SIZE);
    attack(&options.directory);
    check(&options).unwrap_err()
}

fn at(file: &str, offset: u64, index: Option<u64>) -> Place {
    Place { file: file.to_owned(), offset, index }
}

#[test]
fn a_flipped_bit_in_any_part_of_a_record_is_found_at_that_record() {
    for part in [0, 4, 9, 13, 20, 30, 41] {
        let mut place = 0;
        let damage = found(|directory| {
            place = frames(directory).0[300];
            flip(&directory.join(SEGMENT), place + part);
        });
        assert_eq!(damage.place, at(SEGMENT, place, Some(300)), "byte {part}: {damage}");
        assert!(matches!(damage.wrong, Wrong::Format(_)), "byte {part}: {damage}");
    }
}

#[test]
fn a_record_that_was_changed_with_a_right_checksum_is_found() {
    let mut place = 0;
    let damage = found(|directory| {
        let (offsets, mut frames) = frames(directory);
        place = offsets[300];
        frames[300].1[0] ^= 1;
        forge(directory, &frames, false);
    });
    assert_eq!(damage, Damage { place: at(SEGMENT, place, Some(300)), wrong: Wrong::Payload });
}

#[test]
fn deleted_inserted_and_reordered_records_are_found() {
    type Attack = fn(&mut Vec<Frame>);
    let attacks: [(Attack, u64, u64); 3] = [
        (|frames| drop(frames.remove(300)), 300, 301),
        (|frames| frames.insert(300, frames[299].clone()), 300, 299),
        (|frames| frames.swap(300, 301), 300, 301),
    ];
    for (attack, expected, found_index) in attacks {
        for renumber in [false, true] {
            let damage = found(|directory| {
                let mut frames = frames(directory).1;
                attack(&mut frames);
                forge(directory, &frames, renumber);
            });
            assert_eq!(damage.place.index, Some(expected), "{damage}");
            let order = Wrong::Order { expected, found: found_index };
            assert_eq!(damage.wrong, if renumber { Wrong::Payload } else { order });
        }
    }
}

#[test]
fn truncated_records_are_found() {
    let damage = found(|directory| {
        let mut frames = frames(directory).1;
        frames.truncate(650);
        forge(directory, &frames, false);
    });
    assert_eq!((damage.place.index, damage.wrong), (Some(650), Wrong::Truncated(SIZE)));
    let damage = found(|directory| fs::remove_file(directory.join(SEGMENT)).unwrap());
    assert_eq!((damage.place.index, damage.wrong), (Some(0), Wrong::Truncated(SIZE)));
    let damage = found(|directory| {
        fs::File::options().write(true).open(directory.join(SEGMENT)).unwrap().set_len(9_000).unwrap()
    });
    assert_eq!(damage.place.file, SEGMENT);
}

#[test]
fn changed_tiles_and_bundles_are_named() {
    for (file, byte, index) in [
        ("tile/0/000", 0, Some(0)),
        ("tile/0/001", 32 * 44 + 5, Some(300)),
        ("tile/0/002.p/188", 32 * 187, Some(699)),
        ("tile/1/000.p/2", 33, None),
        ("tile/entries/001", 35 * 44 + 20, Some(300)),
        ("tile/entries/002.p/188", 35, Some(513)),
    ] {
        let damage = found(|directory| flip(&directory.join(file), byte));
        assert_eq!(damage.place, at(file, byte, index), "{damage}");
        let damage = found(|directory| fs::remove_file(directory.join(file)).unwrap());
        assert_eq!((damage.place.file.as_str(), damage.wrong), (file, Wrong::Missing));
        let damage = found(|directory| {
            let bytes = fs::read(directory.join(file)).unwrap();
            fs::write(directory.join(file), &bytes[..bytes.len() - 1]).unwrap();
        });
        assert_eq!(damage.place.file, file, "{damage}");
    }
}

#[test]
fn a_swapped_partial_tile_is_found_also_when_it_is_an_old_one() {
    let damage = found(|directory| {
        fs::copy(directory.join("tile/1/000.p/2"), directory.join("tile/0/002.p/2")).unwrap();
    });
    assert_eq!(damage.place, at("tile/0/002.p/2", 0, Some(512)));
    let damage = found(|directory| {
        let full = fs::read(directory.join("tile/0/001")).unwrap();
        fs::write(directory.join("tile/0/002.p/188"), &full[..32 * 188]).unwrap();
    });
    assert_eq!(damage.place, at("tile/0/002.p/188", 0, Some(512)));
}

#[test]
fn checkpoints_that_are_missing_changed_or_of_another_key_are_refused() {
    type Attack = fn(&Path);
    let attacks: [Attack; 5] = [
        |directory| fs::remove_file(directory.join("checkpoint")).unwrap(),
        |directory| flip(&directory.join("checkpoint"), 3),
        |directory| {
            let note = fs::read_to_string(directory.join("checkpoint")).unwrap();
            fs::write(directory.join("checkpoint"), note.replacen("700", "300", 1)).unwrap();
        },
        |directory| {
            let key = SigningKey::from_seed("example.com/test", &[9; 32]).unwrap();
            let lie = Checkpoint { origin: "example.com/test".into(), size: SIZE, root: Hash::empty() };
            fs::write(directory.join("checkpoint"), lie.sign(&key).unwrap().to_string()).unwrap();
        },
        |directory| fs::write(directory.join("checkpoint"), [0xff; 40]).unwrap(),
    ];
    for attack in attacks {
        assert_eq!(found(attack).place, at("checkpoint", 0, None));
    }
    let damage = found(|directory| fs::remove_file(directory.join("log.pub")).unwrap());
    assert_eq!((damage.place, damage.wrong), (at("log.pub", 0, None), Wrong::Missing));
}

#[test]
fn another_key_than_the_one_that_was_expected_is_refused() {
    let (_data, options) = log();
    let other = SigningKey::from_seed("example.com/test", &[9; 32]).unwrap().verifier();
    let known = VerifyOptions { key: Some(other), older: Vec::new() };
    assert_eq!(verify(&options.directory, &known, &mut |_| {}).unwrap_err().place, at("log.pub", 0, None));
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_log_that_was_rolled_back_is_exposed_by_an_older_checkpoint_only() {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    let backup = data.path().join("backup");
    copy(&options.directory, &backup);
    fill(&options, SIZE).close_blocking().unwrap();
    let kept = check(&options).unwrap().checkpoint;
    fs::remove_dir_all(&options.directory).unwrap();
    copy(&backup, &options.directory);
    assert_eq!(check(&options).unwrap().checkpoint.size, 300);
    let known = VerifyOptions { key: None, older: vec![kept] };
    let damage = verify(&options.directory, &known, &mut |_| {}).unwrap_err();
    assert_eq!(damage.wrong, Wrong::RolledBack { expected: SIZE, found: 300 });
}

#[test]
fn a_log_that_was_rewritten_and_signed_again_is_exposed_by_an_older_checkpoint_only() {
    let (_data, options) = log();
    let kept = check(&options).unwrap().checkpoint;
    fs::remove_dir_all(&options.directory).unwrap();
    fill(&options, 2 * SIZE).close_blocking().unwrap();
    assert!(check(&options).is_ok());
    let known = VerifyOptions { key: None, older: vec![kept] };
    let damage = verify(&options.directory, &known, &mut |_| {}).unwrap_err();
    assert_eq!(damage.wrong, Wrong::Rewritten(SIZE));
}

/// A log whose checkpoint is as old as a crash may leave it, with 400 records behind it in groups of one.
fn behind() -> (TempDir, LogOptions) {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    let old = fs::read(options.directory.join("checkpoint")).unwrap();
    let (log, _) = Log::open(options.clone()).unwrap();
    (300..SIZE).for_each(|index| assert_eq!(log.append_blocking(payload(index)).unwrap().index, index));
    log.close_blocking().unwrap();
    fs::write(options.directory.join("checkpoint"), old).unwrap();
    (data, options)
}

#[test]
fn records_behind_the_checkpoint_are_recovered() {
    let (_data, options) = behind();
    let verified = check(&options).unwrap();
    assert_eq!((verified.checkpoint.size, verified.unsealed), (300, SIZE - 300));
    let (log, report) = Log::open(options.clone()).unwrap();
    let expected = RecoveryReport { size: SIZE, sealed: 300, ..RecoveryReport::default() };
    assert_eq!(report, expected);
    log.close_blocking().unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, SIZE);
}

#[test]
fn damage_behind_the_checkpoint_is_not_taken_for_a_torn_tail() {
    let (_data, options) = behind();
    let place = frames(&options.directory).0[650];
    flip(&options.directory.join(SEGMENT), place + 41);
    for damage in [check(&options).unwrap_err(), damaged(&options)] {
        assert_eq!(damage.place, at(SEGMENT, place, Some(650)));
    }
}

fn damaged(options: &LogOptions) -> Damage {
    match Log::open(options.clone()) {
        Err(LogError::Damaged(damage)) => damage,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_torn_tail_is_cut_and_written_over() {
    let (_data, options) = behind();
    let offsets = frames(&options.directory).0;
    // Half of a group of three that was being written: the middle one is torn.
    let path = options.directory.join(SEGMENT);
    let mut bytes = fs::read(&path).unwrap();
    let mut group = Vec::new();
    (0..3).for_each(|at| encode_frame(&mut group, SIZE + at, at as u32, &[0; 16], &payload(at)).unwrap());
    let (start, length) = (usize::try_from(offsets[700]).unwrap(), group.len());
    group[60..70].fill(0);
    bytes[start..start + length].copy_from_slice(&group);
    fs::write(&path, bytes).unwrap();

    assert!(check(&options).unwrap().torn_bytes > 0);
    let (log, report) = Log::open(options.clone()).unwrap();
    assert!(report.size == SIZE || report.size == SIZE + 1, "{report:?}");
    assert!(report.torn_bytes > 0);
    log.append_blocking(payload(0)).unwrap();
    log.close_blocking().unwrap();
    let verified = check(&options).unwrap();
    assert_eq!((verified.torn_bytes, verified.checkpoint.size), (0, report.size + 1));
}

#[test]
fn opening_refuses_damage_below_the_checkpoint() {
    type Attack = fn(&Path);
    let attacks: [Attack; 5] = [
        |directory| flip(&directory.join(SEGMENT), frames(directory).0[300] + 41),
        |directory| fs::remove_file(directory.join(SEGMENT)).unwrap(),
        |directory| fs::remove_file(directory.join("checkpoint")).unwrap(),
        |directory| flip(&directory.join("checkpoint"), 30),
        |directory| flip(&directory.join(SEGMENT), 15),
    ];
    for attack in attacks {
        let (_data, options) = log();
        attack(&options.directory);
        damaged(&options);
    }
}

#[test]
fn lost_tiles_are_made_again_when_the_records_lead_to_the_signed_root() {
    let (_data, options) = log();
    fs::remove_dir_all(options.directory.join("tile")).unwrap();
    let (log, report) = Log::open(options.clone()).unwrap();
    assert!(report.tiles_rebuilt && report.size == SIZE);
    log.close_blocking().unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, SIZE);

    fs::remove_dir_all(options.directory.join("tile")).unwrap();
    let mut frames = frames(&options.directory).1;
    frames[300].1[0] ^= 1;
    forge(&options.directory, &frames, false);
    assert!(matches!(damaged(&options).wrong, Wrong::Root { .. }));
}
