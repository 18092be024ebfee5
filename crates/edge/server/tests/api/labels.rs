//! What a session carries, and who may lower it.

use crate::support::{Mood, Setup, World, refusing, request, snapshot};
use holdshort_api::{Declassify, NewAgent, NewToken};
use holdshort_decide::{Parts, Snapshot, UnknownAgent};
use holdshort_inventory::FirstUse;
use holdshort_model::{Integrity, Labels, Outcome, OutcomeStatus, Seen};
use holdshort_sdk::{Client, ClientError};
use serde_json::{Value, json};

/// A world in which `/w/a.txt`, the file of every request, is restricted and personal.
async fn world() -> World {
    let policies = snapshot(vec![refusing("wipe")], FirstUse::Trust).policies().cloned();
    let labels = json!([{"resource": "file:/w/**", "labels": ["restricted", "personal", "project-x"]}]);
    let parts = Parts {
        policies,
        labels: serde_json::from_value(labels).unwrap(),
        unknown_agent: UnknownAgent::Observe,
        ..Parts::default()
    };
    World::with(Setup { snapshot: Snapshot::new(parts).unwrap(), ..Setup::default() }).await
}

/// Reads the file, as an enforcement point that tells what came back.
async fn read(client: &Client, agent: &str, session: &str) {
    settle(client, agent, session, 4, Some(Seen::of(["text".to_owned()]))).await;
}

async fn settle(client: &Client, agent: &str, session: &str, bytes: u64, seen: Option<Seen>) {
    let ruling = client.decide(&request(agent, session, "read_file")).await.unwrap();
    let outcome = Outcome {
        decision: ruling.decision.id,
        session: session.into(),
        status: OutcomeStatus::Ok,
        digest: None,
        bytes,
        duration_us: 1,
    };
    client.report(outcome, seen).await.unwrap();
}

async fn labels(client: &Client, agent: &str, session: &str) -> Labels {
    client.labels(&agent.into(), &session.into()).await.unwrap().labels
}

async fn lower(client: &Client, agent: &str, what: &str, reason: &str) -> Result<Labels, u16> {
    let wanted = Declassify { what: what.into(), reason: reason.into() };
    match client.declassify(&agent.into(), &"s".into(), &wanted).await {
        Ok(lowered) => Ok(lowered.labels),
        Err(ClientError::Refused { status, .. }) => Err(status),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_was_read_is_lowered_by_a_person_and_raised_by_the_next_read() {
    let world = world().await;
    let client = world.operator();
    assert!(client.labels(&"a".into(), &"s".into()).await.is_err(), "it is not live yet");
    read(&client, "a", "s").await;
    let carried = labels(&client, "a", "s").await;
    assert_eq!((carried.confidentiality.as_str(), carried.integrity), ("restricted", Integrity::Untrusted));
    assert_eq!(
        (carried.categories.as_slice(), carried.sources.as_slice()),
        (["personal".into()].as_slice(), ["read_file#1".into()].as_slice())
    );

    let lowered = lower(&client, "a", "restricted", " it is redacted ").await.unwrap();
    assert_eq!(
        (lowered.confidentiality.as_str(), lowered.categories.as_slice()),
        ("", ["personal".to_owned()].as_slice())
    );
    assert_eq!(
        lower(&world.over_unix(), "a", "integrity", "looked at it").await.unwrap().integrity,
        Integrity::Trusted
    );
    let records = world.tape.of_type("declassification");
    let [first, second] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((&first["agent"], &first["session"], &first["what"]), (&json!("a"), &json!("s"), &json!("restricted")));
    assert_eq!((&first["reason"], &first["by"]), (&json!("it is redacted"), &json!("operator")));
    assert_eq!(
        (&first["before"]["confidentiality"], &first["after"]["confidentiality"]),
        (&json!("restricted"), &Value::Null)
    );
    assert_eq!((&second["what"], &second["by"]), (&json!("integrity"), &json!("os-user")));
    // The next decision sees what is left.
    client.decide(&request("a", "s", "other")).await.unwrap();
    let facts = world.tape.of_type("decision").pop().unwrap()["facts"]["labels"].clone();
    assert_eq!(facts, json!({"integrity": "trusted", "categories": ["personal"]}));

    world.clock.forward_ms(1);
    read(&client, "a", "s").await;
    assert_eq!(labels(&client, "a", "s").await.confidentiality, "restricted");
}

#[tokio::test]
async fn what_came_back_and_was_not_shown_counts() {
    let world = world().await;
    let client = world.operator();
    for (session, bytes, integrity) in [("silent", 4, Integrity::Untrusted), ("empty", 0, Integrity::Trusted)] {
        settle(&client, "a", session, bytes, None).await;
        assert_eq!(labels(&client, "a", session).await.integrity, integrity, "{session}");
    }
}

#[tokio::test]
async fn an_agent_lowers_nothing() {
    let world = world().await;
    let operator = world.operator();
    read(&operator, "a", "s").await;
    operator.add_agent(&NewAgent { id: "a".into(), class: "coding".into(), owner: None }).await.unwrap();
    let issued = operator.issue_token(&"a".into(), &NewToken::default()).await.unwrap();
    let agent = world.over_tcp(Some(&issued.token));
    assert_eq!(lower(&agent, "a", "restricted", "please").await, Err(403));
    assert_eq!(lower(&world.over_tcp(None), "a", "restricted", "please").await, Err(401));
    assert!(agent.labels(&"a".into(), &"s".into()).await.is_err());
    assert_eq!(labels(&operator, "a", "s").await.confidentiality, "restricted");
    assert!(world.tape.of_type("declassification").is_empty());
}

#[tokio::test]
async fn what_cannot_be_lowered_is_refused_and_leaves_no_record() {
    let world = world().await;
    let client = world.operator();
    read(&client, "a", "s").await;
    let long = "x".repeat(1_001);
    for (agent, what, reason, status) in [
        ("b", "restricted", "r", 404),
        ("a", "confidential", "r", 409),
        ("a", "project-x", "r", 409),
        ("a", "", "r", 409),
        ("a", "restricted", "", 400),
        ("a", "restricted", " \n", 400),
        ("a", "restricted", &long, 400),
    ] {
        assert_eq!(lower(&client, agent, what, reason).await, Err(status), "{agent} {what} {reason}");
    }
    assert!(world.tape.of_type("declassification").is_empty());
    assert_eq!(labels(&client, "a", "s").await.confidentiality, "restricted");
}

#[tokio::test]
async fn without_a_record_nothing_falls() {
    let world = world().await;
    let client = world.operator();
    read(&client, "a", "s").await;
    world.tape.mood(Mood::Fails);
    assert_eq!(lower(&client, "a", "restricted", "r").await, Err(503));
    assert_eq!(labels(&client, "a", "s").await.confidentiality, "restricted");
    world.tape.mood(Mood::Works);
    assert_eq!(lower(&client, "a", "restricted", "r").await.unwrap().confidentiality, "");
}
