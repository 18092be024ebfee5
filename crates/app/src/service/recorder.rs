//! The log on disk behind the traits of the server.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use holdshort_api::{RECORDS_PAGE_DEFAULT, RecordEntry, RecordsPage, RecordsQuery};
use holdshort_model::Receipt;
use holdshort_server::{Appending, RecordReader, Recorder, RecorderError};
use holdshort_store::log::{Log, LogError};
use holdshort_store::records::Records;
use serde_json::Value;

/// Records that one page looks at; a filter that matches little continues on the next page.
const SCANNED_MAX: usize = 50_000;

/// Writes to and reads from the log.
pub(crate) struct LogRecorder {
    log: Log,
}

impl LogRecorder {
    pub(crate) fn new(log: Log) -> Self {
        Self { log }
    }
}

impl Recorder for LogRecorder {
    fn append(&self, record: Vec<u8>) -> Appending {
        self.append_any(record, false)
    }

    fn enqueue(&self, record: Vec<u8>) -> Result<(), RecorderError> {
        self.log.enqueue(record).map_err(failed)
    }

    fn append_kept(&self, record: Vec<u8>) -> Appending {
        self.append_any(record, true)
    }

    fn enqueue_kept(&self, record: Vec<u8>) -> Result<(), RecorderError> {
        self.log.enqueue_kept(record).map_err(failed)
    }
}

impl LogRecorder {
    fn append_any(&self, record: Vec<u8>, kept: bool) -> Appending {
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

#[async_trait]
impl RecordReader for LogRecorder {
    async fn page(&self, query: RecordsQuery) -> Result<RecordsPage, RecorderError> {
        let log = self.log.clone();
        let read = move || page(&Records::new(log.reader().map_err(failed)?), &query);
        tokio::task::spawn_blocking(read).await.map_err(|error| RecorderError::Down(error.to_string()))?
    }
}

fn page(records: &Records, query: &RecordsQuery) -> Result<RecordsPage, RecorderError> {
    let limit = query.limit.unwrap_or(RECORDS_PAGE_DEFAULT) as usize;
    let mut page = RecordsPage { records: Vec::new(), next: None };
    for (scanned, record) in records.forwards(query.from.unwrap_or(0)).enumerate() {
        let record = record.map_err(failed)?;
        if page.records.len() >= limit || scanned >= SCANNED_MAX {
            page.next = Some(record.index());
            break;
        }
        let value: Value =
            record.payload().and_then(|payload| serde_json::from_slice(payload).ok()).unwrap_or(Value::Null);
        if matches(&value, query) {
            page.records.push(RecordEntry { index: record.index(), record: value });
        }
    }
    Ok(page)
}

fn matches(record: &Value, query: &RecordsQuery) -> bool {
    let text = |pointers: [&str; 2]| pointers.into_iter().find_map(|pointer| record.pointer(pointer)?.as_str());
    let same = |asked: &Option<String>, found: Option<&str>| asked.as_deref().is_none_or(|asked| found == Some(asked));
    same(&query.session, text(["/request/session", "/session"]))
        && same(&query.agent, text(["/request/subject/agent", "/agent"]))
}

fn failed(error: LogError) -> RecorderError {
    let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    let text = format!("{error}{source}");
    if matches!(error, LogError::NearlyFull { .. }) { RecorderError::Full(text) } else { RecorderError::Down(text) }
}
