//! Streamable HTTP towards an upstream: each message is a POST, answers are JSON or an event stream.

use super::{REPLIES_QUEUE, Replies, Reply, UpstreamFault, Withdrawal};
use crate::mcp::config::Limits;
use bytes::Bytes;
use holdshort_enforce::Permitted;
use holdshort_wire::mcp::headers::{self, ParamHeader};
use holdshort_wire::mcp::{Id, Kind, Message, meta};
use holdshort_wire::sse;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How often a broken event stream is resumed before the request counts as failed.
const RESUME_MAX: u32 = 5;
/// Pause before a stream is resumed, unless the server says another.
const RESUME_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause that a server may ask for.
const RESUME_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Largest error page that is read.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// How long connecting may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// An idle connection is not used again after this. Node and uvicorn end theirs after five seconds: whoever sends into
/// that moment loses a call, and a call that may have run is not sent twice.
const IDLE_MAX: Duration = Duration::from_secs(3);

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;
type Sender = mpsc::Sender<Result<Reply, UpstreamFault>>;

/// One client session at an HTTP upstream.
pub(crate) struct HttpLink {
    inner: Arc<Inner>,
    listener: Mutex<Option<tokio::task::AbortHandle>>,
}

struct Inner {
    client: HttpClient,
    url: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    limits: Limits,
    events: mpsc::Sender<Message>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<HeaderValue>,
    version: Option<HeaderValue>,
    gone: bool,
}

/// One client for the process: it holds the connection pool.
fn client() -> Result<HttpClient, UpstreamFault> {
    static CLIENT: OnceLock<Result<HttpClient, String>> = OnceLock::new();
    let made = CLIENT.get_or_init(|| {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_MAX));
        connector.set_nodelay(true);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider.clone())
            .or_else(|_| {
                // A host without a certificate store can still use http upstreams; https ones fail on connecting.
                let empty = rustls::RootCertStore::empty();
                rustls::ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map(|config| config.with_root_certificates(empty).with_no_client_auth())
                    .map(|config| hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config))
            })
            .map_err(|error| format!("no TLS: {error}"))?;
        let https = builder.https_or_http().enable_http1().wrap_connector(connector);
        Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_MAX).build(https))
    });
    made.clone().map_err(UpstreamFault::Unreachable)
}

impl HttpLink {
    pub(crate) fn new(
        url: Uri,
        headers: Vec<(HeaderName, HeaderValue)>,
        limits: Limits,
        events: mpsc::Sender<Message>,
    ) -> Result<Self, UpstreamFault> {
        let inner = Inner { client: client()?, url, headers, limits, events, state: Mutex::default() };
        Ok(Self { inner: Arc::new(inner), listener: Mutex::new(None) })
    }

    pub(crate) async fn request(&self, permit: Permitted<Message>, mirrored: Option<&[ParamHeader]>) -> Replies {
        let (replies, receiver) = mpsc::channel(REPLIES_QUEUE);
        let (inner, mirror) =
            (self.inner.clone(), mirrored.map(|mirrored| mirror_of(permit.payload(), mirrored)).unwrap_or_default());
        tokio::spawn(async move {
            let message = permit.into_payload();
            let Some(id) = message.id().cloned() else { return };
            // A receiver that is dropped means that nobody waits any more: dropping the exchange closes the stream,
            // which is how HTTP upstreams learn of a cancellation.
            let exchange = inner.exchange(&message, mirror, &id, &replies);
            tokio::select! {
                result = exchange => if let Err(fault) = result {
                    let _ = replies.send(Err(fault)).await;
                },
                () = replies.closed() => {}
            }
        });
        receiver
    }

    pub(crate) async fn send(&self, permit: Permitted<Message>) -> Result<(), UpstreamFault> {
        let response = self.inner.post(&permit.into_payload(), HeaderMap::new()).await?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(self.inner.status_fault(status)) }
    }

    pub(crate) async fn withdraw(&self, withdrawal: Withdrawal) -> Result<(), UpstreamFault> {
        let message = withdrawal.into_message();
        let response = self.inner.post(&message, mirror_of(&message, &[])).await?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(self.inner.status_fault(status)) }
    }

    pub(crate) fn initialized(&self, protocol_version: &str) {
        self.inner.state().version = HeaderValue::from_str(protocol_version).ok();
        let inner = self.inner.clone();
        let task = tokio::spawn(async move { inner.listen().await });
        if let Some(old) = lock(&self.listener).replace(task.abort_handle()) {
            old.abort();
        }
    }

    pub(crate) fn alive(&self) -> bool {
        !self.inner.state().gone
    }

    pub(crate) async fn close(&self) {
        if let Some(listener) = lock(&self.listener).take() {
            listener.abort();
        }
        let (session, gone) = {
            let mut state = self.inner.state();
            (state.session.take(), std::mem::replace(&mut state.gone, true))
        };
        if let (Some(session), false) = (session, gone) {
            let mut request = self.inner.bare(Method::DELETE, Bytes::new());
            request.headers_mut().insert(SESSION_ID, session);
            let _ = tokio::time::timeout(Duration::from_secs(2), self.inner.client.request(request)).await;
        }
    }
}

