//! Erasure with the real binary: what a session has on record is sealed, is read by whoever has the keys, and by nobody once a
//! person erased it; verifying, proving, mirroring and replaying go on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use holdshort_model::{ErasureKind, Record};
use holdshort_store::keys::{Found, KEYS_FILE, Keys, Scope};
use holdshort_store::records::{Content, LoggedRecord, Records};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use support::{Home, Service, text};

const SECRET: &str = "a-text-that-only-ada-knows";

fn decide(service: &Service<'_>, (agent, user, session): (&str, &str, &str), content: &str) -> String {
    let request = json!({
        "subject": {"agent": agent, "user": user}, "session": session,
        "action": {"kind": "tool.call", "server": "fs", "name": "write_file", "args": {"path": "/a", "content": content}},
    });
    let (status, ruling) = service.post("/v1/decide", &service.admin_token(), &request);
    assert_eq!(status, 200, "{ruling}");
    let id = ruling["id"].as_str().unwrap().to_owned();
    let outcome = json!({"decision": id, "session": session, "status": "ok", "bytes": 3, "duration_us": 1});
    service.post("/v1/outcomes", &service.admin_token(), &outcome);
    id
}

fn home() -> Home {
    Home::new("unknown_agent = \"observe\"\n")
}

fn keys(home: &Home) -> Keys {
    Keys::open(&home.data().join(KEYS_FILE)).unwrap()
}

fn records(home: &Home) -> Vec<LoggedRecord> {
    let records = Records::open(&home.data().join("log")).unwrap().with_keys(Some(keys(home)));
    records.forwards(0).map(Result::unwrap).collect()
}

/// A command that needs no data directory.
fn plain(arguments: &[&str]) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_holdshort")).args(arguments).output().unwrap()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The files of a directory that hold these bytes.
fn holding(directory: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(holding(&entry.path(), needle)),
            kind if kind.is_file() => {
                let bytes = std::fs::read(entry.path()).unwrap();
                if bytes.windows(needle.len()).any(|window| window == needle) {
                    found.push(entry.file_name().into_string().unwrap());
                }
            }
            _ => {}
        }
    }
    found
}

const ADA: (&str, &str, &str) = ("helper", "ada@example.com", "session-of-ada");
const BOB: (&str, &str, &str) = ("helper", "bob@example.com", "session-of-bob");

/// What ada's session has in memory that is to be looked for in the files.
fn traces(home: &Home) -> Vec<Vec<u8>> {
    let keys = keys(home);
    let owned = keys.select(&Scope::User(ADA.1.into())).unwrap();
    assert_eq!(owned.len(), 1);
    let Found::Key(key) = keys.find(&owned[0].id).unwrap() else { panic!("it is there") };
    vec![key.as_bytes().to_vec(), SECRET.as_bytes().to_vec(), ADA.1.as_bytes().to_vec(), ADA.2.as_bytes().to_vec()]
}

