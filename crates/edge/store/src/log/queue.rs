//! What waits for the writer: bounded by bytes, so that a slow disk slows the callers down and never fills the memory.
//!
//! INVARIANT: records reach the writer in the order in which they came here, whoever waits for room and whenever they are
//! polled: a record that finds no room takes its place in the line, and whoever makes room moves the line up.

use super::space::Gauge;
use super::{Appended, LogError};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::{mpsc, oneshot, watch};

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
    line: Mutex<Line>,
    room_max: usize,
    note: Mutex<String>,
    failure: OnceLock<(io::ErrorKind, Arc<str>)>,
    pub(crate) gauge: Arc<Gauge>,
    /// Whether the writer is gone, with everything that it had to write and the lock.
    gone: watch::Sender<bool>,
}

/// The way to the writer.
#[derive(Debug)]
struct Line {
    /// Unbounded in items, bounded by `room`: no record is sent without having taken its part. None: nothing more will come.
    writer: Option<mpsc::UnboundedSender<Item>>,
    /// Bytes that can still be sent.
    room: usize,
    /// Records that found no room, in their order.
    waiting: VecDeque<Waiting>,
    is_closed: bool,
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
        let cause = error.to_string();
        let kind = if let LogError::Io { source, .. } = error { source.kind() } else { io::ErrorKind::Other };
        if self.failure.set((kind, cause.as_str().into())).is_ok() {
            tracing::error!(cause, "log poisoned");
            self.gauge.end();
        }
        self.close_intake();
    }

    pub(crate) fn failure(&self) -> Option<LogError> {
        self.failure.get().map(|(kind, cause)| LogError::Poisoned { cause: Arc::clone(cause), kind: *kind })
    }

    /// The writer has ended: whoever waits for that goes on.
    pub(crate) fn leave(&self) {
        self.gone.send_replace(true);
    }

    /// Why nothing is taken any more.
    pub(crate) fn ended(&self) -> LogError {
        self.failure().unwrap_or(LogError::Closed)
    }

    /// Gives back the room of records that left the queue, to those who wait for it.
    pub(crate) fn release(&self, room: usize) {
        let mut line = self.line();
        line.room = line.room.saturating_add(room);
        while let Some(next) = line.waiting.front().map(|next| self.room_for(next.payload.len()))
            && let Some(left) = line.room.checked_sub(next)
        {
            line.room = left;
            let Line { writer, waiting, .. } = &mut *line;
            // A writer that is gone: whoever waits finds that out, since nobody will answer.
            let _ = waiting.pop_front().zip(writer.as_ref()).map(|(next, writer)| writer.send(Item::Record(next)));
        }
    }

    /// What a payload of this length takes of the room; never more than there is, so that it can be had.
    pub(crate) fn room_for(&self, payload_bytes: usize) -> usize {
        payload_bytes.saturating_add(RECORD_OVERHEAD_BYTES).min(self.room_max)
    }

    /// Takes no more records. Those in the line were not taken yet.
    pub(crate) fn close_intake(&self) {
        let mut line = self.line();
        line.is_closed = true;
        let waiting = std::mem::take(&mut line.waiting);
        drop(line);
        for waiter in waiting.into_iter().filter_map(|waiting| waiting.waiter) {
            // A caller that stopped waiting does not want to know.
            waiter.send(Err(self.ended())).ok();
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The callers' side.
#[derive(Debug)]
pub(crate) struct Queue {
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
        let room_max = bytes_max.max(RECORD_OVERHEAD_BYTES);
        let (writer, items) = mpsc::unbounded_channel();
        let line = Line { writer: Some(writer), room: room_max, waiting: VecDeque::new(), is_closed: false };
        let state = Arc::new(State {
            size: watch::Sender::new(size),
            line: Mutex::new(line),
            room_max,
            note: Mutex::new(note),
            failure: OnceLock::new(),
            gauge,
            gone: watch::Sender::new(false),
        });
        let queue = Self { state: Arc::clone(&state) };
        (queue, Intake { items, state })
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Takes a record in that nobody waits for, when there is room and nobody waits for some.
    pub(crate) fn push(&self, payload: Vec<u8>, kept: bool) -> Result<(), LogError> {
        self.take(Waiting { payload, waiter: None, kept }, false)
    }

    /// Takes a record in, at once or as soon as there is room. Its place is that of this call.
    pub(crate) fn push_and_wait(
        &self,
        payload: Vec<u8>,
        kept: bool,
    ) -> Result<impl Future<Output = Answer> + Send + use<>, LogError> {
        let (waiter, answer) = oneshot::channel();
        self.take(Waiting { payload, waiter: Some(waiter), kept }, true)?;
        let state = Arc::clone(&self.state);
        Ok(async move { answer.await.unwrap_or_else(|_| Err(state.ended())) })
    }

    fn take(&self, record: Waiting, waits: bool) -> Result<(), LogError> {
        let room = self.state.room_for(record.payload.len());
        let mut line = self.state.line();
        let Some(writer) = line.writer.as_ref().filter(|_| !line.is_closed) else {
            drop(line);
            return Err(self.state.ended());
        };
        match line.room.checked_sub(room).filter(|_| line.waiting.is_empty()) {
            Some(left) => {
                let sent = writer.send(Item::Record(record));
                line.room = left;
                drop(line);
                sent.map_err(|_| self.state.ended())
            }
            None if waits => {
                line.waiting.push_back(record);
                Ok(())
            }
            None => Err(LogError::Full),
        }
    }

    pub(crate) fn close(&self) -> Result<impl Future<Output = Result<(), LogError>> + Send + use<>, LogError> {
        let (waiter, answer) = oneshot::channel();
        self.state.close_intake();
        // A log that ended already answers with how it ended.
        let sent =
            self.state.line().writer.as_ref().is_some_and(|writer| writer.send(Item::Close(Some(waiter))).is_ok());
        let state = Arc::clone(&self.state);
        Ok(async move {
            let ended = || state.failure().map_or(Ok(()), Err);
            if sent && let Ok(answer) = answer.await {
                return answer;
            }
            // Somebody else has closed it, or it has ended: it may still be writing what was queued before.
            state.gone.subscribe().wait_for(|gone| *gone).await.ok();
            ended()
        })
    }

    /// No more items will come.
    pub(crate) fn hang_up(&self) {
        let mut line = self.state.line();
        let waiting = std::mem::take(&mut line.waiting);
        if let Some(writer) = line.writer.take() {
            // Nobody takes a record back by not waiting for it.
            waiting.into_iter().for_each(|record| drop(writer.send(Item::Record(record))));
        }
    }
}

/// Held by a thread of the log for as long as it runs. A panic ends the log, as any failure does: nobody may wait for a thread
/// that is gone, and nothing is acknowledged that no checkpoint would ever cover.
#[derive(Debug)]
pub(crate) struct Alive {
    pub(crate) state: Arc<State>,
    pub(crate) thread: &'static str,
    pub(crate) directory: PathBuf,
}

impl Drop for Alive {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let source = io::Error::other(format!("the log's {} panicked", self.thread));
            self.state.poison(&LogError::io("go on with", &self.directory)(source));
        }
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
