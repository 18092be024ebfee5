//! People are told, once, of what witnesses say against the log, and of witnesses and publications that fail for too long.

use crate::parts::*;
use crate::support::Service;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

/// A webhook that people are told by, and its part of the configuration.
fn people() -> (Receiver<Value>, String) {
    let (sender, told) = channel();
    let hook = pretender(move |body| {
        sender.send(serde_json::from_str(body).unwrap()).unwrap();
        Some((204, String::new()))
    });
    (told, format!("[[notify]]\nname = \"soc\"\ntype = \"webhook\"\nurl = \"{hook}\"\nevents = [\"alarm\"]\n"))
}

fn next(told: &Receiver<Value>) -> Value {
    told.recv_timeout(DEADLINE).unwrap()["notice"].take()
}

fn fact(notice: &Value, what: &str) -> String {
    let facts = notice["alarm"]["facts"].as_array().unwrap();
    let found = facts.iter().find(|fact| fact[0] == what).unwrap_or_else(|| panic!("{what}: {notice}"));
    found[1].as_str().unwrap().to_owned()
}

/// Messages that a channel has taken in since the service was started.
fn taken(service: &Service<'_>) -> u64 {
    let state = service.get("/v1/channels")["channels"][0].take();
    state["sent"].as_u64().unwrap() + state["waiting"].as_u64().unwrap()
}

fn conflicts(service: &Service<'_>) -> bool {
    service.get("/v1/witnesses")["witnesses"][0]["conflict"] == true
}

#[test]
fn a_contradiction_with_proof_is_told_once_with_the_file_that_proves_it_also_after_a_restart() {
    let (home, key) = home();
    let witness = Witness::start(home.path(), "w1", &key, "127.0.0.1:0");
    let (told, notify) = people();
    home.configure(&(configuration(&[(&witness.url, &witness.keys[0])], 1) + &notify));
    let (log, backup) = (home.data().join("log"), home.path().join("backup"));
    let mut token = None;
    drop(Service::start(&home));
    copy(&log, &backup);
    let service = Service::start(&home);
    for _ in 0..20 {
        decide(&home, &service, &mut token);
    }
    let truth = witnessed(&service, 20)["size"].as_u64().unwrap();
    drop(service);

    copy(&backup, &log);
    let service = Service::start(&home);
    let notice = next(&told);
    assert_eq!((&notice["kind"], &notice["level"]), (&"alarm".into(), &"critical".into()), "{notice}");
    assert_eq!(notice["alarm"]["event"], "witness-conflict");
    assert!(notice["title"].as_str().unwrap().contains("`w1.example/w` has proof of another history"), "{notice}");
    assert_eq!(fact(&notice, "records that it cosigned"), truth.to_string());
    let evidence = fact(&notice, "evidence");
    assert!(Path::new(&evidence).ends_with("log/contradiction"), "{evidence}");
    assert!(fs::read_to_string(&evidence).unwrap().contains(&format!("\n{truth}\n")));
    assert!(fact(&notice, "what to do").contains("keep the data directory"));
    // The record that it names says the same, with the evidence itself.
    let index = notice["index"].as_u64().unwrap();
    let record = until("the record", || {
        let shown = home.run(&["log", "search", "--text", "witness-conflict", "--json"]);
        let lines = String::from_utf8(shown.stdout).unwrap();
        let mut records = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.find(|record| record["index"] == index)
    });
    let note = record["record"]["detail"]["evidence"].as_str().unwrap();
    assert!(fs::read_to_string(&evidence).unwrap().starts_with(note.split("\n\n").next().unwrap()), "{note}");
    until("the conflict in the state", || conflicts(&service).then_some(()));
    drop(service);

    let service = Service::start(&home);
    until("the conflict after the restart", || conflicts(&service).then_some(()));
    assert_eq!(taken(&service), 0, "it was told before");
}

#[test]
fn a_witness_that_claims_another_size_each_time_is_told_of_once() {
    let (home, _key) = home();
    let liar =
        holdshort_ledger::Cosigner::from_seed(holdshort_ledger::CosignerAlgorithm::Ed25519, "w3.example/w", &[3; 32]);
    let claims = Arc::new(AtomicUsize::new(0));
    let counted = claims.clone();
    let url = pretender(move |body| match body.is_empty() {
        true => Some((404, String::new())),
        false => Some((409, format!("{}\n", 1_000_000 + counted.fetch_add(1, Ordering::Relaxed)))),
    });
    let (told, notify) = people();
    home.configure(&(configuration(&[(&url, &liar.unwrap().key().to_string())], 1) + &notify));
    let service = Service::start(&home);
    let notice = next(&told);
    assert_eq!((&notice["level"], &notice["alarm"]["event"]), (&"high".into(), &"witness-conflict".into()));
    assert!(notice["title"].as_str().unwrap().contains("says that it holds"), "{notice}");
    let before = claims.load(Ordering::Relaxed);
    until("some more claims", || (claims.load(Ordering::Relaxed) > before + 3).then_some(()));
    assert_eq!(taken(&service), 1);
    let found = home.run(&["log", "search", "--text", "witness-conflict", "--json"]);
    let records = String::from_utf8(found.stdout).unwrap();
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["record"]["event"].take();
    assert_eq!(records.lines().filter(|line| event(line) == "witness-conflict").count(), 1, "{records}");
    drop(service);

    let service = Service::start(&home);
    until("the claim after the restart", || conflicts(&service).then_some(()));
    assert_eq!(taken(&service), 0, "it was told before");
}

