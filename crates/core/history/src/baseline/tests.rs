//! What a baseline promises, checked from outside.

use super::*;
use holdshort_model::{
    ActionEffect, ActionFacts, ActionKind, Agent, Anomaly, Authentication, Certainty, Claims, ContextFacts, Facts,
    HistoryFacts, Labels, RequestFacts, Resource, Risk, Signals, Standing, SubjectFacts, Verb,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;
/// A Monday at 00:00, four days after a half-life began.
const MONDAY: i64 = 20_444 * DAY;

fn facts(tool: &str, verb: Verb, host: Option<&str>, labels: &[&str], args: Value) -> Facts {
    let resource = Resource {
        kind: "record".into(),
        id: Some("1".into()),
        host: host.map(Into::into),
        path: None,
        labels: labels.iter().map(ToString::to_string).collect(),
    };
    let certainty = Certainty::Derived;
    Facts {
        subject: SubjectFacts {
            agent: Agent { id: "a".into(), class: "coding".into(), owner: None, claims: Claims::default() },
            user: None,
            delegation: vec![],
            session: "s".into(),
            authenticated_by: Authentication::Token,
            standing: Standing::Active,
            removed: vec![],
        },
        action: ActionFacts {
            kind: ActionKind::ToolCall,
            server: Some("server".into()),
            name: tool.into(),
            effects: vec![ActionEffect { verb, resource, reversible: None, count: Some(1), certainty }],
            args,
            digest: None,
        },
        tool: None,
        context: ContextFacts { intent: None, time: 0, workspace: None, enforcement_point: "test".into(), trace: None },
        labels: Labels::default(),
        provenance: std::collections::BTreeMap::new(),
        request: RequestFacts::default(),
        history: HistoryFacts::default(),
        signals: Signals::default(),
        risk: Risk::default(),
    }
}

fn read(tool: &str) -> Facts {
    facts(tool, Verb::Read, None, &[], json!({ "id": "1234" }))
}

pub(super) fn send(host: &str) -> Facts {
    facts("send", Verb::Send, Some(host), &[], json!({"body": "a few words"}))
}

fn learn(baseline: &mut Baseline, facts: &Facts, previous: Option<&str>, now_ns: i64) -> bool {
    baseline.learn(&BaselineEvent::of(facts, previous).unwrap(), now_ns)
}

fn score(baseline: &Baseline, facts: &Facts, previous: Option<&str>, now_ns: i64) -> Anomaly {
    baseline.score(&BaselineEvent::of(facts, previous).unwrap(), now_ns)
}

// Working days from nine to five: reads, then sends, a few times in each hour.
fn worked(days: i64) -> (Baseline, i64) {
    let mut baseline = Baseline::new(42);
    let mut now = MONDAY;
    for day in 0..days {
        for hour in (9..17).filter(|_| day % 7 < 5) {
            now = MONDAY + day * DAY + hour * HOUR;
            for turn in 0..6 {
                now = MONDAY + day * DAY + hour * HOUR + turn * 60_000_000_000;
                learn(&mut baseline, &read("list"), None, now);
                learn(&mut baseline, &read("get"), Some("list"), now);
                learn(&mut baseline, &send("mail.corp.example"), Some("get"), now);
            }
        }
    }
    (baseline, now)
}

#[test]
fn it_stays_small() {
    assert!(size_of::<Baseline>() <= 8 * 1_024, "{}", size_of::<Baseline>());
    assert!(worked(30).0.to_bytes().len() <= 8 * 1_024);
    assert!(Baseline::new(1).to_bytes().len() < 256);
}

#[test]
fn an_agent_is_cold_at_first() {
    let mut baseline = Baseline::new(1);
    let cold = score(&baseline, &read("get"), None, MONDAY);
    assert!(cold.cold && cold.novelty == 0 && cold.why.len() == 1, "{cold:?}");
    for event in 0..WARM_EVENTS {
        assert!(!baseline.is_warm(MONDAY));
        learn(&mut baseline, &read("get"), None, MONDAY + i64::from(event) * 10_000_000_000);
    }
    let warm = score(&baseline, &read("get"), None, MONDAY + HOUR);
    assert!(!warm.cold && warm.events == u64::from(WARM_EVENTS), "{warm:?}");
}

#[test]
fn what_is_usual_is_quiet() {
    let (baseline, now) = worked(12);
    for (facts, previous) in
        [(read("list"), None), (read("get"), Some("list")), (send("mail.corp.example"), Some("get"))]
    {
        let usual = score(&baseline, &facts, previous, now);
        assert!(usual.novelty <= 10 && usual.surprise <= 5 && usual.volume == 0, "{usual:?}");
        assert!(usual.why.is_empty());
    }
}

#[test]
fn what_is_new_stands_out_and_says_why() {
    let (baseline, now) = worked(12);
    let tool = score(&baseline, &read("dump"), Some("list"), now);
    assert_eq!(tool.novelty, 100);
    assert_eq!(tool.why[0], "the agent has not used `dump` so far");
    assert!(tool.surprise >= 80, "{tool:?}");

    let host = score(&baseline, &send("evil.example"), Some("get"), now);
    assert_eq!((host.novelty, host.why[0].as_str()), (100, "the agent has not reached `evil.example` so far"));
    // Another name of the same registrable domain is no new place.
    assert!(score(&baseline, &send("mx2.corp.example"), Some("get"), now).novelty <= 10);

    let delete = facts("get", Verb::Delete, None, &[], json!({ "id": "1" }));
    let delete = score(&baseline, &delete, Some("list"), now);
    assert_eq!(
        (delete.novelty, delete.why[0].as_str()),
        (50, "the agent has not used `get` for a delete at `record` so far")
    );

    let mut payroll = send("mail.corp.example");
    payroll.labels.categories = vec!["payment".into()];
    let payroll = score(&baseline, &payroll, Some("get"), now);
    assert_eq!(payroll.novelty, 100);
    assert_eq!(payroll.why[0], "the agent has not sent anything on with data marked `payment` so far");

    let order = score(&baseline, &send("mail.corp.example"), Some("list"), now);
    assert!(order.novelty <= 10 && order.surprise >= 80, "{order:?}");
    assert_eq!(order.why[0], "the agent has not used `send` after `list` so far");
}

#[test]
fn volume_stands_out() {
    let (mut baseline, now) = worked(12);
    let long = facts("send", Verb::Send, Some("mail.corp.example"), &[], json!({"body": "x".repeat(100_000)}));
    let large = score(&baseline, &long, Some("get"), now);
    assert!(large.volume == 100 && large.why[0].contains("much larger"), "{large:?}");

    let mut many = read("get");
    many.action.effects[0].count = Some(5_000);
    assert!(score(&baseline, &many, Some("list"), now).volume == 100);

    // A hundred records an hour instead of a few, each of usual size.
    for record in 0..2_000 {
        let mut other = read("get");
        other.action.effects[0].resource.id = Some(record.to_string());
        learn(&mut baseline, &other, Some("list"), now + record);
    }
    let fast = score(&baseline, &read("get"), Some("list"), now);
    assert!(fast.volume >= 60 && fast.why.iter().any(|why| why.contains("records in this hour")), "{fast:?}");
    // The next hour begins anew.
    assert_eq!(score(&baseline, &read("get"), Some("list"), now + HOUR).volume, 0);
}

#[test]
fn a_slow_rise_is_noticed() {
    let (mut baseline, now) = worked(12);
    let larger = facts("send", Verb::Send, Some("mail.corp.example"), &[], json!({"body": "x".repeat(80)}));
    let single = score(&baseline, &larger, Some("get"), now).volume;
    for _ in 0..20 {
        learn(&mut baseline, &larger, Some("get"), now);
    }
    let later = score(&baseline, &larger, Some("get"), now);
    assert!(single < 40 && later.volume > single, "{single} {later:?}");
    assert!(later.why.iter().any(|why| why.contains("for a while")), "{later:?}");
}

#[test]
fn refusals_raise_and_are_never_learnt() {
    let (mut baseline, now) = worked(12);
    let unknown = read("dump");
    let before = score(&baseline, &unknown, None, now);
    let events = baseline.events(now);
    (0..1_000).for_each(|_| baseline.refuse(now));
    let after = score(&baseline, &unknown, None, now);
    assert_eq!((after.novelty, after.surprise, baseline.events(now)), (before.novelty, before.surprise, events));
    assert!(after.volume >= 60 && after.why.iter().any(|why| why.contains("1000 refusals")), "{after:?}");
    // Hours with nothing but refusals make refusals no habit.
    let usual = baseline.usual;
    (1..500).for_each(|hour| baseline.refuse(now + hour * HOUR));
    let habits = baseline.usual;
    assert_eq!(habits[1].samples, usual[1].samples + 1, "only the hour that had work in it");
}

#[test]
fn a_flood_makes_nothing_usual() {
    let (mut baseline, now) = worked(12);
    let taken = (0..10_000).filter(|_| learn(&mut baseline, &read("dump"), Some("get"), now + DAY)).count();
    assert_eq!(taken, usize::from(LEARNT_PER_MINUTE_MAX));
    let after = score(&baseline, &read("dump"), Some("get"), now + DAY);
    assert!(after.novelty >= 75, "{after:?}");
    // An hour of it, minute by minute, is one hour of habit.
    for minute in 0..59 {
        for _ in 0..100 {
            learn(&mut baseline, &read("dump"), Some("get"), now + DAY + minute * HOUR / 60);
        }
    }
    assert!(score(&baseline, &read("dump"), Some("get"), now + DAY).novelty >= 60);

    let mut fresh = Baseline::new(3);
    for _ in 0..100_000 {
        learn(&mut fresh, &read("dump"), None, MONDAY);
    }
    assert!(!fresh.is_warm(MONDAY));
}

#[test]
fn novelty_goes_over_days_and_comes_back_over_months() {
    let (mut baseline, now) = worked(12);
    let mut last = 101;
    for day in 1..=6 {
        for hour in 0..4 {
            let at = now + day * DAY + hour * HOUR;
            learn(&mut baseline, &read("new"), Some("get"), at);
        }
        let novelty = score(&baseline, &read("new"), Some("get"), now + day * DAY).novelty;
        assert!(novelty < last, "day {day}: {novelty}");
        last = novelty;
    }
    assert!(last <= 15, "{last}");
    let aged = baseline.clone();
    learn(&mut baseline, &read("get"), Some("list"), now + 60 * DAY);
    assert!(score(&aged, &read("new"), Some("get"), now + 60 * DAY).novelty > last);
    // Long after, nothing is known any more.
    assert!(score(&aged, &read("new"), Some("get"), now + 400 * DAY).cold);
}

#[test]
fn an_unusual_hour_stands_out_after_two_weeks() {
    let (baseline, now) = worked(19);
    let at = |day: i64, hour: i64| MONDAY + day * DAY + hour * HOUR;
    assert!(now < at(21, 0));
    let volume = |day, hour| score(&baseline, &read("get"), Some("list"), at(day, hour)).volume;
    assert_eq!((volume(21, 10), volume(21, 3), volume(26, 10)), (0, 40, 20));
    let young = worked(10).0;
    assert_eq!(score(&young, &read("get"), Some("list"), at(10, 3)).volume, 0);
}

#[test]
fn a_class_says_so() {
    let (baseline, now) = worked(12);
    let facts = read("dump");
    let class = baseline.score_class("coding", &BaselineEvent::of(&facts, None).unwrap(), now);
    assert_eq!(class.why[0], "the class `coding` has not used `dump` so far");
}

#[test]
fn what_only_keeps_a_protocol_alive_is_no_habit() {
    let mut ping = read("ping");
    for kind in [ActionKind::Protocol, ActionKind::CatalogList, ActionKind::RootsList, ActionKind::TaskRead] {
        ping.action.kind = kind;
        assert!(BaselineEvent::of(&ping, None).is_none());
    }
}

#[test]
fn a_new_destination_cannot_hide_among_many() {
    let (mut baseline, now) = worked(12);
    let mut many = send("host0.example");
    let effect = many.action.effects[0].clone();
    let with = |hosts: std::ops::Range<u32>| {
        hosts.map(|n| {
            let mut effect = effect.clone();
            effect.resource.host = Some(format!("host{n}.example"));
            effect
        })
    };
    many.action.effects = with(0..30).collect();
    for hour in 0..60 {
        learn(&mut baseline, &many, Some("get"), now + hour * HOUR);
    }
    let at = now + 60 * HOUR;
    assert!(score(&baseline, &many, Some("get"), at).novelty <= 10);
    let mut one_more = many.clone();
    one_more.action.effects.extend(with(99..100));
    let found = score(&baseline, &one_more, Some("get"), at);
    assert!(found.novelty == 100 && found.why[0].contains("many others"), "{found:?}");
}

#[test]
fn hostile_names_stay_short_and_plain() {
    let (baseline, now) = worked(12);
    let name = format!("x`\u{202e}\u{200b}\n\u{1b}[31m{}", "y".repeat(100_000));
    let hostile = score(&baseline, &facts(&name, Verb::Send, Some(&name), &[&name], json!({})), Some(&name), now);
    assert!(hostile.why.len() <= 4 && hostile.novelty == 100);
    for why in &hostile.why {
        assert!(why.len() < 400 && why.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{why}");
    }
}

#[test]
fn a_clock_that_jumps_stops_nothing() {
    let (mut baseline, now) = worked(12);
    learn(&mut baseline, &read("get"), None, now + 10 * DAY);
    assert!(learn(&mut baseline, &read("later"), None, now));
    assert!(score(&baseline, &read("later"), None, now).novelty < 100);
    for time in [i64::MIN, -1, 0, i64::MAX] {
        learn(&mut baseline, &read("get"), None, time);
        score(&baseline, &read("get"), None, time);
        baseline.refuse(time);
    }
}

#[test]
fn bytes_come_back_and_damage_is_found() {
    let (baseline, _) = worked(12);
    let bytes = baseline.to_bytes();
    assert_eq!(Baseline::from_bytes(&bytes).unwrap(), baseline);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        Baseline::from_bytes(&damaged).unwrap_err();
        Baseline::from_bytes(&bytes[..at]).unwrap_err();
    }
    let mut newer = bytes;
    newer[0] = 9;
    assert_eq!(Baseline::from_bytes(&newer), Err(BaselineError::Version(9)));
}

fn any_event() -> impl Strategy<Value = (Facts, Option<String>)> {
    let name = prop_oneof!["[a-e]", ".{0,20}"];
    let host = proptest::option::of(prop_oneof!["[a-d]\\.example", ".{0,12}"]);
    let labels = proptest::collection::vec("[a-c]", 0..3);
    (name, 0_usize..8, host, labels, 0_usize..3_000, proptest::option::of("[a-e]")).prop_map(
        |(name, verb, host, labels, size, previous)| {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            let args = json!({"text": "x".repeat(size)});
            (facts(&name, Verb::ALL[verb], host.as_deref(), &labels, args), previous)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn learning_again_never_makes_newer(
        past in proptest::collection::vec((any_event(), 0_i64..30_000), 0..300),
        (again, previous) in any_event(),
        times in 1_usize..40,
    ) {
        let mut baseline = Baseline::new(9);
        // Warm, so that figures are given at all.
        let mut now = MONDAY;
        baseline.roll(Moment::of(now));
        baseline.events = 100_000;
        for ((facts, previous), seconds) in &past {
            now += seconds * 1_000_000_000;
            learn(&mut baseline, facts, previous.as_deref(), now);
        }
        let mut last = score(&baseline, &again, previous.as_deref(), now);
        for _ in 0..times {
            learn(&mut baseline, &again, previous.as_deref(), now);
            let next = score(&baseline, &again, previous.as_deref(), now);
            prop_assert!(next.novelty <= last.novelty, "{} then {}", last.novelty, next.novelty);
            last = next;
        }
        prop_assert!(last.novelty <= 100 && last.surprise <= 100 && last.volume <= 100 && last.why.len() <= 4);
    }

    #[test]
    fn the_same_past_gives_the_same_bytes_and_figures(
        past in proptest::collection::vec((any_event(), 0_i64..30_000), 0..100),
    ) {
        let run = || {
            let (mut baseline, mut now, mut figures) = (Baseline::new(5), MONDAY, Vec::new());
            for ((facts, previous), seconds) in &past {
                now += seconds * 1_000_000_000;
                figures.push(score(&baseline, facts, previous.as_deref(), now));
                learn(&mut baseline, facts, previous.as_deref(), now);
            }
            (baseline.to_bytes(), figures)
        };
        let (bytes, figures) = run();
        prop_assert_eq!((&bytes, &figures), (&run().0, &run().1));
        prop_assert_eq!(Baseline::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    }

    #[test]
    fn without_its_names_an_event_teaches_the_same((facts, previous) in any_event()) {
        let event = BaselineEvent::of(&facts, previous.as_deref()).unwrap();
        let (mut named, mut unnamed) = (Baseline::new(2), Baseline::new(2));
        named.learn(&event, MONDAY);
        unnamed.learn(&event.unnamed(), MONDAY);
        prop_assert_eq!(named, unnamed);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Baseline::from_bytes(&bytes);
        let mut ours = vec![1];
        ours.extend(&bytes);
        prop_assert!(Baseline::from_bytes(&ours).is_err());
    }
}
