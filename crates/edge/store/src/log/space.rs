//! Whether the disk has room for more, looked at before it is full.
//!
//! A disk that is full in the middle of a write ends the log. So the room is looked at when a segment is to be made, and
//! once in a while: below `keep_free` the log takes no more actions, by name, and goes on by itself when there is room
//! again. What is decided here is only whether records are taken; a write that fails all the same ends the log.

use super::LogError;
use super::disk::Disk;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The log is back when this part of `keep_free` is free beyond it: at the edge it would come and go with each file.
const BACK_PART: u64 = 16;
/// Free bytes that tiles and a checkpoint need: with less, sealing waits on a nearly full disk.
const SEALING_BYTES: u64 = 4 << 20;
/// A segment that does not fit is tried at a quarter of its size, and so on.
const SHRINK: u64 = 4;

/// How much room the disk has, as far as the log cares. Ordered by how bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// There is room.
    Enough,
    /// There is no room for another segment. What fits the present one is still taken.
    Low {
        /// Free bytes when that was found.
        free: u64,
    },
    /// Nothing is taken but what belongs to what was permitted before, as long as that fits.
    NearlyFull {
        /// Free bytes when that was found.
        free: u64,
    },
}

impl Space {
    fn rank(self) -> u8 {
        match self {
            Self::Enough => 0,
            Self::Low { .. } => 1,
            Self::NearlyFull { .. } => 2,
        }
    }

    /// The name, as in records: `enough`, `low`, `nearly-full`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enough => "enough",
            Self::Low { .. } => "low",
            Self::NearlyFull { .. } => "nearly-full",
        }
    }

    /// Free bytes when the state was entered; none when there is room.
    #[must_use]
    pub const fn free(self) -> Option<u64> {
        match self {
            Self::Enough => None,
            Self::Low { free } | Self::NearlyFull { free } => Some(free),
        }
    }
}

/// Looks at the room of one log's disk, and remembers what came of it.
#[derive(Debug)]
pub(crate) struct Gauge {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    keep_free: u64,
    interval: Duration,
    wants: Mutex<Wants>,
    refuses: AtomicBool,
    state: watch::Sender<Space>,
}

/// What the writer could not have.
#[derive(Debug, Default)]
struct Wants {
    /// Bytes of the smallest segment that could not be made; 0 when none is missing.
    segment: u64,
    /// A record did not fit any more.
    exhausted: bool,
    /// The log has ended: nothing is found out any more.
    ended: bool,
    looked: Option<Instant>,
}

impl Gauge {
    pub(crate) fn new(disk: Arc<dyn Disk>, directory: &Path, keep_free: u64, interval: Duration) -> Self {
        Self {
            disk,
            directory: directory.to_owned(),
            keep_free,
            interval,
            wants: Mutex::default(),
            refuses: AtomicBool::new(false),
            state: watch::Sender::new(Space::Enough),
        }
    }

    /// Whether ordinary records are refused now. Cheap.
    pub(crate) fn refuses(&self) -> bool {
        self.refuses.load(Ordering::Acquire)
    }

    pub(crate) fn state(&self) -> &watch::Sender<Space> {
        &self.state
    }

    /// What a refused record is answered with.
    pub(crate) fn refusal(&self) -> LogError {
        let free = self.state.borrow().free().unwrap_or_default();
        LogError::NearlyFull { directory: self.directory.clone(), free, keep_free: self.keep_free }
    }

    /// Looks at the disk when it is time to.
    pub(crate) fn look_if_due(&self) {
        if self.due_in().is_zero() {
            self.look();
        }
    }

    /// Time until the next look.
    pub(crate) fn due_in(&self) -> Duration {
        self.wants().looked.map_or(Duration::ZERO, |looked| self.interval.saturating_sub(looked.elapsed()))
    }

    /// Looks at the disk now.
    pub(crate) fn look(&self) {
        let mut wants = self.wants();
        let free = self.measure(&mut wants);
        self.settle(&mut wants, free);
    }

    /// The size that the next segment can have: `wanted`, or less down to `least`. None when there is no room for any.
    pub(crate) fn segment(&self, wanted: u64, least: u64) -> Option<u64> {
        let mut wants = self.wants();
        if wants.segment > 0 && self.state.borrow().rank() > 0 {
            // Asked before; the regular look says when it is worth asking again.
            return None;
        }
        let free = self.measure(&mut wants);
        let sizes =
            std::iter::successors(Some(wanted.max(least)), |size| (*size > least).then(|| (size / SHRINK).max(least)));
        let found = sizes
            .take_while(|size| *size >= least)
            .find(|size| free.checked_sub(*size).is_some_and(|rest| rest >= self.keep_free));
        wants.segment = if found.is_some() { 0 } else { least };
        self.settle(&mut wants, free);
        found
    }

    /// A record does not fit any more, and there is no next segment.
    pub(crate) fn exhaust(&self) {
        let mut wants = self.wants();
        wants.exhausted = true;
        let free = self.measure(&mut wants);
        self.settle(&mut wants, free);
    }

    /// Whether a nearly full disk has not even room for tiles. Looks at it now.
    pub(crate) fn is_out(&self) -> bool {
        if !self.refuses() {
            return false;
        }
        let mut wants = self.wants();
        let free = self.measure(&mut wants);
        self.settle(&mut wants, free);
        free < SEALING_BYTES
    }

    /// The log has ended: that is what whoever asks has to be told, and not that there is little room.
    pub(crate) fn end(&self) {
        // Held: a look that is under way must not have the last word.
        let mut wants = self.wants();
        wants.ended = true;
        self.refuses.store(false, Ordering::Release);
        self.state.send_replace(Space::Enough);
    }

    fn wants(&self) -> MutexGuard<'_, Wants> {
        self.wants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Free bytes. A disk that does not say has none: nothing is written on a guess.
    fn measure(&self, wants: &mut Wants) -> u64 {
        wants.looked = Some(Instant::now());
        self.disk.free_bytes(&self.directory).unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot tell how much room the disk has");
            0
        })
    }

    fn settle(&self, wants: &mut Wants, free: u64) {
        if wants.ended {
            return;
        }
        let found = |floor: u64| {
            let lacks = wants.segment > 0 && free < floor.saturating_add(wants.segment);
            if free < floor || (lacks && wants.exhausted) {
                Space::NearlyFull { free }
            } else if lacks {
                Space::Low { free }
            } else {
                Space::Enough
            }
        };
        let now = *self.state.borrow();
        let mut next = found(self.keep_free);
        if next.rank() < now.rank() {
            // It gets better, once it is better by a margin.
            let careful = found(self.keep_free.saturating_add(self.keep_free / BACK_PART));
            next = match now {
                _ if careful.rank() < now.rank() => careful,
                Space::Low { .. } if wants.exhausted => Space::NearlyFull { free },
                _ => now,
            };
        }
        if next.rank() == 0 {
            (wants.segment, wants.exhausted) = (0, false);
        }
        if next.rank() != now.rank() {
            let (state, keep_free) = (next.as_str(), self.keep_free);
            tracing::warn!(state, free, keep_free, "room on the disk of the log");
            self.refuses.store(next.rank() == 2, Ordering::Release);
            self.state.send_replace(next);
        }
    }
}
