//! The command line as people see it: help texts, errors, exit codes, generated references.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn holdshort(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
    command.args(arguments).stdin(std::process::Stdio::null()).env_remove("HOLDSHORT_LOG").env("COLUMNS", "110");
    for variable in ["HOLDSHORT_CONFIG", "HOLDSHORT_DATA", "HOLDSHORT_AGENT", "HOLDSHORT_INTENT"] {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Exit code, standard output and standard error in one text. `paths` are replaced by their names.
fn transcript(arguments: &[&str], paths: &[(&Path, &str)]) -> String {
    let output = holdshort(arguments);
    let mut all = format!("{}exit {}\n{}", text(&output.stdout), output.status.code().unwrap(), text(&output.stderr));
    for (path, name) in paths {
        all = all.replace(&path.display().to_string(), name);
    }
    all
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn help() {
    insta::assert_snapshot!(transcript(&["--help"], &[]));
}

#[test]
fn every_command_has_help_with_an_example() {
    let mut below = vec![Vec::<String>::new()];
    let mut seen = 0;
    while let Some(path) = below.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let output = holdshort(&arguments);
        let help = text(&output.stdout);
        assert!(output.status.success(), "{arguments:?}");
        assert!(path.is_empty() || help.contains("Example:"), "{arguments:?} has no example");
        seen += 1;
        let commands = help.split_once("Commands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap());
        for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
            let name = line.split_whitespace().next().unwrap();
            below.push(path.iter().cloned().chain([name.to_owned()]).collect());
        }
    }
    assert!(seen > 25, "only {seen} commands were found");
}

#[test]
fn the_generated_references_are_current() {
    for (arguments, file) in [(&["config", "reference"][..], "configuration.md"), (&["cli-reference"], "cli.md")] {
        let committed = std::fs::read_to_string(root().join("docs/reference").join(file)).unwrap();
        let generated = text(&holdshort(arguments).stdout);
        assert!(committed == generated, "docs/reference/{file} is not current: run `make reference`");
    }
}

#[test]
fn wrong_usage() {
    insta::assert_snapshot!("unknown_command", transcript(&["srve"], &[]));
    insta::assert_snapshot!("mcp_without_a_command", transcript(&["mcp", "--name", "files"], &[]));
}

#[test]
fn wrong_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("holdshort.toml");
    let check = |content: &str| {
        std::fs::write(&file, content).unwrap();
        transcript(&["config", "check", "--config", file.to_str().unwrap()], &[(directory.path(), "DIR")])
    };
    insta::assert_snapshot!("unknown_key", check("profile = \"strict\"\n\n[mcp]\nfedrated = false\n"));
    insta::assert_snapshot!("several_problems", check("[[upstream]]\nname = \"a/b\"\n[api]\nlisten = \"0.0.0.0:1\"\n"));
    insta::assert_snapshot!("not_toml", check("profile = strict\n"));
    insta::assert_snapshot!("misspelled_flow", check("[policies.data]\nflow = \"sttrict\"\n"));
    let missing = transcript(&["config", "check", "--config", "/nowhere/holdshort.toml"], &[]);
    insta::assert_snapshot!("missing_file", missing);
}

#[test]
fn the_effective_configuration_shows_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("holdshort.toml");
    let content = "profile = \"strict\"\n[[upstream]]\nname = \"a\"\ncommand = \"x\"\nenv = { KEY = \"hunter2\" }\n\
                   [[upstream]]\nname = \"b\"\nurl = \"https://b.example\"\nheaders = { X-Api-Key = { from = \"B_KEY\" } }\n";
    std::fs::write(&file, content).unwrap();
    let shown = transcript(&["config", "check", "--config", file.to_str().unwrap()], &[(directory.path(), "DIR")]);
    assert!(!shown.contains("hunter2"));
    insta::assert_snapshot!("effective", shown);
}

#[test]
fn version_and_completions() {
    let version = text(&holdshort(&["version", "--json"]).stdout);
    let version: serde_json::Value = serde_json::from_str(&version).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    let script = text(&holdshort(&["completions", "bash"]).stdout);
    assert!(script.contains("_holdshort()"));
}
