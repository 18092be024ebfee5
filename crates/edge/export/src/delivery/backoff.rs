//! How long is waited before the next attempt.

use std::time::Duration;

/// Longest time that the other side may put an attempt off.
const ASKED_MAX: Duration = Duration::from_secs(3_600);
/// More doublings than this are the longest pause anyway.
const DOUBLINGS_MAX: u32 = 30;

/// The pause after so many attempts in vain: doubled each time, up to `longest`, and half of it by chance, so that
/// many do not come back at once. What the other side asks for counts when it is longer.
pub(super) fn pause(failures: u32, (first, longest): (Duration, Duration), asked_s: Option<u64>) -> Duration {
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(DOUBLINGS_MAX)).min(longest);
    // Without chance the pause is the whole one.
    let chance = getrandom::u32().unwrap_or(u32::MAX);
    let pause = doubled / 2 + (doubled / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX));
    pause.max(asked_s.map_or(Duration::ZERO, |asked| Duration::from_secs(asked).min(ASKED_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end() {
        let bounds = (Duration::from_millis(100), Duration::from_secs(10));
        for (failures, longest_ms) in [(1, 100), (2, 200), (5, 1_600), (8, 10_000), (u32::MAX, 10_000)] {
            for _ in 0..100 {
                let pause = pause(failures, bounds, None);
                let longest = Duration::from_millis(longest_ms);
                assert!(pause >= longest / 2 && pause <= longest, "{failures}: {pause:?}");
            }
        }
        assert_eq!(pause(1, bounds, Some(7)), Duration::from_secs(7));
        assert_eq!(pause(1, bounds, Some(u64::MAX)), ASKED_MAX);
    }
}
