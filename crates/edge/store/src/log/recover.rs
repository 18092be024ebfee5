//! Opening a log: what a clean start and the start after a crash have in common, which is everything.
//!
//! The signed checkpoint says which records must be there; the tiles say what the tree's edge was; the segments say what
//! came behind it. A broken frame behind everything that is known to have been durable is a torn tail, and is cut. Any
//! other is damage, and the log does not open.

use super::cosigned::check_cosignature;
use super::disk::{Disk, DiskFile, folder_of, write_zeros};
use super::dropped::Dropped;
use super::error::{Damage, LogError, Wrong};
use super::fence::Lock;
use super::layout::{
    CHECKPOINT_FILE, COSIGNER_PUBLIC_KEY_FILE, PUBLIC_KEY_FILE, RECEIPT_PUBLIC_KEY_FILE, RECORDS_DIRECTORY, temporary,
};
use super::sealer::Seal;
use super::segments::{Scan, Segment, SegmentWriter, Step, list, list_all, next_path, segment_bytes_min};
use super::shared::shared_file_system;
use super::space::Gauge;
use super::tiles::{DirectoryTiles, read_bounded};
use super::{LogOptions, RecoveryReport, keys};
use holdshort_ledger::{Checkpoint, Entry, FrameError, Hash, NOTE_BYTES_MAX, Tile, TileReader as _, VerifierKey};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are written again at once.
const REWRITE_BYTES: usize = 1 << 20;

/// All that the writer needs to go on.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) keys: keys::Keys,
    pub(crate) note: String,
    pub(crate) seal: Seal,
    pub(crate) segment: SegmentWriter,
    pub(crate) lock: Arc<Lock>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) report: RecoveryReport,
}

pub(crate) fn recover(disk: Arc<dyn Disk>, options: &LogOptions) -> Result<Recovered, LogError> {
    let directory = options.directory.as_path();
    let records = directory.join(RECORDS_DIRECTORY);
    disk.create_folder(&records).map_err(LogError::io("make", &records))?;
    let shared = shared_file_system(directory).map_err(LogError::io("look at the file system of", directory))?;
    if let Some(kind) = shared.filter(|_| !options.accept_shared) {
        return Err(LogError::Shared { directory: directory.to_owned(), kind });
    }
    let lock = Arc::new(Lock::take_on(directory, shared.is_some())?);
    remove_leftovers(disk.as_ref(), directory)?;

    let segments = list(directory)?;
    // The first checkpoint is written before the first segment: only a directory with neither is a new log.
    let created = !directory.join(CHECKPOINT_FILE).exists() && segments.is_empty() && !directory.join("tile").exists();
    let keys = keys::load_or_create(disk.as_ref(), options, created)?;
    if created {
        let above = folder_of(directory);
        disk.sync_folder(above).map_err(LogError::io("sync", above))?;
        Seal::empty(Arc::clone(&disk), directory).fenced(Arc::clone(&lock), None).seal(&keys)?;
    }
    // Names that are here may not be durable: the sync that was to make them so may be what failed the last time.
    for folder in [records.as_path(), directory] {
        disk.sync_folder(folder).map_err(LogError::io("sync", folder))?;
    }
    let (mut note, checkpoint) = read_checkpoint(directory, &keys.log.verifier())?;
    check_version(directory, &note, &checkpoint)?;

    let (seal, rebuild) = open_seal(&disk, directory, &checkpoint);
    let mut seal = seal.fenced(Arc::clone(&lock), Some(note.clone()));
    let mut report = RecoveryReport { created, sealed: checkpoint.size, tiles_rebuilt: rebuild, ..Default::default() };
    let from = if rebuild { 0 } else { checkpoint.size };
    if rebuild && let Some(dropped) = Dropped::read(directory, &keys.log.verifier())? {
        // What the records said is gone, what the tree committed to is not. The signed root tells whether that is so.
        push_entries(directory, dropped.first, &checkpoint, &mut seal)?;
    }
    // Made anew, they are all compared at once: they have to lead to the signed root.
    let known = if rebuild { Known::default() } else { Known::of(directory, &checkpoint) };
    let place = replay(disk.as_ref(), &segments, from, (&checkpoint, &known), &mut seal)?;
    if let Some(place) = place.as_ref().filter(|_| lock.is_doubtful()) {
        replace(disk.as_ref(), directory, &place.segment)?;
    }
    report.size = seal.size();
    report.torn_bytes = place.as_ref().map_or(0, |place| place.torn_bytes);
    // The cosigner's key may be newer than the checkpoint: then that is signed once more.
    if rebuild || seal.size() > checkpoint.size || check_cosignature(directory, &note).is_err() {
        note = seal.seal(&keys)?;
    }

    let (first, max) = (options.segment_bytes_first.max(segment_bytes_min()), options.segment_bytes_max);
    let gauge = Gauge::new(Arc::clone(&disk), directory, options.keep_free, options.space_interval);
    let gauge = Arc::new(gauge);
    gauge.look();
    let held = Arc::clone(&gauge);
    let segment = match place {
        Some(place) => SegmentWriter::resume(disk, held, directory, &place.segment, place.offset, max)?,
        None => SegmentWriter::create(disk, held, directory, report.size, first, max)?,
    };
    Ok(Recovered { keys, note, seal, segment, lock, gauge, report })
}

