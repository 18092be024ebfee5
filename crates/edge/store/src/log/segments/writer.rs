//! Writing segments: the one that takes records, and the next one, which is made while it fills.

use super::{Segment, header_bytes};
use crate::log::disk::{Disk, DiskFile, write_zeros};
use crate::log::error::LogError;
use crate::log::layout::{RECORDS_DIRECTORY, TEMPORARY, segment_name};
use crate::log::space::Gauge;
use holdshort_ledger::{FRAME_HEADER_BYTES, PAYLOAD_BYTES_MAX, SEGMENT_HEADER_BYTES, SegmentHeader};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Bytes of a new segment that are synced at once: a disk that takes 64 MiB in one go lets the records wait behind them.
const PREPARE_BYTES: u64 = 4 << 20;
/// Each segment is this many times larger than the one before, up to the maximum.
const GROWTH: u64 = 4;
/// Bytes at the end of a segment without successor that are for records that are kept on a nearly full disk.
const KEPT_BYTES: u64 = 256 << 10;

/// The segment that is written to, and the next one, which is prepared while this one fills.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    disk: Arc<dyn Disk>,
    gauge: Arc<Gauge>,
    directory: PathBuf,
    file: Box<dyn DiskFile>,
    path: PathBuf,
    offset: u64,
    capacity: u64,
    capacity_max: u64,
    next: Option<Next>,
}

/// The next segment, while it is made.
#[derive(Debug)]
struct Next {
    capacity: u64,
    made: JoinHandle<io::Result<()>>,
}

impl SegmentWriter {
    /// Makes a segment that begins with `first_index`.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        gauge: Arc<Gauge>,
        directory: &Path,
        first_index: u64,
        capacity: u64,
        capacity_max: u64,
    ) -> Result<Self, LogError> {
        let capacity = gauge.segment(capacity, segment_bytes_min()).ok_or_else(|| gauge.refusal())?;
        prepare(disk.as_ref(), directory, capacity).map_err(LogError::io("make", &next_path(directory)))?;
        let (file, path) = take_next(disk.as_ref(), directory, first_index)?;
        let directory = directory.to_owned();
        Ok(Self { disk, gauge, directory, file, path, offset: header_bytes(), capacity, capacity_max, next: None })
    }

    /// Goes on behind the last record of an existing segment.
    pub(crate) fn resume(
        disk: Arc<dyn Disk>,
        gauge: Arc<Gauge>,
        directory: &Path,
        segment: &Segment,
        offset: u64,
        capacity_max: u64,
    ) -> Result<Self, LogError> {
        let path = segment.path.clone();
        let file = disk.open(&path).map_err(LogError::io("open", &path))?;
        let capacity = std::fs::metadata(&path).map_err(LogError::io("read", &path))?.len();
        let directory = directory.to_owned();
        Ok(Self { disk, gauge, directory, file, path, offset, capacity, capacity_max, next: None })
    }

    /// Bytes that still fit. The last part of a segment without a successor is only for what is kept.
    pub(crate) fn room(&self, kept: bool) -> u64 {
        let room = self.capacity.saturating_sub(self.offset);
        if self.next.is_none() && !kept { room.saturating_sub(KEPT_BYTES) } else { room }
    }

    fn is_next_due(&self) -> bool {
        self.offset > self.capacity / 8
    }

    /// Writes frames and makes them durable. After an error nothing more may be written.
    pub(crate) fn append(&mut self, frames: &[u8]) -> Result<(), LogError> {
        self.file.write_at(frames, self.offset).map_err(LogError::io("write", &self.path))?;
        // If we crash before this sync, any part of the frames may be there: a torn tail, which nobody was told of.
        self.file.sync().map_err(LogError::io("sync", &self.path))?;
        self.offset = self.offset.saturating_add(u64::try_from(frames.len()).unwrap_or(u64::MAX));
        if self.is_next_due() {
            self.prepare_next();
        }
        Ok(())
    }

    /// Goes over to the next segment, which begins with `first_index`. `false`: the disk has no room for one.
    pub(crate) fn rotate(&mut self, first_index: u64) -> Result<bool, LogError> {
        self.prepare_next();
        let Some(Next { capacity, made }) = self.next.take() else { return Ok(false) };
        let made = made.join().unwrap_or_else(|_| Err(io::Error::other("preparing a segment panicked")));
        made.map_err(LogError::io("make", &next_path(&self.directory)))?;
        (self.file, self.path) = take_next(self.disk.as_ref(), &self.directory, first_index)?;
        self.capacity = capacity;
        self.offset = header_bytes();
        Ok(true)
    }

    fn next_capacity(&self) -> u64 {
        self.capacity.saturating_mul(GROWTH).min(self.capacity_max).max(segment_bytes_min())
    }

    /// Begins to make the next segment, unless that was begun or there is no room for it.
    pub(crate) fn prepare_next(&mut self) {
        if self.next.is_some() {
            return;
        }
        let Some(capacity) = self.gauge.segment(self.next_capacity(), segment_bytes_min()) else { return };
        let (disk, directory) = (Arc::clone(&self.disk), self.directory.clone());
        let made = std::thread::spawn(move || prepare(disk.as_ref(), &directory, capacity));
        self.next = Some(Next { capacity, made });
    }
}

impl Drop for SegmentWriter {
    /// Waits for the next segment, so that nothing is written once the directory is somebody else's.
    fn drop(&mut self) {
        if self.next.take().is_some_and(|next| next.made.join().is_err()) {
            tracing::error!("preparing a segment panicked");
        }
    }
}

/// A segment has room for its header and the longest frame.
pub(crate) fn segment_bytes_min() -> u64 {
    u64::try_from(SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + PAYLOAD_BYTES_MAX).unwrap_or(u64::MAX)
}

pub(crate) fn next_path(directory: &Path) -> PathBuf {
    directory.join(format!("{RECORDS_DIRECTORY}/next{TEMPORARY}"))
}

/// Writes the next segment full of zeros.
fn prepare(disk: &dyn Disk, directory: &Path, capacity: u64) -> io::Result<()> {
    let file = disk.create(&next_path(directory), 0o600)?;
    let mut at = 0;
    while at < capacity {
        let to = at.saturating_add(PREPARE_BYTES).min(capacity);
        write_zeros(file.as_ref(), at, to)?;
        file.sync()?;
        at = to;
    }
    Ok(())
}

/// Gives the prepared segment its header and its name.
fn take_next(disk: &dyn Disk, directory: &Path, first_index: u64) -> Result<(Box<dyn DiskFile>, PathBuf), LogError> {
    let (from, to) = (next_path(directory), directory.join(segment_name(first_index)));
    let file = disk.open(&from).map_err(LogError::io("open", &from))?;
    file.write_at(&SegmentHeader { first_index }.encode(), 0).map_err(LogError::io("write", &from))?;
    file.sync().map_err(LogError::io("sync", &from))?;
    // If we crash here, the temporary file is removed at the next start and made again.
    disk.rename(&from, &to).map_err(LogError::io("rename", &from))?;
    let folder = directory.join(RECORDS_DIRECTORY);
    disk.sync_folder(&folder).map_err(LogError::io("sync", &folder))?;
    Ok((file, to))
}
