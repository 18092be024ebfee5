//! Questions to people, over HTTP and the unix socket, with agents that try to answer themselves.

use crate::support::{ADMIN, Mood, Setup, World, granting, request, snapshot};
use holdshort_api::{ApprovalQuery, ApprovalsQuery, ApprovalsWhich, NewAgent, NewAnswer, NewPerson, NewToken, code};
use holdshort_decide::GrantEntry;
use holdshort_enforce::Authority as _;
use holdshort_inventory::FirstUse;
use holdshort_model::{ApprovalState, Decision, Effect, Mode, RecordId, Request, Verb};
use holdshort_policy::SourceFile;
use holdshort_sdk::{Client, ClientError, RemoteAuthority};
use holdshort_server::{ApprovalsConfig, Approvers, ServiceConfig};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A policy that asks about one tool. Its name makes it one of flow, so that what is approved is known afterwards.
fn asking(version: u8) -> SourceFile {
    let examples = json!([
        {"name": "fires", "input": {"action": {"name": "send_mail"}}, "expect": ["ask"]},
        {"name": "rests", "input": {"action": {"name": "other"}}, "expect": []},
    ]);
    let text = format!(
        "# METADATA\n# title: Ask about mail\npackage holdshort.rules.flow_send\n\n\
         ask contains \"is this mail wanted (version {version})?\" if {{\n\tinput.action.name == \"send_mail\"\n}}\n\n\
         examples := {examples}\n"
    );
    SourceFile { path: "flow_send.rego".into(), text }
}

fn setup() -> Setup {
    let all = GrantEntry {
        name: "all".into(),
        class: "mail".into(),
        verbs: Verb::ALL.to_vec(),
        resources: vec!["*".into()],
        servers: vec!["*".into()],
        mode: Mode::Enforce,
    };
    Setup { snapshot: granting(vec![asking(1)], FirstUse::Trust, vec![all]), ..Setup::default() }
}

fn mail(to: &str) -> Request {
    let mut request = request("tidy", "s", "send_mail");
    request.action.args = json!({ "to": to, "body": "hello" });
    request
}

async fn rule(world: &World, request: Request) -> Decision {
    world.service.rule(request).await.unwrap().decision
}

fn yes() -> NewAnswer {
    NewAnswer { approved: true, reason: "wanted".into(), remember_s: None, know_destinations: Some(false) }
}

fn no() -> NewAnswer {
    NewAnswer { approved: false, reason: "not wanted".into(), ..yes() }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result.unwrap_err() {
        ClientError::Refused { status, error } => (status, error.code),
        other => panic!("{other}"),
    }
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn agent(world: &World, id: &str) -> Client {
    let operator = world.operator();
    operator.add_agent(&NewAgent { id: id.into(), class: "mail".into(), owner: None }).await.unwrap();
    let issued = operator.issue_token(&id.into(), &NewToken::default()).await.unwrap();
    world.over_tcp(Some(&issued.token))
}

async fn person(world: &World, name: &str, role: &str) -> Client {
    let operator = world.operator();
    operator.add_person(&NewPerson { name: name.into(), roles: vec![role.into()] }).await.unwrap();
    let issued = operator.issue_person_token(name, &NewToken::default()).await.unwrap();
    world.over_tcp(Some(&issued.token))
}

#[tokio::test]
async fn an_approved_action_runs_once_and_all_of_it_is_on_record() {
    let world = World::with(setup()).await;
    let asked = rule(&world, mail("bob@example.org")).await;
    let id = asked.approval.unwrap();
    assert_eq!((asked.enforced, asked.approved), (Effect::Ask, None));
    let waiting = |number: usize| {
        let (metrics, line) = (world.service.metrics_text(), format!("holdshort_approvals_pending {number}"));
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    };
    waiting(1);
    let shown = world.operator().approval(id, &ApprovalQuery::default()).await.unwrap().approval.unwrap();
    assert_eq!(shown.args["to"], "bob@example.org");
    assert!(shown.destinations.iter().any(|(_, value)| value == "bob@example.org"), "{:?}", shown.destinations);

    let given = person(&world, "ann", "approve").await.answer(id, &yes()).await.unwrap();
    assert_eq!((given.approval.state, given.approval.args), (ApprovalState::Approved, Value::Null));
    waiting(0);
    let changed = rule(&world, mail("eve@example.org")).await;
    assert_eq!(changed.enforced, Effect::Ask, "another argument is another question");
    assert_ne!(changed.approval, Some(id));
    let ran = rule(&world, mail("bob@example.org")).await;
    assert_eq!((ran.enforced, ran.approval), (Effect::Allow, Some(id)));
    assert_eq!(ran.approved.as_ref().unwrap().by, "ann");
    assert_eq!(rule(&world, mail("bob@example.org")).await.enforced, Effect::Ask, "once");

    world.tape.until(|record| record["type"] == "approval" && record["event"] == "used").await;
    let records = world.tape.of_type("approval");
    let events: Vec<&str> = records.iter().map(|record| record["event"].as_str().unwrap()).collect();
    assert_eq!(events.iter().filter(|event| **event == "used").count(), 1);
    let answered = records.iter().find(|record| record["event"] == "answered").unwrap();
    assert_eq!((&answered["answer"]["by"], &answered["state"]), (&json!("ann"), &json!("approved")));
    let decided = world.tape.of_type("decision");
    let recorded = decided.iter().find(|record| record["decision"]["id"] == json!(ran.id)).unwrap();
    assert_eq!(recorded["decision"]["approved"]["id"], json!(id), "replay finds whose answer it rests on");
}

#[tokio::test]
async fn of_a_hundred_questions_at_once_one_runs() {
    let world = Arc::new(World::with(setup()).await);
    let client = world.operator();
    let id = client.decide(&mail("bob@example.org")).await.unwrap().decision.approval.unwrap();
    client.answer(id, &yes()).await.unwrap();
    let all = (0..100).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.decide(&mail("bob@example.org")).await.unwrap().decision.enforced })
    });
    let mut ran = 0;
    for one in all.collect::<Vec<_>>() {
        ran += usize::from(one.await.unwrap() == Effect::Allow);
    }
    assert_eq!(ran, 1);
}

