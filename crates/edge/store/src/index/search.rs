//! A search: what is indexed is found by the index, the rest is read; every hit comes from the log.

use super::finder::Finder;
use super::{Filter, Index, IndexError, file};
use crate::log::{Forwards, LogError};
use crate::records::{Content, LoggedRecord, Records};
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
    /// What candidates are read with. Kept, so that a segment that has to be unpacked is unpacked once.
    reading: Forwards,
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
        let (reading, sealed) = (records.reader().forwards(0), Sealed::default());
        Self { records, index, filter, order, left, stage, reading, ready, looked: 0, sealed, fault: None }
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
                if let (IndexError::Unusable(_), Some(index)) = (&error, self.index) {
                    file::doubt(&index.connection);
                }
                (self.fault, self.index) = (Some(error), None);
                return Ok(false);
            }
        };
        let (Some(first), Some(last)) = (candidates.iter().min(), candidates.iter().max()) else {
            match self.order {
                Order::NewestFirst => self.left.end = self.left.start,
                Order::OldestFirst => self.left.start = finder.end(),
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
        for index in candidates {
            if !self.reading.go_to(index, GAP_MAX) {
                // In another segment.
                self.reading = self.records.reader().forwards(index);
            }
            let Some(stored) = self.reading.next().transpose()? else { break };
            self.looked = self.looked.saturating_add(1);
            if stored.index != index {
                // It was dropped.
                continue;
            }
            let record = self.records.read(stored);
            if record.content == Content::Closed {
                self.sealed.closed = self.sealed.closed.saturating_add(1);
            }
            if self.filter.matches(&record) {
                match self.order {
                    Order::NewestFirst => self.ready.push_front(record),
                    Order::OldestFirst => self.ready.push_back(record),
                }
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
