//! The writer: one thread that makes groups of records durable and answers those who wait.

use super::fence::Lock;
use super::queue::{Alive, Answer, Intake, Item, State, Waiting};
use super::recover::Recovered;
use super::sealer::Sealer;
use super::segments::SegmentWriter;
use super::{Appended, LogError, LogOptions};
use holdshort_ledger::{Entry, FRAME_HEADER_BYTES, Hash, SALT_BYTES, Salt, encode_frame};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Most records of one group: more do not make it faster, and each waits for the whole group.
const GROUP_RECORDS_MAX: usize = 16 << 10;
/// Most bytes of one group, unless a single record is longer.
const GROUP_BYTES_MAX: usize = 8 << 20;

type Waiter = oneshot::Sender<Answer>;

/// Starts the writer and its sealer.
pub(crate) fn start(recovered: Recovered, intake: Intake, options: &LogOptions) -> Result<JoinHandle<()>, LogError> {
    let Recovered { keys, seal, segment, lock, report, .. } = recovered;
    let state = Arc::clone(&intake.state);
    let failed = |error| LogError::io("start a thread for", &options.directory)(error);
    let alive = |thread| Alive { state: Arc::clone(&intake.state), thread, directory: options.directory.clone() };
    let sealer = Sealer::start(seal, keys, options.checkpoint_interval, alive("sealer")).map_err(failed)?;
    let alive = alive("writer");
    let group = Group::default();
    let directory = options.directory.clone();
    let writer = Writer { segment, sealer, state, lock, size: report.size, group, directory, refusing: false };
    let run = move || {
        // Let go of last: when the writer is gone, also by a panic, with all that it held.
        let _left = Left(Arc::clone(&alive.state));
        writer.run(intake, alive);
    };
    std::thread::Builder::new().name("log-writer".into()).spawn(run).map_err(failed)
}

