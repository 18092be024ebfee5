//! What comes back from tools, as the organisation declares it: how far it is trusted, and what it contains.

use crate::{CatalogEntry, Glob};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

mod seek;
use seek::{Found, Segment, seek};

/// Largest part of an output that is looked into, in bytes. A larger one counts as if it contained everything.
pub const OUTPUT_PART_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most segments of an output pointer.
const SEGMENTS_MAX: usize = 32;

/// What a tool's output contains: one entry of `output` in a `[[catalog]]` table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputRule {
    /// JSON pointer into the structured output, `*` for any key or index: `/patients/*/ssn`. The labels count when something
    /// stands there, and when the output cannot be read as JSON. Default: they count for every output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Labels that the data has: levels and categories of `[classification]`.
    pub labels: Vec<String>,
}

/// Whether outsiders could write what comes back. Ordered by strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Only the organisation writes it.
    Trusted,
    /// Somebody else could have written some of it.
    Untrusted,
}

/// Why an output rule cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// It labels nothing.
    #[error("an output rule has no labels; remove it")]
    NoLabels,
    /// Not a JSON pointer.
    #[error("`{0}` is not a JSON pointer; write `/` before each name, and no pointer for the whole output")]
    NotAPointer(String),
    /// Deeper than anything that we look into.
    #[error("`{0}` has more than 32 steps; point to something that holds it")]
    TooDeep(String),
}

impl OutputRule {
    pub(crate) fn check(&self) -> Result<(), OutputError> {
        if self.labels.is_empty() {
            return Err(OutputError::NoLabels);
        }
        match &self.pointer {
            Some(pointer) if !pointer.starts_with('/') => Err(OutputError::NotAPointer(pointer.clone())),
            Some(pointer) if pointer.matches('/').count() > SEGMENTS_MAX => Err(OutputError::TooDeep(pointer.clone())),
            _ => Ok(()),
        }
    }
}

/// All that is declared of outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    entries: Vec<Entry>,
    trusted_servers: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    server: Glob,
    tool: Glob,
    trust: Option<Trust>,
    rules: Vec<(Option<Vec<Segment>>, Vec<String>)>,
    fields: Vec<String>,
    needs: Vec<String>,
    named: String,
}

impl Outputs {
    /// Compiles what [`crate::Catalog::new`] found to be good. `trusted_servers`: the servers whose outputs the
    /// configuration trusts.
    pub fn new(entries: &[CatalogEntry], trusted_servers: impl IntoIterator<Item = String>) -> Self {
        let declared = entries.iter().filter(|entry| entry.says_of_output() || !entry.needs.is_empty());
        let compiled = declared.map(|entry| Entry {
            server: Glob::new(&entry.server),
            tool: Glob::new(&entry.tool),
            trust: entry.trust,
            rules: entry
                .output
                .iter()
                .map(|rule| (rule.pointer.as_deref().map(Segment::of_pointer), rule.labels.clone()))
                .collect(),
            fields: entry.fields.clone(),
            needs: entry.needs.clone(),
            named: entry.tool.clone(),
        });
        Self { entries: compiled.collect(), trusted_servers: trusted_servers.into_iter().collect() }
    }

    /// What is said of the output of a tool, or of a server's resources and prompts. The catalog comes before the
    /// server's setting; of two entries that say different things, the strict one counts. `None`: nobody said anything,
    /// and what comes back as content is not trusted.
    pub fn trust(&self, server: Option<&str>, tool: Option<&str>) -> Option<Trust> {
        let mut said: Option<Trust> = None;
        for trust in self.entries_for(server, tool).filter_map(|entry| entry.trust) {
            said = said.max(Some(trust));
        }
        said.or_else(|| server.filter(|server| self.trusted_servers.contains(*server)).map(|_| Trust::Trusted))
    }

    /// Whether it is declared that only the organisation writes it.
    pub fn trusted(&self, server: Option<&str>, tool: Option<&str>) -> bool {
        self.trust(server, tool) == Some(Trust::Trusted)
    }

    /// The fields of a tool's output that may say where something goes; `None`: nothing is declared.
    pub fn fields(&self, server: Option<&str>, tool: Option<&str>) -> Option<Vec<String>> {
        let declared = self.entries_for(server, tool).filter(|entry| !entry.fields.is_empty());
        declared.map(|entry| entry.fields.clone()).reduce(|all, next| {
            // Of two declarations the strict one counts.
            all.into_iter().filter(|field| next.contains(field)).collect()
        })
    }

    /// The tools that need this one first, as the catalog names them.
    pub fn needed_by(&self, server: Option<&str>, tool: &str) -> impl Iterator<Item = &str> {
        let needing = self.entries.iter().filter(move |entry| {
            entry.server.matches(server.unwrap_or_default()) && entry.needs.iter().any(|need| need == tool)
        });
        needing.map(|entry| entry.named.as_str())
    }

