//! One JSON-RPC 2.0 message, kept as the bytes that arrived.

use crate::json::{self, JsonError};
use bytes::Bytes;
use serde_json::Value;
use std::fmt;
use std::ops::Range;

/// A message that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// An array: batches hide requests from whoever looks at one.
    #[error("JSON-RPC batches are not accepted; send each message on its own")]
    Batch,
    /// JSON, but not a JSON-RPC 2.0 message.
    #[error("not a JSON-RPC 2.0 message: {0}")]
    Shape(&'static str),
}

impl MessageError {
    /// The JSON-RPC error code that fits.
    pub fn code(&self) -> i64 {
        match self {
            Self::Json(JsonError::Syntax(_) | JsonError::Utf8(_)) => super::code::PARSE,
            Self::Json(_) | Self::Batch | Self::Shape(_) => super::code::INVALID_REQUEST,
        }
    }
}

/// Id of a request: the JSON text of a string or an integer, as it arrived.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Box<str>);

impl Id {
    /// A number of our own.
    pub fn number(number: u64) -> Self {
        Self(number.to_string().into())
    }

    /// A string of our own.
    pub fn string(text: &str) -> Self {
        Self(json::quote(text).into())
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// Reads an id from JSON text. Strings are normalised, so that two spellings of one id are equal.
    pub fn from_json(text: &str) -> Option<Self> {
        // `serde_json` takes an object with a key of its own (`$serde_json::private::RawValue`) for the value inside.
        if text.trim_start().starts_with(['{', '[']) {
            return None;
        }
        match serde_json::from_str::<Value>(text).ok()? {
            Value::String(string) => Some(Self::string(&string)),
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(Self(number.to_string().into())),
            _ => None,
        }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Has an id and a method.
    Request(Id),
    /// Has a method and no id.
    Notification,
    /// Has a result. The id is absent in answers to what could not be parsed.
    Result(Id),
    /// Has an error.
    Error(Option<Id>),
}

/// A message with its bytes. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    raw: Bytes,
    kind: Kind,
    method: String,
    id_span: Range<usize>,
    /// Params of a request, result or error of a response; empty when absent.
    body_span: Range<usize>,
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.raw
    }
}

impl Message {
    /// Parses one message. The caller bounds the size.
    ///
    /// Checked: UTF-8, depth, JSON-RPC shape, no keys that can be confused in the envelope and in `params`.
    /// Not checked here: the inside of `params`; [`Message::params`] does that.
    ///
    /// # Errors
    /// Names what is wrong and, for syntax, where.
    pub fn parse(raw: impl Into<Bytes>) -> Result<Self, MessageError> {
        let raw = raw.into();
        let text = json::text(&raw)?;
        if text.trim_start().starts_with('[') {
            return Err(MessageError::Batch);
        }
        let members = json::members(text)?;
        let (mut version, mut id, mut method, mut params, mut result, mut error) = (None, None, None, None, None, None);
        for (key, value) in members {
            match key.as_ref() {
                "jsonrpc" => version = Some(value),
                "id" => id = Some(value),
                "method" => method = Some(value),
                "params" => params = Some(value),
                "result" => result = Some(value),
                "error" => error = Some(value),
                // INVARIANT: an upstream that ignores case must not see a member that we did not.
                other
                    if ["jsonrpc", "id", "method", "params", "result", "error"]
                        .iter()
                        .any(|known| json::same_key(other, known)) =>
                {
                    return Err(MessageError::Shape("a member is spelled in another case"));
                }
                _ => {}
            }
        }
        if version.map(|v| v.get()) != Some("\"2.0\"") {
            return Err(MessageError::Shape("`jsonrpc` must be \"2.0\""));
        }
        let null_id = id.is_some_and(|id| id.get() == "null");
        let parsed_id = match id {
            Some(raw_id) if !null_id => {
                Some(Id::from_json(raw_id.get()).ok_or(MessageError::Shape("`id` must be a string or an integer"))?)
            }
            _ => None,
        };
        let at = |value: Option<&serde_json::value::RawValue>| {
            value.and_then(|value| json::span(text, value.get())).unwrap_or_default()
        };
        let (kind, body, name) = match (method, parsed_id, result, error) {
            (Some(_), _, Some(_), _) | (Some(_), _, _, Some(_)) => {
                return Err(MessageError::Shape("a request has neither `result` nor `error`"));
            }
            (Some(method), parsed_id, None, None) => {
                if null_id {
                    return Err(MessageError::Shape("`id` of a request must not be null"));
                }
                let name: String =
                    serde_json::from_str(method.get()).map_err(|_| MessageError::Shape("`method` must be a string"))?;
                (parsed_id.map_or(Kind::Notification, Kind::Request), params, name)
            }
            (None, Some(id), Some(result), None) => (Kind::Result(id), Some(result), String::new()),
            (None, id, None, Some(error)) => (Kind::Error(id), Some(error), String::new()),
            _ => return Err(MessageError::Shape("neither a request nor a response")),
        };
        if let (Some(params), Kind::Request(_) | Kind::Notification) = (params, &kind) {
            json::members(params.get()).map_err(|error| match error {
                JsonError::NotAnObject => MessageError::Shape("`params` must be an object"),
                other => other.into(),
            })?;
        }
        let (id_span, body_span) = (at(id), at(body));
        Ok(Self { kind, method: name, id_span, body_span, raw })
    }

