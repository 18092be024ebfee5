//! Mirrors and audits of logs that we wrote: honest ones, ones that were rewritten and signed again, ones that lie.

use super::tests::{data, fill, options};
use super::*;
use holdshort_ledger::{Checkpoint, Cosigner, CosignerAlgorithm, CosignerKey, Note, SigningKey, VerifierKey};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn public(options: &LogOptions) -> VerifierKey {
    keys::read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap()
}

fn mirror(data: &TempDir, options: &LogOptions) -> Mirror {
    let (to, key) = (data.path().join("mirror"), data.path().join("mirror.key"));
    Mirror::open(&to, public(options), &key, "mirror.example/m1").unwrap()
}

fn source(options: &LogOptions) -> DirectorySource {
    DirectorySource::new(&options.directory)
}

fn exposed(result: Result<Mirrored, MirrorError>) -> Exposed {
    match result {
        Err(MirrorError::Exposed(exposed)) => *exposed,
        other => panic!("{other:?}"),
    }
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(std::process::Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// Puts the log back to how it was with `common` records, and goes on with others to `size`, signed with the log's own key.
fn rewrite(data: &TempDir, options: &LogOptions, common: u64, first: u64, size: u64) {
    fill(options, common).close_blocking().unwrap();
    copy(&options.directory, &data.path().join("backup"));
    fill(options, first).close_blocking().unwrap();
    mirror(data, options).step(&mut source(options), 7).unwrap();
    fs::copy(options.directory.join(CHECKPOINT_FILE), data.path().join("kept")).unwrap();
    copy(&data.path().join("backup"), &options.directory);
    fill(options, size).close_blocking().unwrap();
    assert!(verify(&options.directory, &VerifyOptions::default(), &mut |_| {}).is_ok(), "it passes alone");
}

#[test]
fn a_mirror_follows_a_log_and_cosigns_what_it_stored() {
    let data = data();
    let options = options(&data);
    let mut size = 0;
    for more in [0, 1, 255, 1, 300, 40_000, 29_000, 3] {
        let log = fill(&options, size + more);
        log.close_blocking().unwrap();
        let mut mirror = mirror(&data, &options);
        let step = mirror.step(&mut source(&options), 1_700_000_000).unwrap();
        assert_eq!((step.added, step.checkpoint.size), (more, size + more));
        assert_eq!(mirror.step(&mut source(&options), 1_700_000_001).unwrap().added, 0);
        size += more;
        let to = data.path().join("mirror");
        let note = Note::parse(mirror.checkpoint().unwrap().as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(to.join(CHECKPOINT_FILE)).unwrap(), note.to_string());
        let key = |file: &Path| CosignerKey::parse(fs::read_to_string(file).unwrap().trim()).unwrap();
        assert_eq!(key(&to.join("mirror.pub")).verify(&note), Ok(1_700_000_000));
        assert!(
            key(&options.directory.join(COSIGNER_PUBLIC_KEY_FILE)).verify(&note).is_ok(),
            "the log's own, ML-DSA-44"
        );
        let checked =
            verify_public(&mut DirectorySource::new(&to), &public(&options), &VerifyOptions::default(), &mut |_| {});
        assert_eq!(checked.unwrap(), step.checkpoint);
    }
}

#[test]
fn a_log_that_was_rewritten_and_signed_again_is_exposed_from_the_right_record_on() {
    for (common, first, size) in
        [(300, 700, 900), (300, 700, 500), (0, 700, 700), (256, 257, 257), (5_000, 66_000, 70_000)]
    {
        let data = data();
        let options = options(&data);
        rewrite(&data, &options, common, first, size);
        let before = fs::read(data.path().join("mirror/checkpoint")).unwrap();
        let found = exposed(mirror(&data, &options).step(&mut source(&options), 9));
        assert_eq!((found.from, found.stored.size, found.found.size), (Some(common), first, size), "{found}");
        assert!(found.to_string().contains(&format!("rewritten from record {common} on")), "{found}");
        assert_eq!(fs::read(data.path().join("mirror/checkpoint")).unwrap(), before, "the evidence is kept");
        let contradiction = fs::read(data.path().join("mirror").join(CONTRADICTION_FILE)).unwrap();
        assert_eq!(Checkpoint::open(&contradiction, &public(&options)), Ok(found.found));

        let kept = Checkpoint::open(&fs::read(data.path().join("kept")).unwrap(), &public(&options)).unwrap();
        let damage = audit(&mut source(&options), &public(&options), &kept).unwrap_err();
        let expected =
            if size < first { Wrong::RolledBack { expected: first, found: size } } else { Wrong::Rewritten(first) };
        assert_eq!(damage.wrong, expected);
    }
}

/// A log with 700 records that is mirrored, and a copy of it from when it had 300.
fn earlier(data: &TempDir, options: &LogOptions) -> std::path::PathBuf {
    let backup = data.path().join("backup");
    fill(options, 300).close_blocking().unwrap();
    copy(&options.directory, &backup);
    fill(options, 700).close_blocking().unwrap();
    mirror(data, options).step(&mut source(options), 7).unwrap();
    backup
}

/// Signs what a directory says once more, at a time that is ahead of every clock here.
fn sign_again(options: &LogOptions, directory: &Path, cosigner: &Cosigner) {
    let secret = fs::read_to_string(&options.key_file).unwrap();
    let (path, key) = (directory.join(CHECKPOINT_FILE), SigningKey::parse(secret.trim()).unwrap());
    let mut note = Checkpoint::open(&fs::read(&path).unwrap(), &key.verifier()).unwrap().sign(&key).unwrap();
    cosigner.cosign(&mut note, 4_000_000_000).unwrap();
    fs::write(path, note.to_string()).unwrap();
}

fn own_cosigner(options: &LogOptions) -> Cosigner {
    Cosigner::parse(fs::read_to_string(options.key_file.with_extension("mldsa.key")).unwrap().trim()).unwrap()
}

#[test]
fn a_log_that_was_rolled_back_and_says_so_itself_is_exposed_with_what_is_gone() {
    let data = data();
    let options = options(&data);
    let backup = earlier(&data, &options);
    sign_again(&options, &backup, &own_cosigner(&options));
    let found = exposed(mirror(&data, &options).step(&mut DirectorySource::new(&backup), 9));
    assert_eq!(found.from, Some(300));
    assert!(found.to_string().contains("records from 300 on are gone"), "{found}");
    let contradiction = fs::read(data.path().join("mirror").join(CONTRADICTION_FILE)).unwrap();
    assert_eq!(Checkpoint::open(&contradiction, &public(&options)), Ok(found.found));
    let mut copied = DirectorySource::new(&data.path().join("mirror"));
    let compared = compare(&mut copied, &mut DirectorySource::new(&backup), &public(&options));
    assert!(matches!(compared, Err(CompareError::Exposed(found)) if found.from == Some(300)));
}

/// What the log signed before, shown again by a cache or by somebody in between, is no evidence against it.
#[test]
fn an_older_state_of_the_log_accuses_nobody_and_is_not_followed() {
    let data = data();
    let options = options(&data);
    let backup = earlier(&data, &options);
    let stranger = Cosigner::from_seed(CosignerAlgorithm::MlDsa44, public(&options).name(), &[3; 32]).unwrap();
    for pretended in [false, true] {
        if pretended {
            // Whoever is in between has no key of the log's; the time on another one says nothing.
            let (path, own) = (backup.join(CHECKPOINT_FILE), backup.join(COSIGNER_PUBLIC_KEY_FILE));
            let mut note = Note::parse(&fs::read(&path).unwrap()).unwrap();
            stranger.cosign(&mut note, 4_000_000_000).unwrap();
            fs::write(path, note.to_string()).unwrap();
            fs::write(own, format!("{}\n", stranger.key())).unwrap();
        }
        let found = mirror(&data, &options).step(&mut DirectorySource::new(&backup), 9);
        assert!(matches!(found, Err(MirrorError::Stale { stored: 700, found: 300 })), "{found:?}");
        assert!(!data.path().join("mirror").join(CONTRADICTION_FILE).exists());
        let mut copied = DirectorySource::new(&data.path().join("mirror"));
        let compared = compare(&mut copied, &mut DirectorySource::new(&backup), &public(&options));
        assert!(matches!(compared, Err(CompareError::Stale { stored: 700, found: 300 })));
    }
    fill(&options, 900).close_blocking().unwrap();
    assert_eq!(mirror(&data, &options).step(&mut source(&options), 10).unwrap().added, 200);
}

/// Ed25519 alone is what a quantum computer forges: the log's ML-DSA-44 cosignature has to be there, near and far.
#[test]
fn a_checkpoint_without_the_log_s_own_cosignature_is_not_believed() {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    mirror(&data, &options).step(&mut source(&options), 7).unwrap();
    fill(&options, 700).close_blocking().unwrap();
    let (path, own) = (options.directory.join(CHECKPOINT_FILE), own_cosigner(&options));
    let note = Note::parse(&fs::read(&path).unwrap()).unwrap();
    fs::write(&path, note.retaining(|one| one.id != own.key().id()).to_string()).unwrap();
    let check = |options: &LogOptions| {
        verify_public(&mut source(options), &public(options), &VerifyOptions::default(), &mut |_| {})
    };
    assert!(matches!(check(&options).unwrap_err().wrong, Wrong::Checkpoint(_)));
    assert!(matches!(mirror(&data, &options).step(&mut source(&options), 8), Err(MirrorError::Source(_))));
    // A source that hides the key from now on does not get around one that is known.
    fs::remove_file(options.directory.join(COSIGNER_PUBLIC_KEY_FILE)).unwrap();
    assert!(check(&options).is_ok(), "a log of an earlier version has none");
    assert!(matches!(mirror(&data, &options).step(&mut source(&options), 8), Err(MirrorError::Source(_))));
}

#[test]
fn a_witnessed_checkpoint_is_taken_over_and_an_older_one_does_not_replace_it() {
    let data = data();
    let options = options(&data);
    let witness = Cosigner::from_seed(CosignerAlgorithm::Ed25519, "w.example/w", &[5; 32]).unwrap();
    let cosigned = || {
        let mut note = Note::parse(&fs::read(options.directory.join(CHECKPOINT_FILE)).unwrap()).unwrap();
        witness.cosign(&mut note, 1_700_000_000).unwrap();
        note
    };
    let kept = || Note::parse(&fs::read(data.path().join("mirror").join(WITNESSED_FILE)).unwrap()).unwrap();
    fill(&options, 300).close_blocking().unwrap();
    let first = cosigned();
    fill(&options, 700).close_blocking().unwrap();
    let second = cosigned();
    let bare = Note::parse(&fs::read(options.directory.join(CHECKPOINT_FILE)).unwrap()).unwrap();
    for (served, expected) in [(&first, &first), (&second, &second), (&first, &second), (&bare, &second)] {
        store_witnessed(&options.directory, served).unwrap();
        mirror(&data, &options).step(&mut source(&options), 7).unwrap();
        assert_eq!(kept(), *expected);
    }
}

/// Of many kept checkpoints each one counts, and not only the newest.
#[test]
fn a_fork_in_the_middle_of_what_was_kept_is_found() {
    let data = data();
    let options = options(&data);
    let mut older = Vec::new();
    for size in [1, 255, 300, 700] {
        fill(&options, size).close_blocking().unwrap();
        older.push(verify(&options.directory, &VerifyOptions::default(), &mut |_| {}).unwrap().checkpoint);
    }
    let empty = Checkpoint { size: 0, root: holdshort_ledger::Hash::empty(), ..older[0].clone() };
    older.insert(1, empty);
    for forked in [None, Some(0), Some(1), Some(2), Some(3), Some(4)] {
        let mut older = older.clone();
        let size = forked.map(|at: usize| {
            older[at].root = holdshort_ledger::Hash::leaf(b"another story");
            older[at].size
        });
        let known = VerifyOptions { key: None, older };
        let near = verify(&options.directory, &known, &mut |_| {}).err().map(|damage| damage.wrong);
        let far = verify_public(&mut source(&options), &public(&options), &known, &mut |_| {});
        assert_eq!(near, size.map(Wrong::Rewritten));
        assert_eq!(far.err().map(|damage| damage.wrong), size.map(Wrong::Rewritten));
    }
}

#[test]
fn an_honest_log_passes_its_audit_at_every_size() {
    let data = data();
    let options = options(&data);
    let mut kept = Vec::new();
    for size in [1, 255, 256, 700, 3_000] {
        fill(&options, size).close_blocking().unwrap();
        kept.push(verify(&options.directory, &VerifyOptions::default(), &mut |_| {}).unwrap().checkpoint);
        for older in &kept {
            assert_eq!(audit(&mut source(&options), &public(&options), older).unwrap().size, size);
        }
    }
}

/// What a mirror is served is not what was signed: nothing of it is stored.
#[test]
fn a_log_that_serves_something_else_than_it_signed_is_not_stored() {
    let change = |path: &'static str, at: usize| {
        move |directory: &Path| {
            let mut bytes = fs::read(directory.join(path)).unwrap();
            bytes[at] ^= 1;
            fs::write(directory.join(path), bytes).unwrap();
        }
    };
    let remove = |path: &'static str| move |directory: &Path| fs::remove_file(directory.join(path)).unwrap();
    let truncate = |path: &'static str| move |directory: &Path| fs::write(directory.join(path), [0; 31]).unwrap();
    type Attack = Box<dyn Fn(&Path)>;
    let attacks: [Attack; 8] = [
        Box::new(change("tile/entries/001", 40)),
        Box::new(change("tile/entries/002.p/188", 1)),
        Box::new(change("tile/entries/000", 2)),
        Box::new(remove("tile/entries/001")),
        Box::new(truncate("tile/entries/001")),
        Box::new(truncate("checkpoint")),
        Box::new(remove("checkpoint")),
        Box::new(change("checkpoint", 20)),
    ];
    for (at, attack) in attacks.iter().enumerate() {
        let data = data();
        let options = options(&data);
        fill(&options, 700).close_blocking().unwrap();
        attack(&options.directory);
        let found = mirror(&data, &options).step(&mut source(&options), 9);
        assert!(matches!(found, Err(MirrorError::Source(_))), "attack {at}: {found:?}");
        assert!(!data.path().join("mirror/checkpoint").exists() && !data.path().join("mirror/tile").exists());
        let public = public(&options);
        assert!(verify_public(&mut source(&options), &public, &VerifyOptions::default(), &mut |_| {}).is_err(), "{at}");
    }
}

#[test]
fn changed_tiles_are_named_by_the_check_of_the_public_files() {
    for path in ["tile/0/000", "tile/0/001", "tile/1/000.p/2"] {
        let data = data();
        let options = options(&data);
        fill(&options, 700).close_blocking().unwrap();
        let mut bytes = fs::read(options.directory.join(path)).unwrap();
        bytes[33] ^= 1;
        fs::write(options.directory.join(path), bytes).unwrap();
        let public = public(&options);
        let damage = verify_public(&mut source(&options), &public, &VerifyOptions::default(), &mut |_| {}).unwrap_err();
        assert_eq!((damage.place.file.as_str(), damage.place.offset), (path, 32), "{damage}");
    }
}

#[test]
fn a_mirror_is_of_one_log_has_one_process_and_its_key_is_kept() {
    let data = data();
    let options = options(&data);
    fill(&options, 10).close_blocking().unwrap();
    let open = mirror(&data, &options);
    let (to, key) = (data.path().join("mirror"), data.path().join("mirror.key"));
    let again = || Mirror::open(&to, public(&options), &key, "mirror.example/m1");
    assert!(matches!(again(), Err(LogError::Locked { .. })));
    drop(open);
    let other = holdshort_ledger::SigningKey::from_seed("example.com/test", &[9; 32]).unwrap().verifier();
    assert!(matches!(Mirror::open(&to, other, &key, "mirror.example/m1"), Err(LogError::Key { .. })));
    assert!(matches!(Mirror::open(&to, public(&options), &key, "mirror.example/m2"), Err(LogError::Key { .. })));
    assert!(matches!(
        Mirror::open(&to, public(&options), &to.join("mirror.key"), "mirror.example/m1"),
        Err(LogError::Key { .. })
    ));
    again().unwrap().step(&mut source(&options), 1).unwrap();
    fs::remove_file(to.join("tile/0/000.p/10")).unwrap();
    assert!(matches!(again(), Err(LogError::Damaged(_))));
    fs::remove_file(&key).unwrap();
    assert!(matches!(again(), Err(LogError::Key { .. })));
}
