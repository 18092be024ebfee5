//! The witness over HTTP (C2SP tlog-witness): `POST /add-checkpoint`, and `GET /<SHA-256 of the origin>/checkpoint` for whoever
//! wants to see what was cosigned last. What is not here: connections and TLS (`listen`).
//!
//! Nobody is asked who they are: a checkpoint counts by its signature.

use super::listen::{Listening, REQUEST_TIMEOUT, Rate, text};
use bytes::Bytes;
use holdshort_ledger::{WITNESS_REQUEST_BYTES_MAX, WITNESS_SIZE_TYPE};
use holdshort_store::log::{Witness, WitnessReply};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Semaphore;

/// Requests that are judged at once. Each may wait for the disk.
const JUDGED_MAX: usize = 16;
/// How often one address may ask.
const RATE: Rate = Rate { burst: 100.0, per_second: 20.0 };
/// Serves until `until` is ready.
pub(super) async fn serve(listening: Listening, witness: Arc<Witness>, until: impl Future<Output = ()>) {
    let desk = Arc::new(Desk { witness, room: Semaphore::new(JUDGED_MAX) });
    let answer = move |request| {
        let desk = desk.clone();
        async move { desk.answer(request).await }
    };
    listening.serve(RATE, answer, until).await;
}

struct Desk {
    witness: Arc<Witness>,
    room: Semaphore,
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
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
