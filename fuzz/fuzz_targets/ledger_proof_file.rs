//! Proof files: no panic, what is taken is written back as it was, and nothing is proved without the log's key.
#![no_main]

use holdshort_ledger::{SigningKey, TlogProof};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(proof) = TlogProof::parse(data) else { return };
    assert_eq!(TlogProof::parse(proof.to_string().as_bytes()).as_ref(), Ok(&proof));
    let Ok(disclosure) = proof.disclosure() else { return };
    assert_eq!(Some(disclosure.encode()), proof.extra);
    let ours = SigningKey::from_seed("example.com/fuzz", &[7; 32]).expect("a plain name").verifier();
    assert!(proof.verify(&disclosure.entry().leaf(), &ours).is_err(), "proved without the key");
});
