//! HTTP requests that carry messages out.
//!
//! What is absent: no redirect is followed, and no more is read of an answer than a few kilobytes.

use crate::{SendError, TargetError};
use bytes::Bytes;
use http::header::{RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// Most of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// How long connecting may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Sends requests, one after the other.
pub struct Poster {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What the other side said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// When it wants to be asked again, in seconds (RFC 9110, 10.2.3); dates are not read.
    pub retry_after_s: Option<u64>,
    /// The beginning of its body; empty when it was too long or broke off.
    pub body: Bytes,
}

impl Answer {
    /// Whether it took the message.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

impl Poster {
    /// A client. `connections_kept` is how many idle ones stay open for each host.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(trust: &crate::Trust, connections_kept: usize) -> Result<Self, TargetError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_MAX));
        let https = HttpsConnectorBuilder::new().with_tls_config(trust.client()?);
        let https: HttpsConnector<HttpConnector> = https.https_or_http().enable_http1().wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(connections_kept).build(https);
        Ok(Self { client })
    }

    /// Sends one request once, in our name.
    ///
    /// # Errors
    /// When no answer came. An answer that is no success is one all the same.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, SendError> {
        let name = HeaderValue::from_static(concat!("holdshort/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, name);
        let response = self.client.request(request).await.map_err(|error| class(&error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after_s = retry_after.and_then(|text| text.trim().parse().ok());
        // Read a little, so that the other side is not cut off in the middle of a short answer.
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok(Answer { status, retry_after_s, body: body.map(|body| body.to_bytes()).unwrap_or_default() })
    }
}

fn class(error: &Error) -> SendError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<rustls::Error>().is_some() {
            return SendError::Tls;
        }
        // An I/O error does not name the error that it wraps as its source.
        let wrapped = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => inner.source(),
        };
    }
    if error.is_connect() { SendError::Unreachable } else { SendError::Broken }
}
