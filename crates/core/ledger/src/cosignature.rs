//! C2SP `tlog-cosignature`: a statement by somebody beside the log that a checkpoint is consistent with all that they saw.
//!
//! Two algorithms: Ed25519 (`0x04`) and ML-DSA-44 (`0x06`, FIPS 204), which a quantum computer does not forge. Both cover a
//! time; the second covers the cosigner's name too, and not the checkpoint's extension lines.

use crate::note::{PRIVATE_PREFIX, check_name, split_key};
use crate::{Checkpoint, Note, NoteError, NoteSignature};
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::Signer;
use ml_dsa::{EncodedSignature, EncodedVerifyingKey, KeyExport as _, MlDsa44, Seed};
use sha2::{Digest, Sha256};
use std::fmt;

/// Label of the message that ML-DSA-44 signs.
const SUBTREE_LABEL: &[u8; 12] = b"subtree/v1\n\0";
/// Largest time that the specification allows.
const TIME_MAX: u64 = i64::MAX as u64;

/// Which signature a cosigner makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CosignerAlgorithm {
    /// Ed25519, `0x04`.
    Ed25519,
    /// ML-DSA-44, `0x06`.
    MlDsa44,
}

/// A private key that cosigns. Zeroed when dropped, never printed by `Debug`.
pub struct Cosigner {
    public: CosignerKey,
    secret: Secret,
}

enum Secret {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    MlDsa44(Box<ml_dsa::SigningKey<MlDsa44>>),
}

/// A public key with a name: whose cosignature is looked for.
#[derive(Clone, PartialEq)]
pub struct CosignerKey {
    name: String,
    id: u32,
    key: Public,
}

#[derive(Clone, PartialEq)]
enum Public {
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    MlDsa44(Box<ml_dsa::VerifyingKey<MlDsa44>>),
}

impl CosignerAlgorithm {
    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    fn of_byte(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::MlDsa44].into_iter().find(|algorithm| algorithm.byte() == byte)
    }
}

