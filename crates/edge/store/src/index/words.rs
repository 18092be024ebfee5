//! Words: what is looked for in a record, as numbers. The file holds no text, so that a copy of it alone says little.

use super::row::Facet;
use siphasher::sip::SipHasher24;
use std::hash::Hasher as _;

/// Letters of a word that count. Longer ones are cut alike when a record is indexed and when it is looked for.
const LETTERS_MAX: usize = 64;

/// Makes numbers of words; another key in every file, so that nobody can choose texts that collide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(u64, u64);

impl Key {
    pub(super) fn new(bytes: [u8; 16]) -> Self {
        let number = u128::from_be_bytes(bytes);
        Self(
            u64::try_from(number >> 64).unwrap_or_default(),
            u64::try_from(number & u128::from(u64::MAX)).unwrap_or_default(),
        )
    }

    /// The number of a value of a facet. Two values may share one: what is found is read in the log again.
    pub(super) fn word(self, facet: Facet, value: &str) -> i64 {
        let mut hasher = SipHasher24::new_with_keys(self.0, self.1);
        hasher.write_u8(facet as u8);
        hasher.write(value.as_bytes());
        hasher.finish().cast_signed()
    }

    /// Checksum of a stored row: bits that changed on disk are noticed, instead of hiding records.
    pub(super) fn check(self, word: i64, block: u64, bytes: &[u8]) -> [u8; 4] {
        let mut hasher = SipHasher24::new_with_keys(self.1, self.0);
        hasher.write_i64(word);
        hasher.write_u64(block);
        hasher.write(bytes);
        let [a, b, c, d, ..] = hasher.finish().to_be_bytes();
        [a, b, c, d]
    }
}

/// The words of a text: runs of letters and digits, in small letters. Whatever else stands in it only divides them.
pub(super) fn each_word(text: &str, mut each: impl FnMut(&str)) {
    let mut word = String::new();
    for part in text.split(|letter: char| !letter.is_alphanumeric()).filter(|part| !part.is_empty()) {
        word.clear();
        let letters = part.chars().take(LETTERS_MAX);
        match part.is_ascii() {
            true => word.extend(letters.map(|letter| letter.to_ascii_lowercase())),
            false => word.extend(letters.flat_map(char::to_lowercase)),
        }
        each(&word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        each_word(text, |word| all.push(word.to_owned()));
        all
    }

    #[test]
    fn everything_but_letters_and_digits_divides() {
        assert_eq!(words("Not granted: `read_file` on C3"), ["not", "granted", "read", "file", "on", "c3"]);
        assert_eq!(words("\"a\" OR NOT b* NEAR(c, 2) \0 -d ^e:"), ["a", "or", "not", "b", "near", "c", "2", "d", "e"]);
        assert_eq!(words("ÜBER\u{202e}straße"), ["über", "straße"]);
        assert_eq!(words(" \u{1b}[31m "), ["31m"]);
        assert!(words("--- \u{200b}\n").is_empty());
        assert_eq!(words(&"x".repeat(1_000)), ["x".repeat(LETTERS_MAX)]);
    }

    #[test]
    fn facets_and_keys_keep_words_apart() {
        let key = Key::new([7; 16]);
        assert_eq!(key.word(Facet::Agent, "a"), key.word(Facet::Agent, "a"));
        assert_ne!(key.word(Facet::Agent, "a"), key.word(Facet::User, "a"));
        assert_ne!(key.word(Facet::Agent, "a"), Key::new([8; 16]).word(Facet::Agent, "a"));
    }
}
