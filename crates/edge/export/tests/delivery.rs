//! Every record arrives, in order, at least once, whatever the receiver does; and nothing waits for ever.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use holdshort_export::{Alarm, Filter, Format, From, SinkTarget, render_meters};
use holdshort_model::Level;
use holdshort_notify::Trust;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::following::{Memory, Setup, assert_complete, indices, yes};
use support::receiver::{Answer, Receiver};
use support::{decision, event, every, outcome, refusal, set, unreadable};

#[tokio::test]
async fn what_is_there_and_what_comes_arrives_once_and_the_next_start_goes_on() {
    let setup = Setup::new(Memory::of(95));
    let receiver = Receiver::new(yes).await;
    let running = setup.http(&receiver);
    setup.until(|state| state.next == 95).await;
    setup.memory.write(20);
    setup.until(|state| state.next == 115).await;
    let state = running.stop().await;
    assert_eq!((state.sent, state.failures, state.error), (115, 0, None));
    setup.memory.write(5);
    let running = setup.http(&receiver);
    setup.until(|state| state.next == 120).await;
    running.stop().await;
    assert_eq!(indices(&receiver.lines()), (0..120).collect::<Vec<_>>());
    assert!(receiver.taken.lock().unwrap().iter().all(|got| got.lines().len() <= 10));
}

#[tokio::test]
async fn a_receiver_that_is_away_costs_nothing_but_the_delay() {
    let setup = Setup::new(Memory::of(30));
    let receiver = Receiver::new(yes).await;
    let (address, first) = (receiver.address, setup.http(&receiver));
    setup.until(|state| state.next == 30).await;
    let before = receiver.lines();
    drop(receiver);
    setup.memory.write(200);
    let state = setup.until(|state| state.failures >= 3).await;
    assert!(state.error.is_some() && state.next == 30 && state.skipped == 0, "{state:?}");
    let receiver = Receiver::at(address, yes).await;
    let state = setup.until(|state| state.next == 230).await;
    assert_eq!((state.error, state.failures), (None, 0));
    first.stop().await;
    let seen: Vec<u64> = indices(&before).into_iter().chain(indices(&receiver.lines())).collect();
    assert_complete(&seen, 0..230);
}

#[tokio::test]
async fn faults_of_the_way_are_tried_again_and_named() {
    for (status, said) in [
        (503, "answered 503"),
        (429, "answered 429"),
        (401, "answered 401"),
        (404, "answered 404"),
        (302, "answered 302"),
    ] {
        let setup = Setup::new(Memory::of(25));
        let left = Arc::new(AtomicU64::new(3));
        let count = left.clone();
        let receiver = Receiver::new(move |_| {
            let again = count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            Answer::Status(if again { status } else { 200 })
        })
        .await;
        let running = setup.http(&receiver);
        setup.until(|state| state.error.as_deref() == Some(said) || state.next == 25).await;
        let state = setup.until(|state| state.next == 25).await;
        assert_eq!((state.skipped, left.load(Ordering::SeqCst)), (0, 0), "{status}");
        running.stop().await;
        assert_complete(&indices(&receiver.lines()), 0..25);
    }
}

#[tokio::test]
async fn a_receiver_may_say_when_it_wants_to_be_asked_again() {
    let setup = Setup::new(Memory::of(1));
    let mut receiver = Receiver::new(|_| Answer::RetryAfter(3_600)).await;
    let running = setup.http(&receiver);
    assert_eq!(receiver.asked.recv().await, Some(429));
    setup.until(|state| state.failures == 1).await;
    // Its own pauses are a few milliseconds.
    let again = tokio::time::timeout(Duration::from_millis(300), receiver.asked.recv()).await;
    assert!(again.is_err(), "{again:?}");
    // An end does not wait for it.
    assert_eq!(running.stop().await.next, 0);
}

#[tokio::test]
async fn an_exchange_that_breaks_off_is_repeated() {
    let setup = Setup::new(Memory::of(40));
    let left = AtomicU64::new(0);
    // Every second request is read and then dropped without an answer.
    let receiver = Receiver::new(move |_| match left.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => Answer::HangUp,
        _ => Answer::Status(204),
    })
    .await;
    let running = setup.http(&receiver);
    setup.until(|state| state.next == 40).await;
    running.stop().await;
    assert_complete(&indices(&receiver.lines()), 0..40);
}

#[tokio::test]
async fn killed_between_the_answer_and_the_cursor_it_sends_again_and_leaves_nothing_out() {
    let setup = Setup { records_max: 3, ..Setup::new(Memory::of(60)) };
    let mut receiver = Receiver::new(yes).await;
    for _ in 0..12 {
        let running = setup.http(&receiver);
        // Killed as soon as something was taken, wherever it is then.
        let taken = tokio::time::timeout(Duration::from_millis(200), receiver.asked.recv()).await;
        running.kill().await;
        if taken.is_err() {
            break;
        }
    }
    let running = setup.http(&receiver);
    setup.until(|state| state.next == 60).await;
    running.stop().await;
    let seen = indices(&receiver.lines());
    assert_complete(&seen, 0..60);
}

