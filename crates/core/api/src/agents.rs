//! `/v1/agents` and `/v1/agents/{id}/tokens`.

use holdshort_model::{AgentId, Digest, Owner};
use serde::{Deserialize, Serialize};

/// Registered agents, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentsPage {
    /// The agents.
    pub agents: Vec<AgentSummary>,
}

/// A registered agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSummary {
    /// Id given by the organisation.
    pub id: AgentId,
    /// Class whose grants apply.
    pub class: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// When it was registered, in milliseconds since 1970.
    pub created_ms: u64,
    /// How many of its tokens are good now.
    pub tokens: u32,
}

/// Registers an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// Id: 1 to 128 letters, digits, `.`, `_`, `-`, `@`, `/`.
    pub id: AgentId,
    /// Class whose grants apply; of the same characters as the id, and not `unknown`.
    pub class: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

/// Asks for a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What people call it, such as `laptop`. At most 128 characters.
    #[serde(default)]
    pub label: String,
    /// From when on it is refused, in milliseconds since 1970. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// A new token: the only time that it is shown. We keep its digest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedToken {
    /// Digest of the token, by which the list names it and by which it is revoked.
    pub hash: Digest,
    /// The agent that it speaks for.
    pub agent: AgentId,
    /// The token itself.
    pub token: String,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { hash, agent, token: _ } = self;
        f.debug_struct("IssuedToken").field("hash", hash).field("agent", agent).field("token", &"***").finish()
    }
}

/// The tokens of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensPage {
    /// The tokens, the oldest first, revoked and expired ones included.
    pub tokens: Vec<TokenSummary>,
}

/// A token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSummary {
    /// Digest of the token.
    pub hash: Digest,
    /// What people call it.
    pub label: String,
    /// When it was issued, in milliseconds since 1970.
    pub created_ms: u64,
    /// From when on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// True once it was withdrawn.
    pub revoked: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_token() {
        let issued = IssuedToken { hash: Digest::of(b""), agent: "a".into(), token: "hs_secret".into() };
        assert!(!format!("{issued:?}").contains("secret"));
    }

    #[test]
    fn unknown_fields_of_callers_are_refused() {
        assert!(serde_json::from_str::<NewAgent>(r#"{"id":"a","class":"c","clas":"d"}"#).is_err());
        assert!(serde_json::from_str::<NewToken>(r#"{"expires":1}"#).is_err());
    }
}
