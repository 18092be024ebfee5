//! Incidents over the API, and people who are told of questions.

use crate::support::{Setup, World, request, snapshot};
use async_trait::async_trait;
use holdshort_api::{IncidentsQuery, NewAgent, NewToken, code};
use holdshort_enforce::Authority as _;
use holdshort_inventory::FirstUse;
use holdshort_model::{Effect, IncidentState, Notice, NoticeKind, RecordId};
use holdshort_policy::SourceFile;
use holdshort_sdk::ClientError;
use holdshort_server::{Notifier, NotifyError};
use std::sync::Arc;
use tokio::sync::watch;

/// A channel that takes everything.
pub(crate) struct Bell(pub(crate) watch::Sender<Vec<Notice>>);

#[async_trait]
impl Notifier for Bell {
    fn name(&self) -> &str {
        "bell"
    }

    fn takes(&self, _notice: &Notice) -> bool {
        true
    }

    async fn send(&self, notice: &Notice) -> Result<(), NotifyError> {
        self.0.send_modify(|got| got.push(notice.clone()));
        Ok(())
    }
}

/// A policy that asks about one tool, and one that refuses another and opens an incident.
fn policy() -> SourceFile {
    let text = "# METADATA\n# title: Steps\npackage holdshort.rules.steps\n\n\
         ask contains \"a person has to look\" if input.action.name == \"pay\"\n\n\
         deny contains \"no\" if input.action.name == \"wipe\"\n\n\
         respond contains {\"message\": \"a wipe\", \"steps\": [\"capture\", \"open-incident\"]} if {\n\
         \tinput.action.name == \"wipe\"\n}\n\n\
         examples := [\n\
         \t{\"name\": \"asks\", \"input\": {\"action\": {\"name\": \"pay\"}}, \"expect\": [\"ask\"]},\n\
         \t{\"name\": \"responds\", \"input\": {\"action\": {\"name\": \"wipe\"}}, \"expect\": [\"deny\", \"respond\"]},\n\
         \t{\"name\": \"rests\", \"input\": {\"action\": {\"name\": \"look\"}}, \"expect\": []},\n]\n";
    SourceFile { path: "steps.rego".into(), text: text.into() }
}

async fn world() -> World {
    World::with(Setup { snapshot: snapshot(vec![policy()], FirstUse::Trust), ..Setup::default() }).await
}

fn code_of<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result.unwrap_err() {
        ClientError::Refused { status, error } => (status, error.code),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_playbook_of_a_decision_opens_an_incident_that_a_person_closes() {
    let world = world().await;
    let operator = world.operator();
    world.service.rule(request("a", "s", "wipe")).await.unwrap();
    world.service.rule(request("a", "s2", "wipe")).await.unwrap();
    let second = world.tape.until(|r| r["text"].as_str().is_some_and(|text| text.starts_with("carried on"))).await;
    let id: RecordId = second["incident"].as_str().unwrap().parse().unwrap();
    let open = IncidentsQuery { state: Some(IncidentState::Open), before: None };
    assert_eq!(operator.incidents(&open).await.unwrap().incidents.len(), 1);
    let closed = operator.close_incident(id, "looked at").await.unwrap();
    assert_eq!((closed.state, closed.sessions.len()), (IncidentState::Closed, 2));
    assert!(closed.timeline.last().unwrap().text.contains("by operator: looked at"));
    assert_eq!(operator.incident(id).await.unwrap(), closed);
    assert_eq!(operator.incidents(&open).await.unwrap().incidents, []);
    assert_eq!(code_of(operator.close_incident(id, "again").await), (409, code::CONFLICT.to_owned()));
    let unknown = RecordId::from_parts(1, 1);
    assert_eq!(code_of(operator.incident(unknown).await), (404, code::NOT_FOUND.to_owned()));
    let steps: Vec<String> = world.tape.of_type("response").iter().map(|r| r["step"].to_string()).collect();
    assert_eq!(steps, ["\"capture\"", "\"open-incident\"", "\"capture\"", "\"open-incident\""]);
}

#[tokio::test]
async fn an_agent_sees_no_incident_and_closes_none() {
    let world = world().await;
    let operator = world.operator();
    operator.add_agent(&NewAgent { id: "a".into(), class: "coding".into(), owner: None }).await.unwrap();
    let issued = operator.issue_token(&"a".into(), &NewToken::default()).await.unwrap();
    world.service.rule(request("a", "s", "wipe")).await.unwrap();
    let opened = world.tape.until(|record| record["step"] == "open-incident").await;
    let id: RecordId = opened["incident"].as_str().unwrap().parse().unwrap();
    let agent = world.over_tcp(Some(&issued.token));
    let forbidden = (403, code::FORBIDDEN.to_owned());
    assert_eq!(code_of(agent.incidents(&IncidentsQuery::default()).await), forbidden);
    assert_eq!(code_of(agent.incident(id).await), forbidden);
    assert_eq!(code_of(agent.close_incident(id, "nothing happened").await), forbidden);
    assert_eq!(code_of(agent.channels().await), forbidden);
    assert_eq!(code_of(agent.test_channel("bell").await), forbidden);
    assert_eq!(operator.incident(id).await.unwrap().state, IncidentState::Open);
}

#[tokio::test]
async fn a_question_is_told_to_people() {
    let world = world().await;
    let bell = Arc::new(Bell(watch::Sender::default()));
    world.service.notify_by(vec![bell.clone()]);
    let ruling = world.service.rule(request("a", "s", "pay")).await.unwrap();
    assert_eq!(ruling.decision.enforced, Effect::Ask, "{ruling:?}");
    let got = bell.0.subscribe().wait_for(|got| !got.is_empty()).await.unwrap().clone();
    assert_eq!((got[0].kind, got[0].approval), (NoticeKind::Approval, ruling.decision.approval));
    assert_eq!((got[0].subject.class.as_str(), got[0].subject.owner.as_deref()), ("unknown", None));
    assert!(!format!("{got:?}").contains("/w/a.txt"), "no argument: {got:?}");
    let tested = world.operator().test_channel("bell").await.unwrap();
    assert!(tested.delivered);
}

#[tokio::test]
async fn they_survive_a_restart_and_are_carried_on() {
    let dir = tempfile::tempdir().unwrap();
    let setup = || Setup { snapshot: snapshot(vec![policy()], FirstUse::Trust), ..Setup::default() };
    let world = World::within(dir.path(), setup()).await;
    world.service.rule(request("a", "s", "wipe")).await.unwrap();
    world.stop().await;
    let world = World::within(dir.path(), setup()).await;
    world.service.rule(request("a", "s", "wipe")).await.unwrap();
    let step = world.tape.until(|record| record["step"] == "open-incident").await;
    assert!(step["text"].as_str().unwrap().starts_with("carried on"), "{step}");
}
