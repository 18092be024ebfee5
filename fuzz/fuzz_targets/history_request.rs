//! Any request and any tool: no panic, the same answer each time, and what the request says word for word is the person's.
#![no_main]

use holdshort_history::{Pending, Rules, State};
use holdshort_model::{Facts, Origin};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const VERBS: [&str; 8] = ["read", "write", "delete", "execute", "send", "spend", "delegate", "grant"];

// The first byte chooses the effects; NUL bytes part name, description, name of a parameter, value and request.
fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let mut parts = text.splitn(5, '\0');
    let mut next = || parts.next().unwrap_or_default();
    let (name, description, parameter, value, request) = (next(), next(), next(), next(), next());
    let definition = json!({
        "description": description,
        "inputSchema": {"properties": {parameter: {"type": "string"}}, "required": [parameter]},
    });
    let (rules, state) = (Rules::default(), State::default());
    let weigh = |facts: &Facts| {
        state.weigh(&rules, &Pending { facts, definition: Some(&definition), known: &|_, _| false, now_ns: 1 })
    };
    let facts = facts(name, *choice, json!({ parameter: value }), request);
    let flow = weigh(&facts);
    assert_eq!(flow, weigh(&facts));
    assert!(flow.request.known && flow.request.steered_by.is_empty());
    // Nothing was read: a value is the person's, or nobody's.
    let known = |origin| matches!(origin, Origin::Request | Origin::Nowhere | Origin::Unknown);
    assert!(flow.provenance.values().all(|way| known(way.origin)), "{:?}", flow.provenance);
});

fn facts(name: &str, choice: u8, args: Value, request: &str) -> Facts {
    let chosen = VERBS.iter().enumerate().filter(|(bit, _)| choice & (1 << bit) != 0);
    let effects: Vec<Value> = chosen
        .map(|(_, verb)| json!({"verb": verb, "resource": {"kind": "tool"}, "certainty": "derived"}))
        .collect();
    serde_json::from_value(json!({
        "subject": {
            "agent": {"id": "a", "class": "c"}, "session": "s", "authenticated_by": "token", "standing": "active",
        },
        "action": {"kind": "tool.call", "server": "s", "name": name, "args": args, "effects": effects},
        "context": {"time": 1, "enforcement_point": "fuzz", "intent": request},
    }))
    .unwrap()
}
