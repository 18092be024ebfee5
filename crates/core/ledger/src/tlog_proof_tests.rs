//! Proof files: written and read back, verified, and every change to one noticed.

use super::*;
use crate::proof::MemoryTiles;
use crate::{Edge, SigningKey};
use proptest::prelude::*;

const SIZE: u64 = 700;

fn key() -> SigningKey {
    SigningKey::from_seed("example.com/log", &[7; 32]).unwrap()
}

fn record(index: u64) -> Disclosure {
    Disclosure::Record { salt: [index.to_be_bytes()[7]; SALT_BYTES], payload: format!("record {index}").into_bytes() }
}

fn proof(index: u64, extra: Disclosure) -> TlogProof {
    let (mut edge, mut tiles) = (Edge::default(), MemoryTiles::default());
    for at in 0..SIZE {
        edge.push(record(at).entry().leaf(), &mut |tile, hashes| tiles.insert(tile, hashes));
    }
    edge.partial_tiles().for_each(|(tile, hashes)| tiles.insert(tile, hashes));
    let checkpoint = Checkpoint { origin: "example.com/log".into(), size: SIZE, root: edge.root() };
    let hashes = InclusionProof::make(index, SIZE, &mut tiles).unwrap().hashes;
    TlogProof { extra: Some(extra.encode()), index, hashes, checkpoint: checkpoint.sign(&key()).unwrap() }
}

fn check(bytes: &[u8]) -> Result<(u64, Disclosure), TlogProofError> {
    let proof = TlogProof::parse(bytes)?;
    let disclosure = proof.disclosure()?;
    proof.verify(&disclosure.entry().leaf(), &key().verifier())?;
    Ok((proof.index, disclosure))
}

#[test]
fn a_proof_file_says_what_was_recorded_and_where() {
    for index in [0, 1, 255, 256, 699] {
        let text = proof(index, record(index)).to_string();
        assert_eq!(check(text.as_bytes()), Ok((index, record(index))));
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "));
        let bare = Disclosure::Entry(record(index).entry());
        assert_eq!(check(proof(index, bare.clone()).to_string().as_bytes()), Ok((index, bare)));
    }
}

#[test]
fn a_proof_of_a_foreign_application_has_other_extra_data_or_none() {
    let whole = proof(3, record(3));
    let none = TlogProof { extra: None, ..whole.clone() };
    let parsed = TlogProof::parse(none.to_string().as_bytes()).unwrap();
    assert_eq!(parsed, none);
    assert_eq!(parsed.disclosure(), Err(TlogProofError::Extra));
    assert!(parsed.verify(&record(3).entry().leaf(), &key().verifier()).is_ok());
    for foreign in [vec![], vec![0], vec![2; 16], vec![3; 33], [vec![2; 17], vec![0; PAYLOAD_BYTES_MAX + 1]].concat()] {
        assert_eq!(Disclosure::decode(&foreign), Err(TlogProofError::Extra));
    }
    assert_eq!(Disclosure::decode(&[1; 32]), Err(TlogProofError::Entry(EntryError::Length(32))));
}

#[test]
fn another_record_another_place_and_another_key_are_found_out() {
    let good = proof(300, record(300));
    let lie = |change: &dyn Fn(&mut TlogProof)| {
        let mut proof = good.clone();
        change(&mut proof);
        check(proof.to_string().as_bytes()).unwrap_err()
    };
    assert_eq!(lie(&|proof| proof.extra = Some(record(301).encode())), TlogProofError::Proof(ProofError::Root));
    assert_eq!(lie(&|proof| proof.index = 301), TlogProofError::Proof(ProofError::Root));
    assert_eq!(lie(&|proof| proof.index = SIZE), TlogProofError::Proof(ProofError::Range));
    assert_eq!(lie(&|proof| proof.hashes.truncate(proof.hashes.len() - 1)), TlogProofError::Proof(ProofError::Length));
    let forged = Checkpoint { origin: "example.com/log".into(), size: SIZE, root: Hash::empty() };
    let other = SigningKey::from_seed("example.com/log", &[8; 32]).unwrap();
    let signed = forged.sign(&other).unwrap();
    assert!(matches!(lie(&|proof| proof.checkpoint = signed.clone()), TlogProofError::Checkpoint(_)));
}

#[test]
fn only_the_one_spelling_is_a_proof() {
    let good = proof(300, record(300)).to_string();
    let line = |at: usize| good.lines().nth(at).unwrap().to_owned();
    for bad in [
        String::new(),
        good.replace("@v1", "@v2"),
        good.replacen('\n', "\r\n", 1),
        good.replace("index 300", "index 0300"),
        good.replace("index 300", "index +300"),
        good.replace("index 300", "index 18446744073709551616"),
        good.replace("index 300", "indices 300"),
        good.replace(&format!("{}\n", line(2)), ""),
        good.replace(&line(1), "extra !"),
        good.replace(&line(1), &format!("{}\n{}", line(1), line(1))),
        good.replace(&line(3), "AAAA"),
        good.replace(&line(3), &vec![line(3); PROOF_HASHES_MAX + 1].join("\n")),
        good.replacen("\n\n", "\n", 1),
        good.trim_end().to_owned(),
        format!("{good}\n"),
    ] {
        let found = TlogProof::parse(bad.as_bytes());
        assert!(matches!(found, Err(TlogProofError::Malformed | TlogProofError::Note(_))), "{bad}: {found:?}");
    }
    assert_eq!(TlogProof::parse(&vec![b'a'; PROOF_FILE_BYTES_MAX + 1]), Err(TlogProofError::TooLarge));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever single byte is changed, the file does not say anything else than before.
    #[test]
    fn a_changed_byte_never_proves_something_else(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = proof(300, record(300)).to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(check(&bytes).is_err_and(|error| !error.to_string().is_empty()));
    }
}

#[test]
fn a_sealed_record_is_opened_by_its_own_key_and_believed_as_far_as_its_bytes_stand_in_the_tree() {
    use crate::{KeyId, OwnerKey, seal};
    let (owner, nonce) = (OwnerKey::new([1; KEY_BYTES]), [4; 16]);
    let payload = seal(b"{\"type\":\"outcome\"}", KeyId::new([2; 16]), &owner, &nonce).unwrap();
    let key = Sealed::parse(&payload).unwrap().record_key(&owner).unwrap();
    let disclosure = Disclosure::Sealed { salt: [5; SALT_BYTES], key, payload: payload.clone() };
    assert_eq!(Disclosure::decode(&disclosure.encode()), Ok(disclosure.clone()));
    assert_eq!(disclosure.record(), Ok(Some(b"{\"type\":\"outcome\"}".to_vec())));
    assert_eq!(disclosure.entry(), Entry::commit(&[5; SALT_BYTES], &payload));

    let other = RecordKey::new([9; KEY_BYTES]);
    let wrong = Disclosure::Sealed { salt: [5; SALT_BYTES], key: other, payload: payload.clone() };
    assert_eq!(wrong.record(), Err(TlogProofError::Sealed(SealedError::Key)));
    assert_eq!(wrong.entry(), disclosure.entry(), "the key is no part of what was committed to");
    let cut = disclosure.encode()[..60].to_vec();
    assert!(matches!(Disclosure::decode(&cut), Err(TlogProofError::Sealed(_))));
    let plain = [&[3_u8][..], &[0; SALT_BYTES], &[0; KEY_BYTES], b"{}"].concat();
    assert_eq!(Disclosure::decode(&plain), Err(TlogProofError::Sealed(SealedError::Plain)));
}
