//! Witnesses as real processes: ours and a foreign one, honest, slow, lying and killed; logs that are honest and logs that were
//! rewritten with the stolen key.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use holdshort_ledger::{
    AddCheckpoint, Checkpoint, ConsistencyProof, Cosigner, CosignerAlgorithm, Hash, Note, SigningKey,
};
use holdshort_store::log::{DirectoryTiles, Log, LogOptions};
use holdshort_testkit::foreign_witness;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Home, Service, text};

const DEADLINE: Duration = Duration::from_secs(60);

/// `holdshort witness`, running. Killed at the end.
struct Witness {
    child: Child,
    url: String,
    keys: Vec<String>,
}

impl Witness {
    fn start(folder: &Path, name: &str, log: &Path, listen: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
        command
            .args(["witness", "--json", "--listen", listen, "--name", &format!("{name}.example/w"), "--log"])
            .arg(log);
        command.arg("--state").arg(folder.join(name)).arg("--key").arg(folder.join(format!("{name}.key")));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let keys = said["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect();
        Self { child, url: said["url"].as_str().unwrap().to_owned(), keys }
    }

    fn listen(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request to `url`, and its answer: status, head and body.
fn ask(url: &str, method: &str, path: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
}

/// Something that listens, and answers each request with what `reply` makes of its body; with `None` it never answers.
fn pretender(reply: impl Fn(&str) -> Option<(u16, String)> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut head, mut reader) = (String::new(), BufReader::new(stream.try_clone().unwrap()));
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let length = head
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.lines().next().unwrap().trim().parse::<usize>().unwrap());
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            match reply(&String::from_utf8_lossy(&body)) {
                Some((status, answer)) => {
                    let length = answer.len();
                    let head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
                    let _ = stream.write_all((head + &answer).as_bytes());
                }
                None => held.push(stream),
            }
        }
    });
    url
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn plain(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdshort")).args(arguments).output().unwrap()
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// A home whose log exists, and its key.
fn home() -> (Home, PathBuf) {
    let home = Home::new("");
    drop(Service::start(&home));
    let key = home.path().join("kept.pub");
    fs::copy(home.data().join("log/log.pub"), &key).unwrap();
    (home, key)
}

fn configuration(witnesses: &[(&str, &str)], quorum: usize) -> String {
    let mut text = format!("[witnesses]\nquorum = {quorum}\nevery = \"100ms\"\ntimeout = \"1s\"\n");
    for (url, key) in witnesses {
        text += &format!("[[witnesses.witness]]\nurl = \"{url}\"\nkey = \"{key}\"\n");
    }
    text
}

fn policy(folder: &Path, witnesses: &[(&str, &str)], threshold: &str) -> PathBuf {
    let lines: String = witnesses.iter().map(|(name, key)| format!("witness {name} {key}\n")).collect();
    let names: Vec<&str> = witnesses.iter().map(|(name, _)| *name).collect();
    let file = folder.join(format!("{threshold}.policy"));
    fs::write(&file, format!("{lines}group g {threshold} {}\nquorum g\n", names.join(" "))).unwrap();
    file
}

/// Waits until everything that is sealed is witnessed, and gives the state.
fn witnessed(service: &Service<'_>, least: u64) -> Value {
    until("a quorum", || {
        let page = service.get("/v1/witnesses");
        let (size, seen) = (page["size"].as_u64().unwrap(), page["witnessed"].as_u64().unwrap());
        (seen == size && seen >= least).then_some(page)
    })
}

fn decide(home: &Home, service: &Service<'_>, token: &mut Option<String>) {
    let token = token.get_or_insert_with(|| {
        let added = home.run(&["agents", "add", "tidy", "--class", "assistant", "--owner", "ada", "--json"]);
        let issued: Value = serde_json::from_slice(&added.stdout).unwrap();
        issued["token"].as_str().unwrap().to_owned()
    });
    let question = json!({
        "subject": {"agent": "tidy"}, "session": "s1",
        "action": {"kind": "tool.call", "server": "mail", "name": "list_messages", "args": {}},
    });
    let (status, ruling) = service.post("/v1/decide", token, &question);
    assert_eq!(status, 200, "{ruling}");
}

#[test]
fn two_honest_witnesses_are_enough_beside_four_that_are_down_hang_lie_and_sign_something_else() {
    let (home, key) = home();
    let (first, second) = (
        Witness::start(home.path(), "w1", &key, "127.0.0.1:0"),
        Witness::start(home.path(), "w2", &key, "127.0.0.1:0"),
    );
    let liar = Cosigner::from_seed(CosignerAlgorithm::Ed25519, "w3.example/w", &[3; 32]).unwrap();
    let (liar_key, asked) = (liar.key().to_string(), Arc::new(Mutex::new(0)));
    let counted = asked.clone();
    // Cosigns, with its own key, and another checkpoint than the one that it was asked for.
    let another = pretender(move |body| {
        *counted.lock().unwrap() += 1;
        let origin = AddCheckpoint::parse(body.as_bytes()).ok()?.origin().to_owned();
        let log = SigningKey::from_seed(&origin, &[9; 32]).unwrap();
        let mut note = Checkpoint { origin, size: 1, root: Hash::leaf(b"x") }.sign(&log).unwrap();
        liar.cosign(&mut note, 7).unwrap();
        Some((200, format!("{}\n", note.signatures()[1])))
    });
    let hanging = pretender(|_| None);
    let garbage = pretender(|_| Some((200, "\u{2014} nonsense \u{fffd}".repeat(9_000))));
    let down = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let spare = |at: u8| {
        let name = format!("w{at}.example/w");
        Cosigner::from_seed(CosignerAlgorithm::Ed25519, &name, &[at; 32]).unwrap().key().to_string()
    };
    let (fourth, fifth, sixth) = (spare(4), spare(5), spare(6));
    let all = [
        (&*first.url, &*first.keys[0]),
        (&*second.url, &*second.keys[1]),
        (&*another, &*liar_key),
        (&*hanging, &*fourth),
        (&*garbage, &*fifth),
        (&*down, &*sixth),
    ];
    home.configure(&configuration(&all, 2));
    let service = Service::start(&home);
    let mut token = None;
    for _ in 0..3 {
        decide(&home, &service, &mut token);
    }
    let page = witnessed(&service, 5);
    until("every witness was tried", || {
        let page = service.get("/v1/witnesses");
        page["witnesses"].as_array().unwrap().iter().skip(2).all(|one| one["trouble"].is_string()).then_some(())
    });
    assert!(*asked.lock().unwrap() > 0 && page["quorum"].as_str().unwrap().starts_with("2 of the 6"), "{page}");

    // Over HTTP and in the directory, by the policy of somebody else.
    let pair = [("W1", &*first.keys[0]), ("W2", &*second.keys[1])];
    let (both, log) = (policy(home.path(), &pair, "all"), home.data().join("log"));
    let address = format!("{}/log", service.address());
    let admin = home.data().join("admin.token");
    let far = plain(&[
        "log",
        "verify",
        &address,
        "--key",
        path(&key),
        "--token",
        path(&admin),
        "--witness-policy",
        path(&both),
    ]);
    assert_eq!(far.status.code(), Some(0), "{}{}", text(&far.stdout), text(&far.stderr));
    assert!(
        text(&far.stdout).contains("by 2 of the 2 in `g`") && text(&far.stdout).contains("`W2` cosigned at 20"),
        "{}",
        text(&far.stdout)
    );
    let more = [pair[0], pair[1], ("W3", &*liar_key)];
    let three = policy(home.path(), &more, "3");
    let refused = plain(&["log", "verify", path(&log), "--key", path(&key), "--witness-policy", path(&three)]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("quorum of 3 of the 3 in `g`: `W3` has not cosigned it"),
        "{}",
        text(&refused.stderr)
    );

    // A proof for strangers.
    let proof = home.path().join("2.tlog-proof");
    let made = home.run(&["log", "prove", "2", "--witnessed", "--out", path(&proof)]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let check = |policy: &Path| {
        plain(&["log", "verify-proof", path(&proof), "--key", path(&key), "--witness-policy", path(policy)])
    };
    let checked = check(&both);
    assert!(
        checked.status.success() && text(&checked.stdout).contains("`W1` cosigned at"),
        "{}",
        text(&checked.stderr)
    );
    let refused = check(&three);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("does not meet the quorum"), "{}", text(&refused.stderr));
    drop(service);
    let mirrored = home.path().join("copy");
    let taken = plain(&["mirror", "--from", path(&log), "--to", path(&mirrored), "--key", path(&key), "--once"]);
    assert!(taken.status.success(), "{}", text(&taken.stderr));
    let copied =
        plain(&["log", "verify", path(&mirrored), "--key", path(&key), "--witness-policy", path(&both), "--json"]);
    let said: Value = serde_json::from_slice(&copied.stdout).unwrap();
    assert!(said["witnesses"]["covered"].as_u64().unwrap() >= 5, "{said}");
}

#[test]
fn a_log_that_was_rewritten_with_the_stolen_key_is_exposed_by_its_witnesses_and_by_what_was_published() {
    let (home, key) = home();
    let pair = [
        Witness::start(home.path(), "w1", &key, "127.0.0.1:0"),
        Witness::start(home.path(), "w2", &key, "127.0.0.1:0"),
    ];
    let all = [(&*pair[0].url, &*pair[0].keys[0]), (&*pair[1].url, &*pair[1].keys[0])];
    let published = home.path().join("published");
    let publish = format!("[[witnesses.publish]]\nto = \"file\"\npath = \"{}\"\nevery = \"100ms\"\n", path(&published));
    home.configure(&(configuration(&all, 2) + &publish));
    let both = policy(home.path(), &[("W1", all[0].1), ("W2", all[1].1)], "all");
    let (log, backup, mirrored) = (home.data().join("log"), home.path().join("backup"), home.path().join("copy"));
    let mut token = None;
    let published_size = |size: u64| {
        until("a publication", || {
            fs::read_to_string(&published).ok().filter(|text| text.contains(&format!("\n{size}\n")))
        })
    };

    let service = Service::start(&home);
    decide(&home, &service, &mut token);
    published_size(witnessed(&service, 3)["size"].as_u64().unwrap());
    drop(service);
    copy(&log, &backup);
    let seen = Note::parse(&fs::read(backup.join("checkpoint.witnessed")).unwrap()).unwrap();
    let seen = Checkpoint::parse_text(seen.text()).unwrap().size;
    let verified: Value = serde_json::from_slice(&home.run(&["log", "verify", "--json"]).stdout).unwrap();
    let common = verified["size"].as_u64().unwrap();

    // The true story goes on, and is witnessed, published and mirrored.
    let service = Service::start(&home);
    for _ in 0..20 {
        decide(&home, &service, &mut token);
    }
    let truth = witnessed(&service, common + 20)["size"].as_u64().unwrap();
    published_size(truth);
    drop(service);
    let (kept, true_witnessed) = (home.path().join("kept"), home.path().join("true.witnessed"));
    fs::copy(log.join("checkpoint.witnessed"), &true_witnessed).unwrap();
    fs::copy(&published, &kept).unwrap();
    let mirror = ["mirror", "--from", path(&log), "--to", path(&mirrored), "--key", path(&key), "--once"];
    assert!(plain(&mirror).status.success());

    // Whoever has the key writes another one over it. Shorter than the true story it would be at first: a rollback.
    copy(&backup, &log);
    let service = Service::start(&home);
    let conflict = until("a conflict", || {
        let page = service.get("/v1/witnesses");
        let told = page["witnesses"].as_array().unwrap().iter().filter(|one| one["conflict"] == true).count();
        (told == 2).then_some(page)
    });
    let trouble = conflict["witnesses"][0]["trouble"].as_str().unwrap();
    assert!(trouble.contains(&format!("another history of this log: {truth} records")), "{conflict}");
    let on_record = until("the record", || {
        let found = home.run(&["log", "search", "--text", "witness-conflict", "--json"]);
        (found.stdout.iter().filter(|byte| **byte == b'\n').count() >= 2).then_some(text(&found.stdout))
    });
    assert!(on_record.contains(&format!("\"theirs\":{truth}")) && on_record.contains("\"proved\":true"), "{on_record}");
    assert!(on_record.contains(&format!("\"same_before\":{seen}")), "{on_record}");
    for _ in 0..40 {
        decide(&home, &service, &mut token);
    }
    // Each witness keeps what it refuses.
    let folder = |witness: &str| {
        let mut kept = fs::read_dir(home.path().join(witness)).unwrap().map(|entry| entry.unwrap().path());
        kept.find(|entry| entry.is_dir()).unwrap()
    };
    until("a refusal of the longer one", || folder("w1").join("refused").exists().then_some(()));
    drop(service);
    assert!(log.join("contradiction").exists());
    assert_eq!(home.run(&["log", "verify"]).status.code(), Some(0), "it passes alone");

    // With the true witnessed checkpoint it contradicts itself.
    fs::copy(&true_witnessed, log.join("checkpoint.witnessed")).unwrap();
    let verify = ["log", "verify", path(&log), "--key", path(&key), "--witness-policy", path(&both)];
    let exposed = plain(&[&verify[..], &["--older", path(&kept)]].concat());
    assert_eq!(exposed.status.code(), Some(1));
    let message = text(&exposed.stderr);
    assert!(message.contains("contradicts what it showed to its witnesses"), "{message}");
    assert!(message.contains(&format!("the first {truth} records are not those")), "{message}");
    assert!(message.contains("are the same, and the first one that differs is before"), "{message}");
    // Without any, nobody vouches for it.
    fs::remove_file(log.join("checkpoint.witnessed")).unwrap();
    let unmet = plain(&verify);
    assert!(
        unmet.status.code() == Some(1) && text(&unmet.stderr).contains("`W1` has not cosigned it"),
        "{}",
        text(&unmet.stderr)
    );
    // What was published bounds the place, and a copy names it.
    let audit = |older: &Path| plain(&["log", "audit", path(&log), "--key", path(&key), "--older", path(older)]);
    let both_stories = audit(&published);
    assert!(text(&both_stories.stderr).contains("two different trees of"), "{}", text(&both_stories.stderr));
    let audited = audit(&kept);
    let message = text(&audited.stderr);
    assert!(audited.status.code() == Some(1) && message.contains("the first one that differs is before"), "{message}");
    let audited = plain(&["log", "audit", path(&log), "--key", path(&key), "--copy", path(&mirrored)]);
    let message = text(&audited.stderr);
    assert!(
        audited.status.code() == Some(1) && message.contains(&format!("rewritten from record {common} on")),
        "{message}"
    );
    assert!(text(&plain(&mirror).stderr).contains(&format!("rewritten from record {common} on")));
    let still = fs::read(folder("w1").join("checkpoint")).unwrap();
    let still = Checkpoint::parse_text(Note::parse(&still).unwrap().text()).unwrap();
    assert_eq!(still.size, truth, "what it cosigned stands");
}

/// A log of records without a service, and requests about it.
struct Records(PathBuf);

impl Records {
    fn key(&self) -> PathBuf {
        self.0.join("log/log.pub")
    }

    fn fill(&self, size: u64) {
        let options = LogOptions::new(self.0.join("log"), self.0.join("log.key"), "example.com/records");
        let (log, report) = Log::open(options).unwrap();
        (report.size..size).for_each(|index| log.enqueue(format!("record {index}").into_bytes()).unwrap());
        log.close_blocking().unwrap();
    }

    fn request(&self, old_size: u64) -> String {
        let note = Note::parse(&fs::read(self.0.join("log/checkpoint")).unwrap()).unwrap();
        let size = Checkpoint::parse_text(note.text()).unwrap().size;
        let proof =
            ConsistencyProof::make(old_size, size, &mut DirectoryTiles::new(&self.0.join("log"))).unwrap().hashes;
        AddCheckpoint { old_size, proof, note }.to_string()
    }
}

#[test]
fn the_protocol_on_the_wire_and_a_witness_that_is_killed_between_storing_and_answering() {
    let home = tempfile::tempdir().unwrap();
    let records = Records(home.path().to_owned());
    records.fill(300);
    let mut witness = Witness::start(home.path(), "w1", &records.key(), "127.0.0.1:0");
    let listen = witness.listen();
    let add = |body: &str| ask(&listen, "POST", "/add-checkpoint", body);
    // Asked, and the answer is never read: the checkpoint is stored when the process is killed.
    let request = records.request(0);
    let mut stream = TcpStream::connect(&listen).unwrap();
    write!(stream, "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: {}\r\n\r\n{request}", request.len())
        .unwrap();
    let folder = home.path().join("w1").join(holdshort_ledger::origin_digest("example.com/records"));
    until("the stored checkpoint", || folder.join("checkpoint").exists().then_some(()));
    witness.kill();
    drop(stream);
    let again = Witness::start(home.path(), "w1", &records.key(), &listen);
    assert_eq!(again.keys, witness.keys);
    let (status, head, body) = add(&records.request(0));
    assert_eq!((status, &*body), (409, "300\n"), "{head}");
    assert!(head.contains("content-type: text/x.tlog.size\r\n"), "{head}");
    let (status, _, lines) = add(&records.request(300));
    assert_eq!((status, lines.lines().count()), (200, 2), "{lines}");
    let note =
        Note::parse((fs::read_to_string(records.0.join("log/checkpoint")).unwrap() + &lines).as_bytes()).unwrap();
    for key in &again.keys {
        holdshort_ledger::CosignerKey::parse(key).unwrap().verify(&note).unwrap();
    }

    records.fill(700);
    let good = records.request(300);
    assert_eq!(add("garbage").0, 400);
    assert_eq!(add(&good.replacen("old 300", "old 701", 1)).0, 400);
    assert_eq!(add(&good.replace("example.com/records\n", "example.com/other\n")).0, 404);
    assert_eq!(add(&good.replace("\n700\n", "\n701\n")).0, 403);
    let line = good.lines().nth(1).unwrap();
    assert_eq!(add(&good.replacen(&format!("{line}\n"), "", 1)).0, 422);
    assert_eq!(add(&"x".repeat(70_000)).0, 413);
    assert_eq!(ask(&listen, "GET", "/add-checkpoint", "").0, 404);
    assert_eq!(ask(&listen, "PUT", "/add-checkpoint", "").0, 405);
    assert_eq!(ask(&listen, "GET", "/../w1.key", "").0, 404);
    let stored = format!("/{}/checkpoint", holdshort_ledger::origin_digest("example.com/records"));
    assert!(ask(&listen, "GET", &stored, "").2.starts_with("example.com/records\n300\n"));
    assert_eq!(add(&good).0, 200);
    assert!(ask(&listen, "GET", &stored, "").2.starts_with("example.com/records\n700\n"));
}

#[test]
fn of_fifty_submissions_at_once_one_wins_and_slow_clients_are_nobody_s_matter() {
    let home = tempfile::tempdir().unwrap();
    let records = Records(home.path().to_owned());
    let requests: Vec<String> = (1..=50)
        .map(|size| {
            records.fill(size);
            records.request(0)
        })
        .collect();
    let witness = Witness::start(home.path(), "w1", &records.key(), "127.0.0.1:0");
    // These never send the rest of what they began.
    let slow: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(witness.listen()).unwrap();
            write!(stream, "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 100\r\n\r\nold").unwrap();
            stream
        })
        .collect();
    let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
        let submit = |request| {
            let (status, _, body) = ask(&witness.url, "POST", "/add-checkpoint", request);
            (status, body)
        };
        let asked: Vec<_> = requests.iter().map(|request| scope.spawn(move || submit(request))).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let won: Vec<usize> = (0..50).filter(|at| answers[*at].0 == 200).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let known = format!("{}\n", won[0] + 1);
    assert!(
        answers.iter().enumerate().all(|(at, answer)| at == won[0] || *answer == (409, known.clone())),
        "{answers:?}"
    );
    drop(slow);
}

