//! The people who may answer for the organisation, found by token.

use crate::{StoreError, Token, TokenEntry, TokenRefusal};
use holdshort_model::Digest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Most people that can be registered.
pub const PEOPLE_MAX: usize = 10_000;
/// Longest name of a person, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// Names that mean somebody else already.
const RESERVED: [&str; 7] = ["operator", "os-user", "policy", "kill-file", "signal", "replay", "unknown"];

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Answer approvals, and revoke remembered answers. Includes looking.
    Approve,
    /// Look at approvals, and at what was taken from whom.
    Read,
    /// Take things away from agents, and give them back. Includes looking.
    Release,
    /// Read the public files of the log, as mirrors and auditors do. Includes nothing else.
    Audit,
}

/// A person as the inventory keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonEntry {
    /// Name: lower case, of the characters of an agent's id.
    pub name: String,
    /// What they may do; sorted.
    pub roles: Vec<Role>,
    /// When they were registered, in milliseconds since 1970.
    pub created_ms: u64,
    /// Their tokens, revoked and expired ones included.
    #[serde(default)]
    pub tokens: Vec<TokenEntry>,
}

impl PersonEntry {
    /// Whether the person has the role.
    pub fn may(&self, role: Role) -> bool {
        self.roles.iter().any(|has| *has == role || (role == Role::Read && *has != Role::Audit))
    }
}

/// Entries that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// Not a name.
    #[error("`{0}` is not a person's name: use 1 to 128 lower-case letters, digits, `.`, `_`, `-`, `@`")]
    BadName(String),
    /// A name that means somebody else.
    #[error("`{0}` is a name that holdshort uses itself; choose another one")]
    Reserved(String),
    /// No role.
    #[error("`{0}` needs a role: `approve`, `read`, `release` or `audit`")]
    NoRole(String),
    /// Two entries with one name.
    #[error("`{0}` is registered twice")]
    DuplicateName(String),
    /// One token of two people.
    #[error("`{0}` and `{1}` have the same token; revoke it and make two")]
    SharedToken(String, String),
    /// Too many.
    #[error("{PEOPLE_MAX} people are registered already")]
    TooMany,
}

/// The registered people. Immutable; a change makes another one.
#[derive(Clone, Debug, Default)]
pub struct People {
    by_name: BTreeMap<String, PersonEntry>,
    by_hash: HashMap<Digest, (String, usize)>,
}

impl People {
    /// Builds the view.
    ///
    /// # Errors
    /// The first entry that is wrong by itself or beside another.
    pub fn new(entries: impl IntoIterator<Item = PersonEntry>) -> Result<Self, PeopleError> {
        let mut view = Self::default();
        for entry in entries {
            check(&entry)?;
            for (position, token) in entry.tokens.iter().enumerate() {
                if let Some((other, _)) = view.by_hash.insert(token.hash, (entry.name.clone(), position)) {
                    return Err(PeopleError::SharedToken(other, entry.name));
                }
            }
            if let Some(other) = view.by_name.insert(entry.name.clone(), entry) {
                return Err(PeopleError::DuplicateName(other.name));
            }
            if view.by_name.len() > PEOPLE_MAX {
                return Err(PeopleError::TooMany);
            }
        }
        Ok(view)
    }

    /// The person of this name.
    pub fn by_name(&self, name: &str) -> Option<&PersonEntry> {
        self.by_name.get(name)
    }

    /// The person whose token `text` is.
    ///
    /// # Errors
    /// When it is not a token, belongs to nobody, was revoked, or has expired at `now_ms` (milliseconds since 1970).
    pub fn by_token(&self, text: &str, now_ms: u64) -> Result<&PersonEntry, TokenRefusal> {
        let hash = Token::parse(text).map_err(|_| TokenRefusal::Malformed)?.hash();
        let (name, position) = self.by_hash.get(&hash).ok_or(TokenRefusal::Unknown)?;
        let entry = self.by_name.get(name).ok_or(TokenRefusal::Unknown)?;
        match entry.tokens.get(*position).ok_or(TokenRefusal::Unknown)? {
            TokenEntry { revoked: true, .. } => Err(TokenRefusal::Revoked),
            TokenEntry { expires_ms: Some(end), .. } if *end <= now_ms => Err(TokenRefusal::Expired),
            _ => Ok(entry),
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &PersonEntry> {
        self.by_name.values()
    }
}

fn check(entry: &PersonEntry) -> Result<(), PeopleError> {
    let name = &entry.name;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-@".contains(c);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain) {
        return Err(PeopleError::BadName(name.chars().take(80).collect()));
    }
    if RESERVED.contains(&name.as_str()) {
        return Err(PeopleError::Reserved(name.clone()));
    }
    if entry.roles.is_empty() {
        return Err(PeopleError::NoRole(name.clone()));
    }
    Ok(())
}

/// People and the hashes of their tokens. Every method is atomic and durable when it returns.
pub trait PersonStore {
    /// All people, by name.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn people(&self) -> Result<Vec<PersonEntry>, StoreError>;

    /// Adds a person who is not there yet.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the name or the hash of one of the tokens is there already.
    fn add_person(&self, entry: &PersonEntry) -> Result<(), StoreError>;

    /// Adds a token to a person.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without that person; [`StoreError::Exists`] when anybody has that hash.
    fn add_person_token(&self, name: &str, token: &TokenEntry) -> Result<(), StoreError>;

