//! Incidents: which one a decision joins, how it stays bounded, and where they are kept.
//!
//! There is one open incident for an agent at a time, as long as it goes on: after a silence of the window the next one
//! begins. Everything in it is bounded; what is left out is counted.

mod erasing;

pub use erasing::erase_incident;

use crate::StoreError;
use holdshort_model::{AgentId, Incident, IncidentEntry, IncidentState, Level, RecordId, SessionId};
use std::collections::BTreeMap;

/// Most open incidents at once. Whoever has more does not look at them one by one; 30 MB at most.
pub const INCIDENTS_OPEN_MAX: usize = 500;
/// Closed incidents that are kept; the oldest are forgotten. The log has what they tell.
pub const INCIDENTS_KEPT_MAX: usize = 10_000;
/// Most lines of a timeline.
pub const TIMELINE_MAX: usize = 200;
/// The first lines of a timeline, which stay: how it began.
pub const TIMELINE_HEAD: usize = 100;
/// Most agents of an incident, and most sessions.
pub const INVOLVED_MAX: usize = 64;
/// Longest text of a line and longest title, in characters.
pub const INCIDENT_TEXT_CHARS_MAX: usize = 400;

/// Lines that come by themselves as often as an agent tries; they give way to the others.
const FREQUENT: [&str; 3] = ["refused", "asked", "told"];

/// Incidents. Every method is atomic and durable when it returns.
pub trait IncidentStore {
    /// All open ones, by id.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn open_incidents(&self) -> Result<Vec<Incident>, StoreError>;

    /// At most `limit`, the newest first, only those with an id before `before`, and only those of `state`, where given.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn incidents(
        &self,
        state: Option<IncidentState>,
        before: Option<RecordId>,
        limit: usize,
    ) -> Result<Vec<Incident>, StoreError>;

    /// One of them, open or closed.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn incident(&self, id: RecordId) -> Result<Option<Incident>, StoreError>;

    /// Writes incidents, each in the place of the one with its id.
    ///
    /// # Errors
    /// When the store fails; then none of them is written.
    fn put_incidents(&self, incidents: &[Incident]) -> Result<(), StoreError>;

    /// Forgets the oldest closed ones, so that `keep` of them are left. Open ones stay.
    ///
    /// # Errors
    /// When the store fails.
    fn forget_closed(&self, keep: usize) -> Result<u64, StoreError>;
}

/// Why an incident cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {INCIDENTS_OPEN_MAX} open incidents; close some with `holdshort incidents close`")]
pub struct TooManyIncidents;

/// What joins an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// Whoever acted first, then those it acted for.
    pub agents: Vec<AgentId>,
    /// Where.
    pub session: Option<SessionId>,
    /// How bad it is.
    pub level: Level,
    /// The lines that it adds.
    pub entries: Vec<IncidentEntry>,
    /// When.
    pub now_ms: u64,
}

/// The open incidents.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    open: BTreeMap<RecordId, Incident>,
    window_ms: u64,
}

impl Incidents {
    /// The incidents that were open, and the silence after which an agent's next one begins, in milliseconds.
    pub fn new(window_ms: u64, open: impl IntoIterator<Item = Incident>) -> Self {
        let open = open.into_iter().filter(|incident| incident.state == IncidentState::Open);
        Self { open: open.map(|incident| (incident.id, incident)).collect(), window_ms }
    }

    /// The agents that have an open incident.
    pub fn agents(&self) -> impl Iterator<Item = &AgentId> {
        self.open.values().flat_map(|incident| &incident.agents)
    }

