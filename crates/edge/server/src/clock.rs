//! Time and randomness, injected into everything below.

use holdshort_model::RecordId;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Nanoseconds since 1970, UTC.
    fn now_ns(&self) -> i64;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ns(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}

/// Nanoseconds to milliseconds; a time before 1970 is 0.
pub(crate) fn ms(ns: i64) -> u64 {
    u64::try_from(ns / 1_000_000).unwrap_or(0)
}

/// Makes record ids from the time and the operating system's random numbers.
#[derive(Clone, Copy)]
pub(crate) struct Ids;

impl Ids {
    /// A new id, or nothing when the operating system has no random numbers.
    pub(crate) fn next(&self, now_ns: i64) -> Option<RecordId> {
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).ok()?;
        Some(RecordId::from_parts(ms(now_ns), u128::from_le_bytes(random)))
    }
}
