//! Whose data an erasure is about.

use holdshort_model::{AgentId, ErasureKind, SessionId};
use std::collections::BTreeSet;

/// In the place of a text, a name or an id that was erased.
pub const ERASED: &str = "erased";

/// A session, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KnownSession {
    /// The agent, where known.
    pub agent: Option<AgentId>,
    /// Its name, which other agents may use, too.
    pub session: SessionId,
}

/// A person, an agent or a session, and the sessions that are known to be theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// None: the sessions, and nothing else.
    kind: Option<ErasureKind>,
    name: String,
    sessions: BTreeSet<KnownSession>,
}

impl Whose {
    /// `sessions`: of the person, the agent or the session, with the agent where it is known.
    pub fn new(kind: ErasureKind, name: &str, sessions: impl IntoIterator<Item = KnownSession>) -> Self {
        Self { kind: Some(kind), name: name.to_owned(), sessions: sessions.into_iter().collect() }
    }

    /// These sessions, whoever they were for.
    pub fn of_sessions(sessions: impl IntoIterator<Item = KnownSession>) -> Self {
        Self { kind: None, name: String::new(), sessions: sessions.into_iter().collect() }
    }

    /// Whether it is about what an agent did in a session for a person.
    ///
    /// INVARIANT: another agent's session of the same name is another session, unless the session itself was named: an agent
    /// chooses that name, and must not have somebody else's erased along with its own.
    pub fn has(&self, agent: &AgentId, session: &SessionId, user: Option<&str>) -> bool {
        match self.kind {
            Some(ErasureKind::Agent) => agent.as_str() == self.name,
            Some(ErasureKind::Session) => session.as_str() == self.name,
            None => self.is_session_of(agent, session),
            Some(ErasureKind::User) => match user.filter(|user| !user.is_empty()) {
                Some(user) => user == self.name,
                None => self.is_session_of(agent, session),
            },
        }
    }

    /// Whether it is about this agent as a whole.
    pub fn is_agent(&self, agent: &AgentId) -> bool {
        self.kind == Some(ErasureKind::Agent) && agent.as_str() == self.name
    }

    /// Whether it is about this person.
    pub fn is_user(&self, user: &str) -> bool {
        self.kind == Some(ErasureKind::User) && user == self.name
    }

    /// Whether one of the sessions is this agent's.
    pub fn is_of_agent(&self, agent: &AgentId) -> bool {
        self.is_agent(agent) || self.sessions.iter().any(|known| known.agent.as_ref() == Some(agent))
    }

    /// Whether what these agents did in these sessions may be about it, where nobody knows any more who did what.
    pub fn may_have(&self, agents: &[AgentId], sessions: &[SessionId]) -> bool {
        let together = |agent: &AgentId| sessions.iter().any(|session| self.has(agent, session, None));
        agents.iter().any(|agent| self.is_agent(agent) || together(agent))
    }

    /// The sessions.
    pub fn sessions(&self) -> impl Iterator<Item = &KnownSession> {
        self.sessions.iter()
    }

    fn is_session_of(&self, agent: &AgentId, session: &SessionId) -> bool {
        let is_it = |known: &KnownSession| known.session == *session && known.agent.as_ref() == Some(agent);
        self.sessions.iter().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose(kind: ErasureKind, name: &str) -> Whose {
        let session = |agent: &str, session: &str| KnownSession { agent: Some(agent.into()), session: session.into() };
        Whose::new(kind, name, [session("a", "s"), session("a", "t")])
    }

    #[test]
    fn a_session_of_the_same_name_is_another_agents() {
        let check = |kind, name: &str, (agent, session, user): (&str, &str, Option<&str>), expected: bool| {
            let found = whose(kind, name).has(&agent.into(), &session.into(), user);
            assert_eq!(found, expected, "{kind:?} {name}: {agent} {session} {user:?}");
        };
        check(ErasureKind::Agent, "a", ("a", "anything", None), true);
        check(ErasureKind::Agent, "a", ("b", "s", None), false);
        check(ErasureKind::Agent, "a", ("b", "a", Some("a")), false);
        check(ErasureKind::User, "ada", ("a", "s", None), true);
        check(ErasureKind::User, "ada", ("b", "s", None), false);
        check(ErasureKind::User, "ada", ("a", "s", Some("bob")), false);
        check(ErasureKind::User, "ada", ("b", "other", Some("ada")), true);
        check(ErasureKind::User, "ada", ("ada", "ada", None), false);
        check(ErasureKind::Session, "s", ("a", "s", None), true);
        check(ErasureKind::Session, "s", ("b", "s", None), true);
        check(ErasureKind::Session, "s", ("s", "a", Some("s")), false);
    }

    #[test]
    fn names_are_compared_byte_for_byte() {
        for other in ["ADA", "ada ", "a\u{308}da", "%", "*", "ad_", ""] {
            assert!(!whose(ErasureKind::User, "ada").has(&"b".into(), &"x".into(), Some(other)), "{other}");
            assert!(!whose(ErasureKind::Agent, "a").is_agent(&other.into()), "{other}");
        }
    }
}
