//! What leaves and what stays, and that nothing which others chose ends a line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use holdshort_export::{Arguments, Encoder, Event, Format, Payload, lines};
use holdshort_model::Level;
use serde_json::json;
use support::{decision, event, every, outcome, refusal};

#[test]
fn nothing_that_has_to_stay_leaves_in_any_format() {
    let mut all = vec![event(0, decision("tool.call", "x", &[])), event(1, refusal()), event(2, outcome("ok"))];
    all.extend(every());
    for format in [Format::Ocsf, Format::Otlp, Format::Cef, Format::Hec, Format::Json] {
        let text = |arguments| {
            let mut encoder = Encoder::new(format, arguments, 16_384);
            holdshort_export::lines(&all.iter().map(|event| encoder.push(event)).collect::<Vec<_>>())
        };
        let kept = text(Arguments::Digest);
        for word in ["secret words", "private", "hunter2", "rm -rf", "drop table"] {
            assert!(!kept.contains(word), "{format:?}: {word}");
        }
        if !matches!(format, Format::Cef) {
            assert!(text(Arguments::Full).contains("secret words") || format == Format::Hec, "{format:?}");
        }
    }
}

/// An agent's token is enough to report an outcome, and to say how long it took.
#[test]
fn an_agent_s_word_about_a_duration_ends_no_export_and_moves_no_time() {
    let mut forever = outcome("ok");
    forever["duration_us"] = json!(u64::MAX);
    let seen_ms = 1_800_000_000_000;
    let seen = |index, record| Event { seen_ms, ..event(index, record) };
    assert_eq!(seen(1, forever.clone()).time_ms(), seen_ms);
    for format in [Format::Ocsf, Format::Otlp, Format::Cef, Format::Hec, Format::Json] {
        let mut encoder = Encoder::new(format, Arguments::Digest, 16_384);
        encoder.push(&seen(0, outcome("ok")));
        let Payload::Otlp(parts) = encoder.push(&seen(1, forever.clone())).payload else { continue };
        assert!(parts.1.iter().all(|span| span.end_time_unix_nano <= seen_ms * 1_000_000));
        // A decision that comes now still waits for its end.
        let now = decision("tool.call", "x", &[("/received_ms", json!(seen_ms - 1_000))]);
        let Payload::Otlp(parts) = encoder.push(&seen(2, now)).payload else { panic!() };
        assert!(parts.1.is_empty(), "{parts:?}");
    }
}

#[test]
fn arguments_that_pretend_to_be_their_digest_stay() {
    let pretending = |args: serde_json::Value| {
        event(0, decision("tool.call", "x", &[("/request/action/args", args.clone()), ("/facts/action/args", args)]))
    };
    for args in [
        json!({ "$digest": "x", "note": "secret words" }),
        json!({ "$digest": "secret words" }),
        json!({ "$digest": "secret words", "$bytes": 12 }),
        json!({ "$digest": format!("sha256:{}", "1f".repeat(32)), "$bytes": "secret words" }),
    ] {
        for format in [Format::Hec, Format::Json] {
            let item = Encoder::new(format, Arguments::Digest, 1_000).push(&pretending(args.clone()));
            assert!(!holdshort_export::lines(&[item]).contains("secret words"), "{format:?}: {args}");
        }
    }
}

/// What a server or an agent calls things ends no line and turns no text.
#[test]
fn names_of_others_are_one_line_and_addresses_lose_what_came_along() {
    let nasty = "a\u{202e}b\nc\u{9b}31m";
    let change = [("/request/action/server", json!(nasty)), ("/request/subject/claims/name", json!(nasty))];
    let named = event(0, decision("tool.call", nasty, &change));
    let item = Encoder::new(Format::Ocsf, Arguments::Digest, 1_000).push(&named);
    let text = holdshort_export::lines(&[item]);
    assert!(!text.contains('\u{202e}') && !text.contains('\u{9b}') && !text.contains("\\n"), "{text}");
    let Payload::Otlp(parts) = Encoder::new(Format::Otlp, Arguments::Digest, 1_000)
        .push(&event(0, decision("tool.call", &"x".repeat(100_000), &[("/decision/enforced", json!("deny"))])))
        .payload
    else {
        panic!()
    };
    assert!(parts.1[0].name.len() < 2_000);
    let address = "https://u:hunter2@h.example/a?token=hunter2";
    for format in [Format::Hec, Format::Json, Format::Ocsf, Format::Otlp, Format::Cef] {
        let item =
            Encoder::new(format, Arguments::Digest, 16_384).push(&event(0, decision("resource.read", address, &[])));
        assert!(!holdshort_export::lines(&[item]).contains("hunter2"), "{format:?}");
    }
}

