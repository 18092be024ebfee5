//! The protocol of a witness, as it is on the wire.

use crate::parts::*;
use holdshort_ledger::Note;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;

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
