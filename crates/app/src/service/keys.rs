//! Opens the keys of sealed records, and looks whether they are those of the log beside them.

use crate::failure::Failure;
use crate::place::DataDir;
use holdshort_ledger::KeyId;
use holdshort_store::keys::{Found, Keys, KeysError};
use holdshort_store::log::Log;
use holdshort_store::records::Records;

/// Latest records that are looked at.
const LOOKED_MAX: usize = 4_096;

/// The keys of a log, made when nothing in it was sealed yet.
///
/// # Errors
/// When they cannot be read, or are not there although the log has sealed records. New ones in their place would make it
/// look as if nothing was missing.
pub(crate) fn open_keys(data: &DataDir, log: &Log) -> Result<Keys, Failure> {
    let sealed = newest_sealed(log)?;
    let path = data.keys();
    if let Some((index, _)) = sealed.filter(|_| !path.exists()) {
        let place = path.display();
        return Err(Failure::internal(format!(
            "the keys of the log are gone: there is no `{place}`, and record {index} is sealed"
        ))
        .hint(
            "bring the file back from its backup; if there is none, make an empty one: what was recorded then stays closed for ever",
        ));
    }
    let keys = Keys::open(&path).map_err(Failure::internal)?;
    if let Some((index, id)) = sealed {
        warn_of_closed(&keys, index, &id).map_err(Failure::internal)?;
    }
    Ok(keys)
}

/// An older copy of the file was brought back, or an empty one was made: that is somebody's decision, and not passed over.
fn warn_of_closed(keys: &Keys, index: u64, id: &KeyId) -> Result<(), KeysError> {
    if matches!(keys.find(id)?, Found::Unknown) {
        tracing::error!(index, "the keys are not those of the latest sealed records, which nobody can read");
    }
    Ok(())
}

/// Index and key of the newest record that is sealed, among the latest ones.
fn newest_sealed(log: &Log) -> Result<Option<(u64, KeyId)>, Failure> {
    let records = Records::new(log.reader().map_err(Failure::internal)?);
    for record in records.backwards(u64::MAX).take(LOOKED_MAX) {
        let record = record.map_err(Failure::internal)?;
        if let Some(id) = record.key_id() {
            return Ok(Some((record.index(), id)));
        }
    }
    Ok(None)
}
