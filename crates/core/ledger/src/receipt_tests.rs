//! Receipts: what they say, what a foreign implementation reads in them, and every change to one noticed.

use super::*;
use crate::proof::MemoryTiles;
use crate::{Edge, SigningKey};
use coset::{CborSerializable as _, TaggedCborSerializable as _, iana};
use proptest::prelude::*;

const SIZE: u64 = 700;
const ORIGIN: &str = "example.com/log";

fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap()
}

fn signer() -> ReceiptSigner {
    ReceiptSigner::from_seed(&[8; 32])
}

fn leaf(index: u64) -> Hash {
    Hash::leaf(&index.to_be_bytes())
}

fn tree(size: u64) -> (MemoryTiles, Checkpoint) {
    let (mut edge, mut tiles) = (Edge::default(), MemoryTiles::default());
    (0..size).for_each(|at| edge.push(leaf(at), &mut |tile, hashes| tiles.insert(tile, hashes)));
    edge.partial_tiles().for_each(|(tile, hashes)| tiles.insert(tile, hashes));
    (tiles, Checkpoint { origin: ORIGIN.into(), size, root: edge.root() })
}

fn proof(index: u64, size: u64) -> TlogProof {
    let (mut tiles, checkpoint) = tree(size);
    let hashes = InclusionProof::make(index, size, &mut tiles).unwrap().hashes;
    TlogProof { extra: None, index, hashes, checkpoint: checkpoint.sign(&log_key()).unwrap() }
}

/// What a receipt of ours proves.
fn proved(size: u64) -> Proved {
    Proved { root: tree(size).1.root, size: Some(size) }
}

fn inclusion(index: u64, size: u64) -> Receipt {
    signer().inclusion(&proof(index, size), &leaf(index), &log_key().verifier()).unwrap()
}

fn consistency(old: u64, new: u64) -> Result<Receipt, ReceiptError> {
    let (mut tiles, newer) = tree(new);
    let hashes = ConsistencyProof::make(old, new, &mut tiles).unwrap().hashes;
    signer().consistency(&tree(old).1, &newer.sign(&log_key()).unwrap(), hashes, &log_key().verifier())
}

#[test]
fn a_receipt_leads_from_an_entry_to_the_root_of_the_checkpoint() {
    for (index, size) in [(0, 1), (0, 2), (1, 2), (255, 256), (256, 257), (0, SIZE), (300, SIZE), (699, SIZE)] {
        let receipt = inclusion(index, size);
        assert_eq!(Receipt::parse(&receipt.encode()).unwrap(), receipt, "{index} of {size}");
        assert_eq!(receipt.issuer(), Some(ORIGIN));
        assert_eq!(receipt.verify_inclusion(&leaf(index), &signer().verifier()), Ok(proved(size)));
        assert_eq!(receipt.verify_inclusion(&leaf(index + 1), &signer().verifier()), Err(ReceiptError::Signature));
        let other = ReceiptSigner::from_seed(&[9; 32]).verifier();
        assert_eq!(receipt.verify_inclusion(&leaf(index), &other), Err(ReceiptError::OtherKey));
        assert!(matches!(receipt.verify_consistency(&tree(1).1, &signer().verifier()), Err(ReceiptError::Kind(_))));
    }
}

