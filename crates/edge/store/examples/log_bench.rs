//! Measures the log on the disk of a directory, and leaves the log there:
//! `cargo run --release -p holdshort-store --example log_bench -- DIRECTORY [SECONDS] [RECORDS]`.

use holdshort_store::log::{BenchOptions, bench};
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("usage: log_bench DIRECTORY [SECONDS] [RECORDS]")?);
    let seconds: u64 = arguments.next().map_or(Ok(5), |seconds| seconds.parse())?;
    let records = arguments.next().map_or(Ok(0), |records| records.parse())?;
    let (burst, steady) = (Duration::from_secs(seconds.div_ceil(6)), Duration::from_secs(seconds));
    let options = BenchOptions { burst, steady, records, ..BenchOptions::default() };
    let mut out = std::io::stdout();
    for case in bench(&directory, &options, &mut |_| {})? {
        writeln!(out, "{}", serde_json::to_string(&case)?)?;
    }
    Ok(())
}
