//! The canonical form of a tool definition and its digest.
//!
//! JSON with sorted keys and no white space (RFC 8785 in spirit; numbers are written as `serde_json` does). Part of it
//! is everything that a model or a client acts on: name, title, description, schemas, annotations and any field that
//! this version does not know. Left out at the top level: `_meta` (addressed to the host, may differ in every answer)
//! and `icons` (pictures, often URLs that change).

use holdshort_model::Digest;
use serde_json::Value;

/// Fields of a definition that are no part of its digest.
const VOLATILE: [&str; 2] = ["_meta", "icons"];

/// Digest of the canonical form of a tool definition.
pub fn definition_digest(definition: &Value) -> Digest {
    Digest::of(canonical(definition).as_bytes())
}

/// The canonical form as text.
pub(crate) fn canonical(definition: &Value) -> String {
    let mut text = String::with_capacity(1024);
    match definition {
        Value::Object(fields) => {
            write_object(fields.iter().filter(|(key, _)| !VOLATILE.contains(&key.as_str())), &mut text);
        }
        other => write(other, &mut text),
    }
    text
}

/// The definition without its volatile fields.
pub(crate) fn stable(definition: &Value) -> Value {
    match definition {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, _)| !VOLATILE.contains(&key.as_str()));
            Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        other => other.clone(),
    }
}

// Depth: a `Value` that was parsed has at most 128 levels (serde_json's limit).
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => write_object(fields.iter(), text),
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

// Sorted here and not by the map: the map's order depends on a feature that any crate may switch on.
fn write_object<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>, text: &mut String) {
    let mut sorted: Vec<_> = fields.collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    text.push('{');
    for (position, (key, value)) in sorted.into_iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(key.as_str()).to_string());
        text.push(':');
        write(value, text);
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn order_and_volatile_fields_do_not_matter() {
        let one: Value =
            serde_json::from_str(r#"{"name":"t","inputSchema":{"b":1,"a":[2,{"y":0,"x":1}]},"_meta":{"n":1}}"#)
                .unwrap();
        let two: Value =
            serde_json::from_str(r#"{"icons":[],"inputSchema":{"a":[2,{"x":1,"y":0}],"b":1},"name":"t"}"#).unwrap();
        assert_eq!(definition_digest(&one), definition_digest(&two));
        assert_eq!(canonical(&one), r#"{"inputSchema":{"a":[2,{"x":1,"y":0}],"b":1},"name":"t"}"#);
    }

    #[test]
    fn everything_else_matters() {
        let base = json!({"name": "t", "description": "reads", "inputSchema": {"type": "object"}});
        for (pointer, value) in [
            ("name", json!("u")),
            ("title", json!("T")),
            ("description", json!("reads ")),
            ("inputSchema", json!({"type": "object", "_meta": 1})),
            ("outputSchema", json!({})),
            ("annotations", json!({"readOnlyHint": true})),
            ("execution", json!({"taskSupport": "required"})),
        ] {
            let mut other = base.clone();
            other[pointer] = value;
            assert_ne!(definition_digest(&base), definition_digest(&other), "{pointer}");
        }
    }
}
