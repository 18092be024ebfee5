//! What holds for every sequence of events.

use super::{LabelState, ReadEvent};
use holdshort_effects::Classification;
use holdshort_model::{DeclassificationRecord, Integrity, Labels, RecordId};
use proptest::prelude::*;

/// A record whose parts do not matter.
pub(super) fn declassification() -> DeclassificationRecord {
    DeclassificationRecord {
        id: RecordId::from_parts(1, 1),
        at_ns: 0,
        agent: "agent".into(),
        session: "session".into(),
        what: String::new(),
        reason: "looked at it".into(),
        by: "operator".into(),
        before: Labels::default(),
        after: Labels::default(),
    }
}

#[derive(Clone, Debug)]
enum Event {
    Read { source: String, untrusted: bool, labels: Vec<&'static str>, at_ns: i64 },
    Lower { what: &'static str, at_ns: i64 },
}

const LABELS: [&str; 6] = ["public", "internal", "confidential", "restricted", "personal", "health"];
const LOWERED: [&str; 4] = ["integrity", "restricted", "confidential", "personal"];

fn events() -> impl Strategy<Value = Vec<Event>> {
    let labels = prop::collection::vec(prop::sample::select(LABELS.to_vec()), 0..3);
    let read = ("[a-c]{1,2}", any::<bool>(), labels, 0..40i64)
        .prop_map(|(source, untrusted, labels, at_ns)| Event::Read { source, untrusted, labels, at_ns });
    let lower =
        (prop::sample::select(LOWERED.to_vec()), 0..40i64).prop_map(|(what, at_ns)| Event::Lower { what, at_ns });
    prop::collection::vec(prop_oneof![4 => read, 1 => lower], 0..40)
}

fn learn(state: &mut LabelState, event: &Event) {
    match event {
        Event::Read { source, untrusted, labels, at_ns } => {
            let read = ReadEvent { source, untrusted: *untrusted, labels, at_ns: *at_ns };
            state.apply(&Classification::default(), &read);
        }
        Event::Lower { what, at_ns } => {
            state.declassify(&DeclassificationRecord { what: (*what).into(), at_ns: *at_ns, ..declassification() });
        }
    }
}

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> LabelState {
    let mut state = LabelState::default();
    events.into_iter().for_each(|event| learn(&mut state, event));
    state
}

fn labels(state: &LabelState) -> Labels {
    state.labels(&Classification::default(), [])
}

fn rank(labels: &Labels) -> Option<usize> {
    Classification::default().levels.iter().position(|level| *level == labels.confidentiality)
}

// The definition, without any bound: what was read at or after its latest declassification is in force.
fn plainly(events: &[Event]) -> (Integrity, Option<usize>, Vec<String>) {
    let lowered = |name: &str| {
        let at = |event: &Event| match event {
            Event::Lower { what, at_ns } if *what == name => Some(*at_ns),
            _ => None,
        };
        events.iter().filter_map(at).max()
    };
    let reads = events.iter().filter_map(|event| match event {
        Event::Read { untrusted, labels, at_ns, .. } => Some((*untrusted, labels, *at_ns)),
        Event::Lower { .. } => None,
    });
    let mut found = (Integrity::Trusted, None, Vec::new());
    for (untrusted, labels, at_ns) in reads {
        if untrusted && Some(at_ns) >= lowered("integrity") {
            found.0 = Integrity::Untrusted;
        }
        for label in labels.iter().filter(|label| Some(at_ns) >= lowered(label)) {
            match Classification::default().levels.iter().position(|level| level == label) {
                Some(rank) => found.1 = found.1.max(Some(rank)),
                None => found.2.push((*label).to_owned()),
            }
        }
    }
    found.2.sort_unstable();
    found.2.dedup();
    found
}

proptest! {
    #[test]
    fn it_says_what_was_read(events in events()) {
        let labels = labels(&fold(&events));
        prop_assert_eq!((labels.integrity, rank(&labels), labels.categories), plainly(&events));
    }

    #[test]
    fn order_and_repetition_do_not_matter(events in events(), seed in any::<prop::sample::Index>(), again in any::<bool>()) {
        let mut other: Vec<&Event> = events.iter().collect();
        other.reverse();
        let middle = if other.is_empty() { 0 } else { seed.index(other.len()) };
        other.rotate_left(middle);
        if again {
            other.extend(&events);
        }
        prop_assert_eq!(fold(&events), fold(other));
    }

    #[test]
    fn nodes_merge_into_the_fold_of_everything(events in events(), node in prop::collection::vec(0..3usize, 40)) {
        let of = |number: usize| fold(events.iter().zip(&node).filter(|(_, node)| **node == number).map(|(event, _)| event));
        let (a, b, c) = (of(0), of(1), of(2));
        let merged = |parts: [&LabelState; 3]| {
            let mut all = LabelState::default();
            parts.into_iter().for_each(|part| all.merge(part));
            all
        };
        let all = fold(&events);
        prop_assert_eq!(&merged([&a, &b, &c]), &all);
        prop_assert_eq!(&merged([&c, &a, &b]), &all);
        prop_assert_eq!(&merged([&all, &b, &all]), &all);
    }

    #[test]
    fn without_a_declassification_nothing_falls(before in events(), event in events()) {
        let reads = |events: &[Event]| {
            events.iter().filter(|event| matches!(event, Event::Read { .. })).cloned().collect::<Vec<_>>()
        };
        let mut state = fold(&before);
        for event in reads(&event) {
            let was = labels(&state);
            learn(&mut state, &event);
            let is = labels(&state);
            prop_assert!(is.integrity >= was.integrity && rank(&is) >= rank(&was));
            prop_assert!(was.categories.iter().all(|category| is.categories.contains(category)));
        }
    }

    #[test]
    fn after_a_stamped_declassification_only_later_reads_count(before in events(), now_ns in -10..50i64) {
        let mut state = fold(&before);
        let at_ns = state.stamp(now_ns);
        for what in LABELS.iter().chain(&["integrity"]) {
            state.declassify(&DeclassificationRecord { what: (*what).into(), at_ns, ..declassification() });
        }
        prop_assert_eq!(labels(&state), Labels::default());
        let at_ns = state.stamp(now_ns);
        learn(&mut state, &Event::Read { source: "x".into(), untrusted: true, labels: vec!["internal"], at_ns });
        let labels = labels(&state);
        prop_assert_eq!((labels.integrity, labels.since), (Integrity::Untrusted, Some(at_ns)));
        prop_assert_eq!(labels.confidentiality, "internal");
    }
}
