//! The tiles and bundles of a copy that others fill: entries of any log and any length, in the order of their indexes.
//!
//! What is stored here was proved before; what a crash leaves of it is looked at anew. Files come before the checkpoint that
//! covers them: temporary file, sync, rename, sync of the folder.

use super::disk::{Disk, write_whole};
use super::error::{Damage, LogError, Wrong};
use super::layout::{CHECKPOINT_FILE, temporary};
use super::source::{DirectorySource, SourceTiles};
use holdshort_ledger::{Edge, EdgeError, Hash, ProofError, TILE_WIDTH, Tile, TileReader, tree_root};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that wait for the next sync.
const UNFINISHED_MAX: usize = 64;
/// Up to this many of them are synced one by one; more with one sync of the file system.
const SYNC_EACH_MAX: usize = 16;

/// A copy as far as it has come.
#[derive(Debug)]
pub(crate) struct Stock {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    edge: Edge,
    /// Entries of the last, incomplete bundle.
    bundle: Vec<Vec<u8>>,
    /// Files that are written under temporary names and not yet synced.
    unfinished: Vec<PathBuf>,
    /// Full tiles that came in place of partial ones. The partial ones go when a checkpoint covers the full one.
    replacing: Vec<Tile>,
    /// A sync failed: what is not on the disk is in no list any more.
    broken: bool,
}

impl Stock {
    /// The copy with a checkpoint of this size, from its tiles. The caller compares the root.
    ///
    /// # Errors
    /// [`Damage`] when tiles or entries of the right edge are missing or do not go together.
    pub(crate) fn open(disk: Arc<dyn Disk>, directory: &Path, size: u64) -> Result<Self, Damage> {
        let mut source = DirectorySource::new(directory);
        let mut tiles = SourceTiles(&mut source);
        let edge = Edge::from_tiles(size, &mut tiles).map_err(|error| match error {
            EdgeError::Read(_, damage) => damage,
            EdgeError::Width { tile, .. } => Damage::new(tile.path(), 0, None, Wrong::Missing),
        })?;
        let mut bundle = Vec::new();
        if let Some((tile, hashes)) = edge.partial_tiles().next().filter(|(tile, _)| tile.level() == 0) {
            bundle = tiles.entries(tile)?;
            check_bundle(tile, &bundle, hashes)?;
        }
        let directory = directory.to_owned();
        Ok(Self { disk, directory, edge, bundle, unfinished: Vec::new(), replacing: Vec::new(), broken: false })
    }

    /// Goes on with the full bundles that are there beyond the checkpoint: what was proved and stored before a crash. Ends at
    /// the first one that is not there, or is not what its tile says.
    ///
    /// # Errors
    /// [`LogError::Io`] when the tiles above them cannot be written.
    pub(crate) fn take_up(&mut self) -> Result<(), LogError> {
        loop {
            let size = self.edge.size();
            let Ok(tile) = Tile::new(0, size >> 8, TILE_WIDTH) else { return Ok(()) };
            if !self.directory.join(tile.path()).exists() {
                return Ok(());
            }
            let mut source = DirectorySource::new(&self.directory);
            let mut tiles = SourceTiles(&mut source);
            let (Ok(entries), Ok(hashes)) = (tiles.entries(tile), tiles.read(tile)) else { return Ok(()) };
            let known = usize::try_from(size & 0xff).unwrap_or(TILE_WIDTH);
            if check_bundle(tile, &entries, &hashes).is_err() || entries.get(..known) != Some(self.bundle.as_slice()) {
                return Ok(());
            }
            // The tiles above may not have been finished: they are written again, and so are these two.
            entries.iter().skip(known).try_for_each(|entry| self.push(entry))?;
        }
    }

