//! The body of `POST /add-entries`: taken apart as it comes, each package proved and stored before the next one is read.
//!
//! Anybody may send one, and it may be of any length. What is held of it is bounded for each upload and for all of them, and a
//! client that is slow loses its place and nothing that it sent before.

use super::mirror::now_s;
use super::mirror_http::{Answer, Desk, lost, respond, text};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use holdshort_ledger::{UploadError, UploadReader};
use holdshort_store::log::{MirrorReply, Upload};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Uploads at once. One address has fewer connections than this.
const UPLOADS_MAX: usize = 128;
/// A package has to be whole within this time, however small its pieces are.
const PACKAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes that each upload may hold without asking: every package of short entries. Long ones take no place from it.
const HELD_EACH: usize = 64 * 1024;
/// Bytes beyond that which all uploads hold together: room for fifteen packages of the longest kind.
const HELD_MAX: usize = 256 << 20;
/// What is counted of them at once.
const HELD_UNIT: usize = 4 * 1024;
/// Compressed bytes that are unpacked at once: at most about a thousand times as much comes out.
const PACKED_PIECE: usize = 512;
const PIECE: usize = 16 * 1024;
/// What is read of a body that was refused, so that the client comes to read why.
const DRAIN_BYTES: usize = 1 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Room for uploads.
pub(super) struct Uploads {
    seats: Semaphore,
    held: Arc<Semaphore>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { seats: Semaphore::new(UPLOADS_MAX), held: Arc::new(Semaphore::new(HELD_MAX / HELD_UNIT)) }
    }
}

/// How a body is packed.
enum Unpacker {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

/// A body was no longer read here.
enum Stop {
    /// It cannot be an upload, or was refused.
    Refused(Box<Answer>),
    /// It ended too early, or came too slowly.
    Early,
    /// There is no room for more of it.
    Room,
}

impl Stop {
    fn refused(reply: MirrorReply) -> Self {
        Self::Refused(Box::new(respond(reply)))
    }

    fn lost() -> Self {
        Self::Refused(Box::new(lost()))
    }
}

impl Desk {
    /// Answers `add-entries`.
    pub(super) async fn add_entries(&self, request: Request<Incoming>) -> Answer {
        let Ok(_seat) = self.uploads.seats.try_acquire() else {
            return respond(MirrorReply::Unavailable("too many uploads at once"));
        };
        let unpacker = match unpacker(request.headers()) {
            Ok(unpacker) => unpacker,
            Err(what) => return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, what),
        };
        let mut body = request.into_body();
        let mut incoming = Arriving { desk: self, unpacker, reader: UploadReader::default(), upload: None, held: None };
        let answer = match incoming.read(&mut body).await {
            Ok(()) => incoming.finish().await,
            Err(Stop::Early) => incoming.end_early().await,
            Err(Stop::Room) => match incoming.end_early().await {
                kept if kept.status() == StatusCode::ACCEPTED => kept,
                _ => respond(MirrorReply::Unavailable("too much is being uploaded at once")),
            },
            Err(Stop::Refused(answer)) => *answer,
        };
        if answer.status().is_client_error() {
            drop(incoming);
            drain(&mut body).await;
        }
        answer
    }
}

/// An upload that is coming in.
struct Arriving<'a> {
    desk: &'a Desk,
    unpacker: Unpacker,
    reader: UploadReader,
    upload: Option<Upload>,
    held: Option<OwnedSemaphorePermit>,
}

