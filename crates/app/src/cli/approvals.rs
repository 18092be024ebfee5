//! `approvals` and `people`: questions of agents, and who answers them.

use super::Output;
use super::log_search::record_id;
use crate::place::Place;
use clap::{Args, Subcommand, ValueEnum};
use holdshort_model::RecordId;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// List questions that wait for an answer, and approvals that wait for their use
    #[command(after_help = "Example:\n  holdshort approvals list --agent tidy")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        person: PersonArgs,
        /// Only those of this agent
        #[arg(long)]
        agent: Option<String>,
        /// Those that are over as well
        #[arg(long)]
        all: bool,
    },
    /// Show one question: what would be done, with which values, where they come from, and why it is asked
    #[command(after_help = "Example:\n  holdshort approvals show 01JB3Q8ZK4M7T2V9XH6N5C1W0A")]
    Show {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        person: PersonArgs,
        /// Id of the approval
        #[arg(value_parser = record_id)]
        id: RecordId,
    },
    /// Let the action run, once and as it was shown
    #[command(
        after_help = "Example:\n  holdshort approvals approve 01JB3Q8ZK4M7T2V9XH6N5C1W0A --reason \"ticket 4711\" --remember 8h"
    )]
    Approve {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        person: PersonArgs,
        /// Id of the approval
        #[arg(value_parser = record_id)]
        id: RecordId,
        /// Why; goes on record, and is needed from high risk on
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
        /// Let the answer hold for this agent, tool and destination for so long, such as `8h` or `3days`
        #[arg(long, value_name = "TIME", value_parser = super::when::period)]
        remember: Option<Duration>,
        /// Do not ask about its destinations again; the default when a policy of flow asked
        #[arg(long, conflicts_with = "once")]
        know_destinations: bool,
        /// Ask about its destinations again
        #[arg(long)]
        once: bool,
    },
    /// Refuse the action; that is final, and the same is not asked again for an hour
    #[command(
        after_help = "Example:\n  holdshort approvals refuse 01JB3Q8ZK4M7T2V9XH6N5C1W0A --reason \"wrong account\""
    )]
    Refuse {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        person: PersonArgs,
        /// Id of the approval
        #[arg(value_parser = record_id)]
        id: RecordId,
        /// Why; goes on record, and the agent reads it
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Print questions as they come in, until it is interrupted
    #[command(after_help = "Example:\n  holdshort approvals watch")]
    Watch {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        person: PersonArgs,
    },
    /// List remembered answers
    #[command(after_help = "Example:\n  holdshort approvals exceptions --json")]
    Exceptions {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Take a remembered answer back
    #[command(
        after_help = "Example:\n  holdshort approvals revoke 01JB3Q8ZK4M7T2V9XH6N5C1W0A --reason \"the project ended\""
    )]
    Revoke {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        person: PersonArgs,
        /// Id as `exceptions` shows it
        #[arg(value_parser = record_id)]
        id: RecordId,
        /// Why; goes on record
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
}

/// Who it is that answers, takes away or gives back.
#[derive(Debug, Default, Args)]
pub(crate) struct PersonArgs {
    /// File with your token, see `holdshort people add`; default: HOLDSHORT_TOKEN; without either, whoever runs the service
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Address of a service that another user runs, such as `http://127.0.0.1:7070`; it needs your token
    #[arg(long, value_name = "URL", env = "HOLDSHORT_SERVICE")]
    pub(crate) service: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    /// Register a person; prints their token once
    #[command(after_help = "Example:\n  holdshort people add ann --role approve")]
    Add {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Name: lower-case letters, digits, `.`, `_`, `-`, `@`
        name: String,
        /// What the person may do; may stand several times
        #[arg(long = "role", required = true, value_enum, value_name = "ROLE")]
        roles: Vec<RoleChoice>,
    },
    /// List the registered people and their tokens
    #[command(after_help = "Example:\n  holdshort people list --json")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
    /// Make another token for a person; it is shown once
    #[command(after_help = "Example:\n  holdshort people token ann --label phone")]
    Token {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Name of the person
        name: String,
        /// What people call the token
        #[arg(long, default_value = "default")]
        label: String,
    },
    /// Revoke a token; it is refused from the next request on
    #[command(after_help = "Example:\n  holdshort people revoke ann sha256:5e88...")]
    Revoke {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Name of the person
        name: String,
        /// Hash of the token as `people list` shows it
        token: String,
    },
    /// Remove a person with their tokens
    #[command(after_help = "Example:\n  holdshort people remove ann")]
    Remove {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Name of the person
        name: String,
    },
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleChoice {
    /// Answer questions of agents, and revoke remembered answers
    Approve,
    /// Look at questions, and at what was taken away
    Read,
    /// Take things away from agents, and give them back
    Release,
    /// Read the public files of the log, for mirrors and auditors; nothing else
    Audit,
}

impl RoleChoice {
    /// The role as the service names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Read => "read",
            Self::Release => "release",
            Self::Audit => "audit",
        }
    }
}
