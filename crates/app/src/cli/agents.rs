//! `agents` and `pins`: who acts, and which definitions of tools hold.

use super::Output;
use crate::place::Place;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Register an agent; prints its token once
    #[command(after_help = "Example:\n  holdshort agents add tidy --class assistant --owner ada@example.org")]
    Add {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the agent
        id: String,
        /// Class whose grants apply
        #[arg(long)]
        class: String,
        /// The person or team that answers for it
        #[arg(long)]
        owner: Option<String>,
    },
    /// List the registered agents
    #[command(after_help = "Example:\n  holdshort agents list --json")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
    /// Make, list and revoke tokens
    #[command(subcommand, after_help = "Example:\n  holdshort agents tokens create tidy --label laptop")]
    Tokens(TokensCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Make a token; it is shown once
    #[command(after_help = "Example:\n  holdshort agents tokens create tidy --label laptop")]
    Create {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the agent
        agent: String,
        /// What people call the token
        #[arg(long, default_value = "default")]
        label: String,
    },
    /// List an agent's tokens, without the tokens themselves
    #[command(after_help = "Example:\n  holdshort agents tokens list tidy")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the agent
        agent: String,
    },
    /// Revoke a token; it is refused from the next request on
    #[command(after_help = "Example:\n  holdshort agents tokens revoke tidy sha256:5e88...")]
    Revoke {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the agent
        agent: String,
        /// Hash of the token as `tokens list` shows it
        token: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PinsCommand {
    /// List pinned tool definitions and those that wait
    #[command(after_help = "Example:\n  holdshort pins list --json")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
    /// Accept the present definition of a tool
    #[command(after_help = "Example:\n  holdshort pins accept mail delete_messages sha256:9f86...")]
    Accept {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Name of the server
        server: String,
        /// Name of the tool
        tool: String,
        /// Digest of the definition as `pins list` shows it, so that nobody accepts something else than what they looked at
        definition: String,
    },
}
