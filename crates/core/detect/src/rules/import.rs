//! Agent Threat Rules (YAML) become [`Entry`]s. A rule that fails a test of its own is no rule.

use super::entry::{Condition, Entry, ID_BYTES_MAX, PATTERNS_MAX, Place};
use super::pattern::Pattern;
use super::yaml::Node;
use super::{Rules, translate, yaml};
use crate::{Field, Text};
use holdshort_model::Level;

/// Largest file of one rule, in bytes.
pub const RULE_BYTES_MAX: usize = 512 << 10;
/// Most embedded tests that are run.
const TESTS_MAX: usize = 512;
/// Longest text that a message quotes.
const QUOTED_CHARS_MAX: usize = 60;

/// A rule that was read, and what of it was left out.
#[derive(Debug)]
pub struct Imported {
    /// The rule.
    pub entry: Entry,
    /// Patterns that were left out, each with the reason.
    pub left_out: Vec<String>,
}

/// Why a rule is left out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not YAML, or too much of it.
    #[error("not readable: {0}")]
    Yaml(String),
    /// Not an Agent Threat Rule.
    #[error("no rule: {0}")]
    Shape(String),
    /// A draft, or given up by its author.
    #[error("its author calls it `{0}`")]
    Immature(String),
    /// It says what cannot be looked for in a text.
    #[error("{0}")]
    Unsupported(String),
    /// It does not do what its author says.
    #[error("fails its own test {number}, which {expected}: `{quoted}`{hint}")]
    Test {
        /// Number of the test, from 1: first those that must match.
        number: usize,
        /// `must match` or `must not match`.
        expected: &'static str,
        /// Beginning of the text of the test.
        quoted: String,
        /// What may be the cause.
        hint: String,
    },
}

/// Reads one rule and runs its tests.
///
/// # Errors
/// Why it is left out.
pub fn import(text: &str) -> Result<Imported, ImportError> {
    if text.len() > RULE_BYTES_MAX {
        return Err(ImportError::Yaml(format!("{} bytes, over {RULE_BYTES_MAX}", text.len())));
    }
    let root = yaml::read(text).map_err(ImportError::Yaml)?;
    let stable = maturity(&root)?;
    let (any, left_out) = conditions(&root)?;
    let entry = Entry {
        id: required(&root, "id").and_then(id)?,
        title: required(&root, "title")?.to_owned(),
        severity: severity(required(&root, "severity")?)?,
        counts: stable,
        any,
    };
    test(&root, &entry, &left_out)?;
    Ok(Imported { entry, left_out })
}

fn required<'a>(node: &'a Node, key: &str) -> Result<&'a str, ImportError> {
    node.text_at(key).ok_or_else(|| ImportError::Shape(format!("`{key}` is missing")))
}

fn id(id: &str) -> Result<String, ImportError> {
    let well_formed = id.len() <= ID_BYTES_MAX && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if well_formed { Ok(id.to_owned()) } else { Err(ImportError::Shape("`id` is not an id".into())) }
}

fn severity(text: &str) -> Result<Level, ImportError> {
    match text {
        "critical" => Ok(Level::Critical),
        "high" => Ok(Level::High),
        "medium" => Ok(Level::Medium),
        "low" | "informational" => Ok(Level::Low),
        other => Err(ImportError::Shape(format!("unknown severity `{}`", quoted(other)))),
    }
}

// Whether the rule is stable.
fn maturity(root: &Node) -> Result<bool, ImportError> {
    let (status, maturity) = (required(root, "status")?, required(root, "maturity")?);
    match [status, maturity].into_iter().find(|word| matches!(*word, "draft" | "deprecated")) {
        Some(word) => Err(ImportError::Immature(word.to_owned())),
        None => Ok(maturity == "stable"),
    }
}

