//! Reasons of what was taken away. INVARIANT: what was taken away stays so, with whom it holds for.

use super::Standings;
use crate::whose::{ERASED, Whose};
use holdshort_model::{Scope, StandingEntry};

impl Standings {
    /// Erases the reasons, and the person's name in `by`. The entries that changed.
    pub fn erase(&mut self, whose: &Whose) -> Vec<Scope> {
        let agents = self.agents.values_mut().flat_map(|of| of.own.iter_mut().chain(of.sessions.values_mut()));
        let all = self.everybody.iter_mut().chain(self.classes.values_mut()).chain(agents);
        let mut changed = Vec::new();
        for entry in all {
            let (reason, by) = (concerns(whose, entry), whose.is_user(&entry.by));
            if reason && entry.reason != ERASED {
                entry.reason = ERASED.to_owned();
                changed.push(entry.scope.clone());
            }
            if by {
                entry.by = ERASED.to_owned();
                changed.push(entry.scope.clone());
            }
        }
        changed
    }
}

// What a policy took from an agent tells of the session in which it did so, and nobody knows which that was.
fn concerns(whose: &Whose, entry: &StandingEntry) -> bool {
    match &entry.scope {
        Scope::All | Scope::Class { .. } => false,
        Scope::Agent { agent } => whose.is_agent(agent) || entry.decision.is_some() && whose.is_of_agent(agent),
        Scope::Session { agent, session } => whose.has(agent, session, None),
    }
}

#[cfg(test)]
mod tests {
    use crate::standings::Standings;
    use crate::whose::{ERASED, KnownSession, Whose};
    use holdshort_model::{ErasureKind, RecordId, Scope, Standing, StandingEntry};

    fn entry(scope: Scope, by: &str, decided: bool) -> StandingEntry {
        StandingEntry {
            scope,
            standing: Standing::Isolated,
            removed: Vec::new(),
            since_ms: 1,
            by: by.into(),
            reason: "mailed the salaries".into(),
            decision: decided.then(|| RecordId::from_parts(1, 1)),
        }
    }

    #[test]
    fn who_was_isolated_stays_isolated_and_nobody_reads_why() {
        let agent = |agent: &str| Scope::Agent { agent: agent.into() };
        let session = |agent: &str, session: &str| Scope::Session { agent: agent.into(), session: session.into() };
        let before = Standings::new([
            entry(agent("a"), "policy", true),
            entry(agent("b"), "policy", true),
            entry(agent("c"), "ada", false),
            entry(session("a", "s"), "policy", true),
            entry(session("b", "s"), "policy", true),
        ]);
        let check = |kind, name: &str, blank: &[Scope]| {
            let known = KnownSession { agent: Some("a".into()), session: "s".into() };
            let mut after = before.clone();
            after.erase(&Whose::new(kind, name, [known]));
            for (was, is) in before.iter().zip(after.iter()) {
                assert_eq!((&was.scope, was.standing, was.since_ms), (&is.scope, is.standing, is.since_ms));
                assert_eq!(is.reason == ERASED, blank.contains(&is.scope), "{kind:?} {name} {:?}", is.scope);
            }
        };
        check(ErasureKind::Agent, "a", &[agent("a"), session("a", "s")]);
        check(ErasureKind::User, "someone", &[agent("a"), session("a", "s")]);
        check(ErasureKind::Session, "s", &[agent("a"), session("a", "s"), session("b", "s")]);
        check(ErasureKind::Agent, "z", &[agent("a")]);
        let mut after = before.clone();
        assert_eq!(after.erase(&Whose::new(ErasureKind::User, "ada", [])), [agent("c")]);
        assert_eq!(after.entry(&agent("c")).unwrap().by, ERASED);
    }
}
