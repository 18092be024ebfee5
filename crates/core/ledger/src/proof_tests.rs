//! Our proofs against the published vectors, against an implementation that we did not write, and against tampering.

use super::*;
use crate::Edge;
use proptest::prelude::*;

fn leaf(index: u64) -> Hash {
    Hash::leaf(&index.to_be_bytes())
}

/// A tree of `size` leaves: its tiles, its root, and the roots of all its beginnings.
fn tree(size: u64) -> (MemoryTiles, Vec<Hash>) {
    let mut edge = Edge::default();
    let mut tiles = MemoryTiles::default();
    let mut roots = vec![edge.root()];
    for index in 0..size {
        edge.push(leaf(index), &mut |tile, hashes| tiles.insert(tile, hashes));
        roots.push(edge.root());
    }
    edge.partial_tiles().for_each(|(tile, hashes)| tiles.insert(tile, hashes));
    (tiles, roots)
}

/// The foreign oracle (Cloudflare's `tlog_tiles`) keeps its own array of stored hashes.
struct Oracle(Vec<tlog_tiles::tlog::Hash>);

impl tlog_tiles::tlog::HashReader for Oracle {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::tlog::Hash>, tlog_tiles::tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

fn oracle(size: u64) -> Oracle {
    let mut oracle = Oracle(Vec::new());
    for index in 0..size {
        let more = tlog_tiles::tlog::stored_hashes(index, &index.to_be_bytes(), &oracle).unwrap();
        oracle.0.extend(more);
    }
    oracle
}

fn ours(hashes: &[tlog_tiles::tlog::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash::from_bytes(hash.0)).collect()
}

#[test]
fn proofs_and_roots_are_those_of_a_foreign_implementation() {
    let size = 700;
    let foreign = oracle(size);
    let (_, roots) = tree(size);
    for n in [1u64, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 699, 700] {
        let (mut tiles, _) = tree(n);
        let root = tlog_tiles::tlog::tree_hash(n, &foreign).unwrap();
        assert_eq!(roots[usize::try_from(n).unwrap()], Hash::from_bytes(root.0), "root of {n}");
        for index in (0..n).step_by(if n > 64 { 37 } else { 1 }).chain([n - 1]) {
            let theirs = tlog_tiles::tlog::prove_record(n, index, &foreign).unwrap();
            let mine = InclusionProof::make(index, n, &mut tiles).unwrap();
            assert_eq!(mine.hashes, ours(&theirs), "inclusion of {index} in {n}");
            assert_eq!(mine.verify(&leaf(index), &roots[usize::try_from(n).unwrap()]), Ok(()));
        }
        for old in (1..=n).step_by(if n > 64 { 41 } else { 1 }) {
            let theirs = tlog_tiles::tlog::prove_tree(n, old, &foreign).unwrap();
            let mine = ConsistencyProof::make(old, n, &mut tiles).unwrap();
            let (old_root, new_root) = (roots[usize::try_from(old).unwrap()], roots[usize::try_from(n).unwrap()]);
            // The Go lineage names the node of a complete older tree; RFC 6962 leaves it out.
            let theirs = ours(&theirs);
            let skip = usize::from(old.is_power_of_two() && old != n);
            assert!(mine.hashes == theirs || mine.hashes == theirs[skip..], "consistency of {old} with {n}");
            assert_eq!(mine.verify(&old_root, &new_root), Ok(()), "consistency of {old} with {n}");
        }
    }
}

#[test]
fn a_proof_in_a_tree_with_three_levels_of_tiles_holds() {
    let size = 66_000;
    let (mut tiles, roots) = tree(size);
    let root = roots.last().unwrap();
    for index in [0, 255, 256, 65_535, 65_536, 65_999] {
        let proof = InclusionProof::make(index, size, &mut tiles).unwrap();
        assert_eq!(proof.verify(&leaf(index), root), Ok(()));
    }
    for old in [1, 256, 65_536, 65_537, 65_999] {
        let proof = ConsistencyProof::make(old, size, &mut tiles).unwrap();
        assert_eq!(proof.verify(&roots[usize::try_from(old).unwrap()], root), Ok(()));
    }
}

#[test]
fn what_is_outside_the_tree_has_no_proof() {
    let (mut tiles, _) = tree(5);
    assert_eq!(InclusionProof::make(5, 5, &mut tiles), Err(ProofError::Range));
    assert_eq!(ConsistencyProof::make(6, 5, &mut tiles), Err(ProofError::Range));
    let lie = InclusionProof { index: 9, size: 5, hashes: vec![] };
    assert_eq!(lie.verify(&leaf(0), &leaf(0)), Err(ProofError::Range));
    let long = InclusionProof { index: 0, size: u64::MAX, hashes: vec![leaf(0); PROOF_HASHES_MAX + 1] };
    assert_eq!(long.verify(&leaf(0), &leaf(0)), Err(ProofError::Length));
}

/// One change to a proof, its leaf or its roots.
#[derive(Clone, Debug)]
enum Touch {
    Flip(usize, usize),
    Drop(usize),
    Double(usize),
    Swap(usize),
    Leaf,
    Root,
    Index,
}

fn touch() -> impl Strategy<Value = Touch> {
    prop_oneof![
        (any::<usize>(), any::<usize>()).prop_map(|(hash, bit)| Touch::Flip(hash, bit)),
        any::<usize>().prop_map(Touch::Drop),
        any::<usize>().prop_map(Touch::Double),
        any::<usize>().prop_map(Touch::Swap),
        Just(Touch::Leaf),
        Just(Touch::Root),
        Just(Touch::Index),
    ]
}

/// Changes the list; says whether it is another list now.
fn touch_hashes(hashes: &mut Vec<Hash>, touch: &Touch) -> bool {
    let before = hashes.clone();
    let count = hashes.len();
    match (touch, count) {
        (_, 0) => {}
        (Touch::Flip(hash, bit), _) => {
            let mut bytes = *hashes[hash % count].as_bytes();
            bytes[(bit / 8) % 32] ^= 1 << (bit % 8);
            hashes[hash % count] = Hash::from_bytes(bytes);
        }
        (Touch::Drop(at), _) => drop(hashes.remove(at % count)),
        (Touch::Double(at), _) => hashes.insert(at % count, before[at % count]),
        (Touch::Swap(at), _) => hashes.swap(at % count, (at + 1) % count),
        _ => {}
    }
    *hashes != before
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_inclusion_proof_holds_exactly_when_nothing_was_touched(size in 1u64..600, at in any::<u64>(), touch in touch()) {
        let (mut tiles, roots) = tree(size);
        let index = at % size;
        let mut proof = InclusionProof::make(index, size, &mut tiles).unwrap();
        let (mut leaf_hash, mut root) = (leaf(index), *roots.last().unwrap());
        prop_assert_eq!(proof.verify(&leaf_hash, &root), Ok(()));
        let touched = match touch {
            Touch::Leaf => { leaf_hash = leaf(index + 1); true }
            Touch::Root => { root = Hash::leaf(b"other"); true }
            Touch::Index => { proof.index = (index + 1) % size; proof.index != index }
            _ => touch_hashes(&mut proof.hashes, &touch),
        };
        prop_assert_eq!(proof.verify(&leaf_hash, &root).is_ok(), !touched);
    }

    #[test]
    fn a_consistency_proof_holds_exactly_when_nothing_was_touched(new in 1u64..600, at in any::<u64>(), touch in touch()) {
        let (mut tiles, roots) = tree(new);
        let old = at % new + 1;
        let mut proof = ConsistencyProof::make(old, new, &mut tiles).unwrap();
        let (mut old_root, mut new_root) = (roots[usize::try_from(old).unwrap()], *roots.last().unwrap());
        prop_assert_eq!(proof.verify(&old_root, &new_root), Ok(()));
        let touched = match touch {
            Touch::Leaf => { old_root = Hash::leaf(b"other"); true }
            Touch::Root => { new_root = Hash::leaf(b"other"); true }
            Touch::Index => false,
            _ => touch_hashes(&mut proof.hashes, &touch),
        };
        prop_assert_eq!(proof.verify(&old_root, &new_root).is_ok(), !touched);
    }
}