#[tokio::test]
async fn an_agent_never_answers_and_sees_how_its_own_questions_stand() {
    let world = World::with(setup()).await;
    let (tidy, other) = (agent(&world, "tidy").await, agent(&world, "other").await);
    let id = tidy.decide(&mail("bob@example.org")).await.unwrap().decision.approval.unwrap();
    let forbidden = is(403, code::FORBIDDEN);
    for client in [&tidy, &other] {
        assert_eq!(refusal(client.answer(id, &yes()).await), forbidden);
        assert_eq!(refusal(client.answer(id, &no()).await), forbidden);
        assert_eq!(refusal(client.approvals(&ApprovalsQuery::default()).await), forbidden);
        assert_eq!(refusal(client.exceptions().await), forbidden);
        assert_eq!(refusal(client.revoke_exception(id, "").await), forbidden);
        assert_eq!(refusal(client.people().await), forbidden);
        let new = NewPerson { name: "eve".into(), roles: vec!["approve".into()] };
        assert_eq!(refusal(client.add_person(&new).await), forbidden);
        assert_eq!(refusal(client.issue_person_token("ann", &NewToken::default()).await), forbidden);
    }
    let seen = tidy.approval(id, &ApprovalQuery::default()).await.unwrap();
    assert_eq!((seen.state, seen.approval), (ApprovalState::Pending, None));
    // Naming itself as somebody else does not help.
    let as_tidy = ApprovalQuery { agent: Some("tidy".into()), wait: None };
    assert_eq!(refusal(other.approval(id, &as_tidy).await), is(404, code::NOT_FOUND));
    assert_eq!(tidy.decide(&mail("bob@example.org")).await.unwrap().decision.approval, Some(id), "it still waits");
    world.operator().answer(id, &yes()).await.unwrap();
    assert_eq!(rule(&world, mail("bob@example.org")).await.enforced, Effect::Ask, "not over another connection");
    assert_eq!(tidy.decide(&mail("bob@example.org")).await.unwrap().decision.enforced, Effect::Allow);
}

