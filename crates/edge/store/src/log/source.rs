//! Where the public files of a log are read from: a directory, or whatever else serves them by their paths.

use super::error::{Damage, Wrong};
use super::layout::CHECKPOINT_FILE;
use super::tiles::read_bounded;
use holdshort_ledger::{
    BUNDLE_BYTES_MAX, Checkpoint, HASH_BYTES, Hash, NOTE_BYTES_MAX, TILE_WIDTH, Tile, TileFile, TileReader,
    VerifierKey, decode_bundle,
};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Serves the public files of a log (C2SP tlog-tiles). It is not trusted: what it gives is checked against signatures.
pub trait Source: fmt::Debug {
    /// The bytes of a file, named by its path below the log's root.
    ///
    /// # Errors
    /// [`SourceError`]. More than `bytes_max` bytes are an error, and are not read.
    fn fetch(&mut self, path: &str, bytes_max: usize) -> Result<Vec<u8>, SourceError>;
}

/// Why a file could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SourceError {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It cannot be read, or is too long.
    #[error("{0}")]
    Failed(String),
    /// Whoever serves it cannot be reached.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
}

/// The files in a directory.
#[derive(Clone, Debug)]
pub struct DirectorySource {
    directory: PathBuf,
}

impl DirectorySource {
    /// The log in `directory`.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }
}

impl Source for DirectorySource {
    fn fetch(&mut self, path: &str, bytes_max: usize) -> Result<Vec<u8>, SourceError> {
        let bytes_max = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        read_bounded(&self.directory.join(path), bytes_max).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SourceError::Missing,
            _ => SourceError::Failed(error.to_string()),
        })
    }
}

/// The tiles of a source, for proofs.
#[derive(Debug)]
pub(crate) struct SourceTiles<'a>(pub(crate) &'a mut dyn Source);

impl SourceTiles<'_> {
    /// The entries of a bundle, as they are.
    pub(crate) fn entries(&mut self, tile: Tile) -> Result<Vec<Vec<u8>>, Damage> {
        let bundle = |bytes: &[u8], width: usize| {
            decode_bundle(bytes, width)
                .map(|entries| entries.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
                .map_err(|error| Damage::new(tile.entries_path(), 0, None, Wrong::Format(error.to_string())))
        };
        match self.0.fetch(&tile.entries_path(), BUNDLE_BYTES_MAX) {
            Ok(bytes) => bundle(&bytes, tile.width()),
            // A partial bundle may be gone once the full one is there.
            Err(SourceError::Missing) if !tile.is_full() => {
                let bytes = self.0.fetch(&tile.full().entries_path(), BUNDLE_BYTES_MAX);
                let bytes = bytes.map_err(|error| damage(tile.entries_path(), error))?;
                let mut entries = bundle(&bytes, TILE_WIDTH)?;
                entries.truncate(tile.width());
                Ok(entries)
            }
            Err(error) => Err(damage(tile.entries_path(), error)),
        }
    }
}

impl TileReader for SourceTiles<'_> {
    type Error = Damage;

    fn read(&mut self, tile: Tile) -> Result<Vec<Hash>, Damage> {
        let bytes_max = TILE_WIDTH * HASH_BYTES;
        let bytes = match self.0.fetch(&tile.path(), bytes_max) {
            Err(SourceError::Missing) if !tile.is_full() => {
                self.0.fetch(&tile.full().path(), bytes_max).map(|mut all| {
                    all.truncate(tile.width().saturating_mul(HASH_BYTES));
                    all
                })
            }
            other => other,
        };
        let bytes = bytes.map_err(|error| damage(TileFile::Hashes(tile).path(), error))?;
        tile.decode(&bytes).map_err(|error| Damage::new(tile.path(), 0, None, Wrong::Format(error.to_string())))
    }
}

/// The log's checkpoint as a source has it, signed by this key: the note, and what it says.
///
/// # Errors
/// [`Damage`] when it is not there, or not signed by the key.
pub fn fetch_checkpoint(source: &mut dyn Source, key: &VerifierKey) -> Result<(String, Checkpoint), Damage> {
    let wrong = |wrong: String| Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Checkpoint(wrong));
    let bytes = source.fetch(CHECKPOINT_FILE, NOTE_BYTES_MAX).map_err(|error| damage(CHECKPOINT_FILE, error))?;
    let checkpoint = Checkpoint::open(&bytes, key).map_err(|error| wrong(error.to_string()))?;
    let note = String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
    Ok((note, checkpoint))
}

pub(crate) fn damage(file: impl Into<String>, error: SourceError) -> Damage {
    let wrong = match error {
        SourceError::Missing => Wrong::Missing,
        SourceError::Failed(why) => Wrong::Unreadable(why),
        SourceError::Unreachable(why) => Wrong::Unreachable(why),
    };
    Damage::new(file, 0, None, wrong)
}
