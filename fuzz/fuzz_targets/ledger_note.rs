//! Notes, keys and checkpoints: no panic, and what is taken is written back as it was.
#![no_main]

use holdshort_ledger::{Checkpoint, Note, SigningKey, VerifierKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let ours = SigningKey::from_seed("example.com/fuzz", &[7; 32]).expect("a plain name").verifier();
    if let Ok(note) = Note::parse(data) {
        assert_eq!(Note::parse(note.to_string().as_bytes()).as_ref(), Ok(&note));
        assert!(note.verify(&ours).is_err(), "signed without the key");
        let _ = Checkpoint::parse_text(note.text());
    }
    assert!(Checkpoint::open(data, &ours).is_err(), "signed without the key");
    let text = String::from_utf8_lossy(data);
    if let Ok(checkpoint) = Checkpoint::parse_text(&text) {
        assert!(text.starts_with(&checkpoint.text()));
    }
    if let Ok(key) = VerifierKey::parse(&text) {
        assert_eq!(VerifierKey::parse(&key.to_string()), Ok(key));
    }
    let _ = SigningKey::parse(&text);
});
