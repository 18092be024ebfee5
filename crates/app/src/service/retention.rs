//! Looks after old records in a running service: in the background, on a thread that yields to everything else, and when
//! whoever runs the service asks for it.

use crate::failure::Failure;
use crate::service::old_records::{Kept, OldRecords, answer, millis};
use async_trait::async_trait;
use holdshort_api::{ArchiveRecords, ArchivedRecords, DropRecords, DroppedRecords, RetentionAnswer};
use holdshort_server::{ChangeError, Service};
use holdshort_store::log::LogError;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
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
    desk: Arc<Desk>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Judges the clock by what is on record, before the service puts anything there.
    pub(crate) fn before(old_records: &OldRecords) {
        let judged = old_records.open().and_then(|records| records.judge_clock(SystemTime::now(), old_records.kept()));
        match judged.map(super::old_records::doubt) {
            Ok(None) => {}
            Ok(Some(doubt)) => tracing::warn!(doubt, "no record is dropped for its age"),
            Err(error) => tracing::warn!(%error, "the clock cannot be judged; whether it is right is looked at later"),
        }
    }

    /// Starts the thread, and answers whoever asks the service.
    pub(crate) fn start(service: &Arc<Service>, old_records: OldRecords) -> Result<Self, Failure> {
        let desk = Arc::new(Desk {
            service: Arc::downgrade(service),
            old_records,
            clock: Mutex::new((SystemTime::now(), passed())),
            ending: AtomicBool::new(false),
        });
        service.retire_by(Arc::new(Front(desk.clone())));
        let (stop, stopped) = channel();
        let (work, runtime) = (desk.clone(), Handle::current());
        let run = move || work.run(&stopped, &runtime);
        let thread = std::thread::Builder::new().name("log-retention".into()).spawn(run);
        let thread = thread.map_err(|error| Failure::internal(format!("cannot look after old records: {error}")))?;
        Ok(Self { desk, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.desk.ending.store(true, Ordering::Release);
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Old records that were not looked after are looked after the next time.
            let _ = thread.join();
        }
    }
}

struct Desk {
    /// The service holds the desk.
    service: Weak<Service>,
    old_records: OldRecords,
    /// What the clock said when it was believed last, and how much had passed by then.
    clock: Mutex<(SystemTime, Duration)>,
    ending: AtomicBool,
}

