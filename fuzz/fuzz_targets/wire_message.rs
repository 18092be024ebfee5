//! MCP messages: no panic; what is read is read in one way only; a rewrite changes what it says and no other byte.
#![no_main]

use holdshort_wire::json;
use holdshort_wire::mcp::{Direction, Id, Kind, Message, meta};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::parse(data.to_vec()) else { return };
    assert_eq!(message.raw(), data);
    for direction in [Direction::ToServer, Direction::ToClient] {
        if let (false, Ok((meaning, _))) = (message.is_response(), message.meaning(direction)) {
            // What the policies see must be what another parser sees in these bytes.
            let other: Value = serde_json::from_slice(data).expect("what was decided on is JSON");
            assert_eq!(other["method"], message.method());
            let params = other.get("params").cloned().unwrap_or_else(|| Value::Object(Default::default()));
            if message.method() == "tools/call" && direction == Direction::ToServer && message.id().is_some() {
                assert_eq!(params["name"], meaning.name);
                assert_eq!(params.get("arguments").cloned().unwrap_or_else(|| serde_json::json!({})), meaning.args);
            }
        }
    }
    if let Ok(params) = message.params() {
        let _ = meta(&params);
    }
    if message.id().is_some() {
        let id = Id::string("holdshort-1");
        let renumbered = message.with_id(&id).expect("an id can be replaced");
        assert_eq!(renumbered.id(), Some(&id));
        assert_eq!((renumbered.method(), renumbered.body()), (message.method(), message.body()));
        let original = message.id().expect("it had one").clone();
        let back = renumbered.with_id(&original).expect("and put back");
        assert_eq!((back.kind(), back.body()), (message.kind(), message.body()));
        assert_eq!(without_id(&back), without_id(&message), "only the id was touched");
    }
    if !message.body().is_empty() {
        let replaced = message.with_body("{\"a\" :1}").expect("a body can be replaced");
        assert_eq!((replaced.kind(), replaced.body()), (message.kind(), "{\"a\" :1}"));
        let back = replaced.with_body(message.body()).expect("and put back");
        assert_eq!(back.raw(), message.raw(), "only the body was touched");
    }
    assert!(matches!(message.kind(), Kind::Notification | Kind::Error(None)) || message.id().is_some());
});

/// The text without the value of `id`.
fn without_id(message: &Message) -> String {
    let members = json::members(message.text()).expect("it was parsed before");
    let id = members.iter().find(|(key, _)| key == "id").and_then(|(_, id)| json::span(message.text(), id.get()));
    json::splice(message.text(), id.map(|span| vec![(span, String::new())]).unwrap_or_default())
}
