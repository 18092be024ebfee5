//! The real binary in front of real counterparts: its process, its answers, its records.

use crate::support::Home;
use holdshort_testkit::{CommandLine, DEADLINE, raw};
use serde_json::{Value, json};
use std::fs::File;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Waits until `look` finds something.
///
/// # Panics
/// When it takes longer than the testkit's deadline, which is far above what anything needs.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not in {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A home whose `[mcp]` table has these lines besides the listen address; `rest` are further tables.
pub(crate) fn home(mcp: &str, rest: &str) -> Home {
    let home = Home::new("");
    configure(&home, mcp, rest);
    home
}

/// Replaces the configuration.
pub(crate) fn configure(home: &Home, mcp: &str, rest: &str) {
    let listen = "listen = \"127.0.0.1:0\"";
    let text = format!("[api]\n{listen}\n[mcp]\n{listen}\n{mcp}\n{rest}\n");
    std::fs::write(home.path().join("holdshort.toml"), text).unwrap();
}

/// An upstream on stdio, as a table of the configuration.
pub(crate) fn stdio_upstream(name: &str, line: &CommandLine) -> String {
    // The syntax of JSON strings and arrays is TOML's too.
    let (program, args) = (json!(line.program), json!(line.args));
    format!("[[upstream]]\nname = \"{name}\"\ncommand = {program}\nargs = {args}\n")
}

/// An upstream over HTTP, as a table of the configuration.
pub(crate) fn http_upstream(name: &str, url: &str, more: &str) -> String {
    format!("[[upstream]]\nname = \"{name}\"\nurl = \"{url}\"\n{more}\n")
}

/// `holdshort mcp` in place of a server's command, as an `mcp.json` would have it.
pub(crate) fn wrapped(home: &Home, name: &str, server: &CommandLine) -> CommandLine {
    let (config, data) = (home.path().join("holdshort.toml"), home.data());
    let line = CommandLine::new(env!("CARGO_BIN_EXE_holdshort")).args(["mcp", "--name", name]);
    line.arg("--config").arg(config).arg("--data").arg(data).arg("--").args(server.words())
}

/// Registers an agent; returns its token.
pub(crate) fn register(home: &Home, agent: &str) -> String {
    let added = home.run(&["agents", "add", agent, "--class", "assistant", "--json"]);
    assert!(added.status.success(), "{}", stderr(&added));
    let issued: Value = serde_json::from_slice(&added.stdout).unwrap();
    issued["token"].as_str().unwrap().to_owned()
}

