//! What goes wrong around the running service: the disk, the log, policies, tokens, tool definitions. Closed each time,
//! visible each time, and good again afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/gateway.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod gateway;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use gateway::{
    Client, Gateway, assert_refused, assert_verifies, decisions, eventually, home, http_upstream, records, register,
    stderr, text_of,
};
use holdshort_model::Digest;
use holdshort_testkit::{Counterpart, ScriptedUpstream, Server};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::Home;

/// A server of the session era whose only tool reads, inside the test: it knows every byte that came.
fn notes() -> ScriptedUpstream {
    ScriptedUpstream::start(|request, stream| {
        let tool = json!({"name": "get_note", "description": "Reads a note", "inputSchema": {"type": "object"}});
        let message = if request.body.is_empty() { Value::Null } else { request.json() };
        let result = match message["method"].as_str() {
            Some("initialize") => json!({
                "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "notes", "version": "1"},
            }),
            Some("tools/list") => json!({"tools": [tool]}),
            Some("tools/call") => json!({"content": [{"type": "text", "text": "a note"}]}),
            Some(_) => return stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").is_ok(),
            None => return stream.write_all(b"HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n").is_ok(),
        };
        let body = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
        stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).is_ok()
    })
}

/// Digests of the calls that the upstream received.
fn received(upstream: &ScriptedUpstream) -> Vec<Digest> {
    let calls = upstream.received().into_iter().filter(|one| !one.body.is_empty());
    calls.filter(|one| one.json()["method"] == "tools/call").map(|one| Digest::of(&one.body)).collect()
}

/// Each received call has an allowing record; the log is sound.
fn assert_all_on_record(home: &Home, upstream: &ScriptedUpstream) {
    assert_verifies(home);
    let records = records(home);
    let allowed: HashSet<Digest> = decisions(&records)
        .into_iter()
        .filter(|record| record["decision"]["enforced"] == "allow")
        .filter_map(|record| record["request"]["action"]["digest"].as_str()?.parse().ok())
        .collect();
    for digest in received(upstream) {
        assert!(allowed.contains(&digest), "forwarded without a record");
    }
}

/// The service says that it cannot record, refuses, and forwards nothing more.
fn assert_recorder_down(gateway: &Gateway, client: &Client, upstream: &ScriptedUpstream) {
    assert_not_recorded(gateway, client, upstream, "recorder-down");
}

fn assert_not_recorded(gateway: &Gateway, client: &Client, upstream: &ScriptedUpstream, mode: &str) {
    let before = received(upstream).len();
    for id in 0..5 {
        assert_refused(&client.call(id, "get_note", &json!({})), &format!("fail-mode/{mode}"));
    }
    assert_eq!(received(upstream).len(), before, "forwarded although it could not be recorded");
    let (status, readiness) = gateway.api("GET", "/readyz", &Value::Null);
    assert_eq!(status, 503, "{readiness}");
    assert!(readiness.contains(mode), "{readiness}");
    assert!(gateway.metric(&format!("holdshort_faults_total{{mode=\"{mode}\"}}")) >= 5);
}

/// A file system of some megabytes, where this user may mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: &Path) -> Result<Self, Output> {
        std::fs::create_dir(place).unwrap();
        std::fs::set_permissions(place, PermissionsExt::from_mode(0o700)).unwrap();
        let options = "size=128m,mode=0700"; // room for three segments of the log
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(place).output().unwrap();
        if mounted.status.success() { Ok(Self(place.to_owned())) } else { Err(mounted) }
    }

    /// Takes all the room there is; removing the file gives it back.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().unwrap();
    }
}

#[test]
fn a_nearly_full_disk() {
    let upstream = notes();
    let home = home("[log]\nkeep_free = \"32 MiB\"\n", &http_upstream("notes", &upstream.url(), ""));
    let disk = match SmallDisk::mount(&home.data()) {
        Ok(disk) => disk,
        Err(output) => return eprintln!("not tested, a small disk cannot be mounted: {}", stderr(&output)),
    };
    let mut gateway = Gateway::start(&home);
    let client = Client::connect(&gateway, "notes", &register(&home, "reader"));
    assert_eq!(text_of(&client.call(1, "get_note", &json!({}))), "a note");
    let ready = || gateway.api("GET", "/readyz", &Value::Null).0;

    let ballast = disk.fill();
    eventually("the service sees that the disk is nearly full", || (ready() == 503).then_some(()));
    assert_not_recorded(&gateway, &client, &upstream, "recorder-full");

    // Room again: the service goes on by itself.
    std::fs::remove_file(ballast).unwrap();
    eventually("the service sees that there is room", || (ready() == 200).then_some(()));
    assert_eq!(text_of(&client.call(2, "get_note", &json!({}))), "a note");
    assert!(gateway.interrupt().success());
    assert_all_on_record(&home, &upstream);
}

