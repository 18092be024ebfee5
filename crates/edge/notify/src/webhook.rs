//! HTTP endpoints.

use crate::endpoint::url;
use crate::signature::{DELIVERY, SIGNATURE, TIMESTAMP, sign};
use crate::{SendError, TargetError, slack};
use bytes::Bytes;
use holdshort_model::Notice;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Most of an answer that is read, in bytes: its status is all that counts.
const ANSWER_BYTES_MAX: usize = 4 << 10;
/// How long connecting may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Version of our own payload.
const PAYLOAD_VERSION: u32 = 1;

/// An HTTP endpoint.
#[derive(Clone)]
pub struct WebhookTarget {
    /// Where. May be a secret.
    pub url: String,
    /// What is sent.
    pub payload: Payload,
    /// What messages are signed with; none = they are not.
    pub secret: Option<Vec<u8>>,
    /// Whether http to another host is good enough.
    pub insecure: bool,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// `{"type": "holdshort.notice", "version": 1, "notice": {..}}`.
    Notice,
    /// `{"text": .., "blocks": [..]}`.
    Slack,
}

impl fmt::Debug for WebhookTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookTarget").field("payload", &self.payload).finish_non_exhaustive()
    }
}

pub(crate) struct Webhook {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    payload: Payload,
    secret: Option<Vec<u8>>,
}

impl Webhook {
    pub(crate) fn new(target: WebhookTarget) -> Result<Self, TargetError> {
        let WebhookTarget { url: text, payload, secret, insecure } = target;
        let url = url(&text, insecure)?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_MAX));
        // A message in a while: no connection is kept that may be dead by the next one.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(https(connector)?);
        Ok(Self { client, url, payload, secret })
    }

    pub(crate) async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        let body = match self.payload {
            Payload::Notice => json!({ "type": "holdshort.notice", "version": PAYLOAD_VERSION, "notice": notice }),
            Payload::Slack => slack::payload(notice),
        };
        let body = serde_json::to_vec(&body).map_err(|_| SendError::Unsendable)?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("holdshort/", env!("CARGO_PKG_VERSION")))
            .header(DELIVERY, notice.id.to_string())
            .header(TIMESTAMP, now_s);
        if let Some(secret) = &self.secret {
            request = request.header(SIGNATURE, sign(secret, now_s, &body));
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|_| SendError::Unsendable)?;
        let response = self.client.request(request).await.map_err(|error| class(&error))?;
        let status = response.status();
        // Read a little, so that the other side is not cut off in the middle of a short answer.
        let _ = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        // A redirect is not followed: the message was not taken in where the configuration says.
        if status.is_success() { Ok(()) } else { Err(SendError::Status(status.as_u16())) }
    }
}

fn https(connector: HttpConnector) -> Result<HttpsConnector<HttpConnector>, TargetError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone());
    let builder = builder.or_else(|_| {
        // A host without a certificate store can still tell somebody on loopback; https fails on connecting.
        let empty = rustls::RootCertStore::empty();
        rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|config| config.with_root_certificates(empty).with_no_client_auth())
            .map(|config| HttpsConnectorBuilder::new().with_tls_config(config))
    });
    let builder = builder.map_err(|error| TargetError::Tls(error.to_string()))?;
    Ok(builder.https_or_http().enable_http1().wrap_connector(connector))
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
