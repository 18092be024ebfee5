//! A disk that fails where a test wants it to, and that loses what was not synced when its power goes (module `platter`).
//!
//! Changes are counted. The log has several threads, so the same count is not always the same change; the history says
//! which it was.

use super::dice::Dice;
use super::disk::{Disk, DiskFile, RealDisk};
use super::platter::Platter;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
/// Changes that the history goes back.
const HISTORY: usize = 120;

/// What happens at the chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Operations that need room fail, this one and all later ones.
    Full,
    /// This one operation fails, later ones work again.
    Broken,
    /// This one and all later ones fail.
    ReadOnly,
    /// Half of this one is done, and nothing after it.
    Crash,
}

/// Tells changes by how the history calls them.
pub(super) type Kind = fn(&str) -> bool;

#[derive(Debug)]
struct Plan {
    kind: Kind,
    /// Changes of the kind that still work.
    left: u64,
    fault: Fault,
    /// Whether it has begun to fail.
    now: bool,
}

#[derive(Debug, Default)]
struct State {
    plan: Option<Plan>,
    /// Changes since the plan was made.
    done: u64,
    crashed: bool,
    platter: Platter,
    history: VecDeque<String>,
    /// Syncs of which it only says that they were done.
    lie: Option<Kind>,
}

/// What an operation has to do.
enum Order {
    Work,
    Lie,
    Half(io::Error),
    Fail(io::Error),
}

#[derive(Clone, Debug, Default)]
pub(super) struct FaultDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct FaultFile {
    disk: FaultDisk,
    node: u64,
    name: String,
    inner: Box<dyn DiskFile>,
}

impl Plan {
    /// Whether this change fails, and how.
    fn due(&mut self, what: &str) -> Option<Fault> {
        if self.now {
            return (self.fault != Fault::Broken).then_some(self.fault);
        }
        if !(self.kind)(what) {
            return None;
        }
        self.now = self.left == 0;
        self.left = self.left.saturating_sub(1);
        self.now.then_some(self.fault)
    }
}

impl State {
    fn order(&mut self, needs_room: bool, what: String) -> Order {
        self.done += 1;
        let power_is_off = || io::Error::other("the power is off");
        let code = io::Error::from_raw_os_error;
        let due = self.plan.as_mut().and_then(|plan| plan.due(&what));
        let order = match due {
            _ if self.crashed => Order::Fail(power_is_off()),
            Some(Fault::Crash) => {
                self.crashed = true;
                Order::Half(power_is_off())
            }
            Some(Fault::Full) if needs_room => Order::Half(code(ENOSPC)),
            Some(Fault::ReadOnly) => Order::Fail(code(EROFS)),
            Some(Fault::Broken) => Order::Fail(code(EIO)),
            _ if self.lie.is_some_and(|lie| lie(&what)) => Order::Lie,
            _ => Order::Work,
        };
        let thread = std::thread::current().name().unwrap_or("a thread").to_owned();
        let came = match &order {
            Order::Work => String::new(),
            Order::Lie => ": not done".to_owned(),
            Order::Half(error) | Order::Fail(error) => format!(": {error}"),
        };
        self.history.push_back(format!("{:4} {thread}: {what}{came}", self.done));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        order
    }
}

impl FaultDisk {
    /// A disk that only says that it did some of its syncs.
    pub(super) fn lying(lie: Kind) -> Self {
        let disk = Self::default();
        disk.0.lock().unwrap().lie = Some(lie);
        disk
    }

    /// Fails at the `at`th operation from now on.
    pub(super) fn plan(&self, at: u64, fault: Fault) {
        self.plan_kind(|_| true, at, fault);
    }

    /// The same, and only changes of one kind count.
    pub(super) fn plan_kind(&self, kind: Kind, at: u64, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        (state.plan, state.done) = (Some(Plan { kind, left: at, fault, now: false }), 0);
    }

    /// Nothing that is asked from now on is done.
    pub(super) fn cut_power(&self) {
        self.0.lock().unwrap().crashed = true;
    }

