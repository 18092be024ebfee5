//! The one binary: reads the command line and the configuration, wires the parts together, runs them.
//!
//! Everything that decides, records or forwards lives in the other crates; this one knows all of them.

mod bench;
mod changes;
mod cli;
mod client;
mod clock;
mod commands;
mod config;
mod count;
mod detectors;
mod failure;
mod firings;
mod least;
mod out;
mod place;
mod policies;
mod remote;
mod render;
mod replay;
mod service;
mod skipped;
mod snapshot;

use clap::Parser;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let failure = match start_logging(cli.command.stays()).and_then(|()| commands::run(cli)) {
        Ok(code) => return code,
        Err(failure) => failure,
    };
    // If standard error is gone there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{failure}");
    failure.code().into()
}

/// Structured messages on standard error; `HOLDSHORT_LOG` filters them. Ids, never payloads.
///
/// A process that stays tells what it does; a command that answers and ends tells only what is wrong.
fn start_logging(stays: bool) -> Result<(), failure::Failure> {
    let usual = if stays { "warn,holdshort=info" } else { "warn" };
    let directives = std::env::var("HOLDSHORT_LOG").unwrap_or_else(|_| usual.into());
    let filter = tracing_subscriber::EnvFilter::try_new(&directives).map_err(|error| {
        failure::Failure::usage(format!("HOLDSHORT_LOG: `{directives}` is not a filter: {error}"))
            .hint("write a level such as `info`, or `holdshort=debug,warn`")
    })?;
    let logging = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Standard error may be a file on the disk that is full. Reporting that it cannot be written would print to it,
    // which panics, and take down the thread that had something to say: the one that has to refuse.
    logging.with_ansi(std::io::stderr().is_terminal()).log_internal_errors(false).init();
    Ok(())
}