#[test]
fn one_address_that_floods_a_witness_is_told_to_wait() {
    let home = tempfile::tempdir().unwrap();
    let records = Records(home.path().to_owned());
    records.fill(3);
    let witness = Witness::start(home.path(), "w1", &records.key(), "127.0.0.1:0");
    let flooded = (0..2_000).any(|_| ask(&witness.url, "GET", "/healthz", "").0 == 429);
    assert!(flooded);
}

#[test]
fn checkpoints_are_published_to_a_collector_and_signed_to_an_endpoint() {
    let (home, key) = home();
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    collector.set_read_timeout(Some(DEADLINE)).unwrap();
    let (sender, posted) = std::sync::mpsc::channel();
    let hook = pretender(move |body| {
        sender.send(body.to_owned()).unwrap();
        Some((204, String::new()))
    });
    let place = collector.local_addr().unwrap();
    home.configure(&format!(
        "[[witnesses.publish]]\nto = \"syslog\"\nurl = \"udp://{place}\"\nevery = \"100ms\"\n\
         [[witnesses.publish]]\nto = \"webhook\"\nurl = \"{hook}\"\nevery = \"100ms\"\n"
    ));
    let service = Service::start(&home);
    let log_key = holdshort_ledger::VerifierKey::parse(fs::read_to_string(&key).unwrap().trim()).unwrap();
    let said: Value = serde_json::from_str(&posted.recv_timeout(DEADLINE).unwrap()).unwrap();
    let note = said["note"].as_str().unwrap();
    assert_eq!(said["type"], "holdshort.checkpoint");
    assert_eq!(Checkpoint::open(note.as_bytes(), &log_key).unwrap().size, said["size"].as_u64().unwrap());
    let mut datagram = [0; 4_096];
    let length = collector.recv(&mut datagram).unwrap();
    let message = text(&datagram[..length]);
    let (_, note) = message.split_once('\u{feff}').unwrap();
    let note: String = serde_json::from_str(note).unwrap();
    assert!(Checkpoint::open(note.as_bytes(), &log_key).is_ok(), "{message}");
    drop(service);
    // What was received is something to audit with.
    let kept = home.path().join("kept");
    fs::write(&kept, note).unwrap();
    let audited = plain(&["log", "audit", path(&home.data().join("log")), "--key", path(&key), "--older", path(&kept)]);
    assert!(audited.status.success(), "{}", text(&audited.stderr));
}

