//! C2SP `tlog-checkpoint`: origin, size and root of a log, as the text of a signed note.

use crate::{Hash, Note, NoteError, SigningKey, VerifierKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use thiserror::Error;

/// Longest text of a checkpoint that is parsed, in bytes: three short lines and some extensions.
pub const CHECKPOINT_BYTES_MAX: usize = 16 * 1024;

/// What a log says about itself at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log, unique in the world; by convention a URL without a scheme.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
}

/// Why something is not a checkpoint of the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// The note or its signature.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not origin, size, root.
    #[error("not a checkpoint: expected lines with origin, size and root")]
    Malformed,
    /// Signed by the right key, but for another log.
    #[error("checkpoint is of log `{found}`, not of `{expected}`")]
    Origin {
        /// Name in the key.
        expected: String,
        /// Name in the checkpoint.
        found: String,
    },
}

impl Checkpoint {
    /// Parses the text of a note: origin, size, root, and extension lines, which are passed over.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`].
    pub fn parse_text(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        if text.len() > CHECKPOINT_BYTES_MAX {
            return Err(malformed);
        }
        let body = text.strip_suffix('\n').ok_or_else(|| malformed.clone())?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(malformed);
        };
        let root = STANDARD.decode(root).ok().and_then(|bytes| Hash::from_slice(&bytes));
        let number: Option<u64> = size.parse().ok().filter(|number: &u64| number.to_string() == size);
        match (number, root) {
            (Some(size), Some(root)) if !origin.is_empty() && lines.all(|line| !line.is_empty()) => {
                Ok(Self { origin: origin.to_owned(), size, root })
            }
            _ => Err(malformed),
        }
    }

    /// Parses a signed checkpoint and checks that the log's key signed it.
    ///
    /// # Errors
    /// [`CheckpointError::Note`] for a wrong or missing signature, [`CheckpointError::Origin`] for another log's.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        Self::of_note(&Note::parse(note)?, key)
    }

    /// Checks that the log's key signed a note, and reads the checkpoint in it.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn of_note(note: &Note, key: &VerifierKey) -> Result<Self, CheckpointError> {
        note.verify(key)?;
        let checkpoint = Self::parse_text(note.text())?;
        if checkpoint.origin != key.name() {
            return Err(CheckpointError::Origin { expected: key.name().to_owned(), found: checkpoint.origin });
        }
        Ok(checkpoint)
    }

    /// The text of the note: three lines.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }

    /// The signed note, as it is stored and sent.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] when the origin has control characters.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, NoteError> {
        key.sign(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        Checkpoint { origin: "example.com/log".into(), size: 42, root: Hash::leaf(b"x") }
    }

    #[test]
    fn a_foreign_implementation_reads_the_same_values() {
        let foreign = tlog_tiles::checkpoint::Checkpoint::from_bytes(sample().text().as_bytes()).unwrap();
        assert_eq!(foreign.origin(), "example.com/log");
        assert_eq!(foreign.size(), 42);
        assert_eq!(Hash::from_bytes(foreign.hash().0), sample().root);
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key_and_no_other() {
        let key = SigningKey::from_seed("example.com/log", &[1; 32]).unwrap();
        let note = sample().sign(&key).unwrap().to_string();
        assert_eq!(Checkpoint::open(note.as_bytes(), &key.verifier()), Ok(sample()));
        let same_name = SigningKey::from_seed("example.com/log", &[2; 32]).unwrap();
        assert!(matches!(Checkpoint::open(note.as_bytes(), &same_name.verifier()), Err(CheckpointError::Note(_))));
        let foreign = Checkpoint { origin: "example.com/else".into(), ..sample() }.sign(&key).unwrap().to_string();
        assert!(matches!(Checkpoint::open(foreign.as_bytes(), &key.verifier()), Err(CheckpointError::Origin { .. })));
    }

    #[test]
    fn extensions_are_passed_over_and_malformed_texts_are_refused() {
        let text = sample().text();
        assert_eq!(Checkpoint::parse_text(&format!("{text}extension\n")), Ok(sample()));
        for bad in [
            "",
            "\n",
            "origin\n",
            "origin\n42\n",
            &text.replace("42", "042"),
            &text.replace("42", "+42"),
            &text.replace("42", "-1"),
            &text.replace("42", "18446744073709551616"),
            &text.replace("example.com/log", ""),
            &format!("{text}\n"),
            text.trim_end(),
            &text.replace('=', ""),
        ] {
            assert_eq!(Checkpoint::parse_text(bad), Err(CheckpointError::Malformed), "`{bad}` was taken");
        }
    }
}