/// The room that is kept is nothing here: the disk is full in the middle of a write.
#[test]
fn a_full_disk() {
    let upstream = notes();
    let home = home("[log]\nkeep_free = \"0 B\"\n", &http_upstream("notes", &upstream.url(), ""));
    let disk = match SmallDisk::mount(&home.data()) {
        Ok(disk) => disk,
        Err(output) => return eprintln!("not tested, a small disk cannot be mounted: {}", stderr(&output)),
    };
    let mut gateway = Gateway::start(&home);
    let client = Client::connect(&gateway, "notes", &register(&home, "reader"));
    assert_eq!(text_of(&client.call(1, "get_note", &json!({}))), "a note");

    let ballast = disk.fill();
    // The preallocated segment still takes records; some of 12 KiB each use it up.
    let text = "x".repeat(12 << 10);
    let refused = (0..2_000)
        .map(|id| client.call(id, "get_note", &json!({"text": text})))
        .find(|answer| answer["error"].is_object());
    assert_refused(&refused.expect("the disk is full"), "fail-mode/recorder-down");
    assert_recorder_down(&gateway, &client, &upstream);
    gateway.interrupt();

    // Room again, and a restart: everything as before.
    std::fs::remove_file(ballast).unwrap();
    let mut gateway = Gateway::start(&home);
    assert_eq!(gateway.api("GET", "/readyz", &Value::Null).0, 200);
    let token = home.run(&["agents", "tokens", "create", "reader", "--json"]);
    assert!(token.status.success(), "{}", stderr(&token));
    let token: Value = serde_json::from_slice(&token.stdout).unwrap();
    let client = Client::connect(&gateway, "notes", token["token"].as_str().unwrap());
    assert_eq!(text_of(&client.call(1, "get_note", &json!({}))), "a note");
    assert!(gateway.interrupt().success());
    assert_all_on_record(&home, &upstream);
}

