//! `bench`: figures of this machine.

use crate::bench::{Scratch, contain, decide, export, gateway, ledger, replay};
use crate::cli::{BenchArgs, BenchCommand, Output};
use crate::failure::{Failure, Outcome};
use crate::out;
use holdshort_store::log::BenchCase;
use std::process::ExitCode;

pub(super) fn run(command: BenchCommand) -> Outcome {
    let (cases, output) = match command {
        BenchCommand::Decide(BenchArgs { output, operations, .. }) => (decide(operations)?, output),
        BenchCommand::Ledger(arguments) => {
            let scratch = Scratch::new(&arguments.place.data(&arguments.place.load()?)?)?;
            (ledger(scratch.path(), &arguments)?, arguments.output)
        }
        BenchCommand::Gateway(arguments) => (calls(&arguments)?, arguments.output),
        BenchCommand::Export(arguments) => {
            (export(scratch(&arguments)?.path(), arguments.operations)?, arguments.output)
        }
        BenchCommand::Replay(arguments) => {
            (replay(scratch(&arguments)?.path(), arguments.operations)?, arguments.output)
        }
        BenchCommand::Contain(arguments) => (containment(&arguments)?, arguments.output),
    };
    print(&cases, output)?;
    Ok(ExitCode::SUCCESS)
}

fn scratch(arguments: &BenchArgs) -> Result<Scratch, Failure> {
    Scratch::new(&arguments.place.data(&arguments.place.load()?)?)
}

fn calls(arguments: &BenchArgs) -> Result<Vec<BenchCase>, Failure> {
    let scratch = scratch(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot start threads: {error}")))?;
    runtime.block_on(gateway(scratch.path(), arguments.operations))
}

fn containment(arguments: &BenchArgs) -> Result<Vec<BenchCase>, Failure> {
    let scratch = scratch(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot start threads: {error}")))?;
    runtime.block_on(contain(scratch.path(), arguments.operations))
}

fn print(cases: &[BenchCase], output: Output) -> Result<(), Failure> {
    if output.json {
        return cases.iter().try_for_each(out::json);
    }
    let row = |case: &BenchCase| {
        let BenchCase { name, unit, p50, p99, rate, n } = case;
        let rate = if *rate > 0.0 { format!("{rate:.0}/s") } else { "-".into() };
        vec![name.clone(), format!("{p50:.1} {unit}"), format!("{p99:.1} {unit}"), rate, n.to_string()]
    };
    out::table(&["CASE", "P50", "P99", "RATE", "N"], &cases.iter().map(row).collect::<Vec<_>>())
}
