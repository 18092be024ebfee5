//! What exports do, in figures. Labels are the names of the configuration and nothing else.

use super::now_ms;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Counts what one exporter does, from its start.
#[derive(Debug)]
pub struct Meter {
    name: String,
    begun: Instant,
    next: AtomicU64,
    oldest_ms: AtomicU64,
    sent: AtomicU64,
    sent_bytes: AtomicU64,
    filtered: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    skipped: AtomicU64,
    lost: AtomicU64,
    /// Milliseconds after the begin; 0 = never.
    success_ms: AtomicU64,
    down: AtomicBool,
}

impl Meter {
    /// A meter of the exporter of this name.
    #[must_use]
    pub fn new(name: &str) -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        Arc::new(Self {
            name: name.to_owned(),
            begun: Instant::now(),
            next: zero(),
            oldest_ms: zero(),
            sent: zero(),
            sent_bytes: zero(),
            filtered: zero(),
            failed: zero(),
            refused: zero(),
            skipped: zero(),
            lost: zero(),
            success_ms: zero(),
            down: AtomicBool::new(false),
        })
    }

    /// Records that the receiver took.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Records from `next` on are being exported; the first of them is of this time. None: there are no more.
    pub(super) fn reads(&self, next: u64, oldest_ms: Option<u64>) {
        self.next.store(next, Ordering::Relaxed);
        self.oldest_ms.store(oldest_ms.unwrap_or(0), Ordering::Relaxed);
    }

    pub(super) fn taken(&self, records: u64, bytes: u64) {
        self.sent.fetch_add(records, Ordering::Relaxed);
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
        // By the clock that nobody sets.
        self.success_ms.store(self.running_ms().max(1), Ordering::Relaxed);
        self.down.store(false, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.down.store(true, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn filtered(&self, records: u64) {
        self.filtered.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn skipped(&self, records: u64) {
        self.skipped.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
    }

    fn running_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lag_s(&self) -> f64 {
        match self.oldest_ms.load(Ordering::Relaxed) {
            0 => 0.0,
            oldest_ms => seconds(now_ms().saturating_sub(oldest_ms)),
        }
    }

    fn success_age_s(&self) -> f64 {
        seconds(self.running_ms().saturating_sub(self.success_ms.load(Ordering::Relaxed)))
    }
}

/// The meters in the Prometheus text format. `size`: records of the log now.
pub fn render(meters: &[Arc<Meter>], size: u64, out: &mut String) {
    type Value<'a> = Box<dyn Fn(&Meter) -> f64 + 'a>;
    let counter = |of: fn(&Meter) -> &AtomicU64| -> Value<'static> {
        Box::new(move |meter| of(meter).load(Ordering::Relaxed) as f64)
    };
    let lag = move |meter: &Meter| size.saturating_sub(meter.next.load(Ordering::Relaxed)) as f64;
    let rows: [(&str, &str, &str, Value<'_>); 11] = [
        ("lag_records", "gauge", "Records that were not looked at yet.", Box::new(lag)),
        ("lag_seconds", "gauge", "Age of the oldest record that waits.", Box::new(Meter::lag_s)),
        (
            "success_age_seconds",
            "gauge",
            "Time since the receiver took something, or since the start.",
            Box::new(Meter::success_age_s),
        ),
        ("down", "gauge", "1 when the latest attempt failed.", {
            Box::new(|meter| f64::from(meter.down.load(Ordering::Relaxed)))
        }),
        ("sent_total", "counter", "Records that the receiver took.", counter(|meter| &meter.sent)),
        (
            "sent_bytes_total",
            "counter",
            "Bytes that the receiver took, before compression.",
            counter(|meter| &meter.sent_bytes),
        ),
        ("filtered_total", "counter", "Records that are not wanted there.", counter(|meter| &meter.filtered)),
        ("failed_total", "counter", "Attempts in vain.", counter(|meter| &meter.failed)),
        (
            "refused_total",
            "counter",
            "Requests whose content the receiver called wrong.",
            counter(|meter| &meter.refused),
        ),
        ("skipped_total", "counter", "Records that the receiver refused for good.", counter(|meter| &meter.skipped)),
        ("lost_total", "counter", "Records that were dropped before they could go.", counter(|meter| &meter.lost)),
    ];
    if meters.is_empty() {
        return;
    }
    for (name, kind, help, value) in rows {
        let _ = write!(out, "# HELP holdshort_export_{name} {help}\n# TYPE holdshort_export_{name} {kind}\n");
        for meter in meters {
            // Names of exports are plain: the configuration says so.
            let _ = writeln!(out, "holdshort_export_{name}{{export=\"{}\"}} {}", meter.name, value(meter));
        }
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}