#[tokio::test]
async fn a_cursor_that_is_lost_torn_or_of_another_log_begins_anew() {
    let setup = Setup { from: From::Now, ..Setup::new(Memory::of(8)) };
    let path = setup.home.path().join("siem.cursor");
    let receiver = Receiver::new(yes).await;
    let running = setup.http(&receiver);
    setup.until(|state| state.next == 8).await;
    setup.memory.write(1);
    setup.until(|state| state.next == 9).await;
    running.stop().await;
    assert_eq!(indices(&receiver.lines()), [8], "it began with what came next");
    let stored: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut other = stored.clone();
    other["log"] = json!("another.example/log");
    let mut rewritten = stored.clone();
    rewritten["leaf"] = json!("00".repeat(32));
    let mut ahead = stored.clone();
    ahead["next"] = json!(1_000);
    for damaged in [String::new(), "{\"version\":1".into(), other.to_string(), rewritten.to_string(), ahead.to_string()]
    {
        std::fs::write(&path, &damaged).unwrap();
        receiver.taken.lock().unwrap().clear();
        let running = setup.http(&receiver);
        // All of them anew: the damaged cursor had sent one.
        setup.until(|state| state.sent == 9).await;
        running.stop().await;
        assert_complete(&indices(&receiver.lines()), 0..9);
    }
}

#[tokio::test]
async fn what_was_dropped_before_is_counted_and_a_log_that_cannot_be_read_is_waited_for() {
    let setup = Setup::new(Memory::of(50));
    setup.memory.0.first.store(20, Ordering::SeqCst);
    setup.memory.0.broken.store(true, Ordering::SeqCst);
    let receiver = Receiver::new(yes).await;
    let running = setup.http(&receiver);
    let state = setup.until(|state| state.failures > 1).await;
    assert_eq!(state.error.as_deref(), Some("log: the disk is on fire"));
    setup.memory.0.broken.store(false, Ordering::SeqCst);
    let state = setup.until(|state| state.next == 50).await;
    assert_eq!((state.lost, state.sent, state.error), (20, 30, None));
    running.stop().await;
    assert_complete(&indices(&receiver.lines()), 20..50);
}

#[tokio::test]
async fn only_what_is_asked_for_goes_and_the_rest_is_passed() {
    let memory = Memory::default();
    let count = every().len() as u64;
    memory.0.events.lock().unwrap().extend(every());
    let filter = Filter { kinds: vec!["decision".into(), "standing".into()], level: Level::High };
    let setup = Setup { filter: filter.clone(), from: From::Index(1), ..Setup::new(memory) };
    let receiver = Receiver::new(yes).await;
    let running = setup.http(&receiver);
    let state = setup.until(|state| state.next == count).await;
    running.stop().await;
    let wanted: Vec<u64> =
        every().iter().skip(1).filter(|event| filter.takes(event)).map(|event| event.index).collect();
    assert!(!wanted.is_empty());
    assert_eq!((indices(&receiver.lines()), state.filtered), (wanted.clone(), count - 1 - wanted.len() as u64));
}

#[tokio::test]
async fn a_redirect_does_not_take_the_token_along() {
    let other = Receiver::new(yes).await;
    let place = other.url.clone();
    let receiver = Receiver::new(move |_| Answer::Redirect(place.clone())).await;
    let setup = Setup::new(Memory::of(4));
    let target = SinkTarget::Http {
        url: receiver.url.clone(),
        token: Some("12345678-token".into()),
        trust: Trust::default(),
        insecure: false,
        gzip: true,
    };
    let running = setup.start(target);
    let state = setup.until(|state| state.failures >= 3).await;
    assert_eq!((state.next, state.error.as_deref()), (0, Some("answered 307")));
    running.stop().await;
    let mut other = other;
    assert!(other.asked.try_recv().is_err(), "nobody went there");
}

/// A line that is too slow for a whole batch, a collector that is too busy for one.
#[tokio::test]
async fn what_is_not_answered_in_time_goes_in_smaller_parts() {
    let setup = Setup { patience: Duration::from_millis(400), ..Setup::new(Memory::of(30)) };
    let receiver = Receiver::new(|got| match got.lines().len() {
        0..=2 => Answer::Status(200),
        _ => Answer::Silence,
    })
    .await;
    let running = setup.http(&receiver);
    setup.until(|state| state.next == 30).await;
    running.stop().await;
    assert_complete(&indices(&receiver.lines()), 0..30);
}

