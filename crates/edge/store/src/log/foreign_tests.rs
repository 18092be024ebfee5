//! What does not belong into a log directory: segments of other logs, links, folders, files of nobody, and what somebody still
//! writes who had the directory before.

use super::segments::list;
use super::tests::{check, data, fill, options, payload};
use super::*;
use std::fs;
use std::os::unix::fs::{FileExt as _, symlink};
use tempfile::TempDir;

const SEGMENT: &str = "records/00000000000000000000.seg";

fn large(index: u64) -> Vec<u8> {
    let mut bytes = payload(index);
    bytes.resize(300_000, b'x');
    bytes
}

/// A closed log of several segments; two of them have segments that begin with the same records.
fn long(data: &TempDir) -> LogOptions {
    let options = options(data);
    let (log, _) = Log::open(options.clone()).unwrap();
    (0..20).for_each(|index| assert_eq!(log.append_blocking(large(index)).unwrap().index, index));
    log.close_blocking().unwrap();
    assert!(list(&options.directory).unwrap().len() > 4);
    options
}

fn damage(options: &LogOptions) -> Damage {
    match Log::open(options.clone()) {
        Err(LogError::Damaged(damage)) => damage,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_segment_of_another_log_is_named() {
    let (one, other) = (data(), data());
    let (mine, theirs) = (long(&one), long(&other));
    let segments = list(&mine.directory).unwrap();
    for segment in &segments {
        let sound = fs::read(&segment.path).unwrap();
        fs::copy(theirs.directory.join(&segment.name), &segment.path).unwrap();
        let found = check(&mine).unwrap_err();
        assert_eq!((found.place.file.as_str(), found.place.index), (segment.name.as_str(), Some(segment.first_index)));
        assert_eq!(found.wrong, Wrong::Payload);
        let proved = prove(&mine.directory, segment.first_index, true).unwrap_err().to_string();
        assert!(proved.contains(&segment.name) && proved.contains("not the one that the tree commits to"), "{proved}");
        fs::write(&segment.path, sound).unwrap();
    }
    assert!(check(&mine).is_ok());
}

#[test]
fn a_log_does_not_go_on_with_the_records_of_another() {
    for (mine, theirs) in [(300, 400), (300, 300), (256, 300), (700, 900)] {
        let (one, other) = (data(), data());
        let (one, other) = (options(&one), options(&other));
        fill(&one, mine).close_blocking().unwrap();
        fill(&other, theirs).close_blocking().unwrap();
        fs::copy(other.directory.join(SEGMENT), one.directory.join(SEGMENT)).unwrap();
        let found = damage(&one);
        assert_eq!((found.place.file.as_str(), &found.wrong), (SEGMENT, &Wrong::Payload), "{mine}, {theirs}");
        assert_eq!(found.place.index, Some((mine - 1) / 256 * 256));
        // One damaged file of the tree is no reason to think so.
        let path = other.directory.join(format!("tile/entries/{:03}.p/{}", (theirs - 1) / 256, theirs % 256));
        let mut bytes = fs::read(&path).unwrap();
        bytes[20] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(Log::open(other.clone()).unwrap().1.size, theirs);
    }
}

#[test]
fn two_logs_that_were_swapped_are_told_apart_by_their_keys() {
    let (one, other) = (data(), data());
    let (one, other) = (options(&one), options(&other));
    for options in [&one, &other] {
        fill(options, 30).close_blocking().unwrap();
    }
    let aside = one.directory.with_extension("aside");
    fs::rename(&one.directory, &aside).unwrap();
    fs::rename(&other.directory, &one.directory).unwrap();
    fs::rename(&aside, &other.directory).unwrap();
    for options in [&one, &other] {
        let refused = Log::open(options.clone()).unwrap_err().to_string();
        assert!(refused.contains("not the private key of this log"), "{refused}");
    }
}

#[test]
fn files_that_are_none_of_ours_change_nothing() {
    let data = data();
    let options = long(&data);
    let records = options.directory.join(RECORDS_DIRECTORY);
    for name in [
        ".nfs0001",
        "00000000000000000003.seg.bak",
        "3.seg",
        "notes.txt",
        "x.seg.zst",
        "00000000000000000003.seg.zst.part",
    ] {
        fs::write(records.join(name), "none of ours").unwrap();
    }
    fs::create_dir(records.join("folder")).unwrap();
    fs::write(options.directory.join("tile/0/notes"), "").unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, 20);
    let (log, report) = Log::open(options.clone()).unwrap();
    assert_eq!((report.size, report.tiles_rebuilt), (20, false));
    log.append_blocking(large(20)).unwrap();
    log.close_blocking().unwrap();
    let later = std::time::SystemTime::now() + Duration::from_secs(60);
    Retention::open(&options.directory).unwrap().archive(later, false, &|| true).unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, 21);
    assert!(records.join("notes.txt").exists() && records.join("folder").exists());
}

