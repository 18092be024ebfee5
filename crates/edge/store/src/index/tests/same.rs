//! What is found with an index is what is found without one.

use super::*;
use proptest::prelude::*;

/// One record of any kind, with names that collide often.
fn any_record() -> impl Strategy<Value = Value> {
    let name = || prop_oneof![Just("a"), Just("b"), Just("A"), Just("a/b")];
    let effect = prop_oneof![Just("allow"), Just("ask"), Just("deny")];
    let level = prop_oneof![Just("low"), Just("medium"), Just("high"), Just("critical")];
    let text = prop_oneof![
        Just("not granted".to_owned()),
        Just("\"NOT\" OR granted*; DROP TABLE postings".to_owned()),
        Just("\u{202e}über\u{0}\u{1b}[31m straße".to_owned()),
        Just("ze\u{200b}ro u\u{308}ber 删除数据库".to_owned()),
        "[ -~]{0,40}",
    ];
    (0..60u64, 0..5u8, name(), name(), name(), effect, level, text).prop_map(
        |(number, kind, agent, session, tool, effect, level, message)| match kind {
            0 | 1 => decision(number, &Told { agent, session, tool, effect, level, message: &message }),
            2 => outcome(number, session),
            3 => event(number, tool, json!({ "agent": agent, "why": [message, { "id": id(number) }] })),
            _ => json!({ "type": "of-2031", "time_ms": 1_000 + number, "agent": agent, "session": { "id": 1 } }),
        },
    )
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let name =
        || prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("A".to_owned()), Just("files/a".to_owned())];
    let facet = prop_oneof![
        Just(Facet::Agent),
        Just(Facet::Session),
        Just(Facet::Tool),
        Just(Facet::User),
        Just(Facet::Server),
        Just(Facet::Type),
        Just(Facet::Policy),
    ];
    let value = prop_oneof![
        name(),
        Just("lifecycle".into()),
        Just("of-2031".into()),
        Just("files".into()),
        Just("p/ask".into())
    ];
    let effect = proptest::option::of(prop_oneof![Just(Effect::Allow), Just(Effect::Ask), Just(Effect::Deny)]);
    let level = proptest::option::of(prop_oneof![Just(Level::Low), Just(Level::Medium), Just(Level::Critical)]);
    let text = proptest::option::of(prop_oneof![
        Just("granted"),
        Just("\"not\" granted)"),
        Just("STRASSE"),
        Just("straße ÜBER"),
        Just("数据 zero"),
        Just("table"),
    ]);
    let facets = proptest::collection::vec((facet, proptest::collection::vec(value, 1..3)), 0..3);
    let time = || proptest::option::of(990..1_080u64);
    (facets, effect, level, text, time(), time(), proptest::option::of(0..60u64)).prop_map(
        |(facets, effect, level, text, since, until, wanted)| {
            let mut filter = Filter::default().since(since).until(until).effects(Facet::Effect, effect);
            for (facet, values) in facets {
                filter = filter.any(facet, values);
            }
            if let Some(level) = level {
                filter = filter.at_least(level);
            }
            if let Some(text) = text {
                filter = filter.says(text).unwrap();
            }
            filter.ids(wanted.map(id))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_index_finds_what_reading_everything_finds(
        records in proptest::collection::vec(any_record(), 1..120),
        filters in proptest::collection::vec(any_filter(), 8),
        parts in proptest::collection::vec(1..40usize, 1..6),
        range in (0..60u64, 0..140u64),
    ) {
        let world = World::new();
        // Records come in parts, and are indexed as they come; the last part is not indexed.
        let mut rest = records.as_slice();
        for part in parts {
            let (now, later) = rest.split_at(part.min(rest.len()));
            if !now.is_empty() {
                world.append(now);
                world.index();
            }
            rest = later;
        }
        if !rest.is_empty() {
            world.append(rest);
        }
        let index = world.reader().unwrap().unwrap();
        let again = {
            let file = world.data.path().join("again.db");
            let mut writer = Writer::open(&file, &world.directory(), &world.records(), true).unwrap();
            while writer.extend(&world.records()).unwrap() > 0 {}
            drop(writer);
            Index::open(&file, &world.directory(), &world.records()).unwrap().unwrap()
        };
        prop_assert_eq!(again.size(), records.len() as u64);
        for filter in filters {
            for range in [0..u64::MAX, range.0..range.1] {
                let expected = world.find(None, &filter, Order::OldestFirst, range.clone());
                for index in [&index, &again] {
                    let found = world.find(Some(index), &filter, Order::OldestFirst, range.clone());
                    prop_assert_eq!(&found, &expected, "{:?}", filter);
                    let mut found = world.find(Some(index), &filter, Order::NewestFirst, range.clone());
                    found.reverse();
                    prop_assert_eq!(&found, &expected, "{:?}", filter);
                }
            }
        }
    }
}

#[test]
fn many_blocks_are_searched_and_pages_go_on_where_they_ended() {
    let tool = |number: u64| if number % 1_000 == 7 { "rare" } else { "usual" };
    let records: Vec<Value> = (0..9_000).map(|number| decision(number, &Told { tool: tool(number), ..TOLD })).collect();
    let world = World::with(&records);
    world.index();
    let index = world.reader().unwrap().unwrap();
    let filter = Filter::default().any(Facet::Tool, ["rare"]);
    let expected: Vec<u64> = (0..9).map(|thousand| thousand * 1_000 + 7).collect();
    assert_eq!(world.scan(&filter), expected);

    for order in [Order::NewestFirst, Order::OldestFirst] {
        let records = world.records();
        let (mut found, mut left) = (Vec::new(), 0..u64::MAX);
        while !left.is_empty() {
            let mut search = Search::new(&records, Some(&index), &filter, order, left);
            found.extend(search.by_ref().take(2).map(|record| record.unwrap().index()));
            left = search.left();
            assert!(search.looked() <= 9, "a rare word is not looked for in every record: {}", search.looked());
        }
        if order == Order::NewestFirst {
            found.reverse();
        }
        assert_eq!(found, expected);
    }
    let time = Filter::default().since(Some(1_000 + 5_000)).until(Some(1_000 + 5_009));
    assert_eq!(world.find(Some(&index), &time, Order::OldestFirst, 0..u64::MAX), (5_000..=5_009).collect::<Vec<_>>());
}

#[test]
fn archived_segments_are_searched_forth_and_back() {
    let message = "m".repeat(600);
    let tool = |number: u64| if number.is_multiple_of(7) { "rare" } else { "usual" };
    let of = |number| decision(number, &Told { tool: tool(number), message: &message, ..TOLD });
    let world = World::with(&(0..9_000).map(of).collect::<Vec<_>>());
    world.index();
    // Closed, so that a checkpoint covers all of it.
    world.log.clone().close_blocking().unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(3_600);
    let retention = crate::log::Retention::open(&world.directory()).unwrap();
    assert!(retention.archive(later, false, &|| true).unwrap().records > 200, "many candidates are in one archive");
    let records = Records::open(&world.directory()).unwrap();
    let index = Index::open(&world.file(), &world.directory(), &records).unwrap().unwrap();
    let filter = Filter::default().any(Facet::Tool, ["rare"]);
    let mut expected: Vec<u64> = (0..9_000_u64).filter(|number| number.is_multiple_of(7)).collect();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut search = Search::new(&records, Some(&index), &filter, order, 0..u64::MAX);
        let found: Vec<u64> = search.by_ref().map(|record| record.unwrap().index()).collect();
        assert_eq!((found.len(), search.looked(), search.fault().is_none()), (1_286, 1_286, true));
        assert!(found == expected, "{order:?}: {found:?}");
        expected.reverse();
    }
}