impl Drop for HttpLink {
    fn drop(&mut self) {
        if let Some(listener) = lock(&self.listener).take() {
            listener.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// A request with what every request carries.
    fn bare(&self, method: Method, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.url.clone();
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        let state = self.state();
        if let Some(session) = &state.session {
            request.headers_mut().insert(SESSION_ID, session.clone());
        }
        if let Some(version) = &state.version {
            request.headers_mut().insert(PROTOCOL_VERSION, version.clone());
        }
        request
    }

    async fn post(&self, message: &Message, mirror: HeaderMap) -> Result<Response<Incoming>, UpstreamFault> {
        let mut request = self.bare(Method::POST, message.raw().clone());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if message.method() == "initialize" {
            headers.remove(SESSION_ID);
        }
        headers.extend(mirror);
        self.send(request).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, UpstreamFault> {
        let silence = self.limits.upstream_silence;
        let response = tokio::time::timeout(silence, self.client.request(request)).await;
        response
            .map_err(|_| UpstreamFault::Silent(silence.as_secs()))?
            .map_err(|error| UpstreamFault::Unreachable(root_cause(&error)))
    }

    /// Sends one request and passes on everything that belongs to it, up to and including the response.
    async fn exchange(
        &self,
        message: &Message,
        mirror: HeaderMap,
        id: &Id,
        replies: &Sender,
    ) -> Result<(), UpstreamFault> {
        let response = self.post(message, mirror).await?;
        let status = response.status();
        if message.method() == "initialize" && status.is_success() {
            self.state().session = response.headers().get(SESSION_ID).cloned();
        }
        match media_type(response.headers()).as_deref() {
            Some("application/json") => {
                let bytes_max = if status.is_success() { self.limits.response_bytes_max } else { ERROR_BYTES_MAX };
                let body = self.body(response, bytes_max).await?;
                match Message::parse(body) {
                    // An HTTP error can carry an error, never a result.
                    Ok(answer)
                        if answer.is_response()
                            && answer.id() == Some(id)
                            && (status.is_success() || matches!(answer.kind(), Kind::Error(_))) =>
                    {
                        send_on(replies, answer).await
                    }
                    // Errors about the request as a whole may come without its id; the session uses its own id anyway.
                    Ok(answer) if !status.is_success() && answer.is_response() && answer.id().is_none() => {
                        send_on(replies, answer).await
                    }
                    Ok(_) if status.is_success() => Err(UpstreamFault::Garbage("a response to another request".into())),
                    Err(error) if status.is_success() => Err(UpstreamFault::Garbage(error.to_string())),
                    Ok(_) | Err(_) => Err(self.status_fault(status)),
                }
            }
            Some("text/event-stream") if status.is_success() => self.events(response, id, replies).await,
            Some(other) if status.is_success() => {
                Err(UpstreamFault::Garbage(format!("media type `{}`", other.chars().take(80).collect::<String>())))
            }
            None if status.is_success() => Err(UpstreamFault::Garbage("an answer without a media type".into())),
            _ => Err(self.status_fault(status)),
        }
    }

    fn status_fault(&self, status: StatusCode) -> UpstreamFault {
        let mut state = self.state();
        if status == StatusCode::NOT_FOUND && state.session.is_some() {
            state.gone = true;
            return UpstreamFault::SessionGone;
        }
        UpstreamFault::Status(status.as_u16())
    }

    async fn body(&self, response: Response<Incoming>, bytes_max: usize) -> Result<Bytes, UpstreamFault> {
        let limited = http_body_util::Limited::new(response.into_body(), bytes_max);
        let collected = tokio::time::timeout(self.limits.upstream_silence, limited.collect()).await;
        let collected = collected.map_err(|_| UpstreamFault::Silent(self.limits.upstream_silence.as_secs()))?;
        collected.map(|body| body.to_bytes()).map_err(|error| UpstreamFault::Garbage(root_cause(&*error)))
    }

    /// Reads an event stream until the response; a stream that breaks is resumed where the server supports it.
    async fn events(&self, response: Response<Incoming>, id: &Id, replies: &Sender) -> Result<(), UpstreamFault> {
        let mut cursor = Cursor::default();
        let mut response = response;
        for _ in 0..RESUME_MAX {
            let fault = match self.stream(response, &mut cursor, Some(id), replies).await {
                Ok(true) => return Ok(()),
                Ok(false) => UpstreamFault::Closed,
                Err(fault @ (UpstreamFault::Garbage(_) | UpstreamFault::Silent(_))) => return Err(fault),
                Err(fault) => fault,
            };
            if cursor.last_event.is_none() {
                return Err(fault);
            }
            if let Some(pause) = cursor.pause {
                let _ = replies.send(Ok(Reply::Pause(pause.min(RESUME_PAUSE_MAX)))).await;
            }
            response = self.resume(&cursor).await?;
        }
        Err(UpstreamFault::Closed)
    }

    async fn resume(&self, cursor: &Cursor) -> Result<Response<Incoming>, UpstreamFault> {
        tokio::time::sleep(cursor.pause.unwrap_or(RESUME_PAUSE).min(RESUME_PAUSE_MAX)).await;
        let response = self.send(self.stream_request(cursor)).await?;
        match (response.status().is_success(), media_type(response.headers()).as_deref()) {
            (true, Some("text/event-stream")) => Ok(response),
            (true, _) => Err(UpstreamFault::Closed),
            (false, _) => Err(self.status_fault(response.status())),
        }
    }

    fn stream_request(&self, cursor: &Cursor) -> Request<Full<Bytes>> {
        let mut request = self.bare(Method::GET, Bytes::new());
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(last) = cursor.last_event.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
            request.headers_mut().insert(LAST_EVENT_ID, last);
        }
        request
    }

    /// Passes the messages of one stream on. `Ok(true)`: the response with `until` came; `Ok(false)`: the stream ended.
    async fn stream(
        &self,
        response: Response<Incoming>,
        cursor: &mut Cursor,
        until: Option<&Id>,
        replies: &Sender,
    ) -> Result<bool, UpstreamFault> {
        let mut decoder = sse::Decoder::new(self.limits.response_bytes_max);
        let mut body = response.into_body();
        let mut events = Vec::new();
        loop {
            let frame = tokio::time::timeout(self.limits.upstream_silence, body.frame());
            let frame = match frame.await {
                Err(_) if until.is_none() => continue,
                Err(_) => return Err(UpstreamFault::Silent(self.limits.upstream_silence.as_secs())),
                Ok(None) => return Ok(false),
                Ok(Some(Err(_))) => return Err(UpstreamFault::Closed),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            decoder.push(&data, &mut events).map_err(|error| UpstreamFault::Garbage(error.to_string()))?;
            for event in events.drain(..) {
                cursor.note(&event);
                if event.data.is_empty() || !matches!(event.event.as_str(), "" | "message") {
                    continue;
                }
                let message = Message::parse(event.data).map_err(|error| UpstreamFault::Garbage(error.to_string()))?;
                let last = message.is_response() && until.is_some() && message.id() == until;
                if message.is_response() && !last {
                    tracing::warn!(id = ?message.id(), "upstream answered a request that nobody waits for");
                    continue;
                }
                send_on(replies, message).await?;
                if last {
                    return Ok(true);
                }
            }
        }
    }

    /// The stream for messages that belong to no request. Absent at many servers (405), which is fine.
    async fn listen(&self) {
        let (sender, mut receiver) = mpsc::channel(REPLIES_QUEUE);
        let events = self.events.clone();
        tokio::spawn(async move {
            while let Some(Ok(Reply::Message(message))) = receiver.recv().await {
                if events.send(message).await.is_err() {
                    return;
                }
            }
        });
        let mut cursor = Cursor::default();
        let mut pause = RESUME_PAUSE;
        loop {
            let Ok(response) = self.send(self.stream_request(&cursor)).await else { return };
            let is_stream = media_type(response.headers()).as_deref() == Some("text/event-stream");
            if !response.status().is_success() || !is_stream {
                return;
            }
            match self.stream(response, &mut cursor, None, &sender).await {
                Err(UpstreamFault::Garbage(what)) => {
                    tracing::warn!(what, "upstream's event stream cannot be read");
                    return;
                }
                _ if sender.is_closed() => return,
                _ => {}
            }
            tokio::time::sleep(cursor.pause.unwrap_or(pause).min(RESUME_PAUSE_MAX)).await;
            pause = (pause * 2).min(RESUME_PAUSE_MAX);
        }
    }
}

/// Where a stream stands.
#[derive(Default)]
struct Cursor {
    last_event: Option<String>,
    pause: Option<Duration>,
}

impl Cursor {
    fn note(&mut self, event: &sse::Event) {
        if let Some(id) = &event.id {
            self.last_event = (!id.is_empty()).then(|| id.clone());
        }
        if let Some(retry) = event.retry_ms {
            self.pause = Some(Duration::from_millis(retry));
        }
    }
}

async fn send_on(replies: &Sender, message: Message) -> Result<(), UpstreamFault> {
    replies.send(Ok(Reply::Message(message))).await.map_err(|_| UpstreamFault::Closed)
}

/// The headers that mirror a 2026-07-28 request; none for the session era.
fn mirror_of(message: &Message, mirrored: &[ParamHeader]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Ok(params) = message.params() else { return headers };
    let Some(version) = meta(&params).version.and_then(|version| HeaderValue::from_str(&version).ok()) else {
        return headers;
    };
    headers.insert(PROTOCOL_VERSION, version);
    for (name, value) in headers::mirror(message.method(), &params, mirrored) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The media type without parameters, in lower case (RFC 9110: it is case-insensitive).
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
