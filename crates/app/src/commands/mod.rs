//! One module a command. Branching is here, work is in the leaves.

mod approvals;
mod bench;
mod config;
mod contain;
mod control;
mod decide;
mod destinations;
mod export;
mod grants;
mod incidents;
mod intelligence;
mod labels;
pub(crate) mod listen;
pub(crate) mod log;
mod log_audit;
mod log_disclose;
mod log_erase;
mod log_export;
mod log_index;
mod log_kept;
mod log_names;
mod log_prove;
mod log_receipt;
mod log_retention;
mod log_search;
mod log_show;
mod log_tail;
mod log_verify;
mod matrix;
mod mcp;
mod mirror;
mod mirror_http;
mod mirror_listen;
mod mirror_upload;
mod people;
mod person;
mod policy;
mod policy_report;
mod promotion;
mod replay;
mod replay_log;
mod rules;
mod secrets;
mod serve;
mod standing;
mod version;
mod witness;
mod witness_http;

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
        Command::Incidents(command) => incidents::incidents(command),
        Command::Notify(command) => incidents::notify(command),
        Command::Approvals(command) => approvals::run(command),
        Command::People(command) => people::run(command),
        Command::Labels(command) => labels::run(command),
        Command::Contain(arguments) => contain::contain(arguments),
        Command::Release(arguments) => contain::release(arguments),
        Command::Standing(arguments) => standing::run(&arguments),
        Command::Log(command) => log::run(command),
        Command::Export(command) => export::run(&command),
        Command::Mirror(arguments) => mirror::run(&arguments),
        Command::Witness(arguments) => witness::run(&arguments),
        Command::Decide(arguments) => decide::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Grants(command) => grants::run(command),
        Command::Policy(command) => policy::run(command),
        Command::Intelligence(command) => intelligence::run(command),
        Command::Rules(command) => rules::run(command),
        Command::Secrets(command) => secrets::run(command),
        Command::Config(command) => config::run(command),
        Command::Bench(command) => bench::run(command),
        Command::Completions { shell } => version::completions(shell),
        Command::Version(output) => version::version(output),
        Command::CliReference => version::reference(),
    }
}
