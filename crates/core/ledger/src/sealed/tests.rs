use super::*;
use proptest::prelude::*;

const ID: KeyId = KeyId::new([3; KEY_ID_BYTES]);
const NONCE: KeyNonce = [9; KEY_ID_BYTES];
const RECORD: &[u8] =
    br#"{"type":"outcome","decision":"01KDWPVSD00000000000000004","session":"s-1","status":"ok","bytes":17}"#;

fn key(byte: u8) -> OwnerKey {
    OwnerKey::new([byte; KEY_BYTES])
}

fn sealed() -> Vec<u8> {
    seal(RECORD, ID, &key(1), &NONCE).unwrap()
}

#[test]
fn the_format_is_fixed_for_ever() {
    let sealed = sealed();
    assert_eq!(sealed[..8], [0xE1, 1, 1, 0, 0, 0, 0, RECORD.len() as u8]);
    assert_eq!(sealed[8..24], [3; 16]);
    assert_eq!(sealed[24..40], [9; 16]);
    // Computed with Python's hmac, hashlib and cryptography, see docs/reference/log-format.md: independent of this code.
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let record_key = key(1).record_key(&NONCE);
    assert_eq!(hex(record_key.as_bytes()), "d2b488a9d4c12236c89be206caa58d59feadb566cf43df7975ca38f87ae8b525");
    assert_eq!(hex(&sealed[40..72]), "0755eb5fe11dd46576584367d3d01011861bbf801dd51702e42a4acf2514ffc5");
    let short = seal(b"{}", ID, &key(1), &NONCE).unwrap();
    assert_eq!(hex(&short[72..]), "b7c412119886f9bc87242e1450157e196a82");
}

#[test]
fn what_was_sealed_comes_back_with_either_key() {
    let bytes = sealed();
    assert!(is_sealed(&bytes) && !is_sealed(RECORD) && !is_sealed(b""));
    let sealed = Sealed::parse(&bytes).unwrap();
    assert_eq!(sealed.key_id(), ID);
    assert_eq!(sealed.open_with(&key(1)).unwrap(), RECORD);
    let own = sealed.record_key(&key(1)).unwrap();
    assert_eq!(sealed.open(&RecordKey::new(*own.as_bytes())).unwrap(), RECORD);
    assert_eq!(format!("{own:?} {:?}", key(1)), "RecordKey(***) OwnerKey(***)");
}

#[test]
fn no_other_key_opens_it() {
    let bytes = sealed();
    let sealed = Sealed::parse(&bytes).unwrap();
    assert_eq!(sealed.open_with(&key(2)), Err(SealedError::Key));
    let other = seal(RECORD, ID, &key(1), &[8; KEY_ID_BYTES]).unwrap();
    let others = Sealed::parse(&other).unwrap().record_key(&key(1)).unwrap();
    assert_eq!(sealed.open(&others), Err(SealedError::Key), "the key of another record of the same owner");
}

#[test]
fn another_commitment_opens_nothing() {
    // Whoever forges the header for a second key finds that the ciphertext was sealed together with the first one.
    let mut bytes = sealed();
    let forged = key(2).record_key(&NONCE).commitment();
    bytes[40..72].copy_from_slice(&forged);
    let sealed = Sealed::parse(&bytes).unwrap();
    assert_eq!(sealed.open_with(&key(1)), Err(SealedError::Key));
    assert_eq!(sealed.open_with(&key(2)), Err(SealedError::Changed));
}

#[test]
fn headers_and_ciphertexts_belong_together() {
    let other_record =
        br#"{"type":"outcome","decision":"01KDWPVSD00000000000000004","session":"s-1","status":"ok","bytes":18}"#;
    let one = sealed();
    let two = seal(other_record, ID, &key(1), &[8; KEY_ID_BYTES]).unwrap();
    let (head_one, body_one) = one.split_at(SEALED_HEADER_BYTES);
    let (head_two, body_two) = two.split_at(SEALED_HEADER_BYTES);
    for swapped in [[head_one, body_two].concat(), [head_two, body_one].concat()] {
        assert_eq!(Sealed::parse(&swapped).unwrap().open_with(&key(1)), Err(SealedError::Changed));
    }
}

