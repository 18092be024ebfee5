//! How sensitive data can be: an ordered scale and categories beside it, in the organisation's own words.

use crate::{CatalogEntry, LabelRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most levels. Scales in use have three to six.
pub const LEVELS_MAX: usize = 16;
/// Most categories. Every session keeps a mark for each one that it meets.
pub const CATEGORIES_MAX: usize = 64;
/// Longest name of a level or category, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// What declassification calls the other half of a session's labels, and so no level or category.
pub const INTEGRITY: &str = "integrity";

/// What the texts of labels mean: the `[classification]` table. A label that is neither a level nor a category is a plain
/// mark on its resource, for policies that look at resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Classification {
    /// Levels of confidentiality, the lowest first. What a session has read has the highest level of its parts.
    /// Default: `public`, `internal`, `confidential`, `restricted`.
    pub levels: Vec<String>,
    /// Kinds of data that are kept apart whatever their level; a session collects them.
    /// Default: `personal`, `payment`, `health`, `credentials`.
    pub categories: Vec<String>,
}

impl Default for Classification {
    fn default() -> Self {
        let texts = |names: [&str; 4]| names.map(str::to_owned).to_vec();
        Self {
            levels: texts(["public", "internal", "confidential", "restricted"]),
            categories: texts(["personal", "payment", "health", "credentials"]),
        }
    }
}

/// A classification that cannot be, or a label that is most likely mistyped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassificationError {
    /// Nothing to classify by.
    #[error("`classification.levels` is empty; leave it out for the usual four, or name at least one")]
    NoLevels,
    /// Too many names.
    #[error("`classification.{list}` has {count} names; at most {max} are possible")]
    TooMany {
        /// The list.
        list: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A name that is none.
    #[error("`{0}` is no name for a level or category; use lower-case letters, digits, `-` and `_`, at most 64")]
    BadName(String),
    /// A name that means something else already.
    #[error("`{0}` cannot be the name of a level or category; it stands for what outsiders can write")]
    Reserved(String),
    /// A name that stands twice.
    #[error("`{0}` stands twice in `[classification]`; a level or category needs a name of its own")]
    Twice(String),
    /// A label that is nearly a level or category.
    #[error(
        "the label `{label}` of {place} is neither a level nor a category; did you mean `{near}`? \
         Where it is meant, name it in `classification.categories`"
    )]
    Mistyped {
        /// Where it stands.
        place: String,
        /// The label.
        label: String,
        /// The level or category that it nearly is.
        near: String,
    },
}

/// What a label is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A level, counted from the lowest.
    Level(usize),
    /// A category.
    Category,
    /// Neither: it says something about its resource alone.
    Plain,
}

impl Classification {
    /// What a label is.
    pub fn meaning(&self, label: &str) -> Meaning {
        if let Some(rank) = self.levels.iter().position(|level| level == label) {
            return Meaning::Level(rank);
        }
        if self.categories.iter().any(|category| category == label) { Meaning::Category } else { Meaning::Plain }
    }

    /// The highest level.
    pub fn top(&self) -> &str {
        self.levels.last().map_or("", String::as_str)
    }

    /// The name of a level.
    pub fn level(&self, rank: usize) -> &str {
        self.levels.get(rank).map_or("", String::as_str)
    }

    /// All that is wrong with the classification and with the labels that declarations use.
    pub fn check(&self, entries: &[CatalogEntry], rules: &[LabelRule]) -> Vec<ClassificationError> {
        let mut errors = Vec::new();
        self.check_names(&mut errors);
        let outputs = entries.iter().flat_map(|entry| {
            let labels = entry.output.iter().flat_map(|rule| &rule.labels);
            labels.map(|label| (format!("the output of `{}`", entry.tool), label))
        });
        let resources = rules
            .iter()
            .flat_map(|rule| rule.labels.iter().map(move |label| (format!("the rule for `{}`", rule.resource), label)));
        for (place, label) in outputs.chain(resources) {
            if let Some(near) = self.near(label) {
                errors.push(ClassificationError::Mistyped { place, label: label.clone(), near: near.to_owned() });
            }
        }
        errors
    }

