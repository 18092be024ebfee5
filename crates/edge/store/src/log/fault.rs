//! A disk that fails where a test wants it to, and that loses what was not synced when its power goes.
//!
//! It changes real files, remembers what each unsynced change replaced, and puts that back sector by sector, as a coin
//! decides, when the power is lost. A failed sync marks its changes as the kernel does: readable, not dirty any more, and
//! lost with the power unless they are written again.

use super::disk::{Disk, DiskFile, RealDisk};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const SECTOR_BYTES: usize = 512;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// What happens at the chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Operations that need room fail, this one and all later ones.
    Full,
    /// This one operation fails, later ones work again.
    Broken,
    /// Half of this one is done, and nothing after it.
    Crash,
}

#[derive(Debug)]
enum Change {
    Write { file: u64, offset: u64, old: Vec<u8>, dirty: bool },
    Rename { file: u64, from: PathBuf, to: PathBuf, old: Option<Vec<u8>> },
}

#[derive(Debug, Default)]
struct State {
    plan: Option<(u64, Fault)>,
    done: u64,
    crashed: bool,
    files: BTreeMap<PathBuf, u64>,
    names: BTreeMap<u64, PathBuf>,
    changes: Vec<Change>,
}

/// What an operation has to do.
enum Order {
    Work,
    Half(io::Error),
    Fail(io::Error),
}

#[derive(Clone, Debug, Default)]
pub(super) struct FaultDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct FaultFile {
    disk: FaultDisk,
    id: u64,
    inner: Box<dyn DiskFile>,
}

impl FaultDisk {
    /// Fails at the `at`th operation from now on.
    pub(super) fn plan(&self, at: u64, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        (state.plan, state.done) = (Some((at, fault)), 0);
    }

    /// Works from now on; the power is on again.
    pub(super) fn mend(&self) {
        let mut state = self.0.lock().unwrap();
        (state.plan, state.crashed) = (None, false);
    }

    /// Operations since the plan was made.
    pub(super) fn done(&self) -> u64 {
        self.0.lock().unwrap().done
    }

    /// The power goes: each sector of each unsynced write, and each unsynced name, is there or not.
    pub(super) fn lose_power(&self, seed: u64) {
        let mut state = self.0.lock().unwrap();
        let mut coin = coin(seed);
        for change in std::mem::take(&mut state.changes).into_iter().rev() {
            match change {
                Change::Write { file, offset, old, .. } => {
                    let Some(path) = state.names.get(&file).filter(|path| path.exists()) else { continue };
                    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
                    let mut now = vec![0; old.len()];
                    let read = file.read_at(&mut now, offset).unwrap();
                    now.truncate(read);
                    for (sector, old) in now.chunks_mut(SECTOR_BYTES).zip(old.chunks(SECTOR_BYTES)) {
                        if coin() {
                            sector.copy_from_slice(&old[..sector.len()]);
                        }
                    }
                    file.write_all_at(&now, offset).unwrap();
                }
                Change::Rename { file, from, to, old } => {
                    if coin() && to.exists() {
                        std::fs::rename(&to, &from).unwrap();
                        old.into_iter().for_each(|old| std::fs::write(&to, old).unwrap());
                        state.names.insert(file, from);
                    }
                }
            }
        }
    }

    fn order(&self, needs_room: bool) -> Order {
        let mut state = self.0.lock().unwrap();
        let now = state.done;
        state.done += 1;
        let power_is_off = || io::Error::other("the power is off");
        match state.plan {
            _ if state.crashed => Order::Fail(power_is_off()),
            Some((at, Fault::Crash)) if now >= at => {
                state.crashed = true;
                Order::Half(power_is_off())
            }
            Some((at, Fault::Full)) if now >= at && needs_room => Order::Half(io::Error::from_raw_os_error(ENOSPC)),
            Some((at, Fault::Broken)) if now == at => Order::Fail(io::Error::from_raw_os_error(EIO)),
            _ => Order::Work,
        }
    }

