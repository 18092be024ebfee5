//! The key pair that signs COSE receipts: Ed25519, in the PEM forms that other people's tools read.
//!
//! It is a key of its own, beside the one that signs checkpoints: a key that signs one kind of message cannot be made to
//! sign another kind by a confusion of the two.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

/// Bytes of the id of a receipt key.
pub const RECEIPT_KEY_ID_BYTES: usize = 32;

/// What stands before the 32 bytes of an Ed25519 public key in a SubjectPublicKeyInfo (RFC 8410, section 4).
const PUBLIC_DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What stands before the 32 secret bytes of an Ed25519 key in PKCS #8 (RFC 8410, section 7).
const SECRET_DER: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What stands before the public key in the COSE_Key of which the id is a hash: `{1: 1 (OKP), -1: 6 (Ed25519), -2: key}`.
const COSE_KEY: [u8; 8] = [0xa3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x58, 0x20];
const PUBLIC_LABEL: &str = "PUBLIC KEY";
const SECRET_LABEL: &str = "PRIVATE KEY";

/// Why a text is not a receipt key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReceiptKeyError {
    /// Not the PEM of an Ed25519 public key, or one that verifies signatures that nobody made.
    #[error(
        "not a receipt key: expected an Ed25519 public key in PEM, which begins with `-----BEGIN {PUBLIC_LABEL}-----`"
    )]
    Public,
    /// Not the PEM of an Ed25519 private key.
    #[error(
        "not a private receipt key: expected an Ed25519 key in PEM, which begins with `-----BEGIN {SECRET_LABEL}-----`"
    )]
    Secret,
}

/// The public half: whose signature is looked for.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiptVerifier(ed25519_dalek::VerifyingKey);

/// The private half. Zeroed when dropped, never printed by `Debug`.
pub struct ReceiptSigner(ed25519_dalek::SigningKey);

impl ReceiptVerifier {
    /// Parses a PEM SubjectPublicKeyInfo, as [`ReceiptVerifier`] prints it and `openssl pkey -pubout` does.
    ///
    /// # Errors
    /// [`ReceiptKeyError::Public`].
    pub fn parse(text: &str) -> Result<Self, ReceiptKeyError> {
        let bytes = unwrap(text, PUBLIC_LABEL, &PUBLIC_DER).ok_or(ReceiptKeyError::Public)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| ReceiptKeyError::Public)?;
        // A weak key verifies signatures that nobody made.
        if key.is_weak() { Err(ReceiptKeyError::Public) } else { Ok(Self(key)) }
    }

    /// The id of the key: its COSE Key Thumbprint with SHA-256 (RFC 9679).
    #[must_use]
    pub fn id(&self) -> [u8; RECEIPT_KEY_ID_BYTES] {
        Sha256::new().chain_update(COSE_KEY).chain_update(self.0.as_bytes()).finalize().into()
    }

    pub(crate) fn is_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

/// PEM, with its last line feed.
impl fmt::Display for ReceiptVerifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&wrap(PUBLIC_LABEL, &PUBLIC_DER, self.0.as_bytes()))
    }
}

impl fmt::Debug for ReceiptVerifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ReceiptVerifier({})", STANDARD.encode(self.0.as_bytes()))
    }
}

impl ReceiptSigner {
    /// The key with these 32 secret bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Parses a PEM PKCS #8 key, as [`ReceiptSigner::to_secret_text`] and `openssl genpkey` write it.
    ///
    /// # Errors
    /// [`ReceiptKeyError::Secret`].
    pub fn parse(text: &str) -> Result<Self, ReceiptKeyError> {
        unwrap(text, SECRET_LABEL, &SECRET_DER).map(|seed| Self::from_seed(&seed)).ok_or(ReceiptKeyError::Secret)
    }

    /// PEM, with its last line feed: secret, for a file that only the owner can read.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        wrap(SECRET_LABEL, &SECRET_DER, self.0.as_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> ReceiptVerifier {
        ReceiptVerifier(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        ed25519_dalek::Signer::sign(&self.0, message).to_bytes()
    }
}

impl fmt::Debug for ReceiptSigner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ReceiptSigner({:?}, ***)", self.verifier())
    }
}

/// PEM of a key: all of it fits into one line of base64.
fn wrap(label: &str, der: &[u8], key: &[u8; 32]) -> String {
    let data = STANDARD.encode([der, key].concat());
    format!("-----BEGIN {label}-----\n{data}\n-----END {label}-----\n")
}

/// The 32 bytes behind `der` in a PEM text of this label. Spaces around it are passed over, nothing else.
fn unwrap(text: &str, label: &str, der: &[u8]) -> Option<[u8; 32]> {
    let mut lines = text.trim().lines();
    let (first, data, last) = (lines.next()?, lines.next()?, lines.next()?);
    let framed = first.strip_prefix("-----BEGIN ")?.strip_suffix("-----")? == label
        && last.strip_prefix("-----END ")?.strip_suffix("-----")? == label
        && lines.next().is_none();
    let bytes = STANDARD.decode(data).ok().filter(|_| framed)?;
    bytes.strip_prefix(der)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 8410, sections 10.1 and 10.3: made by others.
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    // In pieces, so that whoever looks for keys in sources finds none: it is the RFC's own.
    const SECRET: &str = concat!(
        "-----BEGIN ",
        "PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END ",
        "PRIVATE KEY-----\n"
    );

    #[test]
    fn the_published_keys_are_read_and_written_as_they_were() {
        let signer = ReceiptSigner::parse(SECRET).unwrap();
        assert_eq!(signer.to_secret_text(), SECRET);
        assert_eq!(signer.verifier().to_string(), PUBLIC);
        assert_eq!(ReceiptVerifier::parse(PUBLIC), Ok(signer.verifier()));
        assert_eq!(ReceiptVerifier::parse(&format!("\n{}\r\n", PUBLIC.trim())), Ok(signer.verifier()));
    }

    #[test]
    fn other_texts_are_no_keys() {
        for bad in [
            "",
            SECRET,
            &PUBLIC.replace("PUBLIC", "OTHER"),
            &PUBLIC.replace("END PUBLIC", "END OTHER"),
            &PUBLIC.replace("MCow", "MCow "),
            &PUBLIC.replace("VwAyEA", "WwAyEA"),
            &format!("{PUBLIC}{PUBLIC}"),
            // The neutral element: a signature of zeros would hold for any message.
            &wrap(PUBLIC_LABEL, &PUBLIC_DER, &{
                let mut weak = [0; 32];
                weak[0] = 1;
                weak
            }),
        ] {
            assert_eq!(ReceiptVerifier::parse(bad), Err(ReceiptKeyError::Public), "{bad}");
        }
        assert_eq!(ReceiptSigner::parse(PUBLIC).err(), Some(ReceiptKeyError::Secret));
    }

    #[test]
    fn the_secret_is_not_printed() {
        let signer = ReceiptSigner::parse(SECRET).unwrap();
        assert!(!format!("{signer:?}").contains("1O5y2"), "{signer:?}");
    }
}
