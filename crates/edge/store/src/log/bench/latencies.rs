//! Latencies, counted in ranges of less than one percent: as many as come, in the same memory.

use std::time::Duration;

/// Ranges between a power of two and the next, as a power of two.
const FINE_BITS: u32 = 7;
const FINE: u64 = 1 << FINE_BITS;

/// How often each latency was seen.
#[derive(Debug)]
pub(super) struct Latencies {
    ranges: Vec<u64>,
    count: u64,
}

impl Latencies {
    pub(super) fn new() -> Self {
        let ranges = usize::try_from(FINE.saturating_mul(65)).unwrap_or_default();
        Self { ranges: vec![0; ranges], count: 0 }
    }

    pub(super) fn add(&mut self, latency: Duration) {
        let at = range(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        if let Some(range) = self.ranges.get_mut(at) {
            *range = range.saturating_add(1);
            self.count = self.count.saturating_add(1);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// `percent` of 100 latencies are not above; nothing seen: zero.
    pub(super) fn percentile(&self, percent: u64) -> Duration {
        let wanted = self.count.saturating_mul(percent).div_ceil(100).max(1);
        let mut seen = 0u64;
        for (at, count) in self.ranges.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= wanted {
                return Duration::from_nanos(middle(at));
            }
        }
        Duration::ZERO
    }
}

/// Below [`FINE`] each value has its own range; above it the leading bits count.
fn range(value: u64) -> usize {
    let above = value.checked_ilog2().unwrap_or(0).saturating_sub(FINE_BITS);
    let fine = value >> above;
    let at = u64::from(above).saturating_mul(FINE).saturating_add(fine);
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn middle(at: usize) -> u64 {
    let at = u64::try_from(at).unwrap_or(u64::MAX);
    let above = (at / FINE).saturating_sub(1);
    let fine = at.saturating_sub(above.saturating_mul(FINE));
    let half = (1u64 << above.min(63)) / 2;
    fine.checked_shl(u32::try_from(above).unwrap_or(u32::MAX)).unwrap_or(u64::MAX).saturating_add(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_values_within_a_percent() {
        for value in (0..20_000).chain((0..50).map(|bits| (1u64 << bits) + 12_345)).chain([u64::MAX / 2]) {
            let middle = middle(range(value));
            assert!(middle.abs_diff(value) as f64 <= value as f64 * 0.01, "{value} came back as {middle}");
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_added() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentile(50), Duration::ZERO);
        (1..=1_000).rev().for_each(|us| latencies.add(Duration::from_micros(us)));
        let near = |percent, us: f64| {
            let found = latencies.percentile(percent).as_secs_f64() * 1e6;
            assert!((found - us).abs() <= us * 0.01, "p{percent} is {found}");
        };
        near(50, 500.0);
        near(99, 990.0);
        near(100, 1_000.0);
        assert_eq!(latencies.count(), 1_000);
    }
}
