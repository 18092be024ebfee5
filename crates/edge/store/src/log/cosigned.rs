//! The log's own cosignature on its checkpoint: `log.mldsa.pub` says that there is one, and whether it is right.

use super::error::{Damage, Wrong};
use super::keys::KEY_FILE_BYTES_MAX;
use super::layout::{CHECKPOINT_FILE, COSIGNER_PUBLIC_KEY_FILE};
use super::tiles::read_bounded;
use holdshort_ledger::{CosignerKey, Note};
use std::io;
use std::path::Path;

/// Checks the cosignature of a log directory's checkpoint. A log of an earlier version has no such key, and passes.
///
/// # Errors
/// [`Damage`] of the key's file, or of the checkpoint when the cosignature is missing or wrong.
pub(crate) fn check_cosignature(directory: &Path, note: &str) -> Result<(), Damage> {
    let text = match read_bounded(&directory.join(COSIGNER_PUBLIC_KEY_FILE), KEY_FILE_BYTES_MAX) {
        Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Damage::unreadable(COSIGNER_PUBLIC_KEY_FILE, &error)),
    };
    let key = text.strip_suffix('\n').map(CosignerKey::parse);
    let Some(Ok(key)) = key else {
        let wrong = Wrong::Format("is not a cosigner's key in signed-note format".to_owned());
        return Err(Damage::new(COSIGNER_PUBLIC_KEY_FILE, 0, None, wrong));
    };
    let wrong = |error: String| Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Checkpoint(error));
    let note = Note::parse(note.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    key.verify(&note).map(drop).map_err(|error| wrong(error.to_string()))
}
