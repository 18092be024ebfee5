//! C2SP `tlog-proof`: one file that shows that an entry is in a log, to somebody who has nothing else of that log.
//!
//! The file does not hold the entry, but has a field for extra data. Ours says what was recorded ([`Disclosure`]); it is
//! believed only as far as its hash stands in the tree. The key that the checkpoint is verified with must come from
//! elsewhere: a file that brings its own key proves nothing.

use crate::{
    Checkpoint, CheckpointError, Entry, EntryError, Hash, InclusionProof, KEY_BYTES, NOTE_BYTES_MAX, Note, NoteError,
    PAYLOAD_BYTES_MAX, PROOF_HASHES_MAX, ProofError, RecordKey, SALT_BYTES, Salt, Sealed, SealedError, VerifierKey,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;
use thiserror::Error;

/// Longest proof file that is parsed, in bytes: a checkpoint, the hashes, and a record in base64.
pub const PROOF_FILE_BYTES_MAX: usize = NOTE_BYTES_MAX + 2 * (PAYLOAD_BYTES_MAX + 64) + 64 * (PROOF_HASHES_MAX + 2);

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// First byte of extra data that holds the entry itself: the version of entries.
const ENTRY: u8 = 0x01;
/// First byte of extra data that holds salt and payload.
const RECORD: u8 = 0x02;
/// First byte of extra data that holds salt, the key of the record, and the sealed payload.
const SEALED: u8 = 0x03;

/// A proof file, parsed. Nothing in it is checked yet: see [`TlogProof::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Data of the application, which no signature covers.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry in the log, from 0.
    pub index: u64,
    /// The neighbours on the way up, lowest first.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint of the tree that the proof leads to.
    pub checkpoint: Note,
}

/// What our extra data says about the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// The entry alone: shows that a record stands there, not what it says.
    Entry(Entry),
    /// Salt and payload, from which the entry follows.
    Record {
        /// Salt of the commitment.
        salt: Salt,
        /// The bytes that were recorded.
        payload: Vec<u8>,
    },
    /// Salt and sealed payload, from which the entry follows, and the key that opens this record and no other.
    Sealed {
        /// Salt of the commitment.
        salt: Salt,
        /// The key of the record.
        key: RecordKey,
        /// The bytes that were recorded: sealed.
        payload: Vec<u8>,
    },
}

/// Why bytes are not a proof, or the proof does not hold.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum TlogProofError {
    /// Not in the format of the specification.
    #[error("not a proof file: expected `{FIRST_LINE}`, the index, the hashes, an empty line and a checkpoint")]
    Malformed,
    /// Longer than the limit.
    #[error("proof file is longer than {PROOF_FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// The extra data is missing or not ours.
    #[error("proof does not say what was recorded: its extra data is not that of a record")]
    Extra,
    /// The checkpoint is not a note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The checkpoint is not one of the log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The hashes do not lead from the entry to the signed root.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The entry is of another version.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The sealed record does not open with the key that is given with it.
    #[error("the sealed record cannot be opened: {0}")]
    Sealed(#[from] SealedError),
}

