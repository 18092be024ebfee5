//! What a proof says about a sealed record: the key of this one record goes with it, and no other key does.

use super::log::open;
use crate::failure::Failure;
use crate::render;
use holdshort_ledger::{Disclosure, is_sealed};
use holdshort_store::log::StoredRecord;
use holdshort_store::records::Content;
use std::path::Path;

/// Adds the record's own key where the record is sealed.
pub(super) fn with_its_key(directory: &Path, index: u64, disclosure: Disclosure) -> Result<Disclosure, Failure> {
    let (salt, payload) = match disclosure {
        Disclosure::Record { salt, payload } if is_sealed(&payload) => (salt, payload),
        other => return Ok(other),
    };
    let records = open(directory)?;
    let record = records.read(StoredRecord { index, salt, payload });
    let key = records.record_key(&record);
    match (&record.content, key) {
        (Content::Opened(_), Some(key)) => Ok(Disclosure::Sealed { salt, key, payload: record.stored.payload }),
        (Content::Erased, _) => {
            let when = records.erased_ms(&record).map(|ms| format!(" on {}", render::time(ms))).unwrap_or_default();
            Err(Failure::refused(format!("record {index} was erased{when}: nobody can say any more what it was"))
                .hint("`--bare` proves that a record stands there"))
        }
        _ => Err(Failure::refused(format!("record {index} is sealed, and its key is not here"))
            .hint("the keys are in `keys.db` beside the log's directory; `--bare` proves that a record stands there")),
    }
}
