//! The texts of JSON arguments: strings, numbers and keys, each with its JSON pointer (RFC 6901).
//!
//! Each is looked at by itself: a secret that is spread over several strings is not put together.

use super::SCAN_BYTES_MAX;
use serde_json::Value;
use std::borrow::Cow;

/// Most texts (strings, numbers, keys) of one set of arguments that a scan looks at.
pub const LEAVES_MAX: usize = 16 * 1024;

// Values below it are not looked at. What parses requests allows no more.
const DEPTH_MAX: usize = 128;
// Longer names of members are shortened in pointers.
const POINTER_BYTES_MAX: usize = 512;
// Shorter numbers are none of persons, and no secrets.
const NUMBER_BYTES_MIN: usize = 8;
// Names of members that are words are no texts: nothing that is looked for is shorter, or as plain.
const KEY_BYTES_MIN: usize = 8;

/// A text and where it stands.
pub(super) struct Leaf<'a> {
    pub(super) at: String,
    /// The key that it is the value of; empty when it is no member.
    pub(super) name: &'a str,
    pub(super) text: Cow<'a, str>,
}

/// All texts, in the order in which they stand.
pub(super) struct Leaves<'a> {
    pub(super) all: Vec<Leaf<'a>>,
    pub(super) truncated: bool,
    bytes_left: usize,
    at: String,
}

pub(super) fn of(args: &Value) -> Leaves<'_> {
    let mut leaves = Leaves { all: Vec::new(), truncated: false, bytes_left: SCAN_BYTES_MAX, at: String::new() };
    leaves.walk(args, "", 0);
    leaves
}

impl<'a> Leaves<'a> {
    // INVARIANT: what recurses is bounded by `DEPTH_MAX`.
    fn walk(&mut self, value: &'a Value, name: &'a str, depth: usize) {
        if depth > DEPTH_MAX {
            self.truncated = true;
            return;
        }
        match value {
            Value::String(text) => self.add(name, Cow::Borrowed(text)),
            Value::Number(number) => {
                let text = number.to_string();
                if text.len() >= NUMBER_BYTES_MIN {
                    self.add(name, Cow::Owned(text));
                }
            }
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    let before = self.step(&n.to_string());
                    self.walk(item, name, depth + 1);
                    self.at.truncate(before);
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    let before = self.step(key);
                    if key.len() >= KEY_BYTES_MIN && !plain(key) {
                        self.add("", Cow::Borrowed(key));
                    }
                    self.walk(member, key, depth + 1);
                    self.at.truncate(before);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn add(&mut self, name: &'a str, text: Cow<'a, str>) {
        if text.is_empty() {
            return;
        }
        if self.all.len() >= LEAVES_MAX || self.bytes_left == 0 {
            self.truncated = true;
            return;
        }
        let kept = cut(&text, self.bytes_left).len();
        self.truncated |= kept < text.len();
        self.bytes_left -= kept;
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(cut(text, kept)),
            owned => owned,
        };
        self.all.push(Leaf { at: self.at.clone(), name: cut(name, POINTER_BYTES_MAX), text });
    }

    // Goes one step down; returns where to go back to.
    fn step(&mut self, key: &str) -> usize {
        let before = self.at.len();
        let room = POINTER_BYTES_MAX.saturating_sub(before);
        self.at.push('/');
        for c in cut(key, room).chars() {
            match c {
                '~' => self.at.push_str("~0"),
                '/' => self.at.push_str("~1"),
                c => self.at.push(c),
            }
        }
        before
    }
}

// A name as programs use it: letters and underscores.
fn plain(key: &str) -> bool {
    key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-')
}

/// `text` up to `bytes_max`, at a border of characters.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
