//! The proof of one record, as a file for somebody who has nothing else of the log.

use super::dropped::Dropped;
use super::error::{Damage, LogError, Wrong};
use super::keys::read_public;
use super::layout::{CHECKPOINT_FILE, DROPPED_FILE, PUBLIC_KEY_FILE};
use super::read::StoredRecord;
use super::recover::read_checkpoint;
use super::segments::{Listing, Scan, Step};
use super::source::DirectorySource;
use super::tiles::DirectoryTiles;
use super::witnessed::{WITNESSED_FILE, fetch_witnessed};
use holdshort_ledger::{Checkpoint, Disclosure, Entry, InclusionProof, Note, ProofError, Tile, TlogProof, VerifierKey};
use std::path::Path;

/// Proves that a record is in the log as its last checkpoint has it. With `disclose` the file holds the record; without it,
/// it shows only that a record with this commitment stands there.
///
/// What is handed out was verified here first. Costs a few tiles and one segment's part, whatever the log's size.
///
/// # Errors
/// [`LogError::Damaged`] when the checkpoint does not cover the record, or the tiles or the record are not what was signed;
/// [`LogError::Key`] for `log.pub`.
pub fn prove(directory: &Path, index: u64, disclose: bool) -> Result<TlogProof, LogError> {
    let key = read_public(&directory.join(PUBLIC_KEY_FILE))?;
    let (note, checkpoint) = read_checkpoint(directory, &key)?;
    let note = Note::parse(note.as_bytes())
        .map_err(|error| Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Checkpoint(error.to_string())))?;
    prove_in(directory, (index, disclose), &key, (note, &checkpoint))
}

/// As [`prove`], in the newest checkpoint that witnesses have cosigned, for whoever does not believe the log alone.
///
/// # Errors
/// As [`prove`]; [`LogError::Damaged`] with [`Wrong::Missing`] when no checkpoint was witnessed yet.
pub fn prove_witnessed(directory: &Path, index: u64, disclose: bool) -> Result<TlogProof, LogError> {
    let key = read_public(&directory.join(PUBLIC_KEY_FILE))?;
    let found = fetch_witnessed(&mut DirectorySource::new(directory), &key)?;
    let (note, checkpoint) = found.ok_or_else(|| Damage::new(WITNESSED_FILE, 0, Some(index), Wrong::Missing))?;
    prove_in(directory, (index, disclose), &key, (note, &checkpoint))
}

fn prove_in(
    directory: &Path,
    (index, disclose): (u64, bool),
    key: &VerifierKey,
    (note, checkpoint): (Note, &Checkpoint),
) -> Result<TlogProof, LogError> {
    let size = checkpoint.size;
    let mut tiles = DirectoryTiles::new(directory);
    let uncovered = || Damage::new(CHECKPOINT_FILE, 0, Some(index), Wrong::Uncovered(size));
    let bundle = Tile::of_tree(0, index >> 8, size).ok_or_else(uncovered)?;
    let entries = tiles.entries(bundle)?;
    let place = usize::try_from(index & 0xff).unwrap_or(usize::MAX);
    let entry = *entries.get(place).ok_or_else(uncovered)?;
    let proof = InclusionProof::make(index, size, &mut tiles).map_err(|error| match error {
        ProofError::Read(_, damage) => damage,
        other => Damage::new(bundle.path(), 0, Some(index), Wrong::Format(other.to_string())),
    })?;
    let disclosure = if disclose {
        let record = read_record(directory, index, &entry)?;
        Disclosure::Record { salt: record.salt, payload: record.payload }
    } else {
        Disclosure::Entry(entry)
    };
    let proof = TlogProof { extra: Some(disclosure.encode()), index, hashes: proof.hashes, checkpoint: note };
    proof
        .verify(&disclosure.entry().leaf(), key)
        .map_err(|error| Damage::new(bundle.entries_path(), 0, Some(index), Wrong::Format(error.to_string())))?;
    Ok(proof)
}

/// The record that an entry of the tree commits to.
fn read_record(directory: &Path, index: u64, entry: &Entry) -> Result<StoredRecord, LogError> {
    let mut scan = match Listing::new(directory).open(index)? {
        Err(damage) if damage.wrong == Wrong::Missing => {
            let dropped = Dropped::read_of(directory)?.filter(|dropped| index < dropped.first);
            let gone = |dropped: Dropped| Damage::new(DROPPED_FILE, 0, Some(index), Wrong::Dropped(dropped.first));
            return Err(dropped.map_or(damage, gone).into());
        }
        opened => opened?,
    };
    // What was found by halves may be a frame inside of a payload: the commitment tells.
    if scan.seek_record(index)?
        && let Ok(record) = read_here(&mut scan, index, entry)
    {
        return Ok(record);
    }
    scan.walk_to_record(index)?;
    Ok(read_here(&mut scan, index, entry)?)
}

fn read_here(scan: &mut Scan, index: u64, entry: &Entry) -> Result<StoredRecord, Damage> {
    let offset = scan.offset();
    let wrong = match scan.step()? {
        Step::Frame(header) if header.index != index => Wrong::Order { expected: index, found: header.index },
        Step::Frame(header) if Entry::commit(&header.salt, scan.payload()) != *entry => Wrong::Payload,
        Step::Frame(header) => {
            return Ok(StoredRecord { index, salt: header.salt, payload: scan.payload().to_vec() });
        }
        Step::End => Wrong::Truncated(index.saturating_add(1)),
        Step::Broken(error) => Wrong::Format(error.to_string()),
    };
    Err(Damage::new(scan.segment().name.as_str(), offset, Some(index), wrong))
}
