//! What is looked for.

use super::contradiction::{Asked, Contradiction};
use super::key::Key;
use super::row::{Facet, Row, effect_word, level_word};
use super::words::{each_wanted, each_word};
use crate::records::LoggedRecord;
use holdshort_model::{Effect, Level, RecordId};
use std::collections::{BTreeMap, BTreeSet};

/// Words that one search may ask for.
const WORDS_MAX: usize = 64;

/// What a record has to be. Of several values of one facet any will do; of different facets all have to be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    facets: BTreeMap<Facet, Vec<String>>,
    words: BTreeSet<String>,
    ids: Vec<RecordId>,
    since_ms: Option<u64>,
    until_ms: Option<u64>,
    contains: Option<String>,
}

/// A text in which there is nothing to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Signs alone.
    #[error("there is no word in the text; letters and digits are looked for, `--contains` takes anything")]
    Empty,
    /// Far more than anybody types.
    #[error("the text has more than {WORDS_MAX} words")]
    Long,
}

impl Filter {
    /// Only records with one of these values.
    #[must_use]
    pub fn any(mut self, facet: Facet, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        if !values.is_empty() {
            self.facets.entry(facet).or_default().extend(values);
        }
        self
    }

    /// Only decisions with one of these effects; `facet` is [`Facet::Effect`] or [`Facet::Enforced`].
    #[must_use]
    pub fn effects(self, facet: Facet, effects: impl IntoIterator<Item = Effect>) -> Self {
        self.any(facet, effects.into_iter().map(effect_word))
    }

    /// Only decisions at this level of risk or above.
    #[must_use]
    pub fn at_least(self, level: Level) -> Self {
        let levels = [Level::Low, Level::Medium, Level::High, Level::Critical];
        self.any(Facet::Level, levels.into_iter().filter(|known| *known >= level).map(level_word))
    }

    /// Only what happened at this time or later, in milliseconds since 1970.
    #[must_use]
    pub const fn since(mut self, time_ms: Option<u64>) -> Self {
        self.since_ms = time_ms;
        self
    }

    /// Only what happened at this time or before.
    #[must_use]
    pub const fn until(mut self, time_ms: Option<u64>) -> Self {
        self.until_ms = time_ms;
        self
    }

    /// Only records that carry one of these ids, of decisions, approvals or incidents.
    #[must_use]
    pub fn ids(mut self, ids: impl IntoIterator<Item = RecordId>) -> Self {
        self.ids.extend(ids);
        self
    }

    /// Only records that say all of these words, in any order. Everything but letters and digits divides words.
    ///
    /// # Errors
    /// When there is no word, or there are too many.
    pub fn says(mut self, text: &str) -> Result<Self, TextError> {
        each_wanted(text, |word| {
            if self.words.len() <= WORDS_MAX {
                self.words.insert(word.to_owned());
            }
        });
        match self.words.len() {
            count if count > WORDS_MAX => Err(TextError::Long),
            0 => Err(TextError::Empty),
            _ => Ok(self),
        }
    }

    /// Only records whose JSON has this text in it, letter for letter.
    #[must_use]
    pub fn contains(mut self, text: Option<String>) -> Self {
        self.contains = text;
        self
    }

    /// Says why, when no record can ever be what is looked for.
    ///
    /// # Errors
    /// [`Contradiction`].
    pub fn check(&self) -> Result<(), Contradiction> {
        for (facet, values) in &self.facets {
            if values.iter().any(String::is_empty) {
                return Err(Contradiction::Empty(facet.as_str()));
            }
        }
        if self.contains.as_ref().is_some_and(String::is_empty) {
            return Err(Contradiction::Empty("text"));
        }
        let text = (!self.words.is_empty()).then_some(Facet::Text);
        let asked = Asked {
            types: self.facets.get(&Facet::Type).map_or(&[], Vec::as_slice),
            facets: self.facets.keys().copied().chain(text).collect(),
            ids: !self.ids.is_empty(),
            contains: self.contains.is_some(),
            bounds: self.bounds(),
        };
        asked.check()
    }

