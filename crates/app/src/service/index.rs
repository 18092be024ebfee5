//! Keeps the index of the log up to date while the service runs, behind everything else: in a thread of its own that gives
//! way to the others, in batches, half of the time at most. What fails here is told once, and no decision waits for it.

use crate::place::DataDir;
use holdshort_store::index::{IndexError, Writer};
use holdshort_store::log::Log;
use holdshort_store::records::Records;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How long records gather before they are indexed. A search reads what is not indexed yet.
const GATHER: Duration = Duration::from_millis(250);
/// How long a fault is left alone.
const AFTER_FAULT: Duration = Duration::from_secs(60);
/// Records that make catching up worth telling, and how often it is told.
const BEHIND_MIN: u64 = 50_000;
const TELL_EVERY: Duration = Duration::from_secs(10);
/// The thread's niceness: only what nobody else wants of the processors.
const NICE: i32 = 15;

/// The thread that follows the log. Dropping it ends it after its batch.
#[derive(Debug)]
pub(crate) struct Indexing {
    stop: Option<(SyncSender<()>, watch::Sender<bool>)>,
    thread: Option<JoinHandle<()>>,
}

impl Indexing {
    /// Starts to follow. `records` are all records of the log, now and later.
    /// It stops while fewer than `keep_free` bytes are free on the disk.
    pub(crate) fn start(data: &DataDir, log: &Log, records: Records, keep_free: u64) -> Self {
        let (stop, stopped) = sync_channel(1);
        let (ending, ended) = watch::channel(false);
        let (path, directory, growth) = (data.index(), data.log(), log.watch());
        let follower = Follower { path, directory, records, keep_free, growth, ended };
        let handle = Handle::current();
        let work = move || {
            // Where the system refuses, the pauses between the batches have to do.
            let _ = rustix::process::setpriority_process(None, NICE);
            follower.run(&handle, |pause| matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)));
        };
        let thread = std::thread::Builder::new().name("holdshort-index".into()).spawn(work);
        if let Err(error) = &thread {
            tracing::warn!(%error, "the index of the log is not kept up to date");
        }
        Self { stop: Some((stop, ending)), thread: thread.ok() }
    }
}

impl Drop for Indexing {
    fn drop(&mut self) {
        if let Some((stop, ending)) = self.stop.take() {
            let _ = ending.send(true);
            drop(stop);
        }
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the index panicked");
        }
    }
}

/// A long way to the end of the log, after a time without a service or for a new index. How far it is is told.
struct CatchingUp {
    began: Instant,
    told: Cell<Instant>,
    behind: Cell<u64>,
    done: Cell<u64>,
}

impl CatchingUp {
    fn begin(writer: &Writer, records: &Records) -> Option<Self> {
        let behind = records.size().saturating_sub(writer.index().size());
        let is_long = behind >= BEHIND_MIN;
        if is_long {
            tracing::info!(behind, "the index of the log catches up; searches read what is missing");
        }
        let now = Instant::now();
        is_long.then(|| Self { began: now, told: Cell::new(now), behind: Cell::new(behind), done: Cell::new(0) })
    }

    /// Tells now and then; `false` at the end.
    fn goes_on(&self, count: u64) -> bool {
        self.done.set(self.done.get().saturating_add(count));
        self.behind.set(self.behind.get().saturating_sub(count));
        let (done, behind) = (self.done.get(), self.behind.get());
        let seconds = self.began.elapsed().as_secs();
        if count == 0 || behind == 0 {
            tracing::info!(done, seconds, "the index of the log is up to date");
            return false;
        }
        if self.told.get().elapsed() >= TELL_EVERY {
            self.told.set(Instant::now());
            tracing::info!(done, behind, seconds, "the index of the log catches up");
        }
        true
    }
}

struct Follower {
    path: PathBuf,
    directory: PathBuf,
    records: Records,
    keep_free: u64,
    growth: watch::Receiver<u64>,
    ended: watch::Receiver<bool>,
}

impl Follower {
    /// Follows until `goes_on`, which waits as long as it is told, says no.
    fn run(mut self, runtime: &Handle, goes_on: impl Fn(Duration) -> bool) {
        let mut told = None;
        loop {
            let Err(error) = self.follow(runtime, &goes_on) else { return };
            let text = error.to_string();
            if told.as_ref() != Some(&text) {
                tracing::warn!(
                    error = text,
                    "the index of the log is not kept up to date; searches read what is missing"
                );
                told = Some(text);
            }
            // An index of no use is thrown away when it is opened again.
            let pause = if matches!(error, IndexError::Unusable(_)) { GATHER } else { AFTER_FAULT };
            if !goes_on(pause) {
                return;
            }
        }
    }

    /// Ends well when it has to end.
    fn follow(&mut self, runtime: &Handle, goes_on: &impl Fn(Duration) -> bool) -> Result<(), IndexError> {
        let opened = Writer::open(&self.path, &self.directory, &self.records, true)?;
        let mut writer = opened.keep_free(self.keep_free);
        let mut catching_up = CatchingUp::begin(&writer, &self.records);
        loop {
            let began = Instant::now();
            self.growth.borrow_and_update();
            let extended = writer.extend(&self.records);
            if let Some(why) = writer.take_discarded() {
                tracing::info!(%why, "the index of the log is made again");
                catching_up = CatchingUp::begin(&writer, &self.records);
            }
            let count = extended?;
            catching_up = catching_up.filter(|work| work.goes_on(count));
            let pause = if count > 0 { began.elapsed().max(GATHER / 50) } else { GATHER };
            if count == 0 {
                let (growth, ended) = (&mut self.growth, &mut self.ended);
                let grown = runtime.block_on(async {
                    tokio::select! {
                        // The log is gone.
                        grown = growth.changed() => grown.is_ok(),
                        _ = ended.wait_for(|ended| *ended) => false,
                    }
                });
                if !grown {
                    return Ok(());
                }
            }
            if !goes_on(pause) {
                return Ok(());
            }
        }
    }
}
