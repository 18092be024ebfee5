//! The real binary from end to end: a fresh data directory, an agent, a decision, the verified log.
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
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};
use support::{Home, Service, text};

#[test]
fn an_agent_is_registered_decided_and_on_record() {
    let home = Home::new("");
    let service = Service::start(&home);
    let added = home.run(&["agents", "add", "tidy", "--class", "assistant", "--owner", "ada", "--json"]);
    let issued: Value = serde_json::from_slice(&added.stdout).unwrap();
    let token = issued["token"].as_str().unwrap();

    // The token speaks for its agent, whatever the body claims.
    let question = json!({
        "subject": {"agent": "somebody-else"}, "session": "s1",
        "action": {"kind": "tool.call", "server": "mail", "name": "delete_messages", "args": {"ids": ["1", "2"]}},
    });
    let (status, ruling) = service.post("/v1/decide", token, &question);
    assert_eq!(status, 200, "{ruling}");
    let index = ruling["receipt"]["index"].as_u64().unwrap();

    let (status, _) = service.post("/v1/decide", "hs_wrong", &question);
    assert_eq!(status, 401);

    drop(service);
    let verified = home.run(&["log", "verify", "--json"]);
    let verdict: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((verdict["ok"].as_bool(), verdict["unsealed"].as_u64()), (Some(true), Some(0)));
    assert!(verdict["size"].as_u64().unwrap() > index);
    let shown = home.run(&["log", "show", ruling["id"].as_str().unwrap(), "--json"]);
    let record: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(record["index"], index);
    assert_eq!(record["record"]["request"]["subject"]["agent"], "tidy");
    assert_eq!(record["record"]["facts"]["subject"]["agent"]["class"], "assistant");
    let found = home.run(&["log", "search", "--agent", "tidy", "--session", "s1"]);
    assert_eq!(text(&found.stdout).lines().count(), 1);
}

#[test]
fn a_changed_byte_is_found_with_its_place() {
    let home = Home::new("");
    drop(Service::start(&home));
    let records = home.data().join("log/records");
    let mut files = std::fs::read_dir(&records).unwrap().map(|entry| entry.unwrap().path());
    let segment = files.find(|file| file.extension().is_some_and(|end| end == "seg")).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let place = bytes.windows(7).position(|window| window == b"version").unwrap();
    bytes[place] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let verified = home.run(&["log", "verify"]);
    assert_eq!(verified.status.code(), Some(1));
    let message = text(&verified.stderr);
    assert!(message.contains("records/") && message.contains("damaged"), "{message}");
}

#[test]
fn two_services_on_one_data_directory() {
    let home = Home::new("");
    let service = Service::start(&home);
    let second = home.run(&["serve"]);
    assert_eq!(second.status.code(), Some(1));
    let message = text(&second.stderr);
    assert!(message.contains("already uses the data directory"), "{message}");
    assert!(message.contains(&service.pid().to_string()), "{message}");
}

#[test]
fn agents_are_managed_without_a_service_too() {
    let home = Home::new("");
    assert_eq!(home.run(&["agents", "add", "a", "--class", "coding"]).status.code(), Some(0));
    let again = home.run(&["agents", "add", "a", "--class", "coding"]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
    let listed: Value = serde_json::from_slice(&home.run(&["agents", "tokens", "list", "a", "--json"]).stdout).unwrap();
    let hash = listed["hash"].as_str().unwrap();
    assert_eq!(home.run(&["agents", "tokens", "revoke", "a", hash]).status.code(), Some(0));
    let listed: Value = serde_json::from_slice(&home.run(&["agents", "tokens", "list", "a", "--json"]).stdout).unwrap();
    assert_eq!(listed["revoked"], true);
    // Each change is on record.
    let found = home.run(&["log", "search", "--text", "agent-added"]);
    assert_eq!(text(&found.stdout).lines().count(), 1);
}

#[test]
fn a_faulty_policy_is_refused_at_start_and_a_change_of_the_file_takes_hold() {
    let home = Home::new("[policies]\npaths = [\"rules\"]\n");
    let rules = home.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("a.rego"), "package holdshort.rules.a\n\ndeny contains").unwrap();
    let refused = home.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused.stderr).contains("rules/a.rego:"), "{}", text(&refused.stderr));
    assert!(!home.data().exists(), "nothing is made before the configuration is checked");

    std::fs::remove_file(rules.join("a.rego")).unwrap();
    let service = Service::start(&home);
    let before = service.get("/v1/policies")["snapshot"].clone();
    home.configure("unknown_agent = \"refuse\"\n");
    let (status, answer) = service.post("/v1/policies/reload", &service.admin_token(), &json!(null));
    assert_eq!((status, answer["accepted"].as_bool()), (200, Some(true)), "{answer}");
    assert_ne!(answer["snapshot"], before);
    home.configure("unknown_agnet = \"refuse\"\n");
    let (status, answer) = service.post("/v1/policies/reload", &service.admin_token(), &json!(null));
    assert_eq!((status, answer["accepted"].as_bool()), (422, Some(false)), "{answer}");
    assert!(answer["diagnostics"].to_string().contains("did you mean `unknown_agent`?"), "{answer}");
}

