//! Keeps an index up to date with its log, and takes out of it what was erased.

use super::file::{self, lock};
use super::places::{BLOCK, Places, block_of, place_of};
use super::row::{Facet, Row};
use super::words::{Key, each_word};
use super::{Index, IndexError, NO_TIME, TIME_BYTES, Unusable, origin, signed};
use crate::records::{Content, LoggedRecord, Records};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::Path;

/// Words of one record that are indexed. One with more of them is a candidate of every search, and read to decide.
const WORDS_MAX: usize = 4_096;

/// The only one that writes an index, for as long as it lives.
#[derive(Debug)]
pub struct Writer {
    index: Index,
    origin: String,
    discarded: Option<Unusable>,
    /// The first record that was kept, as far as it was looked at.
    first: Option<u64>,
    _lock: File,
}

impl Writer {
    /// Opens the index of a log for writing, and makes a new one when there is none or when the old one is of no use:
    /// then [`Writer::discarded`] says why. `whole` says that `records` are all records of the log, as they are for the
    /// process that writes it; others see what the last checkpoint covers, and the index may be ahead of that.
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
            found => Ok(found),
        });
        let (index, discarded) = match opened {
            Ok(Some(index)) => (index, None),
            Ok(None) => (make(path, &origin)?, None),
            Err(IndexError::Unusable(why)) => (make(path, &origin)?, Some(why)),
            Err(other) => return Err(other),
        };
        Ok(Self { index, origin, discarded, first: None, _lock: lock })
    }

    /// Why the index that was there had to be thrown away, if it had to.
    #[must_use]
    pub const fn discarded(&self) -> Option<&Unusable> {
        self.discarded.as_ref()
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
        self.first = None;
        Ok(())
    }

    /// Indexes the next records, at most a block of 4,096, in one transaction. 0 when there are none. A record of an erasure
    /// takes out what is known of the records whose keys it destroys.
    ///
    /// # Errors
    /// [`IndexError::Closed`] for a sealed record when there are no keys; [`IndexError::Log`] when the log cannot be read. What
    /// came before it is indexed.
    pub fn extend(&mut self, records: &Records) -> Result<u64, IndexError> {
        self.trim(records)?;
        let (from, key) = (self.index.about.size, self.index.about.key);
        let end = block_of(from).saturating_add(1).saturating_mul(BLOCK);
        let room = usize::try_from(end.saturating_sub(from)).unwrap_or_default();
        let mut batch = Batch::new(key, from);
        let mut stopped = None;
        for record in records.forwards(from).take(room) {
            if record.as_ref().is_ok_and(|record| record.index() >= end) {
                break;
            }
            match record {
                Ok(record) if record.content == Content::Closed && records.keys().is_none() => {
                    stopped = Some(IndexError::Closed(record.index()))
                }
                Ok(record) if self.is_gone(&mut batch, &record)? => {
                    batch.add(&LoggedRecord { content: Content::Erased, ..record });
                }
                Ok(record) => batch.add(&record),
                Err(error) => stopped = Some(error.into()),
            }
            if stopped.is_some() || !batch.gone.is_empty() {
                break;
            }
        }
        if !batch.gone.is_empty() {
            // If we crash between this and storing the batch, the erasure is read again.
            self.forget_keys(&batch.gone)?;
            if self.index.about.size != from {
                // It had to be thrown away, and is made again from the beginning.
                return self.extend(records);
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

    /// Takes out what is known of these records, down to the bytes of the file: their time and that they are there is left.
    /// When that cannot be done the whole index is thrown away.
    ///
    /// # Errors
    /// When the disk refuses even that.
    pub fn forget(&mut self, records: &BTreeSet<u64>) -> Result<(), IndexError> {
        let known: BTreeSet<u64> = records.iter().copied().filter(|index| *index < self.index.about.size).collect();
        if known.is_empty() {
            return Ok(());
        }
        let taken = self.take_out(&known).and_then(|()| sweep(&self.index.connection));
        taken.or_else(|_| self.clear())
    }

    /// Takes out what the log dropped, and goes over it.
    fn trim(&mut self, records: &Records) -> Result<(), IndexError> {
        // Looked at once a block.
        if place_of(self.index.about.size) != 0 && self.first.is_some() {
            return Ok(());
        }
        let first = records.reader().first()?;
        if self.first.is_some_and(|known| block_of(known) >= block_of(first)) {
            return Ok(());
        }
        let (block, record) = (signed(block_of(first)), signed(block_of(first).saturating_mul(BLOCK)));
        let transaction = self.index.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut gone = transaction.execute("DELETE FROM blocks WHERE block < ?1", [block])?;
        if gone > 0 {
            gone = transaction.execute("DELETE FROM postings WHERE block < ?1", [block])?;
            transaction.execute("DELETE FROM ids WHERE record < ?1", [record])?;
        }
        transaction.execute("UPDATE about SET size = max(size, ?1)", [record])?;
        transaction.commit()?;
        self.index.about.size = self.index.about.size.max(unsigned(record)?);
        self.first = Some(first);
        if gone > 0 && sweep(&self.index.connection).is_err() { self.clear() } else { Ok(()) }
    }

    /// Whether an erasure named the record's key before the record was written, which can be when both were under way.
    fn is_gone(&self, batch: &mut Batch, record: &LoggedRecord) -> Result<bool, IndexError> {
        let Some(id) = record.key_id() else { return Ok(false) };
        let word = batch.key.word(Facet::Gone, &id.to_string());
        if let Some(known) = batch.keys.get(&word) {
            return Ok(*known);
        }
        let gone = !self.index.records_with(word)?.is_empty();
        batch.keys.insert(word, gone);
        Ok(gone)
    }

    /// The same for the records that are sealed with these keys, and for no others: two agents may have sessions of one name.
    /// `keys` are ids in hex.
    ///
    /// # Errors
    /// As [`Writer::forget`].
    pub fn forget_keys(&mut self, keys: &[String]) -> Result<(), IndexError> {
        let key = self.index.about.key;
        let mut found = BTreeSet::new();
        for id in keys {
            match self.index.records_with(key.word(Facet::Key, id)) {
                Ok(records) => found.extend(records),
                Err(_) => return self.clear(),
            }
        }
        self.forget(&found)
    }

    fn store(&mut self, batch: Batch) -> Result<(), IndexError> {
        let size = batch.next();
        let transaction = self.index.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        batch.write(&transaction)?;
        transaction.execute("UPDATE about SET size = ?1", [signed(size)])?;
        // If we crash before this, the same records are indexed again.
        transaction.commit()?;
        self.index.about.size = size;
        Ok(())
    }

    fn take_out(&mut self, records: &BTreeSet<u64>) -> Result<(), IndexError> {
        let key = self.index.about.key;
        let mut gone: BTreeMap<u64, Places> = BTreeMap::new();
        for index in records {
            gone.entry(block_of(*index)).or_default().insert(place_of(*index));
        }
        let transaction = self.index.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut changed: Vec<(i64, u64, Places)> = Vec::new();
        {
            let mut all = transaction.prepare("SELECT word, block, places FROM postings")?;
            let mut rows = all.query([])?;
            while let Some(row) = rows.next()? {
                let (word, block) = (row.get::<_, i64>(0)?, unsigned(row.get(1)?)?);
                let Some(out) = gone.get(&block) else { continue };
                let places = decode(key, word, block, row.get_ref(2)?.as_blob().unwrap_or_default())?;
                let mut left = places.clone();
                out.iter().for_each(|place| {
                    left.remove(place);
                });
                if left != places {
                    changed.push((word, block, left));
                }
            }
            let mut all = transaction.prepare("SELECT id, record FROM ids")?;
            let mut rows = all.query([])?;
            let mut ids: Vec<(String, i64)> = Vec::new();
            while let Some(row) = rows.next()? {
                let record: i64 = row.get(1)?;
                if records.contains(&unsigned(record)?) {
                    ids.push((row.get(0)?, record));
                }
            }
            for (id, record) in ids {
                transaction.execute("DELETE FROM ids WHERE id = ?1 AND record = ?2", (id, record))?;
            }
        }
        for (word, block, left) in changed {
            match left.is_empty() {
                true => {
                    transaction.execute("DELETE FROM postings WHERE word = ?1 AND block = ?2", (word, signed(block)))?
                }
                false => put(&transaction, key, word, block, &left)?,
            };
        }
        let erased = key.word(Facet::Type, "erased");
        for (block, places) in gone {
            add(&transaction, key, erased, block, places)?;
        }
        Ok(transaction.commit()?)
    }
}

impl Index {
    /// Records that have a word.
    pub(super) fn records_with(&self, word: i64) -> Result<Vec<u64>, IndexError> {
        let mut statement = self.connection.prepare_cached("SELECT block, places FROM postings WHERE word = ?1")?;
        let mut rows = statement.query([word])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let block = unsigned(row.get(0)?)?;
            let places = decode(self.about.key, word, block, row.get_ref(1)?.as_blob().unwrap_or_default())?;
            all.extend(places.iter().map(|place| block.saturating_mul(BLOCK).saturating_add(place.into())));
        }
        Ok(all)
    }
}

fn make(path: &Path, origin: &str) -> Result<Index, IndexError> {
    file::remove(path)?;
    let (connection, about) = file::create(path, origin)?;
    Ok(Index { connection, about, path: path.to_owned() })
}

/// Leaves no byte of what was deleted, in the file or beside it.
fn sweep(connection: &Connection) -> Result<(), IndexError> {
    // Rows that moved to another page may have left copies; only a file that is written anew surely has none.
    connection.execute_batch("VACUUM")?;
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(IndexError::Busy) }
}

