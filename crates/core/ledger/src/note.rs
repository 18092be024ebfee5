//! C2SP `signed-note`: a short text with signatures below it, by keys that have names.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::Signer;
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

/// Longest note that is parsed, in bytes: room for [`NOTE_SIGNATURES_MAX`] post-quantum signatures.
pub const NOTE_BYTES_MAX: usize = 1_000_000;
/// Most signatures that are parsed.
pub const NOTE_SIGNATURES_MAX: usize = 100;
/// Longest name of a key, in bytes.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// Longest encoded key that is parsed, in bytes: a long name and a post-quantum key of 1,312 bytes.
const KEY_TEXT_BYTES_MAX: usize = 4_096;
/// Algorithm byte of Ed25519 in key ids and encoded keys.
const ED25519: u8 = 0x01;
const SIGNATURE_PREFIX: &str = "\u{2014} ";
pub(crate) const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

/// Why something is not a note or a key, or a note does not verify.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoteError {
    /// Longer than the limit, or too many signatures.
    #[error("note is too large: at most {NOTE_BYTES_MAX} bytes and {NOTE_SIGNATURES_MAX} signatures")]
    TooLarge,
    /// Not a text, an empty line and signature lines.
    #[error("not a signed note: expected text, an empty line, and lines that begin with an em dash")]
    Malformed,
    /// Not a key in the format `name+id+base64`.
    #[error("not a key: expected `name+id+base64` with an Ed25519 key whose id matches")]
    Key,
    /// Empty, too long, or with a space or a plus in it.
    #[error("not a key name: 1 to {KEY_NAME_BYTES_MAX} bytes without spaces, control characters and `+`")]
    Name,
    /// None of the signatures is by the key that was asked for.
    #[error("note is not signed by `{0}`")]
    Unsigned(String),
    /// A signature by that key is there and is wrong.
    #[error("signature by `{0}` does not match the text")]
    Signature(String),
}

/// A public key with a name: whose signature is looked for.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    key: ed25519_dalek::VerifyingKey,
}

/// A private key with a name. Zeroed when dropped, never printed by `Debug`.
pub struct SigningKey {
    name: String,
    id: u32,
    key: ed25519_dalek::SigningKey,
}

/// One line below the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key.
    pub name: String,
    /// Id of the key: the first four bytes of a hash over name, algorithm and public key, big-endian.
    pub id: u32,
    /// The signature; how long it is depends on the algorithm.
    pub bytes: Vec<u8>,
}

/// A text and the signatures below it. Being parsed says nothing about them: see [`Note::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl VerifierKey {
    /// Parses `name+id+base64`.
    ///
    /// # Errors
    /// [`NoteError::Key`] for another format or algorithm, an id that does not match or a key that is no point.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, id, data) = split_key(text)?;
        let (algorithm, public) = data.split_first().ok_or(NoteError::Key)?;
        let public: &[u8; 32] = public.try_into().map_err(|_| NoteError::Key)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| NoteError::Key)?;
        // A weak key verifies signatures that nobody made.
        if *algorithm != ED25519 || key.is_weak() || id != key_id(name, public) {
            return Err(NoteError::Key);
        }
        Ok(Self { name: name.to_owned(), id, key })
    }

    /// Name of the key; for a log, its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the key.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The public key without its name.
    pub(crate) fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }
}

/// `name+id+base64`, as it stands in `log.pub`.
impl fmt::Display for VerifierKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data: Vec<u8> = [ED25519].into_iter().chain(*self.key.as_bytes()).collect();
        write!(out, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(data))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "VerifierKey({self})")
    }
}

impl SigningKey {
    /// The key with this name and these 32 secret bytes.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        Ok(Self { name: name.to_owned(), id: key_id(name, key.verifying_key().as_bytes()), key })
    }

    /// Parses `PRIVATE+KEY+name+id+base64`.
    ///
    /// # Errors
    /// [`NoteError::Key`] or [`NoteError::Name`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, id, data) = split_key(text.strip_prefix(PRIVATE_PREFIX).ok_or(NoteError::Key)?)?;
        let (algorithm, seed) = data.split_first().ok_or(NoteError::Key)?;
        let key = Self::from_seed(name, seed.try_into().map_err(|_| NoteError::Key)?)?;
        if *algorithm != ED25519 || key.id != id {
            return Err(NoteError::Key);
        }
        Ok(key)
    }

    /// `PRIVATE+KEY+name+id+base64`: secret, for a file that only the owner can read.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let data: Vec<u8> = [ED25519].into_iter().chain(*self.key.as_bytes()).collect();
        format!("{PRIVATE_PREFIX}{}+{:08x}+{}", self.name, self.id, STANDARD.encode(data))
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), id: self.id, key: self.key.verifying_key() }
    }

    /// A note with this text, signed.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] when the text is empty, has control characters or does not end with a line feed.
    pub fn sign(&self, text: &str) -> Result<Note, NoteError> {
        check_text(text)?;
        let bytes = self.key.sign(text.as_bytes()).to_bytes().to_vec();
        let signature = NoteSignature { name: self.name.clone(), id: self.id, bytes };
        Ok(Note { text: text.to_owned(), signatures: vec![signature] })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKey({}+{:08x}+***)", self.name, self.id)
    }
}

