//! How a witness listens: TLS, certificates that are renewed, proxies that say for whom they ask, and its end.

use crate::parts::*;
use rustix::process::Signal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The certificate and authority that the tests of exports have: for `localhost` and 127.0.0.1.
fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge/export/tests/tls").join(name)
}

/// Asks over TLS. Gives the answer, and how many certificates the witness showed; nothing when it let nobody in, as it does
/// with who asks too often.
fn ask_tls(listen: &str, path: &str) -> Option<(String, usize)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pem("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(listen).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    // What ends without a word of TLS has been read up to there.
    let _ = stream.read_to_end(&mut answer);
    Some((String::from_utf8(answer).unwrap(), stream.conn.peer_certificates().map_or(0, <[_]>::len)))
}

fn records(folder: &Path) -> Records {
    let records = Records(folder.to_owned());
    records.fill(3);
    records
}

#[test]
fn a_witness_speaks_tls_and_takes_a_renewed_certificate_without_an_end() {
    let home = tempfile::tempdir().unwrap();
    let records = records(home.path());
    let (chain, key) = (home.path().join("chain.pem"), pem("server.key"));
    let alone = fs::read(pem("server.pem")).unwrap();
    fs::write(&chain, &alone).unwrap();
    let flags = ["--tls-cert", path(&chain), "--tls-key", path(&key)];
    let mut witness = Witness::start_with(home.path(), "w1", &records.key(), "127.0.0.1:0", &flags);
    assert!(witness.url.starts_with("https://127.0.0.1:"), "{}", witness.url);
    let listen = witness.listen();
    let shown = || {
        until("an answer over TLS", || {
            let (answer, shown) = ask_tls(&listen, "/healthz")?;
            answer.starts_with("HTTP/1.1 200 OK\r\n").then_some(shown)
        })
    };
    assert_eq!(shown(), 1);
    // In clear text nothing is answered.
    let mut clear = TcpStream::connect(&listen).unwrap();
    clear.write_all(b"GET /healthz HTTP/1.1\r\nhost: w\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = clear.read_to_end(&mut said);
    assert!(!String::from_utf8_lossy(&said).contains("HTTP"), "{said:?}");
    // Whoever only connects is in nobody's way.
    let _silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(&listen).unwrap()).collect();

    // What cannot be used changes nothing; what can be is used, after a signal or by itself.
    fs::write(&chain, "-----BEGIN CERTIFICATE-----\nno\n").unwrap();
    witness.signal(Signal::HUP);
    assert_eq!(shown(), 1);
    let with_authority = [alone.clone(), fs::read(pem("ca.pem")).unwrap()].concat();
    fs::write(&chain, with_authority).unwrap();
    witness.signal(Signal::HUP);
    until("the longer chain", || (shown() == 2).then_some(()));
    fs::write(&chain, alone).unwrap();
    until("the shorter chain, without a signal", || (shown() == 1).then_some(()));
    witness.signal(Signal::TERM);
    assert_eq!(witness.ended(), Some(0));
}

/// Somebody who is sent away, with nobody else there, takes the door with them if it waits for another one to leave.
#[test]
fn whoever_is_sent_away_at_the_door_leaves_it_open() {
    let home = tempfile::tempdir().unwrap();
    let records = records(home.path());
    let (chain, key) = (pem("server.pem"), pem("server.key"));
    let flags = ["--tls-cert", path(&chain), "--tls-key", path(&key)];
    let witness = Witness::start_with(home.path(), "w1", &records.key(), "127.0.0.1:0", &flags);
    // More handshakes than one address may have.
    for _ in 0..600 {
        drop(TcpStream::connect(witness.listen()).unwrap());
    }
    until("an answer", || ask_tls(&witness.listen(), "/healthz")?.0.starts_with("HTTP/1.1 ").then_some(()));
}

