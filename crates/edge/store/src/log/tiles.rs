//! Reading tiles and bundles from the log directory.

use super::error::{Damage, Wrong};
use holdshort_ledger::{ENTRY_BYTES, Entry, EntryError, Hash, Tile, TileFile, TileReader, decode_bundle};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Longest tile or bundle of ours, in bytes.
const FILE_BYTES_MAX: u64 = 256 * (2 + ENTRY_BYTES as u64);

/// The tiles of a log directory, for [`holdshort_ledger::InclusionProof::make`] and its like.
///
/// Their contents are not checked here: a proof made from changed tiles does not verify.
#[derive(Clone, Debug)]
pub struct DirectoryTiles {
    directory: PathBuf,
}

impl DirectoryTiles {
    /// The tiles of the log in `directory`.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Where they lie.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The bytes of a tile or bundle. A partial one that was replaced is cut out of the full one.
    ///
    /// # Errors
    /// [`Damage`] when the file is missing, cannot be read, or is too short.
    pub fn bytes(&self, file: TileFile) -> Result<Vec<u8>, Damage> {
        let (tile, item_bytes, full) = match file {
            TileFile::Hashes(tile) => (tile, 32, TileFile::Hashes(tile.full())),
            TileFile::Entries(tile) => (tile, ENTRY_BYTES.saturating_add(2), TileFile::Entries(tile.full())),
        };
        match self.file(&file.path()) {
            Err(damage) if damage.wrong == Wrong::Missing && !tile.is_full() => {
                let mut bytes = self.file(&full.path()).map_err(|_| damage)?;
                bytes.truncate(tile.width().saturating_mul(item_bytes));
                Ok(bytes)
            }
            other => other,
        }
    }

    /// The entries of a bundle.
    ///
    /// # Errors
    /// As [`DirectoryTiles::bytes`], and when an entry is not in our format.
    pub fn entries(&self, tile: Tile) -> Result<Vec<Entry>, Damage> {
        let format = |wrong: String| Damage::new(tile.entries_path(), 0, None, Wrong::Format(wrong));
        let bytes = self.bytes(TileFile::Entries(tile))?;
        let entries = decode_bundle(&bytes, tile.width()).map_err(|error| format(error.to_string()))?;
        let parse = |(entry, index): (&[u8], u64)| {
            Entry::parse(entry).map_err(|error| match error {
                EntryError::Version(version) => {
                    Damage::new(tile.entries_path(), 0, Some(index), Wrong::Version(version))
                }
                EntryError::Length(_) => format(error.to_string()),
            })
        };
        entries.into_iter().zip(tile.index() << 8..).map(parse).collect()
    }

    fn file(&self, path: &str) -> Result<Vec<u8>, Damage> {
        read_bounded(&self.directory.join(path), FILE_BYTES_MAX).map_err(|error| Damage::unreadable(path, &error))
    }
}

impl TileReader for DirectoryTiles {
    type Error = Damage;

    fn read(&mut self, tile: Tile) -> Result<Vec<Hash>, Damage> {
        let bytes = self.bytes(TileFile::Hashes(tile))?;
        tile.decode(&bytes).map_err(|error| Damage::new(tile.path(), 0, None, Wrong::Format(error.to_string())))
    }
}

/// Opens a file of a directory that somebody else may have made: what is no plain file is refused, and nothing is waited for.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    // Without this, a pipe in place of a tile holds whoever looks at it for ever.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a plain file"))
}

/// Reads a plain file of at most `bytes_max` bytes.
pub(crate) fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_plain(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "file is longer than it can be"));
    }
    Ok(bytes)
}
