//! Streamable HTTP for clients: one endpoint each for the upstreams, and `/mcp` for all.

use super::sse::{self, Body, full};
use crate::mcp::bridge;
use crate::mcp::config::Principal;
use crate::mcp::containment::watch;
use crate::mcp::envelope;
use crate::mcp::gateway::{Endpoint, Gateway, REAP_EVERY};
use crate::mcp::guard::Refused;
use crate::mcp::link::{PROTOCOL_VERSION, SESSION_ID, media_type};
use crate::mcp::session::Core;
use crate::mcp::streams::{self, RESUMABLE};
use bytes::Bytes;
use holdshort_model::{FailMode, SessionId};
use holdshort_wire::mcp::{Id, Kind, Message, Meta, SESSION_VERSIONS, STATELESS, code, meta};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Messages of one request that may wait for a slow client.
const STREAM_QUEUE: usize = 64;
/// An answer that takes longer than this is streamed, with keep-alives, instead of being waited for in silence.
const SILENT_MAX: Duration = Duration::from_secs(10);
/// How long a client may take for its headers, and connections for their end at shutdown.
const HEADERS_MAX: Duration = Duration::from_secs(15);
/// How long a client may take for a body of at most `request_bytes_max`.
const BODY_MAX: Duration = Duration::from_secs(60);
/// Connections at once. Each costs a file descriptor and, while a request is under way, its message.
const CONNECTIONS_MAX: usize = 4_096;
const SHUTDOWN_MAX: Duration = Duration::from_secs(3);

/// Serves the gateway until `shutdown` is ready; then open requests get a moment to end, and all sessions are closed.
///
/// # Errors
/// When the listener breaks.
pub async fn serve_http(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADERS_MAX).keep_alive(true);
    let graceful = GracefulShutdown::new();
    let mut reap = tokio::time::interval(REAP_EVERY);
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let watched = gateway.clone();
    let watching = tokio::spawn(watch(gateway.authority(), move || {
        let watched = watched.clone();
        async move { watched.examine().await }
    }));
    tokio::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of file descriptors, or a client that left at once: the listener itself is still good.
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
            _ = reap.tick() => {
                let gateway = gateway.clone();
                tokio::spawn(async move { gateway.reap().await });
                continue;
            }
            () = &mut shutdown => break,
        };
        // Over the limit the connection is closed at once: the agent sees that, and nothing waits unseen.
        let Ok(place) = connections.clone().try_acquire_owned() else {
            tracing::warn!("too many connections; one was closed");
            continue;
        };
        let _ = stream.set_nodelay(true);
        let gateway = gateway.clone();
        let service = service_fn(move |request| {
            let gateway = gateway.clone();
            async move { Ok::<_, Infallible>(serve(&gateway, request).await) }
        });
        let connection = graceful.watch(server.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    watching.abort();
    gateway.close().await;
    let _ = tokio::time::timeout(SHUTDOWN_MAX, graceful.shutdown()).await;
    Ok(())
}

async fn serve(gateway: &Arc<Gateway>, request: Request<Incoming>) -> Response<Body> {
    if !local(gateway, request.headers()) {
        return plain(StatusCode::FORBIDDEN, "Host or Origin is not allowed here (see `mcp.allowed_hosts`)");
    }
    let Some(endpoint) = gateway.endpoint(request.uri().path()) else {
        return plain(StatusCode::NOT_FOUND, "no such endpoint: use /mcp or /mcp/<upstream>");
    };
    let Some(principal) = gateway.authenticate(bearer(request.headers())) else {
        let mut response =
            plain(StatusCode::UNAUTHORIZED, "a bearer token of an agent is needed (`holdshort agents add`)");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    };
    match *request.method() {
        Method::POST => post(gateway, endpoint, principal, request).await,
        Method::GET | Method::DELETE => session_stream(gateway, endpoint, &principal, &request).await,
        _ => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "use POST");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, GET, DELETE"));
            response
        }
    }
}

/// Host and Origin as a browser sends them: only names that a page elsewhere cannot take for itself.
fn local(gateway: &Gateway, headers: &HeaderMap) -> bool {
    let loopback = |host: &str| {
        let Some(host) = without_port(host) else { return false };
        matches!(host.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "::1")
            || gateway.options.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    };
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    let host_ok = text(header::HOST).is_some_and(loopback);
    let origin_ok = text(header::ORIGIN).is_none_or(|origin| {
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some_and(loopback) || gateway.options.allowed_origins.iter().any(|allowed| allowed == origin)
    });
    host_ok && origin_ok
}

