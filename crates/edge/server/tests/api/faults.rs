//! The log fails or hangs: nothing is permitted, nothing is forgotten.

use crate::support::{Mood, Setup, World, granting, request};
use holdshort_api::{NewAgent, NewToken};
use holdshort_decide::GrantEntry;
use holdshort_enforce::Authority as _;
use holdshort_inventory::FirstUse;
use holdshort_model::{FailMode, Mode, Outcome, OutcomeStatus, RecordId, Verb};
use holdshort_server::ServiceConfig;
use serde_json::{Value, json};
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

#[tokio::test]
async fn no_answer_before_the_record_is_durable() {
    let world = World::start().await;
    world.tape.mood(Mood::Hangs);
    let asking = world.service.rule(request("a", "s", "read"));
    tokio::pin!(asking);
    for _ in 0..3 {
        assert!(is_pending(asking.as_mut()));
        tokio::task::yield_now().await;
    }
    world.tape.mood(Mood::Works);
    let ruling = asking.await.unwrap();
    let record = world.tape.until(|record| record["decision"]["id"] == ruling.decision.id.to_string()).await;
    assert_eq!(record["type"], "decision");
}

#[tokio::test]
async fn while_the_log_is_down_everything_is_refused_and_told_when_it_is_back() {
    let world = World::start().await;
    let client = world.operator();
    client.decide(&request("a", "s", "read")).await.unwrap();
    assert!(client.readiness().await.unwrap().ready);

    world.tape.mood(Mood::Fails);
    for _ in 0..3 {
        let fault = world.service.rule(request("a", "s", "read")).await.unwrap_err();
        assert_eq!(fault.mode, FailMode::RecorderDown);
        assert!(!fault.message.contains("device"), "the cause is for the service's log: {}", fault.message);
    }
    let id = RecordId::from_parts(1, 1);
    let outcome = Outcome {
        decision: id,
        session: "s".into(),
        status: OutcomeStatus::Ok,
        digest: None,
        bytes: 0,
        duration_us: 0,
    };
    assert_eq!(world.service.report(outcome, None).await.unwrap_err().mode, FailMode::RecorderDown);
    let readiness = client.readiness().await.unwrap();
    assert_eq!((readiness.ready, readiness.faults), (false, vec!["recorder-down".to_owned()]));
    assert_eq!(world.tape.of_type("decision").len(), 1);

    world.tape.mood(Mood::Works);
    assert!(client.readiness().await.unwrap().ready);
    let told = world.tape.until(|record| record["event"] == "recorder-down").await;
    assert_eq!((&told["detail"]["count"], &told["detail"]["outcomes_lost"]), (&json!(3), &json!(1)));
    let refusal = &told["detail"]["refusals"][2];
    assert_eq!((&refusal["agent"], &refusal["session"], &refusal["name"]), (&json!("a"), &json!("s"), &json!("read")));
    assert!(refusal["decision"].is_string());

    // What the log did not even take in never was part of the chain.
    world.service.rule(request("a", "s", "read")).await.unwrap();
    let decisions: Vec<Vec<u8>> = world.tape.bytes().into_iter().filter(|bytes| is_decision(bytes)).collect();
    let last: Value = serde_json::from_slice(&decisions[1]).unwrap();
    assert_eq!((&last["sequence"], &last["previous"]), (&json!(1), &json!(crate::support::digest(&decisions[0]))));
}

#[tokio::test]
async fn on_a_nearly_full_disk_actions_are_refused_by_name_and_what_ran_is_still_recorded() {
    let world = World::start().await;
    let client = world.operator();
    let ruling = world.service.rule(request("a", "s", "read")).await.unwrap();
    world.tape.mood(Mood::Full);
    world.service.log_space("nearly-full", true, json!({ "free_bytes": 7 })).await;
    for _ in 0..3 {
        let fault = world.service.rule(request("a", "s", "read")).await.unwrap_err();
        assert_eq!(fault.mode, FailMode::RecorderFull);
        assert!(fault.message.contains("nearly full") && !fault.message.contains("MiB"), "{}", fault.message);
    }
    let outcome = Outcome {
        decision: ruling.decision.id,
        session: "s".into(),
        status: OutcomeStatus::Ok,
        digest: None,
        bytes: 0,
        duration_us: 0,
    };
    world.service.report(outcome, None).await.unwrap();
    world.tape.until(|record| record["type"] == "outcome").await;
    let readiness = client.readiness().await.unwrap();
    assert_eq!((readiness.ready, readiness.faults), (false, vec!["recorder-full".to_owned()]));
    // The refusals wait: whoever asks again and again does not use up the room.
    assert_eq!(world.tape.of_type("decision").len(), 1);
    assert!(world.tape.of_type("lifecycle").iter().all(|record| record["event"] != "recorder-full"));
    let entered = world.tape.until(|record| record["event"] == "log-space").await;
    assert_eq!((&entered["detail"]["state"], &entered["detail"]["free_bytes"]), (&json!("nearly-full"), &json!(7)));

    world.tape.mood(Mood::Works);
    world.service.log_space("enough", false, json!({})).await;
    let told = world.tape.until(|record| record["event"] == "recorder-full").await;
    assert_eq!(told["detail"]["count"], 3);
    assert!(client.readiness().await.unwrap().ready);
    world.service.rule(request("a", "s", "read")).await.unwrap();
}

