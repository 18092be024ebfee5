//! Whether a match is a secret: entropy, placeholders, and for the generic rule what its value looks like.

use super::rule::{Allow, Rule, Target};
use super::set::RuleSet;
use regex_automata::Input;

// A value that is assigned to a name and has less than this is a word. In bits for each byte.
const ASSIGNED_ENTROPY_MIN: f64 = 2.5;

// No random value holds one of these, and most examples in documentation do.
const EXAMPLE: [&[u8]; 10] = [
    b"example",
    b"xxxxx",
    b"placeholder",
    b"your_",
    b"your-",
    b"changeme",
    b"dummy",
    b"redacted",
    b"123456789",
    b"abcdefgh",
];

// Names of values that are handed around openly, besides those that the rules know.
const OPEN: [&str; 14] = [
    "pagetoken",
    "nexttoken",
    "synctoken",
    "cursor",
    "continuation",
    "idempotency",
    "cachekey",
    "sortkey",
    "partitionkey",
    "primarykey",
    "tokenizer",
    "tokencount",
    "authority",
    "keyboard",
];

// Names that say what the value is, so that a digest or a UUID under them is no identifier.
const CLEAR: [&str; 5] = ["secret", "passw", "token", "apikey", "credential"];

/// Whether `secret`, found by `rule` at `at` in `text`, counts. `name`: what stands left of it, up to the keyword and around.
pub(super) fn counts(set: &RuleSet, rule: &Rule, text: &[u8], found: &std::ops::Range<usize>, secret: &[u8]) -> bool {
    let bits = entropy(secret);
    let floor = if rule.shape == super::rule::Shape::Assignment { ASSIGNED_ENTROPY_MIN } else { 0.0 };
    if bits <= rule.entropy_min || bits < floor {
        return false;
    }
    let lower = secret.to_ascii_lowercase();
    if EXAMPLE.iter().any(|word| contains(&lower, word))
        || set.stopwords.iter().any(|word| contains(&lower, word.as_bytes()))
        || set.placeholders.iter().any(|regex| regex.is_match(Input::new(secret)))
    {
        return false;
    }
    if rule.allow.iter().any(|allow| allows(allow, text, found, secret, &lower)) {
        return false;
    }
    !rule.generic || generic(text.get(found.clone()).unwrap_or_default(), secret)
}

fn allows(allow: &Allow, text: &[u8], found: &std::ops::Range<usize>, secret: &[u8], lower: &[u8]) -> bool {
    let target = match allow.target {
        Target::Secret => secret,
        Target::Match => text.get(found.clone()).unwrap_or_default(),
        Target::Line => line(text, found),
    };
    allow.regexes.iter().any(|regex| regex.is_match(Input::new(target)))
        || allow.stopwords.iter().any(|word| contains(lower, word.as_bytes()))
}

// The generic rule knows no format: its value must look random, and its name must not be that of something open.
fn generic(found: &[u8], secret: &[u8]) -> bool {
    let digits = secret.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = secret.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    if digits < 2 || letters < 2 {
        return false;
    }
    let name = found.get(..found.len().saturating_sub(secret.len())).unwrap_or_default();
    let name: String = name
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    if OPEN.iter().any(|open| name.contains(open)) {
        return false;
    }
    let clear = CLEAR.iter().any(|clear| name.contains(clear));
    let identifier = uuid(secret) || matches!(secret.len(), 40 | 64) && secret.iter().all(u8::is_ascii_hexdigit);
    // `module.submodule.v2`, `2026-11-21T10:00`, `some_name_2`: words and numbers with separators between them.
    let longest = secret.split(|byte| !byte.is_ascii_alphanumeric()).map(mixed).max().unwrap_or_default();
    longest >= 8 && (clear || !identifier)
}

// Length of a piece that changes between letters and digits more than once; 0 for words and numbers.
fn mixed(piece: &[u8]) -> usize {
    let changes =
        piece.windows(2).filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit())).count();
    if changes >= 2 { piece.len() } else { 0 }
}

fn uuid(secret: &[u8]) -> bool {
    secret.len() == 36
        && secret.iter().enumerate().all(|(n, byte)| match n {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Shannon entropy in bits for each byte.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let all = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / all)
        .map(|share| -share * share.log2())
        .sum()
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    !word.is_empty() && text.windows(word.len()).any(|window| window == word)
}

// The line around a match, bounded.
fn line<'a>(text: &'a [u8], found: &std::ops::Range<usize>) -> &'a [u8] {
    const SIDE: usize = 512;
    let before = text.get(found.start.saturating_sub(SIDE)..found.start).unwrap_or_default();
    let after = text.get(found.end..text.len().min(found.end + SIDE)).unwrap_or_default();
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let end = after.iter().position(|byte| *byte == b'\n').unwrap_or(after.len());
    text.get(found.start - (before.len() - start)..found.end + end).unwrap_or_default()
}
