//! The sealer: follows the writer with tiles, entry bundles and signed checkpoints.

use super::backlog::{Giver, Taken, Taker, backlog};
use super::disk::Disk;
use super::fence::Lock;
use super::keys::Keys;
use super::layout::{CHECKPOINT_FILE, temporary};
use super::queue::{Alive, State};
use super::tiles::DirectoryTiles;
use super::{Damage, LogError};
use holdshort_ledger::{Checkpoint, ENTRY_BYTES, Edge, EdgeError, Entry, Hash, Tile, encode_bundle};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Up to this many files are synced one by one; more of them with one sync of the file system.
const SYNC_EACH_MAX: usize = 16;
/// Finished files that may wait for the next sync.
const UNFINISHED_MAX: usize = 8_192;

/// Tiles and checkpoints of a log, as far as they are written.
#[derive(Debug)]
pub(crate) struct Seal {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    edge: Edge,
    /// Entries of the last, incomplete bundle.
    bundle: Vec<[u8; ENTRY_BYTES]>,
    /// Files that are written under temporary names and not yet synced.
    unfinished: Vec<PathBuf>,
    /// Folders of partial tiles that full ones replace.
    replaced: Vec<PathBuf>,
    /// Folders that are known to be there.
    folders: BTreeSet<PathBuf>,
    /// Size of the last checkpoint.
    sealed: u64,
    /// What the checkpoint on disk has to be before it is replaced.
    fence: Option<Fence>,
}

#[derive(Debug)]
struct Fence {
    lock: Arc<Lock>,
    /// The checkpoint that was written or read last.
    ours: Option<String>,
}

impl Seal {
    /// An empty log's.
    pub(crate) fn empty(disk: Arc<dyn Disk>, directory: &Path) -> Self {
        Self {
            disk,
            directory: directory.to_owned(),
            edge: Edge::default(),
            bundle: Vec::new(),
            unfinished: Vec::new(),
            replaced: Vec::new(),
            folders: BTreeSet::new(),
            sealed: 0,
            fence: None,
        }
    }

    /// The same, for a directory of which another process may think that it is its own: a checkpoint is replaced only while
    /// the lock is ours and the checkpoint on disk is this one.
    pub(crate) fn fenced(self, lock: Arc<Lock>, ours: Option<String>) -> Self {
        Self { fence: Some(Fence { lock, ours }), ..self }
    }

