//! The offline check of everything in a log directory, for somebody who does not trust whoever wrote it.
//!
//! It reads all records in order, commits to each again, compares every bundle and every tile with what follows from the
//! records, and the root with the signed checkpoint. It stops at the first thing that is wrong. What it cannot see is a
//! log that was rewritten as a whole and signed again: for that it needs an older checkpoint that was kept elsewhere.

use super::cosigned::check_cosignature;
use super::dropped::Dropped;
use super::error::{Damage, LogError, Place, Wrong};
use super::keys::{KEY_FILE_BYTES_MAX, read_public};
use super::layout::{CHECKPOINT_FILE, PUBLIC_KEY_FILE, RECORDS_DIRECTORY};
use super::recover::read_checkpoint;
use super::segments::{Scan, Step, list};
use super::tiles::{DirectoryTiles, read_bounded};
use holdshort_ledger::{
    Checkpoint, ENTRY_BYTES, Edge, Entry, FrameError, HASH_BYTES, Hash, TILE_WIDTH, Tile, TileFile, VerifierKey,
    encode_bundle,
};
use std::path::{Path, PathBuf};

/// Records between two reports of progress.
const PROGRESS_RECORDS: u64 = 65_536;
/// Times that a check begins anew since records were dropped while it was under way.
const DROPPED_MEANWHILE_MAX: usize = 8;
/// Longest tile or bundle, in bytes.
const TILE_BYTES_MAX: u64 = 256 * (2 + ENTRY_BYTES as u64);

/// What is known from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// The log's key, from a place that the log's keeper cannot change. Without it `log.pub` is believed.
    pub key: Option<VerifierKey>,
    /// Older checkpoints that were kept elsewhere, all of which the log has to continue; their signatures must have been checked.
    pub older: Vec<Checkpoint>,
}

/// How far the check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Records checked.
    pub done: u64,
    /// Records that the checkpoint covers.
    pub total: u64,
}

/// A log in which nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What was signed; the records lead to its root.
    pub checkpoint: Checkpoint,
    /// Records behind the checkpoint. They are sound, but no signature covers them yet.
    pub unsealed: u64,
    /// Bytes of an unfinished group at the very end: what a crash leaves. Nobody was told of them.
    pub torn_bytes: u64,
    /// Records in compressed segments.
    pub archived: u64,
    /// That records were dropped on purpose: those before [`Dropped::first`]. Their entries lead to the signed root.
    pub dropped: Option<Dropped>,
}