#[test]
fn a_receipt_leads_from_an_older_checkpoint_to_a_newer_one() {
    for (old, new) in [(1, 2), (1, SIZE), (256, SIZE), (300, SIZE), (SIZE, SIZE), (699, SIZE)] {
        let receipt = consistency(old, new).unwrap();
        assert_eq!(Receipt::parse(&receipt.encode()).unwrap(), receipt, "{old} to {new}");
        let key = signer().verifier();
        assert_eq!(receipt.verify_consistency(&tree(old).1, &key), Ok(proved(new)), "{old} to {new}");
        let lie = Checkpoint { root: leaf(0), ..tree(old).1 };
        if old > 1 {
            assert!(receipt.verify_consistency(&lie, &key).is_err(), "{old} to {new}");
        }
        let elsewhere = Checkpoint { origin: "example.com/else".into(), ..tree(old).1 };
        assert!(matches!(receipt.verify_consistency(&elsewhere, &key), Err(ReceiptError::Kind(_))));
        let other_size = Checkpoint { size: old + 1, ..tree(old).1 };
        assert_eq!(receipt.verify_consistency(&other_size, &key), Err(ProofError::Range.into()));
        assert!(matches!(receipt.verify_inclusion(&leaf(0), &key), Err(ReceiptError::Kind(_))));
    }
    assert_eq!(consistency(0, SIZE), Err(ProofError::Range.into()), "every tree continues the empty one");
}

#[test]
fn no_root_is_signed_that_no_checkpoint_of_the_log_says() {
    let (key, good) = (log_key().verifier(), proof(300, SIZE));
    let refused = |proof: &TlogProof, leaf: &Hash, key: &VerifierKey| {
        assert!(matches!(signer().inclusion(proof, leaf, key), Err(ReceiptError::Uncovered(_))));
    };
    refused(&good, &leaf(301), &key);
    refused(&TlogProof { index: 301, ..good.clone() }, &leaf(300), &key);
    refused(&good, &leaf(300), &SigningKey::from_seed(ORIGIN, &[1; 32]).unwrap().verifier());
    let lie = Checkpoint { root: leaf(300), size: 1, origin: ORIGIN.into() };
    let forged = lie.sign(&SigningKey::from_seed(ORIGIN, &[1; 32]).unwrap()).unwrap();
    refused(&TlogProof { extra: None, index: 0, hashes: vec![], checkpoint: forged.clone() }, &leaf(300), &key);
    let unsigned = signer().consistency(&tree(300).1, &forged, vec![], &key);
    assert!(matches!(unsigned, Err(ReceiptError::Uncovered(_))));
    let note = tree(SIZE).1.sign(&log_key()).unwrap();
    assert!(signer().consistency(&tree(300).1, &note, vec![], &key).is_err());
    let foreign = Checkpoint { origin: "example.com/else".into(), ..tree(300).1 };
    let hashes = ConsistencyProof::make(300, SIZE, &mut tree(SIZE).0).unwrap().hashes;
    assert!(matches!(signer().consistency(&foreign, &note, hashes, &key), Err(ReceiptError::Uncovered(_))));
}

/// `coset`, which we did not write, reads the message, finds the headers, and has the same bytes signed.
#[test]
fn a_foreign_implementation_reads_the_same_message() {
    let receipt = inclusion(300, SIZE);
    let read = coset::CoseSign1::from_tagged_slice(&receipt.encode()).unwrap();
    let header = &read.protected.header;
    assert_eq!(header.alg, Some(coset::Algorithm::Assigned(iana::Algorithm::EdDSA)));
    assert_eq!(header.key_id, signer().verifier().id());
    assert!(header.rest.contains(&(coset::Label::Int(STRUCTURE), Value::from(RFC9162_SHA256))));
    assert_eq!(read.payload, None);
    let root = tree(SIZE).1.root;
    let verified = read.verify_detached_signature(root.as_bytes(), &[], |signature, message| {
        assert_eq!(message, signed_bytes(&receipt.protected, &root));
        let holds = signer().verifier().is_signed(message, signature.try_into().unwrap());
        holds.then_some(()).ok_or("not signed")
    });
    assert_eq!(verified, Ok(()));
}

