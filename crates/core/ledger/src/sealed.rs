//! Records that can be made unreadable: a payload is sealed before it is committed to, and unreadable once its key is gone.
//!
//! The tree commits to the sealed bytes. So whoever verifies, recovers or mirrors a log needs no key, and destroying a key
//! changes nothing that is proved. Each record has a key of its own, which follows from its owner's key and can be given
//! away without it.
//!
//! INVARIANT: sealed bytes read in one way only. AES-GCM alone does not promise that: one ciphertext can be made that two
//! keys open to two texts. So the header holds a hash of the record's key, and nothing is opened with another one.
//!
//! Not here: chance, and where keys are kept. The bytes are in `docs/reference/log-format.md`.

mod pack;
#[cfg(test)]
mod tests;

use crate::PAYLOAD_BYTES_MAX;
use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce, Tag};
use hkdf::Hkdf;
use pack::Packing;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use zeroize::Zeroizing;

/// First byte of a sealed payload. No JSON and no UTF-8 text begins with it and the version.
pub const SEALED_MAGIC: u8 = 0xE1;
/// Bytes of a key's id, and of what a record's key is made from besides.
pub const KEY_ID_BYTES: usize = 16;
/// Bytes of every key.
pub const KEY_BYTES: usize = 32;
/// Bytes before the ciphertext.
pub const SEALED_HEADER_BYTES: usize = 72;
/// Bytes behind it.
pub const SEALED_TAG_BYTES: usize = 16;
/// Longest record that can be sealed, in bytes, whatever it holds.
pub const SEALABLE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - SEALED_HEADER_BYTES - SEALED_TAG_BYTES;

const VERSION: u8 = 0x01;
const COMMITMENT_DOMAIN: &[u8] = b"holdshort/record-key-commitment/v1";
const RECORD_KEY_INFO: &[u8] = b"holdshort/record-key/v1";

/// Chance that makes the key of one record; never used twice with the same owner's key.
pub type KeyNonce = [u8; KEY_ID_BYTES];

/// Name of an owner's key. Chance: it says nothing of the owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KEY_ID_BYTES]);

/// Key of an owner, from which the keys of its records follow. Not printed, and gone from memory when it is dropped.
#[derive(Clone)]
pub struct OwnerKey(Zeroizing<[u8; KEY_BYTES]>);

/// Key of one record. It opens this one and no other.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordKey(Zeroizing<[u8; KEY_BYTES]>);

/// A sealed payload, its header read and nothing else checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed<'a> {
    id: KeyId,
    nonce: KeyNonce,
    commitment: [u8; KEY_BYTES],
    packing: Packing,
    record_bytes: usize,
    header: &'a [u8],
    ciphertext: &'a [u8],
    tag: [u8; SEALED_TAG_BYTES],
}

/// Why something cannot be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealedError {
    /// Too long to be sealed.
    #[error("record has {0} bytes, at most {SEALABLE_BYTES_MAX} can be sealed")]
    TooLarge(usize),
    /// Not sealed.
    #[error("payload is not sealed: byte 0 is not {SEALED_MAGIC:#04x}")]
    Plain,
    /// Written by another version of the product.
    #[error("byte 1: sealed payload has version {0}, this program knows {VERSION}")]
    Version(u8),
    /// Ends too early, or is too long.
    #[error("sealed payload has {0} bytes, expected {SEALED_HEADER_BYTES} + {SEALED_TAG_BYTES} to {PAYLOAD_BYTES_MAX}")]
    Length(usize),
    /// Packed in a way that this program does not know.
    #[error("byte 2: packing {0} is not known")]
    Packing(u8),
    /// A byte that has to be zero is not.
    #[error("byte 3 has to be zero")]
    Reserved,
    /// The header says that the record is longer than any.
    #[error("byte 4: a record of {0} bytes, at most {PAYLOAD_BYTES_MAX} are possible")]
    RecordLength(u32),
    /// Another key.
    #[error("the key is not that of this record: its hash does not stand at byte 40")]
    Key,
    /// Header or ciphertext are not what was sealed.
    #[error("header or ciphertext were changed after sealing")]
    Changed,
    /// The ciphertext is whole, and whoever sealed it packed nonsense.
    #[error("what was sealed cannot be unpacked to {0} bytes")]
    Unpack(usize),
}

/// Whether a payload is a sealed one. Plain ones are JSON and begin with `{`.
#[must_use]
pub fn is_sealed(payload: &[u8]) -> bool {
    payload.first() == Some(&SEALED_MAGIC)
}

/// Seals a record. `nonce` has to be new chance each time: it alone makes this record's key another one.
///
/// # Errors
/// [`SealedError::TooLarge`].
pub fn seal(record: &[u8], id: KeyId, key: &OwnerKey, nonce: &KeyNonce) -> Result<Vec<u8>, SealedError> {
    let too_large = || SealedError::TooLarge(record.len());
    if record.len() > SEALABLE_BYTES_MAX {
        return Err(too_large());
    }
    let record_bytes = u32::try_from(record.len()).map_err(|_| too_large())?;
    let record_key = key.record_key(nonce);
    let (packing, packed) = pack::pack(record);
    let mut sealed = Vec::with_capacity(SEALED_HEADER_BYTES + packed.len() + SEALED_TAG_BYTES);
    sealed.extend([SEALED_MAGIC, VERSION, packing.byte(), 0]);
    sealed.extend(record_bytes.to_be_bytes());
    sealed.extend(id.0);
    sealed.extend(nonce);
    sealed.extend(record_key.commitment());
    sealed.extend_from_slice(&packed);
    let (header, body) = sealed.split_at_mut_checked(SEALED_HEADER_BYTES).ok_or_else(too_large)?;
    // The nonce of the cipher is always zero: no two records have the same key.
    let tag = record_key.cipher().encrypt_inout_detached(&Nonce::default(), header, body.into());
    sealed.extend_from_slice(&tag.map_err(|_| too_large())?);
    Ok(sealed)
}

