//! The log on disk: every record durable before anybody is told so, provable afterwards.
//!
//! Two threads share the work. The *writer* (module `writer`) takes everything that is queued, appends it to the current
//! payload segment, syncs once, and answers all of its waiters: what was queued meanwhile is the next group. The *sealer*
//! (module `sealer`) follows with what can be computed from the segments: tiles, entry bundles, and at most once per
//! `checkpoint_interval` a signed checkpoint. It lags behind by a bounded amount, catches up on close, and whatever it had
//! not written when the process died is rebuilt when the log is opened.
//!
//! INVARIANT: a record is acknowledged only after its segment was synced; a checkpoint is written only after segments and
//! tiles of its size were synced; a failed write or sync is never retried but ends the log for good ([`LogError::Poisoned`]).
//!
//! The layout on disk is in `docs/reference/log-format.md`.

mod archive;
mod audit;
mod backlog;
mod bench;
mod clock;
mod cosigned;
#[cfg(test)]
mod dice;
mod disk;
mod dropped;
mod error;
#[cfg(test)]
mod fault;
mod fence;
mod keys;
mod layout;
mod mirror;
mod mirror_host;
mod mirror_intake;
mod mirror_kept;
mod mirror_stock;
mod prove;
mod queue;
mod read;
mod receipts;
mod recover;
mod retention;
mod sealer;
mod segments;
mod shared;
mod source;
mod space;
mod tiles;
mod times;
mod verify;
mod verify_archive;
mod witness;
mod witnessed;
mod writer;

pub use audit::{CompareError, audit, compare, verify_public};
pub use bench::{BenchCase, BenchOptions, BenchProgress, BenchStep, bench, bench_sync};
pub use clock::{ClockState, PAUSE_MAX};
pub use dropped::{Dropped, REASON_CHARS_MAX};
pub use error::{Damage, LogError, Place, Wrong};
pub use layout::{
    CHECKPOINT_FILE, CONTRADICTION_FILE, COSIGNER_PUBLIC_KEY_FILE, MIRROR_PUBLIC_KEY_FILE, PUBLIC_KEY_FILE,
    RECEIPT_PUBLIC_KEY_FILE, RECORDS_DIRECTORY,
};
pub use mirror::{Exposed, Mirror, MirrorError, Mirrored};
pub use mirror_host::MirrorHost;
pub use mirror_intake::{MirrorReply, MirroredLog, Upload};
pub use prove::{prove, prove_witnessed};
pub use read::{Backwards, Forwards, Reader, StoredRecord};
pub use receipts::{consistency_receipt, inclusion_receipt, receipt_key_file, receipt_signer};
pub use retention::{Archived, DropPlan, Finished, Retention, Tier};
pub use source::{DirectorySource, Source, SourceError, fetch_checkpoint};
pub use space::Space;
pub use tiles::DirectoryTiles;
pub use verify::{Progress, Verified, VerifyOptions, verify};
pub use verify_archive::{VerifiedSegment, verify_segment};
pub use witness::{WITNESS_MLDSA_PUBLIC_KEY_FILE, WITNESS_PUBLIC_KEY_FILE, Witness, WitnessReply};
pub use witnessed::{
    Coverage, CoverageError, Parting, WITNESSED_FILE, coverage, fetch_witnessed, keep_contradiction, parting,
    store_witnessed,
};

use holdshort_ledger::{Hash, PAYLOAD_BYTES_MAX};
use queue::Queue;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a log is opened.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The log's directory. Made when it is not there.
    pub directory: PathBuf,
    /// File of the private key, outside of `directory`. Made with mode 0600 when the log is new.
    pub key_file: PathBuf,
    /// Name of a new log: by convention a URL without a scheme (`example.com/holdshort/node-1`). An existing log keeps its own.
    pub origin: String,
    /// Shortest time between two checkpoints. The first record after a pause is sealed at once. Default: 1 s.
    pub checkpoint_interval: Duration,
    /// Bytes that may wait for the writer. Above it `append` waits and `enqueue` refuses. Default: 64 MiB.
    pub queue_bytes_max: usize,
    /// Bytes of the first segment, preallocated; each next one is four times larger. Default: 4 MiB.
    pub segment_bytes_first: u64,
    /// Bytes of the largest segment. Default: 64 MiB.
    pub segment_bytes_max: u64,
    /// Bytes that stay free on the disk: below it nothing more is taken, see [`Space`]. Default: 256 MiB.
    pub keep_free: u64,
    /// How often the room on the disk is looked at. Default: 1 s.
    pub space_interval: Duration,
    /// Whether the directory may lie on a file system that other machines can write to. Default: no.
    pub accept_shared: bool,
}