/// Records of one block that are not written yet.
struct Batch {
    key: Key,
    from: u64,
    words: HashMap<i64, Vec<u16>>,
    ids: Vec<(String, u64)>,
    times: Vec<u8>,
    bounds: (u64, u64),
    leaf: [u8; 32],
    /// Keys that the last record destroys.
    gone: Vec<String>,
    /// Words of keys that were looked up, and whether they are gone.
    keys: HashMap<i64, bool>,
}

impl Batch {
    fn new(key: Key, from: u64) -> Self {
        let (words, ids, times, gone, keys) = Default::default();
        Self { key, from, words, ids, times, bounds: (NO_TIME, 0), leaf: [0; 32], gone, keys }
    }

    fn count(&self) -> u64 {
        u64::try_from(self.times.len()).unwrap_or_default() / TIME_BYTES
    }

    /// Index of the record behind the batch.
    fn next(&self) -> u64 {
        self.from.saturating_add(self.count())
    }

    fn add(&mut self, record: &LoggedRecord) {
        self.leaf = *record.leaf().as_bytes();
        let index = record.index();
        while self.next() < index {
            // It was dropped; the block begins in the middle.
            self.times.extend(NO_TIME.to_be_bytes());
        }
        Row::read(record, |row| {
            let mut words = 0usize;
            for (facet, value) in &row.facets {
                words = words.saturating_add(1);
                self.word(words, place_of(index), *facet, value);
                if *facet == Facet::Gone {
                    self.gone.push(value.clone().into_owned());
                }
            }
            for text in &row.texts {
                each_word(text, |word| {
                    words = words.saturating_add(1);
                    self.word(words, place_of(index), Facet::Text, word);
                });
            }
            self.ids.extend(row.ids.iter().map(|id| (id.to_string(), index)));
            let time = row.time_ms.filter(|time| i64::try_from(*time).is_ok());
            if let Some(time) = time {
                self.bounds = (self.bounds.0.min(time), self.bounds.1.max(time));
            }
            self.times.extend(time.unwrap_or(NO_TIME).to_be_bytes());
        });
    }

