//! Values that are no addresses, and values that are put together: by the words that they are made of.

use super::{Trail, WORDS_MAX, Way, is_moment};
use crate::text::{fold, tokens};
use holdshort_model::{Character, Origin};
use serde_json::Value;
use std::collections::BTreeMap;

impl Trail<'_> {
    /// A number that stands in others' running text and nowhere else: `transfer 30,000`.
    pub(super) fn number(&self, value: &Value) -> Option<Way> {
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) if (4..=40).contains(&text.len()) => return self.setting(&fold(text)),
            _ => return None,
        };
        let whole = text.strip_suffix(".0").unwrap_or(&text);
        if whole.len() < 3 || self.request.is_some_and(|request| request.has_number(whole)) {
            return None;
        }
        let typed = |form: &str| self.seen.places(form).iter().any(|place| place.character != Character::Prose);
        if [whole, &format!("{whole}.0"), &format!("{whole}.00")].into_iter().any(typed) {
            return None;
        }
        let source = self.seen.word(whole).min_by_key(|source| self.seen.source(*source).map(|source| source.reach))?;
        self.of_source(source, "number")
    }

    /// A choice that others' running text speaks of, and nothing else: `disarmed`.
    pub(super) fn setting(&self, folded: &str) -> Option<Way> {
        let said = self.request.is_some_and(|request| request.says_name(folded));
        if said || is_moment(folded) || !self.seen.places(folded).is_empty() {
            return None;
        }
        let words: Vec<&str> = tokens(folded).map(|token| token.text).collect();
        self.shared_source(&words).filter(|way| way.origin > Origin::Named)
    }

    /// A text without an address: where most of it stands, if anywhere.
    pub(super) fn text(&self, folded: &str) -> Option<Way> {
        let words: Vec<&str> =
            tokens(folded).map(|token| token.text).filter(|word| word.len() > 3).take(WORDS_MAX).collect();
        if words.len() < 3 {
            return None;
        }
        let said = self.request.map_or(0, |request| words.iter().filter(|word| request.says(word)).count());
        if said * 2 > words.len() {
            return Some(self.given("joined"));
        }
        let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
        for word in &words {
            for source in self.seen.word(word) {
                *counts.entry(source).or_default() += 1;
            }
        }
        let (source, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        (count * 2 > words.len()).then(|| self.of_source(source, "joined")).flatten()
    }

    pub(super) fn shared_source(&self, words: &[&str]) -> Option<Way> {
        let (first, rest) = words.split_first()?;
        let shared = self
            .seen
            .word(first)
            .filter(|source| rest.iter().all(|word| self.seen.word(word).any(|other| other == *source)));
        let best = shared.min_by_key(|source| self.seen.source(*source).map(|source| source.reach))?;
        self.of_source(best, "folded")
    }

    /// A value put together from two that were seen.
    pub(super) fn joined(&self, value: &str) -> Option<Way> {
        let split = |at: usize| {
            let (head, tail) = (value.get(..at)?, value.get(at..)?);
            let first =
                self.seen.word(head).next().or_else(|| self.seen.places(head).first().map(|place| place.source))?;
            let joins = self.seen.word(tail).next().is_some() || !self.seen.places(tail).is_empty();
            joins.then(|| self.of_source(first, "joined")).flatten()
        };
        let ends = (3..value.len().saturating_sub(2).min(64)).filter(|at| value.is_char_boundary(*at));
        let way = ends.filter_map(split).next()?;
        Some(Way { origin: way.origin.max(Origin::Nowhere), ..way })
    }
}
