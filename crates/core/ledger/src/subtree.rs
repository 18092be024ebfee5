//! Subtrees of a growing tree, and proofs that one is part of it (draft-ietf-plants-merkle-tree-certs, "Subtrees").
//!
//! A subtree is a run of leaves that begins where a complete subtree of at least its length would begin. Its hash is that of a tree
//! with these leaves alone. It may be complete, or stop early: then a later tree has no node of its hash, and the proof
//! carries the nodes that both are made of. A tree's own beginning is a subtree, and its proof that of RFC 6962.

use crate::proof::{Nodes, split};
use crate::{Hash, ProofError, TileReader};

/// The leaves `start..end`, as a tree of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subtree {
    start: u64,
    end: u64,
}

/// Proof that the leaves of a subtree are those which stand at its place in a tree of `size` leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubtreeProof {
    /// The leaves in question.
    pub subtree: Subtree,
    /// Leaves in the tree.
    pub size: u64,
    /// The nodes from which both hashes follow, lowest first.
    pub hashes: Vec<Hash>,
}

/// Where the walk from the root to the subtree turns, and what stands beside it.
#[derive(Clone, Copy, Debug)]
struct Turn {
    neighbour: (u64, u64),
    side: Side,
}

/// A neighbour on the way up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// On the right, and not in the subtree.
    Right,
    /// On the left, and not in the subtree.
    Left,
    /// On the left, and a part of the subtree.
    Inside,
}

/// The walk from the root of a tree to a subtree.
struct Walk {
    turns: Vec<Turn>,
    /// Leaves below the node where it ends: its hash is the subtree's, unless a part of it was passed on the way.
    last: (u64, u64),
}

impl Subtree {
    /// The subtree `start..end`; none when it is empty, or `start` is no multiple of the smallest power of two that is not
    /// less than its length.
    #[must_use]
    pub fn new(start: u64, end: u64) -> Option<Self> {
        let count = end.checked_sub(start).filter(|count| *count > 0)?;
        // Longer than half of all leaves that can be counted: only the beginning has room for it.
        let aligned = match count.checked_next_power_of_two() {
            Some(length) => start.is_multiple_of(length),
            None => start == 0,
        };
        aligned.then_some(Self { start, end })
    }

    /// First leaf.
    #[must_use]
    pub fn start(self) -> u64 {
        self.start
    }

    /// The leaf behind the last one.
    #[must_use]
    pub fn end(self) -> u64 {
        self.end
    }

    fn walk(self, size: u64) -> Option<Walk> {
        if self.end > size {
            return None;
        }
        let (mut start, mut low, mut high) = (self.start, 0, size);
        let mut turns = Vec::new();
        while (start, self.end) != (low, high) {
            let middle = low + split(high - low);
            let side = if self.end <= middle {
                Side::Right
            } else if start >= middle {
                Side::Left
            } else {
                // INVARIANT: the subtree begins where this node does, or its start would not be aligned.
                Side::Inside
            };
            let neighbour = if side == Side::Right { (middle, high) } else { (low, middle) };
            turns.push(Turn { neighbour, side });
            match side {
                Side::Right => high = middle,
                Side::Left => low = middle,
                Side::Inside => (start, low) = (middle, middle),
            }
        }
        Some(Walk { turns, last: (low, high) })
    }
}

impl Walk {
    /// Whether the subtree is a node of the tree: whoever has its hash needs no part of it.
    fn is_node(&self) -> bool {
        self.turns.iter().all(|turn| turn.side != Side::Inside)
    }
}

impl SubtreeProof {
    /// Makes the proof from the tiles of the tree.
    ///
    /// # Errors
    /// [`ProofError::Range`] when the subtree ends behind the tree; [`ProofError::Read`] or [`ProofError::Width`] for a tile.
    pub fn make<R: TileReader>(subtree: Subtree, size: u64, tiles: &mut R) -> Result<Self, ProofError<R::Error>> {
        let walk = subtree.walk(size).ok_or(ProofError::Range)?;
        let mut nodes = Nodes::new(size, tiles);
        let mut hashes = Vec::new();
        if !walk.is_node() {
            hashes.push(nodes.range(walk.last.0, walk.last.1)?);
        }
        for turn in walk.turns.iter().rev() {
            hashes.push(nodes.range(turn.neighbour.0, turn.neighbour.1)?);
        }
        Ok(Self { subtree, size, hashes })
    }

    /// Checks that the subtree with this hash is part of the tree with this root.
    ///
    /// # Errors
    /// [`ProofError::Range`] when the subtree ends behind the tree, [`ProofError::Length`] for another number of hashes than
    /// the place asks for, [`ProofError::Root`].
    pub fn verify(&self, subtree_hash: &Hash, root: &Hash) -> Result<(), ProofError> {
        let walk = self.subtree.walk(self.size).ok_or(ProofError::Range)?;
        let is_node = walk.is_node();
        if self.hashes.len() != walk.turns.len().saturating_add(usize::from(!is_node)) {
            return Err(ProofError::Length);
        }
        let mut hashes = self.hashes.iter();
        let first = if is_node { subtree_hash } else { hashes.next().ok_or(ProofError::Length)? };
        let (mut part, mut whole) = (*first, *first);
        for (turn, neighbour) in walk.turns.iter().rev().zip(hashes) {
            match turn.side {
                Side::Right => whole = Hash::node(&whole, neighbour),
                Side::Left => whole = Hash::node(neighbour, &whole),
                Side::Inside => {
                    part = Hash::node(neighbour, &part);
                    whole = Hash::node(neighbour, &whole);
                }
            }
        }
        if part == *subtree_hash && whole == *root { Ok(()) } else { Err(ProofError::Root) }
    }
}

#[cfg(test)]
#[path = "subtree_tests.rs"]
mod tests;
