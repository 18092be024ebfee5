//! Destinations that an agent used before for a person, with a person's approval: payees, recipients, hosts,
//! repositories, paths.
//!
//! INVARIANT: nothing here learns by itself. An entry is made when a person granted an action, or added it by hand; an
//! agent's own use of a destination never makes it a known one.

use holdshort_model::AgentId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most destinations that are remembered of one agent: a person approves each of them.
pub const DESTINATIONS_PER_AGENT_MAX: usize = 10_000;
/// Most destinations that are remembered at all.
pub const DESTINATIONS_MAX: usize = 100_000;
/// Longest value of a destination, in bytes: longer than any path or URL that a person reads before approving it.
pub const DESTINATION_BYTES_MAX: usize = 4_096;
/// Longest other text of an entry, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// One remembered destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownDestination {
    /// The agent that may use it.
    pub agent: AgentId,
    /// The person that the agent acts for; empty = nobody in particular.
    #[serde(default)]
    pub user: String,
    /// Kind of destination, such as `mail`, `account`, `host`, `path`.
    pub kind: String,
    /// The destination, folded: two spellings of one address are one value.
    pub value: String,
    /// Since when it is known, in milliseconds since 1970.
    pub since_ms: u64,
    /// Who approved it.
    pub by: String,
    /// How: `add`, or the id of the decision that was granted.
    pub via: String,
}

/// Why a destination cannot be remembered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationsError {
    /// A part is empty.
    #[error("a destination needs an agent, a kind and a value")]
    Empty,
    /// A part is too long.
    #[error("a destination's value has at most {DESTINATION_BYTES_MAX} bytes, its other parts {TEXT_BYTES_MAX} each")]
    TooLong,
    /// The agent has too many.
    #[error(
        "the agent `{0}` has {DESTINATIONS_PER_AGENT_MAX} known destinations already; forget some with \
         `holdshort destinations forget`"
    )]
    TooMany(AgentId),
    /// There are too many.
    #[error("{DESTINATIONS_MAX} destinations are known already; forget some with `holdshort destinations forget`")]
    Full,
}

type Values = BTreeMap<String, KnownDestination>;

/// The remembered destinations, found by agent, person, kind and value.
#[derive(Clone, Debug, Default)]
pub struct Destinations {
    agents: BTreeMap<AgentId, OfAgent>,
    count: usize,
}

/// Those of one agent: by person, kind and value, level by level, so that looking one up allocates nothing.
#[derive(Clone, Debug, Default)]
struct OfAgent {
    users: BTreeMap<String, BTreeMap<String, Values>>,
    count: usize,
}

impl Destinations {
    /// The set of these entries; a later one takes the place of an earlier one. Those that are over a limit are left
    /// out: a destination that is not known is asked about.
    pub fn new(entries: impl IntoIterator<Item = KnownDestination>) -> Self {
        let mut all = Self::default();
        for entry in entries {
            // A destination that is left out is asked about again: the strict side.
            let _ = all.add(entry);
        }
        all
    }

    /// Whether `agent` used the destination before for `user`, with a person's approval. `value`: folded.
    pub fn knows(&self, agent: &AgentId, user: &str, kind: &str, value: &str) -> bool {
        self.values(agent, user, kind).is_some_and(|values| values.contains_key(value))
    }

    /// Remembers a destination; false when it is known already, and then nothing changes.
    ///
    /// # Errors
    /// When it is no destination, or there are too many.
    pub fn add(&mut self, entry: KnownDestination) -> Result<bool, DestinationsError> {
        check(&entry)?;
        if self.knows(&entry.agent, &entry.user, &entry.kind, &entry.value) {
            return Ok(false);
        }
        if self.count >= DESTINATIONS_MAX {
            return Err(DestinationsError::Full);
        }
        let of_agent = self.agents.entry(entry.agent.clone()).or_default();
        if of_agent.count >= DESTINATIONS_PER_AGENT_MAX {
            return Err(DestinationsError::TooMany(entry.agent));
        }
        let kinds = of_agent.users.entry(entry.user.clone()).or_default();
        kinds.entry(entry.kind.clone()).or_default().insert(entry.value.clone(), entry);
        (of_agent.count, self.count) = (of_agent.count + 1, self.count + 1);
        Ok(true)
    }