#[tokio::test]
async fn what_was_erased_while_it_waited_does_not_go() {
    for format in [Format::Json, Format::Ocsf, Format::Otlp, Format::Hec] {
        let memory = Memory::default();
        let keyed = |index, record, key: u8| holdshort_export::Event { key: Some([key; 16]), ..event(index, record) };
        let mut theirs = outcome("ok");
        set(&mut theirs, "/decision", json!("01JB3Q8ZK4M7T2V9XH6N5C1W0B"));
        memory.0.events.lock().unwrap().extend([
            keyed(0, decision("tool.call", "hers", &[]), 1),
            keyed(1, decision("tool.call", "theirs", &[("/decision/id", theirs["decision"].clone())]), 2),
        ]);
        let setup = Setup { format, ..Setup::new(memory) };
        let receiver = Receiver::new(yes).await;
        let address = receiver.address;
        let running = setup.http(&receiver);
        setup.until(|state| state.next == 2).await;
        drop(receiver);
        // Nobody is there: what is read now waits, and meanwhile somebody is forgotten.
        setup.memory.0.events.lock().unwrap().extend([
            keyed(2, decision("tool.call", "hers-again", &[]), 1),
            keyed(3, outcome("ok"), 1),
            keyed(4, theirs, 2),
        ]);
        setup.until(|state| state.failures >= 2).await;
        setup.memory.0.erased.lock().unwrap().push([1; 16]);
        // An attempt that began before it is over, and another one.
        let failures = setup.until(|_| true).await.failures;
        setup.until(|state| state.failures >= failures + 2).await;
        let receiver = Receiver::at(address, yes).await;
        setup.until(|state| state.next == 5).await;
        running.stop().await;
        let text: String =
            receiver.taken.lock().unwrap().iter().map(|got| String::from_utf8_lossy(&got.body).into_owned()).collect();
        assert!(!text.contains("hers"), "{format:?}: {text}");
        assert!(text.contains("erased"), "{format:?}: what cannot be read is said");
        let joined = matches!(format, Format::Ocsf | Format::Otlp);
        assert!(!joined || text.contains("theirs"), "{format:?}: the other outcome still finds its decision: {text}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_goes_whatever_level_is_asked_for() {
    let memory = Memory::default();
    memory.0.events.lock().unwrap().extend([
        event(0, decision("tool.call", "x", &[])),
        unreadable(1, holdshort_export::Unreadable::Closed),
        event(2, refusal()),
    ]);
    let filter = Filter { kinds: Vec::new(), level: Level::Critical };
    let setup = Setup { filter, ..Setup::new(memory) };
    let receiver = Receiver::new(yes).await;
    let running = setup.http(&receiver);
    let state = setup.until(|state| state.next == 3).await;
    running.stop().await;
    assert_eq!((indices(&receiver.lines()), state.filtered, state.sent), (vec![1, 2], 1, 2));
    let first: Value = serde_json::from_str(&receiver.lines()[0]).unwrap();
    assert_eq!(first["unreadable"], "closed");
    assert!(first["leaf"].as_str().is_some_and(|leaf| leaf.len() == 64));
}

#[tokio::test]
async fn an_export_that_does_not_catch_up_is_told_of_once_and_once_when_it_does() {
    let setup = Setup { late_after: Duration::from_millis(300), ..Setup::new(Memory::of(3)) };
    let receiver = Receiver::new(yes).await;
    let address = receiver.address;
    let running = setup.http(&receiver);
    setup.until(|state| state.next == 3).await;
    drop(receiver);
    setup.memory.write(2);
    setup.until(|_| !setup.alarms.lock().unwrap().is_empty()).await;
    let failures = setup.until(|_| true).await.failures;
    setup.until(|state| state.failures >= failures + 5).await;
    let mut text = String::new();
    render_meters(std::slice::from_ref(&setup.meter), 5, &mut text);
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("holdshort_export_{name}{{"))).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!((value("lag_records"), value("down"), value("sent_total")), (2.0, 1.0, 3.0));
    // The records are of 2023.
    assert!(value("lag_seconds") > 1e6 && value("failed_total") >= 5.0 && value("sent_bytes_total") > 100.0);
    assert!(value("success_age_seconds") > 0.0);
    let _receiver = Receiver::at(address, yes).await;
    setup.until(|state| state.next == 5).await;
    setup.until(|_| setup.alarms.lock().unwrap().len() > 1).await;
    running.stop().await;
    let alarms = setup.alarms.lock().unwrap().clone();
    assert!(
        matches!(&alarms[..], [Alarm::Late { next: 3, error: Some(error), .. }, Alarm::CaughtUp { .. }] if error == "cannot be reached"),
        "{alarms:?}"
    );
}

#[tokio::test]
async fn what_was_dropped_is_told_of() {
    let setup = Setup::new(Memory::of(50));
    setup.memory.0.first.store(20, Ordering::SeqCst);
    let receiver = Receiver::new(yes).await;
    let running = setup.http(&receiver);
    let state = setup.until(|state| state.next == 50).await;
    running.stop().await;
    assert_eq!((state.lost, state.sent, state.filtered), (20, 30, 0));
    assert_eq!(*setup.alarms.lock().unwrap(), [Alarm::Lost { records: 20 }]);
}
