//! CEF is taken apart as its rules say, whatever agents call their tools; and syslog is framed as the RFCs say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use holdshort_export::{Arguments, Encoder, Event, ExportError, Failed, Format, Item, Payload, Sink, SinkTarget};
use holdshort_notify::{TargetError, Trust};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use support::{LOG, decision, event, every, leaf, refusal};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, UdpSocket, UnixDatagram};

fn item(event: &Event, bytes_max: usize) -> Item {
    Encoder::new(Format::Cef, Arguments::Digest, bytes_max).push(event)
}

fn line(event: &Event, bytes_max: usize) -> String {
    match item(event, bytes_max).payload {
        Payload::Cef { line, .. } => line,
        other => panic!("{other:?}"),
    }
}

/// The header's parts and the extension, as a receiver takes them apart.
fn parse(line: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    let mut rest = line.char_indices();
    let extension = loop {
        let (at, c) = rest.next().expect("seven bars");
        match c {
            c if escaped => {
                assert!(c == '|' || c == '\\', "{line}");
                part.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '|' => parts.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
        if parts.len() == 7 {
            break &line[at + 1..];
        }
    };
    // A `=` that is not escaped ends a key; the key begins after the blank before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut escaped = false;
    for (at, c) in extension.char_indices() {
        if !escaped && c == '=' {
            ends.push(at);
        }
        escaped = !escaped && c == '\\';
    }
    let starts: Vec<usize> = ends.iter().map(|end| extension[..*end].rfind(' ').map_or(0, |blank| blank + 1)).collect();
    let mut pairs = BTreeMap::new();
    for (index, (start, end)) in starts.iter().zip(&ends).enumerate() {
        let until = starts.get(index + 1).map_or(extension.len(), |next| next - 1);
        let mut value = String::new();
        let mut escaped = false;
        for c in extension[end + 1..until].chars() {
            match c {
                'n' if escaped => value.push('\n'),
                'r' if escaped => value.push('\r'),
                c if escaped => {
                    assert!(c == '=' || c == '\\', "{line}");
                    value.push(c);
                }
                '\\' => {
                    escaped = true;
                    continue;
                }
                c => value.push(c),
            }
            escaped = false;
        }
        assert!(!escaped, "an escape is cut in two: {line}");
        let key = extension[*start..*end].to_owned();
        assert!(key.chars().all(|c| c.is_ascii_alphanumeric()), "{key}: {line}");
        assert!(pairs.insert(key.clone(), value).is_none(), "{key} stands there twice: {line}");
    }
    (parts, pairs)
}

fn hex(index: u64) -> String {
    leaf(index).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_record_is_one_line_with_its_proof_reference() {
    let (head, pairs) = parse(&line(&event(41, refusal()), 16_384));
    assert_eq!(&head[..3], ["CEF:0", "Holdshort", "Holdshort"]);
    assert_eq!((head[4].as_str(), head[6].as_str()), ("decision.deny", "10"));
    let check = |key: &str, value: &str| assert_eq!(pairs.get(key).map(String::as_str), Some(value), "{key}");
    check("cn2", "41");
    check("cn2Label", "index");
    check("cs5", LOG);
    check("cs6", &hex(41));
    check("act", "deny");
    check("sproc", "tidy");
    check("suser", "ada@example.org");
    check("dhost", "api.example.com");
    check("rt", "1700000000123");
    check("cn1", "97");
    check("cs4", "isolate");
    for event in every() {
        let (head, pairs) = parse(&line(&event, 16_384));
        assert!(head[6].parse::<u8>().unwrap() <= 10);
        assert_eq!(pairs["cs6"], hex(event.index));
    }
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("|".to_owned()),
        Just("\\".to_owned()),
        Just("=".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just(" act=allow ".to_owned()),
        Just("\\=".to_owned()),
        Just("\\\\|10|".to_owned()),
        Just("\u{2028}".to_owned()),
        Just("CEF:0|".to_owned()),
        Just(" cs6=00".to_owned()),
        "[a-z\u{e9}\u{1f980}]{1,4}",
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_that_agents_choose_forges_a_field_or_a_line(
        tool in hostile(), server in hostile(), reason in hostile(), user in hostile(), session in hostile(), bytes_max in 600_usize..4_000,
    ) {
        let record = decision("tool.call", &tool, &[
            ("/request/action/server", json!(server)), ("/request/subject/user", json!(user)), ("/request/session", json!(session)),
            ("/decision/reasons/0/message", json!(reason)), ("/decision/reasons/0/policy", json!(reason)),
        ]);
        let event = event(41, record);
        let text = line(&event, bytes_max);
        prop_assert!(!text.chars().any(char::is_control), "{text:?}");
        prop_assert!(text.len() <= bytes_max, "{}", text.len());
        let (head, pairs) = parse(&text);
        prop_assert_eq!(head.len(), 7);
        prop_assert_eq!(head[4].as_str(), "decision.allow");
        prop_assert_eq!(head[6].as_str(), "4");
        // Whatever else did not fit: this is there, and is what it was.
        let expected = hex(41);
        prop_assert_eq!(pairs.get("cs6"), Some(&expected));
        prop_assert_eq!(pairs.get("cn2").map(String::as_str), Some("41"));
        prop_assert!(pairs.get("act").is_none_or(|act| act == "allow"));
        let known = ["cn2", "cs5", "cs6", "rt", "cat", "externalId", "act", "outcome", "sproc", "suser", "duser", "destinationServiceName",
            "dhost", "deviceEventCategory", "reason", "in", "cs1", "cs2", "cs3", "cs4", "cn1", "cn3", "flexString1", "flexString2", "fileId", "msg"];
        for key in pairs.keys() {
            prop_assert!(known.contains(&key.trim_end_matches("Label")), "{}", key);
        }
        if let Some(value) = pairs.get("cs2") {
            let shown = holdshort_model::one_line(&tool, 512);
            prop_assert!(value == &shown || tool.contains("://"), "{value:?} {shown:?}");
        }
    }
}

fn syslog(place: String, trust: Trust) -> Sink {
    Sink::new(Format::Cef, SinkTarget::Syslog { place, trust, insecure: false }).unwrap()
}

fn items(count: u64) -> Vec<Item> {
    (0..count).map(|index| item(&event(index, refusal()), 1_600)).collect()
}

/// The messages of a stream of frames with counted octets.
fn frames(mut stream: &str) -> Vec<&str> {
    let mut found = Vec::new();
    while !stream.is_empty() {
        let (length, rest) = stream.split_once(' ').unwrap();
        let (frame, rest) = rest.split_at(length.parse().unwrap());
        found.push(frame);
        stream = rest;
    }
    found
}

fn check(message: &str, index: u64) {
    let head: Vec<&str> = message.splitn(8, ' ').collect();
    assert_eq!(
        (head[0], head[1], head[3], head[5], head[6]),
        ("<82>1", "2023-11-14T22:13:20.123Z", "holdshort", "cef", "-")
    );
    assert_eq!(parse(head[7]).1["cn2"], index.to_string());
}

async fn all(mut stream: impl AsyncRead + Unpin) -> String {
    let mut got = String::new();
    stream.read_to_string(&mut got).await.unwrap();
    got
}

#[tokio::test]
async fn messages_arrive_over_every_transport() {
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    syslog(format!("udp://{}", udp.local_addr().unwrap()), Trust::default()).send(&items(3)).await.unwrap();
    let mut buffer = vec![0; 70_000];
    for index in 0..3 {
        let length = udp.recv(&mut buffer).await.unwrap();
        assert!(length <= 2_048);
        check(std::str::from_utf8(&buffer[..length]).unwrap(), index);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let unix = UnixDatagram::bind(&path).unwrap();
    syslog(format!("unix://{}", path.display()), Trust::default()).send(&items(1)).await.unwrap();
    let length = unix.recv(&mut buffer).await.unwrap();
    check(std::str::from_utf8(&buffer[..length]).unwrap(), 0);

    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("tcp://{}", tcp.local_addr().unwrap());
    let taking = tokio::spawn(async move { all(tcp.accept().await.unwrap().0).await });
    syslog(place, Trust::default()).send(&items(50)).await.unwrap();
    let got = taking.await.unwrap();
    let messages = frames(&got);
    assert_eq!(messages.len(), 50);
    messages.iter().enumerate().for_each(|(index, message)| check(message, index as u64));
}

/// Nothing that is long pushes the proof reference out of a datagram.
#[tokio::test]
async fn a_record_of_64_kib_is_a_datagram_with_its_proof_reference() {
    let long = "\u{1f980}=|".repeat(64 << 10);
    let mut record = refusal();
    for pointer in ["/request/action/name", "/request/subject/user", "/decision/reasons/0/message"] {
        support::set(&mut record, pointer, json!(long));
    }
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut sink = syslog(format!("udp://{}", udp.local_addr().unwrap()), Trust::default());
    let bytes_max = sink.line_bytes_max();
    let taken = sink.send(&[item(&event(7, record), bytes_max)]).await.unwrap();
    let mut buffer = vec![0; 70_000];
    let length = udp.recv(&mut buffer).await.unwrap();
    assert!(length <= 2_048 && taken.bytes == length, "{length}");
    check(std::str::from_utf8(&buffer[..length]).unwrap().trim_end(), 7);
}

fn pem(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// A collector with a certificate of the test authority; gives what it got, or nothing when nobody went on talking.
async fn tls_collector() -> (u16, tokio::task::JoinHandle<Option<String>>) {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_file(pem("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(pem("server.key")).unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let taking = tokio::spawn(async move {
        let stream = listener.accept().await.unwrap().0;
        match acceptor.accept(stream).await {
            Ok(stream) => Some(all(stream).await),
            Err(_) => None,
        }
    });
    (port, taking)
}

#[tokio::test]
async fn tls_is_believed_when_its_authority_is_and_only_then() {
    let (port, taking) = tls_collector().await;
    let trust = Trust::file(&pem("ca.pem")).unwrap();
    syslog(format!("tls://localhost:{port}"), trust.clone()).send(&items(2)).await.unwrap();
    assert_eq!(frames(&taking.await.unwrap().unwrap()).len(), 2);

    let (port, taking) = tls_collector().await;
    let error = syslog(format!("tls://localhost:{port}"), Trust::default()).send(&items(1)).await.unwrap_err();
    assert_eq!(
        error,
        Failed::Later { error: "no TLS, or a certificate that is not believed here".into(), retry_after_s: None }
    );
    assert_eq!(taking.await.unwrap(), None);
    // Another name than that of the certificate.
    let (port, taking) = tls_collector().await;
    let error = syslog(format!("tls://127.0.0.2:{port}"), trust).send(&items(1)).await;
    assert!(error.is_err());
    taking.abort();
}

#[tokio::test]
async fn a_collector_that_breaks_off_in_the_middle_is_told_again() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sink = syslog(format!("tcp://{}", tcp.local_addr().unwrap()), Trust::default());
    let taking = tokio::spawn(async move {
        // It reads a little and goes: what is left unread makes a reset.
        let (mut stream, _) = tcp.accept().await.unwrap();
        let mut some = [0; 10];
        stream.read_exact(&mut some).await.unwrap();
        drop(stream);
        all(tcp.accept().await.unwrap().0).await
    });
    let batch = items(2_000);
    assert!(matches!(sink.send(&batch).await, Err(Failed::Later { .. })));
    sink.send(&batch).await.unwrap();
    assert_eq!(frames(&taking.await.unwrap()).len(), 2_000);
}

#[test]
fn places_that_are_none_and_clear_text_to_others_are_refused() {
    let error = |place: &str| {
        let target = SinkTarget::Syslog { place: place.into(), trust: Trust::default(), insecure: false };
        Sink::new(Format::Cef, target).err().unwrap()
    };
    assert!(matches!(error("tcp://logs.example.org:514"), ExportError::ClearText));
    assert!(matches!(error("udp://10.0.0.1:514"), ExportError::ClearText));
    for place in ["", "logs.example.org:514", "tls://logs.example.org", "ftp://h:1", "tls://u@h:1"] {
        assert!(matches!(error(place), ExportError::Target(TargetError::Place)), "{place}");
    }
    let target =
        SinkTarget::Syslog { place: "tls://logs.example.org:6514".into(), trust: Trust::default(), insecure: false };
    assert!(matches!(Sink::new(Format::Ocsf, target).err(), Some(ExportError::Combination { .. })));
}
