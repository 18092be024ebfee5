//! `holdshort mcp` as an agent's configuration uses it: real servers, real clients, one service behind all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/gateway.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod gateway;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use gateway::{assert_refused, assert_verifies, decisions, eventually, home, records, text_of, wrapped};
use holdshort_testkit::{CommandLine, Counterpart, Driver, Script, StdioPeer};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use support::{Home, Service};

/// A home that no service in the background outlives, whatever the test came to.
struct Den(Home);

impl Den {
    fn new() -> Self {
        Self(home("", ""))
    }
}

impl std::ops::Deref for Den {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.0
    }
}

impl Drop for Den {
    fn drop(&mut self) {
        for pid in services(&self.0) {
            gateway::signal(pid, "-KILL");
        }
    }
}

/// A wrapper that this process started, after the handshake.
fn wrapper(home: &Home, name: &str, server: &CommandLine) -> StdioPeer {
    let mut peer = StdioPeer::spawn(wrapped(home, name, server).command());
    peer.initialize();
    peer
}

fn call(peer: &mut StdioPeer, id: u64, tool: &str, arguments: Value) -> Value {
    peer.request(id, "tools/call", json!({"name": tool, "arguments": arguments}))
}

fn end(mut peer: StdioPeer) {
    peer.close_stdin();
    assert!(peer.wait().success(), "{}", peer.stderr());
}

/// Ends the service that a wrapper started, and waits until it is gone.
fn end_service(home: &Home) {
    Service::running(home).end("-TERM");
}

/// Whether a process runs. One that waits to be reaped does not: whoever started it has that to do.
fn exists(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| !fields.trim_start().starts_with('Z'))
}

fn children(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// The service processes of this data directory.
fn services(home: &Home) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let serves = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word)).collect();
        words.get(1).is_some_and(|word| word == "serve") && words.iter().any(|word| Path::new(&**word) == home.data())
    };
    pids.filter(serves).filter(|pid| exists(*pid)).collect()
}

#[test]
fn real_servers_of_one_client_are_one_session_of_one_service() {
    let home = Den::new();
    let folder = tempfile::tempdir().unwrap();
    let memory = format!("MEMORY_FILE_PATH={}", folder.path().join("memory.jsonl").display());
    let servers = [
        ("files", Counterpart::Filesystem.line().arg(folder.path()), "list_allowed_directories", json!({})),
        (
            "memory",
            CommandLine::new("env").arg(memory).args(Counterpart::Memory.line().words()),
            "read_graph",
            json!({}),
        ),
        ("everything", Counterpart::Everything.line(), "echo", json!({"message": "a"})),
        ("git", Counterpart::Git.line(), "git_log", json!({"repo_path": "/nowhere"})),
    ];
    // All at once: each finds no service and wants to start one.
    let start = |(name, line, tool, arguments): (&str, CommandLine, &'static str, Value)| {
        (StdioPeer::spawn(wrapped(&home, name, &line).command()), tool, arguments)
    };
    let mut peers: Vec<_> = servers.into_iter().map(start).collect();
    for (peer, tool, arguments) in &mut peers {
        peer.initialize();
        for id in 1..=3 {
            let answer = call(peer, id, tool, arguments.clone());
            assert!(answer["result"].is_object(), "{answer}");
        }
    }
    assert_eq!(services(&home).len(), 1);
    peers.into_iter().for_each(|(peer, ..)| end(peer));
    end_service(&home);

    assert_verifies(&home);
    let records = records(&home);
    let starts = records.iter().filter(|record| record["type"] == "lifecycle" && record["event"] == "start");
    assert_eq!(starts.count(), 1);
    let decisions = decisions(&records);
    let servers: std::collections::BTreeSet<_> =
        decisions.iter().filter_map(|record| record["request"]["action"]["server"].as_str()).collect();
    assert_eq!(servers.into_iter().collect::<Vec<_>>(), ["everything", "files", "git", "memory"]);
    for (at, record) in decisions.iter().enumerate() {
        assert_eq!(record["request"]["session"], decisions[0]["request"]["session"]);
        assert_eq!(record["sequence"], at, "{record}");
        assert_eq!(record["request"]["context"]["enforcement_point"], "mcp-stdio");
    }
}

#[test]
fn an_idle_service_ends_by_itself() {
    let home = Den::new();
    let mut command = home.command(&["serve", "--background", "--idle-exit", "1"]);
    let mut service = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(service.stdout.as_mut().unwrap()), &mut ready).unwrap();
    assert_eq!(ready.trim_end(), "holdshort: ready");
    let mut peer = wrapper(&home, "everything", &Counterpart::Everything.line());
    assert_eq!(text_of(&call(&mut peer, 1, "echo", json!({"message": "a"}))), "Echo: a");
    // The wrapper keeps its connection, so the service is needed for as long as the wrapper runs.
    assert_eq!(service.try_wait().unwrap(), None);
    end(peer);
    let status = eventually("the idle service ends", || service.try_wait().unwrap());
    assert!(status.success());
    assert!(!home.data().join("service.json").exists());
    assert_verifies(&home);
}

