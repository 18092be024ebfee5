//! What an erasure takes out besides the log, and that nothing gets milder by it.

use crate::support::{Setup, World, granting, request};
use holdshort_api::{
    ApprovalsQuery, ApprovalsWhich, IncidentsQuery, NewAgent, NewDestination, NewErasure, NewStanding, NewToken, Whom,
};
use holdshort_decide::GrantEntry;
use holdshort_enforce::Authority as _;
use holdshort_inventory::FirstUse;
use holdshort_model::{
    ApprovalState, Authentication, Effect, ErasureKind, IncidentState, Mode, RecordId, Request, Scope, Standing, Verb,
};
use holdshort_policy::SourceFile;
use std::path::Path;

/// Asks about `pay`; refuses `wipe` and opens an incident.
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

fn setup() -> Setup {
    let all = GrantEntry {
        name: "all".into(),
        class: "mail".into(),
        verbs: Verb::ALL.to_vec(),
        resources: vec!["*".into()],
        servers: vec!["*".into()],
        mode: Mode::Enforce,
    };
    Setup { snapshot: granting(vec![policy()], FirstUse::Trust, vec![all]), ..Setup::default() }
}

async fn world(dir: &Path) -> World {
    World::within(dir, setup()).await
}

/// Two agents whose sessions have the same name, for two people.
fn of(agent: &str, tool: &str) -> Request {
    let mut request = request(agent, "same-name", tool);
    request.subject.user = Some(format!("person-of-{agent}"));
    request.subject.authenticated_by = Authentication::Token;
    request
}

async fn lived(world: &World, agent: &str) -> RecordId {
    let operator = world.operator();
    operator.add_agent(&NewAgent { id: agent.into(), class: "mail".into(), owner: None }).await.unwrap();
    world.service.rule(of(agent, "look")).await.unwrap();
    let asked = world.service.rule(of(agent, "pay")).await.unwrap().decision;
    assert_eq!(asked.enforced, Effect::Ask);
    let refused = world.service.rule(of(agent, "wipe")).await.unwrap().decision;
    assert_eq!(refused.enforced, Effect::Deny);
    let destination = NewDestination {
        agent: agent.into(),
        user: format!("person-of-{agent}"),
        kind: "mail".into(),
        value: format!("friend-of-{agent}@example.org"),
        via: None,
    };
    operator.add_destination(&destination).await.unwrap();
    let new = NewStanding {
        whom: Whom::Agent { agent: agent.into() },
        standing: Standing::Isolated,
        removed: Vec::new(),
        reason: format!("{agent} did what nobody should read"),
    };
    operator.contain(&new).await.unwrap();
    asked.approval.unwrap()
}

async fn texts(world: &World) -> String {
    let operator = world.operator();
    let query = ApprovalsQuery { which: ApprovalsWhich::All, ..ApprovalsQuery::default() };
    let approvals = operator.approvals(&query).await.unwrap();
    let incidents = operator.incidents(&IncidentsQuery::default()).await.unwrap();
    let mut all = format!("{approvals:?} {incidents:?} {:?}", world.service.destinations());
    for incident in incidents.incidents {
        all.push_str(&serde_json::to_string(&operator.incident(incident.id).await.unwrap()).unwrap());
    }
    all
}

async fn erase(world: &World, kind: ErasureKind, name: &str) -> u64 {
    let wanted = NewErasure { kind, name: name.into(), reason: "asked for it".into() };
    let erased = world.operator().erase(&wanted).await.unwrap();
    assert_eq!(erased.keys, 0, "the keys of these are elsewhere");
    erased.elsewhere
}

/// Everything that has to hold after the erasure of `tidy`, also after a restart.
async fn is_erased_and_no_milder(world: &World, question: RecordId, others: RecordId) {
    let operator = world.operator();
    let query = ApprovalsQuery { which: ApprovalsWhich::All, ..ApprovalsQuery::default() };
    let approvals = operator.approvals(&query).await.unwrap().approvals;
    let find = |id| approvals.iter().find(|one| one.id == id).cloned().unwrap();
    let (ended, open) = (find(question), find(others));
    assert_eq!((ended.state, ended.session.as_str(), &ended.user), (ApprovalState::Expired, "erased", &None));
    assert!(ended.effects.is_empty() && ended.reasons.is_empty() && ended.args.is_null());
    assert_eq!((open.state, open.session.as_str()), (ApprovalState::Pending, "same-name"), "another agent's");
    let incidents = operator.incidents(&IncidentsQuery::default()).await.unwrap().incidents;
    assert_eq!(incidents.iter().filter(|one| one.state == IncidentState::Open).count(), 2, "open ones stay open");
    let standings = operator.standings().await.unwrap().entries;
    for agent in ["tidy", "other"] {
        let entry = standings.iter().find(|entry| entry.scope == Scope::Agent { agent: agent.into() }).unwrap();
        assert_eq!(entry.standing, Standing::Isolated, "isolated as before");
        assert_eq!(entry.reason == "erased", agent == "tidy");
        assert_eq!(world.service.rule(of(agent, "look")).await.unwrap().decision.enforced, Effect::Deny);
    }
    let all = texts(world).await;
    for gone in ["person-of-tidy", "friend-of-tidy", "tidy did what nobody"] {
        assert!(!all.contains(gone), "{gone}: {all}");
    }
    assert!(all.contains("person-of-other") && all.contains("friend-of-other"), "{all}");
}