    /// The values that are asked for by name.
    pub fn named(&self) -> impl Iterator<Item = (Facet, &str)> {
        let all = self.facets.iter();
        all.flat_map(|(facet, values)| values.iter().map(|value| (*facet, value.as_str())))
    }

    /// Whether a record is what is looked for.
    #[must_use]
    pub fn matches(&self, record: &LoggedRecord) -> bool {
        self.is_contained(record) && Row::read(record, |row| self.fits(row))
    }

    /// Whether an index narrows the search down.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.bounds().is_some() || !self.facets.is_empty() || !self.words.is_empty() || !self.ids.is_empty()
    }

    /// Whether a record that cannot be read might be what is looked for, and is not found: not when everything is, and not
    /// when such records are asked for.
    #[must_use]
    pub fn may_miss(&self) -> bool {
        let asks = |types: &Vec<String>| types.iter().any(|name| name == "erased" || name == "closed");
        let is_everything = !self.is_indexed() && self.contains.is_none();
        !is_everything && !self.facets.get(&Facet::Type).is_some_and(asks)
    }

    /// The ids that are looked for.
    pub(super) fn wanted_ids(&self) -> &[RecordId] {
        &self.ids
    }

    /// Whether a time is within the bounds.
    pub(super) fn is_within(&self, time_ms: Option<u64>) -> bool {
        self.bounds().is_none_or(|(since, until)| time_ms.is_some_and(|time| (since..=until).contains(&time)))
    }

    /// First and last millisecond that are looked for; none when any will do.
    pub(super) fn bounds(&self) -> Option<(u64, u64)> {
        let is_bounded = self.since_ms.is_some() || self.until_ms.is_some();
        is_bounded.then(|| (self.since_ms.unwrap_or(0), self.until_ms.unwrap_or(u64::MAX)))
    }

    /// The words that a record must have: one at least of each group.
    pub(super) fn groups(&self, key: Key) -> Vec<Vec<i64>> {
        // A record that has more than is indexed may have anything.
        let (long, many) = (key.word(Facet::Long, ""), key.word(Facet::Many, ""));
        let facets = self.facets.iter().map(|(facet, values)| {
            values.iter().map(|value| key.word(*facet, value)).chain([many]).collect::<Vec<_>>()
        });
        let words = self.words.iter().map(|word| vec![key.word(Facet::Text, word), long]);
        facets.chain(words).collect()
    }

    fn is_contained(&self, record: &LoggedRecord) -> bool {
        let has = |text: &String| {
            record.payload().is_some_and(|payload| String::from_utf8_lossy(payload).contains(text.as_str()))
        };
        self.contains.as_ref().is_none_or(has)
    }

    fn fits(&self, row: &Row<'_>) -> bool {
        let has = |facet: Facet, values: &[String]| {
            row.facets.iter().any(|(found, value)| *found == facet && values.iter().any(|wanted| wanted == value))
        };
        self.is_within(row.time_ms)
            && self.facets.iter().all(|(facet, values)| has(*facet, values))
            && (self.ids.is_empty() || self.ids.iter().any(|id| row.ids.contains(id)))
            && self.is_said(row)
    }

    fn is_said(&self, row: &Row<'_>) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let mut missing: BTreeSet<&str> = self.words.iter().map(String::as_str).collect();
        for text in &row.texts {
            each_word(text, |word| {
                missing.remove(word);
            });
        }
        missing.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_texts_are_words_or_a_plain_error() {
        let words =
            |text: &str| Filter::default().says(text).map(|filter| filter.words.into_iter().collect::<Vec<_>>());
        assert_eq!(words("\"not\" AND (granted*"), Ok(vec!["and".into(), "granted".into(), "not".into()]));
        assert_eq!(words("'; DROP TABLE records; --"), Ok(vec!["drop".into(), "records".into(), "table".into()]));
        for empty in ["", "\"", "***", "\0\u{202e}", "()"] {
            assert_eq!(words(empty), Err(TextError::Empty), "{empty:?}");
        }
        let many: String = (0..1_000).map(|number| format!("w{number} ")).collect();
        assert_eq!(words(&many), Err(TextError::Long));
    }
}
