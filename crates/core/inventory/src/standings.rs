//! What was taken away, and from whom: from everybody, a class, an agent, or one session.
//!
//! INVARIANT: it only gets stricter. [`Standings::lower`] joins; [`Standings::release`] is the one way back, and it is a
//! person's. What holds for a subject is the join of everything that holds for it and for whoever it acts on behalf of.

mod erasing;

use holdshort_model::{AgentId, Scope, SessionId, Standing, StandingEntry, StandingView};
use std::collections::BTreeMap;

/// Most sessions of one agent that something was taken from; with the next one, what they lost is lost to the agent.
pub const SESSIONS_PER_AGENT_MAX: usize = 1_024;
/// Most agents that something was taken from; with the next one, what it loses is lost to everybody.
pub const AGENTS_CONTAINED_MAX: usize = 65_536;
/// Most names of grants that are taken from one scope one by one; with more it is isolated.
pub const REMOVED_MAX: usize = 1_024;
/// Longest text of an entry, in characters; the rest is cut.
const TEXT_CHARS_MAX: usize = 1_000;

/// Everything that was taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standings {
    everybody: Option<StandingEntry>,
    classes: BTreeMap<String, StandingEntry>,
    agents: BTreeMap<AgentId, OfAgent>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfAgent {
    own: Option<StandingEntry>,
    sessions: BTreeMap<SessionId, StandingEntry>,
}

/// An entry that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowered {
    /// What held before, if anything.
    pub before: Option<StandingEntry>,
    /// What holds now. Its scope is wider than asked when a bound was reached.
    pub after: StandingEntry,
}

impl Standings {
    /// From stored entries. What stands twice is joined.
    pub fn new(entries: impl IntoIterator<Item = StandingEntry>) -> Self {
        let mut standings = Self::default();
        for entry in entries {
            standings.lower(entry);
        }
        standings
    }

    /// Whether nothing was taken from anybody.
    pub fn is_empty(&self) -> bool {
        self.everybody.is_none() && self.classes.is_empty() && self.agents.is_empty()
    }

    /// All entries: everybody, classes, then agents with their sessions.
    pub fn iter(&self) -> impl Iterator<Item = &StandingEntry> {
        let agents = self.agents.values().flat_map(|of| of.own.iter().chain(of.sessions.values()));
        self.everybody.iter().chain(self.classes.values()).chain(agents)
    }

    /// The entry of exactly this scope.
    pub fn entry(&self, scope: &Scope) -> Option<&StandingEntry> {
        match scope {
            Scope::All => self.everybody.as_ref(),
            Scope::Class { class } => self.classes.get(class),
            Scope::Agent { agent } => self.agents.get(agent)?.own.as_ref(),
            Scope::Session { agent, session } => self.agents.get(agent)?.sessions.get(session),
        }
    }

