//! `policy`: policies are tested, explained and put into force.

use super::{Output, When};
use crate::place::Place;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Load a directory of policies and run their examples and tests
    #[command(after_help = "Example:\n  holdshort policy test policies/")]
    Test(PolicyArgs),
    /// Say what is wrong or doubtful, with file and line
    #[command(after_help = "Example:\n  holdshort policy lint policies/ --json")]
    Lint(PolicyArgs),
    /// Print the matrix of agent class, action and decision, or compare it with the committed one
    #[command(after_help = "Example:\n  holdshort policy matrix my-policies/ --check my-policies/MATRIX.md")]
    Matrix {
        #[command(flatten)]
        policy: PolicyArgs,
        /// Classes of agents, the columns
        #[arg(long, value_name = "CLASS", value_delimiter = ',', default_value = "coding,assistant,crm,unknown")]
        classes: Vec<String>,
        /// Compare with this file; exit code 1 when it differs
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
    /// Say what each policy did: how often, for whom, how risky, what people approved anyway, and what to do with it
    #[command(after_help = "Example:\n  holdshort policy report --since 7d")]
    Report {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Only the records from this time on: how long ago, such as `7d` or `12h`, or a date
        #[arg(long, value_name = "TIME", value_parser = When::parse)]
        since: Option<When>,
    },
    /// Enforce a policy that was only observed; recorded, from the next action on
    #[command(
        after_help = "Example:\n  holdshort policy promote mass_delete --reason \"a week without a false alarm\""
    )]
    Promote(PolicyModeArgs),
    /// Only observe a policy that was enforced; recorded, from the next action on
    #[command(after_help = "Example:\n  holdshort policy demote mass_delete --reason \"stops the nightly clean-up\"")]
    Demote(PolicyModeArgs),
    /// Explain what each policy says to a request on standard input
    #[command(after_help = "Example:\n  holdshort policy explain policies/ < request.json")]
    Explain(PolicyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyModeArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// The policy: its id, or the last part of it
    #[arg(value_name = "POLICY")]
    pub(crate) policy: String,
    /// Why; goes into the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// Directory with policies
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}