/// The id is the thumbprint that RFC 9679 defines: of the key as `coset` writes it.
#[test]
fn the_key_id_is_the_thumbprint_of_the_cose_key() {
    use sha2::Digest as _;
    let text = signer().verifier().to_string();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text.lines().nth(1).unwrap()).unwrap();
    let mut key = coset::CoseKeyBuilder::new_okp_key()
        .param(iana::OkpKeyParameter::Crv as i64, Value::from(iana::EllipticCurve::Ed25519 as i64))
        .param(iana::OkpKeyParameter::X as i64, Value::Bytes(der[12..].to_vec()))
        .build();
    key.canonicalize(coset::CborOrdering::Lexicographic);
    assert_eq!(signer().verifier().id(), <[u8; 32]>::from(sha2::Sha256::digest(key.to_vec().unwrap())));
}

/// A receipt with other headers or another proof, signed all the same.
fn forged(protected: Value, unprotected: Value, payload: Value) -> Vec<u8> {
    forged_over(protected, unprotected, payload, SIZE)
}

fn forged_over(protected: Value, unprotected: Value, payload: Value, size: u64) -> Vec<u8> {
    let protected = encode(&protected);
    let signature = signer().sign(&signed_bytes(&protected, &tree(size).1.root));
    let parts = vec![Value::Bytes(protected), unprotected, payload, Value::Bytes(signature.to_vec())];
    encode(&Value::Tag(SIGN1_TAG, Box::new(Value::Array(parts))))
}

fn map(pairs: &[(i64, Value)]) -> Value {
    Value::Map(pairs.iter().map(|(label, value)| ((*label).into(), value.clone())).collect())
}

fn proofs(kind: i64, proofs: Vec<Value>) -> Value {
    map(&[(PROOFS, map(&[(kind, Value::Array(proofs))]))])
}

fn path_of(index: u64) -> Value {
    let hashes = inclusion(index, SIZE);
    let ReceiptProof::Inclusion(proof) = hashes.proof() else { panic!() };
    let path = proof.hashes.iter().map(|hash| Value::Bytes(hash.as_bytes().to_vec())).collect();
    Value::Bytes(encode(&Value::Array(vec![SIZE.into(), index.into(), Value::Array(path)])))
}

fn plain() -> Value {
    map(&[(ALGORITHM, EDDSA.into()), (STRUCTURE, RFC9162_SHA256.into())])
}

#[test]
fn receipts_that_others_would_write_are_read_too() {
    let proof = proofs(INCLUSION, vec![path_of(300)]);
    let other_order = map(&[
        (STRUCTURE, RFC9162_SHA256.into()),
        (CLAIMS, map(&[(2, "subject".into()), (ISSUER, "elsewhere".into()), (6, 1_700_000_000.into())])),
        (KEY_ID, Value::Bytes(b"their own".to_vec())),
        (ALGORITHM, ED25519.into()),
    ]);
    for (protected, issuer) in [(plain(), None), (other_order, Some("elsewhere"))] {
        let receipt = Receipt::parse(&forged(protected, proof.clone(), Value::Null)).unwrap();
        assert_eq!(
            receipt.verify_inclusion(&leaf(300), &signer().verifier()),
            Ok(Proved { size: None, ..proved(SIZE) })
        );
        assert_eq!(receipt.issuer(), issuer);
    }
}

/// The path of the last of three leaves is that of the last of two: without a signed size the place is anybody's claim.
#[test]
fn a_place_is_proved_only_where_the_size_is_signed() {
    let (key, mut tiles) = (signer().verifier(), tree(3).0);
    let hashes = InclusionProof::make(2, 3, &mut tiles).unwrap().hashes;
    let path = Value::Array(hashes.iter().map(|hash| Value::Bytes(hash.as_bytes().to_vec())).collect());
    let elsewhere = Value::Bytes(encode(&Value::Array(vec![2.into(), 1.into(), path])));
    let unsigned = forged_over(plain(), proofs(INCLUSION, vec![elsewhere.clone()]), Value::Null, 3);
    let root = tree(3).1.root;
    let found = Receipt::parse(&unsigned).unwrap().verify_inclusion(&leaf(2), &key);
    assert_eq!(found, Ok(Proved { root, size: None }));
    let Value::Map(mut signed) = plain() else { panic!() };
    signed.push((SIGNED_SIZE.into(), 3.into()));
    let lie = forged_over(Value::Map(signed), proofs(INCLUSION, vec![elsewhere]), Value::Null, 3);
    assert!(matches!(Receipt::parse(&lie), Err(ReceiptError::Malformed(_))));
}