#[test]
fn what_is_not_indexed_yet_is_found_too_while_the_log_grows() {
    let world = World::with(&[decision(0, &TOLD)]);
    drop(world.index());
    let filter = Filter::default().any(Facet::Agent, ["tidy"]);
    let log = world.log.clone();
    let writing = std::thread::spawn(move || {
        for number in 1..2_000 {
            log.append_blocking(decision(number, &TOLD).to_string().into_bytes()).unwrap();
        }
    });
    let mut writer = world.writer();
    while !writing.is_finished() {
        let before = world.log.size();
        let index = world.reader().unwrap().unwrap();
        let found = world.find(Some(&index), &filter, Order::NewestFirst, 0..u64::MAX);
        assert!(found.len() as u64 >= before, "{} of {before}", found.len());
        assert!(found.windows(2).all(|pair| pair[0] == pair[1] + 1) && found.last() == Some(&0));
        writer.extend(&world.records()).unwrap();
    }
    writing.join().unwrap();
}

#[test]
fn a_time_leads_to_its_blocks_wherever_clocks_went() {
    // The clock goes back in the middle, and records without a time come between.
    let time = |number: u64| if number < 6_000 { number } else { number - 5_000 };
    let records: Vec<Value> = (0..12_000)
        .map(|number| match number % 1_000 {
            7 => json!({ "type": "of-2031", "agent": "tidy" }),
            _ => decision(time(number), &TOLD),
        })
        .collect();
    let world = World::with(&records);
    world.index();
    let index = world.reader().unwrap().unwrap();
    for (since, until) in [(1_500, 1_510), (6_990, 7_020), (0, 999), (9_000, 99_000), (2_000, 2_000)] {
        let filter = Filter::default().since(Some(since)).until(Some(until)).any(Facet::Agent, ["tidy"]);
        let expected = world.scan(&filter);
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let records = world.records();
            let mut search = Search::new(&records, Some(&index), &filter, order, 0..u64::MAX);
            let mut found: Vec<u64> = search.by_ref().map(|record| record.unwrap().index()).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{since} to {until}");
            assert_eq!(search.looked(), expected.len() as u64, "no others are read");
        }
    }
}
