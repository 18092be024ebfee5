//! What a session has done and seen weighs on what it does next: offline, through the service, over stdio.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use serde_json::{Value, json};
use support::{Home, text};

/// Asks about `get_first`, and refuses `get_last` once two actions were allowed.
const POLICY: &str = r#"# METADATA
# title: A test
package holdshort.rules.past

ask contains "a person has to look at it" if input.action.name == "get_first"

deny contains message if {
	input.action.name == "get_last"
	input.history.actions >= 2
	message := sprintf("after %v", [input.history.actions])
}

examples := [
	{"name": "the last", "input": {"action": {"name": "get_last"}, "history": {"actions": 2, "in_flight": 0}}, "expect": ["deny"]},
	{"name": "another", "input": {"action": {"name": "get_note"}, "history": {"actions": 2, "in_flight": 0}}, "expect": []},
]
"#;

fn home() -> Home {
    let home = Home::new("[policies]\npaths = [\"policies\"]\n");
    std::fs::create_dir(home.path().join("policies")).unwrap();
    std::fs::write(home.path().join("policies/past.rego"), POLICY).unwrap();
    home
}

fn replayed(home: &Home, extra: &[&str], steps: &[&str]) -> (Vec<String>, Vec<u8>) {
    let step = |tool: &&str| json!({"tool": tool, "args": {"id": "1"}, "output": {"text": "x"}, "error": null});
    let tools: Vec<Value> = ["get_first", "get_note", "get_last"]
        .map(|name| json!({"name": name, "description": format!("{name} of a note"), "schema": {}}))
        .into();
    let steps: Vec<Value> = steps.iter().map(step).collect();
    let trace = json!({"id": 1, "prompt": "read", "tools": tools, "steps": steps});
    let arguments = [&["replay", "--traces", "-"], extra].concat();
    let output = home.run_with(&arguments, &format!("{trace}\n{trace}\n"));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<Value> =
        output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(lines[0], lines[1], "a trace knows of another");
    let decisions = lines[0]["decisions"].as_array().unwrap();
    (decisions.iter().map(|one| one["effect"].as_str().unwrap().to_owned()).collect(), output.stdout)
}

#[test]
fn a_step_that_did_not_run_is_not_part_of_the_past() {
    let home = home();
    let steps = ["get_first", "get_note", "get_last"];
    assert_eq!(replayed(&home, &[], &steps).0, ["ask", "allow", "allow"]);
    assert_eq!(replayed(&home, &["--asks", "refuse"], &steps).0, ["ask", "allow", "allow"]);
    assert_eq!(replayed(&home, &["--asks", "grant"], &steps).0, ["ask", "allow", "deny"]);
    assert_eq!(replayed(&home, &[], &["get_note", "get_note", "get_last"]).0, ["allow", "allow", "deny"]);
}

#[test]
fn the_same_traces_give_the_same_bytes() {
    let home = home();
    let steps = ["get_note", "get_first", "get_last", "get_note"];
    assert_eq!(replayed(&home, &["--asks", "grant"], &steps).1, replayed(&home, &["--asks", "grant"], &steps).1);
}