#[tokio::test]
async fn people_answer_with_the_role_for_it_and_with_good_tokens() {
    let world = World::with(setup()).await;
    let (ann, bob) = (person(&world, "ann", "approve").await, person(&world, "bob", "read").await);
    let id = rule(&world, mail("bob@example.org")).await.approval.unwrap();
    assert_eq!(bob.approvals(&ApprovalsQuery::default()).await.unwrap().approvals.len(), 1);
    assert_eq!(refusal(bob.answer(id, &yes()).await), is(403, code::FORBIDDEN));
    assert_eq!(refusal(ann.destinations().await), is(401, code::UNAUTHORIZED), "it answers approvals, nothing else");
    assert_eq!(refusal(ann.decide(&mail("bob@example.org")).await), is(401, code::UNAUTHORIZED));
    assert_eq!(refusal(world.over_tcp(None).answer(id, &yes()).await), is(401, code::UNAUTHORIZED));
    let forged = format!("hs_{}", "A".repeat(43));
    assert_eq!(refusal(world.over_tcp(Some(&forged)).answer(id, &yes()).await), is(401, code::UNAUTHORIZED));

    let people = world.operator().people().await.unwrap().people;
    let hash = people.iter().find(|person| person.name == "ann").unwrap().tokens[0].hash;
    world.operator().revoke_person_token("ann", &hash).await.unwrap();
    assert_eq!(refusal(ann.answer(id, &yes()).await), is(401, code::UNAUTHORIZED));
    world.operator().remove_person("bob").await.unwrap();
    assert_eq!(refusal(bob.approvals(&ApprovalsQuery::default()).await), is(401, code::UNAUTHORIZED));
    let new = |name: &str, role: &str| NewPerson { name: name.into(), roles: vec![role.into()] };
    assert_eq!(refusal(world.operator().add_person(&new("ann", "approve")).await), is(409, code::CONFLICT));
    for (name, role) in [("operator", "approve"), ("Ann", "approve"), ("carl", "rule")] {
        assert_eq!(refusal(world.operator().add_person(&new(name, role)).await), is(400, code::BAD_REQUEST), "{name}");
    }
}

#[tokio::test]
async fn nobody_approves_what_they_ask_for_themselves() {
    let world = World::with(setup()).await;
    let tidy = person(&world, "tidy", "approve").await;
    let id = rule(&world, mail("bob@example.org")).await.approval.unwrap();
    assert_eq!(refusal(tidy.answer(id, &yes()).await), is(409, code::CONFLICT));
    assert_eq!(tidy.answer(id, &no()).await.unwrap().approval.state, ApprovalState::Refused);
}

#[tokio::test]
async fn where_only_people_answer_the_operator_does_not() {
    let approvals = ApprovalsConfig { approvers: Approvers::People, ..ApprovalsConfig::default() };
    let world = World::with(Setup { config: ServiceConfig { approvals, ..ServiceConfig::default() }, ..setup() }).await;
    let id = rule(&world, mail("bob@example.org")).await.approval.unwrap();
    assert_eq!(refusal(world.operator().answer(id, &yes()).await), is(403, code::FORBIDDEN));
    assert_eq!(refusal(world.over_unix().answer(id, &yes()).await), is(403, code::FORBIDDEN));
    let ann = person(&world, "ann", "approve").await;
    assert_eq!(ann.answer(id, &yes()).await.unwrap().approval.state, ApprovalState::Approved);
}

#[tokio::test]
async fn a_remembered_answer_holds_until_it_is_revoked_and_makes_destinations_known() {
    let world = World::with(setup()).await;
    let operator = world.operator();
    let id = rule(&world, mail("Bob@Example.org")).await.approval.unwrap();
    let remember = NewAnswer { remember_s: Some(3_600), know_destinations: None, ..yes() };
    let given = operator.answer(id, &remember).await.unwrap();
    assert_eq!(given.known.len(), 1, "a policy of flow asked");
    assert_eq!((given.known[0].value.as_str(), given.known[0].via.clone()), ("bob@example.org", id.to_string()));
    assert_eq!(operator.destinations().await.unwrap().destinations.len(), 1);
    for session in ["s", "t", "t"] {
        let mut again = mail("bob@example.org");
        again.session = session.into();
        assert_eq!(rule(&world, again).await.enforced, Effect::Allow, "{session}");
    }
    assert_eq!(rule(&world, mail("eve@example.org")).await.enforced, Effect::Ask);
    assert_eq!(operator.exceptions().await.unwrap().exceptions.len(), 1);
    assert!(operator.revoke_exception(id, "over").await.unwrap().revoked);
    assert_eq!(rule(&world, mail("bob@example.org")).await.enforced, Effect::Ask);
    let revoked = world.tape.until(|record| record["event"] == "revoked").await;
    assert_eq!((&revoked["answer"]["by"], &revoked["answer"]["reason"]), (&json!("operator"), &json!("over")));
    let unknown = RecordId::from_parts(1, 1);
    assert_eq!(refusal(operator.revoke_exception(unknown, "").await), is(404, code::NOT_FOUND));
}

