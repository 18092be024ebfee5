//! One module a command. Branching is here, work is in the leaves.

mod bench;
mod config;
mod control;
mod decide;
mod destinations;
mod labels;
mod log;
mod matrix;
mod mcp;
mod policy;
mod policy_report;
mod replay;
mod serve;
mod version;

use crate::cli::{Cli, Command};
use crate::failure::Outcome;

/// Runs what the command line asks for.
pub(crate) fn run(cli: Cli) -> Outcome {
    match cli.command {
        Command::Serve(arguments) => serve::serve(arguments),
        Command::Mcp(arguments) => mcp::run(arguments),
        Command::Agents(command) => control::agents(command),
        Command::Pins(command) => control::pins(command),
        Command::Destinations(command) => destinations::run(command),
        Command::Labels(command) => labels::run(command),
        Command::Log(command) => log::run(command),
        Command::Decide(arguments) => decide::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Policy(command) => policy::run(command),
        Command::Config(command) => config::run(command),
        Command::Bench(command) => bench::run(command),
        Command::Completions { shell } => version::completions(shell),
        Command::Version(output) => version::version(output),
        Command::CliReference => version::reference(),
    }
}