    /// Open incidents, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Incident> {
        self.open.values()
    }

    /// The open incident of this id.
    pub fn find(&self, id: RecordId) -> Option<&Incident> {
        self.open.get(&id)
    }

    /// The newest open incident that one of these agents has to do with.
    pub fn newest(&self, agents: &[AgentId]) -> Option<RecordId> {
        let of_them = |incident: &&Incident| agents.iter().any(|agent| incident.agents.contains(agent));
        self.open.values().rev().find(of_them).map(|incident| incident.id)
    }

    /// The incident that a playbook of one of these agents carries on; none when a new one has to be opened.
    ///
    /// A clock that went back ends no incident.
    pub fn joined(&self, agents: &[AgentId], now_ms: u64) -> Option<RecordId> {
        let newest = self.open.get(&self.newest(agents)?)?;
        (now_ms.saturating_sub(newest.last_ms) <= self.window_ms).then_some(newest.id)
    }

    /// Opens an incident.
    ///
    /// # Errors
    /// When there are too many open ones.
    pub fn open(&mut self, id: RecordId, title: &str, evidence: serde_json::Value) -> Result<(), TooManyIncidents> {
        if self.open.len() >= INCIDENTS_OPEN_MAX {
            return Err(TooManyIncidents);
        }
        let incident = Incident {
            id,
            title: short(title),
            level: Level::default(),
            state: IncidentState::Open,
            opened_ms: id.time_ms(),
            closed_ms: None,
            agents: Vec::new(),
            sessions: Vec::new(),
            timeline: Vec::new(),
            omitted: 0,
            last_ms: id.time_ms(),
            evidence,
        };
        self.open.insert(id, incident);
        Ok(())
    }

    /// Adds to an open incident. False when there is none of this id.
    pub fn add(&mut self, id: RecordId, happening: Happening) -> bool {
        let Some(incident) = self.open.get_mut(&id) else { return false };
        let Happening { agents, session, level, entries, now_ms } = happening;
        for agent in agents {
            involve(&mut incident.agents, agent, &mut incident.omitted);
        }
        if let Some(session) = session {
            involve(&mut incident.sessions, session, &mut incident.omitted);
        }
        incident.level = incident.level.max(level);
        incident.last_ms = incident.last_ms.max(now_ms);
        for entry in entries {
            line(incident, entry);
        }
        true
    }

    /// The incident as it is once a person has closed it. It stays open here until [`Self::remove`].
    pub fn closed(&self, id: RecordId, entry: IncidentEntry) -> Option<Incident> {
        let mut incident = self.open.get(&id)?.clone();
        incident.state = IncidentState::Closed;
        incident.closed_ms = Some(entry.at_ms);
        line(&mut incident, entry);
        Some(incident)
    }

    /// Takes an incident out.
    pub fn remove(&mut self, id: RecordId) -> Option<Incident> {
        self.open.remove(&id)
    }
}

fn involve<T: Ord>(known: &mut Vec<T>, one: T, omitted: &mut u64) {
    if let Err(at) = known.binary_search(&one) {
        match known.len() < INVOLVED_MAX {
            true => known.insert(at, one),
            false => *omitted += 1,
        }
    }
}

// How it began stays, and of the rest the latest. What an agent can repeat at will gives way first.
fn line(incident: &mut Incident, mut entry: IncidentEntry) {
    entry.text = short(&entry.text);
    if incident.timeline.len() >= TIMELINE_MAX {
        let frequent = |entry: &IncidentEntry| FREQUENT.contains(&entry.what.as_str());
        let later = incident.timeline.iter().skip(TIMELINE_HEAD);
        let at = TIMELINE_HEAD + later.clone().position(frequent).unwrap_or(0);
        incident.timeline.remove(at);
        incident.omitted += 1;
    }
    incident.timeline.push(entry);
}

