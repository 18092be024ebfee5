//! Opens the keys of sealed records, and looks whether they are those of the log beside them.

use super::seals::owned_key;
use crate::failure::Failure;
use crate::place::DataDir;
use holdshort_ledger::KeyId;
use holdshort_model::Record;
use holdshort_server::OwnedKey;
use holdshort_store::keys::{Found, Keys, KeysError};
use holdshort_store::log::Log;
use holdshort_store::records::Records;

/// Latest records of which one has to be sealed, for the keys to be missed.
const LOOKED_MAX: u64 = 4_096;
/// How the record of an erasure begins. What begins otherwise is not parsed: there may be millions of them.
const ERASURE: &[u8] = br#"{"type":"erasure""#;
/// After so many records it is kept how far they were looked through: a start that is broken off goes on there.
const NOTED_EACH: u64 = 1 << 20;

/// The keys of a log, and what is left of an erasure.
pub(crate) struct Opened {
    pub(crate) keys: Keys,
    /// Keys that are there although it is on record that they are destroyed: a crash came between, or an older copy of the
    /// file was brought back.
    pub(crate) overdue: Vec<OwnedKey>,
}

/// The keys of a log, made when nothing in it was sealed yet.
///
/// # Errors
/// When they cannot be read, or are not there although the log has sealed records. New ones in their place would make it
/// look as if nothing was missing.
pub(crate) fn open_keys(data: &DataDir, log: &Log) -> Result<Opened, Failure> {
    let sealed = latest_sealed(log)?;
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
    // What a crash in the middle of an erasure left behind.
    keys.clear_traces().map_err(Failure::internal)?;
    let overdue = overdue(log, &keys)?;
    Ok(Opened { keys, overdue })
}

/// An older copy of the file was brought back, or an empty one was made: that is somebody's decision, and not passed over.
fn warn_of_closed(keys: &Keys, index: u64, id: &KeyId) -> Result<(), KeysError> {
    if matches!(keys.find(id)?, Found::Unknown) {
        tracing::error!(index, "the keys are not those of the latest sealed records, which nobody can read");
    }
    Ok(())
}

/// Index and key of the newest record that is sealed.
fn latest_sealed(log: &Log) -> Result<Option<(u64, KeyId)>, Failure> {
    let records = Records::new(log.reader().map_err(Failure::internal)?);
    let mut latest = None;
    for record in records.forwards(log.size().saturating_sub(LOOKED_MAX)) {
        let record = record.map_err(Failure::internal)?;
        latest = record.key_id().map(|id| (record.index(), id)).or(latest);
    }
    Ok(latest)
}

/// Keys that are there and were to be destroyed, by the records behind those that are known to be carried out. An older copy
/// of the file knows of fewer, so that all it brought back is found, however long ago it was destroyed.
fn overdue(log: &Log, keys: &Keys) -> Result<Vec<OwnedKey>, Failure> {
    let reader = log.reader().map_err(Failure::internal)?;
    // Beyond the end of the log: it says that of another log, or of a later time of this one.
    let known = Some(keys.carried_out().map_err(Failure::internal)?).filter(|known| *known <= log.size());
    let from = known.unwrap_or(0).max(reader.first().map_err(Failure::internal)?);
    let mut overdue: Vec<OwnedKey> = Vec::new();
    for record in reader.forwards(from) {
        let record = record.map_err(Failure::internal)?;
        if record.payload.starts_with(ERASURE)
            && let Ok(Record::Erasure(erasure)) = Record::from_json(&record.payload)
        {
            let erased: Vec<KeyId> = erasure.keys.iter().filter_map(|id| id.parse().ok()).collect();
            overdue.extend(keys.owned(&erased).map_err(Failure::internal)?.into_iter().map(owned_key));
        }
        let behind = record.index.saturating_add(1);
        if behind.is_multiple_of(NOTED_EACH) && overdue.is_empty() {
            keys.note_carried_out(behind).map_err(Failure::internal)?;
        }
    }
    Ok(overdue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Loaded;
    use crate::place::Place;
    use holdshort_model::{ErasureKind, ErasureRecord};
    use holdshort_store::keys::Owner;
    use holdshort_store::log::LogOptions;

    #[test]
    fn an_old_copy_of_the_keys_is_recognised_however_long_ago_the_erasure_was() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { data: Some(dir.path().to_owned()), ..Place::default() };
        let data = place.data(&Loaded::read(None).unwrap()).unwrap();
        let options = LogOptions::new(data.log(), data.log_key(), "example.com/test");
        let (log, _) = Log::open(LogOptions { keep_free: 0, ..options }).unwrap();
        let owner = |session: &str| Owner::Subject { agent: "a".into(), user: None, session: session.into() };
        let keys = open_keys(&data, &log).unwrap().keys;
        let gone = keys.key_of(&owner("gone"), 1).unwrap().id;
        keys.key_of(&owner("kept"), 1).unwrap();
        let erasure = ErasureRecord {
            time_ms: 1,
            scope: ErasureKind::Session,
            keys: vec![gone.to_string()],
            by: "operator".into(),
            reason: "r".into(),
        };
        let record = serde_json::to_vec(&Record::Erasure(erasure)).unwrap();
        assert!(record.starts_with(ERASURE), "it would not be found");
        let at = log.append_blocking(record).unwrap().index;
        for _ in 0..=LOOKED_MAX {
            log.enqueue(b"{}".to_vec()).unwrap();
        }
        log.append_blocking(b"{}".to_vec()).unwrap();
        // It was never destroyed in this copy.
        let overdue = open_keys(&data, &log).unwrap().overdue;
        assert_eq!(overdue.iter().map(|one| one.id.clone()).collect::<Vec<_>>(), [gone.to_string()]);
        assert_eq!(
            (overdue[0].agent.as_ref().map(|agent| agent.as_str()), overdue[0].session.as_str()),
            (Some("a"), "gone")
        );
        // Once it says that all before this index was carried out, that is believed: it is the newest one.
        keys.note_carried_out(at).unwrap();
        assert_eq!(open_keys(&data, &log).unwrap().overdue.len(), 1);
        keys.note_carried_out(at + 1).unwrap();
        assert!(open_keys(&data, &log).unwrap().overdue.is_empty());
        keys.note_carried_out(log.size() + 1).unwrap();
        assert_eq!(open_keys(&data, &log).unwrap().overdue.len(), 1, "that is said of another log");
        log.close_blocking().unwrap();
    }
}
