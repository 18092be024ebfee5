//! Logs that we wrote, clean and attacked, audited by code that we did not write: Go's tlog and note, and aics-tlog.
//! Our own check of the public files stands beside them, so that none of the three sees less than the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use holdshort_ledger::{Checkpoint, Hash, SigningKey, VerifierKey};
use holdshort_store::log::{DirectorySource, Log, LogOptions, Mirror, VerifyOptions, verify_public};
use holdshort_testkit::{log_audit, tiles_audit};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const SIZE: u64 = 700;
/// Bytes of an entry in its bundle: a length of two bytes, and 33.
const ITEM: usize = 35;

/// A log that is written by us, with what an auditor keeps elsewhere.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes records until the log has `size`, and closes it.
    fn fill(&self, size: u64) {
        let options = LogOptions::new(self.at("log"), self.at("log.key"), "example.com/audited");
        let (log, report) = Log::open(options).unwrap();
        (report.size..size).for_each(|index| log.enqueue(format!("record {index}").into_bytes()).unwrap());
        log.close_blocking().unwrap();
        fs::copy(self.at("log/log.pub"), self.at("key")).unwrap();
    }

    fn key(&self) -> VerifierKey {
        VerifierKey::parse(fs::read_to_string(self.at("key")).unwrap().trim()).unwrap()
    }

    /// What each auditor says of a directory: the size, or what is wrong.
    fn audit(&self, directory: &Path, older: Option<&Path>) -> [(&'static str, Result<u64, String>); 3] {
        let ran = |mut command: Command| {
            let output = command.args(older).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let size = said.strip_prefix("ok ").and_then(|size| size.trim().parse().ok());
            let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
            size.filter(|_| output.status.success()).ok_or(format!("{said}{wrong}"))
        };
        let mut go = log_audit().command();
        go.arg(directory);
        let mut aics = tiles_audit().command();
        aics.args([directory, &self.at("key")]);
        let older_of = |file: &Path| Checkpoint::open(&fs::read(file).unwrap(), &self.key()).unwrap();
        let options = VerifyOptions { older: older.map(older_of).into_iter().collect(), ..VerifyOptions::default() };
        let ours = verify_public(&mut DirectorySource::new(directory), &self.key(), &options, &mut |_| {});
        let ours = ours.map(|checkpoint| checkpoint.size).map_err(|damage| damage.to_string());
        [("go", ran(go)), ("aics", ran(aics)), ("ours", ours)]
    }

    fn assert_passes(&self, directory: &Path, older: Option<&Path>, size: u64) {
        for (auditor, found) in self.audit(directory, older) {
            assert_eq!(found, Ok(size), "{auditor}");
        }
    }

    fn assert_refused(&self, directory: &Path, older: Option<&Path>, attack: &str) {
        for (auditor, found) in self.audit(directory, older) {
            let wrong = found.expect_err(&format!("{auditor} passes what was attacked: {attack}"));
            assert!(!wrong.contains("Traceback") && !wrong.is_empty(), "{auditor}, {attack}: {wrong}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

#[test]
fn clean_logs_and_their_mirrors_pass_at_every_size_and_continue_each_other() {
    let home = Home::new();
    let (log, older, mirrored) = (home.at("log"), home.at("older"), home.at("mirror"));
    let mut last = None;
    for size in [1, 255, 256, 257, SIZE, 66_000] {
        home.fill(size);
        home.assert_passes(&log, last, size);
        fs::copy(log.join("checkpoint"), &older).unwrap();
        last = Some(older.as_path());
        let mut mirror = Mirror::open(&mirrored, home.key(), &home.at("mirror.key"), "example.com/mirror").unwrap();
        mirror.step(&mut DirectorySource::new(&log), 1_700_000_000).unwrap();
        home.assert_passes(&mirrored, last, size);
    }
}

/// What somebody does to a file who can write it and does not have the key.
type Attack = fn(&mut Vec<u8>);

#[test]
fn whatever_is_changed_in_a_file_is_found() {
    let home = Home::new();
    let log = home.at("log");
    home.fill(SIZE);
    let attacks: [(&str, &str, Attack); 20] = [
        ("flip", "tile/entries/000", |bytes| bytes[2] ^= 1),
        ("flip", "tile/entries/001", |bytes| bytes[36] ^= 1),
        ("flip", "tile/entries/002.p/188", |bytes| bytes[100] ^= 1),
        ("flip", "tile/0/000", |bytes| bytes[0] ^= 1),
        ("flip", "tile/0/002.p/188", |bytes| bytes[33] ^= 1),
        ("flip", "tile/1/000.p/2", |bytes| bytes[40] ^= 1),
        ("flip", "checkpoint", |bytes| bytes[21] ^= 1),
        ("delete", "tile/entries/001", |bytes| drop(bytes.drain(44 * ITEM..45 * ITEM))),
        ("delete", "tile/0/001", |bytes| drop(bytes.drain(44 * 32..45 * 32))),
        ("reorder", "tile/entries/001", |bytes| bytes[..2 * ITEM].rotate_left(ITEM)),
        ("reorder", "tile/entries/002.p/188", |bytes| bytes[..2 * ITEM].rotate_left(ITEM)),
        ("reorder", "tile/0/001", |bytes| bytes[..64].rotate_left(32)),
        ("insert", "tile/entries/001", |bytes| drop(bytes.splice(0..0, [&[0, 33][..], &[1; 33]].concat()))),
        ("insert", "tile/entries/002.p/188", |bytes| bytes.extend([&[0, 33][..], &[1; 33]].concat())),
        ("insert", "tile/0/000", |bytes| drop(bytes.splice(0..0, [7; 32]))),
        ("truncate", "tile/entries/001", |bytes| bytes.truncate(200 * ITEM)),
        ("truncate", "tile/entries/002.p/188", |bytes| bytes.truncate(187 * ITEM)),
        ("truncate", "tile/0/002.p/188", |bytes| bytes.truncate(187 * 32)),
        ("truncate", "tile/1/000.p/2", Vec::clear),
        ("truncate", "checkpoint", |bytes| bytes.truncate(60)),
    ];
    for (kind, file, attack) in attacks {
        let whole = fs::read(log.join(file)).unwrap();
        let mut changed = whole.clone();
        attack(&mut changed);
        assert_ne!(changed, whole);
        fs::write(log.join(file), changed).unwrap();
        home.assert_refused(&log, None, &format!("{kind} in {file}"));
        fs::write(log.join(file), whole).unwrap();
    }
    home.assert_passes(&log, None, SIZE);
}

#[test]
fn files_that_are_gone_or_stand_in_for_others_are_found() {
    let home = Home::new();
    let log = home.at("log");
    // An older state of the log leaves partial tiles that were true once.
    home.fill(600);
    copy(&log, &home.at("before"));
    home.fill(SIZE);
    let stale = |file: &str| home.at("before").join(file);
    for (file, other) in [
        ("tile/entries/000", log.join("tile/entries/001")),
        ("tile/0/001", log.join("tile/0/000")),
        ("tile/0/002.p/188", stale("tile/0/002.p/88")),
        ("tile/entries/002.p/188", stale("tile/entries/002.p/88")),
        ("tile/0/002.p/188", log.join("tile/0/001")),
        ("tile/1/000.p/2", log.join("tile/0/002.p/188")),
        ("checkpoint", log.join("log.pub")),
    ] {
        let whole = fs::read(log.join(file)).unwrap();
        fs::write(log.join(file), fs::read(&other).unwrap()).unwrap();
        home.assert_refused(&log, None, &format!("{} instead of {file}", other.display()));
        fs::remove_file(log.join(file)).unwrap();
        home.assert_refused(&log, None, &format!("no {file}"));
        fs::write(log.join(file), whole).unwrap();
    }
    home.assert_passes(&log, None, SIZE);
}

/// Other records, with every bundle and tile as they belong to them: only the signature is in the way.
#[test]
fn a_tree_that_is_sound_in_itself_and_not_the_signed_one_does_not_pass() {
    let (home, other) = (Home::new(), Home::new());
    home.fill(SIZE);
    other.fill(SIZE);
    let (log, lie) = (home.at("log"), home.at("lie"));
    copy(&other.at("log"), &lie);
    fs::copy(log.join("checkpoint"), lie.join("checkpoint")).unwrap();
    fs::copy(log.join("log.pub"), lie.join("log.pub")).unwrap();
    home.assert_refused(&lie, None, "tiles of another log");
    // Signed, with the right name, by somebody else.
    let theirs = Checkpoint::open(&fs::read(other.at("log/checkpoint")).unwrap(), &other.key()).unwrap();
    let stranger = SigningKey::from_seed("example.com/audited", &[9; 32]).unwrap();
    fs::write(lie.join("checkpoint"), theirs.sign(&stranger).unwrap().to_string()).unwrap();
    home.assert_refused(&lie, None, "another key's checkpoint");
    // The size says more, or less, than the tiles hold.
    for size in [SIZE - 1, SIZE + 1] {
        let note = fs::read_to_string(log.join("checkpoint")).unwrap();
        fs::write(lie.join("checkpoint"), note.replacen("700", &size.to_string(), 1)).unwrap();
        home.assert_refused(&lie, None, "another size");
    }
}

#[test]
fn what_was_rolled_back_or_forked_and_signed_again_does_not_continue_what_was_kept() {
    let home = Home::new();
    let (log, backup, kept) = (home.at("log"), home.at("backup"), home.at("kept"));
    home.fill(300);
    copy(&log, &backup);
    home.fill(SIZE);
    fs::copy(log.join("checkpoint"), &kept).unwrap();
    home.assert_passes(&log, Some(&kept), SIZE);

    fs::remove_dir_all(&log).unwrap();
    copy(&backup, &log);
    home.assert_passes(&log, None, 300);
    home.assert_refused(&log, Some(&kept), "roll back");

    // Forked at 300: the records from there on have other salts.
    home.fill(SIZE);
    home.assert_passes(&log, None, SIZE);
    home.assert_refused(&log, Some(&kept), "fork of the same size");
    home.fill(900);
    home.assert_passes(&log, None, 900);
    home.assert_refused(&log, Some(&kept), "fork that went on");

    // The same root under another size, signed by the log itself.
    let options = LogOptions::new(&log, home.at("log.key"), "example.com/audited");
    let key = SigningKey::parse(fs::read_to_string(&options.key_file).unwrap().trim()).unwrap();
    let lie = Checkpoint { origin: "example.com/audited".into(), size: 900, root: Hash::empty() };
    fs::write(log.join("checkpoint"), lie.sign(&key).unwrap().to_string()).unwrap();
    home.assert_refused(&log, None, "a signed root that no tiles lead to");
}
