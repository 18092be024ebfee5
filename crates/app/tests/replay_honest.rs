//! What replay and proposals of grants do not know, they say: nothing to decide, records that are gone, facts that another
//! configuration would have made otherwise, and what an agent did under somebody else's hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use holdshort_store::log::{Log, LogOptions};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use support::{Home, Service, text};

const RULES: &str = r#"# METADATA
# title: Rules of the test
package holdshort.rules.of_test

isolate contains "it burns" if {
	input.action.name == "burn"
}

respond contains {"message": "it burns", "steps": ["capture", "open-incident"]} if {
	input.action.name == "burn"
}

ask contains "is this wanted?" if {
	input.action.name == "odd"
}

redact contains {"message": "not this", "pointer": "/secret"} if {
	input.action.args.secret
}

examples := [
	{"name": "burns", "input": {"action": {"name": "burn"}}, "expect": ["isolate", "respond"]},
	{"name": "odd", "input": {"action": {"name": "odd"}}, "expect": ["ask"]},
	{"name": "secret", "input": {"action": {"name": "x", "args": {"secret": "s"}}}, "expect": ["redact"]},
	{"name": "rests", "input": {"action": {"name": "other"}}, "expect": []},
]
"#;

const REST: &str = r#"
[policies]
paths = ["p"]
[[agents]]
id = "tidy"
class = "office"
[[grants]]
name = "all"
class = "office"
verbs = ["read", "write", "delete", "execute", "send"]
resources = ["*"]
"#;

fn home() -> Home {
    let home = Home::new(REST);
    std::fs::create_dir(home.path().join("p")).unwrap();
    std::fs::write(home.path().join("p/of_test.rego"), RULES).unwrap();
    home
}

fn decide(service: &Service<'_>, session: &str, tool: &str, args: Value) -> Value {
    let action = json!({"kind": "tool.call", "server": "fs", "name": tool, "args": args});
    let context = json!({"workspace": "/srv/books", "intent": "read what is in the books"});
    let request = json!({"subject": {"agent": "tidy"}, "session": session, "action": action, "context": context});
    let (status, ruling) = service.post("/v1/decide", &service.admin_token(), &request);
    assert_eq!(status, 200, "{ruling}");
    ruling
}

fn read(service: &Service<'_>, session: &str, path: &str) {
    assert_eq!(decide(service, session, "read_file", json!({"path": path}))["enforced"], "allow");
}

/// Exit code, standard output as JSON, standard error.
fn json_of(home: &Home, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let output = home.run(&[arguments, &["--json"]].concat());
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        text(&output.stderr).to_string(),
    )
}

fn shown(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(arguments);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout).to_string()
}

fn candidate(home: &Home, name: &str, change: impl Fn(&str) -> String) -> PathBuf {
    let path = home.path().join(name);
    let config = std::fs::read_to_string(home.path().join("holdshort.toml")).unwrap();
    let changed = change(&config);
    assert_ne!(changed, config);
    std::fs::write(&path, changed).unwrap();
    path
}

/// Code and difference of a candidate, with `--strict`; without it the code is 0.
fn against(home: &Home, candidate: &Path) -> (Option<i32>, Value) {
    let file = candidate.to_str().unwrap();
    assert_eq!(json_of(home, &["replay", "--against", file]).0, Some(0));
    let (code, found, _) = json_of(home, &["replay", "--strict", "--against", file]);
    (code, found)
}