impl Arriving<'_> {
    /// Reads the body to its end.
    async fn read(&mut self, body: &mut Incoming) -> Result<(), Stop> {
        let mut deadline = Instant::now() + PACKAGE_TIMEOUT;
        loop {
            let frame = match timeout_at(deadline, body.frame()).await {
                Ok(None) => {
                    let ended = self.unpacker.end(&mut self.reader);
                    self.take_packages().await?;
                    return ended;
                }
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(_))) | Err(_) => return Err(Stop::Early),
            };
            let Ok(bytes) = frame.into_data() else { continue };
            let size = if matches!(self.unpacker, Unpacker::Plain) { PIECE } else { PACKED_PIECE };
            for piece in bytes.chunks(size) {
                // What came out of it before it broke counts like any body that broke off.
                let unpacked = self.unpacker.unpack(piece, &mut self.reader);
                if self.take_packages().await? {
                    deadline = Instant::now() + PACKAGE_TIMEOUT;
                }
                unpacked?;
            }
        }
    }

    /// Takes what is whole. `true` when something was.
    async fn take_packages(&mut self) -> Result<bool, Stop> {
        let desk = self.desk;
        let malformed = |error: UploadError| {
            Stop::refused(match error {
                UploadError::Hashes(from) => MirrorReply::Unproved(from),
                error => MirrorReply::Malformed(error.to_string()),
            })
        };
        if self.upload.is_none() {
            let Some(header) = self.reader.header().map_err(malformed)?.cloned() else { return Ok(false) };
            let host = desk.host.clone();
            let begun = desk.judge(move || host.begin(&header)).await.ok_or_else(Stop::lost)?;
            self.upload = Some(begun.map_err(Stop::refused)?);
        }
        let mut took = false;
        while let Some(package) = self.reader.package().map_err(malformed)? {
            let Some(mut upload) = self.upload.take() else { break };
            let host = desk.host.clone();
            let taken = desk.judge(move || (host.take(&mut upload, &package), upload)).await;
            let (taken, upload) = taken.ok_or_else(Stop::lost)?;
            self.upload = Some(upload);
            taken.map_err(Stop::refused)?;
            took = true;
        }
        self.hold()?;
        Ok(took)
    }

    /// Asks for room for what is held of the next package.
    fn hold(&mut self) -> Result<(), Stop> {
        let units = self.reader.held().saturating_sub(HELD_EACH).div_ceil(HELD_UNIT);
        let has = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if units == 0 {
            self.held = None;
        } else if let Ok(more) = u32::try_from(units.saturating_sub(has))
            && more > 0
        {
            let more = self.desk.uploads.held.clone().try_acquire_many_owned(more).map_err(|_| Stop::Room)?;
            match &mut self.held {
                Some(held) => held.merge(more),
                None => self.held = Some(more),
            }
        }
        Ok(())
    }

    async fn finish(&mut self) -> Answer {
        if !self.reader.is_done() {
            return self.end_early().await;
        }
        let Some(upload) = self.upload.take() else { return self.end_early().await };
        let host = self.desk.host.clone();
        let origin = upload.origin().to_owned();
        let reply = self.desk.judge(move || host.finish(&upload, now_s())).await;
        if let Some(MirrorReply::Cosigned(_)) = &reply {
            tracing::info!(origin, "an upload was cosigned");
        }
        reply.map_or_else(lost, respond)
    }

    async fn end_early(&mut self) -> Answer {
        let Some(upload) = self.upload.take() else {
            return respond(MirrorReply::Malformed("the upload has no header that is whole".to_owned()));
        };
        let host = self.desk.host.clone();
        self.desk.judge(move || host.end_early(&upload)).await.map_or_else(lost, respond)
    }
}

impl Unpacker {
    fn unpack(&mut self, piece: &[u8], reader: &mut UploadReader) -> Result<(), Stop> {
        match self {
            Self::Plain => reader.push(piece),
            Self::Gzip(decoder) => {
                let whole = decoder.write_all(piece).and_then(|()| decoder.flush());
                reader.push(&std::mem::take(decoder.get_mut()));
                whole.map_err(|_| Stop::Early)?;
            }
        }
        Ok(())
    }

    /// The body is over: whether what was packed is, too.
    fn end(&mut self, reader: &mut UploadReader) -> Result<(), Stop> {
        match self {
            Self::Plain => Ok(()),
            Self::Gzip(decoder) => {
                let whole = decoder.try_finish();
                reader.push(&std::mem::take(decoder.get_mut()));
                whole.map_err(|_| Stop::Early)
            }
        }
    }
}

fn unpacker(headers: &HeaderMap) -> Result<Unpacker, &'static str> {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    if !kind.eq_ignore_ascii_case(b"application/octet-stream") {
        return Err("an upload is `application/octet-stream`");
    }
    match headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes().to_ascii_lowercase()).as_deref() {
        None | Some(b"identity") => Ok(Unpacker::Plain),
        Some(b"gzip" | b"x-gzip") => Ok(Unpacker::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))),
        Some(_) => Err("an upload is packed with gzip, or not at all"),
    }
}

async fn drain(body: &mut Incoming) {
    let (deadline, mut read) = (Instant::now() + DRAIN_TIME, 0_usize);
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
        read = read.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if read > DRAIN_BYTES {
            return;
        }
    }
}
