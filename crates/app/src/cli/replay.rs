//! Arguments of `replay` and `grants`.

use super::{Output, When};
use crate::place::Place;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

pub(super) const REPLAY_EXAMPLES: &str = "\
Example:
  holdshort replay --since 7d
  holdshort replay --incident 01JB3Q8ZK4M7T2V9XH6N5C1W0A
  holdshort replay --since 7d --against candidate.toml --html difference.html
  holdshort replay --config holdshort.toml --traces traces.jsonl > decisions.jsonl

Without `--traces`, the decisions of the log are decided again, each from its recorded facts with the snapshot that decided it; exit code 1 says that one did not come out the same.
With `--against`, they are decided with another configuration, and what would differ is shown.

Traces, one a line:
  {\"id\":..,\"prompt\":..,\"agent\":..,\"workspace\":..,\"tools\":[{\"name\",\"description\",\"schema\",\"annotations\"}],\"steps\":[{\"tool\",\"args\",\"output\",\"error\"}]}
Decisions, one line for each trace, in the order of the steps:
  {\"id\":..,\"decisions\":[{\"effect\",\"decided\",\"risk\",\"level\",\"reasons\":[..]}]}
Tools belong to the server `trace`; `effect` is what would happen, `decided` counts what is only observed as well.
`workspace` is the folder that the agent worked in; without it the agent may change files anywhere.
A step that does not run was not executed: its output is not seen. Steps are taken to be one second apart; no trace knows of another.";

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// File with one trace a line; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stretch", "against"])]
    pub(crate) traces: Option<PathBuf>,
    /// What a person would answer to each question of a trace
    #[arg(long, value_name = "ANSWER", default_value = "refuse", requires = "traces")]
    pub(crate) asks: AskChoice,
    #[command(flatten)]
    pub(crate) stretch: StretchArgs,
    /// Decide with this configuration instead, and show what would differ
    #[arg(long, value_name = "CONFIG")]
    pub(crate) against: Option<PathBuf>,
    /// Write the difference as a page to this file
    #[arg(long, value_name = "FILE", requires = "against")]
    pub(crate) html: Option<PathBuf>,
    /// Exit code 1 also when something would differ, or could not be decided again
    #[arg(long, conflicts_with = "traces")]
    pub(crate) strict: bool,
}

/// Which records.
#[derive(Debug, Args)]
#[group(id = "stretch", multiple = true)]
pub(crate) struct StretchArgs {
    /// Only the records from this time on: how long ago, such as `7d` or `12h`, or a date
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub(crate) since: Option<When>,
    /// Only this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// The whole path of an incident: what its sessions did until its last line
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "session", "agent"])]
    pub(crate) incident: Option<String>,
    /// From this index on
    #[arg(long, value_name = "INDEX")]
    pub(crate) from: Option<u64>,
    /// Up to this index, itself included
    #[arg(long, value_name = "INDEX")]
    pub(crate) to: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AskChoice {
    /// The step does not run, and nothing of its output is seen
    Refuse,
    /// The step runs, and its destinations are known for the rest of the trace
    Grant,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GrantsCommand {
    /// Propose the smallest grants that cover what an agent really did, as a change to review
    #[command(after_help = "Example:\n  holdshort grants suggest --agent tidy --since 30d > tidy.toml\n\n\
        Counts what ran. The rules of generalisation are in docs/guides/replay.md.")]
    Suggest {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the agent
        #[arg(long, value_name = "ID")]
        agent: String,
        /// Only the records from this time on: how long ago, such as `30d`, or a date
        #[arg(long, value_name = "TIME", value_parser = When::parse)]
        since: Option<When>,
    },
    /// List the grants of the configuration that nothing that ran made use of
    #[command(after_help = "Example:\n  holdshort grants unused --since 30d")]
    Unused {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Only the records from this time on: how long ago, such as `30d`, or a date
        #[arg(long, value_name = "TIME", value_parser = When::parse)]
        since: Option<When>,
    },
}
