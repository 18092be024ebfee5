//! The next records of one block, taken apart and not stored yet.

use super::key::Key;
use super::places::{Places, block_of, place_of};
use super::postings::{add, put};
use super::row::{Facet, Row};
use super::words::each_word;
use super::{IndexError, NO_TIME, TIME_BYTES, signed};
use crate::log::StoredRecord;
use crate::records::LoggedRecord;
use rusqlite::{OptionalExtension as _, Transaction};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// Words of one record that are indexed. One with more of them is a candidate of every search for words, and read to
/// decide; the same with other facets.
const WORDS_MAX: usize = 4_096;

/// Words are hashes already, with a key that nobody knows.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_i64(&mut self, word: i64) {
        self.0 = word.cast_unsigned();
    }
}

pub(super) struct Batch {
    key: Key,
    from: u64,
    words: HashMap<i64, Vec<u16>, BuildHasherDefault<AsItIs>>,
    ids: Vec<([u8; 16], u64)>,
    times: Vec<u8>,
    bounds: (u64, u64),
    last: Option<StoredRecord>,
    gone: Vec<String>,
}

impl Batch {
    pub(super) fn new(key: Key, from: u64) -> Self {
        let (words, ids, times, gone) = Default::default();
        Self { key, from, words, ids, times, bounds: (NO_TIME, 0), last: None, gone }
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.times.len()).unwrap_or_default() / TIME_BYTES
    }

    /// Index of the record behind the batch.
    pub(super) fn next(&self) -> u64 {
        self.from.saturating_add(self.count())
    }

    /// Ids of the keys that the last record destroys, if it is one of an erasure.
    pub(super) fn gone(&self) -> &[String] {
        &self.gone
    }

    pub(super) fn add(&mut self, record: LoggedRecord) {
        let index = record.index();
        while self.next() < index {
            // It was dropped; the block begins in the middle.
            self.times.extend(NO_TIME.to_be_bytes());
        }
        Row::read(&record, |row| self.take(index, row));
        self.last = Some(record.stored);
    }

    fn take(&mut self, index: u64, row: &Row<'_>) {
        let place = place_of(index);
        for (number, (facet, value)) in row.facets.iter().enumerate() {
            match facet {
                Facet::Gone => self.gone.push(value.clone().into_owned()),
                // INVARIANT: the key is indexed however much a record says: what is to be forgotten is found by it.
                Facet::Key => self.word(place, Facet::Key, value),
                _ if number >= WORDS_MAX => self.word(place, Facet::Many, ""),
                _ => self.word(place, *facet, value),
            }
        }
        let mut words = 0usize;
        for text in &row.texts {
            each_word(text, |word| {
                words = words.saturating_add(1);
                match words > WORDS_MAX {
                    true => self.word(place, Facet::Long, ""),
                    false => self.word(place, Facet::Text, word),
                }
            });
        }
        self.ids.extend(row.ids.iter().map(|id| (id.to_bytes(), index)));
        let time = row.time_ms.filter(|time| i64::try_from(*time).is_ok());
        if let Some(time) = time {
            self.bounds = (self.bounds.0.min(time), self.bounds.1.max(time));
        }
        self.times.extend(time.unwrap_or(NO_TIME).to_be_bytes());
    }

    fn word(&mut self, place: u16, facet: Facet, value: &str) {
        let places = self.words.entry(self.key.word(facet, value)).or_default();
        if places.last() != Some(&place) {
            places.push(place);
        }
    }

    /// Takes out the records that are sealed with the keys that go.
    pub(super) fn forget(&mut self) {
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

    pub(super) fn write(self, transaction: &Transaction<'_>) -> Result<(), IndexError> {
        let Self { key, from, words, ids, times, bounds, last, .. } = self;
        let block = block_of(from);
        // In the order in which they lie in the file.
        let mut words: Vec<_> = words.into_iter().collect();
        words.sort_unstable_by_key(|(word, _)| *word);
        for (word, list) in words {
            let mut places = Places::default();
            list.into_iter().for_each(|place| places.insert(place));
            match place_of(from) {
                0 => put(transaction, key, word, block, &places)?,
                _ => add(transaction, key, word, block, places)?,
            }
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
        let (mut first, mut until, mut all) = (signed(bounds.0), signed(bounds.1), times);
        if let Some((first_before, until_before, mut known)) = before {
            (first, until) = (first.min(first_before), until.max(until_before));
            known.append(&mut all);
            all = known;
        }
        let leaf = last.map_or([0; 32], |stored| {
            *holdshort_ledger::Entry::commit(&stored.salt, &stored.payload).leaf().as_bytes()
        });
        let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO blocks VALUES (?1, ?2, ?3, ?4, ?5)")?;
        insert.execute((signed(block), first, until, leaf, all))?;
        Ok(())
    }
}
