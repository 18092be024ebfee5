//! Outputs, arguments, requests and definitions made to hurt: they stay bounded, and what was not looked at is said.
//!
//! A counting allocator says what the state really takes, and how much work was done for it. Each case prints its time
//! (`--nocapture`), which is never asserted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod session;

use holdshort_history::Flow;
use holdshort_model::{Facts, Origin};
use serde_json::{Value, json};
use session::{Session, Tool, tool};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What one session may take, whatever it reads.
const STATE_BYTES_MAX: usize = 32 << 20;
/// What one output may add to it: 256 KiB of it are looked at.
const OUTPUT_STATE_BYTES_MAX: usize = 8 << 20;
/// What may be allocated, all in all, to read one output: the work is in proportion to what is looked at.
const OUTPUT_WORK_BYTES_MAX: usize = 64 << 20;
/// What may be allocated, all in all, to weigh one action.
const WEIGH_WORK_BYTES_MAX: usize = 4 << 20;

/// The allocator counts for all threads: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // The lexicon is read once for the whole process.
    Session::new(REQUEST).flow(&send(), arguments());
    alone
}

/// Runs something, prints how long it took, and says what it allocated in all.
#[expect(clippy::disallowed_methods, reason = "the time is printed, and nothing depends on it")]
fn timed<T>(what: &str, run: impl FnOnce() -> T) -> (T, usize) {
    let (region, start) = (Region::new(ALLOCATOR), std::time::Instant::now());
    let result = run();
    let (elapsed, work) = (start.elapsed(), region.change().bytes_allocated);
    println!("{what}: {:.3} ms, {} KiB allocated", elapsed.as_secs_f64() * 1e3, work >> 10);
    (result, work)
}

fn query() -> Tool {
    tool("list_records", &["read"], "Lists the records", &["table"])
}

fn send() -> Tool {
    tool("send_mail", &["send"], "Sends a mail", &["to", "subject", "body"])
}

const REQUEST: &str = "List the records and send the total to bob@corp.example.";

/// One output in a fresh session: how long, how much work, and what is kept of it. Returns the session.
fn observe(what: &str, parts: &[&str]) -> Session {
    observe_in(Session::new(REQUEST), what, parts)
}

fn observe_in(mut session: Session, what: &str, parts: &[&str]) -> Session {
    let id = session.start(&query(), json!({"table": "records"}));
    let before = session.state.bytes();
    let region = Region::new(ALLOCATOR);
    let ((), work) = timed(&format!("observe {what}"), || session.finish(id, parts, false));
    let change = region.change();
    let kept = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    let said = session.state.bytes().saturating_sub(before);
    assert!(work < OUTPUT_WORK_BYTES_MAX, "{what}: {work} bytes of work");
    assert!(said < OUTPUT_STATE_BYTES_MAX, "{what}: {said} bytes are said to be kept");
    assert!(kept < 2 * said + 65_536, "{what}: {kept} bytes are kept, {said} are said");
    timed(&format!("weigh after {what}"), || session.flow(&send(), arguments()));
    session
}

fn arguments() -> Value {
    json!({"to": "eve@evil.example", "subject": "Total", "body": "The total is 1200. See https://evil.example/x"})
}

fn is_truncated(session: &Session) -> bool {
    let flow = session.flow(&send(), arguments());
    let origin = flow.provenance["/to"].origin;
    // What is truncated may have held the value: nobody can say that it came from nowhere.
    assert!(!flow.history.truncated || origin != Origin::Nowhere, "{origin:?}");
    flow.history.truncated
}

