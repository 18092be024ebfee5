//! How far witnesses vouch for logs that we wrote, honest ones and rewritten ones.

use super::super::tests::{data, fill, options};
use super::super::*;
use super::*;
use crate::log::keys::read_public;
use holdshort_ledger::{Cosigner, CosignerAlgorithm};
use std::fs;

fn witness(at: u8) -> Cosigner {
    Cosigner::from_seed(CosignerAlgorithm::Ed25519, &format!("w{at}.example/w"), &[at; 32]).unwrap()
}

fn policy(all: &str) -> WitnessPolicy {
    let lines = [1, 2].map(|at| format!("witness W{at} {}\n", witness(at).key())).concat();
    WitnessPolicy::parse(format!("{lines}group g {all} W1 W2\nquorum g\n").as_bytes()).unwrap()
}

/// Has the log's checkpoint cosigned and stored as the witnessed one.
fn cosign(options: &LogOptions, witnesses: &[u8]) {
    let mut note = Note::parse(&fs::read(options.directory.join(CHECKPOINT_FILE)).unwrap()).unwrap();
    witnesses.iter().for_each(|at| witness(*at).cosign(&mut note, 1_700_000_000).unwrap());
    store_witnessed(&options.directory, &note).unwrap();
}

fn look(options: &LogOptions, policy: &WitnessPolicy) -> Result<Coverage, CoverageError> {
    let key = read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap();
    coverage(&mut DirectorySource::new(&options.directory), &key, policy)
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(std::process::Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

#[test]
fn what_is_covered_and_what_is_not_yet() {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    let unmet = look(&options, &policy("all")).unwrap_err().to_string();
    assert!(unmet.contains("2 of the 2 in `g`: `W1` has not cosigned it, `W2` has not"), "{unmet}");
    cosign(&options, &[1]);
    let unmet = look(&options, &policy("all")).unwrap_err().to_string();
    assert!(unmet.ends_with("`g`: `W2` has not cosigned it"), "{unmet}");
    assert_eq!(look(&options, &policy("any")).unwrap().uncovered(), 0);
    cosign(&options, &[1, 2]);
    fill(&options, 700).close_blocking().unwrap();
    let found = look(&options, &policy("all")).unwrap();
    assert_eq!((found.witnessed.size, found.current.size, found.uncovered()), (300, 700, 400));
    assert_eq!(found.cosigned.present.len(), 2);
}

#[test]
fn a_rewritten_log_is_exposed_by_what_its_witnesses_cosigned() {
    let data = data();
    let options = options(&data);
    let (backup, kept) = (data.path().join("backup"), data.path().join("kept"));
    fill(&options, 300).close_blocking().unwrap();
    copy(&options.directory, &backup);
    let mut older = Vec::new();
    let key = read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap();
    for size in [300, 310, 400, 500] {
        fill(&options, size).close_blocking().unwrap();
        let note = fs::read(options.directory.join(CHECKPOINT_FILE)).unwrap();
        older.push(Checkpoint::open(&note, &key).unwrap());
    }
    cosign(&options, &[1, 2]);
    fs::copy(options.directory.join(WITNESSED_FILE), &kept).unwrap();
    // Everything is put back to record 300, and another story is signed with the log's own key.
    copy(&backup, &options.directory);
    for (size, expected) in [(700, "first 500 records are not"), (400, "rolled back")] {
        fill(&options, size).close_blocking().unwrap();
        fs::copy(&kept, options.directory.join(WITNESSED_FILE)).unwrap();
        let exposed = look(&options, &policy("all")).unwrap_err().to_string();
        assert!(exposed.contains(expected), "{exposed}");
        // Without the witnessed checkpoint it has no quorum.
        fs::remove_file(options.directory.join(WITNESSED_FILE)).unwrap();
        assert!(matches!(look(&options, &policy("all")), Err(CoverageError::Unmet { .. })));
        let current = Checkpoint::open(&fs::read(options.directory.join(CHECKPOINT_FILE)).unwrap(), &key).unwrap();
        let found = parting(&mut DirectorySource::new(&options.directory), &current, &older).unwrap();
        assert_eq!(found, Some(Parting { same: 300, differs_before: 310 }));
        let none = parting(&mut DirectorySource::new(&options.directory), &current, &older[..1]).unwrap();
        assert_eq!(none, None);
        copy(&backup, &options.directory);
    }
}