    /// What is left to an agent in a session. `chain`: the agent itself and everybody it acts on behalf of, each with
    /// its class. In the same session a child has what its parent has there, and never more.
    pub fn view<'a>(
        &self,
        session: &SessionId,
        chain: impl IntoIterator<Item = (&'a AgentId, &'a str)>,
    ) -> StandingView {
        if self.is_empty() {
            return StandingView::default();
        }
        let mut joined = Joined::default();
        joined.take(self.everybody.as_ref());
        for (agent, class) in chain {
            joined.take(self.classes.get(class));
            if let Some(of) = self.agents.get(agent) {
                joined.take(of.own.as_ref());
                joined.take(of.sessions.get(session));
            }
        }
        joined.view()
    }

    /// Takes something away. `None` when that changes nothing: it was gone already.
    pub fn lower(&mut self, entry: StandingEntry) -> Option<Lowered> {
        let entry = bounded(StandingEntry { scope: self.widened(entry.scope), ..entry });
        if entry.standing == Standing::Active && entry.removed.is_empty() {
            return None;
        }
        let before = self.entry(&entry.scope).cloned();
        let after = match &before {
            Some(before) => join(before, entry)?,
            None => entry,
        };
        self.put(after.clone());
        Some(Lowered { before, after })
    }

    /// Gives back: some grants, or everything when none is named. Gives what held before; `None` when nothing of it was
    /// taken away. What is left of the entry is then under [`Self::entry`].
    ///
    /// INVARIANT: called for a person only, after the record of it is durable.
    pub fn release(&mut self, scope: &Scope, grants: &[String]) -> Option<StandingEntry> {
        let before = self.entry(scope)?.clone();
        if grants.is_empty() {
            self.remove(scope);
            return Some(before);
        }
        let mut after = before.clone();
        after.removed.retain(|grant| !grants.contains(grant));
        if after.removed.len() == before.removed.len() {
            return None;
        }
        match after.removed.is_empty() && after.standing <= Standing::Narrowed {
            true => self.remove(scope),
            false => self.put(after),
        }
        Some(before)
    }

    // Over a bound nothing is forgotten: the next wider scope takes it.
    fn widened(&self, scope: Scope) -> Scope {
        match scope {
            Scope::Session { agent, session } => {
                let known = self.agents.get(&agent);
                let full = known.is_some_and(|of| {
                    of.sessions.len() >= SESSIONS_PER_AGENT_MAX && !of.sessions.contains_key(&session)
                });
                match full {
                    true => self.widened(Scope::Agent { agent }),
                    false if known.is_none() && self.agents.len() >= AGENTS_CONTAINED_MAX => Scope::All,
                    false => Scope::Session { agent, session },
                }
            }
            Scope::Agent { agent }
                if !self.agents.contains_key(&agent) && self.agents.len() >= AGENTS_CONTAINED_MAX =>
            {
                Scope::All
            }
            scope => scope,
        }
    }

    fn put(&mut self, entry: StandingEntry) {
        match entry.scope.clone() {
            Scope::All => self.everybody = Some(entry),
            Scope::Class { class } => drop(self.classes.insert(class, entry)),
            Scope::Agent { agent } => self.agents.entry(agent).or_default().own = Some(entry),
            Scope::Session { agent, session } => {
                self.agents.entry(agent).or_default().sessions.insert(session, entry);
            }
        }
    }

    fn remove(&mut self, scope: &Scope) {
        match scope {
            Scope::All => self.everybody = None,
            Scope::Class { class } => drop(self.classes.remove(class)),
            Scope::Agent { agent } | Scope::Session { agent, .. } => {
                let Some(of) = self.agents.get_mut(agent) else { return };
                match scope {
                    Scope::Session { session, .. } => drop(of.sessions.remove(session)),
                    _ => of.own = None,
                }
                if of.own.is_none() && of.sessions.is_empty() {
                    self.agents.remove(agent);
                }
            }
        }
    }
}

/// Entries joined on the way to a view.
#[derive(Default)]
struct Joined<'a> {
    strictest: Option<&'a StandingEntry>,
    removed: Vec<&'a String>,
}

impl<'a> Joined<'a> {
    fn take(&mut self, entry: Option<&'a StandingEntry>) {
        let Some(entry) = entry else { return };
        self.removed.extend(&entry.removed);
        if self.strictest.is_none_or(|strictest| entry.standing > strictest.standing) {
            self.strictest = Some(entry);
        }
    }

    fn view(mut self) -> StandingView {
        self.removed.sort_unstable();
        self.removed.dedup();
        StandingView {
            standing: self.strictest.map(|entry| entry.standing).unwrap_or_default(),
            removed: self.removed.into_iter().cloned().collect(),
            because: self.strictest.map(because),
        }
    }
}

fn because(entry: &StandingEntry) -> String {
    let what = match entry.standing {
        Standing::Active => "holds everything",
        Standing::Narrowed => "has lost grants",
        Standing::Isolated => "is isolated",
        Standing::Terminated => "was ended",
    };
    format!("{} {what}, by {}: {}", entry.scope, entry.by, entry.reason)
}

/// The join; `None` when `new` adds nothing. Words and time are of whoever changed it last.
fn join(before: &StandingEntry, new: StandingEntry) -> Option<StandingEntry> {
    let standing = before.standing.max(new.standing);
    let mut removed = before.removed.clone();
    removed.extend(new.removed.iter().cloned());
    let after = bounded(StandingEntry { standing, removed, ..new });
    (after.standing > before.standing || after.removed != before.removed).then_some(after)
}

