//! `_meta` of requests: protocol version, client info, capabilities, trace context.

use serde_json::Value;

/// Version from which on MCP is stateless.
pub const STATELESS: &str = "2026-07-28";

/// Versions of the session era, oldest first.
pub const SESSION_VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// Key of the protocol version in `_meta`.
pub const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// Key of the client's name and version in `_meta`.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// Key of the client's capabilities in `_meta`.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Key of the level from which on a request wants log messages.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// What the gateway reads from `params._meta`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta {
    /// Protocol version; present means that the stateless era is spoken.
    pub version: Option<String>,
    /// Name and version of the client's program, as it says.
    pub client: (Option<String>, Option<String>),
    /// Declared capabilities.
    pub capabilities: Option<Value>,
    /// Token under which progress is reported: JSON text of a string or integer.
    pub progress_token: Option<super::Id>,
    /// Conversation id (OpenTelemetry `gen_ai.conversation.id`).
    pub conversation: Option<String>,
    /// Trace id, the second field of a W3C `traceparent`.
    pub trace: Option<String>,
}

/// Reads `_meta` from the params of a request. Fields of the wrong type are as if absent.
pub fn meta(params: &Value) -> Meta {
    let Some(meta) = params.get("_meta") else { return Meta::default() };
    let text = |key: &str| meta.get(key).and_then(Value::as_str).map(str::to_owned);
    Meta {
        version: text(VERSION),
        client: meta.get(CLIENT_INFO).map(client_info).unwrap_or_default(),
        capabilities: meta.get(CLIENT_CAPABILITIES).cloned(),
        progress_token: meta.get("progressToken").and_then(|token| super::Id::from_json(&token.to_string())),
        conversation: text("gen_ai.conversation.id").filter(|id| !id.is_empty()),
        trace: text("traceparent").and_then(|parent| trace_id(&parent)),
    }
}

/// Name and version of a `clientInfo` object, cut at 100 characters each.
pub fn client_info(info: &Value) -> (Option<String>, Option<String>) {
    let text = |key: &str| info.get(key).and_then(Value::as_str).map(|text| text.chars().take(100).collect());
    (text("name"), text("version"))
}

/// The trace id of a W3C `traceparent`: 32 hex digits, not all zero.
pub(crate) fn trace_id(parent: &str) -> Option<String> {
    let id = parent.split('-').nth(1)?;
    let valid = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) && id.bytes().any(|b| b != b'0');
    valid.then(|| id.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_is_there_and_ignores_what_is_malformed() {
        let read = meta(&json!({"_meta": {
            VERSION: "2026-07-28", CLIENT_INFO: {"name": "c", "version": 1}, CLIENT_CAPABILITIES: {},
            "progressToken": 3, "traceparent": "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}));
        assert_eq!(read.version.as_deref(), Some(STATELESS));
        assert_eq!(read.client, (Some("c".into()), None));
        assert_eq!(read.trace.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(read.progress_token, Some(super::super::Id::number(3)));
        assert_eq!(meta(&json!({"_meta": 7})), Meta::default());
        assert_eq!(trace_id("00-00000000000000000000000000000000-b7ad6b7169203331-01"), None);
    }
}
