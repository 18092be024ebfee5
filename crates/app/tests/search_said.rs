//! What a search says besides what it finds: of names, times, who may ask, and an index that is taken away.
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
use support::{Home, Service, text};

/// A decision, and its outcome an hour later. Gives the id.
fn call(service: &Service<'_>, agent: &str, session: &str) -> String {
    let question = json!({
        "subject": {"agent": agent}, "session": session,
        "action": {"kind": "tool.call", "server": "mail", "name": "delete_messages", "args": {"ids": ["1"]}},
    });
    let (status, ruling) = service.post("/v1/decide", &service.admin_token(), &question);
    assert_eq!(status, 200, "{ruling}");
    let id = ruling["id"].as_str().unwrap().to_owned();
    let outcome =
        json!({"decision": id, "session": session, "status": "ok", "bytes": 3, "duration_us": 3_600_000_000u64});
    let (status, answer) = service.post("/v1/outcomes", &service.admin_token(), &outcome);
    assert!(status < 300, "{answer}");
    id
}

fn home() -> Home {
    Home::new("unknown_agent = \"observe\"\n")
}

fn found(home: &Home, arguments: &[&str]) -> (Vec<Value>, String) {
    let said = home.run(&[&["log", "search", "--json"], arguments].concat());
    assert!(said.status.success(), "{arguments:?} {}", text(&said.stderr));
    let lines = text(&said.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (lines, text(&said.stderr))
}

#[test]
fn a_name_that_no_record_has_is_said_with_the_nearest_ones() {
    let home = home();
    let service = Service::start(&home);
    call(&service, "tidy", "morning-run");
    drop(service);
    for (arguments, expected) in [
        (&["--agent", "tydi"][..], "no record of agent `tydi`; did you mean `tidy`?"),
        (&["--session", "morning"], "no record of session `morning`; did you mean `morning-run`?"),
        (&["--tool", "delete_messages", "--agent", "Tidy"], "no record of agent `Tidy`; did you mean `tidy`?"),
        (&["--tool", "send\u{1b}[2J"], "no record of tool `send [2J`"),
    ] {
        let (lines, said) = found(&home, arguments);
        assert!(lines.is_empty() && said.contains(expected), "{arguments:?} {said}");
    }
    let (lines, said) =
        found(&home, &["--agent", "tidy", "--effect", "deny", "--type", "decision", "--level", "critical"]);
    assert_eq!((lines.len(), said.as_str()), (0, ""), "every name is known");
}

#[test]
fn an_outcome_is_shown_when_it_ended_and_with_its_decision() {
    let home = home();
    let service = Service::start(&home);
    let id = call(&service, "tidy", "s");
    let decided = service.get("/v1/records?type=decision")["records"][0].clone();
    // Nobody waits for the record of an outcome.
    let ended = eventually("the outcome is on record", || {
        service.get("/v1/records?type=outcome&session=s")["records"][0]["time_ms"].as_u64()
    });
    let began = decided["time_ms"].as_u64().unwrap();
    assert_eq!(decided["record"]["received_ms"], began);
    assert!((3_600_000..3_700_000).contains(&(ended - began)), "{began} {ended}");
    assert_eq!(service.get(&format!("/v1/records?type=outcome&until_ms={}", ended - 1))["records"], json!([]));
    drop(service);
    let (lines, _) = found(&home, &["--id", &id, "--type", "outcome"]);
    assert_eq!(lines[0]["time_ms"], ended);
    let line = text(&home.run(&["log", "search", "--id", &id, "--type", "outcome"]).stdout);
    assert!(line.contains(&format!("outcome ok of [{id}] in s")), "{line}");
    let shown = text(&home.run(&["log", "search", "--id", &id]).stdout);
    let times: Vec<&str> = shown.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert!(times.len() == 2 && times[0] > times[1], "{shown}");
}

#[test]
fn what_no_record_can_be_is_refused_over_http_too() {
    let home = home();
    let service = Service::start(&home);
    for (query, expected) in [
        ("from=9&before=3", "no record lies from 9 on and before 3"),
        ("since_ms=9&until_ms=3", "the time ends before it begins"),
        ("type=outcome&agent=tidy", "have no agent"),
        ("type=policy&effect=deny", "have no effect"),
        ("agent=", "an empty agent"),
    ] {
        let (status, answer) = service.get_as(&format!("/v1/records?{query}"), &service.admin_token());
        assert_eq!(status, 400, "{query} {answer}");
        assert!(answer.to_string().contains(expected), "{query} {answer}");
    }
}

#[test]
fn no_token_but_the_administrators_searches() {
    let home = home();
    let service = Service::start(&home);
    call(&service, "other", "secret-session");
    let token = |arguments: &[&str]| -> String {
        let made = home.run(arguments);
        assert!(made.status.success(), "{}", text(&made.stderr));
        serde_json::from_slice::<Value>(&made.stdout).unwrap()["token"].as_str().unwrap().to_owned()
    };
    let tokens = [
        token(&["agents", "add", "tidy", "--class", "assistant", "--owner", "ada", "--json"]),
        token(&["people", "add", "vic", "--role", "read", "--json"]),
        token(&["people", "add", "kim", "--role", "audit", "--json"]),
    ];
    for token in &tokens {
        for query in ["", "?text=record", "?session=secret-session", "?agent=other", "?contains=other"] {
            let (status, answer) = service.get_as(&format!("/v1/records{query}"), token);
            assert!(matches!(status, 401 | 403), "{query} {status} {answer}");
            assert!(!answer.to_string().contains("secret-session") && answer.get("records").is_none(), "{answer}");
        }
    }
    assert_eq!(service.get_as("/v1/records?agent=other", &service.admin_token()).0, 200);
}

#[test]
fn an_index_that_is_taken_away_or_spoiled_under_a_service_is_made_again() {
    let home = home();
    let service = Service::start(&home);
    let file = home.data().join("index.db");
    let status = || -> Value {
        let said = home.run(&["log", "index", "--json"]);
        assert!(said.status.success(), "{}", text(&said.stderr));
        serde_json::from_slice(&said.stdout).unwrap()
    };
    let is_whole =
        || (status()["lag"] == 0 && status()["indexed"] != 0 && status()["unusable"].is_null()).then_some(());
    call(&service, "tidy", "s0");
    eventually("it is indexed", is_whole);
    for (round, spoil) in ["taken away", "written over"].into_iter().enumerate() {
        match spoil {
            "taken away" => ["", "-wal", "-shm"].iter().for_each(|side| {
                let _ = std::fs::remove_file(home.data().join(format!("index.db{side}")));
            }),
            _ => std::fs::write(&file, vec![0xA5; 40_000]).unwrap(),
        }
        let session = format!("s{}", round + 1);
        call(&service, "tidy", &session);
        let page = service.get(&format!("/v1/records?session={session}&type=decision"));
        assert_eq!(page["records"].as_array().unwrap().len(), 1, "{spoil}: {page}");
        // Whatever it takes: the next record that is indexed tells.
        eventually("it is made again", || {
            call(&service, "tidy", "more");
            is_whole()
        });
        eventually("a checkpoint covers it, and it is found", || {
            (found(&home, &["--session", &session, "--type", "decision"]).0.len() == 1).then_some(())
        });
    }
}
