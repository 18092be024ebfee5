//! What a shell command does: from its text to effects on resources, without running anything.
//!
//! The text is parsed as bash. Each segment counts, whether or not it would be reached: both sides of `&&`, every branch,
//! the bodies of loops and functions, the insides of substitutions. What is only known when it runs (a variable, a
//! substitution, an option that could run something, code for an interpreter, text that does not parse) is
//! [`Certainty::Unprovable`](holdshort_model::Certainty) and an `execute` besides: never silently nothing.
//!
//! What is NOT checked here: what is in files that are run, what the names of programs mean on the machine, symbolic links.

mod code;
mod database;
mod env;
mod files;
mod find;
mod found;
mod git;
mod net;
mod options;
mod parse;
mod run;
mod subcommands;
mod table;
mod walk;
mod word;
mod wrappers;

use holdshort_model::ActionEffect;

/// Longest text that is parsed. Agents write whole files with here-documents; programs of this size are scripts.
pub const SHELL_BYTES_MAX: usize = 64 * 1024;
/// Most simple commands of one text, those in substitutions included. Beyond it the rest is unprovable.
pub const SHELL_COMMANDS_MAX: usize = 50;
/// How deep texts may hold texts: `sh -c "sh -c ..."`, `$(...)` and so on.
pub const SHELL_DEPTH_MAX: usize = 6;

/// Where a command would run.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShellContext<'a> {
    /// Absolute path of the folder that the agent works in.
    pub workspace: Option<&'a str>,
    /// The folder that the command starts in, absolute or below the workspace. Default: the workspace.
    pub cwd: Option<&'a str>,
}

/// What was read out of a command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShellReading {
    /// The effects, at least one.
    pub effects: Vec<ActionEffect>,
    /// The names of the programs and builtins that it runs, in order, each once: those inside wrappers and substitutions
    /// too.
    pub programs: Vec<String>,
    /// Whether all of it is known before it runs.
    pub provable: bool,
}

/// Reads a command.
pub fn read(command: &str, context: &ShellContext<'_>) -> ShellReading {
    let mut shell = walk::Shell::new(context);
    shell.text(command, 0);
    shell.finish()
}

/// The effects of a command, at least one.
pub fn effects(command: &str, context: &ShellContext<'_>) -> Vec<ActionEffect> {
    read(command, context).effects
}
