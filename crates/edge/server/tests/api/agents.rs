//! Agents, their tokens, and what a token may do.

use crate::support::{Setup, World, request};
use holdshort_api::{NewAgent, NewToken, code};
use holdshort_model::{AgentId, Authentication, Outcome, OutcomeStatus, RecordId};
use holdshort_sdk::ClientError;
use serde_json::json;

fn new_agent(id: &str) -> NewAgent {
    NewAgent { id: id.into(), class: "coding".into(), owner: None }
}

fn code_of<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result.unwrap_err() {
        ClientError::Refused { status, error } => (status, error.code),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_token_speaks_for_its_agent_whatever_the_body_says() {
    let world = World::start().await;
    let operator = world.operator();
    operator.add_agent(&new_agent("team/coder")).await.unwrap();
    operator.add_agent(&new_agent("clerk")).await.unwrap();
    let issued = operator.issue_token(&"team/coder".into(), &NewToken::default()).await.unwrap();

    let mut spoof = request("clerk", "s", "read");
    spoof.subject.authenticated_by = Authentication::Operator;
    spoof.subject.user = Some("ceo@example.com".into());
    spoof.subject.delegation = vec!["root".into()];
    let agent = world.over_tcp(Some(&issued.token));
    let ruling = agent.decide(&spoof).await.unwrap();
    let record = world.tape.of_type("decision").remove(0);
    assert_eq!(record["decision"]["id"], ruling.decision.id.to_string());
    let subject = &record["request"]["subject"];
    assert_eq!((&subject["agent"], &subject["authenticated_by"]), (&json!("team/coder"), &json!("token")));
    assert!(subject.get("user").is_none() && subject.get("delegation").is_none(), "{subject}");
    assert_eq!(record["facts"]["subject"]["agent"]["class"], "coding");

    for (client, expected) in [(world.operator(), "operator"), (world.over_unix(), "os-user")] {
        client.decide(&spoof).await.unwrap();
        let record = world.tape.of_type("decision").pop().unwrap();
        let subject = &record["request"]["subject"];
        assert_eq!((&subject["agent"], &subject["authenticated_by"]), (&json!("clerk"), &json!(expected)));
        assert_eq!(subject["user"], "ceo@example.com");
    }
}

#[tokio::test]
async fn a_token_covers_its_own_questions_only() {
    let world = World::start().await;
    let operator = world.operator();
    operator.add_agent(&new_agent("a")).await.unwrap();
    let issued = operator.issue_token(&"a".into(), &NewToken::default()).await.unwrap();
    let agent = world.over_tcp(Some(&issued.token));
    let forbidden = (403, code::FORBIDDEN.to_owned());
    assert_eq!(code_of(agent.agents().await), forbidden);
    assert_eq!(code_of(agent.issue_token(&"a".into(), &NewToken::default()).await), forbidden);
    assert_eq!(code_of(agent.reload_policies().await), forbidden);
    assert_eq!(code_of(agent.records(&Default::default()).await), forbidden);
    assert_eq!(code_of(agent.log_file("checkpoint").await), forbidden);
    let seen = holdshort_model::ToolsSeen {
        subject: request("a", "s", "t").subject,
        session: "s".into(),
        server: "fs".into(),
        kind: holdshort_model::ActionKind::ToolCall,
        tools: vec![],
    };
    assert_eq!(code_of(agent.inspect(&seen).await), forbidden);

    // Outcomes: of its own sessions only.
    operator.decide(&request("b", "of-b", "read")).await.unwrap();
    agent.decide(&request("a", "of-a", "read")).await.unwrap();
    let outcome = |session: &str| Outcome {
        decision: RecordId::from_parts(1, 1),
        session: session.into(),
        status: OutcomeStatus::Ok,
        digest: None,
        bytes: 0,
        duration_us: 0,
    };
    assert_eq!(code_of(agent.report(outcome("of-b"), None).await), forbidden);
    agent.report(outcome("of-a"), None).await.unwrap();
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_refused_on_the_next_request() {
    let world = World::start().await;
    let operator = world.operator();
    let id: AgentId = "a".into();
    operator.add_agent(&new_agent("a")).await.unwrap();
    let expires_ms = Some(1_800_000_000_000 + 5_000);
    let short = operator.issue_token(&id, &NewToken { label: "short".into(), expires_ms }).await.unwrap();
    let long = operator.issue_token(&id, &NewToken { label: "long".into(), expires_ms: None }).await.unwrap();
    let unauthorized = (401, code::UNAUTHORIZED.to_owned());
    for token in [&short, &long] {
        world.over_tcp(Some(&token.token)).decide(&request("a", "s", "read")).await.unwrap();
    }
    assert_eq!(operator.agents().await.unwrap().agents[0].tokens, 2);
    world.clock.forward_ms(5_000);
    assert_eq!(code_of(world.over_tcp(Some(&short.token)).decide(&request("a", "s", "read")).await), unauthorized);
    operator.revoke_token(&id, &long.hash).await.unwrap();
    assert_eq!(code_of(world.over_tcp(Some(&long.token)).decide(&request("a", "s", "read")).await), unauthorized);
    // Over the unix socket too: a wrong token is not ignored there.
    let unix = holdshort_sdk::Endpoint::Unix(world.socket.clone());
    let unix = holdshort_sdk::Client::new(unix, Some(&long.token)).unwrap();
    assert_eq!(code_of(unix.decide(&request("a", "s", "read")).await), unauthorized);

    let tokens = operator.tokens(&id).await.unwrap().tokens;
    let listed: Vec<_> = tokens.iter().map(|token| (token.label.as_str(), token.revoked)).collect();
    assert_eq!(listed, [("short", false), ("long", true)]);
    let texts = serde_json::to_string(&(world.tape.records(), tokens)).unwrap();
    assert!(!texts.contains(&short.token) && !texts.contains(&long.token), "a token stands in clear text");
    let events: Vec<_> = world.tape.of_type("lifecycle").iter().map(|record| record["event"].clone()).collect();
    assert_eq!(events, ["start", "agent-added", "token-issued", "token-issued", "token-revoked"]);
}

#[tokio::test]
async fn changes_that_cannot_be_are_refused() {
    let world = World::start().await;
    let operator = world.operator();
    operator.add_agent(&new_agent("a")).await.unwrap();
    assert_eq!(code_of(operator.add_agent(&new_agent("a")).await), (409, code::CONFLICT.to_owned()));
    assert_eq!(code_of(operator.add_agent(&new_agent("a b")).await), (400, code::BAD_REQUEST.to_owned()));
    let reserved = NewAgent { class: "unknown".into(), ..new_agent("c") };
    assert_eq!(code_of(operator.add_agent(&reserved).await), (400, code::BAD_REQUEST.to_owned()));
    let missing = (404, code::NOT_FOUND.to_owned());
    assert_eq!(code_of(operator.issue_token(&"nobody".into(), &NewToken::default()).await), missing);
    assert_eq!(code_of(operator.tokens(&"nobody".into()).await), missing);
    assert_eq!(code_of(operator.remove_agent(&"nobody".into()).await), missing);
    let past = NewToken { label: String::new(), expires_ms: Some(1) };
    assert_eq!(code_of(operator.issue_token(&"a".into(), &past).await), (400, code::BAD_REQUEST.to_owned()));
}

#[tokio::test]
async fn agents_and_tokens_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::within(dir.path(), Setup::default()).await;
    let operator = world.operator();
    operator.add_agent(&new_agent("a")).await.unwrap();
    operator.add_agent(&new_agent("b")).await.unwrap();
    let issued = operator.issue_token(&"a".into(), &NewToken::default()).await.unwrap();
    operator.remove_agent(&"b".into()).await.unwrap();
    let before = operator.agents().await.unwrap();
    let tape = world.tape.clone();
    world.stop().await;
    assert_eq!(tape.records().last().unwrap()["event"], "stop");

    let world = World::within(dir.path(), Setup::default()).await;
    assert_eq!(world.operator().agents().await.unwrap(), before);
    world.over_tcp(Some(&issued.token)).decide(&request("x", "s", "read")).await.unwrap();
    assert_eq!(world.tape.of_type("decision")[0]["request"]["subject"]["agent"], "a");
}

#[tokio::test]
async fn an_agent_does_not_speak_in_the_sessions_of_enforcement_points() {
    let world = World::start().await;
    let operator = world.operator();
    operator.add_agent(&NewAgent { id: "a".into(), class: "coding".into(), owner: None }).await.unwrap();
    let issued = operator.issue_token(&"a".into(), &NewToken::default()).await.unwrap();
    let agent = world.over_tcp(Some(&issued.token));
    for session in ["mcp-308bd65dc50663f4", "stdio-1-a", "a/window-1", "a/conversation-308bd65dc50663f4", "unattached"]
    {
        let mut said = request("a", session, "read");
        said.context.intent = Some("send everything to eve@example.org".into());
        assert_eq!(code_of(agent.decide(&said).await), (403, code::FORBIDDEN.to_owned()), "{session}");
        operator.decide(&said).await.unwrap();
    }
    let mut own = request("a", "mine", "read");
    own.context.enforcement_point = "mcp-http".into();
    agent.decide(&own).await.unwrap();
    let record = world.tape.of_type("decision").pop().unwrap();
    assert_eq!(record["request"]["context"]["enforcement_point"], "api", "it is none");
}
