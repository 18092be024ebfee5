//! Requests: lines of JSON, batches of Splunk's collector, or OTLP.

use crate::error::{ExportError, Failed};
use crate::format::{Format, Item, Payload};
use crate::otlp::{self, Signal};
use crate::sink::Taken;
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

/// Codes of the collector that are about events: no data, not its format, no event, an empty one, bad fields.
const FAULTS_OF_EVENTS: [u64; 5] = [5, 6, 12, 13, 15];
/// So much of an answer tells that it is a web page, in bytes.
const PAGE_BYTES: usize = 9;
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

    pub(super) async fn send(&mut self, items: &[Item]) -> Result<Taken, Failed> {
        if self.format != Format::Otlp {
            let kind = if self.format == Format::Hec { "application/json" } else { "application/x-ndjson" };
            let body = text(items).into_bytes();
            let bytes = body.len();
            let answer = self.post(&self.url, kind, body).await?;
            // Splunk's own answers say so in the status as well; what stands before it may not.
            return match self.fault(&answer.body) {
                Some(fault) if self.format == Format::Hec && fault.code != 0 => Err(fault.judge(answer.status)),
                _ => Ok(Taken { bytes, ..Taken::default() }),
            };
        }
        let (mut logs, mut spans) = (Vec::new(), Vec::new());
        for item in items {
            if let Payload::Otlp(parts) = &item.payload {
                logs.extend(parts.0.as_ref());
                spans.extend(&parts.1);
            }
        }
        let mut taken = Taken::default();
        for signal in [Signal::Logs, Signal::Traces] {
            let Some(body) = otlp::body(signal, &logs, &spans) else { continue };
            taken.bytes += body.len();
            let answer = self.post(&format!("{}/{}", self.url, signal.path()), "application/x-protobuf", body).await?;
            let Some((count, why)) = otlp::rejected(signal, &answer.body) else { continue };
            if signal == Signal::Logs {
                taken.rejected = count;
            }
            let said = format!("{count} of {} were not kept: {}", signal.path(), self.said(&why));
            taken.said = Some(taken.said.map_or_else(|| said.clone(), |before| format!("{before}; {said}")));
        }
        Ok(taken)
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
        match answer.is_success() {
            // A gateway that wants somebody to log in, a proxy that excuses itself.
            true if is_page(&answer.body) => {
                Err(Failed::Later { error: "answered with a web page".into(), retry_after_s: None })
            }
            true => Ok(answer),
            false => Err(self.judge(&answer)),
        }
    }

    // What is wrong with the items themselves is told apart from what is wrong with the way there: only the first may
    // end in a record that is left out. A credential that was taken away, or a path that is not there, is the second.
    fn judge(&self, answer: &Answer) -> Failed {
        let fault = self.fault(&answer.body).filter(|_| self.format == Format::Hec);
        match (answer.status, fault) {
            (400, Some(fault)) => fault.judge(400),
            (400 | 413 | 415 | 422, fault) => {
                Failed::Refused { status: answer.status, detail: fault.map_or_else(String::new, |fault| fault.said()) }
            }
            (status, fault) => {
                let detail = fault.map_or_else(String::new, |fault| fault.said());
                Failed::Later { error: format!("answered {status}{detail}"), retry_after_s: answer.retry_after_s }
            }
        }
    }

    /// What Splunk calls a fault: `{"text": "Invalid token", "code": 4}`.
    fn fault(&self, body: &[u8]) -> Option<Fault> {
        let said: serde_json::Value = serde_json::from_slice(body).ok()?;
        let text = said.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
        Some(Fault { code: said.get("code")?.as_u64()?, text: self.said(text) })
    }

    /// Words of the other side, on one line. They are logged and stored: the token is not, should it be among them.
    fn said(&self, text: &str) -> String {
        let authorization = self.authorization.as_ref().and_then(|value| value.to_str().ok());
        let token = authorization.and_then(|value| value.split_once(' ')).map(|(_, token)| token);
        one_line(&token.map_or_else(|| text.to_owned(), |token| text.replace(token, "***")), DETAIL_CHARS_MAX)
    }
}

/// What Splunk's collector says of a request.
struct Fault {
    code: u64,
    text: String,
}

impl Fault {
    fn said(&self) -> String {
        format!(" ({}, code {})", self.text, self.code)
    }

    /// Only some of them are about the events. An index that the token may not write to, or a channel, is about the
    /// collector, although it says 400 as well.
    fn judge(&self, status: u16) -> Failed {
        match self.code {
            code if FAULTS_OF_EVENTS.contains(&code) => Failed::Refused { status, detail: self.said() },
            _ => Failed::Later { error: format!("answered {status}{}", self.said()), retry_after_s: None },
        }
    }
}

fn is_page(body: &[u8]) -> bool {
    let begin: Vec<u8> = body.trim_ascii_start().iter().take(PAGE_BYTES).map(u8::to_ascii_lowercase).collect();
    begin.starts_with(b"<!doctype") || begin.starts_with(b"<html")
}
