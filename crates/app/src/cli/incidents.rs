//! `incidents` and `notify`: what people have to look at, and how they are told.

use super::Output;
use super::log_search::record_id;
use crate::place::Place;
use clap::{Subcommand, ValueEnum};
use holdshort_model::RecordId;

#[derive(Debug, Subcommand)]
pub(crate) enum IncidentsCommand {
    /// List incidents, the newest first
    #[command(after_help = "Example:\n  holdshort incidents list --state all")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Which ones
        #[arg(long, value_enum, default_value_t = IncidentStateArg::Open)]
        state: IncidentStateArg,
    },
    /// Show an incident: who, what happened, what was put aside
    #[command(after_help = "Example:\n  holdshort incidents show 01JB3Q8ZK4M7T2V9XH6N5C1W0A")]
    Show {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the incident
        #[arg(value_parser = record_id)]
        id: RecordId,
    },
    /// Close an incident; nothing is given back by that: see `release`
    #[command(
        after_help = "Example:\n  holdshort incidents close 01JB3Q8ZK4M7T2V9XH6N5C1W0A --reason \"a test of ours\""
    )]
    Close {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the incident
        #[arg(value_parser = record_id)]
        id: RecordId,
        /// Why; goes on record
        #[arg(long)]
        reason: String,
    },
}

/// Which incidents are listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum IncidentStateArg {
    /// Those that nobody has closed
    Open,
    /// Those that somebody closed
    Closed,
    /// All of them
    All,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// List the channels and how they do
    #[command(after_help = "Example:\n  holdshort notify list")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
    /// Send a test message to a channel; exit code 1 says that it was not taken
    #[command(after_help = "Example:\n  holdshort notify test soc-mail")]
    Test {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Name of the channel
        name: String,
    },
}
