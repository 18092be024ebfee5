//! A question as a person reads it.
//!
//! INVARIANT: names, arguments and destinations are what an agent or a server wrote. Everything goes through [`shown`], so
//! that none of it moves the cursor, hides, or turns the direction of reading.

use crate::failure::Failure;
use crate::{out, render};
use holdshort_model::{
    ActionEffect, Answer, Approval, ApprovalState, Effect, Level, Mode, Origin, Provenance, Reason, RiskPart,
};
use serde_json::Value;
use std::fmt::Write as _;

/// Longest arguments in a table, in characters.
const BRIEF_CHARS_MAX: usize = 60;

/// The text with everything that a terminal would not show as itself written out.
pub(super) fn shown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if hides(c) => {
                // Writing to a string does not fail.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

// Controls, line and paragraph separators, marks of direction, zero-width characters, tags, variation selectors.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

pub(super) fn state(state: ApprovalState) -> &'static str {
    match state {
        ApprovalState::Pending => "pending",
        ApprovalState::Approved => "approved",
        ApprovalState::Refused => "refused",
        ApprovalState::Expired => "expired",
        ApprovalState::Used => "used",
    }
}

pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Critical => "critical",
    }
}

/// What it is that is asked for.
pub(super) fn action(approval: &Approval) -> String {
    let name = &approval.name;
    approval.server.as_ref().map_or_else(|| name.clone(), |server| format!("{server}/{name}"))
}