/// Reads and checks the signed checkpoint.
pub(crate) fn read_checkpoint(directory: &Path, key: &VerifierKey) -> Result<(String, Checkpoint), Damage> {
    let wrong = |wrong: String| Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Checkpoint(wrong));
    let bytes = read_bounded(&directory.join(CHECKPOINT_FILE), u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX))
        .map_err(|error| Damage::unreadable(CHECKPOINT_FILE, &error))?;
    let checkpoint = Checkpoint::open(&bytes, key).map_err(|error| wrong(error.to_string()))?;
    let note = String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
    Ok((note, checkpoint))
}

fn remove_leftovers(disk: &dyn Disk, directory: &Path) -> Result<(), LogError> {
    let of = |name: &str| temporary(&directory.join(name));
    let names = [CHECKPOINT_FILE, PUBLIC_KEY_FILE, COSIGNER_PUBLIC_KEY_FILE, RECEIPT_PUBLIC_KEY_FILE];
    let mut unfinished = vec![next_path(directory)];
    unfinished.extend(names.map(of));
    unfinished.extend(list_all(directory)?.iter().filter(|segment| !segment.archived).map(|one| temporary(&one.path)));
    for path in unfinished {
        if path.exists() {
            disk.remove_file(&path).map_err(LogError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// What a newer version wrote is not gone on with: what it means is not known here, and would be lost or overwritten.
fn check_version(directory: &Path, note: &str, checkpoint: &Checkpoint) -> Result<(), Damage> {
    let plain = note.strip_prefix(checkpoint.text().as_str()).is_some_and(|rest| rest.starts_with('\n'));
    if !plain {
        let wrong = "it has lines that this program does not know: use the version of holdshort that wrote it";
        return Err(Damage::new(CHECKPOINT_FILE, 0, None, Wrong::Checkpoint(wrong.to_owned())));
    }
    let last = checkpoint.size.checked_sub(1).and_then(|last| Tile::of_tree(0, last >> 8, checkpoint.size));
    match last.map(|last| DirectoryTiles::new(directory).entries(last)) {
        Some(Err(damage)) if matches!(damage.wrong, Wrong::Version(_)) => Err(damage),
        // Other damage to tiles is mended from the records.
        _ => Ok(()),
    }
}

/// The seal at the checkpoint; `true` when its tiles are not those of the checkpoint and all must be made again.
fn open_seal(disk: &Arc<dyn Disk>, directory: &Path, checkpoint: &Checkpoint) -> (Seal, bool) {
    match Seal::from_tiles(Arc::clone(disk), directory, checkpoint.size) {
        Ok(seal) if seal.root() == checkpoint.root => return (seal, false),
        Ok(_) => tracing::warn!(size = checkpoint.size, "tiles do not lead to the checkpoint's root, rebuilding them"),
        Err(damage) => tracing::warn!(%damage, "tiles are incomplete, rebuilding them"),
    }
    (Seal::empty(Arc::clone(disk), directory), true)
}

/// Where the next record will stand.
struct End {
    segment: Segment,
    offset: u64,
    torn_bytes: u64,
}

/// Reads the records from `from` on into the seal, and makes sure of everything behind the checkpoint.
fn replay(
    disk: &dyn Disk,
    segments: &[Segment],
    from: u64,
    (checkpoint, known): (&Checkpoint, &Known),
    seal: &mut Seal,
) -> Result<Option<End>, LogError> {
    let start = segments.iter().rposition(|segment| segment.first_index <= from).unwrap_or_default();
    let mut segments = segments.iter().skip(start).peekable();
    let mut next = segments.peek().map_or(0, |segment| segment.first_index);
    if next > seal.size()
        && let Some(segment) = segments.peek()
    {
        let wrong = Wrong::Order { expected: seal.size(), found: next };
        return Err(Damage::new(segment.name.as_str(), 0, Some(seal.size()), wrong).into());
    }
    let mut end = None;
    while let Some(segment) = segments.next() {
        if segment.first_index != next {
            let wrong = Wrong::Order { expected: next, found: segment.first_index };
            return Err(Damage::new(segment.name.as_str(), 0, Some(next), wrong).into());
        }
        let mut scan = Scan::open(segment)?;
        let mut unsealed_from = None;
        let step = loop {
            let offset = scan.offset();
            let header = match scan.step()? {
                Step::Frame(header) => header,
                step => break step,
            };
            if header.index != next {
                let wrong = Wrong::Order { expected: next, found: header.index };
                return Err(Damage::new(segment.name.as_str(), offset, Some(next), wrong).into());
            }
            if !known.agrees(next, || Entry::commit(&header.salt, scan.payload())) {
                return Err(Damage::new(segment.name.as_str(), offset, Some(next), Wrong::Payload).into());
            }
            if next >= checkpoint.size && unsealed_from.is_none() {
                unsealed_from = Some(offset);
            }
            if next >= seal.size() {
                seal.push(&Entry::commit(&header.salt, scan.payload()))?;
                check_root(seal, checkpoint)?;
            }
            next = next.saturating_add(1);
        };
        let is_last = segments.peek().is_none();
        let torn_bytes = cut(disk, &mut scan, next, is_last, checkpoint, &step)?;
        if let Some(offset) = unsealed_from {
            rewrite(disk, segment, offset, scan.offset())?;
        }
        // Nothing is ever added to an archive: the next record begins a new segment.
        end = (!scan.segment().archived).then(|| End { segment: segment.clone(), offset: scan.offset(), torn_bytes });
    }
    if next < checkpoint.size || seal.size() < checkpoint.size {
        return Err(Damage::new(RECORDS_DIRECTORY, 0, Some(next), Wrong::Truncated(checkpoint.size)).into());
    }
    Ok(end)
}

/// What the tree says of the last records that the checkpoint covers: those of its last bundle. A segment that comes from
/// another log, or from another time of this one, must not be gone on with.
#[derive(Default)]
struct Known {
    first: u64,
    entries: Vec<Entry>,
    leaves: Vec<Hash>,
}

impl Known {
    fn of(directory: &Path, checkpoint: &Checkpoint) -> Self {
        let bundle = checkpoint.size.checked_sub(1).map(|last| last >> 8);
        let tile = bundle.and_then(|bundle| Tile::of_tree(0, bundle, checkpoint.size));
        let Some(tile) = tile else { return Self::default() };
        let mut tiles = DirectoryTiles::new(directory);
        Self {
            first: tile.index() << 8,
            entries: tiles.entries(tile).unwrap_or_default(),
            leaves: tiles.read(tile).unwrap_or_default(),
        }
    }

    /// Whether a record can be the one that the tree has here. Two files have to speak against it: either of them may be
    /// damaged itself, which is mended elsewhere.
    fn agrees(&self, index: u64, entry: impl FnOnce() -> Entry) -> bool {
        let place = index.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        let known = place.and_then(|place| self.entries.get(place).zip(self.leaves.get(place)));
        let Some((known, leaf)) = known else { return true };
        let entry = entry();
        entry == *known || entry.leaf() == *leaf
    }
}

/// Puts a copy in the place of the last segment. Whoever had the directory before and has not noticed yet writes into the old
/// one, which has no name any more.
fn replace(disk: &dyn Disk, directory: &Path, segment: &Segment) -> Result<(), LogError> {
    let (path, unfinished) = (&segment.path, temporary(&segment.path));
    let source = File::open(path).map_err(LogError::io("open", path))?;
    let length = source.metadata().map_err(LogError::io("read", path))?.len();
    let target = disk.create(&unfinished, 0o600).map_err(LogError::io("make", &unfinished))?;
    copy(&source, target.as_ref(), 0, length, path)?;
    target.sync().map_err(LogError::io("sync", &unfinished))?;
    // If we crash here, the temporary file is removed at the next start.
    disk.rename(&unfinished, path).map_err(LogError::io("rename to", path))?;
    let folder = directory.join(RECORDS_DIRECTORY);
    disk.sync_folder(&folder).map_err(LogError::io("sync", &folder))
}

/// Begins the tree with the entries of records that were dropped.
fn push_entries(directory: &Path, first: u64, checkpoint: &Checkpoint, seal: &mut Seal) -> Result<(), LogError> {
    let tiles = DirectoryTiles::new(directory);
    if first > checkpoint.size {
        let wrong = Wrong::Truncated(first);
        return Err(Damage::new(CHECKPOINT_FILE, 0, None, wrong).into());
    }
    while seal.size() < first {
        let bundle = seal.size() >> 8;
        let tile = Tile::of_tree(0, bundle, checkpoint.size)
            .ok_or_else(|| Damage::new(CHECKPOINT_FILE, 0, Some(seal.size()), Wrong::Truncated(first)))?;
        for entry in tiles.entries(tile)? {
            if seal.size() < first {
                seal.push(&entry)?;
                check_root(seal, checkpoint)?;
            }
        }
    }
    Ok(())
}

/// When all tiles are made again: the records must lead to the root that was signed.
fn check_root(seal: &Seal, checkpoint: &Checkpoint) -> Result<(), Damage> {
    if seal.size() != checkpoint.size || seal.root() == checkpoint.root {
        return Ok(());
    }
    let wrong = Wrong::Root { expected: checkpoint.root.to_string(), found: seal.root().to_string() };
    Err(Damage::new(CHECKPOINT_FILE, 0, None, wrong))
}

/// Decides what follows the last sound frame: nothing, a torn tail (overwritten with zeros), or damage.
fn cut(
    disk: &dyn Disk,
    scan: &mut Scan,
    next: u64,
    is_last: bool,
    checkpoint: &Checkpoint,
    step: &Step,
) -> Result<u64, LogError> {
    let (name, offset, path) = (scan.segment().name.clone(), scan.offset(), scan.segment().path.clone());
    let damage = |wrong| LogError::from(Damage::new(name, offset, Some(next), wrong));
    let tail = scan.tail(next)?;
    let torn_bytes = tail.used_until.saturating_sub(offset);
    let durable = tail.durable.max(checkpoint.size);
    match step {
        // Records of another version are none of a torn group: they may well have been acknowledged.
        Step::Broken(error @ FrameError::Version(_)) => return Err(damage(Wrong::Format(error.to_string()))),
        Step::Broken(error) if !is_last || durable > next => return Err(damage(Wrong::Format(error.to_string()))),
        _ if is_last && durable > next => return Err(damage(Wrong::Truncated(durable))),
        // A segment is left only when its last record is durable: there can be no torn tail in it.
        _ if !is_last && torn_bytes > 0 => return Err(damage(Wrong::Foreign)),
        _ => {}
    }
    if torn_bytes > 0 {
        tracing::warn!(offset, torn_bytes, "cutting an unfinished group of records");
        let file = disk.open(&path).map_err(LogError::io("open", &path))?;
        // Left as they are, old frames could one day follow new ones as if they belonged there.
        write_zeros(file.as_ref(), offset, tail.used_until).map_err(LogError::io("write", &path))?;
        file.sync().map_err(LogError::io("sync", &path))?;
    }
    Ok(torn_bytes)
}

/// Writes what lies behind the checkpoint once more and syncs it. After a failed sync the kernel may show bytes that are
/// not on the disk and count as written; only writing them again makes them durable.
fn rewrite(disk: &dyn Disk, segment: &Segment, from: u64, to: u64) -> Result<(), LogError> {
    let path = &segment.path;
    let source = File::open(path).map_err(LogError::io("open", path))?;
    let target = disk.open(path).map_err(LogError::io("open", path))?;
    copy(&source, target.as_ref(), from, to, path)?;
    target.sync().map_err(LogError::io("sync", path))
}

fn copy(source: &File, target: &dyn DiskFile, from: u64, to: u64, path: &Path) -> Result<(), LogError> {
    let mut chunk = vec![0; REWRITE_BYTES];
    let mut at = from;
    while at < to {
        let count = usize::try_from(to.saturating_sub(at)).unwrap_or(REWRITE_BYTES).min(REWRITE_BYTES);
        let bytes = chunk.get_mut(..count).unwrap_or_default();
        source.read_exact_at(bytes, at).map_err(LogError::io("read", path))?;
        target.write_at(bytes, at).map_err(LogError::io("write", path))?;
        at = at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
    Ok(())
}