/// Says that the writer is gone when it is.
struct Left(Arc<State>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[derive(Debug)]
struct Writer {
    segment: SegmentWriter,
    sealer: Sealer,
    state: Arc<State>,
    lock: Arc<Lock>,
    /// Durable records.
    size: u64,
    group: Group,
    directory: PathBuf,
    /// A record was refused for want of room: those behind it in the queue are refused as well, however small.
    refusing: bool,
}

/// Records that are made durable together.
#[derive(Debug, Default)]
struct Group {
    frames: Vec<u8>,
    entries: Vec<Entry>,
    waiters: Vec<(u64, Hash, Waiter)>,
    /// Room of the queue that the records take.
    room: usize,
}

impl Writer {
    /// Serves until it is told to close, nobody can send any more, or something cannot be written. `_alive` is let go of before
    /// those who wait, so that they are told of a panic.
    fn run(mut self, mut intake: Intake, _alive: Alive) {
        let mut items = Vec::new();
        let mut closers = Vec::new();
        while intake.items.blocking_recv_many(&mut items, GROUP_RECORDS_MAX) > 0 {
            let salts = self.draw_salts(items.len());
            let records = items.drain(..).filter_map(|item| match item {
                Item::Record(record) => Some(record),
                Item::Close(closer) => {
                    closers.push(closer);
                    None
                }
            });
            let records: Vec<_> = records.collect();
            let written = match &salts {
                Ok(salts) => self.write(records, salts),
                // Said before the records are let go of, so that whoever waits for them is told why.
                Err(error) => {
                    self.state.poison(error);
                    drop(records);
                    Ok(())
                }
            };
            if let Err(error) = written {
                self.state.poison(&error);
            }
            if self.state.failure().is_some() {
                intake.items.close();
                self.refuse(&mut intake, &mut closers);
            }
            if !closers.is_empty() {
                // What was sent before the channel closed is still received and written.
                intake.items.close();
            }
        }
        let Self { sealer, state, segment, lock, .. } = self;
        state.close_intake();
        drop(sealer);
        drop(segment);
        // INVARIANT: the lock is given back after the last write and before anybody is told that the log is closed.
        drop(lock);
        for closer in closers.into_iter().flatten() {
            let result = state.failure().map_or(Ok(()), Err);
            // A caller that stopped waiting does not want to know.
            closer.send(result).ok();
        }
    }

    /// One salt for each record, drawn in one go.
    fn draw_salts(&self, count: usize) -> Result<Vec<Salt>, LogError> {
        let mut salts = vec![[0; SALT_BYTES]; count];
        let failed = |error| LogError::io("draw random bytes for", &self.directory)(std::io::Error::other(error));
        getrandom::fill(salts.as_flattened_mut()).map_err(failed)?;
        Ok(salts)
    }

    fn write(&mut self, records: Vec<Waiting>, salts: &[Salt]) -> Result<(), LogError> {
        for (Waiting { payload, waiter, kept }, salt) in records.into_iter().zip(salts) {
            self.group.room = self.group.room.saturating_add(self.state.room_for(payload.len()));
            let made_room = self.make_room(FRAME_HEADER_BYTES.saturating_add(payload.len()), kept);
            let pushed = made_room.and_then(|fits| if fits { self.push(&payload, salt) } else { Ok(None) });
            match pushed {
                Ok(Some((index, leaf))) => self.group.waiters.extend(waiter.map(|waiter| (index, leaf, waiter))),
                // Nothing was written of it, and the log goes on.
                Ok(None) => {
                    if waiter.is_none() {
                        tracing::warn!(kept, "a record that nobody waits for is lost: the disk is nearly full");
                    }
                    answer(waiter, Err(self.state.gauge.refusal()));
                }
                Err(error) => {
                    self.state.poison(&error);
                    answer(waiter, Err(self.state.ended()));
                }
            }
        }
        self.commit()
    }

    fn fits(&self, bytes: usize, kept: bool) -> bool {
        let wanted = self.group.frames.len().saturating_add(bytes);
        u64::try_from(wanted).is_ok_and(|wanted| wanted <= self.segment.room(kept))
    }

    /// Commits what there is when the frame does not go with it, and goes to the next segment when it does not fit into
    /// this one. `false`: the disk has no room for a next one.
    fn make_room(&mut self, bytes: usize, kept: bool) -> Result<bool, LogError> {
        if self.refusing && !kept {
            self.refusing = self.state.gauge.refuses();
            if self.refusing {
                return Ok(false);
            }
        }
        if self.fits(bytes, kept) && self.group.frames.len().saturating_add(bytes) <= GROUP_BYTES_MAX {
            return Ok(true);
        }
        self.commit()?;
        if self.fits(bytes, kept) {
            return Ok(true);
        }
        self.lock.check_contents()?;
        // With a successor on its way nothing of this one has to be kept for later.
        self.segment.prepare_next();
        if self.fits(bytes, kept) {
            return Ok(true);
        }
        if self.segment.rotate(self.size)? {
            return Ok(true);
        }
        self.state.gauge.exhaust();
        // There may be room again just now: then it was too early to give up.
        if !self.state.gauge.refuses() && self.segment.rotate(self.size)? {
            return Ok(true);
        }
        self.refusing |= !kept;
        Ok(false)
    }

    fn push(&mut self, payload: &[u8], salt: &Salt) -> Result<Option<(u64, Hash)>, LogError> {
        if let Some(failure) = self.state.failure() {
            return Err(failure);
        }
        let pending = u32::try_from(self.group.entries.len()).unwrap_or(u32::MAX);
        let index = self.size.saturating_add(u64::from(pending));
        encode_frame(&mut self.group.frames, index, pending, salt, payload)
            .map_err(|_| LogError::TooLarge(payload.len()))?;
        let entry = Entry::commit(salt, payload);
        self.group.entries.push(entry);
        Ok(Some((index, entry.leaf())))
    }

    /// Makes the group durable, then answers. On an error everybody in it is answered with the error.
    fn commit(&mut self) -> Result<(), LogError> {
        let written = self.commit_frames();
        if let Err(error) = &written {
            self.state.poison(error);
        }
        for (index, leaf, waiter) in self.group.waiters.drain(..) {
            let result = if written.is_ok() { Ok(Appended { index, leaf }) } else { Err(self.state.ended()) };
            answer(Some(waiter), result);
        }
        self.state.release(std::mem::take(&mut self.group.room));
        self.group.frames.clear();
        self.group.frames.shrink_to(GROUP_BYTES_MAX);
        self.group.entries.clear();
        written
    }

    fn commit_frames(&mut self) -> Result<(), LogError> {
        if let Some(failure) = self.state.failure() {
            return Err(failure);
        }
        if self.group.entries.is_empty() {
            return Ok(());
        }
        self.lock.check()?;
        self.segment.append(&self.group.frames)?;
        // Whoever took the directory over before this look may not have seen these records; after it, it reads them.
        self.lock.check()?;
        // INVARIANT: from here on the records are durable. Nothing above may tell anybody about them.
        self.size = self.size.saturating_add(u64::try_from(self.group.entries.len()).unwrap_or(u64::MAX));
        self.state.size.send_replace(self.size);
        // A sealer that ended has poisoned the log; these records are durable all the same.
        self.sealer.push(std::mem::take(&mut self.group.entries));
        Ok(())
    }

    /// After a failure: answers everybody who still waits.
    fn refuse(&self, intake: &mut Intake, closers: &mut Vec<Option<oneshot::Sender<Result<(), LogError>>>>) {
        while let Ok(item) = intake.items.try_recv() {
            match item {
                Item::Record(record) => answer(record.waiter, Err(self.state.ended())),
                Item::Close(closer) => closers.push(closer),
            }
        }
    }
}

fn answer(waiter: Option<Waiter>, result: Result<Appended, LogError>) {
    // A caller that stopped waiting does not want to know.
    waiter.map(|waiter| waiter.send(result));
}
