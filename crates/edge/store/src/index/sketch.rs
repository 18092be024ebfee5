//! A decision read as far as it is looked for. Decisions are most of a log and large, and most of one is arguments and
//! facts that nobody searches; reading them as a whole would be most of the work of an index.
//!
//! INVARIANT: of a decision of this version it gives what the whole record would. A test compares the two.

use super::row::{Facet, Row};
use holdshort_model::RecordId;
use serde::Deserialize;
use std::borrow::Cow;

/// How a decision begins when this program wrote it.
const DECISION: &[u8] = br#"{"type":"decision","#;

#[derive(Deserialize)]
pub(super) struct Sketch<'a> {
    received_ms: u64,
    #[serde(borrow)]
    request: Request<'a>,
    #[serde(borrow)]
    facts: Facts<'a>,
    #[serde(borrow)]
    decision: Decision<'a>,
}

/// A text that is not copied where it stands in the record as it is.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    subject: Subject<'a>,
    #[serde(borrow)]
    session: Text<'a>,
    #[serde(borrow)]
    action: Action<'a>,
}

#[derive(Deserialize)]
struct Subject<'a> {
    #[serde(borrow)]
    agent: Text<'a>,
    #[serde(borrow, default)]
    user: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Action<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    server: Option<Text<'a>>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct Facts<'a> {
    #[serde(borrow)]
    action: Effects<'a>,
}

#[derive(Deserialize)]
struct Effects<'a> {
    #[serde(borrow)]
    effects: Vec<Verb<'a>>,
}

#[derive(Deserialize)]
struct Verb<'a> {
    #[serde(borrow)]
    verb: Text<'a>,
}

#[derive(Deserialize)]
struct Decision<'a> {
    id: RecordId,
    #[serde(borrow)]
    effect: Text<'a>,
    #[serde(borrow)]
    enforced: Text<'a>,
    #[serde(borrow)]
    risk: Risk<'a>,
    #[serde(borrow)]
    reasons: Vec<Reason<'a>>,
    #[serde(default)]
    approval: Option<RecordId>,
    #[serde(default)]
    approved: Option<Approved>,
}

#[derive(Deserialize)]
struct Risk<'a> {
    #[serde(borrow)]
    level: Text<'a>,
    #[serde(borrow)]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    why: Text<'a>,
}

#[derive(Deserialize)]
struct Reason<'a> {
    #[serde(borrow)]
    policy: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
}

#[derive(Deserialize)]
struct Approved {
    id: RecordId,
}

impl<'a> Sketch<'a> {
    /// None for what does not begin as a decision of ours, or is none.
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        payload.starts_with(DECISION).then(|| serde_json::from_slice(payload).ok()).flatten()
    }

    pub(super) fn into_row(self) -> Row<'a> {
        let Self { received_ms, request, facts, decision } = self;
        let Request { subject, session, action } = request;
        let mut row = Row::named("decision").at(received_ms);
        let server = action.server.map(|server| server.0);
        let both = server.as_ref().map(|server| format!("{server}/{}", action.name.0));
        let one = |facet: Facet, text: Text<'a>| Some((facet, text.0));
        row.facets.extend(
            [
                one(Facet::Agent, subject.agent),
                subject.user.and_then(|user| one(Facet::User, user)),
                one(Facet::Session, session),
                one(Facet::Kind, action.kind),
                one(Facet::Tool, action.name),
                server.map(|server| (Facet::Server, server)),
                both.map(|both| (Facet::Tool, Cow::Owned(both))),
                one(Facet::Effect, decision.effect),
                one(Facet::Enforced, decision.enforced),
                one(Facet::Level, decision.risk.level),
            ]
            .into_iter()
            .flatten(),
        );
        for Reason { policy, message } in decision.reasons {
            row.facets.push((Facet::Policy, policy.0));
            row.texts.push(message.0);
        }
        row.facets.extend(facts.action.effects.into_iter().map(|effect| (Facet::Verb, effect.verb.0)));
        row.texts.extend(decision.risk.parts.into_iter().map(|part| part.why.0));
        let approved = decision.approved.map(|approved| approved.id);
        row.ids.extend([Some(decision.id), decision.approval, approved].into_iter().flatten());
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_model::Record;
    use serde_json::json;

    #[test]
    fn a_sketch_says_what_the_whole_record_says() {
        let id = |time: u64| RecordId::from_parts(time, 7).to_string();
        let value = json!({
            "type": "decision", "version": 1, "sequence": 3, "received_ms": 5, "deciding_ns": 7,
            "request": {
                "subject": { "agent": "a\"\u{202e}", "user": "ann" }, "session": "s1",
                "action": { "kind": "tool.call", "server": "s", "name": "send", "args": { "verb": ["x", { "effects": 1 }] } },
            },
            "facts": {
                "subject": { "agent": { "id": "a", "class": "c" }, "session": "s1", "authenticated_by": "token", "standing": "active" },
                "action": { "kind": "tool.call", "server": "s", "name": "send", "args": {}, "effects": [
                    { "verb": "send", "resource": { "kind": "file" }, "certainty": "derived" },
                    { "verb": "delete", "resource": { "kind": "file" }, "certainty": "derived" },
                ] },
                "context": { "time": 0, "enforcement_point": "mcp" },
            },
            "decision": {
                "id": id(1), "effect": "ask", "enforced": "allow", "mode": "observe", "containment": "none",
                "risk": { "score": 0, "level": "high", "parts": [
                    { "signal": "s", "points": 3, "confidence": 90, "why": "seen \"twice\"\n" },
                ] },
                "reasons": [
                    { "policy": "p", "message": "one\tmessage", "effect": "ask", "mode": "observe" },
                    { "policy": "q", "message": "\u{fc}ber", "effect": "ask", "mode": "observe" },
                ],
                "approval": id(2), "approved": { "id": id(3), "by": "bob", "remembered": true },
                "snapshot": format!("sha256:{}", "0".repeat(64)),
            },
            "build": { "version": "0" },
        });
        let whole: Record = serde_json::from_value(value).unwrap();
        let text = serde_json::to_vec(&whole).unwrap();
        let sketch = Sketch::read(&text).expect("what this program writes is sketched").into_row();
        let mut parts = [Row::of(&whole), sketch];
        parts.iter_mut().for_each(|row| row.facets.sort());
        let [whole, mut sketch] = parts;
        assert_eq!(sketch.facets, whole.facets);
        assert!(sketch.texts.iter().all(|text| whole.texts.contains(text)));
        assert_eq!(sketch.texts.len(), whole.texts.len());
        sketch.texts.clone_from(&whole.texts);
        assert_eq!(sketch, whole);
    }
}
