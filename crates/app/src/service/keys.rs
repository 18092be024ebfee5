//! Opens the keys of sealed records, and looks whether they are those of the log beside them.

use crate::failure::Failure;
use crate::place::DataDir;
use holdshort_ledger::KeyId;
use holdshort_model::Record;
use holdshort_server::OwnedKey;
use holdshort_store::keys::{Found, Keys, KeysError};
use holdshort_store::log::Log;
use holdshort_store::records::{Content, Records};

/// Latest records that are looked at.
const LOOKED_MAX: u64 = 4_096;

/// The keys of a log, and what is left of an erasure.
pub(crate) struct Opened {
    pub(crate) keys: Keys,
    /// Keys that are there although it is on record that they are destroyed: a crash came between, or an older copy of the
    /// file was brought back.
    pub(crate) overdue: Vec<OwnedKey>,
}

/// What the latest records say of keys.
#[derive(Default)]
struct Latest {
    /// Index and key of the newest record that is sealed.
    sealed: Option<(u64, KeyId)>,
    /// Keys that were to be destroyed.
    erased: Vec<KeyId>,
}

/// The keys of a log, made when nothing in it was sealed yet.
///
/// # Errors
/// When they cannot be read, or are not there although the log has sealed records. New ones in their place would make it
/// look as if nothing was missing.
pub(crate) fn open_keys(data: &DataDir, log: &Log) -> Result<Opened, Failure> {
    let Latest { sealed, erased } = latest(log)?;
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
    let overdue = keys.owned(&erased).map_err(Failure::internal)?.into_iter();
    let overdue = overdue.map(|one| OwnedKey { id: one.id.to_string(), session: one.session.into() }).collect();
    Ok(Opened { keys, overdue })
}

/// An older copy of the file was brought back, or an empty one was made: that is somebody's decision, and not passed over.
fn warn_of_closed(keys: &Keys, index: u64, id: &KeyId) -> Result<(), KeysError> {
    if matches!(keys.find(id)?, Found::Unknown) {
        tracing::error!(index, "the keys are not those of the latest sealed records, which nobody can read");
    }
    Ok(())
}

fn latest(log: &Log) -> Result<Latest, Failure> {
    let records = Records::new(log.reader().map_err(Failure::internal)?);
    let mut latest = Latest::default();
    for record in records.forwards(log.size().saturating_sub(LOOKED_MAX)) {
        let record = record.map_err(Failure::internal)?;
        if let Some(id) = record.key_id() {
            latest.sealed = Some((record.index(), id));
        }
        if record.content == Content::Plain
            && let Some(Record::Erasure(erasure)) = record.parse()
        {
            latest.erased.extend(erasure.keys.iter().filter_map(|id| id.parse::<KeyId>().ok()));
        }
    }
    Ok(latest)
}
