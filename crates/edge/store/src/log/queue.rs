//! What waits for the writer: bounded by bytes, so that a slow disk slows the callers down and never fills the memory.

use super::space::Gauge;
use super::{Appended, LogError};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// Bytes that a waiting record costs beside its payload.
const RECORD_OVERHEAD_BYTES: usize = 128;

pub(crate) type Answer = Result<Appended, LogError>;

/// Something for the writer.
#[derive(Debug)]
pub(crate) enum Item {
    /// A record.
    Record(Waiting),
    /// Write what came before, seal it, stop, and say so.
    Close(Option<oneshot::Sender<Result<(), LogError>>>),
}

/// A record on its way.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) payload: Vec<u8>,
    /// Who waits for it.
    pub(crate) waiter: Option<oneshot::Sender<Answer>>,
    /// Taken also when the disk is nearly full: it belongs to what was permitted before.
    pub(crate) kept: bool,
}

/// What everybody may know about a running log.
#[derive(Debug)]
pub(crate) struct State {
    /// Durable records.
    pub(crate) size: watch::Sender<u64>,
    room: Semaphore,
    room_max: usize,
    note: Mutex<String>,
    failure: OnceLock<(io::ErrorKind, Arc<str>)>,
    pub(crate) gauge: Arc<Gauge>,
}

impl State {
    pub(crate) fn checkpoint(&self) -> String {
        self.note.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_checkpoint(&self, note: String) {
        *self.note.lock().unwrap_or_else(PoisonError::into_inner) = note;
    }

    /// Ends the log for good. Only the first reason counts.
    pub(crate) fn poison(&self, error: &LogError) {
        let source = std::error::Error::source(error);
        let cause = source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        let kind = if let LogError::Io { source, .. } = error { source.kind() } else { io::ErrorKind::Other };
        if self.failure.set((kind, cause.as_str().into())).is_ok() {
            tracing::error!(cause, "log poisoned");
        }
        self.room.close();
    }

    pub(crate) fn failure(&self) -> Option<LogError> {
        self.failure.get().map(|(kind, cause)| LogError::Poisoned { cause: Arc::clone(cause), kind: *kind })
    }

    /// Why nothing is taken any more.
    pub(crate) fn ended(&self) -> LogError {
        self.failure().unwrap_or(LogError::Closed)
    }

    /// Gives back the room of records that left the queue.
    pub(crate) fn release(&self, room: usize) {
        self.room.add_permits(room);
    }

    /// What a payload of this length takes of the room; never more than there is, so that it can be had.
    pub(crate) fn room_for(&self, payload_bytes: usize) -> u32 {
        let wanted = payload_bytes.saturating_add(RECORD_OVERHEAD_BYTES).min(self.room_max);
        u32::try_from(wanted).unwrap_or(u32::MAX)
    }

    pub(crate) fn close_intake(&self) {
        self.room.close();
    }
}

/// The callers' side.
#[derive(Debug)]
pub(crate) struct Queue {
    items: Mutex<Option<mpsc::UnboundedSender<Item>>>,
    state: Arc<State>,
}

/// The writer's side.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) items: mpsc::UnboundedReceiver<Item>,
    pub(crate) state: Arc<State>,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize, size: u64, note: String, gauge: Arc<Gauge>) -> (Self, Intake) {
        let room_max = bytes_max.clamp(RECORD_OVERHEAD_BYTES, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let state = Arc::new(State {
            size: watch::Sender::new(size),
            room: Semaphore::new(room_max),
            room_max,
            note: Mutex::new(note),
            failure: OnceLock::new(),
            gauge,
        });
        // Unbounded in items, bounded by `room`: nothing is sent without having reserved it.
        let (sender, items) = mpsc::unbounded_channel();
        let queue = Self { items: Mutex::new(Some(sender)), state: Arc::clone(&state) };
        (queue, Intake { items, state })
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) async fn reserve(&self, payload_bytes: usize) -> Result<(), LogError> {
        let room = self.state.room_for(payload_bytes);
        let permit = self.state.room.acquire_many(room).await.map_err(|_| self.state.ended())?;
        permit.forget();
        Ok(())
    }

    pub(crate) fn try_reserve(&self, payload_bytes: usize) -> Result<(), LogError> {
        let room = self.state.room_for(payload_bytes);
        match self.state.room.try_acquire_many(room) {
            Ok(permit) => {
                permit.forget();
                Ok(())
            }
            Err(tokio::sync::TryAcquireError::NoPermits) => Err(LogError::Full),
            Err(tokio::sync::TryAcquireError::Closed) => Err(self.state.ended()),
        }
    }

    pub(crate) fn push(&self, item: Item) -> Result<(), LogError> {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = items.as_ref().ok_or_else(|| self.state.ended())?;
        sender.send(item).map_err(|_| self.state.ended())
    }

    pub(crate) fn push_and_wait(
        &self,
        payload: Vec<u8>,
        kept: bool,
    ) -> Result<impl Future<Output = Answer> + Send + use<>, LogError> {
        let (waiter, answer) = oneshot::channel();
        self.push(Item::Record(Waiting { payload, waiter: Some(waiter), kept }))?;
        let state = Arc::clone(&self.state);
        Ok(async move { answer.await.unwrap_or_else(|_| Err(state.ended())) })
    }

    pub(crate) fn close(&self) -> Result<impl Future<Output = Result<(), LogError>> + Send + use<>, LogError> {
        let (waiter, answer) = oneshot::channel();
        self.state.close_intake();
        // A log that ended already answers with how it ended.
        let sent = self.push(Item::Close(Some(waiter))).is_ok();
        let state = Arc::clone(&self.state);
        Ok(async move {
            let ended = || state.failure().map_or(Ok(()), Err);
            if sent { answer.await.unwrap_or_else(|_| ended()) } else { ended() }
        })
    }

    /// No more items will come.
    pub(crate) fn hang_up(&self) {
        *self.items.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Waits for a future on this thread, without any runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