#[test]
fn a_log_that_was_rolled_back_passes_alone_and_not_against_an_older_checkpoint() {
    let home = Home::new("");
    let (log, copy, kept) = (home.data().join("log"), home.path().join("copy"), home.path().join("kept"));
    drop(Service::start(&home));
    assert!(std::process::Command::new("cp").arg("-r").args([&log, &copy]).status().unwrap().success());
    drop(Service::start(&home));
    std::fs::copy(log.join("checkpoint"), &kept).unwrap();
    let against = |directory: &std::path::Path| {
        home.run(&["log", "verify", directory.to_str().unwrap(), "--older", kept.to_str().unwrap()])
    };
    assert_eq!(against(&log).status.code(), Some(0));
    assert_eq!(
        home.run(&["log", "verify", copy.to_str().unwrap()]).status.code(),
        Some(0),
        "nothing is wrong in itself"
    );
    let rolled_back = against(&copy);
    assert_eq!(rolled_back.status.code(), Some(1), "{}", text(&rolled_back.stderr));
    assert!(text(&rolled_back.stderr).contains("; the records from 3 on are gone"), "{}", text(&rolled_back.stderr));
    std::fs::write(&kept, "garbage").unwrap();
    assert!(text(&against(&log).stderr).contains("is not one of this log"));
}

#[test]
fn a_service_in_the_background_ends_when_nobody_needs_it() {
    let home = Home::new("");
    let output = home.run(&["serve", "--background", "--idle-exit", "1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "holdshort: ready\n");
    assert!(!home.data().join("service.json").exists() && !home.data().join("service.sock").exists());
    assert_eq!(home.run(&["log", "verify"]).status.code(), Some(0));
}

#[test]
fn a_data_directory_that_cannot_be_used() {
    let home = Home::new("");
    std::fs::write(home.data(), "a file").unwrap();
    let refused = home.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(70));
    let message = text(&refused.stderr);
    assert!(message.contains("data directory") && message.contains(home.data().to_str().unwrap()), "{message}");
    std::fs::remove_file(home.data()).unwrap();

    std::fs::create_dir(home.data()).unwrap();
    std::fs::set_permissions(home.data(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused = home.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused.stderr).contains("others may write to the data directory"), "{}", text(&refused.stderr));
}

#[test]
fn a_port_that_is_in_use() {
    let home = Home::new("");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    std::fs::write(home.path().join("holdshort.toml"), format!("[api]\nlisten = \"{address}\"\n")).unwrap();
    let refused = home.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains(&address.to_string()), "{}", text(&refused.stderr));
    // The start and the end are on record all the same.
    assert_eq!(home.run(&["log", "verify"]).status.code(), Some(0));
}

