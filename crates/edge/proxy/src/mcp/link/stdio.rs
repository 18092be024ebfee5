//! A child process that speaks newline-delimited JSON-RPC.

use super::{REPLIES_QUEUE, Replies, Reply, UpstreamFault, Withdrawal};
use crate::mcp::config::Limits;
use crate::mcp::exchange::SUBSCRIPTION;
use bytes::Bytes;
use holdshort_enforce::Permitted;
use holdshort_wire::mcp::{Id, Kind, Message};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot};

/// Lines that may wait for a child that does not read.
const OUTGOING_QUEUE: usize = 256;
/// How long a child may take to end after its standard input was closed, and again after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// Longest line of a child's standard error that is logged; the rest is cut.
const STDERR_LINE_MAX: usize = 2_000;
/// How long all requests of a child wait for one client that does not read its notifications.
const STALL_MAX: Duration = Duration::from_millis(250);

type Sender = mpsc::Sender<Result<Reply, UpstreamFault>>;

#[derive(Clone)]
struct Pending {
    replies: Sender,
    /// Set while the client does not read: its notifications are dropped.
    stalled: Arc<AtomicBool>,
    progress_token: Option<Id>,
}

/// A line for the child, and who waits until it is written.
type Line = (Bytes, Option<oneshot::Sender<()>>);

/// What the reader and the senders share.
struct Shared {
    pending: Mutex<HashMap<Id, Pending>>,
    alive: AtomicBool,
}

impl Shared {
    fn pending(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running child.
pub(crate) struct StdioLink {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Line>,
    child: tokio::sync::Mutex<Option<Child>>,
    stop_writer: tokio::sync::watch::Sender<bool>,
}

impl StdioLink {
    pub(crate) fn spawn(
        program: &str,
        args: &[String],
        env: &[(String, String)],
        cwd: Option<&Path>,
        limits: Limits,
        events: mpsc::Sender<Message>,
    ) -> Result<Self, UpstreamFault> {
        let mut command = Command::new(program);
        command.args(args).envs(env.iter().map(|(k, v)| (k, v))).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(cwd) = cwd {
            command.current_dir(cwd);
        }
        let mut child = command
            .spawn()
            .map_err(|error| UpstreamFault::Unreachable(format!("cannot start `{program}`: {error}")))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(UpstreamFault::Unreachable(format!("`{program}` has no standard streams")));
        };
        let (outgoing, lines) = mpsc::channel(OUTGOING_QUEUE);
        let (stop_writer, stopped) = tokio::sync::watch::channel(false);
        let shared = Arc::new(Shared { pending: Mutex::default(), alive: AtomicBool::new(true) });
        tokio::spawn(write_lines(stdin, lines, stopped));
        tokio::spawn(read_messages(stdout, limits.response_bytes_max, shared.clone(), events));
        tokio::spawn(log_stderr(stderr, program.to_owned()));
        Ok(Self { shared, outgoing, child: tokio::sync::Mutex::new(Some(child)), stop_writer })
    }

    pub(crate) async fn request(&self, permit: Permitted<Message>) -> Replies {
        let (replies, receiver) = mpsc::channel(REPLIES_QUEUE);
        let message = permit.into_payload();
        let Some(id) = message.id().cloned() else {
            let _ = replies.send(Err(UpstreamFault::Garbage("a request without an id".into()))).await;
            return receiver;
        };
        let progress_token = message.params().ok().and_then(|params| holdshort_wire::mcp::meta(&params).progress_token);
        self.shared
            .pending()
            .insert(id.clone(), Pending { replies: replies.clone(), stalled: Arc::default(), progress_token });
        let sent = self.outgoing.send((message.on_one_line().raw().clone(), None)).await;
        // The reader drains `pending` when the child ends; whoever comes later must find that out here.
        if (sent.is_err() || !self.alive()) && self.shared.pending().remove(&id).is_some() {
            let _ = replies.send(Err(UpstreamFault::Closed)).await;
        }
        receiver
    }

    pub(crate) async fn send(&self, permit: Permitted<Message>) -> Result<(), UpstreamFault> {
        let line = permit.into_payload().on_one_line().raw().clone();
        self.outgoing.send((line, None)).await.map_err(|_| UpstreamFault::Closed)
    }

    pub(crate) async fn withdraw(&self, withdrawal: Withdrawal) -> Result<(), UpstreamFault> {
        let line = withdrawal.into_message().on_one_line().raw().clone();
        // What was not written when the connection is closed never is.
        let (done, written) = oneshot::channel();
        self.outgoing.send((line, Some(done))).await.map_err(|_| UpstreamFault::Closed)?;
        written.await.map_err(|_| UpstreamFault::Closed)
    }

    pub(crate) fn alive(&self) -> bool {
        self.shared.alive.load(Ordering::Acquire)
    }

    pub(crate) async fn close(&self) {
        self.shared.alive.store(false, Ordering::Release);
        let _ = self.stop_writer.send(true);
        let Some(mut child) = self.child.lock().await.take() else { return };
        if tokio::time::timeout(GRACE, child.wait()).await.is_ok() {
            return;
        }
        if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }
}

async fn write_lines(
    mut stdin: ChildStdin,
    mut lines: mpsc::Receiver<Line>,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) {
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            _ = stopped.changed() => None,
        };
        let Some((line, waiting)) = line else { return };
        if write_line(&mut stdin, &line).await.is_err() {
            return;
        }
        if let Some(waiting) = waiting {
            // Whoever waited may have given up.
            let _ = waiting.send(());
        }
    }
}

