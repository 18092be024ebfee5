//! Where two trees part: the first leaf that differs, and the proof that it does.

use crate::{ConsistencyProof, Hash, InclusionProof, ProofError, Tile, TileReader, tree_root};
use thiserror::Error;

/// Why no first difference could be shown.
#[derive(Debug, Error)]
pub enum DifferenceError<A, B> {
    /// The tiles of the first tree.
    #[error("our own tiles: {0}")]
    Ours(ProofError<A>),
    /// The tiles of the second tree.
    #[error("the other log's tiles: {0}")]
    Theirs(ProofError<B>),
    /// The second log does not serve the tree that it signed.
    #[error("the other log does not serve the tree that it signed: {0}")]
    Unproved(ProofError),
}

/// The index of the first leaf that differs between a tree of ours with `ours` leaves and one of theirs with `theirs` leaves
/// and `root`; none when the shorter tree is the beginning of the longer one.
///
/// The answer about their tree is proved against their root: all leaves before the index are the same (consistency), and the
/// leaf there is another one (inclusion). Needs as many tiles as a few proofs, whatever the sizes.
///
/// # Errors
/// [`DifferenceError`].
pub fn first_difference<A: TileReader, B: TileReader>(
    (ours, our_tiles): (u64, &mut A),
    (theirs, root, their_tiles): (u64, &Hash, &mut B),
) -> Result<Option<u64>, DifferenceError<A::Error, B::Error>> {
    // INVARIANT: the first `low` leaves are the same; when `high` is in both trees, the first `high + 1` are not.
    let (mut low, shorter) = (0, ours.min(theirs));
    let mut high = shorter;
    while low < high {
        let middle = low + (high - low) / 2;
        let count = middle.saturating_add(1);
        let our_root = tree_root(count, ours, our_tiles).map_err(DifferenceError::Ours)?;
        let their_root = tree_root(count, theirs, their_tiles).map_err(DifferenceError::Theirs)?;
        if our_root == their_root { low = count } else { high = middle }
    }
    let prefix = tree_root(low, ours, our_tiles).map_err(DifferenceError::Ours)?;
    let consistency = ConsistencyProof::make(low, theirs, their_tiles).map_err(DifferenceError::Theirs)?;
    consistency.verify(&prefix, root).map_err(DifferenceError::Unproved)?;
    if low == shorter {
        return Ok(None);
    }
    let leaf = leaf_of(low, theirs, their_tiles).map_err(DifferenceError::Theirs)?;
    let inclusion = InclusionProof::make(low, theirs, their_tiles).map_err(DifferenceError::Theirs)?;
    inclusion.verify(&leaf, root).map_err(DifferenceError::Unproved)?;
    Ok(Some(low))
}

fn leaf_of<R: TileReader>(index: u64, size: u64, tiles: &mut R) -> Result<Hash, ProofError<R::Error>> {
    let tile = Tile::of_tree(0, index >> 8, size).ok_or(ProofError::Range)?;
    let hashes = tiles.read(tile).map_err(|source| ProofError::Read(tile, source))?;
    let at = usize::try_from(index & 0xff).map_err(|_| ProofError::Range)?;
    hashes.get(at).copied().ok_or(ProofError::Width(tile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Edge;
    use crate::proof::MemoryTiles;

    fn tree(leaves: impl Iterator<Item = u64>) -> (Edge, MemoryTiles) {
        let (mut edge, mut tiles) = (Edge::default(), MemoryTiles::default());
        leaves.for_each(|leaf| {
            edge.push(Hash::leaf(&leaf.to_be_bytes()), &mut |tile, hashes| tiles.insert(tile, hashes))
        });
        edge.partial_tiles().for_each(|(tile, hashes)| tiles.insert(tile, hashes));
        (edge, tiles)
    }

    fn check(ours: u64, theirs: u64, changed: Option<u64>) -> Option<u64> {
        let (_, mut our_tiles) = tree(0..ours);
        let (edge, mut their_tiles) = tree((0..theirs).map(|leaf| if Some(leaf) == changed { 1 << 40 } else { leaf }));
        first_difference((ours, &mut our_tiles), (theirs, &edge.root(), &mut their_tiles)).unwrap()
    }

    #[test]
    fn the_first_record_that_differs_is_found_in_trees_of_any_size() {
        for (ours, theirs) in [(1, 1), (5, 9), (700, 700), (700, 900), (900, 700), (66_000, 66_001)] {
            assert_eq!(check(ours, theirs, None), None, "{ours} {theirs}");
            for changed in [0, 1, 255, 256, 511, 698, 65_999] {
                let expected = (changed < ours.min(theirs)).then_some(changed);
                assert_eq!(check(ours, theirs, Some(changed)), expected, "{ours} {theirs} {changed}");
            }
        }
        assert_eq!(check(0, 5, Some(2)), None);
        assert_eq!(check(5, 0, None), None);
    }

    #[test]
    fn a_log_that_serves_other_tiles_than_it_signed_proves_nothing() {
        let (_, mut ours) = tree(0..700);
        let (edge, _) = tree((0..700).map(|leaf| if leaf > 300 { leaf + 1 } else { leaf }));
        let (_, mut lies) = tree((0..700).map(|leaf| if leaf > 600 { leaf + 1 } else { leaf }));
        let found = first_difference((700, &mut ours), (700, &edge.root(), &mut lies));
        assert!(matches!(found, Err(DifferenceError::Unproved(_))), "{found:?}");
    }
}
