//! `checkpoint.witnessed`: the newest checkpoint that witnesses of others have cosigned, beside the log's own `checkpoint`, which
//! never waits for anybody.

use super::audit::continues;
use super::disk::{RealDisk, write_whole};
use super::error::{Damage, LogError, Wrong};
use super::layout::{CHECKPOINT_FILE, CONTRADICTION_FILE};
use super::source::{Source, SourceError, SourceTiles, damage};
use super::verify::check_older;
use holdshort_ledger::{Checkpoint, Cosigned, NOTE_BYTES_MAX, Note, VerifierKey, WitnessPolicy};
use std::path::Path;
use thiserror::Error;

/// The newest checkpoint that met the quorum of witnesses, with all their cosignatures.
pub const WITNESSED_FILE: &str = "checkpoint.witnessed";

/// How far witnesses vouch for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// What the log signed last.
    pub current: Checkpoint,
    /// The newest checkpoint that meets the quorum; `current` continues it.
    pub witnessed: Checkpoint,
    /// Who cosigned it, and when.
    pub cosigned: Cosigned,
}

impl Coverage {
    /// Records that no quorum of witnesses has seen yet.
    #[must_use]
    pub fn uncovered(&self) -> u64 {
        self.current.size.saturating_sub(self.witnessed.size)
    }
}

/// Why witnesses do not vouch for a log.
#[derive(Debug, Error)]
pub enum CoverageError {
    /// The log does not continue what it had cosigned, or its files are damaged.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// No checkpoint has the cosignatures that the policy asks for.
    #[error("no checkpoint of the log meets the quorum of {quorum}: {}", missing_line(.found))]
    Unmet {
        /// The quorum in words.
        quorum: String,
        /// What there is of cosignatures, of the checkpoint that has most of them.
        found: Cosigned,
    },
}

fn missing_line(found: &Cosigned) -> String {
    let missing: Vec<String> = found.missing.iter().map(|(name, why)| format!("`{name}` {why}")).collect();
    if missing.is_empty() { "the policy has no witness".to_owned() } else { missing.join(", ") }
}

/// Looks how far the witnesses of a policy vouch for a log: which of its checkpoints meets the quorum, and whether what the log
/// says now continues it.
///
/// # Errors
/// [`CoverageError::Unmet`] without a quorum; [`CoverageError::Damage`] with [`Wrong::Rewritten`] or [`Wrong::RolledBack`] when
/// the log does not continue what it showed to witnesses.
pub fn coverage(source: &mut dyn Source, key: &VerifierKey, policy: &WitnessPolicy) -> Result<Coverage, CoverageError> {
    // In this order: the log goes on while we read.
    let witnessed = fetch_witnessed(source, key)?;
    let current =
        fetch_note(source, CHECKPOINT_FILE, key)?.ok_or_else(|| damage(CHECKPOINT_FILE, SourceError::Missing))?;
    if let Some((_, older)) = &witnessed {
        check_older(older, &current.1)?;
        continues(older, &current.1, &mut SourceTiles(source))?;
    }
    let newest = current.1.clone();
    let mut best: Option<Cosigned> = None;
    for (note, checkpoint) in [Some(current), witnessed].into_iter().flatten() {
        let cosigned = policy.check(&note);
        if cosigned.met {
            return Ok(Coverage { current: newest, witnessed: checkpoint, cosigned });
        }
        if best.as_ref().is_none_or(|best| cosigned.present.len() > best.present.len()) {
            best = Some(cosigned);
        }
    }
    let found = best.unwrap_or(Cosigned { met: false, present: Vec::new(), missing: Vec::new() });
    Err(CoverageError::Unmet { quorum: policy.quorum(), found })
}

/// The witnessed checkpoint of a source, signed by the log; none when there is none. Whose cosignatures it has is not checked.
///
/// # Errors
/// [`Damage`] when it cannot be read or the log did not sign it.
pub fn fetch_witnessed(source: &mut dyn Source, key: &VerifierKey) -> Result<Option<(Note, Checkpoint)>, Damage> {
    fetch_note(source, WITNESSED_FILE, key)
}

fn fetch_note(source: &mut dyn Source, file: &str, key: &VerifierKey) -> Result<Option<(Note, Checkpoint)>, Damage> {
    let bytes = match source.fetch(file, NOTE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(SourceError::Missing) => return Ok(None),
        Err(error) => return Err(damage(file, error)),
    };
    let wrong = |wrong: String| Damage::new(file, 0, None, Wrong::Checkpoint(wrong));
    let note = Note::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    let checkpoint = Checkpoint::of_note(&note, key).map_err(|error| wrong(error.to_string()))?;
    Ok(Some((note, checkpoint)))
}

/// Replaces the witnessed checkpoint of a log directory, durably.
///
/// # Errors
/// [`LogError::Io`].
pub fn store_witnessed(directory: &Path, note: &Note) -> Result<(), LogError> {
    let path = directory.join(WITNESSED_FILE);
    write_whole(&RealDisk, &path, note.to_string().as_bytes(), 0o644).map_err(LogError::io("write", &path))
}

/// Keeps the first checkpoint that contradicts a log, in its directory, durably.
///
/// # Errors
/// [`LogError::Io`].
pub fn keep_contradiction(directory: &Path, note: &str) -> Result<(), LogError> {
    let path = directory.join(CONTRADICTION_FILE);
    write_whole(&RealDisk, &path, note.as_bytes(), 0o644).map_err(LogError::io("write", &path))
}

/// Where a log left what it signed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// Records that are the same: the largest older checkpoint that the log continues; 0 when it continues none.
    pub same: u64,
    /// The smallest older checkpoint that it contradicts: one of the records before this one is another one, or gone.
    pub differs_before: u64,
}

/// Which of many older checkpoints a log continues, and which not: between the two lies the first record that differs. All of
/// them must be signed by the log. Looks at a few of them.
///
/// # Errors
/// [`Damage`] when the log's files cannot be read.
pub fn parting(source: &mut dyn Source, current: &Checkpoint, older: &[Checkpoint]) -> Result<Option<Parting>, Damage> {
    let mut older: Vec<&Checkpoint> = older.iter().collect();
    older.sort_by_key(|checkpoint| checkpoint.size);
    // INVARIANT: all before `low` are continued, and the one at `high` is not. A tree that continues a larger one continues
    // the smaller ones that this one continued; checkpoints that contradict each other are found one way or the other.
    let (mut low, mut high) = (0, older.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(checkpoint) = older.get(middle) else { break };
        if is_continued(checkpoint, current, source)? { low = middle.saturating_add(1) } else { high = middle }
    }
    let Some(contradicted) = older.get(high) else { return Ok(None) };
    let same = high.checked_sub(1).and_then(|at| older.get(at)).map_or(0, |checkpoint| checkpoint.size);
    Ok(Some(Parting { same, differs_before: contradicted.size }))
}

fn is_continued(older: &Checkpoint, current: &Checkpoint, source: &mut dyn Source) -> Result<bool, Damage> {
    if older.size > current.size {
        return Ok(false);
    }
    match continues(older, current, &mut SourceTiles(source)) {
        Ok(()) => Ok(true),
        Err(Damage { wrong: Wrong::Rewritten(_), .. }) => Ok(false),
        Err(damage) => Err(damage),
    }
}

#[cfg(test)]
#[path = "witnessed_tests.rs"]
mod tests;
