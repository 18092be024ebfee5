//! Whether a tool may be called at all: one predicate for listing and calling.
//!
//! The tool as such is judged: arguments `null`, the effects that it could have, grants that some arguments could fall
//! under, policies that refuse whatever the arguments and whatever happened before. It depends on the subject, the session, the tool and the minute,
//! not on the circumstances of a call, so that a list and the calls after it agree.

use crate::combine::combine;
use crate::decide::{PROBE_WINDOW_NS, Scope, coverage, facts, weigh};
use crate::memo::{Key, Probe};
use crate::{SessionView, Snapshot};
use holdshort_model::{Action, ActionKind, Context, Effect, Facts, Request, Subject};
use serde_json::Value;
use std::sync::Arc;

/// Whether the tool is shown to the subject: no when every call of it would be refused, and that is enforced.
pub fn listed(
    snapshot: &Snapshot,
    session: &SessionView<'_>,
    subject: &Subject,
    server: &str,
    tool: &str,
    now_ns: i64,
) -> bool {
    !probe(snapshot, session, subject, server, tool, now_ns).refused
}

/// Judges a tool as such, or remembers how it was judged.
pub(crate) fn probe(
    snapshot: &Snapshot,
    session: &SessionView<'_>,
    subject: &Subject,
    server: &str,
    tool: &str,
    now_ns: i64,
) -> Arc<Probe> {
    let time = now_ns.saturating_sub(now_ns.rem_euclid(PROBE_WINDOW_NS));
    let key = Key {
        subject,
        session: session.id.as_str(),
        standing: session.standing,
        removed: &session.removed,
        server,
        tool,
        pin: snapshot.pins.pin(server, tool),
        definition: snapshot.pins.entry(server, tool).map(|entry| entry.latest.digest),
        time,
    };
    snapshot.memo.recall(key, || judge(snapshot, session, subject, server, tool, time))
}

fn judge(
    snapshot: &Snapshot,
    session: &SessionView<'_>,
    subject: &Subject,
    server: &str,
    tool: &str,
    time: i64,
) -> Probe {
    let action = Action {
        kind: ActionKind::ToolCall,
        server: Some(server.to_owned()),
        name: tool.to_owned(),
        args: Value::Null,
        digest: None,
    };
    let request =
        Request { subject: subject.clone(), action, context: Context::default(), session: session.id.clone() };
    let facts = facts(snapshot, session, &request, time);
    judge_tool(snapshot, facts, session.because.as_deref())
}

/// Judges a tool as such. `facts`: of a call without arguments and circumstances, and without a past.
pub(crate) fn judge_tool(snapshot: &Snapshot, mut facts: Facts, because: Option<&str>) -> Probe {
    facts.history.sequences = snapshot.rules().sequences.at_best();
    let coverage = coverage(snapshot, &facts, Scope::Tool);
    let weighed = weigh(snapshot, &facts, because, coverage);
    let (_, enforced) = combine(&weighed.heard);
    Probe {
        could: facts.action.effects,
        refused: enforced == Effect::Deny,
        sound: weighed.heard.sound,
        refusals: weighed.reasons.into_iter().filter(|reason| reason.effect == Effect::Deny).collect(),
    }
}