    /// Takes out the records that are sealed with the keys that go.
    fn forget(&mut self) {
        let key = self.key;
        let sealed = self.gone.iter().filter_map(|id| self.words.get(&key.word(Facet::Key, id)));
        let places: BTreeSet<u16> = sealed.flatten().copied().collect();
        for list in self.words.values_mut() {
            list.retain(|place| !places.contains(place));
        }
        self.words.retain(|_, list| !list.is_empty());
        self.ids.retain(|(_, index)| !places.contains(&place_of(*index)));
        if !places.is_empty() {
            let erased = self.words.entry(key.word(Facet::Type, "erased")).or_default();
            erased.extend(places);
        }
    }

    fn word(&mut self, count: usize, place: u16, facet: Facet, value: &str) {
        let word = match count > WORDS_MAX {
            true => self.key.word(Facet::Long, ""),
            false => self.key.word(facet, value),
        };
        let places = self.words.entry(word).or_default();
        if places.last() != Some(&place) {
            places.push(place);
        }
    }

    fn write(self, transaction: &Transaction<'_>) -> Result<(), IndexError> {
        let Self { key, from, words, ids, times, bounds, leaf, .. } = self;
        let block = block_of(from);
        let mut words: Vec<_> = words.into_iter().collect();
        words.sort_unstable_by_key(|(word, _)| *word);
        for (word, list) in words {
            let mut places = Places::default();
            list.into_iter().for_each(|place| places.insert(place));
            match place_of(from) {
                0 => put(transaction, key, word, block, &places)?,
                _ => add(transaction, key, word, block, places)?,
            };
        }
        let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO ids VALUES (?1, ?2)")?;
        for (id, record) in ids {
            insert.execute((id, signed(record)))?;
        }
        let mut before = transaction.prepare_cached("SELECT first_ms, last_ms, times FROM blocks WHERE block = ?1")?;
        let before = before
            .query_row([signed(block)], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
            })
            .optional()?;
        let (mut first, mut last, mut all) = (signed(bounds.0), signed(bounds.1), times);
        if let Some((first_before, last_before, mut known)) = before {
            (first, last) = (first.min(first_before), last.max(last_before));
            known.append(&mut all);
            all = known;
        }
        let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO blocks VALUES (?1, ?2, ?3, ?4, ?5)")?;
        insert.execute((signed(block), first, last, all, leaf))?;
        Ok(())
    }
}