/// Checks a log directory.
///
/// # Errors
/// The first [`Damage`], with its place.
pub fn verify(
    directory: &Path,
    options: &VerifyOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verified, Damage> {
    let public = public_key(directory)?;
    if options.key.as_ref().is_some_and(|key| *key != public) {
        let wrong = Wrong::Format("is not the key that was expected: this is another log".to_owned());
        return Err(Damage::new(PUBLIC_KEY_FILE, 0, None, wrong));
    }
    let mut dropped = Dropped::read(directory, &public)?;
    for _ in 0..DROPPED_MEANWHILE_MAX {
        match check_all(directory, &public, dropped.clone(), options, progress) {
            // What was not there may have been dropped since: then the statement is another one, and it says so.
            Err(damage) => match Dropped::read(directory, &public)? {
                now if now == dropped => return Err(damage),
                now => dropped = now,
            },
            verified => return verified,
        }
    }
    check_all(directory, &public, dropped, options, progress)
}

fn check_all(
    directory: &Path,
    public: &VerifierKey,
    dropped: Option<Dropped>,
    options: &VerifyOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verified, Damage> {
    let (note, checkpoint) = read_checkpoint(directory, public)?;
    check_cosignature(directory, &note)?;
    let older = Older::new(&options.older, &checkpoint)?;
    let mut check = Check::new(directory, checkpoint, older);
    if let Some(dropped) = &dropped {
        check.dropped_entries(dropped.first, progress)?;
    }
    let torn_bytes = check.records(progress)?;
    check.finish()?;
    let unsealed = check.next.saturating_sub(check.checkpoint.size);
    Ok(Verified { checkpoint: check.checkpoint, unsealed, torn_bytes, archived: check.archived, dropped })
}

/// The log's key, byte for byte as it was written.
fn public_key(directory: &Path) -> Result<VerifierKey, Damage> {
    let path = directory.join(PUBLIC_KEY_FILE);
    let public = read_public(&path).map_err(|error| key_damage(&error))?;
    let bytes = read_bounded(&path, KEY_FILE_BYTES_MAX).map_err(|error| Damage::unreadable(PUBLIC_KEY_FILE, &error))?;
    if bytes == format!("{public}\n").as_bytes() {
        return Ok(public);
    }
    let wrong = Wrong::Format("has other bytes around the key than were written".to_owned());
    Err(Damage::new(PUBLIC_KEY_FILE, 0, None, wrong))
}

fn key_damage(error: &LogError) -> Damage {
    let wrong = match error {
        LogError::Io { source, .. } => return Damage::unreadable(PUBLIC_KEY_FILE, source),
        other => Wrong::Format(other.to_string()),
    };
    Damage::new(PUBLIC_KEY_FILE, 0, None, wrong)
}

pub(crate) fn check_older(older: &Checkpoint, checkpoint: &Checkpoint) -> Result<(), Damage> {
    let damage = |wrong| Damage::new(CHECKPOINT_FILE, 0, None, wrong);
    if older.origin != checkpoint.origin {
        let wrong = format!("the older checkpoint is of log `{}`, not of `{}`", older.origin, checkpoint.origin);
        return Err(damage(Wrong::Checkpoint(wrong)));
    }
    if older.size > checkpoint.size {
        return Err(damage(Wrong::RolledBack { expected: older.size, found: checkpoint.size }));
    }
    Ok(())
}

/// Older checkpoints that a tree has to pass as it grows.
#[derive(Debug)]
pub(crate) struct Older {
    /// The largest first: the next one is the last.
    left: Vec<Checkpoint>,
}

impl Older {
    /// Those that a tree with this checkpoint has to continue.
    pub(crate) fn new(older: &[Checkpoint], checkpoint: &Checkpoint) -> Result<Self, Damage> {
        let mut left = older.to_vec();
        left.sort_by_key(|older| std::cmp::Reverse(older.size));
        left.iter().try_for_each(|older| check_older(older, checkpoint))?;
        let mut all = Self { left };
        all.compare(&Edge::default())?;
        Ok(all)
    }

    /// To be called at every size.
    pub(crate) fn compare(&mut self, edge: &Edge) -> Result<(), Damage> {
        while let Some(older) = self.left.pop_if(|older| older.size == edge.size()) {
            if older.root != edge.root() {
                return Err(Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Rewritten(older.size)));
            }
        }
        Ok(())
    }
}

struct Check {
    directory: PathBuf,
    tiles: DirectoryTiles,
    checkpoint: Checkpoint,
    older: Older,
    /// Index of the next record.
    next: u64,
    /// Records that were read from archives.
    archived: u64,
    edge: Edge,
    /// The entries of the current bundle, and where their records begin.
    bundle: Vec<(Entry, Place)>,
}

impl Check {
    fn new(directory: &Path, checkpoint: Checkpoint, older: Older) -> Self {
        Self {
            directory: directory.to_owned(),
            tiles: DirectoryTiles::new(directory),
            checkpoint,
            older,
            next: 0,
            archived: 0,
            edge: Edge::default(),
            bundle: Vec::with_capacity(TILE_WIDTH),
        }
    }

    /// Takes the entries of records that were dropped for what they are: only the tree can say whether they are right.
    fn dropped_entries(&mut self, first: u64, progress: &mut dyn FnMut(Progress)) -> Result<(), Damage> {
        while self.next < first {
            let truncated = || Damage::new(CHECKPOINT_FILE, 0, Some(first), Wrong::Truncated(first));
            let tile = Tile::of_tree(0, self.next >> 8, self.checkpoint.size).ok_or_else(truncated)?;
            let begin = self.next;
            for (at, entry) in self.tiles.entries(tile)?.into_iter().enumerate() {
                if self.next == first {
                    break;
                }
                let offset = u64::try_from(at.saturating_mul(ENTRY_BYTES.saturating_add(2))).unwrap_or(u64::MAX);
                self.entry(entry, Place { file: tile.entries_path(), offset, index: Some(self.next) })?;
                self.next = self.next.saturating_add(1);
            }
            if self.next == begin {
                return Err(truncated());
            }
            if self.next.is_multiple_of(PROGRESS_RECORDS) {
                progress(Progress { done: self.next, total: self.checkpoint.size });
            }
        }
        Ok(())
    }

    /// Reads all segments. Gives the bytes of a torn tail.
    fn records(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<u64, Damage> {
        let unlisted = |error: LogError| Damage::new(RECORDS_DIRECTORY, 0, None, Wrong::Unreadable(error.to_string()));
        let segments = list(&self.directory).map_err(unlisted)?;
        let mut segments = segments.iter().peekable();
        let mut torn_bytes = 0;
        while let Some(segment) = segments.next() {
            if segment.first_index != self.next {
                let wrong = Wrong::Order { expected: self.next, found: segment.first_index };
                return Err(Damage::new(segment.name.as_str(), 0, Some(self.next), wrong));
            }
            let begin = self.next;
            let mut scan = Scan::open(segment)?;
            let is_last = segments.peek().is_none();
            let mut seen = None;
            torn_bytes = loop {
                let step = self.segment(&mut scan, progress)?;
                match self.end(&mut scan, &step, is_last)? {
                    (None, torn_bytes) => break torn_bytes,
                    // A log that is being written may have grown since the last step: read on from there.
                    (Some(_), _) if seen != Some(self.next) => scan.seek(scan.offset())?,
                    (Some(wrong), _) => {
                        return Err(Damage::new(segment.name.as_str(), scan.offset(), Some(self.next), wrong));
                    }
                }
                seen = Some(self.next);
            };
            if scan.segment().archived {
                self.archived = self.archived.saturating_add(self.next.saturating_sub(begin));
            }
        }
        if self.next < self.checkpoint.size {
            let wrong = Wrong::Truncated(self.checkpoint.size);
            return Err(Damage::new(RECORDS_DIRECTORY, 0, Some(self.next), wrong));
        }
        Ok(torn_bytes)
    }

    /// What is wrong with the end of a segment, if anything, and the bytes behind its last record.
    fn end(&self, scan: &mut Scan, step: &Step, is_last: bool) -> Result<(Option<Wrong>, u64), Damage> {
        let tail = scan.tail(self.next)?;
        let torn_bytes = tail.used_until.saturating_sub(scan.offset());
        let durable = tail.durable.max(self.checkpoint.size);
        let wrong = match step {
            Step::Broken(error @ FrameError::Version(_)) => Some(Wrong::Format(error.to_string())),
            Step::Broken(error) if !is_last || durable > self.next => Some(Wrong::Format(error.to_string())),
            _ if is_last && durable > self.next => Some(Wrong::Truncated(durable)),
            _ if !is_last && torn_bytes > 0 => Some(Wrong::Foreign),
            _ => None,
        };
        Ok((wrong, torn_bytes))
    }

    fn segment(&mut self, scan: &mut Scan, progress: &mut dyn FnMut(Progress)) -> Result<Step, Damage> {
        loop {
            let offset = scan.offset();
            let header = match scan.step()? {
                Step::Frame(header) => header,
                step => return Ok(step),
            };
            let place = || Place { file: scan.segment().name.clone(), offset, index: Some(self.next) };
            if header.index != self.next {
                let wrong = Wrong::Order { expected: self.next, found: header.index };
                return Err(Damage { place: place(), wrong });
            }
            if self.next < self.checkpoint.size {
                let place = place();
                self.entry(Entry::commit(&header.salt, scan.payload()), place)?;
            }
            self.next = self.next.saturating_add(1);
            if self.next.is_multiple_of(PROGRESS_RECORDS) {
                progress(Progress { done: self.next, total: self.checkpoint.size });
            }
        }
    }

    fn entry(&mut self, entry: Entry, place: Place) -> Result<(), Damage> {
        self.bundle.push((entry, place));
        if self.bundle.len() == TILE_WIDTH {
            self.check_bundle()?;
        }
        Ok(())
    }

    /// Compares the current bundle, then adds it to the tree, and compares the tiles that it completes.
    fn check_bundle(&mut self) -> Result<(), Damage> {
        let first = self.edge.size();
        let bundle = std::mem::take(&mut self.bundle);
        let tile = Tile::new(0, first >> 8, bundle.len())
            .map_err(|error| Damage::new(RECORDS_DIRECTORY, 0, Some(first), Wrong::Format(error.to_string())))?;
        self.compare_bundle(tile, &bundle)?;
        let mut completed = Vec::new();
        for (entry, _) in &bundle {
            self.edge.push(entry.leaf(), &mut |tile, hashes| completed.push((tile, hashes.to_vec())));
            self.older.compare(&self.edge)?;
        }
        completed.iter().try_for_each(|(tile, hashes)| self.compare_tile(*tile, hashes))?;
        self.bundle = bundle;
        self.bundle.clear();
        Ok(())
    }

    /// The bundle on disk, and every partial one of it, must be what the records commit to.
    fn compare_bundle(&self, tile: Tile, bundle: &[(Entry, Place)]) -> Result<(), Damage> {
        let entries: Vec<[u8; ENTRY_BYTES]> = bundle.iter().map(|(entry, _)| *entry.as_bytes()).collect();
        let expected = encode_bundle(&entries);
        let different = |name: String, at: usize| {
            let item = at / (ENTRY_BYTES + 2);
            // The tree is signed, the record is not: the record is named, unless the bundle is not even a bundle.
            let place = bundle.get(item).map(|(_, place)| place.clone());
            let offset = u64::try_from(at).unwrap_or_default();
            place.map_or_else(
                || Damage::new(name, offset, None, Wrong::Foreign),
                |place| Damage { place, wrong: Wrong::Payload },
            )
        };
        // Whether the record or the bundle was touched, the tile of leaf hashes tells.
        let leaves: Vec<Hash> = bundle.iter().map(|(entry, _)| entry.leaf()).collect();
        let intact = self.tiles.bytes(TileFile::Hashes(tile)).is_ok_and(|bytes| bytes == Tile::encode(&leaves));
        let compared = self.each_file(TileFile::Entries(tile), &expected, ENTRY_BYTES.saturating_add(2), |name, at| {
            if intact {
                let item = at / (ENTRY_BYTES + 2);
                let offset = u64::try_from(at).unwrap_or_default();
                Damage::new(name, offset, index_of(tile, item), Wrong::Tile(item))
            } else {
                different(name, at)
            }
        });
        compared.map_err(|damage| match self.tiles.entries(tile) {
            // Entries of another version follow from the records in a way that is not known here.
            Err(version) if !intact && matches!(version.wrong, Wrong::Version(_)) => version,
            _ => damage,
        })
    }

    /// The tile on disk, and every partial one of it, must be what follows from the records.
    fn compare_tile(&self, tile: Tile, hashes: &[Hash]) -> Result<(), Damage> {
        self.each_file(TileFile::Hashes(tile), &Tile::encode(hashes), HASH_BYTES, |name, at| {
            let item = at / HASH_BYTES;
            let index = if tile.level() == 0 { index_of(tile, item) } else { None };
            Damage::new(name, u64::try_from(at).unwrap_or_default(), index, Wrong::Tile(item))
        })
    }

    /// Compares the file of a tile, and those of its beginnings that are still there, with the expected bytes.
    fn each_file(
        &self,
        file: TileFile,
        expected: &[u8],
        item_bytes: usize,
        different: impl Fn(String, usize) -> Damage,
    ) -> Result<(), Damage> {
        let compare = |name: String, bytes: &[u8], expected: &[u8]| {
            let at = bytes.iter().zip(expected).position(|(one, other)| one != other);
            let at = at.or_else(|| (bytes.len() != expected.len()).then(|| bytes.len().min(expected.len())));
            at.map_or(Ok(()), |at| Err(different(name, at)))
        };
        let (TileFile::Hashes(tile) | TileFile::Entries(tile)) = file;
        // A crash between tiles and checkpoint may leave only the full one of a partial tile.
        compare(file.path(), &self.tiles.bytes(file)?, expected)?;
        for width in 1..TILE_WIDTH.min(tile.width()) {
            let Ok(part) = Tile::new(tile.level(), tile.index(), width) else { continue };
            let name = match file {
                TileFile::Hashes(_) => part.path(),
                TileFile::Entries(_) => part.entries_path(),
            };
            if width == 1 && !self.directory.join(&name).parent().is_some_and(Path::exists) {
                break;
            }
            match read_bounded(&self.directory.join(&name), TILE_BYTES_MAX) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Damage::unreadable(name.as_str(), &error)),
                Ok(bytes) => {
                    let beginning = expected.get(..width.saturating_mul(item_bytes)).unwrap_or_default();
                    compare(name, &bytes, beginning)?;
                }
            }
        }
        Ok(())
    }

    /// Compares the incomplete tiles at the right edge, and the root.
    fn finish(&mut self) -> Result<(), Damage> {
        if !self.bundle.is_empty() {
            self.check_bundle()?;
        }
        self.edge.partial_tiles().try_for_each(|(tile, hashes)| self.compare_tile(tile, hashes))?;
        let found = self.edge.root();
        if found != self.checkpoint.root {
            let wrong = Wrong::Root { expected: self.checkpoint.root.to_string(), found: found.to_string() };
            return Err(Damage::new(CHECKPOINT_FILE, 0, None, wrong));
        }
        Ok(())
    }
}

fn index_of(tile: Tile, item: usize) -> Option<u64> {
    tile.index().checked_mul(256)?.checked_add(u64::try_from(item).ok()?)
}
