//! The right edge of a growing tree: all that must be kept to add leaves, cut tiles and know the root.

use crate::{Hash, TILE_WIDTH, Tile, TileReader, subtree_root};
use thiserror::Error;

/// The incomplete tiles of a tree, one per tile level: at most 255 hashes each.
///
/// Adding a leaf costs one tile hash per 256 leaves beside the leaf's own; the root is computed on demand.
///
/// ```
/// use holdshort_ledger::{Edge, Hash};
/// let mut edge = Edge::default();
/// edge.push(Hash::leaf(b"first"), &mut |_tile, _hashes| {});
/// assert_eq!(edge.size(), 1);
/// assert_eq!(edge.root(), Hash::leaf(b"first"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

/// Why an edge could not be read back from tiles.
#[derive(Debug, Error)]
pub enum EdgeError<E> {
    /// The reader failed.
    #[error("tile `{}` cannot be read", .0.path())]
    Read(Tile, #[source] E),
    /// The reader gave another number of hashes than the tile is wide.
    #[error("tile `{}` has {found} hashes", .tile.path())]
    Width {
        /// The tile that was asked for.
        tile: Tile,
        /// The hashes that came.
        found: usize,
    },
}

impl Edge {
    /// Leaves in the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf hash, and hands over each tile that it completes, lowest level first.
    pub fn push(&mut self, leaf: Hash, completed: &mut impl FnMut(Tile, &[Hash])) {
        self.size = self.size.saturating_add(1);
        let mut node = leaf;
        let mut level: u8 = 0;
        loop {
            let height = usize::from(level);
            if self.levels.len() <= height {
                self.levels.push(Vec::with_capacity(TILE_WIDTH));
            }
            let Some(row) = self.levels.get_mut(height) else { return };
            row.push(node);
            if row.len() < TILE_WIDTH {
                return;
            }
            completed(Tile::last_full(level, self.size), row);
            node = subtree_root(row);
            row.clear();
            level = level.saturating_add(1);
        }
    }

    /// The root of the tree as it stands (RFC 6962 `MTH`).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut carry: Option<Hash> = None;
        for row in &self.levels {
            let mut nodes = row.clone();
            nodes.extend(carry);
            carry = if nodes.is_empty() { None } else { Some(subtree_root(&nodes)) };
        }
        carry.unwrap_or_else(Hash::empty)
    }

    /// The incomplete tiles that belong to a tree of this size, lowest level first.
    pub fn partial_tiles(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        let size = self.size;
        self.levels.iter().zip(0u8..).filter_map(move |(row, level)| {
            let tile = Tile::partial(level, size)?;
            Some((tile, row.as_slice()))
        })
    }

    /// Reads the edge of a tree of `size` leaves back from its tiles. The root is not checked: compare [`Edge::root`].
    ///
    /// # Errors
    /// When a tile cannot be read or is not as wide as it was asked for.
    pub fn from_tiles<R: TileReader>(size: u64, tiles: &mut R) -> Result<Self, EdgeError<R::Error>> {
        let mut levels = Vec::new();
        let mut level: u8 = 0;
        while level < 8 && (size >> (8 * u32::from(level))) > 0 {
            let row = match Tile::partial(level, size) {
                None => Vec::new(),
                Some(tile) => {
                    let row = tiles.read(tile).map_err(|source| EdgeError::Read(tile, source))?;
                    if row.len() != tile.width() {
                        return Err(EdgeError::Width { tile, found: row.len() });
                    }
                    row
                }
            };
            levels.push(row);
            level = level.saturating_add(1);
        }
        Ok(Self { size, levels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::MemoryTiles;

    #[test]
    fn the_root_is_that_of_the_plain_tree_at_every_size() {
        let mut edge = Edge::default();
        let mut leaves = Vec::new();
        assert_eq!(edge.root(), Hash::empty());
        for index in 0..70_000u32 {
            let leaf = Hash::leaf(&index.to_be_bytes());
            leaves.push(leaf);
            edge.push(leaf, &mut |_, _| {});
            if index < 600 || index % 4_999 == 0 || (65_530..65_800).contains(&index) && index % 7 == 0 {
                assert_eq!(edge.root(), subtree_root(&leaves), "size {}", index + 1);
            }
        }
    }

    #[test]
    fn an_edge_read_back_from_tiles_is_the_same_edge() {
        let mut edge = Edge::default();
        let mut tiles = MemoryTiles::default();
        for index in 0..66_000u32 {
            edge.push(Hash::leaf(&index.to_be_bytes()), &mut |tile, hashes| tiles.insert(tile, hashes));
            if [1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 66_000].contains(&(index + 1)) {
                let mut all = tiles.clone();
                edge.partial_tiles().for_each(|(tile, hashes)| all.insert(tile, hashes));
                let back = Edge::from_tiles(edge.size(), &mut all).unwrap();
                assert_eq!(back.root(), edge.root());
                assert_eq!(back.size(), edge.size());
            }
        }
    }
}
