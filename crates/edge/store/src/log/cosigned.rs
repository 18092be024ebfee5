//! The log's own cosignature on its checkpoint: `log.mldsa.pub` says that there is one, and whether it is right.

use super::error::{Damage, Wrong};
use super::keys::KEY_FILE_BYTES_MAX;
use super::layout::{CHECKPOINT_FILE, COSIGNER_PUBLIC_KEY_FILE};
use super::source::{DirectorySource, Source, SourceError, damage};
use holdshort_ledger::{Checkpoint, CosignerKey, Note};
use std::path::Path;

/// Checks the cosignature of a log directory's checkpoint. A log of an earlier version has no such key, and passes.
///
/// # Errors
/// [`Damage`] of the key's file, or of the checkpoint when the cosignature is missing or wrong.
pub(crate) fn check_cosignature(directory: &Path, note: &str) -> Result<(), Damage> {
    check_cosignature_of(&mut DirectorySource::new(directory), note).map(drop)
}

/// The same for what a source serves. Gives the key, which the source chose, unless it was known before.
///
/// # Errors
/// As [`check_cosignature`].
pub(crate) fn check_cosignature_of(source: &mut dyn Source, note: &str) -> Result<Option<CosignerKey>, Damage> {
    let Some(key) = fetch_cosigner(source)? else { return Ok(None) };
    cosigned_at(&key, note)?;
    Ok(Some(key))
}

/// The key of a source's log that cosigns its checkpoints; none when it serves none.
///
/// # Errors
/// [`Damage`] when the file cannot be read or holds something else.
pub(crate) fn fetch_cosigner(source: &mut dyn Source) -> Result<Option<CosignerKey>, Damage> {
    let bytes_max = usize::try_from(KEY_FILE_BYTES_MAX).unwrap_or(usize::MAX);
    let text = match source.fetch(COSIGNER_PUBLIC_KEY_FILE, bytes_max) {
        Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
        Err(SourceError::Missing) => return Ok(None),
        Err(error) => return Err(damage(COSIGNER_PUBLIC_KEY_FILE, error)),
    };
    match text.strip_suffix('\n').map(CosignerKey::parse) {
        // Another spelling of the same key is a file that somebody changed.
        Some(Ok(key)) if text == format!("{key}\n") => Ok(Some(key)),
        _ => {
            let wrong = Wrong::Format("is not a cosigner's key in signed-note format".to_owned());
            Err(Damage::new(COSIGNER_PUBLIC_KEY_FILE, 0, None, wrong))
        }
    }
}

/// When the log itself cosigned a checkpoint, in seconds since 1970.
///
/// # Errors
/// [`Damage`] when it did not, or the key has another name than the log.
pub(crate) fn cosigned_at(key: &CosignerKey, note: &str) -> Result<u64, Damage> {
    let wrong = |error: String| Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Checkpoint(error));
    let note = Note::parse(note.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let checkpoint = Checkpoint::parse_text(note.text()).map_err(|error| wrong(error.to_string()))?;
    if checkpoint.origin != key.name() {
        return Err(wrong(format!("`{COSIGNER_PUBLIC_KEY_FILE}` is of `{}`, not of this log", key.name())));
    }
    key.verify(&note).map_err(|error| wrong(error.to_string()))
}

/// Whether a log signed the second of two checkpoints later than the first, by the times of its own cosignatures. Nobody who
/// only kept an old one can make that true.
pub(crate) fn signed_later(key: Option<&CosignerKey>, first: &str, second: &str) -> bool {
    let times = key.and_then(|key| Some((cosigned_at(key, first).ok()?, cosigned_at(key, second).ok()?)));
    times.is_some_and(|(first, second)| second > first)
}
