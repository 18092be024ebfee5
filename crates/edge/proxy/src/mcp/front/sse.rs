//! Event streams towards clients.

use bytes::Bytes;
use futures_util::stream;
use holdshort_wire::sse;
use http::{HeaderValue, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;

/// Body of every response of the gateway.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A comment is sent after this long without an event, so that nothing on the way gives the stream up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A whole body.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// A stream of the messages that come through `messages`; it ends when their sender is dropped.
pub(crate) fn stream(messages: mpsc::Receiver<Bytes>) -> Response<Body> {
    let frames = stream::unfold(messages, |mut messages| async move {
        let text = match tokio::time::timeout(KEEP_ALIVE, messages.recv()).await {
            Ok(Some(message)) => sse::encode(std::str::from_utf8(&message).unwrap_or_default()),
            Ok(None) => return None,
            Err(_) => ": keep-alive\n\n".to_owned(),
        };
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(text))), messages))
    });
    event_stream(StreamBody::new(frames).boxed_unsync())
}

/// A response with an event stream as its body.
pub(crate) fn event_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
