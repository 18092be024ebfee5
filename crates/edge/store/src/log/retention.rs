//! What becomes of old records: finished segments are compressed, and at last dropped. Never done by the writer.
//!
//! A segment is touched only when a later one exists and a checkpoint on disk covers all of it. The original goes when its
//! archive was synced, read back and compared; dropped segments go when the signed statement that says so is durable.
//!
//! The age of a segment is that of its newest record, by the time that the record itself says (module `times`): a copy of the
//! directory has the same ages. Where no record can be read, the first that can in the next segment tells, and at last the
//! time of the file. No segment is older than one before it, so that a clock that was set back makes nothing old. Whether the
//! clock itself can be believed is judged apart (module `clock`), and the caller asks for that before it drops anything.

use super::archive;
use super::clock::{Believed, ClockState};
use super::disk::{Disk, RealDisk, write_whole};
use super::dropped::Dropped;
use super::error::{Damage, LogError, Wrong};
use super::keys;
use super::layout::{
    CLOCK_FILE, DROPPED_FILE, PUBLIC_KEY_FILE, RECORDS_DIRECTORY, RETENTION_LOCK_FILE, archive_name, temporary,
};
use super::recover::read_checkpoint;
use super::segments::{Scan, Segment, Step, list, list_all};
use super::times::Times;
use crate::keys::Keys;
use holdshort_ledger::VerifierKey;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Where the records of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// As they were written.
    Live,
    /// Compressed.
    Archived,
}

/// A segment that may be archived or dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its file, relative to the log's directory.
    pub name: String,
    /// Index of its first record.
    pub first: u64,
    /// Records in it.
    pub records: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// Where its records are.
    pub tier: Tier,
}

/// What archiving came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// Segments.
    pub segments: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of their files before.
    pub bytes_before: u64,
    /// Bytes of the archives; 0 when nothing was written.
    pub bytes_after: u64,
}

/// What would be dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropPlan {
    /// Index of the first record that is kept.
    pub first: u64,
    /// Segments that go.
    pub segments: Vec<Finished>,
    /// When the newest of their records was written; none where nobody asked for ages.
    pub newest: Option<SystemTime>,
}

impl DropPlan {
    /// Records that go.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.segments.iter().map(|segment| segment.records).sum()
    }

    /// Bytes of their files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

/// The old records of a log directory, beside a writer that may be running. One at a time.
#[derive(Debug)]
pub struct Retention {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    key: VerifierKey,
    times: Times,
    lock: File,
}

