//! `log` and `mirror`: records are read, verified and proved to others, and another log is followed.

use super::log_search::{IndexArgs, SEARCH_EXAMPLES, SearchArgs, TailArgs};
use super::{ListenArgs, LogExportArgs, Output};
use crate::place::Place;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print the newest records
    #[command(
        after_help = "Example:\n  holdshort log tail -n 20 -f\n  holdshort log tail -f --effect deny --effect ask"
    )]
    Tail(Box<TailArgs>),
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
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(Box<SearchArgs>),
    /// How the index stands that searches use; it can be made again at any time
    #[command(after_help = "Example:\n  holdshort log index\n  holdshort log index --rebuild")]
    Index(IndexArgs),
    /// Verify a log: a directory with checkpoint, tree and every record, or what an address serves of it
    #[command(
        after_help = "Example:\n  holdshort log verify\n  holdshort log verify /mnt/copy/log --key log.pub\n  holdshort log verify https://logs.example.com/node-1 --key log.pub\n\nAn address serves checkpoint, entries and tiles, and no records: the tree is checked as a whole. So is a directory without records, such as a mirror's."
    )]
    Verify(VerifyArgs),
    /// Make records into events of another system, once
    #[command(
        after_help = "Example:\n  holdshort log export --format ocsf --since 24h --out events.ndjson\n  holdshort log export --format cef --session s1\n\nOne line for each record; `otlp` makes lines of 500 records, as a collector reads them from a file."
    )]
    Export(LogExportArgs),
    /// Check that a log continues what was kept of it; needs few files, whatever its size
    #[command(
        after_help = "Example:\n  holdshort log audit https://logs.example.com/node-1 --older checkpoint.kept --key log.pub\n  holdshort log audit https://logs.example.com/node-1 --copy /mnt/worm/node-1 --key log.pub\n  holdshort log audit https://logs.example.com/node-1 --witness-policy witnesses.policy --key log.pub\n\nA copy names the first record that differs; older checkpoints say between which two it lies."
    )]
    Audit(AuditArgs),
    /// Make the records of a person, an agent or a session unreadable for ever; every proof still holds
    #[command(
        after_help = "Example:\n  holdshort log erase --user ada@example.com --because \"request 2026-114\"\n\nDestroys the keys that the records are sealed with. The erasure is on record, without the name. It cannot be undone."
    )]
    Erase(EraseArgs),
    /// Prove one record to somebody who has nothing else of the log
    #[command(
        after_help = "Example:\n  holdshort log prove 42 --out 42.tlog-proof\n\nThe file has the format of C2SP tlog-proof. It holds the record itself unless `--bare` is given.\n\n  holdshort log prove 42 --receipt --out 42.cose --record-out 42.record\n  holdshort log prove --receipt --older checkpoint.kept --out grown.cose\n\nWith `--receipt` it is a COSE receipt (RFC 9942), signed with the log's receipt key over the root of the last checkpoint: for the record, or for the fact that the log continues an older checkpoint."
    )]
    Prove(ProveArgs),
    /// Compress old segments of records; reading, proving and verifying go on as before
    #[command(
        after_help = "Example:\n  holdshort log archive --older-than 7d --dry-run\n  holdshort log archive --older-than 7d\n\nA running service is asked to do it; it also does it by itself, see `archive_after` in `[log]`."
    )]
    Archive(super::log_retention::ArchiveArgs),
    /// Remove old records for good; the tree keeps their entries, and every proof still holds
    #[command(
        after_help = "Example:\n  holdshort log drop --older-than 400d --because 'retention of 400 days'\n  holdshort log drop --before 3864 --because 'kept elsewhere'\n\nA running service is asked to do it; it also does it by itself, see `drop_after` in `[log]`."
    )]
    Drop(super::log_retention::DropArgs),
    /// Where the records are: live, archived, dropped; and what is waited for
    #[command(
        after_help = "Example:\n  holdshort log retention\n  holdshort log retention --clock-is-right\n\nNothing is dropped for its age while the clock is doubted. `--clock-is-right` is put on record."
    )]
    Retention(super::log_retention::RetentionArgs),
    /// Check a segment of records that was kept elsewhere, by what the log hands out
    #[command(
        after_help = "Example:\n  holdshort log verify-segment /mnt/worm/00000000000000000000.seg.zst --log https://logs.example.com/node-1 --key log.pub"
    )]
    VerifySegment(super::log_retention::VerifySegmentArgs),
    /// Check a proof file, with nothing of the log but its key
    #[command(
        after_help = "Example:\n  holdshort log verify-proof 42.tlog-proof --key log.pub\n  holdshort log verify-proof 42.cose --key log.cose.pub --record 42.record\n  holdshort log verify-proof grown.cose --key log.cose.pub --older checkpoint.kept"
    )]
    VerifyProof(VerifyProofArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Everything that agents did for this person
    #[arg(long, value_name = "NAME", conflicts_with_all = ["agent", "session"])]
    pub(crate) user: Option<String>,
    /// Everything that this agent did
    #[arg(long, value_name = "NAME", conflicts_with = "session")]
    pub(crate) agent: Option<String>,
    /// One session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Why; goes into the record, so name nobody
    #[arg(long, value_name = "TEXT")]
    pub(crate) because: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Index in the log, or id of a decision
    #[arg(required_unless_present = "older")]
    pub(crate) record: Option<String>,
    /// Log directory; default: that of the data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// File that the proof goes to; default: standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Prove that a record stands there, without saying what is in it
    #[arg(long)]
    pub(crate) bare: bool,
    /// Prove it in the newest checkpoint that witnesses have cosigned, for somebody who does not believe the log alone
    #[arg(long, conflicts_with = "receipt")]
    pub(crate) witnessed: bool,
    /// Make a COSE receipt (RFC 9942)
    #[arg(long, requires = "out")]
    pub(crate) receipt: bool,
    /// File that what the receipt is for goes to: salt and record, or with `--bare` the entry alone
    #[arg(long, value_name = "FILE", requires = "receipt")]
    pub(crate) record_out: Option<PathBuf>,
    /// In place of a record: an older checkpoint of the log, which it is to be shown to continue
    #[arg(long, value_name = "FILE", requires = "receipt", conflicts_with_all = ["record", "record_out"])]
    pub(crate) older: Option<PathBuf>,
    /// Private key that signs receipts; default: `log.cose.key` of the data directory
    #[arg(long, value_name = "FILE", requires = "receipt")]
    pub(crate) receipt_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyProofArgs {
    #[command(flatten)]
    pub(crate) output: Output,
    /// The proof
    pub(crate) file: PathBuf,
    /// The log's verification key, a copy of its `log.pub`, or of `log.cose.pub` for a receipt, from somebody you believe
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Witnesses that have to have cosigned the checkpoint in the proof (C2SP tlog-policy)
    #[arg(long, value_name = "FILE", conflicts_with = "claim")]
    pub(crate) witness_policy: Option<PathBuf>,
    /// For a receipt: what it is for, as `log prove --record-out` writes it
    #[arg(long, value_name = "FILE", group = "claim")]
    pub(crate) record: Option<PathBuf>,
    /// For a receipt: the entry that it is for, 33 bytes
    #[arg(long, value_name = "FILE", group = "claim")]
    pub(crate) entry: Option<PathBuf>,
    /// For a receipt: the checkpoint that the log is to continue, from somebody you believe
    #[arg(long, value_name = "FILE", group = "claim")]
    pub(crate) older: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Log directory or address; default: the directory in the data directory
    #[arg(value_name = "DIR|URL")]
    pub(crate) log: Option<String>,
    /// File with a bearer token, for an address that asks for one
    #[arg(long, value_name = "FILE")]
    pub(crate) token: Option<PathBuf>,
    /// Verification key from a place that whoever may have altered the log cannot write to; default: the log's own `log.pub`
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Checkpoint of the same log that was kept elsewhere, or a file of many: a log that was rewritten and signed again since
    /// then is found out
    #[arg(long, value_name = "FILE")]
    pub(crate) older: Option<PathBuf>,
    /// Witnesses that have to have cosigned the log (C2SP tlog-policy); exit code 1 when too few of them have
    #[arg(long, value_name = "FILE")]
    pub(crate) witness_policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("kept").required(true).multiple(true).args(["older", "copy", "witness_policy"]))]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) output: Output,
    /// Log directory or address
    #[arg(value_name = "DIR|URL")]
    pub(crate) log: String,
    /// Checkpoint of the same log that was kept elsewhere, or a file of many, such as `witnesses.publish` writes
    #[arg(long, value_name = "FILE")]
    pub(crate) older: Option<PathBuf>,
    /// Copy of the log, such as a mirror's: directory or address
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) copy: Option<String>,
    /// Witnesses that have to have cosigned the log (C2SP tlog-policy); exit code 1 when too few of them have
    #[arg(long, value_name = "FILE")]
    pub(crate) witness_policy: Option<PathBuf>,
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
    #[arg(long, value_name = "DIR|URL", required_unless_present = "listen")]
    pub(crate) from: Option<String>,
    /// Address and port where logs upload to this mirror, and copies are served; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["from", "key", "token", "every", "once"], requires = "log")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    #[command(flatten)]
    pub(crate) listening: ListenArgs,
    /// Verification key of a log that may upload; may be given several times, with a log's `log.mldsa.pub` too
    #[arg(long, value_name = "FILE", requires = "listen")]
    pub(crate) log: Vec<PathBuf>,
    /// Directory of the copy; with `--listen`, of the copies: each has a folder in it
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Verification key of the log; needed the first time, then the mirror knows it
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Private key that the mirror cosigns with, outside of its directory; made when it is missing; default: `DIR.key`
    #[arg(long, value_name = "FILE")]
    pub(crate) mirror_key: Option<PathBuf>,
    /// Name of the mirror in its cosignatures; default: the log's name and `/mirror`, with `--listen` the one that it was made with
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// File with a bearer token, for an address that asks for one
    #[arg(long, value_name = "FILE")]
    pub(crate) token: Option<PathBuf>,
    /// How often it looks for something new
    #[arg(long, default_value = "10s", value_parser = super::when::period)]
    pub(crate) every: std::time::Duration,
    /// Take over what is there now, and end
    #[arg(long)]
    pub(crate) once: bool,
}
