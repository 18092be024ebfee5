//! Sequences against a naive reading of all events.

use super::*;
use holdshort_model::{
    ActionFacts, OutcomeStatus, RecordId, SequenceFacts, SequenceOperator as Op, SequenceOutcome as Out, SequenceSpec,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const SECOND: i64 = 1_000_000_000;

fn id(number: u64) -> RecordId {
    RecordId::from_parts(number, 0)
}

fn sequences(specs: &Value) -> Sequences {
    Sequences::compile(&specs_of(specs)).unwrap()
}

fn specs_of(specs: &Value) -> Vec<SequenceSpec> {
    let specs = specs.as_object().unwrap().iter().map(|(name, spec)| {
        let mut spec: SequenceSpec = serde_json::from_value(spec.clone()).unwrap();
        spec.name = format!("p/{name}");
        spec
    });
    specs.collect()
}

fn action(fields: &Value) -> ActionFacts {
    let mut action = json!({"kind": "tool.call", "server": "s", "name": "t", "effects": [], "args": {}});
    for (key, value) in fields.as_object().unwrap() {
        action[key] = value.clone();
    }
    serde_json::from_value(action).unwrap()
}

fn effect(verb: &str, host: &str, count: Option<u64>) -> Value {
    let mut effect = json!({"verb": verb, "resource": {"kind": "url", "host": host}, "certainty": "derived"});
    if let Some(count) = count {
        effect["count"] = json!(count);
    }
    effect
}

fn delete(count: u64) -> ActionFacts {
    action(&json!({"effects": [effect("delete", "h", Some(count))]}))
}

fn value(facts: &BTreeMap<String, SequenceFacts>, name: &str) -> f64 {
    facts[&format!("p/{name}")].value
}

fn holds(facts: &BTreeMap<String, SequenceFacts>, name: &str) -> bool {
    facts[&format!("p/{name}")].holds
}

#[test]
fn calls_in_flight_count_and_failed_ones_give_back_where_it_is_said() {
    let rules = sequences(&json!({
        "any": {"operator": "sum_within", "of": "count", "window": "1h", "where": {"verb": "delete"}},
        "ok": {"operator": "sum_within", "of": "count", "window": "1h", "where": {"verb": "delete"}, "outcome": "ok"},
        "done": {"operator": "formerly_within", "window": "1h", "where": {"verb": "delete"}, "outcome": "done"},
    }));
    let mut state = SequenceState::default();
    state.reserve(&rules, id(1), &delete(5), 0);
    state.reserve(&rules, id(2), &delete(7), 0);
    let facts = state.facts(&rules, Some(&delete(1)), SECOND);
    assert_eq!((value(&facts, "any"), value(&facts, "ok"), holds(&facts, "done")), (13.0, 13.0, false));
    assert_eq!(facts["p/ok"].witnesses, [id(2), id(1)]);
    state.settle(&rules, id(1), OutcomeStatus::ToolError, SECOND);
    state.settle(&rules, id(9), OutcomeStatus::ToolError, SECOND);
    let facts = state.facts(&rules, Some(&delete(1)), SECOND);
    assert_eq!((value(&facts, "any"), value(&facts, "ok"), holds(&facts, "done")), (13.0, 8.0, false));
    state.settle(&rules, id(2), OutcomeStatus::Ok, SECOND);
    let facts = state.facts(&rules, None, SECOND);
    assert_eq!((value(&facts, "any"), value(&facts, "ok"), holds(&facts, "done")), (12.0, 7.0, true));
    assert_eq!(facts["p/done"].witnesses, [id(2)]);
}

#[test]
fn a_timeout_gives_nothing_back() {
    let spec = json!({"n": {"operator": "count_within", "window": "1h", "where": {}, "outcome": "ok"}});
    use OutcomeStatus as S;
    for (status, left) in [
        (S::Ok, 1.0),
        (S::Timeout, 1.0),
        (S::UpstreamFault, 1.0),
        (S::Cancelled, 1.0),
        (S::Sent, 1.0),
        (S::ToolError, 0.0),
        (S::Error, 0.0),
        (S::InputRequired, 0.0),
    ] {
        let (rules, mut state) = (sequences(&spec), SequenceState::default());
        state.reserve(&rules, id(1), &delete(1), 0);
        state.settle(&rules, id(1), status, 1);
        assert_eq!(value(&state.facts(&rules, None, 2), "n"), left, "{status:?}");
    }
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_young() {
    let rules = sequences(&json!({"n": {"operator": "count_within", "window": "10s", "where": {}}}));
    let mut state = SequenceState::default();
    state.reserve(&rules, id(1), &delete(1), 100 * SECOND);
    state.reserve(&rules, id(2), &delete(1), 0);
    assert_eq!(value(&state.facts(&rules, None, 0), "n"), 2.0);
    assert_eq!(value(&state.facts(&rules, None, 110 * SECOND), "n"), 2.0);
    assert_eq!(value(&state.facts(&rules, None, 111 * SECOND), "n"), 0.0);
}

#[test]
fn what_was_asked_for_before_an_end_and_came_after_it_goes_on() {
    let rules = sequences(&json!({"s": {
        "operator": "since", "window": "1h", "where": {"verb": "read"}, "until": {"tool": "clear"}
    }}));
    let read = action(&json!({"effects": [effect("read", "h", None)]}));
    let clear = action(&json!({"name": "clear"}));
    let mut state = SequenceState::default();
    state.reserve(&rules, id(1), &read, 0);
    state.reserve(&rules, id(2), &clear, 1);
    assert!(holds(&state.facts(&rules, Some(&clear), 2), "s"), "the end has not come back");
    state.settle(&rules, id(2), OutcomeStatus::Ok, 2);
    assert!(holds(&state.facts(&rules, None, 2), "s"), "the read is in flight");
    state.settle(&rules, id(1), OutcomeStatus::Ok, 3);
    assert!(holds(&state.facts(&rules, None, 3), "s"), "it was read after the end");
    state.reserve(&rules, id(3), &clear, 4);
    state.settle(&rules, id(3), OutcomeStatus::ToolError, 5);
    assert!(holds(&state.facts(&rules, None, 5), "s"), "the end failed");
    state.reserve(&rules, id(4), &clear, 6);
    state.settle(&rules, id(4), OutcomeStatus::Ok, 7);
    assert!(!holds(&state.facts(&rules, None, 7), "s"));
}

#[test]
fn what_has_to_have_happened_is_read_the_strict_way_round() {
    let rules = sequences(&json!({"approved": {
        "operator": "since", "window": "1h", "where": {"tool": "approve"}, "until": {"tool": "edit"}, "outcome": "done"
    }}));
    let (approve, edit) = (action(&json!({"name": "approve"})), action(&json!({"name": "edit"})));
    let mut state = SequenceState::default();
    assert!(!holds(&state.facts(&rules, Some(&approve), 0), "approved"));
    state.reserve(&rules, id(1), &approve, 0);
    assert!(!holds(&state.facts(&rules, None, 1), "approved"), "it has not come back");
    state.settle(&rules, id(1), OutcomeStatus::Ok, 2);
    assert!(holds(&state.facts(&rules, None, 2), "approved"));
    assert!(!holds(&state.facts(&rules, Some(&edit), 2), "approved"), "not for what ends it");
    state.reserve(&rules, id(2), &edit, 3);
    assert!(!holds(&state.facts(&rules, None, 3), "approved"), "an end counts at once");
    assert!(rules.at_best()["p/approved"].holds);
}

#[test]
fn labels_are_events() {
    let rules = sequences(&json!({
        "web": {"operator": "formerly_within", "window": "1m", "where": {"label": {"integrity": "untrusted"}}},
        "hr": {"operator": "count_within", "window": "1m", "where": {"label": {"category": ["personal"]}}},
        "any": {"operator": "count_within", "window": "1m", "where": {}},
    }));
    let mut state = SequenceState::default();
    state.labelled(&rules, id(1), Raised::Untrusted, 0);
    state.labelled(&rules, id(1), Raised::Category("personal"), 0);
    state.labelled(&rules, id(1), Raised::Category("payment"), 0);
    state.labelled(&rules, id(1), Raised::Confidentiality("secret"), 0);
    let facts = state.facts(&rules, Some(&delete(1)), SECOND);
    assert!(holds(&facts, "web"));
    assert_eq!((value(&facts, "hr"), value(&facts, "any")), (1.0, 1.0));
    assert_eq!(facts["p/web"].witnesses, [id(1)]);
    assert!(!holds(&state.facts(&rules, None, 61 * SECOND), "web"));
}

#[test]
fn a_label_ends_what_has_to_have_happened() {
    let rules = sequences(&json!({"approved": {
        "operator": "since", "window": "1h", "where": {"tool": "approve"}, "until": {"label": {"integrity": "untrusted"}},
        "outcome": "done"
    }}));
    let approve = action(&json!({"name": "approve"}));
    let mut state = SequenceState::default();
    state.reserve(&rules, id(1), &approve, 0);
    state.settle(&rules, id(1), OutcomeStatus::Ok, 1);
    state.reserve(&rules, id(2), &approve, 2);
    assert!(holds(&state.facts(&rules, None, 2), "approved"));
    state.labelled(&rules, id(3), Raised::Untrusted, 3);
    assert!(!holds(&state.facts(&rules, None, 3), "approved"));
    state.settle(&rules, id(2), OutcomeStatus::Ok, 4);
    assert!(!holds(&state.facts(&rules, None, 4), "approved"), "it was asked for before");
}

#[test]
fn loading_policies_again_keeps_what_is_declared_as_before() {
    let one = json!({"operator": "count_within", "window": "1h", "where": {"verb": "delete"}});
    let other = json!({"operator": "count_within", "window": "2h", "where": {"verb": "delete"}});
    let (before, after) =
        (sequences(&json!({"a": one, "b": one})), sequences(&json!({"aa": one, "b": one, "a": other})));
    let mut state = SequenceState::default();
    state.reserve(&before, id(1), &delete(1), 0);
    let facts = state.facts(&after, None, 1);
    assert_eq!((value(&facts, "aa"), value(&facts, "b"), value(&facts, "a")), (0.0, 1.0, 0.0));
    state.reserve(&after, id(2), &delete(1), 2);
    let facts = state.facts(&after, None, 3);
    assert_eq!((value(&facts, "aa"), value(&facts, "b"), value(&facts, "a")), (1.0, 2.0, 1.0));
}

#[test]
fn only_what_a_declaration_asks_for_is_kept_and_it_is_bounded() {
    let mut state = SequenceState::default();
    let none = Sequences::default();
    state.reserve(&none, id(1), &delete(1), 0);
    assert_eq!(state.bytes(), size_of::<SequenceState>());
    let rules = sequences(&json!({
        "count": {"operator": "count_within", "window": "30d", "where": {"verb": "delete"}, "outcome": "ok"},
        "hosts": {"operator": "count_distinct_within", "of": "/host", "window": "30d", "where": {"verb": "delete"}},
        "each": {"operator": "count_within", "same": "/host", "window": "30d", "where": {"verb": "delete"}},
        "since": {"operator": "since", "until": {"tool": "x"}, "window": "30d", "where": {"verb": "delete"}},
    }));
    let read = action(&json!({"effects": [effect("read", "h", None)]}));
    state.reserve(&rules, id(0), &read, 0);
    let empty = state.bytes();
    let mut at = Vec::new();
    for number in 0..20_000_u64 {
        state.reserve(&rules, id(number), &read, SECOND);
        let mut delete = delete(1);
        delete.args = json!({"host": format!("h{number}")});
        state.reserve(&rules, id(number), &delete, i64::try_from(number).unwrap() * SECOND);
        at.push(state.bytes());
    }
    assert!(at[0] > empty);
    assert!(at[19_999] < 120_000 && at[19_999] < at[2_000] + 20_000, "{} {} {}", at[0], at[2_000], at[19_999]);
    let facts = state.facts(&rules, None, 20_000 * SECOND);
    assert_eq!(value(&facts, "count"), 20_000.0);
    assert_eq!(value(&facts, "hosts"), 1e9, "too many to tell");
    let mut other = delete(1);
    other.args = json!({"host": "h19999"});
    let facts = state.facts(&rules, Some(&other), 20_000 * SECOND);
    assert_eq!(value(&facts, "each"), (20_000 - KEYS_MAX + 1) as f64, "what has no room is counted together");
    other.args = json!({"host": "h3"});
    assert_eq!(value(&state.facts(&rules, Some(&other), 20_000 * SECOND), "each"), 2.0);
}

/// One thing that happens in a session.
#[derive(Clone, Debug)]
enum Step {
    Decide { verb: usize, host: usize, user: usize, count: Option<u64> },
    Settle { which: usize, status: usize },
    Wait(i64),
}

const VERBS: [&str; 3] = ["read", "send", "delete"];
const STATUSES: [OutcomeStatus; 4] =
    [OutcomeStatus::Ok, OutcomeStatus::ToolError, OutcomeStatus::Timeout, OutcomeStatus::Ok];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..4_usize, 0..3_usize, proptest::option::of(1..9_u64))
            .prop_map(|(verb, host, user, count)| Step::Decide { verb, host, user, count }),
        3 => (0..8_usize, 0..4_usize).prop_map(|(which, status)| Step::Settle { which, status }),
        2 => (0..4_i64).prop_map(Step::Wait),
    ]
}

