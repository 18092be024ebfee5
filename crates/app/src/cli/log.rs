//! Arguments of the commands that prove something to others, and of those that follow others.

use super::Output;
use crate::place::Place;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Index in the log, or id of a decision
    pub(crate) record: String,
    /// Log directory; default: that of the data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// File that the proof goes to; default: standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Prove that a record stands there, without saying what is in it
    #[arg(long)]
    pub(crate) bare: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyProofArgs {
    #[command(flatten)]
    pub(crate) output: Output,
    /// The proof
    pub(crate) file: PathBuf,
    /// The log's verification key, a copy of its `log.pub` from somebody you believe
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) output: Output,
    /// Log directory or address
    #[arg(value_name = "DIR|URL")]
    pub(crate) log: String,
    /// Checkpoint of the same log that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    pub(crate) older: PathBuf,
    /// Verification key from a place that whoever may have altered the log cannot write to; default: the log's own `log.pub`
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// File with a bearer token, for an address that asks for one
    #[arg(long, value_name = "FILE")]
    pub(crate) token: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MirrorArgs {
    #[command(flatten)]
    pub(crate) output: Output,
    /// The log that is followed: directory or address
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) from: String,
    /// Directory of the copy
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Verification key of the log; needed the first time, then the mirror knows it
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Private key that the mirror cosigns with, outside of its directory; made when it is missing; default: `DIR.key`
    #[arg(long, value_name = "FILE")]
    pub(crate) mirror_key: Option<PathBuf>,
    /// Name of the mirror in its cosignatures; default: the log's name and `/mirror`
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// File with a bearer token, for an address that asks for one
    #[arg(long, value_name = "FILE")]
    pub(crate) token: Option<PathBuf>,
    /// How often it looks for something new
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) every: std::time::Duration,
    /// Take over what is there now, and end
    #[arg(long)]
    pub(crate) once: bool,
}
