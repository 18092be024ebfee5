//! Writing records, and what happens while they cannot be written.

use crate::clock::{Clock, ms};
use crate::faults::{Faults, Refused};
use crate::metrics::Metrics;
use crate::recorder::{Appending, RecordOwner, Recorder, RecorderError};
use holdshort_enforce::Fault;
use holdshort_model::{FailMode, LifecycleRecord, Receipt, Record, Request};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// The way to the log.
pub(crate) struct Journal {
    recorder: Arc<dyn Recorder>,
    clock: Arc<dyn Clock>,
    faults: Faults,
    down: AtomicBool,
    full: AtomicBool,
    /// The latest attempt to make a session's key failed.
    keyless: AtomicBool,
    /// It went down: for whoever tells people.
    broken: tokio::sync::Notify,
    /// Records of the start that found no room.
    owed: Mutex<Vec<Record>>,
    pub(crate) metrics: Metrics,
}

impl Journal {
    pub(crate) fn new(recorder: Arc<dyn Recorder>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (faults, metrics) = (Faults::default(), Metrics::default());
        Arc::new(Self {
            recorder,
            clock,
            faults,
            down: AtomicBool::new(false),
            full: AtomicBool::new(false),
            keyless: AtomicBool::new(false),
            broken: tokio::sync::Notify::new(),
            owed: Mutex::default(),
            metrics,
        })
    }

    /// Hands a record over to the log, in the order of the calls. The answer resolves once it is durable.
    ///
    /// # Errors
    /// When the log does not even take it in. Then it is as if it had never been.
    pub(crate) fn hand_over(
        self: &Arc<Self>,
        record: Vec<u8>,
        owner: Option<&RecordOwner>,
    ) -> Result<Appending, RecorderError> {
        self.hand_over_any(record, owner, false)
    }

