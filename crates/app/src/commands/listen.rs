//! Answers HTTP from strangers: what `holdshort witness` and a mirror that serves its copy have in common.
//!
//! Nobody is asked who they are, so everything is bounded here: connections, the time for each, and how often one caller may
//! ask. Bodies are bounded by whoever reads them. What is not here: HTTP/2, routes, anything about logs.

mod network;
mod rates;
mod tls;

pub(crate) use network::Network;
pub(crate) use rates::Rate;

use crate::cli::ListenArgs;
use crate::failure::Failure;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use network::Proxies;
use rates::{Guest, Guests, Rates};
use std::convert::Infallible;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tls::Certificate;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Most connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// A handshake, the head of a request, and its body come within this time each: a slow client loses its place, nobody else's.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest life of a connection, however busy.
const CONNECTION_MAX: Duration = Duration::from_secs(600);
/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// What is being answered when the process is told to end has this time.
const DRAIN: Duration = Duration::from_secs(10);
/// Pause after a failed accept (no file descriptors left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound address, with what it takes to speak to whoever comes.
pub(crate) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<(Certificate, TlsAcceptor, Signal)>,
    proxies: Proxies,
}

/// Becomes ready when the process is told to end, by SIGINT or SIGTERM. From this call on they do not end it by themselves.
///
/// # Errors
/// When the system gives no signals.
pub(crate) fn told_to_end() -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupt = listened_for(SignalKind::interrupt())?;
    let mut terminate = listened_for(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn listened_for(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::internal(format!("cannot listen for signals: {error}")))
}

impl Listening {
    /// Reads the certificate, if there is one, and binds.
    ///
    /// # Errors
    /// When the address is taken, or the certificate cannot be used.
    pub(crate) async fn open(address: SocketAddr, options: &ListenArgs) -> Result<Self, Failure> {
        let tls = match (&options.tls_cert, &options.tls_key) {
            (Some(chain), Some(key)) => {
                let certificate = Certificate::open(chain, key)?;
                let acceptor = certificate.acceptor()?;
                Some((certificate, acceptor, listened_for(SignalKind::hangup())?))
            }
            _ => None,
        };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::refused(format!("cannot listen on `{address}`: {error}")).hint("another `--listen`")
        })?;
        let address = listener.local_addr().map_err(Failure::internal)?;
        Ok(Self { listener, address, tls, proxies: Proxies::new(&options.trusted_proxy) })
    }

    /// Where it listens, with the port that was taken.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// Serves until `until` is ready, and then ends what is being answered.
    pub(crate) async fn serve<A, F, B>(self, rate: Rate, answer: A, until: impl Future<Output = ()>)
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (closing, closed) = watch::channel(false);
        let (certificate, acceptor, hangup) = match self.tls {
            Some((certificate, acceptor, hangup)) => (Some(certificate), Some(acceptor), Some(hangup)),
            None => (None, None, None),
        };
        let door = Door {
            seats: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            rates: Arc::new(Rates::new(rate)),
            connected: Guests::default(),
            asking: Guests::default(),
            proxies: Arc::new(self.proxies),
            acceptor,
            closed,
        };
        let renewing = async {
            match certificate.as_ref().zip(hangup) {
                Some((certificate, hangup)) => certificate.renew(hangup).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(until, renewing);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut until => break,
                () = &mut renewing => {}
                Some(_) = connections.join_next() => {}
                // INVARIANT: whoever is sent away ends this turn, too. A pattern that only takes visits would wait for the
                // other branches then, and let nobody in until another connection ends.
                visit = door.let_in(&self.listener) => {
                    if let Some(visit) = visit {
                        connections.spawn(door.clone().attend(visit, answer.clone()));
                    }
                }
            }
        }
        drop(self.listener);
        closing.send_replace(true);
        let _ = tokio::time::timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    }
}

