//! The text in what a server sends that the agent gets to see.
//!
//! Rather too much than too little: every member of a result counts, known or not. What is no text (images, audio, other
//! binary data) cannot be read and is said to be missing. Lists of tools are not here: their definitions are pinned and
//! compared (see `catalog`), and do not count as content.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdshort_model::Seen;
use holdshort_wire::json;
use holdshort_wire::mcp::{Kind, Message};
use serde_json::{Map, Value};

/// Largest body that is taken apart, in bytes; of a larger one the beginning is looked at as it is.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Most text of notifications that is kept until the response comes, in bytes.
const ASIDE_BYTES_MAX: usize = 64 * 1024;
/// Most notifications that are kept until the response comes.
const ASIDE_MAX: usize = 256;

/// What a response to `method` shows.
pub(super) fn of_response(method: &str, response: &Message, aside: &Aside) -> Seen {
    let body = response.body();
    let mut reading = Reading { parts: aside.texts.clone(), unread: aside.over };
    match (method, response.kind()) {
        ("tools/list", Kind::Result(_)) => {}
        _ if body.len() > BODY_BYTES_MAX => reading.parts.push(body.to_owned()),
        (_, kind) => match (json::strict(body), kind) {
            (Ok(Value::Object(result)), Kind::Result(_)) if matches!(method, "initialize" | "server/discover") => {
                reading.parts.extend(result.get("instructions").and_then(Value::as_str).map(str::to_owned));
            }
            (Ok(Value::Object(result)), _) => reading.object(result),
            _ => reading.parts.push(body.to_owned()),
        },
    }
    reading.done()
}

/// What a question of a server (sampling, elicitation) shows.
pub(super) fn of_question(question: &Message) -> Seen {
    let mut reading = Reading::default();
    match question.params() {
        Ok(Value::Object(params)) => reading.object(params),
        Ok(_) => {}
        Err(_) => reading.parts.push(question.body().to_owned()),
    }
    reading.done()
}

/// What was said beside a response that has not come yet: progress, messages for the log.
#[derive(Debug, Default)]
pub(super) struct Aside {
    texts: Vec<String>,
    bytes: usize,
    over: bool,
}

impl Aside {
    /// Keeps the text of a notification, if it has one.
    pub(super) fn note(&mut self, notification: &Message) {
        let member = match notification.method() {
            "notifications/progress" => "message",
            "notifications/message" => "data",
            "notifications/tasks/status" => "statusMessage",
            _ => return,
        };
        let Ok(params) = notification.params() else { return };
        let text = match params.get(member) {
            None | Some(Value::Null) => return,
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        self.bytes = self.bytes.saturating_add(text.len());
        if self.texts.len() >= ASIDE_MAX || self.bytes > ASIDE_BYTES_MAX {
            self.over = true;
        } else {
            self.texts.push(text);
        }
    }

    /// The same, when no response came.
    pub(super) fn seen(&self) -> Option<Seen> {
        let seen = Reading { parts: self.texts.clone(), unread: self.over }.done();
        (seen.truncated || !seen.parts.is_empty()).then_some(seen)
    }
}

#[derive(Default)]
struct Reading {
    parts: Vec<String>,
    /// Something is there that is no text.
    unread: bool,
}

impl Reading {
    fn done(self) -> Seen {
        let seen = Seen::of(self.parts);
        Seen { truncated: seen.truncated || self.unread, ..seen }
    }

    /// A result, an error, or the params of a question.
    fn object(&mut self, mut object: Map<String, Value>) {
        let structured = object.remove("structuredContent");
        for key in ["content", "contents", "messages"] {
            if let Some(blocks) = object.remove(key) {
                self.blocks(blocks, structured.as_ref());
            }
        }
        // Sampling names its instructions apart, an error its text.
        for key in ["systemPrompt", "message", "description"] {
            if let Some(Value::String(text)) = object.remove(key) {
                self.text(text);
            }
        }
        if let Some(structured) = structured {
            self.structured(structured);
        }
        self.rest(object);
    }