    fn check_names(&self, errors: &mut Vec<ClassificationError>) {
        if self.levels.is_empty() {
            errors.push(ClassificationError::NoLevels);
        }
        for (list, names, max) in
            [("levels", &self.levels, LEVELS_MAX), ("categories", &self.categories, CATEGORIES_MAX)]
        {
            if names.len() > max {
                errors.push(ClassificationError::TooMany { list, count: names.len(), max });
            }
        }
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_".contains(&c);
        let mut seen = BTreeSet::new();
        for name in self.levels.iter().chain(&self.categories) {
            if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
                errors.push(ClassificationError::BadName(name.chars().take(NAME_BYTES_MAX).collect()));
            } else if name == INTEGRITY {
                errors.push(ClassificationError::Reserved(name.clone()));
            } else if !seen.insert(name) {
                errors.push(ClassificationError::Twice(name.clone()));
            }
        }
    }

    // Only what is close: most plain labels are names of projects and teams.
    fn near(&self, label: &str) -> Option<&str> {
        if self.meaning(label) != Meaning::Plain {
            return None;
        }
        let folded = label.trim().to_lowercase();
        let slips_max = match folded.chars().count() {
            0..4 => 0,
            4..8 => 1,
            _ => 2,
        };
        let distance = |name: &&String| strsim::damerau_levenshtein(&folded, name);
        let names = self.levels.iter().chain(&self.categories);
        names.min_by_key(distance).filter(|name| distance(name) <= slips_max).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(levels: &[&str], categories: &[&str]) -> Classification {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Classification { levels: texts(levels), categories: texts(categories) }
    }

    #[test]
    fn a_label_is_a_level_a_category_or_a_mark() {
        let usual = Classification::default();
        assert_eq!(usual.meaning("public"), Meaning::Level(0));
        assert_eq!(usual.meaning("restricted"), Meaning::Level(3));
        assert_eq!(usual.meaning("health"), Meaning::Category);
        assert_eq!(usual.meaning("project-x"), Meaning::Plain);
        assert_eq!((usual.top(), usual.level(1), usual.level(9)), ("restricted", "internal", ""));
    }

    #[test]
    fn what_cannot_be_is_named() {
        let check = |classification: Classification, expected: &str| {
            let faults: Vec<String> = classification.check(&[], &[]).iter().map(ToString::to_string).collect();
            assert!(faults.len() == 1 && faults[0].contains(expected), "{expected}: {faults:?}");
        };
        assert!(Classification::default().check(&[], &[]).is_empty());
        check(of(&[], &["a"]), "is empty");
        check(of(&["Secret"], &[]), "no name");
        check(of(&["a", ""], &[]), "no name");
        check(of(&["a"], &["a"]), "stands twice");
        check(of(&["a"], &["integrity"]), "outsiders");
        let many: Vec<String> = (0..=LEVELS_MAX).map(|n| format!("l{n}")).collect();
        check(Classification { levels: many, categories: Vec::new() }, "at most 16");
    }

    #[test]
    fn a_label_that_is_nearly_one_is_pointed_out() {
        let check = |label: &str, expected: Option<&str>| {
            let rules = [LabelRule { resource: "file:/srv/**".into(), labels: vec![label.into()] }];
            let faults = Classification::default().check(&[], &rules);
            let near = faults.first().map(|fault| match fault {
                ClassificationError::Mistyped { near, .. } => near.as_str(),
                other => panic!("{other}"),
            });
            assert_eq!(near, expected, "{label}");
        };
        check("confidental", Some("confidential"));
        check("Restricted", Some("restricted"));
        check("heatlh", Some("health"));
        check("personal", None);
        check("secret", None);
        check("project-x", None);
        check("pay", None);
    }
}
