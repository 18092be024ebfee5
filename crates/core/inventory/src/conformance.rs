//! The suite that every [`AgentStore`], [`PinStore`] and [`DestinationStore`] has to pass. Call it from the tests of an implementation.
//!
//! It answers with the first thing that is wrong, instead of panicking, so that it needs no test framework.

pub use crate::response_conformance::{check_incident_store, check_outbox};
use crate::{
    AgentEntry, AgentStore, BaselineEntry, BaselineOwner, BaselineStore, DestinationStore, KnownDestination, PinEntry,
    PinStore, Seen, StandingStore, StoreError, Token, TokenEntry, definition_digest,
};
use holdshort_model::{Owner, RecordId, Scope, Standing, StandingEntry};
use serde_json::json;

/// Runs the suite for agents on an EMPTY store. `reopen` gives a fresh view on the same store (or the same one).
///
/// # Errors
/// What the store did wrong, in words.
pub fn check_agent_store<S: AgentStore>(reopen: impl Fn() -> S) -> Result<(), String> {
    let store = reopen();
    let (one, two) = (token(1, None), token(2, Some(5)));
    let first = AgentEntry {
        id: "a".into(),
        class: "coding".into(),
        owner: Some(Owner { id: "ann@example.com".into(), active: true }),
        created_ms: u64::from(u32::MAX) * 1_000,
        tokens: vec![one.clone()],
    };
    let second = AgentEntry { id: "b".into(), owner: None, tokens: vec![], ..first.clone() };
    same("an empty store", said(store.agents())?, vec![])?;
    said(store.add_agent(&second))?;
    said(store.add_agent(&first))?;
    same("after adding", said(reopen().agents())?, vec![first.clone(), second.clone()])?;

    exists("adding an id twice", store.add_agent(&AgentEntry { tokens: vec![], ..first.clone() }))?;
    let thief = AgentEntry { id: "c".into(), ..first.clone() };
    exists("adding an agent with a token of another", store.add_agent(&thief))?;
    exists("adding a token of another agent", store.add_token(&second.id, &one))?;
    same("after refused changes", said(reopen().agents())?, vec![first.clone(), second.clone()])?;

    said(store.add_token(&second.id, &two))?;
    said(store.revoke_token(&first.id, &one.hash))?;
    said(store.revoke_token(&first.id, &one.hash))?;
    let revoked = AgentEntry { tokens: vec![TokenEntry { revoked: true, ..one.clone() }], ..first.clone() };
    let with_token = AgentEntry { tokens: vec![two.clone()], ..second.clone() };
    same("after a token and a revocation", said(reopen().agents())?, vec![revoked.clone(), with_token])?;

    missing("a token for nobody", store.add_token(&"nobody".into(), &token(3, None)))?;
    missing("revoking another's token", store.revoke_token(&first.id, &two.hash))?;
    missing("removing nobody", store.remove_agent(&"nobody".into()))?;
    said(store.remove_agent(&second.id))?;
    same("after removing", said(reopen().agents())?, vec![revoked])?;
    // Its tokens went with it: the hash is free again.
    said(store.add_agent(&AgentEntry { id: "d".into(), tokens: vec![two], ..second }))
}

/// Runs the suite for pins on an EMPTY store. `reopen` gives a fresh view on the same store (or the same one).
///
/// # Errors
/// What the store did wrong, in words.
pub fn check_pin_store<S: PinStore>(reopen: impl Fn() -> S) -> Result<(), String> {
    let store = reopen();
    let definition =
        json!({"name": "t", "description": "\u{1f980} \"quoted\" 'and' \\ \u{0} more", "inputSchema": {"n": 1e300}});
    let seen = Seen { digest: definition_digest(&definition), definition, time_ms: 7 };
    let plain = PinEntry { server: "s".into(), tool: "t".into(), pinned: Some(seen.clone()), latest: seen.clone() };
    let other = PinEntry { server: "r".into(), pinned: None, ..plain.clone() };
    same("an empty store", said(store.pins())?, vec![])?;
    said(store.put_pins(&[plain.clone(), other.clone()]))?;
    said(store.put_pins(&[]))?;
    same("after putting", said(reopen().pins())?, vec![other.clone(), plain.clone()])?;
    let changed = json!({"name": "t", "description": "other"});
    let latest = Seen { digest: definition_digest(&changed), definition: changed, time_ms: 9 };
    let replaced = PinEntry { latest, ..plain };
    said(store.put_pins(std::slice::from_ref(&replaced)))?;
    same("after replacing", said(reopen().pins())?, vec![other, replaced])
}