impl Desk {
    fn run(&self, stopped: &Receiver<()>, runtime: &Handle) {
        // On Linux this is the thread's own. Where it cannot be set, the work is done all the same.
        let _ = rustix::process::setpriority_process(None, NICE);
        let mut wait = FIRST_AFTER;
        while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = LOOK_EVERY;
            match self.look(runtime) {
                Ok(()) => {}
                Err(Kept::Log(LogError::Busy { .. })) => tracing::debug!("somebody else looks after old records"),
                Err(Kept::Nothing(_)) => tracing::debug!("no records are old"),
                Err(Kept::Refused(why) | Kept::Invalid(why)) => tracing::warn!(why, "old records stay as they are"),
                Err(Kept::Log(error)) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, source, "old records stay as they are");
                }
            }
        }
    }

    /// A clock that jumps ahead while the service runs makes nothing old, until a person says that it is right.
    fn now(&self) -> SystemTime {
        let now = SystemTime::now();
        let most = self.latest();
        most.map_or(now, |most| now.min(most))
    }

    fn latest(&self) -> Option<SystemTime> {
        let (believed, then) = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        believed.checked_add(passed().saturating_sub(then))?.checked_add(AHEAD_MAX)
    }

    fn look(&self, runtime: &Handle) -> Result<(), Kept> {
        let settings = self.old_records.settings();
        if let Some(after) = settings.drop_after.0 {
            let because = format!("older than {}, as `drop_after` says", String::from(settings.drop_after));
            let wanted = DropRecords { older_than_ms: Some(millis(after)), because, ..DropRecords::default() };
            match self.drop_now(&wanted, "configuration", runtime) {
                Ok(done) => tracing::info!(first_kept = done.first_kept, records = done.records, "old records dropped"),
                Err(ChangeError::Missing(_)) => {}
                Err(error) => tracing::warn!(%error, "old records are not dropped"),
            }
        } else {
            // Remembered all the same: records may be dropped by hand.
            self.old_records.open()?.judge_clock(self.now(), self.old_records.kept())?;
        }
        if let Some(after) = settings.archive_after.0 {
            let wanted = ArchiveRecords { older_than_ms: millis(after), dry_run: false };
            let done = self.archive_now(&wanted)?;
            if done.segments > 0 {
                let ArchivedRecords { segments, records, bytes_before, bytes_after, .. } = done;
                tracing::info!(segments, records, bytes_before, bytes_after, "old records archived");
            }
        }
        Ok(())
    }

    fn archive_now(&self, wanted: &ArchiveRecords) -> Result<ArchivedRecords, Kept> {
        self.old_records.archive(wanted, self.now(), &|| !self.ending.load(Ordering::Acquire))
    }

    fn drop_now(&self, wanted: &DropRecords, by: &str, runtime: &Handle) -> Result<DroppedRecords, ChangeError> {
        let retention = self.old_records.open().map_err(Kept::from)?;
        let plan = self.old_records.plan(&retention, wanted, self.now())?;
        if wanted.dry_run {
            return Ok(answer(&plan));
        }
        let because = wanted.because.trim();
        let dropped = self.old_records.drop_records(&retention, &plan, (because, by), |detail| {
            runtime.block_on(self.note("records-dropped", detail)).map_err(Noted)
        });
        dropped.map_err(|Noted(error)| error)
    }

    async fn note(&self, event: &str, detail: Value) -> Result<u64, ChangeError> {
        let gone = || ChangeError::State("the service is ending".to_owned());
        Ok(self.service.upgrade().ok_or_else(gone)?.note_in_log(event, detail).await?)
    }

    fn state_now(&self) -> Result<RetentionAnswer, Kept> {
        let mut state = self.old_records.state(self.now())?;
        let jumped = self.latest().is_some_and(|latest| SystemTime::now() > latest);
        if jumped && state.waits_for.is_none() {
            state.waits_for = Some(
                "the clock has jumped ahead while the service runs, and the jump makes nothing old. If the clock is right, say so: `holdshort log retention --clock-is-right`"
                    .to_owned(),
            );
        }
        Ok(state)
    }

    fn believe_now(&self, now: SystemTime) -> Result<(), Kept> {
        self.old_records.open()?.believe_clock(now)?;
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = (now, passed());
        Ok(())
    }
}

/// The desk, as the service sees it.
struct Front(Arc<Desk>);

#[async_trait]
impl holdshort_server::OldRecords for Front {
    async fn state(&self) -> Result<RetentionAnswer, ChangeError> {
        let desk = self.0.clone();
        aside(move || Ok(desk.state_now()?)).await
    }

    async fn archive(&self, wanted: ArchiveRecords) -> Result<ArchivedRecords, ChangeError> {
        let desk = self.0.clone();
        aside(move || Ok(desk.archive_now(&wanted)?)).await
    }

    async fn drop_records(&self, wanted: DropRecords, by: &str) -> Result<DroppedRecords, ChangeError> {
        let (desk, by, runtime) = (self.0.clone(), by.to_owned(), Handle::current());
        aside(move || desk.drop_now(&wanted, &by, &runtime)).await
    }

    async fn believe_clock(&self, by: &str) -> Result<RetentionAnswer, ChangeError> {
        let now = SystemTime::now();
        // On record first: what is dropped afterwards rests on it.
        self.0.note("clock-believed", json!({ "by": by })).await?;
        let desk = self.0.clone();
        aside(move || {
            desk.believe_now(now)?;
            Ok(desk.state_now()?)
        })
        .await
    }
}

/// An error of whoever puts things on record, or of the log.
struct Noted(ChangeError);

impl From<LogError> for Noted {
    fn from(error: LogError) -> Self {
        Self(Kept::Log(error).into())
    }
}

impl From<Kept> for ChangeError {
    fn from(kept: Kept) -> Self {
        let text = kept.to_string();
        match kept {
            Kept::Invalid(_) => Self::Invalid(text),
            Kept::Nothing(_) => Self::Missing(text),
            Kept::Refused(_) | Kept::Log(LogError::Busy { .. }) => Self::Conflict(text),
            Kept::Log(_) => Self::State(text),
        }
    }
}

/// Work with files, where it holds up nobody.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ChangeError> + Send + 'static,
) -> Result<T, ChangeError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(ChangeError::State(error.to_string())))
}

/// Time since the machine was started, also that in which it slept.
fn passed() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}
