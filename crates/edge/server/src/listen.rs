//! Listening and serving: TCP on loopback, the unix socket, graceful end, and how long nobody has been there.

use crate::clock::{Clock, ms};
use crate::http::{Parts, Peer, router};
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service as _;

/// Most connections at once on one listener; more wait to be accepted. Who fills up the port does not keep others from
/// the unix socket.
const CONNECTIONS_MAX: usize = 1_024;
/// A TCP client sends the head of its next request within this time, or the connection ends.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// After the signal to end, running requests have this long.
const GRACE: Duration = Duration::from_secs(10);
/// Pause after a failed accept (no file descriptors left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address or path is in use.
    #[error("`{0}` is in use; another service is running there")]
    InUse(String),
    /// The path does not fit into a socket address.
    #[error("`{0}` is too long for a unix socket (107 bytes); choose a shorter data directory")]
    TooLong(PathBuf),
    /// The operating system refuses.
    #[error("cannot listen on `{place}`: {cause}")]
    Refused {
        /// Address or path.
        place: String,
        /// What the operating system says.
        cause: io::Error,
    },
}

/// Where requests come in.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A unix socket. The file is removed when the listener is dropped.
    Unix(UnixSocket),
}

/// A bound unix socket.
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // Nothing to be done about a failure: the next start removes what is left.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Listens on a TCP address; port 0 takes a free one. Whether the address may be other than loopback is the
    /// caller's decision.
    ///
    /// # Errors
    /// When the address is in use or cannot be had.
    pub async fn tcp(address: SocketAddr) -> Result<Self, ListenError> {
        TcpListener::bind(address).await.map(Self::Tcp).map_err(|cause| match cause.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address.to_string()),
            _ => ListenError::Refused { place: address.to_string(), cause },
        })
    }

    /// Listens on a unix socket that only its owner can connect to. A socket that nobody serves any more is replaced.
    ///
    /// # Errors
    /// When somebody serves it, something else has the name, or the operating system refuses.
    pub async fn unix(path: &Path) -> Result<Self, ListenError> {
        let refused = |cause| ListenError::Refused { place: path.display().to_string(), cause };
        if path.as_os_str().len() > 107 {
            return Err(ListenError::TooLong(path.into()));
        }
        match UnixStream::connect(path).await {
            Ok(_) => return Err(ListenError::InUse(path.display().to_string())),
            // Left behind by a process that was killed. Only a socket is: a file refuses connections in the same way.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && is_socket(path) => {
                std::fs::remove_file(path).map_err(refused)?;
            }
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(refused)?;
        // Between the two steps others may connect where the umask lets them; each connection's user is checked too.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(refused)?;
        Ok(Self::Unix(UnixSocket { listener, path: path.into() }))
    }

    /// The TCP address, port included.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// The listen address as requests name it in `Host`.
    fn host(&self) -> Option<String> {
        match self.address()?.ip() {
            address if address.is_unspecified() => None,
            IpAddr::V4(address) => Some(address.to_string()),
            IpAddr::V6(address) => Some(format!("[{address}]")),
        }
    }

    async fn accept(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Connection::Tcp(stream))
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                let uid = stream.peer_cred()?.uid();
                Ok(Connection::Unix(stream, uid))
            }
        }
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream, u32),
}

/// How many connections are open, and since when there is none.
pub struct Activity {
    clock: Arc<dyn Clock>,
    open: Mutex<(usize, u64)>,
}

impl Activity {
    /// Nobody there, since now.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let now = ms(clock.now_ns());
        Arc::new(Self { clock, open: Mutex::new((0, now)) })
    }

    /// Since when nobody has been connected, in milliseconds since 1970; `None` while somebody is.
    pub fn idle_since(&self) -> Option<u64> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        (open.0 == 0).then_some(open.1)
    }

    /// Counts somebody in, until the answer is dropped. Also for connections that are served elsewhere.
    pub fn enter(self: &Arc<Self>) -> Presence {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).0 += 1;
        Presence(self.clone())
    }
}

/// Somebody is there.
pub struct Presence(Arc<Activity>);

impl Drop for Presence {
    fn drop(&mut self) {
        let now = ms(self.0.clock.now_ns());
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.0 = open.0.saturating_sub(1);
        open.1 = now;
    }
}

/// Serves the API on the listeners until `shutdown` resolves; then running requests have ten seconds to end.
pub async fn serve(
    listeners: Vec<Listener>,
    mut parts: Parts,
    activity: Arc<Activity>,
    shutdown: impl Future<Output = ()>,
) {
    let (close, closing) = watch::channel(false);
    parts.access.hosts.extend(listeners.iter().filter_map(Listener::host));
    let router = router(parts, closing.clone());
    let mut acceptors = JoinSet::new();
    for listener in listeners {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let seat = Seat { router: router.clone(), room, activity: activity.clone(), closing: closing.clone() };
        acceptors.spawn(accept_all(listener, seat));
    }
    shutdown.await;
    // The receivers may all be gone already.
    let _ = close.send(true);
    while acceptors.join_next().await.is_some() {}
}

#[derive(Clone)]
struct Seat {
    router: Router,
    room: Arc<Semaphore>,
    activity: Arc<Activity>,
    closing: watch::Receiver<bool>,
}

async fn accept_all(listener: Listener, mut seat: Seat) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepting = async {
            let permit = seat.room.clone().acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = closed(&mut seat.closing) => break,
            accepted = accepting => accepted,
        };
        match accepted {
            Ok(connection) => {
                let (seat, presence) = (seat.clone(), seat.activity.enter());
                connections.spawn(async move {
                    seat.attend(connection).await;
                    drop((presence, permit));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::warn!("requests were still running at the end");
    }
}

impl Seat {
    async fn attend(self, connection: Connection) {
        match connection {
            Connection::Tcp(stream) => self.speak(stream, Peer::Tcp, Some(HEAD_TIMEOUT)).await,
            // A wrapper stays connected for as long as it lives, so that the service knows that it is needed.
            Connection::Unix(stream, uid) => self.speak(stream, Peer::Unix { uid }, None).await,
        }
    }

    async fn speak<S>(mut self, stream: S, peer: Peer, head_timeout: Option<Duration>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router;
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            // A router is always ready (axum says so), so nothing has to be polled before the call.
            router.clone().call(request)
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(head_timeout);
        let served = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(served);
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            () = closed(&mut self.closing) => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }
}

/// Resolves when the service ends, which it also does when nobody can say so any more.
async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}
