//! Every other record: what people, policies and the service itself changed, and what became of an incident.

use super::class::{BASE, Draft, ENTITY, ERROR, FINDING, LIFECYCLE, object, product};
use super::verdict::{self, APPROVED, REJECTED, WAITS};
use crate::event::{Event, Unreadable, is_fault};
use crate::summary::name;
use holdshort_model::{
    ApprovalRecord, ApprovalState, ErasureRecord, LifecycleRecord, Pin, PolicyRecord, PromotionRecord, ResponseRecord,
    Scope, Standing, StandingRecord, Step, ToolChange,
};
use serde_json::{Value, json};

pub(super) fn unreadable(why: Unreadable) -> Draft {
    let mut draft = Draft::of(BASE, (99, "Unreadable"));
    draft.set("status_id", 99);
    draft.set("status", why.as_str());
    draft
}

pub(super) fn approval(record: &ApprovalRecord) -> Draft {
    let activity = match record.event.as_str() {
        "asked" | "remembered" => (1, "Create"),
        "answered" => (3, "Update"),
        "revoked" => (4, "Delete"),
        "expired" => (11, "Deactivate"),
        "used" => (10, "Activate"),
        other => (99, other),
    };
    let mut draft = Draft::of(ENTITY, activity);
    draft.set("entity", entity("approval", &record.id.to_string(), &record.id.to_string()));
    draft.set("actor", by(record.answer.as_ref().map_or("holdshort", |answer| answer.by.as_str())));
    draft.set("comment", record.answer.as_ref().map_or("", |answer| answer.reason.as_str()));
    match record.state {
        ApprovalState::Pending => verdict::set(&mut draft, WAITS),
        ApprovalState::Approved | ApprovalState::Used => verdict::set(&mut draft, APPROVED),
        ApprovalState::Refused | ApprovalState::Expired => verdict::set(&mut draft, REJECTED),
    }
    success(&mut draft, true);
    let fields = [
        ("agent", json!(record.agent)),
        ("session", json!(record.session)),
        ("binding", json!(record.binding)),
        ("state", json!(record.state)),
        ("until_ms", json!(record.exception.as_ref().map(|exception| exception.until_ms))),
    ];
    draft.set("unmapped", json!({ "holdshort": object(fields) }));
    draft
}

pub(super) fn standing(record: &StandingRecord) -> Draft {
    let entry = &record.after;
    let activity = match entry.standing {
        _ if record.released => (13, "Resume"),
        Standing::Active | Standing::Narrowed => (3, "Update"),
        Standing::Isolated => (12, "Suspend"),
        Standing::Terminated => (11, "Deactivate"),
    };
    let mut draft = Draft::of(ENTITY, activity);
    let (kind, uid) = match &entry.scope {
        Scope::All => ("everybody", "everybody".to_owned()),
        Scope::Class { class } => ("agent class", class.clone()),
        Scope::Agent { agent } => ("agent", agent.to_string()),
        Scope::Session { session, .. } => ("session", session.to_string()),
    };
    draft.set("entity", entity(kind, &uid, &uid));
    draft.set("actor", by(&entry.by));
    draft.set("comment", entry.reason.as_str());
    let verdict = match (record.released, entry.standing) {
        (true, _) => ((1, "Allowed"), (9, "Restored")),
        (false, Standing::Isolated | Standing::Terminated) => ((2, "Denied"), (4, "Isolated")),
        (false, Standing::Active | Standing::Narrowed) => ((2, "Denied"), (24, "Access Revoked")),
    };
    verdict::set(&mut draft, verdict);
    success(&mut draft, true);
    let fields = [
        ("standing", json!(entry.standing)),
        ("removed", json!(entry.removed)),
        ("scope", json!(entry.scope)),
        ("before", json!(record.before.as_ref().map(|before| before.standing))),
    ];
    draft.set("unmapped", json!({ "holdshort": object(fields) }));
    draft
}

pub(super) fn response(record: &ResponseRecord) -> Draft {
    let activity = if record.step == Step::OpenIncident { (1, "Create") } else { (2, "Update") };
    let uid = record.incident.unwrap_or(record.decision).to_string();
    let title = format!("{}: {}", record.step.as_str(), record.text);
    let mut draft = finding(activity, &uid, &title, json!([{ "uid": record.decision }]), (1, "New"));
    let status = if record.done { "done" } else { "failed" };
    draft.set("status_detail", format!("{} {status}", record.step.as_str()));
    draft
}

pub(super) fn promotion(record: &PromotionRecord) -> Draft {
    let mut draft = policy_entity(&record.policy, None);
    draft.set("actor", by(&record.by));
    draft.set("comment", record.reason.as_str());
    success(&mut draft, true);
    draft.set("unmapped", json!({ "holdshort": { "before": record.before, "after": record.after } }));
    draft
}