    /// A request of our own.
    pub fn request(id: &Id, method: &str, params: &Value) -> Result<Self, MessageError> {
        Self::parse(format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":{},\"params\":{params}}}",
            json::quote(method)
        ))
    }

    /// A notification of our own.
    pub fn notification(method: &str, params: &Value) -> Result<Self, MessageError> {
        Self::parse(format!("{{\"jsonrpc\":\"2.0\",\"method\":{},\"params\":{params}}}", json::quote(method)))
    }

    /// A response of our own, from the JSON text of the result.
    pub fn result(id: &Id, result: &str) -> Result<Self, MessageError> {
        Self::parse(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}"))
    }

    /// An error response of our own. Without an id it answers something that could not be parsed.
    pub fn error(id: Option<&Id>, code: i64, message: &str, data: Option<&Value>) -> Bytes {
        let id = id.map_or("null", Id::as_json);
        let data = data.map(|data| format!(",\"data\":{data}")).unwrap_or_default();
        let message = json::quote(message);
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":{message}{data}}}}}").into()
    }

    /// The bytes.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The bytes as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.raw).unwrap_or_default()
    }

    /// What it is.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Method of a request or notification; empty for responses.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Id of a request or response.
    pub fn id(&self) -> Option<&Id> {
        match &self.kind {
            Kind::Request(id) | Kind::Result(id) | Kind::Error(Some(id)) => Some(id),
            Kind::Notification | Kind::Error(None) => None,
        }
    }

    /// True for a result or an error.
    pub fn is_response(&self) -> bool {
        matches!(self.kind, Kind::Result(_) | Kind::Error(_))
    }

    /// JSON text of `params`, `result` or `error`; empty when absent.
    pub fn body(&self) -> &str {
        self.text().get(self.body_span.clone()).unwrap_or_default()
    }

    /// The parameters as a value, strictly parsed; an empty object when absent.
    ///
    /// # Errors
    /// Duplicate keys at any level, numbers that no machine type can hold.
    pub fn params(&self) -> Result<Value, JsonError> {
        if self.body_span.is_empty() { Ok(Value::Object(Default::default())) } else { json::strict(self.body()) }
    }

    /// The same message with another id; everything else stays byte for byte.
    pub fn with_id(&self, id: &Id) -> Result<Self, MessageError> {
        Self::parse(json::splice(self.text(), vec![(self.id_span.clone(), id.as_json().to_owned())]))
    }

    /// The same message with other params or another result; the envelope stays byte for byte.
    pub fn with_body(&self, body: &str) -> Result<Self, MessageError> {
        if self.body_span.is_empty() {
            let end = self.text().rfind('}').unwrap_or_default();
            return Self::parse(json::splice(self.text(), vec![(end..end, format!(",\"params\":{body}"))]));
        }
        Self::parse(json::splice(self.text(), vec![(self.body_span.clone(), body.to_owned())]))
    }

    /// The message on one line, for transports that end a message with a line feed.
    #[must_use]
    pub fn on_one_line(mut self) -> Self {
        if self.raw.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            // Raw line ends cannot stand inside a JSON string, so this only touches white space, and no place moves.
            let line = self.raw.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte });
            self.raw = line.collect::<Vec<_>>().into();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Message, MessageError> {
        Message::parse(text.to_owned())
    }

    #[test]
    fn kinds_are_told_apart() {
        let cases = [
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, Kind::Request(Id::number(1))),
            (r#"{"jsonrpc":"2.0","method":"notifications/x","params":{}}"#, Kind::Notification),
            (r#"{"jsonrpc":"2.0","id":"a","result":{}}"#, Kind::Result(Id::string("a"))),
            (r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#, Kind::Error(None)),
            (r#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#, Kind::Error(None)),
        ];
        for (text, kind) in cases {
            assert_eq!(parse(text).unwrap().kind(), &kind, "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call"}"#,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"param\u{17f}\":{}}",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["a"]}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"} {}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping""#,
            "",
            "null",
            "\"x\"",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arguments_that_only_another_parser_would_see_are_refused() {
        use crate::mcp::Direction;
        for key in ["Arguments", "argument\u{17f}"] {
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","{key}":{{}}}}}}"#);
            assert!(parse(&text).unwrap().meaning(Direction::ToServer).is_err(), "{key}");
        }
    }

    #[test]
    fn rewriting_keeps_every_other_byte() {
        let text = "{ \"id\" : 7,\"x\":1e400, \"jsonrpc\":\"2.0\",\"params\": {\"b\":1 ,\"a\":2},\"method\":\"m\"}\n";
        let message = parse(text).unwrap();
        assert_eq!(message.with_id(&Id::string("q")).unwrap().text(), text.replace("7", "\"q\""));
        assert_eq!(message.with_body("{}").unwrap().text(), text.replace("{\"b\":1 ,\"a\":2}", "{}"));
        assert_eq!(message.on_one_line().text(), text.replace('\n', " "));
        let bare = parse(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).unwrap();
        assert_eq!(bare.with_body("{}").unwrap().text(), r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}"#);
    }

    #[test]
    fn ids_compare_by_value() {
        assert_eq!(Id::from_json("\"\\u0061\""), Some(Id::string("a")));
        assert_ne!(Id::from_json("1"), Id::from_json("\"1\""));
        assert_eq!(Id::from_json("1.0"), None);
        assert_eq!(Id::from_json(r#"{"$serde_json::private::RawValue":"1"}"#), None);
    }
}
