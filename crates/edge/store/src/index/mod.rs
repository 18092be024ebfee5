//! The index of a log: which records have which agent, session, tool, effect, words. It finds, and never says: every hit is
//! read in the log, so that an index that lies can hide a record and cannot invent one. It can be thrown away at any time.
//!
//! Records are taken in blocks of 4,096. For every word of a block (a value of a facet, or a word of a reason; a number, not
//! the text) there is a row with the places in the block where it stands, and for every block the times of its records. A
//! search unites and intersects these sets, block by block, and goes only to blocks that every word and the time leave.
//!
//! INVARIANT: an index counts as one of this log only if the log's name and the leaves at its beginning and at the end of a
//! block are the log's own. Otherwise it is made again.

mod batch;
mod contradiction;
mod file;
mod filter;
mod finder;
mod forget;
mod key;
mod places;
mod postings;
mod row;
mod search;
mod sketch;
mod words;
mod writer;

pub use contradiction::Contradiction;
pub use file::INDEX_FILE;
pub use filter::{Filter, TextError};
pub use row::{Facet, Row};
pub use search::{Order, Sealed, Search};
pub use writer::Writer;

use crate::log::{DirectoryTiles, LogError, PUBLIC_KEY_FILE};
use crate::records::Records;
use file::About;
use holdshort_ledger::{Hash, Tile, TileReader as _, VerifierKey};
use places::{BLOCK, block_of};
use rusqlite::{Connection, OptionalExtension as _};
use std::path::{Path, PathBuf};

/// Why an index does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Made by another version of the program.
    #[error("it has version {found}, this program knows {known}")]
    Version {
        /// Version of the file.
        found: i32,
        /// The version that this program writes.
        known: i32,
    },
    /// No index at all.
    #[error("the file is no index")]
    Foreign,
    /// The bytes are not what was written.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// Of a log with another name.
    #[error("it belongs to the log `{0}`")]
    OtherLog(String),
    /// The log's records are not those that were indexed.
    #[error("record {0} of the log is another one than was indexed")]
    Rewritten(u64),
    /// Somebody removed the file, or put another one in its place.
    #[error("the file was taken away")]
    Removed,
    /// The log ends before the index.
    #[error("it has {indexed} records and the log only {size}")]
    Longer {
        /// Records of the index.
        indexed: u64,
        /// Records of the log.
        size: u64,
    },
}

/// What went wrong with an index. None of it concerns the log.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It has to be made again.
    #[error("the index is of no use: {0}")]
    Unusable(#[from] Unusable),
    /// Another process keeps it up to date.
    #[error("another process writes the index")]
    Busy,
    /// The file cannot be read or written.
    #[error("cannot use the index `{path}`: {cause}; check that the data directory is yours to write")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: String,
    },
    /// The database fails, for example since the disk is full.
    #[error("the index does not work: {0}")]
    Database(String),
    /// What is free on the disk is for the log.
    #[error("the index is not extended while the disk has {free} bytes free; {keep_free} stay free for the log")]
    Room {
        /// Free bytes.
        free: u64,
        /// Bytes that have to stay free.
        keep_free: u64,
    },
    /// A record is sealed, and its key is not at hand. An index without it would hide it from whoever has the key.
    #[error("record {0} is sealed and its key is not here; only whoever can read the records can index them")]
    Closed(u64),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<rusqlite::Error> for IndexError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match (error.sqlite_error_code(), &error) {
            (Some(ErrorCode::DatabaseCorrupt), _) => Unusable::Damaged(error.to_string()).into(),
            (Some(ErrorCode::NotADatabase), _) => Unusable::Foreign.into(),
            (Some(ErrorCode::DiskFull), _) => Self::Database(format!("{error}; make room on the disk")),
            // A table or column that is not there, or of another type: nothing that this program wrote.
            (Some(ErrorCode::Unknown), _)
            | (None, rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..)) => {
                Unusable::Damaged(error.to_string()).into()
            }
            _ => Self::Database(error.to_string()),
        }
    }
}