    /// That of a log with this checkpoint, from its tiles. The caller compares the root.
    pub(crate) fn from_tiles(disk: Arc<dyn Disk>, directory: &Path, size: u64) -> Result<Self, Damage> {
        let mut tiles = DirectoryTiles::new(directory);
        let edge = Edge::from_tiles(size, &mut tiles).map_err(|error| match error {
            EdgeError::Read(_, damage) => damage,
            EdgeError::Width { tile, .. } => Damage::new(tile.path(), 0, None, super::Wrong::Missing),
        })?;
        let mut bundle = Vec::new();
        if let Some((tile, hashes)) = edge.partial_tiles().next().filter(|(tile, _)| tile.level() == 0) {
            let entries = tiles.entries(tile)?;
            if let Some(at) = entries.iter().zip(hashes).position(|(entry, hash)| entry.leaf() != *hash) {
                return Err(Damage::new(tile.entries_path(), 0, None, super::Wrong::Tile(at)));
            }
            bundle.extend(entries.iter().map(|entry| *entry.as_bytes()));
        }
        Ok(Self { edge, bundle, sealed: size, ..Self::empty(disk, directory) })
    }

    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.edge.root()
    }

    /// The right edge of the tree.
    pub(crate) fn edge(&self) -> &Edge {
        &self.edge
    }

    fn is_behind(&self) -> bool {
        self.sealed != self.edge.size()
    }

    /// Adds an entry whose record is durable; writes the tiles and the bundle that it completes.
    pub(crate) fn push(&mut self, entry: &Entry) -> Result<(), LogError> {
        let mut completed: Vec<(Tile, Vec<u8>)> = Vec::new();
        self.edge.push(entry.leaf(), &mut |tile, hashes| completed.push((tile, Tile::encode(hashes))));
        self.bundle.push(*entry.as_bytes());
        for (tile, bytes) in completed {
            if tile.level() == 0 {
                let bundle = encode_bundle(&std::mem::take(&mut self.bundle));
                self.write(&tile.entries_path(), &bundle)?;
                self.replaced.push(self.directory.join(format!("{}.p", tile.entries_path())));
            }
            self.write(&tile.path(), &bytes)?;
            self.replaced.push(self.directory.join(format!("{}.p", tile.path())));
        }
        if self.unfinished.len() >= UNFINISHED_MAX { self.finish_files() } else { Ok(()) }
    }

    /// Makes everything durable and signs a checkpoint over it. Gives the signed note.
    pub(crate) fn seal(&mut self, keys: &Keys) -> Result<String, LogError> {
        self.write_tiles()?;
        // If we crash here, tiles are ahead of the checkpoint: harmless, the next start writes the same ones again.
        let origin = keys.log.verifier().name().to_owned();
        let note = Checkpoint { origin, size: self.size(), root: self.root() }.sign(&keys.log).and_then(|mut note| {
            keys.cosigner.cosign(&mut note, now_s())?;
            Ok(note.to_string())
        });
        let note = note.map_err(|_| LogError::Key {
            file: self.directory.join(CHECKPOINT_FILE),
            what: "cannot be signed: the log's origin is not a plain text of at most 255 bytes",
        })?;
        self.store_checkpoint(&note)?;
        Ok(note)
    }

    /// Makes everything durable, and then a checkpoint that somebody else signed. The caller has compared the root.
    pub(crate) fn store(&mut self, note: &str) -> Result<(), LogError> {
        self.write_tiles()?;
        self.store_checkpoint(note)
    }

    fn write_tiles(&mut self) -> Result<(), LogError> {
        self.write_partial()?;
        self.finish_files()
    }

    fn store_checkpoint(&mut self, note: &str) -> Result<(), LogError> {
        let path = self.directory.join(CHECKPOINT_FILE);
        let disk = self.disk.as_ref();
        let unfinished = temporary(&path);
        let file = disk.create(&unfinished, 0o644).map_err(LogError::io("make", &unfinished))?;
        file.write_at(note.as_bytes(), 0).map_err(LogError::io("write", &unfinished))?;
        file.sync().map_err(LogError::io("sync", &unfinished))?;
        // As late as can be: between this look and the new name nobody may put another one there.
        if let Some(fence) = &mut self.fence {
            fence.lock.check_contents()?;
            fence.lock.check_checkpoint(fence.ours.as_deref())?;
            // What is on disk after a failure is one or the other; the log has ended then.
            fence.ours = Some(note.to_owned());
        }
        // If we crash here, the old checkpoint stands and the temporary file is removed at the next start.
        disk.rename(&unfinished, &path).map_err(LogError::io("rename to", &path))?;
        disk.sync_folder(&self.directory).map_err(LogError::io("sync", &self.directory))?;
        self.sealed = self.size();
        // Only now: a reader of the old checkpoint finds the full tile where the partial one was.
        for folder in std::mem::take(&mut self.replaced) {
            if folder.exists() {
                self.disk.remove_folder(&folder).map_err(LogError::io("remove", &folder))?;
            }
        }
        Ok(())
    }

    fn write_partial(&mut self) -> Result<(), LogError> {
        let partial: Vec<(Tile, Vec<u8>)> =
            self.edge.partial_tiles().map(|(tile, hashes)| (tile, Tile::encode(hashes))).collect();
        for (tile, bytes) in partial {
            if tile.level() == 0 {
                let bundle = encode_bundle(&self.bundle);
                self.write(&tile.entries_path(), &bundle)?;
            }
            self.write(&tile.path(), &bytes)?;
        }
        Ok(())
    }

    /// Writes a file under its temporary name.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), LogError> {
        let path = self.directory.join(name);
        if let Some(folder) = path.parent().filter(|folder| !self.folders.contains(*folder)) {
            self.disk.create_folder(folder).map_err(LogError::io("make", folder))?;
            self.folders.insert(folder.to_owned());
        }
        let unfinished = temporary(&path);
        let file = self.disk.create(&unfinished, 0o644).map_err(LogError::io("make", &unfinished))?;
        file.write_at(bytes, 0).map_err(LogError::io("write", &unfinished))?;
        self.unfinished.push(path);
        Ok(())
    }

    /// Syncs the files, gives them their names, and makes the names durable.
    fn finish_files(&mut self) -> Result<(), LogError> {
        let paths = std::mem::take(&mut self.unfinished);
        let few = paths.len() <= SYNC_EACH_MAX;
        let whole = |disk: &dyn Disk, directory: &Path| {
            disk.sync_file_system(directory).map_err(LogError::io("sync the file system of", directory))
        };
        if few {
            for path in &paths {
                let unfinished = temporary(path);
                let file = self.disk.open(&unfinished).map_err(LogError::io("open", &unfinished))?;
                file.sync().map_err(LogError::io("sync", &unfinished))?;
            }
        } else {
            whole(self.disk.as_ref(), &self.directory)?;
        }
        for path in &paths {
            self.disk.rename(&temporary(path), path).map_err(LogError::io("rename to", path))?;
        }
        // The folders are forgotten: those of partial tiles will be removed.
        let folders = std::mem::take(&mut self.folders);
        if !few {
            return whole(self.disk.as_ref(), &self.directory);
        }
        let mut named = BTreeSet::new();
        for folder in &folders {
            named.extend(folder.ancestors().take_while(|above| above.starts_with(&self.directory)).map(Path::to_owned));
        }
        for folder in named {
            self.disk.sync_folder(&folder).map_err(LogError::io("sync", &folder))?;
        }
        Ok(())
    }
}