    /// Removes the first bundle beyond a checkpoint of this size, so that nothing behind it is taken up again.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub(crate) fn discard(disk: &dyn Disk, directory: &Path, size: u64) -> Result<(), LogError> {
        let Ok(tile) = Tile::new(0, size >> 8, TILE_WIDTH) else { return Ok(()) };
        let path = directory.join(tile.path());
        if path.exists() {
            disk.remove_file(&path).map_err(LogError::io("remove", &path))?;
            let folder = path.parent().unwrap_or(directory);
            disk.sync_folder(folder).map_err(LogError::io("sync", folder))?;
        }
        Ok(())
    }

    /// Entries that are here: the index of the first one that is not.
    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    /// Adds the next entry; writes the tiles and the bundle that it completes.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub(crate) fn push(&mut self, entry: &[u8]) -> Result<(), LogError> {
        let mut completed: Vec<(Tile, Vec<u8>)> = Vec::new();
        self.edge.push(Hash::leaf(entry), &mut |tile, hashes| completed.push((tile, Tile::encode(hashes))));
        self.bundle.push(entry.to_owned());
        for (tile, bytes) in completed {
            if tile.level() == 0 {
                let bundle = bundle_bytes(&std::mem::take(&mut self.bundle));
                self.write(&tile.entries_path(), &bundle)?;
            }
            self.write(&tile.path(), &bytes)?;
            self.replacing.push(tile);
        }
        if self.unfinished.len() >= UNFINISHED_MAX { self.flush() } else { Ok(()) }
    }

    /// The leaf hashes `from..to`, which lie in one tile and are all here.
    ///
    /// # Errors
    /// [`LogError`] when the tile cannot be read.
    pub(crate) fn leaves(&mut self, from: u64, to: u64) -> Result<Vec<Hash>, LogError> {
        let Some(tile) = Tile::of_tree(0, from >> 8, self.size()).filter(|_| from < to) else { return Ok(Vec::new()) };
        let at = |index: u64| usize::try_from(index.saturating_sub(tile.index() << 8)).unwrap_or(TILE_WIDTH);
        let hashes = self.tiles()?.read(tile)?;
        Ok(hashes.get(at(from)..at(to)).unwrap_or_default().to_vec())
    }

    /// The root over the first `size` entries.
    ///
    /// # Errors
    /// [`LogError`] when a tile cannot be read.
    pub(crate) fn root_at(&mut self, size: u64) -> Result<Hash, LogError> {
        let whole = self.size();
        if size == whole {
            return Ok(self.edge.root());
        }
        tree_root(size, whole, &mut self.tiles()?).map_err(|error| match error {
            ProofError::Read(_, damage) => damage.into(),
            other => Damage::new("tile", 0, None, Wrong::Format(other.to_string())).into(),
        })
    }

    /// Makes everything durable, then a checkpoint over the first `size` entries. The caller has compared the root.
    ///
    /// # Errors
    /// [`LogError`]. What is on the disk then is one checkpoint or the other.
    pub(crate) fn store(&mut self, size: u64, note: &str) -> Result<(), LogError> {
        self.write_partial(size)?;
        self.flush()?;
        // If we crash here, entries are ahead of the checkpoint: they are taken up, or uploaded again.
        let path = self.directory.join(CHECKPOINT_FILE);
        write_whole(self.disk.as_ref(), &path, note.as_bytes(), 0o644).map_err(LogError::io("write", &path))?;
        // Only now: a reader of the old checkpoint finds the full tile where the partial one was.
        let is_covered = |tile: &Tile| Tile::of_tree(tile.level(), tile.index(), size) == Some(*tile);
        let (covered, later) = std::mem::take(&mut self.replacing).into_iter().partition(is_covered);
        self.replacing = later;
        let covered: Vec<Tile> = covered;
        for tile in covered {
            let bundle = Some(tile.entries_path()).filter(|_| tile.level() == 0);
            for name in bundle.into_iter().chain([tile.path()]) {
                let folder = self.directory.join(format!("{name}.p"));
                if folder.exists() {
                    self.disk.remove_folder(&folder).map_err(LogError::io("remove", &folder))?;
                }
            }
        }
        Ok(())
    }

    /// The incomplete tiles and bundle of a tree of `size` entries, which may be shorter than what is here.
    fn write_partial(&mut self, size: u64) -> Result<(), LogError> {
        for level in 0..=7 {
            let Some(tile) = Tile::partial(level, size) else { continue };
            let mut hashes = self.tiles()?.read_of(tile)?;
            hashes.truncate(tile.width());
            if level == 0 {
                let mut entries = self.entries(tile)?;
                entries.truncate(tile.width());
                self.write(&tile.entries_path(), &bundle_bytes(&entries))?;
            }
            self.write(&tile.path(), &Tile::encode(&hashes))?;
        }
        Ok(())
    }

    /// The entries of a bundle, or more, when it has grown.
    fn entries(&self, tile: Tile) -> Result<Vec<Vec<u8>>, Damage> {
        if Tile::partial(0, self.size()).is_some_and(|last| last.index() == tile.index()) {
            return Ok(self.bundle.clone());
        }
        SourceTiles(&mut DirectorySource::new(&self.directory)).entries(tile.full())
    }

    /// What is here as tiles, with everything on the disk under its name.
    fn tiles(&mut self) -> Result<StockTiles<'_>, LogError> {
        if !self.unfinished.is_empty() {
            self.flush()?;
        }
        Ok(StockTiles { edge: &self.edge, source: DirectorySource::new(&self.directory) })
    }

    /// Writes a file under its temporary name.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), LogError> {
        let path = self.directory.join(name);
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            self.disk.create_folder(folder).map_err(LogError::io("make", folder))?;
        }
        let unfinished = temporary(&path);
        let file = self.disk.create(&unfinished, 0o644).map_err(LogError::io("make", &unfinished))?;
        file.write_at(bytes, 0).map_err(LogError::io("write", &unfinished))?;
        self.unfinished.push(path);
        Ok(())
    }

    /// Makes every full bundle durable that is here.
    ///
    /// # Errors
    /// [`LogError::Io`]. It is not known then what the disk has, and nothing is written any more.
    pub(crate) fn flush(&mut self) -> Result<(), LogError> {
        if self.broken {
            let failed = std::io::Error::other("an earlier sync of what was written there failed");
            return Err(LogError::io("go on with", &self.directory)(failed));
        }
        let flushed = self.sync_unfinished();
        self.broken = flushed.is_err();
        flushed
    }

    fn sync_unfinished(&mut self) -> Result<(), LogError> {
        let paths = std::mem::take(&mut self.unfinished);
        if paths.is_empty() {
            return Ok(());
        }
        let (disk, directory) = (self.disk.as_ref(), self.directory.as_path());
        let whole = || disk.sync_file_system(directory).map_err(LogError::io("sync the file system of", directory));
        let few = paths.len() <= SYNC_EACH_MAX;
        if few {
            for path in &paths {
                let unfinished = temporary(path);
                let file = disk.open(&unfinished).map_err(LogError::io("open", &unfinished))?;
                file.sync().map_err(LogError::io("sync", &unfinished))?;
            }
        } else {
            whole()?;
        }
        for path in &paths {
            disk.rename(&temporary(path), path).map_err(LogError::io("rename to", path))?;
        }
        if !few {
            return whole();
        }
        let above = |path: &PathBuf| {
            let folders = path.ancestors().skip(1).take_while(|above| above.starts_with(directory));
            folders.map(Path::to_owned).collect::<Vec<_>>()
        };
        let folders: BTreeSet<PathBuf> = paths.iter().flat_map(above).collect();
        folders.iter().try_for_each(|folder| disk.sync_folder(folder).map_err(LogError::io("sync", folder)))
    }
}

