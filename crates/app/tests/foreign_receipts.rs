//! COSE receipts by the real binary, checked by code that we did not write: scitt-cose accepts and refuses where we do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use holdshort_ledger::{Checkpoint, Entry, Hash, Receipt, ReceiptProof, ReceiptSigner, ReceiptVerifier, VerifierKey};
use holdshort_store::log::{Log, LogOptions, inclusion_receipt, receipt_key_file, receipt_signer};
use holdshort_testkit::receipt_check;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use tempfile::TempDir;

const SIZE: u64 = 700;
const ORIGIN: &str = "example.com/receipts";

/// A data directory with a log of 700 records.
fn recorded() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let (log, _) = Log::open(LogOptions::new(home.path().join("log"), home.path().join("log.key"), ORIGIN)).unwrap();
    (0..SIZE).for_each(|index| log.enqueue(format!("record {index}").into_bytes()).unwrap());
    log.close_blocking().unwrap();
    home
}

fn receipt(home: &Path, index: u64) -> (Receipt, Entry) {
    let signer = receipt_signer(&receipt_key_file(&home.join("log.key")), &home.join("log")).unwrap();
    let (receipt, disclosure) = inclusion_receipt(&home.join("log"), index, false, &signer).unwrap();
    (receipt, disclosure.entry())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The foreign verifier, which answers one line for each.
struct Foreign(Child, ChildStdin, BufReader<ChildStdout>);

impl Foreign {
    fn new(key: &Path) -> Self {
        let mut command = receipt_check().arg(key).command();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self(child, input, BufReader::new(output))
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.1, "{question}").unwrap();
        let mut line = String::new();
        self.2.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn check(&mut self, receipt: &[u8], entry: &[u8]) -> Value {
        self.ask(&json!({ "receipt": hex(receipt), "entry": hex(entry) }))
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn public(home: &Path) -> ReceiptVerifier {
    ReceiptVerifier::parse(&fs::read_to_string(home.join("log/log.cose.pub")).unwrap()).unwrap()
}

fn checkpoint(home: &Path) -> Checkpoint {
    let key = VerifierKey::parse(fs::read_to_string(home.join("log/log.pub")).unwrap().trim()).unwrap();
    Checkpoint::open(&fs::read(home.join("log/checkpoint")).unwrap(), &key).unwrap()
}

#[test]
fn a_foreign_verifier_finds_the_root_that_the_checkpoint_signs() {
    let home = recorded();
    let mut foreign = Foreign::new(&home.path().join("log/log.cose.pub"));
    for index in [0, 1, 255, 256, 300, 511, 512, 698, 699] {
        let (receipt, entry) = receipt(home.path(), index);
        let found = foreign.check(&receipt.encode(), entry.as_bytes());
        let root = checkpoint(home.path()).root.to_string();
        let expected = json!({"ok": true, "root": root, "size": SIZE, "index": index, "issuer": ORIGIN, "errors": []});
        assert_eq!(found, expected);
    }
}

#[test]
fn both_refuse_what_was_attacked() {
    let home = recorded();
    let (good, entry) = receipt(home.path(), 300);
    let (bytes, key) = (good.encode(), public(home.path()));
    let mut foreign = Foreign::new(&home.path().join("log/log.cose.pub"));
    let mut both = |bytes: &[u8], entry: &[u8]| {
        let ours = Receipt::parse(bytes).and_then(|receipt| receipt.verify_inclusion(&Hash::leaf(entry), &key)).is_ok();
        (ours, foreign.check(bytes, entry)["ok"] == json!(true))
    };
    assert_eq!(both(&bytes, entry.as_bytes()), (true, true));
    for other in [receipt(home.path(), 301).1.as_bytes().to_vec(), vec![0; 33], entry.as_bytes()[..32].to_vec()] {
        assert_eq!(both(&bytes, &other), (false, false), "another leaf");
    }
    // A path of another record, and a signature over another root.
    let (neighbour, _) = receipt(home.path(), 301);
    let elsewhere = recorded();
    let (foreign_receipt, _) = receipt(elsewhere.path(), 300);
    for (why, other) in [("index", neighbour), ("root and key", foreign_receipt)] {
        assert_eq!(both(&other.encode(), entry.as_bytes()), (false, false), "another {why}");
    }
    let ReceiptProof::Inclusion(proof) = good.proof() else { panic!() };
    for hash in &proof.hashes {
        let at = bytes.windows(32).position(|window| window == hash.as_bytes()).unwrap();
        let mut flipped = bytes.clone();
        flipped[at + 7] ^= 1;
        assert_eq!(both(&flipped, entry.as_bytes()), (false, false), "a flipped path");
        let mut swapped = bytes.clone();
        let next = at + 34;
        if next + 32 < bytes.len() - 64 {
            let (low, high) = swapped.split_at_mut(next);
            low[at..at + 32].swap_with_slice(&mut high[..32]);
            assert_eq!(both(&swapped, entry.as_bytes()), (false, false), "a swapped path");
        }
    }
    for bad in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &bytes[1..], b"{}"] {
        assert_eq!(both(bad, entry.as_bytes()), (false, false));
    }
}

/// Each byte changed: we refuse all of them. scitt-cose passes over the size, which RFC 9942 leaves unsigned, where the path
/// is the same in a tree of another size; everything that it accepts, it accepts with the root that was signed.
#[test]
fn every_changed_byte_is_refused_by_us_and_never_leads_a_foreign_verifier_to_another_root() {
    let home = recorded();
    let (good, entry) = receipt(home.path(), 300);
    let (bytes, key, root) = (good.encode(), public(home.path()), checkpoint(home.path()).root.to_string());
    let mut foreign = Foreign::new(&home.path().join("log/log.cose.pub"));
    let mut lenient = 0;
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let ours = Receipt::parse(&flipped).and_then(|receipt| receipt.verify_inclusion(&entry.leaf(), &key));
        assert!(ours.is_err(), "byte {at}");
        let theirs = foreign.check(&flipped, entry.as_bytes());
        if theirs["ok"] == json!(true) {
            assert_eq!(theirs["root"], json!(root), "byte {at}");
            lenient += 1;
        }
    }
    assert!(lenient <= 2, "the two bytes of the size at most, and there were {lenient}");
}

#[test]
fn a_receipt_that_they_make_is_one_for_us() {
    let home = tempfile::tempdir().unwrap();
    let signer = ReceiptSigner::from_seed(&[5; 32]);
    let key = home.path().join("their.pub");
    fs::write(&key, signer.verifier().to_string()).unwrap();
    let mut foreign = Foreign::new(&key);
    let entries: Vec<String> = (0..11u8).map(|at| hex(&[at; 33])).collect();
    for index in [0, 5, 10] {
        let made = foreign.ask(&json!({ "make": entries, "index": index, "key": signer.to_secret_text() }));
        let receipt = Receipt::parse(&unhex(made["receipt"].as_str().unwrap())).unwrap();
        let leaf = Hash::leaf(&[u8::try_from(index).unwrap(); 33]);
        let proved = receipt.verify_inclusion(&leaf, &signer.verifier()).unwrap();
        assert_eq!((proved.size, receipt.issuer()), (None, Some("example.com/theirs")), "its size is not signed");
        assert!(receipt.verify_inclusion(&Hash::leaf(b"else"), &signer.verifier()).is_err());
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdshort")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_command_line_makes_receipts_and_checks_them_with_nothing_of_the_log() {
    let home = recorded();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (data, key) = (home.path().to_str().unwrap().to_owned(), path("key"));
    fs::copy(home.path().join("log/log.cose.pub"), &key).unwrap();
    fs::copy(home.path().join("log/checkpoint"), path("kept")).unwrap();
    let prove = |arguments: &[&str]| run(&[&["log", "prove", "--data", &data, "--receipt"], arguments].concat());
    let made = prove(&["300", "--out", &path("300.cose"), "--record-out", &path("300.record")]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let bare = prove(&["300", "--bare", "--out", &path("300.cose"), "--record-out", &path("300.entry")]);
    assert_eq!(bare.status.code(), Some(0), "{}", said(&bare));
    let (log, _) = Log::open(LogOptions::new(home.path().join("log"), home.path().join("log.key"), ORIGIN)).unwrap();
    log.append_blocking(b"one more".to_vec()).unwrap();
    log.close_blocking().unwrap();
    let grown = prove(&["--older", &path("kept"), "--out", &path("grown.cose")]);
    assert_eq!(grown.status.code(), Some(0), "{}", said(&grown));

    // A key that is not this log's signs nothing, and a receipt goes into a file.
    let other = recorded();
    let foreign = other.path().join("log.cose.key").to_str().unwrap().to_owned();
    let refused = prove(&["300", "--receipt-key", &foreign, "--out", &path("lie.cose")]);
    assert!(refused.status.code() == Some(1) && said(&refused).contains("another one"), "{}", said(&refused));
    assert_eq!(prove(&["300"]).status.code(), Some(2));
    assert_eq!(prove(&["--out", &path("lie.cose")]).status.code(), Some(2));

    fs::remove_dir_all(home.path().join("log")).unwrap();
    let verify = |arguments: &[&str]| run(&[&["log", "verify-proof", "--key", &key], arguments].concat());
    let checked = verify(&[&path("300.cose"), "--record", &path("300.record")]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    assert!(said(&checked).contains("ok: record 300 of 700 of `example.com/receipts`"), "{}", said(&checked));
    assert!(said(&checked).contains("record 300\n"), "{}", said(&checked));
    let checked = verify(&[&path("300.cose"), "--entry", &path("300.entry"), "--json"]);
    let found: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&found["ok"], &found["index"], &found["size"]), (&json!(true), &json!(300), &json!(700)), "{found}");
    let checked = verify(&[&path("grown.cose"), "--older", &path("kept")]);
    assert!(
        said(&checked).contains("ok: 701 records of `example.com/receipts` continue the 700"),
        "{}",
        said(&checked)
    );

    for (arguments, code, why) in [
        (vec!["300.cose"], 2, "does not say what it is for"),
        (vec!["300.cose", "--entry", "300.record"], 2, "not an entry of 33 bytes"),
        (vec!["300.cose", "--older", "kept"], 1, "that an entry stands in a tree"),
        (vec!["grown.cose", "--entry", "300.entry"], 1, "continues an older one"),
        (vec!["kept", "--entry", "300.entry"], 1, "not a COSE receipt"),
        (vec!["300.cose", "--record", "kept"], 2, "kept"),
    ] {
        let arguments: Vec<String> =
            arguments.iter().map(|one| if one.starts_with("--") { (*one).to_owned() } else { path(one) }).collect();
        let refused = verify(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}: {}", said(&refused));
        assert!(said(&refused).contains(why), "{arguments:?}: {}", said(&refused));
    }
    let foreign_key = other.path().join("log/log.cose.pub").to_str().unwrap().to_owned();
    let refused =
        run(&["log", "verify-proof", "--key", &foreign_key, &path("300.cose"), "--entry", &path("300.entry")]);
    assert!(refused.status.code() == Some(1) && said(&refused).contains("another key"), "{}", said(&refused));
}
