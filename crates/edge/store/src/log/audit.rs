//! Checks of a log by its public files alone, near or far: what was signed, and that it continues what was signed before.
//!
//! [`audit`] costs a few tiles, whatever the size. [`verify_public`] reads every entry. Neither needs the records, which
//! are not handed out.

use super::cosigned::{check_cosignature_of, fetch_cosigner, signed_later};
use super::error::{Damage, Wrong};
use super::layout::CHECKPOINT_FILE;
use super::mirror::Exposed;
use super::source::{Source, SourceTiles, fetch_checkpoint};
use super::verify::{Older, Progress, VerifyOptions, check_older};
use holdshort_ledger::{
    Checkpoint, ConsistencyProof, DifferenceError, Edge, HASH_BYTES, Hash, ProofError, Tile, TileReader, VerifierKey,
    first_difference, tree_root,
};
use thiserror::Error;

/// Checks that the log has a checkpoint signed by `key`, and that its tree begins with that of `older`.
///
/// # Errors
/// The first [`Damage`]: [`Wrong::RolledBack`] for a shorter log, [`Wrong::Rewritten`] for one with other first records.
pub fn audit(source: &mut dyn Source, key: &VerifierKey, older: &Checkpoint) -> Result<Checkpoint, Damage> {
    let (_, checkpoint) = fetch_checkpoint(source, key)?;
    check_older(older, &checkpoint)?;
    continues(older, &checkpoint, &mut SourceTiles(source))?;
    Ok(checkpoint)
}

/// Checks every entry and every tile of a log's public files, and that it continues the older checkpoints, if there are any.
///
/// # Errors
/// The first [`Damage`], with its place.
pub fn verify_public(
    source: &mut dyn Source,
    key: &VerifierKey,
    options: &VerifyOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Checkpoint, Damage> {
    let (note, checkpoint) = fetch_checkpoint(source, key)?;
    check_cosignature_of(source, &note)?;
    let mut older = Older::new(&options.older, &checkpoint)?;
    let mut tiles = SourceTiles(source);
    // Before everything is fetched: the newest one says most.
    if let Some(newest) = options.older.iter().max_by_key(|older| older.size) {
        continues(newest, &checkpoint, &mut tiles)?;
    }
    let (mut edge, size) = (Edge::default(), checkpoint.size);
    while let Some(tile) = Tile::of_tree(0, edge.size() >> 8, size).filter(|_| edge.size() < size) {
        let leaves: Vec<Hash> = tiles.entries(tile)?.iter().map(|entry| Hash::leaf(entry)).collect();
        same_tile(&mut tiles, tile, &leaves)?;
        let mut completed = Vec::new();
        for leaf in &leaves {
            edge.push(*leaf, &mut |tile, hashes| completed.push((tile, hashes.to_vec())));
            older.compare(&edge)?;
        }
        let higher = completed.iter().filter(|(tile, _)| tile.level() > 0);
        higher.into_iter().try_for_each(|(tile, hashes)| same_tile(&mut tiles, *tile, hashes))?;
        progress(Progress { done: edge.size(), total: size });
    }
    let partial: Vec<(Tile, Vec<Hash>)> = edge.partial_tiles().map(|(tile, hashes)| (tile, hashes.to_vec())).collect();
    let higher = partial.iter().filter(|(tile, _)| tile.level() > 0);
    higher.into_iter().try_for_each(|(tile, hashes)| same_tile(&mut tiles, *tile, hashes))?;
    if edge.root() == checkpoint.root {
        return Ok(checkpoint);
    }
    let wrong = Wrong::Root { expected: checkpoint.root.to_string(), found: edge.root().to_string() };
    Err(Damage::new(CHECKPOINT_FILE, 0, None, wrong))
}

/// Why a log and a copy of it do not go together.
#[derive(Debug, Error)]
pub enum CompareError {
    /// The log is another one than was copied.
    #[error("{0}")]
    Exposed(Box<Exposed>),
    /// The log is the beginning of the copy, and did not sign that later than the copy.
    #[error(
        "the log is served as it was with {found} records, and the copy has {stored}: an older state of it, or it was rolled back"
    )]
    Stale {
        /// Records of the copy.
        stored: u64,
        /// Records that are served.
        found: u64,
    },
    /// The copy is damaged, or no copy of this log.
    #[error("the copy: {0}")]
    Copy(Damage),
    /// The log does not serve what it signed.
    #[error("the log: {0}")]
    Log(Damage),
}

