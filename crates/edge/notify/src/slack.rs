//! The payload that Slack's incoming webhooks, and what is compatible with them, understand: `text` and `blocks`.
//!
//! Every text object is `plain_text`, so that nothing in it is markup; `&`, `<` and `>` are escaped, so that nothing is
//! a mention or a link. <https://docs.slack.dev/reference/block-kit/>

use crate::text::{commands, headline, lines};
use holdshort_model::{Notice, one_line};
use serde_json::{Value, json};

/// Slack's limits, in characters: of a header, and of a section. Escaping may make one character five.
const HEADER_CHARS_MAX: usize = 150;
const SECTION_CHARS_MAX: usize = 3_000;

/// The payload.
pub(crate) fn payload(notice: &Notice) -> Value {
    let line = |(what, value): (String, String)| format!("{what}: {value}");
    let facts: Vec<String> = lines(notice).into_iter().map(line).collect();
    let mut blocks =
        vec![json!({ "type": "header", "text": plain_text(&one_line(&headline(notice), 140), HEADER_CHARS_MAX) })];
    for lines in [facts, commands(notice)].into_iter().filter(|lines| !lines.is_empty()) {
        blocks.extend(sections(&lines));
    }
    json!({ "text": escape(&headline(notice)), "blocks": blocks })
}

// As many lines as fit into a section.
fn sections(lines: &[String]) -> Vec<Value> {
    let mut texts = vec![String::new()];
    for line in lines {
        let line = cut(&escape(line), SECTION_CHARS_MAX - 1);
        match texts.last_mut() {
            Some(text) if text.chars().count() + line.chars().count() < SECTION_CHARS_MAX => {
                text.push_str(&line);
                text.push('\n');
            }
            _ => texts.push(format!("{line}\n")),
        }
    }
    let section = |text: String| {
        let text = json!({ "type": "plain_text", "text": text.trim_end(), "emoji": false });
        json!({ "type": "section", "text": text })
    };
    texts.into_iter().filter(|text| !text.is_empty()).map(section).collect()
}

fn plain_text(text: &str, chars_max: usize) -> Value {
    json!({ "type": "plain_text", "text": cut(&escape(text), chars_max), "emoji": false })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

// Never in the middle of an escape: half of one would be shown as it is.
fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(chars_max).collect();
    if let Some(at) = kept.rfind('&')
        && !kept.get(at..).unwrap_or_default().contains(';')
    {
        kept.truncate(at);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_never_cut_in_two() {
        assert_eq!(cut("ab&lt;cd", 5), "ab");
        assert_eq!(cut("ab&lt;cd", 6), "ab&lt;");
        assert_eq!(cut("a&b", 3), "a&b");
    }

    #[test]
    fn long_facts_become_several_sections() {
        let long: Vec<String> = (0..10).map(|n| format!("{n}{}", "<".repeat(400))).collect();
        let sections = sections(&long);
        assert!(sections.len() > 5);
        for section in &sections {
            assert!(section["text"]["text"].as_str().unwrap().chars().count() <= SECTION_CHARS_MAX);
        }
    }
}