impl LogOptions {
    /// Options with the defaults.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, key_file: impl Into<PathBuf>, origin: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            key_file: key_file.into(),
            origin: origin.into(),
            checkpoint_interval: Duration::from_secs(1),
            queue_bytes_max: 64 << 20,
            segment_bytes_first: 4 << 20,
            segment_bytes_max: 64 << 20,
            keep_free: 256 << 20,
            space_interval: Duration::from_secs(1),
            accept_shared: false,
        }
    }
}

/// Where a durable record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Index in the log, from 0.
    pub index: u64,
    /// Hash of its leaf in the tree.
    pub leaf: Hash,
}

/// What was found when the log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Whether the log was made just now.
    pub created: bool,
    /// Records in the log.
    pub size: u64,
    /// Records that the last checkpoint covered.
    pub sealed: u64,
    /// Bytes of an unfinished group behind the last record; they were overwritten with zeros. Nobody was told of them.
    pub torn_bytes: u64,
    /// Whether the tiles had to be rebuilt from all records.
    pub tiles_rebuilt: bool,
}

/// A handle on an open log. Cheap to clone; the last one that is dropped closes the log and waits for it.
#[derive(Clone, Debug)]
pub struct Log {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    queue: Queue,
    origin: String,
    directory: PathBuf,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Log {
    /// Opens the log, recovers what a crash left, and starts its threads. Blocks while it reads the last segment.
    ///
    /// # Errors
    /// [`LogError::Locked`] when another process has it open; [`LogError::Damaged`] when durable records or the
    /// checkpoint are not what they were; [`LogError::Key`] for a missing, foreign or exposed private key;
    /// [`LogError::Io`] otherwise.
    pub fn open(options: LogOptions) -> Result<(Self, RecoveryReport), LogError> {
        Self::open_on(Arc::new(disk::RealDisk), options)
    }

    fn open_on(disk: Arc<dyn disk::Disk>, options: LogOptions) -> Result<(Self, RecoveryReport), LogError> {
        let recovered = recover::recover(disk, &options)?;
        let (origin, report) = (recovered.keys.log.verifier().name().to_owned(), recovered.report.clone());
        let gauge = Arc::clone(&recovered.gauge);
        let (queue, intake) = Queue::new(options.queue_bytes_max, report.size, recovered.note.clone(), gauge);
        let writer = writer::start(recovered, intake, &options)?;
        let inner = Inner { queue, origin, directory: options.directory, writer: Mutex::new(Some(writer)) };
        Ok((Self { inner: Arc::new(inner) }, report))
    }

    /// Appends a record and waits until it is durable. A caller that stops waiting does not take the record back.
    ///
    /// # Errors
    /// [`LogError::TooLarge`]; [`LogError::NearlyFull`] when the disk is; [`LogError::Poisoned`] or [`LogError::Closed`]:
    /// the record is then not acknowledged.
    pub async fn append(&self, payload: Vec<u8>) -> Result<Appended, LogError> {
        self.check_space()?;
        self.append_any(payload, false).await
    }

    /// Like [`Log::append`], for records that must not be lost when the disk is nearly full: what came of actions that were
    /// permitted before, and that the log is nearly full. A part of each segment is kept for them.
    ///
    /// # Errors
    /// As [`Log::append`]; [`LogError::NearlyFull`] when that part is used up, too.
    pub async fn append_kept(&self, payload: Vec<u8>) -> Result<Appended, LogError> {
        self.append_any(payload, true).await
    }

    async fn append_any(&self, payload: Vec<u8>, kept: bool) -> Result<Appended, LogError> {
        check_length(&payload)?;
        self.inner.queue.push_and_wait(payload, kept)?.await
    }

    /// Like [`Log::append`] for a thread that may block. Needs no runtime.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn append_blocking(&self, payload: Vec<u8>) -> Result<Appended, LogError> {
        queue::block_on(self.append(payload))
    }

