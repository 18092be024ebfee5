//! What the index says may match, block by block.

use super::places::{Places, block_of, place_of, record_of};
use super::postings::{Cursor, unsigned};
use super::search::Order;
use super::{Filter, Index, IndexError, NO_TIME, TIME_BYTES, Unusable, signed};
use rusqlite::OptionalExtension as _;
use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

pub(super) struct Finder<'a> {
    index: &'a Index,
    filter: &'a Filter,
    /// The rows of each word that is asked for, once.
    cursors: Vec<Cursor>,
    /// Of each group, one has to stand in a record: places in `cursors`.
    groups: Vec<Vec<usize>>,
    order: Order,
    range: Range<u64>,
    /// Blocks with records of the time that is asked for; read before the first block.
    in_time: Option<BTreeSet<u64>>,
    /// The next block to look at.
    block: Option<u64>,
    pending: VecDeque<u64>,
    began: bool,
}

impl<'a> Finder<'a> {
    pub(super) fn new(index: &'a Index, filter: &'a Filter, order: Order, range: Range<u64>) -> Self {
        let block = match order {
            Order::NewestFirst => range.end.checked_sub(1).map(block_of),
            Order::OldestFirst => Some(block_of(range.start)),
        };
        let blocks = block_of(range.start)..block_of(range.end.saturating_sub(1)).saturating_add(1);
        let mut cursors: Vec<Cursor> = Vec::new();
        let mut place = |word: i64| match cursors.iter().position(|cursor| cursor.word() == word) {
            Some(known) => known,
            None => {
                cursors.push(Cursor::new(word, order, blocks.clone()));
                cursors.len().saturating_sub(1)
            }
        };
        let groups = filter.groups(index.about.key).into_iter();
        let groups = groups.map(|group| group.into_iter().map(&mut place).collect()).collect();
        let (in_time, pending) = (None, VecDeque::new());
        Self { index, filter, cursors, groups, order, range, in_time, block, pending, began: false }
    }

    /// Behind the last record that is looked for.
    pub(super) const fn end(&self) -> u64 {
        self.range.end
    }