#[test]
fn a_hundred_megabytes() {
    let _alone = alone();
    let text = "the total of the records is 12345 for item. ".repeat(100_000_000 / 44);
    assert!(is_truncated(&observe("100 MB of text", &[&text])));
    let text = format!("[{}]", r#"{"id": 12345, "name": "Ann"},"#.repeat(100_000_000 / 29));
    assert!(is_truncated(&observe("100 MB of records", &[&text])));
    let text = "QUJD".repeat(25_000_000);
    assert!(is_truncated(&observe("100 MB of base64", &[&text])));
}

#[test]
fn texts_without_a_blank() {
    let _alone = alone();
    for (what, piece) in [
        ("1 MB of x", "x"),
        ("1 MB of dots", "."),
        ("1 MB of slashes", "/"),
        ("1 MB of @", "a@"),
        ("1 MB of ://", "a://"),
        ("1 MB of mailto:", "mailto:"),
        ("1 MB of =", "a="),
        ("1 MB of brackets", "(a"),
        ("1 MB of square brackets", "x[a]"),
        ("1 MB of quotes", "\"a"),
        ("1 MB of apostrophes", "a'"),
        ("1 MB of pipes", "a|"),
        ("1 MB of colons", "a: "),
        ("1 MB of commas", "1,"),
        ("1 MB of Han", "\u{4e00}"),
        ("1 MB of ligatures", "\u{fdfa}"),
        ("1 MB of squared words", "\u{3316}"),
        ("1 MB of combining marks", "\u{301}"),
        ("1 MB of invisible characters", "\u{200b}"),
        ("1 MB of NULs", "\0"),
        ("1 MB of replacement characters", "\u{fffd}"),
        ("1 MB of backslashes", "\\"),
        ("1 MB of base64 of base64", "UVVKRA"),
    ] {
        let text = piece.repeat(1_000_000 / piece.len());
        assert!(is_truncated(&observe(what, &[&text])), "{what}");
    }
}

#[test]
fn text_that_repeats_what_costs_most() {
    let _alone = alone();
    for (what, piece) in [
        ("instructions with addresses in one line", "Pay a1.co. "),
        ("instructions with addresses", "Pay a1.co.\n"),
        ("accounts in groups", "1234 1234 1234 "),
        ("digits in pairs", "1 2 "),
        ("cells", "a|b\n"),
        ("cells in one line", "a|"),
        ("lists", "- a\n"),
        ("labels with brackets", "[F] a: b (c) [d=e]\n"),
        ("verbs", "send pay delete "),
        ("sentences", "pay it now. "),
        ("quotations", "\"pay all the bills now\" "),
        ("encoded texts", "cGF5IGV2ZSBub3c hIGF0 "),
        ("lines", "\n"),
        ("carriage returns", "\r\n"),
    ] {
        let text = piece.repeat((256 << 10) / piece.len());
        let _ = is_truncated(&observe(what, &[&text]));
    }
}

#[test]
fn a_million_different_words() {
    let _alone = alone();
    let mut session = Session::new(REQUEST);
    let tool = query();
    let region = Region::new(ALLOCATOR);
    let mut text = String::new();
    for word in 0..1_000_000 {
        let _ = write!(text, "w{word:x} ");
        if text.len() > 200_000 {
            session.call(&tool, json!({"table": "records"}), &text);
            text.clear();
        }
    }
    let change = region.change();
    let kept = change.bytes_allocated - change.bytes_deallocated;
    let said = session.state.bytes();
    println!("a million words: {said} bytes are said, {kept} are kept");
    assert!(is_truncated(&session));
    assert!(said < STATE_BYTES_MAX && kept < 2 * said, "{said} {kept}");
}

#[test]
fn everything_that_a_session_can_hold() {
    let _alone = alone();
    let mut session = Session::new(REQUEST);
    let region = Region::new(ALLOCATOR);
    let query = query();
    for call in 0..200 {
        let rows: Vec<Value> = (0..2_000)
            .map(|row| json!({"id": call * 2_000 + row, "mail": format!("p{call}x{row}@corp.example")}))
            .collect();
        session.call(&query, json!({"table": format!("t{call}")}), &json!(rows).to_string());
    }
    let write = tool("create_note", &["write"], "Creates a note", &["title", "text"]);
    for call in 0..2_000 {
        let text =
            format!("see https://evil{call}.example/{call} and p1x{call}@corp.example, mail m{call}@evil.example");
        session.call(&write, json!({"title": format!("n{call}"), "text": text}), &text);
    }
    for call in 0..4_000 {
        session.start(&query, json!({"table": format!("u{call}")}));
    }
    let change = region.change();
    let (kept, said) = (change.bytes_allocated - change.bytes_deallocated, session.state.bytes());
    println!("a full session: {said} bytes are said, {kept} are kept");
    assert!(is_truncated(&session));
    assert!(said < STATE_BYTES_MAX && kept < 2 * said && said < 2 * kept, "{said} {kept}");
    let (_, work) = timed("weigh in a full session", || session.flow(&send(), arguments()));
    assert!(work < WEIGH_WORK_BYTES_MAX);
}

#[test]
fn long_names_of_resources() {
    let _alone = alone();
    let mut session = Session::new(REQUEST);
    let region = Region::new(ALLOCATOR);
    for call in 0..200 {
        let name = format!("file:///{call}/{}", "a".repeat(100_000));
        session.call(&tool(&name, &["read"], "", &[]), json!({}), "one line");
    }
    let change = region.change();
    let (kept, said) = (change.bytes_allocated - change.bytes_deallocated, session.state.bytes());
    assert!(kept < 2 * said && said < 1 << 20, "{said} bytes are said, {kept} are kept");
}

#[test]
fn structures_that_never_end() {
    let _alone = alone();
    for (what, open) in [
        ("square brackets", "["),
        ("braces", "{\"a\":"),
        ("round brackets", "[("),
        ("YAML lists", "- "),
        ("YAML flow", "a: ["),
    ] {
        let deep = open.repeat(100_000 / open.len());
        observe(&format!("deep {what}"), &[&deep]);
        observe(&format!("deep {what} in YAML"), &[&format!("a: {deep}")]);
    }
    let indented: String = (0..700).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    observe("indented YAML", &[&indented]);
    let closed = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    observe("closed brackets", &[&closed]);
}

#[test]
fn references_of_yaml() {
    let _alone = alone();
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..1_000 {
        let before = format!("*a{}, ", level - 1).repeat(9);
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", before.trim_end_matches(", "));
    }
    observe("aliases of aliases", &[&bomb]);
    let anchors: String = (0..20_000).map(|number| format!("- &a{number} x\n")).collect();
    observe("anchors", &[&anchors]);
    for (what, piece) in [
        ("keys of keys", "? "),
        ("tags", "!!a "),
        ("documents", "---\n"),
        ("comments", "#\n"),
        ("folded texts", "a: >\n  x\n"),
        ("quotes that break lines", "'\n"),
        ("merges", "<<: *a\n"),
        ("tabs", "\t"),
        ("braces", "{"),
        ("question marks", "?\n"),
        ("pairs without values", "b:\n"),
        ("long scalars", "x x "),
    ] {
        observe(&format!("YAML {what}"), &[&format!("a: b\n{}", piece.repeat(200_000 / piece.len()))]);
    }
}

#[test]
fn broken_characters() {
    let _alone = alone();
    let lossy =
        String::from_utf8_lossy(&[0xff, 0xfe, b'a', 0xed, 0xa0, 0x80, b'b', 0xc0, 0x80].repeat(30_000)).into_owned();
    observe("invalid UTF-8", &[&lossy]);
    for escape in
        [r"\ud800", r"\udc00", r"\ud800\ud800", r"\udfff\ud800", r"\u+123", r"\U00110000", r"\x", r"\u12", r"\ud83d\u"]
    {
        observe(escape, &[&format!("[\"{}\"]", escape.repeat(100))]);
        observe(escape, &[&format!("{{\"a\": \"{escape}")]);
        observe(escape, &[&format!("[\"{escape}\u{e9}\"]")]);
    }
}

#[test]
fn many_keys_and_parts() {
    let _alone = alone();
    let fields: serde_json::Map<String, Value> = (0..100_000).map(|key| (format!("k{key}"), json!(key))).collect();
    assert!(is_truncated(&observe("100,000 keys", &[&Value::Object(fields).to_string()])));
    let parts: Vec<String> = (0..10_000).map(|part| format!("part {part} of mail{part}@x.example")).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    assert!(!is_truncated(&observe("500 parts", &parts[..500])));
    assert!(is_truncated(&observe("10,000 parts", &parts)));
    observe("10,000 empty parts", &vec![""; 10_000]);
}

#[test]
fn a_key_for_every_entry() {
    let _alone = alone();
    let key = "k".repeat(128_000);
    observe("a long key of a long list", &[&format!("{{\"{key}\": [{}1]}}", "1,".repeat(60_000))]);
    let key = "k ".repeat(500);
    observe("a long YAML key of a long list", &[&format!("a: b\n\"{key}\":\n{}", "- 1\n".repeat(60_000))]);
}

#[test]
fn requests_of_ten_megabytes() {
    let _alone = alone();
    for (what, piece) in [
        ("words", "the total of item for ann "),
        ("quotations", "'pay all the bills now' "),
        ("sentences", "Pay ann. "),
        ("addresses", "ann1@corp.example "),
        ("numbers", "1,234.50 "),
        ("quotes", "\""),
        ("Han", "\u{4ed8}\u{6b3e}"),
    ] {
        let text = piece.repeat(10_000_000 / piece.len());
        let mut session = Session::new(&text);
        let facts = session.bare(&send(), arguments());
        let (_, work) = timed(&format!("a request of 10 MB, {what}"), || session.weigh(&send(), &facts));
        assert!(work < OUTPUT_WORK_BYTES_MAX, "{what}: {work}");
        let region = Region::new(ALLOCATOR);
        session.call(&query(), json!({"table": "records"}), "nothing");
        let change = region.change();
        let (kept, said) = (change.bytes_allocated.saturating_sub(change.bytes_deallocated), session.state.bytes());
        assert!(kept < 2 * said && said < 4 << 20, "{what}: {said} bytes are said, {kept} are kept");
        let rows: Vec<Value> =
            (0..3_000).map(|row| json!({"name": format!("total of n{row}"), "item": "for"})).collect();
        let session = observe_in(session, &format!("records after 10 MB of {what}"), &[&json!(rows).to_string()]);
        let body = "the total of item for ann at corp ".repeat(100);
        let facts = session.bare(&send(), json!({"to": "ann@x.example", "subject": body, "body": body}));
        let (_, work) = timed(&format!("weigh after 10 MB of {what}"), || session.weigh(&send(), &facts));
        assert!(work < WEIGH_WORK_BYTES_MAX, "{what}: {work}");
    }
}

fn untraced(flow: &Flow) -> bool {
    flow.provenance.get("*").is_some_and(|rest| rest.origin == Origin::Unknown && rest.address)
}

fn heavy(what: &str, session: &Session, tool: &Tool, args: Value) -> (Flow, Facts) {
    let facts = session.bare(tool, args);
    let (flow, work) = timed(&format!("weigh {what}"), || session.weigh(tool, &facts));
    assert!(work < WEIGH_WORK_BYTES_MAX, "{what}: {work} bytes of work");
    (flow, facts)
}

#[test]
fn arguments_with_many_leaves() {
    let _alone = alone();
    let mut session = Session::new(REQUEST);
    session.call(
        &query(),
        json!({"table": "records"}),
        "eve@evil.example wrote to us about the total 4711 of the records",
    );
    for (what, value) in [
        ("100,000 addresses", json!("eve@evil.example")),
        ("100,000 words", json!("general")),
        ("100,000 numbers", json!(4711)),
        ("100,000 fractions", json!(0.123_456)),
        ("100,000 flags", json!(true)),
        ("100,000 empty texts", json!("")),
        ("100,000 lists", json!([])),
    ] {
        let list = Value::Array(vec![value.clone(); 100_000]);
        let (flow, _) = heavy(what, &session, &send(), json!({ "a": list, "to": "eve@evil.example" }));
        // Whatever stands in front of it: the address is traced, or it is said that it was not.
        assert!(flow.provenance.contains_key("/to") || untraced(&flow), "{what}");
        assert!(flow.provenance.len() <= 65, "{what}");
        let list = Value::Array(vec![value; 100_000]);
        timed(&format!("permit {what}"), || session.start(&send(), json!({ "a": list })));
    }
    let (region, calls) = (Region::new(ALLOCATOR), session.state.bytes());
    session.start(&send(), json!({"a": vec![json!("eve@evil.example wrote"); 100_000]}));
    let kept = region.change().bytes_allocated.saturating_sub(region.change().bytes_deallocated);
    assert!(kept < 2 * (session.state.bytes() - calls) + 65_536, "{kept}");
}

#[test]
fn arguments_that_are_deep() {
    let _alone = alone();
    let session = Session::new(REQUEST);
    for depth in [10, 20, 100, 1_000] {
        let (mut list, mut object) = (json!("eve@evil.example"), json!("eve@evil.example"));
        for _ in 0..depth {
            list = Value::Array(vec![list]);
            object = json!({ "a": object });
        }
        for value in [list, object] {
            let (flow, _) = heavy(&format!("depth {depth}"), &session, &send(), json!({ "to": value }));
            assert!(flow.provenance.keys().any(|pointer| pointer.len() > 10) || untraced(&flow), "{depth}");
        }
    }
}

#[test]
fn arguments_that_are_long() {
    let _alone = alone();
    let session = Session::new(REQUEST);
    let padding = "nothing to see here ".repeat(500_000);
    for (what, body) in [
        ("an address behind 10 MB", format!("{padding} eve@evil.example")),
        ("an address before 10 MB", format!("eve@evil.example {padding}")),
        ("an address behind 100 KB", format!("{} eve@evil.example", &padding[..100_000])),
        ("an address behind others", format!("{} eve@evil.example", "bob@corp.example ".repeat(100))),
    ] {
        for name in ["to", "body"] {
            let (flow, _) = heavy(&format!("{what} in `{name}`"), &session, &send(), json!({ name: body }));
            let found = &flow.provenance[&format!("/{name}")];
            assert!(found.origin >= Origin::Nowhere && found.address, "{what}: {found:?}");
        }
    }
    let encoded = "QUJD".repeat(2_500_000);
    heavy("10 MB of base64", &session, &send(), json!({ "body": encoded }));
    let many: serde_json::Map<String, Value> =
        (0..64).map(|field| (format!("body{field}"), json!(format!("a{field}.example ").repeat(32)))).collect();
    heavy("2,048 addresses", &session, &send(), Value::Object(many));
    let many: serde_json::Map<String, Value> =
        (0..64).map(|field| (format!("body{field}"), json!("item of total with some words ".repeat(60)))).collect();
    heavy("64 long texts", &session, &send(), Value::Object(many));
}

#[test]
fn tools_that_say_too_much() {
    let _alone = alone();
    let session = Session::new(REQUEST);
    let names: Vec<String> = (0..10_000).map(|number| format!("parameter_{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let many = tool("send_mail", &["send"], "Sends a mail", &names);
    heavy("a tool with 10,000 parameters", &session, &many, arguments());
    for (what, piece) in
        [("blanks", " "), ("words", "send "), ("one word", "x"), ("sentences", "Pay. "), ("Han", "\u{4ed8}")]
    {
        let long = tool("send_mail", &["send"], &piece.repeat(10_000_000 / piece.len()), &["to"]);
        heavy(&format!("a description of 10 MB, {what}"), &session, &long, arguments());
    }
    let named = tool(&"sendMail_".repeat(1_000_000), &["send"], "", &["to"]);
    heavy("a name of 9 MB", &session, &named, arguments());
}
