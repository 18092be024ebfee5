//! RFC 9942: COSE receipts over the tree of the log, for verifiers that speak COSE rather than C2SP.
//!
//! A receipt is a COSE_Sign1 (RFC 9052) over a root of the tree, with a proof that leads to that root: of an entry
//! (inclusion), or from an older root (consistency). The root itself does not stand in it: who checks a receipt computes it
//! from what they hold, and sees whether that is what was signed. The tree is the one of the checkpoints (`RFC9162_SHA256`).
//!
//! RFC 9942 has size and place stand where no signature covers them, and the same path leads to the same root under other
//! sizes and places: the last of three leaves has the path of the last of two. A receipt of ours therefore names the size in
//! its protected header too, under a label for private use that others pass over. Of a receipt without it, only that the
//! entry is in the tree is proved.
//!
//! INVARIANT: a root is signed here only when a checkpoint that the log has signed says the same root. Otherwise a receipt
//! could speak of a tree that no witness and no mirror ever saw.
//!
//! Not supported: attached payloads, several proofs in one receipt, structures other than `RFC9162_SHA256`.

use crate::note::check_name;
use crate::{
    Checkpoint, CheckpointError, ConsistencyProof, HASH_BYTES, Hash, InclusionProof, Note, PROOF_HASHES_MAX,
    ProofError, ReceiptSigner, ReceiptVerifier, TlogProof, TlogProofError, VerifierKey,
};
use ciborium::Value;
use thiserror::Error;

/// Longest receipt that is parsed, in bytes: a path of 65 hashes, a name and a signature need less.
pub const RECEIPT_BYTES_MAX: usize = 4_096;

/// Tag of a COSE_Sign1.
const SIGN1_TAG: u64 = 18;
/// Header labels: algorithm, key id, CWT claims, verifiable data structure, its proofs.
const ALGORITHM: i64 = 1;
const KEY_ID: i64 = 4;
const CLAIMS: i64 = 15;
const STRUCTURE: i64 = 395;
const PROOFS: i64 = 396;
/// Leaves in the tree, in the protected header: ours, from the range for private use.
const SIGNED_SIZE: i64 = -92_275;
/// CWT claim: who issued it; here, the log's origin.
const ISSUER: i64 = 1;
/// Algorithm `EdDSA`, and its fully-specified successor `Ed25519` (RFC 9864). The first is what verifiers know today.
const EDDSA: i64 = -8;
const ED25519: i64 = -19;
/// Verifiable data structure `RFC9162_SHA256`.
const RFC9162_SHA256: i64 = 1;
const INCLUSION: i64 = -1;
const CONSISTENCY: i64 = -2;
/// Deepest nesting of a receipt's CBOR: tag, array, map, map, array, bytes.
const DEPTH_MAX: usize = 8;

/// A receipt, parsed or made. Being parsed says nothing about it: see [`Receipt::verify_inclusion`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    proof: ReceiptProof,
    header: Header,
    /// The protected header as it was signed.
    protected: Vec<u8>,
    signature: [u8; 64],
}

/// What is known of a receipt's protected header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Header {
    algorithm: Option<i64>,
    structure: Option<i64>,
    issuer: Option<String>,
    key_id: Option<Vec<u8>>,
    size: Option<u64>,
}

/// What a receipt that holds has proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proved {
    /// The root that was signed.
    pub root: Hash,
    /// Leaves in its tree, where the signature covers that. Without it the place in the tree is not proved either.
    pub size: Option<u64>,
}

/// What a receipt proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptProof {
    /// That an entry stands in the tree.
    Inclusion(InclusionProof),
    /// That the tree continues an older one.
    Consistency(ConsistencyProof),
}

