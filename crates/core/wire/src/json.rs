//! Strict JSON on top of `serde_json`: no duplicate keys, bounded depth, and raw slices instead of re-serialising.
//!
//! Duplicate keys are how a message means one thing here and another at the upstream: parsers differ in which one
//! wins, and some (Go's `encoding/json`) match keys without regard to case. A message that could be read in two
//! ways is refused, not interpreted.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

/// Deepest nesting of arrays and objects. `serde_json` itself stops at 128; agents' messages stay below 20.
pub const DEPTH_MAX: usize = 100;

/// Most members of one object whose keys are compared. More than any real message has, few enough to stay cheap.
pub const MEMBERS_MAX: usize = 10_000;

/// JSON that is not well formed, or that could be read in more than one way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not UTF-8.
    #[error("byte {0} is not valid UTF-8")]
    Utf8(usize),
    /// Not JSON; the message of the parser names line and column.
    #[error("not valid JSON: {0}")]
    Syntax(String),
    /// Nested too deeply.
    #[error("nested deeper than {DEPTH_MAX} levels at byte {0}")]
    Depth(usize),
    /// An object was expected.
    #[error("expected an object")]
    NotAnObject,
    /// Two keys of one object are the same, or differ in case only.
    #[error("the keys `{0}` and `{1}` of one object can be taken for each other")]
    DuplicateKey(String, String),
    /// A whole number that does not fit 64 bits.
    #[error("the whole number at byte {0} is too long to be the same for every parser; send it as text")]
    LongNumber(usize),
    /// More members than any message needs.
    #[error("an object has more than {MEMBERS_MAX} members")]
    TooManyMembers,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self::Syntax(error.to_string())
    }
}

/// Checks UTF-8 and depth without building anything. One pass over the bytes.
pub fn text(bytes: &[u8]) -> Result<&str, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError::Utf8(error.valid_up_to()))?;
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(JsonError::Depth(at));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(text)
}

/// Refuses whole numbers that do not fit 64 bits. Some parsers round them and some do not, so that two of them could be one
/// here and two at the upstream. `text` has to be JSON.
///
/// # Errors
/// [`JsonError::LongNumber`] with its place.
pub fn exact_integers(text: &str) -> Result<(), JsonError> {
    let (mut rest, mut at) = (text, 0);
    while let Some(begin) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let token = rest.get(begin..).unwrap_or_default();
        let length = match token.starts_with('"') {
            true => string_length(token),
            false => token.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')).unwrap_or(token.len()),
        };
        let token = token.get(..length).unwrap_or_default();
        let whole = !token.contains(['"', '.', 'e', 'E']);
        if whole && token.parse::<i64>().is_err() && token.parse::<u64>().is_err() {
            return Err(JsonError::LongNumber(at + begin));
        }
        at += begin + length;
        rest = text.get(at..).unwrap_or_default();
    }
    Ok(())
}

// Both quotes included.
fn string_length(token: &str) -> usize {
    let mut escaped = false;
    let end = token.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(token.len(), |end| end + 2)
}

/// The members of an object in order, each value as a raw slice of `text`. Keys that collide, even in case only,
/// are an error.
pub fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>, JsonError> {
    if !text.trim_start().starts_with('{') {
        serde_json::from_str::<serde::de::IgnoredAny>(text)?;
        return Err(JsonError::NotAnObject);
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    let members = parser.deserialize_map(Members)?;
    parser.end()?;
    let mut folded: HashSet<String> = HashSet::with_capacity(members.len());
    if members.len() > MEMBERS_MAX {
        return Err(JsonError::TooManyMembers);
    }
    for (key, _) in &members {
        if !folded.insert(fold(key)) {
            let other = members.iter().find(|(k, _)| fold(k) == fold(key)).map_or("", |(k, _)| k);
            return Err(JsonError::DuplicateKey(brief(other), brief(key)));
        }
    }
    Ok(members)
}

/// The elements of an array as raw slices of `text`.
pub fn elements(text: &str) -> Result<Vec<&RawValue>, JsonError> {
    Ok(serde_json::from_str(text)?)
}

/// The whole value, refusing exact duplicates of keys at every level.
pub fn strict(text: &str) -> Result<Value, JsonError> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Strict.deserialize(&mut parser)?;
    parser.end()?;
    Ok(value)
}

/// Where `part`, a slice of `whole`, lies. `None` when it is not a slice of it.
pub fn span(whole: &str, part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}

/// Replaces ranges of `text`; everything else stays byte for byte. Ranges must not overlap.
pub fn splice(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let grown: usize = edits.iter().map(|(_, new)| new.len()).sum();
    let mut out = String::with_capacity(text.len() + grown);
    let mut at = 0;
    for (range, new) in edits {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// A JSON string literal.
pub fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// True when a parser that ignores case takes the two keys for each other: `argumentſ` for `arguments`.
pub fn same_key(one: &str, other: &str) -> bool {
    fold(one) == fold(other)
}

/// Case folding as the laxest parser does it: simple Unicode folding, so that `ſ` is `s` and the Kelvin sign is `k`.
fn fold(key: &str) -> String {
    if key.is_ascii() {
        return key.to_ascii_lowercase();
    }
    key.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

fn brief(key: &str) -> String {
    key.chars().take(60).collect()
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            members.push((key, map.next_value()?));
        }
        Ok(members)
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Strict)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("duplicate key `{}`", brief(&key))));
            }
            object.insert(key, map.next_value_seed(Strict)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_order_and_bytes() {
        let text = r#" {"b": 1e400, "a":{"x" : [1,2]}, "c":12345678901234567890123} "#;
        let members = members(text).unwrap();
        let shown: Vec<_> = members.iter().map(|(k, v)| (k.as_ref(), v.get())).collect();
        assert_eq!(shown, [("b", "1e400"), ("a", r#"{"x" : [1,2]}"#), ("c", "12345678901234567890123")]);
        let (_, a) = &members[1];
        assert_eq!(&text[span(text, a.get()).unwrap()], a.get());
    }

    #[test]
    fn keys_that_can_be_confused_are_refused() {
        for text in [
            r#"{"method":1,"method":2}"#,
            r#"{"method":1,"Method":2}"#,
            r#"{"params":1,"param\u017f":2}"#,
            r#"{"key":1,"\u212aey":2}"#,
            r#"{"a\u0062":1,"ab":2}"#,
        ] {
            assert!(matches!(members(text), Err(JsonError::DuplicateKey(..))), "{text}");
        }
        assert!(strict(r#"{"a":{"b":[{"c":1,"c":2}]}}"#).is_err());
        assert!(strict(r#"{"a":{"C":1,"c":2}}"#).is_ok());
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
        assert_eq!(text(deep.as_bytes()), Err(JsonError::Depth(DEPTH_MAX)));
        let string = format!("\"{}\\\"[\"", "[{".repeat(500));
        assert!(text(string.as_bytes()).is_ok());
        assert_eq!(text(b"\"a\xff\""), Err(JsonError::Utf8(2)));
    }

    #[test]
    fn strict_refuses_what_cannot_be_compared() {
        for bad in ["1e400", "[1,]", "{\"a\":NaN}", "\"\\ud800\"", "{} {}", "", "nul"] {
            assert!(strict(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn splice_touches_only_the_ranges() {
        assert_eq!(splice("abcdef", vec![(4..5, "X".into()), (1..2, String::new())]), "acdXf");
    }
}
