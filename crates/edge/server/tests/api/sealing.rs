//! Keys of sessions: without one nothing runs, and they are destroyed after that is on record, by people alone.

use crate::support::{Mood, World, request};
use holdshort_api::NewErasure;
use holdshort_enforce::Authority as _;
use holdshort_model::{ErasureKind, FailMode};
use holdshort_server::ChangeError;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn erasure(name: &str) -> NewErasure {
    NewErasure { kind: ErasureKind::User, name: name.into(), reason: "asked for it".into() }
}

#[tokio::test]
async fn without_a_key_there_is_no_record_and_no_permit() {
    let world = World::start().await;
    world.tape.keyless(true);
    let fault = world.service.rule(request("a", "s", "read")).await.unwrap_err();
    assert_eq!(fault.mode, FailMode::RecorderDown);
    assert!(!fault.message.contains("device"), "the cause is for the service's log: {}", fault.message);
    assert_eq!(world.tape.of_type("decision").len(), 0);
    world.tape.keyless(false);
    world.service.rule(request("a", "s", "read")).await.unwrap();
    assert_eq!(world.tape.of_type("decision")[0]["sequence"], 0, "what was refused is no part of the session");
}

#[tokio::test]
async fn an_erasure_is_on_record_before_it_is_done_and_names_nobody() {
    let world = World::start().await;
    world.tape.mood(Mood::Fails);
    assert!(world.service.erase(erasure("ada"), "operator").await.is_err());
    assert!(world.tape.destroyed().is_empty(), "what cannot be recorded is not done");
    world.tape.mood(Mood::Works);
    let erased = world.operator().erase(&erasure("ada")).await.unwrap();
    assert_eq!((erased.keys, erased.sessions), (1, 1));
    assert_eq!(world.tape.destroyed(), ["ab".repeat(16)]);
    let record = &world.tape.of_type("erasure")[0];
    assert!(!record.to_string().contains("ada"), "{record}");
    assert_eq!((&record["scope"], &record["by"]), (&"user".into(), &"operator".into()));
    assert_eq!(record["keys"][0], "ab".repeat(16));

    let nothing = world.service.erase(erasure("bob"), "operator").await.unwrap();
    assert_eq!((nothing.keys, world.tape.of_type("erasure").len()), (0, 1), "nothing to tell of");
    for wrong in [erasure(""), NewErasure { reason: "\n".into(), ..erasure("ada") }, erasure(&"a".repeat(1025))] {
        let error = world.service.erase(wrong, "operator").await.unwrap_err();
        assert!(matches!(error, ChangeError::Invalid(_)), "{error}");
    }
}

#[tokio::test]
async fn an_erasure_goes_on_when_whoever_asked_for_it_hangs_up() {
    let world = World::start().await;
    world.tape.mood(Mood::Hangs);
    {
        let mut asked = pin!(world.service.erase(erasure("ada"), "operator"));
        for _ in 0..20 {
            assert!(matches!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
            tokio::task::yield_now().await;
        }
    }
    world.tape.mood(Mood::Works);
    let done = async {
        world.tape.until(|record| record["type"] == "erasure").await;
        while world.tape.destroyed().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), done).await.expect("on record, and not done");
}
