//! Names that look like a known domain and are not: by shape (Unicode TS 39), by one letter, or by carrying it in front.

use super::registrable;
use crate::DetectError;
use std::collections::{BTreeMap, BTreeSet};
use unicode_security::confusable_detection::skeleton;

/// Most known domains.
pub(crate) const KNOWN_MAX: usize = 10_000;

// Among shorter labels one letter makes another word.
const NEAR_LABEL_MIN: usize = 5;

/// The known domains, prepared for comparison.
#[derive(Default)]
pub(crate) struct Lookalikes {
    known: BTreeSet<String>,
    // Skeletons of whole domains, and of labels with one character left out; to the domains they come from.
    shapes: BTreeMap<String, String>,
    near: BTreeMap<String, Vec<String>>,
    labels: BTreeMap<String, String>,
}

impl Lookalikes {
    pub(crate) fn new(domains: &[String], faults: &mut Vec<DetectError>) -> Self {
        let mut all = Self::default();
        if domains.len() > KNOWN_MAX {
            faults.push(DetectError::TooMany { what: "known domains", found: domains.len(), max: KNOWN_MAX });
            return all;
        }
        for written in domains {
            let host = idna::domain_to_ascii_strict(written.trim_start_matches("*.").trim_end_matches('.')).ok();
            // A host below a domain makes the domain known; a suffix alone is none.
            let name =
                host.as_deref().filter(|host| !host.split('.').all(|label| label.bytes().all(|b| b.is_ascii_digit())));
            match name.and_then(registrable) {
                Some(domain) => all.add(domain),
                None => faults.push(DetectError::Domain(written.clone())),
            }
        }
        all
    }

    fn add(&mut self, domain: &str) {
        if !self.known.insert(domain.to_owned()) {
            return;
        }
        self.shapes.entry(shape(domain)).or_insert_with(|| domain.to_owned());
        let (label, _) = split(domain);
        if label.chars().count() < NEAR_LABEL_MIN {
            return;
        }
        self.labels.entry(label.clone()).or_insert_with(|| domain.to_owned());
        for less in deletions(&label).chain([label]) {
            self.near.entry(less).or_default().push(domain.to_owned());
        }
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
        let candidates = deletions(&label).chain([label.clone()]).filter_map(|less| self.near.get(&less)).flatten();
        let near = candidates.filter(|known| {
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
            for end in 2..=rest.len() {
                let name = rest.get(..end).unwrap_or_default().join(".");
                if let Some(known) = self.known.get(&name) {
                    return Some(known.clone());
                }
            }
        }
        let (own, _) = split(domain);
        let dashed = labels.iter().copied().chain([own.as_str()]).filter(|label| label.contains('-'));
        for label in dashed {
            if let Some(known) = self.known.get(&label.replace('-', ".")) {
                return Some(known.clone());
            }
        }
        own.contains('-').then(|| own.split('-').find_map(|piece| self.labels.get(piece)).cloned()).flatten()
    }
}

// The domain as a person sees it: what looks the same has the same.
fn shape(domain: &str) -> String {
    let (unicode, _) = idna::domain_to_unicode(domain);
    // Once more on what the first pass folds together, in lower case: `I` and `1` are `l`, `rn` is `m`.
    skeleton(&unicode.to_lowercase()).collect::<String>().to_lowercase()
}

fn split(domain: &str) -> (String, &str) {
    let (label, suffix) = domain.split_once('.').unwrap_or((domain, ""));
    (idna::domain_to_unicode(label).0, suffix)
}

fn deletions(label: &str) -> impl Iterator<Item = String> + use<> {
    let chars: Vec<char> = label.chars().collect();
    (0..chars.len()).map(move |gone| chars.iter().enumerate().filter(|(n, _)| *n != gone).map(|(_, c)| *c).collect())
}

// Optimal string alignment distance 1.
fn distance_one(one: &str, other: &str) -> bool {
    strsim::osa_distance(one, other) == 1
}