#[test]
fn what_is_not_sealed_is_named() {
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: SealedError| {
        let mut bytes = sealed();
        change(&mut bytes);
        assert_eq!(Sealed::parse(&bytes), Err(expected));
    };
    check(&|bytes| bytes[0] = b'{', SealedError::Plain);
    check(&|bytes| bytes.clear(), SealedError::Plain);
    check(&|bytes| bytes.truncate(1), SealedError::Length(1));
    check(&|bytes| bytes[1] = 2, SealedError::Version(2));
    check(&|bytes| bytes[2] = 7, SealedError::Packing(7));
    check(&|bytes| bytes[3] = 1, SealedError::Reserved);
    check(&|bytes| bytes[4] = 1, SealedError::RecordLength(0x0100_0000 + RECORD.len() as u32));
    check(&|bytes| bytes.truncate(87), SealedError::Length(87));
    check(&|bytes| bytes.resize(PAYLOAD_BYTES_MAX + 1, 0), SealedError::Length(PAYLOAD_BYTES_MAX + 1));
}

#[test]
fn lengths_at_the_border() {
    assert_eq!(seal(&[], ID, &key(1), &NONCE).unwrap().len(), SEALED_HEADER_BYTES + SEALED_TAG_BYTES);
    // What does not pack: the longest record still fits a frame.
    let noise: Vec<u8> = (0_u32..).flat_map(|n| Sha256::digest(n.to_be_bytes())).take(SEALABLE_BYTES_MAX).collect();
    let sealed = seal(&noise, ID, &key(1), &NONCE).unwrap();
    assert_eq!(sealed.len(), PAYLOAD_BYTES_MAX);
    assert_eq!(Sealed::parse(&sealed).unwrap().open_with(&key(1)).unwrap(), noise);
    let longer = vec![0; SEALABLE_BYTES_MAX + 1];
    assert_eq!(seal(&longer, ID, &key(1), &NONCE), Err(SealedError::TooLarge(SEALABLE_BYTES_MAX + 1)));
}

#[test]
fn an_operator_who_packs_nonsense_is_found_out() {
    // Sealed with the right key, and unpacks to nothing: the cipher cannot tell, unpacking does.
    let record_key = key(1).record_key(&NONCE);
    let mut bytes = vec![SEALED_MAGIC, VERSION, 1, 0];
    bytes.extend(1_000_000_u32.to_be_bytes());
    bytes.extend([[3; 16], NONCE].concat());
    bytes.extend(record_key.commitment());
    let mut body = b"nonsense".to_vec();
    let tag =
        record_key.cipher().encrypt_inout_detached(&Nonce::default(), &bytes, body.as_mut_slice().into()).unwrap();
    bytes.extend(body);
    bytes.extend_from_slice(&tag);
    assert_eq!(Sealed::parse(&bytes).unwrap().open_with(&key(1)), Err(SealedError::Unpack(1_000_000)));
}

#[test]
fn ids_are_written_and_read_in_hex() {
    let id = KeyId::new([0xAB; KEY_ID_BYTES]);
    assert_eq!(id.to_string().parse(), Ok(id));
    for wrong in ["", "ab", &"ag".repeat(16), &"ab".repeat(17), &"é".repeat(16)] {
        assert!(wrong.parse::<KeyId>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn everything_comes_back(record in prop::collection::vec(any::<u8>(), 0..4_000), byte: u8, nonce: KeyNonce) {
        let bytes = seal(&record, ID, &key(byte), &nonce).unwrap();
        prop_assert_eq!(Sealed::parse(&bytes).unwrap().open_with(&key(byte)).unwrap(), record);
    }

    #[test]
    fn whatever_is_touched_does_not_open(at: prop::sample::Index, flip in 1..=255_u8) {
        let mut bytes = sealed();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let opened = Sealed::parse(&bytes).and_then(|sealed| sealed.open_with(&key(1)));
        prop_assert!(opened.is_err(), "byte {}", at);
    }

    #[test]
    fn whatever_is_cut_off_does_not_open(at: prop::sample::Index) {
        let bytes = sealed();
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert!(Sealed::parse(cut).and_then(|sealed| sealed.open_with(&key(1))).is_err());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), sealed: bool) {
        if sealed && bytes.len() > 3 {
            bytes[..4].copy_from_slice(&[SEALED_MAGIC, VERSION, 1, 0]);
        }
        if let Ok(sealed) = Sealed::parse(&bytes) {
            prop_assert!(sealed.open_with(&key(1)).is_err());
        }
    }
}
