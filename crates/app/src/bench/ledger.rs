//! The log on this disk, for minutes: how far it is shows on a terminal.

use crate::cli::LedgerBenchArgs;
use crate::failure::Failure;
use holdshort_store::log::{BenchCase, BenchOptions, BenchStep, bench};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often it is told.
const EVERY: Duration = Duration::from_millis(500);
/// Columns of the line that is written over.
const COLUMNS: usize = 72;

/// Measures in `scratch`, which is removed afterwards.
pub(crate) fn ledger(scratch: &Path, arguments: &LedgerBenchArgs) -> Result<Vec<BenchCase>, Failure> {
    let options = BenchOptions {
        burst: Duration::from_secs(u64::from(arguments.seconds.div_ceil(6))),
        steady: Duration::from_secs(arguments.seconds.into()),
        record_bytes: usize::try_from(arguments.bytes).unwrap_or(usize::MAX),
        records: arguments.records,
        ..BenchOptions::default()
    };
    check_room(scratch, &options)?;
    let mut line = Line::new();
    let cases = bench(scratch, &options, &mut |step| line.tell(step));
    drop(line);
    cases.map_err(Failure::internal)
}

fn check_room(scratch: &Path, options: &BenchOptions) -> Result<(), Failure> {
    let room = rustix::fs::statvfs(scratch).map_err(Failure::internal)?;
    let (free, wanted) = (room.f_bavail.saturating_mul(room.f_frsize), options.room_bytes());
    if free >= wanted {
        return Ok(());
    }
    let gibibytes = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    Err(Failure::refused(format!(
        "this may write up to {:.1} GiB, and {:.1} GiB are free on this disk",
        gibibytes(wanted),
        gibibytes(free)
    ))
    .hint("fewer `--records` or `--seconds` take less"))
}

/// One line of a terminal.
struct Line {
    terminal: bool,
    told: Option<Instant>,
}

impl Line {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), told: None }
    }

    fn tell(&mut self, BenchStep { case, done, total, unit }: BenchStep<'_>) {
        if !self.terminal || self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let text = format!("{case}: {done} of {total} {unit}");
        // A terminal that is gone is no reason to end.
        let _ = write!(std::io::stderr(), "\r{text:<COLUMNS$}");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.told.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}
