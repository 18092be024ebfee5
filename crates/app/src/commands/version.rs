//! What the program says about itself: version, completions, reference of the command line.

use crate::cli::{Cli, Output};
use crate::failure::Outcome;
use crate::out;
use clap::{Command, CommandFactory};
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

pub(super) fn version(output: Output) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    match output.json {
        true => out::json(&json!({ "name": "holdshort", "version": version, "policy_contract": 1 }))?,
        false => out::line(format_args!("holdshort {version}"))?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "holdshort", &mut script);
    out::raw(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// `docs/reference/cli.md` is this text; a test compares them.
pub(super) fn reference() -> Outcome {
    let mut page = String::from(
        "# Command line\n\n<!-- Generated from the program by `holdshort cli-reference`; do not edit. -->\n",
    );
    // Help texts are wrapped to a fixed width, whatever terminal this runs in, and name no environment value.
    let mut command = Cli::command().term_width(100);
    command.build();
    describe(&mut page, command);
    out::raw(&page)?;
    Ok(ExitCode::SUCCESS)
}

fn describe(page: &mut String, mut command: Command) {
    if command.is_hide_set() {
        return;
    }
    let name = command.get_bin_name().unwrap_or("holdshort").to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    let _ = write!(page, "\n## `{name}`\n```text\n{}\n```\n", help.join("\n"));
    let below: Vec<Command> = command.get_subcommands().cloned().collect();
    for inner in below {
        describe(page, inner);
    }
}
