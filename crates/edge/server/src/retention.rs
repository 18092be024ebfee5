//! Old records: whoever runs the service asks for them to be archived or dropped. The work itself is done by whoever has the
//! log's directory.

use crate::change::ChangeError;
use crate::service::Service;
use async_trait::async_trait;
use holdshort_api::{ArchiveRecords, ArchivedRecords, DropRecords, DroppedRecords, RetentionAnswer};
use std::future::Future;
use std::sync::Arc;

/// Who archives and drops records of the service's log. `by`: whoever asks for it, never an agent.
#[async_trait]
pub trait OldRecords: Send + Sync {
    /// Where the records are, and what is waited for.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn state(&self) -> Result<RetentionAnswer, ChangeError>;

    /// Compresses finished segments.
    ///
    /// # Errors
    /// When somebody else is at it, a segment is damaged, or the disk refuses.
    async fn archive(&self, wanted: ArchiveRecords) -> Result<ArchivedRecords, ChangeError>;

    /// Removes records for good: on record first, then signed in the log's directory, then the files.
    ///
    /// # Errors
    /// When the clock cannot be believed, nothing is that old, it is not what was agreed to, or it cannot be recorded.
    async fn drop_records(&self, wanted: DropRecords, by: &str) -> Result<DroppedRecords, ChangeError>;

    /// Takes the clock for right, since a person says so.
    ///
    /// # Errors
    /// When it cannot be recorded or kept.
    async fn believe_clock(&self, by: &str) -> Result<RetentionAnswer, ChangeError>;
}

impl Service {
    /// From now on old records are looked after by this. The first one stays.
    pub fn retire_by(&self, old_records: Arc<dyn OldRecords>) {
        // Whoever comes second is not needed.
        let _ = self.old_records.set(old_records);
    }

    /// Where the records are, and what is waited for before some are archived or dropped.
    ///
    /// # Errors
    /// As [`OldRecords::state`].
    pub async fn retention(&self) -> Result<RetentionAnswer, ChangeError> {
        self.old_records()?.state().await
    }

    /// Archives old records.
    ///
    /// # Errors
    /// As [`OldRecords::archive`].
    pub async fn archive_records(&self, wanted: ArchiveRecords) -> Result<ArchivedRecords, ChangeError> {
        let old_records = self.old_records()?;
        to_the_end(async move { old_records.archive(wanted).await }).await
    }

    /// Drops old records.
    ///
    /// # Errors
    /// As [`OldRecords::drop_records`].
    pub async fn drop_records(&self, wanted: DropRecords, by: &str) -> Result<DroppedRecords, ChangeError> {
        let (old_records, by) = (self.old_records()?, by.to_owned());
        to_the_end(async move { old_records.drop_records(wanted, &by).await }).await
    }

    /// Takes the clock for right.
    ///
    /// # Errors
    /// As [`OldRecords::believe_clock`].
    pub async fn believe_clock(&self, by: &str) -> Result<RetentionAnswer, ChangeError> {
        let (old_records, by) = (self.old_records()?, by.to_owned());
        to_the_end(async move { old_records.believe_clock(&by).await }).await
    }

    fn old_records(&self) -> Result<Arc<dyn OldRecords>, ChangeError> {
        let missing = || ChangeError::Invalid("nobody looks after the old records of this service".into());
        self.old_records.get().cloned().ok_or_else(missing)
    }
}

/// In a task of its own: when whoever asked hangs up, what was begun is done all the same.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ChangeError>> + Send + 'static,
) -> Result<T, ChangeError> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(ChangeError::State(error.to_string())))
}
