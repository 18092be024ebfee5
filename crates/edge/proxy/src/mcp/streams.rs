//! Event streams of the session era that survive a broken connection (2025-11-25, SEP-1699).
//!
//! Each request's stream starts with an event that carries an id and nothing else. A client that loses the connection,
//! or whose server asked it to let go for a while, comes back with `Last-Event-ID` and gets what it missed.

use super::front::{Body, event_stream};
use super::session::lock;
use bytes::Bytes;
use futures_util::stream;
use holdshort_wire::mcp::Id;
use holdshort_wire::sse;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Version from which on clients know events without data.
pub(crate) const RESUMABLE: &str = "2025-11-25";
/// Streams of one session that are kept for a client to come back to.
const STREAMS_MAX: usize = 64;
/// Bytes that one stream keeps for a client that is away. The response itself is always kept.
const KEPT_BYTES_MAX: usize = 4 << 20;
/// How long a stream waits for a client to come back after its response.
const KEPT_FOR: Duration = Duration::from_secs(120);
/// A comment is sent after this long without an event.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The streams of one session.
#[derive(Default)]
pub(crate) struct Streams {
    open: Mutex<(u64, HashMap<u64, Arc<Stream>>)>,
}

/// One stream: what was sent, for whoever reads it.
pub(crate) struct Stream {
    number: u64,
    request: Id,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Number of the first kept event; events count from 1, the opening one is 0.
    first: u64,
    events: VecDeque<Bytes>,
    bytes: usize,
    /// The response went in; its HTTP status where no stream was begun yet.
    ended: Option<(StatusCode, Instant)>,
    /// The server asks the client to let go and come back after this time.
    pause: Option<Duration>,
}

impl Streams {
    /// Opens a stream for a request. The oldest one that ended gives way when there are too many.
    pub(crate) fn open(&self, request: Id) -> Arc<Stream> {
        let mut open = lock(&self.open);
        let (next, streams) = &mut *open;
        streams.retain(|_, stream| !stream.overdue());
        if streams.len() >= STREAMS_MAX {
            let oldest =
                streams.iter().filter(|(_, stream)| lock(&stream.state).ended.is_some()).map(|(n, _)| *n).min();
            oldest.and_then(|number| streams.remove(&number));
        }
        *next += 1;
        let state = State { first: 1, ..State::default() };
        let stream = Arc::new(Stream { number: *next, request, state: Mutex::new(state), changed: Notify::new() });
        streams.insert(*next, stream.clone());
        stream
    }

    /// The server of a request lets the client go for a while.
    pub(crate) fn pause(&self, request: &Id, retry: Duration) {
        let open = lock(&self.open);
        let stream = open.1.values().find(|stream| stream.request == *request && lock(&stream.state).ended.is_none());
        if let Some(stream) = stream {
            lock(&stream.state).pause = Some(retry);
            stream.changed.notify_waiters();
        }
    }

    fn forget(&self, number: u64) {
        lock(&self.open).1.remove(&number);
    }

    /// The stream of an event id and the number of the first event after it.
    pub(crate) fn find(&self, event_id: &str) -> Option<(Arc<Stream>, u64)> {
        let (number, event) = event_id.split_once('-')?;
        let stream = lock(&self.open).1.get(&number.parse().ok()?)?.clone();
        Some((stream, event.parse::<u64>().ok()?.checked_add(1)?))
    }
}

