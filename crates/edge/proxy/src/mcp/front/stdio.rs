//! The stdio wrapper: stands in an `mcp.json` in place of the server's command.

use crate::mcp::config::{Limits, RefusalStyle, UpstreamConfig};
use crate::mcp::containment;
use crate::mcp::guard::{Guard, Refused, Surroundings};
use crate::mcp::link::{read_line, write_line};
use crate::mcp::session::{Core, Era, Out, Upstream};
use bytes::Bytes;
use holdshort_enforce::Gate;
use holdshort_model::{FailMode, SessionId, Subject};
use holdshort_wire::mcp::{Kind, Message, code, meta};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Messages that may wait for a client that does not read.
const OUTGOING_QUEUE: usize = 256;
/// How long the calls of a client that is gone may take to be recorded as cancelled.
const LEAVE_MAX: Duration = Duration::from_secs(2);

/// One wrapped server.
#[derive(Clone, Debug)]
pub struct StdioOptions {
    /// The server behind the wrapper.
    pub upstream: UpstreamConfig,
    /// Who uses it.
    pub subject: Subject,
    /// The session: wrappers of one client process share it.
    pub session: SessionId,
    /// Folder that the agent works in.
    pub workspace: Option<String>,
    /// The person's request, where the caller knows it.
    pub intent: Option<String>,
    /// Whether `_meta["com.holdshort/intent"]` of the client counts as the person's request.
    pub believes_meta: bool,
    /// How a refused tool call is answered.
    pub refusal: RefusalStyle,
    /// Bounds.
    pub limits: Limits,
}

/// Why the wrapper ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client closed its end.
    InputOver,
    /// The agent's workflow was ended; in words.
    Terminated(String),
}

/// Serves one client on `input` and `output` until the input ends or the agent's workflow is ended; then the server
/// behind is ended too.
///
/// # Errors
/// When the input or output breaks.
pub async fn run(
    gate: Gate,
    options: StdioOptions,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> std::io::Result<Ended> {
    let (out, outgoing) = mpsc::channel::<Bytes>(OUTGOING_QUEUE);
    let writer = tokio::spawn(write(output, outgoing));
    let served = serve(gate, &options, input, &out).await;
    drop(out);
    let written = writer.await.map_err(std::io::Error::other)?;
    written.and(served)
}

async fn write(mut output: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<Bytes>) -> std::io::Result<()> {
    while let Some(message) = messages.recv().await {
        write_line(&mut output, &one_line(message)).await?;
    }
    Ok(())
}

/// A message ends with a line feed here, so it may not contain one. Raw line ends stand only between JSON tokens.
fn one_line(message: Bytes) -> Bytes {
    if !message.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return message;
    }
    message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect::<Vec<_>>().into()
}

