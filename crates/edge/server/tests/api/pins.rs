//! Tool definitions: seen, compared, recorded, accepted.

use crate::support::{Mood, Setup, World, refusing, request, snapshot};
use holdshort_api::AcceptPin;
use holdshort_enforce::Authority as _;
use holdshort_inventory::FirstUse;
use holdshort_model::{ActionKind, FailMode, Pin, ToolDefinition, ToolListing, ToolsSeen};
use holdshort_sdk::ClientError;
use serde_json::{Value, json};

fn seen(descriptions: &[(&str, &str)]) -> ToolsSeen {
    let tool = |(name, description): &(&str, &str)| ToolDefinition {
        name: (*name).into(),
        definition: json!({"name": name, "description": description, "inputSchema": {"type": "object"}}),
    };
    let subject = request("a", "s", "t").subject;
    let tools = descriptions.iter().map(tool).collect();
    ToolsSeen { subject, session: "s".into(), server: "fs".into(), kind: ActionKind::ToolCall, tools }
}

fn listing(name: &str, listed: bool, pin: Pin) -> ToolListing {
    ToolListing { name: name.into(), listed, pin }
}

#[tokio::test]
async fn new_and_changed_definitions_are_recorded_before_they_are_listed() {
    let world = World::start().await;
    let client = world.over_unix();
    let first = client.inspect(&seen(&[("read", "reads"), ("wipe", "wipes")])).await.unwrap();
    // What may not be called is not listed: the same predicate.
    assert_eq!(first.tools, [listing("read", true, Pin::New), listing("wipe", false, Pin::New)]);
    let again = client.inspect(&seen(&[("wipe", "wipes"), ("read", "reads")])).await.unwrap();
    assert_eq!(again.tools, [listing("wipe", false, Pin::Match), listing("read", true, Pin::Match)]);
    assert_eq!(world.tape.of_type("tool-change").len(), 2, "what was seen before is not recorded again");

    let changed = client.inspect(&seen(&[("read", "reads and sends")])).await.unwrap();
    assert_eq!(changed.tools[0].pin, Pin::Changed);
    let record = world.tape.of_type("tool-change").pop().unwrap();
    assert_eq!((&record["tool"], &record["pin"]), (&json!("read"), &json!("changed")));
    assert!(record["difference"].to_string().contains("reads and sends"), "{record}");

    world.operator().decide(&request("a", "s", "read")).await.unwrap();
    let decision = world.tape.of_type("decision").pop().unwrap();
    assert_eq!(decision["facts"]["tool"]["pin"], "changed");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_listed() {
    let world = World::start().await;
    world.tape.mood(Mood::Fails);
    let fault = world.service.inspect(seen(&[("read", "reads")])).await.unwrap_err();
    assert_eq!(fault.mode, FailMode::RecorderDown);
    assert!(world.service.pins().is_empty());
    world.tape.mood(Mood::Works);
    assert_eq!(world.service.inspect(seen(&[("read", "reads")])).await.unwrap()[0].pin, Pin::New);
    assert_eq!(world.tape.of_type("tool-change").len(), 1);
}

#[tokio::test]
async fn two_tools_of_one_name_are_not_listed() {
    let world = World::start().await;
    for pages in [seen(&[("t", "one"), ("t", "two")]), seen(&[("t", "one"), ("t", "one")])] {
        assert!(world.service.inspect(pages).await.unwrap_err().message.contains("two tools"));
    }
    assert!(world.service.pins().is_empty());
}

#[tokio::test]
async fn a_person_accepts_what_they_looked_at_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let asking = || Setup { snapshot: snapshot(vec![refusing("wipe")], FirstUse::Ask), ..Setup::default() };
    let world = World::within(dir.path(), asking()).await;
    let client = world.over_unix();
    client.inspect(&seen(&[("read", "reads")])).await.unwrap();
    let shown = client.pins().await.unwrap().pins.remove(0);
    assert_eq!((shown.pin, shown.pinned), (Pin::New, None));
    client.inspect(&seen(&[("read", "reads more")])).await.unwrap();
    let accept = |definition| AcceptPin { server: "fs".into(), tool: "read".into(), definition };
    let refused = client.accept_pin(&accept(shown.latest)).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused { status: 409, .. }), "{refused}");
    let shown = client.pins().await.unwrap().pins.remove(0);
    let accepted = client.accept_pin(&accept(shown.latest)).await.unwrap();
    assert_eq!((accepted.pin, accepted.pinned), (Pin::Match, Some(shown.latest)));
    let unseen = AcceptPin { tool: "other".into(), ..accept(shown.latest) };
    assert!(client.accept_pin(&unseen).await.unwrap_err().is_not_found());
    world.tape.until(|record: &Value| record["event"] == "pin-accepted").await;
    world.stop().await;

    let world = World::within(dir.path(), asking()).await;
    assert_eq!(world.operator().pins().await.unwrap().pins, [accepted]);
}

#[tokio::test]
async fn a_reload_keeps_agents_and_pins_and_brings_its_own_first_use() {
    let world = World::start().await;
    world.service.inspect(seen(&[("read", "reads")])).await.unwrap();
    let agent = holdshort_api::NewAgent { id: "a".into(), class: "coding".into(), owner: None };
    world.service.add_agent(agent).await.unwrap();
    let (agents, pins) = (world.service.agents(), world.service.pins());
    world.service.reload(Ok(snapshot(vec![], FirstUse::Ask)), "file").await.unwrap();
    assert_eq!((world.service.agents(), world.service.pins()), (agents, pins));
    world.service.inspect(seen(&[("other", "others")])).await.unwrap();
    assert_eq!(world.service.inspect(seen(&[("other", "others")])).await.unwrap()[0].pin, Pin::New);
}

#[tokio::test]
async fn resources_and_prompts_are_listed_when_they_may_be_used_and_are_not_pinned() {
    let world = World::start().await;
    for (kind, good) in
        [(ActionKind::ResourceRead, true), (ActionKind::PromptGet, true), (ActionKind::RootsList, false)]
    {
        let things = ToolsSeen { kind, ..seen(&[("read", "reads"), ("wipe", "wipes")]) };
        let found = world.service.inspect(things).await;
        match good {
            true => assert_eq!(found.unwrap(), [listing("read", true, Pin::Match), listing("wipe", false, Pin::Match)]),
            false => assert_eq!(found.unwrap_err().mode, FailMode::Unparseable),
        }
    }
    assert!(world.service.pins().is_empty() && world.tape.of_type("tool-change").is_empty());
}