impl Stream {
    /// Adds a message.
    pub(crate) fn push(&self, message: Bytes) {
        let mut state = lock(&self.state);
        state.bytes += message.len();
        state.pause = None;
        state.events.push_back(message);
        while state.bytes > KEPT_BYTES_MAX && state.events.len() > 1 {
            state.bytes -= state.events.pop_front().map_or(0, |event| event.len());
            state.first += 1;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Adds the response: the stream ends with it.
    pub(crate) fn end(&self, response: Bytes, status: StatusCode) {
        self.push(response);
        lock(&self.state).ended = Some((status, Instant::now()));
        self.changed.notify_waiters();
    }

    fn overdue(&self) -> bool {
        lock(&self.state).ended.is_some_and(|(_, at)| at.elapsed() > KEPT_FOR)
    }

    /// Waits until there is something to say, at most `patience`. Gives the response when it is all there is and
    /// cannot be told in a stream.
    pub(crate) async fn begun(&self, patience: Duration) -> Option<(StatusCode, Bytes)> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let state = lock(&self.state);
                match (&state.ended, state.events.back()) {
                    (Some((status, _)), Some(response)) if *status != StatusCode::OK => {
                        return Some((*status, response.clone()));
                    }
                    _ if !state.events.is_empty() || state.pause.is_some() => return None,
                    _ => {}
                }
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return None;
            }
        }
    }

    /// The next thing to send to a reader that stands at `position`.
    async fn next(&self, position: &mut u64) -> Next {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = lock(&self.state);
                let at = (*position).max(state.first);
                let index = usize::try_from(at - state.first).unwrap_or(usize::MAX);
                if let Some(event) = state.events.get(index) {
                    *position = at + 1;
                    let text = std::str::from_utf8(event).unwrap_or_default();
                    return Next::Event(format!("id: {}-{at}\n{}", self.number, sse::encode(text)));
                }
                if state.ended.is_some() {
                    return Next::End;
                }
                // Taken: a client that comes back waits for what is next.
                if let Some(retry) = state.pause.take() {
                    return Next::Pause(format!("retry: {}\n\n", retry.as_millis()));
                }
            }
            if tokio::time::timeout(KEEP_ALIVE, changed).await.is_err() {
                return Next::Event(": keep-alive\n\n".to_owned());
            }
        }
    }
}

enum Next {
    Event(String),
    Pause(String),
    End,
}

/// A response that tells a stream from `position` on; 0 is the opening event.
pub(crate) fn read(core: &Arc<super::session::Core>, stream: Arc<Stream>, position: u64) -> Response<Body> {
    struct Reader {
        core: std::sync::Weak<super::session::Core>,
        stream: Arc<Stream>,
        position: u64,
        over: bool,
    }
    let reader = Reader { core: Arc::downgrade(core), stream, position, over: false };
    let frames = stream::unfold(reader, |mut reader| async move {
        if reader.over {
            return None;
        }
        let text = if reader.position == 0 {
            reader.position = 1;
            format!("id: {}-0\ndata: \n\n", reader.stream.number)
        } else {
            match reader.stream.next(&mut reader.position).await {
                Next::Event(text) => text,
                Next::Pause(text) => {
                    reader.over = true;
                    text
                }
                Next::End => {
                    // Everything was handed over: nobody has to come back for it.
                    if let Some(core) = reader.core.upgrade() {
                        core.streams.forget(reader.stream.number);
                    }
                    return None;
                }
            }
        };
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(text))), reader))
    });
    event_stream(StreamBody::new(frames).boxed_unsync())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rest(stream: &Stream, from: u64) -> Vec<String> {
        let (mut position, mut texts) = (from, Vec::new());
        loop {
            match stream.next(&mut position).await {
                Next::Event(text) => texts.push(text),
                Next::Pause(text) => return [texts, vec![text]].concat(),
                Next::End => return texts,
            }
        }
    }

    #[tokio::test]
    async fn a_client_that_comes_back_gets_what_it_missed() {
        let streams = Streams::default();
        let stream = streams.open(Id::number(7));
        stream.push("{\"a\":1}".into());
        streams.pause(&Id::number(7), Duration::from_millis(50));
        assert_eq!(rest(&stream, 1).await, ["id: 1-1\nevent: message\ndata: {\"a\":1}\n\n", "retry: 50\n\n"]);
        stream.end("{\"b\":2}".into(), StatusCode::OK);
        let (found, from) = streams.find("1-1").unwrap();
        assert_eq!(rest(&found, from).await, ["id: 1-2\nevent: message\ndata: {\"b\":2}\n\n"]);
        assert!(streams.find("2-0").is_none());
        assert!(streams.find("x").is_none());
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_and_the_response_stays() {
        let stream = Streams::default().open(Id::number(1));
        for _ in 0..10 {
            stream.push(vec![b' '; KEPT_BYTES_MAX / 4].into());
        }
        stream.end("{}".into(), StatusCode::OK);
        assert!(lock(&stream.state).bytes <= KEPT_BYTES_MAX);
        assert_eq!(rest(&stream, 1).await.last().unwrap(), "id: 1-11\nevent: message\ndata: {}\n\n");
    }

    #[tokio::test]
    async fn a_failure_before_the_stream_begins_is_told_as_a_status() {
        let stream = Streams::default().open(Id::number(1));
        stream.end("{}".into(), StatusCode::NOT_FOUND);
        let begun = stream.begun(Duration::from_secs(5)).await;
        assert_eq!(begun.map(|(status, _)| status), Some(StatusCode::NOT_FOUND));
    }
}
