//! What a simulated disk has for good, beside what its kernel shows: the difference is what a loss of power may take away.
//!
//! Real files are what the kernel shows. For each of them this keeps the bytes that were synced and, in order, the writes
//! since then; and the same for names. A sync of a file makes its writes last, a sync of a folder the names in it, and
//! nothing else does: file systems that do more by themselves are not relied on. A sync that fails leaves its writes as
//! *ghosts*: they can be read, no later sync writes them, and the power takes most of them.

use super::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const SECTOR_BYTES: usize = 512;

#[derive(Debug)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
    /// `false` for a ghost.
    dirty: bool,
}

/// A file, whatever it is called.
#[derive(Debug, Default)]
struct Node {
    mode: u32,
    lasting: Vec<u8>,
    pending: Vec<Write>,
    /// A sync of the whole file system failed on it, and its own next sync says so too.
    unreported: bool,
    /// What the disk has may differ from what the kernel shows.
    touched: bool,
}

#[derive(Debug)]
enum NameChange {
    Link { path: PathBuf, node: u64 },
    Rename { from: PathBuf, to: PathBuf, node: u64 },
    Unlink { path: PathBuf },
    Folder { path: PathBuf },
    NoFolder { path: PathBuf },
}

/// Names that are there.
#[derive(Clone, Debug, Default)]
struct Names {
    files: BTreeMap<PathBuf, u64>,
    folders: BTreeSet<PathBuf>,
}

#[derive(Debug, Default)]
pub(super) struct Platter {
    nodes: BTreeMap<u64, Node>,
    shown: Names,
    lasting: Names,
    changes: Vec<NameChange>,
    /// Folders that were ever made here; those above them are taken for granted.
    made: BTreeSet<PathBuf>,
    next: u64,
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Link { path, node } => drop(names.files.insert(path.clone(), *node)),
            Self::Rename { from, to, node } => {
                if names.files.get(from) == Some(node) {
                    names.files.remove(from);
                }
                names.files.insert(to.clone(), *node);
            }
            Self::Unlink { path } => drop(names.files.remove(path)),
            Self::Folder { path } => drop(names.folders.insert(path.clone())),
            Self::NoFolder { path } => drop(names.folders.remove(path)),
        }
    }

    /// Whether a sync of `folder` makes it last.
    fn is_in(&self, folder: &Path) -> bool {
        let (Self::Link { path, .. }
        | Self::Rename { to: path, .. }
        | Self::Unlink { path }
        | Self::Folder { path }
        | Self::NoFolder { path }) = self;
        path.parent() == Some(folder)
    }
}

impl Node {
    fn flush(&mut self) {
        let (dirty, ghosts) = std::mem::take(&mut self.pending).into_iter().partition(|write| write.dirty);
        self.pending = ghosts;
        let dirty: Vec<Write> = dirty;
        dirty.iter().for_each(|write| put(&mut self.lasting, write.offset, &write.bytes));
    }

    fn haunt(&mut self) {
        self.pending.iter_mut().for_each(|write| write.dirty = false);
    }

