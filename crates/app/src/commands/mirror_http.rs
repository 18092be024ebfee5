//! A mirror over HTTP (C2SP tlog-mirror): `POST /add-checkpoint` and `POST /add-entries` for logs, and below
//! `/<SHA-256 of the origin>/` each copy for everybody, as any tiled log serves itself. What is not here: connections and TLS
//! (`listen`), the body of an upload (`mirror_upload`).
//!
//! Nobody is asked who they are: checkpoints count by their signatures, and entries by their proofs.

use super::listen::{Listening, REQUEST_TIMEOUT, Rate};
use super::mirror_upload::Uploads;
use bytes::Bytes;
use futures_util::stream;
use holdshort_ledger::{MIRROR_INFO_TYPE, MirrorInfo, WITNESS_REQUEST_BYTES_MAX, WITNESS_SIZE_TYPE};
use holdshort_store::log::{CHECKPOINT_FILE, MirrorHost, MirrorReply};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use std::fs::File;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;

/// Requests that wait for the disk at once.
const JUDGED_MAX: usize = 16;
/// How often one address may ask: whoever reads a copy asks for a file for each 256 entries.
const RATE: Rate = Rate { burst: 2_000.0, per_second: 500.0 };
/// Bytes of a file that are held at once while it is sent.
const PIECE_BYTES: usize = 64 * 1024;

/// An answer: a text, or a file as it is read.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// Serves until `until` is ready.
pub(super) async fn serve(listening: Listening, host: Arc<MirrorHost>, until: impl Future<Output = ()>) {
    let desk = Arc::new(Desk { host, room: Semaphore::new(JUDGED_MAX), uploads: Uploads::default() });
    let answer = move |request| {
        let desk = desk.clone();
        async move { desk.answer(request).await }
    };
    listening.serve(RATE, answer, until).await;
}

/// What answers.
pub(super) struct Desk {
    pub(super) host: Arc<MirrorHost>,
    room: Semaphore,
    pub(super) uploads: Uploads,
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/add-checkpoint") => self.add_checkpoint(request).await,
            (&Method::POST, "/add-entries") => {
                let mut answer = self.add_entries(request).await;
                answer.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
                answer
            }
            (&Method::GET, "/healthz") => text(StatusCode::OK, "ok"),
            (&Method::GET, path) => match path.strip_prefix('/').and_then(|path| path.split_once('/')) {
                Some((digest, path)) => self.file(digest.to_owned(), path.to_owned()).await,
                None => nothing_here(),
            },
            (_, "/add-checkpoint" | "/add-entries" | "/healthz") => {
                text(StatusCode::METHOD_NOT_ALLOWED, "this is asked with another method")
            }
            _ => nothing_here(),
        }
    }

    async fn add_checkpoint(&self, request: Request<Incoming>) -> Answer {
        let body = Limited::new(request.into_body(), WITNESS_REQUEST_BYTES_MAX).collect();
        let body = match tokio::time::timeout(REQUEST_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
            }
            Ok(Err(_)) => return text(StatusCode::BAD_REQUEST, "the body broke off"),
            Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
        };
        let host = self.host.clone();
        self.judge(move || host.add_checkpoint(&body)).await.map_or_else(lost, respond)
    }

    /// A file of a copy.
    async fn file(&self, digest: String, path: String) -> Answer {
        let (host, name) = (self.host.clone(), path.clone());
        let open = move || {
            let file = host.open_file(&digest, &name)?;
            file.map(|file| Ok((file.metadata()?.len(), file))).transpose()
        };
        match self.judge(open).await {
            Some(Ok(Some((bytes, file)))) => send(file, bytes, &path),
            Some(Ok(None)) => nothing_here(),
            Some(Err(error)) => {
                let error: io::Error = error;
                tracing::error!(%error, path, "a file of the copy cannot be opened");
                text(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read")
            }
            None => lost(),
        }
    }

    /// Runs what may wait for a lock or the disk. Who hangs up meanwhile does not stop it.
    pub(super) async fn judge<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _room = self.room.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}

/// A file, piece by piece.
fn send(file: File, bytes: u64, path: &str) -> Answer {
    let pieces = stream::try_unfold(tokio::fs::File::from_std(file).take(bytes), |mut file| async move {
        let mut piece = vec![0; PIECE_BYTES];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then(|| (Frame::data(Bytes::from(piece)), file)))
    });
    let mut answer = Response::new(StreamBody::new(pieces).boxed_unsync());
    // What is under a tile's name never changes; a checkpoint does.
    let (kind, cache) = match path.starts_with("tile/") {
        true => ("application/octet-stream", "public, max-age=31536000, immutable"),
        false => ("text/plain; charset=utf-8", if path == CHECKPOINT_FILE { "no-store" } else { "max-age=60" }),
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    answer
}

/// The answer to a request, in HTTP.
pub(super) fn respond(reply: MirrorReply) -> Answer {
    match reply {
        MirrorReply::Pending => plain(StatusCode::OK, String::new()),
        MirrorReply::Cosigned(lines) => plain(StatusCode::OK, lines),
        MirrorReply::Partial(info) => place(StatusCode::ACCEPTED, &info),
        MirrorReply::Malformed(why) => text(StatusCode::BAD_REQUEST, &why),
        MirrorReply::Unsigned => text(StatusCode::FORBIDDEN, "the log's key did not sign this checkpoint"),
        MirrorReply::UnknownLog => text(StatusCode::NOT_FOUND, "this log is not known here"),
        MirrorReply::Outdated(known) => of_type(text(StatusCode::CONFLICT, &known.to_string()), WITNESS_SIZE_TYPE),
        MirrorReply::Elsewhere(info) => place(StatusCode::CONFLICT, &info),
        MirrorReply::Refused { known, contradiction: true } => text(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("another tree of {known} records is pending here: the log told two stories"),
        ),
        MirrorReply::Refused { known, contradiction: false } => text(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("the proof does not lead from the {known} records that are pending here to this checkpoint"),
        ),
        MirrorReply::Unproved(from) => text(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("the entries from {from} on, with their proof, are not what the checkpoint covers"),
        ),
        MirrorReply::Unavailable(why) => {
            let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, why);
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
            answer
        }
    }
}

fn place(status: StatusCode, info: &MirrorInfo) -> Answer {
    of_type(plain(status, info.to_string()), MIRROR_INFO_TYPE)
}

fn of_type(mut answer: Answer, kind: &'static str) -> Answer {
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn nothing_here() -> Answer {
    text(StatusCode::NOT_FOUND, "there is nothing here")
}

/// The work was not done: a thread of ours ended.
pub(super) fn lost() -> Answer {
    text(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be judged")
}

/// A line for people.
pub(super) fn text(status: StatusCode, what: &str) -> Answer {
    super::listen::text(status, what).map(|body| body.map_err(|never| match never {}).boxed_unsync())
}

/// A body exactly as it is.
fn plain(status: StatusCode, body: String) -> Answer {
    text(status, "").map(|_| Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync())
}