fn made(verb: usize, host: usize, user: usize, count: Option<u64>) -> ActionFacts {
    let args = if user == 2 { json!({}) } else { json!({"user": user}) };
    action(&json!({"effects": [effect(VERBS[verb], &format!("h{host}"), count)], "args": args}))
}

/// Everything that happened, nothing forgotten.
#[derive(Clone, Default)]
struct Naive {
    events: Vec<Event>,
    now: i64,
}

#[derive(Clone)]
struct Event {
    id: RecordId,
    time: i64,
    action: ActionFacts,
    /// How it ended, when, and how many events there were by then.
    end: Option<(OutcomeStatus, i64, usize)>,
}

impl Naive {
    fn is(pattern: &Option<holdshort_model::EventPattern>, action: &ActionFacts) -> bool {
        pattern.as_ref().is_some_and(|pattern| {
            let verb = |effect: &holdshort_model::ActionEffect| pattern.verb.contains(&effect.verb);
            pattern.verb.is_empty() || action.effects.iter().any(verb)
        })
    }

    fn answer(&self, spec: &SequenceSpec, pending: &ActionFacts) -> (bool, f64) {
        let gate = spec.outcome == Out::Done;
        let matching = Some(spec.matching.clone());
        let key = |action: &ActionFacts| spec.same.as_ref().map(|_| action.args.get("user").cloned());
        let counted = |event: &&(usize, &Event)| {
            let stays = match (spec.outcome, event.1.end) {
                (Out::Any, _) | (Out::Ok, None) => true,
                (Out::Ok, Some((status, ..))) => status != OutcomeStatus::ToolError,
                (Out::Done, end) => end.is_some_and(|(status, ..)| status == OutcomeStatus::Ok),
            };
            stays && Self::is(&matching, &event.1.action) && key(&event.1.action) == key(pending)
        };
        let ends = |action: &ActionFacts| match (&spec.until, &spec.throughout) {
            (Some(_), _) => Self::is(&spec.until, action) && key(action) == key(pending),
            (_, Some(_)) => !(Self::is(&spec.throughout, action) && key(action) == key(pending)),
            _ => false,
        };
        let events: Vec<(usize, &Event)> = self.events.iter().enumerate().collect();
        let ended = events.iter().filter(|(_, event)| {
            ends(&event.action) && (gate || event.end.is_some_and(|(status, ..)| status == OutcomeStatus::Ok))
        });
        let ended = ended.map(|(rank, _)| *rank).max();
        let live = |time: i64| self.now - time <= spec.window.ns();
        if !spec.operator.counts() {
            let alive = |(rank, event): &(usize, &Event)| {
                let (rank, time) = match event.end {
                    Some((_, time, after)) if !gate => (after - 1, time),
                    None if !gate => (usize::MAX, event.time),
                    _ => (*rank, event.time),
                };
                live(time) && ended.is_none_or(|ended| rank >= ended)
            };
            let past = events.iter().filter(counted).any(alive);
            let now = !gate && Self::is(&matching, pending);
            return ((past || now) && !(gate && ends(pending)), 0.0);
        }
        let past = events.iter().filter(counted).filter(|(_, event)| live(event.time)).map(|(_, event)| &event.action);
        let all: Vec<&ActionFacts> = past.chain(Some(pending).filter(|_| Self::is(&matching, pending))).collect();
        let value = match spec.operator {
            Op::CountWithin => all.len() as f64,
            Op::SumWithin => all.iter().map(|action| action.effects[0].count.map_or(1e9, |count| count as f64)).sum(),
            _ => all.iter().map(|action| &action.effects[0].resource.host).collect::<BTreeSet<_>>().len() as f64,
        };
        (false, value)
    }
}

