//! A file of many checkpoints, one after the other: what a log publishes as time goes by, and an auditor keeps.
//!
//! Each is a signed note, and an empty line follows it. The file only ever grows. What a crash left half written, or what is no
//! note, is counted and passed over: it proves nothing, and takes nothing from what stands beside it.

use crate::{NOTE_BYTES_MAX, Note};

/// Most notes that are read of one file: one a minute for three months. The rest is counted, and is not passed over unsaid.
pub const KEPT_NOTES_MAX: usize = 131_072;

const SIGNATURE_MARK: &str = "\u{2014} ";

/// What a file of notes holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptNotes {
    /// The notes, in the order of the file. No signature was checked.
    pub notes: Vec<Note>,
    /// Pieces that are no note.
    pub broken: usize,
    /// Notes beyond [`KEPT_NOTES_MAX`].
    pub more: usize,
}

/// Reads the notes of a file. Its length is for the caller to bound; what is more than [`KEPT_NOTES_MAX`] notes is counted.
#[must_use]
pub fn kept_notes(bytes: &[u8]) -> KeptNotes {
    let mut kept = KeptNotes::default();
    let text = String::from_utf8_lossy(bytes);
    let (mut piece, mut signed) = (String::new(), false);
    for line in text.split_inclusive('\n') {
        let is_signature = line.starts_with(SIGNATURE_MARK);
        // Behind signatures comes the next note.
        if signed && !is_signature {
            kept.take(&mut piece);
            signed = false;
        }
        if piece.is_empty() && line == "\n" {
            continue;
        }
        signed |= is_signature;
        if piece.len() <= NOTE_BYTES_MAX {
            piece.push_str(line);
        }
    }
    kept.take(&mut piece);
    kept
}

/// The bytes that add a note to a file of them. `torn`: whether the file does not end with a line feed, after a crash.
#[must_use]
pub fn append_note(note: &Note, torn: bool) -> String {
    // A signature line without a checkpoint above it ends whatever stands there.
    let end = if torn { "\n\u{2014} torn\n" } else { "" };
    format!("{end}{note}\n")
}

impl KeptNotes {
    fn take(&mut self, piece: &mut String) {
        if piece.is_empty() {
            return;
        }
        match Note::parse(piece.as_bytes()) {
            Ok(note) if self.notes.len() < KEPT_NOTES_MAX => self.notes.push(note),
            Ok(_) => self.more = self.more.saturating_add(1),
            Err(_) => self.broken = self.broken.saturating_add(1),
        }
        piece.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, Hash, SigningKey};

    fn note(size: u64) -> Note {
        let key = SigningKey::from_seed("example.com/log", &[7; 32]).unwrap();
        Checkpoint { origin: "example.com/log".into(), size, root: Hash::leaf(b"x") }.sign(&key).unwrap()
    }

    #[test]
    fn what_is_appended_is_read_back_and_a_single_checkpoint_is_a_file_of_one() {
        let file: String = [1, 2, 3].map(|size| append_note(&note(size), false)).concat();
        let kept = kept_notes(file.as_bytes());
        assert_eq!(kept, KeptNotes { notes: vec![note(1), note(2), note(3)], broken: 0, more: 0 });
        assert_eq!(kept_notes(note(9).to_string().as_bytes()).notes, [note(9)]);
        assert_eq!(kept_notes(b""), KeptNotes::default());
    }

    #[test]
    fn a_torn_note_takes_none_of_its_neighbours_with_it() {
        let (first, second) = (append_note(&note(1), false), append_note(&note(2), false));
        for cut in 1..second.len() {
            let torn = &second.as_bytes()[..cut];
            let broken = !torn.ends_with(b"\n");
            let file = [first.as_bytes(), torn, append_note(&note(3), broken).as_bytes()].concat();
            let kept = kept_notes(&file);
            // Cut behind a whole line of text, the next one has no mark above it, and is lost with it.
            assert_eq!(kept.notes.first(), Some(&note(1)), "cut at {cut}");
            if broken || cut + 1 >= second.len() {
                assert_eq!(kept.notes.last(), Some(&note(3)), "cut at {cut}: {kept:?}");
            }
        }
    }

    #[test]
    fn garbage_is_counted() {
        let file = format!("garbage\n\u{2014} x\n{}\u{2014} y z\n", append_note(&note(1), false));
        assert_eq!(kept_notes(file.as_bytes()), KeptNotes { notes: vec![note(1)], broken: 2, more: 0 });
    }
}