/// Why bytes are not a receipt, or it does not hold, or was not made.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ReceiptError {
    /// Longer than the limit.
    #[error("receipt is longer than {RECEIPT_BYTES_MAX} bytes")]
    TooLarge,
    /// Not CBOR in its shortest form, or not of the shape of a receipt.
    #[error("not a COSE receipt: {0}")]
    Malformed(&'static str),
    /// A receipt that proves something else than what was asked.
    #[error("receipt proves {0}")]
    Kind(&'static str),
    /// Signed with another key.
    #[error("receipt is signed with another key than this one")]
    OtherKey,
    /// The signature does not cover the root that the proof leads to: entry, place, path or signature were changed.
    #[error("what was signed is not the root that the proof leads to")]
    Signature,
    /// The hashes cannot be a proof of this place and size, or do not begin at the older root.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// No checkpoint of the log covers what the receipt would say.
    #[error("no receipt for what no checkpoint of the log covers: {0}")]
    Uncovered(String),
}

impl ReceiptSigner {
    /// A receipt of what a proof shows: that `leaf` stands in the tree of a checkpoint that the log with key `log` signed.
    ///
    /// # Errors
    /// [`ReceiptError::Uncovered`] when the proof does not hold.
    pub fn inclusion(&self, proof: &TlogProof, leaf: &Hash, log: &VerifierKey) -> Result<Receipt, ReceiptError> {
        let uncovered = |error: TlogProofError| ReceiptError::Uncovered(error.to_string());
        let checkpoint = proof.verify(leaf, log).map_err(uncovered)?;
        let proof = InclusionProof { index: proof.index, size: checkpoint.size, hashes: proof.hashes.clone() };
        Ok(self.receipt(ReceiptProof::Inclusion(proof), &checkpoint))
    }

    /// A receipt that the tree of `newer`, a checkpoint that the log with key `log` signed, continues the one of `older`.
    ///
    /// # Errors
    /// [`ReceiptError::Uncovered`] for a checkpoint of another log or without its signature, [`ReceiptError::Proof`] when the
    /// hashes do not lead from one root to the other, also for an empty older tree: that every tree continues it says nothing.
    pub fn consistency(
        &self,
        older: &Checkpoint,
        newer: &Note,
        hashes: Vec<Hash>,
        log: &VerifierKey,
    ) -> Result<Receipt, ReceiptError> {
        let uncovered = |error: CheckpointError| ReceiptError::Uncovered(error.to_string());
        let checkpoint = Checkpoint::of_note(newer, log).map_err(uncovered)?;
        let proof = ConsistencyProof { old_size: older.size, new_size: checkpoint.size, hashes };
        if older.origin != checkpoint.origin {
            return Err(ReceiptError::Uncovered(format!("the older checkpoint is of log `{}`", older.origin)));
        }
        if proof.new_root(&older.root)? != checkpoint.root {
            return Err(ProofError::Root.into());
        }
        Ok(self.receipt(ReceiptProof::Consistency(proof), &checkpoint))
    }

    fn receipt(&self, proof: ReceiptProof, checkpoint: &Checkpoint) -> Receipt {
        let key_id = self.verifier().id().to_vec();
        let claims = Value::Map(vec![(ISSUER.into(), checkpoint.origin.as_str().into())]);
        let protected = encode(&Value::Map(vec![
            (ALGORITHM.into(), EDDSA.into()),
            (KEY_ID.into(), Value::Bytes(key_id.clone())),
            (CLAIMS.into(), claims),
            (STRUCTURE.into(), RFC9162_SHA256.into()),
            (SIGNED_SIZE.into(), checkpoint.size.into()),
        ]));
        let signature = self.sign(&signed_bytes(&protected, &checkpoint.root));
        let header = Header {
            algorithm: Some(EDDSA),
            structure: Some(RFC9162_SHA256),
            issuer: Some(checkpoint.origin.clone()),
            key_id: Some(key_id),
            size: Some(checkpoint.size),
        };
        Receipt { proof, header, protected, signature }
    }
}

impl Receipt {
    /// Parses a receipt. Only the shortest spelling of each value is accepted, and nothing beside what a receipt needs.
    ///
    /// # Errors
    /// [`ReceiptError::TooLarge`] or [`ReceiptError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLarge);
        }
        let wrong = ReceiptError::Malformed;
        let Value::Tag(SIGN1_TAG, message) = decode(bytes)? else {
            return Err(wrong("expected a COSE_Sign1, CBOR tag 18"));
        };
        let Some([Value::Bytes(protected), Value::Map(unprotected), payload, Value::Bytes(signature)]) =
            message.as_array().map(Vec::as_slice)
        else {
            return Err(wrong("expected headers, payload and signature"));
        };
        if *payload != Value::Null {
            return Err(wrong("its payload must be detached: who checks it computes the root"));
        }
        let signature = signature.as_slice().try_into().map_err(|_| wrong("an Ed25519 signature has 64 bytes"))?;
        let header = Header::read(protected)?;
        let proof = read_proof(unprotected)?;
        let (ReceiptProof::Inclusion(InclusionProof { size, .. })
        | ReceiptProof::Consistency(ConsistencyProof { new_size: size, .. })) = &proof;
        if header.size.is_some_and(|signed| signed != *size) {
            return Err(wrong("its proof is for another size of the tree than was signed"));
        }
        Ok(Self { proof, header, protected: protected.clone(), signature })
    }

    /// The receipt as it is stored and sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (label, first, second, hashes) = match &self.proof {
            ReceiptProof::Inclusion(proof) => (INCLUSION, proof.size, proof.index, &proof.hashes),
            ReceiptProof::Consistency(proof) => (CONSISTENCY, proof.old_size, proof.new_size, &proof.hashes),
        };
        let path = hashes.iter().map(|hash| Value::Bytes(hash.as_bytes().to_vec())).collect();
        let proof = encode(&Value::Array(vec![first.into(), second.into(), Value::Array(path)]));
        let proofs = Value::Map(vec![(label.into(), Value::Array(vec![Value::Bytes(proof)]))]);
        let message = Value::Array(vec![
            Value::Bytes(self.protected.clone()),
            Value::Map(vec![(PROOFS.into(), proofs)]),
            Value::Null,
            Value::Bytes(self.signature.to_vec()),
        ]);
        encode(&Value::Tag(SIGN1_TAG, Box::new(message)))
    }

    /// What it proves.
    #[must_use]
    pub fn proof(&self) -> &ReceiptProof {
        &self.proof
    }

    /// Name of the log, where the receipt says it. The signature covers it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.header.issuer.as_deref()
    }

    /// Checks that the log with this receipt key signed a tree in which `leaf` stands where the receipt says.
    ///
    /// # Errors
    /// [`ReceiptError::Kind`], [`ReceiptError::Proof`], [`ReceiptError::OtherKey`] or [`ReceiptError::Signature`].
    pub fn verify_inclusion(&self, leaf: &Hash, key: &ReceiptVerifier) -> Result<Proved, ReceiptError> {
        let ReceiptProof::Inclusion(proof) = &self.proof else {
            return Err(ReceiptError::Kind("that a tree continues an older one, not that an entry stands in it"));
        };
        self.verify(proof.root(leaf)?, key)
    }

    /// Checks that the log with this receipt key signed a tree that begins with the tree of `older`.
    ///
    /// # Errors
    /// As [`Receipt::verify_inclusion`]; [`ProofError::Range`] when `older` has another size than the receipt says.
    pub fn verify_consistency(&self, older: &Checkpoint, key: &ReceiptVerifier) -> Result<Proved, ReceiptError> {
        let ReceiptProof::Consistency(proof) = &self.proof else {
            return Err(ReceiptError::Kind("that an entry stands in a tree, not that the tree continues an older one"));
        };
        if proof.old_size != older.size {
            return Err(ProofError::Range.into());
        }
        let proved = self.verify(proof.new_root(&older.root)?, key)?;
        if self.header.issuer.as_ref().is_some_and(|issuer| *issuer != older.origin) {
            return Err(ReceiptError::Kind("something about another log than the checkpoint is of"));
        }
        Ok(proved)
    }

    fn verify(&self, root: Hash, key: &ReceiptVerifier) -> Result<Proved, ReceiptError> {
        if key.is_signed(&signed_bytes(&self.protected, &root), &self.signature) {
            return Ok(Proved { root, size: self.header.size });
        }
        // The id is only a hint: who wrote the receipt chose it.
        let named = self.header.key_id.as_ref().is_none_or(|id| *id == key.id());
        Err(if named { ReceiptError::Signature } else { ReceiptError::OtherKey })
    }
}

