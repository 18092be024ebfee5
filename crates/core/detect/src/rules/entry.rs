//! The compact form of rules: a file with one JSON object a line.

use super::pattern::PATTERN_BYTES_MAX;
use holdshort_model::Level;
use serde::{Deserialize, Serialize};

/// Largest file of rules, in bytes.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// Most rules in all files together.
pub const RULES_MAX: usize = 4_000;
/// Most patterns of one rule.
pub(super) const PATTERNS_MAX: usize = 64;
/// Longest id.
pub(super) const ID_BYTES_MAX: usize = 64;

/// A threat rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its id, such as `ATR-2026-00030`: letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// As its author says.
    pub severity: Level,
    /// Whether it counts; else it is only observed.
    pub counts: bool,
    /// It matches when one of these does.
    pub any: Vec<Condition>,
}

/// Patterns, and where they are looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Where.
    #[serde(rename = "in")]
    pub places: Vec<Place>,
    /// What, in the syntax of the crate `regex`.
    pub matches: Vec<String>,
}

/// Where a pattern is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Arguments of an action.
    Argument,
    /// Parts of a result.
    Result,
}

/// Why a file of rules cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A line is not a rule.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// Name of the file.
        file: String,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Too much.
    #[error("{file}: {found} {what}, over {max}")]
    TooMuch {
        /// Name of the file.
        file: String,
        /// Of what.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much there may be.
        max: usize,
    },
}

/// Reads a file of rules, each with the number of its line. Empty lines and lines that begin with `#` are skipped.
///
/// # Errors
/// Every line that is no rule.
pub fn read(file: &str, text: &str) -> Result<Vec<(usize, Entry)>, Vec<RuleError>> {
    if text.len() > FILE_BYTES_MAX {
        let (found, max) = (text.len(), FILE_BYTES_MAX);
        return Err(vec![RuleError::TooMuch { file: file.to_owned(), what: "bytes", found, max }]);
    }
    let mut entries = Vec::new();
    let mut faults = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
        let entry = serde_json::from_str(line).map_err(|error| error.to_string());
        match entry.and_then(|entry: Entry| check(&entry).map(|()| entry)) {
            Ok(entry) => entries.push((at + 1, entry)),
            Err(reason) => faults.push(RuleError::Line { file: file.to_owned(), line: at + 1, reason }),
        }
    }
    if entries.len() > RULES_MAX {
        let (found, max) = (entries.len(), RULES_MAX);
        faults.push(RuleError::TooMuch { file: file.to_owned(), what: "rules", found, max });
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

fn check(entry: &Entry) -> Result<(), String> {
    let patterns: usize = entry.any.iter().map(|condition| condition.matches.len()).sum();
    let well_formed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if entry.id.is_empty() || entry.id.len() > ID_BYTES_MAX || !entry.id.chars().all(well_formed) {
        return Err(format!("`id`: letters, digits, `-`, `_` and `.`, at most {ID_BYTES_MAX}"));
    }
    if patterns == 0 || patterns > PATTERNS_MAX {
        return Err(format!("{patterns} patterns: expected 1 to {PATTERNS_MAX}"));
    }
    if entry.any.iter().any(|condition| condition.places.is_empty() || condition.matches.is_empty()) {
        return Err("a condition without `in` or `matches`".into());
    }
    match entry.any.iter().flat_map(|condition| &condition.matches).find(|text| text.len() > PATTERN_BYTES_MAX) {
        Some(pattern) => Err(format!("a pattern of {} bytes, over {PATTERN_BYTES_MAX}", pattern.len())),
        None => Ok(()),
    }
}
