//! What a receiver calls wrong is found and left out; a receiver that is wrong itself is waited for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use holdshort_export::{Alarm, Format, SinkTarget};
use holdshort_notify::Trust;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use support::LOG;
use support::following::{Memory, Setup, assert_complete, indices};
use support::receiver::{Answer, Receiver};

#[tokio::test]
async fn what_is_refused_is_found_left_out_and_counted() {
    let setup = Setup::new(Memory::of(64));
    let poison = [3_u64, 17, 18, 40];
    let receiver = Receiver::new(move |got| {
        let bad = indices(&got.lines()).iter().any(|index| poison.contains(index));
        Answer::Status(if bad { 400 } else { 200 })
    })
    .await;
    let running = setup.http(&receiver);
    let state = setup.until(|state| state.next == 64).await;
    assert_eq!((state.skipped, state.sent), (4, 60));
    running.stop().await;
    assert_complete(&indices(&receiver.lines()), (0..64).filter(|index| !poison.contains(index)));
    // One more for each of them that nothing was taken right before: it shows that the receiver takes something.
    assert!(receiver.lines().len() <= 64, "{}", receiver.lines().len());
}

#[tokio::test]
async fn a_receiver_that_refuses_everything_is_waited_for_and_nothing_is_left_out() {
    let setup = Setup::new(Memory::of(20));
    let bad = Arc::new(AtomicBool::new(false));
    let refuses = bad.clone();
    let receiver = Receiver::new(move |_| Answer::Status(if refuses.load(Ordering::SeqCst) { 422 } else { 200 })).await;
    // From the first request on, and after it has taken something.
    for count in [20, 50] {
        bad.store(true, Ordering::SeqCst);
        setup.memory.write(count - 20);
        let running = setup.http(&receiver);
        setup.until(|state| state.failures >= 8).await;
        bad.store(false, Ordering::SeqCst);
        let state = setup.until(|state| state.next == count).await;
        assert_eq!((state.skipped, state.sent, state.error), (0, count, None));
        running.stop().await;
    }
    assert_complete(&indices(&receiver.lines()), 0..50);
}

