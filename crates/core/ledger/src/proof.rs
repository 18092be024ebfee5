//! Proofs that a leaf is in a tree and that a tree continues an older one: made from tiles, checked without them.

use crate::{Hash, Tile, subtree_root};
use std::collections::BTreeMap;
use thiserror::Error;

/// Longest proof that is checked: a tree of 2^64 leaves has paths of 64 hashes, a consistency proof one more.
pub const PROOF_HASHES_MAX: usize = 65;

/// Where the tiles of a tree come from.
pub trait TileReader {
    /// What goes wrong on the way.
    type Error;

    /// The hashes of `tile`, exactly as many as it is wide.
    ///
    /// # Errors
    /// When the tile is not there or cannot be read.
    fn read(&mut self, tile: Tile) -> Result<Vec<Hash>, Self::Error>;
}

/// Proof that a leaf stands at `index` in the tree of `size` leaves (RFC 6962, 2.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// Index of the leaf, from 0.
    pub index: u64,
    /// Leaves in the tree.
    pub size: u64,
    /// The neighbours on the way up, lowest first.
    pub hashes: Vec<Hash>,
}

/// Proof that the tree of `new_size` leaves begins with the tree of `old_size` leaves (RFC 6962, 2.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Leaves in the older tree.
    pub old_size: u64,
    /// Leaves in the newer tree.
    pub new_size: u64,
    /// The nodes from which both roots follow.
    pub hashes: Vec<Hash>,
}

/// Why a proof could not be made, or does not hold.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ProofError<E = std::convert::Infallible> {
    /// The index is not in the tree, or the older tree is not smaller.
    #[error("no such proof: the index or the older size is outside the tree")]
    Range,
    /// More or fewer hashes than the sizes ask for.
    #[error("proof has the wrong number of hashes")]
    Length,
    /// The hashes do not lead to the root.
    #[error("proof does not lead to the root")]
    Root,
    /// The reader failed.
    #[error("tile `{}` cannot be read", .0.path())]
    Read(Tile, #[source] E),
    /// The reader gave another number of hashes than the tile is wide.
    #[error("tile `{}` has the wrong width", .0.path())]
    Width(Tile),
}

impl InclusionProof {
    /// Makes the proof for `index` in the tree of `size` leaves from its tiles.
    ///
    /// # Errors
    /// [`ProofError::Range`] when the tree has no such leaf; [`ProofError::Read`] or [`ProofError::Width`] for a tile.
    pub fn make<R: TileReader>(index: u64, size: u64, tiles: &mut R) -> Result<Self, ProofError<R::Error>> {
        if index >= size {
            return Err(ProofError::Range);
        }
        let mut nodes = Nodes::new(size, tiles);
        let mut hashes = Vec::new();
        let (mut low, mut high) = (0, size);
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                hashes.push(nodes.range(middle, high)?);
                high = middle;
            } else {
                hashes.push(nodes.range(low, middle)?);
                low = middle;
            }
        }
        hashes.reverse();
        Ok(Self { index, size, hashes })
    }

    /// Checks that `leaf` stands where the proof says in the tree with this `root` (RFC 9162, 2.1.3.2).
    ///
    /// # Errors
    /// [`ProofError::Range`], [`ProofError::Length`] or [`ProofError::Root`].
    pub fn verify(&self, leaf: &Hash, root: &Hash) -> Result<(), ProofError> {
        if self.root(leaf)? == *root { Ok(()) } else { Err(ProofError::Root) }
    }

    /// The root that the proof leads to from `leaf`. It says nothing until somebody who is believed has signed that root.
    ///
    /// # Errors
    /// [`ProofError::Range`] or [`ProofError::Length`].
    pub fn root(&self, leaf: &Hash) -> Result<Hash, ProofError> {
        if self.index >= self.size {
            return Err(ProofError::Range);
        }
        if self.hashes.len() > PROOF_HASHES_MAX {
            return Err(ProofError::Length);
        }
        let (mut node, mut last) = (self.index, self.size - 1);
        let mut hash = *leaf;
        for neighbour in &self.hashes {
            if last == 0 {
                return Err(ProofError::Length);
            }
            if node & 1 == 1 || node == last {
                hash = Hash::node(neighbour, &hash);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                hash = Hash::node(&hash, neighbour);
            }
            node >>= 1;
            last >>= 1;
        }
        if last == 0 { Ok(hash) } else { Err(ProofError::Length) }
    }
}

