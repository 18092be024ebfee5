//! `contain`, `release` and `standing`: what is taken away from whom, and given back.

use super::{Output, PersonArgs};
use crate::place::Place;
use clap::Args;

/// Whom it is for.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct WhomArgs {
    /// Id of the agent
    #[arg(conflicts_with_all = ["class", "all"])]
    pub(crate) agent: Option<String>,
    /// Only this session of the agent
    #[arg(long, requires = "agent")]
    pub(crate) session: Option<String>,
    /// Every agent of this class
    #[arg(long, conflicts_with = "all")]
    pub(crate) class: Option<String>,
    /// Everybody
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ContainArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) whom: WhomArgs,
    /// Refuse everything, hide every tool, close what is open
    #[arg(long, required_unless_present_any = ["terminate", "narrow"], conflicts_with_all = ["terminate", "narrow"])]
    pub(crate) isolate: bool,
    /// The same, and end the agent's sessions
    #[arg(long, conflicts_with = "narrow")]
    pub(crate) terminate: bool,
    /// Take away this grant; may stand several times
    #[arg(long, value_name = "GRANT")]
    pub(crate) narrow: Vec<String>,
    /// Why; it stands in the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Write the kill file instead of asking the service, for when it does not answer; only with `--isolate`
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) whom: WhomArgs,
    /// Give back only this grant; may stand several times
    #[arg(long, value_name = "GRANT")]
    pub(crate) grant: Vec<String>,
    /// Why; it stands in the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct StandingArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
}
