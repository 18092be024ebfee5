//! What is on record, as whoever may read it sees it: the stored bytes, and what they say where they can be opened.

use crate::keys::{Found, Keys};
use crate::log::{LogError, Reader, StoredRecord};
use holdshort_ledger::{Entry, Hash, KeyId, RecordKey, Sealed, is_sealed};
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
    /// It is sealed, and no key that opens it is at hand.
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

    /// The key that it is sealed with; none when it is not sealed.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        sealed(&self.stored.payload).map(|sealed| sealed.key_id())
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
    keys: Option<Keys>,
}

impl Records {
    /// The records of a log directory that another process may be writing: those that its last checkpoint covers. Sealed ones
    /// are closed without [`Self::with_keys`].
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        Ok(Self::new(Reader::open(directory)?))
    }

    /// The records that a reader gives.
    #[must_use]
    pub const fn new(reader: Reader) -> Self {
        Self { reader, keys: None }
    }

    /// The same records, opened with these keys.
    #[must_use]
    pub fn with_keys(self, keys: Option<Keys>) -> Self {
        Self { keys, ..self }
    }

    /// The keys.
    #[must_use]
    pub const fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }

    /// Records that can be read now; see [`Reader::size`].
    #[must_use]
    pub fn size(&self) -> u64 {
        self.reader.size()
    }

    /// Index of the first record that was kept; see [`Reader::first`].
    ///
    /// # Errors
    /// As [`Reader::first`].
    pub fn first(&self) -> Result<u64, LogError> {
        self.reader.first()
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
        let content = match is_sealed(&stored.payload) {
            false => Content::Plain,
            true => self.unseal(&stored),
        };
        LoggedRecord { stored, content }
    }

    /// When the key of a record was destroyed, in milliseconds since 1970.
    #[must_use]
    pub fn erased_ms(&self, record: &LoggedRecord) -> Option<u64> {
        match self.keys.as_ref()?.find(&record.key_id()?) {
            Ok(Found::Erased(erased_ms)) => Some(erased_ms),
            _ => None,
        }
    }

    /// The key of one sealed record, for somebody who may see this one and no other.
    #[must_use]
    pub fn record_key(&self, record: &LoggedRecord) -> Option<RecordKey> {
        let sealed = sealed(&record.stored.payload)?;
        match self.keys.as_ref()?.find(&sealed.key_id()) {
            Ok(Found::Key(key)) => sealed.record_key(&key).ok(),
            _ => None,
        }
    }

    fn unseal(&self, stored: &StoredRecord) -> Content {
        let (Some(keys), Some(sealed)) = (&self.keys, sealed(&stored.payload)) else { return Content::Closed };
        match keys.find(&sealed.key_id()) {
            Ok(Found::Erased(_)) => Content::Erased,
            Ok(Found::Unknown) => Content::Closed,
            Ok(Found::Key(key)) => match sealed.open_with(&key) {
                Ok(record) => Content::Opened(record),
                Err(error) => {
                    tracing::warn!(index = stored.index, %error, "sealed record does not open");
                    Content::Closed
                }
            },
            Err(error) => {
                tracing::warn!(index = stored.index, %error, "keys cannot be read");
                Content::Closed
            }
        }
    }

    /// What is below: the records as they are stored.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }
}

fn sealed(payload: &[u8]) -> Option<Sealed<'_>> {
    Sealed::parse(payload).ok()
}
