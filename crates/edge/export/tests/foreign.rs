//! What we make, read by what others wrote: OCSF by validators on the published schemas, OTLP by the published definitions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use holdshort_export::{Arguments, Encoder, Event, Format, Item, Payload, Sink, SinkTarget, lines};
use holdshort_notify::Trust;
use holdshort_testkit::{CommandLine, ocsf_validator, otlp_reader};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;
use support::receiver::{Answer, Receiver};
use support::{DECISION, LOG, decision, event, every, leaf, outcome, refusal};

fn ask(program: &CommandLine, input: &str) -> Vec<Value> {
    let mut child = program.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{text}"))).collect()
}

fn items(format: Format, arguments: Arguments, events: &[Event]) -> Vec<Item> {
    let mut encoder = Encoder::new(format, arguments, 16_384);
    events.iter().map(|event| encoder.push(event)).collect()
}

#[test]
fn every_record_is_an_event_of_ocsf() {
    for arguments in [Arguments::Digest, Arguments::Full] {
        let text = lines(&items(Format::Ocsf, arguments, &every()));
        let said = ask(&ocsf_validator(), &text);
        let result = said.last().unwrap();
        assert_eq!(result["wrong"], 0, "{said:#?}");
        let passed: u64 = result["passed"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(passed, every().len() as u64);
        for class in [
            "api_activity",
            "datastore_activity",
            "process_activity",
            "http_activity",
            "detection_finding",
            "entity_management",
            "application_lifecycle",
            "application_error",
            "base_event",
        ] {
            assert!(result["passed"][class].as_u64() >= Some(1), "{class}: {result}");
        }
    }
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let check = |pointer: &str, value: Value| {
        let text = lines(&items(Format::Ocsf, Arguments::Digest, &[event(0, decision("tool.call", "x", &[]))]));
        let mut event: Value = serde_json::from_str(&text).unwrap();
        support::set(&mut event, pointer, value);
        let mut child = ocsf_validator().command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{event}\n").as_bytes()).unwrap();
        let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert!(!said.contains("\"wrong\": 0"), "{pointer}: {said}");
    };
    check("/no_such_attribute", json!(1));
    check("/severity_id", json!(42));
    check("/severity", json!("Terrible"));
    check("/ai_agent/kind", json!("x"));
    check("/attestation_list/0/fingerprint", json!({ "value": "x" }));
    check("/metadata/sequence", json!("1"));
    check("/attestation_list/0/prev_event", json!({ "type_uid": 600_399 }));
    check("/attestation_list/0/prev_event", json!({ "uid": "x", "hash": "y" }));
}

#[test]
fn the_verdict_is_what_the_decision_was() {
    let verdict = |change: &[(&str, Value)]| {
        let text = lines(&items(Format::Ocsf, Arguments::Digest, &[event(7, decision("tool.call", "x", change))]));
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&event["metadata"]["uid"], &event["metadata"]["sequence"]), (&json!(DECISION), &json!(7)));
        assert_eq!(event["metadata"]["log_name"], LOG);
        let hex: String = leaf(7).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(event["attestation_list"][0]["fingerprint"]["value"], hex);
        (event["action_id"].as_u64().unwrap(), event["disposition_id"].as_u64().unwrap())
    };
    let deny = [("/decision/effect", json!("deny")), ("/decision/enforced", json!("deny"))];
    let with = |more: (&'static str, Value)| deny.iter().cloned().chain([more]).collect::<Vec<_>>();
    assert_eq!(verdict(&[]), (1, 1));
    assert_eq!(verdict(&deny), (2, 2));
    assert_eq!(verdict(&with(("/decision/containment", json!("narrow")))), (2, 24));
    assert_eq!(verdict(&with(("/decision/containment", json!("isolate")))), (2, 4));
    assert_eq!(verdict(&with(("/decision/containment", json!("terminate")))), (2, 4));
    assert_eq!(verdict(&[("/decision/effect", json!("ask")), ("/decision/enforced", json!("ask"))]), (2, 14));
    assert_eq!(verdict(&[("/decision/effect", json!("deny")), ("/decision/mode", json!("observe"))]), (3, 15));
    assert_eq!(verdict(&[("/decision/obligations", json!([{ "type": "redact", "pointer": "/a" }]))]), (4, 11));
    let approved = json!({ "id": DECISION, "by": "ann", "remembered": false });
    assert_eq!(verdict(&[("/decision/approved", approved)]), (1, 8));
}

