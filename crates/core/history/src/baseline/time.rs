//! Minutes, hours and half-lives since 1970, UTC.

use super::HALF_LIFE_DAYS;
use super::volume::WEEK_HOURS;

/// A point in time, in the units that a baseline counts in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) minute: u32,
    pub(super) hour: u32,
    /// Number of the half-life.
    pub(super) period: u32,
}

impl Moment {
    /// `now_ns`: nanoseconds since 1970; earlier is 1970.
    pub(super) fn of(now_ns: i64) -> Self {
        let minutes = now_ns.max(0) / 60_000_000_000;
        let number = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let (hours, days) = (minutes / 60, minutes / (24 * 60));
        Self { minute: number(minutes), hour: number(hours), period: number(days / HALF_LIFE_DAYS) }
    }
}

/// Whether `now` belongs to another unit than `then`. One unit back is the same one: threads read the clock before they
/// wait for their turn. More than that is a clock that was set back, and must not stop all learning.
pub(super) fn another(then: u32, now: u32) -> bool {
    now > then || then - now > 1
}

/// From 0 to 167. The week begins on a Thursday, as 1970 did; nobody is told the number.
pub(super) fn hour_of_week(hour: u32) -> usize {
    hour as usize % WEEK_HOURS
}
