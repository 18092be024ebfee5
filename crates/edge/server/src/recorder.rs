//! What the service needs of a log: append durably, append later, read back.

use async_trait::async_trait;
use holdshort_api::{RecordsPage, RecordsQuery};
use holdshort_model::Receipt;
use std::future::Future;
use std::pin::Pin;

/// Longest record that a recorder takes, in bytes; the ledger's segments hold no longer ones.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Resolves once the record is durable.
pub type Appending = Pin<Box<dyn Future<Output = Result<Receipt, RecorderError>> + Send>>;

/// Writes records.
pub trait Recorder: Send + Sync + 'static {
    /// Starts to append a record of at most [`RECORD_BYTES_MAX`]; the answer resolves once the record is durable.
    ///
    /// The answer is polled once at once, and that poll takes the record in: the order of first polls is the order in
    /// the log. Dropping the answer after it does not take the record back.
    fn append(&self, record: Vec<u8>) -> Appending;

    /// Takes the record in; it becomes durable with the next append or soon after.
    ///
    /// # Errors
    /// When the log cannot take it.
    fn enqueue(&self, record: Vec<u8>) -> Result<(), RecorderError>;

    /// As [`Recorder::append`], for a record that a log keeps room for when its disk is nearly full.
    fn append_kept(&self, record: Vec<u8>) -> Appending {
        self.append(record)
    }

    /// As [`Recorder::enqueue`], for a record that a log keeps room for when its disk is nearly full.
    ///
    /// # Errors
    /// When the log cannot take it.
    fn enqueue_kept(&self, record: Vec<u8>) -> Result<(), RecorderError> {
        self.enqueue(record)
    }
}

/// Reads records back.
#[async_trait]
pub trait RecordReader: Send + Sync + 'static {
    /// One page. `query.limit` is set and within bounds.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn page(&self, query: RecordsQuery) -> Result<RecordsPage, RecorderError>;
}

/// The log cannot be written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecorderError {
    /// It does not work.
    #[error("the log does not work: {0}")]
    Down(String),
    /// Its disk is nearly full. It goes on by itself when there is room.
    #[error("the log takes nothing more: {0}")]
    Full(String),
}
