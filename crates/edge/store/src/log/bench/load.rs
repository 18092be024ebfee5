//! Callers of the log: one, many that wait for theirs before they come again, and a steady stream that waits for nobody.

use super::floor::{Bare, ONE_SYNC};
use super::latencies::Latencies;
use super::payload::Payload;
use super::{BenchCase, BenchStep, Log, LogError, memory};
use crate::log::queue::block_on;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use holdshort_ledger::FRAME_HEADER_BYTES;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Lone records, and raw syncs, before the other side has its turn: a disk may change its mind within seconds.
const TURN: u32 = 64;
/// Between two looks at what is due.
const TICK: Duration = Duration::from_micros(100);
/// Records between two looks at the memory.
const MEMORY_EACH: u64 = 1_000_000;
/// Records between two reports.
const TOLD_EACH: u64 = 16_384;

/// Appends to a log.
pub(super) struct Load<'a, 'p> {
    log: &'a Log,
    payload: &'a Payload,
    progress: &'a mut (dyn FnMut(BenchStep<'_>) + 'p),
    /// Records appended.
    appended: u64,
    memory: Vec<BenchCase>,
}

impl<'a, 'p> Load<'a, 'p> {
    pub(super) fn new(log: &'a Log, payload: &'a Payload, progress: &'a mut (dyn FnMut(BenchStep<'_>) + 'p)) -> Self {
        let memory = memory::resident("the log is open", 0).into_iter().collect();
        Self { log, payload, progress, appended: 0, memory }
    }

    /// One record at a time, in turns with one bare sync at a time.
    pub(super) fn lone(&mut self, bare: &Path, duration: Duration) -> Result<[BenchCase; 2], LogError> {
        let (mut raw, mut lone) = (Latencies::new(), Latencies::new());
        let (mut raw_time, mut lone_time) = (Duration::ZERO, Duration::ZERO);
        let mut file = Bare::make(bare)?;
        let frame = vec![7; self.payload.bytes().saturating_add(FRAME_HEADER_BYTES)];
        let begin = Instant::now();
        while begin.elapsed() < duration {
            let turn = Instant::now();
            for _ in 0..TURN {
                raw.add(file.write(&frame)?);
            }
            raw_time = raw_time.saturating_add(turn.elapsed());
            let turn = Instant::now();
            for _ in 0..TURN {
                let record = self.payload.record(self.appended);
                let start = Instant::now();
                self.log.append_blocking(record)?;
                lone.add(start.elapsed());
                self.count();
            }
            lone_time = lone_time.saturating_add(turn.elapsed());
            self.tell("a lone record", begin, duration);
        }
        file.remove()?;
        Ok([BenchCase::new(ONE_SYNC, &raw, raw_time, 1), BenchCase::new("a lone record", &lone, lone_time, 1)])
    }

    /// So many callers, each with one record at a time.
    pub(super) fn burst(&mut self, waiters: usize, duration: Duration) -> Result<BenchCase, LogError> {
        let name = format!("{waiters} in flight");
        let begin = Instant::now();
        let latencies = self.callers(waiters, |load, _| {
            load.tell(&name, begin, duration);
            begin.elapsed() < duration
        })?;
        Ok(BenchCase::new(&name, &latencies, begin.elapsed(), 1))
    }

    /// The same until the log has so many records. Nothing when it has them.
    pub(super) fn fill(&mut self, waiters: usize, records: u64) -> Result<Option<BenchCase>, LogError> {
        if self.log.size() >= records {
            return Ok(None);
        }
        let name = format!("filled up, {waiters} in flight");
        let begin = Instant::now();
        let latencies = self.callers(waiters, |load, sent| {
            if load.appended.is_multiple_of(TOLD_EACH) {
                (load.progress)(BenchStep { case: &name, done: load.appended, total: records, unit: "records" });
            }
            sent < records
        })?;
        Ok(Some(BenchCase::new(&name, &latencies, begin.elapsed(), 1)))
    }

    /// `more`: whether the next record is sent; it is given the number of those that were.
    fn callers(&mut self, waiters: usize, mut more: impl FnMut(&mut Self, u64) -> bool) -> Result<Latencies, LogError> {
        let (log, payload) = (self.log, self.payload);
        let one = |number: u64| {
            let (start, record) = (Instant::now(), payload.record(number));
            async move { log.append(record).await.map(|_| start.elapsed()) }
        };
        block_on(async {
            let mut sent = self.appended;
            let mut latencies = Latencies::new();
            let mut waiting = FuturesUnordered::new();
            for _ in 0..waiters {
                waiting.push(one(sent));
                sent = sent.saturating_add(1);
            }
            while let Some(latency) = waiting.next().await {
                latencies.add(latency?);
                self.count();
                if more(self, sent) {
                    waiting.push(one(sent));
                    sent = sent.saturating_add(1);
                }
            }
            Ok(latencies)
        })
    }

    /// So many records a second, sent when they are due. The time of each counts from there: a log that falls behind shows.
    pub(super) fn steady(&mut self, rate: u32, duration: Duration) -> Result<BenchCase, LogError> {
        let name = format!("steady, {rate} records/s");
        let total = u64::from(rate).saturating_mul(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)) / 1_000;
        let (log, payload, first) = (self.log, self.payload, self.appended);
        let mut latencies = Latencies::new();
        let mut waiting = FuturesUnordered::new();
        let mut sent = 0u64;
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        let begin = Instant::now();
        loop {
            let due = begin.elapsed().as_secs_f64() * f64::from(rate);
            while sent < total && (sent as f64) < due {
                let at = begin.checked_add(Duration::from_secs_f64(sent as f64 / f64::from(rate))).unwrap_or(begin);
                let record = payload.record(first.saturating_add(sent));
                waiting.push(async move { log.append(record).await.map(|_| at.elapsed()) });
                sent = sent.saturating_add(1);
            }
            match waiting.poll_next_unpin(&mut context) {
                Poll::Ready(Some(latency)) => {
                    latencies.add(latency?);
                    self.count();
                    if self.appended.is_multiple_of(TOLD_EACH) {
                        self.tell(&name, begin, duration);
                    }
                }
                Poll::Ready(None) if sent >= total => break,
                Poll::Ready(None) | Poll::Pending => std::thread::park_timeout(TICK),
            }
        }
        Ok(BenchCase::new(&name, &latencies, begin.elapsed(), 1))
    }

    /// What the memory was while the log grew.
    pub(super) fn memory(&mut self) -> Vec<BenchCase> {
        self.memory.extend(memory::resident("the log is full", self.appended));
        std::mem::take(&mut self.memory)
    }

    fn count(&mut self) {
        self.appended = self.appended.saturating_add(1);
        if self.appended.is_multiple_of(MEMORY_EACH) {
            let when = format!("{} million records", self.appended / MEMORY_EACH);
            self.memory.extend(memory::resident(&when, self.appended));
        }
    }

    fn tell(&mut self, case: &str, begin: Instant, duration: Duration) {
        let (done, total) = (begin.elapsed().as_secs(), duration.as_secs());
        (self.progress)(BenchStep { case, done, total, unit: "s" });
    }
}

/// Wakes the thread that measures.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
