//! A playbook with the real binary: a policy refuses and isolates, people are told by webhook, mail and syslog, and find
//! an incident. One of the channels is down at first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use holdshort_testkit::{StdioPeer, mail_server};
use rustix::net;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;
use support::{Home, Service, text};

/// Longest wait for a message. Far above what is needed: it only bounds a hang.
const DEADLINE: Duration = Duration::from_secs(30);

const POLICY: &str = r#"# METADATA
# title: Nothing is wiped
package holdshort.rules.no_wipe

deny contains "this wipes everything; delete single messages" if input.action.name == "wipe_everything"

isolate contains "whoever wipes is isolated" if input.action.name == "wipe_everything"

respond contains {"message": "a wipe", "steps": ["open-incident", "notify", "contain", "capture"]} if {
	input.action.name == "wipe_everything"
}

examples := [
	{
		"name": "fires",
		"input": {"action": {"name": "wipe_everything"}},
		"expect": ["deny", "isolate", "respond"],
	},
	{"name": "rests", "input": {"action": {"name": "look"}}, "expect": []},
]
"#;

/// One HTTP request: its headers, lower case, and its body.
fn take(listener: &TcpListener) -> (Vec<String>, String) {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => headers.push(line.to_lowercase()),
        }
    }
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
    (headers, String::from_utf8(body).unwrap())
}

fn lines(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let output = home.run(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn wipe(service: &Service<'_>, tool: &str) -> Value {
    let request = json!({
        "subject": {"agent": "tidy"},
        "session": "s1",
        "action": {"kind": "tool.call", "server": "mail", "name": tool, "args": {"note": "SECRET-ARGUMENT"}},
    });
    let (status, ruling) = service.post("/v1/decide", &service.admin_token(), &request);
    assert_eq!(status, 200, "{ruling}");
    ruling
}

#[test]
fn people_are_told_find_an_incident_and_close_it() {
    let mail = StdioPeer::spawn(mail_server().command());
    let address: Value = serde_json::from_slice(&mail.line().unwrap()).unwrap();
    let port = address["url"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let syslog = UdpSocket::bind("127.0.0.1:0").unwrap();
    syslog.set_read_timeout(Some(DEADLINE)).unwrap();
    // Bound, and nobody listens: whoever connects is refused, and nobody else gets the port.
    let quiet = net::socket(net::AddressFamily::INET, net::SocketType::STREAM, None).unwrap();
    net::bind(&quiet, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let hook = SocketAddr::try_from(net::getsockname(&quiet).unwrap()).unwrap();
    let collector = syslog.local_addr().unwrap();
    let home = Home::new("");
    std::fs::create_dir(home.path().join("rules")).unwrap();
    std::fs::write(home.path().join("rules/no_wipe.rego"), POLICY).unwrap();
    home.configure(&format!(
        r#"
[policies]
paths = ["rules"]
[response]
pause_first_ms = 20
pause_max_s = 1
[[agents]]
id = "tidy"
class = "assistant"
owner = "ada@example.org"
[[notify]]
name = "hook"
type = "webhook"
url = "http://{hook}/notices"
secret_env = "PATH"
[[notify]]
name = "mail"
type = "email"
host = "127.0.0.1"
port = {port}
tls = "none"
from = "holdshort@example.org"
to_owner = true
[[notify]]
name = "siem"
type = "syslog"
url = "udp://{collector}"
"#
    ));
    let service = Service::start(&home);
    let ruling = wipe(&service, "wipe_everything");
    assert_eq!((&ruling["enforced"], &ruling["containment"]), (&json!("deny"), &json!("isolate")), "{ruling}");
    assert_eq!(wipe(&service, "look")["enforced"], "deny", "the next action is refused, whatever the channels do");

    let message: Value = serde_json::from_slice(&mail.line_within(DEADLINE).unwrap().unwrap()).unwrap();
    assert_eq!(message["to"], json!(["ada@example.org"]));
    let mut datagram = [0; 4_096];
    let length = syslog.recv(&mut datagram).unwrap();
    let syslog = std::str::from_utf8(&datagram[..length]).unwrap();
    assert!(syslog.contains(" contained [holdshort@32473 ") && syslog.contains("agent=\"tidy\""), "{syslog}");

    // The webhook comes up, after it was tried in vain.
    while lines(&home, &["notify", "list", "--json"])[0]["failed"] == 0 {}
    net::listen(&quiet, 16).unwrap();
    let listener = TcpListener::from(quiet);
    let (headers, body) = take(&listener);
    assert!(headers.iter().any(|line| line.starts_with("x-holdshort-signature: v1=")), "{headers:?}");
    let notice: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(notice["notice"]["subject"]["agent"], "tidy");

    let listed = lines(&home, &["incidents", "list", "--json"]);
    assert_eq!((listed.len(), &listed[0]["state"]), (1, &json!("open")), "{listed:?}");
    let id = listed[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(notice["notice"]["incident"], json!(id));
    let commands = notice["notice"]["commands"].to_string();
    assert!(commands.contains(&format!("holdshort incidents show {id}")), "{commands}");

    let empty = home.run(&["incidents", "close", &id, "--reason", " "]);
    assert!(!empty.status.success());
    let closed = lines(&home, &["incidents", "close", &id, "--reason", "a test of ours", "--json"]).remove(0);
    let what: Vec<&str> =
        closed["timeline"].as_array().unwrap().iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["refused", "captured", "contained", "notified", "refused", "closed"]);
    assert_eq!(home.run(&["incidents", "close", &id, "--reason", "twice"]).status.code(), Some(1));
    assert!(lines(&home, &["incidents", "list", "--json"]).is_empty());
    let shown = text(&home.run(&["incidents", "show", &id]).stdout);
    assert!(shown.contains("a test of ours") && shown.contains("\"integrity\""), "{shown}");

    let tested = home.run(&["notify", "test", "siem"]);
    assert_eq!((tested.status.code(), text(&tested.stdout).as_str()), (Some(0), "`siem` took the message\n"));
    assert_eq!(home.run(&["notify", "test", "nobody"]).status.code(), Some(1));
    let channels = lines(&home, &["notify", "list", "--json"]);
    let names: Vec<&str> = channels.iter().map(|channel| channel["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["hook", "mail", "siem"]);

    drop(service);
    let records = lines(&home, &["log", "search", "--json"]);
    let records = serde_json::to_string(&records).unwrap();
    for expected in ["incident-closed", "a test of ours", "`hook` cannot be reached", "`hook` was told after"] {
        assert!(records.contains(expected), "{expected}\n{records}");
    }
    for told in [message["text"].as_str().unwrap(), syslog, &body, &shown] {
        assert!(!told.contains("SECRET-ARGUMENT"), "{told}");
    }
    assert!(home.run(&["log", "verify"]).status.success());
}
