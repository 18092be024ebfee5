//! Searching and following the records: the real binary, beside a service and without one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/gateway.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod gateway;
#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use gateway::eventually;

use serde_json::{Value, json};
use std::process::Output;
use support::{Home, Service, text};

fn decide(service: &Service<'_>, token: &str, session: &str, tool: &str) -> Value {
    let question = json!({
        "subject": {"agent": "tidy"}, "session": session,
        "action": {"kind": "tool.call", "server": "mail", "name": tool, "args": {"ids": ["1"]}},
    });
    let (status, ruling) = service.post("/v1/decide", token, &question);
    assert_eq!(status, 200, "{ruling}");
    ruling
}

fn agent(home: &Home) -> String {
    let added = home.run(&["agents", "add", "tidy", "--class", "assistant", "--owner", "ada", "--json"]);
    let issued: Value = serde_json::from_slice(&added.stdout).unwrap();
    issued["token"].as_str().unwrap().to_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn indexes(output: &Output) -> Vec<u64> {
    lines(output).iter().map(|line| line["index"].as_u64().unwrap()).collect()
}

fn status(home: &Home) -> Value {
    lines(&home.run(&["log", "index", "--json"])).remove(0)
}

#[test]
fn a_search_finds_the_same_with_an_index_without_one_and_while_a_service_writes() {
    let home = Home::new("");
    let service = Service::start(&home);
    let token = agent(&home);
    let mut ids = Vec::new();
    for number in 0..6 {
        let ruling =
            decide(&service, &token, &format!("s{}", number % 2), ["read_mail", "delete_messages"][number % 2]);
        ids.push(ruling["id"].as_str().unwrap().to_owned());
    }
    // What is durable is covered by a checkpoint within a second.
    let all = eventually("the records are seen", || {
        let all = home.run(&["log", "tail", "-n", "1000", "--json"]);
        text(&all.stdout).contains(ids.last().unwrap()).then_some(all)
    });
    let all = lines(&all);
    let expected = |wanted: &dyn Fn(&Value) -> bool| -> Vec<u64> {
        let found = all.iter().filter(|line| wanted(&line["record"]));
        found.map(|line| line["index"].as_u64().unwrap()).collect()
    };
    let cases: [(&[&str], Vec<u64>); 7] = [
        (
            &["--agent", "tidy", "--type", "decision"],
            expected(&|record| record["request"]["subject"]["agent"] == "tidy"),
        ),
        (&["--session", "s1"], expected(&|record| record["request"]["session"] == "s1")),
        (
            &["--tool", "mail/delete_messages"],
            expected(&|record| record["request"]["action"]["name"] == "delete_messages"),
        ),
        (
            &["--tool", "read_mail", "--tool", "other"],
            expected(&|record| record["request"]["action"]["name"] == "read_mail"),
        ),
        (&["--type", "lifecycle", "--text", "AGENT, added!"], expected(&|record| record["event"] == "agent-added")),
        (&["--agent", "nobody"], vec![]),
        (&["--contains", "delete_mess", "--session", "s1"], expected(&|record| record["request"]["session"] == "s1")),
    ];
    let check = || {
        for (arguments, expected) in &cases {
            for more in [&["--no-index"][..], &[]] {
                let found = [&["log", "search", "--json", "--oldest-first"], *arguments, more].concat();
                assert_eq!(&indexes(&home.run(&found)), expected, "{found:?}");
                let mut backwards = indexes(&home.run(&[&["log", "search", "--json"], *arguments, more].concat()));
                backwards.reverse();
                assert_eq!(&backwards, expected, "{arguments:?} {more:?}");
            }
        }
    };
    assert!(cases[..5].iter().all(|(arguments, found)| !found.is_empty() || panic!("{arguments:?} finds nothing")));
    check();
    eventually("the service indexes what it writes", || (status(&home)["lag"] == 0).then_some(()));
    check();

    let page = |query: &str| service.get(&format!("/v1/records?{query}"));
    let found = |page: &Value| -> Vec<u64> {
        page["records"].as_array().unwrap().iter().map(|entry| entry["index"].as_u64().unwrap()).collect()
    };
    assert_eq!(found(&page("session=s1")), cases[1].1);
    assert_eq!(found(&page("tool=mail%2Fdelete_messages&type=decision&text=not%22%20OR")), Vec::<u64>::new());
    assert_eq!(found(&page("type=lifecycle&text=agent%20added")), cases[4].1);
    let (mut newest, mut before) = (Vec::new(), None);
    loop {
        let more = before.map_or_else(String::new, |before: u64| format!("&before={before}"));
        let page = page(&format!("session=s1&newest_first=true&limit=2{more}"));
        newest.extend(found(&page));
        before = page["next"].as_u64();
        if before.is_none() {
            break;
        }
    }
    newest.reverse();
    assert_eq!(newest, cases[1].1);
    assert!(page("text=%22%22").to_string().contains("no word"), "{}", page("text=%22%22"));
    assert!(page("effect=never").to_string().contains("error"), "{}", page("effect=never"));

    drop(service);
    for spoil in [None, Some(&b"not an index, whatever its name says"[..])] {
        if let Some(bytes) = spoil {
            std::fs::write(home.data().join("index.db"), bytes).unwrap();
            let _ = std::fs::remove_file(home.data().join("index.db-wal"));
            assert!(status(&home)["unusable"].is_string(), "{}", status(&home));
        }
        check();
    }
    let shown = home.run(&["log", "show", &ids[3], "--json"]);
    assert_eq!(lines(&shown)[0]["record"]["decision"]["id"], ids[3].as_str());
    let rebuilt = home.run(&["log", "index", "--rebuild", "--json"]);
    let rebuilt = lines(&rebuilt).remove(0);
    assert_eq!((&rebuilt["lag"], &rebuilt["unusable"]), (&json!(0), &Value::Null), "{rebuilt}");
    assert!(rebuilt["indexed"].as_u64().unwrap() > 8 && rebuilt["bytes"].as_u64().unwrap() > 0, "{rebuilt}");
}

#[test]
fn pages_of_a_search_go_on_where_the_last_one_ended() {
    let home = Home::new("");
    let service = Service::start(&home);
    let token = agent(&home);
    (0..5).for_each(|_| drop(decide(&service, &token, "s", "read_mail")));
    drop(service);
    let all = indexes(&home.run(&["log", "search", "--session", "s", "--json"]));
    assert!(all.len() >= 5 && all.is_sorted_by(|a, b| a > b), "{all:?}");
    let (mut paged, mut before) = (Vec::new(), u64::MAX);
    loop {
        let before_text = before.to_string();
        let page = indexes(&home.run(&[
            "log",
            "search",
            "--session",
            "s",
            "--limit",
            "2",
            "--before",
            &before_text,
            "--json",
        ]));
        match page.last() {
            Some(last) => before = *last,
            None => break,
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

#[test]
fn odd_texts_are_no_errors_and_steer_no_terminal() {
    let home = Home::new("");
    let service = Service::start(&home);
    let odd = "why\u{1b}[31m\u{202e}not\u{9b}2J \"AND\" NEAR(*";
    let contained = home.run(&["contain", "tidy", "--isolate", "--reason", odd]);
    assert!(contained.status.success(), "{}", text(&contained.stderr));
    drop(service);
    for arguments in [&["log", "search", "--text", odd][..], &["log", "search", "--text", "NEAR(", "--json"]] {
        let found = home.run(arguments);
        assert!(found.status.success() && !found.stdout.is_empty(), "{arguments:?} {}", text(&found.stderr));
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text(&found.stdout).chars().any(steers), "{:?}", text(&found.stdout));
    }
    let line = lines(&home.run(&["log", "search", "--text", "near", "--json"])).remove(0);
    assert_eq!(line["record"]["after"]["reason"], odd, "as JSON it is what was said");
    let empty = home.run(&["log", "search", "--text", "\"*\""]);
    assert_eq!(empty.status.code(), Some(2));
    assert!(text(&empty.stderr).contains("no word"), "{}", text(&empty.stderr));
}

#[test]
fn wrong_arguments_are_told_what_is_right() {
    let home = Home::new("");
    drop(Service::start(&home));
    let time = "such as `7d`, or a date";
    let period = "such as `7d` or `12h 30m`";
    let cases: [(&[&str], &str); 24] = [
        (&["log", "search", "--since", "bad"], time),
        (&["log", "export", "--format", "json", "--since", "bad"], time),
        (&["replay", "--since", "bad"], time),
        (&["grants", "suggest", "--agent", "tidy", "--since", "bad"], time),
        (&["grants", "unused", "--since", "bad"], time),
        (&["policy", "report", "--since", "bad"], time),
        (&["log", "archive", "--older-than", "x"], period),
        (&["log", "drop", "--older-than", "x", "--because", "y"], period),
        (&["log", "search", "--id", "nothing"], "26 letters and digits"),
        (&["log", "search", "--type", "aproval"], "'approval'"),
        (&["log", "tail", "--type", "x"], "declassification"),
        (&["log", "export", "--format", "json", "--from", "9", "--to", "3"], "`--from 9` is behind `--to 3`"),
        (&["replay", "--from", "9", "--to", "3"], "`--from 9` is behind `--to 3`"),
        (&["log", "search", "--from", "9", "--before", "3"], "no record lies from 9 on and before 3"),
        (&["log", "search", "--from", "3", "--before", "3"], "no record lies from 3 on and before 3"),
        (&["log", "search", "--from", "999999"], "is behind the end of the log, which has"),
        (&["log", "search", "--limit", "0"], "asks for nothing"),
        (&["log", "search", "--since", "1d", "--until", "7d"], "the time ends before it begins"),
        (
            &[
                "log",
                "tail",
                "--since",
                "2026-01-02",
                "--until",
                "2026-01-01T23:00:00-02:00",
                "--effect",
                "deny",
                "--type",
                "outcome",
            ],
            "no effect",
        ),
        (&["log", "search", "--agent", "tidy", "--type", "outcome"], "`session`, or `id` of the decision, finds them"),
        (&["log", "search", "--type", "erased", "--text", "word"], "have no text"),
        (&["log", "search", "--agent", ""], "an empty agent"),
        (&["log", "show", "no-such-thing"], "neither an index nor the id of a decision"),
        (&["log", "search", "--since", "2026-08-01T12:00:00+25:00"], time),
    ];
    for (arguments, expected) in cases {
        let said = home.run(arguments);
        assert_eq!(said.status.code(), Some(2), "{arguments:?}");
        assert!(text(&said.stderr).contains(expected), "{arguments:?} {}", text(&said.stderr));
    }
    for right in ["1d", "2020-01-01"] {
        let found = home.run(&["log", "export", "--format", "json", "--since", right]);
        assert!(found.status.success() && !found.stdout.is_empty(), "{right} {}", text(&found.stderr));
    }
    let later = home.run(&["log", "export", "--format", "json", "--since", "2100-01-01"]);
    assert!(later.status.success() && later.stdout.is_empty(), "{}", text(&later.stdout));
}

#[test]
fn an_index_that_does_not_work_disturbs_nobody() {
    use std::os::unix::fs::DirBuilderExt as _;
    let home = Home::new("");
    // Even for the superuser: there is something else in its place.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home.data().join("index.db/x")).unwrap();
    let service = Service::start(&home);
    let token = agent(&home);
    decide(&service, &token, "s", "read_mail");
    let page = service.get("/v1/records?session=s");
    assert_eq!(page["records"].as_array().unwrap().len(), 1, "{page}");
    assert_eq!(page.get("next"), None, "{page}");
    drop(service);
    let found = home.run(&["log", "search", "--session", "s", "--json"]);
    assert_eq!(indexes(&found).len(), 1, "{}", text(&found.stderr));
    assert!(text(&found.stderr).contains("every record is read"), "{}", text(&found.stderr));
}
