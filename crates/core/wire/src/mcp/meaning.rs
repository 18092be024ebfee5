//! What each method means for security.

use super::{Kind, Message};
use crate::json::JsonError;
use holdshort_model::ActionKind;
use serde_json::Value;

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the agent to the server.
    ToServer,
    /// From the server to the agent.
    ToClient,
}

/// A message as an action: kind, the thing it names, and the arguments that policies see.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// Kind of action.
    pub kind: ActionKind,
    /// Tool, URI, prompt, task or method.
    pub name: String,
    /// Arguments; for a tool call its `arguments`, else the params without `_meta`.
    pub args: Value,
}

/// What a request or notification means. `params` are the message's strictly parsed parameters.
///
/// # Errors
/// A parameter that the method needs and that is absent or of the wrong type, as text.
pub fn meaning(message: &Message, params: Value, direction: Direction) -> Result<Meaning, &'static str> {
    use ActionKind as K;
    let method = message.method();
    let request = matches!(message.kind(), Kind::Request(_));
    let kind = match (direction, request, method) {
        (Direction::ToServer, true, "tools/call") => K::ToolCall,
        (Direction::ToServer, true, "resources/read") => K::ResourceRead,
        (Direction::ToServer, true, "resources/subscribe" | "resources/unsubscribe") => K::ResourceSubscribe,
        (Direction::ToServer, true, "subscriptions/listen") => K::ResourceSubscribe,
        (Direction::ToServer, true, "prompts/get") => K::PromptGet,
        (Direction::ToServer, true, "completion/complete") => K::Complete,
        (Direction::ToServer, true, "tools/list" | "resources/list" | "resources/templates/list" | "prompts/list") => {
            K::CatalogList
        }
        (Direction::ToServer, true, "initialize" | "server/discover" | "logging/setLevel") => K::Protocol,
        (Direction::ToClient, true, "sampling/createMessage") => K::Sampling,
        (Direction::ToClient, true, "elicitation/create") => K::Elicitation,
        (Direction::ToClient, true, "roots/list") => K::RootsList,
        (_, true, "tasks/get" | "tasks/result" | "tasks/list") => K::TaskRead,
        (_, true, "tasks/update" | "tasks/cancel") => K::TaskUpdate,
        (_, true, "ping") => K::Protocol,
        (_, false, method) if method.starts_with("notifications/") => K::Protocol,
        _ => K::Unknown,
    };
    let text = |key: &str| params.get(key).and_then(Value::as_str).map(str::to_owned);
    let name = match kind {
        K::ToolCall => text("name").ok_or("`params.name` must be the name of a tool")?,
        K::PromptGet => text("name").ok_or("`params.name` must be the name of a prompt")?,
        K::ResourceRead => text("uri").ok_or("`params.uri` must be the URI of a resource")?,
        K::ResourceSubscribe if method.starts_with("resources/") => {
            text("uri").ok_or("`params.uri` must be the URI of a resource")?
        }
        K::Complete => {
            let reference = params.get("ref").ok_or("`params.ref` must name a prompt or a resource")?;
            let named = reference.get("name").or_else(|| reference.get("uri")).and_then(Value::as_str);
            named.ok_or("`params.ref` must name a prompt or a resource")?.to_owned()
        }
        K::TaskRead | K::TaskUpdate if method != "tasks/list" => {
            text("taskId").ok_or("`params.taskId` must be the id of a task")?
        }
        _ => method.to_owned(),
    };
    let args = match (kind, params) {
        (K::ToolCall, Value::Object(mut params)) => match params.remove("arguments") {
            None => Value::Object(Default::default()),
            Some(arguments @ Value::Object(_)) => arguments,
            Some(_) => return Err("`params.arguments` must be an object"),
        },
        (_, Value::Object(mut params)) => {
            params.remove("_meta");
            Value::Object(params)
        }
        (_, _) => return Err("`params` must be an object"),
    };
    Ok(Meaning { kind, name, args })
}

/// Parameters that decide what a request means.
const PARAMS: [&str; 6] = ["name", "arguments", "uri", "ref", "taskId", "_meta"];

