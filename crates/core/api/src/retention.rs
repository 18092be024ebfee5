//! `/v1/retention`: what becomes of old records.

use serde::{Deserialize, Serialize};

/// Body of `POST /v1/retention/archive`: which segments to compress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveRecords {
    /// Age from which on, in milliseconds.
    pub older_than_ms: u64,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// What archiving came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedRecords {
    /// Whether it was only looked at.
    pub dry_run: bool,
    /// Segments.
    pub segments: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of their files before.
    pub bytes_before: u64,
    /// Bytes of the archives; 0 when nothing was written.
    pub bytes_after: u64,
}

/// Body of `POST /v1/retention/drop`: which records go for good. One of `older_than_ms` and `before`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropRecords {
    /// Age from which on, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than_ms: Option<u64>,
    /// Index of a record: whole segments before it go, whatever their age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// Why: one line. It goes on record.
    pub because: String,
    /// Only say what would go.
    #[serde(default)]
    pub dry_run: bool,
    /// The `first_kept` that a person agreed to: nothing is dropped when it is another one by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_kept: Option<u64>,
}

/// What was dropped, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedRecords {
    /// Index of the first record that is kept.
    pub first_kept: u64,
    /// Records that go.
    pub records: u64,
    /// Segments that they are in.
    pub segments: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// When the newest of them was written, in milliseconds since 1970; absent where nobody asked for ages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_ms: Option<u64>,
    /// Index of the record that says so; absent when it was only looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
}

/// Finished segments of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionTier {
    /// Segments.
    pub segments: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

/// Answer of `GET /v1/retention`: where the records are, and what is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionAnswer {
    /// Finished segments as they were written.
    pub live: RetentionTier,
    /// Finished segments that are compressed.
    pub archived: RetentionTier,
    /// Index of the first record that is kept.
    pub first_kept: u64,
    /// Index of the first record that no finished segment holds.
    pub unfinished_from: u64,
    /// When the newest record of the oldest segment was written, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
    /// Age at which segments are compressed, in milliseconds; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_after_ms: Option<u64>,
    /// Age at which records are dropped, in milliseconds; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_after_ms: Option<u64>,
    /// When the oldest segment is old enough to be dropped, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drops_ms: Option<u64>,
    /// Why nothing is dropped for its age although it may be due, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
}
