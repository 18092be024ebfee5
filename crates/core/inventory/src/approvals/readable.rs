//! Arguments as a person reads them: bounded, and what was cut is said.

use serde_json::Value;

/// Longest text that is shown whole, in characters.
const TEXT_CHARS_MAX: usize = 2_000;
/// Arguments whose shortened JSON is longer than this are not shown, in bytes: nobody reads more before saying yes.
const ARGS_BYTES_MAX: usize = 16 * 1024;

/// The arguments with long texts cut; `null` when they are too much even so.
pub(super) fn readable(args: &Value) -> Value {
    let mut left = ARGS_BYTES_MAX;
    shorten(args, &mut left).unwrap_or(Value::Null)
}

// Depth: a `Value` that was parsed has at most 128 levels (serde_json's limit). `left`: bytes that still fit.
fn shorten(value: &Value, left: &mut usize) -> Option<Value> {
    let shown = match value {
        Value::String(text) => Value::String(cut(text)),
        Value::Array(items) => {
            *left = left.checked_sub(2 + items.len())?;
            return items.iter().map(|item| shorten(item, left)).collect::<Option<_>>().map(Value::Array);
        }
        Value::Object(fields) => {
            let mut short = serde_json::Map::new();
            for (key, field) in fields {
                *left = left.checked_sub(key.len() + 4)?;
                short.insert(key.clone(), shorten(field, left)?);
            }
            return Some(Value::Object(short));
        }
        scalar => scalar.clone(),
    };
    *left = left.checked_sub(shown.to_string().len())?;
    Some(shown)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => {
            let head = text.get(..end).unwrap_or_default();
            format!("{head} [cut here: {} bytes in all]", text.len())
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_arguments_stay_and_long_texts_say_that_they_were_cut() {
        let short = json!({"to": "bob@example.org", "n": [1, null, true]});
        assert_eq!(readable(&short), short);
        let long = readable(&json!({"body": "\u{e9}".repeat(5_000)}));
        let text = long["body"].as_str().unwrap();
        assert!(text.ends_with(" [cut here: 10000 bytes in all]") && text.chars().count() < 2_050, "{text}");
    }

    #[test]
    fn what_is_too_much_to_be_read_is_not_shown() {
        for args in [json!(vec!["x".repeat(1_900); 20]), json!(vec![0; 20_000]), json!({"k".repeat(20_000): 1})] {
            assert_eq!(readable(&args), Value::Null);
        }
    }
}