/// The `Sig_structure` of a COSE_Sign1 (RFC 9052, 4.4) with the root as its payload.
fn signed_bytes(protected: &[u8], root: &Hash) -> Vec<u8> {
    encode(&Value::Array(vec![
        "Signature1".into(),
        Value::Bytes(protected.to_vec()),
        Value::Bytes(Vec::new()),
        Value::Bytes(root.as_bytes().to_vec()),
    ]))
}

impl Header {
    /// Reads a protected header, in which everything must be known, and stand once.
    fn read(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let wrong = ReceiptError::Malformed;
        let Value::Map(pairs) = decode(bytes)? else {
            return Err(wrong("the protected header is not a map"));
        };
        let mut header = Self::default();
        for (label, value) in unique(&pairs)? {
            match (label, value) {
                (ALGORITHM, Value::Integer(value)) => header.algorithm = i64::try_from(*value).ok(),
                (STRUCTURE, Value::Integer(value)) => header.structure = i64::try_from(*value).ok(),
                (SIGNED_SIZE, Value::Integer(value)) => {
                    let size = u64::try_from(*value);
                    header.size = Some(size.map_err(|_| wrong("its signed size is not the size of a tree"))?);
                }
                (KEY_ID, Value::Bytes(id)) => header.key_id = Some(id.clone()),
                (CLAIMS, Value::Map(claims)) => {
                    let claims = unique(claims)?;
                    let named = claims.iter().find(|(label, _)| *label == ISSUER);
                    header.issuer = named.and_then(|(_, name)| name.as_text()).map(str::to_owned);
                    // It is printed: a name has no control characters.
                    if header.issuer.as_ref().is_some_and(|name| check_name(name).is_err()) {
                        return Err(wrong("its issuer is not the name of a log"));
                    }
                }
                // One of them could be meant to change what the rest says.
                _ => return Err(wrong("its protected header says something that is not known here")),
            }
        }
        if !matches!(header.algorithm, Some(EDDSA | ED25519)) {
            return Err(wrong("its algorithm is not Ed25519"));
        }
        if header.structure != Some(RFC9162_SHA256) {
            return Err(wrong("its tree is not one of RFC 9162 with SHA-256"));
        }
        Ok(header)
    }
}