    /// Typed content, without texts that stand there word for word as a block as well.
    fn structured(&mut self, structured: Value) {
        match structured {
            Value::Object(mut members) => {
                members
                    .retain(|_, value| !value.as_str().is_some_and(|text| self.parts.iter().any(|part| part == text)));
                if !members.is_empty() {
                    self.parts.push(Value::Object(members).to_string());
                }
            }
            Value::Null => {}
            other => self.parts.push(other.to_string()),
        }
    }

    /// Blocks of content, one or several. `structured`: a text that says the same is not read twice.
    fn blocks(&mut self, blocks: Value, structured: Option<&Value>) {
        match blocks {
            Value::Array(blocks) => blocks.into_iter().for_each(|block| self.block(block, structured)),
            block => self.block(block, structured),
        }
    }

    fn block(&mut self, block: Value, structured: Option<&Value>) {
        let mut block = match block {
            Value::Object(block) => block,
            Value::String(text) => return self.text(text),
            Value::Null => return,
            other => return self.parts.push(other.to_string()),
        };
        if let Some(Value::String(text)) = block.remove("text")
            && structured
                .is_none_or(|structured| serde_json::from_str::<Value>(&text).ok().as_ref() != Some(structured))
        {
            self.text(text);
        }
        if let Some(Value::String(blob)) = block.remove("blob") {
            match STANDARD.decode(blob).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(text) => self.text(text),
                None => self.unread = true,
            }
        }
        if let Some(Value::String(_)) = block.remove("data") {
            self.unread = true;
        }
        for key in ["content", "resource"] {
            if let Some(inner) = block.remove(key) {
                self.blocks(inner, None);
            }
        }
        self.rest(block);
    }

    fn text(&mut self, text: String) {
        if !text.is_empty() {
            self.parts.push(text);
        }
    }

    /// Members that are no content by themselves, as JSON, without those that say nothing.
    fn rest(&mut self, mut object: Map<String, Value>) {
        object.retain(|key, value| {
            let known =
                ["type", "role", "mimeType", "annotations", "resultType", "isError", "nextCursor", "cacheScope"];
            !known.contains(&key.as_str()) && says_something(value)
        });
        if !object.is_empty() {
            self.parts.push(Value::Object(object).to_string());
        }
    }
}