#[test]
fn what_could_be_read_in_two_ways_or_asks_for_more_is_refused() {
    let good = proofs(INCLUSION, vec![path_of(300)]);
    let root = Value::Bytes(tree(SIZE).1.root.as_bytes().to_vec());
    let with = |label: i64, value: Value| {
        let Value::Map(mut pairs) = plain() else { panic!() };
        pairs.push((label.into(), value));
        Value::Map(pairs)
    };
    let raw = |bytes: &[u8]| proofs(INCLUSION, vec![Value::Bytes(bytes.to_vec())]);
    let hash = |count: usize| Value::Array(vec![Value::Bytes(vec![7; 32]); count]);
    let path = |first: Value, second: Value, hashes: Value| raw(&encode(&Value::Array(vec![first, second, hashes])));
    let deep = (0..40).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    for (why, protected, unprotected, payload) in [
        ("payload", plain(), good.clone(), root),
        ("algorithm", map(&[(ALGORITHM, (-7).into()), (STRUCTURE, 1.into())]), good.clone(), Value::Null),
        ("no algorithm", map(&[(STRUCTURE, 1.into())]), good.clone(), Value::Null),
        ("structure", map(&[(ALGORITHM, EDDSA.into()), (STRUCTURE, 2.into())]), good.clone(), Value::Null),
        ("no structure", map(&[(ALGORITHM, EDDSA.into())]), good.clone(), Value::Null),
        ("critical", with(2, Value::Array(vec![395.into()])), good.clone(), Value::Null),
        ("twice", with(ALGORITHM, EDDSA.into()), good.clone(), Value::Null),
        ("unknown", with(-65_537, "x".into()), good.clone(), Value::Null),
        ("issuer", with(CLAIMS, map(&[(ISSUER, "a\u{1b}[2J".into())])), good.clone(), Value::Null),
        ("negative size", with(SIGNED_SIZE, (-700).into()), good.clone(), Value::Null),
        ("another size", with(SIGNED_SIZE, 701.into()), good.clone(), Value::Null),
        ("claims twice", with(CLAIMS, map(&[(ISSUER, "a".into()), (ISSUER, "b".into())])), good.clone(), Value::Null),
        ("no map", Value::Null, good.clone(), Value::Null),
        ("deep", with(CLAIMS, map(&[(ISSUER, deep)])), good.clone(), Value::Null),
        ("structure outside", map(&[(ALGORITHM, EDDSA.into())]), map(&[(STRUCTURE, 1.into())]), Value::Null),
        ("two proofs", plain(), proofs(INCLUSION, vec![path_of(300), path_of(300)]), Value::Null),
        ("no proof", plain(), proofs(INCLUSION, vec![]), Value::Null),
        ("other kind", plain(), proofs(-3, vec![path_of(300)]), Value::Null),
        ("more headers", plain(), map(&[(PROOFS, Value::Null), (9, Value::Null)]), Value::Null),
        ("not a number", plain(), path(Value::from(-1), 0.into(), hash(0)), Value::Null),
        ("too large", plain(), path(Value::from(u128::from(u64::MAX) + 1), 0.into(), hash(0)), Value::Null),
        ("a float", plain(), path(Value::Float(700.0), 300.into(), hash(10)), Value::Null),
        ("66 hashes", plain(), path(SIZE.into(), 300.into(), hash(66)), Value::Null),
        (
            "short hash",
            plain(),
            path(SIZE.into(), 300.into(), Value::Array(vec![Value::Bytes(vec![7; 31])])),
            Value::Null,
        ),
        ("trailing", plain(), raw(&[&[0x83, 1, 0, 0x80][..], &[0]].concat()), Value::Null),
        ("padded", plain(), raw(&[0x83, 0x18, 1, 0, 0x80]), Value::Null),
        ("endless", plain(), raw(&[0x9f, 1, 0, 0x80, 0xff]), Value::Null),
        ("huge", plain(), raw(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Value::Null),
    ] {
        let found = Receipt::parse(&forged(protected, unprotected, payload));
        assert!(matches!(found, Err(ReceiptError::Malformed(_) | ReceiptError::Proof(_))), "{why}: {found:?}");
    }
    let whole = inclusion(300, SIZE).encode();
    for bad in [&[][..], &whole[1..], &whole[..whole.len() - 1], &[&whole[..], &[0]].concat(), &[0xd2; 4_000]] {
        assert!(matches!(Receipt::parse(bad), Err(ReceiptError::Malformed(_))));
    }
    assert_eq!(Receipt::parse(&vec![0; RECEIPT_BYTES_MAX + 1]), Err(ReceiptError::TooLarge));
}

#[test]
fn the_largest_receipt_is_within_the_limit() {
    let proof = InclusionProof { index: u64::MAX - 1, size: u64::MAX, hashes: vec![leaf(0); PROOF_HASHES_MAX] };
    let checkpoint = Checkpoint { origin: "o".repeat(crate::KEY_NAME_BYTES_MAX), size: u64::MAX, root: leaf(0) };
    let receipt = signer().receipt(ReceiptProof::Inclusion(proof), &checkpoint);
    assert_eq!(Receipt::parse(&receipt.encode()).unwrap(), receipt);
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    for (whole, check) in [
        (inclusion(300, SIZE), check_inclusion as fn(&Receipt) -> bool),
        (consistency(300, SIZE).unwrap(), check_consistency as fn(&Receipt) -> bool),
    ] {
        assert!(check(&whole));
        let bytes = whole.encode();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut lie = bytes.clone();
                lie[at] ^= 1 << bit;
                assert!(!Receipt::parse(&lie).is_ok_and(|receipt| check(&receipt)), "byte {at}, bit {bit}");
            }
        }
    }
}