/// Unites places with those that are stored.
fn add(
    transaction: &Transaction<'_>,
    key: Key,
    word: i64,
    block: u64,
    mut places: Places,
) -> Result<usize, IndexError> {
    let mut select = transaction.prepare_cached("SELECT places FROM postings WHERE word = ?1 AND block = ?2")?;
    let stored = select.query_row((word, signed(block)), |row| row.get::<_, Vec<u8>>(0)).optional()?;
    if let Some(bytes) = stored {
        places.unite(&decode(key, word, block, &bytes)?);
    }
    put(transaction, key, word, block, &places)
}

fn put(transaction: &Transaction<'_>, key: Key, word: i64, block: u64, places: &Places) -> Result<usize, IndexError> {
    let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO postings VALUES (?1, ?2, ?3)")?;
    Ok(insert.execute((word, signed(block), places.encode(key, word, block)))?)
}

pub(super) fn decode(key: Key, word: i64, block: u64, bytes: &[u8]) -> Result<Places, IndexError> {
    let places = Places::decode(key, word, block, bytes);
    places.ok_or_else(|| Unusable::Damaged(format!("a row of block {block} has a wrong checksum")).into())
}

pub(super) fn unsigned(number: i64) -> Result<u64, IndexError> {
    u64::try_from(number).map_err(|_| Unusable::Damaged(format!("the number {number}")).into())
}
