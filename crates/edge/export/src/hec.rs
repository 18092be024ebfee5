//! Events of Splunk's HTTP Event Collector, and our own lines of JSON, which are the same without the envelope.

use crate::event::{Arguments, Event};
use crate::summary::Summary;
use serde_json::{Map, Value, json};

/// Source type of every event.
const SOURCE_TYPE: &str = "holdshort:record";

/// `{"log", "index", "leaf", "record"}`; `unreadable` in place of the record, where nobody can read it.
#[must_use]
pub(crate) fn json(event: &Event, arguments: Arguments) -> Value {
    let mut value = json!({ "log": &*event.log, "index": event.index, "leaf": event.leaf_hex() });
    let (name, content) = match &event.body {
        crate::Body::Record(_) => ("record", event.record(arguments)),
        crate::Body::Unreadable(why) => ("unreadable", Value::from(why.as_str())),
    };
    if let Some(object) = value.as_object_mut() {
        object.insert(name.to_owned(), content);
    }
    value
}

/// An event for `/services/collector/event`. `fields` are indexed: what is searched for, and the proof reference.
#[must_use]
pub(crate) fn event(event: &Event, arguments: Arguments) -> Value {
    let summary = Summary::of(event);
    let mut fields = Map::new();
    for (name, value) in &summary.fields {
        // Fields of an event are texts or lists of texts.
        let value = match value {
            crate::summary::Value::List(texts) => Value::from(texts.clone()),
            one => Value::from(one.to_string()),
        };
        fields.insert((*name).to_owned(), value);
    }
    fields.insert("log".into(), Value::from(&*event.log));
    fields.insert("index_in_log".into(), Value::from(event.index.to_string()));
    fields.insert("leaf".into(), Value::from(event.leaf_hex()));
    fields.insert("what".into(), Value::from(summary.what));
    json!({
        // Seconds with three decimals; a text is taken like a number, and does not lose any of them.
        "time": format!("{}.{:03}", event.time_ms() / 1_000, event.time_ms() % 1_000),
        "source": &*event.log,
        "sourcetype": SOURCE_TYPE,
        "event": json(event, arguments),
        "fields": fields,
    })
}
