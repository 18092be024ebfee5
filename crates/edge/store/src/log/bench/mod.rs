//! What the log costs on this disk, each figure beside its floor or a peer of the same run: the raw sync and a lone record,
//! groups written bare and by SQLite, many callers at once, a steady load, then verifying and proving what was written.
//!
//! Memory is looked at while the log grows: it must not grow with it.

mod floor;
mod latencies;
mod load;
mod memory;
mod payload;
mod peer;
mod reading;

use super::{Log, LogError, LogOptions};
use latencies::Latencies;
use load::Load;
use payload::Payload;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// Bytes that one record takes on disk beside itself: its frame, its entry and its hashes, rounded up.
const RECORD_OVERHEAD_BYTES: u64 = 112;
/// Records a second that a burst may write at most, for the estimate of the room that is needed.
const BURST_RATE_MAX: u64 = 600_000;

/// How long and with what.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// Time for each case but the steady one.
    pub burst: Duration,
    /// Time for the steady load.
    pub steady: Duration,
    /// Records a second of the steady load, whether or not the log keeps up.
    pub steady_rate: u32,
    /// Bytes of a record.
    pub record_bytes: usize,
    /// Records that wait at the same time: one case each. The bare groups and those of SQLite have as many.
    pub waiters: Vec<usize>,
    /// The log is filled up to so many records before it is verified and proved from.
    pub records: u64,
    /// Records that are proved.
    pub proofs: u32,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self {
            burst: Duration::from_secs(10),
            steady: Duration::from_secs(60),
            steady_rate: 100_000,
            record_bytes: 500,
            waiters: vec![512, 4_096],
            records: 10_000_000,
            proofs: 2_000,
        }
    }
}

impl BenchOptions {
    /// Bytes of disk that it may take, rather too many than too few.
    #[must_use]
    pub fn room_bytes(&self) -> u64 {
        let bursts = BURST_RATE_MAX.saturating_mul(self.burst.as_secs()).saturating_mul(self.waiters.len() as u64);
        let steady = u64::from(self.steady_rate).saturating_mul(self.steady.as_secs());
        let records = bursts.saturating_add(steady).max(self.records);
        records.saturating_mul((self.record_bytes as u64).saturating_add(RECORD_OVERHEAD_BYTES))
    }
}

/// How far a case is.
#[derive(Clone, Copy, Debug)]
pub struct BenchStep<'a> {
    /// The case.
    pub case: &'a str,
    /// Seconds or records, by `unit`.
    pub done: u64,
    /// Of so many.
    pub total: u64,
    /// What is counted.
    pub unit: &'static str,
}

/// Who is told how far it is.
pub type BenchProgress<'a> = &'a mut dyn FnMut(BenchStep<'_>);

/// One measured case.
#[derive(Clone, Debug, Serialize)]
pub struct BenchCase {
    /// What was measured.
    pub name: String,
    /// Unit of `p50` and `p99`.
    pub unit: &'static str,
    /// Half of the latencies are below.
    pub p50: f64,
    /// 99 of 100 latencies are below.
    pub p99: f64,
    /// Operations a second; 0 where there is no rate.
    pub rate: f64,
    /// Operations.
    pub n: u64,
}

impl BenchCase {
    /// `records`: how many records each latency stands for.
    fn new(name: impl Into<String>, latencies: &Latencies, elapsed: Duration, records: u64) -> Self {
        let us = |percent| latencies.percentile(percent).as_secs_f64() * 1e6;
        let n = latencies.count().saturating_mul(records);
        let rate = n as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        Self { name: name.into(), unit: "us", p50: us(50), p99: us(99), rate, n }
    }
}

/// The raw sync alone: what a durable record costs at least on the disk of `directory`.
///
/// # Errors
/// [`LogError`] when something cannot be written.
pub fn bench_sync(directory: &Path, duration: Duration) -> Result<BenchCase, LogError> {
    floor::syncs(&directory.join("raw-sync"), &Payload::new(BenchOptions::default().record_bytes), duration)
}

/// Measures in `directory`, which must be on the disk in question, and leaves a log and a key there.
///
/// # Errors
/// [`LogError`] when something cannot be written or read.
pub fn bench(
    directory: &Path,
    options: &BenchOptions,
    progress: BenchProgress<'_>,
) -> Result<Vec<BenchCase>, LogError> {
    let payload = Payload::new(options.record_bytes);
    let mut cases = Vec::new();
    for group in &options.waiters {
        cases.push(floor::groups(directory, &payload, *group, options.burst, progress)?);
        cases.push(peer::groups(directory, &payload, *group, options.burst, progress)?);
    }
    let (log, _) = Log::open(LogOptions::new(directory.join("log"), directory.join("log.key"), "localhost/bench"))?;
    let mut load = Load::new(&log, &payload, progress);
    cases.extend(load.lone(&directory.join("raw-sync"), options.burst)?);
    for waiters in &options.waiters {
        cases.push(load.burst(*waiters, options.burst)?);
    }
    cases.push(load.steady(options.steady_rate, options.steady)?);
    cases.extend(load.fill(options.waiters.iter().copied().max().unwrap_or(1), options.records)?);
    cases.extend(load.memory());
    log.close_blocking()?;
    drop(log);
    cases.extend(reading::verify(&directory.join("log"), progress)?);
    cases.extend(reading::prove(&directory.join("log"), options.proofs, progress)?);
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_measured_and_the_log_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let options = BenchOptions {
            burst: Duration::from_millis(50),
            steady: Duration::from_millis(100),
            steady_rate: 1_000,
            waiters: vec![8],
            records: 5_000,
            proofs: 20,
            ..BenchOptions::default()
        };
        let mut told = 0;
        let cases = bench(directory.path(), &options, &mut |_| told += 1).unwrap();
        let find = |name: &str| {
            let found = cases.iter().find(|case| case.name.starts_with(name));
            found.unwrap_or_else(|| panic!("no `{name}` in {cases:#?}"))
        };
        assert_eq!(find("steady").n, 100, "what was due was sent");
        assert!(find("verify").n >= 5_000);
        assert_eq!(find("prove").n, 20);
        for name in [
            "floor: a group",
            "peer: a group",
            "floor: one sync",
            "a lone record",
            "8 in flight",
            "memory: the log is full",
        ] {
            let case = find(name);
            assert!(case.n > 0 && case.p50 > 0.0 && case.p99 >= case.p50, "{case:?}");
        }
        assert!(told > 0);
    }
}