fn check_inclusion(receipt: &Receipt) -> bool {
    receipt.verify_inclusion(&leaf(300), &signer().verifier()).is_ok()
}

fn check_consistency(receipt: &Receipt) -> bool {
    receipt.verify_consistency(&tree(300).1, &signer().verifier()).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// It holds for the entry that it was made for, where it was made, and for nothing else.
    #[test]
    fn a_receipt_holds_for_one_entry_only(size in 1u64..300, index in any::<prop::sample::Index>(), other in any::<u64>()) {
        let index = u64::try_from(index.index(usize::try_from(size).unwrap())).unwrap();
        let receipt = Receipt::parse(&inclusion(index, size).encode()).unwrap();
        let key = signer().verifier();
        prop_assert_eq!(receipt.verify_inclusion(&leaf(index), &key), Ok(proved(size)));
        prop_assert_eq!(receipt.verify_inclusion(&leaf(other), &key).is_ok(), other == index);
    }

    /// Bytes cut out, put in or exchanged do not make another receipt that holds.
    #[test]
    fn a_receipt_that_was_spliced_does_not_hold(
        from in any::<prop::sample::Index>(), cut in 0usize..40, add in prop::collection::vec(any::<u8>(), 0..40)
    ) {
        let bytes = inclusion(300, SIZE).encode();
        let from = from.index(bytes.len());
        let to = (from + cut).min(bytes.len());
        let spliced = [&bytes[..from], &add, &bytes[to..]].concat();
        let holds = Receipt::parse(&spliced).is_ok_and(|receipt| check_inclusion(&receipt));
        prop_assert_eq!(holds, spliced == bytes);
    }
}
