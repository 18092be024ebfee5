//! Which records were dropped on purpose: a statement in the log directory, signed with the log's key.
//!
//! Segments that are missing without it are damage. With it, the tree still covers the dropped records: their entries and
//! every proof stay, only what they said is gone.

use super::error::{Damage, LogError, Wrong};
use super::layout::{DROPPED_FILE, PUBLIC_KEY_FILE};
use super::tiles::read_bounded;
use holdshort_ledger::{Note, SigningKey, VerifierKey};
use std::io;
use std::path::Path;

/// First line of the statement; no log has this name, so that it cannot be taken for a checkpoint.
const HEADER: &str = "holdshort/dropped/v1";
/// Longest statement that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 10;
/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// That records were dropped, since when, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Index of the first record that was kept.
    pub first: u64,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// Index of the record in the log that says so.
    pub record: u64,
    /// Why: one line.
    pub because: String,
}

impl Dropped {
    /// Whether a text can be a reason: one line of at most [`REASON_CHARS_MAX`] characters, and not nothing.
    #[must_use]
    pub fn is_reason(text: &str) -> bool {
        !text.trim().is_empty() && text.chars().count() <= REASON_CHARS_MAX && !text.chars().any(char::is_control)
    }

    /// The statement of a log directory; none when nothing was dropped.
    ///
    /// # Errors
    /// [`Damage`] when it is not in our format or not signed by the log's key.
    pub fn read(directory: &Path, key: &VerifierKey) -> Result<Option<Self>, Damage> {
        let bytes = match read_bounded(&directory.join(DROPPED_FILE), FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Damage::unreadable(DROPPED_FILE, &error)),
        };
        let wrong = |what: String| Damage::new(DROPPED_FILE, 0, None, Wrong::Format(what));
        let note = Note::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
        note.verify(key).map_err(|error| wrong(format!("statement of dropped records: {error}")))?;
        let parsed = Self::parse(note.text(), key.name());
        parsed.map(Some).ok_or_else(|| wrong("is no statement of this log about dropped records".to_owned()))
    }

    pub(crate) fn read_of(directory: &Path) -> Result<Option<Self>, LogError> {
        if !directory.join(DROPPED_FILE).exists() {
            return Ok(None);
        }
        let key = super::keys::read_public(&directory.join(PUBLIC_KEY_FILE))?;
        Ok(Self::read(directory, &key)?)
    }

    fn parse(text: &str, origin: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let headed = lines.next()? == HEADER && lines.next()? == origin;
        let mut number = || {
            let line = lines.next()?;
            line.parse::<u64>().ok().filter(|number| number.to_string() == line)
        };
        let (first, time_ms, record) = (number()?, number()?, number()?);
        let because = lines.next()?.to_owned();
        let sound = headed && lines.next().is_none() && Self::is_reason(&because);
        sound.then_some(Self { first, time_ms, record, because })
    }

    pub(crate) fn sign(&self, key: &SigningKey) -> Option<Note> {
        let origin = key.verifier().name().to_owned();
        let Self { first, time_ms, record, because } = self;
        let text = format!("{HEADER}\n{origin}\n{first}\n{time_ms}\n{record}\n{because}\n");
        Self::parse(&text, &origin)?;
        key.sign(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("example.com/test", &[7; 32]).unwrap()
    }

    fn statement() -> Dropped {
        Dropped { first: 70, time_ms: 1_800_000_000_000, record: 900, because: "older than 400 days".into() }
    }

    #[test]
    fn a_statement_is_read_back_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(DROPPED_FILE);
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        let read = || Dropped::read(folder.path(), &key().verifier());
        assert_eq!(read(), Ok(None));
        let signed = statement().sign(&key()).unwrap().to_string();
        std::fs::write(&file, &signed).unwrap();
        assert_eq!(read(), Ok(Some(statement())));
        let foreign = SigningKey::from_seed("example.com/test", &[8; 32]).unwrap();
        for text in [
            signed.replace("\n70\n", "\n71\n"),
            statement().sign(&foreign).unwrap().to_string(),
            key().sign("holdshort/dropped/v1\nexample.com/other\n1\n2\n3\nx\n").unwrap().to_string(),
            key().sign("holdshort/dropped/v1\nexample.com/test\n01\n2\n3\nx\n").unwrap().to_string(),
            key().sign("holdshort/dropped/v2\nexample.com/test\n1\n2\n3\nx\n").unwrap().to_string(),
            key().sign("holdshort/dropped/v1\nexample.com/test\n1\n2\n3\nx\ny\n").unwrap().to_string(),
            String::new(),
        ] {
            std::fs::write(&file, &text).unwrap();
            assert!(read().is_err(), "{text}");
        }
        assert!(holdshort_ledger::Checkpoint::open(signed.as_bytes(), &key().verifier()).is_err());
    }

    #[test]
    fn a_reason_is_one_line() {
        for because in ["", "  ", "two\nlines", "bell\u{7}", &"x".repeat(REASON_CHARS_MAX + 1)] {
            assert!(Dropped { because: because.into(), ..statement() }.sign(&key()).is_none(), "{because:?}");
        }
    }
}