pub(super) fn policy(record: &PolicyRecord) -> Draft {
    let mut draft = policy_entity("snapshot", Some(record.snapshot.to_string()));
    draft.set("actor", by(&record.source));
    success(&mut draft, record.accepted);
    draft.set("status_detail", record.diagnostics.first().cloned().unwrap_or_default());
    draft
}

pub(super) fn tool_change(record: &ToolChange) -> Draft {
    let activity = if record.pin == Pin::New { (1, "Create") } else { (3, "Update") };
    let mut draft = Draft::of(ENTITY, activity);
    draft.set("entity", entity("tool", &format!("{}/{}", record.server, record.tool), &record.tool));
    draft.set("actor", json!({ "app_name": record.server }));
    success(&mut draft, true);
    let fields = [
        ("pin", json!(name(&record.pin))),
        ("before", json!(record.before)),
        ("after", json!(record.after)),
        ("difference", json!(record.difference)),
    ];
    draft.set("unmapped", json!({ "holdshort": object(fields) }));
    draft
}

pub(super) fn erasure(record: &ErasureRecord) -> Draft {
    let mut draft = Draft::of(ENTITY, (4, "Delete"));
    let what = format!("keys of one {}", record.scope.as_str());
    draft.set("entity", entity("encryption keys", &what, &what));
    draft.set("actor", by(&record.by));
    draft.set("comment", record.reason.as_str());
    success(&mut draft, true);
    draft.set("unmapped", json!({ "holdshort": { "keys": record.keys } }));
    draft
}

pub(super) fn declassification(record: &holdshort_model::DeclassificationRecord) -> Draft {
    let mut draft = Draft::of(ENTITY, (3, "Update"));
    draft.set("entity", entity("session", record.session.as_str(), record.session.as_str()));
    draft.set("actor", by(&record.by));
    draft.set("comment", record.reason.as_str());
    success(&mut draft, true);
    let fields = [("agent", json!(record.agent)), ("lowered", json!(record.what))];
    draft.set("unmapped", json!({ "holdshort": object(fields) }));
    draft
}

pub(super) fn lifecycle(record: &LifecycleRecord, event: &Event) -> Draft {
    let word = |name: &str| record.detail.get(name).and_then(Value::as_str);
    let mut draft = match record.event.as_str() {
        "incident-closed" => {
            let uid = word("incident").or(word("id")).unwrap_or("unknown").to_owned();
            finding((3, "Close"), &uid, "incident closed", Value::Null, (4, "Resolved"))
        }
        "start" => application((3, "Start")),
        "stop" => application((4, "Stop")),
        fault if is_fault(fault) => {
            let mut draft = Draft::of(ERROR, (1, "General Error"));
            success(&mut draft, false);
            draft
        }
        // Agents, people, destinations: whatever else the service keeps.
        other => {
            let mut draft = Draft::of(ENTITY, (99, other));
            let uid = word("agent").or(word("id")).or(word("name")).map_or_else(|| event.uid(), str::to_owned);
            draft.set("entity", entity(other, &uid, &uid));
            draft.set("actor", by(word("by").unwrap_or("holdshort")));
            success(&mut draft, true);
            draft
        }
    };
    draft.set("unmapped", json!({ "holdshort": { "event": record.event, "detail": record.detail } }));
    draft
}

fn application(activity: (u32, &str)) -> Draft {
    let mut draft = Draft::of(LIFECYCLE, activity);
    // 1.9 has `application` in place of `app`, which receivers of older versions know.
    draft.set("app", product());
    draft.set("application", json!({ "name": "Holdshort", "version": env!("CARGO_PKG_VERSION") }));
    success(&mut draft, true);
    draft
}

fn finding(activity: (u32, &str), uid: &str, title: &str, related: Value, (id, status): (u32, &str)) -> Draft {
    let mut draft = Draft::of(FINDING, activity);
    let info = [("uid", json!(uid)), ("title", json!(title)), ("related_events", related), ("product", product())];
    draft.set("finding_info", object(info));
    draft.set("is_alert", Value::Bool(true));
    draft.set("status_id", id);
    draft.set("status", status);
    draft
}

fn policy_entity(name: &str, version: Option<String>) -> Draft {
    let mut draft = Draft::of(ENTITY, (3, "Update"));
    let policy = object([("name", json!(name)), ("uid", json!(name)), ("version", json!(version))]);
    draft.set("entity", json!({ "name": name, "type_id": 5, "type": "Policy", "policy": policy }));
    draft
}

fn entity(kind: &str, uid: &str, name: &str) -> Value {
    json!({ "uid": uid, "name": name, "type_id": 99, "type": kind })
}

fn by(who: &str) -> Value {
    json!({ "user": { "name": if who.is_empty() { "unknown" } else { who } } })
}

fn success(draft: &mut Draft, well: bool) {
    let (id, status) = if well { (1, "Success") } else { (2, "Failure") };
    draft.set("status_id", id);
    draft.set("status", status);
}
