//! MISP: an event, a list of them, or the answer of a search. Attributes of an event and of its objects.

use super::csv;
use super::feed::{About, FeedError, Sink};
use serde::Deserialize;

/// Most attributes of one file.
const ATTRIBUTES_MAX: usize = 2_000_000;

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    List(Vec<Wrapped>),
    Answer { response: Vec<Wrapped> },
    One(Wrapped),
}

#[derive(Deserialize)]
struct Wrapped {
    #[serde(rename = "Event")]
    event: Event,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Attribute", default)]
    attributes: Vec<Attribute>,
    #[serde(rename = "Object", default)]
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "Attribute", default)]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    #[serde(rename = "type")]
    kind: String,
    value: String,
    #[serde(default)]
    to_ids: bool,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    timestamp: Option<Seconds>,
    #[serde(default)]
    last_seen: Option<String>,
}

// Seconds since 1970, as text or as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Text(String),
    Number(u64),
}

pub(super) fn read(bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), FeedError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let wrong = |line: usize, why: String| FeedError::Format { line, format: "a MISP event", why };
    let file: File = serde_json::from_slice(bytes).map_err(|error| wrong(error.line(), error.to_string()))?;
    let events = match file {
        File::List(events) | File::Answer { response: events } => events,
        File::One(event) => vec![event],
    };
    let attributes = events.into_iter().flat_map(|wrapped| {
        let inner = wrapped.event.objects.into_iter().flat_map(|object| object.attributes);
        wrapped.event.attributes.into_iter().chain(inner)
    });
    for (n, attribute) in attributes.enumerate() {
        if n >= ATTRIBUTES_MAX {
            return Err(FeedError::Entries);
        }
        if sink.is_full() {
            break;
        }
        offer(n + 1, &attribute, sink);
    }
    Ok(())
}

// Composite types such as `filename|sha256` hold two values.
fn offer(line: usize, attribute: &Attribute, sink: &mut Sink<'_>) {
    if attribute.deleted {
        return sink.reject(line, "deleted");
    }
    if !attribute.to_ids {
        return sink.reject(line, "its author did not mean it for detection (`to_ids`)");
    }
    let seconds = match &attribute.timestamp {
        Some(Seconds::Text(text)) => text.parse().ok(),
        Some(Seconds::Number(number)) => Some(*number),
        None => None,
    };
    let last_seen = attribute.last_seen.as_deref().and_then(super::feed::time_ms);
    let seen_ms = last_seen.or(seconds.map(|seconds: u64| seconds.saturating_mul(1000)));
    let text = attribute.value.as_str();
    let pairs: Vec<(&str, &str)> = match attribute.kind.split_once('|') {
        Some((left, right)) => match text.split_once('|') {
            Some((first, second)) => vec![(left, first), (right, second)],
            None => return sink.reject(line, "a composite type with one value"),
        },
        None => vec![(attribute.kind.as_str(), text)],
    };
    for (kind, text) in pairs.into_iter().filter(|(kind, _)| !matches!(*kind, "filename" | "port")) {
        match csv::kind(kind) {
            Ok(kind) => sink.offer(line, text, About { kind, seen_ms, ..About::default() }),
            Err(why) => sink.reject(line, why),
        }
    }
}