impl Retention {
    /// Takes charge of a log's old records, and finishes what a crash interrupted.
    ///
    /// # Errors
    /// [`LogError::Busy`] when another process does; [`LogError::Key`], [`LogError::Damaged`], [`LogError::Io`].
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        Self::open_on(Arc::new(RealDisk), directory)
    }

    pub(crate) fn open_on(disk: Arc<dyn Disk>, directory: &Path) -> Result<Self, LogError> {
        let key = keys::read_public(&directory.join(PUBLIC_KEY_FILE))?;
        let path = directory.join(RETENTION_LOCK_FILE);
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let lock = opened.map_err(LogError::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LogError::Busy { directory: directory.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(LogError::io("lock", &path)(error)),
        }
        let (directory, times) = (directory.to_owned(), Times::default());
        let retention = Self { disk, directory, key, times, lock };
        retention.remove_leftovers()?;
        Ok(retention)
    }

    /// Reads the times of sealed records, too.
    #[must_use]
    pub fn with_keys(mut self, keys: Option<Keys>) -> Self {
        self.times = Times::new(keys);
        self
    }

    /// Whether the clock can be believed that says that it is `now`, for whoever keeps records for this long; to be asked before
    /// anything is dropped for its age. Remembers a clock that is.
    ///
    /// # Errors
    /// [`LogError`] when the directory cannot be read or written.
    pub fn judge_clock(&self, now: SystemTime, kept: Duration) -> Result<ClockState, LogError> {
        let last = list(&self.directory)?.pop();
        let newest = last.and_then(|last| self.times.newest(&last).ok().flatten());
        self.believed().judge(now, newest, kept)
    }

    /// A person says that the clock is right.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn believe_clock(&self, now: SystemTime) -> Result<(), LogError> {
        self.believed().write(now)
    }

    fn believed(&self) -> Believed {
        Believed::new(Arc::clone(&self.disk), &self.directory)
    }

    /// The segments that may be archived or dropped, oldest first.
    ///
    /// # Errors
    /// [`LogError`] when the directory or its checkpoint cannot be read.
    pub fn finished(&self) -> Result<Vec<Finished>, LogError> {
        let (_, checkpoint) = read_checkpoint(&self.directory, &self.key)?;
        let segments = list(&self.directory)?;
        let mut finished = Vec::new();
        for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
            if next.first_index > checkpoint.size {
                break;
            }
            let metadata = std::fs::metadata(&segment.path).map_err(LogError::io("read", &segment.path))?;
            finished.push(Finished {
                name: segment.name.clone(),
                first: segment.first_index,
                records: next.first_index.saturating_sub(segment.first_index),
                bytes: metadata.len(),
                tier: if segment.archived { Tier::Archived } else { Tier::Live },
            });
        }
        Ok(finished)
    }

    /// Compresses the segments that were written before `before`. Between two of them it asks whether to go on.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when a segment is not sound: it is left as it is; [`LogError::Io`].
    pub fn archive(&self, before: SystemTime, dry_run: bool, go_on: &dyn Fn() -> bool) -> Result<Archived, LogError> {
        let mut done = Archived::default();
        let mut newest = SystemTime::UNIX_EPOCH;
        for segment in self.finished()?.into_iter().filter(|segment| segment.tier == Tier::Live) {
            newest = newest.max(self.written(&segment)?);
            if newest >= before || !go_on() {
                break;
            }
            if !dry_run {
                done.bytes_after = done.bytes_after.saturating_add(self.archive_one(&segment)?);
            }
            done.segments = done.segments.saturating_add(1);
            done.records = done.records.saturating_add(segment.records);
            done.bytes_before = done.bytes_before.saturating_add(segment.bytes);
        }
        Ok(done)
    }

    /// Gives the length of the archive.
    fn archive_one(&self, finished: &Finished) -> Result<u64, LogError> {
        let path = self.directory.join(&finished.name);
        let target = self.directory.join(archive_name(finished.first));
        let folder = self.directory.join(RECORDS_DIRECTORY);
        let length = self.sound_bytes(finished)?;
        let source = File::open(&path).map_err(LogError::io("open", &path))?;
        let modified = source.metadata().and_then(|metadata| metadata.modified());
        let modified = modified.map_err(LogError::io("read", &path))?;

        let unfinished = temporary(&target);
        let archive = self.disk.create(&unfinished, 0o600).map_err(LogError::io("make", &unfinished))?;
        let packed = archive::pack(&source, length, archive.as_ref()).map_err(LogError::io("write", &unfinished))?;
        // The age goes by it where no record tells one. If it is not kept, the archive counts as new and stays longer.
        let dated = File::options().write(true).open(&unfinished).and_then(|file| file.set_modified(modified));
        dated.map_err(LogError::io("date", &unfinished))?;
        archive.sync().map_err(LogError::io("sync", &unfinished))?;
        let same = archive::is_same(&source, length, &unfinished).map_err(LogError::io("read back", &unfinished))?;
        if !same {
            let wrong = Wrong::Format("archive does not give back what was put into it; the segment stays".to_owned());
            return Err(Damage::new(finished.name.as_str(), 0, Some(finished.first), wrong).into());
        }
        // If we crash here, the temporary file is removed the next time.
        self.disk.rename(&unfinished, &target).map_err(LogError::io("rename to", &target))?;
        self.disk.sync_folder(&folder).map_err(LogError::io("sync", &folder))?;
        // INVARIANT: the archive is durable under its name. If we crash here, both are there, and the original counts.
        self.disk.remove_file(&path).map_err(LogError::io("remove", &path))?;
        self.disk.sync_folder(&folder).map_err(LogError::io("sync", &folder))?;
        Ok(packed)
    }

    /// The bytes of a live segment before its zeros; all of its records must be sound.
    fn sound_bytes(&self, finished: &Finished) -> Result<u64, LogError> {
        let mut scan = Scan::open(&self.segment_of(finished))?;
        let end = finished.first.saturating_add(finished.records);
        let mut next = finished.first;
        loop {
            let offset = scan.offset();
            let damage = |wrong| Err(Damage::new(finished.name.as_str(), offset, Some(next), wrong).into());
            match scan.step()? {
                Step::Frame(header) if header.index == next && next < end => next = next.saturating_add(1),
                Step::Frame(header) => return damage(Wrong::Order { expected: next, found: header.index }),
                Step::Broken(error) => return damage(Wrong::Format(error.to_string())),
                Step::End if next < end => return damage(Wrong::Truncated(end)),
                Step::End if scan.tail(next)?.used_until > offset => return damage(Wrong::Foreign),
                Step::End => return Ok(offset),
            }
        }
    }

    /// What would go if everything that was written before `before` was dropped; none: nothing. See [`Retention::judge_clock`].
    ///
    /// # Errors
    /// As [`Retention::finished`].
    pub fn plan_drop(&self, before: SystemTime) -> Result<Option<DropPlan>, LogError> {
        let (mut old, mut newest) = (Vec::new(), SystemTime::UNIX_EPOCH);
        for segment in self.finished()? {
            let written = newest.max(self.written(&segment)?);
            if written >= before {
                break;
            }
            newest = written;
            old.push(segment);
        }
        Ok(plan(old, Some(newest)))
    }

    /// What would go if everything before a record was dropped, whatever its age; none: nothing.
    ///
    /// # Errors
    /// As [`Retention::finished`].
    pub fn plan_drop_to(&self, index: u64) -> Result<Option<DropPlan>, LogError> {
        let mut finished = self.finished()?;
        finished.retain(|segment| segment.first.saturating_add(segment.records) <= index);
        Ok(plan(finished, None))
    }

    /// When the newest record of a segment was written.
    ///
    /// # Errors
    /// [`LogError::Io`] when the time of its file is all there is and cannot be read.
    pub fn written(&self, finished: &Finished) -> Result<SystemTime, LogError> {
        let segment = self.segment_of(finished);
        // What cannot be read tells nothing: a damaged archive, erased records, records without their keys.
        if let Some(said) = self.times.newest(&segment).ok().flatten() {
            return Ok(said);
        }
        let next = finished.first.saturating_add(finished.records);
        let next = list(&self.directory)?.into_iter().find(|segment| segment.first_index == next);
        if let Some(said) = next.and_then(|next| self.times.oldest(&next).ok().flatten()) {
            return Ok(said);
        }
        let modified = std::fs::metadata(&segment.path).and_then(|metadata| metadata.modified());
        modified.map_err(LogError::io("read", &segment.path))
    }

    fn segment_of(&self, finished: &Finished) -> Segment {
        Segment {
            first_index: finished.first,
            name: finished.name.clone(),
            path: self.directory.join(&finished.name),
            archived: finished.tier == Tier::Archived,
        }
    }

    /// Drops what was planned. `record`: index of the durable record that says so.
    ///
    /// # Errors
    /// [`LogError::Key`] for the private key, or a reason that is none; [`LogError::Io`].
    pub fn drop_records(&self, plan: &DropPlan, statement: &Dropped, key_file: &Path) -> Result<(), LogError> {
        let signer = keys::read_private(key_file)?;
        let wrong = |what| LogError::Key { file: key_file.to_owned(), what };
        if signer.verifier() != self.key {
            return Err(wrong("is not the private key of this log: `log.pub` has another one"));
        }
        let statement = Dropped { first: plan.first, ..statement.clone() };
        let note = statement.sign(&signer).ok_or_else(|| wrong("cannot sign this: the reason is not one line"))?;
        let path = self.directory.join(DROPPED_FILE);
        write_whole(self.disk.as_ref(), &path, note.to_string().as_bytes(), 0o644)
            .map_err(LogError::io("write", &path))?;
        // If we crash here or below, what is left of the dropped segments is removed the next time. Nobody reads it.
        self.remove_leftovers()
    }

    /// Removes what a crash left: unfinished archives, and segments that were dropped. An original that stands beside its
    /// archive is archived once more.
    fn remove_leftovers(&self) -> Result<(), LogError> {
        let folder = self.directory.join(RECORDS_DIRECTORY);
        let dropped = Dropped::read(&self.directory, &self.key)?.map_or(0, |dropped| dropped.first);
        let unfinished = [DROPPED_FILE, CLOCK_FILE].map(|name| temporary(&self.directory.join(name)));
        let mut leftovers: Vec<PathBuf> = unfinished.into_iter().filter(|path| path.exists()).collect();
        for segment in list_all(&self.directory)? {
            let unfinished = temporary(&self.directory.join(archive_name(segment.first_index)));
            leftovers.extend(Some(unfinished).filter(|path| path.exists()));
            if segment.first_index < dropped {
                leftovers.push(segment.path);
            }
        }
        for path in &leftovers {
            self.disk.remove_file(path).map_err(LogError::io("remove", path))?;
        }
        if leftovers.is_empty() {
            return Ok(());
        }
        self.disk.sync_folder(&folder).map_err(LogError::io("sync", &folder))
    }
}

fn plan(segments: Vec<Finished>, newest: Option<SystemTime>) -> Option<DropPlan> {
    let last = segments.last()?;
    Some(DropPlan { first: last.first.saturating_add(last.records), segments, newest })
}

impl Drop for Retention {
    fn drop(&mut self) {
        // Said aloud, as for the lock of the log. If it fails, the lock ends with the process.
        let _ = self.lock.unlock();
    }
}
