//! `/v1/people`: the people who answer, and their tokens.

use crate::TokenSummary;
use holdshort_model::Digest;
use serde::{Deserialize, Serialize};

/// Registered people, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeoplePage {
    /// The people.
    pub people: Vec<PersonSummary>,
}

/// A registered person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonSummary {
    /// Name.
    pub name: String,
    /// What they may do: `approve`, `read`.
    pub roles: Vec<String>,
    /// When they were registered, in milliseconds since 1970.
    pub created_ms: u64,
    /// Their tokens, revoked ones included.
    pub tokens: Vec<TokenSummary>,
}

/// Registers a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// Name: 1 to 128 lower-case letters, digits, `.`, `_`, `-`, `@`.
    pub name: String,
    /// What they may do: `approve`, `read`.
    pub roles: Vec<String>,
}

/// A new token of a person: the only time that it is shown. We keep its digest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedPersonToken {
    /// Digest of the token, by which the list names it and by which it is revoked.
    pub hash: Digest,
    /// The person that it speaks for.
    pub person: String,
    /// The token itself.
    pub token: String,
}

impl std::fmt::Debug for IssuedPersonToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { hash, person, token: _ } = self;
        f.debug_struct("IssuedPersonToken").field("hash", hash).field("person", person).field("token", &"***").finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_token() {
        let issued = IssuedPersonToken { hash: Digest::of(b""), person: "ann".into(), token: "hs_secret".into() };
        assert!(!format!("{issued:?}").contains("secret"));
    }
}
