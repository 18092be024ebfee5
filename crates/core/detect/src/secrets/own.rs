//! The organisation's own secrets: known by fingerprint and length, so that no configuration holds their values.
//!
//! A place counts where a stretch of the secret's length begins and ends at a border between letters or figures and other
//! characters. Secrets with blanks, quotation marks or backslashes in them are not found: [`OwnSecret::of`] refuses to make
//! them.

use crate::{DetectError, FingerprintKey, OwnSecret};
use std::collections::BTreeMap;
use std::ops::Range;

/// Shortest own secret, in bytes: a shorter one could be guessed from its fingerprint by who has the key.
pub const OWN_BYTES_MIN: usize = 8;
/// Longest own secret, in bytes.
pub const OWN_BYTES_MAX: usize = 4096;
/// Most own secrets.
pub const OWN_MAX: usize = 10_000;
/// Most different lengths of own secrets: each costs a look at every word.
pub const OWN_LENGTHS_MAX: usize = 64;

/// Fingerprints that may still be computed in this scan.
pub(crate) struct Tries {
    left: usize,
}

impl Tries {
    // About one in 16 bytes of dense text begins and ends something of a given length.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { left: 4096 + bytes / 4 }
    }
}

/// The own secrets by length.
pub(crate) struct Own {
    by_length: BTreeMap<usize, BTreeMap<[u8; 32], String>>,
}

impl Own {
    pub(crate) fn new(secrets: Vec<OwnSecret>, faults: &mut Vec<DetectError>) -> Self {
        let mut by_length: BTreeMap<usize, BTreeMap<[u8; 32], String>> = BTreeMap::new();
        if secrets.len() > OWN_MAX {
            faults.push(DetectError::TooMany { what: "own secrets", found: secrets.len(), max: OWN_MAX });
        }
        for secret in secrets {
            if !(OWN_BYTES_MIN..=OWN_BYTES_MAX).contains(&secret.bytes) {
                let OwnSecret { name, bytes, .. } = secret;
                faults.push(DetectError::OwnSecretLength { name, bytes, min: OWN_BYTES_MIN, max: OWN_BYTES_MAX });
                continue;
            }
            by_length.entry(secret.bytes).or_default().insert(secret.fingerprint, secret.name);
        }
        if by_length.len() > OWN_LENGTHS_MAX {
            let (found, max) = (by_length.len(), OWN_LENGTHS_MAX);
            faults.push(DetectError::TooMany { what: "different lengths of own secrets", found, max });
        }
        Self { by_length }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_length.is_empty()
    }

    /// What the digest of the detectors covers.
    pub(crate) fn describe(&self) -> Vec<u8> {
        let of_length = |(bytes, secrets): (&usize, &BTreeMap<[u8; 32], String>)| {
            let each = secrets.iter().flat_map(|(print, name)| print.iter().copied().chain(name.bytes()).chain([0]));
            (*bytes as u64).to_be_bytes().into_iter().chain(each).collect::<Vec<u8>>()
        };
        self.by_length.iter().flat_map(of_length).collect()
    }

    /// Adds name and place of the own secrets in `text` to `found`. Returns false when not everything was looked at.
    pub(crate) fn find<'a>(
        &'a self,
        key: &FingerprintKey,
        text: &str,
        tries: &mut Tries,
        found: &mut Vec<(&'a str, Range<usize>)>,
    ) -> bool {
        let Some((least, _)) = self.by_length.first_key_value() else { return true };
        let bytes = text.as_bytes();
        let mut borders = Vec::new();
        for (start, end) in stretches(bytes) {
            if end - start < *least {
                continue;
            }
            borders.clear();
            borders.extend((start..=end).filter(|at| *at == start || *at == end || border(bytes, *at)));
            if !self.in_stretch(key, bytes, &borders, tries, found) {
                return false;
            }
        }
        true
    }

    fn in_stretch<'a>(
        &'a self,
        key: &FingerprintKey,
        bytes: &[u8],
        borders: &[usize],
        tries: &mut Tries,
        found: &mut Vec<(&'a str, Range<usize>)>,
    ) -> bool {
        let last = borders.last().copied().unwrap_or_default();
        for start in borders {
            for (length, secrets) in &self.by_length {
                let end = start + length;
                if end > last {
                    break;
                }
                if borders.binary_search(&end).is_err() {
                    continue;
                }
                let Some(left) = tries.left.checked_sub(1) else { return false };
                tries.left = left;
                let value = bytes.get(*start..end).unwrap_or_default();
                if let Some(name) = secrets.get(&key.fingerprint(value)) {
                    found.push((name, *start..end));
                }
            }
        }
        true
    }
}

/// What parts stretches, and is in no own secret.
pub(crate) fn parts(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\\')
}

// Stretches of what secrets are made of.
fn stretches(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let start = at + rest.iter().position(|byte| !parts(*byte))?;
        let rest = bytes.get(start..)?;
        let end = start + rest.iter().position(|byte| parts(*byte)).unwrap_or(rest.len());
        at = end;
        Some((start, end))
    })
}

// Between a letter or figure and something else, or between two of something else.
fn border(bytes: &[u8], at: usize) -> bool {
    let word = |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    !(word(at.wrapping_sub(1)) && word(at))
}
