//! HTTP endpoints.

use crate::endpoint::url;
use crate::signature::{DELIVERY, SIGNATURE, TIMESTAMP, sign};
use crate::{Poster, SendError, TargetError, Trust, slack};
use bytes::Bytes;
use holdshort_model::Notice;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Uri};
use http_body_util::Full;
use serde_json::json;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

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
    poster: Poster,
    url: Uri,
    payload: Payload,
    secret: Option<Vec<u8>>,
}

impl Webhook {
    pub(crate) fn new(target: WebhookTarget) -> Result<Self, TargetError> {
        let WebhookTarget { url: text, payload, secret, insecure } = target;
        let url = url(&text, insecure)?;
        // A message in a while: no connection is kept that may be dead by the next one.
        Ok(Self { poster: Poster::new(&Trust::default(), 0)?, url, payload, secret })
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
            .header(DELIVERY, notice.id.to_string())
            .header(TIMESTAMP, now_s);
        if let Some(secret) = &self.secret {
            request = request.header(SIGNATURE, sign(secret, now_s, &body));
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|_| SendError::Unsendable)?;
        let answer = self.poster.send(request).await?;
        // A redirect is not followed: the message was not taken in where the configuration says.
        if answer.is_success() { Ok(()) } else { Err(SendError::Status(answer.status)) }
    }
}
