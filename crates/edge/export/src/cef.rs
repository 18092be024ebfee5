//! Common Event Format, version 0: one line for each record.
//!
//! A header of eight parts and an extension of `key=value` pairs. In the header `\` and `|` are escaped, in a value `\`
//! and `=`; a line break is `\n` in a value and a blank in the header. Control characters and what is invisible never
//! get so far. The escape of a value is its own inverse, so nothing that an agent chose can end a value, begin another
//! key, or begin another line.

use crate::event::Event;
use crate::summary::{Summary, Value};
use holdshort_model::{Level, one_line};
use std::fmt::Write as _;

/// Longest value, in characters: most of the dictionary allows 1,023.
const VALUE_CHARS_MAX: usize = 1_023;
/// Longest title, in characters: with its escapes it stays below the 512 that the format allows.
const TITLE_CHARS_MAX: usize = 128;

/// What stands under which key; with a label, where the key has none of its own. The rest of a record is in the log.
const KEYS: [(&str, &str, &str); 20] = [
    ("decision", "externalId", ""),
    ("enforced", "act", ""),
    ("status", "outcome", ""),
    ("agent", "sproc", ""),
    ("user", "suser", ""),
    ("by", "duser", ""),
    ("server", "destinationServiceName", ""),
    ("destinations", "dhost", ""),
    ("kind", "deviceEventCategory", ""),
    ("reason", "reason", ""),
    ("bytes", "in", ""),
    ("session", "cs1", "session"),
    ("action", "cs2", "action"),
    ("policies", "cs3", "policies"),
    ("containment", "cs4", "containment"),
    ("score", "cn1", "risk"),
    ("duration_us", "cn3", "durationUs"),
    ("incident", "flexString1", "incident"),
    ("approval", "flexString2", "approval"),
    ("request_id", "fileId", ""),
];

/// The severity of syslog (RFC 5424, table 2).
#[must_use]
pub(crate) const fn syslog_severity(level: Level) -> u8 {
    match level {
        Level::Low => 6,
        Level::Medium => 4,
        Level::High => 3,
        Level::Critical => 2,
    }
}

/// The line, at most `bytes_max` long: what does not fit is left out, a whole value at a time. The proof reference comes
/// first and always fits.
#[must_use]
pub(crate) fn line(event: &Event, bytes_max: usize) -> String {
    let summary = Summary::of(event);
    let title = header(&one_line(&summary.message, TITLE_CHARS_MAX));
    let severity = severity(event, &summary);
    let mut line =
        format!("CEF:0|Holdshort|Holdshort|{}|{}|{title}|{severity}|", env!("CARGO_PKG_VERSION"), summary.what);
    let mut values = vec![
        ("cn2", "index", event.index.to_string()),
        ("cs5", "log", event.log.to_string()),
        ("cs6", "leaf", event.leaf_hex()),
        ("rt", "", event.time_ms().to_string()),
        ("cat", "", event.kind().to_owned()),
    ];
    for (name, key, label) in KEYS {
        if let Some(text) = summary.get(name) {
            // A host is one host.
            let text = if key == "dhost" { text.split(", ").next().unwrap_or_default().to_owned() } else { text };
            values.push((key, label, text));
        }
    }
    values.push(("msg", "", summary.message));
    let mut room = bytes_max.saturating_sub(line.len());
    let mut blank = "";
    for (key, label, value) in values {
        let mut pair = format!("{blank}{key}={}", escaped(&one_line(&value, VALUE_CHARS_MAX)));
        if !label.is_empty() {
            let _ = write!(pair, " {key}Label={label}");
        }
        if pair.len() <= room {
            room -= pair.len();
            line.push_str(&pair);
            blank = " ";
        }
    }
    line
}

/// 0 to 10: a tenth of the risk score, rounded up; else by level.
fn severity(event: &Event, summary: &Summary) -> u64 {
    let score = summary.fields.iter().find(|(name, _)| *name == "score");
    match (score, event.level()) {
        (Some((_, Value::Number(score))), _) => score.div_ceil(10).min(10),
        (_, Level::Low) => 1,
        (_, Level::Medium) => 4,
        (_, Level::High) => 7,
        (_, Level::Critical) => 10,
    }
}

fn header(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn escaped(text: &str) -> String {
    let mut to = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => to.push_str("\\\\"),
            '=' => to.push_str("\\="),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            c => to.push(c),
        }
    }
    to
}