/// Arguments on one line, cut.
pub(super) fn brief(args: &Value) -> String {
    if args.is_null() {
        return "-".into();
    }
    let text = args.to_string();
    match text.char_indices().nth(BRIEF_CHARS_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// One line for `watch`.
pub(super) fn line(approval: &Approval) -> String {
    let why = approval.reasons.first().map(|reason| reason.message.as_str()).unwrap_or_default();
    let text = format!(
        "{} {} {} {} {} ({} {}): {why}",
        render::time(approval.asked_ms),
        approval.id,
        approval.agent,
        action(approval),
        brief(&approval.args),
        level(approval.risk.level),
        approval.risk.score
    );
    shown(&text)
}

/// What it would do: a line for each kind of effect, with everything that it names.
fn does(effects: &[ActionEffect]) -> Vec<String> {
    joined(effects.iter().map(|effect| {
        let resource = &effect.resource;
        let what = resource.path.as_ref().or(resource.id.as_ref()).or(resource.host.as_ref());
        let undo = match effect.reversible {
            Some(true) => " that can be undone",
            Some(false) => " that cannot be undone",
            None => "",
        };
        (format!("{} {}{undo}", effect.verb.as_str(), resource.kind), what.cloned().unwrap_or_default())
    }))
}

/// A line for each different first part, with all of its second parts, in the order in which they come.
fn joined(pairs: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for (first, second) in pairs {
        match lines.iter_mut().find(|(known, _)| *known == first) {
            Some((_, all)) => all.push(second),
            None => lines.push((first, vec![second])),
        }
    }
    let told = |(first, all): (String, Vec<String>)| match all.join(", ") {
        none if none.is_empty() => first,
        all => format!("{first}: {all}"),
    };
    lines.into_iter().map(told).collect()
}

/// Why a person is asked, and what was noted besides. Of reasons that differ in a place in a list only, the first.
fn why(reasons: &[Reason]) -> Vec<(&'static str, String)> {
    let mut rows: Vec<(String, &'static str, String, usize)> = Vec::new();
    for Reason { policy, message, effect, mode } in reasons {
        // What is only observed, or told, is not why somebody is asked.
        let name = if *mode == Mode::Enforce && *effect != Effect::Allow { "why" } else { "note" };
        let places: Vec<&str> =
            message.split('/').map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect();
        let key = format!("{name} {policy} {}", places.join("/"));
        match rows.iter_mut().find(|(known, ..)| *known == key) {
            Some((.., more)) => *more += 1,
            None => rows.push((key, name, format!("{message} ({policy})"), 0)),
        }
    }
    let told = |(_, name, text, more)| (name, if more > 0 { format!("{text}, and {more} more like it") } else { text });
    rows.into_iter().map(told).collect()
}

/// All of a question.
pub(super) fn print(approval: &Approval) -> Result<(), Failure> {
    for (name, text) in rows(approval) {
        out::line(format_args!("{name:<11}{}", shown(&text)))?;
    }
    if approval.state == ApprovalState::Pending {
        out::line("")?;
        out::line(format_args!("holdshort approvals approve {} --reason WHY", approval.id))?;
        out::line(format_args!("holdshort approvals refuse {} --reason WHY", approval.id))?;
    }
    Ok(())
}

fn rows(approval: &Approval) -> Vec<(&'static str, String)> {
    let Approval { agent, session, user, risk, .. } = approval;
    let for_user = user.as_ref().map(|user| format!(" for {user}")).unwrap_or_default();
    let times = if approval.asked > 1 { format!(", {} times", approval.asked) } else { String::new() };
    let mut rows = vec![
        ("approval", approval.id.to_string()),
        ("state", standing(approval)),
        ("asked", format!("{}{times}", render::time(approval.asked_ms))),
        ("agent", format!("{agent}{for_user} in {session}")),
        ("action", format!("{} {}", approval.kind, action(approval))),
    ];
    rows.extend(does(&approval.effects).into_iter().map(|text| ("does", text)));
    rows.extend(joined(approval.destinations.iter().cloned()).into_iter().map(|text| ("goes to", text)));
    rows.push(("risk", format!("{} {}", level(risk.level), risk.score)));
    rows.extend(
        risk.parts.iter().map(|RiskPart { signal, points, why, .. }| ("", format!("+{points} {signal}: {why}"))),
    );
    rows.extend(why(&approval.reasons));
    rows.extend(
        match (approval.state, &approval.args) {
            (ApprovalState::Pending, _) | (_, Value::Object(_)) => arguments(&approval.args),
            _ => vec!["not kept when a question is over; the record of its decision has them".into()],
        }
        .into_iter()
        .map(|text| ("arguments", text)),
    );
    let from = approval.provenance.iter().map(|(at, from)| (origin(from), at.clone()));
    rows.extend(joined(from).into_iter().map(|text| ("from", text)));
    if approval.people_needed > 1 {
        rows.push(("needs", format!("{} people", approval.people_needed)));
    }
    rows.extend(approval.answers.iter().map(|Answer { by, approved, reason, at_ms }| {
        let word = if *approved { "approved" } else { "refused" };
        ("answer", format!("{word} by {by} at {}: {reason}", render::time(*at_ms)))
    }));
    rows
}

// What is over has no end that anybody waits for.
fn standing(approval: &Approval) -> String {
    let word = state(approval.state);
    match approval.state {
        ApprovalState::Pending | ApprovalState::Approved => {
            format!("{word} until {}", render::time(approval.expires_ms))
        }
        ApprovalState::Refused | ApprovalState::Expired | ApprovalState::Used => word.to_owned(),
    }
}

// One line for each value, with the place where it stands.
fn arguments(args: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    leaves(args, &mut String::new(), &mut lines);
    lines
}

fn leaves(value: &Value, at: &mut String, lines: &mut Vec<String>) {
    let end = at.len();
    match value {
        Value::Null if at.is_empty() => {
            lines.push("not shown: they are too long to be read; do not approve what you cannot see".into())
        }
        Value::Object(fields) if !fields.is_empty() => {
            for (key, field) in fields {
                let _ = write!(at, "/{}", key.replace('~', "~0").replace('/', "~1"));
                leaves(field, at, lines);
                at.truncate(end);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (number, item) in items.iter().enumerate() {
                let _ = write!(at, "/{number}");
                leaves(item, at, lines);
                at.truncate(end);
            }
        }
        leaf => lines.push(format!("{at} = {leaf}")),
    }
}

fn origin(from: &Provenance) -> String {
    let words = match from.origin {
        Origin::Request => "the person's request, or what is trusted",
        Origin::Field => "a field that a tool wrote",
        Origin::Named => "text of a source that the person named",
        Origin::Prose => "text of a source that nobody named",
        Origin::Instruction => "text that reads like an instruction",
        Origin::Nowhere => "nowhere that was seen",
        Origin::Unknown => "nobody knows any more",
    };
    let sources: Vec<String> = from.sources.iter().map(|source| source.id.clone()).collect();
    let sources = if sources.is_empty() { String::new() } else { format!(" ({})", sources.join(", ")) };
    let known = if from.known { "; known" } else { "" };
    format!("{words}{sources}{known}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_steers_the_terminal() {
        let text = "a\u{1b}[2J\u{7}\r\n\u{9b}31m\u{202e}cod.exe\u{200b}\u{e0041}\u{2066}b\u{7f}";
        let safe = shown(text);
        assert!(!safe.chars().any(hides), "{safe}");
        assert_eq!(safe, "a\\u{1b}[2J\\u{7}\\u{d}\\u{a}\\u{9b}31m\\u{202e}cod.exe\\u{200b}\\u{e0041}\\u{2066}b\\u{7f}");
        assert_eq!(shown("Gr\u{fc}\u{df}e \u{1f980} \u{4f60}"), "Gr\u{fc}\u{df}e \u{1f980} \u{4f60}");
    }

    #[test]
    fn every_value_stands_on_a_line_with_its_place() {
        let args = json!({"to": ["a", "b"], "x/y": {"n": 1}, "empty": []});
        assert_eq!(arguments(&args), ["/empty = []", "/to/0 = \"a\"", "/to/1 = \"b\"", "/x~1y/n = 1"]);
        assert_eq!(arguments(&Value::Null).len(), 1);
        assert_eq!(brief(&json!("x".repeat(100))).chars().count(), BRIEF_CHARS_MAX + 3);
    }
}
