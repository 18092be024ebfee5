//! What a mirror that is uploaded to finds in the folder of a log when it starts: keys, what it signed, what is pending.

use super::disk::{Disk, write_whole};
use super::error::{Damage, LogError, Wrong};
use super::keys;
use super::layout::{CHECKPOINT_FILE, PENDING_FILE};
use super::recover::read_checkpoint;
use super::tiles::read_bounded;
use holdshort_ledger::{Checkpoint, CosignerKey, NOTE_BYTES_MAX, Note, VerifierKey, kept_notes};
use std::path::Path;

/// Pending checkpoints up to which entries may be uploaded: the newest, and those before it.
pub(super) const PENDING_KEPT: usize = 16;

/// Writes a public key, unless one is there; gives the one that is there then.
pub(super) fn keep_key(disk: &dyn Disk, path: &Path, key: &str) -> Result<Option<String>, LogError> {
    if path.exists() {
        return keys::read_bounded(path).map(|text| Some(text.trim_end().to_owned()));
    }
    write_whole(disk, path, format!("{key}\n").as_bytes(), 0o644).map_err(LogError::io("write", path))?;
    Ok(None)
}

/// What was signed last, as it is on the disk.
pub(super) fn mirrored(
    folder: &Path,
    key: &VerifierKey,
    cosigner: &CosignerKey,
) -> Result<Option<(Note, Checkpoint, u64)>, LogError> {
    if !folder.join(CHECKPOINT_FILE).exists() {
        return Ok(None);
    }
    let wrong = |wrong: String| Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Checkpoint(wrong));
    let (note, checkpoint) = read_checkpoint(folder, key)?;
    let note = Note::parse(note.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let time_s = cosigner.verify(&note).map_err(|error| wrong(error.to_string()))?;
    // Ours last: it is the line that is answered.
    let (ours, others): (Vec<_>, Vec<_>) =
        note.signatures().iter().cloned().partition(|one| one.name == cosigner.name() && one.id == cosigner.id());
    let mut ordered = note.retaining(|_| false);
    for one in others.into_iter().chain(ours.into_iter().next_back()) {
        ordered.add(one).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(Some((ordered, checkpoint, time_s)))
}

/// The pending checkpoints as they are on the disk, oldest first.
pub(super) fn pending(folder: &Path, key: &VerifierKey) -> Result<Vec<(Note, Checkpoint)>, LogError> {
    let wrong = |wrong: String| Damage::new(PENDING_FILE, 0, None, Wrong::Checkpoint(wrong));
    let path = folder.join(PENDING_FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes_max = u64::try_from(NOTE_BYTES_MAX.saturating_mul(PENDING_KEPT)).unwrap_or(u64::MAX);
    let bytes = read_bounded(&path, bytes_max).map_err(|error| Damage::unreadable(PENDING_FILE, &error))?;
    let kept = kept_notes(&bytes);
    if kept.broken > 0 || kept.more > 0 || kept.notes.is_empty() {
        return Err(wrong("a part of it is no signed note".to_owned()).into());
    }
    let mut pending: Vec<(Note, Checkpoint)> = Vec::new();
    for note in kept.notes {
        let checkpoint = Checkpoint::of_note(&note, key).map_err(|error| wrong(error.to_string()))?;
        if pending.last().is_some_and(|(_, before)| before.size >= checkpoint.size) {
            return Err(wrong("they do not grow".to_owned()).into());
        }
        pending.push((note, checkpoint));
    }
    Ok(pending)
}

/// Removes refused checkpoints that turned out to be of the very history that is stored: they were sent with a wrong proof. Gives
/// their number.
pub(super) fn remove_confirmed(
    disk: &dyn Disk,
    folder: &Path,
    key: &VerifierKey,
    mut is_ours: impl FnMut(&Checkpoint) -> bool,
) -> usize {
    let bytes_max = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut removed: usize = 0;
    for found in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let note = read_bounded(&found.path(), bytes_max).ok();
        let checkpoint = note.and_then(|note| Checkpoint::open(&note, key).ok());
        if checkpoint.is_some_and(|one| is_ours(&one)) && disk.remove_file(&found.path()).is_ok() {
            removed = removed.saturating_add(1);
        }
    }
    removed
}
