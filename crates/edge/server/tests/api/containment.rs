//! What is taken from agents, sessions, classes and everybody: it bites on the next action, stays, and is given back by
//! people alone.

use crate::support::{ADMIN, Mood, Setup, World, granting, refusing, request};
use holdshort_api::{NewAgent, NewStanding, NewToken, Release, Whom, code};
use holdshort_decide::GrantEntry;
use holdshort_enforce::Authority as _;
use holdshort_inventory::FirstUse;
use holdshort_model::{Effect, FailMode, Mode, Request, Ruling, Scope, Standing, ToolDefinition, ToolsSeen, Verb};
use holdshort_policy::SourceFile;
use holdshort_sdk::{Client, ClientError};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// A policy that answers a tool of its own name with a rule.
fn rule(rule: &str, tool: &str, message: &Value) -> SourceFile {
    let examples = json!([
        {"name": "fires", "input": {"action": {"name": tool}}, "expect": [rule]},
        {"name": "rests", "input": {"action": {"name": "other"}}, "expect": []},
    ]);
    let text = format!(
        "# METADATA\n# title: {tool}\npackage holdshort.rules.{tool}\n\n\
         {rule} contains {message} if {{\n\tinput.action.name == \"{tool}\"\n}}\n\nexamples := {examples}\n"
    );
    SourceFile { path: format!("{tool}.rego"), text }
}

fn grant(name: &str, verb: Verb) -> GrantEntry {
    GrantEntry {
        name: name.into(),
        class: "coding".into(),
        verbs: vec![verb],
        resources: vec!["*".into()],
        servers: vec!["*".into()],
        mode: Mode::Enforce,
    }
}

fn setup() -> Setup {
    let files = vec![
        refusing("wipe"),
        rule("isolate", "trap", &json!("do not touch")),
        rule("terminate", "bomb", &json!("that was it")),
        rule("narrow", "pry", &json!({"message": "too curious", "grants": ["write"]})),
    ];
    let grants = vec![grant("read", Verb::Read), grant("write", Verb::Write), grant("rest", Verb::Execute)];
    Setup { snapshot: granting(files, FirstUse::Trust, grants), ..Setup::default() }
}

async fn registered(world: &World, id: &str) -> Client {
    let operator = world.operator();
    operator.add_agent(&NewAgent { id: id.into(), class: "coding".into(), owner: None }).await.unwrap();
    let issued = operator.issue_token(&id.into(), &NewToken::default()).await.unwrap();
    world.over_tcp(Some(&issued.token))
}

async fn decide(world: &World, request: Request) -> Ruling {
    world.service.rule(request).await.unwrap()
}

async fn runs(world: &World, agent: &str, session: &str) -> bool {
    decide(world, request(agent, session, "read_file")).await.decision.enforced == Effect::Allow
}

fn isolate(whom: Whom) -> NewStanding {
    NewStanding { whom, standing: Standing::Isolated, removed: Vec::new(), reason: "a test".into() }
}

fn agent(agent: &str) -> Whom {
    Whom::Agent { agent: agent.into() }
}