/// Compares a log with a copy of it: says which record is the first that differs. Gives the size of the copy.
///
/// # Errors
/// [`CompareError`].
pub fn compare(copy: &mut dyn Source, log: &mut dyn Source, key: &VerifierKey) -> Result<u64, CompareError> {
    let (first, stored) = fetch_checkpoint(copy, key).map_err(CompareError::Copy)?;
    let (second, found) = fetch_checkpoint(log, key).map_err(CompareError::Log)?;
    // The copy's: what the log serves now is what is in doubt.
    let cosigner = fetch_cosigner(copy).map_err(CompareError::Copy)?;
    let (mut ours, mut theirs) = (SourceTiles(copy), SourceTiles(log));
    // What the copy's tiles say counts as far as the log signed it.
    let root = tree_root(stored.size, stored.size, &mut ours);
    if root.map_err(|error| CompareError::Copy(proof_damage(error, stored.size)))? != stored.root {
        let wrong = Wrong::Format("the tiles do not lead to the signed root".into());
        return Err(CompareError::Copy(Damage::new(CHECKPOINT_FILE, 0, None, wrong)));
    }
    let difference = first_difference((stored.size, &mut ours), (found.size, &found.root, &mut theirs));
    let from = match difference {
        Ok(None) if found.size >= stored.size => return Ok(stored.size),
        Ok(None) if !signed_later(cosigner.as_ref(), &first, &second) => {
            return Err(CompareError::Stale { stored: stored.size, found: found.size });
        }
        Ok(None) => Some(found.size),
        Ok(Some(index)) => Some(index),
        Err(DifferenceError::Ours(error)) => return Err(CompareError::Copy(proof_damage(error, stored.size))),
        Err(DifferenceError::Theirs(_) | DifferenceError::Unproved(_)) => None,
    };
    Err(CompareError::Exposed(Box::new(Exposed { stored, found, from })))
}

/// Checks that the newer tree begins with the older one.
pub(crate) fn continues(older: &Checkpoint, newer: &Checkpoint, tiles: &mut SourceTiles<'_>) -> Result<(), Damage> {
    let rewritten = || Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Rewritten(older.size));
    if older.size == newer.size {
        return if older.root == newer.root { Ok(()) } else { Err(rewritten()) };
    }
    let wrong = |error| proof_damage(error, newer.size);
    let proof = ConsistencyProof::make(older.size, newer.size, tiles).map_err(wrong)?;
    let found = tree_root(older.size, newer.size, tiles).map_err(wrong)?;
    // INVARIANT: a log is accused by what it signed. Whoever serves other tiles than the signed ones accuses nobody.
    proof.verify(&found, &newer.root).map_err(|_| {
        let wrong = "tiles do not lead to the root that is signed: they are not those of the log";
        Damage::new("tile", 0, None, Wrong::Format(wrong.to_owned()))
    })?;
    if found == older.root { Ok(()) } else { Err(rewritten()) }
}

pub(crate) fn proof_damage(error: ProofError<Damage>, size: u64) -> Damage {
    match error {
        ProofError::Read(_, damage) => damage,
        ProofError::Width(tile) => Damage::new(tile.path(), 0, None, Wrong::Format(error.to_string())),
        _ => Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Truncated(size)),
    }
}

fn same_tile(tiles: &mut SourceTiles<'_>, tile: Tile, expected: &[Hash]) -> Result<(), Damage> {
    let found = tiles.read(tile)?;
    let Some(at) = found.iter().zip(expected).position(|(found, expected)| found != expected) else { return Ok(()) };
    let offset = u64::try_from(at.saturating_mul(HASH_BYTES)).unwrap_or(u64::MAX);
    let index = u64::try_from(at).ok().filter(|_| tile.level() == 0);
    let index = index.map(|at| (tile.index() << 8).saturating_add(at));
    Err(Damage::new(tile.path(), offset, index, Wrong::Tile(at)))
}
