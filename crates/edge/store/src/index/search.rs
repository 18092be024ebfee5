//! A search: what is indexed is found by the index, the rest is read; every hit comes from the log.

use super::places::{BLOCK, Places, block_of, place_of};
use super::row::Facet;
use super::writer::{decode, unsigned};
use super::{Filter, Index, IndexError, TIME_BYTES, Unusable, signed};
use crate::log::LogError;
use crate::records::{Content, LoggedRecord, Records};
use rusqlite::OptionalExtension as _;
use std::collections::VecDeque;
use std::ops::Range;

/// Records that are read at once, oldest first, whatever the order of the search: at most so many MiB are held.
const READ_AT_ONCE: usize = 32;
/// Up to so many records are read over to get to the next candidate; farther away, it is sought.
const GAP_MAX: u64 = 64;

/// Which of the records that match come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// From the end of the log to its beginning.
    #[default]
    NewestFirst,
    /// From the beginning on.
    OldestFirst,
}

/// The records of a log that match a filter, one after the other. Ends after an error of the log. Whatever is wrong with
/// the index ends its use, and the rest is read: [`Search::fault`].
pub struct Search<'a> {
    records: &'a Records,
    index: Option<&'a Index>,
    filter: &'a Filter,
    order: Order,
    /// What was not looked at yet.
    left: Range<u64>,
    stage: Stage<'a>,
    ready: VecDeque<LoggedRecord>,
    looked: u64,
    sealed: Sealed,
    fault: Option<IndexError>,
}

/// Records that a search came by and could not read. Any of them may have been what was looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// Their keys were destroyed. An index does not have them as candidates, so of its part none are counted here.
    pub erased: u64,
    /// Their keys are not at hand.
    pub closed: u64,
}

enum Stage<'a> {
    /// Nothing is under way.
    Choose,
    /// Every record is read, up to a bound where the index takes over.
    Read { records: Box<dyn Iterator<Item = Result<LoggedRecord, LogError>> + 'a>, until: u64 },
    /// The index is asked.
    Find(Finder<'a>),
    /// Nothing is left.
    End,
}

impl<'a> Search<'a> {
    /// A search in the records of `range`. Without an index every record is read.
    #[must_use]
    pub fn new(
        records: &'a Records,
        index: Option<&'a Index>,
        filter: &'a Filter,
        order: Order,
        range: Range<u64>,
    ) -> Self {
        let left = range.start..range.end.min(records.size());
        let (ready, stage) = (VecDeque::new(), Stage::Choose);
        let index = index.filter(|_| filter.is_indexed());
        Self { records, index, filter, order, left, stage, ready, looked: 0, sealed: Sealed::default(), fault: None }
    }

    /// Records that were read so far.
    #[must_use]
    pub const fn looked(&self) -> u64 {
        self.looked
    }

    /// Records that were read so far, and say nothing.
    #[must_use]
    pub const fn sealed(&self) -> Sealed {
        self.sealed
    }

    /// What was not looked at yet: where another search goes on.
    #[must_use]
    pub fn left(&self) -> Range<u64> {
        let (first, last) = (self.ready.front().map(LoggedRecord::index), self.ready.back().map(LoggedRecord::index));
        match (self.order, first, last) {
            (Order::NewestFirst, Some(next), _) => self.left.start..next.saturating_add(1),
            (Order::OldestFirst, Some(next), _) => next..self.left.end,
            _ => self.left.clone(),
        }
    }

    /// Why the index was not used to the end, if it was not.
    #[must_use]
    pub const fn fault(&self) -> Option<&IndexError> {
        self.fault.as_ref()
    }

    /// What comes next: the part that is indexed, or the one that is not.
    fn choose(&mut self) -> Stage<'a> {
        if self.left.is_empty() {
            return Stage::End;
        }
        let indexed = self.index.map_or(0, Index::size);
        let (newest, rest) = (self.order == Order::NewestFirst, self.left.clone());
        let by_index = match newest {
            true => rest.end <= indexed,
            false => rest.start < indexed,
        };
        match self.index.filter(|_| by_index) {
            Some(index) => Stage::Find(Finder::new(index, self.filter, self.order, rest.start..rest.end.min(indexed))),
            None if newest => {
                Stage::Read { records: Box::new(self.records.backwards(rest.end)), until: rest.start.max(indexed) }
            }
            None => Stage::Read { records: Box::new(self.records.forwards(rest.start)), until: rest.end },
        }
    }

    /// Reads one more record; `None` when the part is done.
    fn read(&mut self) -> Option<Result<LoggedRecord, LogError>> {
        if self.is_read() {
            return None;
        }
        let Stage::Read { records, .. } = &mut self.stage else { return None };
        let record = records.next()?;
        if let Ok(record) = &record {
            self.looked = self.looked.saturating_add(1);
            match record.content {
                Content::Erased => self.sealed.erased = self.sealed.erased.saturating_add(1),
                Content::Closed => self.sealed.closed = self.sealed.closed.saturating_add(1),
                Content::Plain | Content::Opened(_) => {}
            }
            match self.order {
                Order::NewestFirst => self.left.end = record.index(),
                Order::OldestFirst => self.left.start = record.index().saturating_add(1),
            }
        }
        Some(record)
    }

    /// Asks the index for more, and reads what it says.
    fn find(&mut self) -> Result<bool, LogError> {
        let Stage::Find(finder) = &mut self.stage else { return Ok(false) };
        let candidates = match finder.take(READ_AT_ONCE) {
            Ok(candidates) => candidates,
            Err(error) => {
                (self.fault, self.index) = (Some(error), None);
                return Ok(false);
            }
        };
        let (Some(first), Some(last)) = (candidates.iter().min(), candidates.iter().max()) else {
            match self.order {
                Order::NewestFirst => self.left.end = self.left.start,
                Order::OldestFirst => self.left.start = finder.range.end,
            }
            return Ok(false);
        };
        let (first, last) = (*first, *last);
        self.fetch(candidates)?;
        match self.order {
            Order::NewestFirst => self.left.end = first,
            Order::OldestFirst => self.left.start = last.saturating_add(1),
        }
        Ok(true)
    }

    /// Reads candidates and keeps those that really match.
    fn fetch(&mut self, mut candidates: Vec<u64>) -> Result<(), LogError> {
        candidates.sort_unstable();
        let mut reading = None;
        let mut at = 0u64;
        for index in candidates {
            let near = reading.is_some() && index >= at && index - at <= GAP_MAX;
            if !near {
                (reading, at) = (Some(self.records.forwards(index)), index);
            }
            while let Some(record) = reading.as_mut().and_then(Iterator::next) {
                let record = record?;
                at = record.index().saturating_add(1);
                self.looked = self.looked.saturating_add(1);
                if record.index() < index {
                    continue;
                }
                if record.index() > index {
                    // It was dropped.
                    break;
                }
                if record.content == Content::Closed {
                    self.sealed.closed = self.sealed.closed.saturating_add(1);
                }
                if self.filter.matches(&record) {
                    match self.order {
                        Order::NewestFirst => self.ready.push_front(record),
                        Order::OldestFirst => self.ready.push_back(record),
                    }
                }
                break;
            }
        }
        Ok(())
    }
}