#[test]
fn a_folder_or_a_pipe_in_the_place_of_a_segment_is_named_and_not_waited_for() {
    let data = data();
    let options = long(&data);
    let second = list(&options.directory).unwrap().remove(1);
    fs::remove_file(&second.path).unwrap();
    fs::create_dir(&second.path).unwrap();
    let found = check(&options).unwrap_err();
    assert_eq!(found.place.file, second.name);
    assert!(found.to_string().contains("not a plain file"), "{found}");
    fs::remove_dir(&second.path).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(&second.path).status();
    if fifo.is_ok_and(|made| made.success()) {
        assert!(check(&options).unwrap_err().to_string().contains("not a plain file"));
        assert!(Reader::open(&options.directory).unwrap().forwards(second.first_index).next().unwrap().is_err());
    }
}

#[test]
fn linked_segments_read_as_what_they_are_links_to() {
    let data = data();
    let options = long(&data);
    let segments = list(&options.directory).unwrap();
    let elsewhere = data.path().join("elsewhere.seg");
    fs::rename(&segments[0].path, &elsewhere).unwrap();
    symlink(&elsewhere, &segments[0].path).unwrap();
    let kept = data.path().join("kept.seg");
    fs::hard_link(&segments[1].path, &kept).unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, 20);
    // A segment that is dropped or archived loses its name here; what others call it stays.
    let later = std::time::SystemTime::now() + Duration::from_secs(60);
    Retention::open(&options.directory).unwrap().archive(later, false, &|| true).unwrap();
    assert!(elsewhere.exists() && kept.exists() && !segments[0].path.exists());
    assert!(check(&options).unwrap().archived > 0);
    // A link that leads nowhere is a segment that is missing.
    let last = list(&options.directory).unwrap().pop().unwrap();
    fs::rename(&last.path, data.path().join("gone")).unwrap();
    symlink(data.path().join("nowhere"), &last.path).unwrap();
    let found = check(&options).unwrap_err();
    assert_eq!((found.place.file.as_str(), found.wrong), (last.name.as_str(), Wrong::Missing));
}

#[test]
fn what_comes_late_from_a_writer_that_was_taken_over_harms_nobody() {
    let data = data();
    let options = options(&data);
    let first = fill(&options, 5);
    // The writer looks, is held up, and writes when the directory is somebody else's.
    let stale = fs::File::options().write(true).open(options.directory.join(SEGMENT)).unwrap();
    let end = {
        let mut scan = segments::Scan::open(&list(&options.directory).unwrap()[0]).unwrap();
        while scan.skip().unwrap().is_some() {}
        scan.offset()
    };
    fs::remove_file(options.directory.join(layout::LOCK_FILE)).unwrap();
    let (second, report) = Log::open(options.clone()).unwrap();
    assert_eq!(report.size, 5);
    assert_eq!(second.append_blocking(payload(5)).unwrap().index, 5);
    stale.write_all_at(&[0xff; 400], end).unwrap();
    assert!(first.append_blocking(payload(6)).unwrap_err().to_string().contains("taken over"));
    assert_eq!(second.append_blocking(payload(6)).unwrap().index, 6);
    second.close_blocking().unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, 7);
    let records: Vec<_> =
        Reader::open(&options.directory).unwrap().forwards(0).map(|record| record.unwrap().payload).collect();
    assert_eq!(records, (0..7).map(payload).collect::<Vec<_>>());
}
