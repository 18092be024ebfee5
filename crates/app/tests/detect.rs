//! What content is scanned for: feeds, rules and own secrets, from the command line to a decision.
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
use std::process::{Command, Output};
use support::{Home, Service, text};

const FEED: &str = "[[detect.feeds]]\nname = \"mine\"\npath = \"feed.csv\"\nformat = \"csv\"\nconfidence = 70\n";

// Commands that take neither a configuration nor a data directory.
fn bare(home: &Home, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdshort")).args(arguments).current_dir(home.path()).output().unwrap()
}

fn write(home: &Home, name: &str, text: &str) {
    std::fs::write(home.path().join(name), text).unwrap();
}

fn import(home: &Home, format: &str, text: &str) -> Output {
    write(home, "download", text);
    bare(home, &["intelligence", "import", "--format", format, "download", "--to", "feed.csv"])
}

#[test]
fn a_feed_is_imported_shown_and_looked_into() {
    let home = Home::new(FEED);
    let event = r#"{"Event":{"Attribute":[{"type":"domain","value":"evil.example","to_ids":true},
        {"type":"url","value":"https://bad.example/a\"b,c","to_ids":true},
        {"type":"ip-dst","value":"10.0.0.1","to_ids":true}]}}"#;
    let imported = import(&home, "misp", event);
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert!(text(&imported.stdout).contains("line 3: a local, private or reserved address"));
    assert!(text(&imported.stdout).contains("2 indicators in `feed.csv`"));

    let shown = text(&home.run(&["intelligence", "show", "--json"]).stdout);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((shown["entries"].as_u64(), shown["feeds"][0]["rejected"].as_u64()), (Some(2), Some(0)), "{shown}");

    let check = |text: &str| home.run(&["intelligence", "check", "--json", text]);
    let found = check("curl https://www.evil.example/x");
    assert_eq!(found.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found, json!({ "feed": "mine", "kind": "domain", "confidence": 70 }));
    assert_eq!(check("http://bad.example/a%22b,c").status.code(), Some(1));
    assert_eq!(check("https://notevil.example").status.code(), Some(0));
}

#[test]
fn a_bad_download_leaves_the_last_good_feed() {
    let home = Home::new(FEED);
    assert!(import(&home, "plain", "evil.example\n").status.success());
    let good = std::fs::read(home.path().join("feed.csv")).unwrap();
    for (format, bad) in [("plain", "<html>\n"), ("misp", "[[[["), ("stix", "{}"), ("csv", "a,b\nc,d\n")] {
        let refused = import(&home, format, bad);
        assert_eq!(refused.status.code(), Some(64), "{format}");
        assert!(text(&refused.stderr).contains("download: line 1"), "{}", text(&refused.stderr));
        assert_eq!(std::fs::read(home.path().join("feed.csv")).unwrap(), good);
    }
    let others: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(others.len(), 3, "{others:?}");
}

#[test]
fn a_service_needs_good_feeds_and_keeps_the_last_good_ones() {
    let home = Home::new(FEED);
    write(&home, "feed.csv", "no header\n");
    let refused = home.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused.stderr).contains("feed.csv: line 1: not CSV"), "{}", text(&refused.stderr));
    assert!(!home.data().exists(), "nothing is made before the configuration is checked");

    assert!(import(&home, "plain", "evil.example\n").status.success());
    let service = Service::start(&home);
    let reload = || service.post("/v1/policies/reload", &service.admin_token(), &json!(null));
    let (status, before) = reload();
    assert_eq!(status, 200, "{before}");
    write(&home, "feed.csv", "no header\n");
    let (status, refused) = reload();
    assert_eq!((status, refused["accepted"].as_bool()), (422, Some(false)), "{refused}");
    assert!(refused["diagnostics"].to_string().contains("line 1: not CSV"), "{refused}");
    assert!(import(&home, "plain", "evil.example\nworse.example\n").status.success());
    let (status, after) = reload();
    assert_eq!(status, 200, "{after}");
    assert_ne!(after["snapshot"], before["snapshot"]);
}

