//! Receipts and their keys: no panic, what is taken is written back as it was, and nothing is proved without the key.
#![no_main]

use holdshort_ledger::{Checkpoint, Hash, Receipt, ReceiptSigner, ReceiptVerifier};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(key) = ReceiptVerifier::parse(&text) {
        assert_eq!(ReceiptVerifier::parse(&key.to_string()), Ok(key));
    }
    if let Ok(key) = ReceiptSigner::parse(&text) {
        assert!(ReceiptSigner::parse(&key.to_secret_text()).is_ok());
    }
    let Ok(receipt) = Receipt::parse(data) else { return };
    assert_eq!(receipt.encode(), data);
    let ours = ReceiptSigner::from_seed(&[7; 32]).verifier();
    assert!(receipt.verify_inclusion(&Hash::leaf(b"leaf"), &ours).is_err(), "proved without the key");
    for size in [1, 2, 300] {
        let older = Checkpoint { origin: "example.com/fuzz".into(), size, root: Hash::leaf(b"leaf") };
        assert!(receipt.verify_consistency(&older, &ours).is_err(), "proved without the key");
    }
});
