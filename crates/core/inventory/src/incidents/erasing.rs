//! Incidents of which only is left that they were. INVARIANT: an open one stays open, and with whom it concerns.

use super::Incidents;
use crate::whose::{ERASED, Whose};
use holdshort_model::{Incident, IncidentState, RecordId};
use serde_json::Value;

impl Incidents {
    /// Erases. Answers with the incidents that changed.
    pub fn erase(&mut self, whose: &Whose) -> Vec<RecordId> {
        self.open.values_mut().filter_map(|incident| erase_incident(incident, whose).then_some(incident.id)).collect()
    }
}

/// Takes out of an incident what it tells, if it tells of them. Nobody knows which line was about whom: all of them go, and
/// their times, kinds, decisions and places in the log stay. Whether it changed.
pub fn erase_incident(incident: &mut Incident, whose: &Whose) -> bool {
    let evidence = |name: &str| incident.evidence.get(name).and_then(Value::as_str);
    let is_users = evidence("user").is_some_and(|user| whose.is_user(user));
    if !is_users && !whose.may_have(&incident.agents, &incident.sessions) {
        return false;
    }
    let before = incident.clone();
    incident.title = ERASED.to_owned();
    incident.evidence = Value::Null;
    incident.timeline.iter_mut().for_each(|line| line.text = ERASED.to_owned());
    let agents = &incident.agents;
    incident.sessions.retain(|session| {
        let theirs = |agent| whose.has(agent, session, None);
        // Also another one's of that name: it cannot be told which is meant.
        !(is_users || agents.iter().any(theirs))
    });
    // What an open one goes on with is found by the agent.
    if incident.state == IncidentState::Closed {
        incident.agents.retain(|agent| !whose.is_agent(agent));
    }
    *incident != before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incidents::Happening;
    use crate::whose::KnownSession;
    use holdshort_model::{ErasureKind, IncidentEntry, Level};

    fn incidents() -> Incidents {
        let mut incidents = Incidents::new(1_000, []);
        for (number, agent, session) in [(1, "a", "s"), (2, "b", "s")] {
            let id = RecordId::from_parts(number, 1);
            incidents.open(id, "`send` of ada", serde_json::json!({"user": format!("user-{agent}")})).unwrap();
            let text = "mailed the salaries".into();
            let line = IncidentEntry { at_ms: 1, what: "refused".into(), text, decision: Some(id), index: Some(7) };
            let (agents, session) = (vec![agent.into()], Some(session.into()));
            incidents.add(id, Happening { agents, session, level: Level::High, entries: vec![line], now_ms: 1 });
        }
        incidents
    }

    #[test]
    fn an_open_incident_stays_open_and_says_nothing_more() {
        let check = |kind, name: &str, expected: &[u64]| {
            let mut after = incidents();
            let known = KnownSession { agent: Some("a".into()), session: "s".into() };
            let changed = after.erase(&Whose::new(kind, name, [known]));
            let expected: Vec<RecordId> = expected.iter().map(|number| RecordId::from_parts(*number, 1)).collect();
            assert_eq!(changed, expected, "{kind:?} {name}");
            for (was, is) in incidents().iter().zip(after.iter()) {
                let erased = expected.contains(&is.id);
                assert_eq!((was.state, was.level, &was.agents), (is.state, is.level, &is.agents));
                assert_eq!(is.timeline[0].text == ERASED, erased);
                assert_eq!((is.timeline[0].decision, is.timeline[0].index), (Some(is.id), Some(7)));
                assert_eq!((is.evidence.is_null(), is.sessions.is_empty()), (erased, erased));
            }
        };
        check(ErasureKind::Agent, "a", &[1]);
        check(ErasureKind::User, "ada", &[1]);
        check(ErasureKind::User, "user-b", &[1, 2]);
        check(ErasureKind::Session, "s", &[1, 2]);
    }

    #[test]
    fn a_closed_one_names_nobody_any_more() {
        let mut incident = incidents().find(RecordId::from_parts(1, 1)).unwrap().clone();
        incident.state = IncidentState::Closed;
        let whose = Whose::new(ErasureKind::Agent, "a", []);
        assert!(erase_incident(&mut incident, &whose));
        assert!(incident.agents.is_empty() && incident.sessions.is_empty());
        assert!(!erase_incident(&mut incident, &whose), "again is no change");
    }
}
