//! Sequences: what a policy wants to know of a session's past, as it declares it under `custom.sequences`.
//!
//! A declaration says which events count and over what time; `history` keeps what is needed for the answer and nothing
//! else, and the answer is [`SequenceFacts`](crate::SequenceFacts). `docs/reference/sequences.md` has the semantics.

mod text;

use crate::{ActionKind, Integrity, Verb};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use text::one_or_many;

/// Longest window in nanoseconds: 30 days. A session that lives longer is an agent's standing business.
pub const SEQUENCE_WINDOW_NS_MAX: i64 = 30 * 86_400 * 1_000_000_000;
/// Most entries of one list of a pattern; each event is compared with all of them.
pub const SEQUENCE_LIST_MAX: usize = 256;

/// One declared sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceSpec {
    /// `<policy>/<name>`, where the policy is the part of its package below `holdshort.rules`. Set while loading.
    #[serde(skip_deserializing, default)]
    pub name: String,
    /// The question.
    pub operator: SequenceOperator,
    /// How far back an event counts; one that is exactly this old still does.
    pub window: SequenceWindow,
    /// The events that count.
    #[serde(rename = "where")]
    pub matching: EventPattern,
    /// What is summed or distinguished. Only, and always, for `sum_within` and `count_distinct_within`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Measure>,
    /// Only events count that agree with the action being decided in this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same: Option<Measure>,
    /// `since`: what ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<EventPattern>,
    /// `since`: what every later action has to be, or it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughout: Option<EventPattern>,
    /// Whether it matters how a permitted action ended.
    #[serde(default)]
    pub outcome: SequenceOutcome,
}

/// The question that a sequence answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SequenceOperator {
    /// Did it happen?
    FormerlyWithin,
    /// Did it happen, and nothing has ended it?
    Since,
    /// How many events?
    CountWithin,
    /// How much, together?
    SumWithin,
    /// How many different ones?
    CountDistinctWithin,
}

impl SequenceOperator {
    /// Whether the answer is `value`; else it is `holds`.
    pub fn counts(self) -> bool {
        matches!(self, Self::CountWithin | Self::SumWithin | Self::CountDistinctWithin)
    }
}

/// Whether it matters how a permitted action ended. Refused actions never count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SequenceOutcome {
    /// Every permitted action counts, from the decision on.
    #[default]
    Any,
    /// From the decision on; one that comes back with an error gives its share back.
    Ok,
    /// Only what came back with a result: for what has to have happened before.
    Done,
}

/// Length of a window in nanoseconds, written `90s`, `10m`, `24h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceWindow(i64);

impl SequenceWindow {
    /// The length in nanoseconds, above 0 and at most [`SEQUENCE_WINDOW_NS_MAX`].
    pub fn ns(self) -> i64 {
        self.0
    }
}

/// What a sequence sums, distinguishes or correlates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The number of things that the matching effects touch.
    Count,
    /// The host of the matching effects.
    Host,
    /// The resource of the matching effects: its path, else its id, else its host, with its kind.
    Resource,
    /// The tool, resource or method that the action names, with its server.
    Tool,
    /// The upstream server.
    Server,
    /// An argument: JSON pointers, the first one that the action has.
    Argument(Vec<String>),
}

/// Which events count. All of the fields that are given have to hold; of a list, one entry.
///
/// `verb`, `kind`, `host`, `path` and `labels` have to hold for one and the same effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventPattern {
    /// Kinds of actions, as in `input.action.kind`.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub action: Vec<ActionKind>,
    /// Names of servers, as globs.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub server: Vec<String>,
    /// Names of tools (or URIs of resources, ...), as globs.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub tool: Vec<String>,
    /// Arguments with their values, by JSON pointer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, Value>,
    /// Verbs of effects.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub verb: Vec<Verb>,
    /// Kinds of resources.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<String>,
    /// Hosts of resources, as globs.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<String>,
    /// Paths of resources, as globs.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// Labels of resources.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Not an action: content with a label was read. Stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelPattern>,
}

/// Which labels count; one of the lists is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelPattern {
    /// Content of this integrity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<Integrity>,
    /// Data of one of these classifications.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub confidentiality: Vec<String>,
    /// Data of one of these categories.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<String>,
}

