//! The agents that the organisation registered, found by token or id.

use crate::Token;
use holdshort_model::{Agent, AgentId, Claims, Digest, Owner};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Class of an agent that nobody registered. Cannot be given to a registered one.
pub const UNKNOWN_CLASS: &str = "unknown";

/// An agent as the inventory keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentEntry {
    /// Id given by the organisation.
    pub id: AgentId,
    /// Class whose grants apply, such as `coding`.
    pub class: String,
    /// The person or team that answers for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// When it was registered, in milliseconds since 1970.
    pub created_ms: u64,
    /// Its tokens, revoked and expired ones included.
    #[serde(default)]
    pub tokens: Vec<TokenEntry>,
}

/// A token of an agent, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenEntry {
    /// [`Token::hash`] of it.
    pub hash: Digest,
    /// What people call it, such as `laptop`.
    pub label: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// From when on it is refused, in milliseconds since 1970; `None` = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// True once it was withdrawn; that is final.
    #[serde(default)]
    pub revoked: bool,
}

/// Why a token is refused. An outside caller gets the same answer for all of them; the log says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Not of the form of a token.
    #[error("the bearer token is malformed")]
    Malformed,
    /// No agent has it.
    #[error("no agent has this token")]
    Unknown,
    /// It was withdrawn.
    #[error("the token was revoked; make another one with `holdshort agents tokens create`")]
    Revoked,
    /// It is over its time.
    #[error("the token has expired; make another one with `holdshort agents tokens create`")]
    Expired,
}

/// Entries that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgentsError {
    /// Two entries with one id.
    #[error("the agent `{0}` is registered twice")]
    DuplicateId(AgentId),
    /// Two tokens with one hash: a token would speak for two agents.
    #[error("the agents `{0}` and `{1}` have the same token; revoke it and make two")]
    SharedToken(AgentId, AgentId),
    /// No id or class, or one with characters that a grant could not name.
    #[error("`{0}` is not a name for {1}: use 1 to 128 letters, digits, `.`, `_`, `-`, `@`, `:`, `/`")]
    BadName(String, &'static str),
    /// The class of agents that nobody registered.
    #[error("the agent `{0}` cannot have the class `unknown`: it is the class of agents that nobody registered")]
    ReservedClass(AgentId),
}

/// The registered agents. Immutable; a change makes another one.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    by_id: BTreeMap<AgentId, AgentEntry>,
    by_hash: HashMap<Digest, (AgentId, usize)>,
}

impl Agents {
    /// Builds the view.
    ///
    /// # Errors
    /// All the entries that are wrong by themselves or together; see [`AgentsError`].
    pub fn new(entries: impl IntoIterator<Item = AgentEntry>) -> Result<Self, Vec<AgentsError>> {
        let mut view = Self::default();
        let mut errors = Vec::new();
        for entry in entries {
            view.add(entry, &mut errors);
        }
        if errors.is_empty() { Ok(view) } else { Err(errors) }
    }

    fn add(&mut self, entry: AgentEntry, errors: &mut Vec<AgentsError>) {
        check_name(entry.id.as_str(), "an agent", errors);
        check_name(&entry.class, "a class of agents", errors);
        if entry.class == UNKNOWN_CLASS {
            errors.push(AgentsError::ReservedClass(entry.id.clone()));
        }
        for (position, token) in entry.tokens.iter().enumerate() {
            if let Some((other, _)) = self.by_hash.insert(token.hash, (entry.id.clone(), position)) {
                errors.push(AgentsError::SharedToken(other, entry.id.clone()));
            }
        }
        if let Some(other) = self.by_id.insert(entry.id.clone(), entry) {
            errors.push(AgentsError::DuplicateId(other.id));
        }
    }

    /// The agent that `id` names.
    pub fn by_id(&self, id: &AgentId) -> Option<&AgentEntry> {
        self.by_id.get(id)
    }

