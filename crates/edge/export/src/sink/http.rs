//! Requests: lines of JSON, batches of Splunk's collector, or OTLP.

use crate::error::{ExportError, Failed};
use crate::format::{Format, Item, Payload};
use crate::otlp::{self, Signal};
use crate::sink::file::text;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use holdshort_model::one_line;
use holdshort_notify::{Answer, Poster, TargetError, Trust, endpoint};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use std::io::Write as _;

/// Longest name of a fault, in characters.
const DETAIL_CHARS_MAX: usize = 120;

pub(super) struct Http {
    poster: Poster,
    format: Format,
    url: String,
    authorization: Option<HeaderValue>,
    gzip: bool,
}

impl Http {
    pub(super) fn new(
        format: Format,
        url: &str,
        token: Option<&str>,
        trust: &Trust,
        (insecure, gzip): (bool, bool),
    ) -> Result<Self, ExportError> {
        let parsed: Uri = endpoint(url, insecure)?;
        if parsed.query().is_some() && format == Format::Otlp {
            return Err(TargetError::Url.into());
        }
        let bare = matches!(parsed.path(), "" | "/");
        let url = url.trim_end_matches('/').to_owned();
        let url = if format == Format::Hec && bare { format!("{url}/services/collector/event") } else { url };
        let scheme = if format == Format::Hec { "Splunk" } else { "Bearer" };
        let header = |token: &str| {
            let mut value = HeaderValue::from_str(&format!("{scheme} {token}")).map_err(|_| ExportError::Token)?;
            value.set_sensitive(true);
            if token.is_empty() { Err(ExportError::Token) } else { Ok(value) }
        };
        let authorization = token.map(header).transpose()?;
        Ok(Self { poster: Poster::new(trust, 1)?, format, url, authorization, gzip })
    }

    pub(super) async fn send(&mut self, items: &[Item]) -> Result<Option<String>, Failed> {
        if self.format != Format::Otlp {
            let kind = if self.format == Format::Hec { "application/json" } else { "application/x-ndjson" };
            self.post(&self.url, kind, text(items).into_bytes()).await?;
            return Ok(None);
        }
        let (mut logs, mut spans) = (Vec::new(), Vec::new());
        for item in items {
            if let Payload::Otlp(parts) = &item.payload {
                logs.extend(parts.0.as_ref());
                spans.extend(&parts.1);
            }
        }
        let mut said = None;
        for signal in [Signal::Logs, Signal::Traces] {
            let Some(body) = otlp::body(signal, &logs, &spans) else { continue };
            let answer = self.post(&format!("{}/{}", self.url, signal.path()), "application/x-protobuf", body).await?;
            let rejected = otlp::rejected(signal, &answer.body);
            let told = |(count, why): (u64, String)| {
                let (kind, why) = (signal.path(), self.said(&why));
                format!("{count} of {kind} were not kept: {why}")
            };
            said = said.or(rejected.map(told));
        }
        Ok(said)
    }

    async fn post(&self, url: &str, kind: &'static str, body: Vec<u8>) -> Result<Answer, Failed> {
        let unsendable = || Failed::from(holdshort_notify::SendError::Unsendable);
        let mut request = Request::builder().method(Method::POST).uri(url).header(CONTENT_TYPE, kind);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let body = if self.gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&body).and_then(|()| encoder.finish()).map_err(|_| unsendable())?
        } else {
            body
        };
        let request = request.body(Full::new(Bytes::from(body))).map_err(|_| unsendable())?;
        let answer = self.poster.send(request).await?;
        if answer.is_success() { Ok(answer) } else { Err(self.judge(&answer)) }
    }

    // What is wrong with the items themselves is told apart from what is wrong with the way there: only the first may
    // end in a record that is left out. A credential that was taken away, or a path that is not there, is the second.
    fn judge(&self, answer: &Answer) -> Failed {
        let detail = if self.format == Format::Hec { self.fault(&answer.body) } else { String::new() };
        match answer.status {
            400 | 413 | 415 | 422 => Failed::Refused { status: answer.status, detail },
            status => {
                Failed::Later { error: format!("answered {status}{detail}"), retry_after_s: answer.retry_after_s }
            }
        }
    }

    /// What Splunk calls a fault: `{"text": "Invalid token", "code": 4}`.
    fn fault(&self, body: &[u8]) -> String {
        let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let text = said.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
        let code = said.get("code").and_then(serde_json::Value::as_u64);
        code.map_or_else(String::new, |code| format!(" ({}, code {code})", self.said(text)))
    }

    /// Words of the other side, on one line. They are logged and stored: the token is not, should it be among them.
    fn said(&self, text: &str) -> String {
        let authorization = self.authorization.as_ref().and_then(|value| value.to_str().ok());
        let token = authorization.and_then(|value| value.split_once(' ')).map(|(_, token)| token);
        one_line(&token.map_or_else(|| text.to_owned(), |token| text.replace(token, "***")), DETAIL_CHARS_MAX)
    }
}
