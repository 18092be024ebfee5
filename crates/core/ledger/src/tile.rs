//! C2SP `tlog-tiles`: which tile holds a hash, under which path it stands, how hashes and entries are laid out in it.

use crate::{ENTRY_BYTES, HASH_BYTES, Hash};
use thiserror::Error;

/// Hashes in a full tile, entries in a full bundle. A tile spans 8 levels of the tree.
pub const TILE_WIDTH: usize = 256;
/// Longest path that is parsed: 7 groups of an index, the level and the width are 52 bytes.
pub const PATH_BYTES_MAX: usize = 64;
/// Longest entry bundle that is parsed. The specification allows 65,535 bytes an entry; an entry of ours has 33.
pub const BUNDLE_BYTES_MAX: usize = TILE_WIDTH * (2 + 65_535);

/// Highest level of a tile that a tree of 2^64 leaves has.
const LEVEL_MAX: u8 = 7;

/// The place of a tile of hashes: level, index in the level, and how many hashes it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

/// A file of the tile tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileFile {
    /// A tile of hashes.
    Hashes(Tile),
    /// A bundle of entries; the tile is that of their leaf hashes, at level 0.
    Entries(Tile),
}

/// Why bytes or a path are not a tile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TileError {
    /// Not a path of `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
    #[error("not the path of a tile: expected `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`")]
    Path,
    /// Level above 7 or a width that is not 1 to 256.
    #[error("no such tile: the level is 0 to 7 and the width 1 to 256")]
    Range,
    /// Another number of bytes than the width says.
    #[error("tile has {found} bytes, expected {expected}")]
    Length {
        /// Bytes that belong there.
        expected: usize,
        /// Bytes that came.
        found: usize,
    },
    /// An entry bundle ends in the middle of an entry, or holds another number of entries.
    #[error("entry bundle does not hold exactly {expected} entries")]
    Bundle {
        /// Entries that belong there.
        expected: usize,
    },
}

impl Tile {
    /// A tile at `level` (0 holds leaf hashes), the `index`th of its level, with `width` hashes (256: full).
    ///
    /// # Errors
    /// [`TileError::Range`] when no tree has such a tile.
    pub fn new(level: u8, index: u64, width: usize) -> Result<Self, TileError> {
        let narrow = u16::try_from(width).map_err(|_| TileError::Range)?;
        if level > LEVEL_MAX || width == 0 || width > TILE_WIDTH {
            return Err(TileError::Range);
        }
        Ok(Self { level, index, width: narrow })
    }

    /// The full tile that a tree completed at `level` when it reached `size` leaves.
    pub(crate) fn last_full(level: u8, size: u64) -> Self {
        let nodes = shifted(size, level);
        Self { level, index: (nodes >> 8).saturating_sub(1), width: 256 }
    }

    /// The incomplete tile at `level` of a tree of `size` leaves; none when the level ends with a full tile.
    #[must_use]
    pub fn partial(level: u8, size: u64) -> Option<Self> {
        let nodes = shifted(size, level);
        let width = u16::try_from(nodes & 0xff).ok().filter(|width| *width > 0)?;
        Some(Self { level, index: nodes >> 8, width })
    }

    /// The tile at `level` and `index` as a tree of `size` leaves has it: full, partial, or not there.
    #[must_use]
    pub fn of_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let nodes = shifted(size, level);
        if index < nodes >> 8 {
            return Some(Self { level, index, width: 256 });
        }
        Self::partial(level, size).filter(|tile| tile.index == index)
    }

    /// Level of the tile: 0 holds leaf hashes, each next one 8 levels of the tree higher.
    #[must_use]
    pub fn level(self) -> u8 {
        self.level
    }

    /// Index of the tile in its level.
    #[must_use]
    pub fn index(self) -> u64 {
        self.index
    }

    /// Hashes in the tile, 1 to 256.
    #[must_use]
    pub fn width(self) -> usize {
        usize::from(self.width)
    }

    /// Whether the tile holds all 256 hashes.
    #[must_use]
    pub fn is_full(self) -> bool {
        self.width() == TILE_WIDTH
    }

    /// The full tile that this one is, or will become.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: 256, ..self }
    }

    /// Path of the hashes: `tile/<L>/<N>[.p/<W>]`.
    #[must_use]
    pub fn path(self) -> String {
        format!("tile/{}/{}", self.level, self.index_and_width())
    }

    /// Path of the entries whose leaf hashes the tile holds: `tile/entries/<N>[.p/<W>]`. Only a tile of level 0 has one.
    #[must_use]
    pub fn entries_path(self) -> String {
        format!("tile/entries/{}", self.index_and_width())
    }

    fn index_and_width(self) -> String {
        let mut text = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            text = format!("x{:03}/{text}", rest % 1000);
            rest /= 1000;
        }
        if self.is_full() { text } else { format!("{text}.p/{}", self.width) }
    }

    /// The bytes of a tile with these hashes.
    #[must_use]
    pub fn encode(hashes: &[Hash]) -> Vec<u8> {
        hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    /// The hashes of this tile from its bytes.
    ///
    /// # Errors
    /// [`TileError::Length`] unless there are exactly `width` times 32 bytes.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let expected = self.width().saturating_mul(HASH_BYTES);
        if bytes.len() != expected {
            return Err(TileError::Length { expected, found: bytes.len() });
        }
        Ok(bytes.chunks_exact(HASH_BYTES).filter_map(Hash::from_slice).collect())
    }
}

