//! Listeners.

use crate::support::{World, request};
use holdshort_server::{ListenError, Listener};
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn the_unix_socket_is_its_owners_alone_and_goes_with_the_service() {
    let world = World::start().await;
    let mode = std::fs::metadata(&world.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    world.over_unix().decide(&request("a", "s", "read")).await.unwrap();
    let second = Listener::unix(&world.socket).await;
    assert!(matches!(second, Err(ListenError::InUse(_))), "{second:?}");
    assert!(world.socket.exists(), "the one who came late took nothing away");
    let (socket, keep) = (world.socket.clone(), world.dir.clone());
    world.stop().await;
    assert!(!socket.exists(), "{keep:?}");
}

#[tokio::test]
async fn a_socket_that_was_left_behind_is_replaced_and_a_file_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(Listener::unix(&path).await.unwrap());

    std::fs::write(&path, "mine").unwrap();
    assert!(Listener::unix(&path).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    let long = dir.path().join("x".repeat(120));
    assert!(matches!(Listener::unix(&long).await, Err(ListenError::TooLong(_))));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let world = World::start().await;
    let second = Listener::tcp(world.address).await;
    assert!(matches!(second, Err(ListenError::InUse(_))), "{second:?}");
}

#[tokio::test]
async fn the_service_knows_since_when_nobody_is_there() {
    let world = World::start().await;
    let since = world.activity.idle_since().unwrap();
    let client = world.over_unix();
    client.health().await.unwrap();
    assert_eq!(world.activity.idle_since(), None, "a client that lives is somebody, whether it asks or not");
    world.clock.forward_ms(60_000);
    drop(client);
    let gone = async {
        while world.activity.idle_since().is_none() {
            tokio::task::yield_now().await;
        }
    };
    gone.await;
    assert_eq!(world.activity.idle_since(), Some(since + 60_000));
    let presence = world.activity.enter();
    assert_eq!(world.activity.idle_since(), None);
    drop(presence);
    assert!(world.activity.idle_since().is_some());
}
