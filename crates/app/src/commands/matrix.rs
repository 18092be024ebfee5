//! `policy matrix`: what each class of agent gets for a fixed list of actions.

use crate::cli::PolicyArgs;
use crate::failure::{Code, Failure, Outcome, named_file};
use crate::{out, policies};
use holdshort_policy::{LoadOptions, PolicySet, matrix, probes, strictest};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The actions of the matrix, beside the policies.
const PROBES_FILE: &str = "matrix.json";

pub(super) fn run(policy: &PolicyArgs, classes: &[String], check: Option<&Path>) -> Outcome {
    let bundle = policies::bundle_of(&policy.directory)?;
    let set = PolicySet::load(&bundle, &LoadOptions::default()).map_err(|faults| policies::refused(&faults))?;
    let path = policy.directory.join(PROBES_FILE);
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!("cannot read the actions of the matrix in `{}`: {error}", path.display()))
            .hint("a list of `{\"name\", \"input\"}`, where the input is a fragment as in a policy's examples")
    })?;
    let probes = probes(&text).map_err(|error| Failure::config(format!("{}: {error}", path.display())))?;
    let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
    let table = matrix(&classes, &probes, |facts| strictest(&set, facts));
    match check {
        None if policy.output.json => out::json(&serde_json::json!({ "matrix": table }))?,
        None => out::raw(&table)?,
        Some(path) => return compare(&table, path),
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the rows that differ. Text around the committed table is left alone.
fn compare(table: &str, path: &Path) -> Outcome {
    let committed = fs::read_to_string(path).map_err(named_file("read", path))?;
    if committed.contains(table.trim_end()) {
        return Ok(ExitCode::SUCCESS);
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (committed.lines().collect(), table.lines().collect());
    let rows = |line: &&&str| line.starts_with('|');
    for line in old.iter().filter(rows).filter(|line| !new.contains(line)) {
        out::line(format_args!("- {line}"))?;
    }
    for line in new.iter().filter(|line| !old.contains(line)) {
        out::line(format_args!("+ {line}"))?;
    }
    out::line(format_args!("the matrix differs from `{}`", path.display()))?;
    Ok(Code::Refused.into())
}
