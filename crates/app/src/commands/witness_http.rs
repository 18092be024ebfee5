//! The witness over HTTP (C2SP tlog-witness): `POST /add-checkpoint`, and `GET /<SHA-256 of the origin>/checkpoint` for whoever
//! wants to see what was cosigned last. What is not here: TLS, which a proxy before it has.
//!
//! Nobody is asked who they are: a checkpoint counts by its signature. So everything is bounded: connections, bodies, the
//! time for each, and how often one address may ask.

use bytes::Bytes;
use holdshort_ledger::{WITNESS_REQUEST_BYTES_MAX, WITNESS_SIZE_TYPE};
use holdshort_store::log::{Witness, WitnessReply};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Most connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// Most of them from one address beside this host, so that one that only holds them keeps nobody else out. This host's are
/// those of a proxy, which has its own bounds.
const CONNECTIONS_EACH_MAX: usize = 32;
/// The head of a request comes within this time, and so does its body: a slow client loses its place, nobody else's.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest life of a connection, however busy.
const CONNECTION_MAX: Duration = Duration::from_secs(600);
/// Requests that are judged at once. Each may wait for the disk.
const JUDGED_MAX: usize = 16;
/// Requests of one address that are answered without a pause, and how many more of them a second.
const BURST: f64 = 100.0;
const PER_SECOND: f64 = 20.0;
/// Addresses that are counted. Beyond them only those that are known are answered, until some have been quiet.
const ADDRESSES_MAX: usize = 16_384;
/// Pause after a failed accept (no file descriptors left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, witness: Arc<Witness>) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let desk =
        Arc::new(Desk { witness, room: Semaphore::new(JUDGED_MAX), rates: Mutex::default(), guests: Mutex::default() });
    loop {
        let Ok(seat) = seats.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                let Some(guest) = Guest::enter(&desk, from.ip()) else { continue };
                let desk = desk.clone();
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(CONNECTION_MAX, attend(stream, from.ip(), desk)).await;
                    drop((guest, seat));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

struct Desk {
    witness: Arc<Witness>,
    room: Semaphore,
    rates: Mutex<HashMap<IpAddr, (f64, Instant)>>,
    /// Connections by address.
    guests: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that is counted for its address until it ends.
struct Guest {
    desk: Arc<Desk>,
    from: IpAddr,
}

impl Guest {
    /// None when the address has enough of them.
    fn enter(desk: &Arc<Desk>, from: IpAddr) -> Option<Self> {
        let (local, from) = (from.to_canonical().is_loopback(), network(from.to_canonical()));
        let mut guests = desk.guests.lock().unwrap_or_else(PoisonError::into_inner);
        let count = guests.entry(from).or_default();
        if *count >= CONNECTIONS_EACH_MAX && !local {
            return None;
        }
        *count += 1;
        Some(Self { desk: desk.clone(), from })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.desk.guests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = guests.get_mut(&self.from) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                guests.remove(&self.from);
            }
        }
    }
}