fn bounded(mut entry: StandingEntry) -> StandingEntry {
    entry.removed.sort_unstable();
    entry.removed.dedup();
    if entry.removed.len() > REMOVED_MAX {
        entry.removed.truncate(REMOVED_MAX);
        entry.standing = entry.standing.max(Standing::Isolated);
    }
    if !entry.removed.is_empty() {
        entry.standing = entry.standing.max(Standing::Narrowed);
    }
    for text in [&mut entry.by, &mut entry.reason] {
        if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
            text.truncate(end);
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(scope: Scope, standing: Standing, removed: &[&str]) -> StandingEntry {
        let removed = removed.iter().map(|name| (*name).to_owned()).collect();
        let (by, reason) = ("policy".to_owned(), "because".to_owned());
        StandingEntry { scope, standing, removed, since_ms: 1, by, reason, decision: None }
    }

    fn agent(agent: &str) -> Scope {
        Scope::Agent { agent: agent.into() }
    }

    fn session(agent: &str, session: &str) -> Scope {
        Scope::Session { agent: agent.into(), session: session.into() }
    }

    /// What is left to `a` of class `c`, acting for the others, in session `s`.
    fn view(standings: &Standings, chain: &[&str]) -> StandingView {
        let chain: Vec<(AgentId, String)> =
            chain.iter().map(|id| ((*id).into(), if *id == "a" { "c" } else { "d" }.to_owned())).collect();
        standings.view(&"s".into(), chain.iter().map(|(id, class)| (id, class.as_str())))
    }

    #[test]
    fn whom_an_entry_holds_for() {
        for (scope, chain, expected) in [
            (Scope::All, ["a"].as_slice(), true),
            (Scope::Class { class: "c".into() }, &["a"], true),
            (Scope::Class { class: "d".into() }, &["a"], false),
            (Scope::Class { class: "d".into() }, &["a", "parent"], true),
            (agent("a"), &["a"], true),
            (agent("b"), &["a"], false),
            (agent("parent"), &["a", "parent"], true),
            (agent("a"), &["parent"], false),
            (session("a", "s"), &["a"], true),
            (session("a", "t"), &["a"], false),
            (session("b", "s"), &["a"], false),
            (session("parent", "s"), &["a", "parent"], true),
        ] {
            let standings = Standings::new([entry(scope.clone(), Standing::Isolated, &[])]);
            let found = view(&standings, chain);
            assert_eq!(found.standing == Standing::Isolated, expected, "{scope} {chain:?}");
            assert_eq!(found.because.is_some(), expected);
        }
    }

    #[test]
    fn removed_grants_unite_and_the_strictest_speaks() {
        let standings = Standings::new([
            entry(session("a", "s"), Standing::Narrowed, &["write"]),
            entry(agent("parent"), Standing::Narrowed, &["mail", "write"]),
            entry(Scope::Class { class: "c".into() }, Standing::Isolated, &[]),
        ]);
        let found = view(&standings, &["a", "parent"]);
        assert_eq!((found.standing, found.removed), (Standing::Isolated, vec!["mail".to_owned(), "write".to_owned()]));
        assert_eq!(found.because.unwrap(), "the class `c` is isolated, by policy: because");
    }

    #[test]
    fn what_is_gone_already_is_no_change_and_milder_ones_change_nothing() {
        let mut standings = Standings::default();
        assert!(standings.lower(entry(agent("a"), Standing::Active, &[])).is_none());
        assert!(standings.is_empty());
        assert!(standings.lower(entry(agent("a"), Standing::Isolated, &["x"])).is_some());
        assert!(standings.lower(entry(agent("a"), Standing::Narrowed, &["x"])).is_none());
        let lowered = standings.lower(entry(agent("a"), Standing::Narrowed, &["y"])).unwrap();
        assert_eq!((lowered.after.standing, lowered.after.removed.len()), (Standing::Isolated, 2));
        assert_eq!(lowered.before.unwrap().removed, ["x"]);
    }

    #[test]
    fn a_release_gives_back_what_it_names() {
        let mut standings = Standings::new([entry(agent("a"), Standing::Narrowed, &["x", "y"])]);
        assert!(standings.release(&agent("b"), &[]).is_none());
        assert!(standings.release(&agent("a"), &["z".into()]).is_none());
        assert!(standings.release(&agent("a"), &["x".into()]).is_some());
        assert_eq!(view(&standings, &["a"]).removed, ["y"]);
        assert!(standings.release(&agent("a"), &["y".into()]).is_some());
        assert!(standings.is_empty());
        standings.lower(entry(agent("a"), Standing::Isolated, &["x"]));
        standings.release(&agent("a"), &["x".into()]);
        assert_eq!(view(&standings, &["a"]).standing, Standing::Isolated, "a grant is not the isolation");
        standings.release(&agent("a"), &[]);
        assert!(standings.is_empty());
    }

    #[test]
    fn over_a_bound_the_wider_scope_takes_it() {
        let mut standings = Standings::default();
        for n in 0..SESSIONS_PER_AGENT_MAX {
            standings.lower(entry(session("a", &format!("s{n}")), Standing::Narrowed, &["x"]));
        }
        let again = standings.lower(entry(session("a", "s0"), Standing::Narrowed, &["y"])).unwrap();
        assert_eq!(again.after.scope, session("a", "s0"), "a known one stays where it is");
        let more = standings.lower(entry(session("a", "more"), Standing::Narrowed, &["x"])).unwrap();
        assert_eq!(more.after.scope, agent("a"));
        let names: Vec<String> = (0..REMOVED_MAX + 1).map(|n| n.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let many = standings.lower(entry(agent("b"), Standing::Narrowed, &names)).unwrap();
        assert_eq!((many.after.standing, many.after.removed.len()), (Standing::Isolated, REMOVED_MAX));
    }

    fn scopes() -> impl Strategy<Value = Scope> {
        prop::sample::select(vec![
            Scope::All,
            Scope::Class { class: "c".into() },
            Scope::Class { class: "d".into() },
            agent("a"),
            agent("parent"),
            session("a", "s"),
            session("parent", "s"),
            session("a", "t"),
        ])
    }

    fn entries() -> impl Strategy<Value = StandingEntry> {
        let standings = vec![Standing::Active, Standing::Narrowed, Standing::Isolated, Standing::Terminated];
        let grants = prop::collection::btree_set(prop::sample::select(vec!["x", "y", "z"]), 0..3);
        (scopes(), prop::sample::select(standings), grants)
            .prop_map(|(scope, standing, grants)| entry(scope, standing, &grants.into_iter().collect::<Vec<_>>()))
    }

    proptest! {
        #[test]
        fn lowering_never_loosens(before in prop::collection::vec(entries(), 0..8), more in entries()) {
            let mut standings = Standings::new(before);
            for chain in [["a"].as_slice(), &["a", "parent"], &["parent"]] {
                let was = view(&standings, chain);
                let mut after = standings.clone();
                after.lower(more.clone());
                let is = view(&after, chain);
                prop_assert!(is.standing >= was.standing);
                prop_assert!(was.removed.iter().all(|grant| is.removed.contains(grant)));
            }
            // Acting for somebody never gives more than acting alone.
            standings.lower(more);
            let (alone, child) = (view(&standings, &["a"]), view(&standings, &["a", "parent"]));
            prop_assert!(child.standing >= alone.standing);
            prop_assert!(alone.removed.iter().all(|grant| child.removed.contains(grant)));
        }

        #[test]
        fn the_order_does_not_matter(entries in prop::collection::vec(entries(), 0..8)) {
            let forth = Standings::new(entries.clone());
            let back = Standings::new(entries.into_iter().rev());
            for chain in [["a"].as_slice(), &["a", "parent"], &["parent"]] {
                let (one, other) = (view(&forth, chain), view(&back, chain));
                prop_assert_eq!((one.standing, one.removed), (other.standing, other.removed));
            }
        }

        #[test]
        fn what_is_stored_comes_back(entries in prop::collection::vec(entries(), 0..8)) {
            let standings = Standings::new(entries);
            let again = Standings::new(standings.iter().cloned());
            prop_assert_eq!(again, standings);
        }
    }
}