#[tokio::test]
async fn whoever_is_registered_under_a_name_again_takes_no_remembered_answer_over() {
    let world = World::with(setup()).await;
    let operator = world.operator();
    agent(&world, "tidy").await;
    let id = rule(&world, mail("bob@example.org")).await.approval.unwrap();
    operator.answer(id, &NewAnswer { remember_s: Some(3_600), ..yes() }).await.unwrap();
    let later = || Request { session: "t".into(), ..mail("bob@example.org") };
    assert_eq!(rule(&world, later()).await.enforced, Effect::Allow);
    operator.remove_agent(&"tidy".into()).await.unwrap();
    agent(&world, "tidy").await;
    assert_eq!(rule(&world, later()).await.enforced, Effect::Ask);
    world.tape.until(|record| record["event"] == "revoked").await;
}

#[tokio::test]
async fn what_was_asked_under_other_policies_is_asked_again() {
    let world = World::with(setup()).await;
    let operator = world.operator();
    let (first, second) = (mail("bob@example.org"), mail("carl@example.org"));
    let approved = rule(&world, first.clone()).await.approval.unwrap();
    let waiting = rule(&world, second).await.approval.unwrap();
    operator.answer(approved, &yes()).await.unwrap();
    *world.source.0.lock().unwrap() = Ok(snapshot(vec![asking(2)], FirstUse::Trust));
    operator.reload_policies().await.unwrap();
    assert_eq!(refusal(operator.answer(waiting, &yes()).await), is(409, code::CONFLICT));
    let again = rule(&world, first).await;
    assert_eq!(again.enforced, Effect::Ask);
    assert_ne!(again.approval, Some(approved));
}

#[tokio::test]
async fn an_answer_that_cannot_be_recorded_has_no_effect() {
    let world = World::with(setup()).await;
    let id = rule(&world, mail("bob@example.org")).await.approval.unwrap();
    world.tape.mood(Mood::Fails);
    assert_eq!(refusal(world.operator().answer(id, &yes()).await), is(503, "recorder-down"));
    world.tape.mood(Mood::Works);
    assert_eq!(rule(&world, mail("bob@example.org")).await.enforced, Effect::Ask);
    let page = world.operator().approvals(&ApprovalsQuery::default()).await.unwrap();
    let states: Vec<ApprovalState> = page.approvals.iter().map(|one| one.state).collect();
    assert_eq!(states, [ApprovalState::Pending]);
    world.operator().answer(id, &yes()).await.unwrap();
    assert_eq!(rule(&world, mail("bob@example.org")).await.enforced, Effect::Allow);
}

#[tokio::test]
async fn a_use_whose_decision_was_not_recorded_stays_used() {
    let world = World::with(setup()).await;
    let id = rule(&world, mail("bob@example.org")).await.approval.unwrap();
    world.operator().answer(id, &yes()).await.unwrap();
    world.tape.mood(Mood::Fails);
    world.service.rule(mail("bob@example.org")).await.unwrap_err();
    world.tape.mood(Mood::Works);
    let again = rule(&world, mail("bob@example.org")).await;
    assert_eq!(again.enforced, Effect::Ask);
    assert_ne!(again.approval, Some(id));
}

#[tokio::test]
async fn enforcement_points_wait_for_answers_here_and_from_afar() {
    let world = World::with(setup()).await;
    let request = mail("bob@example.org");
    let id = rule(&world, request.clone()).await.approval.unwrap();
    let here = {
        let (service, subject) = (world.service.clone(), request.subject.clone());
        tokio::spawn(async move { service.approval(&subject, id, Duration::from_secs(60)).await.unwrap() })
    };
    let afar = {
        let (remote, subject) = (RemoteAuthority::new(world.over_unix()), request.subject.clone());
        tokio::spawn(async move { remote.approval(&subject, id, Duration::from_secs(60)).await.unwrap() })
    };
    let operator = world.operator();
    let page = operator.approvals(&ApprovalsQuery::default()).await.unwrap();
    let looking = {
        let (operator, seen) = (operator.clone(), page.version);
        let query =
            ApprovalsQuery { which: ApprovalsWhich::All, seen: Some(seen), wait: Some(20), ..Default::default() };
        tokio::spawn(async move { operator.approvals(&query).await.unwrap() })
    };
    operator.answer(id, &no()).await.unwrap();
    assert_eq!(here.await.unwrap(), ApprovalState::Refused);
    assert_eq!(afar.await.unwrap(), ApprovalState::Refused);
    let page = looking.await.unwrap();
    assert_eq!(page.approvals[0].state, ApprovalState::Refused);

    let mut other = request.subject.clone();
    other.agent = "other".into();
    assert!(world.service.approval(&other, id, Duration::ZERO).await.is_err());
    let remote = RemoteAuthority::new(world.over_unix());
    assert!(remote.approval(&other, id, Duration::ZERO).await.is_err());
    let long = ApprovalQuery { wait: Some(61), agent: None };
    assert_eq!(refusal(operator.approval(id, &long).await), is(400, code::BAD_REQUEST));
    let refused = rule(&world, request).await;
    assert_eq!(refused.enforced, Effect::Deny, "a person said no to exactly this");
    assert!(refused.reasons[0].message.contains("not wanted"));
}

