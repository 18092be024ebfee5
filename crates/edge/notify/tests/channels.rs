//! Each channel against a real counterpart on loopback: an HTTP server (hyper), an SMTP server (aiosmtpd), and sockets
//! as a syslog collector opens them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests may panic too")]

use holdshort_model::{
    AgentId, Containment, Effect, Level, Mode, Notice, NoticeAction, NoticeKind, NoticeSubject, RecordId,
};
use holdshort_notify::{
    Channel, DELIVERY, EmailTarget, MailTls, Payload, SIGNATURE, SendError, SyslogTarget, TIMESTAMP, Target,
    TargetError, WebhookTarget, sign,
};
use holdshort_testkit::{StdioPeer, mail_server};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, UdpSocket, UnixDatagram};
use tokio::sync::mpsc;

const BELL: &str = "\u{7}";

fn notice() -> Notice {
    Notice {
        id: RecordId::from_parts(1_700_000_000_000, 1),
        kind: NoticeKind::Contained,
        count: 3,
        at_ms: 1_700_000_000_000,
        last_ms: 1_700_000_000_000,
        level: Level::High,
        title: "`delete_messages` was refused and grants were taken away".into(),
        incident: Some(RecordId::from_parts(7, 2)),
        approval: None,
        alarm: None,
        decision: RecordId::from_parts(7, 3),
        index: Some(41),
        subject: NoticeSubject {
            agent: "tidy".into(),
            class: "assistant".into(),
            owner: Some("ada@example.org".into()),
            user: None,
            delegation: vec![],
            session: "s1".into(),
        },
        action: NoticeAction {
            kind: "tool.call".into(),
            server: Some("mail".into()),
            name: "delete_messages".into(),
            effects: vec!["delete mail".into()],
            destinations: vec!["evil.example".into()],
        },
        effect: Effect::Deny,
        enforced: Effect::Deny,
        mode: Mode::Enforce,
        containment: Containment::Narrow,
        removed: vec!["mail-write".into()],
        reasons: vec![("holdshort.rules.mass_delete".into(), "too many at once".into())],
        score: 78,
        parts: vec![("tool".into(), 30, "deletes without a bound".into())],
        commands: vec![("look".into(), "holdshort log show 41".into())],
    }
}

/// The same with texts that want to be more than text.
fn hostile() -> Notice {
    let text = |plain: &str| {
        format!("{plain}\r\nBcc: eve@evil.example\r\n\r\n<!channel> <https://evil.example|ok> \"]\\ \u{202e}{BELL}")
    };
    let mut notice = notice();
    notice.title = text("title");
    notice.subject.agent = AgentId::from(text("agent"));
    notice.subject.session = text("session").into();
    notice.action.name = text("tool");
    notice.reasons = vec![(text("policy"), text("message"))];
    notice
}

fn webhook(url: &str, payload: Payload) -> Channel {
    let secret = Some(b"topsecret".to_vec());
    Channel::new(Target::Webhook(WebhookTarget { url: url.into(), payload, secret, insecure: false })).unwrap()
}

/// An HTTP server that answers everything in the same way and shows what it got.
async fn http_server(status: u16, body: Vec<u8>) -> (String, mpsc::UnboundedReceiver<(HeaderMap, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (sender, body) = (sender.clone(), body.clone());
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let (sender, body) = (sender.clone(), body.clone());
                async move {
                    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/hook"));
                    let headers = request.headers().clone();
                    let got = request.into_body().collect().await.unwrap().to_bytes().to_vec();
                    sender.send((headers, got)).unwrap();
                    let answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
                    let answer = answer.header("location", "http://127.0.0.1:1/elsewhere");
                    Ok::<_, Infallible>(answer.body(Full::new(hyper::body::Bytes::from(body))).unwrap())
                }
            });
            let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // The client may hang up in the middle of a long answer.
            tokio::spawn(async move { drop(serving.await) });
        }
    });
    (url, receiver)
}

