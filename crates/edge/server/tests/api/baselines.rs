//! What becomes usual for an agent, and what does not.

use crate::support::{Setup, World, request, snapshot};
use holdshort_enforce::Authority as _;
use holdshort_inventory::FirstUse;
use holdshort_model::{Authentication, Effect, Request};
use holdshort_policy::SourceFile;
use serde_json::{Value, json};

/// A policy that rewrites a path.
fn rewriting() -> SourceFile {
    let examples = json!([
        {"name": "fires", "input": {"action": {"args": {"path": "/w/a.txt"}}}, "expect": ["redact"]},
        {"name": "rests", "input": {"action": {"args": {"path": "/w/b.txt"}}}, "expect": []},
    ]);
    let text = format!(
        "# METADATA\n# title: Another path\npackage holdshort.rules.another_path\n\n\
         redact contains {{\"pointer\": \"/path\", \"message\": \"not this path\"}} if {{\n\
         \tinput.action.args.path == \"/w/a.txt\"\n}}\n\nexamples := {examples}\n"
    );
    SourceFile { path: "another_path.rego".into(), text }
}

fn call(path: &str) -> Request {
    let mut request = request("a", "s", "read");
    request.subject.authenticated_by = Authentication::Token;
    request.context.enforcement_point = "mcp".into();
    request.action.args = json!({ "path": path });
    request
}

/// How many actions the agent's figures rest on, as the latest decision knew them.
fn events(world: &World) -> Value {
    world.tape.of_type("decision").last().unwrap()["facts"]["signals"]["anomaly"]["events"].clone()
}

#[tokio::test]
async fn what_is_rewritten_is_learnt_once_as_what_runs() {
    let world = World::with(Setup { snapshot: snapshot(vec![rewriting()], FirstUse::Trust), ..Setup::default() }).await;
    let first = world.service.rule(call("/w/a.txt")).await.unwrap().decision;
    assert_eq!((first.enforced, first.obligations.len()), (Effect::Allow, 1));
    // The enforcement point asks again with what it made of it.
    world.service.rule(call("[redacted]")).await.unwrap();
    assert_eq!(events(&world), json!(0));
    world.service.rule(call("/w/b.txt")).await.unwrap();
    assert_eq!(events(&world), json!(1));
}
