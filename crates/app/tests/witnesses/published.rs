//! Checkpoints that are published are something to audit with.

use crate::parts::*;
use crate::support::{Service, text};
use holdshort_ledger::Checkpoint;
use serde_json::Value;
use std::fs;
use std::net::UdpSocket;

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