    /// The agent whose token `text` is.
    ///
    /// # Errors
    /// When it is not a token, belongs to nobody, was revoked, or has expired at `now_ms` (milliseconds since 1970).
    pub fn by_token(&self, text: &str, now_ms: u64) -> Result<&AgentEntry, TokenRefusal> {
        let hash = Token::parse(text).map_err(|_| TokenRefusal::Malformed)?.hash();
        let (id, position) = self.by_hash.get(&hash).ok_or(TokenRefusal::Unknown)?;
        let entry = self.by_id.get(id).ok_or(TokenRefusal::Unknown)?;
        let token = entry.tokens.get(*position).ok_or(TokenRefusal::Unknown)?;
        match token {
            TokenEntry { revoked: true, .. } => Err(TokenRefusal::Revoked),
            TokenEntry { expires_ms: Some(end), .. } if *end <= now_ms => Err(TokenRefusal::Expired),
            _ => Ok(entry),
        }
    }

    /// The agent as policies see it: of class [`UNKNOWN_CLASS`] and without an owner when nobody registered it.
    pub fn resolve(&self, id: &AgentId, claims: &Claims) -> Agent {
        let (class, owner) = match self.by_id.get(id) {
            Some(entry) => (entry.class.clone(), entry.owner.clone()),
            None => (UNKNOWN_CLASS.to_owned(), None),
        };
        Agent { id: id.clone(), class, owner, claims: claims.clone() }
    }

    /// All entries, by id.
    pub fn iter(&self) -> impl Iterator<Item = &AgentEntry> {
        self.by_id.values()
    }

    /// The classes of the registered agents, sorted, each once.
    pub fn classes(&self) -> Vec<&str> {
        let mut classes: Vec<&str> = self.by_id.values().map(|entry| entry.class.as_str()).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }
}

fn check_name(name: &str, what: &'static str, errors: &mut Vec<AgentsError>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-@:/".contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
        errors.push(AgentsError::BadName(name.chars().take(80).collect(), what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, class: &str, tokens: Vec<TokenEntry>) -> AgentEntry {
        AgentEntry { id: id.into(), class: class.into(), owner: None, created_ms: 1, tokens }
    }

    fn token(seed: u8, expires_ms: Option<u64>, revoked: bool) -> TokenEntry {
        let hash = Token::from_random([seed; 32]).hash();
        TokenEntry { hash, label: "t".into(), created_ms: 1, expires_ms, revoked }
    }

    fn text(seed: u8) -> String {
        Token::from_random([seed; 32]).text().to_owned()
    }

    #[test]
    fn tokens_speak_for_their_agent_until_they_end() {
        let tokens = vec![token(1, None, false), token(2, Some(100), false), token(3, None, true)];
        let agents =
            Agents::new([entry("a", "coding", tokens), entry("b", "crm", vec![token(4, None, false)])]).unwrap();
        let found = |text: &str, now| agents.by_token(text, now).map(|entry| entry.id.to_string());
        assert_eq!(found(&text(1), 0), Ok("a".into()));
        assert_eq!(found(&text(4), 0), Ok("b".into()));
        assert_eq!(found(&text(2), 99), Ok("a".into()));
        assert_eq!(found(&text(2), 100), Err(TokenRefusal::Expired));
        assert_eq!(found(&text(3), 0), Err(TokenRefusal::Revoked));
        assert_eq!(found(&text(5), 0), Err(TokenRefusal::Unknown));
        assert_eq!(found("secret", 0), Err(TokenRefusal::Malformed));
        assert_eq!(agents.classes(), ["coding", "crm"]);
    }

    #[test]
    fn nobody_registered_it() {
        let claims = Claims { name: Some("claude".into()), ..Claims::default() };
        let agent = Agents::default().resolve(&"x".into(), &claims);
        assert_eq!((agent.class.as_str(), agent.owner, agent.claims), ("unknown", None, claims));
    }

    #[test]
    fn entries_that_do_not_go_together() {
        let shared = [entry("a", "c", vec![token(1, None, false)]), entry("b", "c", vec![token(1, None, false)])];
        assert_eq!(Agents::new(shared).unwrap_err(), [AgentsError::SharedToken("a".into(), "b".into())]);
        let twice = [entry("a", "c", vec![]), entry("a", "d", vec![])];
        assert_eq!(Agents::new(twice).unwrap_err(), [AgentsError::DuplicateId("a".into())]);
        let reserved = [entry("a", "unknown", vec![])];
        assert_eq!(Agents::new(reserved).unwrap_err(), [AgentsError::ReservedClass("a".into())]);
        assert_eq!(Agents::new([entry("", "c", vec![]), entry("a", "c*", vec![])]).unwrap_err().len(), 2);
    }
}
