//! The check of one segment of records that lies somewhere else, against the public files of its log alone.

use super::audit::proof_damage;
use super::error::{Damage, Wrong};
use super::layout::{CHECKPOINT_FILE, archive_index, segment_index};
use super::segments::{Scan, Segment, Step};
use super::source::{Source, SourceTiles, fetch_checkpoint};
use holdshort_ledger::{Checkpoint, Entry, Hash, InclusionProof, Tile, TileReader, VerifierKey};
use std::path::Path;

/// A segment whose records are all in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSegment {
    /// Index of its first record.
    pub first: u64,
    /// Records in it.
    pub records: u64,
    /// The signed checkpoint that they lead to.
    pub checkpoint: Checkpoint,
}

/// Checks a segment, archived or not, that keeps the name that it had: each of its records is the one that the signed tree
/// commits to, at its place. Needs nothing of the log but what it hands out.
///
/// # Errors
/// The first [`Damage`], with the record where one is concerned.
pub fn verify_segment(file: &Path, source: &mut dyn Source, key: &VerifierKey) -> Result<VerifiedSegment, Damage> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (first, archived) = match (segment_index(name), archive_index(name)) {
        (Some(first), _) => (first, false),
        (None, Some(first)) => (first, true),
        (None, None) => {
            let wrong = "is not named as a segment: 20 digits and `.seg` or `.seg.zst`".to_owned();
            return Err(Damage::new(name, 0, None, Wrong::Format(wrong)));
        }
    };
    let (_, checkpoint) = fetch_checkpoint(source, key)?;
    let mut tiles = SourceTiles(source);
    let segment = Segment { first_index: first, name: name.to_owned(), path: file.to_owned(), archived };
    let mut scan = Scan::open(&segment)?;
    let (mut next, mut entries) = (first, Vec::new());
    loop {
        let offset = scan.offset();
        let damage = |wrong| Err(Damage::new(name, offset, Some(next), wrong));
        let header = match scan.step()? {
            Step::Frame(header) => header,
            Step::Broken(error) => return damage(Wrong::Format(error.to_string())),
            Step::End if scan.tail(next)?.used_until > offset => return damage(Wrong::Foreign),
            Step::End => break,
        };
        if header.index != next {
            return damage(Wrong::Order { expected: next, found: header.index });
        }
        if next >= checkpoint.size {
            return damage(Wrong::Uncovered(checkpoint.size));
        }
        if entries.is_empty() || next.is_multiple_of(256) {
            entries = proved_entries(&mut tiles, next, &checkpoint)?;
        }
        let place = usize::try_from(next & 0xff).unwrap_or(usize::MAX);
        let entry = Entry::commit(&header.salt, scan.payload());
        if entries.get(place).is_none_or(|expected| expected.as_slice() != entry.as_bytes()) {
            return damage(Wrong::Payload);
        }
        next = next.saturating_add(1);
    }
    Ok(VerifiedSegment { first, records: next.saturating_sub(first), checkpoint })
}

/// The entries of the bundle that holds `index`, which lead to the signed root.
fn proved_entries(tiles: &mut SourceTiles<'_>, index: u64, checkpoint: &Checkpoint) -> Result<Vec<Vec<u8>>, Damage> {
    let size = checkpoint.size;
    let tile = Tile::of_tree(0, index >> 8, size)
        .ok_or_else(|| Damage::new(CHECKPOINT_FILE, 0, Some(index), Wrong::Uncovered(size)))?;
    let (entries, hashes) = (tiles.entries(tile)?, tiles.read(tile)?);
    let first = tile.index() << 8;
    let leaves: Vec<Hash> = entries.iter().map(|entry| Hash::leaf(entry)).collect();
    if let Some((_, at)) = leaves.iter().zip(&hashes).zip(first..).find(|((leaf, hash), _)| leaf != hash) {
        let item = usize::try_from(at.saturating_sub(first)).unwrap_or_default();
        return Err(Damage::new(tile.entries_path(), 0, Some(at), Wrong::Tile(item)));
    }
    // The path of one leaf is made of all the other hashes of its tile: when it leads to the root, all of them do.
    let leaf = leaves.first().ok_or_else(|| Damage::new(tile.entries_path(), 0, Some(index), Wrong::Missing))?;
    let mut tiles = Held { tiles, tile, hashes };
    let proof = InclusionProof::make(first, size, &mut tiles).map_err(|error| proof_damage(error, size))?;
    proof
        .verify(leaf, &checkpoint.root)
        .map_err(|error| Damage::new(tile.path(), 0, Some(index), Wrong::Format(error.to_string())))?;
    Ok(entries)
}

/// Tiles of a source, one of which was read: asked for it again, somebody who lies may give another.
struct Held<'a, 'b> {
    tiles: &'a mut SourceTiles<'b>,
    tile: Tile,
    hashes: Vec<Hash>,
}

impl TileReader for Held<'_, '_> {
    type Error = Damage;

    fn read(&mut self, tile: Tile) -> Result<Vec<Hash>, Damage> {
        if tile == self.tile { Ok(self.hashes.clone()) } else { self.tiles.read(tile) }
    }
}