#[test]
fn a_witness_that_contradicts_and_then_says_no_more_is_heard() {
    let (home, _key) = home();
    let liar =
        holdshort_ledger::Cosigner::from_seed(holdshort_ledger::CosignerAlgorithm::Ed25519, "w3.example/w", &[3; 32]);
    let url = pretender(|body| match body {
        "" => None,
        first if first.starts_with("old 0\n") => Some((409, "1\n".to_owned())),
        _ => Some((422, String::new())),
    });
    let (told, notify) = people();
    home.configure(&(configuration(&[(&url, &liar.unwrap().key().to_string())], 1) + &notify));
    let _service = Service::start(&home);
    let notice = next(&told);
    assert_eq!((&notice["level"], &notice["alarm"]["event"]), (&"high".into(), &"witness-conflict".into()), "{notice}");
    assert_eq!(fact(&notice, "records that it cosigned"), "1");
}

/// A service that does not run as long as people are to be told after.
#[test]
fn a_quorum_that_was_not_met_in_earlier_runs_either_is_told_and_told_once() {
    let (home, key) = home();
    let mut witness = Witness::start(home.path(), "w1", &key, "127.0.0.1:0");
    let (told, notify) = people();
    home.configure(&(configuration(&[(&witness.url, &witness.keys[0])], 1) + &notify));
    witness.kill();
    let memory = home.data().join("witnesses.json");
    drop(Service::start(&home));
    let kept = |what: &str| serde_json::from_slice::<Value>(&fs::read(&memory).ok()?).ok()?.get(what).cloned();
    let _service = {
        let service = Service::start(&home);
        let since = until("since when", || kept("asked_ms")?.as_u64());
        drop(service);
        assert_eq!(kept("late"), Some(false.into()), "an hour has not passed");
        // Two hours ago, for all that the service knows.
        fs::write(&memory, format!("{{\"asked_ms\": {}}}", since - 7_200_000)).unwrap();
        Service::start(&home)
    };
    let notice = next(&told);
    assert_eq!((&notice["level"], &notice["alarm"]["event"]), (&"high".into(), &"witnesses-late".into()), "{notice}");
    assert!(fact(&notice, "for").starts_with("2h"), "{notice}");
    until("that it was told", || (kept("late")? == true).then_some(()));
    drop(_service);

    let _service = Service::start(&home);
    let _again = Witness::start(home.path(), "w1", &key, &witness.listen());
    let notice = next(&told);
    assert!(notice["title"].as_str().unwrap().contains("met again"), "{notice}");
    until("that it is over", || (kept("late")? == false && kept("asked_ms")?.is_null()).then_some(()));
}

#[test]
fn a_quorum_that_is_not_met_for_too_long_is_told_and_so_is_its_end() {
    let (home, key) = home();
    let mut witness = Witness::start(home.path(), "w1", &key, "127.0.0.1:0");
    let (told, notify) = people();
    let settings = configuration(&[(&witness.url, &witness.keys[0])], 1);
    let settings = settings.replace("quorum", "tell_after = \"500ms\"\nquorum");
    home.configure(&(settings + &notify));
    witness.kill();
    let service = Service::start(&home);
    let notice = next(&told);
    assert_eq!((&notice["level"], &notice["alarm"]["event"]), (&"high".into(), &"witnesses-late".into()), "{notice}");
    assert_eq!(fact(&notice, "records that witnesses vouch for"), "0");
    assert!(fact(&notice, "witness").starts_with("w1.example/w: cannot be reached"), "{notice}");
    let _again = Witness::start(home.path(), "w1", &key, &witness.listen());
    let notice = next(&told);
    assert!(notice["title"].as_str().unwrap().contains("met again"), "{notice}");
    assert_eq!(taken(&service), 2);
}

#[test]
fn a_place_that_takes_no_checkpoints_for_too_long_is_told_and_so_is_its_end() {
    let (home, _key) = home();
    let works = Arc::new(AtomicBool::new(false));
    let answers = works.clone();
    let hook = pretender(move |_| Some((if answers.load(Ordering::Relaxed) { 204 } else { 500 }, String::new())));
    let (told, notify) = people();
    home.configure(&format!(
        "[witnesses]\ntell_after = \"500ms\"\n[[witnesses.publish]]\nto = \"webhook\"\nurl = \"{hook}\"\nevery = \"100ms\"\n{notify}"
    ));
    let service = Service::start(&home);
    let notice = next(&told);
    assert_eq!((&notice["level"], &notice["alarm"]["event"]), (&"high".into(), &"publish-failing".into()), "{notice}");
    assert_eq!(fact(&notice, "place"), "`witnesses.publish[0]` (webhook)", "an address may be a secret");
    assert_eq!(fact(&notice, "why"), "answered 500");
    works.store(true, Ordering::Relaxed);
    let notice = next(&told);
    assert!(notice["title"].as_str().unwrap().contains("published again"), "{notice}");
    assert_eq!(taken(&service), 2);
}
