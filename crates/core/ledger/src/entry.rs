//! What stands in the tree for a record: a salted commitment, not the record.
//!
//! The payload is kept beside the tree. When salt and payload are erased, every proof still holds, and the commitment
//! says nothing about what it was: without the salt even a payload that can be guessed cannot be confirmed.

use crate::Hash;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// First bytes that are hashed into a commitment, so that the hash means this and nothing else.
pub const COMMITMENT_DOMAIN: &[u8] = b"holdshort/record/v1";
/// Bytes of the salt: chance, new for each record.
pub const SALT_BYTES: usize = 16;
/// Bytes of an entry: the version and the commitment.
pub const ENTRY_BYTES: usize = 33;

const VERSION: u8 = 0x01;

/// The salt of a record.
pub type Salt = [u8; SALT_BYTES];

/// An entry of the log: the bytes whose hash is a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry([u8; ENTRY_BYTES]);

/// Why bytes are not an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EntryError {
    /// Not 33 bytes.
    #[error("entry has {0} bytes, expected {ENTRY_BYTES}")]
    Length(usize),
    /// Written by another version of the product.
    #[error("entry has version {0}, and this program knows {VERSION}: use the version of holdshort that wrote it")]
    Version(u8),
}

impl Entry {
    /// Commits to a payload: `0x01 || SHA-256("holdshort/record/v1" || salt || payload)`.
    #[must_use]
    pub fn commit(salt: &Salt, payload: &[u8]) -> Self {
        let commitment =
            Sha256::new().chain_update(COMMITMENT_DOMAIN).chain_update(salt).chain_update(payload).finalize();
        let mut bytes = [VERSION; ENTRY_BYTES];
        bytes.iter_mut().skip(1).zip(commitment).for_each(|(to, from)| *to = from);
        Self(bytes)
    }

    /// Takes the bytes of an entry.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let bytes: [u8; ENTRY_BYTES] = bytes.try_into().map_err(|_| EntryError::Length(bytes.len()))?;
        match bytes {
            [VERSION, ..] => Ok(Self(bytes)),
            [version, ..] => Err(EntryError::Version(version)),
        }
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ENTRY_BYTES] {
        &self.0
    }

    /// The leaf hash.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        Hash::leaf(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_fixed_for_ever() {
        // Computed with `printf 'holdshort/record/v1\0\0...payload' | sha256sum`: independent of this code.
        let entry = Entry::commit(&[0; SALT_BYTES], b"payload");
        let hex: String = entry.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "01b690caa403aa38ec3cf68035aeba7564f7c4f5b0ce2b8fcae9c879fd567fa84f");
        assert_eq!(Entry::parse(entry.as_bytes()), Ok(entry));
    }

    #[test]
    fn salt_and_payload_both_count() {
        let entry = Entry::commit(&[0; SALT_BYTES], b"payload");
        assert_ne!(entry, Entry::commit(&[1; SALT_BYTES], b"payload"));
        assert_ne!(entry, Entry::commit(&[0; SALT_BYTES], b"payloae"));
    }

    #[test]
    fn other_bytes_are_refused() {
        assert_eq!(Entry::parse(&[]), Err(EntryError::Length(0)));
        assert_eq!(Entry::parse(&[1; 34]), Err(EntryError::Length(34)));
        assert_eq!(Entry::parse(&[2; 33]), Err(EntryError::Version(2)));
    }
}
