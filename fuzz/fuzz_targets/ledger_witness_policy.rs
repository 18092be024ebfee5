//! Policies of witnesses: no panic, and a quorum is not met by a checkpoint that nobody cosigned.
#![no_main]

use holdshort_ledger::{Checkpoint, Hash, SigningKey, WitnessPolicy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(policy) = WitnessPolicy::parse(data) else { return };
    let log = SigningKey::from_seed("example.com/fuzz", &[7; 32]).expect("a plain name");
    let checkpoint = Checkpoint { origin: "example.com/fuzz".into(), size: 3, root: Hash::leaf(b"x") };
    let found = policy.check(&checkpoint.sign(&log).expect("a plain text"));
    assert!(found.present.is_empty() && found.missing.len() == policy.witnesses().len());
    assert_eq!(found.met, policy.quorum() == "no witness");
});
