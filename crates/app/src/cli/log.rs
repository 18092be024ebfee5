//! `log` and `mirror`: records are read, verified and proved to others, and another log is followed.

use super::Output;
use crate::place::Place;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print the newest records
    #[command(after_help = "Example:\n  holdshort log tail -n 20 -f")]
    Tail {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// How many records
        #[arg(short = 'n', long, default_value_t = 10)]
        lines: usize,
        /// Go on as records come in
        #[arg(short, long)]
        follow: bool,
    },
    /// Print one record: by its index, or by the id of its decision
    #[command(after_help = "Example:\n  holdshort log show 42")]
    Show {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Index in the log, or id of a decision
        record: String,
    },
    /// Find records
    #[command(after_help = "Example:\n  holdshort log search --effect deny --agent tidy")]
    Search {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        filter: SearchArgs,
    },
    /// Verify a log: a directory with checkpoint, tree and every record, or what an address serves of it
    #[command(
        after_help = "Example:\n  holdshort log verify\n  holdshort log verify /mnt/copy/log --key log.pub\n  holdshort log verify https://logs.example.com/node-1 --key log.pub\n\nAn address serves checkpoint, entries and tiles, and no records: the tree is checked as a whole. So is a directory without records, such as a mirror's."
    )]
    Verify {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Log directory or address; default: the directory in the data directory
        #[arg(value_name = "DIR|URL")]
        log: Option<String>,
        /// File with a bearer token, for an address that asks for one
        #[arg(long, value_name = "FILE")]
        token: Option<PathBuf>,
        /// Verification key from a place that whoever may have altered the log cannot write to; default: the log's own `log.pub`
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Checkpoint of the same log that was kept elsewhere: a log that was rewritten and signed again since then is found out
        #[arg(long, value_name = "FILE")]
        older: Option<PathBuf>,
    },
    /// Check that a log continues an older checkpoint of it; needs few files, whatever its size
    #[command(
        after_help = "Example:\n  holdshort log audit https://logs.example.com/node-1 --older checkpoint.kept --key log.pub"
    )]
    Audit(AuditArgs),
    /// Prove one record to somebody who has nothing else of the log
    #[command(
        after_help = "Example:\n  holdshort log prove 42 --out 42.tlog-proof\n\nThe file has the format of C2SP tlog-proof. It holds the record itself unless `--bare` is given."
    )]
    Prove(ProveArgs),
    /// Check a proof file, with nothing of the log but its key
    #[command(after_help = "Example:\n  holdshort log verify-proof 42.tlog-proof --key log.pub")]
    VerifyProof(VerifyProofArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Only records of this session
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// Only records of this agent
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Only decisions with this effect
    #[arg(long)]
    pub(crate) effect: Option<EffectChoice>,
    /// Only records that contain this text
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EffectChoice {
    Allow,
    Ask,
    Deny,
}

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