#[test]
fn what_a_candidate_changes_beside_the_answers_is_said() {
    let home = home();
    let service = Service::start(&home);
    (0..5).for_each(|number| read(&service, "s", &format!("/srv/books/{number}.csv")));
    // Policies want it changed first: what becomes of it would be asked about, and it alone is no question.
    let odd = decide(&service, "s", "odd", json!({"secret": "s"}));
    assert_eq!((&odd["enforced"], &odd["obligations"][0]["pointer"]), (&json!("ask"), &json!("/secret")), "{odd}");
    drop(service);

    let (code, found, _) = json_of(&home, &["replay", "--strict"]);
    assert_eq!((code, &found["identical"], &found["dropped_before"]), (Some(0), &json!(6), &Value::Null), "{found:#}");
    let nobody = home.run(&["replay", "--strict", "--agent", "tidi"]);
    assert_eq!(nobody.status.code(), Some(1), "a name that is wrong proves nothing");
    assert!(text(&nobody.stdout).contains("no decision is in this stretch"), "{}", text(&nobody.stdout));

    let (code, found) = against(&home, &home.path().join("holdshort.toml"));
    assert_eq!((code, &found["difference"]["same"]), (Some(0), &json!(6)), "{found:#}");
    assert_eq!(found["difference"]["questions"]["recorded"], 0, "{found:#}");

    // Nothing is refused, and the arguments would not be what they were.
    let file = candidate(&home, "rewrites.toml", |config| config.replace("[\"p\"]", "[\"p\", \"q\"]"));
    let policy = "# METADATA\n# title: No paths\npackage holdshort.rules.no_paths\n\nredact contains {\"message\": \"no path\", \
        \"pointer\": \"/path\"} if {\n\tinput.action.args.path\n}\n\nexamples := [\n\t{\"name\": \"path\", \"input\": {\"action\": \
        {\"args\": {\"path\": \"/x\"}}}, \"expect\": [\"redact\"]},\n\t{\"name\": \"rests\", \"input\": {}, \"expect\": []},\n]\n";
    std::fs::create_dir(home.path().join("q")).unwrap();
    std::fs::write(home.path().join("q/no_paths.rego"), policy).unwrap();
    let (code, found) = against(&home, &file);
    let difference = &found["difference"];
    assert_eq!(
        (code, &difference["same"], &difference["newly_rewritten"]),
        (Some(1), &json!(6), &json!(5)),
        "{found:#}"
    );

    // Another class has no grants.
    let file = candidate(&home, "class.toml", |config| config.replacen("\"office\"", "\"guests\"", 1));
    let (code, found) = against(&home, &file);
    assert_eq!((code, &found["difference"]["changed"]["refused"]), (Some(1), &json!(6)), "{found:#}");

    // Heavier signs change levels, and no answer.
    let file = candidate(&home, "risk.toml", |config| format!("{config}[risk.points.tool]\nread = 60\n"));
    let (code, found) = against(&home, &file);
    assert_eq!((code, found["difference"]["other_level"].as_u64() > Some(0)), (Some(1), true), "{found:#}");

    // What facts cannot tell is said, and nothing is proved.
    let labels = "[[labels]]\nresource = \"file:/srv/**\"\nlabels = [\"confidential\"]\n";
    let file = candidate(&home, "labels.toml", |config| format!("{config}{labels}"));
    let (code, found) = against(&home, &file);
    assert_eq!((code, &found["difference"]["unseen"]), (Some(1), &json!(["labels"])), "{found:#}");
    let page = home.path().join("d.html");
    let told = shown(&home, &["replay", "--against", file.to_str().unwrap(), "--html", page.to_str().unwrap()]);
    assert!(told.contains("note: NOT SEEN: the candidate's labels differ"), "{told}");
    assert!(std::fs::read_to_string(page).unwrap().contains("NOT SEEN"));

    // Without the database there is nothing to go by, and none is made.
    let copy = home.path().join("copy");
    std::fs::rename(home.data().join("state.db"), home.path().join("state.db.gone")).unwrap();
    for arguments in [vec!["replay"], vec!["grants", "suggest", "--agent", "tidy"]] {
        let output = home.run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("there is no `state.db`"), "{}", text(&output.stderr));
    }
    assert!(!home.data().join("state.db").exists() && !copy.exists());
}

