//! The payload segments: which there are, how they are read, and how they are written.

mod find;
mod listing;
mod scan;
mod writer;

pub(crate) use listing::Listing;
pub(crate) use scan::{Scan, Step};
pub(crate) use writer::{SegmentWriter, next_path, segment_bytes_min};

use super::dropped::Dropped;
use super::error::LogError;
use super::layout::{RECORDS_DIRECTORY, archive_index, archive_name, segment_index, segment_name};
use holdshort_ledger::SEGMENT_HEADER_BYTES;
use std::io;
use std::path::{Path, PathBuf};

/// A segment on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) first_index: u64,
    /// Relative to the log's directory.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Whether it is compressed.
    pub(crate) archived: bool,
}

/// The segments of a log in order, without those that were dropped. No folder: none.
pub(crate) fn list(directory: &Path) -> Result<Vec<Segment>, LogError> {
    let mut segments = list_all(directory)?;
    // The original comes first: it counts, as long as it is there.
    segments.dedup_by_key(|segment| segment.first_index);
    if let Some(dropped) = Dropped::read_of(directory)? {
        segments.retain(|segment| segment.first_index >= dropped.first);
    }
    Ok(segments)
}

/// All files of segments, also those that do not count any more.
pub(crate) fn list_all(directory: &Path) -> Result<Vec<Segment>, LogError> {
    let folder = directory.join(RECORDS_DIRECTORY);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LogError::io("list", &folder)(error)),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let entry = entry.map_err(LogError::io("list", &folder))?;
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else { continue };
        if let Some(first_index) = segment_index(file_name) {
            let name = segment_name(first_index);
            segments.push(Segment { first_index, path: directory.join(&name), name, archived: false });
        } else if let Some(first_index) = archive_index(file_name) {
            segments.push(Segment::archive(directory, first_index));
        }
    }
    segments.sort_by_key(|segment| (segment.first_index, segment.archived));
    Ok(segments)
}

impl Segment {
    pub(super) fn archive(directory: &Path, first_index: u64) -> Self {
        let name = archive_name(first_index);
        Self { first_index, path: directory.join(&name), name, archived: true }
    }
}

fn header_bytes() -> u64 {
    u64::try_from(SEGMENT_HEADER_BYTES).unwrap_or(u64::MAX)
}
