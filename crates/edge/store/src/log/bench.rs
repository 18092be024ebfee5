//! What the log costs on this disk: the raw sync, a lone record, and many at once, measured in one run.

use super::queue::block_on;
use super::{Log, LogError, LogOptions};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of the file that the raw sync is measured on: preallocated and zero-written, like a segment.
const RAW_FILE_BYTES: usize = 4 << 20;

/// How long and with what.
#[derive(Clone, Copy, Debug)]
pub struct BenchOptions {
    /// Time for each of the three cases.
    pub duration: Duration,
    /// Bytes of a record.
    pub record_bytes: usize,
    /// Records that wait at the same time in the last case.
    pub waiters: usize,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self { duration: Duration::from_secs(5), record_bytes: 500, waiters: 10_000 }
    }
}

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
    /// Operations a second.
    pub rate: f64,
    /// Operations.
    pub n: u64,
}

/// Measures in `directory`, which must be on the disk in question, and leaves a log and a key there.
///
/// # Errors
/// [`LogError`] when something cannot be written.
pub fn bench(directory: &Path, options: &BenchOptions) -> Result<Vec<BenchCase>, LogError> {
    let raw = raw_sync(directory, options)?;
    let (log, _) = Log::open(LogOptions::new(directory.join("log"), directory.join("log.key"), "localhost/bench"))?;
    let lone = lone_records(&log, options)?;
    let many = many_waiters(&log, options)?;
    log.close_blocking()?;
    Ok(vec![raw, lone, many])
}

fn raw_sync(directory: &Path, options: &BenchOptions) -> Result<BenchCase, LogError> {
    let path = directory.join("raw-sync");
    let failed = || LogError::io("measure the sync of", &path);
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path).map_err(failed())?;
    file.write_all_at(&vec![0; RAW_FILE_BYTES], 0).map_err(failed())?;
    file.sync_all().map_err(failed())?;
    let record = vec![7; options.record_bytes];
    let mut latencies = Vec::new();
    let mut at = 0;
    let begin = Instant::now();
    while begin.elapsed() < options.duration {
        let start = Instant::now();
        file.write_all_at(&record, at).and_then(|()| file.sync_data()).map_err(failed())?;
        latencies.push(start.elapsed());
        at = (at + u64::try_from(record.len()).unwrap_or_default()) % (1 << 20);
    }
    let case = BenchCase::new("ledger/raw-fdatasync", begin.elapsed(), latencies);
    std::fs::remove_file(&path).map_err(failed())?;
    Ok(case)
}

fn lone_records(log: &Log, options: &BenchOptions) -> Result<BenchCase, LogError> {
    let mut latencies = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < options.duration {
        let start = Instant::now();
        log.append_blocking(vec![7; options.record_bytes])?;
        latencies.push(start.elapsed());
    }
    Ok(BenchCase::new("ledger/lone-record", begin.elapsed(), latencies))
}

fn many_waiters(log: &Log, options: &BenchOptions) -> Result<BenchCase, LogError> {
    let one = || {
        let (start, payload) = (Instant::now(), vec![7; options.record_bytes]);
        async move { log.append(payload).await.map(|_| start.elapsed()) }
    };
    block_on(async {
        let mut waiting: FuturesUnordered<_> = (0..options.waiters).map(|_| one()).collect();
        let mut latencies = Vec::new();
        let begin = Instant::now();
        while let Some(latency) = waiting.next().await {
            latencies.push(latency?);
            if begin.elapsed() < options.duration {
                waiting.push(one());
            }
        }
        Ok(BenchCase::new(&format!("ledger/{}-waiters", options.waiters), begin.elapsed(), latencies))
    })
}

impl BenchCase {
    fn new(name: &str, elapsed: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let percentile = |percent: usize| {
            let at = latencies.len().saturating_sub(1).saturating_mul(percent) / 100;
            latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
        };
        let n = u64::try_from(latencies.len()).unwrap_or(u64::MAX);
        let count = Duration::from_secs(n).as_secs_f64();
        let rate = count / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        Self { name: name.to_owned(), unit: "us", p50: percentile(50), p99: percentile(99), rate, n }
    }
}