    /// Revokes a token. Revoking a revoked one changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the person has no such token.
    fn revoke_person_token(&self, name: &str, hash: &Digest) -> Result<(), StoreError>;

    /// Removes a person with their tokens.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without that person.
    fn remove_person(&self, name: &str) -> Result<(), StoreError>;
}

/// Runs the suite for people on an EMPTY store. `reopen` gives a fresh view on the same store (or the same one).
///
/// # Errors
/// What the store did wrong, in words.
pub fn check_person_store<S: PersonStore>(reopen: impl Fn() -> S) -> Result<(), String> {
    let token = |seed: u8, expires_ms| TokenEntry {
        hash: Token::from_random([seed; 32]).hash(),
        label: format!("token {seed} \"quoted\" 'and'"),
        created_ms: 1,
        expires_ms,
        revoked: false,
    };
    let said = |result: Result<(), StoreError>| result.map_err(|error| format!("unexpected failure: {error}"));
    let kept = || reopen().people().map_err(|error| format!("unexpected failure: {error}"));
    let same = |when: &str, expected: Vec<PersonEntry>| match kept()? {
        found if found == expected => Ok(()),
        found => Err(format!("{when}: found {found:?}, expected {expected:?}")),
    };
    let exists = |when: &str, result: Result<(), StoreError>| match result {
        Err(StoreError::Exists(_)) => Ok(()),
        other => Err(format!("{when} gave {other:?}, expected `Exists`")),
    };
    let missing = |when: &str, result: Result<(), StoreError>| match result {
        Err(StoreError::Missing(_)) => Ok(()),
        other => Err(format!("{when} gave {other:?}, expected `Missing`")),
    };
    let store = reopen();
    let (one, two) = (token(1, None), token(2, Some(5)));
    let ann = PersonEntry { name: "ann".into(), roles: vec![Role::Approve], created_ms: 7, tokens: vec![one.clone()] };
    let bob = PersonEntry { name: "bob".into(), roles: vec![Role::Approve, Role::Read], tokens: vec![], ..ann.clone() };
    same("an empty store", vec![])?;
    said(store.add_person(&bob))?;
    said(store.add_person(&ann))?;
    exists("adding a name twice", store.add_person(&PersonEntry { tokens: vec![], ..ann.clone() }))?;
    exists("adding a token of another", store.add_person(&PersonEntry { name: "eve".into(), ..ann.clone() }))?;
    exists("giving a token of another", store.add_person_token("bob", &one))?;
    same("after refused changes", vec![ann.clone(), bob.clone()])?;
    said(store.add_person_token("bob", &two))?;
    said(store.revoke_person_token("ann", &one.hash))?;
    said(store.revoke_person_token("ann", &one.hash))?;
    missing("revoking another's token", store.revoke_person_token("ann", &two.hash))?;
    missing("a token for nobody", store.add_person_token("eve", &token(3, None)))?;
    let revoked = PersonEntry { tokens: vec![TokenEntry { revoked: true, ..one }], ..ann };
    same("after changes", vec![revoked, PersonEntry { tokens: vec![two], ..bob.clone() }])?;
    said(store.remove_person("ann"))?;
    said(store.remove_person("bob"))?;
    missing("removing twice", store.remove_person("bob"))?;
    same("after removing", vec![])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, seed: u8) -> PersonEntry {
        let hash = Token::from_random([seed; 32]).hash();
        let token = TokenEntry { hash, label: String::new(), created_ms: 1, expires_ms: Some(100), revoked: false };
        PersonEntry { name: name.into(), roles: vec![Role::Approve], created_ms: 1, tokens: vec![token] }
    }

    #[test]
    fn tokens_speak_for_their_person_until_they_end() {
        let people = People::new([person("ann", 1), person("bob", 2)]).unwrap();
        let found =
            |seed: u8, now| people.by_token(Token::from_random([seed; 32]).text(), now).map(|entry| entry.name.clone());
        assert_eq!(found(1, 99), Ok("ann".into()));
        assert_eq!(found(2, 99), Ok("bob".into()));
        assert_eq!(found(1, 100), Err(TokenRefusal::Expired));
        assert_eq!(found(3, 0), Err(TokenRefusal::Unknown));
        let ann = people.by_name("ann").unwrap();
        assert!(ann.may(Role::Approve) && ann.may(Role::Read));
        assert!(!PersonEntry { roles: vec![Role::Read], ..ann.clone() }.may(Role::Approve));
        let auditor = PersonEntry { roles: vec![Role::Audit], ..ann.clone() };
        assert!([Role::Approve, Role::Read, Role::Release].into_iter().all(|role| !auditor.may(role)));
        assert!(auditor.may(Role::Audit) && !ann.may(Role::Audit));
    }

    #[test]
    fn names_are_plain_and_nobody_elses() {
        for name in ["", "Ann", "an n", "\u{e4}nn", "a\u{1b}[2J", &"x".repeat(129)] {
            assert!(matches!(People::new([person(name, 1)]), Err(PeopleError::BadName(_))), "{name}");
        }
        assert_eq!(People::new([person("operator", 1)]).unwrap_err(), PeopleError::Reserved("operator".into()));
        assert!(People::new([person("ann", 1), person("ann", 2)]).is_err());
        assert!(People::new([person("ann", 1), person("bob", 1)]).is_err());
    }
}