impl ConsistencyProof {
    /// Makes the proof from the tiles of the newer tree.
    ///
    /// # Errors
    /// [`ProofError::Range`] when the older tree is larger; [`ProofError::Read`] or [`ProofError::Width`] for a tile.
    pub fn make<R: TileReader>(old_size: u64, new_size: u64, tiles: &mut R) -> Result<Self, ProofError<R::Error>> {
        if old_size > new_size {
            return Err(ProofError::Range);
        }
        let mut hashes = Vec::new();
        if old_size > 0 && old_size < new_size {
            let mut nodes = Nodes::new(new_size, tiles);
            let (mut low, mut high, mut whole) = (0, new_size, true);
            while old_size != high {
                let middle = low + split(high - low);
                if old_size <= middle {
                    hashes.push(nodes.range(middle, high)?);
                    high = middle;
                } else {
                    hashes.push(nodes.range(low, middle)?);
                    low = middle;
                    whole = false;
                }
            }
            if !whole {
                hashes.push(nodes.range(low, high)?);
            }
            hashes.reverse();
        }
        Ok(Self { old_size, new_size, hashes })
    }

    /// Checks that the tree with `new_root` continues the one with `old_root` (RFC 9162, 2.1.4.2).
    ///
    /// # Errors
    /// [`ProofError::Range`], [`ProofError::Length`] or [`ProofError::Root`].
    pub fn verify(&self, old_root: &Hash, new_root: &Hash) -> Result<(), ProofError> {
        if self.old_size == 0 && self.old_size <= self.new_size {
            let holds = self.hashes.is_empty() && *old_root == Hash::empty();
            let wrong = if self.hashes.is_empty() { ProofError::Root } else { ProofError::Length };
            return if holds { Ok(()) } else { Err(wrong) };
        }
        if self.new_root(old_root)? == *new_root { Ok(()) } else { Err(ProofError::Root) }
    }

    /// The root of the newer tree that the proof leads to from that of the older one. It says nothing until somebody who is
    /// believed has signed that root.
    ///
    /// # Errors
    /// [`ProofError::Root`] when the proof is not one of the older tree; [`ProofError::Length`]; [`ProofError::Range`], also
    /// for an empty older tree, which every tree continues: it leads nowhere.
    pub fn new_root(&self, old_root: &Hash) -> Result<Hash, ProofError> {
        if self.old_size == 0 || self.old_size > self.new_size {
            return Err(ProofError::Range);
        }
        if self.hashes.len() > PROOF_HASHES_MAX {
            return Err(ProofError::Length);
        }
        if self.old_size == self.new_size {
            return if self.hashes.is_empty() { Ok(*old_root) } else { Err(ProofError::Length) };
        }
        let mut path = self.hashes.iter();
        // A complete older tree is a node of the newer one and stands in no proof: the verifier knows it.
        let first = if self.old_size.is_power_of_two() { Some(old_root) } else { path.next() };
        let first = *first.ok_or(ProofError::Length)?;
        let (mut node, mut last) = (self.old_size - 1, self.new_size - 1);
        while node & 1 == 1 {
            node >>= 1;
            last >>= 1;
        }
        let (mut old, mut new) = (first, first);
        for neighbour in path {
            if last == 0 {
                return Err(ProofError::Length);
            }
            if node & 1 == 1 || node == last {
                old = Hash::node(neighbour, &old);
                new = Hash::node(neighbour, &new);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                new = Hash::node(&new, neighbour);
            }
            node >>= 1;
            last >>= 1;
        }
        match (last == 0, old == *old_root) {
            (false, _) => Err(ProofError::Length),
            (true, false) => Err(ProofError::Root),
            (true, true) => Ok(new),
        }
    }
}