impl CosignerKey {
    /// Parses `name+id+base64`.
    ///
    /// # Errors
    /// [`NoteError::Key`] for another format or algorithm, an id that does not match or a key that is no key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, id, data) = split_key(text)?;
        let (algorithm, public) = data.split_first().ok_or(NoteError::Key)?;
        let key = match CosignerAlgorithm::of_byte(*algorithm).ok_or(NoteError::Key)? {
            CosignerAlgorithm::Ed25519 => {
                let bytes: &[u8; 32] = public.try_into().map_err(|_| NoteError::Key)?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| NoteError::Key)?;
                // A weak key verifies signatures that nobody made.
                Public::Ed25519(Some(Box::new(key)).filter(|key| !key.is_weak()).ok_or(NoteError::Key)?)
            }
            CosignerAlgorithm::MlDsa44 => {
                let bytes = EncodedVerifyingKey::<MlDsa44>::try_from(public).map_err(|_| NoteError::Key)?;
                Public::MlDsa44(Box::new(ml_dsa::VerifyingKey::decode(&bytes)))
            }
        };
        let parsed = Self::new(name, key)?;
        if parsed.id == id { Ok(parsed) } else { Err(NoteError::Key) }
    }

    fn new(name: &str, key: Public) -> Result<Self, NoteError> {
        check_name(name)?;
        let mut key = Self { name: name.to_owned(), id: 0, key };
        let hash = Sha256::new().chain_update(name).chain_update(b"\n").chain_update(key.material()).finalize();
        key.id = hash.first_chunk::<4>().map(|id| u32::from_be_bytes(*id)).unwrap_or_default();
        Ok(key)
    }

    /// Name of the cosigner.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the key.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Which signature it makes.
    #[must_use]
    pub fn algorithm(&self) -> CosignerAlgorithm {
        match self.key {
            Public::Ed25519(_) => CosignerAlgorithm::Ed25519,
            Public::MlDsa44(_) => CosignerAlgorithm::MlDsa44,
        }
    }

    /// Whether this is the log's own key, under whatever name: it signs for the log, and so for nobody else.
    #[must_use]
    pub fn is_of(&self, log: &crate::VerifierKey) -> bool {
        self.name == log.name() || self.material().get(1..) == Some(log.public().as_slice())
    }

    /// The algorithm's byte and the public key.
    pub(crate) fn material(&self) -> Vec<u8> {
        let mut bytes = vec![self.algorithm().byte()];
        match &self.key {
            Public::Ed25519(key) => bytes.extend_from_slice(key.as_bytes()),
            Public::MlDsa44(key) => bytes.extend_from_slice(&key.to_bytes()),
        }
        bytes
    }

    /// Checks that the cosigner signed the checkpoint in this note. Gives the time, in seconds since 1970. Whether the log
    /// itself signed it is not checked here: see [`Checkpoint::of_note`].
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] without a signature by the key, [`NoteError::Signature`] when one of them is wrong or the note
    /// is no checkpoint.
    pub fn verify(&self, note: &Note) -> Result<u64, NoteError> {
        let wrong = || NoteError::Signature(self.name.clone());
        let mut latest = None;
        for signature in note.signatures().iter().filter(|one| one.id == self.id && one.name == self.name) {
            let checkpoint = Checkpoint::parse_text(note.text()).map_err(|_| wrong())?;
            let (time, bytes) = signature.bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
            let time_s = u64::from_be_bytes(*time);
            let sound = time_s <= TIME_MAX && self.is_signed(note.text(), &checkpoint, time_s, bytes);
            latest = latest.max(Some(Some(time_s).filter(|_| sound).ok_or_else(wrong)?));
        }
        latest.ok_or_else(|| NoteError::Unsigned(self.name.clone()))
    }

    fn is_signed(&self, text: &str, checkpoint: &Checkpoint, time_s: u64, signature: &[u8]) -> bool {
        match &self.key {
            Public::Ed25519(key) => signature.try_into().is_ok_and(|bytes: &[u8; 64]| {
                let signature = ed25519_dalek::Signature::from_bytes(bytes);
                key.verify_strict(ed25519_message(text, time_s).as_bytes(), &signature).is_ok()
            }),
            Public::MlDsa44(key) => {
                let encoded = EncodedSignature::<MlDsa44>::try_from(signature).ok();
                let signature = encoded.and_then(|bytes| ml_dsa::Signature::<MlDsa44>::decode(&bytes));
                let message = subtree_message(&self.name, checkpoint, time_s);
                signature
                    .zip(message)
                    .is_some_and(|(signature, message)| key.verify_with_context(&message, &[], &signature))
            }
        }
    }
}

/// `name+id+base64`.
impl fmt::Display for CosignerKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(self.material()))
    }
}

impl fmt::Debug for CosignerKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CosignerKey({}+{:08x}, {:?})", self.name, self.id, self.algorithm())
    }
}

