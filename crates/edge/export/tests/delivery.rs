//! Every record arrives, in order, at least once, whatever the receiver does; and nothing waits for ever.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use holdshort_export::{
    Arguments, Batching, Chunk, Cursor, Encoder, Event, Exporter, Filter, Format, From, Payload, Rotation, Sink,
    SinkTarget, Source, SourceError, State,
};
use holdshort_model::Level;
use holdshort_notify::Trust;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::receiver::{Answer, Got, Receiver};
use support::{LOG, decision, event, every, outcome, refusal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A log in memory that tests write, cut and drop.
#[derive(Clone, Default)]
struct Memory(Arc<Inner>);

#[derive(Default)]
struct Inner {
    events: Mutex<Vec<Event>>,
    first: AtomicU64,
    broken: AtomicBool,
}

impl Memory {
    fn of(count: u64) -> Self {
        let memory = Self::default();
        memory.write(count);
        memory
    }

    fn write(&self, count: u64) {
        let mut events = self.0.events.lock().unwrap();
        for _ in 0..count {
            let index = events.len() as u64;
            events.push(event(index, decision("tool.call", &format!("tool-{index}"), &[])));
        }
    }
}

impl Source for Memory {
    fn origin(&self) -> Arc<str> {
        LOG.into()
    }

    fn size(&mut self) -> Result<u64, SourceError> {
        Ok(self.0.events.lock().unwrap().len() as u64)
    }

    fn read(&mut self, from: u64, records_max: usize, _: usize) -> Result<Chunk, SourceError> {
        if self.0.broken.load(Ordering::SeqCst) {
            return Err(SourceError("the disk is on fire".into()));
        }
        let first = self.0.first.load(Ordering::SeqCst).max(from);
        let events: Vec<Event> =
            self.0.events.lock().unwrap().iter().skip(first as usize).take(records_max).cloned().collect();
        Ok(Chunk { next: first + events.len() as u64, lost: first - from, events })
    }
}

struct Setup {
    home: tempfile::TempDir,
    memory: Memory,
    format: Format,
    from: From,
    filter: Filter,
    records_max: usize,
}

impl Setup {
    fn new(memory: Memory) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            memory,
            format: Format::Json,
            from: From::Start,
            filter: Filter { kinds: Vec::new(), level: Level::Low },
            records_max: 10,
        }
    }

    fn cursor(&self) -> Cursor {
        Cursor::new(self.home.path(), "siem")
    }

    fn start(&self, target: SinkTarget) -> Running {
        let sink = Sink::new(self.format, target).unwrap();
        let exporter = Exporter {
            name: "siem".into(),
            source: self.memory.clone(),
            encoder: Encoder::new(self.format, Arguments::Digest, sink.line_bytes_max()),
            sink,
            filter: self.filter.clone(),
            batching: Batching {
                records_max: self.records_max,
                bytes_max: 1 << 20,
                every: Duration::from_millis(5),
                pause_first: Duration::from_millis(2),
                pause_max: Duration::from_millis(20),
            },
            from: self.from,
            cursor: self.cursor(),
        };
        let (ending, ended) = watch::channel(false);
        Running { ending, task: tokio::spawn(exporter.run(ended)) }
    }

    fn http(&self, receiver: &Receiver) -> Running {
        self.start(http(&receiver.url))
    }

    /// Waits until the stored cursor is what is wanted.
    async fn until(&self, wanted: impl Fn(&State) -> bool) -> State {
        for _ in 0..4_000 {
            if let Ok(Some(state)) = self.cursor().load()
                && wanted(&state)
            {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it never came: {:?}", self.cursor().load());
    }
}

struct Running {
    ending: watch::Sender<bool>,
    task: JoinHandle<State>,
}

impl Running {
    async fn stop(self) -> State {
        self.ending.send(true).unwrap();
        self.task.await.unwrap()
    }

    /// As if the process were killed: nothing is stored any more.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

fn http(url: &str) -> SinkTarget {
    SinkTarget::Http { url: url.into(), token: None, trust: Trust::default(), insecure: false, gzip: true }
}

fn indices(lines: &[String]) -> Vec<u64> {
    lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["index"].as_u64().unwrap()).collect()
}

/// No gap, and the first time that each arrives is in order.
fn assert_complete(seen: &[u64], wanted: impl Iterator<Item = u64>) {
    let mut firsts: Vec<u64> = Vec::new();
    for index in seen {
        if !firsts.contains(index) {
            firsts.push(*index);
        }
    }
    assert_eq!(firsts, wanted.collect::<Vec<_>>(), "{seen:?}");
}

fn yes(_: &Got) -> Answer {
    Answer::Status(200)
}

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
    assert_eq!(indices(&receiver.lines()), (0..64).filter(|index| !poison.contains(index)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_receiver_that_refuses_everything_is_asked_several_times_for_each_and_blocks_nothing_for_ever() {
    let setup = Setup { records_max: 2, ..Setup::new(Memory::of(2)) };
    let mut receiver = Receiver::new(|_| Answer::Status(422)).await;
    let running = setup.http(&receiver);
    let state = setup.until(|state| state.next == 2).await;
    assert_eq!((state.skipped, state.sent), (2, 0));
    running.stop().await;
    let mut asked = 0;
    while receiver.asked.try_recv().is_ok() {
        asked += 1;
    }
    assert!(asked >= 7, "{asked}: both at once, one at once, the other five times");
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

fn file(path: &Path, bytes_max: u64) -> SinkTarget {
    SinkTarget::File { path: path.to_owned(), rotation: Rotation { bytes_max, files_kept: 100 } }
}

fn files(path: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let aside = |number: u32| PathBuf::from(format!("{}.{number}", path.display()));
    let count = (1..).take_while(|number| aside(*number).exists()).count() as u32;
    for path in (1..=count).rev().map(aside).chain([path.to_owned()]) {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'));
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

#[tokio::test]
async fn a_file_is_put_aside_and_a_torn_line_is_cut_off() {
    let setup = Setup::new(Memory::of(40));
    let path = setup.home.path().join("events.ndjson");
    let running = setup.start(file(&path, 20_000));
    setup.until(|state| state.next == 40).await;
    running.stop().await;
    assert_eq!(indices(&files(&path)), (0..40).collect::<Vec<_>>());
    assert!(setup.home.path().join("events.ndjson.1").exists());
    // As after a loss of power: half a line more than the cursor knows of.
    let mut text = std::fs::read(&path).unwrap();
    text.extend(b"{\"log\":\"x\",\"ind");
    std::fs::write(&path, text).unwrap();
    setup.memory.write(3);
    let running = setup.start(file(&path, 20_000));
    setup.until(|state| state.next == 43).await;
    running.stop().await;
    assert_eq!(indices(&files(&path)), (0..43).collect::<Vec<_>>());
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
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
