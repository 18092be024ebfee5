//! Subtrees against the definition, written down again in the plainest way, and against an implementation by others.

use super::*;
use crate::proof::MemoryTiles;
use crate::{ConsistencyProof, Edge, InclusionProof, subtree_root};
use proptest::prelude::*;

fn leaf(index: u64) -> Hash {
    Hash::leaf(&index.to_be_bytes())
}

/// The hash over leaves, straight from RFC 6962, 2.1.
fn plain(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty(),
        [one] => *one,
        _ => {
            let at = leaves.len().next_power_of_two() / 2;
            Hash::node(&plain(&leaves[..at]), &plain(&leaves[at..]))
        }
    }
}

/// The proof, straight from its recursive definition.
fn plain_proof(start: usize, end: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if (start, end) == (0, leaves.len()) {
        return if known { Vec::new() } else { vec![plain(leaves)] };
    }
    let at = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(at);
    let (mut proof, last) = if end <= at {
        (plain_proof(start, end, left, known), plain(right))
    } else if start >= at {
        (plain_proof(start - at, end - at, right, known), plain(left))
    } else {
        (plain_proof(0, end - at, right, false), plain(left))
    };
    proof.push(last);
    proof
}

fn tree(size: u64) -> (MemoryTiles, Vec<Hash>, Hash) {
    let (mut edge, mut tiles) = (Edge::default(), MemoryTiles::default());
    let leaves: Vec<Hash> = (0..size).map(leaf).collect();
    leaves.iter().for_each(|leaf| edge.push(*leaf, &mut |tile, hashes| tiles.insert(tile, hashes)));
    edge.partial_tiles().for_each(|(tile, hashes)| tiles.insert(tile, hashes));
    (tiles, leaves, edge.root())
}

fn at(index: u64) -> usize {
    usize::try_from(index).unwrap()
}

#[test]
fn every_subtree_of_small_trees_is_proved_as_the_definition_says_and_as_others_do() {
    for size in 1..=66 {
        let (mut tiles, leaves, root) = tree(size);
        let mut valid = 0;
        for start in 0..size {
            for end in start..=size {
                let subtree = Subtree::new(start, end);
                let theirs = mtcs::Subtree::new(start, end).filter(|_| start < end);
                assert_eq!(subtree.is_some(), theirs.is_some(), "{start}..{end}");
                let Some(subtree) = subtree else { continue };
                valid += 1;
                let proof = SubtreeProof::make(subtree, size, &mut tiles).unwrap();
                assert_eq!(proof.hashes, plain_proof(at(start), at(end), &leaves, true), "{start}..{end} of {size}");
                let hash = plain(&leaves[at(start)..at(end)]);
                assert_eq!(hash, subtree_root(&leaves[at(start)..at(end)]));
                assert_eq!(proof.verify(&hash, &root), Ok(()));
                assert!(foreign(&proof, &hash, &root), "{start}..{end} of {size}");
                assert!(!foreign(&proof, &leaf(size), &root));
            }
        }
        assert!(valid as u64 >= 2 * size - 1, "each leaf and each beginning");
    }
}

/// What the crate `mtcs` says of a proof.
fn foreign(proof: &SubtreeProof, hash: &Hash, root: &Hash) -> bool {
    let subtree = mtcs::Subtree { start: proof.subtree.start(), end: proof.subtree.end() };
    let hashes: Vec<u8> = proof.hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
    mtcs::verify_consistency_proof(proof.size, subtree, &hashes, hash.as_bytes(), root.as_bytes())
}

#[test]
fn beginnings_and_leaves_have_the_proofs_of_rfc_6962() {
    for size in [1, 2, 3, 255, 256, 257, 700, 65_537] {
        let (mut tiles, leaves, root) = tree(size);
        for end in [1, 2, 3, 200, 255, 256, 257, 511, 700, 65_536, 65_537].into_iter().filter(|end| *end <= size) {
            let proof = SubtreeProof::make(Subtree::new(0, end).unwrap(), size, &mut tiles).unwrap();
            assert_eq!(proof.hashes, ConsistencyProof::make(end, size, &mut tiles).unwrap().hashes);
            let proof = SubtreeProof::make(Subtree::new(end - 1, end).unwrap(), size, &mut tiles).unwrap();
            assert_eq!(proof.hashes, InclusionProof::make(end - 1, size, &mut tiles).unwrap().hashes);
            assert_eq!(proof.verify(&leaves[at(end - 1)], &root), Ok(()));
        }
    }
}

#[test]
fn what_is_no_subtree_or_not_in_the_tree_is_refused() {
    for (start, end) in [(0, 0), (5, 5), (5, 4), (1, 3), (2, 5), (256, 513), (128, 300), (u64::MAX, 0)] {
        assert_eq!(Subtree::new(start, end), None, "{start}..{end}");
    }
    assert!(Subtree::new(0, u64::MAX).is_some() && Subtree::new(1, u64::MAX).is_none());
    assert!(Subtree::new(1 << 63, u64::MAX).is_some() && Subtree::new(u64::MAX - 1, u64::MAX).is_some());
    let (mut tiles, _, root) = tree(300);
    let beyond = Subtree::new(256, 301).unwrap();
    assert_eq!(SubtreeProof::make(beyond, 300, &mut tiles), Err(ProofError::Range));
    let proof = SubtreeProof { subtree: beyond, size: 300, hashes: Vec::new() };
    assert_eq!(proof.verify(&root, &root), Err(ProofError::Range));
}

proptest! {
    /// Any package of any upload: made, checked, and not believed once anything is different.
    #[test]
    fn a_proof_holds_for_what_it_was_made_for_and_nothing_else(
        size in 1u64..1_500, place in any::<u64>(), length in 1u64..=256, change in any::<u64>()
    ) {
        let start = (place % size) & !255;
        let end = (start + length).min(size);
        let (mut tiles, leaves, root) = tree(size);
        let subtree = Subtree::new(start, end).unwrap();
        let proof = SubtreeProof::make(subtree, size, &mut tiles).unwrap();
        let hash = plain(&leaves[at(start)..at(end)]);
        prop_assert_eq!(&proof.hashes, &plain_proof(at(start), at(end), &leaves, true));
        prop_assert_eq!(proof.verify(&hash, &root), Ok(()));
        prop_assert_eq!(proof.verify(&leaf(size), &root), Err(ProofError::Root));
        prop_assert_eq!(proof.verify(&hash, &leaf(size)), Err(ProofError::Root));
        let mut longer = proof.clone();
        longer.hashes.push(root);
        prop_assert_eq!(longer.verify(&hash, &root), Err(ProofError::Length));
        if !proof.hashes.is_empty() {
            let mut changed = proof.clone();
            let place = at(change % u64::try_from(proof.hashes.len()).unwrap());
            changed.hashes[place] = leaf(size);
            prop_assert!(!foreign(&changed, &hash, &root));
            prop_assert_eq!(changed.verify(&hash, &root), Err(ProofError::Root));
            changed.hashes.remove(place);
            prop_assert_eq!(changed.verify(&hash, &root), Err(ProofError::Length));
        }
        // The same hashes for another place in the tree: whatever they show, it is not that.
        let moved = start ^ 256;
        if let Some(subtree) = Subtree::new(moved, moved + (end - start)).filter(|other| other.end() <= size) {
            let other = SubtreeProof { subtree, ..proof };
            prop_assert!(other.verify(&hash, &root).is_err());
        }
    }
}