/// Who may come in, and how often.
#[derive(Clone)]
struct Door {
    seats: Arc<Semaphore>,
    rates: Arc<Rates>,
    /// Connections by address.
    connected: Guests,
    /// Requests by caller, of those that come through a proxy.
    asking: Guests,
    proxies: Arc<Proxies>,
    acceptor: Option<TlsAcceptor>,
    closed: watch::Receiver<bool>,
}

/// A connection that has its place.
struct Visit {
    stream: TcpStream,
    peer: IpAddr,
    _seat: OwnedSemaphorePermit,
    _guest: Option<Guest>,
}

impl Door {
    /// The next connection; `None` when it was sent away.
    async fn let_in(&self, listener: &TcpListener) -> Option<Visit> {
        let seat = self.seats.clone().acquire_owned().await.ok()?;
        let (stream, peer) = match listener.accept().await {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                return None;
            }
        };
        // A proxy's connections are those of many, and it has bounds of its own; this host's are nobody's attack from outside.
        let guest = match self.proxies.trust(peer) || peer.is_loopback() {
            true => None,
            false => Some(self.connected.enter(peer)?),
        };
        // A handshake costs more than any request.
        if self.acceptor.is_some() && !self.proxies.trust(peer) && !self.rates.admit(peer, Instant::now()) {
            return None;
        }
        Some(Visit { stream, peer, _seat: seat, _guest: guest })
    }

    async fn attend<A, F, B>(self, visit: Visit, answer: A)
    where
        A: Fn(Request<Incoming>) -> F,
        F: Future<Output = Response<B>>,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Visit { stream, peer, _seat, _guest } = visit;
        // A failure shows in the exchange itself.
        let _ = stream.set_nodelay(true);
        let served = async {
            match self.acceptor.clone() {
                None => self.converse(stream, peer, answer).await,
                Some(acceptor) => match tokio::time::timeout(REQUEST_TIMEOUT, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => self.converse(stream, peer, answer).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS came about"),
                    Err(_) => tracing::debug!("no TLS came about in time"),
                },
            }
        };
        let _ = tokio::time::timeout(CONNECTION_MAX, served).await;
    }

    async fn converse<S, A, F, B>(&self, stream: S, peer: IpAddr, answer: A)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        A: Fn(Request<Incoming>) -> F,
        F: Future<Output = Response<B>>,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let answered = hyper::service::service_fn(|request: Request<Incoming>| {
            // Two lengths of one body are how requests are hidden in others: whatever follows such a one is not read (RFC 9112,
            // section 6.1).
            let last = request.headers().contains_key(TRANSFER_ENCODING);
            let admitted = self.admit(peer, &request).map(|guest| (guest, answer(request)));
            async move {
                let mut response = match admitted {
                    Some((_guest, answer)) => answer.await.map(Either::Right),
                    None => too_many().map(Either::Left),
                };
                if last {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT).max_header_size(HEAD_BYTES_MAX);
        let connection = builder.serve_connection(TokioIo::new(stream), answered);
        tokio::pin!(connection);
        let mut closed = self.closed.clone();
        let closing = async {
            let _ = closed.wait_for(|closed| *closed).await;
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = closing => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }

    /// A place for one request, unless its caller has had enough.
    fn admit(&self, peer: IpAddr, request: &Request<Incoming>) -> Option<Option<Guest>> {
        let caller = self.proxies.caller(peer, request.headers());
        if !self.rates.admit(caller, Instant::now()) {
            return None;
        }
        // Who comes by itself is counted by its connections. A proxy that asks for itself is believed.
        if caller == peer { Some(None) } else { self.asking.enter(caller).map(Some) }
    }
}

fn too_many() -> Response<Full<Bytes>> {
    let mut refused = text(StatusCode::TOO_MANY_REQUESTS, "too many requests from this address");
    refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    refused
}

/// A plain answer that ends with a line feed, and that nobody keeps.
pub(crate) fn text(status: StatusCode, what: &str) -> Response<Full<Bytes>> {
    let end = if what.ends_with('\n') { "" } else { "\n" };
    let mut response = Response::new(Full::new(Bytes::from(format!("{what}{end}"))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