/// How an index stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexState {
    /// Records that are indexed: those below this index.
    pub size: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// An index, for reading.
#[derive(Debug)]
pub struct Index {
    connection: Connection,
    about: About,
    path: PathBuf,
}

impl Index {
    /// Opens the index of a log; none when there is no file. `log` is the log's directory, `records` its records.
    ///
    /// # Errors
    /// [`IndexError::Unusable`] when the file is not one of this log and this version.
    pub fn open(path: &Path, log: &Path, records: &Records) -> Result<Option<Self>, IndexError> {
        let Some((connection, about)) = file::open(path)? else { return Ok(None) };
        let index = Self { connection, about, path: path.to_owned() };
        index.check(log, records)?;
        Ok(Some(index))
    }

    /// How it stands; as it was when it was opened.
    #[must_use]
    pub fn state(&self) -> IndexState {
        IndexState { size: self.about.size, bytes: file::bytes(&self.path) }
    }

    /// Records that are indexed.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.about.size
    }

    /// Whether it is one of this log. Looks at the ends of blocks that the reader can see: the first, and the last.
    fn check(&self, log: &Path, records: &Records) -> Result<(), IndexError> {
        let origin = origin(log)?;
        if self.about.origin != origin {
            return Err(Unusable::OtherLog(self.about.origin.clone()).into());
        }
        let visible = records.size().min(self.about.size);
        let whole = visible / BLOCK;
        let mut anchors = vec![0, whole.saturating_sub(1)];
        if visible == self.about.size {
            anchors.push(block_of(visible.saturating_sub(1)));
        }
        anchors.dedup();
        let first = records.reader().first()?;
        for block in anchors {
            let Some((last, leaf)) = self.anchor(block)? else {
                let end = block.saturating_add(1).saturating_mul(BLOCK);
                if self.about.size > 0 && end > first {
                    return Err(Unusable::Damaged(format!("block {block} is missing")).into());
                }
                continue;
            };
            // What was dropped, or is not covered by a checkpoint yet, cannot be compared.
            if last >= visible || last < first {
                continue;
            }
            let found = match leaf_of(log, last) {
                Some(found) => Some(found),
                None => records.forwards(last).next().transpose()?.map(|record| record.leaf()),
            };
            if found != Some(leaf) {
                return Err(Unusable::Rewritten(last).into());
            }
        }
        Ok(())
    }

    /// Last record of a block, and its leaf.
    fn anchor(&self, block: u64) -> Result<Option<(u64, Hash)>, IndexError> {
        let mut statement =
            self.connection.prepare_cached("SELECT length(times), leaf FROM blocks WHERE block = ?1")?;
        let row = statement.query_row([signed(block)], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)));
        let Some((length, leaf)) = row.optional()? else { return Ok(None) };
        let count = u64::try_from(length).unwrap_or_default() / TIME_BYTES;
        let last = block.saturating_mul(BLOCK).saturating_add(count).checked_sub(1);
        Ok(last.map(|last| (last, Hash::from_bytes(leaf))))
    }
}

/// Bytes of a time in a block.
const TIME_BYTES: u64 = 8;
/// Stands for a time that is not known.
const NO_TIME: u64 = u64::MAX;

/// The leaf of a record from the log's tree; none where its tile is not full yet. Reading it costs the same for a record
/// that was archived, which would have to be unpacked.
fn leaf_of(log: &Path, index: u64) -> Option<Hash> {
    let tile = Tile::of_tree(0, index >> 8, u64::MAX)?;
    let hashes = DirectoryTiles::new(log).read(tile).ok()?;
    hashes.get(usize::try_from(index & 0xff).ok()?).copied()
}

/// The name of a log.
fn origin(log: &Path) -> Result<String, IndexError> {
    let path = log.join(PUBLIC_KEY_FILE);
    let failed = |cause: String| IndexError::File { path: path.clone(), cause };
    let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
    Ok(VerifierKey::parse(text.trim()).map_err(|error| failed(error.to_string()))?.name().to_owned())
}

/// Numbers as SQLite's signed integers hold them. No log has that many records.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
