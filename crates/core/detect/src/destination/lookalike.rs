//! Names that look like a known domain and are not: by shape (Unicode TS 39), by one letter, or by carrying it in front.

use super::registrable;
use crate::DetectError;
use crate::table::{Key, Table};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::sync::LazyLock;
use unicode_security::confusable_detection::skeleton;

/// Most known domains.
pub(crate) const KNOWN_MAX: usize = 10_000;

// Among shorter labels one letter makes another word.
const NEAR_LABEL_MIN: usize = 5;

/// The known domains, prepared for comparison.
#[derive(Default)]
pub(crate) struct Lookalikes {
    known: BTreeSet<String>,
    /// Labels of the longest of them.
    labels_max: usize,
    // Skeletons of whole domains, and their first labels; to the domains they come from.
    shapes: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    // First labels, as they are and with one character left out, to numbers of `numbered`. What is found is compared.
    near: Table,
    numbered: Vec<String>,
}

impl Lookalikes {
    pub(crate) fn new(domains: &[String], faults: &mut Vec<DetectError>) -> Self {
        let mut all = Self::default();
        if domains.len() > KNOWN_MAX {
            faults.push(DetectError::TooMany { what: "known domains", found: domains.len(), max: KNOWN_MAX });
            return all;
        }
        let mut near = Vec::new();
        for written in domains {
            let host = idna::domain_to_ascii_strict(written.trim_start_matches("*.").trim_end_matches('.')).ok();
            // A host below a domain makes the domain known; a suffix alone is none.
            let name =
                host.as_deref().filter(|host| !host.split('.').all(|label| label.bytes().all(|b| b.is_ascii_digit())));
            match name.and_then(registrable) {
                Some(domain) => all.add(domain, &mut near),
                None => faults.push(DetectError::Domain(written.clone())),
            }
        }
        all.near = Table::new(near);
        all
    }

    fn add(&mut self, domain: &str, near: &mut Vec<(Key, u32)>) {
        if !self.known.insert(domain.to_owned()) {
            return;
        }
        self.labels_max = self.labels_max.max(domain.split('.').count());
        self.shapes.entry(shape(domain)).or_insert_with(|| domain.to_owned());
        let (label, _) = split(domain);
        if label.chars().count() < NEAR_LABEL_MIN {
            return;
        }
        self.labels.entry(label.clone().into_owned()).or_insert_with(|| domain.to_owned());
        near.extend(nearby(&label).map(|key| (key, self.numbered.len() as u32)));
        self.numbered.push(domain.to_owned());
    }

    /// What the digest of the detectors covers.
    pub(crate) fn known(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(String::as_str)
    }

    /// The known domain that `host`, below `domain`, looks like.
    pub(crate) fn of(&self, host: &str, domain: &str) -> Option<String> {
        if self.known.is_empty() || self.known.contains(domain) {
            return None;
        }
        self.shapes
            .get(&shape(domain))
            .cloned()
            .or_else(|| self.by_letter(domain))
            .or_else(|| self.carried(host, domain))
    }

    // One letter more, less, other, or two exchanged.
    fn by_letter(&self, domain: &str) -> Option<String> {
        let (label, suffix) = split(domain);
        if label.chars().count() + 1 < NEAR_LABEL_MIN {
            return None;
        }
        let candidates = nearby(&label).flat_map(|key| self.near.find(key));
        let near = candidates.filter_map(|number| self.numbered.get(number as usize)).filter(|known| {
            let (other, other_suffix) = split(known);
            // The same name under another suffix is more often a branch than a fraud.
            other != label && (suffix == other_suffix || other.len() > NEAR_LABEL_MIN) && distance_one(&other, &label)
        });
        near.min().cloned()
    }

    // `example.com.evil.net`, `example-com.evil.net`, `example-login.net`.
    fn carried(&self, host: &str, domain: &str) -> Option<String> {
        let below = host.strip_suffix(domain).unwrap_or_default().trim_end_matches('.');
        let labels: Vec<&str> = below.split('.').filter(|label| !label.is_empty()).collect();
        for start in 0..labels.len() {
            let rest = labels.get(start..).unwrap_or_default();
            for end in 2..=rest.len().min(self.labels_max) {
                let name = rest.get(..end).unwrap_or_default().join(".");
                if let Some(known) = self.known.get(&name) {
                    return Some(known.clone());
                }
            }
        }
        let (own, _) = split(domain);
        let dashed = labels.iter().copied().chain([&*own]).filter(|label| label.contains('-'));
        for label in dashed {
            if let Some(known) = self.known.get(&label.replace('-', ".")) {
                return Some(known.clone());
            }
        }
        own.contains('-').then(|| own.split('-').find_map(|piece| self.labels.get(piece)).cloned()).flatten()
    }
}

// What each character of ASCII looks like.
static SHAPES: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..128).map(|byte| seen(&char::from(byte).to_string())).collect());

// The domain as a person sees it: what looks the same has the same.
fn shape(domain: &str) -> String {
    if is_plain(domain) {
        return domain.bytes().filter_map(|byte| SHAPES.get(usize::from(byte))).map(String::as_str).collect();
    }
    seen(&idna::domain_to_unicode(domain).0)
}

fn seen(unicode: &str) -> String {
    // Once more on what the first pass folds together, in lower case: `I` and `1` are `l`, `rn` is `m`.
    skeleton(&unicode.to_lowercase()).collect::<String>().to_lowercase()
}

// Not in punycode.
fn is_plain(domain: &str) -> bool {
    domain.is_ascii() && !domain.contains("xn--")
}

fn split(domain: &str) -> (Cow<'_, str>, &str) {
    let (label, suffix) = domain.split_once('.').unwrap_or((domain, ""));
    let label = if is_plain(label) { Cow::Borrowed(label) } else { Cow::Owned(idna::domain_to_unicode(label).0) };
    (label, suffix)
}

// Keys of `label` and of what is left of it without one character.
fn nearby(label: &str) -> impl Iterator<Item = Key> + '_ {
    let key = |before: &str, after: &str| {
        let mut hash = SipHasher13::new();
        hash.write(before.as_bytes());
        hash.write(after.as_bytes());
        hash.finish128().as_u128()
    };
    let rests = label.char_indices().map(|(at, gone)| (at, at + gone.len_utf8())).chain([(label.len(), label.len())]);
    rests.map(move |(before, after)| {
        key(label.get(..before).unwrap_or_default(), label.get(after..).unwrap_or_default())
    })
}

// Optimal string alignment distance 1.
fn distance_one(one: &str, other: &str) -> bool {
    strsim::osa_distance(one, other) == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn plain_domains_have_the_shape_of_others(domain in "[a-z0-9.-]{0,40}") {
            prop_assert_eq!(shape(&domain), seen(&idna::domain_to_unicode(&domain).0));
        }

        #[test]
        fn near_labels_share_a_key(label in "[a-z0-9\u{e9}]{5,12}", at in 0_usize..5, other in "[a-z]") {
            let mut changed: Vec<char> = label.chars().collect();
            changed.splice(at..=at, other.chars());
            let changed: String = changed.into_iter().collect();
            let keys: BTreeSet<Key> = nearby(&label).collect();
            prop_assert!(nearby(&changed).any(|key| keys.contains(&key)));
        }
    }
}