/// Whether there is a text in it, or a name.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned()).unwrap()
    }

    fn check(method: &str, member: &str, expected: &[&str], truncated: bool) {
        let response = message(&format!("{{\"jsonrpc\":\"2.0\",\"id\":1,{member}}}"));
        let seen = of_response(method, &response, &Aside::default());
        assert_eq!((seen.parts.as_slice(), seen.truncated), (expected.map_owned().as_slice(), truncated), "{member}");
    }

    trait MapOwned {
        fn map_owned(&self) -> Vec<String>;
    }

    impl MapOwned for &[&str] {
        fn map_owned(&self) -> Vec<String> {
            self.iter().map(|text| (*text).to_owned()).collect()
        }
    }

    #[test]
    fn texts_of_results_are_seen() {
        let call = "tools/call";
        check(
            call,
            r#""result":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#,
            &["a", "b"],
            false,
        );
        check(call, r#""result":{"content":[],"isError":false}"#, &[], false);
        check(call, r#""result":{"content":[{"type":"text","text":"no"}],"isError":true}"#, &["no"], false);
        let link = r#""result":{"content":[{"type":"resource_link","uri":"a:b","name":"n","mimeType":"x"}]}"#;
        check(call, link, &[r#"{"name":"n","uri":"a:b"}"#], false);
        let resource = r#""result":{"content":[{"type":"resource","resource":{"uri":"a:b","text":"t"}}]}"#;
        check(call, resource, &["t", r#"{"uri":"a:b"}"#], false);
        check(
            "resources/read",
            r#""result":{"contents":[{"uri":"a:b","blob":"aGk="}]}"#,
            &["hi", r#"{"uri":"a:b"}"#],
            false,
        );
        let prompt =
            r#""result":{"description":"d","messages":[{"role":"user","content":{"type":"text","text":"t"}}]}"#;
        check("prompts/get", prompt, &["t", "d"], false);
        check(
            "completion/complete",
            r#""result":{"completion":{"values":["v"]}}"#,
            &[r#"{"completion":{"values":["v"]}}"#],
            false,
        );
        check(
            "tools/call",
            r#""error":{"code":1,"message":"m","data":{"x":"y"}}"#,
            &["m", r#"{"data":{"x":"y"}}"#],
            false,
        );
    }

    #[test]
    fn structured_content_that_a_text_repeats_is_read_once() {
        let twice = r#""result":{"content":[{"type":"text","text":"{\"a\": 1}"}],"structuredContent":{"a":1}}"#;
        check("tools/call", twice, &[r#"{"a":1}"#], false);
        let other = r#""result":{"content":[{"type":"text","text":"{\"a\": 2}"}],"structuredContent":{"a":"b"}}"#;
        check("tools/call", other, &[r#"{"a": 2}"#, r#"{"a":"b"}"#], false);
        let inside = r#""result":{"content":[{"type":"text","text":"t"}],"structuredContent":{"text":"t","to":"b"}}"#;
        check("tools/call", inside, &["t", r#"{"to":"b"}"#], false);
    }

    #[test]
    fn what_is_no_text_is_said_to_be_missing() {
        check(
            "tools/call",
            r#""result":{"content":[{"type":"image","data":"AAAA","mimeType":"image/png"}]}"#,
            &[],
            true,
        );
        check("resources/read", r#""result":{"contents":[{"uri":"u","blob":"/w=="}]}"#, &[r#"{"uri":"u"}"#], true);
    }

    #[test]
    fn members_that_nobody_knows_count() {
        check("tools/call", r#""result":{"hint":"do this","n":5}"#, &[r#"{"hint":"do this"}"#], false);
        check("tools/call", r#""result":"bare""#, &["\"bare\""], false);
    }

    #[test]
    fn definitions_of_tools_are_no_content_and_instructions_are() {
        check("tools/list", r#""result":{"tools":[{"name":"t","description":"d"}]}"#, &[], false);
        check("initialize", r#""result":{"capabilities":{"tools":{}},"instructions":"i"}"#, &["i"], false);
    }

    #[test]
    fn what_is_said_aside_comes_first_and_is_bounded() {
        let mut aside = Aside::default();
        assert!(aside.seen().is_none());
        let progress = |text: &str| {
            let params = serde_json::json!({"progressToken": 1, "progress": 1, "message": text});
            Message::notification("notifications/progress", &params).unwrap()
        };
        aside.note(&progress("half"));
        aside.note(&Message::notification("notifications/progress", &serde_json::json!({"progress": 2})).unwrap());
        let response = message(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a"}]}}"#);
        assert_eq!(of_response("tools/call", &response, &aside).parts, ["half", "a"]);
        for _ in 0..ASIDE_MAX {
            aside.note(&progress("x"));
        }
        let seen = aside.seen().unwrap();
        assert!(seen.truncated && seen.parts.len() == ASIDE_MAX);
    }

    #[test]
    fn a_body_that_is_too_large_is_cut() {
        let text = "x".repeat(BODY_BYTES_MAX);
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#);
        let seen = of_response("tools/call", &message(&body), &Aside::default());
        assert!(seen.truncated && seen.parts.iter().map(String::len).sum::<usize>() <= holdshort_model::SEEN_BYTES_MAX);
    }

    #[test]
    fn a_question_shows_its_messages() {
        let params = serde_json::json!({"messages": [{"role": "user", "content": {"type": "text", "text": "t"}}],
            "systemPrompt": "p", "maxTokens": 5});
        let question =
            Message::request(&holdshort_wire::mcp::Id::number(1), "sampling/createMessage", &params).unwrap();
        assert_eq!(of_question(&question).parts, ["t", "p"]);
    }
}
