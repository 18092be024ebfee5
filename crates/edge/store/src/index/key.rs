//! The key of a file, which makes numbers of words.
//!
//! It lies in the file itself, and so keeps nobody from trying out words who has the file. It is there so that nobody who
//! writes records can choose words that collide, and so that two files say nothing of each other.

use super::row::Facet;
use siphasher::sip::SipHasher24;
use std::hash::Hasher as _;

/// Makes numbers of words; another key in every file.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facets_and_keys_keep_words_apart() {
        let key = Key::new([7; 16]);
        assert_eq!(key.word(Facet::Agent, "a"), key.word(Facet::Agent, "a"));
        assert_ne!(key.word(Facet::Agent, "a"), key.word(Facet::User, "a"));
        assert_ne!(key.word(Facet::Agent, "a"), Key::new([8; 16]).word(Facet::Agent, "a"));
    }
}
