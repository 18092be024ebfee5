//! `export` and `log export`: records on their way to other systems, and records made into something else once.

use super::{Output, When};
use crate::config::{ExportArguments, ExportFormat};
use crate::place::Place;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// Say how far each configured export got
    #[command(
        after_help = "Example:\n  holdshort export status\n\nExit code 1 says that one of them does not get through, or left something out."
    )]
    Status {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
pub(crate) struct LogExportArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What records are made into
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// Log directory; default: that of the data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// File that they go to; default: standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Only the records from this time on: how long ago, such as `7d` or `12h`, or a date
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub(crate) since: Option<When>,
    /// Only this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// From this index on
    #[arg(long, value_name = "INDEX")]
    pub(crate) from: Option<u64>,
    /// Up to this index, itself included
    #[arg(long, value_name = "INDEX")]
    pub(crate) to: Option<u64>,
    /// Whether arguments of actions go along
    #[arg(long, value_enum, default_value_t = ExportArguments::Digest)]
    pub(crate) arguments: ExportArguments,
}
