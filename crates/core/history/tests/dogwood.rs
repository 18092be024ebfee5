//! The sequences against cases of Dogwood, a policy language with the same operators: `data/README.md`.
//!
//! Each case is a set of policies over sequences, and traces of events; at each request the policies have a verdict.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use holdshort_history::{SequenceState, Sequences};
use holdshort_model::{
    ActionFacts, ActionKind, OutcomeStatus, RecordId, SequenceFacts, SequenceOperator, SequenceSpec,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

const CASES: &str = include_str!("data/dogwood.jsonl");

/// Verdicts that differ by design: there, a negative amount lowers a sum. Here an agent that pays -50 earns no budget.
const NEGATIVE_AMOUNTS: [&str; 5] = [
    "0011_sum_formerly_negative trace 2 event 3",
    "0867_sum_negative_threshold trace 2 event 3",
    "0927_sum_negative_overflow trace 1 event 3",
    "mcagg_0867_sum_negative_threshold trace 2 event 3",
    "mcagg_0927_sum_negative_overflow trace 1 event 3",
];

#[derive(Deserialize)]
struct Case {
    case: String,
    sequences: BTreeMap<String, SequenceSpec>,
    policies: Vec<(String, Option<String>, Value)>,
    traces: Vec<(u32, Vec<Vec<Value>>)>,
}

type Facts = BTreeMap<String, SequenceFacts>;

fn holds(condition: &Value, facts: &Facts) -> bool {
    let parts = condition.as_array().unwrap();
    match parts[0].as_str().unwrap() {
        "and" => parts[1..].iter().all(|part| holds(part, facts)),
        "not" => !holds(&parts[1], facts),
        "holds" => facts[parts[1].as_str().unwrap()].holds,
        "cmp" => {
            let (value, other) = (facts[parts[2].as_str().unwrap()].value, parts[3].as_f64().unwrap());
            match parts[1].as_str().unwrap() {
                "==" => value == other,
                "!=" => value != other,
                "<" => value < other,
                "<=" => value <= other,
                ">" => value > other,
                ">=" => value >= other,
                operator => panic!("{operator}"),
            }
        }
        word => panic!("{word}"),
    }
}

fn verdict(case: &Case, event: &str, facts: &Facts) -> bool {
    let (action, _) = event.rsplit_once("::").unwrap();
    let fires = |effect: &str| {
        let meant = |of: &Option<String>| of.as_deref().is_none_or(|of| of == action);
        case.policies.iter().any(|(is, of, condition)| is == effect && meant(of) && holds(condition, facts))
    };
    fires("permit") && !fires("forbid")
}

#[test]
fn verdicts_are_those_of_dogwood() {
    let (mut cases, mut traces, mut verdicts, mut endings) = (0, 0, 0, 0);
    let mut different = Vec::new();
    for line in CASES.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let specs: Vec<SequenceSpec> =
            case.sequences.iter().map(|(name, spec)| SequenceSpec { name: name.clone(), ..spec.clone() }).collect();
        let sequences = Sequences::compile(&specs).unwrap();
        cases += 1;
        for (trace, events) in &case.traces {
            traces += 1;
            let mut state = SequenceState::default();
            for (number, event) in (1_u64..).zip(events) {
                let (seconds, name) = (event[0].as_i64().unwrap(), event[1].as_str().unwrap());
                let (now_ns, id) = (seconds.saturating_mul(1_000_000_000), RecordId::from_parts(number, 0));
                let action = ActionFacts {
                    kind: ActionKind::ToolCall,
                    server: None,
                    name: name.to_owned(),
                    effects: Vec::new(),
                    args: event[2].clone(),
                    digest: None,
                };
                let mut facts = state.facts(&sequences, Some(&action), now_ns);
                state.reserve(&sequences, id, &action, now_ns);
                state.settle(&sequences, id, OutcomeStatus::Ok, now_ns);
                // There, an event that is being decided has already ended what it ends.
                let after = state.facts(&sequences, Some(&action), now_ns);
                for spec in specs.iter().filter(|spec| spec.operator == SequenceOperator::Since) {
                    let before = facts.insert(spec.name.clone(), after[&spec.name].clone()).unwrap();
                    assert!(before.holds || !after[&spec.name].holds, "{}: only an end can be missing", case.case);
                    endings += u32::from(event.len() > 3 && before.holds != after[&spec.name].holds);
                }
                let Some(expected) = event.get(3).and_then(Value::as_bool) else { continue };
                verdicts += 1;
                if verdict(&case, name, &facts) != expected {
                    different.push(format!("{} trace {trace} event {number}", case.case));
                }
            }
        }
    }
    different.sort();
    assert_eq!(different, NEGATIVE_AMOUNTS);
    assert_eq!((cases, traces, verdicts, endings), (354, 705, 2_373, 45));
}
