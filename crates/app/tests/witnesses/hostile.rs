//! What strangers send to a witness, and what a witness that nobody should have believed sends back.

use crate::parts::*;
use crate::support::Service;
use holdshort_ledger::{AddCheckpoint, Checkpoint, Cosigner, CosignerAlgorithm, Note};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

fn witness(home: &tempfile::TempDir) -> (Witness, Records) {
    let records = Records(home.path().to_owned());
    records.fill(3);
    (Witness::start(home.path(), "w1", &records.key(), "127.0.0.1:0"), records)
}

/// Sends these bytes, and gives everything that comes until the other side ends it.
fn exchange(witness: &Witness, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(witness.listen()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // It may end in the middle of what is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let kind = ended.err().map(|error| error.kind());
    assert!(!matches!(kind, Some(std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)), "it was not ended");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_request_is_never_hidden_in_another_one() {
    let home = tempfile::tempdir().unwrap();
    let (witness, _) = witness(&home);
    let hidden = "GET /healthz HTTP/1.1\r\nhost: w\r\n\r\n";
    let long = hidden.len() + 5;
    let post = "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\n";
    for (shape, request) in [
        (
            "both lengths",
            format!("{post}content-length: {long}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "both, the other way",
            format!("{post}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        ("chunked alone", format!("{post}transfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}")),
        ("another coding", format!("{post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}")),
        ("chunked twice", format!("{post}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n{hidden}")),
        ("chunked, then not", format!("{post}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}")),
        ("two lengths", format!("{post}content-length: 0\r\ncontent-length: {long}\r\n\r\n{hidden}")),
        ("a list of lengths", format!("{post}content-length: 0, {long}\r\n\r\n{hidden}")),
        ("a sign", format!("{post}content-length: +0\r\n\r\n{hidden}")),
        ("a blank before the colon", format!("{post}content-length : 0\r\n\r\n{hidden}")),
        ("a folded line", format!("{post}content-length:\r\n 0\r\n\r\n{hidden}")),
        ("a bad chunk", format!("{post}transfer-encoding: chunked\r\n\r\n-1\r\n\r\n{hidden}")),
        (
            "an old version",
            format!("POST /add-checkpoint HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        ("a zero byte", format!("{post}x: a\0b\r\n\r\n{hidden}")),
    ] {
        let answer = exchange(&witness, request.as_bytes());
        assert!(answer.matches("HTTP/1.").count() <= 1, "{shape}: {answer}");
        assert!(!answer.contains(" 200 "), "{shape}: {answer}");
    }
    assert_eq!(ask(&witness.url, "GET", "/healthz", "").0, 200);
}

#[test]
fn who_is_slow_or_says_nothing_is_sent_away() {
    let home = tempfile::tempdir().unwrap();
    let (witness, _) = witness(&home);
    std::thread::scope(|scope| {
        scope.spawn(|| exchange(&witness, b""));
        scope.spawn(|| exchange(&witness, b"GET /heal"));
        scope.spawn(|| exchange(&witness, b"GET /healthz HTTP/1.1\r\nhost: w\r\n\r\n"));
        scope.spawn(|| {
            let body = exchange(&witness, b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 9\r\n\r\nold");
            assert!(body.starts_with("HTTP/1.1 408"), "{body}");
        });
        // A byte now and then is no reason to stay.
        scope.spawn(|| {
            let mut stream = TcpStream::connect(witness.listen()).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            until("the end of a trickle", || {
                let _ = stream.write_all(b"a");
                match stream.read(&mut [0; 64]) {
                    Ok(0) => Some(()),
                    Ok(_) => None,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
                    Err(_) => Some(()),
                }
            });
        });
    });
    assert_eq!(ask(&witness.url, "GET", "/healthz", "").0, 200);
}

#[test]
fn requests_beyond_measure_are_refused_and_change_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (witness, records) = witness(&home);
    let add = |body: &str| ask(&witness.url, "POST", "/add-checkpoint", body).0;
    let good = records.request(0);
    // The short one of the log's signatures.
    let line = good.lines().filter(|line| line.starts_with('\u{2014}')).min_by_key(|line| line.len()).unwrap();
    // It may be sent away before it has said all of it.
    let many = format!("{good}{}", format!("{line}\n").repeat(10_000));
    let head = format!("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: {}\r\n\r\n", many.len());
    let said = exchange(&witness, format!("{head}{many}").as_bytes());
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 413"), "{said}");
    assert_eq!(add(&format!("{good}{}", format!("{line}\n").repeat(120))), 400, "more signatures than a note has");
    assert_eq!(add(&good.replacen("old 0", "old 4", 1)), 400, "backwards");
    assert_eq!(add(&good.replacen("old 0", "old 00", 1)), 400);
    assert_eq!(add(&good.replacen("old 0", "old 18446744073709551616", 1)), 400);
    assert_eq!(add(&good.replacen("\n3\n", "\n03\n", 1)), 400);
    let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    assert_eq!(add(&good.replacen("old 0\n", &format!("old 0\n{}", hash.repeat(64)), 1)), 400, "too long a proof");
    let head = format!("GET /healthz HTTP/1.1\r\nhost: w\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    assert!(exchange(&witness, head.as_bytes()).starts_with("HTTP/1.1 431"));
    let headers = format!("GET /healthz HTTP/1.1\r\nhost: w\r\n{}\r\n", "a: b\r\n".repeat(500));
    assert!(exchange(&witness, headers.as_bytes()).starts_with("HTTP/1.1 431"));
    assert_eq!(add(&good), 200, "nothing was stored before");
}

#[test]
fn answers_that_no_witness_gives_are_told_as_what_they_are_and_say_nothing_of_the_log() {
    let (home, _key) = home();
    let cosigner = |at: u8| {
        let name = format!("w{at}.example/w");
        Cosigner::from_seed(CosignerAlgorithm::Ed25519, &name, &[at; 32]).unwrap()
    };
    let long = pretender(|_| Some((200, "\u{2014} w1.example/w AAAA\n".repeat(400_000))));
    let elsewhere = Arc::new(AtomicUsize::new(0));
    let counted = elsewhere.clone();
    let other = pretender(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Some((200, String::new()))
    });
    let place = format!("location: {other}/add-checkpoint\r\n");
    let moved = pretender_with(place, |_| Some((307, String::new())));
    let later = cosigner(3);
    let future = pretender(move |body| {
        let AddCheckpoint { mut note, .. } = AddCheckpoint::parse(body.as_bytes()).ok()?;
        later.cosign(&mut note, 4_102_444_800).unwrap();
        Some((200, holdshort_ledger::cosignature_lines(&note, 1)))
    });
    let nothing = pretender(|_| Some((409, "soon".into())));
    // It knows a larger size of ours, and then a smaller one, for ever.
    let turn = AtomicUsize::new(1);
    let fickle = pretender(move |_| Some((409, format!("{}\n", turn.fetch_add(1, Ordering::Relaxed) % 2))));
    let refusing = pretender(|body| Some((if body.is_empty() { 404 } else { 422 }, String::new())));
    let urls = [&long, &moved, &future, &nothing, &fickle, &refusing];
    let keys: Vec<String> = (1..=6).map(|at| cosigner(at).key().to_string()).collect();
    let all: Vec<(&str, &str)> = urls.iter().zip(&keys).map(|(url, key)| (url.as_str(), key.as_str())).collect();
    home.configure(&configuration(&all, 1).replace("\"1s\"", "\"30s\""));
    let service = Service::start(&home);
    let page = until("an opinion of each", || {
        let page = service.get("/v1/witnesses");
        let each = page["witnesses"].as_array().unwrap();
        (each.len() == 6 && each.iter().all(|one| one["trouble"].is_string())).then_some(page)
    });
    let said = |at: usize| page["witnesses"][at]["trouble"].as_str().unwrap();
    assert!(said(0).contains("what is no cosignature"), "{page}");
    assert!(said(1).contains("status 307"), "{page}");
    assert!(said(2).contains("in the future"), "{page}");
    assert!(said(3).contains("without a size"), "{page}");
    assert!(said(4).contains("another size each time"), "{page}");
    assert!(said(5).contains("has seen none"), "{page}");
    assert!(page["witnesses"].as_array().unwrap().iter().all(|one| one["conflict"] == false), "{page}");
    assert_eq!((page["witnessed"].as_u64(), elsewhere.load(Ordering::Relaxed)), (Some(0), 0));
    assert!(!home.data().join("log/checkpoint.witnessed").exists());
    let own = std::fs::read(home.data().join("log/checkpoint")).unwrap();
    assert!(Checkpoint::parse_text(Note::parse(&own).unwrap().text()).unwrap().size > 0, "the log goes on");
}

/// A mirror that takes every checkpoint, and never all of the entries.
#[test]
fn a_mirror_that_never_comes_to_its_end_is_given_up() {
    let (home, _key) = home();
    let mut token = None;
    let service = Service::start(&home);
    for _ in 0..30 {
        decide(&home, &service, &mut token);
    }
    drop(service);
    let cosigner = |at: u8| {
        let name = format!("w{at}.example/w");
        Cosigner::from_seed(CosignerAlgorithm::Ed25519, &name, &[at; 32]).unwrap()
    };
    // What it names as the next entry, by the number of the request.
    let mirror = |status: u16, next: fn(u64) -> u64| {
        let asked = AtomicU64::new(0);
        pretender(move |body| match body.starts_with("old ") {
            true => Some((200, String::new())),
            false => Some((status, format!("30\n{}\n\n", next(asked.fetch_add(1, Ordering::Relaxed))))),
        })
    };
    let urls = [
        mirror(202, |_| 7),
        mirror(409, |_| 0),
        mirror(202, |asked| 29 - asked % 29),
        // An entry each time: for a long log that is for ever.
        mirror(202, |asked| asked % 30),
        mirror(202, |_| u64::MAX),
    ];
    let keys: Vec<String> = (1..=5).map(|at| cosigner(at).key().to_string()).collect();
    let all: Vec<(&str, &str)> = urls.iter().zip(&keys).map(|(url, key)| (url.as_str(), key.as_str())).collect();
    let names: Vec<String> = (1..=5).map(|at| format!("w{at}.example/w")).collect();
    let mirrors = format!("mirrors = {names:?}\nquorum");
    home.configure(&configuration(&all, 1).replace("\"1s\"", "\"30s\"").replacen("quorum", &mirrors, 1));
    let service = Service::start(&home);
    let page = until("an opinion of each", || {
        let page = service.get("/v1/witnesses");
        let each = page["witnesses"].as_array().unwrap();
        (each.len() == 5 && each.iter().all(|one| one["trouble"].is_string())).then_some(page)
    });
    for at in 0..4 {
        let said = page["witnesses"][at]["trouble"].as_str().unwrap();
        assert!(said.starts_with("stays at entry"), "{at}: {page}");
    }
    assert_eq!(page["witnesses"][4]["trouble"], "answered entries with status 202");
    assert_eq!(page["witnessed"], 0);
}