/// The host of `host[:port]`; nothing else may stand there, such as a user name.
fn without_port(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => v6.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = port.strip_prefix(':').map_or(port.is_empty(), |port| port.bytes().all(|byte| byte.is_ascii_digit()));
    port.then_some(host)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

async fn post(
    gateway: &Arc<Gateway>,
    endpoint: Endpoint,
    principal: Principal,
    request: Request<Incoming>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if media_type(&parts.headers).as_deref() != Some("application/json") {
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json");
    }
    let stray = || gateway.guard(&principal, SessionId::from("unattached"));
    let bytes_max = gateway.options.limits.request_bytes_max;
    let collected = tokio::time::timeout(BODY_MAX, Limited::new(body, bytes_max).collect()).await;
    let Ok(collected) = collected else {
        return plain(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
    };
    let bytes = match collected {
        Ok(body) => body.to_bytes(),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            let what = format!("the message is over {bytes_max} bytes");
            let refused = stray().record_garbage(b"", FailMode::Oversize, what, code::INVALID_REQUEST).await;
            return json_response(StatusCode::PAYLOAD_TOO_LARGE, refused.error(None));
        }
        Err(_) => return plain(StatusCode::BAD_REQUEST, "the body ended early"),
    };
    let message = match Message::parse(bytes.clone()) {
        Ok(message) => message,
        Err(error) => {
            let refused = stray().record_garbage(&bytes, FailMode::Unparseable, error.to_string(), error.code()).await;
            return json_response(StatusCode::BAD_REQUEST, refused.error(None));
        }
    };
    let params = if message.is_response() { Ok(serde_json::Value::Null) } else { message.params() };
    let params = match params {
        Ok(params) => params,
        Err(error) => {
            let id = message.id().cloned();
            let refused =
                stray().record_fault(message, FailMode::Unparseable, error.to_string(), code::INVALID_REQUEST).await;
            return json_response(StatusCode::BAD_REQUEST, refused.error(id.as_ref()));
        }
    };
    let stated = meta(&params);
    let header_version = parts.headers.get(PROTOCOL_VERSION).map(|value| value.to_str().unwrap_or("\u{fffd}").trim());
    let modern_header = header_version.is_some_and(|version| version >= STATELESS);
    if !message.is_response() && (stated.version.is_some() || modern_header) {
        return stateless(gateway, endpoint, &principal, (message, &params, &stated), &parts.headers).await;
    }
    session(gateway, endpoint, principal, message, &parts.headers).await
}

/// A message of the stateless era.
async fn stateless(
    gateway: &Arc<Gateway>,
    endpoint: Endpoint,
    principal: &Principal,
    (message, params, stated): (Message, &serde_json::Value, &Meta),
    headers: &HeaderMap,
) -> Response<Body> {
    let request = matches!(message.kind(), Kind::Request(_));
    let refuse = |refused: &Refused| json_response(refused.status, refused.error(message.id()));
    if request && message.method() == "initialize" && stated.version.is_none() {
        return refuse(&Refused::new(code::HEADER_MISMATCH, format!("`initialize` does not exist in {STATELESS}")));
    }
    if request && let Err(refused) = envelope_form(stated) {
        return refuse(&refused);
    }
    let core = gateway.stateless(principal, endpoint, stated);
    bridge::note_hello(&core, params);
    core.guard.note_claims(stated.client.clone());
    let upstream = gateway.upstream(endpoint);
    let tool = params.get("name").and_then(serde_json::Value::as_str).filter(|_| message.method() == "tools/call");
    if let (Some(upstream), Some(tool)) = (upstream, tool)
        && headers.keys().any(|name| name.as_str().starts_with("mcp-param-"))
        && upstream.mirrored(tool).is_none()
    {
        bridge::learn_tools(&core, params).await;
    }
    if let Err(refused) = envelope::headers_agree(&message, params, stated, headers, upstream, request) {
        return refuse(&refused);
    }
    if request && let Err(refused) = envelope::check(stated) {
        return refuse(&refused);
    }
    if !request {
        let told = core.tell(message).await;
        return accepted(told);
    }
    answer(core, message, accepts_stream(headers)).await.0
}

/// A request that states a version must state all of the envelope; this comes before the headers are compared.
fn envelope_form(stated: &Meta) -> Result<(), Refused> {
    match envelope::check(stated) {
        Err(refused) if stated.version.is_none() || stated.capabilities.is_none() => Err(refused),
        _ => Ok(()),
    }
}

/// A message of the session era.
async fn session(
    gateway: &Arc<Gateway>,
    endpoint: Endpoint,
    principal: Principal,
    message: Message,
    headers: &HeaderMap,
) -> Response<Body> {
    let refuse = |status, message: &Message, text: &str| {
        json_response(status, Message::error(message.id(), code::INVALID_REQUEST, text, None))
    };
    if message.method() == "initialize" && matches!(message.kind(), Kind::Request(_)) {
        let (public, core) = match gateway.new_session(&principal, endpoint) {
            Ok(made) => made,
            Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, &message, &error),
        };
        let (mut response, ok) = answer(core.clone(), message, false).await;
        if !ok {
            core.close().await;
            return response;
        }
        if let Ok(id) = HeaderValue::from_str(&public) {
            response.headers_mut().insert(SESSION_ID, id);
        }
        gateway.keep(public, core, principal, endpoint).await;
        return response;
    }
    let Some(public) = headers.get(SESSION_ID).and_then(|id| id.to_str().ok()) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            &message,
            "the Mcp-Session-Id header is missing; start with `initialize`",
        );
    };
    let Some(core) = gateway.session(public, &principal, endpoint) else {
        return refuse(StatusCode::NOT_FOUND, &message, "the session is unknown or has ended; start with `initialize`");
    };
    if let Some(version) = headers.get(PROTOCOL_VERSION)
        && !version.to_str().is_ok_and(|version| SESSION_VERSIONS.contains(&version.trim()))
    {
        return refuse(
            StatusCode::BAD_REQUEST,
            &message,
            "MCP-Protocol-Version names a version that is not spoken here",
        );
    }
    if !matches!(message.kind(), Kind::Request(_)) {
        return accepted(core.tell(message).await);
    }
    let resumable = core.hello().version.as_str() >= RESUMABLE && accepts_stream(headers);
    let response = match message.id().cloned().filter(|_| resumable) {
        Some(id) => resumable_answer(core, message, id).await,
        None => answer(core, message, accepts_stream(headers)).await.0,
    };
    if response.status() == StatusCode::NOT_FOUND {
        gateway.end(public).await; // The session at the upstream is over; the client has to start a new one.
    }
    response
}

