//! The kill switches and the command line of containment, with the real binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/gateway.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod gateway;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use gateway::wrapped;
use holdshort_testkit::{CommandLine, StdioPeer};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{Home, Service, text};

/// Nothing here takes so long.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a decision for an agent in a session comes to.
fn enforced(service: &Service<'_>, agent: &str) -> String {
    let question = json!({"subject": {"agent": agent}, "session": "s",
        "action": {"kind": "tool.call", "server": "notes", "name": "get_note", "args": {"id": "1"}}});
    let (status, ruling) = service.post("/v1/decide", &service.admin_token(), &question);
    // Decided before and overtaken by the isolation on its way: refused as well.
    if ruling["error"]["message"].as_str().is_some_and(|message| message.contains("is isolated")) {
        return "deny".to_owned();
    }
    assert_eq!(status, 200, "{ruling}");
    ruling["enforced"].as_str().unwrap().to_owned()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < end, "never: {what}");
    }
}

fn standings(home: &Home) -> Vec<Value> {
    let listed = home.run(&["standing", "--json"]);
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    text(&listed.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn contain_and_release_from_the_shell() {
    let home = Home::new("");
    let service = Service::start(&home);
    assert_eq!(enforced(&service, "tidy"), "allow");
    let contained = home.run(&["contain", "tidy", "--isolate", "--reason", "deletes things", "--json"]);
    let change: Value = serde_json::from_slice(&contained.stdout).unwrap();
    assert_eq!((&change["changed"], &change["kept"]), (&json!(true), &json!(true)), "{change}");
    assert_eq!((enforced(&service, "tidy").as_str(), enforced(&service, "other").as_str()), ("deny", "allow"));
    let shown = text(&home.run(&["standing"]).stdout);
    assert!(shown.contains("the agent `tidy`") && shown.contains("deletes things"), "{shown}");

    let without = home.run(&["release", "tidy"]);
    assert_eq!(without.status.code(), Some(2), "a reason is needed");
    let nobody = home.run(&["release", "other", "--reason", "r"]);
    assert_eq!(nobody.status.code(), Some(1), "{}", text(&nobody.stderr));
    let released = home.run(&["release", "tidy", "--reason", "fixed"]);
    assert!(text(&released.stdout).contains("released the agent `tidy`"), "{}", text(&released.stderr));
    assert_eq!(enforced(&service, "tidy"), "allow");

    for wrong in [
        vec!["contain", "--isolate", "--reason", "r"],
        vec!["contain", "tidy", "--all", "--isolate", "--reason", "r"],
        vec!["contain", "--session", "s", "--isolate", "--reason", "r"],
        vec!["contain", "tidy", "--reason", "r"],
        vec!["contain", "tidy", "--isolate", "--terminate", "--reason", "r"],
        vec!["contain", "tidy", "--isolate"],
        vec!["contain", "tidy", "--terminate", "--offline", "--reason", "r"],
        vec!["contain", "tidy", "--session", "s", "--isolate", "--offline", "--reason", "r"],
    ] {
        assert_eq!(home.run(&wrong).status.code(), Some(2), "{wrong:?}");
    }
    drop(service);
    let found = home.run(&["log", "search", "--contains", "\"released\":", "--json"]);
    let found: Vec<Value> = text(&found.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<_> =
        found.iter().map(|one| (&one["record"]["released"], &one["record"]["after"]["reason"])).collect();
    let newest_first = [(&json!(true), &json!("fixed")), (&json!(false), &json!("deletes things"))];
    assert_eq!(said, newest_first);
}

/// Registers somebody; a file with their token.
fn token_of(home: &Home, arguments: &[&str]) -> String {
    let added = home.run(&[arguments, &["--json"]].concat());
    let added: Value = serde_json::from_slice(&added.stdout).expect("a registration");
    let file = home.path().join(format!("{}.token", arguments[2]));
    std::fs::write(&file, added["token"].as_str().unwrap()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_person_takes_away_and_gives_back_under_their_own_name_and_an_agent_does_neither() {
    let home = Home::new("");
    let ann = token_of(&home, &["people", "add", "ann", "--role", "release"]);
    let bob = token_of(&home, &["people", "add", "bob", "--role", "approve"]);
    let agent = token_of(&home, &["agents", "add", "tidy", "--class", "coding"]);
    let contain = |by: &str| home.run(&["contain", "tidy", "--isolate", "--reason", "r", "--token-file", by]);
    let check = |tried: &std::process::Output, code: i32, said: &str| {
        let all = format!("{}{}", text(&tried.stdout), text(&tried.stderr));
        assert!(tried.status.code() == Some(code) && all.contains(said), "{:?} {all}", tried.status.code());
    };
    check(&home.run(&["standing"]), 0, "nothing was taken away");
    // While no service runs, and while one does.
    check(&contain(&bob), 1, "`bob` does not have the role");
    check(&contain(&agent), 1, "token is not good");
    check(&contain(&ann), 0, "isolated");
    assert_eq!(standings(&home)[0]["by"], "ann");
    let service = Service::start(&home);
    let release = |more: &[&str]| home.run(&[&["release", "tidy", "--reason", "r"], more].concat());
    check(&release(&["--token-file", &bob]), 1, "`bob`");
    check(&release(&["--token-file", &agent]), 1, "");
    assert_eq!(enforced(&service, "tidy"), "deny");
    // A service that somebody else runs is reached by its address, and only with a token.
    let other = Home::new("");
    let away = |more: &[&str]| {
        other.run(&[&["release", "tidy", "--reason", "fixed", "--service", service.address()], more].concat())
    };
    check(&away(&[]), 2, "needs to know who you are");
    check(&away(&["--token-file", &ann]), 0, "released the agent `tidy`");
    assert_eq!(enforced(&service, "tidy"), "allow");
    check(&home.run(&["contain", "tydi", "--isolate", "--reason", "r"]), 0, "no agent is registered as `tydi`");
    drop(service);
    check(&home.run(&["log", "search", "--contains", "\"released\":true"]), 0, "by ann: fixed");
}

#[test]
fn it_is_taken_away_without_a_service_and_a_restart_keeps_it() {
    let home = Home::new("");
    let contained = home.run(&["contain", "--class", "unknown", "--terminate", "--reason", "r"]);
    assert!(contained.status.success(), "{}", text(&contained.stderr));
    let service = Service::start(&home);
    assert_eq!(enforced(&service, "tidy"), "deny");
    drop(service);
    let service = Service::start(&home);
    assert_eq!(enforced(&service, "tidy"), "deny");
    assert_eq!(standings(&home)[0]["standing"], "terminated");
    drop(service);
    assert!(home.run(&["log", "verify"]).status.success());
}

#[test]
fn the_kill_file_isolates_whom_it_names_and_its_removal_releases_nobody() {
    let home = Home::new("");
    let service = Service::start(&home);
    let file = home.data().join("kill");
    assert_eq!(enforced(&service, "a"), "allow");
    let written = home.run(&["contain", "a", "--isolate", "--offline", "--reason", "r"]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    wait_until("the file is obeyed", || enforced(&service, "a") == "deny");
    assert_eq!(enforced(&service, "b"), "allow");
    std::fs::write(&file, "whom else?").unwrap();
    wait_until("garbage means everybody", || enforced(&service, "b") == "deny");
    std::fs::remove_file(&file).unwrap();
    drop(service);

    let service = Service::start(&home);
    let found = standings(&home);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|entry| entry["by"] == "kill-file"));
    assert_eq!(enforced(&service, "b"), "deny");
    std::fs::write(&file, "agent b").unwrap();
    wait_until("another change is obeyed", || standings(&home).len() == 3);
    let released = home.run(&["release", "--all", "--reason", "over"]);
    assert!(text(&released.stdout).contains("still there"), "{}", text(&released.stdout));
    assert_eq!(enforced(&service, "c"), "allow");
    assert!(home.run(&["release", "b", "--reason", "over"]).status.success());
    drop(service);
    let service = Service::start(&home);
    assert_eq!(enforced(&service, "b"), "deny", "the file is still there");
}

#[test]
fn a_signal_isolates_everybody() {
    let home = Home::new("");
    let service = Service::start(&home);
    assert_eq!(enforced(&service, "a"), "allow");
    let pid = service.pid().to_string();
    assert!(std::process::Command::new("kill").args(["-USR1", &pid]).status().unwrap().success());
    wait_until("the signal is obeyed", || enforced(&service, "a") == "deny");
    let found = standings(&home);
    assert_eq!((&found[0]["scope"], &found[0]["by"]), (&json!("all"), &json!("signal")));
    assert!(home.run(&["release", "--all", "--reason", "it was a test"]).status.success());
    assert_eq!(enforced(&service, "a"), "allow");
}

#[test]
fn the_bench_prints_its_figures() {
    let home = Home::new("");
    let measured = home.run(&["bench", "contain", "--json", "-n", "5"]);
    assert!(measured.status.success(), "{}", text(&measured.stderr));
    let cases: Vec<Value> = text(&measured.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(cases.len(), 4);
    assert!(cases.iter().all(|case| case["unit"] == "us" && case["p50"].as_f64().unwrap() > 0.0), "{cases:?}");
}

/// A wrapper before a server that answers everything, and after `initialize`.
fn wrapper(home: &Home) -> StdioPeer {
    let script = "require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
        const message = JSON.parse(line);
        const hello = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } };
        const result = message.method === 'initialize' ? hello : { content: [] };
        if (message.id !== undefined) process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }) + '\\n');
    });";
    let server = CommandLine::new("node").args(["-e", script]);
    let mut command = wrapped(home, "notes", &server).command();
    command.env("HOLDSHORT_AGENT", "tidy");
    let mut peer = StdioPeer::spawn(command);
    peer.initialize();
    peer
}

#[test]
fn a_wrapper_learns_of_it_and_ends_with_terminate() {
    let home = Home::new("");
    let service = Service::start(&home);
    let mut peer = wrapper(&home);
    let call = |peer: &mut StdioPeer, id: u64| {
        peer.request(id, "tools/call", json!({"name": "get_note", "arguments": {"id": "1"}}))
    };
    assert!(call(&mut peer, 1).get("result").is_some());
    assert!(home.run(&["contain", "tidy", "--isolate", "--reason", "r"]).status.success());
    assert_eq!(call(&mut peer, 2)["error"]["code"], -32001);
    assert!(home.run(&["contain", "tidy", "--terminate", "--reason", "enough"]).status.success());
    let ended = peer.wait();
    assert_eq!(ended.code(), Some(1), "{}", peer.stderr());
    assert!(peer.stderr().contains("the agent `tidy` was ended, by os-user: enough"), "{}", peer.stderr());
    drop(service);
}
