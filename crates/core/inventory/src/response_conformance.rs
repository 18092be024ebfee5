//! The suites for incidents and messages; part of [`crate::conformance`].

use crate::conformance::{said, same};
use crate::{IncidentStore, NotificationOutbox, OutboxEntry};
use holdshort_model::{
    Containment, Effect, Incident, IncidentEntry, IncidentState, Level, Mode, Notice, NoticeAction, NoticeKind,
    NoticeSubject, RecordId,
};
use serde_json::json;

/// Runs the suite for incidents on an EMPTY store. `reopen` gives a fresh view on the same store (or the same one).
///
/// # Errors
/// What the store did wrong, in words.
pub fn check_incident_store<S: IncidentStore>(reopen: impl Fn() -> S) -> Result<(), String> {
    let store = reopen();
    let (one, two, three) = (incident(1), incident(2), incident(u64::from(u32::MAX) * 1_000));
    same("an empty store", said(store.open_incidents())?, vec![])?;
    same("an unknown one", said(store.incident(one.id))?, None)?;
    said(store.put_incidents(&[two.clone(), one.clone()]))?;
    said(store.put_incidents(&[]))?;
    said(store.put_incidents(std::slice::from_ref(&three)))?;
    let open = || said(reopen().open_incidents());
    same("after putting", open()?, vec![one.clone(), two.clone(), three.clone()])?;
    let closed = Incident { state: IncidentState::Closed, closed_ms: Some(9), title: "other".into(), ..one.clone() };
    said(store.put_incidents(std::slice::from_ref(&closed)))?;
    same("open ones after closing", open()?, vec![two.clone(), three.clone()])?;
    same("a closed one", said(reopen().incident(one.id))?, Some(closed.clone()))?;

    let page = |state, before, limit| said(reopen().incidents(state, before, limit));
    same("all, newest first", page(None, None, 9)?, vec![three.clone(), two.clone(), closed.clone()])?;
    same("a page", page(None, Some(three.id), 1)?, vec![two.clone()])?;
    same("the closed", page(Some(IncidentState::Closed), None, 9)?, vec![closed.clone()])?;
    same("the open", page(Some(IncidentState::Open), None, 1)?, vec![three.clone()])?;

    let later = Incident { state: IncidentState::Closed, ..two.clone() };
    said(store.put_incidents(std::slice::from_ref(&later)))?;
    same("forgetting the oldest closed", said(store.forget_closed(1))?, 1)?;
    same("after forgetting", page(None, None, 9)?, vec![three.clone(), later])?;
    same("forgetting all closed", said(store.forget_closed(0))?, 1)?;
    same("open ones stay", page(None, None, 9)?, vec![three])
}

/// Runs the suite for messages on an EMPTY store. `reopen` gives a fresh view on the same store (or the same one).
///
/// # Errors
/// What the store did wrong, in words.
pub fn check_outbox<S: NotificationOutbox>(reopen: impl Fn() -> S) -> Result<(), String> {
    let store = reopen();
    let entry = |n: u64, channel: &str| OutboxEntry {
        channel: channel.into(),
        key: "k'\" \\ \u{1f980}".into(),
        notice: notice(n),
        due_ms: u64::from(u32::MAX) * 1_000,
        attempts: 2,
        failures: vec!["timeout".into()],
        sent_ms: None,
    };
    let (one, two) = (entry(1, "a"), entry(2, "b"));
    same("an empty store", said(store.messages())?, vec![])?;
    said(store.put_messages(&[two.clone(), one.clone()]))?;
    said(store.put_messages(&[]))?;
    same("after putting", said(reopen().messages())?, vec![one.clone(), two.clone()])?;
    let sent = OutboxEntry { sent_ms: Some(7), attempts: 3, ..one };
    said(store.put_messages(std::slice::from_ref(&sent)))?;
    same("after replacing", said(reopen().messages())?, vec![sent.clone(), two.clone()])?;
    said(store.remove_messages(&[RecordId::from_parts(77, 1), two.notice.id]))?;
    same("after removing", said(reopen().messages())?, vec![sent])
}

fn incident(ms: u64) -> Incident {
    let entry = IncidentEntry {
        at_ms: ms,
        what: "refused".into(),
        text: "\u{1f980} \"quoted\" 'and' \\ \u{0} more".into(),
        decision: Some(RecordId::from_parts(ms, 9)),
        index: Some(3),
    };
    Incident {
        id: RecordId::from_parts(ms, 1),
        title: "it's \"that\"".into(),
        level: Level::High,
        state: IncidentState::Open,
        opened_ms: ms,
        closed_ms: None,
        agents: vec!["a".into()],
        sessions: vec!["s".into()],
        timeline: vec![entry],
        omitted: 5,
        last_ms: ms,
        evidence: json!({"labels": {"integrity": "untrusted"}, "n": 1e300}),
    }
}

pub(crate) fn notice(ms: u64) -> Notice {
    Notice {
        id: RecordId::from_parts(ms, 1),
        kind: NoticeKind::Refused,
        count: 1,
        at_ms: ms,
        last_ms: ms,
        level: Level::High,
        title: "t".into(),
        incident: None,
        approval: None,
        alarm: None,
        decision: RecordId::from_parts(ms, 2),
        index: Some(4),
        subject: NoticeSubject {
            agent: "a".into(),
            class: "c".into(),
            owner: Some("o".into()),
            user: None,
            delegation: vec![],
            session: "s".into(),
        },
        action: NoticeAction {
            kind: "tool.call".into(),
            server: None,
            name: "n".into(),
            effects: vec!["delete record".into()],
            destinations: vec![],
        },
        effect: Effect::Deny,
        enforced: Effect::Deny,
        mode: Mode::Enforce,
        containment: Containment::None,
        removed: vec![],
        reasons: vec![("p".into(), "m".into())],
        score: 80,
        parts: vec![("s".into(), 3, "w".into())],
        commands: vec![],
    }
}
