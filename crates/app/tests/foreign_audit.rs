//! Logs that we wrote, clean and attacked, audited by code that we did not write: Go's tlog and note.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use holdshort_ledger::VerifierKey;
use holdshort_store::log::{DirectorySource, Log, LogOptions, Mirror};
use holdshort_testkit::log_audit;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Writes records until the log has `size`, and closes it.
fn fill(home: &Path, size: u64) {
    let (log, report) =
        Log::open(LogOptions::new(home.join("log"), home.join("log.key"), "example.com/audited")).unwrap();
    (report.size..size).for_each(|index| log.enqueue(format!("record {index}").into_bytes()).unwrap());
    log.close_blocking().unwrap();
}

fn audit(directory: &Path, older: Option<&Path>) -> Output {
    log_audit().command().arg(directory).args(older).output().unwrap()
}

fn assert_passes(directory: &Path, older: Option<&Path>, size: u64) {
    let output = audit(directory, older);
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(said, format!("ok {size}\n"), "{wrong}");
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn clean_logs_and_their_mirrors_pass_at_every_size_and_continue_each_other() {
    let home = home();
    let (log, older, mirrored) = (home.path().join("log"), home.path().join("older"), home.path().join("mirror"));
    let mut last = None;
    for size in [1, 255, 256, 257, 700, 66_000] {
        fill(home.path(), size);
        assert_passes(&log, last, size);
        fs::copy(log.join("checkpoint"), &older).unwrap();
        last = Some(older.as_path());
        let key = VerifierKey::parse(fs::read_to_string(log.join("log.pub")).unwrap().trim()).unwrap();
        let mut mirror = Mirror::open(&mirrored, key, &home.path().join("mirror.key"), "example.com/mirror").unwrap();
        mirror.step(&mut DirectorySource::new(&log), 1_700_000_000).unwrap();
        assert_passes(&mirrored, last, size);
    }
}

#[test]
fn attacked_logs_do_not_pass() {
    let home = home();
    let log = home.path().join("log");
    fill(home.path(), 700);
    let flip = |path: &str, at: usize| {
        let mut bytes = fs::read(log.join(path)).unwrap();
        bytes[at] ^= 1;
        fs::write(log.join(path), bytes).unwrap();
    };
    for (path, at) in [
        ("tile/entries/000", 2),
        ("tile/entries/001", 36),
        ("tile/entries/002.p/188", 100),
        ("tile/0/000", 0),
        ("tile/0/002.p/188", 33),
        ("tile/1/000.p/2", 40),
        ("checkpoint", 21),
        ("log.pub", 40),
    ] {
        assert_passes(&log, None, 700);
        flip(path, at);
        assert_eq!(audit(&log, None).status.code(), Some(1), "{path}");
        flip(path, at);
    }
    for (path, other) in [("tile/entries/000", "tile/entries/001"), ("tile/0/001", "tile/0/000")] {
        let whole = fs::read(log.join(path)).unwrap();
        fs::copy(log.join(other), log.join(path)).unwrap();
        assert_eq!(audit(&log, None).status.code(), Some(1), "{path} replaced by {other}");
        fs::write(log.join(path), &whole).unwrap();
    }
    assert_passes(&log, None, 700);
}

#[test]
fn a_log_that_was_rewritten_and_signed_again_does_not_continue_what_was_kept() {
    let home = home();
    let (log, backup, kept) = (home.path().join("log"), home.path().join("backup"), home.path().join("kept"));
    fill(home.path(), 300);
    copy(&log, &backup);
    fill(home.path(), 700);
    fs::copy(log.join("checkpoint"), &kept).unwrap();
    fs::remove_dir_all(&log).unwrap();
    fs::rename(&backup, &log).unwrap();
    fill(home.path(), 900);
    assert_passes(&log, None, 900);
    let exposed = audit(&log, Some(&kept));
    assert_eq!(exposed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&exposed.stderr).contains("is not the beginning"));
}