/// Seconds since 1970, for cosignatures. A clock before that says 0: no statement about the time.
fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The sealer's thread, and how to talk to it.
#[derive(Debug)]
pub(crate) struct Sealer {
    backlog: Option<Giver>,
    thread: Option<JoinHandle<()>>,
}

impl Sealer {
    pub(crate) fn start(seal: Seal, keys: Keys, interval: Duration, alive: Alive) -> std::io::Result<Self> {
        let (backlog, incoming) = backlog();
        let run = move || {
            if let Err(error) = follow(seal, &keys, interval, &incoming, &alive.state) {
                alive.state.poison(&error);
            }
        };
        let thread = std::thread::Builder::new().name("log-sealer".into()).spawn(run)?;
        Ok(Self { backlog: Some(backlog), thread: Some(thread) })
    }

    /// Hands over entries whose records are durable. `false` when the sealer has ended.
    pub(crate) fn push(&self, entries: Vec<Entry>) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.give(entries))
    }
}

impl Drop for Sealer {
    /// Seals what was handed over, and waits for it: also when the writer panics, nothing is written once the lock is given back.
    fn drop(&mut self) {
        drop(self.backlog.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the log's sealer panicked");
        }
    }
}

fn follow(mut seal: Seal, keys: &Keys, interval: Duration, incoming: &Taker, state: &State) -> Result<(), LogError> {
    let mut last: Option<Instant> = None;
    let mut waiting: Vec<Entry> = Vec::new();
    let mut is_out = false;
    loop {
        let due = last.map_or(Duration::ZERO, |last| interval.saturating_sub(last.elapsed()));
        state.gauge.look_if_due();
        let look = state.gauge.due_in();
        // On a disk without room nothing is sealed, however long that is due: only the next look can change it.
        let group = incoming.take(if seal.is_behind() && !is_out { due.min(look) } else { look });
        match group {
            Taken::Entries(entries) => waiting.extend(entries),
            Taken::Nothing => {}
            Taken::Closed => break,
        }
        // The records are durable; a tile that does not fit would end the log. The writer takes next to nothing meanwhile.
        is_out = state.gauge.is_out();
        if is_out {
            continue;
        }
        waiting.drain(..).try_for_each(|entry| seal.push(&entry))?;
        if seal.is_behind() && last.is_none_or(|last| last.elapsed() >= interval) {
            state.set_checkpoint(seal.seal(keys)?);
            last = Some(Instant::now());
        }
    }
    waiting.drain(..).try_for_each(|entry| seal.push(&entry))?;
    if seal.is_behind() {
        state.set_checkpoint(seal.seal(keys)?);
    }
    Ok(())
}
