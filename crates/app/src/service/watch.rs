//! Policies and settings that change while the service runs.
//!
//! Files are looked at once a second instead of being watched through the kernel: inotify says nothing on network file
//! systems and in many containers, and a handful of `stat` calls a second costs nothing.

use crate::failure::Failure;
use crate::place::Place;
use crate::{clock, detectors, snapshot};
use async_trait::async_trait;
use holdshort_decide::Snapshot;
use holdshort_inventory::Pins;
use holdshort_server::{Candidate, Service, SnapshotSource};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Deepest folder that is looked into.
const DEPTH_MAX: u32 = 16;

/// Path, size, time of change in seconds and nanoseconds, and inode of each file.
pub(crate) type Fingerprint = Vec<(PathBuf, u64, i64, i64, u64)>;

/// Compiles a snapshot from the files as they are now.
#[derive(Clone)]
pub(crate) struct FileSource {
    place: Place,
}

impl FileSource {
    pub(crate) fn new(place: Place) -> Self {
        Self { place }
    }

    fn compile(&self) -> Result<Snapshot, Failure> {
        let loaded = self.place.load()?;
        let pins = Arc::new(Pins::new(loaded.config.pins.first_use, []));
        let data = self.place.data(&loaded).ok();
        snapshot::build(&loaded, data.as_ref(), Arc::default(), pins)
    }

    /// The files that a snapshot is made of, with what tells that one changed.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        // While the file cannot be read, a change of it is still noticed.
        let mut paths: Vec<PathBuf> = self.place.config.iter().cloned().collect();
        if let Ok(loaded) = self.place.load() {
            paths.extend(loaded.file.clone());
            paths.extend(loaded.config.policies.paths.iter().map(|path| loaded.resolve(path)));
            paths.extend(detectors::files(&loaded));
        }
        let mut found = Vec::new();
        for path in paths {
            look(&path, 0, &mut found);
        }
        found.sort();
        found
    }
}

#[async_trait]
impl SnapshotSource for FileSource {
    async fn load(&self) -> Candidate {
        let source = self.clone();
        let compiled = tokio::task::spawn_blocking(move || source.compile()).await;
        let flat = compiled.map_err(|error| vec![error.to_string()])?;
        flat.map_err(|failure| failure.to_string().lines().map(|line| line.trim().to_owned()).collect())
    }
}

/// Reloads whenever a file changed, or something that a feed of threat intelligence names has expired. `known`: the files before the snapshot in force was made of them, so that a change
/// meanwhile is noticed. Ends with the task that it runs in.
pub(crate) async fn follow(service: Arc<Service>, source: FileSource, mut known: Fingerprint) {
    let look = || {
        let source = source.clone();
        tokio::task::spawn_blocking(move || source.fingerprint())
    };
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // A reload that fails is tried again when a file changes, not every second.
    let mut tried_ms = None;
    loop {
        ticks.tick().await;
        let Ok(found) = look().await else { continue };
        let expiry_ms = service.snapshot().detectors().next_expiry_ms();
        let expired = expiry_ms.filter(|expiry_ms| *expiry_ms <= clock::now_ms() && tried_ms != Some(*expiry_ms));
        if found == known && expired.is_none() {
            continue;
        }
        tried_ms = expired.or(tried_ms);
        // Remembered before loading: a change during the load is noticed at the next look.
        known = found;
        match service.reload(source.load().await, "file").await {
            Ok(answer) if answer.accepted => {}
            Ok(answer) => {
                tracing::warn!(diagnostics = ?answer.diagnostics, "the change was refused; the last good state stays")
            }
            Err(fault) => tracing::error!(%fault, "the change cannot be recorded, so it does not take effect"),
        }
    }
}

fn look(path: &Path, depth: u32, found: &mut Fingerprint) {
    let Ok(metadata) = fs::metadata(path) else { return };
    let (size, inode) = (metadata.len(), metadata.ino());
    found.push((path.to_path_buf(), size, metadata.mtime(), metadata.mtime_nsec(), inode));
    if metadata.is_dir() && depth < DEPTH_MAX {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| look(&entry.path(), depth + 1, found));
    }
}
