//! Work on the records of a log with all cores, taken up in the order of the log.

use crate::commands::log::unreadable;
use crate::failure::Failure;
use holdshort_store::log::LogError;
use holdshort_store::records::LoggedRecord;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Records that go to a core at once.
const BATCH_RECORDS: usize = 256;
/// Bytes from which on a batch is full: one record may have a few megabytes.
const BATCH_BYTES: usize = 1 << 20;
/// Batches of one core that are on their way.
const BATCHES_BEHIND: usize = 2;

/// To a core, and back from it.
type Lane<T> = (SyncSender<Vec<LoggedRecord>>, Receiver<Vec<T>>);

/// Does `work` for each record and hands what came of it to `take`, in order. `work` is made once for each core.
///
/// # Errors
/// When the log cannot be read, or `take` fails.
pub(crate) fn each<T, W>(
    mut records: impl Iterator<Item = Result<LoggedRecord, LogError>>,
    make: impl Fn() -> W + Sync,
    mut take: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure>
where
    T: Send,
    W: FnMut(LoggedRecord) -> T,
{
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        let lanes: Vec<Lane<T>> = (0..cores)
            .map(|_| {
                let (give, given) = sync_channel::<Vec<LoggedRecord>>(BATCHES_BEHIND);
                let (done, results) = sync_channel(BATCHES_BEHIND);
                let make = &make;
                scope.spawn(move || {
                    let mut work = make();
                    for batch in given {
                        // Nobody takes the rest when something failed before.
                        if done.send(batch.into_iter().map(&mut work).collect()).is_err() {
                            return;
                        }
                    }
                });
                (give, results)
            })
            .collect();
        let lost = || Failure::internal("a thread of the replay ended; please report it");
        let mut waiting = VecDeque::new();
        let mut settle =
            |results: &Receiver<Vec<T>>| results.recv().map_err(|_| lost())?.into_iter().try_for_each(&mut take);
        for (give, results) in lanes.iter().cycle() {
            let batch = batch(&mut records)?;
            if batch.is_empty() {
                break;
            }
            give.send(batch).map_err(|_| lost())?;
            waiting.push_back(results);
            if waiting.len() >= lanes.len() * BATCHES_BEHIND
                && let Some(oldest) = waiting.pop_front()
            {
                settle(oldest)?;
            }
        }
        waiting.into_iter().try_for_each(settle)
    })
}

fn batch(records: &mut impl Iterator<Item = Result<LoggedRecord, LogError>>) -> Result<Vec<LoggedRecord>, Failure> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
        let Some(record) = records.next() else { break };
        let record = record.map_err(unreadable)?;
        bytes += record.stored.payload.len();
        batch.push(record);
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_store::log::StoredRecord;
    use holdshort_store::records::Content;

    fn records(n: u64) -> impl Iterator<Item = Result<LoggedRecord, LogError>> {
        (0..n).map(|index| {
            let stored = StoredRecord { index, salt: [0; holdshort_ledger::SALT_BYTES], payload: vec![0; 5_000] };
            Ok(LoggedRecord { stored, content: Content::Plain })
        })
    }

    #[test]
    fn the_order_is_that_of_the_log() {
        for n in [0, 1, 255, 256, 5_000] {
            let mut taken = Vec::new();
            let make = || |record: LoggedRecord| record.index();
            each(records(n), make, |index| {
                taken.push(index);
                Ok(())
            })
            .unwrap();
            assert_eq!(taken, (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_failure_ends_it() {
        let make = || |record: LoggedRecord| record.index();
        let failed = each(records(5_000), make, |index| match index {
            700 => Err(Failure::refused("enough")),
            _ => Ok(()),
        });
        assert!(failed.is_err());
    }
}
