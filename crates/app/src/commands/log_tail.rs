//! `log tail`: the newest records, and those that come.

use super::log::{open, shown, unreadable};
use super::{log_index, log_search};
use crate::changes::Changes;
use crate::cli::{Output, TailArgs};
use crate::failure::{Failure, Outcome};
use crate::out;
use holdshort_store::index::{Filter, Order, Search};
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

pub(super) fn run(arguments: &TailArgs) -> Outcome {
    let data = arguments.place.data(&arguments.place.load()?)?;
    let filter = log_search::filter(&arguments.filter)?;
    let records = open(&data.log())?;
    let is_useful = filter.is_indexed() && !arguments.no_index;
    let index = if is_useful { log_index::fresh(&data, &records) } else { None };
    let next = records.size();
    let newest = Search::new(&records, index.as_ref(), &filter, Order::NewestFirst, 0..next).take(arguments.lines);
    let newest: Result<Vec<_>, _> = newest.collect();
    for record in newest.map_err(unreadable)?.iter().rev() {
        if !out::offer(shown(record, arguments.output)?)? {
            return Ok(ExitCode::SUCCESS);
        }
    }
    if !arguments.follow {
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot wait for records: {error}")))?;
    runtime.block_on(follow(&data.log(), &filter, arguments.output, next))
}

/// Prints what matches as checkpoints cover it. Ends with an interrupt, or when nobody reads any more.
async fn follow(directory: &Path, filter: &Filter, output: Output, mut next: u64) -> Outcome {
    let cannot = |error| Failure::internal(format!("cannot listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut changes = Changes::of(directory);
    let mut closed = pin!(out::closed());
    loop {
        // Each time anew: segments come and go, and so does the service that writes them.
        let records = open(directory)?;
        if records.size() < next {
            return Err(Failure::refused(format!(
                "the log has {} records, and had {next} before: it was cut back, or is another one",
                records.size()
            ))
            .hint("`holdshort log audit` compares it with a checkpoint that was kept"));
        }
        let fresh = usize::try_from(records.size().saturating_sub(next)).unwrap_or(usize::MAX);
        for record in records.forwards(next).take(fresh) {
            let record = record.map_err(unreadable)?;
            next = record.index().saturating_add(1);
            if filter.matches(&record) && !out::offer(shown(&record, output)?)? {
                return Ok(ExitCode::SUCCESS);
            }
        }
        tokio::select! {
            () = changes.next() => {}
            () = &mut closed => return Ok(ExitCode::SUCCESS),
            _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
        }
    }
}