impl<'a> Sealed<'a> {
    /// Reads a sealed payload.
    ///
    /// # Errors
    /// What is wrong, and where; [`SealedError::Plain`] for what is not sealed.
    pub fn parse(payload: &'a [u8]) -> Result<Self, SealedError> {
        let length = || SealedError::Length(payload.len());
        match payload {
            [SEALED_MAGIC, VERSION, ..] => {}
            [SEALED_MAGIC, version, ..] => return Err(SealedError::Version(*version)),
            [SEALED_MAGIC] => return Err(length()),
            _ => return Err(SealedError::Plain),
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(length());
        }
        let (header, rest) = payload.split_at_checked(SEALED_HEADER_BYTES).ok_or_else(length)?;
        let (ciphertext, tag) = rest.split_last_chunk().ok_or_else(length)?;
        let (&[_, _, packing, reserved], fields) = header.split_first_chunk().ok_or_else(length)?;
        let (record_bytes, fields) = fields.split_first_chunk().ok_or_else(length)?;
        let (id, fields) = fields.split_first_chunk().ok_or_else(length)?;
        let (nonce, fields) = fields.split_first_chunk().ok_or_else(length)?;
        let commitment = *fields.first_chunk().ok_or_else(length)?;
        let packing = Packing::of(packing).ok_or(SealedError::Packing(packing))?;
        if reserved != 0 {
            return Err(SealedError::Reserved);
        }
        let record_bytes = u32::from_be_bytes(*record_bytes);
        let within = usize::try_from(record_bytes).ok().filter(|bytes| *bytes <= PAYLOAD_BYTES_MAX);
        let record_bytes = within.ok_or(SealedError::RecordLength(record_bytes))?;
        Ok(Self { id: KeyId(*id), nonce: *nonce, commitment, packing, record_bytes, header, ciphertext, tag: *tag })
    }

    /// Which key it is sealed with.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.id
    }

    /// The key of this record, for somebody who may see this record and no other.
    ///
    /// # Errors
    /// [`SealedError::Key`] when `key` is not the one that it was sealed with.
    pub fn record_key(&self, key: &OwnerKey) -> Result<RecordKey, SealedError> {
        let key = key.record_key(&self.nonce);
        if key.commitment() == self.commitment { Ok(key) } else { Err(SealedError::Key) }
    }

    /// Opens it with the owner's key.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(&self, key: &OwnerKey) -> Result<Vec<u8>, SealedError> {
        self.open(&self.record_key(key)?)
    }

    /// Opens it with its own key.
    ///
    /// # Errors
    /// [`SealedError::Key`], [`SealedError::Changed`] or [`SealedError::Unpack`].
    pub fn open(&self, key: &RecordKey) -> Result<Vec<u8>, SealedError> {
        if key.commitment() != self.commitment {
            return Err(SealedError::Key);
        }
        let mut packed = self.ciphertext.to_vec();
        let body = packed.as_mut_slice().into();
        let opened =
            key.cipher().decrypt_inout_detached(&Nonce::default(), self.header, body, &Tag::<_>::from(self.tag));
        opened.map_err(|_| SealedError::Changed)?;
        pack::unpack(self.packing, packed, self.record_bytes).ok_or(SealedError::Unpack(self.record_bytes))
    }
}

impl KeyId {
    /// From chance.
    #[must_use]
    pub const fn new(bytes: [u8; KEY_ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_ID_BYTES] {
        &self.0
    }
}

/// 32 digits in hex.
impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = SealedError;

    fn from_str(text: &str) -> Result<Self, SealedError> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut id = [0; KEY_ID_BYTES];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != id.len() || !rest.is_empty() {
            return Err(SealedError::Length(text.len()));
        }
        for (byte, [high, low]) in id.iter_mut().zip(pairs) {
            let (high, low) = digit(high).zip(digit(low)).ok_or(SealedError::Length(text.len()))?;
            *byte = high << 4 | low;
        }
        Ok(Self(id))
    }
}

impl OwnerKey {
    /// From chance.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn record_key(&self, nonce: &KeyNonce) -> RecordKey {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let expanded = Hkdf::<Sha256>::new(Some(nonce), self.0.as_slice()).expand(RECORD_KEY_INFO, key.as_mut_slice());
        debug_assert!(expanded.is_ok(), "one block of the hash");
        RecordKey(key)
    }
}

impl RecordKey {
    /// From a proof file.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be given away.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn commitment(&self) -> [u8; KEY_BYTES] {
        Sha256::new().chain_update(COMMITMENT_DOMAIN).chain_update(self.0.as_slice()).finalize().into()
    }

    fn cipher(&self) -> Aes256Gcm {
        let key: &[u8; KEY_BYTES] = &self.0;
        Aes256Gcm::new(key.into())
    }
}

impl fmt::Debug for OwnerKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OwnerKey(***)")
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RecordKey(***)")
    }
}
