//! The log on disk behind the server's trait for writing.

use super::seals::Seals;
use futures_util::FutureExt as _;
use holdshort_model::Receipt;
use holdshort_server::{Appending, Erasure, Preparing, RecordOwner, Recorder, RecorderError};
use holdshort_store::log::{Log, LogError};
use std::sync::Arc;

/// Writes to the log.
pub(crate) struct LogRecorder {
    log: Log,
    seals: Arc<Seals>,
}

impl LogRecorder {
    pub(crate) fn new(log: Log, seals: Arc<Seals>) -> Self {
        Self { log, seals }
    }
}

impl Recorder for LogRecorder {
    fn append(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Appending {
        self.append_any(record, owner, false)
    }

    fn enqueue(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Result<(), RecorderError> {
        self.log.enqueue(self.seals.seal(record, owner)?).map_err(failed)
    }

    fn append_kept(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Appending {
        self.append_any(record, owner, true)
    }

    fn enqueue_kept(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Result<(), RecorderError> {
        self.log.enqueue_kept(self.seals.seal(record, owner)?).map_err(failed)
    }

    fn prepare(&self, owner: &RecordOwner) -> Option<Preparing> {
        self.seals.prepare(owner)
    }

    fn erasure(&self) -> Option<Arc<dyn Erasure>> {
        Some(self.seals.clone())
    }
}

impl LogRecorder {
    fn append_any(&self, record: Vec<u8>, owner: Option<&RecordOwner>, kept: bool) -> Appending {
        // In the call itself, so that no record overtakes another one while it is sealed.
        let record = match self.seals.seal(record, owner) {
            Ok(record) => record,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let log = self.log.clone();
        let mut appending = Box::pin(async move {
            let appended = if kept { log.append_kept(record).await } else { log.append(record).await };
            Ok(Receipt { log: log.origin().to_owned(), index: appended.map_err(failed)?.index })
        });
        // INVARIANT: the record is in the queue when this returns, so that the order of calls is the order in the log.
        // The first poll puts it there, unless the queue is full; then its place in the line for room is taken.
        // Unconstrained, since a task that used up its budget would be told to wait although there is room.
        match tokio::task::unconstrained(&mut appending).now_or_never() {
            Some(done) => Box::pin(std::future::ready(done)),
            None => appending,
        }
    }
}

fn failed(error: LogError) -> RecorderError {
    let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    let text = format!("{error}{source}");
    if matches!(error, LogError::NearlyFull { .. }) { RecorderError::Full(text) } else { RecorderError::Down(text) }
}
