//! Bearer tokens of agents.
//!
//! A token is `hs_` and 43 characters of base64url: 32 random bytes that the caller draws. At rest there is only its
//! SHA-256. A slow hash (argon2, scrypt) protects secrets that people choose and that can be guessed; nobody guesses
//! 256 random bits, so a slow hash would only make every request slow.
//!
//! Digests are compared by map lookup, not in constant time: what timing could tell is a prefix of the digest of what
//! the caller sent, and from a digest nobody computes the token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use holdshort_model::Digest;
use std::fmt;

const PREFIX: &str = "hs_";
const RANDOM_CHARS: usize = 43;

/// A token in clear text. Shown once when it is made; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// A text that is not a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not a token: expected `hs_` and 43 characters of base64url, as `holdshort agents add` prints it")]
pub struct TokenError;

impl Token {
    /// Makes a token from 32 random bytes. INVARIANT: the caller takes them from the operating system's generator.
    pub fn from_random(random: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// Reads a token.
    ///
    /// # Errors
    /// When the text is not exactly of the form of a token. The text is not repeated in the error.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let random = text.strip_prefix(PREFIX).ok_or(TokenError)?;
        let decoded = if random.len() == RANDOM_CHARS { URL_SAFE_NO_PAD.decode(random).ok() } else { None };
        match decoded {
            Some(bytes) if bytes.len() == 32 => Ok(Self(text.to_owned())),
            _ => Err(TokenError),
        }
    }

    /// The text, to be shown once.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_secrecy() {
        let token = Token::from_random([0xA5; 32]);
        assert_eq!(token.text().len(), 46);
        assert_eq!(Token::parse(token.text()), Ok(token.clone()));
        assert_eq!(format!("{token:?}"), "Token(***)");
        assert_ne!(token.hash(), Token::from_random([0xA4; 32]).hash());
    }

    #[test]
    fn what_is_not_a_token() {
        let good = Token::from_random([7; 32]).text().to_owned();
        let padded = format!("{good}=");
        let longer = format!("{good}A");
        // The last character carries only four bits: one that sets the other two is another text for the same bytes.
        let alias = format!("{}d", &good[..45]);
        for text in ["", "hs_", "hs_short", &good[3..], &good[..45], &padded, &longer, &alias, "hs_\u{e9}", " "] {
            assert_eq!(Token::parse(text), Err(TokenError), "{text}");
        }
    }
}
