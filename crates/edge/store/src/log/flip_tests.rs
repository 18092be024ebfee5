//! One bit of a closed log is another one: `verify` names the file, or the bit is one that means nothing.
//!
//! `HOLDSHORT_FLIPS` says how many bits of each kind of file are tried, `HOLDSHORT_SEED` which ones.

use super::dice::Dice;
use super::fault::memory;
use super::layout::RECEIPT_PUBLIC_KEY_FILE;
use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const FLIPS_DEFAULT: u64 = 60;
const RECORDS: u64 = 600;
const LETTER_CASE: u8 = 0x20;
/// Name and id of a key.
const KEY_NAME_BYTES: usize = 26;

/// All files below a folder with their names relative to it.
fn files(folder: &Path, name: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{name}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{name}/"), found);
        } else {
            found.push(name);
        }
    }
}

/// Kinds of files, told by their names.
fn kind(name: &str) -> &'static str {
    match name {
        name if name.starts_with("records/") => "records",
        name if name.starts_with("tile/entries/") => "entries",
        name if name.starts_with("tile/") => "hashes",
        "checkpoint" => "checkpoint",
        "log.pub" => "key",
        "log.mldsa.pub" => "cosigner's key",
        RECEIPT_PUBLIC_KEY_FILE => "receipts' key",
        _ => "other",
    }
}

/// What became of the flips in one kind of file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    named: u64,
    /// Found, and another file is named: which of two is wrong cannot be told from their contents.
    elsewhere: u64,
    /// In the end of a segment that no record has reached: reported as bytes of an unfinished group.
    unfinished: u64,
    /// Not by `verify`, and by the service when it opens the log: nothing in the directory vouches for the file.
    at_opening: u64,
    unseen: Vec<String>,
}

#[test]
fn every_flipped_bit_is_found_where_it_is() {
    let data = memory();
    let (directory, key) = (data.path().join("log"), data.path().join("log.key"));
    let options = LogOptions {
        segment_bytes_first: 0,
        segment_bytes_max: 0,
        checkpoint_interval: Duration::ZERO,
        ..LogOptions::new(&directory, key, "example.com/flips")
    };
    let (log, _) = Log::open(options.clone()).unwrap();
    for at in 0..RECORDS {
        let length = if at % 300 == 0 { 700_000 } else { 40 + at % 61 };
        log.enqueue(vec![u8::try_from(at % 251).unwrap(); usize::try_from(length).unwrap()]).unwrap();
    }
    log.close_blocking().unwrap();
    let clean = verify(&directory, &VerifyOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((clean.checkpoint.size, clean.torn_bytes), (RECORDS, 0));

    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse::<u64>().unwrap());
    let (flips, mut dice) = (number("HOLDSHORT_FLIPS", FLIPS_DEFAULT), Dice::new(number("HOLDSHORT_SEED", 0)));
    let mut names = Vec::new();
    files(&directory, "", &mut names);
    // Who has the lock is not part of what is proved, and what is not finished means nothing.
    names.retain(|name| name != "lock" && !name.ends_with(".tmp"));
    let mut kinds: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    names.iter().for_each(|name| kinds.entry(kind(name)).or_default().push(name));
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for (kind, names) in kinds {
        for _ in 0..flips {
            let name = names[usize::try_from(dice.below(names.len() as u64)).unwrap()];
            flip(&options, name, &mut dice, counts.entry(kind).or_default());
        }
    }
    // A key whose letters change their case still reads as the same key: chance finds that seldom.
    for name in ["log.pub", "log.mldsa.pub"] {
        for at in 0..KEY_NAME_BYTES {
            flip_bit(&options, name, at, LETTER_CASE, counts.entry(kind(name)).or_default());
        }
    }
    println!("{flips} flips each: {counts:?}");
    for (kind, count) in &counts {
        assert!(count.unseen.is_empty(), "{kind}: not found: {:?}", count.unseen);
        assert!(count.unfinished == 0 || *kind == "records", "{kind}: {count:?}");
        assert!(count.elsewhere == 0, "{kind}: {count:?}");
        assert!(count.at_opening == 0 || *kind == "receipts' key", "{kind}: {count:?}");
    }
}

/// Flips a bit by chance, checks the log, and puts the bit back.
fn flip(options: &LogOptions, name: &str, dice: &mut Dice, count: &mut Count) {
    let length = fs::metadata(options.directory.join(name)).unwrap().len();
    let at = usize::try_from(dice.below(length)).unwrap();
    flip_bit(options, name, at, 1 << dice.below(8), count);
}

fn flip_bit(options: &LogOptions, name: &str, at: usize, bit: u8, count: &mut Count) {
    let directory = options.directory.as_path();
    let path = directory.join(name);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] ^= bit;
    fs::write(&path, &bytes).unwrap();
    match verify(directory, &VerifyOptions::default(), &mut |_| {}) {
        Err(damage) if damage.place.file == name => count.named += 1,
        Err(_) => count.elsewhere += 1,
        Ok(verified) if verified.torn_bytes > 0 => count.unfinished += 1,
        Ok(_) if name == RECEIPT_PUBLIC_KEY_FILE && Log::open(options.clone()).is_err() => count.at_opening += 1,
        Ok(_) => count.unseen.push(format!("{name} byte {at} bit {bit}")),
    }
    bytes[at] ^= bit;
    fs::write(&path, &bytes).unwrap();
}
