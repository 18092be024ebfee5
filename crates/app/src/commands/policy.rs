//! `policy`: tests, lint, matrix and explanation of a directory of policies.

use crate::cli::{Output, PolicyArgs, PolicyCommand};
use crate::failure::{Code, Failure, Outcome};
use crate::{out, policies};
use holdshort_model::Mode;
use holdshort_policy::{Diagnostic, PolicyReport, lint, test};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(command: PolicyCommand) -> Outcome {
    match command {
        PolicyCommand::Test(PolicyArgs { directory, output }) => run_tests(&directory, output),
        PolicyCommand::Lint(PolicyArgs { directory, output }) => run_lint(&directory, output),
        PolicyCommand::Matrix { policy, classes, check } => super::matrix::run(&policy, &classes, check.as_deref()),
        PolicyCommand::Report { place, output, since } => super::policy_report::run(&place, output, since),
        PolicyCommand::Promote(arguments) => super::promotion::run(arguments, Mode::Enforce),
        PolicyCommand::Demote(arguments) => super::promotion::run(arguments, Mode::Observe),
        PolicyCommand::Explain(PolicyArgs { directory, output }) => super::decide::explain(&directory, output),
    }
}

fn run_tests(directory: &Path, output: Output) -> Outcome {
    let reports = test(&policies::bundle_of(directory)?).map_err(|faults| policies::refused(&faults))?;
    let examples = reports.iter().map(|report| report.examples.len()).sum::<usize>();
    let failed = reports.iter().flat_map(|report| &report.examples).filter(|example| example.fault.is_some()).count();
    if output.json {
        reports.iter().try_for_each(out::json)?;
    } else {
        reports.iter().try_for_each(print_report)?;
        out::line(format_args!("{} policies, {examples} examples, {failed} failed", reports.len()))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { Code::Refused.into() })
}

fn print_report(report: &PolicyReport) -> Result<(), Failure> {
    let state = if report.passed() { "ok" } else { "FAILED" };
    out::line(format_args!("{state:6} {} ({} examples)", report.policy, report.examples.len()))?;
    for example in &report.examples {
        if let Some(fault) = &example.fault {
            out::line(format_args!("       {}:{}: {}: {fault}", report.file, example.line, example.name))?;
        }
    }
    Ok(())
}

fn run_lint(directory: &Path, output: Output) -> Outcome {
    let faults = lint(&policies::bundle_of(directory)?);
    for fault in &faults {
        if output.json { out::json(&diagnostic(fault))? } else { out::line(fault)? }
    }
    if faults.is_empty() && !output.json {
        out::line("nothing to complain about")?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { Code::Refused.into() })
}

fn diagnostic(fault: &Diagnostic) -> Value {
    let Diagnostic { file, line, column, code, message, hint } = fault;
    json!({ "file": file, "line": line, "column": column, "code": code, "message": message, "hint": hint })
}