/// Runs the suite for destinations on an EMPTY store. `reopen` gives a fresh view on the same store (or the same one).
///
/// # Errors
/// What the store did wrong, in words.
pub fn check_destination_store<S: DestinationStore>(reopen: impl Fn() -> S) -> Result<(), String> {
    let store = reopen();
    let first = KnownDestination {
        agent: "a".into(),
        user: "ann@example.com".into(),
        kind: "mail".into(),
        value: "bob@example.org".into(),
        since_ms: u64::from(u32::MAX) * 1_000,
        by: "ann \"quoted\" 'and' \\ more".into(),
        via: "add".into(),
    };
    let nobody = KnownDestination { user: String::new(), ..first.clone() };
    let other = KnownDestination { agent: "b".into(), value: "\u{1f980}\u{0}'".into(), ..first.clone() };
    same("an empty store", said(store.destinations())?, vec![])?;
    said(store.add_destinations(&[other.clone(), first.clone()]))?;
    said(store.add_destinations(&[]))?;
    said(store.add_destinations(std::slice::from_ref(&nobody)))?;
    let all = vec![nobody.clone(), first.clone(), other.clone()];
    same("after adding", said(reopen().destinations())?, all.clone())?;
    let again = KnownDestination { since_ms: 1, by: "eve".into(), ..first.clone() };
    said(store.add_destinations(&[again]))?;
    same("after adding one twice", said(reopen().destinations())?, all)?;

    missing("forgetting another person's", store.forget_destination(&first.agent, "bob", "mail", &first.value))?;
    missing("forgetting another agent's", store.forget_destination(&other.agent, &first.user, "mail", &first.value))?;
    missing("forgetting another kind", store.forget_destination(&first.agent, &first.user, "host", &first.value))?;
    said(store.forget_destination(&first.agent, &first.user, "mail", &first.value))?;
    missing("forgetting twice", store.forget_destination(&first.agent, &first.user, "mail", &first.value))?;
    same("after forgetting", said(reopen().destinations())?, vec![nobody.clone(), other.clone()])?;
    said(store.forget_destinations(&[first, other]))?;
    same("after forgetting several", said(reopen().destinations())?, vec![nobody])
}

