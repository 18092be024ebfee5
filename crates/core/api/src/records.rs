//! `GET /v1/records`: the log, page by page, the oldest first.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Records on a page when the caller does not say.
pub const RECORDS_PAGE_DEFAULT: u32 = 100;
/// Most records on a page: 1,000 records of 64 KiB stay below 64 MiB.
pub const RECORDS_PAGE_MAX: u32 = 1_000;

/// Parameters of the query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordsQuery {
    /// First index to look at, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Records on the page, at most [`RECORDS_PAGE_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only records of this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Only decisions about this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// A page of records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordsPage {
    /// The records that match.
    pub records: Vec<RecordEntry>,
    /// `from` of the next page; absent at the end of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One record with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordEntry {
    /// Index in the log, from 0.
    pub index: u64,
    /// The record (`holdshort_model::Record`); `null` when its payload was erased.
    pub record: Value,
}