#[tokio::test]
async fn a_service_starts_on_a_disk_without_any_room_and_tells_of_the_start_when_there_is_some() {
    let tape = crate::support::Tape::new();
    tape.mood(Mood::Filled);
    let world = World::with(Setup { tape: tape.clone(), ..Setup::default() }).await;
    assert_eq!(world.service.rule(request("a", "s", "read")).await.unwrap_err().mode, FailMode::RecorderFull);
    tape.mood(Mood::Works);
    world.service.rule(request("a", "s", "read")).await.unwrap();
    tape.until(|record| record["event"] == "start").await;
    tape.until(|record| record["type"] == "policy").await;
}

#[tokio::test]
async fn the_room_that_a_nearly_full_disk_keeps_is_not_for_what_an_agent_makes_up() {
    let all = GrantEntry {
        name: "all".into(),
        class: "coding".into(),
        verbs: Verb::ALL.to_vec(),
        resources: vec!["*".into()],
        servers: vec!["*".into()],
        mode: Mode::Enforce,
    };
    let snapshot = granting(Vec::new(), FirstUse::Trust, vec![all]);
    let world = World::with(Setup { snapshot, ..Setup::default() }).await;
    let operator = world.operator();
    operator.add_agent(&NewAgent { id: "a".into(), class: "coding".into(), owner: None }).await.unwrap();
    let issued = operator.issue_token(&"a".into(), &NewToken::default()).await.unwrap();
    let agent = world.over_tcp(Some(&issued.token));
    let ruling = agent.decide(&request("a", "s", "read")).await.unwrap();
    let outcome = |decision| Outcome {
        decision,
        session: "s".into(),
        status: OutcomeStatus::Ok,
        digest: None,
        bytes: 0,
        duration_us: 0,
    };
    world.tape.mood(Mood::Full);
    world.service.log_space("nearly-full", true, json!({})).await;
    let ran = ruling.decision.id;
    agent.report(outcome(ran), None).await.unwrap();
    for decision in [ran, RecordId::from_parts(1, 1)] {
        assert!(agent.report(outcome(decision), None).await.is_err(), "{decision}");
    }
    assert_eq!(world.tape.of_type("outcome").len(), 1);
}

fn is_pending(future: Pin<&mut impl Future>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

fn is_decision(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).unwrap()["type"] == "decision"
}

