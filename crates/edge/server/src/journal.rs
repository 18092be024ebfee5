//! Writing records, and what happens while they cannot be written.

use crate::clock::{Clock, ms};
use crate::faults::{Faults, Refused};
use crate::metrics::Metrics;
use crate::recorder::{Appending, Recorder, RecorderError};
use holdshort_enforce::Fault;
use holdshort_model::{FailMode, LifecycleRecord, Receipt, Record, Request};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// The way to the log.
pub(crate) struct Journal {
    recorder: Arc<dyn Recorder>,
    clock: Arc<dyn Clock>,
    faults: Faults,
    down: AtomicBool,
    pub(crate) metrics: Metrics,
}

impl Journal {
    pub(crate) fn new(recorder: Arc<dyn Recorder>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (faults, metrics) = (Faults::default(), Metrics::default());
        Arc::new(Self { recorder, clock, faults, down: AtomicBool::new(false), metrics })
    }

    /// Hands a record over to the log, in the order of the calls. The answer resolves once it is durable.
    ///
    /// # Errors
    /// When the log does not even take it in. Then it is as if it had never been.
    pub(crate) fn hand_over(self: &Arc<Self>, record: Vec<u8>) -> Result<Appending, RecorderError> {
        let (journal, started) = (self.clone(), Instant::now());
        let mut appending = self.recorder.append(record);
        let mut appending: Appending = Box::pin(async move {
            let result = appending.as_mut().await;
            journal.settled(&result, started);
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
    pub(crate) async fn append(self: &Arc<Self>, record: Vec<u8>) -> Result<Receipt, RecorderError> {
        self.hand_over(record)?.await
    }

    /// Writes a record and waits until it is durable.
    pub(crate) async fn write(self: &Arc<Self>, record: &Record) -> Result<Receipt, Fault> {
        let bytes = serialise(record)?;
        self.append(bytes).await.map_err(|error| {
            self.metrics.fault(FailMode::RecorderDown);
            recorder_down(&error)
        })
    }

    /// A record of what happened to the service, now.
    pub(crate) fn lifecycle(&self, event: &str, detail: serde_json::Value) -> Record {
        Record::Lifecycle(LifecycleRecord { time_ms: ms(self.clock.now_ns()), event: event.into(), detail })
    }

    /// Writes a record without waiting.
    pub(crate) fn write_later(&self, record: &Record) -> Result<(), Fault> {
        let bytes = serialise(record)?;
        self.recorder.enqueue(bytes).map_err(|error| {
            self.down.store(true, Ordering::Release);
            self.metrics.fault(FailMode::RecorderDown);
            self.faults.note_lost(FailMode::RecorderDown, ms(self.clock.now_ns()));
            recorder_down(&error)
        })
    }

    /// Remembers an action that is refused because of a failure, to be recorded when that is possible.
    pub(crate) fn refuse(self: &Arc<Self>, fault: &Fault, refused: Refused) {
        self.metrics.fault(fault.mode);
        self.faults.note(fault.mode, refused);
        if !self.is_down() {
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

    /// Records what was refused meanwhile.
    pub(crate) async fn flush(self: &Arc<Self>) {
        for group in self.faults.take() {
            let written = match serialise(&Record::Lifecycle(group.record())) {
                Ok(bytes) => self.append(bytes).await.is_ok(),
                Err(_) => false,
            };
            if !written {
                self.faults.merge(group);
            }
        }
    }

    fn settled(self: &Arc<Self>, result: &Result<Receipt, RecorderError>, started: Instant) {
        self.down.store(result.is_err(), Ordering::Release);
        if result.is_ok() {
            self.metrics.appending(started.elapsed());
            if self.faults.pending() {
                self.flush_later();
            }
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

fn serialise(record: &Record) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(record).map_err(|error| {
        tracing::error!(%error, "a record cannot be serialised");
        Fault::new(FailMode::RecorderDown, "the record of this cannot be written")
    })
}

/// What the outside may know of a log that does not work; the service's own log has the cause.
pub(crate) fn recorder_down(error: &RecorderError) -> Fault {
    tracing::error!(%error, "record not durable");
    let message = "the record of this cannot be made durable, so it does not happen; \
                   whoever runs holdshort has to look at its log directory";
    Fault::new(FailMode::RecorderDown, message)
}
