//! Any output, in any parts, of a tool of any kind: no panic, and a state that stays small. Then it is weighed.
#![no_main]

use holdshort_history::{Decided, Flow, Pending, Rules, Settled, State};
use holdshort_model::{Effect, Facts, OutcomeStatus, RecordId};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// What a state may take after two outputs, whatever was in them.
const STATE_BYTES_MAX: usize = 16 << 20;
const TOOLS: [&str; 4] = ["list_contacts", "read_file", "create_note", "recall_memory"];

// The first byte chooses the tool and who says it; NUL bytes part the rest, the first of which are arguments to weigh.
fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let parts: Vec<&str> = text.split('\0').collect();
    let (args, parts) = parts.split_at(parts.len().min(2));
    let (rules, mut state) = (Rules::default(), State::default());
    let name = TOOLS[usize::from(choice % 4)];
    let definition = json!({"inputSchema": {"properties": {"path": {"type": "string"}}}});
    for call in 1..=2 {
        let mut facts = facts(name, "read", json!({"path": args.first()}));
        let flow = weigh(&state, &rules, &facts, &definition);
        (facts.provenance, facts.request) = (flow.provenance, flow.request);
        let id = RecordId::from_parts(call, 0);
        let definition = Some(&definition);
        state.decided(&rules, &Decided { id, facts: &facts, enforced: Effect::Allow, definition, now_ns: 1 });
        let (status, claimed) = (OutcomeStatus::Ok, choice & 4 != 0);
        state.settled(&rules, &Settled { decision: id, status, parts, truncated: false, claimed, now_ns: 1 });
    }
    let facts = facts("send_mail", "send", json!({"to": args.first(), "body": args, "amount": args.get(1)}));
    let flow = weigh(&state, &rules, &facts, &definition);
    // What is asked for twice has one answer.
    assert_eq!(flow, weigh(&state.clone(), &rules, &facts, &definition));
    assert!(flow.provenance.values().all(|way| way.coverage <= 100 && way.sources.len() <= 4));
    assert!(state.bytes() < STATE_BYTES_MAX, "{}", state.bytes());
});

fn weigh(state: &State, rules: &Rules, facts: &Facts, definition: &Value) -> Flow {
    state.weigh(rules, &Pending { facts, definition: Some(definition), known: &|_, _| false, now_ns: 1 })
}

fn facts(name: &str, verb: &str, args: Value) -> Facts {
    serde_json::from_value(json!({
        "subject": {
            "agent": {"id": "a", "class": "c"}, "session": "s", "authenticated_by": "token", "standing": "active",
        },
        "action": {
            "kind": "tool.call", "server": "s", "name": name, "args": args,
            "effects": [{"verb": verb, "resource": {"kind": "tool"}, "certainty": "derived"}],
        },
        "context": {
            "time": 1, "enforcement_point": "fuzz", "workspace": "/srv/app",
            "intent": "Read notes.txt, then send the total of 1,200.00 to Ann or bob@corp.example.",
        },
    }))
    .unwrap()
}