#[test]
fn a_wrapper_whose_service_cannot_start_says_where_to_look() {
    let home = Home::new("[policies]\npaths = [\"nowhere\"]\n");
    let refused = home.run(&["mcp", "--", "cat"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("service.log"), "{}", text(&refused.stderr));
    let log = std::fs::read_to_string(home.data().join("service.log")).unwrap();
    assert!(log.contains("nowhere"), "{log}");
}

#[test]
fn the_check_of_the_configuration_covers_policies_and_grants() {
    for (wrong, expected) in [
        ("[policies.modes]\n\"holdshort.rules.mass_delte\" = \"observe\"\n", "mass_delete"),
        ("[[grants]]\nname=\"g\"\nclass=\"c\"\nverbs=[\"read\"]\nresources=[\"fle:/x\"]\n", "fle"),
    ] {
        let home = Home::new(wrong);
        let checked = home.run(&["config", "check"]);
        assert_eq!(checked.status.code(), Some(64), "{}", text(&checked.stdout));
        assert!(text(&checked.stderr).contains(expected), "{}", text(&checked.stderr));
    }
}

#[test]
fn a_changed_file_takes_hold_by_itself() {
    let home = Home::new("");
    let service = Service::start(&home);
    let before = service.get("/v1/policies")["snapshot"].clone();
    home.configure("unknown_agent = \"refuse\"\n");
    let deadline = Instant::now() + Duration::from_secs(30);
    while service.get("/v1/policies")["snapshot"] == before {
        assert!(Instant::now() < deadline, "the change was not noticed");
    }
    let question = json!({"subject": {"agent": "x"}, "session": "s",
        "action": {"kind": "tool.call", "server": "notes", "name": "get_note", "args": {}}});
    let (_, ruling) = service.post("/v1/decide", &service.admin_token(), &question);
    assert_eq!(ruling["enforced"], "deny", "{ruling}");
}

#[test]
fn decide_and_replay_offline() {
    let home = Home::new(
        "profile = \"strict\"\n[[agents]]\nid = \"a\"\nclass = \"reader\"\n\
        [[grants]]\nname = \"r\"\nclass = \"reader\"\nverbs = [\"read\"]\nresources = [\"*\"]\n[pins]\nfirst_use = \"trust\"\n",
    );
    let decide = |agent: &str, tool: &str| {
        let request = json!({"subject": {"agent": agent}, "session": "s", "action":
            {"kind": "tool.call", "server": "notes", "name": tool, "args": {"id": "1"}}});
        let output = home.run_with(&["decide"], &request.to_string());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), answer["enforced"].as_str().unwrap().to_owned())
    };
    assert_eq!(decide("a", "get_note"), (0, "allow".into()));
    assert_eq!(decide("a", "delete_note"), (1, "deny".into()));
    assert_eq!(decide("b", "get_note"), (1, "deny".into()));
    let garbage = home.run_with(&["decide"], "{\"subject\": 1}");
    assert_eq!(garbage.status.code(), Some(2));

    let trace = json!({"id": "t1", "prompt": "read", "agent": "a",
        "tools": [{"name": "get_note", "description": "Reads a note", "schema": {}}],
        "steps": [{"tool": "get_note", "args": {"id": "1"}, "output": "x"}, {"tool": "delete_note", "args": {}, "output": ""}]});
    let output = home.run_with(&["replay", "--traces", "-"], &format!("{trace}\n"));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let effects: Vec<&str> =
        answer["decisions"].as_array().unwrap().iter().map(|one| one["effect"].as_str().unwrap()).collect();
    assert_eq!((answer["id"].as_str(), effects), (Some("t1"), vec!["allow", "deny"]));
}

/// A wrapper around `cat`, which is no MCP server: what cannot be read is refused and recorded all the same.
struct Wrapper {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Wrapper {
    fn start(home: &Home) -> Self {
        let mut command = home.command(&["mcp", "--name", "echo", "--", "cat"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn send_garbage(&mut self) -> Value {
        self.input.as_mut().unwrap().write_all(b"{\"jsonrpc\": \n").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["error"]["code"], -32700, "{answer}");
        assert!(answer["error"]["data"]["decision"].is_string(), "not on record: {answer}");
        answer
    }

    fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn events(page: &Value, event: &str) -> usize {
    page["records"].as_array().unwrap().iter().filter(|entry| entry["record"]["event"] == event).count()
}

#[test]
fn many_wrappers_start_one_service_and_share_a_session() {
    let home = Home::new("");
    let mut wrappers: Vec<_> = (0..4).map(|_| Wrapper::start(&home)).collect();
    for wrapper in &mut wrappers {
        wrapper.send_garbage();
    }
    wrappers.into_iter().for_each(Wrapper::end);
    let service = Service::running(&home);
    let page = service.page_over_socket();
    service.end("-TERM");
    assert_eq!(events(&page, "start"), 1, "{page}");
    let records = page["records"].as_array().unwrap();
    let refused: Vec<_> = records.iter().filter(|entry| entry["record"]["type"] == "decision").collect();
    assert_eq!(refused.len(), 4);
    let session = |entry: &Value| entry["record"]["request"]["session"].clone();
    assert!(refused.iter().all(|entry| session(entry) == session(refused[0])));
}

#[test]
fn a_wrapper_survives_the_death_of_its_service() {
    let home = Home::new("");
    let mut wrapper = Wrapper::start(&home);
    wrapper.send_garbage();
    Service::running(&home).end("-KILL");
    wrapper.send_garbage();
    wrapper.end();
    let service = Service::running(&home);
    let page = service.page_over_socket();
    service.end("-TERM");
    assert_eq!((events(&page, "start"), events(&page, "stop")), (2, 0), "{page}");
    assert_eq!(home.run(&["log", "verify"]).status.code(), Some(0));
}

#[test]
fn serve_takes_over_from_the_background_and_wrappers_follow() {
    let home = Home::new("");
    let mut wrapper = Wrapper::start(&home);
    wrapper.send_garbage();
    let service = Service::start(&home);
    wrapper.send_garbage();
    wrapper.end();
    let page = service.get("/v1/records");
    assert_eq!((events(&page, "start"), events(&page, "stop")), (2, 1), "{page}");
}

#[test]
fn a_secret_that_is_not_set_is_named_before_anything_is_made() {
    let home = Home::new("");
    home.configure("[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1/mcp\"\ntoken_env = \"HS_TEST_UNSET\"\n");
    let refused = home.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused.stderr).contains("`HS_TEST_UNSET`"), "{}", text(&refused.stderr));
    assert!(!home.data().exists());
}
