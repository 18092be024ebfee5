//! The records of a log as exports read them.

use crate::clock;
use holdshort_export::{Body, Chunk, Event, Key, Source, SourceError, Unreadable};
use holdshort_ledger::KeyId;
use holdshort_store::keys::{Found, Keys};
use holdshort_store::log::{Log, LogError, Wrong};
use holdshort_store::records::{Content, LoggedRecord, Records};
use std::sync::Arc;

type Reading = Box<dyn Iterator<Item = Result<LoggedRecord, LogError>> + Send>;

/// The records of the log that this process writes: what is durable now. Beside it nothing is held but a place to read on.
pub(crate) struct LogSource {
    origin: Arc<str>,
    records: Records,
    reading: Option<(u64, Reading)>,
}

impl LogSource {
    /// Of records and the log that they are of.
    pub(crate) fn new(origin: &str, records: Records) -> Self {
        Self { origin: origin.into(), records, reading: None }
    }

    /// Of a log that is being written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn live(log: &Log, keys: &Keys) -> Result<Self, LogError> {
        Ok(Self::new(log.origin(), Records::new(log.reader()?).with_keys(Some(keys.clone()))))
    }
}

impl Source for LogSource {
    fn origin(&self) -> Arc<str> {
        self.origin.clone()
    }

    fn size(&mut self) -> Result<u64, SourceError> {
        Ok(self.records.size())
    }

    fn read(&mut self, from: u64, records_max: usize, bytes_max: usize) -> Result<Chunk, SourceError> {
        let mut chunk = Chunk { next: from, ..Chunk::default() };
        let mut reading = match self.reading.take() {
            Some((next, reading)) if next == from => reading,
            _ => Box::new(self.records.forwards(from)) as Reading,
        };
        let (seen_ms, mut bytes) = (clock::now_ms(), 0_usize);
        while chunk.events.len() < records_max && bytes < bytes_max {
            let Some(record) = reading.next() else { break };
            let record = match record {
                Ok(record) => record,
                // What comes before it goes first; then it is met again.
                Err(_) if !chunk.events.is_empty() => return Ok(chunk),
                Err(error) => match kept_from(&error) {
                    Some(first) if first > chunk.next => {
                        chunk.lost += first - chunk.next;
                        chunk.next = first;
                        reading = Box::new(self.records.forwards(first));
                        continue;
                    }
                    _ => return Err(SourceError(error.to_string())),
                },
            };
            if record.content == Content::Closed && !self.keys_answer(&record) {
                // Not for good: the key may be there, and nobody can look.
                return Err(SourceError("the keys of sealed records cannot be read".into()));
            }
            if record.index() > chunk.next {
                // What lies between was dropped. What comes before it goes first.
                if !chunk.events.is_empty() {
                    return Ok(chunk);
                }
                chunk.lost += record.index() - chunk.next;
            }
            bytes += record.stored.payload.len();
            chunk.next = record.index() + 1;
            chunk.events.push(event(&self.origin, seen_ms, &record));
        }
        self.reading = Some((chunk.next, reading));
        Ok(chunk)
    }

    fn erased(&mut self, key: &Key) -> bool {
        // What nobody can say is taken for erased: it is read from the log again, and found there or not.
        self.records.keys().is_none_or(|keys| !matches!(keys.find(&KeyId::new(*key)), Ok(Found::Key(_))))
    }
}

impl LogSource {
    /// Whether the store of keys answers when it is asked for the one of this record.
    fn keys_answer(&self, record: &LoggedRecord) -> bool {
        match (self.records.keys(), record.key_id()) {
            (Some(keys), Some(id)) => keys.find(&id).is_ok(),
            _ => true,
        }
    }
}

/// The first record that is kept, if what failed says that earlier ones were dropped.
fn kept_from(error: &LogError) -> Option<u64> {
    match error {
        LogError::Damaged(damage) => match damage.wrong {
            Wrong::Dropped(first) => Some(first),
            _ => None,
        },
        _ => None,
    }
}

/// A stored record as an event.
pub(crate) fn event(origin: &Arc<str>, seen_ms: u64, record: &LoggedRecord) -> Event {
    let body = match (record.parse(), &record.content) {
        (Some(record), _) => Body::Record(Box::new(record)),
        (None, Content::Erased) => Body::Unreadable(Unreadable::Erased),
        (None, Content::Closed) => Body::Unreadable(Unreadable::Closed),
        (None, Content::Plain | Content::Opened(_)) => Body::Unreadable(Unreadable::Unknown),
    };
    let (index, bytes) = (record.index(), record.stored.payload.len());
    let key = record.key_id().map(|id| *id.as_bytes());
    Event { log: origin.clone(), index, leaf: *record.leaf().as_bytes(), seen_ms, bytes, key, body }
}