fn short(text: &str) -> String {
    text.chars().take(INCIDENT_TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_MS: u64 = 1_000;

    fn id(ms: u64) -> RecordId {
        RecordId::from_parts(ms, 1)
    }

    fn entry(what: &str, at_ms: u64) -> IncidentEntry {
        IncidentEntry { at_ms, what: what.into(), text: format!("{what} {at_ms}"), decision: None, index: None }
    }

    fn happening(agents: &[&str], now_ms: u64, entries: Vec<IncidentEntry>) -> Happening {
        let agents = agents.iter().map(|agent| AgentId::from(*agent)).collect();
        Happening { agents, session: Some("s".into()), level: Level::High, entries, now_ms }
    }

    fn with_one(agents: &[&str]) -> Incidents {
        let mut incidents = Incidents::new(WINDOW_MS, []);
        incidents.open(id(10), "it happened", serde_json::Value::Null).unwrap();
        assert!(incidents.add(id(10), happening(agents, 10, vec![entry("refused", 10)])));
        incidents
    }

    #[test]
    fn an_agent_joins_its_open_incident_until_it_was_silent_for_the_window() {
        let mut incidents = with_one(&["child", "parent"]);
        let joined = |incidents: &Incidents, agent: &str, now| incidents.joined(&[agent.into()], now);
        assert_eq!(joined(&incidents, "child", 10 + WINDOW_MS), Some(id(10)));
        assert_eq!(joined(&incidents, "parent", 500), Some(id(10)), "whom it acts for is involved");
        assert_eq!(joined(&incidents, "child", 11 + WINDOW_MS), None);
        assert_eq!(joined(&incidents, "other", 11), None);
        assert_eq!(joined(&incidents, "child", 0), Some(id(10)), "the clock went back");
        assert!(incidents.add(id(10), happening(&["child"], 900, vec![])));
        assert_eq!(joined(&incidents, "child", 900 + WINDOW_MS), Some(id(10)), "it goes on");
        assert_eq!(incidents.newest(&["child".into()]), Some(id(10)));
    }

    #[test]
    fn the_newest_of_two_open_ones_is_carried_on() {
        let mut incidents = with_one(&["a"]);
        incidents.open(id(5_000), "again", serde_json::Value::Null).unwrap();
        incidents.add(id(5_000), happening(&["a"], 5_000, vec![]));
        assert_eq!(incidents.joined(&["a".into()], 5_001), Some(id(5_000)));
        assert!(incidents.remove(id(5_000)).is_some());
        assert_eq!(incidents.newest(&["a".into()]), Some(id(10)));
    }

    #[test]
    fn a_flood_leaves_the_beginning_the_latest_and_what_was_done() {
        let mut incidents = with_one(&["a"]);
        for n in 1..TIMELINE_HEAD as u64 + 20 {
            incidents.add(id(10), happening(&["a"], n, vec![entry("refused", n)]));
        }
        incidents.add(id(10), happening(&["a"], 0, vec![entry("contained", 7_777)]));
        for n in 1_000..3_000 {
            incidents.add(id(10), happening(&["a"], n, vec![entry("refused", n)]));
        }
        let incident = incidents.find(id(10)).unwrap();
        assert_eq!(incident.timeline.len(), TIMELINE_MAX);
        assert_eq!(incident.omitted as usize, 1 + TIMELINE_HEAD + 19 + 1 + 2_000 - TIMELINE_MAX);
        assert_eq!(incident.timeline[0].at_ms, 10);
        assert_eq!(incident.timeline[TIMELINE_HEAD - 1].at_ms, TIMELINE_HEAD as u64 - 1);
        assert_eq!(incident.timeline.last().unwrap().at_ms, 2_999);
        assert!(incident.timeline.iter().any(|entry| entry.what == "contained"));
    }

    #[test]
    fn texts_and_sessions_are_bounded_and_what_is_left_out_is_counted() {
        let mut incidents = with_one(&["a"]);
        for n in 0..INVOLVED_MAX + 10 {
            let session = Some(format!("{n}").into());
            incidents.add(id(10), Happening { session, ..happening(&["a"], 11, vec![]) });
        }
        let long = IncidentEntry { text: "\u{1f980}".repeat(5_000), ..entry("refused", 1) };
        incidents.add(id(10), happening(&["a"], 11, vec![long]));
        let incident = incidents.find(id(10)).unwrap();
        assert_eq!((incident.sessions.len(), incident.omitted), (INVOLVED_MAX, 11));
        assert_eq!(incident.timeline[1].text.chars().count(), INCIDENT_TEXT_CHARS_MAX);
        assert!(incident.sessions.is_sorted());
    }

    #[test]
    fn there_are_only_so_many_open_ones() {
        let mut incidents = Incidents::new(WINDOW_MS, []);
        for n in 0..INCIDENTS_OPEN_MAX as u64 {
            incidents.open(id(n), "x", serde_json::Value::Null).unwrap();
        }
        assert_eq!(incidents.open(id(9_999), "x", serde_json::Value::Null), Err(TooManyIncidents));
    }

    #[test]
    fn closing_says_who_and_when_and_only_open_ones_come_back() {
        let incidents = with_one(&["a"]);
        let closed = incidents.closed(id(10), entry("closed", 99)).unwrap();
        assert_eq!((closed.state, closed.closed_ms), (IncidentState::Closed, Some(99)));
        assert_eq!(closed.timeline.last().unwrap().what, "closed");
        assert!(incidents.find(id(10)).is_some(), "until it is kept");
        assert_eq!(Incidents::new(WINDOW_MS, [closed]).iter().count(), 0);
    }
}