impl Iterator for Search<'_> {
    type Item = Result<LoggedRecord, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step()? {
                Ok(Some(record)) => return Some(Ok(record)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Search<'_> {
    /// Goes on by little: `None` inside says that nothing was found yet. For whoever wants to stop a long search.
    pub fn step(&mut self) -> Option<Result<Option<LoggedRecord>, LogError>> {
        if let Some(record) = self.ready.pop_front() {
            return Some(Ok(Some(record)));
        }
        let failed = match &self.stage {
            Stage::End => return None,
            Stage::Choose => {
                self.stage = self.choose();
                return Some(Ok(None));
            }
            Stage::Read { .. } => match self.read() {
                Some(Ok(record)) => return Some(Ok(self.filter.matches(&record).then_some(record))),
                Some(Err(error)) => error,
                None => {
                    if !self.is_read() {
                        // What is left was dropped.
                        self.left = 0..0;
                    }
                    self.stage = Stage::Choose;
                    return Some(Ok(None));
                }
            },
            Stage::Find(_) => match self.find() {
                Ok(found) => {
                    if !found {
                        self.stage = Stage::Choose;
                    }
                    return Some(Ok(None));
                }
                Err(error) => error,
            },
        };
        self.stage = Stage::End;
        Some(Err(failed))
    }

    /// Whether a part was read to its end. Otherwise the log begins, or ends, in the middle of it.
    fn is_read(&self) -> bool {
        match (&self.stage, self.order) {
            (Stage::Read { until, .. }, Order::NewestFirst) => self.left.end <= *until,
            (Stage::Read { until, .. }, Order::OldestFirst) => self.left.start >= *until,
            _ => true,
        }
    }
}

/// What the index says may match, block by block.
struct Finder<'a> {
    index: &'a Index,
    filter: &'a Filter,
    groups: Vec<Vec<i64>>,
    order: Order,
    range: Range<u64>,
    /// The next block to look at.
    block: Option<u64>,
    pending: VecDeque<u64>,
    /// Records with the wanted ids, when ids are looked for.
    listed: bool,
}

impl<'a> Finder<'a> {
    fn new(index: &'a Index, filter: &'a Filter, order: Order, range: Range<u64>) -> Self {
        let block = match order {
            Order::NewestFirst => range.end.checked_sub(1).map(block_of),
            Order::OldestFirst => Some(block_of(range.start)),
        };
        let (groups, pending) = (filter.groups(index.about.key), VecDeque::new());
        Self { index, filter, groups, order, range, block, pending, listed: false }
    }

