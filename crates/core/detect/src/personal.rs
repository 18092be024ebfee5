//! Data about persons: patterns with a prefilter of one byte (`@`, a figure), then what makes each kind valid.
//!
//! Kinds: `email`, `phone`, `iban`, `payment-card`, and numbers of persons: `us-ssn`, `uk-nhs`, `uk-nino`, `de-tax-id`,
//! `fr-nir`, `es-dni`, `it-codice-fiscale`, `nl-bsn`, `pl-pesel`, `br-cpf`, `in-aadhaar`. Numbers that only a weak check
//! digit tells from any other number count where a word near them says what they are.

mod checks;
mod email;
mod numbers;

use std::collections::{BTreeMap, BTreeSet};

/// Every kind, sorted.
pub(crate) const KINDS: [&str; 15] = [
    "br-cpf",
    "de-tax-id",
    "email",
    "es-dni",
    "fr-nir",
    "iban",
    "in-aadhaar",
    "it-codice-fiscale",
    "nl-bsn",
    "payment-card",
    "phone",
    "pl-pesel",
    "uk-nhs",
    "uk-nino",
    "us-ssn",
];

// Different ones of a kind that are told apart in one text; above, the count stands still.
const COUNT_MAX: usize = 10_000;

// How far before a number a word says what it is.
const CONTEXT_BYTES: usize = 48;

/// What was found at one place. It has no `Debug`: it holds values, until they are counted.
#[derive(Default)]
pub(crate) struct Found {
    kinds: BTreeMap<&'static str, Kind>,
}

#[derive(Default)]
struct Kind {
    values: BTreeSet<Vec<u8>>,
    confidence: u8,
}

impl Found {
    fn add(&mut self, kind: &'static str, value: Vec<u8>, confidence: u8) {
        let of_kind = self.kinds.entry(kind).or_default();
        of_kind.confidence = of_kind.confidence.max(confidence);
        if of_kind.values.len() < COUNT_MAX {
            of_kind.values.insert(value);
        }
    }

    /// Kind, how many different ones, how sure.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u32, u8)> {
        self.kinds.iter().map(|(kind, of)| (*kind, u32::try_from(of.values.len()).unwrap_or(u32::MAX), of.confidence))
    }
}

/// Adds the personal data in `text` to `found`. `name`: the key under which the text stands, as a word of context.
pub(crate) fn find(text: &str, name: &str, found: &mut Found) {
    email::find(text, found);
    numbers::find(text, name, found);
}

/// Whether one of `words` stands before `at`, or in the name of the text.
fn context(text: &[u8], at: usize, name: &str, words: &[&str]) -> bool {
    let before = text.get(at.saturating_sub(CONTEXT_BYTES)..at).unwrap_or_default();
    let before = before.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    words.iter().any(|word| has_word(&before, word.as_bytes()) || has_word(name.as_bytes(), word.as_bytes()))
}

// Short words count as whole words only: `tel` is not in `hotel`.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    let letter = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphabetic);
    text.windows(word.len()).enumerate().any(|(at, window)| {
        window == word && (word.len() > 5 || !letter(at.checked_sub(1)) && !letter(Some(at + word.len())))
    })
}

#[cfg(test)]
mod tests;
