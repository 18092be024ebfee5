//! What sequences cost: one decision (asking, reserving, settling) after 10, 100, 1,000 and 100,000 past events, with one
//! declaration of each kind that matches every event. Plain timing, so that each line is one session that goes on.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use holdshort_history::{SequenceState, Sequences};
use holdshort_model::{ActionFacts, OutcomeStatus, RecordId, SequenceSpec};
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

/// Decisions that are timed at each length, and events a second of the session's time.
const TIMED: u64 = 2_000;
const PACE_NS: i64 = 1_000_000_000;

fn main() -> anyhow::Result<()> {
    let each = |window: &str| -> Result<Vec<SequenceSpec>, serde_json::Error> {
        [
            json!({"operator": "formerly_within", "window": window, "where": {"verb": "delete"}}),
            json!({"operator": "since", "until": {"tool": "clear"}, "window": window, "where": {"verb": "delete"}}),
            json!({"operator": "count_within", "window": window, "where": {"verb": "delete"}}),
            json!({"operator": "sum_within", "of": "count", "outcome": "ok", "window": window, "where": {"verb": "delete"}}),
            json!({"operator": "count_distinct_within", "of": "host", "window": window, "where": {"verb": "delete"}}),
            json!({"operator": "count_within", "same": "/user", "window": window, "where": {"verb": "delete"}}),
        ]
        .into_iter()
        .enumerate()
        .map(|(number, value)| {
            let spec: SequenceSpec = serde_json::from_value(value)?;
            Ok(SequenceSpec { name: format!("bench/{number}"), ..spec })
        })
        .collect()
    };
    println!("{:>14} {:>10} {:>12} {:>12} {:>10}", "sequences", "past", "ask ns", "decide ns", "bytes");
    let specs = each("24h")?;
    for (name, specs) in [("six kinds", specs.clone()), ("count only", specs.get(2..3).unwrap_or_default().to_vec())] {
        let sequences = Sequences::compile(&specs)?;
        let mut state = SequenceState::default();
        let mut number = 0;
        for past in [10, 100, 1_000, 10_000, 100_000] {
            while number < past {
                number += 1;
                step(&sequences, &mut state, number)?;
            }
            let session = state.clone();
            let action = action(number)?;
            let ask = time(|_| {
                black_box(session.facts(&sequences, Some(black_box(&action)), at(number)));
            });
            let mut session = state.clone();
            let decide = time(|turn| {
                let (id, now_ns) = (RecordId::from_parts(number + turn, 0), at(number + turn));
                black_box(session.facts(&sequences, Some(black_box(&action)), now_ns));
                session.reserve(&sequences, id, &action, now_ns);
                session.settle(&sequences, id, OutcomeStatus::Ok, now_ns);
            });
            println!("{name:>14} {past:>10} {ask:>12} {decide:>12} {:>10}", state.bytes());
        }
    }
    Ok(())
}

fn time(mut what: impl FnMut(u64)) -> u128 {
    let start = Instant::now();
    (1..=TIMED).for_each(&mut what);
    start.elapsed().as_nanos() / u128::from(TIMED)
}

fn at(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(PACE_NS)
}

fn action(number: u64) -> Result<ActionFacts, serde_json::Error> {
    serde_json::from_value(json!({
        "kind": "tool.call", "server": "s", "name": "delete", "args": {"user": number % 50},
        "effects": [{
            "verb": "delete", "resource": {"kind": "url", "host": format!("h{}.example", number % 50)}, "count": 1,
            "certainty": "derived",
        }],
    }))
}

fn step(sequences: &Sequences, state: &mut SequenceState, number: u64) -> Result<(), serde_json::Error> {
    let id = RecordId::from_parts(number, 0);
    state.reserve(sequences, id, &action(number)?, at(number));
    state.settle(sequences, id, OutcomeStatus::Ok, at(number));
    Ok(())
}
