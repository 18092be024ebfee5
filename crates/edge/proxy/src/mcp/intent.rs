//! The person's request as the client relays it: `_meta["com.holdshort/intent"]`.
//!
//! The client's program is believed or not, as the configuration says; it is not known to be right. Whether it is
//! believed or not, the text is for us alone: it is taken out before a message is decided on, so that no server learns
//! what the person asked for.

use holdshort_wire::json;
use holdshort_wire::mcp::{Message, MessageError};
use serde_json::Value;

/// Key of the person's request in `_meta`.
const KEY: &str = "com.holdshort/intent";

/// The message without the person's request, and the request, if there is one.
pub(super) fn take(message: Message) -> Result<(Message, Option<String>), MessageError> {
    let Some((body, text)) = cut(message.body()) else { return Ok((message, None)) };
    Ok((message.with_body(&body)?, text))
}

// What cannot be read is left as it is: the guard refuses it, with its reason. An escaped key is not ours: nothing is
// learned from it.
fn cut(body: &str) -> Option<(String, Option<String>)> {
    if !body.contains(KEY) {
        return None;
    }
    let params = json::members(body).ok()?;
    let meta = params.iter().find(|(key, _)| key == "_meta").map(|(_, value)| value.get())?;
    let members = json::members(meta).ok()?;
    let (_, intent) = members.iter().find(|(key, _)| key == KEY)?;
    let text = match serde_json::from_str(intent.get()) {
        Ok(Value::String(text)) if !text.trim().is_empty() => Some(text),
        _ => None,
    };
    let rest = members.iter().filter(|(key, _)| key != KEY);
    let rest: Vec<_> = rest.map(|(key, value)| format!("{}:{}", json::quote(key), value.get())).collect();
    let span = json::span(body, meta)?;
    Some((json::splice(body, vec![(span, format!("{{{}}}", rest.join(",")))]), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(params: &str, rest: &str, intent: Option<&str>) {
        let text = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let (message, found) = take(Message::parse(text(params)).unwrap()).unwrap();
        assert_eq!((message.text(), found.as_deref()), (text(rest).as_str(), intent));
    }

    #[test]
    fn the_request_is_taken_out_and_every_other_byte_stays() {
        check(
            r#"{ "name":"t", "_meta":{"a": 1.50, "com.holdshort/intent":"pay \"it\"","b":{}} }"#,
            r#"{ "name":"t", "_meta":{"a":1.50,"b":{}} }"#,
            Some("pay \"it\""),
        );
        check(r#"{"_meta":{"com.holdshort/intent":"x"}}"#, r#"{"_meta":{}}"#, Some("x"));
    }

    #[test]
    fn what_is_no_text_is_taken_out_as_well() {
        for odd in ["7", "null", "{}", "\"  \""] {
            check(&format!(r#"{{"_meta":{{"com.holdshort/intent":{odd}}}}}"#), r#"{"_meta":{}}"#, None);
        }
    }

    #[test]
    fn the_key_elsewhere_is_left_alone() {
        for params in [r#"{"arguments":{"com.holdshort/intent":"x"}}"#, r#"{"_meta":["com.holdshort/intent"]}"#, "{}"] {
            check(params, params, None);
        }
    }
}
