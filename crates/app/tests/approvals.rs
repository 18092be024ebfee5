//! Approvals with the real binary: a question is asked, read, answered from the shell, used once; across a restart.
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
use std::process::Output;
use support::{Home, Service, text};

const POLICY: &str = r#"# METADATA
# title: Ask about mail
package holdshort.rules.flow_mail_test

ask contains "is this mail wanted?" if {
	input.action.name == "send_mail"
}

examples := [
	{"name": "fires", "input": {"action": {"name": "send_mail"}}, "expect": ["ask"]},
	{"name": "rests", "input": {"action": {"name": "other"}}, "expect": []},
]
"#;

fn home() -> Home {
    let home = Home::new("[policies]\nbuiltin = false\npaths = [\"p\"]\n");
    std::fs::create_dir(home.path().join("p")).unwrap();
    std::fs::write(home.path().join("p/ask.rego"), POLICY).unwrap();
    home
}

/// Asks as the operator does; the answer's `enforced` and `approval`.
fn ask(service: &Service<'_>, to: &str) -> (String, Value) {
    let action =
        json!({"kind": "tool.call", "server": "mail", "name": "send_mail", "args": {"to": to, "body": "hi\u{1b}[2J"}});
    let request = json!({"subject": {"agent": "tidy"}, "session": "s", "action": action});
    let (status, ruling) = service.post("/v1/decide", &service.admin_token(), &request);
    assert_eq!(status, 200, "{ruling}");
    (ruling["enforced"].as_str().unwrap().to_owned(), ruling["approval"].clone())
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn fails(output: &Output, code: i32, expected: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
}

#[test]
fn a_question_is_read_answered_and_used_once() {
    let home = home();
    let service = Service::start(&home);
    let (enforced, id) = ask(&service, "bob@example.org");
    assert_eq!(enforced, "ask");
    let id = id.as_str().unwrap();
    for shown in [done(&home.run(&["approvals", "list"])), done(&home.run(&["approvals", "show", id]))] {
        assert!(shown.contains("bob@example.org") && shown.contains("is this mail wanted?"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "what an agent wrote does not steer the terminal");
    }
    fails(&home.run(&["approvals", "approve", "nonsense"]), 2, "nonsense");
    let answered = done(&home.run(&["approvals", "approve", id, "--reason", "ticket 4711", "--once", "--json"]));
    let answered: Value = serde_json::from_str(&answered).unwrap();
    assert_eq!((&answered["approval"]["state"], &answered["known"]), (&json!("approved"), &json!([])));
    assert_eq!(answered["approval"]["answers"][0]["by"], "os-user");
    assert_eq!(ask(&service, "eve@example.org").0, "ask", "another argument");
    assert_eq!(ask(&service, "bob@example.org"), ("allow".into(), json!(id)));
    assert_eq!(ask(&service, "bob@example.org").0, "ask", "once");
    fails(&home.run(&["approvals", "approve", id]), 1, "used already");
    drop(service);
    let found = done(&home.run(&["log", "search", "--text", "ticket 4711"]));
    assert!(found.contains("approved by os-user"), "{found}");
}

#[test]
fn people_answer_with_their_token_also_while_no_service_runs() {
    let home = home();
    let added = done(&home.run(&["people", "add", "ann", "--role", "approve", "--json"]));
    let token = serde_json::from_str::<Value>(&added).unwrap()["token"].as_str().unwrap().to_owned();
    let file = home.path().join("token");
    std::fs::write(&file, &token).unwrap();
    let file = file.to_str().unwrap();
    let service = Service::start(&home);
    let (first, second) = (ask(&service, "bob@example.org").1, ask(&service, "carl@example.org").1);
    drop(service);
    let (first, second) = (first.as_str().unwrap(), second.as_str().unwrap());
    let remembered = done(&home.run(&["approvals", "approve", first, "--remember", "8h", "--token-file", file]));
    assert!(remembered.contains("remembered until") && remembered.contains("known from now on: mail bob@example.org"));
    std::fs::write(file, format!("hs_{}", "A".repeat(43))).unwrap();
    fails(&home.run(&["approvals", "list", "--token-file", file]), 1, "not good");
    fails(&home.run(&["approvals", "watch"]), 3, "no service runs");

    let service = Service::start(&home);
    assert_eq!(ask(&service, "bob@example.org").0, "allow", "the approval itself, kept over the restart");
    assert_eq!(ask(&service, "bob@example.org").0, "allow", "the remembered answer");
    assert!(done(&home.run(&["approvals", "exceptions"])).contains("bob@example.org"));
    done(&home.run(&["approvals", "refuse", second, "--reason", "not him"]));
    assert_eq!(ask(&service, "carl@example.org").0, "deny", "a person said no");
    done(&home.run(&["approvals", "revoke", first]));
    assert_eq!(ask(&service, "bob@example.org").0, "ask");
    fails(&home.run(&["approvals", "list", "--token-file", file]), 1, "not good");
    assert!(done(&home.run(&["people", "list"])).contains("ann"));
    assert!(!done(&home.run(&["people", "list", "--json"])).contains(&token));
}

#[test]
fn where_only_people_answer_the_shell_of_the_service_does_not() {
    let home = Home::new("[approvals]\napprovers = \"people\"\n[policies]\nbuiltin = false\npaths = [\"p\"]\n");
    std::fs::create_dir(home.path().join("p")).unwrap();
    std::fs::write(home.path().join("p/ask.rego"), POLICY).unwrap();
    let service = Service::start(&home);
    let id = ask(&service, "bob@example.org").1;
    let id = id.as_str().unwrap();
    fails(&home.run(&["approvals", "approve", id]), 1, "only registered people");
    drop(service);
    fails(&home.run(&["approvals", "approve", id]), 1, "may not answer");
}