#[test]
fn what_a_person_erases_nobody_reads_and_everything_is_proved_as_before() {
    let home = home();
    let service = Service::start(&home);
    let (erased, kept) = (decide(&service, ADA, SECRET), decide(&service, BOB, "another text"));
    (0..20).for_each(|_| drop(decide(&service, BOB, "another text")));
    drop(service);
    assert_eq!(holding(&home.data().join("log"), SECRET.as_bytes()), [""; 0], "nothing is there in clear");
    let before = records(&home);
    let index = before
        .iter()
        .position(|record| record.payload().unwrap().windows(erased.len()).any(|at| at == erased.as_bytes()))
        .unwrap();
    assert!(matches!(before[index].content, Content::Opened(_)));
    let shown = done(&home.run(&["log", "show", &erased]));
    assert!(shown.contains(SECRET), "{shown}");
    let traces = traces(&home);
    assert!(!holding(&home.data(), &traces[0]).is_empty() && !holding(&home.data(), ADA.1.as_bytes()).is_empty());

    let service = Service::start(&home);
    let unsure = home.run(&["log", "erase", "--user", ADA.1, "--because", "asked for it"]);
    assert_eq!(unsure.status.code(), Some(2), "nobody confirms");
    assert!(done(&home.run(&["log", "show", &erased])).contains(SECRET));
    let told = done(&home.run(&["log", "erase", "--user", ADA.1, "--because", "request 2026-114", "--yes"]));
    assert!(told.contains("erased: 1 key of 1 session;"), "{told}");
    // The live session goes on, with a key of its own.
    let after = decide(&service, ADA, "a text after the erasure");
    drop(service);

    let now = records(&home);
    assert_eq!(
        before.len(),
        now.iter().take(before.len()).zip(&before).filter(|(now, then)| now.stored == then.stored).count()
    );
    assert_eq!(now[index].content, Content::Erased);
    let gone: Vec<bool> = now.iter().map(|record| record.content == Content::Erased).collect();
    assert_eq!(gone.iter().filter(|gone| **gone).count(), 2, "the decision and its outcome");
    let erasure = now.iter().find_map(|record| match record.parse() {
        Some(Record::Erasure(erasure)) => Some((erasure, record.content.clone())),
        _ => None,
    });
    let (erasure, content) = erasure.unwrap();
    assert_eq!(content, Content::Plain);
    assert_eq!(
        (erasure.scope, erasure.by.as_str(), erasure.reason.as_str()),
        (ErasureKind::User, "os-user", "request 2026-114")
    );
    assert_eq!(erasure.keys, [now[index].key_id().unwrap().to_string()]);
    assert!(done(&home.run(&["log", "show", &after])).contains("a text after the erasure"));
    for (number, trace) in traces.iter().enumerate().take(2) {
        assert_eq!(holding(&home.data(), trace), [""; 0], "trace {number}");
    }

    let shown: Value = serde_json::from_str(&done(&home.run(&["log", "show", &index.to_string(), "--json"]))).unwrap();
    assert_eq!((&shown["record"], &shown["sealed"]), (&Value::Null, &json!("erased")), "{shown}");
    assert!(shown["erased_ms"].as_u64().unwrap() >= erasure.time_ms);
    done(&home.run(&["log", "verify"]));
    let tally: Value = serde_json::from_str(&done(&home.run(&["replay", "--json"]))).unwrap();
    assert_eq!(
        (&tally["decisions"], &tally["identical"], &tally["erased"]["count"]),
        (&json!(22), &json!(22), &json!(2))
    );
    let report: Value =
        serde_json::from_str(&done(&plain(&["policy", "report", "--json", "--data", home.data().to_str().unwrap()])))
            .unwrap();
    assert_eq!(report["skipped"], json!({"erased": 2, "closed": 0}));

    let key = home.data().join("log/log.pub");
    let check =
        |file: &Path| plain(&["log", "verify-proof", file.to_str().unwrap(), "--key", key.to_str().unwrap(), "--json"]);
    let refused = home.run(&["log", "prove", &index.to_string()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("was erased on "), "{}", text(&refused.stderr));
    let bare = home.path().join("bare.tlog-proof");
    done(&home.run(&["log", "prove", &index.to_string(), "--bare", "--out", bare.to_str().unwrap()]));
    done(&check(&bare));
    let whole = home.path().join("bob.tlog-proof");
    done(&home.run(&["log", "prove", &kept, "--out", whole.to_str().unwrap()]));
    let said: Value = serde_json::from_str(&done(&check(&whole))).unwrap();
    assert_eq!(said["record"]["decision"]["id"], json!(kept), "{said}");
    let mirror = home.path().join("mirror");
    let log = home.data().join("log");
    done(&plain(&[
        "mirror",
        "--once",
        "--from",
        log.to_str().unwrap(),
        "--to",
        mirror.to_str().unwrap(),
        "--key",
        key.to_str().unwrap(),
    ]));

    // Again, with no service: there is the key of what came after, and then nothing.
    done(&home.run(&["log", "erase", "--session", ADA.2, "--because", "again", "--yes"]));
    let count = records(&home).len();
    let nothing = home.run(&["log", "erase", "--user", ADA.1, "--because", "again", "--yes"]);
    assert_eq!(records(&home).len(), count, "what does nothing leaves nothing on record");
    assert_eq!(nothing.status.code(), Some(1), "{}", text(&nothing.stdout));
    assert!(text(&nothing.stderr).contains("nothing on record is sealed"), "{}", text(&nothing.stderr));
    for (number, trace) in traces.iter().enumerate() {
        assert_eq!(holding(&home.data(), trace), [""; 0], "trace {number}");
    }

    // Who looks for something is told of what nobody can look into, and with the keys away, of all that is sealed.
    let sealed = records(&home).iter().filter(|record| record.content == Content::Erased).count();
    let told = format!("records that could not be read: {sealed} erased");
    let keys = home.data().join(KEYS_FILE);
    for more in [&[][..], &["--no-index"]] {
        let found = home.run(&[&["log", "search", "--agent", "nobody"], more].concat());
        assert_eq!(done(&found), "");
        assert!(text(&found.stderr).contains(&told), "{}", text(&found.stderr));
        assert_eq!(text(&home.run(&["log", "search", "--type", "erased"]).stderr), "");
    }
    std::fs::rename(&keys, home.path().join("aside")).unwrap();
    let found = home.run(&["log", "search", "--agent", ADA.0, "--no-index"]);
    assert!(
        done(&found).is_empty() && text(&found.stderr).contains("keys that are not here"),
        "{}",
        text(&found.stderr)
    );
    let found = home.run(&["log", "search", "--agent", ADA.0]);
    assert!(
        done(&found).is_empty() && text(&found.stderr).contains("keys that are not here"),
        "{}",
        text(&found.stderr)
    );
}

/// With whom somebody has to do is on record as well when nothing was ever decided.
#[test]
fn known_destinations_go_with_the_person_that_they_were_for() {
    const FRIEND: &str = "grace@example.net";
    let home = home();
    let service = Service::start(&home);
    let of = |verb: &str, user: &str, value: &str| {
        let named = ["--agent", "helper", "--user", user, "--kind", "mail", value];
        done(&home.run(&[&["destinations", verb][..], &named].concat()))
    };
    of("add", ADA.1, FRIEND);
    of("forget", ADA.1, FRIEND);
    of("add", BOB.1, "friend-of-bob@example.net");
    // A log that is closed is covered by its checkpoint to the end.
    drop(service);
    let tail = || done(&home.run(&["log", "tail", "--json"]));
    assert_eq!(tail().matches(FRIEND).count(), 2, "{}", tail());
    let told = done(&home.run(&["log", "erase", "--user", ADA.1, "--because", "request 2026-116", "--yes"]));
    assert!(told.contains("erased: 1 key of 0 sessions;"), "{told}");
    assert!(!tail().contains(FRIEND) && tail().contains("friend-of-bob"), "{}", tail());
    for trace in [ADA.1, FRIEND] {
        assert_eq!(holding(&home.data(), trace.as_bytes()), [""; 0], "{trace}");
    }
}

#[test]
fn an_agent_erases_nothing() {
    let home = home();
    let service = Service::start(&home);
    let added = home.run(&["agents", "add", "helper", "--class", "coding", "--json"]);
    let issued: Value = serde_json::from_slice(&added.stdout).unwrap();
    let id = decide(&service, ADA, SECRET);
    let body = json!({"kind": "session", "name": ADA.2, "reason": "nothing to see"});
    for token in [issued["token"].as_str().unwrap(), "", "nonsense"] {
        let (status, answer) = service.post("/v1/erasures", token, &body);
        assert!(status == 403 || status == 401, "{status} {answer}");
    }
    for wrong in [
        json!({"kind": "session", "name": "", "reason": "r"}),
        json!({"kind": "session", "name": ADA.2, "reason": " "}),
        json!({"kind": "all", "name": ADA.2, "reason": "r"}),
        json!({"kind": "session", "name": ADA.2}),
    ] {
        let (status, answer) = service.post("/v1/erasures", &service.admin_token(), &wrong);
        assert!((400..500).contains(&status), "{status} {answer}");
    }
    drop(service);
    assert!(done(&home.run(&["log", "show", &id])).contains(SECRET));
}

#[test]
fn a_log_of_plain_and_sealed_records_is_one_log() {
    let home = Home::new("unknown_agent = \"observe\"\n[record]\nseal = false\n");
    let service = Service::start(&home);
    let plain = decide(&service, ADA, SECRET);
    drop(service);
    assert_eq!(holding(&home.data().join("log"), SECRET.as_bytes()).len(), 1, "as it was before");
    home.configure("unknown_agent = \"observe\"\n");
    let service = Service::start(&home);
    let sealed = decide(&service, ADA, "another text");
    drop(service);
    let tally: Value = serde_json::from_str(&done(&home.run(&["replay", "--json", "--strict"]))).unwrap();
    assert_eq!((&tally["decisions"], &tally["identical"]), (&json!(2), &json!(2)), "{tally}");
    let show = |id: &str| home.run(&["log", "show", id]);
    assert!(done(&show(&plain)).contains(SECRET) && done(&show(&sealed)).contains("another text"));
    done(&home.run(&["log", "verify"]));

    // Without the keys, what is sealed is closed: seen, counted, and not read.
    std::fs::remove_file(home.data().join(KEYS_FILE)).unwrap();
    let tally: Value = serde_json::from_str(&done(&home.run(&["replay", "--json"]))).unwrap();
    assert_eq!((&tally["decisions"], &tally["closed"]["count"]), (&json!(1), &json!(2)), "{tally}");
    assert_eq!(show(&sealed).status.code(), Some(1), "an id cannot be found in what cannot be read");
    let index = tally["closed"]["records"][0].to_string();
    let shown: Value = serde_json::from_str(&done(&home.run(&["log", "show", &index, "--json"]))).unwrap();
    assert_eq!((&shown["record"], &shown["sealed"]), (&Value::Null, &json!("closed")));
    let refused = home.run(&["log", "prove", &index]);
    assert!(text(&refused.stderr).contains("its key is not here"), "{}", text(&refused.stderr));
    assert_eq!(home.run(&["replay", "--strict"]).status.code(), Some(1));
}

#[test]
fn a_service_does_not_start_as_if_nothing_was_missing_when_the_keys_are_gone() {
    let home = home();
    let service = Service::start(&home);
    decide(&service, ADA, SECRET);
    drop(service);
    let (file, away) = (home.data().join(KEYS_FILE), home.data().join("backup"));
    std::fs::rename(&file, &away).unwrap();
    let refused = home.run(&["log", "erase", "--user", ADA.1, "--because", "asked for it", "--yes"]);
    assert_eq!(refused.status.code(), Some(70), "{}", text(&refused.stdout));
    let said = text(&refused.stderr);
    assert!(said.contains("the keys of the log are gone") && said.contains("backup"), "{said}");
    assert!(!file.exists(), "new keys were made in the place of the old ones");
    // Without them on purpose.
    std::fs::write(&file, "").unwrap();
    let service = Service::start(&home);
    let after = decide(&service, ADA, "a text after that");
    drop(service);
    assert!(done(&home.run(&["log", "show", &after])).contains("a text after that"));
    // A copy that is older than what was sealed last: it is gone on with, and what it cannot open is closed.
    std::fs::rename(&away, &file).unwrap();
    let service = Service::start(&home);
    decide(&service, ADA, "another text");
    drop(service);
    let opened = records(&home).iter().filter(|record| matches!(record.content, Content::Opened(_))).count();
    assert_eq!(opened, 4, "two decisions with their outcomes, and not those in between");
}

#[test]
fn an_erasure_that_is_on_record_and_was_not_done_is_done_at_the_next_start() {
    let home = home();
    let service = Service::start(&home);
    decide(&service, ADA, SECRET);
    decide(&service, BOB, "another text");
    drop(service);
    let backup = home.path().join("keys-of-before");
    std::fs::copy(home.data().join(KEYS_FILE), &backup).unwrap();
    done(&home.run(&["log", "erase", "--user", ADA.1, "--because", "request 2026-115", "--yes"]));
    // As after a crash before the keys were destroyed.
    std::fs::copy(&backup, home.data().join(KEYS_FILE)).unwrap();
    let state = |wanted: Content| records(&home).iter().filter(|record| record.content == wanted).count();
    let traces = traces(&home);
    assert_eq!(state(Content::Erased), 0, "they are there again");
    drop(Service::start(&home));
    assert_eq!((state(Content::Erased), state(Content::Closed)), (2, 0), "a decision and its outcome");
    assert!(keys(&home).select(&Scope::User(BOB.1.into())).unwrap().len() == 1, "nobody else's");
    for trace in traces.iter().take(2) {
        assert_eq!(holding(&home.data(), trace), [""; 0]);
    }
}

/// Whenever the process is killed: either nothing was asked for yet, or all of it is done after the next start, to the byte.
#[test]
fn an_erasure_that_is_killed_is_done_whole_at_the_next_start() {
    const SESSIONS: usize = 10;
    const ROUNDS: u32 = 4;
    for round in 0..ROUNDS {
        let home = home();
        let service = Service::start(&home);
        for number in 0..SESSIONS {
            decide(&service, (ADA.0, ADA.1, &format!("{}-{number}", ADA.2)), SECRET);
        }
        decide(&service, BOB, "another text");
        let all = keys(&home);
        let owned = all.select(&Scope::User(ADA.1.into())).unwrap();
        assert_eq!(owned.len(), SESSIONS);
        let key = |owned: &holdshort_store::keys::Owned| match all.find(&owned.id).unwrap() {
            Found::Key(key) => key.as_bytes().to_vec(),
            other => panic!("{other:?}"),
        };
        let traces: Vec<Vec<u8>> = owned.iter().map(key).collect();
        drop(all);
        let (address, token) = (service.address().trim_start_matches("http://").to_owned(), service.admin_token());
        let body = json!({"kind": "user", "name": ADA.1, "reason": "request 2026-116"}).to_string();
        let mut asked = std::net::TcpStream::connect(&address).unwrap();
        let head = format!(
            "POST /v1/erasures HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        std::io::Write::write_all(&mut asked, head.as_bytes()).unwrap();
        // Anywhere between the first byte and the last, however fast this machine is.
        match round {
            0 => {}
            3 => drop(std::io::Read::read_to_end(&mut asked, &mut Vec::new())),
            _ => std::thread::sleep(std::time::Duration::from_millis(u64::from(4 * round))),
        }
        service.end("-KILL");
        // It is asked to end no more.
        std::mem::forget(service);
        drop(Service::start(&home));
        let erased = records(&home).iter().filter(|record| record.content == Content::Erased).count();
        let on_record =
            records(&home).iter().filter_map(LoggedRecord::parse).any(|one| matches!(one, Record::Erasure(_)));
        let opened = keys(&home).select(&Scope::User(ADA.1.into())).unwrap().len();
        match on_record {
            true => {
                assert_eq!((erased, opened), (2 * SESSIONS, 0), "round {round}");
                for trace in &traces {
                    assert_eq!(holding(&home.data(), trace), [""; 0], "round {round}");
                }
                assert!(!holding(&home.data(), ADA.2.as_bytes()).iter().any(|file| file.starts_with(KEYS_FILE)));
            }
            false => {
                assert_eq!((erased, opened), (0, SESSIONS), "round {round}: nobody was told that anything is erased")
            }
        }
        assert_eq!(keys(&home).intents().unwrap(), []);
        let bob = keys(&home).select(&Scope::User(BOB.1.into())).unwrap().len();
        assert_eq!(bob, 1, "nobody else's");
        done(&home.run(&["log", "verify"]));
    }
}