#[test]
fn what_was_done_under_another_hand_is_no_reason_for_a_grant() {
    let home = home();
    let service = Service::start(&home);
    (0..3).for_each(|number| read(&service, "good", &format!("/srv/books/{number}.csv")));
    let odd = decide(&service, "good", "odd", json!({"path": "/srv/books/x"}));
    let id = odd["approval"].as_str().unwrap();
    shown(&home, &["approvals", "approve", id, "--reason", "yes", "--once"]);
    assert_eq!(decide(&service, "good", "odd", json!({"path": "/srv/books/x"}))["enforced"], "allow");
    // Rewritten before it runs: it did not run as it was decided.
    assert_eq!(
        decide(&service, "good", "read_file", json!({"path": "/srv/books/never", "secret": "s"}))["enforced"],
        "allow"
    );
    (0..3).for_each(|number| read(&service, "bad", &format!("/srv/keys/{number}.pem")));
    assert_eq!(decide(&service, "bad", "burn", json!({}))["containment"], "isolate");
    drop(service);

    let told = shown(&home, &["grants", "suggest", "--agent", "tidy"]);
    assert!(told.contains("\"file:${workspace}/*.csv\"") && told.contains("from 4 actions"), "{told}");
    assert!(!told.contains("keys") && !told.contains("never"), "{told}");
    assert!(told.contains("# Left out: 3 actions of sessions that were contained"), "{told}");
    assert!(told.contains("refuses 3 of the 3 actions that were left out"), "{told}");
    assert!(told.contains("a person was asked and said yes"), "{told}");
    assert!(told.contains("refused 0 of the 4 actions that ran"), "{told}");
    let (_, unused, _) = json_of(&home, &["grants", "unused"]);
    assert_eq!((&unused["actions"], &unused["grants"][0]["used"]), (&json!(7), &json!(7)), "{unused:#}");
}

#[test]
fn records_that_are_gone_are_counted_and_the_others_come_out_again() {
    let home = home();
    let service = Service::start(&home);
    for number in 0..6 {
        read(&service, if number % 2 == 0 { "kept" } else { "erased" }, &format!("/srv/books/{number}.csv"));
    }
    drop(service);
    let erased = home.run(&["log", "erase", "--session", "erased", "--because", "a request", "--yes"]);
    assert!(erased.status.success(), "{}", text(&erased.stderr));
    let (code, found, _) = json_of(&home, &["replay"]);
    assert_eq!((code, &found["identical"], &found["erased"]["count"]), (Some(0), &json!(3), &json!(3)), "{found:#}");
    assert_eq!(json_of(&home, &["replay", "--strict"]).0, Some(1));
    let told = shown(&home, &["grants", "suggest", "--agent", "tidy"]);
    assert!(told.contains("Not looked at: records that could not be read: 3 erased"), "{told}");

    grow(&home);
    let dropped = home.run(&["log", "drop", "--before", "45", "--because", "retention", "--yes"]);
    assert!(dropped.status.success(), "{}", text(&dropped.stderr));
    let service = Service::start(&home);
    read(&service, "new", "/srv/books/new.csv");
    drop(service);
    let told = shown(&home, &["replay"]);
    assert!(
        told.contains("1 decisions: 1 came out identical") && told.contains("were dropped, and are not looked at"),
        "{told}"
    );
    for what in [vec!["grants", "suggest", "--agent", "tidy"], vec!["grants", "unused"]] {
        let told = shown(&home, &what);
        assert!(told.contains("were dropped: what was done then is not counted"), "{told}");
    }
    // Of a time after them nothing was dropped.
    let (_, found, _) = json_of(&home, &["replay", "--since", "2999-01-01"]);
    assert_eq!((&found["decisions"], &found["dropped_before"]), (&json!(0), &Value::Null), "{found:#}");
}

/// More records, so that the first segment is finished.
fn grow(home: &Home) {
    let (log, key) = (home.data().join("log"), home.data().join("log.key"));
    let options = LogOptions { segment_bytes_max: 1 << 20, ..LogOptions::new(log, key, "-") };
    let (log, _) = Log::open(options).unwrap();
    let time_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    for number in 0..40 {
        let detail = json!({ "number": number, "text": "and so on ".repeat(20_000) });
        let record = json!({ "type": "lifecycle", "time_ms": u64::try_from(time_ms).unwrap(), "event": "test", "detail": detail });
        log.append_blocking(serde_json::to_vec(&record).unwrap()).unwrap();
    }
    log.close_blocking().unwrap();
}