#[tokio::test]
async fn an_agent_is_erased_everywhere_and_nothing_gets_milder() {
    let dir = tempfile::tempdir().unwrap();
    let first = world(dir.path()).await;
    let (question, others) = (lived(&first, "tidy").await, lived(&first, "other").await);
    assert!(texts(&first).await.contains("person-of-tidy"), "a search that finds nothing proves nothing");
    let elsewhere = erase(&first, ErasureKind::Agent, "tidy").await;
    // A question, an incident, a destination, the reason of a standing, what is usual.
    assert_eq!(elsewhere, 5);
    is_erased_and_no_milder(&first, question, others).await;
    let record = first.tape.until(|record| record["event"] == "state-erased").await;
    assert_eq!((&record["detail"]["approvals"], &record["detail"]["baselines"]), (&1.into(), &1.into()), "{record}");
    let told = first.tape.of_type("erasure");
    assert_eq!(told.len(), 1);
    assert!(!told[0].to_string().contains("tidy") && !record.to_string().contains("tidy"));
    let asked = first.service.rule(of("tidy", "pay")).await.unwrap().decision;
    assert_ne!(asked.enforced, Effect::Allow);
    first.stop().await;

    let again = world(dir.path()).await;
    is_erased_and_no_milder(&again, question, others).await;
    assert_eq!(again.tape.of_type("erasure").len(), 0);
    again.stop().await;
}

#[tokio::test]
async fn a_person_and_a_session_are_erased_wherever_they_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let (question, others) = (lived(&world, "tidy").await, lived(&world, "other").await);
    assert!(erase(&world, ErasureKind::User, "person-of-tidy").await >= 3);
    let all = texts(&world).await;
    assert!(!all.contains("person-of-tidy") && !all.contains("friend-of-tidy"), "{all}");
    assert!(all.contains("person-of-other"), "{all}");
    assert_eq!(erase(&world, ErasureKind::User, "person-of-tidy").await, 0, "nothing is left");
    // Only whoever names the session itself means all of that name.
    erase(&world, ErasureKind::Session, "same-name").await;
    assert!(!texts(&world).await.contains("same-name"));
    let query = ApprovalsQuery { which: ApprovalsWhich::All, ..ApprovalsQuery::default() };
    let approvals = world.operator().approvals(&query).await.unwrap().approvals;
    for id in [question, others] {
        let one = approvals.iter().find(|one| one.id == id).unwrap();
        assert_eq!(one.state, ApprovalState::Expired);
    }
    world.stop().await;
}

#[tokio::test]
async fn what_was_intended_is_finished_by_the_next_start_and_what_is_not_on_record_is_taken_back() {
    use crate::support::Mood;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let wanted = NewErasure { kind: ErasureKind::User, name: "ada".into(), reason: "asked for it".into() };
    world.tape.mood(Mood::Fails);
    world.service.erase(wanted.clone(), "operator").await.unwrap_err();
    assert!(world.tape.intended().is_empty(), "who was told that it failed is not surprised later");
    world.tape.mood(Mood::Works);
    // As a crash leaves it: intended, and nothing done.
    world.tape.intend_now(&wanted);
    assert_eq!(world.service.finish_erasures().await.unwrap(), 1);
    assert_eq!(world.tape.destroyed(), ["ab".repeat(16)]);
    assert!(world.tape.intended().is_empty());
    assert_eq!(world.service.finish_erasures().await.unwrap(), 0);
    world.stop().await;
}

#[tokio::test]
async fn what_is_on_record_in_part_is_not_taken_back() {
    use crate::support::Mood;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let wanted = NewErasure { kind: ErasureKind::User, name: "of-many-sessions".into(), reason: "asked for it".into() };
    world.tape.mood(Mood::WorksOnce);
    world.service.erase(wanted, "operator").await.unwrap_err();
    assert_eq!(world.tape.of_type("erasure").len(), 1, "some of the keys");
    assert_eq!(world.tape.intended().len(), 1, "the next start finishes it");
    world.tape.mood(Mood::Works);
    world.stop().await;
}

/// A hundred thousand keys take their time.
#[tokio::test]
async fn nobody_who_takes_something_away_waits_until_keys_are_destroyed() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let operator = world.operator();
    operator.add_agent(&NewAgent { id: "tidy".into(), class: "mail".into(), owner: None }).await.unwrap();
    let issued = operator.issue_token(&"tidy".into(), &NewToken::default()).await.unwrap();
    world.tape.hold_on(true);
    let service = world.service.clone();
    let wanted = NewErasure { kind: ErasureKind::User, name: "ada".into(), reason: "asked for it".into() };
    let erasing = tokio::spawn(async move { service.erase(wanted, "operator").await });
    world.tape.until(|record| record["type"] == "erasure").await;
    let meanwhile = async {
        operator.revoke_token(&"tidy".into(), &issued.hash).await.unwrap();
        operator.reload_policies().await.unwrap();
        world.service.rule(of("tidy", "look")).await.unwrap();
    };
    // Far more than any machine takes: it is for the case that they wait for each other.
    tokio::time::timeout(std::time::Duration::from_secs(120), meanwhile).await.expect("they waited for the erasure");
    assert!(!erasing.is_finished());
    world.tape.hold_on(false);
    assert_eq!(erasing.await.unwrap().unwrap().keys, 1);
    world.stop().await;
}
