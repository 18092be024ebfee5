//! What becomes of old records.

use crate::client::Client;
use crate::error::ClientError;
use holdshort_api::{ArchiveRecords, ArchivedRecords, DropRecords, DroppedRecords, RetentionAnswer};

impl Client {
    /// Where the records are, and what is waited for before some are archived or dropped.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn retention(&self) -> Result<RetentionAnswer, ClientError> {
        self.get("/v1/retention").await
    }

    /// Archives old records. Takes a while for many: see [`Client::with_timeout`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn archive_records(&self, wanted: &ArchiveRecords) -> Result<ArchivedRecords, ClientError> {
        self.post("/v1/retention/archive", wanted).await
    }

    /// Drops old records for good.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn drop_records(&self, wanted: &DropRecords) -> Result<DroppedRecords, ClientError> {
        self.post("/v1/retention/drop", wanted).await
    }

    /// Says that the service's clock is right.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn believe_clock(&self) -> Result<RetentionAnswer, ClientError> {
        self.post("/v1/retention/clock", &()).await
    }
}