#[tokio::test]
async fn waiting_ends_with_the_service() {
    let world = World::with(setup()).await;
    let id = rule(&world, mail("bob@example.org")).await.approval.unwrap();
    let client = world.operator();
    let waiting =
        tokio::spawn(async move { client.approval(id, &ApprovalQuery { wait: Some(60), agent: None }).await });
    tokio::task::yield_now().await;
    world.stop().await;
    // Either it was told how it stands, or it never got through.
    if let Ok(view) = waiting.await.unwrap() {
        assert_eq!(view.state, ApprovalState::Pending);
    }
}

#[tokio::test]
async fn questions_survive_a_restart_of_the_service() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::within(dir.path(), setup()).await;
    let (approved, waiting) = (mail("bob@example.org"), mail("carl@example.org"));
    let first = rule(&world, approved.clone()).await.approval.unwrap();
    let second = rule(&world, waiting.clone()).await.approval.unwrap();
    world.operator().answer(first, &yes()).await.unwrap();
    let ann = person(&world, "ann", "approve").await;
    drop(ann);
    world.stop().await;
    let world = World::within(dir.path(), setup()).await;
    assert_eq!(world.operator().people().await.unwrap().people.len(), 1);
    assert_eq!(rule(&world, waiting).await.approval, Some(second));
    assert_eq!(rule(&world, approved.clone()).await.enforced, Effect::Allow);
    assert_eq!(rule(&world, approved).await.enforced, Effect::Ask);
}

#[tokio::test]
async fn bodies_and_ids_that_are_none_are_named() {
    let world = World::with(setup()).await;
    let head = |path: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\nhost: localhost\nauthorization: Bearer {ADMIN}\ncontent-type: application/json\n\
             content-length: {length}"
        )
    };
    let body = br#"{"aproved":true}"#;
    let path = format!("/v1/approvals/{}/answer", RecordId::from_parts(1, 1));
    let (status, _, answer) = world.raw(&head(&path, body.len()), body).await;
    assert_eq!((status, &answer["error"]["hint"]), (400, &json!("did you mean `approved`?")));
    let body = br#"{"approved":true}"#;
    let (status, _, _) = world.raw(&head("/v1/approvals/..%2f..%2fagents/answer", body.len()), body).await;
    assert_eq!(status, 404);
    let (status, _, _) = world.raw(&head(&path, body.len()), body).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn an_auditor_reads_the_log_and_nothing_else() {
    let world = World::start().await;
    std::fs::create_dir_all(world.dir.join("log")).unwrap();
    std::fs::write(world.dir.join("log/checkpoint"), "note").unwrap();
    let auditor = person(&world, "mirror-1", "audit").await;
    assert_eq!(auditor.log_file("checkpoint").await.unwrap().unwrap().as_ref(), b"note");
    assert_eq!(world.operator().log_file("checkpoint").await.unwrap().unwrap().as_ref(), b"note");
    for client in
        [person(&world, "bob", "read").await, person(&world, "ann", "approve").await, agent(&world, "a").await]
    {
        assert_eq!(refusal(client.log_file("checkpoint").await), is(403, "forbidden"));
    }
    assert_eq!(refusal(auditor.approvals(&ApprovalsQuery::default()).await).0, 403);
    assert_eq!(refusal(auditor.people().await).0, 401);
    assert_eq!(refusal(auditor.decide(&request("a", "s", "read")).await).0, 401);
    assert_eq!(refusal(auditor.agents().await).0, 401);
}