impl Cosigner {
    /// The key with this name and these 32 secret bytes. One seed is for one cosigner: two names need two seeds.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn from_seed(algorithm: CosignerAlgorithm, name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let (secret, key) = match algorithm {
            CosignerAlgorithm::Ed25519 => {
                let secret = Box::new(ed25519_dalek::SigningKey::from_bytes(seed));
                let key = Public::Ed25519(Box::new(secret.verifying_key()));
                (Secret::Ed25519(secret), key)
            }
            CosignerAlgorithm::MlDsa44 => {
                let secret = Box::new(ml_dsa::SigningKey::<MlDsa44>::from_seed(&Seed::from(*seed)));
                let key = Public::MlDsa44(Box::new(secret.expanded_key().verifying_key()));
                (Secret::MlDsa44(secret), key)
            }
        };
        Ok(Self { public: CosignerKey::new(name, key)?, secret })
    }

    /// Parses `PRIVATE+KEY+name+id+base64`.
    ///
    /// # Errors
    /// [`NoteError::Key`] or [`NoteError::Name`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, id, data) = split_key(text.strip_prefix(PRIVATE_PREFIX).ok_or(NoteError::Key)?)?;
        let (algorithm, seed) = data.split_first().ok_or(NoteError::Key)?;
        let algorithm = CosignerAlgorithm::of_byte(*algorithm).ok_or(NoteError::Key)?;
        let cosigner = Self::from_seed(algorithm, name, seed.try_into().map_err(|_| NoteError::Key)?)?;
        if cosigner.public.id == id { Ok(cosigner) } else { Err(NoteError::Key) }
    }

    /// `PRIVATE+KEY+name+id+base64`: secret, for a file that only the owner can read.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let mut data = vec![self.public.algorithm().byte()];
        match &self.secret {
            Secret::Ed25519(key) => data.extend_from_slice(key.as_bytes()),
            Secret::MlDsa44(key) => data.extend_from_slice(key.as_seed()),
        }
        format!("{PRIVATE_PREFIX}{}+{:08x}+{}", self.public.name, self.public.id, STANDARD.encode(data))
    }

    /// The public half.
    #[must_use]
    pub fn key(&self) -> &CosignerKey {
        &self.public
    }

    /// Adds a cosignature to a note that holds this log's checkpoint. `time_s` is now, in seconds since 1970.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] when the note is no checkpoint, or its origin or our name is too long for one, or the time
    /// is out of range; [`NoteError::TooLarge`] when there is no room for one more signature.
    pub fn cosign(&self, note: &mut Note, time_s: u64) -> Result<(), NoteError> {
        let checkpoint = Checkpoint::parse_text(note.text()).map_err(|_| NoteError::Malformed)?;
        if time_s > TIME_MAX {
            return Err(NoteError::Malformed);
        }
        let mut bytes = time_s.to_be_bytes().to_vec();
        match &self.secret {
            Secret::Ed25519(key) => bytes.extend(key.sign(ed25519_message(note.text(), time_s).as_bytes()).to_bytes()),
            Secret::MlDsa44(key) => {
                let message = subtree_message(&self.public.name, &checkpoint, time_s).ok_or(NoteError::Malformed)?;
                let signed = key.expanded_key().sign_deterministic(&message, &[]).map_err(|_| NoteError::Malformed)?;
                bytes.extend_from_slice(&signed.encode());
            }
        }
        note.add(NoteSignature { name: self.public.name.clone(), id: self.public.id, bytes })
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Cosigner({}+{:08x}+***)", self.public.name, self.public.id)
    }
}

fn ed25519_message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