    /// Whether the power is off.
    pub(super) fn is_off(&self) -> bool {
        self.0.lock().unwrap().crashed
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
        state.history.push_back(format!("     the power is lost ({seed})"));
        state.platter.lose_power(&mut Dice::new(seed));
    }

    /// The last changes, oldest first.
    pub(super) fn history(&self) -> Vec<String> {
        self.0.lock().unwrap().history.iter().cloned().collect()
    }

    /// One change: in the real files, and on the platter when that went well.
    fn change<T>(
        &self,
        what: String,
        needs_room: bool,
        work: impl FnOnce(&mut Platter) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        match state.order(needs_room, what) {
            Order::Work | Order::Lie => work(&mut state.platter),
            Order::Half(error) | Order::Fail(error) => Err(error),
        }
    }

    fn file(&self, path: &Path, node: u64, inner: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FaultFile { disk: self.clone(), node, name: name(path), inner })
    }
}

/// A folder in memory, where there is such a place: what lasts is up to the platter, and nothing waits for a real disk.
pub(super) fn memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The end of a path, for the history.
fn name(path: &Path) -> String {
    let mut parts: Vec<_> = path.iter().rev().take(3).map(|part| part.to_string_lossy()).collect();
    parts.reverse();
    parts.join("/")
}

impl Disk for FaultDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.change(format!("make folder {}", name(path)), true, |platter| {
            platter.create_folder(path);
            RealDisk.create_folder(path)
        })
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn DiskFile>> {
        let (node, inner) = self.change(format!("make {}", name(path)), true, |platter| {
            let inner = RealDisk.create(path, mode)?;
            Ok((platter.create(path, mode), inner))
        })?;
        Ok(self.file(path, node, inner))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let (node, inner) = self.change(format!("open {}", name(path)), false, |platter| {
            let inner = RealDisk.open(path)?;
            Ok((platter.open(path), inner))
        })?;
        Ok(self.file(path, node, inner))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(format!("rename to {}", name(to)), true, |platter| {
            platter.rename(from, to);
            RealDisk.rename(from, to)
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(format!("remove {}", name(path)), false, |platter| {
            RealDisk.remove_file(path)?;
            platter.remove_file(path);
            Ok(())
        })
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.change(format!("remove folder {}", name(path)), false, |platter| {
            RealDisk.remove_folder(path)?;
            platter.remove_folder(path);
            Ok(())
        })
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        match state.order(true, format!("sync folder {}", name(path))) {
            Order::Work => state.platter.sync_folder(path),
            Order::Lie => {}
            Order::Half(error) | Order::Fail(error) => return Err(error),
        }
        std::fs::metadata(path).map(drop)
    }

    fn sync_file_system(&self, _path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        match state.order(true, "sync the file system".to_owned()) {
            Order::Work => state.platter.sync_all(),
            Order::Lie => {}
            Order::Half(error) | Order::Fail(error) => {
                if !state.crashed {
                    state.platter.sync_all_failed();
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

impl DiskFile for FaultFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        let what = format!("write {} bytes at {offset} of {}", bytes.len(), self.name);
        let (bytes, result) = match state.order(true, what) {
            Order::Work | Order::Lie => (bytes, Ok(())),
            Order::Half(error) => (&bytes[..bytes.len() / 2], Err(error)),
            Order::Fail(error) => return Err(error),
        };
        self.inner.write_at(bytes, offset)?;
        state.platter.write(self.node, offset, bytes);
        result
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        match state.order(true, format!("sync {}", self.name)) {
            Order::Work if state.platter.sync(self.node) => Ok(()),
            Order::Lie => Ok(()),
            Order::Work => Err(io::Error::from_raw_os_error(EIO)),
            Order::Half(error) | Order::Fail(error) => {
                if !state.crashed {
                    state.platter.sync_failed(self.node);
                }
                Err(error)
            }
        }
    }
}