fn code_of<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result.unwrap_err() {
        ClientError::Refused { status, error } => (status, error.code),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_policy_isolates_the_agent_in_all_its_sessions() {
    let world = World::with(setup()).await;
    registered(&world, "a").await;
    registered(&world, "b").await;
    assert!(runs(&world, "a", "s").await && runs(&world, "a", "t").await);
    let ruling = decide(&world, request("a", "s", "trap")).await;
    assert_eq!(ruling.decision.enforced, Effect::Deny);
    assert!(!runs(&world, "a", "s").await && !runs(&world, "a", "t").await && !runs(&world, "a", "new").await);
    assert!(runs(&world, "b", "s").await, "nobody else");
    let last = world.tape.of_type("decision").into_iter().rfind(|record| record["request"]["subject"]["agent"] == "a");
    let facts = last.unwrap()["facts"]["subject"].clone();
    assert_eq!(facts["standing"], "isolated", "replay finds it in the facts");

    let record = world.tape.until(|record| record["type"] == "standing").await;
    assert_eq!((&record["after"]["scope"], &record["after"]["agent"]), (&json!("agent"), &json!("a")));
    assert_eq!((&record["after"]["by"], &record["released"]), (&json!("policy"), &json!(false)));
    assert_eq!(record["after"]["decision"], json!(ruling.decision.id));
    assert!(record["after"]["reason"].as_str().unwrap().contains("do not touch"), "{record}");
}

#[tokio::test]
async fn terminate_is_stricter_and_stays_so() {
    let world = World::with(setup()).await;
    registered(&world, "a").await;
    decide(&world, request("a", "s", "bomb")).await;
    let entries = world.service.standings().entries;
    assert_eq!((entries.len(), entries[0].standing), (1, Standing::Terminated));
    decide(&world, request("a", "s", "trap")).await;
    assert_eq!(world.service.standings().entries, entries, "isolating afterwards changes nothing");
}

#[tokio::test]
async fn narrowing_holds_for_the_agent_which_could_open_another_session() {
    let world = World::with(setup()).await;
    let client = registered(&world, "a").await;
    decide(&world, request("a", "s", "pry")).await;
    for session in ["s", "t"] {
        let ruling = client.decide(&request("a", session, "write_file")).await.unwrap();
        assert_eq!(ruling.decision.enforced, Effect::Deny, "{session}");
    }
    assert!(runs(&world, "a", "s").await && runs(&world, "a", "t").await, "the other grants are there");
    let release = Release { whom: agent("a"), grants: vec!["write".into()], reason: "looked at it".into() };
    world.operator().release(&release).await.unwrap();
    assert_eq!(decide(&world, request("a", "t", "write_file")).await.decision.enforced, Effect::Allow);
}

#[tokio::test]
async fn with_another_setting_narrowing_takes_the_grants_from_the_session_alone() {
    let mut setup = setup();
    setup.config.narrow = holdshort_server::NarrowTo::Session;
    let world = World::with(setup).await;
    registered(&world, "a").await;
    let write = |session: &str| request("a", session, "write_file");
    assert_eq!(decide(&world, write("s")).await.decision.enforced, Effect::Allow);
    decide(&world, request("a", "s", "pry")).await;
    assert_eq!(decide(&world, write("s")).await.decision.enforced, Effect::Deny, "the grant is gone");
    assert!(runs(&world, "a", "s").await, "the others are not");
    assert_eq!(decide(&world, write("t")).await.decision.enforced, Effect::Allow, "another session");
    let entry = world.service.standings().entries.remove(0);
    assert_eq!((entry.removed, entry.standing), (vec!["write".to_owned()], Standing::Narrowed));

    let whom = Whom::Session { agent: "a".into(), session: "s".into() };
    let release = Release { whom, grants: vec!["write".into()], reason: "looked at it".into() };
    let released = world.operator().release(&release).await.unwrap();
    assert_eq!((released.after.standing, released.after.by.as_str()), (Standing::Active, "operator"));
    assert_eq!(decide(&world, write("s")).await.decision.enforced, Effect::Allow);
}

#[tokio::test]
async fn every_scope_bites_and_children_inherit() {
    let world = World::with(setup()).await;
    registered(&world, "a").await;
    registered(&world, "b").await;
    let operator = world.operator();
    let child = || {
        let mut child = request("b", "s", "read_file");
        child.subject.delegation = vec!["a".into()];
        child
    };
    for whom in [
        Whom::All {},
        Whom::Class { class: "coding".into() },
        agent("a"),
        Whom::Session { agent: "a".into(), session: "s".into() },
    ] {
        let before = world.service.standing(&child().subject, &"s".into()).await.unwrap();
        assert_eq!(before.standing, Standing::Active);
        let change = operator.contain(&isolate(whom.clone())).await.unwrap();
        assert!(change.changed && change.kept, "{change:?}");
        assert!(!runs(&world, "a", "s").await, "{whom:?}");
        assert_eq!(decide(&world, child()).await.decision.enforced, Effect::Deny, "{whom:?}: its child");
        let alone = runs(&world, "b", "s").await;
        assert_eq!(alone, matches!(whom, Whom::Agent { .. } | Whom::Session { .. }), "{whom:?}: another agent alone");
        let again = operator.contain(&isolate(whom.clone())).await.unwrap();
        assert!(!again.changed);
        let release = Release { whom, grants: Vec::new(), reason: "over".into() };
        operator.release(&release).await.unwrap();
        assert!(runs(&world, "a", "s").await);
    }
    assert!(world.service.standings().entries.is_empty());
}

#[tokio::test]
async fn what_is_contained_is_not_listed() {
    let world = World::with(setup()).await;
    registered(&world, "a").await;
    let seen = |kind| {
        let tool = ToolDefinition { name: "read_file".into(), definition: json!({"name": "read_file"}) };
        let subject = request("a", "s", "x").subject;
        ToolsSeen { subject, session: "s".into(), server: "fs".into(), kind, tools: vec![tool] }
    };
    use holdshort_model::ActionKind::{PromptGet, ResourceRead, ToolCall};
    world.service.kill(Scope::All, "signal", "a test");
    for kind in [ToolCall, ResourceRead, PromptGet] {
        let listings = world.service.inspect(seen(kind)).await.unwrap();
        assert!(listings.iter().all(|listing| !listing.listed), "{kind:?}");
    }
}

#[tokio::test]
async fn only_people_give_back_and_with_a_reason() {
    let world = World::with(setup()).await;
    let of_agent = registered(&world, "a").await;
    let operator = world.operator();
    operator.contain(&isolate(agent("a"))).await.unwrap();
    let release = |whom: Whom, reason: &str| Release { whom, grants: Vec::new(), reason: reason.into() };
    let forbidden = (403, code::FORBIDDEN.to_owned());
    assert_eq!(code_of(of_agent.release(&release(agent("a"), "please")).await), forbidden);
    assert_eq!(code_of(of_agent.contain(&isolate(agent("b"))).await), forbidden);
    assert_eq!(code_of(of_agent.standings().await), forbidden);
    let bad = (400, code::BAD_REQUEST.to_owned());
    for reason in ["", "  ", &"x".repeat(1_001)] {
        assert_eq!(code_of(operator.release(&release(agent("a"), reason)).await), bad);
    }
    let missing = (404, code::NOT_FOUND.to_owned());
    assert_eq!(code_of(operator.release(&release(agent("b"), "r")).await), missing);
    let grants = Release { grants: vec!["never".into()], ..release(agent("a"), "r") };
    assert_eq!(code_of(operator.release(&grants).await), missing);
    assert!(!runs(&world, "a", "s").await);
    for wrong in [
        NewStanding { standing: Standing::Active, ..isolate(agent("a")) },
        NewStanding { standing: Standing::Narrowed, ..isolate(agent("a")) },
        NewStanding { reason: " ".into(), ..isolate(agent("a")) },
    ] {
        assert_eq!(code_of(operator.contain(&wrong).await), bad);
    }
    // The record comes before the release, and names the person.
    let released = world.over_unix().release(&release(agent("a"), "it was a test")).await.unwrap();
    let record = &world.tape.records()[usize::try_from(released.receipt.index).unwrap()];
    assert_eq!((&record["type"], &record["released"]), (&json!("standing"), &json!(true)));
    assert_eq!((&record["after"]["by"], &record["after"]["reason"]), (&json!("os-user"), &json!("it was a test")));
    assert!(runs(&world, "a", "s").await);
}

#[tokio::test]
async fn a_misspelled_scope_releases_nobody() {
    let world = World::with(setup()).await;
    registered(&world, "a").await;
    world.operator().contain(&isolate(agent("a"))).await.unwrap();
    let metrics = world.service.metrics_text();
    for line in ["holdshort_standings{standing=\"isolated\"} 1", "holdshort_standings{standing=\"narrowed\"} 0"] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    let head = format!(
        "POST /v1/standing/release HTTP/1.1\nhost: localhost\nauthorization: Bearer {ADMIN}\ncontent-type: application/json"
    );
    for whom in [json!({"scope": "agent", "agent": "a", "session": "s"}), json!({"scope": "agent", "agnet": "a"})] {
        let body = json!({"whom": whom, "reason": "r"}).to_string();
        let (status, _, answer) = world.raw(&format!("{head}\ncontent-length: {}", body.len()), body.as_bytes()).await;
        assert_eq!(status, 400, "{answer}");
    }
    assert!(!runs(&world, "a", "s").await);
}

#[tokio::test]
async fn a_restart_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::within(dir.path(), setup()).await;
    registered(&world, "a").await;
    decide(&world, request("a", "s", "trap")).await;
    decide(&world, request("a", "s", "pry")).await;
    let entries = world.service.standings().entries;
    assert!(!entries.is_empty());
    world.stop().await;
    let again = World::within(dir.path(), setup()).await;
    assert_eq!(again.service.standings().entries, entries);
    assert!(!runs(&again, "a", "s").await);
    again.stop().await;
}