/// What a program wrote to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Every record of the log, oldest first; of a log that no service writes any more, since one that runs shows only
/// what its last checkpoint covers.
pub(crate) fn records(home: &Home) -> Vec<Value> {
    let output = home.run(&["log", "tail", "-n", "1000000", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice::<Value>(line).unwrap()["record"].take()).collect()
}

/// The decisions among records.
pub(crate) fn decisions(records: &[Value]) -> Vec<&Value> {
    records.iter().filter(|record| record["type"] == "decision").collect()
}

/// Panics unless the whole log verifies.
pub(crate) fn assert_verifies(home: &Home) {
    let verified = home.run(&["log", "verify"]);
    assert!(verified.status.success(), "{}", stderr(&verified));
}

/// A running `holdshort serve`; killed with this value unless it was ended before.
pub(crate) struct Gateway {
    child: Child,
    whereabouts: Value,
    admin_token: String,
}

impl Gateway {
    /// Starts one and waits until it listens.
    pub(crate) fn start(home: &Home) -> Self {
        Self::spawn(home, home.command(&["serve"]))
    }

    /// The same for a prepared command.
    pub(crate) fn spawn(home: &Home, mut command: Command) -> Self {
        let whereabouts = home.data().join("service.json");
        // What a killed predecessor left would be taken for this one's.
        std::fs::remove_file(&whereabouts).ok();
        let said = home.path().join("serve.err");
        let log = File::create(&said).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let found = eventually("the service listens", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("serve ended with {status}: {}", std::fs::read_to_string(&said).unwrap());
            }
            serde_json::from_slice::<Value>(&std::fs::read(&whereabouts).ok()?).ok()
        });
        let admin_token = std::fs::read_to_string(home.data().join("admin.token")).unwrap();
        Self { child, whereabouts: found, admin_token }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Address of an upstream's endpoint.
    pub(crate) fn url(&self, upstream: &str) -> String {
        format!("{}/{upstream}", self.whereabouts["mcp"].as_str().unwrap())
    }

    /// `kill -9`, and the end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(&mut self) -> ExitStatus {
        signal(self.pid(), "-INT");
        eventually("the service ends", || self.child.try_wait().unwrap())
    }

    /// A question to the API as the administrator: status and body.
    pub(crate) fn api(&self, method: &str, path: &str, body: &Value) -> (u16, String) {
        let authority = self.whereabouts["api"].as_str().unwrap().trim_start_matches("http://");
        let token = format!("Bearer {}", self.admin_token);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
        let answer = http(authority, method, path, &headers, body.as_bytes()).expect("the API answers");
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    /// The value of a counter in `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.api("GET", "/metrics", &Value::Null);
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        line.unwrap_or_else(|| panic!("no metric {name} in\n{text}"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// One request on a connection of its own; `None` when the peer closed without an answer.
pub(crate) fn http(
    authority: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<raw::Answer> {
    let mut connection = raw::Connection::open(authority);
    connection.write(&request(authority, method, path, headers, body));
    connection.answer()
}

/// The bytes of a request.
pub(crate) fn request(authority: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// A client of the session era that writes its own bytes. Not an SDK: for tests in which the gateway dies or refuses.
pub(crate) struct Client {
    authority: String,
    path: String,
    authorization: String,
    session: String,
}

impl Client {
    /// Connects and initialises a session.
    pub(crate) fn connect(gateway: &Gateway, upstream: &str, token: &str) -> Self {
        let url = gateway.url(upstream);
        let (authority, path) = url.trim_start_matches("http://").split_once('/').unwrap();
        let (authority, path) = (authority.to_owned(), format!("/{path}"));
        let mut client = Self { authority, path, authorization: format!("Bearer {token}"), session: String::new() };
        let info = json!({"name": "holdshort-tests", "version": "1.0.0"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info});
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}).to_string();
        let answer = client.post(&body).expect("an answer to initialize");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        client.session =
            answer.header("mcp-session-id").unwrap_or_else(|| panic!("no session, {}: {text}", answer.status)).into();
        client.post("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}").expect("an answer");
        client
    }

    /// The bytes of a POST with this body.
    pub(crate) fn bytes(&self, body: &str) -> Vec<u8> {
        let mut headers = vec![
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        if !self.session.is_empty() {
            headers.extend([("mcp-session-id", self.session.as_str()), ("mcp-protocol-version", "2025-11-25")]);
        }
        request(&self.authority, "POST", &self.path, &headers, body.as_bytes())
    }

    /// Posts a body.
    pub(crate) fn post(&self, body: &str) -> Option<raw::Answer> {
        let mut connection = raw::Connection::open(&self.authority);
        connection.write(&self.bytes(body));
        connection.answer()
    }

    /// Address of the gateway.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// A request and the message that answers it.
    pub(crate) fn request(&self, id: u64, method: &str, params: &Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        let answer = self.post(&body).expect("an answer");
        message(&answer, id)
    }

    /// Calls a tool.
    pub(crate) fn call(&self, id: u64, tool: &str, arguments: &Value) -> Value {
        self.request(id, "tools/call", &json!({"name": tool, "arguments": arguments}))
    }
}

/// The answer with this id, from JSON or an event stream.
pub(crate) fn message(answer: &raw::Answer, id: u64) -> Value {
    let text = String::from_utf8_lossy(&answer.body);
    let data = text.lines().map(|line| line.strip_prefix("data:").unwrap_or(line));
    let mut found = data.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    found.find(|message| message["id"] == id).unwrap_or_else(|| panic!("no answer {id}, {}: {text}", answer.status))
}

/// The text of a tool's result.
pub(crate) fn text_of(message: &Value) -> &str {
    message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {message}"))
}

/// Panics unless the message is a refusal with this policy or fail mode among its reasons.
pub(crate) fn assert_refused(message: &Value, policy: &str) {
    assert_eq!(message["error"]["code"], -32001, "{message}");
    let reasons = message["error"]["data"]["reasons"].as_array().unwrap_or_else(|| panic!("no reasons: {message}"));
    assert!(reasons.iter().any(|reason| reason["policy"] == policy), "not because of {policy}: {message}");
}