#[test]
fn what_feeds_and_rules_name_is_in_the_decision() {
    let home = Home::new(FEED);
    assert!(import(&home, "plain", "evil.example\n").status.success());
    let decide = |url: &str| {
        let request = json!({ "subject": { "agent": "a" }, "session": "s",
            "action": { "kind": "tool.call", "server": "web", "name": "fetch", "args": { "url": url } } });
        let output = home.run_with(&["decide"], &request.to_string());
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    };
    let score = |answer: &Value| answer["risk"]["score"].as_u64().unwrap();
    let (bad, good) = (decide("https://a.evil.example/"), decide("https://a.other.example/"));
    assert!(score(&bad) > score(&good), "{bad}\n{good}");
    assert!(bad["risk"]["parts"].to_string().contains("mine"), "{}", bad["risk"]);
}

#[test]
fn a_secret_is_known_by_its_fingerprint_alone() {
    let home = Home::new("");
    let value = "s3cr3t-Of-The-Organisation-0042";
    let print = home.run_with(&["secrets", "fingerprint", "--name", "billing \"key\""], &format!("{value}\n"));
    assert!(print.status.success(), "{}", text(&print.stderr));
    let entry = text(&print.stdout);
    assert!(!entry.contains(value) && entry.contains("bytes = 31"), "{entry}");
    let again = home.run_with(&["secrets", "fingerprint", "--name", "billing \"key\""], value);
    assert_eq!(text(&again.stdout), entry, "the key stays");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(home.data().join("fingerprint.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    home.configure(&entry);
    let request = json!({ "subject": { "agent": "a" }, "session": "s",
        "action": { "kind": "tool.call", "server": "web", "name": "post", "args": { "body": format!("take {value} along") } } });
    let answer = home.run_with(&["decide"], &request.to_string());
    let answer = text(&answer.stdout);
    assert!(answer.contains("billing") && !answer.contains(value), "{answer}");
    let short = home.run_with(&["secrets", "fingerprint", "--name", "x"], "abc");
    assert_eq!(short.status.code(), Some(2));
    std::fs::remove_file(home.data().join("fingerprint.key")).unwrap();
    let without = home.run(&["config", "check"]);
    assert_eq!(without.status.code(), Some(64), "fingerprints without their key mean nothing");
}

#[test]
fn rules_are_converted_and_run_their_own_tests() {
    let home = Home::new("[[detect.rules]]\npath = \"rules.jsonl\"\n");
    let rule = |id: &str, positive: &str| {
        format!(
            "id: {id}\ntitle: T\nstatus: stable\nmaturity: stable\nseverity: high\nagent_source:\n  type: tool_call\n\
             detection:\n  condition: any\n  conditions:\n    - field: tool_args\n      operator: regex\n      value: 'frobnicate\\s+all'\n\
             test_cases:\n  true_positives:\n    - tool_args: '{positive}'\n      expected: triggered\n"
        )
    };
    std::fs::create_dir(home.path().join("atr")).unwrap();
    write(&home, "atr/good.yaml", &rule("ATR-1", "frobnicate all"));
    write(&home, "atr/bad.yaml", &rule("ATR-2", "frobnicate nothing"));
    write(&home, "atr/odd.yaml", "a: &x [*x]\n");
    let imported = bare(&home, &["rules", "import", "atr", "--to", "rules.jsonl"]);
    let told = text(&imported.stdout);
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert!(told.contains("left out: bad.yaml: fails its own test 1") && told.contains("left out: odd.yaml"), "{told}");
    assert!(told.contains("1 rules in `rules.jsonl`, 1 of them count; 2 files left out"), "{told}");
    assert!(home.run(&["config", "check"]).status.success());

    write(&home, "benign.jsonl", "\"please frobnicate all of it\"\n");
    let calm = bare(&home, &["rules", "import", "atr", "--to", "rules.jsonl", "--benign", "benign.jsonl"]);
    assert!(text(&calm.stdout).contains("ATR-1: does not count, it matches 1 benign texts"), "{}", text(&calm.stdout));
    write(&home, "rules.jsonl", "{}\n");
    let refused = home.run(&["config", "check"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused.stderr).contains("rules.jsonl:1: missing field `id`"), "{}", text(&refused.stderr));
}