    /// Each sector of each write is there or not.
    fn lose(&mut self, dice: &mut Dice, survive: u64) {
        for write in std::mem::take(&mut self.pending) {
            let chance = if write.dirty { survive } else { survive / 4 };
            let mut at = write.offset;
            let mut rest = write.bytes.as_slice();
            while !rest.is_empty() {
                let (sector, behind) = rest.split_at(rest.len().min(SECTOR_BYTES - at % SECTOR_BYTES));
                if dice.percent(chance) {
                    put(&mut self.lasting, at, sector);
                }
                (at, rest) = (at + sector.len(), behind);
            }
            self.touched = true;
        }
        self.unreported = false;
    }
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

impl Platter {
    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.shown);
        self.changes.push(change);
    }

    pub(super) fn create_folder(&mut self, path: &Path) {
        let missing: Vec<PathBuf> = path
            .ancestors()
            .take_while(|above| !above.exists() && !self.shown.folders.contains(*above))
            .map(Path::to_owned)
            .collect();
        for path in missing.into_iter().rev() {
            self.made.insert(path.clone());
            self.change(NameChange::Folder { path });
        }
    }

    /// A new, empty file. Only files that nobody needs may be emptied: the old bytes are then simply another file.
    pub(super) fn create(&mut self, path: &Path, mode: u32) -> u64 {
        assert!(path.extension().is_some_and(|end| end == "tmp"), "{} is written in place", path.display());
        self.next += 1;
        self.nodes.insert(self.next, Node { mode, ..Node::default() });
        self.change(NameChange::Link { path: path.to_owned(), node: self.next });
        self.next
    }

    pub(super) fn open(&mut self, path: &Path) -> u64 {
        if let Some(node) = self.shown.files.get(path) {
            return *node;
        }
        self.next += 1;
        let lasting = std::fs::read(path).unwrap();
        self.nodes.insert(self.next, Node { mode: 0o600, lasting, ..Node::default() });
        self.shown.files.insert(path.to_owned(), self.next);
        self.lasting.files.insert(path.to_owned(), self.next);
        self.next
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        let node = self.open(from);
        self.change(NameChange::Rename { from: from.to_owned(), to: to.to_owned(), node });
    }

    pub(super) fn remove_file(&mut self, path: &Path) {
        self.change(NameChange::Unlink { path: path.to_owned() });
    }

    pub(super) fn remove_folder(&mut self, path: &Path) {
        let below = |one: &&PathBuf| one.starts_with(path);
        let files: Vec<PathBuf> = self.shown.files.keys().filter(below).cloned().collect();
        let folders: Vec<PathBuf> = self.shown.folders.iter().filter(below).cloned().collect();
        files.into_iter().for_each(|path| self.change(NameChange::Unlink { path }));
        folders.into_iter().rev().for_each(|path| self.change(NameChange::NoFolder { path }));
    }

    pub(super) fn write(&mut self, node: u64, offset: u64, bytes: &[u8]) {
        let offset = usize::try_from(offset).unwrap();
        let node = self.nodes.get_mut(&node).unwrap();
        node.touched = true;
        node.pending.push(Write { offset, bytes: bytes.to_vec(), dirty: true });
    }

    /// Whether the sync has to say that an earlier one failed.
    pub(super) fn sync(&mut self, node: u64) -> bool {
        let node = self.nodes.get_mut(&node).unwrap();
        if std::mem::take(&mut node.unreported) {
            node.haunt();
            return false;
        }
        node.flush();
        true
    }

    pub(super) fn sync_failed(&mut self, node: u64) {
        self.nodes.get_mut(&node).unwrap().haunt();
    }

    pub(super) fn sync_folder(&mut self, folder: &Path) {
        let (last, wait) = std::mem::take(&mut self.changes).into_iter().partition(|change| change.is_in(folder));
        self.changes = wait;
        let last: Vec<NameChange> = last;
        last.iter().for_each(|change| change.apply(&mut self.lasting));
    }

    pub(super) fn sync_all(&mut self) {
        std::mem::take(&mut self.changes).iter().for_each(|change| change.apply(&mut self.lasting));
        self.nodes.values_mut().for_each(Node::flush);
    }

    pub(super) fn sync_all_failed(&mut self) {
        for node in self.nodes.values_mut().filter(|node| node.pending.iter().any(|write| write.dirty)) {
            node.haunt();
            node.unreported = true;
        }
    }

    /// The power goes, and comes back: what was synced is there, and of the rest what the dice say.
    pub(super) fn lose_power(&mut self, dice: &mut Dice) {
        // The two extremes find the most: nothing but what was synced, and all but one thing.
        let survive = match dice.below(8) {
            0..3 => 0,
            3 => 100,
            4 => 95,
            _ => 5 + dice.below(90),
        };
        for change in std::mem::take(&mut self.changes) {
            if dice.percent(survive) {
                change.apply(&mut self.lasting);
            }
        }
        self.nodes.values_mut().for_each(|node| node.lose(dice, survive));
        let reachable = |path: &Path, folders: &BTreeSet<PathBuf>| {
            path.ancestors().skip(1).all(|above| !self.made.contains(above) || folders.contains(above))
        };
        let mut kept = self.lasting.clone();
        kept.folders.retain(|path| reachable(path, &self.lasting.folders));
        kept.files.retain(|path, _| reachable(path, &self.lasting.folders));
        self.show(&kept);
        self.nodes.retain(|node, _| kept.files.values().any(|kept| kept == node));
        self.nodes.values_mut().for_each(|node| node.touched = false);
        (self.shown, self.lasting) = (kept.clone(), kept);
    }

    /// Makes the real files what the disk has.
    fn show(&self, kept: &Names) {
        for (path, node) in &self.shown.files {
            if kept.files.get(path) != Some(node) && path.exists() {
                std::fs::remove_file(path).unwrap();
            }
        }
        for path in self.shown.folders.difference(&kept.folders).filter(|path| path.exists()) {
            // `lock` is not written through the disk, and may lie there.
            std::fs::remove_dir_all(path).unwrap();
        }
        kept.folders.iter().for_each(|path| std::fs::create_dir_all(path).unwrap());
        for (path, id) in &kept.files {
            let node = &self.nodes[id];
            if node.touched || self.shown.files.get(path) != Some(id) {
                let mut options = OpenOptions::new();
                let file = options.write(true).create(true).truncate(true).mode(node.mode).open(path);
                file.and_then(|mut file| file.write_all(&node.lasting)).unwrap();
            }
        }
    }
}