/// Writes one message and the line feed that ends it.
pub(crate) async fn write_line(out: &mut (impl AsyncWrite + Unpin), line: &[u8]) -> std::io::Result<()> {
    out.write_all(line).await?;
    out.write_all(b"\n").await?;
    out.flush().await
}

/// Reads a line of at most `bytes_max` bytes into `line`. `Ok(false)` at the end of the stream.
///
/// # Errors
/// `FileTooLarge` for a longer line; the stream cannot be used after that.
pub(crate) async fn read_line(
    input: &mut (impl AsyncBufReadExt + Unpin),
    bytes_max: usize,
    line: &mut Vec<u8>,
) -> std::io::Result<bool> {
    line.clear();
    loop {
        let available = input.fill_buf().await?;
        if available.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let take = end.map_or(available.len(), |at| at + 1);
        if line.len() + take > bytes_max {
            return Err(std::io::Error::new(
                std::io::ErrorKind::FileTooLarge,
                format!("a line is over {bytes_max} bytes"),
            ));
        }
        line.extend_from_slice(available.get(..take).unwrap_or_default());
        input.consume(take);
        if end.is_some() {
            return Ok(true);
        }
    }
}

async fn read_messages(
    stdout: impl AsyncRead + Unpin,
    bytes_max: usize,
    shared: Arc<Shared>,
    events: mpsc::Sender<Message>,
) {
    let mut input = BufReader::with_capacity(64 << 10, stdout);
    let mut line = Vec::new();
    let fault = loop {
        match read_line(&mut input, bytes_max, &mut line).await {
            Ok(false) => break UpstreamFault::Closed,
            Err(error) => break UpstreamFault::Garbage(error.to_string()),
            Ok(true) if line.iter().all(u8::is_ascii_whitespace) => {}
            Ok(true) => match Message::parse(Bytes::copy_from_slice(line.trim_ascii_end())) {
                Ok(message) => deliver(message, &shared, &events).await,
                Err(error) => {
                    // Garbage on one line cannot be tied to a request; those that wait keep waiting for their own answer.
                    tracing::warn!(%error, bytes = line.len(), "upstream wrote a line that is not JSON-RPC");
                }
            },
        }
    };
    shared.alive.store(false, Ordering::Release);
    let waiting: Vec<_> = shared.pending().drain().map(|(_, pending)| pending.replies).collect();
    for replies in waiting {
        let _ = replies.send(Err(fault.clone())).await;
    }
}

async fn deliver(message: Message, shared: &Shared, events: &mpsc::Sender<Message>) {
    let pending = match message.kind() {
        Kind::Result(id) | Kind::Error(Some(id)) => match shared.pending().remove(id) {
            Some(pending) => Some(pending),
            None => {
                tracing::warn!(%id, "upstream answered a request that nobody waits for");
                return;
            }
        },
        Kind::Notification => {
            let params = message.params().unwrap_or_default();
            let id = |value: Option<&Value>| value.and_then(|value| Id::from_json(&value.to_string()));
            let token = id(params.get("progressToken"));
            let subscription = id(params.get("_meta").and_then(|meta| meta.get(SUBSCRIPTION)));
            let pending = shared.pending();
            let by_token = pending.values().find(|one| token.is_some() && one.progress_token == token);
            by_token.or_else(|| pending.get(subscription.as_ref()?)).cloned()
        }
        _ => None,
    };
    match pending {
        Some(pending) => hand_over(&pending, message).await,
        None => drop(events.send(message).await),
    }
}

/// Several requests share a child: a client that does not read, or went away, must not stop the others. Its
/// notifications wait a moment and are then dropped until it reads again; the response is always delivered.
async fn hand_over(pending: &Pending, message: Message) {
    let response = message.is_response();
    if !response && pending.stalled.load(Ordering::Relaxed) && pending.replies.capacity() < REPLIES_QUEUE / 2 {
        return;
    }
    pending.stalled.store(false, Ordering::Relaxed);
    let Err(mpsc::error::TrySendError::Full(message)) = pending.replies.try_send(Ok(Reply::Message(message))) else {
        return;
    };
    if response {
        let replies = pending.replies.clone();
        tokio::spawn(async move { replies.send(message).await });
    } else if pending.replies.send_timeout(message, STALL_MAX).await.is_err() {
        pending.stalled.store(true, Ordering::Relaxed);
        tracing::warn!("a client does not read its notifications; some are dropped");
    }
}

async fn log_stderr(stderr: impl AsyncRead + Unpin, program: String) {
    let mut input = BufReader::new(stderr);
    let mut line = Vec::new();
    while let Ok(true) = read_line(&mut input, 1 << 20, &mut line).await {
        let text = String::from_utf8_lossy(line.get(..line.len().min(STDERR_LINE_MAX)).unwrap_or_default());
        tracing::debug!(program, stderr = text.trim_end(), "upstream says");
    }
}