impl TileFile {
    /// Parses a path below the log's root. Only the one canonical spelling is accepted.
    ///
    /// # Errors
    /// [`TileError::Path`] or [`TileError::Range`].
    ///
    /// ```
    /// use holdshort_ledger::TileFile;
    /// let TileFile::Hashes(tile) = TileFile::parse("tile/0/x001/234.p/17")? else { panic!() };
    /// assert_eq!((tile.index(), tile.width()), (1234, 17));
    /// # Ok::<(), holdshort_ledger::TileError>(())
    /// ```
    pub fn parse(path: &str) -> Result<Self, TileError> {
        if path.len() > PATH_BYTES_MAX {
            return Err(TileError::Path);
        }
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (level, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let (groups, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((groups, width)) => (groups, width.parse().map_err(|_| TileError::Path)?),
        };
        let mut index: u64 = 0;
        for group in groups.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            let value: u64 = digits.parse().map_err(|_| TileError::Path)?;
            index = index.checked_mul(1000).and_then(|sum| sum.checked_add(value)).ok_or(TileError::Path)?;
        }
        let file = if level == "entries" {
            Self::Entries(Tile::new(0, index, width)?)
        } else {
            Self::Hashes(Tile::new(level.parse().map_err(|_| TileError::Path)?, index, width)?)
        };
        // Printing it again settles every question of leading zeros, signs, missing `x` and `.p/256`.
        if file.path() == path { Ok(file) } else { Err(TileError::Path) }
    }

    /// The canonical path.
    #[must_use]
    pub fn path(self) -> String {
        match self {
            Self::Hashes(tile) => tile.path(),
            Self::Entries(tile) => tile.entries_path(),
        }
    }
}

/// Appends entries to the bytes of a bundle: each a big-endian `u16` length and the bytes.
#[must_use]
pub fn encode_bundle(entries: &[[u8; ENTRY_BYTES]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len().saturating_mul(ENTRY_BYTES + 2));
    for entry in entries {
        bytes.extend_from_slice(&u16::try_from(ENTRY_BYTES).unwrap_or_default().to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}

/// The `count` entries of a bundle.
///
/// # Errors
/// [`TileError::Bundle`] when it holds more, fewer, or ends inside one.
pub fn decode_bundle(bytes: &[u8], count: usize) -> Result<Vec<&[u8]>, TileError> {
    let wrong = TileError::Bundle { expected: count };
    if bytes.len() > BUNDLE_BYTES_MAX || count > TILE_WIDTH {
        return Err(wrong);
    }
    let mut entries = Vec::with_capacity(count);
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (entry, after) =
            after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or_else(|| wrong.clone())?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() && entries.len() == count { Ok(entries) } else { Err(wrong) }
}

/// Complete nodes at the bottom of tile level `level` in a tree of `size` leaves.
fn shifted(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        for (level, index, width, path) in [
            (0, 0, 256, "tile/0/000"),
            (0, 999, 1, "tile/0/999.p/1"),
            (0, 1_000, 256, "tile/0/x001/000"),
            (1, 1_234_067, 8, "tile/1/x001/x234/067.p/8"),
            (7, u64::MAX >> 8, 255, "tile/7/x072/x057/x594/x037/x927/935.p/255"),
        ] {
            let tile = Tile::new(level, index, width).unwrap();
            assert_eq!(tile.path(), path);
            assert_eq!(TileFile::parse(path), Ok(TileFile::Hashes(tile)));
        }
        let entries = Tile::new(0, 1_234_067, 256).unwrap();
        assert_eq!(entries.entries_path(), "tile/entries/x001/x234/067");
        assert_eq!(TileFile::parse("tile/entries/x001/x234/067"), Ok(TileFile::Entries(entries)));
    }

    #[test]
    fn only_the_canonical_spelling_is_a_path() {
        for path in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/0/001/000",
            "tile/0/x000/000",
            "tile/0/x001/x000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/+00",
            "tile/8/000",
            "tile/-1/000",
            "tile/0/../../etc",
            "tile/0/000.p/1/x",
            "/tile/0/000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(TileFile::parse(path).is_err(), "`{path}` was taken");
        }
    }

    #[test]
    fn the_tiles_of_a_tree_are_counted_right() {
        assert_eq!(Tile::partial(0, 256), None);
        assert_eq!(Tile::partial(0, 257), Some(Tile::new(0, 1, 1).unwrap()));
        assert_eq!(Tile::partial(1, 257), Some(Tile::new(1, 0, 1).unwrap()));
        assert_eq!(Tile::of_tree(0, 0, 256), Some(Tile::new(0, 0, 256).unwrap()));
        assert_eq!(Tile::of_tree(0, 1, 256), None);
        assert_eq!(Tile::of_tree(2, 0, 65_536), Some(Tile::new(2, 0, 1).unwrap()));
    }

    #[test]
    fn a_bundle_with_one_byte_more_or_less_is_refused() {
        let bytes = encode_bundle(&[[7; ENTRY_BYTES], [8; ENTRY_BYTES]]);
        assert_eq!(decode_bundle(&bytes, 2).unwrap(), [[7; ENTRY_BYTES].as_slice(), [8; ENTRY_BYTES].as_slice()]);
        assert!(decode_bundle(&bytes, 1).is_err());
        assert!(decode_bundle(&bytes, 3).is_err());
        assert!(decode_bundle(&bytes[..bytes.len() - 1], 2).is_err());
        assert!(decode_bundle(&[&bytes[..], &[0]].concat(), 2).is_err());
    }

    proptest! {
        #[test]
        fn every_tile_has_one_path(level in 0u8..=7, index in any::<u64>(), width in 1usize..=256) {
            let tile = Tile::new(level, index, width).unwrap();
            prop_assert_eq!(TileFile::parse(&tile.path()), Ok(TileFile::Hashes(tile)));
        }

        #[test]
        fn any_text_is_parsed_without_panic(path in ".{0,80}") {
            if let Ok(file) = TileFile::parse(&path) {
                prop_assert_eq!(file.path(), path);
            }
        }
    }
}