#[tokio::test]
async fn a_record_that_is_refused_alone_is_left_out_when_another_one_is_taken() {
    let setup = Setup::new(Memory::of(3));
    let receiver =
        Receiver::new(|got| Answer::Status(if indices(&got.lines()).contains(&3) { 413 } else { 200 })).await;
    let running = setup.http(&receiver);
    setup.until(|state| state.next == 3).await;
    // It comes alone: what was taken before shows that the receiver takes something.
    setup.memory.write(1);
    let state = setup.until(|state| state.next == 4).await;
    assert_eq!((state.skipped, state.sent), (1, 3));
    running.stop().await;
    assert_eq!(indices(&receiver.lines()), [0, 1, 2, 2]);
    assert_eq!(*setup.alarms.lock().unwrap(), [Alarm::Refused { records: 1 }]);
    let mut text = String::new();
    holdshort_export::render_meters(std::slice::from_ref(&setup.meter), 4, &mut text);
    for line in [
        "holdshort_export_skipped_total{export=\"siem\"} 1",
        "holdshort_export_sent_total{export=\"siem\"} 3",
        "holdshort_export_refused_total{export=\"siem\"} 1",
        "holdshort_export_lag_records{export=\"siem\"} 0",
        "holdshort_export_down{export=\"siem\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

/// Splunk's status alone does not say whose fault it is.
#[tokio::test]
async fn splunk_faults_that_are_not_of_an_event_leave_none_out() {
    for (status, code, said) in [
        (400, 7, "answered 400 (x, code 7)"),
        (400, 10, "answered 400 (x, code 10)"),
        (200, 9, "answered 200 (x, code 9)"),
        (403, 4, "answered 403 (x, code 4)"),
    ] {
        let setup = Setup { format: Format::Hec, ..Setup::new(Memory::of(4)) };
        let left = AtomicU64::new(4);
        let receiver = Receiver::new(move |_| {
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => Answer::Body(status, json!({ "text": "x", "code": code }).to_string().into_bytes()),
                Err(_) => Answer::Body(200, br#"{"text":"Success","code":0}"#.to_vec()),
            }
        })
        .await;
        let running = setup.http(&receiver);
        setup.until(|state| state.error.as_deref() == Some(said) || state.next == 4).await;
        let state = setup.until(|state| state.next == 4).await;
        assert_eq!((state.skipped, state.sent), (0, 4), "{status} {code}");
        running.stop().await;
    }
}

#[tokio::test]
async fn splunk_names_an_event_that_is_wrong_even_with_a_success() {
    let setup = Setup { format: Format::Hec, ..Setup::new(Memory::of(9)) };
    let receiver = Receiver::new(|got| {
        let bad = got.lines().iter().any(|line| line.contains("\"index_in_log\":\"4\""));
        let body: &[u8] = if bad { br#"{"text":"Invalid data format","code":6}"# } else { br#"{"code":0}"# };
        Answer::Body(200, body.to_vec())
    })
    .await;
    let running = setup.http(&receiver);
    let state = setup.until(|state| state.next == 9).await;
    assert_eq!((state.skipped, state.sent), (1, 8));
    running.stop().await;
}

/// A gateway that wants somebody to log in answers everything with 200.
#[tokio::test]
async fn a_web_page_is_no_receipt() {
    for page in ["<!DOCTYPE html><title>Sign in</title>", "\n <html>"] {
        let setup = Setup::new(Memory::of(4));
        let receiver = Receiver::new(|_| Answer::Body(200, page.into())).await;
        let running = setup.http(&receiver);
        let state = setup.until(|state| state.failures >= 3).await;
        assert_eq!((state.next, state.error.as_deref()), (0, Some("answered with a web page")));
        running.stop().await;
    }
}

#[tokio::test]
async fn what_a_collector_of_otlp_does_not_keep_is_not_counted_as_sent() {
    let setup = Setup { format: Format::Otlp, ..Setup::new(Memory::of(4)) };
    let partial = r#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}"#;
    let receiver = Receiver::new(|got| match got.path.as_str() {
        "/v1/logs" => Answer::Body(200, partial.into()),
        _ => Answer::Body(200, b"{}".to_vec()),
    })
    .await;
    let running = setup.http(&receiver);
    let state = setup.until(|state| state.next == 4).await;
    assert_eq!((state.skipped, state.sent, state.error), (3, 1, None));
    running.stop().await;
    assert_eq!(*setup.alarms.lock().unwrap(), [Alarm::Refused { records: 3 }]);
}

#[tokio::test]
async fn splunk_is_told_what_it_wants_and_its_faults_have_names() {
    let setup = Setup { format: Format::Hec, ..Setup::new(Memory::of(3)) };
    let left = AtomicU64::new(2);
    let receiver = Receiver::new(move |got| {
        assert_eq!(got.path, "/services/collector/event");
        assert_eq!(got.headers["authorization"], "Splunk 12345678-token");
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Answer::Body(403, br#"{"text":"Invalid token","code":4}"#.to_vec()),
            Err(_) => Answer::Body(200, br#"{"text":"Success","code":0}"#.to_vec()),
        }
    })
    .await;
    let target = SinkTarget::Http {
        url: receiver.url.clone(),
        token: Some("12345678-token".into()),
        trust: Trust::default(),
        insecure: false,
        gzip: false,
    };
    let running = setup.start(target);
    setup
        .until(|state| state.error.as_deref() == Some("answered 403 (Invalid token, code 4)") || state.next == 3)
        .await;
    setup.until(|state| state.next == 3).await;
    running.stop().await;
    let first: Value = serde_json::from_str(&receiver.lines()[0]).unwrap();
    assert_eq!(
        (&first["time"], &first["sourcetype"], &first["source"]),
        (&json!("1700000000.123"), &json!("holdshort:record"), &json!(LOG))
    );
    assert_eq!((&first["event"]["index"], &first["fields"]["index_in_log"]), (&json!(0), &json!("0")));
    assert_eq!(first["fields"]["destinations"], json!(["api.example.com"]));
    for (name, value) in first["fields"].as_object().unwrap() {
        let texts = value.is_string() || value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        assert!(texts, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_receiver_that_repeats_the_token_does_not_put_it_into_messages() {
    let setup = Setup { format: Format::Hec, ..Setup::new(Memory::of(3)) };
    let receiver =
        Receiver::new(|_| Answer::Body(403, br#"{"text":"no 12345678-token here","code":4}"#.to_vec())).await;
    let target = SinkTarget::Http {
        url: receiver.url.clone(),
        token: Some("12345678-token".into()),
        trust: Trust::default(),
        insecure: false,
        gzip: false,
    };
    let running = setup.start(target);
    setup.until(|state| state.error.as_deref() == Some("answered 403 (no *** here, code 4)")).await;
    running.stop().await;
}
