//! All rules and the automaton of their keywords. The built-in set is made once a process.

use super::rule::{AllowSource, Rule, Source, compile};
use crate::DetectError;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use holdshort_model::Digest;
use regex_automata::meta;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

// The default rules of gitleaks 8.30.1, unchanged; source and licence are in `NOTICE`.
const GITLEAKS: &str = include_str!("../../data/gitleaks.toml");

// Ours. Bump it when what is done with the rules changes what is found.
const REVISION: &str = "1";

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    allowlist: AllowSource,
    rules: Vec<Source>,
}

/// Rules with their keywords.
pub(crate) struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) keywords: AhoCorasick,
    // Which rules a keyword belongs to.
    pub(super) owners: Vec<Vec<usize>>,
    // Values that are no secrets for any rule: placeholders.
    pub(super) placeholders: Vec<meta::Regex>,
    pub(super) stopwords: Vec<String>,
    digest: Digest,
}

static BUILTIN: LazyLock<Result<RuleSet, DetectError>> = LazyLock::new(|| RuleSet::parse(GITLEAKS));

/// The built-in rules.
pub(crate) fn builtin() -> Result<&'static RuleSet, DetectError> {
    BUILTIN.as_ref().map_err(Clone::clone)
}

impl RuleSet {
    fn parse(text: &str) -> Result<Self, DetectError> {
        let fault = |rule: &str, reason: String| DetectError::Rule { rule: rule.to_owned(), reason };
        let file: File = toml::from_str(text).map_err(|error| fault("all", error.message().to_owned()))?;
        let mut rules = Vec::with_capacity(file.rules.len());
        let mut owners: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for mut source in file.rules {
            let Some(pattern) = source.regex.take() else { continue }; // about the name of a file only
            let (id, keywords) = (source.id.clone(), std::mem::take(&mut source.keywords));
            for keyword in keywords {
                owners.entry(keyword.to_ascii_lowercase()).or_default().push(rules.len());
            }
            rules.push(Rule::new(source, &pattern).map_err(|reason| fault(&id, reason))?);
        }
        let keywords = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(owners.keys())
            .map_err(|error| fault("keywords", error.to_string()))?;
        let placeholders = file.allowlist.regexes.iter().map(|regex| compile(regex));
        Ok(Self {
            placeholders: placeholders.collect::<Result<_, _>>().map_err(|reason| fault("allowlist", reason))?,
            stopwords: file.allowlist.stopwords,
            rules,
            keywords,
            owners: owners.into_values().collect(),
            digest: Digest::of_parts([text.as_bytes(), REVISION.as_bytes()]),
        })
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether a rule has this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| rule.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_compiles_and_has_a_keyword() {
        let set = builtin().expect("rules");
        assert_eq!(set.rules.len(), 221);
        for (n, rule) in set.rules.iter().enumerate() {
            assert!(rule.regex().is_some(), "{}: {}", rule.id, rule.pattern());
            assert!(set.owners.iter().any(|owners| owners.contains(&n)), "{}", rule.id);
        }
    }
}
