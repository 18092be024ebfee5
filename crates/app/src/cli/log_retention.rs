//! `log archive`, `log drop`, `log retention` and `log verify-segment`: what becomes of old records.

use super::Output;
use super::when::period;
use crate::place::Place;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Age of the segments, such as `7d`; default: `archive_after` of the configuration
    #[arg(long, value_name = "TIME", value_parser = period)]
    pub(crate) older_than: Option<Duration>,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DropArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Age of the segments, such as `400d`
    #[arg(long, value_name = "TIME", value_parser = period, required_unless_present = "before")]
    pub(crate) older_than: Option<Duration>,
    /// Whole segments before this record, whatever their age
    #[arg(long, value_name = "INDEX", conflicts_with = "older_than")]
    pub(crate) before: Option<u64>,
    /// Why, in one line; it goes on record and stands signed in the log directory
    #[arg(long, value_name = "TEXT")]
    pub(crate) because: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RetentionArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// The clock of this machine is right, although it has jumped: records are dropped by their age again
    #[arg(long)]
    pub(crate) clock_is_right: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifySegmentArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// The segment, under the name that it had: `<20 digits>.seg.zst` or `.seg`
    pub(crate) file: PathBuf,
    /// Log directory, mirror or address; default: the log of the data directory
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) log: Option<String>,
    /// File with a bearer token, for an address that asks for one
    #[arg(long, value_name = "FILE")]
    pub(crate) token: Option<PathBuf>,
    /// The log's verification key from somebody you believe; default: the log's own `log.pub`
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}