    /// Every label that an output of the tool can have by declaration.
    pub fn possible<'a>(&'a self, server: Option<&'a str>, tool: Option<&'a str>) -> BTreeSet<&'a str> {
        let entries = self.entries_for(server, tool);
        entries.flat_map(|entry| &entry.rules).flat_map(|(_, labels)| labels).map(String::as_str).collect()
    }

    /// The labels of an output. `parts`: text blocks, structured content as JSON text. `whole`: nothing was left out.
    pub fn labels<'a>(
        &'a self,
        server: Option<&'a str>,
        tool: Option<&'a str>,
        parts: &[&str],
        whole: bool,
    ) -> BTreeSet<&'a str> {
        let mut labels = BTreeSet::new();
        let empty = parts.iter().all(|part| part.is_empty());
        if whole && empty {
            return labels;
        }
        let mut pointed: Vec<(&[Segment], &[String])> = Vec::new();
        for (pointer, names) in self.entries_for(server, tool).flat_map(|entry| &entry.rules) {
            match pointer {
                Some(pointer) if whole => pointed.push((pointer, names)),
                _ => labels.extend(names.iter().map(String::as_str)),
            }
        }
        if pointed.is_empty() {
            return labels;
        }
        let pointers: Vec<&[Segment]> = pointed.iter().map(|(pointer, _)| *pointer).collect();
        let mut hits = vec![false; pointers.len()];
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let found =
                if part.len() > OUTPUT_PART_BYTES_MAX { Found::Unreadable } else { seek(part, &pointers, &mut hits) };
            if found == Found::Unreadable {
                hits.fill(true);
                break;
            }
        }
        for ((_, names), _) in pointed.iter().zip(hits).filter(|(_, hit)| *hit) {
            labels.extend(names.iter().map(String::as_str));
        }
        labels
    }

    fn entries_for<'a>(&'a self, server: Option<&'a str>, tool: Option<&'a str>) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| match (server, tool) {
            (Some(server), Some(tool)) => entry.server.matches(server) && entry.tool.matches(tool),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs() -> Outputs {
        let text = r#"[
            {"server": "clinic", "tool": "get_*", "output": [
                {"pointer": "/patients/*/ssn", "labels": ["restricted", "personal"]},
                {"pointer": "/patients/*/name", "labels": ["personal"]},
                {"labels": ["internal"]}]},
            {"server": "clinic", "tool": "get_hours", "trust": "trusted"},
            {"server": "*", "tool": "web_*", "trust": "untrusted"},
            {"server": "wiki", "tool": "web_cache", "trust": "trusted"}
        ]"#;
        let entries: Vec<CatalogEntry> = serde_json::from_str(text).unwrap();
        crate::Catalog::new(&entries, &[]).unwrap();
        Outputs::new(&entries, ["wiki".to_owned()])
    }

    #[test]
    fn trust_is_declared_and_the_strict_word_counts() {
        let outputs = outputs();
        for (server, tool, expected) in [
            (Some("clinic"), Some("get_hours"), Some(Trust::Trusted)),
            (Some("clinic"), Some("get_patients"), None),
            (Some("wiki"), Some("read"), Some(Trust::Trusted)),
            (Some("wiki"), Some("web_fetch"), Some(Trust::Untrusted)),
            (Some("wiki"), Some("web_cache"), Some(Trust::Untrusted)),
            (Some("wiki"), None, Some(Trust::Trusted)),
            (Some("other"), Some("read"), None),
            (None, None, None),
        ] {
            assert_eq!(outputs.trust(server, tool), expected, "{server:?} {tool:?}");
        }
    }

    #[test]
    fn labels_come_with_what_stands_in_the_output() {
        let outputs = outputs();
        let check = |parts: &[&str], whole: bool, expected: &[&str]| {
            let labels = outputs.labels(Some("clinic"), Some("get_patients"), parts, whole);
            assert_eq!(labels.into_iter().collect::<Vec<_>>(), expected, "{parts:?} {whole}");
        };
        let all = ["internal", "personal", "restricted"];
        check(&[r#"{"patients":[{"name":"Ada","ssn":"1"}]}"#], true, &all);
        check(&[r#"{"patients":[{"name":"Ada","ssn":null},{"name":"Bo","ssn":""}]}"#], true, &["internal", "personal"]);
        check(&[r#"{"patients":[]}"#, r#"{"total":0}"#], true, &["internal"]);
        // What cannot be read can be anything.
        check(&["Ada has the number 1"], true, &all);
        check(&[r#"{"patients":[]}"#, "Ada has the number 1"], true, &all);
        check(&[r#""Ada has the number 1""#], true, &all);
        check(&[r#"{"patients":[]} {"patients":[{"ssn":"1"}]}"#], true, &all);
        check(&[r#"{"patients":[]}"#], false, &all);
        check(&[], false, &all);
        check(&[""], true, &[]);
        assert!(outputs.labels(Some("other"), Some("get_patients"), &["{}"], true).is_empty());
        assert_eq!(outputs.possible(Some("clinic"), Some("get_x")).len(), 3);
    }

    #[test]
    fn a_rule_that_cannot_be_is_refused() {
        let rule = |pointer: Option<&str>, labels: &[&str]| OutputRule {
            pointer: pointer.map(str::to_owned),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        };
        assert_eq!(rule(Some("/a/*"), &["internal"]).check(), Ok(()));
        assert_eq!(rule(None, &[]).check(), Err(OutputError::NoLabels));
        assert!(matches!(rule(Some("a"), &["x"]).check(), Err(OutputError::NotAPointer(_))));
        assert!(matches!(rule(Some(&"/a".repeat(33)), &["x"]).check(), Err(OutputError::TooDeep(_))));
    }
}
