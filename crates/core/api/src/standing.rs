//! What was taken from whom, and given back.

use holdshort_model::{AgentId, Receipt, Scope, SessionId, Standing, StandingEntry, Subject};
use serde::{Deserialize, Serialize};

/// Whom a change is for: [`Scope`] as a caller writes it, where a misspelled field is an error and not a wider scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Whom {
    /// Everybody.
    All {},
    /// Every agent of a class.
    Class {
        /// The class.
        class: String,
    },
    /// An agent with all its sessions, and whoever acts on its behalf.
    Agent {
        /// The agent.
        agent: AgentId,
    },
    /// One session of an agent.
    Session {
        /// The agent.
        agent: AgentId,
        /// The session.
        session: SessionId,
    },
}

impl From<Whom> for Scope {
    fn from(whom: Whom) -> Self {
        match whom {
            Whom::All {} => Self::All,
            Whom::Class { class } => Self::Class { class },
            Whom::Agent { agent } => Self::Agent { agent },
            Whom::Session { agent, session } => Self::Session { agent, session },
        }
    }
}

/// Answer of `GET /v1/standing`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingPage {
    /// Everything that was taken away: everybody, classes, then agents with their sessions.
    pub entries: Vec<StandingEntry>,
    /// True while the log or the database does not take some of it. It holds all the same.
    pub unkept: bool,
}

/// Body of `POST /v1/standing`: something to be taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewStanding {
    /// From whom.
    pub whom: Whom,
    /// What is left: `narrowed`, `isolated` or `terminated`.
    pub standing: Standing,
    /// Names of grants that are taken away.
    #[serde(default)]
    pub removed: Vec<String>,
    /// Why, in the person's words.
    pub reason: String,
}

/// Answer of `POST /v1/standing`. It holds when the answer is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingChange {
    /// What held before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<StandingEntry>,
    /// What holds now.
    pub after: StandingEntry,
    /// False when it was taken away already.
    pub changed: bool,
    /// Whether it is on record and stored. If not, that goes on: `GET /v1/standing` says until when.
    pub kept: bool,
}

/// Body of `POST /v1/standing/release`: something to be given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// To whom: exactly what was contained. Somebody contained with their class is released with the class.
    pub whom: Whom,
    /// Names of the grants that are given back; empty = everything.
    #[serde(default)]
    pub grants: Vec<String>,
    /// Why, in the person's words.
    pub reason: String,
}

/// Answer of `POST /v1/standing/release`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// What held before.
    pub before: StandingEntry,
    /// What holds now.
    pub after: StandingEntry,
    /// Where the record stands. It was durable before anything was given back.
    pub receipt: Receipt,
    /// Whether it is stored: if not, and the service ends now, the next start has it contained again.
    pub kept: bool,
}

/// Body of `POST /v1/standing/self`, which an enforcement point asks; the answer is a
/// [`holdshort_model::StandingView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingQuestion {
    /// Who acts. With an agent's token it is that agent.
    pub subject: Subject,
    /// The session.
    pub session: SessionId,
}

/// Query of `GET /v1/standing/changes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingChangesQuery {
    /// The number that was given before; 0 at first.
    #[serde(default)]
    pub since: u64,
}

/// Answer of `GET /v1/standing/changes`: comes as soon as the number is another one than asked with, or after some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingChanges {
    /// The number of now.
    pub number: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_scope_is_no_wider_one() {
        let read = |text: &str| serde_json::from_str::<Whom>(text).map(Scope::from);
        assert_eq!(read(r#"{"scope":"all"}"#).unwrap(), Scope::All);
        assert_eq!(read(r#"{"scope":"agent","agent":"a"}"#).unwrap(), Scope::Agent { agent: "a".into() });
        for wrong in [
            r#"{"scope":"all","agent":"a"}"#,
            r#"{"scope":"agent","agent":"a","session":"s"}"#,
            r#"{"scope":"session","agent":"a"}"#,
            r#"{"scope":"everything"}"#,
            r#"{"agent":"a"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
