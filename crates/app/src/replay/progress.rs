//! Progress of long work, on standard error, for people only.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often it is told.
const EVERY: Duration = Duration::from_secs(1);

/// Counts and tells.
pub(crate) struct Progress {
    total: u64,
    done: u64,
    began: Instant,
    told: Instant,
    shown: bool,
    terminal: bool,
}

impl Progress {
    /// Of `total` records.
    pub(crate) fn new(total: u64) -> Self {
        let now = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        Self { total, done: 0, began: now, told: now, shown: false, terminal }
    }

    /// One more.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        // The time is asked for now and then.
        if self.terminal && self.done.is_multiple_of(1_024) && self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            self.shown = true;
            let rate = self.rate(self.done);
            // A terminal that is gone is no reason to end.
            let _ = write!(std::io::stderr(), "\r{} of {} records, {rate:.0}/s ", self.done, self.total);
        }
    }

    /// So many in a second, since the beginning.
    pub(crate) fn rate(&self, count: u64) -> f64 {
        count as f64 / self.began.elapsed().as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = writeln!(std::io::stderr());
        }
    }
}
