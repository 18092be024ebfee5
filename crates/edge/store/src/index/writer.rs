//! Keeps an index up to date with its log.

use super::batch::Batch;
use super::file::{self, Identity, lock};
use super::places::{BLOCK, block_of};
use super::row::Facet;
use super::{Index, IndexError, Unusable, origin, signed};
use crate::records::{Content, LoggedRecord, Records};
use rusqlite::{Connection, TransactionBehavior};
use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

/// The only one that writes an index, for as long as it lives.
#[derive(Debug)]
pub struct Writer {
    pub(super) index: Index,
    origin: String,
    discarded: Option<Unusable>,
    /// The first record that was kept, as far as it was looked at.
    pub(super) first: Option<u64>,
    /// Words of the keys that erasures on record destroyed.
    gone: HashSet<i64>,
    identity: Identity,
    pub(super) keep_free: u64,
    _lock: File,
}

impl Writer {
    /// Opens the index of a log for writing, and makes a new one when there is none or when the old one is of no use:
    /// then [`Writer::take_discarded`] says why. `whole` says that `records` are all records of the log, as they are for
    /// the process that writes it; others see what the last checkpoint covers, and the index may be ahead of that.
    ///
    /// # Errors
    /// [`IndexError::Busy`] when another process writes it; otherwise when the disk refuses.
    pub fn open(path: &Path, log: &Path, records: &Records, whole: bool) -> Result<Self, IndexError> {
        let lock = lock(path)?;
        let origin = origin(log)?;
        let opened = Index::open(path, log, records).and_then(|found| match found {
            Some(index) if whole && index.size() > records.size() => {
                Err(Unusable::Longer { indexed: index.size(), size: records.size() }.into())
            }
            Some(index) => {
                let gone = file::gone(&index.connection)?;
                Ok(Some((index, gone)))
            }
            None => Ok(None),
        });
        let ((index, gone), discarded) = match opened {
            Ok(Some(found)) => (found, None),
            Ok(None) => ((make(path, &origin)?, HashSet::new()), None),
            Err(IndexError::Unusable(why)) => ((make(path, &origin)?, HashSet::new()), Some(why)),
            Err(other) => return Err(other),
        };
        let identity = Identity::of(path)?;
        let mut writer = Self { index, origin, discarded, first: None, gone, identity, keep_free: 0, _lock: lock };
        if writer.sweep_again().is_err() {
            writer.clear()?;
        }
        Ok(writer)
    }

    /// Goes on only as long as so many bytes are free on the disk: it is the log's room.
    #[must_use]
    pub fn keep_free(self, bytes: u64) -> Self {
        Self { keep_free: bytes, ..self }
    }

    /// Why the index that was there had to be thrown away, if it had to since this was asked last.
    pub const fn take_discarded(&mut self) -> Option<Unusable> {
        self.discarded.take()
    }

    /// The index as it is now.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// Throws everything away.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn clear(&mut self) -> Result<(), IndexError> {
        let path = self.index.path.clone();
        // The old connection must be gone before its files are.
        self.index.connection = Connection::open_in_memory()?;
        self.index = make(&path, &self.origin)?;
        self.identity = Identity::of(&path)?;
        self.gone.clear();
        self.first = None;
        Ok(())
    }

    /// Indexes the next records, at most a block of 4,096, in one transaction. 0 when there are none. A record of an erasure
    /// takes out what is known of the records whose keys it destroys. An index that turns out to be damaged, or was removed,
    /// is made again from the beginning.
    ///
    /// # Errors
    /// [`IndexError::Closed`] for a sealed record when there are no keys; [`IndexError::Log`] when the log cannot be read. What
    /// came before it is indexed. [`IndexError::Room`] when the disk has to be left to the log.
    pub fn extend(&mut self, records: &Records) -> Result<u64, IndexError> {
        match self.look().and_then(|()| self.extend_on(records)) {
            Err(IndexError::Unusable(why)) => {
                self.clear()?;
                self.discarded = Some(why);
                self.extend_on(records)
            }
            done => done,
        }
    }

    /// Whether the file is still there, nobody doubts it, and there is room.
    fn look(&self) -> Result<(), IndexError> {
        if !self.identity.is_of(&self.index.path) {
            return Err(Unusable::Removed.into());
        }
        file::check_version(&self.index.connection)?;
        let free = file::free_bytes(&self.index.path)?;
        if free < self.keep_free {
            return Err(IndexError::Room { free, keep_free: self.keep_free });
        }
        Ok(())
    }

    fn extend_on(&mut self, records: &Records) -> Result<u64, IndexError> {
        self.trim(records)?;
        let from = self.index.about.size;
        let end = block_of(from).saturating_add(1).saturating_mul(BLOCK);
        let room = usize::try_from(end.saturating_sub(from)).unwrap_or_default();
        let mut batch = Batch::new(self.index.about.key, from);
        let mut stopped = None;
        for record in records.forwards(from).take(room) {
            match record {
                Ok(record) if record.index() >= end => break,
                Ok(record) if record.content == Content::Closed && records.keys().is_none() => {
                    stopped = Some(IndexError::Closed(record.index()));
                }
                Ok(record) if self.is_gone(&record) => batch.add(LoggedRecord { content: Content::Erased, ..record }),
                Ok(record) => batch.add(record),
                Err(error) => stopped = Some(error.into()),
            }
            if stopped.is_some() || !batch.gone().is_empty() {
                break;
            }
        }
        if !batch.gone().is_empty() {
            // If we crash between this and storing the batch, the erasure is read again.
            self.forget_keys(batch.gone())?;
            if self.index.about.size != from {
                // It had to be thrown away, and is made again from the beginning.
                return self.extend_on(records);
            }
            batch.forget();
        }
        let count = batch.count();
        if count > 0 {
            self.store(batch)?;
        }
        match stopped {
            Some(error) if count == 0 => Err(error),
            _ => Ok(count),
        }
    }

    /// Whether an erasure named the record's key before the record was written, which can be when both were under way.
    fn is_gone(&self, record: &LoggedRecord) -> bool {
        if self.gone.is_empty() {
            return false;
        }
        let word = |id: holdshort_ledger::KeyId| self.index.about.key.word(Facet::Gone, &id.to_string());
        record.key_id().is_some_and(|id| self.gone.contains(&word(id)))
    }

    fn store(&mut self, batch: Batch) -> Result<(), IndexError> {
        let (size, key) = (batch.next(), self.index.about.key);
        let gone: Vec<i64> = batch.gone().iter().map(|id| key.word(Facet::Gone, id)).collect();
        let transaction = self.index.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        batch.write(&transaction)?;
        for word in &gone {
            transaction.prepare_cached("INSERT OR IGNORE INTO gone VALUES (?1)")?.execute([word])?;
        }
        transaction.execute("UPDATE about SET size = ?1", [signed(size)])?;
        // If we crash before this, the same records are indexed again.
        transaction.commit()?;
        self.index.about.size = size;
        self.gone.extend(gone);
        Ok(())
    }
}

fn make(path: &Path, origin: &str) -> Result<Index, IndexError> {
    file::remove(path)?;
    let (connection, about) = file::create(path, origin)?;
    Ok(Index { connection, about, path: path.to_owned() })
}
