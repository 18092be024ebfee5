//! `log tail`: the newest records, and those that come.

use super::log::{dropped_note, open, shown, unreadable};
use super::{log_index, log_search};
use crate::changes::Changes;
use crate::cli::{Output, TailArgs};
use crate::failure::{Failure, Outcome};
use crate::out;
use crate::skipped::Skipped;
use holdshort_store::index::{Filter, Order, Search};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

pub(super) fn run(arguments: &TailArgs) -> Outcome {
    let loaded = arguments.place.load()?;
    let data = arguments.place.data(&loaded)?;
    let filter = log_search::filter(&arguments.filter)?;
    let records = open(&data.log())?;
    let is_useful = filter.is_indexed() && !arguments.no_index;
    let index = if is_useful { log_index::fresh(&data, &loaded.config.log, &records) } else { None };
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
    let follower = Follower { directory: data.log(), filter, output: arguments.output, next, missed: false };
    let ended = follow(&runtime, follower);
    // Whoever prints may wait for a terminal that takes nothing: that is not waited for.
    runtime.shutdown_background();
    ended
}

/// Prints what matches as checkpoints cover it. Ends with an interrupt, or when nobody reads any more, also in the middle of
/// a long stretch of records and while the terminal takes nothing: reading and printing is a thread's work.
fn follow(runtime: &Runtime, follower: Follower) -> Outcome {
    runtime.block_on(async {
        let cannot = |error| Failure::internal(format!("cannot listen for signals: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut changes = Changes::of(&follower.directory);
        let mut closed = pin!(out::closed());
        let (look, looks) = mpsc::channel(1);
        let mut printing = pin!(tokio::task::spawn_blocking(move || follower.run(looks)));
        loop {
            // One look that waits stands for those after it.
            let _ = look.try_send(());
            tokio::select! {
                () = changes.next() => {}
                () = &mut closed => return Ok(ExitCode::SUCCESS),
                _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
                ended = &mut printing => return ended.map_err(Failure::internal)?,
            }
        }
    })
}

struct Follower {
    directory: PathBuf,
    filter: Filter,
    output: Output,
    next: u64,
    /// It was said that there are records that cannot be read.
    missed: bool,
}

impl Follower {
    /// Looks as often as it is told to, until nobody reads any more.
    fn run(mut self, mut looks: mpsc::Receiver<()>) -> Outcome {
        while looks.blocking_recv().is_some() {
            if !self.look()? {
                break;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Prints what came. `false`: nobody reads any more.
    fn look(&mut self) -> Result<bool, Failure> {
        // Each time anew: segments come and go, and so does the service that writes them.
        let records = open(&self.directory)?;
        if records.size() < self.next {
            return Err(cut_back(&self.directory, records.size(), self.next));
        }
        let end = records.size();
        for record in records.forwards(self.next) {
            let record = record.map_err(unreadable)?;
            if record.index() >= end {
                break;
            }
            if record.index() > self.next {
                out::note(dropped_note(self.next, record.index()));
            }
            self.next = record.index().saturating_add(1);
            if self.filter.matches(&record) {
                if !out::offer(shown(&record, self.output)?)? {
                    return Ok(false);
                }
            } else if self.filter.may_miss() && !self.missed {
                let mut skipped = Skipped::default();
                skipped.look(&record);
                if skipped != Skipped::default() {
                    self.missed = true;
                    out::note(format_args!(
                        "record {} cannot be read, since it was erased or its key is not here; it and others may be one of these",
                        record.index()
                    ));
                }
            }
        }
        // What is left was dropped.
        self.next = self.next.max(end);
        Ok(true)
    }
}

fn cut_back(directory: &Path, size: u64, before: u64) -> Failure {
    let directory = directory.display();
    Failure::refused(format!(
        "the log in `{directory}` has {size} records, and had {before} before: it was cut back, or is another one"
    ))
    .hint("`holdshort log audit` compares it with a checkpoint that was kept")
}