async fn serve(gate: Gate, options: &StdioOptions, input: impl AsyncRead + Unpin, out: &Out) -> std::io::Result<Ended> {
    let upstream = Arc::new(Upstream::new(options.upstream.clone()));
    let guard = || {
        let surroundings = Surroundings {
            workspace: options.workspace.clone(),
            intent: options.intent.clone(),
            believes_meta: options.believes_meta,
        };
        Guard::new(
            gate.clone(),
            options.subject.clone(),
            options.session.clone(),
            "mcp-stdio",
            surroundings,
            options.refusal,
        )
    };
    let (mut core, mut pump, mut watching): (Option<Arc<Core>>, _, Option<tokio::task::JoinHandle<()>>) =
        (None, None, None);
    let (terminated, mut is_terminated) = watch::channel(None::<String>);
    let mut ended = Ended::InputOver;
    let mut input = BufReader::with_capacity(64 << 10, input);
    let (mut line, mut running) = (Vec::new(), JoinSet::new());
    loop {
        let read = tokio::select! {
            read = read_line(&mut input, options.limits.request_bytes_max, &mut line) => read,
            // The rest of a line that was begun is of no use any more.
            Ok(because) = is_terminated.wait_for(Option::is_some) => {
                ended = Ended::Terminated(because.clone().unwrap_or_default());
                break;
            }
        };
        match read {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                let refused =
                    guard().record_garbage(&line, FailMode::Oversize, error.to_string(), code::INVALID_REQUEST).await;
                send(out, refused.error(None)).await;
                break; // The rest of the line is of unknown length: there is no way back into step.
            }
            Err(error) => return Err(error),
        }
        while running.try_join_next().is_some() {}
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let message = match Message::parse(Bytes::copy_from_slice(line.trim_ascii_end())) {
            Ok(message) => message,
            Err(error) => {
                let refused =
                    guard().record_garbage(&line, FailMode::Unparseable, error.to_string(), error.code()).await;
                send(out, refused.error(None)).await;
                continue;
            }
        };
        let core = core.get_or_insert_with(|| {
            let era = if modern(&message) { Era::Stateless } else { Era::Session };
            let core = Core::new(guard(), std::slice::from_ref(&upstream), false, era, false, options.limits);
            pump = Some(tokio::spawn(pump_outbox(core.clone(), out.clone())));
            watching = Some(tokio::spawn(follow_standing(gate.clone(), Arc::downgrade(&core), terminated.clone())));
            core
        });
        take(core, message, out, &mut running).await;
    }
    // The client is gone: what still runs has nobody to answer to, and is recorded as cancelled.
    if let Some(core) = &core {
        core.leave();
    }
    let settled = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(LEAVE_MAX, settled).await.is_err() {
        running.shutdown().await;
    }
    if let Some(watching) = watching {
        watching.abort();
    }
    if let Some(pump) = pump {
        pump.abort();
        let _ = pump.await;
    }
    if let Some(core) = core {
        core.close().await;
    }
    Ok(ended)
}

async fn follow_standing(gate: Gate, core: Weak<Core>, terminated: watch::Sender<Option<String>>) {
    let examine = move || {
        let (core, terminated) = (core.clone(), terminated.clone());
        async move {
            let Some(core) = core.upgrade() else { return };
            core.examine().await;
            if let Some(cut) = core.cut().filter(|cut| cut.ends) {
                terminated.send_replace(Some(cut.because().to_owned()));
            }
        }
    };
    containment::watch(gate.authority().clone(), examine).await;
}

fn modern(message: &Message) -> bool {
    message.params().is_ok_and(|params| meta(&params).version.is_some())
}

async fn take(core: &Arc<Core>, message: Message, out: &Out, running: &mut JoinSet<()>) {
    if let Kind::Request(id) = message.kind() {
        if core.era == Era::Stateless {
            let id = id.clone();
            let params = message.params().unwrap_or_default();
            if let Err(refused) = crate::mcp::envelope::check(&meta(&params)) {
                return send(out, refused.error(Some(&id))).await;
            }
            crate::mcp::bridge::note_hello(core, &params);
            core.guard.note_claims(meta(&params).client);
        }
        let (core, out) = (core.clone(), out.clone());
        running.spawn(async move {
            let answer = core.request(message, &out).await;
            send(&out, answer.bytes).await;
        });
        return;
    }
    // Order matters between notifications and what follows, so they are not spawned.
    if let Err(refused) = core.tell(message).await {
        log_refused(&refused);
    }
}

fn log_refused(refused: &Refused) {
    tracing::info!(reason = refused.message(), "a message of the client was not forwarded");
}

async fn pump_outbox(core: Arc<Core>, out: Out) {
    core.outbox.listened.store(true, std::sync::atomic::Ordering::Relaxed);
    loop {
        let message = core.outbox.next().await;
        if out.send(message).await.is_err() {
            return;
        }
    }
}

async fn send(out: &Out, bytes: Bytes) {
    let _ = out.send(bytes).await;
}