impl Note {
    /// Parses a note. The signatures are not checked.
    ///
    /// # Errors
    /// [`NoteError::TooLarge`] or [`NoteError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        let at = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, rest) = note.split_at_checked(at.saturating_add(1)).ok_or(NoteError::Malformed)?;
        check_text(text)?;
        let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n')).ok_or(NoteError::Malformed)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooLarge);
            }
            signatures.push(NoteSignature::parse(line)?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, with its last line feed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, checked or not.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The text with some of the signatures only.
    #[must_use]
    pub fn retaining(&self, keep: impl FnMut(&&NoteSignature) -> bool) -> Self {
        Self { text: self.text.clone(), signatures: self.signatures.iter().filter(keep).cloned().collect() }
    }

    /// Adds a signature, which is not checked.
    ///
    /// # Errors
    /// [`NoteError::TooLarge`] when there is no room for one more.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        if self.signatures.len() >= NOTE_SIGNATURES_MAX {
            return Err(NoteError::TooLarge);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Checks that `key` signed the text. Signatures by other keys are passed over.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] without a signature by the key, [`NoteError::Signature`] when one of them is wrong.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut found = false;
        for signature in self.signatures.iter().filter(|one| one.id == key.id && one.name == key.name) {
            let wrong = || NoteError::Signature(key.name.clone());
            let bytes: &[u8; 64] = signature.bytes.as_slice().try_into().map_err(|_| wrong())?;
            let signature = ed25519_dalek::Signature::from_bytes(bytes);
            key.key.verify_strict(self.text.as_bytes(), &signature).map_err(|_| wrong())?;
            found = true;
        }
        if found { Ok(()) } else { Err(NoteError::Unsigned(key.name.clone())) }
    }
}

/// The note as it is stored and sent.
impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(out, "{signature}"))
    }
}

/// The line, without its line feed.
impl fmt::Display for NoteSignature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data: Vec<u8> = self.id.to_be_bytes().into_iter().chain(self.bytes.iter().copied()).collect();
        write!(out, "{SIGNATURE_PREFIX}{} {}", self.name, STANDARD.encode(data))
    }
}

impl NoteSignature {
    pub(crate) fn parse(line: &str) -> Result<Self, NoteError> {
        let rest = line.strip_prefix(SIGNATURE_PREFIX).ok_or(NoteError::Malformed)?;
        let (name, data) = rest.split_once(' ').ok_or(NoteError::Malformed)?;
        check_name(name).map_err(|_| NoteError::Malformed)?;
        let data = STANDARD.decode(data).map_err(|_| NoteError::Malformed)?;
        let (id, bytes) = data.split_first_chunk::<4>().ok_or(NoteError::Malformed)?;
        if bytes.is_empty() {
            return Err(NoteError::Malformed);
        }
        Ok(Self { name: name.to_owned(), id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let plain = text.bytes().all(|byte| byte >= 0x20 || byte == b'\n');
    if plain && text.ends_with('\n') { Ok(()) } else { Err(NoteError::Malformed) }
}

pub(crate) fn check_name(name: &str) -> Result<(), NoteError> {
    let strange = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    let sound = !name.is_empty() && name.len() <= KEY_NAME_BYTES_MAX && !name.chars().any(strange);
    if sound { Ok(()) } else { Err(NoteError::Name) }
}

pub(crate) fn split_key(text: &str) -> Result<(&str, u32, Vec<u8>), NoteError> {
    if text.len() > KEY_TEXT_BYTES_MAX {
        return Err(NoteError::Key);
    }
    let (name, rest) = text.split_once('+').ok_or(NoteError::Key)?;
    let (id, data) = rest.split_once('+').ok_or(NoteError::Key)?;
    check_name(name)?;
    let plain = id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u32::from_str_radix(id, 16).ok().filter(|_| plain).ok_or(NoteError::Key)?;
    Ok((name, id, STANDARD.decode(data).map_err(|_| NoteError::Key)?))
}

/// The first four bytes of `SHA-256(name || 0x0a || 0x01 || public key)`.
fn key_id(name: &str, public: &[u8; 32]) -> u32 {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(public).finalize();
    hash.first_chunk::<4>().map(|id| u32::from_be_bytes(*id)).unwrap_or_default()
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
