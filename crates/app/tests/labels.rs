//! Labels with the real binary: what a session has read decides where it may send, and a person can lower it.
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
use support::{Home, Service, text};

const CONFIGURATION: &str = r#"
[[labels]]
resource = "file:/srv/hr/**"
labels = ["confidential"]

[[labels]]
resource = "file:/srv/board/**"
labels = ["restricted", "personal"]

[[catalog]]
tool = "find_patients"
output = [{ pointer = "/patients/*/ssn", labels = ["restricted"] }]

[[grants]]
name = "all"
class = "*"
verbs = ["read", "write", "delete", "execute", "send", "spend", "delegate", "grant"]
resources = ["*"]
"#;

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", text(bytes)))
}

/// The effects of a post to the outside after each of these reads: tool, argument, output.
fn post_after(home: &Home, reads: &[(&str, Value, Value)]) -> (String, String) {
    let tools = json!([
        {"name": "read_file", "description": "Reads a file", "schema": {"type": "object", "properties": {"path": {"type": "string"}}}},
        {"name": "find_patients", "description": "Finds patients", "schema": {}},
        {"name": "send_message", "description": "Sends a message", "schema": {"type": "object", "properties": {"url": {"type": "string"}, "text": {"type": "string"}}}},
    ]);
    let step = |(tool, args, output): &(&str, Value, Value)| json!({"tool": tool, "args": args, "output": output});
    let mut steps: Vec<Value> = reads.iter().map(step).collect();
    steps.push(step(&("send_message", json!({"url": "https://hooks.example/x", "text": "hello"}), json!("sent"))));
    let trace = json!({"id": 1, "prompt": "post hello to https://hooks.example/x", "tools": tools, "steps": steps});
    let output = home.run_with(&["replay", "--traces", "-"], &format!("{trace}\n"));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let decision = json_of(&output.stdout)["decisions"].as_array().unwrap().last().unwrap().clone();
    let reasons = decision["reasons"].as_array().unwrap().iter();
    let mut egress = reasons.filter(|reason| reason["policy"] == "holdshort.rules.confidential_egress");
    let heard = egress.next().map(|reason| reason["effect"].as_str().unwrap().to_owned());
    (decision["effect"].as_str().unwrap().to_owned(), heard.unwrap_or_default())
}

#[test]
fn what_a_session_has_read_decides_where_it_may_send() {
    let home = Home::new(CONFIGURATION);
    let read = |path: &str| ("read_file", json!({ "path": path }), json!("some text"));
    let patients = |ssn: Value| ("find_patients", json!({}), json!({"patients": [{"name": "Ada", "ssn": ssn}]}));
    let ask = || ("ask".to_owned(), "ask".to_owned());
    let deny = || ("deny".to_owned(), "deny".to_owned());
    for (reads, expected) in [
        (vec![read("/srv/hr/plan.txt")], ask()),
        (vec![read("/srv/board/minutes.txt")], deny()),
        (vec![read("/srv/hr/plan.txt"), read("/srv/board/minutes.txt")], deny()),
        (vec![read("/srv/board/minutes.txt"), read("/srv/hr/plan.txt")], deny()),
        (vec![read("/srv/board/../hr/plan.txt")], ask()),
        (vec![patients(json!("123-45-6789"))], deny()),
    ] {
        assert_eq!(post_after(&home, &reads), expected, "{reads:?}");
    }
    // Nothing classified was read: the policy has nothing to say.
    for reads in [vec![], vec![read("/srv/www/index.html")], vec![patients(Value::Null)]] {
        assert_eq!(post_after(&home, &reads).1, "", "{reads:?}");
    }
    let bare = Home::new("");
    assert_eq!(post_after(&bare, &[read("/srv/board/minutes.txt")]).1, "", "nothing is declared");
}

#[test]
fn a_person_looks_at_labels_and_lowers_them() {
    let home = Home::new(CONFIGURATION);
    let stopped = home.run(&["labels", "show", "s1", "--agent", "tidy"]);
    assert_eq!(stopped.status.code(), Some(3), "{}", text(&stopped.stderr));
    let service = Service::start(&home);
    let issued = json_of(&home.run(&["agents", "add", "tidy", "--class", "assistant", "--json"]).stdout);
    let agent = issued["token"].as_str().unwrap();
    let admin = service.admin_token();
    let read = |token: &str| {
        let question = json!({
            "subject": {"agent": "tidy"}, "session": "s1",
            "action": {"kind": "tool.call", "server": "fs", "name": "read_file", "args": {"path": "/srv/board/a.txt"}},
        });
        let (status, ruling) = service.post("/v1/decide", token, &question);
        assert_eq!((status, &ruling["enforced"]), (200, &json!("allow")), "{ruling}");
        let outcome = json!({"decision": ruling["id"], "session": "s1", "status": "ok", "bytes": 4, "duration_us": 1,
            "seen": {"parts": ["text"], "truncated": false}});
        let (status, answer) = service.post("/v1/outcomes", token, &outcome);
        assert!((200..300).contains(&status), "{status} {answer}");
    };
    read(agent);
    let show = || json_of(&home.run(&["labels", "show", "s1", "--agent", "tidy", "--json"]).stdout)["labels"].clone();
    assert_eq!((&show()["confidentiality"], &show()["categories"]), (&json!("restricted"), &json!(["personal"])));
    let table = text(&home.run(&["labels", "show", "s1", "--agent", "tidy"]).stdout);
    assert!(table.contains("read_file#1") && table.contains("untrusted since"), "{table}");

    let wanted = json!({"what": "restricted", "reason": "because I say so"});
    assert_eq!(service.post("/v1/sessions/tidy/s1/declassify", agent, &wanted).0, 403);
    let refused = home.run(&["labels", "declassify", "s1", "confidential", "--agent", "tidy", "--reason", "r"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert_eq!(show()["confidentiality"], "restricted");

    let arguments =
        ["labels", "declassify", "s1", "restricted", "--agent", "tidy", "--reason", "redacted, ticket 7", "--json"];
    let lowered = json_of(&home.run(&arguments).stdout);
    assert_eq!(lowered["labels"]["confidentiality"], Value::Null);
    assert_eq!(show().get("confidentiality"), None);
    let (status, again) =
        service.post("/v1/sessions/tidy/s1/declassify", &admin, &json!({"what": "personal", "reason": "the same"}));
    assert_eq!((status, again["labels"].get("categories")), (200, None), "{again}");
    read(agent);
    assert_eq!(show()["confidentiality"], "restricted", "what is read later raises again");

    drop(service);
    assert_eq!(json_of(&home.run(&["log", "verify", "--json"]).stdout)["ok"], true);
    let line = text(&home.run(&["log", "search", "--session", "s1", "--text", "redacted, ticket 7"]).stdout);
    assert!(line.contains("declassified `restricted` in s1 of tidy, by os-user: redacted, ticket 7"), "{line}");
    let record = json_of(&home.run(&["log", "show", &lowered["receipt"]["index"].to_string(), "--json"]).stdout);
    assert_eq!(record["record"]["id"], lowered["record"]);
    assert_eq!(record["record"]["before"]["confidentiality"], "restricted");
}