#[tokio::test]
async fn it_bites_while_the_log_is_down_and_is_told_when_it_is_back() {
    let world = World::with(setup()).await;
    registered(&world, "a").await;
    assert!(runs(&world, "a", "s").await);
    world.tape.mood(Mood::Fails);
    assert!(world.service.kill(Scope::Agent { agent: "a".into() }, "kill-file", "everything burns"));
    let left = world.service.standing(&request("a", "s", "x").subject, &"s".into()).await.unwrap();
    assert_eq!(left.standing, Standing::Isolated);
    assert_eq!(left.because.unwrap(), "the agent `a` is isolated, by kill-file: everything burns");
    // A person's release needs its record first.
    let release = Release { whom: agent("a"), grants: Vec::new(), reason: "r".into() };
    assert_eq!(code_of(world.operator().release(&release).await), (503, "recorder-down".to_owned()));
    assert_eq!(world.service.standings().entries.len(), 1);
    while !world.service.standings_unkept() {
        tokio::task::yield_now().await;
    }
    let readiness = world.operator().readiness().await.unwrap();
    assert!(readiness.faults.contains(&"standing-unkept".to_owned()), "{readiness:?}");

    world.tape.mood(Mood::Works);
    world.tape.until(|record| record["type"] == "standing" && record["after"]["by"] == "kill-file").await;
    assert!(!runs(&world, "a", "s").await);
}

