//! Directories of other versions of the program: an older one is taken over, a newer one is refused with the reason, and
//! neither is changed behind anybody's back.

use super::layout::{COSIGNER_PUBLIC_KEY_FILE, RECEIPT_PUBLIC_KEY_FILE};
use super::tests::{check, data, fill, options, payload};
use super::*;
use holdshort_ledger::{Checkpoint, Cosigner, ENTRY_BYTES, Edge, Hash, SALT_BYTES, SigningKey, Tile, encode_frame};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const SEGMENT: &str = "records/00000000000000000000.seg";
const WHO: &str = "use the version of holdshort that wrote it";

/// Every file below a directory but the lock, with its bytes.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(contents(&entry.path()));
        } else if entry.file_name() != "lock" {
            found.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// Opening says that another version wrote it, and leaves every byte as it was.
fn assert_not_opened(options: &LogOptions) {
    let before = contents(&options.directory);
    let error = Log::open(options.clone()).unwrap_err().to_string();
    assert!(error.contains(WHO), "{error}");
    assert!(contents(&options.directory) == before, "a log of another version was changed: {error}");
}

fn assert_not_verified(options: &LogOptions) {
    let error = check(options).unwrap_err().to_string();
    assert!(error.contains(WHO), "{error}");
}

fn patch(file: &Path, at: usize, bytes: &[u8]) {
    let mut whole = fs::read(file).unwrap();
    whole[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(file, whole).unwrap();
}

#[test]
fn a_segment_of_a_newer_format_is_named() {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    patch(&options.directory.join(SEGMENT), 15, b"2");
    assert_not_opened(&options);
    assert_not_verified(&options);
    let error = Reader::open(&options.directory).unwrap().forwards(0).next().unwrap().unwrap_err().to_string();
    assert!(error.contains("written in format 2") && error.contains(WHO), "{error}");
}

/// Records of a newer version behind the checkpoint are no torn tail: they may have been acknowledged.
#[test]
fn records_of_a_newer_format_are_not_cut_away() {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    let path = options.directory.join(SEGMENT);
    let end = fs::read(&path).unwrap().iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut frame = Vec::new();
    encode_frame(&mut frame, 300, 0, &[7; SALT_BYTES], &payload(300)).unwrap();
    frame[3] = 2;
    patch(&path, end, &frame);
    assert_not_opened(&options);
    assert_not_verified(&options);
}

#[test]
fn a_frame_that_broke_off_in_its_first_bytes_is_still_a_torn_tail() {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    let path = options.directory.join(SEGMENT);
    let end = fs::read(&path).unwrap().iter().rposition(|byte| *byte != 0).unwrap() + 1;
    patch(&path, end, b"hsR");
    let (log, report) = Log::open(options.clone()).unwrap();
    log.close_blocking().unwrap();
    assert_eq!((report.size, report.torn_bytes), (300, 3));
}

/// A sound log whose entries have version 2: bundles, tiles and a signed checkpoint.
fn of_newer_entries(options: &LogOptions, size: u64) {
    fill(options, size).close_blocking().unwrap();
    let key = SigningKey::parse(fs::read_to_string(&options.key_file).unwrap().trim()).unwrap();
    fs::remove_dir_all(options.directory.join("tile")).unwrap();
    let write = |name: String, bytes: &[u8]| {
        let path = options.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let mut edge = Edge::default();
    let mut bundle = Vec::new();
    for index in 0..size {
        let mut entry = [2; ENTRY_BYTES];
        entry[1..9].copy_from_slice(&index.to_be_bytes());
        edge.push(Hash::leaf(&entry), &mut |tile, hashes| write(tile.path(), &Tile::encode(hashes)));
        bundle.push(entry);
        if bundle.len() == 256 || index + 1 == size {
            let tile = Tile::of_tree(0, index >> 8, size).unwrap();
            write(tile.entries_path(), &holdshort_ledger::encode_bundle(&std::mem::take(&mut bundle)));
        }
    }
    edge.partial_tiles().for_each(|(tile, hashes)| write(tile.path(), &Tile::encode(hashes)));
    let checkpoint = Checkpoint { origin: "example.com/test".into(), size, root: edge.root() };
    let cosigner = fs::read_to_string(options.key_file.with_extension("mldsa.key")).unwrap();
    let mut note = checkpoint.sign(&key).unwrap();
    Cosigner::parse(cosigner.trim()).unwrap().cosign(&mut note, 1).unwrap();
    fs::write(options.directory.join(CHECKPOINT_FILE), note.to_string()).unwrap();
}

#[test]
fn entries_of_a_newer_version_are_named_and_their_tiles_are_not_made_again() {
    for size in [300, 512] {
        let data = data();
        let options = options(&data);
        of_newer_entries(&options, size);
        assert_not_opened(&options);
        assert_not_verified(&options);
        let error = prove(&options.directory, 1, false).unwrap_err().to_string();
        assert!(error.contains("entry has version 2"), "{error}");
        // Whoever only looks at the tree needs not know what an entry says.
        let key = keys::read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap();
        let mut source = DirectorySource::new(&options.directory);
        let found = verify_public(&mut source, &key, &VerifyOptions::default(), &mut |_| {}).unwrap();
        assert_eq!(found.size, size);
    }
}

/// A line that is not known may say that something of the log is different now. It is read by the rules of the format, and not
/// written over.
#[test]
fn a_checkpoint_with_an_unknown_line_is_read_and_not_gone_on_with() {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    let key = SigningKey::parse(fs::read_to_string(&options.key_file).unwrap().trim()).unwrap();
    let path = options.directory.join(CHECKPOINT_FILE);
    let note = holdshort_ledger::Note::parse(&fs::read(&path).unwrap()).unwrap();
    fs::write(&path, key.sign(&format!("{}newer thing\n", note.text())).unwrap().to_string()).unwrap();
    assert_not_opened(&options);
    assert_eq!(Reader::open(&options.directory).unwrap().size(), 300);
}

/// The first versions had one key, and payloads as they are.
#[test]
fn a_log_of_the_first_version_gets_its_other_keys_and_goes_on() {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    let key = SigningKey::parse(fs::read_to_string(&options.key_file).unwrap().trim()).unwrap();
    let signed = check(&options).unwrap().checkpoint;
    fs::write(options.directory.join(CHECKPOINT_FILE), signed.sign(&key).unwrap().to_string()).unwrap();
    for name in [COSIGNER_PUBLIC_KEY_FILE, RECEIPT_PUBLIC_KEY_FILE] {
        fs::remove_file(options.directory.join(name)).unwrap();
        fs::remove_file(data.path().join(name.replace(".pub", ".key"))).unwrap();
    }
    fill(&options, 301).close_blocking().unwrap();
    for name in [COSIGNER_PUBLIC_KEY_FILE, RECEIPT_PUBLIC_KEY_FILE] {
        assert!(options.directory.join(name).exists(), "{name}");
    }
    assert_eq!(check(&options).unwrap().checkpoint.size, 301);
    let first = Reader::open(&options.directory).unwrap().forwards(0).next().unwrap().unwrap();
    assert_eq!(first.payload, payload(0));
}

/// Whatever a directory holds instead of a file, nobody waits for it for ever.
#[test]
fn a_pipe_in_place_of_a_file_is_refused_at_once() {
    for name in ["checkpoint", "log.pub", "tile/0/000", "tile/entries/000", SEGMENT] {
        let data = data();
        let options = options(&data);
        fill(&options, 300).close_blocking().unwrap();
        let path = options.directory.join(name);
        fs::remove_file(&path).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let damage = check(&options).unwrap_err();
        assert_eq!(damage.place.file, name, "{damage}");
        assert!(damage.to_string().contains("not a plain file"), "{damage}");
    }
}
