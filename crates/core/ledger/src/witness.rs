//! C2SP `tlog-witness`: what a log asks of a witness, and what the witness answers, as values.
//!
//! A witness remembers one checkpoint for each log, and cosigns what continues it. [`judge`] is the whole of its decision; who
//! stores the new checkpoint before the answer goes out is crate `store`. The rules are those of version 1.1.0, in the order in
//! which the specification states them. In 1.0.0 another root at the same size was answered like an outdated size (409).

use crate::{Checkpoint, ConsistencyProof, Hash, Note, NoteError, NoteSignature, VerifierKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

/// Most hashes of a consistency proof in a request, by the specification.
pub const WITNESS_PROOF_LINES_MAX: usize = 63;
/// Longest request that is parsed, in bytes: a full proof, and a checkpoint with some post-quantum signatures.
pub const WITNESS_REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Longest answer of a witness that is parsed, in bytes: the same signatures again.
pub const WITNESS_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Most signature lines in an answer that are parsed.
const WITNESS_ANSWER_LINES_MAX: usize = 16;
/// Media type of the answer that names the size which a witness knows.
pub const WITNESS_SIZE_TYPE: &str = "text/x.tlog.size";

/// A request `add-checkpoint`: cosign this checkpoint, which continues the one of `old_size` that you know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Leaves in the tree that the witness is taken to have cosigned last; 0 = none.
    pub old_size: u64,
    /// Consistency proof from there, lowest hash first; at most [`WITNESS_PROOF_LINES_MAX`].
    pub proof: Vec<Hash>,
    /// The new checkpoint as the log signed it.
    pub note: Note,
}

/// Why something is not a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WitnessError {
    /// Longer than the limit.
    #[error("too long: at most {WITNESS_REQUEST_BYTES_MAX} bytes and {WITNESS_PROOF_LINES_MAX} hashes")]
    TooLarge,
    /// Not `old N`, hashes, an empty line and a checkpoint.
    #[error("not a request: expected `old` and a size, lines with hashes, an empty line, and a signed checkpoint")]
    Malformed,
    /// Not signature lines.
    #[error("not an answer: expected lines with signatures")]
    Answer,
    /// The note below.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// An answer without one good cosignature by the witness.
    #[error("answer has no cosignature by `{0}`")]
    Unsigned(String),
}

/// What a witness does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Store the checkpoint, then answer with cosignatures (200). It continues the stored one, or is the same.
    Cosign(Checkpoint),
    /// The old size is larger than the checkpoint's (400).
    Backwards,
    /// No signature by the log's key, or a wrong one (403).
    Unsigned,
    /// The client is wrong about what was cosigned last: it is this size (409). With `contradiction`, the log also signed
    /// another tree of the very size that is stored.
    Outdated {
        /// Size of the checkpoint that was cosigned last; 0 = none.
        known: u64,
        /// Whether the two checkpoints together prove that the log told two stories.
        contradiction: bool,
    },
    /// The log signed another tree of the size that is stored: proof that it told two stories (422).
    Contradiction,
    /// The proof does not lead from the stored tree to this one (422). Either the proof is wrong, or history was rewritten.
    Unproved,
}

/// Decides on a request. `stored` is what was cosigned last for this log, and `key` the log's; the caller has looked both up
/// by the origin of the request, and answers 404 for an unknown one.
#[must_use]
pub fn judge(stored: Option<&Checkpoint>, key: &VerifierKey, request: &AddCheckpoint) -> Judgement {
    let Ok(found) = Checkpoint::of_note(&request.note, key) else { return Judgement::Unsigned };
    let known = stored.map_or(0, |stored| stored.size);
    let stored_root = stored.map_or_else(Hash::empty, |stored| stored.root);
    let same_size = stored.is_some() && found.size == known;
    let contradiction = same_size && found.root != stored_root;
    if request.old_size > found.size {
        return Judgement::Backwards;
    }
    if request.old_size != known {
        return Judgement::Outdated { known, contradiction };
    }
    if contradiction {
        return Judgement::Contradiction;
    }
    // A tree without leaves has one root, and continues nothing else.
    if found.size == 0 && found.root != Hash::empty() {
        return Judgement::Unproved;
    }
    let proof = ConsistencyProof { old_size: known, new_size: found.size, hashes: request.proof.clone() };
    match proof.verify(&stored_root, &found.root) {
        Ok(()) => Judgement::Cosign(found),
        Err(_) => Judgement::Unproved,
    }
}

impl AddCheckpoint {
    /// Parses the body of a request. Only the one spelling that [`fmt::Display`] writes is accepted. No signature is checked.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub fn parse(body: &[u8]) -> Result<Self, WitnessError> {
        if body.len() > WITNESS_REQUEST_BYTES_MAX {
            return Err(WitnessError::TooLarge);
        }
        let text = std::str::from_utf8(body).map_err(|_| WitnessError::Malformed)?;
        let (head, note) = text.split_once("\n\n").ok_or(WitnessError::Malformed)?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(plain_number);
        let old_size = old_size.ok_or(WitnessError::Malformed)?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == WITNESS_PROOF_LINES_MAX {
                return Err(WitnessError::TooLarge);
            }
            let hash = STANDARD.decode(line).ok().and_then(|hash| Hash::from_slice(&hash));
            proof.push(hash.ok_or(WitnessError::Malformed)?);
        }
        let note = Note::parse(note.as_bytes())?;
        Checkpoint::parse_text(note.text()).map_err(|_| WitnessError::Malformed)?;
        Ok(Self { old_size, proof, note })
    }

    /// The log that the checkpoint says it is of. Nothing is known of its signature.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.note.text().split('\n').next().unwrap_or_default()
    }
}

/// The body as it is sent.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(out, "{}", STANDARD.encode(hash.as_bytes())))?;
        write!(out, "\n{}", self.note)
    }
}

/// Where a witness serves what it cosigned last for a log: hexadecimal SHA-256 of the origin.
#[must_use]
pub fn origin_digest(origin: &str) -> String {
    Sha256::digest(origin.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lines that a witness answers with: the last `added` signatures of a note.
#[must_use]
pub fn cosignature_lines(note: &Note, added: usize) -> String {
    let from = note.signatures().len().saturating_sub(added);
    note.signatures().iter().skip(from).map(|signature| format!("{signature}\n")).collect()
}

/// Reads the lines of an answer. Lines by others are among them; what is wanted is for the caller to pick and to verify.
///
/// # Errors
/// [`WitnessError::Answer`] for anything but signature lines; [`WitnessError::TooLarge`].
pub fn parse_cosignatures(answer: &[u8]) -> Result<Vec<NoteSignature>, WitnessError> {
    if answer.len() > WITNESS_ANSWER_BYTES_MAX {
        return Err(WitnessError::TooLarge);
    }
    let text = std::str::from_utf8(answer).map_err(|_| WitnessError::Answer)?;
    let lines = text.strip_suffix('\n').ok_or(WitnessError::Answer)?;
    let mut signatures = Vec::new();
    for line in lines.split('\n') {
        if signatures.len() == WITNESS_ANSWER_LINES_MAX {
            return Err(WitnessError::TooLarge);
        }
        signatures.push(NoteSignature::parse(line).map_err(|_| WitnessError::Answer)?);
    }
    Ok(signatures)
}

/// Reads the size in an answer 409: a decimal number and a line feed.
#[must_use]
pub fn parse_size_answer(answer: &[u8]) -> Option<u64> {
    plain_number(std::str::from_utf8(answer).ok()?.strip_suffix('\n')?)
}

/// A decimal number without sign and leading zeros.
fn plain_number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
