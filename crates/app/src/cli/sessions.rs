//! `destinations` and `labels`: where agents may go without a question, and what sessions have read.

use super::Output;
use crate::place::Place;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum DestinationsCommand {
    /// List the known destinations
    #[command(after_help = "Example:\n  holdshort destinations list --agent tidy --json")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Only those of this agent
        #[arg(long)]
        agent: Option<String>,
    },
    /// Remember a destination, as if a person had approved it for this agent
    #[command(
        after_help = "Example:\n  holdshort destinations add --agent tidy --user ann --kind account DE89370400440532013000"
    )]
    Add {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        destination: DestinationArgs,
    },
    /// Forget a destination; the next action that goes there is asked about again
    #[command(after_help = "Example:\n  holdshort destinations forget --agent tidy --kind mail bob@example.org")]
    Forget {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        destination: DestinationArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DestinationArgs {
    /// Id of the agent
    #[arg(long)]
    pub(crate) agent: String,
    /// The person that the agent acts for; default: nobody in particular
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) user: String,
    /// Kind of destination
    #[arg(long)]
    pub(crate) kind: DestinationKind,
    /// The destination, in any spelling; for `name`: PARAMETER=VALUE
    pub(crate) value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DestinationKind {
    /// A mail address
    Mail,
    /// A URL or host
    Url,
    /// An account, card or phone number
    Account,
    /// A path
    Path,
    /// `@name` or `#name`
    Handle,
    /// A target that is no address, with the name of its parameter
    Name,
}

impl DestinationKind {
    /// The kind as decisions name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Url => "url",
            Self::Account => "account",
            Self::Path => "path",
            Self::Handle => "handle",
            Self::Name => "name",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabelsCommand {
    /// Print the labels of a live session
    #[command(after_help = "Example:\n  holdshort labels show s1 --agent tidy --json")]
    Show {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the session
        session: String,
        /// Id of the agent whose session it is
        #[arg(long)]
        agent: String,
    },
    /// Lower one label of a live session; what it reads later raises it again
    #[command(
        after_help = "Example:\n  holdshort labels declassify s1 restricted --agent tidy --reason \"redacted, see ticket 4711\""
    )]
    Declassify {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the session
        session: String,
        /// `integrity`, or the name of a level or category that the session carries
        what: String,
        /// Id of the agent whose session it is
        #[arg(long)]
        agent: String,
        /// Why; it stands in the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}
