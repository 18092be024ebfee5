//! Notes, keys, cosignatures and checkpoints: no panic, and what is taken is written back as it was.
#![no_main]

use holdshort_ledger::{Checkpoint, Cosigner, CosignerAlgorithm, CosignerKey, Note, SigningKey, VerifierKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let ours = SigningKey::from_seed("example.com/fuzz", &[7; 32]).expect("a plain name").verifier();
    if let Ok(note) = Note::parse(data) {
        assert_eq!(Note::parse(note.to_string().as_bytes()).as_ref(), Ok(&note));
        assert!(note.verify(&ours).is_err(), "signed without the key");
        let _ = Checkpoint::parse_text(note.text());
        for algorithm in [CosignerAlgorithm::Ed25519, CosignerAlgorithm::MlDsa44] {
            let cosigner = Cosigner::from_seed(algorithm, "example.com/fuzz", &[7; 32]).expect("a plain name");
            // The signatures of the input, as if they were by the key that is looked for.
            let mut lie = SigningKey::from_seed("example.com/fuzz", &[8; 32])
                .expect("a plain name")
                .sign(note.text())
                .expect("a text");
            for signature in note.signatures().iter().take(4).cloned() {
                let named = holdshort_ledger::NoteSignature {
                    name: "example.com/fuzz".into(),
                    id: cosigner.key().id(),
                    ..signature
                };
                lie.add(named).expect("there is room");
            }
            assert!(cosigner.key().verify(&lie).is_err(), "cosigned without the key");
        }
    }
    assert!(Checkpoint::open(data, &ours).is_err(), "signed without the key");
    let text = String::from_utf8_lossy(data);
    if let Ok(checkpoint) = Checkpoint::parse_text(&text) {
        assert!(text.starts_with(&checkpoint.text()));
    }
    if let Ok(key) = VerifierKey::parse(&text) {
        assert_eq!(VerifierKey::parse(&key.to_string()), Ok(key));
    }
    if let Ok(key) = CosignerKey::parse(&text) {
        assert_eq!(CosignerKey::parse(&key.to_string()), Ok(key));
    }
    let _ = (SigningKey::parse(&text), Cosigner::parse(&text));
});