/// Keys of a tool call's arguments that a case-insensitive upstream would take for one another, and whole numbers that
/// parsers round.
///
/// # Errors
/// [`JsonError::DuplicateKey`] with the two keys, [`JsonError::LongNumber`].
pub(crate) fn unambiguous_arguments(message: &Message) -> Result<(), JsonError> {
    if message.body().is_empty() {
        return Ok(());
    }
    crate::json::exact_integers(message.body())?;
    for (key, value) in crate::json::members(message.body())? {
        // An upstream that ignores case would take `Arguments` for the arguments that we did not see.
        if let Some(known) = PARAMS.iter().find(|known| key != **known && crate::json::same_key(&key, known)) {
            return Err(JsonError::DuplicateKey((*known).to_owned(), key.chars().take(60).collect()));
        }
        if key == "arguments" && value.get().starts_with('{') {
            crate::json::members(value.get())?;
        }
    }
    Ok(())
}

impl Message {
    /// The message as an action, with every check that a decision relies on.
    ///
    /// # Errors
    /// Text for the sender: what is ambiguous, absent or of the wrong type.
    pub fn meaning(&self, direction: Direction) -> Result<(Meaning, super::Meta), String> {
        unambiguous_arguments(self).map_err(|error| error.to_string())?;
        let params = self.params().map_err(|error| error.to_string())?;
        let meta = super::meta(&params);
        Ok((meaning(self, params, direction)?, meta))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, direction: Direction) -> Result<Meaning, String> {
        Message::parse(text.to_owned()).unwrap().meaning(direction).map(|(meaning, _)| meaning)
    }

    fn request(method: &str, params: &str) -> Result<Meaning, String> {
        read(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#), Direction::ToServer)
    }

    #[test]
    fn a_tool_call_is_its_name_and_arguments() {
        let call = request("tools/call", r#"{"name":"t","arguments":{"a":1},"_meta":{"x":1}}"#).unwrap();
        assert_eq!((call.kind, call.name.as_str()), (ActionKind::ToolCall, "t"));
        assert_eq!(call.args, serde_json::json!({"a": 1}));
        assert_eq!(request("tools/call", r#"{"name":"t"}"#).unwrap().args, serde_json::json!({}));
    }

    #[test]
    fn whole_numbers_that_parsers_round_are_refused() {
        let call = |value: &str| {
            let params = format!(r#"{{"name":"pay","arguments":{{"to":{{"account":[{value}]}}}}}}"#);
            request("tools/call", &params)
        };
        for fits in [
            "18446744073709551615",
            "-9223372036854775808",
            "-0",
            "1.5e30",
            "0.12345678901234567890",
            "\"123456789012345678901234567890\\\"9\"",
        ] {
            assert!(call(fits).is_ok(), "{fits}");
        }
        // Both are 12345678901234567000000 for a parser of doubles: an approval of the one would be one of the other.
        for long in
            ["12345678901234567890123", "12345678901234567890124", "18446744073709551616", "-9223372036854775809"]
        {
            assert!(call(long).is_err_and(|error| error.contains("as text")), "{long}");
        }
        assert!(request("resources/read", r#"{"uri":"a:b","_meta":{"x":18446744073709551616}}"#).is_err());
    }

    #[test]
    fn what_the_method_needs_must_be_there() {
        for (method, params) in [
            ("tools/call", "{}"),
            ("tools/call", r#"{"name":7}"#),
            ("tools/call", r#"{"name":"t","arguments":[1]}"#),
            ("tools/call", r#"{"name":"t","arguments":null}"#),
            ("tools/call", r#"{"name":"t","arguments":{"path":"a","Path":"b"}}"#),
            ("tools/call", r#"{"name":"t","arguments":{"x":{"k":1,"k":2}}}"#),
            ("tools/call", r#"{"name":"t","Arguments":{"path":"a"}}"#),
            ("resources/read", "{}"),
            ("tasks/get", "{}"),
            ("completion/complete", r#"{"ref":{}}"#),
        ] {
            assert!(request(method, params).is_err(), "{method} {params}");
        }
    }

    #[test]
    fn unknown_methods_are_unknown_and_direction_counts() {
        assert_eq!(request("tools/Call", "{}").unwrap().kind, ActionKind::Unknown);
        assert_eq!(request("sampling/createMessage", "{}").unwrap().kind, ActionKind::Unknown);
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage"}"#;
        assert_eq!(read(text, Direction::ToClient).unwrap().kind, ActionKind::Sampling);
        let sneaky = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}"#;
        assert_eq!(read(sneaky, Direction::ToServer).unwrap().kind, ActionKind::Unknown);
    }
}