    fn hand_over_any(
        self: &Arc<Self>,
        record: Vec<u8>,
        owner: Option<&RecordOwner>,
        kept: bool,
    ) -> Result<Appending, RecorderError> {
        let (journal, started) = (self.clone(), Instant::now());
        let mut appending = match kept {
            true => self.recorder.append_kept(record, owner),
            false => self.recorder.append(record, owner),
        };
        let mut appending: Appending = Box::pin(async move {
            let result = appending.as_mut().await;
            journal.settled(&result, started, kept);
            result
        });
        // Takes the record in. Whoever waits for the answer polls again and brings a waker of their own.
        // Unconstrained: a task that used up its budget would be told to wait although there is room.
        let first = pin!(tokio::task::unconstrained(appending.as_mut()));
        match first.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.map(|receipt| Box::pin(std::future::ready(Ok(receipt))) as Appending),
            Poll::Pending => Ok(appending),
        }
    }

    /// Hands a record over and waits until it is durable.
    pub(crate) async fn append(
        self: &Arc<Self>,
        record: Vec<u8>,
        owner: Option<&RecordOwner>,
    ) -> Result<Receipt, RecorderError> {
        self.hand_over(record, owner)?.await
    }

    /// Writes a record and waits until it is durable.
    pub(crate) async fn write(self: &Arc<Self>, record: &Record) -> Result<Receipt, Fault> {
        let (bytes, owner) = (serialise(record)?, RecordOwner::of(record));
        if let Some(owner) = &owner {
            self.prepare(owner).await?;
        }
        let written = async { self.hand_over_any(bytes, owner.as_ref(), is_kept(record))?.await };
        written.await.map_err(|error| {
            let fault = recorder_down(&error);
            self.metrics.fault(fault.mode);
            fault
        })
    }

    /// As [`Self::write`], for what tells of the start: on a nearly full disk it is written when there is room.
    pub(crate) async fn write_or_owe(self: &Arc<Self>, record: Record) -> Result<(), Fault> {
        match self.write(&record).await {
            Err(fault) if fault.mode == FailMode::RecorderFull => {
                self.owed.lock().unwrap_or_else(PoisonError::into_inner).push(record);
                Ok(())
            }
            written => written.map(drop),
        }
    }

    /// A record of what happened to the service, now.
    pub(crate) fn lifecycle(&self, event: &str, detail: serde_json::Value) -> Record {
        Record::Lifecycle(LifecycleRecord { time_ms: ms(self.clock.now_ns()), event: event.into(), detail })
    }

    /// Gets ready for records of an owner. Whoever holds a lock while it hands a record over asks for this before, so that
    /// nothing waits for a new session's key.
    pub(crate) async fn prepare(&self, owner: &RecordOwner) -> Result<(), Fault> {
        let Some(preparing) = self.recorder.prepare(owner) else { return Ok(()) };
        let prepared = preparing.await;
        // People are told of it like of a log that takes nothing, although other records may still be written.
        if !self.keyless.swap(prepared.is_err(), Ordering::AcqRel) && prepared.is_err() {
            self.broken.notify_one();
        }
        prepared.map_err(|error| {
            let fault = recorder_down(&error);
            self.metrics.fault(fault.mode);
            fault
        })
    }

    /// The way to erase what was recorded.
    pub(crate) fn erasure(&self) -> Option<Arc<dyn crate::recorder::Erasure>> {
        self.recorder.erasure()
    }

    /// Writes a record without waiting.
    pub(crate) fn write_later(&self, record: &Record) -> Result<(), Fault> {
        self.write_later_of(record, RecordOwner::of(record).as_ref())
    }

    /// As [`Self::write_later`], by somebody who knows better whose it is.
    pub(crate) fn write_later_of(&self, record: &Record, owner: Option<&RecordOwner>) -> Result<(), Fault> {
        self.write_later_any(record, owner, is_kept(record))
    }

    /// As [`Self::write_later_of`], for a record that an agent can make at will: no room is kept for it.
    pub(crate) fn write_later_unkept(&self, record: &Record, owner: Option<&RecordOwner>) -> Result<(), Fault> {
        self.write_later_any(record, owner, false)
    }

    fn write_later_any(&self, record: &Record, owner: Option<&RecordOwner>, kept: bool) -> Result<(), Fault> {
        let bytes = serialise(record)?;
        let taken = match kept {
            true => self.recorder.enqueue_kept(bytes, owner),
            false => self.recorder.enqueue(bytes, owner),
        };
        taken.map_err(|error| {
            self.mark(&error);
            let fault = recorder_down(&error);
            self.metrics.fault(fault.mode);
            self.faults.note_lost(fault.mode, ms(self.clock.now_ns()));
            fault
        })
    }

    /// Remembers an action that is refused because of a failure, to be recorded when that is possible.
    pub(crate) fn refuse(self: &Arc<Self>, fault: &Fault, refused: Refused) {
        self.metrics.fault(fault.mode);
        self.faults.note(fault.mode, refused);
        // On a nearly full disk they wait: whoever asks again and again must not use up the room that is kept.
        if !self.is_down() && !self.is_full() {
            self.flush_later();
        }
    }

    /// As [`Self::refuse`], for a request that got no further than its arrival.
    pub(crate) fn refuse_request(self: &Arc<Self>, fault: Fault, request: &Request) -> Fault {
        self.refuse(&fault, Refused::new(request, ms(self.clock.now_ns()), None));
        fault
    }

    /// Whether the latest attempt to write failed.
    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }

    /// Whether the log's disk is nearly full.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// The log's disk is nearly full, or is so no more.
    pub(crate) fn set_full(self: &Arc<Self>, full: bool) {
        let was = self.full.swap(full, Ordering::AcqRel);
        if was && !full {
            self.flush_later();
        }
    }

    fn mark(&self, error: &RecorderError) {
        match error {
            RecorderError::Full(_) => self.full.store(true, Ordering::Release),
            _ if !self.down.swap(true, Ordering::AcqRel) => self.broken.notify_one(),
            _ => {}
        }
    }

    /// Waits until a write, or the making of a key, fails after one that did not. For one caller.
    pub(crate) async fn broken(&self) {
        self.broken.notified().await;
    }

    /// Records what was refused meanwhile, and what is owed.
    pub(crate) async fn flush(self: &Arc<Self>) {
        let owed = std::mem::take(&mut *self.owed.lock().unwrap_or_else(PoisonError::into_inner));
        for record in owed {
            // A log that does not work keeps it owed; any other failure will not get better.
            let _ = self.write_or_owe(record).await;
        }
        for group in self.faults.take() {
            let written = match serialise(&Record::Lifecycle(group.record())) {
                Ok(bytes) => self.append(bytes, None).await.is_ok(),
                Err(_) => false,
            };
            if !written {
                self.faults.merge(group);
            }
        }
    }

    fn settled(self: &Arc<Self>, result: &Result<Receipt, RecorderError>, started: Instant, kept: bool) {
        if let Err(error) = result {
            return self.mark(error);
        }
        self.down.store(false, Ordering::Release);
        self.metrics.appending(started.elapsed());
        // What a nearly full disk keeps room for says nothing about the rest.
        let was_full = !kept && self.full.swap(false, Ordering::AcqRel);
        if was_full || (self.faults.pending() && !self.is_full()) {
            self.flush_later();
        }
    }

    // In a task of its own: nobody's hanging up may lose what was taken out to be written.
    fn flush_later(self: &Arc<Self>) {
        let journal = self.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { journal.flush().await });
        }
    }
}

/// Whether room is kept for the record when the disk is nearly full: what came of actions that were permitted before, what
/// was taken away from whom, and what happened to the service. Nothing that an agent can make at will.
fn is_kept(record: &Record) -> bool {
    matches!(
        record,
        Record::Outcome(_) | Record::Standing(_) | Record::Lifecycle(_) | Record::Policy(_) | Record::Erasure(_)
    )
}

fn serialise(record: &Record) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(record).map_err(|error| {
        tracing::error!(%error, "a record cannot be serialised");
        Fault::new(FailMode::RecorderDown, "the record of this cannot be written")
    })
}

/// What the outside may know of a log that does not work; the service's own log has the cause.
pub(crate) fn recorder_down(error: &RecorderError) -> Fault {
    if matches!(error, RecorderError::Full(_)) {
        tracing::warn!(%error, "record not taken");
        let message = "the disk of the log is nearly full, so this cannot be recorded and does not happen; it is possible \
                       again when whoever runs holdshort has made room";
        return Fault::new(FailMode::RecorderFull, message);
    }
    tracing::error!(%error, "record not durable");
    let message = "the record of this cannot be made durable, so it does not happen; \
                   whoever runs holdshort has to look at its log directory";
    Fault::new(FailMode::RecorderDown, message)
}
