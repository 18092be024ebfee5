//! The difference between two JSON values as lines that a person reads.

use serde_json::Value;
use std::collections::BTreeSet;

/// Most lines of a difference. What is left out is counted in a last line.
pub const DIFFERENCE_LINES_MAX: usize = 50;
/// Most characters of each side in a line.
pub const DIFFERENCE_SIDE_CHARS_MAX: usize = 200;

/// One line for each JSON pointer (RFC 6901) whose value differs: `/description: "old" -> "new"`.
/// A side that is not there is written `nothing`.
pub fn difference(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Lines { lines: Vec::new(), left_out: 0 };
    compare(&mut String::new(), Some(before), Some(after), &mut lines);
    if lines.left_out > 0 {
        lines.lines.push(format!("... and {} more", lines.left_out));
    }
    lines.lines
}

struct Lines {
    lines: Vec<String>,
    left_out: usize,
}

fn compare(pointer: &mut String, before: Option<&Value>, after: Option<&Value>, lines: &mut Lines) {
    match (before, after) {
        (a, b) if a == b => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                below(pointer, &key.replace('~', "~0").replace('/', "~1"), a.get(key), b.get(key), lines);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for position in 0..a.len().max(b.len()) {
                below(pointer, &position.to_string(), a.get(position), b.get(position), lines);
            }
        }
        (a, b) if lines.lines.len() < DIFFERENCE_LINES_MAX => {
            lines.lines.push(format!("{pointer}: {} -> {}", side(a), side(b)));
        }
        _ => lines.left_out += 1,
    }
}

fn below(pointer: &mut String, key: &str, before: Option<&Value>, after: Option<&Value>, lines: &mut Lines) {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(key);
    compare(pointer, before, after, lines);
    pointer.truncate(length);
}

fn side(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(DIFFERENCE_SIDE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines() {
        let before = json!({"description": "Reads", "inputSchema": {"a/b": 1, "required": ["x", "y"]}, "same": [1]});
        let after = json!({"description": "Reads. <IMPORTANT>", "inputSchema": {"a/b": {}, "required": ["x"]}, "same": [1], "title": "T"});
        assert_eq!(
            difference(&before, &after),
            [
                r#"/description: "Reads" -> "Reads. <IMPORTANT>""#,
                "/inputSchema/a~1b: 1 -> {}",
                r#"/inputSchema/required/1: "y" -> nothing"#,
                r#"/title: nothing -> "T""#,
            ]
        );
        assert!(difference(&before, &before).is_empty());
    }

    #[test]
    fn bounds() {
        let long = "\u{e9}".repeat(5_000);
        let line = difference(&json!({"d": "a"}), &json!({"d": long})).remove(0);
        assert!(line.chars().count() < 250 && line.ends_with("..."), "{line}");
        let many: Vec<u32> = (0..1_000).collect();
        let lines = difference(&json!([]), &json!(many));
        assert_eq!(lines.len(), DIFFERENCE_LINES_MAX + 1);
        assert_eq!(lines.last().unwrap(), "... and 950 more");
    }
}