/// The foreign witness, running. Ends with it.
struct Foreign(Child, String);

impl Foreign {
    fn command(config: &Path, arguments: &[&str]) -> Command {
        let mut command = foreign_witness().command();
        command.arg(arguments[0]).arg("--config").arg(config).args(&arguments[1..]);
        command
    }

    fn start(config: &Path) -> Self {
        let mut child = Self::command(config, &["serve"]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url =
            lines.find_map(|line| Some(line.unwrap().split_once("listening on ")?.1.split(' ').next()?.to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        Self(child, url.unwrap())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_foreign_witness_cosigns_our_log_and_refuses_a_rewritten_one() {
    let (home, key) = home();
    let config = home.path().join("foreign.json");
    let made = Foreign::command(&config, &["init", "--name", "foreign.example/w", "--listen", "127.0.0.1:0"]).output();
    let foreign_key = text(&made.unwrap().stdout).lines().find(|line| line.contains('+')).unwrap().trim().to_owned();
    let log_key = fs::read_to_string(&key).unwrap().trim().to_owned();
    let origin = log_key.split('+').next().unwrap();
    let added = Foreign::command(&config, &["add-log", "--origin", origin, "--vkey", &log_key]).output().unwrap();
    assert!(added.status.success(), "{}", text(&added.stderr));
    let foreign = Foreign::start(&config);
    home.configure(&configuration(&[(&foreign.1, &foreign_key)], 1));
    let policy = policy(home.path(), &[("F", &foreign_key)], "1");
    let (log, backup) = (home.data().join("log"), home.path().join("backup"));

    let mut token = None;
    let service = Service::start(&home);
    witnessed(&service, 3);
    drop(service);
    copy(&log, &backup);
    let service = Service::start(&home);
    for _ in 0..20 {
        decide(&home, &service, &mut token);
    }
    let truth = witnessed(&service, 20)["size"].as_u64().unwrap();
    drop(service);
    let verified = plain(&["log", "verify", path(&log), "--key", path(&key), "--witness-policy", path(&policy)]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));

    copy(&backup, &log);
    let service = Service::start(&home);
    for _ in 0..40 {
        decide(&home, &service, &mut token);
    }
    until("a conflict", || (service.get("/v1/witnesses")["witnesses"][0]["conflict"] == true).then_some(()));
    until("a refusal of the longer story", || {
        let evidence = Foreign::command(&config, &["evidence"]).output().unwrap();
        text(&evidence.stdout).contains(origin).then_some(())
    });
    let record = home.run(&["log", "search", "--text", "witness-conflict", "--json"]);
    assert!(text(&record.stdout).contains(&format!("\"theirs\":{truth}")), "{}", text(&record.stdout));
}
