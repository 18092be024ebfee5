//! How old a segment is: by what its records say, however the directory got here.

use super::tests::{data, options};
use super::*;
use crate::keys::{Keys, Owner, Scope};
use std::fs;
use std::time::SystemTime;

const DAY: u64 = 86_400_000;

/// A time so many days after 1970.
fn day(day: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(day * DAY)
}

/// A record of that day, as it lies open.
fn plain(day: u64) -> Vec<u8> {
    let text = "x".repeat(300_000);
    format!(r#"{{"type":"lifecycle","event":"test","time_ms":{},"detail":"{text}"}}"#, day * DAY).into_bytes()
}

/// A log with these records, some three in a segment.
fn fill(options: &LogOptions, records: impl IntoIterator<Item = Vec<u8>>) {
    let (log, _) = Log::open(options.clone()).unwrap();
    records.into_iter().for_each(|record| assert!(log.append_blocking(record).is_ok()));
    log.close_blocking().unwrap();
}

/// The records that would go if everything before a day went.
fn dropped(retention: &Retention, before: u64) -> u64 {
    retention.plan_drop(day(before)).unwrap().map_or(0, |plan| plan.first)
}

#[test]
fn a_segment_is_as_old_as_its_newest_record_says_and_not_as_its_file() {
    let data = data();
    let options = options(&data);
    fill(&options, (100..120).map(plain));
    let ends: Vec<u64> =
        segments::list(&options.directory).unwrap().iter().skip(1).map(|next| next.first_index).collect();
    let check = |retention: &Retention| {
        for end in &ends {
            // Its last record is of the day `100 + end - 1`.
            assert_eq!(dropped(retention, 100 + end), *end);
            assert!(dropped(retention, 100 + end - 1) < *end);
        }
        assert_eq!(dropped(retention, 100), 0);
    };
    check(&Retention::open(&options.directory).unwrap());
    // A copy with other times, or with none.
    for time in [SystemTime::UNIX_EPOCH, SystemTime::now() + Duration::from_secs(1 << 30)] {
        for segment in segments::list(&options.directory).unwrap() {
            fs::File::options().write(true).open(&segment.path).unwrap().set_modified(time).unwrap();
        }
        check(&Retention::open(&options.directory).unwrap());
    }
    // Archives say the same.
    let retention = Retention::open(&options.directory).unwrap();
    assert!(retention.archive(day(100 + ends[1]), false, &|| true).unwrap().segments == 2);
    check(&retention);
    let plan = retention.plan_drop(day(100 + ends[1])).unwrap().unwrap();
    assert_eq!(plan.newest, Some(day(100 + ends[1] - 1)));
}

#[test]
fn sealed_records_say_their_time_to_whoever_has_the_keys() {
    let data = data();
    let options = options(&data);
    let keys = Keys::open(&data.path().join("keys.db")).unwrap();
    let owner = Owner::Session { agent: Some("a".into()), session: "s".into() };
    let sealed = |time: u64| {
        let named = keys.key_of(&owner, 1).unwrap();
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).unwrap();
        let noise: String = (0..40_000u64).map(|at| (at * at * 7_919 % 1_000_003).to_string()).collect();
        let record = format!(r#"{{"type":"decision","received_ms":{},"noise":"{noise}"}}"#, time * DAY);
        holdshort_ledger::seal(record.as_bytes(), named.id, &named.key, &nonce).unwrap()
    };
    // The last segment begins with a record that lies open.
    fill(
        &options,
        (100..130).map(sealed).chain([plain(150), plain(151), plain(152), plain(153), plain(154), plain(155)]),
    );
    let open = |keys: Option<Keys>| Retention::open(&options.directory).unwrap().with_keys(keys);
    let second = segments::list(&options.directory).unwrap()[1].first_index;
    assert_eq!(dropped(&open(Some(keys.clone())), 100 + second), second);
    assert_eq!(dropped(&open(Some(keys.clone())), 100 + second - 1), 0);
    // Without keys nothing tells, and the files are new.
    assert_eq!(dropped(&open(None), 100 + second), 0);
    let scope = Scope::Agent("a".into());
    let all: Vec<_> = keys.select(&scope).unwrap().into_iter().map(|owned| owned.id).collect();
    keys.erase(&all, 7).unwrap();
    assert_eq!(dropped(&open(Some(keys)), 100 + second), 0, "erased records say nothing");
}

#[test]
fn where_no_record_can_be_read_the_next_segment_tells() {
    let data = data();
    let options = options(&data);
    let closed = || [&[0xe1_u8][..], &[7; 300_000]].concat();
    fill(&options, (0..3).map(|_| closed()).chain((100..110).map(plain)));
    let second = segments::list(&options.directory).unwrap()[1].first_index;
    assert_eq!(second, 3, "the first one holds what nobody can read");
    let retention = Retention::open(&options.directory).unwrap();
    assert_eq!((dropped(&retention, 100), dropped(&retention, 101)), (0, 3));
}

#[test]
fn a_clock_that_was_ahead_for_a_while_keeps_what_comes_behind_it() {
    let data = data();
    let options = options(&data);
    fill(&options, (100..112).map(plain).chain((0..6).map(|_| plain(9_000))).chain((112..130).map(plain)));
    let retention = Retention::open(&options.directory).unwrap();
    let kept = dropped(&retention, 8_000);
    assert!((3..=12).contains(&kept), "{kept}");
    assert_eq!(retention.judge_clock(day(130), Duration::from_secs(1 << 30)).unwrap(), ClockState::Good);
    // Named by a person, they go all the same.
    let plan = retention.plan_drop_to(25).unwrap().unwrap();
    assert!(plan.first > 18 && plan.first <= 25 && plan.newest.is_none());
}

#[test]
fn the_clock_is_judged_by_the_newest_record_and_by_what_was_believed() {
    let data = data();
    let options = options(&data);
    fill(&options, (100..106).map(plain));
    let kept = Duration::from_millis(10 * DAY);
    let judge = |now| Retention::open(&options.directory).unwrap().judge_clock(day(now), kept).unwrap();
    assert_eq!(judge(104), ClockState::Behind { than: day(105) });
    let jumped = ClockState::Jumped { since: day(105), at_most: kept };
    assert_eq!(judge(116), jumped);
    // What is recorded meanwhile does not make it right, and a restart neither.
    fill(&options, [plain(116)]);
    assert_eq!(judge(116), jumped);
    Retention::open(&options.directory).unwrap().believe_clock(day(116)).unwrap();
    assert_eq!((judge(116), judge(126)), (ClockState::Good, ClockState::Good));
    assert_eq!(judge(125), ClockState::Behind { than: day(126) });
}
