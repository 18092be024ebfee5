//! Notes against an implementation that we did not write, and against bad input.

use super::*;
use proptest::prelude::*;
use signed_note::Verifier as _;

const TEXT: &str = "example.com/log\n3\nFULD/w2zMRBEmMRBSGAxtwTLwGoTIH0d0u0u4/JBCXo=\n";

fn key() -> SigningKey {
    SigningKey::from_seed("example.com/log", &[7; 32]).unwrap()
}

#[test]
fn a_foreign_implementation_verifies_our_note_and_reads_our_key() {
    let note = key().sign(TEXT).unwrap().to_string();
    let foreign = signed_note::StandardVerifier::new(&key().verifier().to_string()).unwrap();
    assert_eq!(foreign.key_id(), key().verifier().id());
    let parsed = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let list = signed_note::VerifierList::new(vec![Box::new(foreign)]);
    let (known, unknown) = parsed.verify(&list).unwrap();
    assert_eq!((known.len(), unknown.len()), (1, 0));
}

#[test]
fn we_verify_a_foreign_note_and_read_its_keys() {
    let secret = key().to_secret_text();
    let signer = signed_note::StandardSigner::new(&secret).unwrap();
    let mut foreign = signed_note::Note::new(TEXT.as_bytes(), &[]).unwrap();
    foreign.add_sigs(&[&signer]).unwrap();
    let note = Note::parse(&foreign.to_bytes()).unwrap();
    assert_eq!(note.verify(&key().verifier()), Ok(()));
    assert_eq!(SigningKey::parse(&secret).unwrap().to_secret_text(), secret);
}

#[test]
fn a_wrong_signature_by_a_known_key_is_an_error_and_a_foreign_one_is_passed_over() {
    let other = SigningKey::from_seed("example.com/other", &[8; 32]).unwrap();
    let note = key().sign(TEXT).unwrap();
    assert_eq!(note.verify(&other.verifier()), Err(NoteError::Unsigned("example.com/other".into())));
    let lie = Note { text: TEXT.replace('3', "4"), ..note };
    assert_eq!(lie.verify(&key().verifier()), Err(NoteError::Signature("example.com/log".into())));
}

#[test]
fn what_is_no_note_is_refused() {
    let good = key().sign(TEXT).unwrap().to_string();
    assert!(Note::parse(good.as_bytes()).is_ok());
    let many = format!("{TEXT}\n{}", "\u{2014} a AAAAAAA=\n".repeat(NOTE_SIGNATURES_MAX + 1));
    for (bad, why) in [
        (String::new(), NoteError::Malformed),
        ("text\n".into(), NoteError::Malformed),
        ("text\n\n".into(), NoteError::Malformed),
        (good.trim_end().into(), NoteError::Malformed),
        (good.replace('\u{2014}', "-"), NoteError::Malformed),
        (good.replace("log\n", "log\r\n"), NoteError::Malformed),
        (format!("{good}\n"), NoteError::Malformed),
        (many, NoteError::TooLarge),
        ("x".repeat(NOTE_BYTES_MAX + 1), NoteError::TooLarge),
    ] {
        assert_eq!(Note::parse(bad.as_bytes()), Err(why), "{}", bad.chars().take(60).collect::<String>());
    }
    assert_eq!(Note::parse(&[0xff, b'\n', b'\n']), Err(NoteError::Malformed));
}

#[test]
fn what_is_no_key_is_refused() {
    let good = key().verifier().to_string();
    assert_eq!(VerifierKey::parse(&good).unwrap().to_string(), good);
    let (name, rest) = good.split_once('+').unwrap();
    for bad in [
        String::new(),
        good.replace('+', "-"),
        format!("other+{rest}"),
        format!(" {good}"),
        format!("{name}+{}", rest.replacen(|c: char| c.is_ascii_hexdigit(), "z", 1)),
        format!("{good}A"),
        "x".repeat(KEY_TEXT_BYTES_MAX + 1),
    ] {
        assert!(VerifierKey::parse(&bad).is_err(), "`{bad}` was taken");
    }
    assert!(SigningKey::from_seed("two words", &[0; 32]).is_err());
    assert!(!format!("{:?}", key()).contains(&STANDARD.encode([7u8; 32])[..20]));
}

proptest! {
    #[test]
    fn a_note_verifies_exactly_when_no_bit_was_touched(bit in 0usize..8 * 250) {
        let mut bytes = key().sign(TEXT).unwrap().to_string().into_bytes();
        let verifies = |bytes: &[u8]| Note::parse(bytes).is_ok_and(|note| note.verify(&key().verifier()).is_ok());
        prop_assert!(verifies(&bytes));
        let at = bit % (8 * bytes.len());
        bytes[at / 8] ^= 1 << (at % 8);
        prop_assert!(!verifies(&bytes));
    }
}