#[tokio::test]
async fn who_waits_for_changes_is_told_at_once() {
    let world = World::with(setup()).await;
    registered(&world, "a").await;
    let client = world.over_unix();
    let number = client.standing_changed(0).await.unwrap();
    assert!(number > 0);
    let waiting = tokio::spawn(async move { client.standing_changed(number).await.unwrap() });
    world.operator().contain(&isolate(agent("a"))).await.unwrap();
    assert_ne!(waiting.await.unwrap(), number);
}

#[tokio::test]
async fn an_agent_sees_its_own_standing_and_no_other() {
    let world = World::with(setup()).await;
    let own = registered(&world, "a").await;
    registered(&world, "b").await;
    world.operator().contain(&isolate(agent("b"))).await.unwrap();
    let question = holdshort_api::StandingQuestion { subject: request("b", "s", "x").subject, session: "s".into() };
    assert_eq!(own.standing(&question).await.unwrap().standing, Standing::Active, "its own, whatever it says");
    assert_eq!(world.operator().standing(&question).await.unwrap().standing, Standing::Isolated);
}

#[tokio::test]
async fn a_permit_on_its_way_does_not_outrun_the_isolation() {
    let world = World::with(setup()).await;
    registered(&world, "a").await;
    world.tape.mood(Mood::Hangs);
    let service = world.service.clone();
    let asking = tokio::spawn(async move { service.rule(request("a", "s", "read_file")).await });
    // Decided: the session counts it, and its record waits for the log.
    while world.service.sessions_page().sessions.first().is_none_or(|session| session.decisions == 0) {
        tokio::task::yield_now().await;
    }
    world.service.kill(Scope::Agent { agent: "a".into() }, "signal", "stop");
    world.tape.mood(Mood::Works);
    let fault = asking.await.unwrap().unwrap_err();
    assert_eq!(fault.mode, FailMode::DeciderLate);
    assert!(fault.message.contains("the agent `a` is isolated"), "{fault}");
    let decision = world.tape.until(|record| record["type"] == "decision").await;
    let id = decision["decision"]["id"].clone();
    world
        .tape
        .until(|record| record["type"] == "outcome" && record["decision"] == id && record["status"] == "cancelled")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_sessions_at_once_none_is_permitted_after_the_moment() {
    let world = World::with(setup()).await;
    registered(&world, "a").await;
    static ISOLATED: AtomicBool = AtomicBool::new(false);
    let sessions: Vec<_> = (0..100)
        .map(|n| {
            let service = world.service.clone();
            tokio::spawn(async move {
                let session = format!("s{n}");
                let mut permitted = 0;
                loop {
                    let after = ISOLATED.load(Ordering::SeqCst);
                    let ruling = service.rule(request("a", &session, "read_file")).await;
                    let allowed = ruling.is_ok_and(|ruling| ruling.decision.enforced == Effect::Allow);
                    assert!(!(after && allowed), "permitted after the moment");
                    permitted += u32::from(allowed);
                    if after {
                        return permitted;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    while world.tape.of_type("decision").len() < 300 {
        tokio::task::yield_now().await;
    }
    world.service.rule(request("a", "trapped", "trap")).await.unwrap();
    ISOLATED.store(true, Ordering::SeqCst);
    let mut permitted = 0;
    for session in sessions {
        permitted += session.await.unwrap();
    }
    assert!(permitted > 100, "{permitted} ran before");
}

#[tokio::test]
async fn people_with_the_role_release_and_no_others() {
    let world = World::with(setup()).await;
    let operator = world.operator();
    let mut clients = Vec::new();
    for (name, role) in [("ann", "release"), ("bob", "read"), ("eve", "approve")] {
        let new = holdshort_api::NewPerson { name: name.into(), roles: vec![role.into()] };
        operator.add_person(&new).await.unwrap();
        let issued = operator.issue_person_token(name, &NewToken::default()).await.unwrap();
        clients.push(world.over_tcp(Some(&issued.token)));
    }
    let release = Release { whom: agent("a"), grants: Vec::new(), reason: "r".into() };
    for client in &clients[1..] {
        assert_eq!(code_of(client.contain(&isolate(agent("a"))).await), (403, code::FORBIDDEN.to_owned()));
        assert_eq!(code_of(client.release(&release).await), (403, code::FORBIDDEN.to_owned()));
        assert!(client.standings().await.unwrap().entries.is_empty(), "they may look");
    }
    assert_eq!(clients[0].contain(&isolate(agent("a"))).await.unwrap().after.by, "ann");
    assert_eq!(clients[0].release(&release).await.unwrap().after.by, "ann");
}

#[tokio::test]
async fn a_release_does_not_give_back_what_was_taken_meanwhile() {
    let world = World::with(setup()).await;
    registered(&world, "a").await;
    let narrowed = NewStanding { standing: Standing::Narrowed, removed: vec!["write".into()], ..isolate(agent("a")) };
    world.operator().contain(&narrowed).await.unwrap();
    world.tape.mood(Mood::Hangs);
    let service = world.service.clone();
    let release = Release { whom: agent("a"), grants: Vec::new(), reason: "r".into() };
    let mut releasing = Box::pin(async move { service.release(release, "ann").await });
    // Up to where its record waits for the log.
    assert!(futures_poll(releasing.as_mut()));
    world.service.kill(Scope::Agent { agent: "a".into() }, "signal", "stop");
    world.tape.mood(Mood::Works);
    assert!(matches!(releasing.await, Err(holdshort_server::ChangeError::Conflict(_))));
    assert!(!runs(&world, "a", "s").await);
    // The log's last word is what holds.
    world.tape.until(|record| record["type"] == "standing" && record["released"] == true).await;
    let last = |tape: &crate::support::Tape| tape.of_type("standing").pop().unwrap();
    while last(&world.tape)["released"] == true {
        tokio::task::yield_now().await;
    }
    assert_eq!(last(&world.tape)["after"]["standing"], "isolated");
}

/// Polls once; true when it waits.
fn futures_poll(future: std::pin::Pin<&mut impl Future>) -> bool {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending()
}
