//! Records of every type, and receivers on loopback.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod following;
pub(crate) mod receiver;

use holdshort_export::{Body, Event, Unreadable};
use holdshort_model::Record;
use serde_json::{Value, json};

/// Origin of every log here.
pub(crate) const LOG: &str = "host.example/holdshort/0000002a";
/// Id of the decision.
pub(crate) const DECISION: &str = "01JB3Q8ZK4M7T2V9XH6N5C1W0A";

/// A record at a place.
pub(crate) fn event(index: u64, record: Value) -> Event {
    let record: Record = serde_json::from_value(record).expect("a record");
    Event {
        log: LOG.into(),
        index,
        leaf: leaf(index),
        seen_ms: 1_800_000_000_000,
        bytes: 1_000,
        key: None,
        body: Body::Record(Box::new(record)),
    }
}

/// A record that nobody can read.
pub(crate) fn unreadable(index: u64, why: Unreadable) -> Event {
    Event { body: Body::Unreadable(why), ..event(index, outcome("ok")) }
}

pub(crate) fn leaf(index: u64) -> [u8; 32] {
    let mut leaf = [0xab; 32];
    leaf[..8].copy_from_slice(&index.to_be_bytes());
    leaf
}

/// A decision; `change` sets values at JSON pointers.
pub(crate) fn decision(kind: &str, name: &str, change: &[(&str, Value)]) -> Value {
    let digest = format!("sha256:{}", "1f".repeat(32));
    let args = json!({ "ids": [1, 2], "note": "secret words" });
    let mut record = json!({
        "type": "decision", "version": 1, "sequence": 3, "received_ms": 1_700_000_000_123_u64, "deciding_ns": 41_000,
        "previous": digest, "build": { "version": "0.1.0" },
        "request": {
            "subject": {
                "agent": "tidy", "user": "ada@example.org", "delegation": ["planner"], "authenticated_by": "token",
                "claims": { "name": "claude-code", "version": "2.1.0" },
            },
            "action": { "kind": kind, "server": "mail", "name": name, "args": args, "digest": digest },
            "context": {
                "intent": "tidy my private inbox", "enforcement_point": "mcp-http", "request_id": "7",
                "trace": "0af7651916cd43dd8448eb211c80319c",
            },
            "session": "s1",
        },
        "facts": {
            "subject": {
                "agent": { "id": "tidy", "class": "assistant", "owner": { "id": "ada@example.org", "active": true } },
                "session": "s1", "authenticated_by": "token", "standing": "active",
            },
            "action": {
                "kind": kind, "server": "mail", "name": name, "args": args,
                "effects": [
                    { "verb": "delete", "certainty": "declared", "resource": { "kind": "mail", "id": "bob@example.org" } },
                    { "verb": "read", "certainty": "derived",
                      "resource": { "kind": "file", "id": "a.txt", "path": "/home/ada/a.txt", "labels": ["internal"] } },
                    { "verb": "send", "certainty": "derived",
                      "resource": { "kind": "url", "id": "https://u:hunter2@api.example.com/v1?token=hunter2", "host": "api.example.com" } },
                ],
            },
            "context": { "time": 1_700_000_000_123_000_000_u64, "enforcement_point": "mcp-http", "intent": "tidy my private inbox" },
            "request": { "known": true, "asks": "call", "because": ["tidy", "private"] },
        },
        "decision": {
            "id": DECISION, "effect": "allow", "enforced": "allow", "mode": "enforce", "containment": "none",
            "risk": { "score": 34, "level": "medium", "parts": [
                { "signal": "tool", "points": 30, "confidence": 100, "why": "deletes without a bound" },
            ] },
            "reasons": [
                { "policy": "holdshort.rules.mass_delete", "message": "too many at once", "effect": "allow", "mode": "enforce" },
                { "policy": "grants", "message": "covered by mail-write", "effect": "allow", "mode": "enforce" },
            ],
            "snapshot": digest,
        },
    });
    for (pointer, value) in change {
        set(&mut record, pointer, value.clone());
    }
    record
}

/// Sets a value, and makes the last name of the pointer if it is not there.
pub(crate) fn set(record: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    record.pointer_mut(parent).expect("what it stands in")[name] = value;
}

/// A refusal, grave enough to be contained.
pub(crate) fn refusal() -> Value {
    decision(
        "tool.call",
        "delete_messages",
        &[
            ("/decision/effect", json!("deny")),
            ("/decision/enforced", json!("deny")),
            ("/decision/containment", json!("isolate")),
            ("/decision/playbook", json!(["capture", "contain", "open-incident"])),
            ("/decision/risk/level", json!("critical")),
            ("/decision/risk/score", json!(97)),
        ],
    )
}

pub(crate) fn outcome(status: &str) -> Value {
    json!({
        "type": "outcome", "decision": DECISION, "session": "s1", "status": status, "bytes": 812,
        "duration_us": 12_345, "digest": format!("sha256:{}", "2e".repeat(32)),
    })
}

pub(crate) fn approval(event: &str, state: &str, answered: bool) -> Value {
    let mut record = json!({
        "type": "approval", "time_ms": 1_700_000_001_000_u64, "id": DECISION, "event": event, "state": state,
        "binding": format!("sha256:{}", "3d".repeat(32)), "decision": DECISION, "agent": "tidy", "session": "s1",
    });
    if answered {
        record["answer"] = json!({ "by": "ann", "approved": state != "refused", "reason": "ticket 4711", "at_ms": 1_700_000_001_000_u64 });
    }
    record
}