#[test]
fn what_a_witness_cannot_listen_with_is_said_before_it_listens() {
    let home = tempfile::tempdir().unwrap();
    let records = records(home.path());
    let (log, state, key) = (records.key(), home.path().join("w"), home.path().join("w.key"));
    let refused = |more: &[&str], expected: &str| {
        let name = if more.is_empty() { "example.com/records" } else { "w.example/w" };
        let base = ["witness", "--listen", "127.0.0.1:0", "--name", name, "--log", path(&log)];
        let files = ["--state", path(&state), "--key", path(&key)];
        let output = plain(&[&base[..], &files, more].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{more:?}: {said}");
    };
    refused(&[], "can be no witness of its own");
    let (server, authority, secret) = (pem("server.pem"), pem("ca.pem"), pem("server.key"));
    refused(&["--tls-cert", path(&server)], "--tls-key");
    refused(&["--tls-cert", path(&secret), "--tls-key", path(&secret)], "holds no certificate");
    refused(&["--tls-cert", path(&server), "--tls-key", path(&server)], "holds no private key");
    refused(&["--tls-cert", path(&authority), "--tls-key", path(&secret)], "is not the key of the certificate");
    refused(&["--tls-cert", "nowhere.pem", "--tls-key", path(&secret)], "nowhere.pem");
    refused(&["--trusted-proxy", "0.0.0.0/0"], "this is everybody");
    refused(&["--trusted-proxy", "10.0.0.1/8"], "did you mean `10.0.0.0`");
}

/// Sends many requests at once, and counts those that were told to wait.
fn told_to_wait(witness: &Witness, forwarded: impl Fn(usize) -> String) -> usize {
    const MANY: usize = 400;
    let mut stream = TcpStream::connect(witness.listen()).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut answers = String::new();
        reader.read_to_string(&mut answers).unwrap();
        answers
    });
    for at in 1..=MANY {
        let end = if at == MANY { "connection: close\r\n" } else { "" };
        write!(stream, "GET /healthz HTTP/1.1\r\nhost: w\r\n{}{end}\r\n", forwarded(at)).unwrap();
    }
    let answers = reading.join().unwrap();
    assert_eq!(answers.matches("HTTP/1.1 ").count(), MANY);
    answers.matches("HTTP/1.1 429").count()
}

#[test]
fn behind_a_trusted_proxy_each_caller_has_a_share_of_its_own_and_nobody_else_is_believed() {
    let home = tempfile::tempdir().unwrap();
    let records = records(home.path());
    let trusting = Witness::start_with(
        home.path(),
        "w1",
        &records.key(),
        "127.0.0.1:0",
        &["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "10.0.0.0/8"],
    );
    let from = |caller: &str| format!("x-forwarded-for: {caller}\r\n");
    assert!(told_to_wait(&trusting, |_| from("192.0.2.1")) > 0);
    // What a caller writes itself stands to the left of what the proxy saw.
    assert!(told_to_wait(&trusting, |at| from(&format!("198.51.100.{}, 192.0.2.2", at % 250))) > 0);
    // One network of IPv6 is one caller.
    assert!(told_to_wait(&trusting, |at| from(&format!("2001:db8::{at:x}"))) > 0);
    assert_eq!(told_to_wait(&trusting, |at| from(&format!("203.0.113.{}", at % 250))), 0, "many callers");
    // Without trust the header says nothing.
    let doubting = Witness::start(home.path(), "w2", &records.key(), "127.0.0.1:0");
    assert!(told_to_wait(&doubting, |at| from(&format!("203.0.113.{}", at % 250))) > 0);
}

#[test]
fn what_is_being_answered_when_the_end_comes_is_answered() {
    let home = tempfile::tempdir().unwrap();
    let records = records(home.path());
    let mut witness = Witness::start(home.path(), "w1", &records.key(), "127.0.0.1:0");
    let body = records.request(0);
    let mut stream = TcpStream::connect(witness.listen()).unwrap();
    let (head, rest) = body.split_at(10);
    // The witness asks for the body, so that it is known to have begun.
    let length = body.len();
    write!(
        stream,
        "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
    )
    .unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    stream.write_all(head.as_bytes()).unwrap();
    witness.signal(Signal::TERM);
    until("nobody is let in any more", || TcpStream::connect(witness.listen()).is_err().then_some(()));
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 200") && answer.matches('\u{2014}').count() == 2, "{answer}");
    assert_eq!(witness.ended(), Some(0));
}