#[tokio::test]
async fn a_webhook_gets_the_whole_notice_and_a_signature_that_a_receiver_can_check() {
    let (url, mut got) = http_server(204, Vec::new()).await;
    webhook(&url, Payload::Notice).send(&notice()).await.unwrap();
    let (headers, body) = got.recv().await.unwrap();
    let timestamp: u64 = headers[TIMESTAMP].to_str().unwrap().parse().unwrap();
    assert_eq!(headers[SIGNATURE].to_str().unwrap(), sign(b"topsecret", timestamp, &body));
    assert_eq!(headers[DELIVERY].to_str().unwrap(), notice().id.to_string());
    assert_eq!(headers["content-type"], "application/json");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["type"], &body["version"]), (&"holdshort.notice".into(), &1.into()));
    assert_eq!(serde_json::from_value::<Notice>(body["notice"].clone()).unwrap(), notice());
}

#[tokio::test]
async fn slack_gets_text_and_blocks_in_which_nothing_is_markup() {
    let (url, mut got) = http_server(200, b"ok".to_vec()).await;
    webhook(&url, Payload::Slack).send(&hostile()).await.unwrap();
    let body: Value = serde_json::from_slice(&got.recv().await.unwrap().1).unwrap();
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 2);
    let text = body["text"].as_str().unwrap();
    assert!(text.contains("title") && !text.contains(['<', '>', '\n', '\r', '\u{202e}']), "{text}");
    assert_eq!(body["blocks"][0]["type"], "header");
    let mut all = String::new();
    for block in body["blocks"].as_array().unwrap() {
        assert_eq!(block["text"]["type"], "plain_text", "{block}");
        let text = block["text"]["text"].as_str().unwrap();
        assert!(!text.contains(['<', '>', '\r', '\u{202e}']) && !text.contains("://"), "{text}");
        assert!(text.chars().count() <= if block["type"] == "header" { 150 } else { 3_000 });
        all.push_str(text);
    }
    for expected in ["evil[.]example", "holdshort log show 41", "78 of 100", "mail-write", "3 times"] {
        assert!(all.contains(expected), "{expected}\n{all}");
    }
}

#[tokio::test]
async fn every_answer_but_a_success_is_a_failure_with_its_number() {
    for (status, long) in [(302, false), (400, false), (404, true), (429, false), (503, true)] {
        let (url, mut got) = http_server(status, vec![b'x'; if long { 4 << 20 } else { 10 }]).await;
        let error = webhook(&url, Payload::Notice).send(&notice()).await.unwrap_err();
        assert_eq!((error.clone(), error.class()), (SendError::Status(status), format!("status-{status}")));
        assert!(got.recv().await.is_some() && got.try_recv().is_err(), "it asked once, and followed nothing");
    }
}

#[tokio::test]
async fn what_is_not_there_or_is_no_tls_is_named() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let error = webhook(&format!("http://{address}/hook"), Payload::Slack).send(&notice()).await.unwrap_err();
    assert_eq!(error, SendError::Unreachable);

    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/hook", plain.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        let mut hello = [0; 64];
        let _ = stream.read(&mut hello).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 no\r\n\r\n").await;
    });
    assert_eq!(webhook(&url, Payload::Slack).send(&notice()).await.unwrap_err(), SendError::Tls);
}

#[test]
fn secrets_are_not_printed() {
    let url = "https://hooks.example.org/T0/hunter2";
    let target =
        WebhookTarget { url: url.into(), payload: Payload::Slack, secret: Some(b"hunter3".into()), insecure: false };
    assert!(!format!("{:?}", Target::Webhook(target)).contains("hunter"));
    let target =
        Target::Email(EmailTarget { credentials: Some(("u".into(), "hunter4".into())), ..mail(25, &["a@b.example"]) });
    assert!(!format!("{target:?}").contains("hunter"));
}