pub(crate) fn standing(standing: &str, released: bool) -> Value {
    json!({
        "type": "standing", "time_ms": 1_700_000_002_000_u64, "released": released,
        "after": {
            "scope": "session", "agent": "tidy", "session": "s1", "standing": standing, "removed": ["mail-write"],
            "since_ms": 1, "by": "policy", "reason": "mass deletion", "decision": DECISION,
        },
    })
}

/// One record of every type, and of every shape that maps differently.
pub(crate) fn every() -> Vec<Event> {
    let digest = format!("sha256:{}", "4c".repeat(32));
    let lifecycle = |event: &str, detail: Value| json!({ "type": "lifecycle", "time_ms": 1_700_000_003_000_u64, "event": event, "detail": detail });
    let entry = |id: &str| {
        json!([{ "verb": "send", "certainty": "derived",
        "resource": { "kind": "url", "id": id, "host": "api.example.com" } }])
    };
    let records = vec![
        decision("tool.call", "delete_messages", &[]),
        outcome("ok"),
        refusal(),
        outcome("upstream-fault"),
        decision(
            "tool.call",
            "send",
            &[
                ("/decision/effect", json!("ask")),
                ("/decision/enforced", json!("ask")),
                ("/decision/approval", json!(DECISION)),
            ],
        ),
        decision("tool.call", "send", &[("/decision/effect", json!("deny")), ("/decision/mode", json!("observe"))]),
        decision(
            "tool.call",
            "send",
            &[(
                "/decision/obligations",
                json!([{ "type": "constrain", "pointer": "/limit", "value": "hunter2" }, { "type": "redact", "pointer": "/note" }]),
            )],
        ),
        decision(
            "tool.call",
            "send",
            &[("/decision/approved", json!({ "id": DECISION, "by": "ann", "remembered": false }))],
        ),
        decision("resource.read", "file:///srv/x", &[("/facts/action/effects", json!([]))]),
        decision(
            "catalog.list",
            "tools/list",
            &[("/request/action/args", Value::Null), ("/request/context/trace", Value::Null)],
        ),
        decision(
            "shell.command",
            "bash",
            &[("/request/action/args", json!({ "command": "rm -rf /srv/x", "cwd": "/srv" }))],
        ),
        decision("db.statement", "postgres", &[("/request/action/args", json!({ "statement": "drop table t" }))]),
        decision("http.request", "POST", &[("/facts/action/effects", entry("https://api.example.com/v1?t=hunter2"))]),
        decision("http.request", "PROPFIND", &[("/request/action/server", Value::Null)]),
        approval("asked", "pending", false),
        approval("answered", "approved", true),
        approval("answered", "refused", true),
        approval("used", "used", false),
        approval("expired", "expired", false),
        standing("narrowed", false),
        standing("isolated", false),
        standing("active", true),
        json!({ "type": "response", "time_ms": 1_700_000_004_000_u64, "decision": DECISION, "step": "open-incident",
            "incident": DECISION, "done": true, "text": "incident opened" }),
        json!({ "type": "response", "time_ms": 1_700_000_004_000_u64, "decision": DECISION, "step": "notify",
            "done": false, "text": "soc-mail: did not answer in time" }),
        json!({ "type": "promotion", "time_ms": 1_700_000_005_000_u64, "policy": "holdshort.rules.mass_delete",
            "before": "observe", "after": "enforce", "by": "ann", "reason": "two quiet weeks" }),
        json!({ "type": "policy", "time_ms": 1_700_000_005_000_u64, "snapshot": digest, "accepted": true, "source": "start" }),
        json!({ "type": "policy", "time_ms": 1_700_000_005_000_u64, "snapshot": digest, "accepted": false,
            "source": "file", "diagnostics": ["x.rego:3: undefined"] }),
        json!({ "type": "tool-change", "time_ms": 1_700_000_005_000_u64, "server": "mail", "tool": "send", "pin": "changed",
            "before": digest, "after": digest, "difference": ["/description"] }),
        json!({ "type": "tool-change", "time_ms": 1_700_000_005_000_u64, "server": "mail", "tool": "send", "pin": "new",
            "after": digest }),
        json!({ "type": "declassification", "id": DECISION, "at_ns": 1_700_000_005_000_000_000_u64, "agent": "tidy", "session": "s1",
            "what": "integrity", "reason": "read it myself", "by": "ann",
            "before": { "integrity": "untrusted" }, "after": { "integrity": "trusted" } }),
        json!({ "type": "erasure", "time_ms": 1_700_000_006_000_u64, "scope": "user", "keys": ["5b".repeat(16)],
            "by": "ann", "reason": "request 12" }),
        lifecycle("start", json!({ "version": "0.1.0" })),
        lifecycle("stop", json!({})),
        lifecycle("recorder-down", json!({ "count": 2 })),
        lifecycle("agent-added", json!({ "agent": "tidy", "by": "operator" })),
        lifecycle("incident-closed", json!({ "incident": DECISION, "by": "ann", "reason": "a test of ours" })),
    ];
    let mut events: Vec<Event> =
        records.into_iter().enumerate().map(|(index, record)| event(index as u64, record)).collect();
    for why in [Unreadable::Erased, Unreadable::Closed, Unreadable::Unknown] {
        events.push(unreadable(events.len() as u64, why));
    }
    events
}