#[tokio::test]
async fn a_record_that_is_lost_on_its_way_leaves_a_gap_and_the_chain_goes_on() {
    let world = World::start().await;
    world.service.rule(request("a", "s", "read")).await.unwrap();
    world.tape.mood(Mood::Hangs);
    let lost: Vec<_> = (0..3)
        .map(|_| {
            let mut call = Box::pin(async { world.service.rule(request("a", "s", "read")).await });
            assert!(is_pending(call.as_mut()));
            call
        })
        .collect();
    world.tape.mood(Mood::Fails);
    for call in lost {
        assert_eq!(call.await.unwrap_err().mode, FailMode::RecorderDown);
    }
    world.tape.mood(Mood::Works);
    world.service.rule(request("a", "s", "read")).await.unwrap();
    let decisions: Vec<Vec<u8>> = world.tape.bytes().into_iter().filter(|bytes| is_decision(bytes)).collect();
    let last: Value = serde_json::from_slice(&decisions[1]).unwrap();
    assert_eq!((&last["sequence"], &last["previous"]), (&json!(4), &json!(crate::support::digest(&decisions[0]))));
    let told = world.tape.until(|record| record["event"] == "recorder-down").await;
    assert_eq!(told["detail"]["count"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_log_does_every_permit_is_recorded_and_every_refusal_is_told() {
    let world = World::start().await;
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (service, tape) = (world.service.clone(), world.tape.clone());
            tokio::spawn(async move {
                let (mut permitted, mut refused) = (Vec::new(), 0);
                for n in 0..100 {
                    tape.mood([Mood::Works, Mood::Fails, Mood::Works][n % 3]);
                    match service.rule(request("a", "s", "read")).await {
                        Ok(ruling) => permitted.push(ruling.decision.id.to_string()),
                        Err(_) => refused += 1,
                    }
                }
                (permitted, refused)
            })
        })
        .collect();
    let (mut permitted, mut refused) = (Vec::new(), 0);
    for call in calls {
        let (more, worse) = call.await.unwrap();
        permitted.extend(more);
        refused += worse;
    }
    assert!(permitted.len() > 10 && refused > 10, "{} permitted, {refused} refused", permitted.len());
    world.tape.mood(Mood::Works);
    let told = |tape: &crate::support::Tape| {
        let counts = tape.of_type("lifecycle").into_iter().filter_map(|record| record["detail"]["count"].as_u64());
        counts.sum::<u64>()
    };
    // A flush that began while the log was down gives back what it took; the next one brings it.
    while told(&world.tape) < refused {
        world.service.rule(request("b", "t", "read")).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(told(&world.tape), refused);
    let of_session = |bytes: &Vec<u8>| serde_json::from_slice::<Value>(bytes).unwrap()["request"]["session"] == "s";
    let chain: Vec<Vec<u8>> = world.tape.bytes().into_iter().filter(of_session).collect();
    let mut previous = Value::Null;
    let mut recorded = Vec::new();
    for bytes in &chain {
        let record: Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(record["previous"], previous);
        previous = json!(crate::support::digest(bytes));
        recorded.push(record["decision"]["id"].as_str().unwrap().to_owned());
    }
    assert!(permitted.iter().all(|id| recorded.contains(id)));
}

#[tokio::test]
async fn a_log_that_does_not_answer_in_time_is_a_refusal() {
    let config = ServiceConfig { deadline: Duration::from_millis(30), ..ServiceConfig::default() };
    let world = World::with(Setup { config, ..Setup::default() }).await;
    world.tape.mood(Mood::Hangs);
    let fault = world.service.rule(request("a", "s", "read")).await.unwrap_err();
    assert_eq!(fault.mode, FailMode::DeciderLate);
    world.tape.mood(Mood::Works);
    let told = world.tape.until(|record| record["event"] == "decider-late").await;
    // The decision's own record came late but came; the refusal names it.
    let id = told["detail"]["refusals"][0]["decision"].clone();
    world.tape.until(|record| record["type"] == "decision" && record["decision"]["id"] == id).await;
    world.service.rule(request("a", "s", "read")).await.unwrap();
    let sequences: Vec<_> = world.tape.of_type("decision").iter().map(|record| record["sequence"].clone()).collect();
    assert_eq!(sequences, [0, 1]);
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_a_whole_chain() {
    let world = World::start().await;
    world.tape.mood(Mood::Hangs);
    {
        let gone = world.service.rule(request("a", "s", "read"));
        tokio::pin!(gone);
        assert!(is_pending(gone.as_mut()));
    }
    world.tape.mood(Mood::Works);
    world.tape.until(|record| record["type"] == "decision").await;
    world.service.rule(request("a", "s", "read")).await.unwrap();
    let decisions: Vec<Vec<u8>> = world.tape.bytes().into_iter().filter(|bytes| is_decision(bytes)).collect();
    let last: Value = serde_json::from_slice(&decisions[1]).unwrap();
    assert_eq!(last["previous"], crate::support::digest(&decisions[0]));
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_change() {
    let world = World::start().await;
    let before = world.service.snapshot().digest();
    world.tape.mood(Mood::Fails);
    let stricter =
        crate::support::snapshot(vec![crate::support::refusing("read")], holdshort_inventory::FirstUse::Trust);
    assert_eq!(world.service.reload(Ok(stricter), "file").await.unwrap_err().mode, FailMode::RecorderDown);
    assert_eq!(world.service.snapshot().digest(), before);
    let agent = holdshort_api::NewAgent { id: "a".into(), class: "coding".into(), owner: None };
    assert!(world.service.add_agent(agent).await.is_err());
    assert!(world.service.agents().is_empty());
}