fn conditions(root: &Node) -> Result<(Vec<Condition>, Vec<String>), ImportError> {
    let detection = root.at("detection").ok_or_else(|| ImportError::Shape("`detection` is missing".into()))?;
    if !matches!(detection.text_at("condition"), Some("any" | "or")) {
        return Err(ImportError::Unsupported("it does not match when any one of its conditions does".into()));
    }
    let source = root.at("agent_source").and_then(|source| source.text_at("type")).unwrap_or_default();
    let mut any: Vec<Condition> = Vec::new();
    let mut left_out = Vec::new();
    for (n, condition) in detection.at("conditions").map(Node::list).unwrap_or_default().iter().enumerate() {
        match one(condition, source) {
            Ok((places, pattern)) => match any.iter_mut().find(|known| known.places == places) {
                Some(known) => known.matches.push(pattern),
                None => any.push(Condition { places, matches: vec![pattern] }),
            },
            Err(reason) => left_out.push(format!("condition {}: {reason}", n + 1)),
        }
    }
    let patterns: usize = any.iter().map(|condition| condition.matches.len()).sum();
    match patterns {
        0 => Err(ImportError::Unsupported(match left_out.first() {
            Some(reason) => format!("none of its conditions can be used: {reason}"),
            None => "it has no conditions".into(),
        })),
        1..=PATTERNS_MAX => Ok((any, left_out)),
        _ => Err(ImportError::Unsupported(format!("{patterns} patterns, over {PATTERNS_MAX}"))),
    }
}

fn one(condition: &Node, source: &str) -> Result<(Vec<Place>, String), String> {
    let text = |key: &str| condition.text_at(key).ok_or_else(|| format!("`{key}` is missing"));
    let places = places(text("field")?, source)?;
    let value = text("value")?;
    let pattern = match text("operator")? {
        "regex" => translate::from_javascript(value)?,
        "contains" => format!("(?i){}", regex_syntax::escape(value)),
        other => return Err(format!("operator `{}`", quoted(other))),
    };
    let (compiled, _) = Pattern::new(&pattern)?;
    compiled.compile()?;
    Ok((places, pattern))
}

// The rules name the parts of an agent's events. What a model reads comes to it as a result; what it makes goes out as an
// argument.
fn places(field: &str, source: &str) -> Result<Vec<Place>, String> {
    let places: &[Place] = match (field, source) {
        ("content", "tool_call") | ("tool_args" | "tool_input" | "agent_output", _) => &[Place::Argument],
        ("content", "mcp_exchange" | "multi_agent_comm" | "agent_behavior") => &[Place::Argument, Place::Result],
        ("content" | "user_input" | "tool_response" | "agent_message", _) => &[Place::Result],
        (other, _) => return Err(format!("field `{}` is not scanned", quoted(other))),
    };
    Ok(places.to_vec())
}

fn test(root: &Node, entry: &Entry, left_out: &[String]) -> Result<(), ImportError> {
    let rules = Rules::of(vec![entry.clone()]).map_err(|reason| ImportError::Unsupported(reason.to_string()))?;
    let cases = |key: &str| root.at("test_cases").and_then(|cases| cases.at(key)).map(Node::list).unwrap_or_default();
    let (positive, negative) = (cases("true_positives"), cases("true_negatives"));
    if positive.is_empty() {
        return Err(ImportError::Shape("no test says what it must match".into()));
    }
    let expected = positive.iter().map(|case| (case, true)).chain(negative.iter().map(|case| (case, false)));
    for (n, (case, must)) in expected.take(TESTS_MAX).enumerate() {
        let mut texts = Vec::new();
        inputs(case, &mut texts);
        if texts.iter().any(|text| matches(&rules, text)) != must {
            return Err(ImportError::Test {
                number: n + 1,
                expected: if must { "must match" } else { "must not match" },
                quoted: quoted(texts.first().copied().unwrap_or_default()),
                hint: left_out.first().map(|reason| format!(" (left out: {reason})")).unwrap_or_default(),
            });
        }
    }
    Ok(())
}

// All texts of a test but those that explain it.
fn inputs<'a>(case: &'a Node, texts: &mut Vec<&'a str>) {
    match case {
        Node::Text(text) => texts.push(text),
        Node::List(list) => list.iter().for_each(|one| inputs(one, texts)),
        Node::Map(pairs) => {
            let about = ["expected", "description", "reason", "notes", "matched_condition", "detection_field"];
            pairs.iter().filter(|(key, _)| !about.contains(&key.as_str())).for_each(|(_, value)| inputs(value, texts));
        }
    }
}

fn matches(rules: &Rules, text: &str) -> bool {
    let text = Text::new("", text);
    let mut found = Vec::new();
    for field in [Field::Argument, Field::Result] {
        rules.find(&text, field, &mut found);
    }
    !found.is_empty()
}

fn quoted(text: &str) -> String {
    let short: String = text.chars().take(QUOTED_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
