//! The rows of words: in which blocks a word stands, and where in them.
//!
//! Rows lie by runs of 64 blocks, and by word within a run. What is indexed now changes the last run alone, so that writing
//! stays within a few MiB of the file however long the log is; the price is one look into each run for a word that is rare.

use super::key::Key;
use super::places::{Places, block_of, record_of};
use super::row::Facet;
use super::search::Order;
use super::{Index, IndexError, Unusable, signed};
use rusqlite::{OptionalExtension as _, Transaction};
use std::collections::VecDeque;
use std::ops::Range;

/// Blocks of a run: 262,144 records.
const RUN_BLOCKS: u64 = 64;
/// Rows that a cursor reads at once at first; each time four times as many, up to a run.
const ROWS_FIRST: u64 = 1;
const ROWS_GROWTH: u64 = 4;

/// The run of a block.
pub(super) const fn run_of(block: u64) -> u64 {
    block / RUN_BLOCKS
}

/// Unites places with those that are stored.
pub(super) fn add(
    transaction: &Transaction<'_>,
    key: Key,
    word: i64,
    block: u64,
    mut places: Places,
) -> Result<(), IndexError> {
    let sql = "SELECT places FROM postings WHERE run = ?1 AND word = ?2 AND block = ?3";
    let mut select = transaction.prepare_cached(sql)?;
    let at = (signed(run_of(block)), word, signed(block));
    if let Some(bytes) = select.query_row(at, |row| row.get::<_, Vec<u8>>(0)).optional()? {
        places.unite(&decode(key, word, block, &bytes)?);
    }
    put(transaction, key, word, block, &places)
}

/// Stores places in place of what was there. None at all: the row goes.
pub(super) fn put(
    transaction: &Transaction<'_>,
    key: Key,
    word: i64,
    block: u64,
    places: &Places,
) -> Result<(), IndexError> {
    let (run, at) = (signed(run_of(block)), signed(block));
    if places.is_empty() {
        let sql = "DELETE FROM postings WHERE run = ?1 AND word = ?2 AND block = ?3";
        transaction.prepare_cached(sql)?.execute((run, word, at))?;
    } else {
        let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO postings VALUES (?1, ?2, ?3, ?4)")?;
        insert.execute((run, word, at, places.encode(key, word, block)))?;
    }
    Ok(())
}

pub(super) fn decode(key: Key, word: i64, block: u64, bytes: &[u8]) -> Result<Places, IndexError> {
    let places = Places::decode(key, word, block, bytes);
    places.ok_or_else(|| Unusable::Damaged(format!("a row of block {block} has a wrong checksum")).into())
}

pub(super) fn unsigned(number: i64) -> Result<u64, IndexError> {
    u64::try_from(number).map_err(|_| Unusable::Damaged(format!("the number {number}")).into())
}

/// The rows of one word in the order of a search.
pub(super) struct Cursor {
    word: i64,
    order: Order,
    /// Blocks that are of interest.
    blocks: Range<u64>,
    ahead: VecDeque<(u64, Vec<u8>)>,
    rows: u64,
}

impl Cursor {
    pub(super) fn new(word: i64, order: Order, blocks: Range<u64>) -> Self {
        Self { word, order, blocks, ahead: VecDeque::new(), rows: ROWS_FIRST }
    }

    pub(super) const fn word(&self) -> i64 {
        self.word
    }

    /// The first block at `block` or behind it in which the word stands. Blocks have to be asked for in the search's order.
    pub(super) fn seek(&mut self, index: &Index, block: u64) -> Result<Option<u64>, IndexError> {
        let (order, is_before) = (self.order, |found: u64| match self.order {
            Order::NewestFirst => found > block,
            Order::OldestFirst => found < block,
        });
        while self.ahead.front().is_some_and(|(found, _)| is_before(*found)) {
            self.ahead.pop_front();
        }
        if self.ahead.is_empty() {
            match order {
                Order::NewestFirst => self.blocks.end = self.blocks.end.min(block.saturating_add(1)),
                Order::OldestFirst => self.blocks.start = self.blocks.start.max(block),
            }
            self.read(index)?;
        }
        Ok(self.ahead.front().map(|(found, _)| *found))
    }

