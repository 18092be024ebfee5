//! Time that never falls, also when the system's clock does.

use std::time::Instant;

/// The highest time so far, carried on by the monotone clock.
///
/// INVARIANT: what has ended stays ended. A clock that is set back brings nothing back to life; one that jumped ahead and
/// is put right again does not stop time either, so that approvals still end.
pub(super) struct Steady {
    high_ms: u64,
    at: Instant,
}

impl Steady {
    /// Starts at a time that was written down before.
    pub(super) fn new(high_ms: u64) -> Self {
        Self { high_ms, at: Instant::now() }
    }

    /// Now, given what the system's clock says.
    pub(super) fn now_ms(&mut self, wall_ms: u64) -> u64 {
        let passed = u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let steady = self.high_ms.saturating_add(passed);
        if wall_ms > steady {
            *self = Self::new(wall_ms);
        }
        steady.max(wall_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_follows_the_clock_ahead_and_never_back() {
        let mut steady = Steady::new(1_000_000);
        assert!(steady.now_ms(5) >= 1_000_000);
        assert_eq!(steady.now_ms(9_000_000), 9_000_000);
        let now = steady.now_ms(1);
        assert!((9_000_000..9_060_000).contains(&now), "{now}");
        let at = Instant::now().checked_sub(std::time::Duration::from_secs(60)).unwrap();
        steady.at = at;
        assert!(steady.now_ms(1) >= 9_060_000, "it goes on although the clock does not");
    }
}
