//! The service as the authority of a gate in another process.

use crate::support::{ADMIN, Mood, Setup, World, request};
use holdshort_enforce::{Authority as _, Gate, Received, Verdict};
use holdshort_model::FailMode;
use holdshort_sdk::{Client, Endpoint, RemoteAuthority};
use holdshort_server::ServiceConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_remote_gate_permits_after_the_record_and_refuses_with_the_reason() {
    let world = World::start().await;
    for client in [world.over_unix(), world.operator()] {
        let gate = Gate::new(Arc::new(RemoteAuthority::new(client)));
        let Verdict::Permit(permit) = gate.check(Received::new(request("a", "s", "read"), b"bytes".to_vec())).await
        else {
            panic!("refused");
        };
        let record = world.tape.of_type("decision").pop().unwrap();
        assert_eq!(record["decision"]["id"], permit.decision().to_string());
        assert_eq!(record["request"]["action"]["digest"], crate::support::digest(b"bytes"));
        assert_eq!(permit.into_payload(), b"bytes");

        let Verdict::Refuse(refusal) = gate.check(Received::new(request("a", "s", "wipe"), b"bytes".to_vec())).await
        else {
            panic!("permitted");
        };
        assert_eq!(refusal.reasons[0].message, "wipe is refused");
    }
}

#[tokio::test]
async fn fail_modes_keep_their_names_over_the_wire() {
    let config = ServiceConfig { deadline: Duration::from_millis(30), ..ServiceConfig::default() };
    let world = World::with(Setup { config, ..Setup::default() }).await;
    let authority = RemoteAuthority::new(world.over_unix());
    for (mood, expected) in [(Mood::Fails, FailMode::RecorderDown), (Mood::Hangs, FailMode::DeciderLate)] {
        world.tape.mood(mood);
        assert_eq!(authority.rule(request("a", "s", "read")).await.unwrap_err().mode, expected);
    }
}

#[tokio::test]
async fn nobody_there_is_late_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let client = Client::new(Endpoint::Unix(dir.path().join("none")), None).unwrap();
    let fault = RemoteAuthority::new(client).rule(request("a", "s", "read")).await.unwrap_err();
    assert_eq!(fault.mode, FailMode::DeciderLate);
    assert!(fault.message.contains("holdshort serve"), "{}", fault.message);
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_late() {
    // Connections wait in the backlog; nobody accepts them.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::http(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
    let authority =
        RemoteAuthority::with_timeout(Client::new(endpoint, Some(ADMIN)).unwrap(), Duration::from_millis(50));
    let fault = authority.rule(request("a", "s", "read")).await.unwrap_err();
    assert_eq!(fault.mode, FailMode::DeciderLate);
    assert!(fault.message.contains("50 ms"), "{}", fault.message);
}

#[tokio::test]
async fn a_client_outlives_a_restart_of_the_service() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::within(dir.path(), Setup::default()).await;
    let authority = RemoteAuthority::new(world.over_unix());
    authority.rule(request("a", "s", "read")).await.unwrap();
    world.stop().await;
    assert_eq!(authority.rule(request("a", "s", "read")).await.unwrap_err().mode, FailMode::DeciderLate);
    let _world = World::within(dir.path(), Setup::default()).await;
    authority.rule(request("a", "s", "read")).await.unwrap();
}
