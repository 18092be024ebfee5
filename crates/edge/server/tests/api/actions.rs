//! Deciding and recording.

use crate::support::{Setup, World, digest, refusing, request, snapshot};
use holdshort_enforce::Authority as _;
use holdshort_inventory::FirstUse;
use holdshort_model::{Effect, FailMode, Mode, Outcome, OutcomeStatus, RecordId};
use holdshort_server::{Arguments, ServiceConfig};
use serde_json::{Value, json};

#[tokio::test]
async fn the_answer_has_the_shape_of_the_contract() {
    let world = World::start().await;
    let body = serde_json::to_vec(&request("a", "s", "wipe")).unwrap();
    let head = format!(
        "POST /v1/decide HTTP/1.1\nhost: localhost\nauthorization: Bearer {}\ncontent-type: application/json\n\
         content-length: {}",
        crate::support::ADMIN,
        body.len()
    );
    let (status, _, answer) = world.raw(&head, &body).await;
    assert_eq!(status, 200, "{answer}");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut found = keys(&answer);
    found.sort();
    let mut expected = [
        "id",
        "effect",
        "enforced",
        "mode",
        "containment",
        "risk",
        "reasons",
        "obligations",
        "approval",
        "snapshot",
        "receipt",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(answer["id"].as_str().unwrap().parse::<RecordId>().is_ok());
    assert_eq!(
        (&answer["effect"], &answer["enforced"], &answer["mode"]),
        (&json!("deny"), &json!("deny"), &json!("enforce"))
    );
    assert_eq!(
        (&answer["containment"], &answer["obligations"], &answer["approval"]),
        (&json!("none"), &json!([]), &Value::Null)
    );
    let (risk, part) = (&answer["risk"], &answer["risk"]["parts"][0]);
    assert_eq!(
        (&risk["level"], &part["signal"], &part["confidence"]),
        (&json!("low"), &json!("identity"), &json!(100))
    );
    assert!(risk["score"].as_u64().unwrap() > 0 && part["why"].as_str().unwrap().contains("registered"), "{risk}");
    assert_eq!(answer["reasons"][0]["policy"], "holdshort.rules.no_wipe");
    assert_eq!(answer["reasons"][0]["message"], "wipe is refused");
    assert!(answer["snapshot"].as_str().unwrap().starts_with("sha256:"));
    let record = world.tape.of_type("decision").remove(0);
    let index = world.tape.records().iter().position(|known| *known == record).unwrap();
    assert_eq!(answer["receipt"], json!({"log": "test.example/log", "index": index}));
    assert_eq!(record["decision"]["id"], answer["id"]);
}

#[tokio::test]
async fn records_of_a_session_are_chained_whatever_runs_at_once() {
    let world = World::start().await;
    let calls = (0..64).map(|n| {
        let service = world.service.clone();
        tokio::spawn(async move { service.rule(request("a", ["s", "t"][n % 2], "read")).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    for session in ["s", "t"] {
        let of_session = |bytes: &&Vec<u8>| {
            let record: Value = serde_json::from_slice(bytes).unwrap();
            record["type"] == "decision" && record["request"]["session"] == session
        };
        let all = world.tape.bytes();
        let chain: Vec<&Vec<u8>> = all.iter().filter(of_session).collect();
        assert_eq!(chain.len(), 32);
        let mut previous = Value::Null;
        for (sequence, bytes) in chain.into_iter().enumerate() {
            let record: Value = serde_json::from_slice(bytes).unwrap();
            assert_eq!((&record["sequence"], &record["previous"]), (&json!(sequence), &previous));
            previous = json!(digest(bytes));
        }
    }
    let page = world.service.sessions_page();
    assert_eq!((page.total, page.sessions[0].decisions, page.sessions[1].decisions), (2, 32, 32));
}

#[tokio::test]
async fn a_reload_takes_hold_on_the_next_action_of_a_running_session() {
    let world = World::start().await;
    let client = world.operator();
    let before = client.decide(&request("a", "s", "read")).await.unwrap();
    assert_eq!((before.decision.enforced, before.decision.mode), (Effect::Allow, Mode::Observe));

    let stricter = snapshot(vec![refusing("wipe"), refusing("read")], FirstUse::Trust);
    *world.source.0.lock().unwrap() = Ok(stricter.clone());
    let answer = client.reload_policies().await.unwrap();
    assert!(answer.accepted && answer.snapshot == stricter.digest());
    let after = client.decide(&request("a", "s", "read")).await.unwrap();
    assert_eq!((after.decision.enforced, after.decision.snapshot), (Effect::Deny, stricter.digest()));
    assert_ne!(before.decision.snapshot, after.decision.snapshot);

    *world.source.0.lock().unwrap() = Err(vec!["no_read.rego:3:1: unknown field `acton`".into()]);
    let answer = client.reload_policies().await.unwrap();
    assert_eq!((answer.accepted, answer.snapshot, answer.diagnostics.len()), (false, stricter.digest(), 1));
    assert_eq!(client.decide(&request("a", "s", "read")).await.unwrap().decision.enforced, Effect::Deny);

    let policies = client.policies().await.unwrap();
    let ids: Vec<_> = policies.policies.iter().map(|policy| policy.id.as_str()).collect();
    assert_eq!(ids, ["holdshort.rules.no_read", "holdshort.rules.no_wipe"]);
    let told: Vec<_> =
        world.tape.of_type("policy").iter().map(|r| (r["source"].clone(), r["accepted"].clone())).collect();
    assert_eq!(told, [(json!("start"), json!(true)), (json!("api"), json!(true)), (json!("api"), json!(false))]);
}

#[tokio::test]
async fn arguments_are_recorded_as_configured() {
    let config = ServiceConfig { arguments: Arguments::Digest, ..ServiceConfig::default() };
    let world = World::with(Setup { config, ..Setup::default() }).await;
    let asked = request("a", "s", "read");
    world.service.rule(asked.clone()).await.unwrap();
    let record = world.tape.of_type("decision").remove(0);
    let expected = json!({"$digest": digest(asked.action.args.to_string().as_bytes()), "$bytes": 19});
    assert_eq!((&record["request"]["action"]["args"], &record["facts"]["action"]["args"]), (&expected, &expected));
}

#[tokio::test]
async fn big_arguments_are_decided_whole_and_recorded_as_their_digest() {
    let world = World::start().await;
    let mut asked = request("a", "s", "write");
    asked.action.args = json!({"text": "x".repeat(6_000_000)});
    let ruling = world.operator().decide(&asked).await.unwrap();
    let record = world.tape.of_type("decision").remove(0);
    assert_eq!(record["decision"]["id"], ruling.decision.id.to_string());
    assert_eq!(record["request"]["action"]["args"]["$bytes"], asked.action.args.to_string().len());
}

#[tokio::test]
async fn what_is_too_long_to_be_recorded_is_refused_and_told_later() {
    let world = World::start().await;
    for change in [
        (|r| r.session = "s".repeat(257).into()) as fn(&mut holdshort_model::Request),
        |r| r.subject.agent = "a".repeat(257).into(),
        |r| r.action.name = "n".repeat(16 * 1024 + 1),
        |r| r.context.intent = Some("i".repeat(16 * 1024 + 1)),
    ] {
        let mut asked = request("a", "s", "read");
        change(&mut asked);
        assert_eq!(world.service.rule(asked).await.unwrap_err().mode, FailMode::Oversize);
    }
    world.tape.until(|record| record["event"] == "oversize").await;
    assert!(world.tape.of_type("decision").is_empty());
}

#[tokio::test]
async fn ids_do_not_steer_terminals_and_logs() {
    let world = World::start().await;
    for change in [
        (|r| r.session = "s\n2026-11-21T00:00:00Z  WARN released".into()) as fn(&mut holdshort_model::Request),
        |r| r.session = "\u{1b}[2Js".into(),
        |r| r.subject.agent = "a\u{7}".into(),
    ] {
        let mut asked = request("a", "s", "read");
        change(&mut asked);
        assert_eq!(world.service.rule(asked).await.unwrap_err().mode, FailMode::Unparseable);
    }
    assert!(world.tape.of_type("decision").is_empty());
}

#[tokio::test]
async fn outcomes_are_recorded_and_counted() {
    let world = World::start().await;
    let client = world.operator();
    let ruling = client.decide(&request("a", "s", "read")).await.unwrap();
    let outcome = Outcome {
        decision: ruling.decision.id,
        session: "s".into(),
        status: OutcomeStatus::ToolError,
        digest: None,
        bytes: 5,
        duration_us: 7,
    };
    client.report(outcome, None).await.unwrap();
    let record = world.tape.until(|record| record["type"] == "outcome").await;
    assert_eq!((&record["decision"], &record["status"]), (&json!(ruling.decision.id), &json!("tool-error")));
    let metrics = world.service.metrics_text();
    for line in [
        "holdshort_outcomes_total{status=\"tool-error\"} 1",
        "holdshort_decisions_total{effect=\"deny\",enforced=\"allow\"} 1",
        "holdshort_sessions 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn a_session_that_was_idle_too_long_begins_anew() {
    let world = World::start().await;
    for _ in 0..2 {
        world.service.rule(request("a", "s", "read")).await.unwrap();
    }
    world.clock.forward_ms(25 * 3600 * 1000);
    assert_eq!(world.service.sessions_page().total, 0);
    world.service.rule(request("a", "s", "read")).await.unwrap();
    let sequences: Vec<_> = world.tape.of_type("decision").iter().map(|record| record["sequence"].clone()).collect();
    assert_eq!(sequences, [0, 1, 0]);
}
