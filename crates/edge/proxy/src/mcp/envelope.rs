//! The envelope of a 2026-07-28 request: version and capabilities in `_meta`, mirrored in headers.

use super::guard::Refused;
use super::session::Upstream;
use holdshort_wire::mcp::{CLIENT_CAPABILITIES, Message, Meta, STATELESS, VERSION, code, headers};
use http::HeaderMap;
use serde_json::{Value, json};
use std::sync::Arc;

/// Checks what every stateless request must carry.
pub(crate) fn check(meta: &Meta) -> Result<(), Refused> {
    let mut missing = Vec::new();
    if meta.version.is_none() {
        missing.push(VERSION);
    }
    if !meta.capabilities.as_ref().is_some_and(Value::is_object) {
        missing.push(CLIENT_CAPABILITIES);
    }
    if !missing.is_empty() {
        let message = format!("`params._meta` must carry {}", missing.join(" and "));
        return Err(
            Refused::new(code::INVALID_PARAMS, message).with_data(json!({ "envelope": { "missing": missing } }))
        );
    }
    match meta.version.as_deref() {
        Some(STATELESS) => Ok(()),
        other => Err(Refused::new(code::UNSUPPORTED_VERSION, "this protocol version is not spoken here")
            .with_data(json!({ "supported": [STATELESS], "requested": other }))),
    }
}

/// Compares the mirroring headers with the body. Requests must have them; in notifications they must not lie.
pub(crate) fn headers_agree(
    message: &Message,
    params: &Value,
    meta: &Meta,
    sent: &HeaderMap,
    upstream: Option<&Arc<Upstream>>,
    required: bool,
) -> Result<(), Refused> {
    let mismatch = |header: &str, problem: &str| {
        Refused::new(code::HEADER_MISMATCH, format!("header `{header}` {problem}"))
            .with_data(json!({ "mismatch": { "header": header } }))
    };
    let text = |name: &str| sent.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    match (text("mcp-protocol-version"), meta.version.as_deref()) {
        (Some(header), Some(version)) if header.trim() == version => {}
        (None, _) if !required => {}
        (None, _) => return Err(mismatch("mcp-protocol-version", "is missing")),
        (Some(_), None) => {}
        (Some(_), Some(_)) => return Err(mismatch("mcp-protocol-version", "does not say what the body says")),
    }
    let tool = params.get("name").and_then(Value::as_str).filter(|_| message.method() == "tools/call");
    let declared = tool.and_then(|tool| upstream?.mirrored(tool)).unwrap_or_default();
    headers::verify(message.method(), params, &declared, required, text)
        .map_err(|wrong| mismatch(&wrong.header, wrong.problem))
}