    fn simple(&self, needs_room: bool, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        match self.order(needs_room) {
            Order::Work => work(),
            Order::Half(error) | Order::Fail(error) => Err(error),
        }
    }

    fn opened(&self, path: &Path, inner: Box<dyn DiskFile>, is_new: bool) -> Box<dyn DiskFile> {
        let mut state = self.0.lock().unwrap();
        let known = state.files.get(path).copied().filter(|_| !is_new);
        let id = known.unwrap_or_else(|| state.names.len() as u64);
        state.files.insert(path.to_owned(), id);
        state.names.insert(id, path.to_owned());
        Box::new(FaultFile { disk: self.clone(), id, inner })
    }
}

impl Disk for FaultDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.simple(true, || RealDisk.create_folder(path))
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn DiskFile>> {
        let mut file = None;
        self.simple(true, || {
            file = Some(RealDisk.create(path, mode)?);
            Ok(())
        })?;
        Ok(self.opened(path, file.unwrap(), true))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut file = None;
        self.simple(false, || {
            file = Some(RealDisk.open(path)?);
            Ok(())
        })?;
        Ok(self.opened(path, file.unwrap(), false))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.simple(true, || {
            let old = std::fs::read(to).ok();
            RealDisk.rename(from, to)?;
            let mut state = self.0.lock().unwrap();
            if let Some(file) = state.files.remove(from) {
                state.files.insert(to.to_owned(), file);
                state.names.insert(file, to.to_owned());
                state.changes.push(Change::Rename { file, from: from.to_owned(), to: to.to_owned(), old });
            }
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.simple(false, || RealDisk.remove_file(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.simple(false, || RealDisk.remove_folder(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.simple(true, || {
            let lasting = |to: &Path| to.parent() == Some(path);
            let mut state = self.0.lock().unwrap();
            state.changes.retain(|change| !matches!(change, Change::Rename { to, .. } if lasting(to)));
            Ok(())
        })
    }

    fn sync_file_system(&self, _path: &Path) -> io::Result<()> {
        self.simple(true, || {
            let mut state = self.0.lock().unwrap();
            state.changes.retain(|change| matches!(change, Change::Write { dirty: false, .. }));
            Ok(())
        })
    }
}

impl FaultFile {
    /// Writes, and remembers what was there before.
    fn put(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        let path = state.names.get(&self.id).unwrap().clone();
        let mut old = vec![0; bytes.len()];
        if let Ok(file) = File::open(&path) {
            let mut read = 0;
            while let Ok(count @ 1..) = file.read_at(&mut old[read..], at + read as u64) {
                read += count;
            }
        }
        let end = at + bytes.len() as u64;
        for change in &mut state.changes {
            if let Change::Write { file, offset, old, dirty } = change
                && *file == self.id
                && *offset < end
                && at < *offset + old.len() as u64
            {
                *dirty = true;
            }
        }
        state.changes.push(Change::Write { file: self.id, offset: at, old, dirty: true });
        self.inner.write_at(bytes, at)
    }
}

impl DiskFile for FaultFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self.disk.order(true) {
            Order::Work => self.put(bytes, offset),
            Order::Half(error) => self.put(&bytes[..bytes.len() / 2], offset).and(Err(error)),
            Order::Fail(error) => Err(error),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let done = self.disk.simple(true, || Ok(()));
        let mut state = self.disk.0.lock().unwrap();
        let crashed = state.crashed;
        let id = self.id;
        match &done {
            Ok(()) => {
                state.changes.retain(|change| !matches!(change, Change::Write { file, dirty: true, .. } if *file == id))
            }
            Err(_) if crashed => {}
            Err(_) => state.changes.iter_mut().for_each(|change| match change {
                Change::Write { file, dirty, .. } if *file == id => *dirty = false,
                _ => {}
            }),
        }
        done
    }
}

/// A coin with a seed.
fn coin(seed: u64) -> impl FnMut() -> bool {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state & 0x100 == 0
    }
}