    /// Forgets a destination; false when it was not known.
    pub fn forget(&mut self, agent: &AgentId, user: &str, kind: &str, value: &str) -> bool {
        let Some(of_agent) = self.agents.get_mut(agent) else { return false };
        let values = of_agent.users.get_mut(user).and_then(|kinds| kinds.get_mut(kind));
        let gone = usize::from(values.and_then(|values| values.remove(value)).is_some());
        of_agent.count -= gone;
        self.count -= gone;
        gone > 0
    }

    /// Takes out all of an agent, or of a person.
    pub fn erase(&mut self, whose: &crate::Whose) -> Vec<KnownDestination> {
        let theirs = |entry: &&KnownDestination| whose.is_agent(&entry.agent) || whose.is_user(&entry.user);
        let gone: Vec<KnownDestination> = self.iter().filter(theirs).cloned().collect();
        for entry in &gone {
            self.forget(&entry.agent, &entry.user, &entry.kind, &entry.value);
        }
        gone
    }

    /// All of them, by agent, person, kind and value.
    pub fn iter(&self) -> impl Iterator<Item = &KnownDestination> {
        let users = self.agents.values().flat_map(|of_agent| of_agent.users.values());
        users.flat_map(BTreeMap::values).flat_map(BTreeMap::values)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn values(&self, agent: &AgentId, user: &str, kind: &str) -> Option<&Values> {
        self.agents.get(agent)?.users.get(user)?.get(kind)
    }
}

fn check(entry: &KnownDestination) -> Result<(), DestinationsError> {
    let KnownDestination { agent, user, kind, value, by, via, .. } = entry;
    if agent.as_str().is_empty() || kind.is_empty() || value.is_empty() {
        return Err(DestinationsError::Empty);
    }
    let short = [agent.as_str(), user, kind, by, via].iter().all(|text| text.len() <= TEXT_BYTES_MAX);
    if short && value.len() <= DESTINATION_BYTES_MAX { Ok(()) } else { Err(DestinationsError::TooLong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(agent: &str, user: &str, value: &str) -> KnownDestination {
        KnownDestination {
            agent: agent.into(),
            user: user.into(),
            kind: "mail".into(),
            value: value.into(),
            since_ms: 1,
            by: "operator".into(),
            via: "add".into(),
        }
    }

    #[test]
    fn a_destination_is_known_to_its_agent_person_and_kind_only() {
        let set = Destinations::new([entry("a", "ann", "x@example.org")]);
        let check = |agent: &str, user: &str, kind: &str, value: &str, expected: bool| {
            assert_eq!(set.knows(&agent.into(), user, kind, value), expected, "{agent} {user} {kind} {value}");
        };
        check("a", "ann", "mail", "x@example.org", true);
        check("b", "ann", "mail", "x@example.org", false);
        check("a", "", "mail", "x@example.org", false);
        check("a", "ann", "host", "x@example.org", false);
        check("a", "ann", "mail", "y@example.org", false);
    }

    #[test]
    fn adding_twice_and_forgetting_twice_change_nothing() {
        let mut set = Destinations::default();
        assert_eq!(set.add(entry("a", "", "x")), Ok(true));
        assert_eq!(set.add(entry("a", "", "x")), Ok(false));
        assert_eq!(set.len(), 1);
        assert!(set.forget(&"a".into(), "", "mail", "x"));
        assert!(!set.forget(&"a".into(), "", "mail", "x"));
        assert!(set.is_empty() && set.iter().next().is_none());
    }

    #[test]
    fn one_agent_cannot_fill_the_set() {
        let mut set = Destinations::default();
        for number in 0..DESTINATIONS_PER_AGENT_MAX {
            set.add(entry("a", &format!("u{}", number % 7), &number.to_string())).unwrap();
        }
        assert_eq!(set.add(entry("a", "", "more")), Err(DestinationsError::TooMany("a".into())));
        assert_eq!(set.add(entry("b", "", "more")), Ok(true));
    }

    #[test]
    fn what_is_no_destination_is_refused() {
        let mut set = Destinations::default();
        assert_eq!(set.add(entry("a", "", "")), Err(DestinationsError::Empty));
        assert_eq!(set.add(entry("a", "", &"x".repeat(4_097))), Err(DestinationsError::TooLong));
        assert_eq!(set.add(entry("a", &"u".repeat(257), "x")), Err(DestinationsError::TooLong));
    }
}