impl TlogProof {
    /// Parses a proof file. Only the one canonical spelling is accepted.
    ///
    /// # Errors
    /// [`TlogProofError::TooLarge`], [`TlogProofError::Malformed`] or [`TlogProofError::Note`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        if bytes.len() > PROOF_FILE_BYTES_MAX {
            return Err(TlogProofError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TlogProofError::Malformed)?;
        // The first empty line: a checkpoint could have one of its own, the lines above it cannot.
        let (head, note) = text.split_once("\n\n").ok_or(TlogProofError::Malformed)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(TlogProofError::Malformed);
        }
        let mut line = lines.next().ok_or(TlogProofError::Malformed)?;
        let mut extra = None;
        if let Some(data) = line.strip_prefix("extra ") {
            extra = Some(STANDARD.decode(data).map_err(|_| TlogProofError::Malformed)?);
            line = lines.next().ok_or(TlogProofError::Malformed)?;
        }
        let digits = line.strip_prefix("index ").ok_or(TlogProofError::Malformed)?;
        let plain = |index: &u64| index.to_string() == digits;
        let index = digits.parse().ok().filter(plain).ok_or(TlogProofError::Malformed)?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == PROOF_HASHES_MAX {
                return Err(TlogProofError::Malformed);
            }
            let hash = STANDARD.decode(line).ok().and_then(|hash| Hash::from_slice(&hash));
            hashes.push(hash.ok_or(TlogProofError::Malformed)?);
        }
        Ok(Self { extra, index, hashes, checkpoint: Note::parse(note.as_bytes())? })
    }

    /// Checks that the log with this key signed a tree in which `leaf` stands at the index. Gives that tree's checkpoint.
    ///
    /// # Errors
    /// [`TlogProofError::Checkpoint`] for another log's checkpoint or a wrong signature, [`TlogProofError::Proof`] when the
    /// hashes do not lead to the signed root.
    pub fn verify(&self, leaf: &Hash, key: &VerifierKey) -> Result<Checkpoint, TlogProofError> {
        let checkpoint = Checkpoint::of_note(&self.checkpoint, key)?;
        let (index, size) = (self.index, checkpoint.size);
        InclusionProof { index, size, hashes: self.hashes.clone() }.verify(leaf, &checkpoint.root)?;
        Ok(checkpoint)
    }

    /// What the extra data says about the entry. It counts once its leaf is verified: see [`TlogProof::verify`].
    ///
    /// # Errors
    /// [`TlogProofError::Extra`] or [`TlogProofError::Entry`].
    pub fn disclosure(&self) -> Result<Disclosure, TlogProofError> {
        Disclosure::decode(self.extra.as_deref().ok_or(TlogProofError::Extra)?)
    }
}

/// The proof as it is stored and sent.
impl fmt::Display for TlogProof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(out, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(out, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(out, "{}", STANDARD.encode(hash.as_bytes())))?;
        write!(out, "\n{}", self.checkpoint)
    }
}

impl Disclosure {
    /// As extra data: `0x01` and the commitment (which is the entry); `0x02`, the salt and the payload; or `0x03`, the salt,
    /// the record's key and the sealed payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Entry(entry) => entry.as_bytes().to_vec(),
            Self::Record { salt, payload } => [&[RECORD], salt.as_slice(), payload].concat(),
            Self::Sealed { salt, key, payload } => [&[SEALED], salt.as_slice(), key.as_bytes(), payload].concat(),
        }
    }

    /// Reads extra data.
    ///
    /// # Errors
    /// [`TlogProofError::Extra`] or [`TlogProofError::Entry`].
    pub fn decode(extra: &[u8]) -> Result<Self, TlogProofError> {
        match extra.split_first() {
            Some((&ENTRY, _)) => Ok(Self::Entry(Entry::parse(extra)?)),
            Some((&RECORD, rest)) => {
                let (salt, payload) = rest.split_first_chunk::<SALT_BYTES>().ok_or(TlogProofError::Extra)?;
                let within = payload.len() <= PAYLOAD_BYTES_MAX;
                within.then(|| Self::Record { salt: *salt, payload: payload.to_vec() }).ok_or(TlogProofError::Extra)
            }
            Some((&SEALED, rest)) => {
                let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>().ok_or(TlogProofError::Extra)?;
                let (key, payload) = rest.split_first_chunk::<KEY_BYTES>().ok_or(TlogProofError::Extra)?;
                Sealed::parse(payload)?;
                Ok(Self::Sealed { salt: *salt, key: RecordKey::new(*key), payload: payload.to_vec() })
            }
            _ => Err(TlogProofError::Extra),
        }
    }

    /// What was recorded, opened where it is sealed; none when the proof does not say it.
    ///
    /// # Errors
    /// [`TlogProofError::Sealed`] when the record's key is not the one that was committed to.
    pub fn record(&self) -> Result<Option<Vec<u8>>, TlogProofError> {
        match self {
            Self::Entry(_) => Ok(None),
            Self::Record { payload, .. } => Ok(Some(payload.clone())),
            Self::Sealed { key, payload, .. } => Ok(Some(Sealed::parse(payload)?.open(key)?)),
        }
    }

    /// The entry that stands in the tree if this is what was recorded.
    #[must_use]
    pub fn entry(&self) -> Entry {
        match self {
            Self::Entry(entry) => *entry,
            Self::Record { salt, payload } | Self::Sealed { salt, payload, .. } => Entry::commit(salt, payload),
        }
    }
}

#[cfg(test)]
#[path = "tlog_proof_tests.rs"]
mod tests;
