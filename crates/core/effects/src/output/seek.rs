//! Looks whether something stands at a pointer, in one pass over the text and without a tree of it. A key that occurs
//! twice counts each time: readers differ on which one they take.

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// One step of a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// `*`: any key, any index.
    Any,
    /// This key, or this index in a list.
    Key(String),
}

impl Segment {
    /// The steps of a JSON pointer (RFC 6901), with `*` for any.
    pub(super) fn of_pointer(pointer: &str) -> Vec<Self> {
        let step = |step: &str| match step {
            "*" => Self::Any,
            step => Self::Key(step.replace("~1", "/").replace("~0", "~")),
        };
        pointer.split('/').skip(1).map(step).collect()
    }

    fn is(&self, key: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Key(name) => name == key,
        }
    }
}

/// How far a text could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is an object or a list, and was read to its end.
    Read,
    /// It is not JSON, or a bare value, or nested deeper than the parser goes.
    Unreadable,
}

/// Sets `hits` for each pointer at which something stands: no `null`, no empty text, list or object.
pub(super) fn seek(text: &str, pointers: &[&[Segment]], hits: &mut [bool]) -> Found {
    if !text.trim_start().starts_with(['{', '[']) {
        return Found::Unreadable;
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let paths = pointers.iter().copied().enumerate().collect();
    match (Seek { paths, hits }).deserialize(&mut json).and_then(|()| json.end()) {
        Ok(()) => Found::Read,
        Err(_) => Found::Unreadable,
    }
}

/// The paths that lead through a value, each with the number of its pointer and the steps that are left.
struct Seek<'a, 'h> {
    paths: Vec<(usize, &'a [Segment])>,
    hits: &'h mut [bool],
}

impl<'a> Seek<'a, '_> {
    // Something stands here.
    fn hit(&mut self) {
        for (pointer, steps) in &self.paths {
            if let (true, Some(hit)) = (steps.is_empty(), self.hits.get_mut(*pointer)) {
                *hit = true;
            }
        }
    }

    fn below(&self, key: &str) -> Vec<(usize, &'a [Segment])> {
        let step = |(pointer, steps): &(usize, &'a [Segment])| match steps.split_first() {
            Some((first, rest)) if first.is(key) => Some((*pointer, rest)),
            _ => None,
        };
        self.paths.iter().filter_map(step).collect()
    }
}

impl<'de> DeserializeSeed<'de> for Seek<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        if self.paths.is_empty() {
            value.deserialize_ignored_any(IgnoredAny).map(drop)
        } else {
            value.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Seek<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, _: bool) -> Result<(), E> {
        self.hit();
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, _: i64) -> Result<(), E> {
        self.hit();
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, _: u64) -> Result<(), E> {
        self.hit();
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, _: f64) -> Result<(), E> {
        self.hit();
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        if !text.is_empty() {
            self.hit();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0u64;
        loop {
            let paths = self.below(&index.to_string());
            if list.next_element_seed(Seek { paths, hits: &mut *self.hits })?.is_none() {
                return Ok(());
            }
            if index == 0 {
                self.hit();
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let mut first = true;
        while let Some(key) = object.next_key::<Cow<'de, str>>()? {
            let paths = self.below(&key);
            object.next_value_seed(Seek { paths, hits: &mut *self.hits })?;
            if std::mem::take(&mut first) {
                self.hit();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers() {
        for (pointer, text, expected) in [
            ("/a", r#"{"a":1}"#, true),
            ("/a", r#"{"a":false}"#, true),
            ("/a", r#"{"a":null}"#, false),
            ("/a", r#"{"a":""}"#, false),
            ("/a", r#"{"a":[]}"#, false),
            ("/a", r#"{"a":{}}"#, false),
            ("/a", r#"{"a":[null]}"#, true),
            ("/a", r#"{"b":{"a":1}}"#, false),
            ("/a", r#"{"\u0061":1}"#, true),
            ("/a", r#"{"a":1,"a":null}"#, true),
            ("/a", r#"{"a":null,"a":1}"#, true),
            ("/A", r#"{"a":1}"#, false),
            ("/a~1b/~0", r#"{"a/b":{"~":1}}"#, true),
            ("/*/b", r#"{"x":{"b":1}}"#, true),
            ("/*/b", r#"[{"c":1},{"b":1.5}]"#, true),
            ("/1/b", r#"[{"b":1},{"c":1}]"#, false),
            ("/1", r#"{"1":-4}"#, true),
            ("/*", "[]", false),
            ("/*/*/*", r#"[[["x"]]]"#, true),
            ("/", r#"{"":"x"}"#, true),
        ] {
            let steps = Segment::of_pointer(pointer);
            let mut hits = [false];
            assert_eq!(seek(text, &[&steps], &mut hits), Found::Read, "{pointer} {text}");
            assert_eq!(hits, [expected], "{pointer} {text}");
        }
    }

    #[test]
    fn what_is_no_json_is_unreadable() {
        let steps = Segment::of_pointer("/a/*");
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        for text in ["", "text", "1", "\"{}\"", "{\"a\":1", "{} {}", "[1,]", "{'a':1}"] {
            assert_eq!(seek(text, &[&steps], &mut [false]), Found::Unreadable, "{text}");
        }
        // What no pointer leads into is not followed; what one leads into is, as deep as the parser goes.
        assert_eq!(seek(&deep, &[&Segment::of_pointer("/b")], &mut [false]), Found::Read);
        assert_eq!(seek(&deep, &[&Segment::of_pointer(&"/*".repeat(32))], &mut [false]), Found::Read);
    }
}
