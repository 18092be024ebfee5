//! Where an action would go: what a granted Ask remembers.

use crate::decide::flow;
use crate::{SessionView, Snapshot};
use holdshort_inventory::KnownDestination;
use holdshort_model::{Facts, RecordId};
use std::cell::RefCell;

/// The destinations of a decided action that are not known yet, as they are remembered once a person granted it.
///
/// They are those that the decision asked about: `facts` and `session` have to be what it was made from. `by`: the
/// person who granted it.
pub fn destinations(
    snapshot: &Snapshot,
    session: &SessionView<'_>,
    facts: &Facts,
    decision: RecordId,
    by: &str,
) -> Vec<KnownDestination> {
    let agent = &facts.subject.agent.id;
    let user = facts.subject.user.as_deref().unwrap_or_default();
    let asked: RefCell<Vec<(String, String)>> = RefCell::default();
    let known = |kind: &str, value: &str| {
        let known = snapshot.destinations.knows(agent, user, kind, value);
        let mut asked = asked.borrow_mut();
        if !known && !asked.iter().any(|(k, v)| k == kind && v == value) {
            asked.push((kind.to_owned(), value.to_owned()));
        }
        known
    };
    let now_ns = facts.context.time;
    flow(snapshot, session, facts, &known, now_ns);
    let entry = |(kind, value)| KnownDestination {
        agent: agent.clone(),
        user: user.to_owned(),
        kind,
        value,
        since_ms: u64::try_from(now_ns / 1_000_000).unwrap_or(0),
        by: by.to_owned(),
        via: decision.to_string(),
    };
    asked.into_inner().into_iter().map(entry).collect()
}