/// A declaration that says nothing, or cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// No length of time.
    #[error("`{0}` is no window; write a number above 0 and `s`, `m`, `h` or `d`, at most `30d`")]
    Window(String),
    /// Neither a word nor a JSON pointer.
    #[error(
        "`{0}` is no measure; one of `count`, `host`, `resource`, `tool`, `server`, or JSON pointers such as `/amount`"
    )]
    Measure(String),
    /// `of` where there is nothing to sum, or none where there is.
    #[error("{0}")]
    Of(&'static str),
    /// `until` and `throughout` at the wrong operator, or none at `since`.
    #[error("{0}")]
    End(&'static str),
    /// An outcome that the operator cannot have.
    #[error("`outcome: done` would leave calls in flight out of a limit; use `ok`, which gives back what failed")]
    Outcome,
    /// A pattern that cannot be.
    #[error("{0}")]
    Pattern(String),
    /// Two sequences of one name.
    #[error("two sequences are called `{0}`; give one another name")]
    Twice(String),
}

impl SequenceSpec {
    /// Whether the parts of the declaration fit together.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), SequenceError> {
        use SequenceOperator as Op;
        match (self.operator, &self.of) {
            (Op::SumWithin, Some(Measure::Count | Measure::Argument(_))) => {}
            (Op::SumWithin, _) => return Err(SequenceError::Of("`sum_within` needs `of: count`, or `of` an argument")),
            (Op::CountDistinctWithin, Some(Measure::Count) | None) => {
                return Err(SequenceError::Of(
                    "`count_distinct_within` needs `of`: host, resource, tool, server or argument",
                ));
            }
            (Op::CountDistinctWithin, Some(_)) | (_, None) => {}
            (_, Some(_)) => return Err(SequenceError::Of("`of` is for `sum_within` and `count_distinct_within`")),
        }
        if self.same == Some(Measure::Count) {
            return Err(SequenceError::Measure("count".to_owned()));
        }
        match (self.operator, &self.until, &self.throughout) {
            (Op::Since, Some(_), None) | (Op::Since, None, Some(_)) => {}
            (Op::Since, _, _) => {
                return Err(SequenceError::End(
                    "`since` needs either `until` or `throughout`; without, it is `formerly_within`",
                ));
            }
            (_, None, None) => {}
            _ => return Err(SequenceError::End("`until` and `throughout` are for `since`")),
        }
        if self.throughout.as_ref().is_some_and(|pattern| pattern.label.is_some()) {
            return Err(SequenceError::End(
                "`throughout` is about actions; a label can only be what begins or ends it",
            ));
        }
        if self.operator.counts() && self.outcome == SequenceOutcome::Done {
            return Err(SequenceError::Outcome);
        }
        if self.matching.label.is_some() && (self.of.is_some() || self.same.is_some()) {
            return Err(SequenceError::Pattern(
                "an event of a label has no host, resource or argument to look at".into(),
            ));
        }
        [Some(&self.matching), self.until.as_ref(), self.throughout.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(EventPattern::check)
    }
}

impl EventPattern {
    fn check(&self) -> Result<(), SequenceError> {
        let wrong = |message: &str| Err(SequenceError::Pattern(message.to_owned()));
        let of_action = Self { label: None, ..self.clone() };
        if let Some(label) = &self.label {
            if of_action != Self::default() {
                return wrong("`label` is no action; it stands alone in a pattern");
            }
            if *label == LabelPattern::default() {
                return wrong("`label` names no integrity, confidentiality or category");
            }
            if label.integrity == Some(Integrity::Trusted) {
                return wrong("`integrity` never rises to `trusted`; write `untrusted`");
            }
        }
        let label = self.label.clone().unwrap_or_default();
        let texts = [&self.server, &self.tool, &self.kind, &self.host, &self.path, &self.labels];
        for list in texts.into_iter().chain([&label.confidentiality, &label.category]) {
            if list.len() > SEQUENCE_LIST_MAX {
                return Err(SequenceError::Pattern(format!(
                    "a list of a pattern has at most {SEQUENCE_LIST_MAX} entries"
                )));
            }
            if list.iter().any(String::is_empty) {
                return wrong("a pattern has an empty text, which matches nothing; write `*` for all");
            }
        }
        if self.arguments.len() > SEQUENCE_LIST_MAX {
            return Err(SequenceError::Pattern(format!("a pattern has at most {SEQUENCE_LIST_MAX} arguments")));
        }
        for (pointer, value) in &self.arguments {
            if !pointer.starts_with('/') {
                return Err(SequenceError::Pattern(format!(
                    "`{pointer}` is no JSON pointer; write `/` before the name"
                )));
            }
            if value.is_object() || value.is_array() {
                return Err(SequenceError::Pattern(format!(
                    "the argument `{pointer}` is compared with a text, number or boolean"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(mut value: Value) -> Result<SequenceSpec, String> {
        let fields = value.as_object_mut().unwrap();
        fields.entry("window").or_insert(json!("10m"));
        fields.entry("where").or_insert(json!({"verb": "delete"}));
        let spec: SequenceSpec = serde_json::from_value(value).map_err(|error| error.to_string())?;
        spec.check().map(|()| spec).map_err(|error| error.to_string())
    }

    #[test]
    fn declarations_round_trip() {
        for value in [
            json!({"operator": "count_within", "outcome": "ok"}),
            json!({"operator": "sum_within", "of": "count", "same": "host"}),
            json!({"operator": "sum_within", "of": ["/amount", "/total"]}),
            json!({"operator": "count_distinct_within", "of": "resource", "where": {"kind": ["mail", "file"]}}),
            json!({"operator": "since", "until": {"tool": "logout"}, "outcome": "done"}),
            json!({"operator": "formerly_within", "where": {"label": {"integrity": "untrusted"}}}),
        ] {
            let read = spec(value).unwrap();
            let mut again = serde_json::to_value(&read).unwrap();
            again.as_object_mut().unwrap().remove("name");
            assert_eq!(serde_json::from_value::<SequenceSpec>(again).unwrap(), read);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (value, word) in [
            (json!({"operator": "count"}), "unknown variant"),
            (json!({"operator": "count_within", "windw": "1h"}), "windw"),
            (json!({"operator": "count_within", "where": {"vreb": "read"}}), "vreb"),
            (json!({"operator": "count_within", "where": {"verb": "remove"}}), "remove"),
            (json!({"operator": "count_within", "where": {"verb": []}}), "empty list"),
            (json!({"operator": "count_within", "where": {"tool": ""}}), "empty text"),
            (json!({"operator": "count_within", "where": {"arguments": {"a": 1}}}), "JSON pointer"),
            (json!({"operator": "count_within", "where": {"arguments": {"/a": [1]}}}), "compared"),
            (json!({"operator": "count_within", "of": "host"}), "`of` is for"),
            (json!({"operator": "count_within", "same": "count"}), "no measure"),
            (json!({"operator": "count_within", "outcome": "done"}), "in flight"),
            (json!({"operator": "count_within", "until": {}}), "are for `since`"),
            (json!({"operator": "sum_within"}), "needs `of"),
            (json!({"operator": "sum_within", "of": "host"}), "needs `of"),
            (json!({"operator": "sum_within", "of": "amount"}), "no measure"),
            (json!({"operator": "count_distinct_within", "of": "count"}), "needs `of"),
            (json!({"operator": "since"}), "formerly_within"),
            (json!({"operator": "since", "until": {}, "throughout": {}}), "either"),
            (json!({"operator": "formerly_within", "where": {"label": {}}}), "names no"),
            (json!({"operator": "formerly_within", "where": {"label": {"integrity": "trusted"}}}), "never rises"),
            (json!({"operator": "formerly_within", "where": {"label": {"category": "x"}, "verb": "read"}}), "alone"),
            (json!({"operator": "formerly_within", "same": "host", "where": {"label": {"category": "x"}}}), "label"),
        ] {
            let error = spec(value.clone()).unwrap_err();
            assert!(error.contains(word), "{value}: {error}");
        }
    }

    #[test]
    fn windows() {
        for (text, ns) in
            [("1s", 1_000_000_000), ("90s", 90_000_000_000), ("10m", 600_000_000_000), ("30d", SEQUENCE_WINDOW_NS_MAX)]
        {
            let window: SequenceWindow = text.parse().unwrap();
            assert_eq!((window.ns(), window.to_string()), (ns, text.to_owned()));
        }
        for text in
            ["", "m", "0s", "-1m", "+1m", "1.5h", "10", "31d", "10 m", "99999999999999999999d", "9223372036854775807d"]
        {
            assert!(text.parse::<SequenceWindow>().is_err(), "{text}");
        }
    }
}