fn accepted(told: Result<(), Refused>) -> Response<Body> {
    match told {
        Ok(()) => {
            let mut response = Response::new(full(Bytes::new()));
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        Err(refused) => json_response(StatusCode::BAD_REQUEST, refused.error(None)),
    }
}

/// Answers a request: as JSON when the response is all there is, as a stream when messages come before it.
/// The second value says whether the request ended well, as far as that is known when the headers are sent.
async fn answer(core: Arc<Core>, message: Message, may_stream: bool) -> (Response<Body>, bool) {
    let (out, mut messages) = mpsc::channel(STREAM_QUEUE);
    let (done, mut finished) = oneshot::channel();
    let listening = message.method() == "subscriptions/listen";
    tokio::spawn(async move {
        let answer = core.request(message, &out).await;
        drop(done.send((answer, out)));
    });
    let mut first = None;
    if may_stream {
        let patience = tokio::time::sleep(if listening { Duration::ZERO } else { SILENT_MAX });
        tokio::pin!(patience);
        tokio::select! {
            biased;
            message = messages.recv() => first = message,
            answer = &mut finished => return whole(answer),
            () = &mut patience => {}
        }
    } else {
        // Without a stream, messages that come before the response have nowhere to go.
        loop {
            tokio::select! {
                biased;
                answer = &mut finished => return whole(answer),
                Some(_) = messages.recv() => {}
            }
        }
    }
    let (stream, streamed) = mpsc::channel(STREAM_QUEUE);
    tokio::spawn(async move {
        if let Some(first) = first
            && stream.send(first).await.is_err()
        {
            return;
        }
        loop {
            tokio::select! {
                biased;
                Some(message) = messages.recv() => if stream.send(message).await.is_err() { return },
                answer = &mut finished => {
                    while let Ok(message) = messages.try_recv() {
                        let _ = stream.send(message).await;
                    }
                    if let Ok((answer, _)) = answer {
                        let _ = stream.send(answer.bytes).await;
                    }
                    return;
                }
                () = stream.closed() => return,
            }
        }
    });
    (sse::stream(streamed), true)
}

/// Answers a request in a stream that the client can come back to.
async fn resumable_answer(core: Arc<Core>, message: Message, id: Id) -> Response<Body> {
    let stream = core.streams.open(id);
    let (out, mut messages) = mpsc::channel(STREAM_QUEUE);
    let (writer, runner) = (stream.clone(), core.clone());
    tokio::spawn(async move {
        let running = runner.request(message, &out);
        tokio::pin!(running);
        let answer = loop {
            tokio::select! {
                biased;
                Some(message) = messages.recv() => writer.push(message),
                answer = &mut running => break answer,
            }
        };
        while let Ok(message) = messages.try_recv() {
            writer.push(message);
        }
        writer.end(answer.bytes, answer.status);
    });
    match stream.begun(SILENT_MAX).await {
        Some((status, bytes)) => json_response(status, bytes),
        None => streams::read(&core, stream, 0),
    }
}

type Finished = Result<(crate::mcp::dispatch::Answer, crate::mcp::session::Out), oneshot::error::RecvError>;

fn whole(answer: Finished) -> (Response<Body>, bool) {
    match answer {
        Ok((answer, _)) => (json_response(answer.status, answer.bytes), answer.ok),
        Err(_) => (plain(StatusCode::INTERNAL_SERVER_ERROR, "the request was dropped"), false),
    }
}

/// GET and DELETE exist in the session era only.
async fn session_stream(
    gateway: &Arc<Gateway>,
    endpoint: Endpoint,
    principal: &Principal,
    request: &Request<Incoming>,
) -> Response<Body> {
    let headers = request.headers();
    let Some(public) = headers.get(SESSION_ID).and_then(|id| id.to_str().ok()) else {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "GET and DELETE need an Mcp-Session-Id header");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    };
    let Some(core) = gateway.session(public, principal, endpoint) else {
        return plain(StatusCode::NOT_FOUND, "the session is unknown or has ended; start with `initialize`");
    };
    core.touch();
    if request.method() == Method::DELETE {
        gateway.end(public).await;
        return plain(StatusCode::OK, "session ended");
    }
    if !accepts_stream(headers) {
        return plain(StatusCode::NOT_ACCEPTABLE, "send Accept: text/event-stream");
    }
    if let Some(last) = headers.get("last-event-id").and_then(|id| id.to_str().ok()) {
        return match core.streams.find(last) {
            Some((stream, position)) => streams::read(&core, stream, position),
            None => plain(StatusCode::NOT_FOUND, "the stream of this Last-Event-ID has ended"),
        };
    }
    if core.outbox.listened.swap(true, Ordering::AcqRel) {
        return plain(StatusCode::CONFLICT, "this session already has a stream");
    }
    let (stream, streamed) = mpsc::channel(STREAM_QUEUE);
    let weak = Arc::downgrade(&core);
    drop(core);
    tokio::spawn(async move {
        loop {
            let Some(core) = weak.upgrade() else { return };
            let sent = tokio::select! {
                message = core.outbox.next() => stream.send(message).await.is_ok(),
                () = stream.closed() => false,
                // Lets go of the session now and then, so that an ended one is not kept by its own stream.
                () = tokio::time::sleep(SILENT_MAX) => true,
            };
            if !sent {
                core.outbox.listened.store(false, Ordering::Release);
                return;
            }
        }
    });
    sse::stream(streamed)
}

fn accepts_stream(headers: &HeaderMap) -> bool {
    let mut accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.any(|accept| {
        let accept = accept.to_ascii_lowercase();
        accept.contains("text/event-stream") || accept.contains("*/*") || accept.contains("text/*")
    })
}

fn json_response(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    json_response(status, json!({ "error": { "code": status.as_str(), "message": text } }).to_string().into())
}