fn attribute<'a>(item: &'a Value, name: &str) -> Option<&'a Value> {
    let found = item["attributes"].as_array()?.iter().find(|attribute| attribute["key"] == name)?;
    found["value"].as_object()?.values().next()
}

#[tokio::test]
async fn what_a_collector_gets_is_what_the_definitions_say() {
    let mut events = every();
    events.truncate(4);
    let receiver = Receiver::new(|_| Answer::Status(200)).await;
    let target = SinkTarget::Http {
        url: receiver.url.clone(),
        token: Some("t".into()),
        trust: Trust::default(),
        insecure: false,
        gzip: true,
    };
    let made = items(Format::Otlp, Arguments::Digest, &events);
    let taken = Sink::new(Format::Otlp, target).unwrap().send(&made).await.unwrap();
    assert_eq!((taken.rejected, taken.said), (0, None));
    let taken = receiver.taken.lock().unwrap().clone();
    for got in &taken {
        assert_eq!(got.headers["content-type"], "application/x-protobuf");
        assert_eq!(
            (&got.headers["content-encoding"], &got.headers["authorization"]),
            (&"gzip".parse().unwrap(), &"Bearer t".parse().unwrap())
        );
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let input: String =
        taken.iter().map(|got| format!("{}\n", json!({ "path": got.path, "body": hex(&got.body) }))).collect();
    let read = ask(&otlp_reader(), &input);
    assert_eq!(taken.iter().map(|got| got.path.as_str()).collect::<Vec<_>>(), ["/v1/logs", "/v1/traces"]);
    let logs = read[0]["resource_logs"][0]["scope_logs"][0]["log_records"].as_array().unwrap();
    let spans = read[1]["resource_spans"][0]["scope_spans"][0]["spans"].as_array().unwrap();
    assert_eq!(logs.len(), 4);
    // Two decisions of one id: allowed with its end, and refused; the second end finds no decision any more.
    assert_eq!(spans.len(), 3);
    let log = &logs[0];
    assert_eq!(log["body"]["string_value"], "allowed: tool.call delete_messages of mail: too many at once");
    assert_eq!(
        (&log["time_unix_nano"], &log["severity_number"]),
        (&json!("1700000000123000000"), &json!("SEVERITY_NUMBER_WARN"))
    );
    assert_eq!(log["event_name"], "holdshort.decision.allow");
    assert_eq!(attribute(log, "holdshort.index"), Some(&json!("0")));
    assert_eq!(attribute(log, "holdshort.log"), Some(&json!(LOG)));
    assert_eq!(attribute(log, "holdshort.leaf"), Some(&json!(hex(&leaf(0)))));
    assert_eq!(attribute(log, "gen_ai.tool.name"), Some(&json!("delete_messages")));
    let span = &spans[0];
    // The trace of the request, in base64 as protobuf writes bytes.
    assert_eq!(
        (&span["trace_id"], &log["trace_id"]),
        (&json!("CvdlGRbNQ92ESOshHIAxnA=="), &json!("CvdlGRbNQ92ESOshHIAxnA=="))
    );
    assert_eq!((&span["span_id"], &span["name"]), (&log["span_id"], &json!("execute_tool delete_messages")));
    assert_eq!(
        (&span["start_time_unix_nano"], &span["end_time_unix_nano"]),
        (&json!("1700000000123000000"), &json!("1700000000135345000"))
    );
    assert_eq!(attribute(span, "holdshort.outcome.status"), Some(&json!("ok")));
    assert_eq!(attribute(span, "gen_ai.operation.name"), Some(&json!("execute_tool")));
    assert_eq!(
        (&spans[1]["status"]["code"], attribute(&spans[1], "error.type")),
        (&json!("STATUS_CODE_ERROR"), Some(&json!("holdshort.deny")))
    );
    assert_eq!(attribute(&spans[2], "holdshort.outcome.status"), Some(&json!("upstream-fault")));
}

#[test]
fn lines_of_a_file_are_what_the_definitions_say() {
    let text = lines(&items(Format::Otlp, Arguments::Full, &every()));
    assert_eq!(text.lines().count(), 2);
    let input: String = text.lines().map(|line| format!("{{\"json\": {line}}}\n")).collect();
    let read = ask(&otlp_reader(), &input);
    let logs = read[0]["resource_logs"][0]["scope_logs"][0]["log_records"].as_array().unwrap();
    assert_eq!(logs.len(), every().len());
    assert!(attribute(&logs[0], "gen_ai.tool.call.arguments").unwrap().as_str().unwrap().contains("secret words"));
}

#[tokio::test]
async fn a_collector_that_keeps_only_a_part_says_so() {
    // ExportLogsPartialSuccess in field 1: rejected_log_records = 2 (field 1), error_message = "old" (field 2).
    let partial = vec![0x0a, 0x07, 0x08, 0x02, 0x12, 0x03, b'o', b'l', b'd'];
    let receiver = Receiver::new(move |_| Answer::Body(200, partial.clone())).await;
    let target = SinkTarget::Http {
        url: receiver.url.clone(),
        token: None,
        trust: Trust::default(),
        insecure: false,
        gzip: false,
    };
    let made = items(Format::Otlp, Arguments::Digest, &[event(0, refusal())]);
    let taken = Sink::new(Format::Otlp, target).unwrap().send(&made).await.unwrap();
    // The same bytes are said of spans, whose first field means the same.
    assert_eq!(taken.rejected, 2);
    assert_eq!(taken.said.as_deref(), Some("2 of v1/logs were not kept: old; 2 of v1/traces were not kept: old"));
}

#[test]
fn every_event_names_the_one_before_it() {
    let mut events = every();
    // What is between them was dropped.
    let behind = event(events.len() as u64 + 7, refusal());
    events.push(behind);
    let text = lines(&items(Format::Ocsf, Arguments::Digest, &events));
    let made: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let attested = |event: &Value| event["attestation_list"][0].clone();
    assert_eq!(attested(&made[0])["prev_event"], Value::Null);
    assert_eq!(attested(made.last().unwrap())["prev_event"], Value::Null);
    for pair in made[..made.len() - 1].windows(2) {
        let expected = json!({
            "uid": pair[0]["metadata"]["uid"], "type_uid": pair[0]["type_uid"], "fingerprint": attested(&pair[0])["fingerprint"],
        });
        assert_eq!(attested(&pair[1])["prev_event"], expected);
    }
    let said = ask(&ocsf_validator(), &text);
    assert_eq!(said.last().unwrap()["wrong"], 0, "{said:#?}");
}

#[test]
fn a_span_whose_end_never_comes_goes_as_it_is() {
    let mut encoder = Encoder::new(Format::Otlp, Arguments::Digest, 1_000);
    let item = encoder.push(&event(0, decision("tool.call", "x", &[])));
    let spans = |item: &Item| match &item.payload {
        Payload::Otlp(parts) => parts.1.len(),
        _ => panic!("{item:?}"),
    };
    assert_eq!(spans(&item), 0);
    assert!(encoder.overdue(1_700_000_000_123 + 599_000, 0, leaf(0)).is_none());
    let late = encoder.overdue(1_700_000_000_123 + 600_001, 0, leaf(0)).unwrap();
    assert_eq!(spans(&late), 1);
    // Its end is a span of its own then, of the same ids.
    assert_eq!(spans(&encoder.push(&event(1, outcome("ok")))), 1);
}