    /// Up to `count` candidates in the order of the search; none at the end.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<u64>, IndexError> {
        if !self.began {
            self.began = true;
            if self.filter.wanted_ids().is_empty() {
                self.list_blocks()?;
            } else {
                self.block = None;
                self.list_ids()?;
            }
        }
        while self.pending.len() < count {
            let Some(block) = self.block else { break };
            match self.next_block(block)? {
                Some(found) => self.load(found)?,
                None => self.block = None,
            }
        }
        let count = count.min(self.pending.len());
        Ok(self.pending.drain(..count).collect())
    }

    fn list_ids(&mut self) -> Result<(), IndexError> {
        let mut select = self.index.connection.prepare_cached("SELECT record FROM ids WHERE id = ?1")?;
        let mut found = Vec::new();
        for id in self.filter.wanted_ids() {
            for record in select.query_map([id.to_bytes()], |row| row.get::<_, i64>(0))? {
                found.push(unsigned(record?)?);
            }
        }
        found.sort_unstable();
        found.dedup();
        found.retain(|record| self.range.contains(record));
        if self.order == Order::NewestFirst {
            found.reverse();
        }
        self.pending = found.into();
        Ok(())
    }

    /// The blocks that the time leaves. Times do not always grow with the records, so that each block is asked.
    fn list_blocks(&mut self) -> Result<(), IndexError> {
        let Some((since_ms, until_ms)) = self.filter.bounds() else { return Ok(()) };
        let sql = "SELECT block FROM blocks WHERE block >= ?1 AND block <= ?2 AND last_ms >= ?3 AND first_ms <= ?4";
        let mut select = self.index.connection.prepare_cached(sql)?;
        let (first, last) = (block_of(self.range.start), block_of(self.range.end.saturating_sub(1)));
        let asked = (signed(first), signed(last), signed(since_ms), signed(until_ms));
        let mut found = BTreeSet::new();
        for block in select.query_map(asked, |row| row.get::<_, i64>(0))? {
            found.insert(unsigned(block?)?);
        }
        self.in_time = Some(found);
        Ok(())
    }

    /// The block at `block` or behind it, in the order of the search, in which every group has a place.
    fn next_block(&mut self, mut block: u64) -> Result<Option<u64>, IndexError> {
        let bounds = block_of(self.range.start)..=block_of(self.range.end.saturating_sub(1));
        loop {
            let before = block;
            if let Some(in_time) = &self.in_time {
                let nearest = match self.order {
                    Order::NewestFirst => in_time.range(..=block).next_back(),
                    Order::OldestFirst => in_time.range(block..).next(),
                };
                match nearest {
                    Some(found) => block = *found,
                    None => return Ok(None),
                }
            }
            for group in &self.groups {
                let mut nearest: Option<u64> = None;
                for cursor in group {
                    let Some(cursor) = self.cursors.get_mut(*cursor) else { continue };
                    let found = cursor.seek(self.index, block)?;
                    nearest = match (self.order, nearest, found) {
                        (_, None, found) => found,
                        (_, nearest, None) => nearest,
                        (Order::NewestFirst, Some(a), Some(b)) => Some(a.max(b)),
                        (Order::OldestFirst, Some(a), Some(b)) => Some(a.min(b)),
                    };
                }
                match nearest {
                    Some(found) => block = found,
                    None => return Ok(None),
                }
            }
            if !bounds.contains(&block) {
                return Ok(None);
            }
            if block == before {
                return Ok(Some(block));
            }
        }
    }

    /// Adds the candidates of a block, and goes behind it.
    fn load(&mut self, block: u64) -> Result<(), IndexError> {
        self.block = match self.order {
            Order::NewestFirst => block.checked_sub(1),
            Order::OldestFirst => block.checked_add(1),
        };
        let mut select = self.index.connection.prepare_cached("SELECT length(times) FROM blocks WHERE block = ?1")?;
        let bytes = select.query_row([signed(block)], |row| row.get::<_, i64>(0)).optional()?;
        let missing = || Unusable::Damaged(format!("block {block} is missing"));
        let count = unsigned(bytes.ok_or_else(missing)?)? / TIME_BYTES;
        let expected = self.index.size().saturating_sub(record_of(block, 0)).min(super::places::BLOCK);
        if count < expected {
            return Err(Unusable::Damaged(format!("block {block} has {count} times instead of {expected}")).into());
        }
        let mut places = Places::first(count);
        for group in &self.groups {
            let mut any = Places::default();
            for cursor in group {
                let Some(cursor) = self.cursors.get(*cursor) else { continue };
                if let Some(more) = cursor.places(self.index, block)? {
                    any.unite(&more);
                }
            }
            places.keep(&any);
        }
        if places.is_empty() {
            return Ok(());
        }
        let times = if self.in_time.is_some() { Some(self.times(block)?) } else { None };
        let is_in_time = |index: u64| {
            let Some(times) = &times else { return true };
            let (times, _) = times.as_chunks::<8>();
            let time = times.get(usize::from(place_of(index))).map(|bytes| u64::from_be_bytes(*bytes));
            self.filter.is_within(time.filter(|time| *time != NO_TIME))
        };
        let found = places.iter().map(|place| record_of(block, place));
        let found = found.filter(|index| self.range.contains(index) && is_in_time(*index));
        match self.order {
            Order::NewestFirst => {
                let found: Vec<u64> = found.collect();
                self.pending.extend(found.into_iter().rev());
            }
            Order::OldestFirst => self.pending.extend(found),
        }
        Ok(())
    }

    fn times(&self, block: u64) -> Result<Vec<u8>, IndexError> {
        let mut select = self.index.connection.prepare_cached("SELECT times FROM blocks WHERE block = ?1")?;
        Ok(select.query_row([signed(block)], |row| row.get(0))?)
    }
}