/// The `cosigned_message` of the whole tree; none when a name is too long for its length byte.
fn subtree_message(cosigner: &str, checkpoint: &Checkpoint, time_s: u64) -> Option<Vec<u8>> {
    let mut message = SUBTREE_LABEL.to_vec();
    let name = |name: &str, message: &mut Vec<u8>| {
        message.push(u8::try_from(name.len()).ok().filter(|length| *length > 0)?);
        message.extend_from_slice(name.as_bytes());
        Some(())
    };
    name(cosigner, &mut message)?;
    message.extend_from_slice(&time_s.to_be_bytes());
    name(&checkpoint.origin, &mut message)?;
    message.extend_from_slice(&0u64.to_be_bytes());
    message.extend_from_slice(&checkpoint.size.to_be_bytes());
    message.extend_from_slice(checkpoint.root.as_bytes());
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hash, SigningKey};

    const ALGORITHMS: [CosignerAlgorithm; 2] = [CosignerAlgorithm::Ed25519, CosignerAlgorithm::MlDsa44];

    fn note(size: u64) -> Note {
        let log = SigningKey::from_seed("example.com/log", &[1; 32]).unwrap();
        Checkpoint { origin: "example.com/log".into(), size, root: Hash::leaf(b"x") }.sign(&log).unwrap()
    }

    fn cosigner(algorithm: CosignerAlgorithm) -> Cosigner {
        Cosigner::from_seed(algorithm, "witness.example/w1", &[2; 32]).unwrap()
    }

    #[test]
    fn a_cosignature_is_verified_with_its_time_and_the_log_stays_its_own() {
        for algorithm in ALGORITHMS {
            let (mut note, cosigner) = (note(42), cosigner(algorithm));
            assert_eq!(cosigner.key().verify(&note), Err(NoteError::Unsigned("witness.example/w1".into())));
            cosigner.cosign(&mut note, 1_700_000_000).unwrap();
            let sent = Note::parse(note.to_string().as_bytes()).unwrap();
            assert_eq!(cosigner.key().verify(&sent), Ok(1_700_000_000));
            let log = SigningKey::from_seed("example.com/log", &[1; 32]).unwrap().verifier();
            assert_eq!(Checkpoint::of_note(&sent, &log).unwrap().size, 42);
        }
    }

    #[test]
    fn keys_are_read_back_and_others_are_refused() {
        for algorithm in ALGORITHMS {
            let cosigner = cosigner(algorithm);
            let (public, secret) = (cosigner.key().to_string(), cosigner.to_secret_text());
            assert_eq!(CosignerKey::parse(&public).unwrap(), *cosigner.key());
            assert_eq!(Cosigner::parse(&secret).unwrap().key(), cosigner.key());
            assert!(CosignerKey::parse(&public.replace("w1", "w2")).is_err());
            assert!(CosignerKey::parse(&format!("{public}AAAA")).is_err());
            assert!(Cosigner::parse(&secret.replace("w1", "w2")).is_err());
            assert!(Cosigner::parse(&public).is_err());
            assert!(!format!("{cosigner:?}").contains(secret.rsplit('+').next().unwrap()));
        }
        let log = SigningKey::from_seed("example.com/log", &[1; 32]).unwrap();
        assert!(CosignerKey::parse(&log.verifier().to_string()).is_err(), "a log's key is no cosigner's");
        assert!(crate::VerifierKey::parse(&cosigner(CosignerAlgorithm::Ed25519).key().to_string()).is_err());
    }

    #[test]
    fn a_cosignature_holds_for_one_checkpoint_one_name_and_one_time() {
        for algorithm in ALGORITHMS {
            let (mut good, cosigner) = (note(42), cosigner(algorithm));
            cosigner.cosign(&mut good, 7).unwrap();
            let signature = good.signatures().last().unwrap().clone();
            let wrong = Err(NoteError::Signature("witness.example/w1".into()));
            let mut other = note(43);
            other.add(signature.clone()).unwrap();
            assert_eq!(cosigner.key().verify(&other), wrong);
            for at in [0, 7, 8, 40, signature.bytes.len() - 1] {
                let mut changed = signature.clone();
                changed.bytes[at] ^= 1;
                let mut lie = note(42);
                lie.add(changed).unwrap();
                assert_eq!(cosigner.key().verify(&lie), wrong, "{algorithm:?} byte {at}");
            }
            let mut short = signature;
            short.bytes.truncate(7);
            let mut lie = note(42);
            lie.add(short).unwrap();
            assert_eq!(cosigner.key().verify(&lie), wrong);
            assert_eq!(cosigner.cosign(&mut note(42), u64::MAX), Err(NoteError::Malformed));
        }
    }

    /// The bytes of the specification's structure, written out by hand.
    #[test]
    fn the_signed_message_is_that_of_the_specification() {
        let checkpoint = Checkpoint { origin: "o".into(), size: 3, root: Hash::from_bytes([9; 32]) };
        let mut expected = b"subtree/v1\n\0\x02ww\0\0\0\0\0\0\0\x05\x01o\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03".to_vec();
        expected.extend([9; 32]);
        assert_eq!(subtree_message("ww", &checkpoint, 5), Some(expected));
        assert_eq!(subtree_message(&"w".repeat(256), &checkpoint, 5), None);
        assert_eq!(ed25519_message("a\n", 5), "cosignature/v1\ntime 5\na\n");
    }

    /// The example of the specification: made by another implementation.
    #[test]
    fn the_published_example_has_the_form_that_we_read() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} \
            witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
        let note = Note::parse(text.as_bytes()).unwrap();
        let signature = &note.signatures()[0];
        assert_eq!((signature.bytes.len(), signature.id), (8 + 64, 0x8d66_cf3f));
        assert_eq!(u64::from_be_bytes(signature.bytes[..8].try_into().unwrap()), 1_679_315_147);
    }
}