async fn attend(stream: TcpStream, from: IpAddr, desk: Arc<Desk>) {
    // A failure shows in the exchange itself.
    let _ = stream.set_nodelay(true);
    let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
        let desk = desk.clone();
        async move { Ok::<_, Infallible>(desk.answer(request, from).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(%error, "connection ended");
    }
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>, from: IpAddr) -> Response<Full<Bytes>> {
        if !self.admits(from, Instant::now()) {
            let mut refused = text(StatusCode::TOO_MANY_REQUESTS, "too many requests from this address");
            refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return refused;
        }
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/add-checkpoint") => self.add(request).await,
            (&Method::GET, "/healthz") => text(StatusCode::OK, "ok"),
            (&Method::GET, path) => match path.strip_prefix('/').and_then(|path| path.strip_suffix("/checkpoint")) {
                Some(digest) => self.stored(digest.to_owned()).await,
                None => text(StatusCode::NOT_FOUND, "there is nothing here"),
            },
            (_, "/add-checkpoint" | "/healthz") => {
                text(StatusCode::METHOD_NOT_ALLOWED, "this is asked with another method")
            }
            _ => text(StatusCode::NOT_FOUND, "there is nothing here"),
        }
    }

    async fn add(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let body = Limited::new(request.into_body(), WITNESS_REQUEST_BYTES_MAX).collect();
        let body = match tokio::time::timeout(REQUEST_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
            }
            Ok(Err(_)) => return text(StatusCode::BAD_REQUEST, "the body broke off"),
            Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
        };
        let witness = self.witness.clone();
        let now_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        match self.judge(move || witness.add(&body, now_s)).await {
            Some(reply) => respond(reply),
            None => text(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be judged"),
        }
    }

    async fn stored(&self, digest: String) -> Response<Full<Bytes>> {
        let witness = self.witness.clone();
        match self.judge(move || witness.checkpoint(&digest)).await.flatten() {
            Some(note) => text(StatusCode::OK, &note),
            None => text(StatusCode::NOT_FOUND, "nothing was cosigned for that log"),
        }
    }

    /// Runs what may wait for a lock or the disk. Who hangs up meanwhile does not stop it.
    async fn judge<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _room = self.room.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }

    /// Whether an address has something left of what it may ask.
    fn admits(&self, from: IpAddr, now: Instant) -> bool {
        let refilled = |(left, since): (f64, Instant)| {
            (left + now.saturating_duration_since(since).as_secs_f64() * PER_SECOND).min(BURST)
        };
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let from = network(from);
        if rates.len() >= ADDRESSES_MAX && !rates.contains_key(&from) {
            rates.retain(|_, rate| refilled(*rate) < BURST);
            if rates.len() >= ADDRESSES_MAX {
                return false;
            }
        }
        let rate = rates.entry(from).or_insert((BURST, now));
        let left = refilled(*rate);
        *rate = (if left >= 1.0 { left - 1.0 } else { left }, now);
        left >= 1.0
    }
}

/// Of IPv6 the network counts: whoever has one has all of its addresses.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

fn respond(reply: WitnessReply) -> Response<Full<Bytes>> {
    match reply {
        WitnessReply::Cosigned(lines) => text(StatusCode::OK, &lines),
        WitnessReply::Malformed(why) => text(StatusCode::BAD_REQUEST, &why),
        WitnessReply::Unsigned => text(StatusCode::FORBIDDEN, "the log's key did not sign this checkpoint"),
        WitnessReply::UnknownLog => text(StatusCode::NOT_FOUND, "this log is not known here"),
        WitnessReply::Outdated(known) => {
            let mut answer = text(StatusCode::CONFLICT, &known.to_string());
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(WITNESS_SIZE_TYPE));
            answer
        }
        WitnessReply::Refused { known, contradiction: true } => text(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("another tree of {known} records was cosigned: the log told two stories"),
        ),
        WitnessReply::Refused { known, contradiction: false } => text(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("the proof does not lead from the {known} records that were cosigned to this checkpoint"),
        ),
        WitnessReply::Unavailable(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// A plain answer that ends with a line feed.
fn text(status: StatusCode, what: &str) -> Response<Full<Bytes>> {
    let end = if what.ends_with('\n') { "" } else { "\n" };
    let mut response = Response::new(Full::new(Bytes::from(format!("{what}{end}"))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_take_every_seat() {
        let (data, records) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let witness = Witness::open(data.path(), &records.path().join("w.key"), "w.example/w", &[]).unwrap();
        let desk = Desk {
            witness: Arc::new(witness),
            room: Semaphore::new(1),
            rates: Mutex::default(),
            guests: Mutex::default(),
        };
        let (desk, from) = (Arc::new(desk), |text: &str| text.parse::<IpAddr>().unwrap());
        let mut guests: Vec<Guest> = Vec::new();
        guests.extend((0..2 * CONNECTIONS_EACH_MAX).filter_map(|_| Guest::enter(&desk, from("192.0.2.1"))));
        assert_eq!(guests.len(), CONNECTIONS_EACH_MAX);
        assert!(Guest::enter(&desk, from("::ffff:192.0.2.1")).is_none(), "the same address");
        assert!(Guest::enter(&desk, from("192.0.2.2")).is_some());
        guests.pop();
        assert!(Guest::enter(&desk, from("192.0.2.1")).is_some());
        let local: Vec<Guest> =
            (0..2 * CONNECTIONS_EACH_MAX).filter_map(|_| Guest::enter(&desk, from("::1"))).collect();
        assert_eq!(local.len(), 2 * CONNECTIONS_EACH_MAX);
        drop((guests, local));
        assert!(desk.guests.lock().unwrap().is_empty(), "nothing is kept of who left");
    }
}