    /// Up to `count` candidates in the order of the search; none at the end.
    fn take(&mut self, count: usize) -> Result<Vec<u64>, IndexError> {
        if !self.filter.wanted_ids().is_empty() && !self.listed {
            self.listed = true;
            self.block = None;
            self.list_ids()?;
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
        let connection = &self.index.connection;
        let mut select = connection.prepare_cached("SELECT record FROM ids WHERE id = ?1")?;
        let mut found = Vec::new();
        for id in self.filter.wanted_ids() {
            for record in select.query_map([id.to_string()], |row| row.get::<_, i64>(0))? {
                found.push(unsigned(record?)?);
            }
        }
        found.extend(self.index.records_with(self.index.about.key.word(Facet::Long, ""))?);
        found.sort_unstable();
        found.dedup();
        found.retain(|record| self.range.contains(record));
        if self.order == Order::NewestFirst {
            found.reverse();
        }
        self.pending = found.into();
        Ok(())
    }

    /// The block at `block` or behind it, in the order of the search, in which every group has a place.
    fn next_block(&self, mut block: u64) -> Result<Option<u64>, IndexError> {
        loop {
            let before = block;
            for group in &self.groups {
                let mut nearest: Option<u64> = None;
                for word in group {
                    let found = self.block_with(*word, block)?;
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
            let bounds = block_of(self.range.start)..=block_of(self.range.end.saturating_sub(1));
            if !bounds.contains(&block) {
                return Ok(None);
            }
            if block == before {
                return Ok(Some(block));
            }
        }
    }

    fn block_with(&self, word: i64, block: u64) -> Result<Option<u64>, IndexError> {
        let sql = match self.order {
            Order::NewestFirst => {
                "SELECT block FROM postings WHERE word = ?1 AND block <= ?2 ORDER BY block DESC LIMIT 1"
            }
            Order::OldestFirst => "SELECT block FROM postings WHERE word = ?1 AND block >= ?2 ORDER BY block LIMIT 1",
        };
        let mut select = self.index.connection.prepare_cached(sql)?;
        let found = select.query_row((word, signed(block)), |row| row.get::<_, i64>(0)).optional()?;
        found.map(unsigned).transpose()
    }

    /// Adds the candidates of a block, and goes behind it.
    fn load(&mut self, block: u64) -> Result<(), IndexError> {
        self.block = match self.order {
            Order::NewestFirst => block.checked_sub(1),
            Order::OldestFirst => block.checked_add(1),
        };
        let mut select =
            self.index.connection.prepare_cached("SELECT first_ms, last_ms, times FROM blocks WHERE block = ?1")?;
        let found = select
            .query_row([signed(block)], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
            })
            .optional()?;
        let missing = || Unusable::Damaged(format!("block {block} is missing"));
        let (first, last, times) = found.ok_or_else(missing)?;
        let first_record = block.saturating_mul(BLOCK);
        // Blocks of nothing but unknown times have bounds the wrong way round.
        let (first, last) = (u64::try_from(first).unwrap_or(0), u64::try_from(last).unwrap_or(0));
        if first <= last && !self.filter.overlaps(first, last) {
            return Ok(());
        }
        let count = u64::try_from(times.len()).unwrap_or_default() / TIME_BYTES;
        let expected = self.index.size().saturating_sub(first_record).min(BLOCK);
        if count < expected {
            return Err(Unusable::Damaged(format!("block {block} has {count} times instead of {expected}")).into());
        }
        let mut places = Places::first(count);
        for group in &self.groups {
            let mut any = Places::default();
            for word in group {
                if let Some(more) = self.places(*word, block)? {
                    any.unite(&more);
                }
            }
            places.keep(&any);
        }
        let (times, _) = times.as_chunks::<8>();
        let is_within = |index: &u64| {
            let time = times.get(usize::from(place_of(*index))).map(|bytes| u64::from_be_bytes(*bytes));
            self.range.contains(index) && self.filter.is_within(time.filter(|time| *time != super::NO_TIME))
        };
        let found = places.iter().map(|place| first_record.saturating_add(place.into())).filter(is_within);
        match self.order {
            Order::NewestFirst => {
                let found: Vec<u64> = found.collect();
                self.pending.extend(found.into_iter().rev());
            }
            Order::OldestFirst => {
                let found: Vec<u64> = found.collect();
                self.pending.extend(found);
            }
        }
        Ok(())
    }

    fn places(&self, word: i64, block: u64) -> Result<Option<Places>, IndexError> {
        let mut select =
            self.index.connection.prepare_cached("SELECT places FROM postings WHERE word = ?1 AND block = ?2")?;
        let bytes = select.query_row((word, signed(block)), |row| row.get::<_, Vec<u8>>(0)).optional()?;
        bytes.map(|bytes| decode(self.index.about.key, word, block, &bytes)).transpose()
    }
}
