//! What goes wrong with a log, and where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why the log could not be opened, or a record not be written or read.
#[derive(Debug, Error)]
pub enum LogError {
    /// Another process has the log open.
    #[error("log `{}` is open in the process with pid {pid}; stop it, or use another directory", .directory.display())]
    Locked {
        /// The log's directory.
        directory: PathBuf,
        /// The process, as far as it is known.
        pid: String,
    },
    /// What was durable is not there any more, or was changed.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The private key is missing, of another log, malformed, or readable by others.
    #[error("key file `{}`: {what}", .file.display())]
    Key {
        /// The key's file.
        file: PathBuf,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// The system refused.
    #[error("cannot {what} `{}`: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A write or sync failed earlier: what the disk holds is not known any more. Opening the log again recovers it.
    #[error("log takes no more records until it is opened again: {cause}")]
    Poisoned {
        /// The failure that ended it.
        cause: Arc<str>,
        /// Its kind: [`io::ErrorKind::StorageFull`] for a full disk.
        kind: io::ErrorKind,
    },
    /// The disk has so little room that nothing more is taken until it has more. Nothing was written.
    #[error(
        "disk of `{}` is nearly full: {} free, and {} are kept free; make room, archive or drop old records, or lower `keep_free` in `[log]`",
        .directory.display(),
        bytes(*.free),
        bytes(*.keep_free)
    )]
    NearlyFull {
        /// The log's directory.
        directory: PathBuf,
        /// Free bytes.
        free: u64,
        /// Bytes that are to stay free.
        keep_free: u64,
    },
    /// Another process writes to the directory: whoever opened it last goes on, this one stops.
    #[error("log `{}` was taken over: {what}; one service at a time may write to it", .directory.display())]
    Fenced {
        /// The log's directory.
        directory: PathBuf,
        /// How that shows.
        what: &'static str,
    },
    /// The directory lies where other machines may write to it, and locks may not hold.
    #[error(
        "log `{}` lies on a shared file system ({kind}), where locks may not keep a second writer out; use a local disk, or accept that with `shared_disk = \"accept\"` in `[log]`",
        .directory.display()
    )]
    Shared {
        /// The log's directory.
        directory: PathBuf,
        /// Kind of the file system.
        kind: &'static str,
    },
    /// Somebody else archives or drops records of the log.
    #[error("old records of log `{}` are being archived or dropped by somebody else; try again when that is done", .directory.display())]
    Busy {
        /// The log's directory.
        directory: PathBuf,
    },
    /// The log was closed.
    #[error("log is closed")]
    Closed,
    /// More bytes wait for the writer than may.
    #[error("too many records wait to be written; try again later")]
    Full,
    /// The payload is too long.
    #[error("record of {0} bytes is longer than 1 MiB; record a digest instead")]
    TooLarge(usize),
}

impl LogError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// A number of bytes, in the largest unit that leaves it readable.
fn bytes(count: u64) -> String {
    match count {
        0..1_048_576 => format!("{} KiB", count >> 10),
        1_048_576..10_737_418_240 => format!("{} MiB", count >> 20),
        _ => format!("{} GiB", count >> 30),
    }
}

/// The first thing that is wrong with a log directory, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {wrong}")]
pub struct Damage {
    /// Where.
    pub place: Place,
    /// What.
    pub wrong: Wrong,
}

/// A place in a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// File, relative to the log's directory.
    pub file: String,
    /// Byte in the file, from 0.
    pub offset: u64,
    /// Index of the record, where one is concerned.
    pub index: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}` at byte {}", self.file, self.offset)?;
        self.index.map_or(Ok(()), |index| write!(out, ", record {index}"))
    }
}

/// What is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Wrong {
    /// A file that belongs there is not there.
    #[error("file is missing")]
    Missing,
    /// A file cannot be read.
    #[error("file cannot be read: {0}")]
    Unreadable(String),
    /// Whoever serves the file cannot be reached, which says nothing about the log.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// Not in our format, or in that of another version.
    #[error("{0}")]
    Format(String),
    /// An entry that another version of the program wrote.
    #[error("entry has version {0}, which this program does not know: use the version of holdshort that wrote it")]
    Version(u8),
    /// The checkpoint's signature or form.
    #[error("checkpoint is not valid: {0}")]
    Checkpoint(String),
    /// A record stands where another belongs.
    #[error("record {found} stands where record {expected} belongs: a record was removed, inserted or moved")]
    Order {
        /// Index that belongs here.
        expected: u64,
        /// Index that is here.
        found: u64,
    },
    /// The records end too early.
    #[error("records end here, but {0} are known to have been durable: the log was cut or rolled back")]
    Truncated(u64),
    /// Bytes follow the last record that are no record.
    #[error("bytes that are not a record stand between or behind the records")]
    Foreign,
    /// The payload is not what was committed to.
    #[error("payload is not the one that the tree commits to")]
    Payload,
    /// A tile differs from the records.
    #[error("hash {0} of the tile is not that of the records")]
    Tile(usize),
    /// The root differs from the checkpoint's.
    #[error("root of the records is {found}, but the checkpoint says {expected}")]
    Root {
        /// Root in the checkpoint.
        expected: String,
        /// Root that follows from the records.
        found: String,
    },
    /// The log is shorter than an older checkpoint.
    #[error("log has {found} records, but an older checkpoint covers {expected}: it was rolled back")]
    RolledBack {
        /// Size in the older checkpoint.
        expected: u64,
        /// Size now.
        found: u64,
    },
    /// The record was dropped.
    #[error(
        "the record was dropped on purpose; records are kept from {0} on, and its entry in the tree is still there"
    )]
    Dropped(u64),
    /// No signature covers the record yet.
    #[error("the last checkpoint covers {0} records, not this one")]
    Uncovered(u64),
    /// The log does not continue an older checkpoint.
    #[error("the first {0} records are not those of the older checkpoint: history was rewritten")]
    Rewritten(u64),
}

impl Damage {
    pub(crate) fn new(file: impl Into<String>, offset: u64, index: Option<u64>, wrong: Wrong) -> Self {
        Self { place: Place { file: file.into(), offset, index }, wrong }
    }

    pub(crate) fn unreadable(file: impl Into<String>, error: &io::Error) -> Self {
        let wrong =
            if error.kind() == io::ErrorKind::NotFound { Wrong::Missing } else { Wrong::Unreadable(error.to_string()) };
        Self::new(file, 0, None, wrong)
    }
}
