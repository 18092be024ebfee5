//! What mirrors answer, and proofs of subtrees: no panic, one spelling, and no two subtrees by one proof.
#![no_main]

use holdshort_ledger::{Hash, MirrorInfo, Subtree, SubtreeProof};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(info) = MirrorInfo::parse(data) {
        assert_eq!(info.to_string().as_bytes(), data);
    }
    let Some((numbers, rest)) = data.split_first_chunk::<24>() else { return };
    let number = |at: usize| u64::from_be_bytes(std::array::from_fn(|byte| numbers[at * 8 + byte]));
    let Some(subtree) = Subtree::new(number(0), number(1)) else { return };
    let mut hashes: Vec<Hash> = rest.chunks_exact(32).filter_map(Hash::from_slice).collect();
    let (Some(part), Some(root)) = (hashes.pop(), hashes.pop()) else { return };
    let proof = SubtreeProof { subtree, size: number(2), hashes };
    if proof.verify(&part, &root).is_ok() {
        assert!(subtree.end() <= proof.size);
        assert!(proof.verify(&Hash::leaf(b"another"), &root).is_err());
        assert!(proof.verify(&part, &Hash::leaf(b"another")).is_err());
    }
});