    /// Where in a block it stands.
    pub(super) fn places(&self, index: &Index, block: u64) -> Result<Option<Places>, IndexError> {
        let found = self.ahead.front().filter(|(found, _)| *found == block);
        found.map(|(_, bytes)| decode(index.about.key, self.word, block, bytes)).transpose()
    }

    /// Reads on, run by run, until there is something or the blocks end.
    fn read(&mut self, index: &Index) -> Result<(), IndexError> {
        let sql = match self.order {
            Order::NewestFirst => {
                "SELECT block, places FROM postings WHERE run = ?1 AND word = ?2 AND block >= ?3 AND block < ?4 \
                 ORDER BY block DESC LIMIT ?5"
            }
            Order::OldestFirst => {
                "SELECT block, places FROM postings WHERE run = ?1 AND word = ?2 AND block >= ?3 AND block < ?4 \
                 ORDER BY block LIMIT ?5"
            }
        };
        let mut select = index.connection.prepare_cached(sql)?;
        while self.ahead.is_empty() && !self.blocks.is_empty() {
            let run = match self.order {
                Order::NewestFirst => run_of(self.blocks.end.saturating_sub(1)),
                Order::OldestFirst => run_of(self.blocks.start),
            };
            let (first, end) = (run.saturating_mul(RUN_BLOCKS), run.saturating_add(1).saturating_mul(RUN_BLOCKS));
            let asked = first.max(self.blocks.start)..end.min(self.blocks.end);
            let mut rows =
                select.query((signed(run), self.word, signed(asked.start), signed(asked.end), signed(self.rows)))?;
            while let Some(row) = rows.next()? {
                self.ahead.push_back((unsigned(row.get(0)?)?, row.get(1)?));
            }
            let count = u64::try_from(self.ahead.len()).unwrap_or(u64::MAX);
            let is_all = count < self.rows;
            let last = self.ahead.back().map(|(block, _)| *block).filter(|_| !is_all);
            match (self.order, last) {
                (Order::NewestFirst, None) => self.blocks.end = asked.start,
                (Order::NewestFirst, Some(last)) => self.blocks.end = last,
                (Order::OldestFirst, None) => self.blocks.start = asked.end,
                (Order::OldestFirst, Some(last)) => self.blocks.start = last.saturating_add(1),
            }
            self.rows = self.rows.saturating_mul(ROWS_GROWTH).min(RUN_BLOCKS);
        }
        Ok(())
    }
}

impl Index {
    /// How many records of a range have a value, as far as the index knows. They are not read.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn count(&self, facet: Facet, value: &str, range: &Range<u64>) -> Result<u64, IndexError> {
        let end = range.end.min(self.about.size);
        let blocks = block_of(range.start)..block_of(end.saturating_sub(1)).saturating_add(1);
        let (mut block, mut count) = (blocks.start, 0u64);
        let mut cursor = Cursor::new(self.about.key.word(facet, value), Order::OldestFirst, blocks);
        while let Some(found) = cursor.seek(self, block)? {
            let places = cursor.places(self, found)?.unwrap_or_default();
            let within = places.iter().filter(|place| (range.start..end).contains(&record_of(found, *place))).count();
            count = count.saturating_add(u64::try_from(within).unwrap_or(u64::MAX));
            block = found.saturating_add(1);
        }
        Ok(count)
    }

    /// Records that have a word.
    pub(super) fn records_with(&self, word: i64) -> Result<Vec<u64>, IndexError> {
        let end = block_of(self.about.size.saturating_sub(1)).saturating_add(1);
        let mut cursor = Cursor::new(word, Order::OldestFirst, 0..end);
        let (mut all, mut block) = (Vec::new(), 0);
        while let Some(found) = cursor.seek(self, block)? {
            let places = cursor.places(self, found)?.unwrap_or_default();
            all.extend(places.iter().map(|place| record_of(found, place)));
            block = found.saturating_add(1);
        }
        Ok(all)
    }
}