/// The root over the first `count` leaves of the tree of `size` leaves, from its tiles. What the tiles say is not checked.
///
/// # Errors
/// [`ProofError::Range`] when the tree has fewer leaves; [`ProofError::Read`] or [`ProofError::Width`] for a tile.
pub fn tree_root<R: TileReader>(count: u64, size: u64, tiles: &mut R) -> Result<Hash, ProofError<R::Error>> {
    match count {
        0 => Ok(Hash::empty()),
        _ if count > size => Err(ProofError::Range),
        _ => Nodes::new(size, tiles).range(0, count),
    }
}

/// Reads the hashes of subtrees out of tiles, each tile once.
pub(crate) struct Nodes<'a, R: TileReader> {
    size: u64,
    tiles: &'a mut R,
    seen: BTreeMap<Tile, Vec<Hash>>,
}

impl<'a, R: TileReader> Nodes<'a, R> {
    pub(crate) fn new(size: u64, tiles: &'a mut R) -> Self {
        Self { size, tiles, seen: BTreeMap::new() }
    }

    /// The hash over the leaves `low..high`: one node, or several on the right edge.
    pub(crate) fn range(&mut self, low: u64, high: u64) -> Result<Hash, ProofError<R::Error>> {
        let count = high.saturating_sub(low);
        if count.is_power_of_two() {
            return self.node(count.trailing_zeros(), low >> count.trailing_zeros());
        }
        let middle = low + split(count);
        let left = self.range(low, middle)?;
        let right = self.range(middle, high)?;
        Ok(Hash::node(&left, &right))
    }

    /// The hash of the complete node at `height` above the leaves, the `index`th of its row.
    fn node(&mut self, height: u32, index: u64) -> Result<Hash, ProofError<R::Error>> {
        let level = u8::try_from(height / 8).map_err(|_| ProofError::Range)?;
        let above = height % 8;
        let first = index << above;
        let tile = Tile::of_tree(level, first >> 8, self.size).ok_or(ProofError::Range)?;
        if !self.seen.contains_key(&tile) {
            let hashes = self.tiles.read(tile).map_err(|source| ProofError::Read(tile, source))?;
            self.seen.insert(tile, hashes);
        }
        let hashes = self.seen.get(&tile).filter(|hashes| hashes.len() == tile.width());
        let hashes = hashes.ok_or(ProofError::Width(tile))?;
        let start = usize::try_from(first & 0xff).map_err(|_| ProofError::Range)?;
        let nodes = hashes.get(start..start.saturating_add(1 << above)).ok_or(ProofError::Width(tile))?;
        Ok(subtree_root(nodes))
    }
}

/// The largest power of two smaller than `count`, which is at least 2.
pub(crate) fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - count.saturating_sub(1).leading_zeros())
}

/// Tiles in memory, for tests of this crate.
#[cfg(test)]
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryTiles(BTreeMap<Tile, Vec<Hash>>);

#[cfg(test)]
impl MemoryTiles {
    pub(crate) fn insert(&mut self, tile: Tile, hashes: &[Hash]) {
        self.0.insert(tile, hashes.to_vec());
    }
}

#[cfg(test)]
impl TileReader for MemoryTiles {
    type Error = &'static str;

    fn read(&mut self, tile: Tile) -> Result<Vec<Hash>, Self::Error> {
        let wide = self.0.get(&tile).or_else(|| self.0.get(&tile.full())).ok_or("no such tile")?;
        Ok(wide[..tile.width()].to_vec())
    }
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
