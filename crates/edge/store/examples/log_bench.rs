//! Measures the log on the disk of a directory, and how fast its records are verified:
//! `cargo run --release -p holdshort-store --example log_bench -- DIRECTORY [SECONDS]`.

use holdshort_store::log::{BenchOptions, VerifyOptions, bench, verify};
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("usage: log_bench DIRECTORY [SECONDS]")?);
    let seconds = arguments.next().map_or(Ok(5), |seconds| seconds.parse())?;
    let options = BenchOptions { duration: Duration::from_secs(seconds), ..BenchOptions::default() };
    let mut out = std::io::stdout();
    for case in bench(&directory, &options)? {
        writeln!(out, "{}", serde_json::to_string(&case)?)?;
    }
    let start = Instant::now();
    let verified = verify(&directory.join("log"), &VerifyOptions::default(), &mut |_| {})?;
    writeln!(out, "verified {} records in {:?}", verified.checkpoint.size, start.elapsed())?;
    Ok(())
}