fn every_kind() -> Value {
    let mut specs = serde_json::Map::new();
    for outcome in ["any", "ok", "done"] {
        for same in [None, Some("/user")] {
            for (name, mut spec) in [
                ("formerly", json!({"operator": "formerly_within"})),
                ("until", json!({"operator": "since", "until": {"verb": "send"}})),
                ("both", json!({"operator": "since", "until": {"verb": ["send", "read"]}})),
                ("throughout", json!({"operator": "since", "throughout": {"verb": ["read", "delete"]}})),
                ("count", json!({"operator": "count_within"})),
                ("sum", json!({"operator": "sum_within", "of": "count"})),
                ("distinct", json!({"operator": "count_distinct_within", "of": "host"})),
            ] {
                if outcome == "done" && ["count", "sum", "distinct"].contains(&name) {
                    continue;
                }
                spec["window"] = json!("5s");
                spec["where"] = json!({"verb": "read"});
                spec["outcome"] = json!(outcome);
                if let Some(same) = same {
                    spec["same"] = json!(same);
                }
                specs.insert(format!("{name} {outcome} {}", same.unwrap_or_default()), spec);
            }
        }
    }
    Value::Object(specs)
}

proptest! {
    #[test]
    fn the_answer_is_that_of_a_naive_reading(steps in proptest::collection::vec(step(), 1..64), now in 0..4_usize) {
        let specs = specs_of(&every_kind());
        let rules = Sequences::compile(&specs).unwrap();
        let (mut state, mut naive) = (SequenceState::default(), Naive::default());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Wait(seconds) => naive.now += seconds * SECOND,
                Step::Decide { verb, host, user, count } => {
                    let (id, action) = (id(number as u64), made(verb, host, user, count));
                    state.reserve(&rules, id, &action, naive.now);
                    naive.events.push(Event { id, time: naive.now, action, end: None });
                }
                Step::Settle { which, status } => {
                    let (after, now) = (naive.events.len(), naive.now);
                    let open = naive.events.iter_mut().rev().filter(|event| event.end.is_none()).nth(which);
                    if let Some(event) = open {
                        event.end = Some((STATUSES[status], now, after));
                        state.settle(&rules, event.id, STATUSES[status], now);
                    }
                }
            }
            let pending = made(now % 3, now, now % 3, Some(2));
            let facts = state.facts(&rules, Some(&pending), naive.now);
            for spec in &specs {
                let found = &facts[&spec.name];
                prop_assert_eq!((found.holds, found.value), naive.answer(spec, &pending), "{}", &spec.name);
            }
        }
    }

    #[test]
    fn with_many_events_it_counts_too_much_by_a_slot_at_most(
        steps in proptest::collection::vec((0..40_i64, 1..5_u64, 0..5_usize), 200..1_500),
        late in 0..400_i64,
    ) {
        let spec = json!({
            "operator": "sum_within", "of": "count", "window": "640s", "where": {}, "outcome": "ok"
        });
        let mut keyed = spec.clone();
        keyed["same"] = json!("server");
        let rules = sequences(&json!({"n": spec, "k": keyed}));
        let mut state = SequenceState::default();
        let (mut now, mut events) = (0_i64, Vec::new());
        for (number, (wait, count, status)) in steps.iter().enumerate() {
            now += (wait / 8) * SECOND;
            let id = id(number as u64);
            state.reserve(&rules, id, &delete(*count), now);
            if *status != 1 {
                events.push((now, *count));
            }
            // The fifth part stays in flight, as far as there is room.
            if *status < 4 {
                state.settle(&rules, id, STATUSES[*status], now);
            }
        }
        now += late * SECOND;
        let naive = |window: i64| -> f64 {
            let counted = events.iter().filter(|(time, _)| now - time <= window * SECOND);
            counted.map(|(_, count)| *count as f64).sum()
        };
        // Deleting nothing adds nothing, and has the key.
        let facts = state.facts(&rules, Some(&delete(0)), now);
        for (name, slot) in [("n", 10), ("k", 20)] {
            let found = value(&facts, name);
            prop_assert!(found >= naive(640), "{}: {} < {}", name, found, naive(640));
            prop_assert!(found <= naive(640 + slot), "{}: {} > {}", name, found, naive(640 + slot));
        }
    }

    #[test]
    fn the_order_in_which_calls_come_back_does_not_matter(
        batches in proptest::collection::vec(
            (proptest::collection::vec((0..3_usize, 0..4_usize, 0..3_usize, 0..4_usize), 1..8), any::<prop::sample::Index>()),
            1..8,
        ),
    ) {
        let rules = sequences(&every_kind());
        let (mut one, mut other) = (SequenceState::default(), SequenceState::default());
        let (mut number, mut now) = (0, 0);
        for (batch, turn) in batches {
            let mut back = Vec::new();
            for (verb, host, user, status) in batch {
                number += 1;
                let action = made(verb, host, user, Some(1));
                one.reserve(&rules, id(number), &action, now);
                other.reserve(&rules, id(number), &action, now);
                back.push((id(number), STATUSES[status]));
            }
            now += SECOND;
            for (id, status) in &back {
                one.settle(&rules, *id, *status, now);
            }
            let turn = turn.index(back.len());
            back.rotate_left(turn);
            for (id, status) in back.iter().rev() {
                other.settle(&rules, *id, *status, now);
            }
            let pending = made(0, 0, 0, Some(1));
            prop_assert_eq!(one.facts(&rules, Some(&pending), now), other.facts(&rules, Some(&pending), now));
        }
    }
}
