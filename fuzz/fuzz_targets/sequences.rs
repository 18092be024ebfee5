//! Any declarations and any session: no panic, an answer for each declaration, and never less than what was reserved.
#![no_main]

use holdshort_history::{Raised, SequenceState, Sequences};
use holdshort_model::{ActionFacts, OutcomeStatus, RecordId, SequenceOutcome, SequenceSpec};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

// The first line is a list of declarations, the second a list of actions' arguments, the rest decides what happens when.
fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let Some(Ok(mut specs)) = lines.next().map(serde_json::from_slice::<Vec<SequenceSpec>>) else { return };
    let args: Vec<Value> = lines.next().and_then(|line| serde_json::from_slice(line).ok()).unwrap_or_default();
    for (number, spec) in specs.iter_mut().enumerate() {
        spec.name = format!("p/{number}");
    }
    let Ok(sequences) = Sequences::compile(&specs) else { return };
    let (mut state, mut now_ns) = (SequenceState::default(), 0_i64);
    for (number, byte) in (1_u64..).zip(lines.next().unwrap_or_default()) {
        now_ns = now_ns.saturating_add((i64::from(*byte) - 8) << (byte % 48));
        let id = RecordId::from_parts(number.saturating_sub(u64::from(byte % 4)), 0);
        let verb = ["read", "delete", "send", "spend"][usize::from(byte % 4)];
        let action: ActionFacts = serde_json::from_value(json!({
            "kind": "tool.call", "server": "s", "name": verb, "args": args.get(usize::from(*byte) % args.len().max(1)),
            "effects": [{
                "verb": verb, "certainty": "derived",
                "resource": {"kind": "url", "host": format!("h{}", byte % 8), "labels": ["secret"]},
            }],
        }))
        .unwrap();
        match byte % 5 {
            0 => state.labelled(&sequences, id, Raised::Untrusted, now_ns),
            1 => state.settle(&sequences, id, OutcomeStatus::Ok, now_ns),
            2 => state.settle(&sequences, id, OutcomeStatus::ToolError, now_ns),
            _ => {
                let before = state.facts(&sequences, Some(&action), now_ns);
                state.reserve(&sequences, id, &action, now_ns);
                let after = state.facts(&sequences, None, now_ns);
                assert_eq!((before.len(), after.len()), (specs.len(), specs.len()));
                for spec in specs.iter().filter(|spec| spec.same.is_none() && spec.outcome != SequenceOutcome::Done) {
                    let (before, after) = (&before[&spec.name], &after[&spec.name]);
                    assert!(before.value <= after.value && (after.holds || !before.holds), "{before:?} {after:?}");
                }
            }
        }
    }
    assert!(state.bytes() < (specs.len() + 1) * 4_000_000);
});