    /// Like [`Log::append_kept`] for a thread that may block.
    ///
    /// # Errors
    /// As [`Log::append_kept`].
    pub fn append_kept_blocking(&self, payload: Vec<u8>) -> Result<Appended, LogError> {
        queue::block_on(self.append_kept(payload))
    }

    /// Queues a record that nobody waits for; it is durable with the next group. Never blocks.
    ///
    /// # Errors
    /// [`LogError::Full`] when the queue is full; otherwise as [`Log::append`].
    pub fn enqueue(&self, payload: Vec<u8>) -> Result<(), LogError> {
        self.check_space()?;
        self.enqueue_any(payload, false)
    }

    /// Like [`Log::enqueue`], for the records of [`Log::append_kept`].
    ///
    /// # Errors
    /// As [`Log::enqueue`], but not because the disk is nearly full.
    pub fn enqueue_kept(&self, payload: Vec<u8>) -> Result<(), LogError> {
        self.enqueue_any(payload, true)
    }

    fn enqueue_any(&self, payload: Vec<u8>, kept: bool) -> Result<(), LogError> {
        check_length(&payload)?;
        self.inner.queue.push(payload, kept)
    }

    /// Whether records are taken now, as far as the room on the disk goes.
    ///
    /// # Errors
    /// [`LogError::NearlyFull`].
    pub fn check_space(&self) -> Result<(), LogError> {
        let gauge = &self.inner.queue.state().gauge;
        if gauge.refuses() { Err(gauge.refusal()) } else { Ok(()) }
    }

    /// The room on the disk as it changes.
    #[must_use]
    pub fn space(&self) -> tokio::sync::watch::Receiver<Space> {
        self.inner.queue.state().gauge.state().subscribe()
    }

    /// Name of the log: the first line of its checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }

    /// Durable records.
    #[must_use]
    pub fn size(&self) -> u64 {
        *self.inner.queue.state().size.borrow()
    }

    /// The number of durable records as it grows; for whoever follows the log.
    #[must_use]
    pub fn watch(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.queue.state().size.subscribe()
    }

    /// The last signed checkpoint, as it stands on disk. It may be behind [`Log::size`].
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.inner.queue.state().checkpoint()
    }

    /// A reader of the records that are durable now and later.
    ///
    /// # Errors
    /// [`LogError::Io`] when the directory cannot be listed.
    pub fn reader(&self) -> Result<Reader, LogError> {
        Reader::live(&self.inner.directory, self.watch())
    }

    /// The tiles on disk, for proofs and for serving them. They reach as far as the last checkpoint.
    #[must_use]
    pub fn tiles(&self) -> DirectoryTiles {
        DirectoryTiles::new(&self.inner.directory)
    }

    /// Why the log takes no more records, if it does not.
    #[must_use]
    pub fn failure(&self) -> Option<LogError> {
        self.inner.queue.state().failure()
    }

    /// Writes everything that is queued, seals it with a checkpoint, and lets go of the directory. Appends fail afterwards.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] when something could not be written.
    pub async fn close(&self) -> Result<(), LogError> {
        self.inner.queue.close()?.await
    }

    /// Like [`Log::close`] for a thread that may block.
    ///
    /// # Errors
    /// As [`Log::close`].
    pub fn close_blocking(&self) -> Result<(), LogError> {
        queue::block_on(self.close())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.hang_up();
        let writer = self.writer.get_mut().map(Option::take);
        if let Ok(Some(writer)) = writer
            && writer.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }
}

fn check_length(payload: &[u8]) -> Result<(), LogError> {
    if payload.len() > PAYLOAD_BYTES_MAX { Err(LogError::TooLarge(payload.len())) } else { Ok(()) }
}

#[cfg(test)]
mod age_tests;
#[cfg(test)]
mod attack_tests;
#[cfg(test)]
mod ending_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod flip_tests;
#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod lying_tests;
#[cfg(test)]
mod mirror_tests;
#[cfg(test)]
mod mixed_tests;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod platter;
#[cfg(test)]
mod prove_tests;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod space_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod version_tests;