#[test]
fn a_wrapper_refuses_without_a_service_and_works_again() {
    let home = Den::new();
    let mut peer = wrapper(&home, "everything", &Counterpart::Everything.line());
    assert_eq!(text_of(&call(&mut peer, 1, "echo", json!({"message": "a"}))), "Echo: a");
    Service::running(&home).end("-KILL");

    // With a configuration that no service starts with, there is no decision and no call.
    let good = std::fs::read_to_string(home.path().join("holdshort.toml")).unwrap();
    std::fs::write(home.path().join("holdshort.toml"), "unknown_agnet = 1\n").unwrap();
    assert_refused(&call(&mut peer, 2, "echo", json!({"message": "b"})), "fail-mode/decider-late");

    std::fs::write(home.path().join("holdshort.toml"), good).unwrap();
    assert_eq!(text_of(&call(&mut peer, 3, "echo", json!({"message": "c"}))), "Echo: c");
    end(peer);
    end_service(&home);
    assert_verifies(&home);
    let records = records(&home);
    let calls = decisions(&records).into_iter().filter(|one| one["request"]["action"]["kind"] == "tool.call");
    let said: Vec<_> = calls.map(|one| one["request"]["action"]["args"]["message"].as_str().unwrap()).collect();
    assert_eq!(said, ["a", "c"]);
}

#[test]
fn nothing_is_left_of_a_killed_client() {
    let home = Den::new();
    let wait =
        r#"[{"op": "call", "name": "trigger-long-running-operation", "arguments": {"duration": 600, "steps": 1}}]"#;
    let line = wrapped(&home, "everything", &Counterpart::Everything.line());
    let client = Script::new(Driver::TypescriptV1, wait).line_for(&line);
    let mut client = client.command().stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    // The service is a child of the wrapper too, until it is on its own.
    let (wrapper, server) = eventually("the wrapper's server runs", || {
        let wrapper = *children(client.id()).first()?;
        let service = services(&home);
        let server = children(wrapper).into_iter().find(|pid| !service.contains(pid))?;
        (!service.is_empty()).then_some((wrapper, server))
    });
    eventually("the call is under way", || {
        let service = Service::running(&home);
        service.page_over_socket().to_string().contains("trigger-long-running-operation").then_some(())
    });
    client.kill().unwrap();
    client.wait().unwrap();
    for (name, pid) in [("wrapper", wrapper), ("server", server)] {
        eventually(&format!("the {name} ends"), || (!exists(pid)).then_some(()));
    }
    end_service(&home);
    assert_eq!(services(&home), Vec::<u32>::new());
    assert_verifies(&home);
    // The call that nobody waits for any more has an outcome all the same.
    let outcomes: Vec<_> = records(&home).into_iter().filter(|one| one["status"] == "cancelled").collect();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
}

#[test]
fn a_server_that_cannot_be_started_is_named() {
    let home = Den::new();
    let mut peer = StdioPeer::spawn(wrapped(&home, "missing", &CommandLine::new("/no/such/program")).command());
    let client = json!({"name": "holdshort-tests", "version": "1.0.0"});
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
    let answer = peer.request(0, "initialize", params);
    assert!(answer["error"]["message"].as_str().unwrap().contains("/no/such/program"), "{answer}");
    end(peer);
    end_service(&home);
}

/// The agent is the program that started the wrapper, or the one that the configuration names.
#[test]
fn the_client_is_known_by_its_program() {
    let home = Den::new();
    let line = wrapped(&home, "everything", &Counterpart::Everything.line());
    let echo = r#"[{"op": "call", "name": "echo", "arguments": {"message": "a"}}]"#;
    let report = Script::new(Driver::TypescriptV1, echo).command(&line);
    assert_eq!(report["results"][0]["result"]["content"][0]["text"], "Echo: a", "{report}");
    let mut peer = StdioPeer::spawn({
        let mut command = line.command();
        command.env("HOLDSHORT_AGENT", "reviewer");
        command
    });
    peer.initialize();
    call(&mut peer, 1, "echo", json!({"message": "b"}));
    end(peer);
    end_service(&home);
    let records = records(&home);
    let calls = decisions(&records).into_iter().filter(|one| one["request"]["action"]["kind"] == "tool.call");
    let agents: Vec<_> = calls.map(|one| one["request"]["subject"]["agent"].as_str().unwrap()).collect();
    assert_eq!(agents, ["stdio:node", "reviewer"]);
}
