//! Names of the files in a log directory.

use std::path::{Path, PathBuf};

/// The signed checkpoint.
pub const CHECKPOINT_FILE: &str = "checkpoint";
/// The verification key, in signed-note format.
pub const PUBLIC_KEY_FILE: &str = "log.pub";
/// The key that cosigns checkpoints with ML-DSA-44, in signed-note format.
pub const COSIGNER_PUBLIC_KEY_FILE: &str = "log.mldsa.pub";
/// The key that signs COSE receipts, in PEM.
pub const RECEIPT_PUBLIC_KEY_FILE: &str = "log.cose.pub";
/// The first checkpoint that contradicts what a mirror stored, in its own directory.
pub const CONTRADICTION_FILE: &str = "contradiction";
/// The key that a mirror cosigns with, in its own directory.
pub const MIRROR_PUBLIC_KEY_FILE: &str = "mirror.pub";
/// The checkpoints up to which a mirror takes uploads, in its own directory.
pub(crate) const PENDING_FILE: &str = "pending";
/// The payloads.
pub const RECORDS_DIRECTORY: &str = "records";

pub(crate) const LOCK_FILE: &str = "lock";
/// Ends the names of files that are not finished. What a crash leaves of them is removed at the next start.
pub(crate) const TEMPORARY: &str = ".tmp";

/// The statement of which records were dropped.
pub(crate) const DROPPED_FILE: &str = "records/dropped";
/// Up to when the clock was believed.
pub(crate) const CLOCK_FILE: &str = "records/clock";
/// Held by whoever archives and drops.
pub(crate) const RETENTION_LOCK_FILE: &str = "records/retention.lock";

const SEGMENT_SUFFIX: &str = ".seg";
const ARCHIVE_SUFFIX: &str = ".seg.zst";
/// Digits of a segment's first index: enough for any `u64`, so that names sort as numbers.
const INDEX_DIGITS: usize = 20;

/// Name of a segment below the log's directory.
pub(crate) fn segment_name(first_index: u64) -> String {
    format!("{RECORDS_DIRECTORY}/{first_index:0INDEX_DIGITS$}{SEGMENT_SUFFIX}")
}

/// Name of an archived segment below the log's directory.
pub(crate) fn archive_name(first_index: u64) -> String {
    format!("{RECORDS_DIRECTORY}/{first_index:0INDEX_DIGITS$}{ARCHIVE_SUFFIX}")
}

/// First index of the segment with this file name; none when it is no segment.
pub(crate) fn segment_index(file_name: &str) -> Option<u64> {
    index(file_name, SEGMENT_SUFFIX)
}

/// First index of the archived segment with this file name; none when it is none.
pub(crate) fn archive_index(file_name: &str) -> Option<u64> {
    index(file_name, ARCHIVE_SUFFIX)
}

fn index(file_name: &str, suffix: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(suffix)?;
    let plain = digits.len() == INDEX_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// The unfinished twin of a file.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_names_are_read_back_and_others_are_not() {
        for index in [0, 7, u64::MAX] {
            let name = segment_name(index);
            assert_eq!(segment_index(name.strip_prefix("records/").unwrap()), Some(index));
            let name = archive_name(index);
            assert_eq!(archive_index(name.strip_prefix("records/").unwrap()), Some(index));
            assert_eq!(segment_index(name.strip_prefix("records/").unwrap()), None);
        }
        for name in ["", ".seg", "1.seg", "0000000000000000000x.seg", "00000000000000000000.seg.tmp"] {
            assert_eq!(segment_index(name), None);
        }
    }
}