#[test]
fn a_log_that_cannot_be_written_any_more() {
    let upstream = notes();
    let home = home("", &http_upstream("notes", &upstream.url(), ""));
    // Over the limit, writes fail with EFBIG, as long as the signal that comes with it is ignored.
    let serve = home.command(&["serve"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(serve.get_program()).args(serve.get_args());
    command.env("HOLDSHORT_LOG", "warn");
    let mut gateway = Gateway::spawn(&home, command);
    let token = register(&home, "reader");
    let client = Client::connect(&gateway, "notes", &token);
    assert_eq!(text_of(&client.call(1, "get_note", &json!({}))), "a note");

    let pid = Pid::from_raw(i32::try_from(gateway.pid()).unwrap());
    let limit = |current| prlimit(pid, Resource::Fsize, Rlimit { current, maximum: None }).unwrap();
    limit(Some(1));
    assert_recorder_down(&gateway, &client, &upstream);

    // A log that failed once is not written again: nobody knows what of it reached the disk.
    limit(None);
    assert_refused(&client.call(2, "get_note", &json!({})), "fail-mode/recorder-down");
    assert!(!gateway.interrupt().success(), "it says that it could not close its log");

    let mut gateway = Gateway::start(&home);
    let client = Client::connect(&gateway, "notes", &token);
    assert_eq!(text_of(&client.call(1, "get_note", &json!({}))), "a note");
    assert!(gateway.interrupt().success());
    assert_all_on_record(&home, &upstream);
}

#[test]
fn a_data_directory_that_cannot_be_used() {
    let home = home("", "");
    std::fs::write(home.data(), "a file").unwrap();
    let refused = home.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(70));
    assert!(stderr(&refused).contains(home.data().to_str().unwrap()), "{}", stderr(&refused));

    std::fs::remove_file(home.data()).unwrap();
    std::fs::create_dir(home.data()).unwrap();
    std::fs::set_permissions(home.data(), PermissionsExt::from_mode(0o777)).unwrap();
    let refused = home.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(stderr(&refused).contains("others may write to the data directory"), "{}", stderr(&refused));
    assert_eq!(std::fs::read_dir(home.data()).unwrap().count(), 0, "something was made all the same");
}

/// A policy that refuses the tool.
const NO_NOTES: &str = r#"# METADATA
# title: Nobody reads notes
package holdshort.rules.no_notes

deny contains message if {
	input.action.name == "get_note"
	message := "notes are closed"
}

examples := [
	{"name": "a note", "input": {"action": {"name": "get_note"}}, "expect": ["deny"]},
	{"name": "a mail", "input": {"action": {"name": "get_mail"}}, "expect": []},
]
"#;

#[test]
fn policies_change_under_a_running_session() {
    let upstream = notes();
    let home = home("", &format!("[policies]\npaths = [\"rules\"]\n{}", http_upstream("notes", &upstream.url(), "")));
    let rules = home.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    let mut gateway = Gateway::start(&home);
    let client = Client::connect(&gateway, "notes", &register(&home, "reader"));
    let call = |id| client.call(id, "get_note", &json!({}));
    assert_eq!(text_of(&call(1)), "a note");

    std::fs::write(rules.join("notes.rego"), NO_NOTES).unwrap();
    let refused = eventually("the new policy takes hold", || {
        let answer = call(2);
        answer["error"].is_object().then_some(answer)
    });
    assert_refused(&refused, "holdshort.rules.no_notes");
    assert!(refused["error"]["message"].as_str().unwrap().contains("notes are closed"), "{refused}");
    // What may not be called is not listed.
    assert_eq!(client.request(3, "tools/list", &json!({}))["result"]["tools"], json!([]));

    // Broken: the last good set stays, and says no as before.
    std::fs::write(rules.join("notes.rego"), NO_NOTES.replace("input.action.name ==", "input.action.nmae ==")).unwrap();
    let (status, answer) = gateway.api("POST", "/v1/policies/reload", &Value::Null);
    assert_eq!(status, 422, "{answer}");
    assert!(answer.contains("rules/notes.rego:6"), "no file and line: {answer}");
    let faulty = "input.action.nmae";
    eventually("the watcher refuses it too", || {
        let (_, page) = gateway.api("GET", "/v1/records?limit=1000", &Value::Null);
        let page: Value = serde_json::from_str(&page).unwrap();
        let records = page["records"].as_array().unwrap().clone();
        let refused = |source: &str| {
            records.iter().any(|entry| {
                let record = &entry["record"];
                record["type"] == "policy"
                    && record["accepted"] == false
                    && record["source"] == source
                    && record["diagnostics"].to_string().contains("rules/notes.rego:6")
            })
        };
        (refused("api") && refused("file")).then_some(())
    });
    assert_refused(&call(4), "holdshort.rules.no_notes");
    assert!(std::fs::read_to_string(rules.join("notes.rego")).unwrap().contains(faulty));

    std::fs::remove_file(rules.join("notes.rego")).unwrap();
    eventually("the policy is gone", || call(5)["result"].is_object().then_some(()));
    assert!(gateway.interrupt().success());
    assert_all_on_record(&home, &upstream);
}

#[test]
fn a_revoked_token_is_refused_with_the_next_call() {
    let upstream = notes();
    let home = home("", &http_upstream("notes", &upstream.url(), ""));
    let gateway = Gateway::start(&home);
    let token = register(&home, "reader");
    let client = Client::connect(&gateway, "notes", &token);
    assert_eq!(text_of(&client.call(1, "get_note", &json!({}))), "a note");

    let listed = home.run(&["agents", "tokens", "list", "reader", "--json"]);
    let hash: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let revoked = home.run(&["agents", "tokens", "revoke", "reader", hash["hash"].as_str().unwrap()]);
    assert!(revoked.status.success(), "{}", stderr(&revoked));
    let before = received(&upstream).len();
    let answer = client.post(r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"get_note"}}"#);
    assert_eq!(answer.map(|answer| answer.status), Some(401));
    assert_eq!(received(&upstream).len(), before);
}

#[test]
fn a_changed_definition_is_refused_until_it_is_accepted() {
    let server = Server::start_ours(&Counterpart::Misbehave.line().args(["--rug-pull", "1"]));
    let home = home("", &http_upstream("notes", server.url(), ""));
    let mut gateway = Gateway::start(&home);
    let client = Client::connect(&gateway, "notes", &register(&home, "reader"));
    let listed = || client.request(1, "tools/list", &json!({}))["result"]["tools"].to_string();
    let call = |id| client.call(id, "read_note", &json!({}));
    assert!(listed().contains("\"read_note\""));
    assert_eq!(text_of(&call(2)), "right answer of read_note");

    // The second list has another definition: not listed any more, and not called.
    assert!(!listed().contains("\"read_note\""));
    assert_refused(&call(3), "holdshort.rules.changed_tool");

    let pins = home.run(&["pins", "list", "--json"]);
    let pins = String::from_utf8(pins.stdout).unwrap();
    let pins: Vec<Value> = pins.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pin = pins.iter().find(|pin| pin["tool"] == "read_note").unwrap();
    assert_eq!(pin["pin"], "changed", "{pin}");
    assert!(pin["difference"].to_string().contains("id_rsa"), "{pin}");
    let accepted = home.run(&["pins", "accept", "notes", "read_note", pin["latest"].as_str().unwrap()]);
    assert!(accepted.status.success(), "{}", stderr(&accepted));
    assert_eq!(text_of(&call(4)), "right answer of read_note");
    assert!(listed().contains("\"read_note\""));

    assert!(gateway.interrupt().success());
    let records = records(&home);
    let changes: Vec<_> = records.iter().filter(|record| record["type"] == "tool-change").collect();
    assert!(changes.iter().any(|change| change["tool"] == "read_note" && change["pin"] == "changed"), "{changes:?}");
}