fn read_proof(unprotected: &[(Value, Value)]) -> Result<ReceiptProof, ReceiptError> {
    let wrong = || ReceiptError::Malformed("expected exactly one proof, of an entry or of an older tree");
    let [(label, Value::Map(proofs))] = unprotected else { return Err(wrong()) };
    let [(kind, Value::Array(proof))] = proofs.as_slice() else { return Err(wrong()) };
    let ([Value::Bytes(proof)], true) = (proof.as_slice(), *label == PROOFS.into()) else { return Err(wrong()) };
    let proof = decode(proof)?;
    let Some([Value::Integer(first), Value::Integer(second), Value::Array(path)]) = proof.as_array().map(Vec::as_slice)
    else {
        return Err(wrong());
    };
    let (Ok(first), Ok(second)) = (u64::try_from(*first), u64::try_from(*second)) else { return Err(wrong()) };
    if path.len() > PROOF_HASHES_MAX {
        return Err(ProofError::Length.into());
    }
    let hash = |value: &Value| value.as_bytes().and_then(|bytes| Hash::from_slice(bytes));
    let hashes: Option<Vec<Hash>> = path.iter().map(hash).collect();
    let hashes = hashes.ok_or(ReceiptError::Malformed("a hash of its path does not have 32 bytes"))?;
    match kind {
        kind if *kind == INCLUSION.into() => {
            Ok(ReceiptProof::Inclusion(InclusionProof { size: first, index: second, hashes }))
        }
        kind if *kind == CONSISTENCY.into() => {
            Ok(ReceiptProof::Consistency(ConsistencyProof { old_size: first, new_size: second, hashes }))
        }
        _ => Err(wrong()),
    }
}

/// The pairs of a map whose labels are numbers, each of which stands once.
fn unique(map: &[(Value, Value)]) -> Result<Vec<(i64, &Value)>, ReceiptError> {
    let mut seen = Vec::with_capacity(map.len());
    for (label, value) in map {
        let label = label.as_integer().and_then(|label| i64::try_from(label).ok());
        let label = label.filter(|label| !seen.iter().any(|(known, _)| known == label));
        let label = label.ok_or(ReceiptError::Malformed("a label of a header is no number, or stands twice"))?;
        seen.push((label, value));
    }
    Ok(seen)
}

/// Decodes one CBOR item that is all of `bytes`, each part in its shortest form and of a definite length.
fn decode(bytes: &[u8]) -> Result<Value, ReceiptError> {
    let decoded = ciborium::de::from_reader_with_recursion_limit::<Value, _>(bytes, DEPTH_MAX).ok();
    // Writing it again settles every question of lengths, padding and trailing bytes.
    let exact = decoded.filter(|value| encode(value) == bytes);
    exact.ok_or(ReceiptError::Malformed("expected one CBOR item in its shortest form"))
}

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HASH_BYTES);
    // Writing into memory does not fail; were it to, the bytes would lack what a signature covers, and nothing would hold.
    let _ = ciborium::ser::into_writer(value, &mut bytes);
    bytes
}

#[cfg(test)]
#[path = "receipt_tests.rs"]
mod tests;
