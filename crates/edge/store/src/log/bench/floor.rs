//! The floor: what this disk gives without any log, to a file that is preallocated and zero-written, like a segment.

use super::latencies::Latencies;
use super::payload::Payload;
use super::{BenchCase, BenchProgress, BenchStep, LogError};
use holdshort_ledger::FRAME_HEADER_BYTES;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes of the file.
const FILE_BYTES: usize = 64 << 20;
/// Bytes that are zero-written at once.
const ZEROS: usize = 1 << 20;

/// Name of the case that everything else is compared with.
pub(super) const ONE_SYNC: &str = "floor: one sync of one record, bare";

/// A file that is written from its beginning to its end, and again.
pub(super) struct Bare {
    file: File,
    path: PathBuf,
    at: u64,
}

impl Bare {
    pub(super) fn make(path: &Path) -> Result<Self, LogError> {
        let make = || {
            let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
            let zeros = vec![0; ZEROS];
            for at in (0..FILE_BYTES).step_by(ZEROS) {
                file.write_all_at(&zeros, at as u64)?;
            }
            file.sync_all()?;
            Ok(file)
        };
        let file = make().map_err(LogError::io("make", path))?;
        Ok(Self { file, path: path.to_owned(), at: 0 })
    }

    /// Writes and syncs. Gives the time that it took.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<Duration, LogError> {
        let length = bytes.len() as u64;
        if self.at.saturating_add(length) > FILE_BYTES as u64 {
            self.at = 0;
        }
        let start = Instant::now();
        let written: io::Result<()> = self.file.write_all_at(bytes, self.at).and_then(|()| self.file.sync_data());
        written.map_err(LogError::io("write", &self.path))?;
        self.at = self.at.saturating_add(length);
        Ok(start.elapsed())
    }

    pub(super) fn remove(self) -> Result<(), LogError> {
        std::fs::remove_file(&self.path).map_err(LogError::io("remove", &self.path))
    }
}

/// One record, one sync, again and again.
pub(super) fn syncs(path: &Path, payload: &Payload, duration: Duration) -> Result<BenchCase, LogError> {
    let mut bare = Bare::make(path)?;
    let frame = vec![7; payload.bytes().saturating_add(FRAME_HEADER_BYTES)];
    let mut latencies = Latencies::new();
    let begin = Instant::now();
    while begin.elapsed() < duration {
        latencies.add(bare.write(&frame)?);
    }
    let elapsed = begin.elapsed();
    bare.remove()?;
    Ok(BenchCase::new(ONE_SYNC, &latencies, elapsed, 1))
}

/// Groups of records, one sync each, written by nobody who hashes, frames or answers.
pub(super) fn groups(
    directory: &Path,
    payload: &Payload,
    group: usize,
    duration: Duration,
    progress: BenchProgress<'_>,
) -> Result<BenchCase, LogError> {
    let name = format!("floor: a group of {group}, bare");
    let mut bare = Bare::make(&directory.join("bare"))?;
    let mut latencies = Latencies::new();
    let begin = Instant::now();
    let mut number = 0u64;
    while begin.elapsed() < duration {
        let mut bytes = Vec::with_capacity(group.saturating_mul(payload.bytes().saturating_add(FRAME_HEADER_BYTES)));
        for _ in 0..group {
            bytes.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
            bytes.extend_from_slice(&payload.record(number));
            number = number.saturating_add(1);
        }
        latencies.add(bare.write(&bytes)?);
        let (done, total) = (begin.elapsed().as_secs(), duration.as_secs());
        progress(BenchStep { case: &name, done, total, unit: "s" });
    }
    let elapsed = begin.elapsed();
    bare.remove()?;
    Ok(BenchCase::new(name, &latencies, elapsed, group as u64))
}
