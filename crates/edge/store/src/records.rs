//! What is on record, as whoever may read it sees it: the stored bytes, and what they say where they can be opened.

use crate::log::{LogError, Reader, StoredRecord};
use holdshort_ledger::{Entry, Hash};
use holdshort_model::Record;
use std::path::Path;

/// What a stored payload says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// It is stored as it is.
    Plain,
    /// It is sealed, and was opened.
    Opened(Vec<u8>),
    /// It is sealed, and its key was destroyed: nobody can read it any more.
    Erased,
    /// It is sealed, and its key is not at hand.
    Closed,
}

/// A record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRecord {
    /// The bytes that the log's tree commits to.
    pub stored: StoredRecord,
    /// What they say.
    pub content: Content,
}

impl LoggedRecord {
    /// Index in the log, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.stored.index
    }

    /// Hash of its leaf in the tree.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        Entry::commit(&self.stored.salt, &self.stored.payload).leaf()
    }

    /// The record as JSON, where it can be read.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Plain => Some(&self.stored.payload),
            Content::Opened(payload) => Some(payload),
            Content::Erased | Content::Closed => None,
        }
    }

    /// The record; none when it cannot be read, or is one of a later version.
    #[must_use]
    pub fn parse(&self) -> Option<Record> {
        Record::from_json(self.payload()?).ok()
    }
}

/// Reads the records of a log.
#[derive(Clone, Debug)]
pub struct Records {
    reader: Reader,
}

impl Records {
    /// The records of a log directory that another process may be writing: those that its last checkpoint covers.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        Ok(Self::new(Reader::open(directory)?))
    }

    /// The records that a reader gives.
    #[must_use]
    pub const fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// Records that can be read now; see [`Reader::size`].
    #[must_use]
    pub fn size(&self) -> u64 {
        self.reader.size()
    }

    /// The records from `from` on; see [`Reader::forwards`].
    pub fn forwards(&self, from: u64) -> impl Iterator<Item = Result<LoggedRecord, LogError>> + use<> {
        let records = self.clone();
        self.reader.forwards(from).map(move |stored| stored.map(|stored| records.read(stored)))
    }

    /// The records before `end`, last first; see [`Reader::backwards`].
    pub fn backwards(&self, end: u64) -> impl Iterator<Item = Result<LoggedRecord, LogError>> + use<> {
        let records = self.clone();
        self.reader.backwards(end).map(move |stored| stored.map(|stored| records.read(stored)))
    }

    /// Opens what a reader gave; for whoever spreads that work over threads.
    #[must_use]
    pub fn read(&self, stored: StoredRecord) -> LoggedRecord {
        LoggedRecord { stored, content: Content::Plain }
    }

    /// What is below: the records as they are stored.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }
}