/// Tiles of the right edge from memory, all others from the disk.
struct StockTiles<'a> {
    edge: &'a Edge,
    source: DirectorySource,
}

impl StockTiles<'_> {
    /// A tile as it is here: as wide as asked for, or wider.
    fn read_of(&mut self, tile: Tile) -> Result<Vec<Hash>, Damage> {
        let row =
            self.edge.partial_tiles().find(|(last, _)| (last.level(), last.index()) == (tile.level(), tile.index()));
        match row {
            Some((_, row)) => Ok(row.to_vec()),
            None => SourceTiles(&mut self.source).read(tile.full()),
        }
    }
}

impl TileReader for StockTiles<'_> {
    type Error = Damage;

    fn read(&mut self, tile: Tile) -> Result<Vec<Hash>, Damage> {
        self.read_of(tile)
    }
}

/// Checks that entries are those of a tile of leaf hashes.
fn check_bundle(tile: Tile, entries: &[Vec<u8>], hashes: &[Hash]) -> Result<(), Damage> {
    let differs = entries.iter().zip(hashes).position(|(entry, hash)| Hash::leaf(entry) != *hash);
    match differs {
        Some(at) => Err(Damage::new(tile.entries_path(), 0, None, Wrong::Tile(at))),
        None if entries.len() != hashes.len() => Err(Damage::new(tile.entries_path(), 0, None, Wrong::Missing)),
        None => Ok(()),
    }
}

/// The bytes of a bundle: each entry behind its length.
fn bundle_bytes(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.len().saturating_add(2)).sum());
    for entry in entries {
        // An entry has at most 65,535 bytes: it came behind a length of two bytes.
        bytes.extend_from_slice(&u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}