/// Runs the suite for standings on an EMPTY store. `reopen` gives a fresh view on the same store (or the same one).
///
/// # Errors
/// What the store did wrong, in words.
pub fn check_standing_store<S: StandingStore>(reopen: impl Fn() -> S) -> Result<(), String> {
    let store = reopen();
    let sorted = |found: Result<Vec<StandingEntry>, StoreError>| -> Result<Vec<StandingEntry>, String> {
        let mut found = said(found)?;
        found.sort_by(|a, b| a.scope.cmp(&b.scope));
        Ok(found)
    };
    let everybody = StandingEntry {
        scope: Scope::All,
        standing: Standing::Isolated,
        removed: Vec::new(),
        since_ms: u64::from(u32::MAX) * 1_000,
        by: "ann \"quoted\" 'and' \\ more".into(),
        reason: "\u{1f980}\u{0}'".into(),
        decision: None,
    };
    let with = |scope| StandingEntry { scope, ..everybody.clone() };
    let class = with(Scope::Class { class: "a".into() });
    let agent = StandingEntry {
        standing: Standing::Narrowed,
        removed: vec!["mail 'x'".into(), "write".into()],
        decision: Some(RecordId::from_parts(7, 9)),
        ..with(Scope::Agent { agent: "a".into() })
    };
    let session = with(Scope::Session { agent: "a".into(), session: "s".into() });
    let swapped = with(Scope::Session { agent: "s".into(), session: "a".into() });
    let all = vec![everybody.clone(), class.clone(), agent.clone(), session.clone(), swapped.clone()];
    same("an empty store", sorted(store.standings())?, vec![])?;
    said(store.change_standings(&all, &[]))?;
    said(store.change_standings(&[], &[]))?;
    same("after adding", sorted(reopen().standings())?, all)?;
    let stricter = StandingEntry { standing: Standing::Terminated, removed: vec!["x".into()], since_ms: 1, ..agent };
    let gone = [everybody.scope, session.scope.clone(), Scope::Class { class: "never there".into() }];
    said(store.change_standings(std::slice::from_ref(&stricter), &gone))?;
    same("after a change", sorted(reopen().standings())?, vec![class, stricter, swapped])
}

/// Runs the suite for baselines on an EMPTY store. `reopen` gives a fresh view on the same store (or the same one).
///
/// # Errors
/// What the store did wrong, in words.
pub fn check_baseline_store<S: BaselineStore>(reopen: impl Fn() -> S) -> Result<(), String> {
    let store = reopen();
    let agent = |id: &str| BaselineOwner::Agent(id.into());
    let entry = |owner: &BaselineOwner, state: &[u8]| BaselineEntry { owner: owner.clone(), state: state.to_vec() };
    // An agent and a class with one name are two.
    let (one, same_name) = (agent("one"), BaselineOwner::Class("one".into()));
    let odd = agent("\u{1f980}\u{0}'");
    same("an empty store", said(store.baselines())?, vec![])?;
    said(store.put_baselines(&[entry(&same_name, &[0, 255, 0]), entry(&odd, &[]), entry(&one, &[1])]))?;
    said(store.put_baselines(&[]))?;
    let all = vec![entry(&one, &[1]), entry(&odd, &[]), entry(&same_name, &[0, 255, 0])];
    same("after putting", said(reopen().baselines())?, all)?;
    said(store.put_baselines(&[entry(&one, &[7; 9_000])]))?;
    let replaced = vec![entry(&one, &[7; 9_000]), entry(&odd, &[]), entry(&same_name, &[0, 255, 0])];
    same("after replacing", said(reopen().baselines())?, replaced)?;
    said(store.remove_baselines(&[one, agent("nobody")]))?;
    said(store.remove_baselines(&[]))?;
    same("after removing", said(reopen().baselines())?, vec![entry(&odd, &[]), entry(&same_name, &[0, 255, 0])])
}

fn token(seed: u8, expires_ms: Option<u64>) -> TokenEntry {
    let hash = Token::from_random([seed; 32]).hash();
    TokenEntry { hash, label: format!("token {seed}"), created_ms: 1, expires_ms, revoked: false }
}

pub(crate) fn said<T>(result: Result<T, StoreError>) -> Result<T, String> {
    result.map_err(|error| format!("unexpected failure: {error}"))
}

pub(crate) fn same<T: PartialEq + std::fmt::Debug>(when: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{when}: found {found:?}, expected {expected:?}")) }
}

fn exists(what: &str, result: Result<(), StoreError>) -> Result<(), String> {
    match result {
        Err(StoreError::Exists(_)) => Ok(()),
        other => Err(format!("{what} gave {other:?}, expected `Exists`")),
    }
}

fn missing(what: &str, result: Result<(), StoreError>) -> Result<(), String> {
    match result {
        Err(StoreError::Missing(_)) => Ok(()),
        other => Err(format!("{what} gave {other:?}, expected `Missing`")),
    }
}
