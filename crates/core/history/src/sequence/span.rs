//! Sums and sets over a sliding window, in bounded space.

use super::value::{DISTINCT_MAX, KEYED_DISTINCT_MAX, Mark, Micro};
use std::collections::{BTreeMap, VecDeque};

/// Most cells of one window. Up to so many events inside a window are kept one by one, and the sum is exact.
pub const CELLS_MAX: usize = 128;
/// Slots that a window is cut into when there are more: events of one slot become one cell, which counts until its
/// newest event is too old. An event then counts for at most a 64th of the window longer than it should, never shorter.
pub const SLOTS: i64 = 64;

/// Events that happened one after the other, as a sum.
#[derive(Clone, Copy, Debug)]
struct Cell {
    first: u64,
    last: u64,
    newest_ns: i64,
    amount: Micro,
}

/// [`CELLS_MAX`] of each window of a sequence with `same`, of which there are many.
pub const KEYED_CELLS_MAX: usize = 64;
/// [`SLOTS`] of each window of a sequence with `same`.
pub const KEYED_SLOTS: i64 = 32;

/// How much room a window has. INVARIANT: twice as many cells as slots, so that a merge makes room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    cells: usize,
    slots: i64,
    distinct: usize,
}

impl Room {
    /// Of the only window of a sequence.
    pub(super) const WIDE: Self = Self { cells: CELLS_MAX, slots: SLOTS, distinct: DISTINCT_MAX };
    /// Of one of many.
    pub(super) const KEYED: Self = Self { cells: KEYED_CELLS_MAX, slots: KEYED_SLOTS, distinct: KEYED_DISTINCT_MAX };
}

/// A sum over a window.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    // By rank; ranks of two cells do not overlap. Times rise with ranks.
    cells: VecDeque<Cell>,
}

impl Span {
    /// Adds an event. Ranks may come in any order, each once.
    pub(super) fn add(&mut self, room: Room, rank: u64, time_ns: i64, amount: Micro, window_ns: i64, now_ns: i64) {
        while self.cells.front().is_some_and(|cell| !live(cell.newest_ns, window_ns, now_ns)) {
            self.cells.pop_front();
        }
        let after = self.cells.partition_point(|cell| cell.last < rank);
        match self.cells.get_mut(after) {
            // It happened between events that are one cell by now.
            Some(cell) if cell.first < rank => cell.amount = cell.amount.saturating_add(amount),
            _ => self.cells.insert(after, Cell { first: rank, last: rank, newest_ns: time_ns, amount }),
        }
        if self.cells.len() > room.cells {
            self.merge(room, window_ns);
        }
    }

    /// The sum of what is not too old.
    pub(super) fn sum(&self, window_ns: i64, now_ns: i64) -> Micro {
        let recent = self.cells.iter().rev().take_while(|cell| live(cell.newest_ns, window_ns, now_ns));
        recent.fold(0, |sum, cell| sum.saturating_add(cell.amount))
    }

    pub(super) fn is_live(&self, window_ns: i64, now_ns: i64) -> bool {
        self.cells.back().is_some_and(|cell| live(cell.newest_ns, window_ns, now_ns))
    }

    pub(super) fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
    }

    // All slots and a part of one more are inside the window at most, so that about half of the cells go.
    fn merge(&mut self, room: Room, window_ns: i64) {
        let slot_ns = (window_ns / room.slots).max(1);
        let slot = |cell: &Cell| cell.newest_ns.div_euclid(slot_ns);
        let mut merged: VecDeque<Cell> = VecDeque::with_capacity(room.cells + 1);
        for cell in self.cells.drain(..) {
            match merged.back_mut() {
                Some(last) if slot(last) == slot(&cell) => {
                    last.last = cell.last;
                    last.newest_ns = last.newest_ns.max(cell.newest_ns);
                    last.amount = last.amount.saturating_add(cell.amount);
                }
                _ => merged.push_back(cell),
            }
        }
        self.cells = merged;
    }
}

/// The different values over a window.
#[derive(Clone, Debug, Default)]
pub(super) struct Distinct {
    newest_ns: BTreeMap<Mark, i64>,
    // When a value was last left out for want of room.
    left_out_ns: Option<i64>,
}

impl Distinct {
    pub(super) fn add(&mut self, room: Room, mark: Mark, time_ns: i64, window_ns: i64, now_ns: i64) {
        if let Some(newest) = self.newest_ns.get_mut(&mark) {
            *newest = time_ns.max(*newest);
            return;
        }
        if self.newest_ns.len() >= room.distinct {
            self.newest_ns.retain(|_, newest| live(*newest, window_ns, now_ns));
        }
        if self.newest_ns.len() >= room.distinct {
            self.left_out_ns = self.left_out_ns.max(Some(time_ns));
            return;
        }
        self.newest_ns.insert(mark, time_ns);
    }

    /// How many there are together with `more`; none when there are too many to tell.
    pub(super) fn count(&self, mut more: Vec<Mark>, window_ns: i64, now_ns: i64) -> Option<usize> {
        if self.left_out_ns.is_some_and(|time| live(time, window_ns, now_ns)) {
            return None;
        }
        more.sort_unstable();
        more.dedup();
        let kept = self.newest_ns.values().filter(|newest| live(**newest, window_ns, now_ns)).count();
        let is_kept = |mark: &Mark| self.newest_ns.get(mark).is_some_and(|newest| live(*newest, window_ns, now_ns));
        let count = kept + more.iter().filter(|mark| !is_kept(mark)).count();
        (count <= DISTINCT_MAX).then_some(count)
    }

    pub(super) fn is_live(&self, window_ns: i64, now_ns: i64) -> bool {
        self.left_out_ns.iter().chain(self.newest_ns.values()).any(|time| live(*time, window_ns, now_ns))
    }

    pub(super) fn bytes(&self) -> usize {
        self.newest_ns.len() * 48
    }
}

/// Whether an event of this time is inside the window; one that is exactly as old as the window is long is.
pub(super) fn live(time_ns: i64, window_ns: i64, now_ns: i64) -> bool {
    now_ns.saturating_sub(time_ns) <= window_ns
}
