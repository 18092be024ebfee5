//! Figures of this machine. Each measures beside its own yardstick: the raw sync, the direct call, a bare proxy.

mod contain;
mod decide;
mod everything;
mod export;
mod gateway;
mod ledger;
mod replay;
mod scratch;
mod upstream;

pub(crate) use contain::contain;
pub(crate) use decide::decide;
pub(crate) use export::export;
pub(crate) use gateway::gateway;
pub(crate) use ledger::ledger;
pub(crate) use replay::replay;
pub(crate) use scratch::Scratch;

use holdshort_store::log::BenchCase;
use std::time::{Duration, Instant};

/// A case from its samples. `elapsed`: wall clock of all of them together.
fn case(name: &str, mut samples: Vec<Duration>, elapsed: Duration) -> BenchCase {
    samples.sort_unstable();
    let at = |share: usize| {
        let index = (samples.len() * share / 100).min(samples.len().saturating_sub(1));
        samples.get(index).map_or(0.0, |sample| sample.as_secs_f64() * 1e6)
    };
    let n = samples.len() as u64;
    let rate = samples.len() as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    BenchCase { name: name.to_owned(), unit: "us", p50: at(50), p99: at(99), rate, n }
}

/// Times one thing again and again.
fn repeat(name: &str, operations: u32, mut once: impl FnMut()) -> BenchCase {
    // Caches and branch predictors as they are in a running service.
    (0..operations / 10).for_each(|_| once());
    let started = Instant::now();
    let sample = |_| {
        let started = Instant::now();
        once();
        started.elapsed()
    };
    let samples = (0..operations).map(sample).collect();
    case(name, samples, started.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_samples() {
        let samples = (1..=100).rev().map(Duration::from_micros).collect();
        let found = case("c", samples, Duration::from_secs(2));
        assert_eq!((found.p50.round(), found.p99.round(), found.n, found.rate), (51.0, 100.0, 100, 50.0));
        assert_eq!(case("none", Vec::new(), Duration::from_secs(1)).p99, 0.0);
    }
}
