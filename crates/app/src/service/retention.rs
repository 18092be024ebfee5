//! Archives and drops old records in the background, on a thread that yields to everything else.

use crate::config::LogSettings;
use crate::failure::Failure;
use crate::place::DataDir;
use holdshort_server::Service;
use holdshort_store::log::{Dropped, LogError, Retention};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Handle;

/// Time after the start before anything is done.
const FIRST_AFTER: Duration = Duration::from_secs(30);
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// How far the clock may be ahead of what has passed since the start.
const AHEAD_MAX: Duration = Duration::from_secs(60);
/// Lowest priority of a thread.
const NICE: i32 = 19;

/// Looks after the old records of the service's log. Stops between two segments.
pub(crate) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread, unless nothing is to be archived or dropped.
    pub(crate) fn start(service: Arc<Service>, data: &DataDir, settings: LogSettings) -> Result<Option<Self>, Failure> {
        if settings.archive_after.0.is_none() && settings.drop_after.0.is_none() {
            return Ok(None);
        }
        let (stop, stopped) = channel();
        let work = Work {
            service,
            runtime: Handle::current(),
            directory: data.log(),
            key_file: data.log_key(),
            settings,
            clock: (SystemTime::now(), Instant::now()),
        };
        let thread = std::thread::Builder::new().name("log-retention".into()).spawn(move || work.run(&stopped));
        let thread = thread.map_err(|error| Failure::internal(format!("cannot look after old records: {error}")))?;
        Ok(Some(Self { stop: Some(stop), thread: Some(thread) }))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Old records that were not looked after are looked after the next time.
            let _ = thread.join();
        }
    }
}

struct Work {
    service: Arc<Service>,
    runtime: Handle,
    directory: PathBuf,
    key_file: PathBuf,
    settings: LogSettings,
    /// What the clock said when the service started, and when that was.
    clock: (SystemTime, Instant),
}

impl Work {
    fn run(&self, stopped: &Receiver<()>) {
        // On Linux this is the thread's own. Where it cannot be set, the work is done all the same.
        let _ = rustix::process::setpriority_process(None, NICE);
        let mut wait = FIRST_AFTER;
        while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = LOOK_EVERY;
            match self.pass(stopped) {
                Ok(()) => {}
                Err(LogError::Busy { .. }) => tracing::debug!("old records are looked after by another process"),
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, source, "old records stay as they are");
                }
            }
        }
    }

    /// A clock that jumps ahead while the service runs makes nothing old.
    fn now(&self) -> SystemTime {
        let (started, since) = self.clock;
        SystemTime::now().min(started + since.elapsed() + AHEAD_MAX)
    }

    fn pass(&self, stopped: &Receiver<()>) -> Result<(), LogError> {
        let before = |after: Option<Duration>| after.and_then(|after| self.now().checked_sub(after));
        let retention = Retention::open(&self.directory)?;
        if let Some(before) = before(self.settings.drop_after.0) {
            self.drop_old(&retention, before)?;
        }
        if let Some(before) = before(self.settings.archive_after.0) {
            let go_on = || stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty);
            let done = retention.archive(before, false, &go_on)?;
            if done.segments > 0 {
                let (segments, records) = (done.segments, done.records);
                let (bytes_before, bytes_after) = (done.bytes_before, done.bytes_after);
                tracing::info!(segments, records, bytes_before, bytes_after, "old records archived");
            }
        }
        Ok(())
    }

    /// On record first; then the statement; then the files.
    fn drop_old(&self, retention: &Retention, before: SystemTime) -> Result<(), LogError> {
        let Some(plan) = retention.plan_drop(before)? else { return Ok(()) };
        let after = String::from(self.settings.drop_after);
        let because = format!("older than {after}, as `drop_after` says");
        let detail = json!({
            "first_kept": plan.first, "records": plan.records(), "segments": plan.segments.len(),
            "because": because, "by": "configuration",
        });
        match self.runtime.block_on(self.service.note_in_log("records-dropped", detail)) {
            Ok(index) => {
                let time_ms = crate::clock::now_ms();
                let statement = Dropped { first: plan.first, time_ms, record: index, because };
                retention.drop_records(&plan, &statement, &self.key_file)?;
                tracing::info!(first_kept = plan.first, records = plan.records(), "old records dropped");
            }
            Err(fault) => tracing::warn!(mode = fault.mode.as_str(), "old records stay: that they go is not on record"),
        }
        Ok(())
    }
}
