//! Destinations that people approved.

use crate::support::{Setup, World, request};
use holdshort_api::{NewAgent, NewDestination, NewToken, code};
use holdshort_enforce::Authority as _;
use holdshort_sdk::ClientError;
use serde_json::{Value, json};

fn destination(agent: &str, value: &str) -> NewDestination {
    NewDestination { agent: agent.into(), user: String::new(), kind: "mail".into(), value: value.into(), via: None }
}

fn code_of<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result.unwrap_err() {
        ClientError::Refused { status, error } => (status, error.code),
        other => panic!("{other}"),
    }
}

/// Whether the latest decision knew where its mail goes.
fn known(world: &World) -> Value {
    world.tape.of_type("decision").pop().unwrap()["facts"]["provenance"]["/to"]["known"].clone()
}

#[tokio::test]
async fn what_a_person_approved_is_known_from_the_next_decision_on() {
    let world = World::start().await;
    let operator = world.operator();
    let mut mail = request("a", "s", "send_mail");
    mail.action.args = json!({"to": "bob@example.org", "body": "hello"});
    world.service.rule(mail.clone()).await.unwrap();
    assert_eq!(known(&world), false);

    let added = operator.add_destination(&destination("a", " Bob@Example.org")).await.unwrap();
    assert_eq!((added.value.as_str(), added.by.as_str(), added.via.as_str()), ("bob@example.org", "operator", "add"));
    world.service.rule(mail.clone()).await.unwrap();
    assert_eq!(known(&world), true);
    let mut other = mail.clone();
    other.subject.user = Some("ann".into());
    world.service.rule(other).await.unwrap();
    assert_eq!(known(&world), false, "it is another person's");

    operator.forget_destination(&destination("a", "bob@EXAMPLE.org")).await.unwrap();
    world.service.rule(mail).await.unwrap();
    assert_eq!(known(&world), false);
    let events: Vec<Value> = world.tape.of_type("lifecycle").iter().map(|record| record["event"].clone()).collect();
    assert_eq!(events, ["start", "destination-added", "destination-forgotten"]);
}

#[tokio::test]
async fn an_agent_cannot_approve_itself() {
    let world = World::start().await;
    let operator = world.operator();
    operator.add_agent(&NewAgent { id: "a".into(), class: "coding".into(), owner: None }).await.unwrap();
    let issued = operator.issue_token(&"a".into(), &NewToken::default()).await.unwrap();
    let agent = world.over_tcp(Some(&issued.token));
    let forbidden = (403, code::FORBIDDEN.to_owned());
    assert_eq!(code_of(agent.destinations().await), forbidden);
    assert_eq!(code_of(agent.add_destination(&destination("a", "x@example.org")).await), forbidden);
    assert_eq!(code_of(agent.forget_destination(&destination("a", "x@example.org")).await), forbidden);
    assert!(operator.destinations().await.unwrap().destinations.is_empty());
}

#[tokio::test]
async fn they_survive_a_restart_and_a_reload_and_what_cannot_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::within(dir.path(), Setup::default()).await;
    let operator = world.operator();
    for value in ["y@example.org", "x@example.org", "x@example.org"] {
        operator.add_destination(&destination("a", value)).await.unwrap();
    }
    assert_eq!(code_of(operator.add_destination(&destination("a", "  ")).await), (400, code::BAD_REQUEST.to_owned()));
    let gone = operator.forget_destination(&destination("b", "x@example.org")).await;
    assert_eq!(code_of(gone), (404, code::NOT_FOUND.to_owned()));
    operator.reload_policies().await.unwrap();
    let before = operator.destinations().await.unwrap();
    let values: Vec<&str> = before.destinations.iter().map(|one| one.value.as_str()).collect();
    assert_eq!(values, ["x@example.org", "y@example.org"]);
    world.stop().await;
    let world = World::within(dir.path(), Setup::default()).await;
    assert_eq!(world.operator().destinations().await.unwrap(), before);
}