#[test]
fn a_witness_that_contradicts_the_log_is_grave() {
    let conflict = json!({ "type": "lifecycle", "time_ms": 1_u64, "event": "witness-conflict", "detail": null });
    assert_eq!(event(0, conflict).level(), Level::High);
}

/// Some readers of lines end one at these, and JSON may have them as they are.
#[test]
fn a_line_of_json_is_one_line_to_every_reader() {
    let nasty = "a\u{2028}b\u{2029}c\u{85}d\n\r\u{b}\u{c}\u{1c}";
    let change = [
        ("/request/subject/user", json!(nasty)),
        ("/request/action/args", json!({ "note": nasty })),
        ("/decision/reasons/0/message", json!(nasty)),
    ];
    for format in [Format::Ocsf, Format::Otlp, Format::Hec, Format::Json] {
        let mut encoder = Encoder::new(format, Arguments::Full, 16_384);
        let text = lines(&[encoder.push(&event(0, decision("tool.call", nasty, &change)))]);
        assert_eq!(
            text.matches(|c: char| c.is_control() || "\u{2028}\u{2029}".contains(c)).count(),
            text.lines().count()
        );
        let read: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        if format == Format::Json {
            assert_eq!(read["record"]["request"]["action"]["args"]["note"], nasty);
        }
    }
}

#[test]
fn a_clock_that_was_ahead_ends_no_span_for_ever() {
    let mut encoder = Encoder::new(Format::Otlp, Arguments::Digest, 1_000);
    let at = |index, received_ms: u64, id: &str, seen_ms| {
        let change = [("/received_ms", json!(received_ms)), ("/decision/id", json!(id))];
        Event { seen_ms, ..event(index, decision("tool.call", "x", &change)) }
    };
    let spans = |payload: Payload| match payload {
        Payload::Otlp(parts) => parts.1.len(),
        _ => panic!(),
    };
    let now = 1_700_000_000_000;
    let year = 31_536_000_000;
    let id = |n: u64| format!("01JB3Q8ZK4M7T2V9XH6N5C1W{n:02}");
    assert_eq!(spans(encoder.push(&at(0, now + year, &id(1), now + year)).payload), 0);
    // It is set back. What was ahead goes as it is, and what comes now waits for its end again.
    assert_eq!(spans(encoder.push(&at(1, now, &id(2), now + 1)).payload), 1);
    assert_eq!(spans(encoder.push(&at(2, now + 10, &id(3), now + 20)).payload), 0);
}

/// What was sealed with a key that an erasure names is not told of by what comes later.
#[test]
fn an_erasure_reaches_what_waits_for_its_end() {
    for format in [Format::Ocsf, Format::Otlp] {
        let mut encoder = Encoder::new(format, Arguments::Digest, 1_000);
        let sealed = Event { key: Some([0x5b; 16]), ..event(0, decision("tool.call", "hers", &[])) };
        encoder.push(&sealed);
        let erasure = every().into_iter().find(|event| event.kind() == "erasure").unwrap();
        encoder.push(&Event { index: 1, ..erasure });
        let text = lines(&[encoder.push(&event(2, outcome("ok")))]);
        assert!(!text.contains("hers"), "{format:?}: {text}");
        assert!(encoder.overdue(u64::MAX, 2, [0; 32]).is_none());
    }
}