fn mail(port: u16, to: &[&str]) -> EmailTarget {
    EmailTarget {
        host: "127.0.0.1".into(),
        port: Some(port),
        tls: MailTls::None,
        credentials: None,
        from: "Holdshort <holdshort@example.org>".into(),
        to: to.iter().map(ToString::to_string).collect(),
        to_owner: true,
        insecure: false,
    }
}

/// A running mail server and its port.
fn smtp(arguments: &[&str]) -> (StdioPeer, u16) {
    let server = StdioPeer::spawn(mail_server().args(arguments.iter().copied()).command());
    let address: Value = serde_json::from_slice(&server.line().unwrap()).unwrap();
    let port = address["url"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    (server, port)
}

fn next(server: &StdioPeer) -> Value {
    serde_json::from_slice(&server.line().unwrap()).unwrap()
}

#[tokio::test]
async fn mail_goes_to_the_configured_people_and_to_the_owner() {
    let (server, port) = smtp(&[]);
    let channel = Channel::new(Target::Email(mail(port, &["SOC <soc@example.org>"]))).unwrap();
    channel.send(&notice()).await.unwrap();
    let message = next(&server);
    assert_eq!(message["from"], "holdshort@example.org");
    assert_eq!(message["to"], serde_json::json!(["soc@example.org", "ada@example.org"]));
    let text = message["text"].as_str().unwrap();
    let (head, body) = text.split_once("\n\n").unwrap();
    for expected in ["Auto-Submitted: auto-generated", "Message-ID: <", "Date: ", "Subject: [Holdshort] HIGH: "] {
        assert!(head.contains(expected), "{expected}\n{head}");
    }
    for expected in ["owner: ada@example.org", "session: s1", "record: 41 of the log", "holdshort log show 41"] {
        assert!(body.contains(expected), "{expected}\n{body}");
    }

    let mut foreign = notice();
    foreign.subject.owner = Some("payments team".into());
    channel.send(&foreign).await.unwrap();
    assert_eq!(next(&server)["to"], serde_json::json!(["soc@example.org"]));
    let owners = Channel::new(Target::Email(mail(port, &[]))).unwrap();
    assert!(owners.reaches(&notice()) && !owners.reaches(&foreign));
    assert_eq!(owners.send(&foreign).await, Err(SendError::Unsendable));
}

#[tokio::test]
async fn no_text_becomes_a_header_of_a_mail() {
    let (server, port) = smtp(&[]);
    let channel = Channel::new(Target::Email(mail(port, &["soc@example.org"]))).unwrap();
    let mut hostile = hostile();
    hostile.subject.owner = Some("ada@example.org>\r\nRCPT TO:<eve@evil.example".into());
    channel.send(&hostile).await.unwrap();
    let message = next(&server);
    assert_eq!(message["to"], serde_json::json!(["soc@example.org"]));
    let (head, body) = message["text"].as_str().unwrap().split_once("\n\n").unwrap();
    let names: Vec<&str> =
        head.lines().filter(|line| !line.starts_with(' ')).map(|line| line.split(':').next().unwrap()).collect();
    for name in &names {
        let known = ["From", "To", "Subject", "Message-ID", "Date", "Content-Type", "Auto-Submitted"];
        let known = known.contains(name) || ["MIME-Version", "Content-Transfer-Encoding", "X-Peer"].contains(name);
        assert!(known, "{name}\n{head}");
    }
    assert!(!body.lines().any(|line| line.starts_with("Bcc")), "{body}");
}

#[tokio::test]
async fn a_mail_server_that_refuses_or_offers_no_tls_is_named() {
    let (_server, port) = smtp(&["--answer", "451 later"]);
    let channel = Channel::new(Target::Email(mail(port, &["soc@example.org"]))).unwrap();
    assert_eq!(channel.send(&notice()).await, Err(SendError::Status(451)));
    let target = EmailTarget { tls: MailTls::Starttls, ..mail(port, &["soc@example.org"]) };
    let channel = Channel::new(Target::Email(target)).unwrap();
    assert_eq!(channel.send(&notice()).await, Err(SendError::Tls), "nothing goes out in clear text instead");
}

#[test]
fn mail_targets_that_cannot_be_right_are_refused() {
    let check = |target: EmailTarget, expected: TargetError| {
        assert_eq!(Channel::new(Target::Email(target)).err(), Some(expected));
    };
    let to = &["soc@example.org"];
    check(EmailTarget { host: "mail.example.org".into(), ..mail(25, to) }, TargetError::ClearText);
    let credentials = Some(("u".into(), "p".into()));
    let open = EmailTarget { host: "mail.example.org".into(), insecure: true, credentials, ..mail(25, to) };
    check(open, TargetError::ClearText);
    check(mail(25, &["nobody"]), TargetError::Mailbox("nobody".into()));
    check(
        mail(25, &["a@example.org\r\nBcc: x@example.org"]),
        TargetError::Mailbox("a@example.org\r\nBcc: x@example.org".into()),
    );
    check(EmailTarget { to_owner: false, ..mail(25, &[]) }, TargetError::Nobody);
}

fn syslog(place: String) -> Channel {
    Channel::new(Target::Syslog(SyslogTarget { place })).unwrap()
}

/// Takes a message apart as RFC 5424 says.
fn parse(message: &str) -> (Vec<&str>, &str) {
    let mut head: Vec<&str> = message.splitn(7, ' ').collect();
    let rest = head.pop().unwrap();
    assert!(rest.starts_with("[holdshort@32473 "), "{rest}");
    // The first `]` that is not escaped ends the structured data.
    let mut escaped = false;
    let end = rest.char_indices().find(|(_, c)| {
        let ends = !escaped && *c == ']';
        escaped = !escaped && *c == '\\';
        ends
    });
    let (data, text) = rest.split_at(end.unwrap().0 + 1);
    assert!(text.starts_with(" \u{feff}"), "{text}");
    head.push(data);
    (head, text)
}

#[tokio::test]
async fn syslog_messages_are_well_formed_over_every_transport() {
    let mut buffer = vec![0; 70_000];
    for message in [notice(), hostile()] {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        syslog(format!("udp://{}", udp.local_addr().unwrap())).send(&message).await.unwrap();
        let length = udp.recv(&mut buffer).await.unwrap();
        assert!(length <= 2_048);
        let text = std::str::from_utf8(&buffer[..length]).unwrap().to_owned();
        assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
        let (head, _) = parse(&text);
        assert_eq!(
            (head[0], head[1], head[3], head[5]),
            ("<83>1", "2023-11-14T22:13:20.000Z", "holdshort", "contained")
        );

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let unix = UnixDatagram::bind(&path).unwrap();
        syslog(format!("unix://{}", path.display())).send(&message).await.unwrap();
        let length = unix.recv(&mut buffer).await.unwrap();
        assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap(), text);

        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        syslog(format!("tcp://{}", tcp.local_addr().unwrap())).send(&message).await.unwrap();
        let mut got = String::new();
        tcp.accept().await.unwrap().0.read_to_string(&mut got).await.unwrap();
        let (length, frame) = got.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), frame.len());
        assert_eq!(parse(frame).0, head);
    }
}

#[tokio::test]
async fn a_collector_that_is_not_there_and_places_that_are_none() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("tcp://{}", tcp.local_addr().unwrap());
    drop(tcp);
    assert_eq!(syslog(place).send(&notice()).await, Err(SendError::Unreachable));
    assert_eq!(syslog("unix:///nowhere/at/all".into()).send(&notice()).await, Err(SendError::Unreachable));
    for place in
        ["", "127.0.0.1:514", "udp://127.0.0.1", "tcp://:1", "unix://x", "udp://h:0", "http://h:1", "tcp://u@h:1"]
    {
        let target = SyslogTarget { place: place.into() };
        assert_eq!(Channel::new(Target::Syslog(target)).err(), Some(TargetError::Place), "{place}");
    }
}
