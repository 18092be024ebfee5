//! Upstreams whose every byte the test writes and sees.

use holdshort_proxy::mcp::{EraChoice, TransportConfig, UpstreamConfig};
use holdshort_testkit::{ScriptedUpstream, UpstreamRequest};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;

/// How a scripted upstream answers one request.
pub enum Reply {
    /// 200 with this text as `application/json`.
    Json(String),
    /// This status, media type and text.
    As(u16, Option<&'static str>, String),
    /// An event stream with these messages, closed afterwards.
    Stream(Vec<String>),
    /// Nothing, and the connection stays open.
    Silence,
    /// The connection is closed without an answer.
    Close,
}

impl Reply {
    /// A result for a request.
    pub fn result(message: &Value, result: Value) -> Self {
        Self::Json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string())
    }

    /// A tool's text.
    pub fn text(message: &Value, text: &str) -> Self {
        Self::result(message, json!({ "content": [{ "type": "text", "text": text }], "resultType": "complete" }))
    }

    pub fn write(self, stream: &mut TcpStream) -> bool {
        let (status, media, body) = match self {
            Self::Json(body) => (200, Some("application/json"), body),
            Self::As(status, media, body) => (status, media, body),
            Self::Stream(messages) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
                let events: String = messages.iter().map(|m| format!("event: message\ndata: {m}\n\n")).collect();
                let _ = stream.write_all(format!("{head}{events}").as_bytes());
                return false;
            }
            Self::Silence => return true,
            Self::Close => return false,
        };
        let media = media.map(|media| format!("content-type: {media}\r\n")).unwrap_or_default();
        let head = format!("HTTP/1.1 {status} x\r\n{media}content-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).is_ok()
    }
}

/// Speaks both eras; `answer` says what comes on everything that is no handshake (`None`: method not found).
pub fn scripted(
    answer: impl Fn(&Value, &UpstreamRequest) -> Option<Reply> + Send + Sync + 'static,
) -> ScriptedUpstream {
    ScriptedUpstream::start(move |request, stream| respond(request, stream, &answer))
}

/// Answers one request as [`scripted`] does.
pub fn respond(
    request: &UpstreamRequest,
    stream: &mut TcpStream,
    answer: impl Fn(&Value, &UpstreamRequest) -> Option<Reply>,
) -> bool {
    if !request.line.starts_with("POST") {
        return Reply::As(405, None, String::new()).write(stream);
    }
    let message: Value = serde_json::from_slice(&request.body).unwrap_or_else(|_| lossy(&request.body));
    if message.get("id").is_none() || message.get("method").is_none() {
        return Reply::As(202, None, String::new()).write(stream);
    }
    let reply = answer(&message, request).unwrap_or_else(|| handshake(&message));
    reply.write(stream)
}

/// Id, method and tool of a message with numbers that `serde_json` does not hold.
fn lossy(body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body);
    let members = id_and_method(&text);
    json!({ "id": members.0, "method": members.1 })
}

fn id_and_method(text: &str) -> (Value, Value) {
    let members = holdshort_wire::json::members(text).expect("the gateway forwards objects");
    let member = |name: &str| {
        let found = members.iter().find(|(key, _)| key == name);
        found.and_then(|(_, value)| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    };
    (member("id"), member("method"))
}

fn handshake(message: &Value) -> Reply {
    let capabilities = json!({ "tools": { "listChanged": true }, "resources": {}, "prompts": {} });
    match message["method"].as_str().unwrap_or_default() {
        "initialize" => Reply::result(
            message,
            json!({ "protocolVersion": message["params"]["protocolVersion"], "capabilities": capabilities,
                    "serverInfo": { "name": "scripted", "version": "1" } }),
        ),
        "server/discover" if message["params"]["_meta"].is_object() => Reply::result(
            message,
            json!({ "supportedVersions": ["2026-07-28"], "capabilities": capabilities, "resultType": "complete",
                    "ttlMs": 0, "cacheScope": "private" }),
        ),
        "ping" => Reply::result(message, json!({})),
        _ => Reply::Json(
            json!({ "jsonrpc": "2.0", "id": message["id"], "error": { "code": -32601, "message": "no such method" } })
                .to_string(),
        ),
    }
}

/// Bodies of the requests of a method, as they came.
pub fn bodies(upstream: &ScriptedUpstream, method: &str) -> Vec<String> {
    let quoted = format!("\"{method}\"");
    let bodies = upstream.received().into_iter().map(|request| String::from_utf8(request.body).unwrap());
    bodies.filter(|body| body.contains(&quoted)).collect()
}

/// An upstream of the gateway over HTTP.
pub fn http(name: &str, url: &str, era: EraChoice) -> UpstreamConfig {
    let transport = TransportConfig::Http { url: url.parse().unwrap(), headers: Vec::new() };
    UpstreamConfig { name: name.into(), transport, era }
}

/// An upstream of the gateway that it starts itself.
pub fn stdio(name: &str, line: &holdshort_testkit::CommandLine, era: EraChoice) -> UpstreamConfig {
    let (program, args) = (line.program.clone(), line.args.clone());
    let transport = TransportConfig::Stdio { program, args, env: Vec::new(), cwd: None };
    UpstreamConfig { name: name.into(), transport, era }
}

/// A server on a pipe that greets in the session era and handles everything else by `script`, which sees `message`
/// and `send(message)`.
pub fn child(script: &str) -> holdshort_testkit::CommandLine {
    let program = r#"
        const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
        const hello = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } };
        const state = {};
        const handle = (message) => { SCRIPT };
        require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
          const message = JSON.parse(line);
          if (message.method === 'initialize') send({ id: message.id, result: hello });
          else if (message.method === 'server/discover') send({ id: message.id, error: { code: -32601, message: 'no' } });
          else handle(message);
        });"#;
    holdshort_testkit::CommandLine::new("node").args(["-e", &program.replace("SCRIPT", script)])
}

/// What all children of this tape received, each in one piece.
pub fn played(tape: &std::path::Path) -> String {
    let files = std::fs::read_dir(tape).unwrap().map(|file| file.unwrap().path());
    files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// The line of a child whose standard input is also written to a file of its own in the folder `tape`, byte for byte.
pub fn taped(tape: &std::path::Path, line: &holdshort_testkit::CommandLine) -> holdshort_testkit::CommandLine {
    // The tape is written first, so that it is complete when an answer comes.
    let script = r#"
        const [tape, program, ...args] = process.argv.slice(1);
        require('fs').mkdirSync(tape, { recursive: true });
        const file = `${tape}/${process.pid}`;
        const child = require('child_process').spawn(program, args, { stdio: ['pipe', 'inherit', 'inherit'] });
        process.stdin.on('data', (data) => { require('fs').appendFileSync(file, data); child.stdin.write(data); });
        process.stdin.on('end', () => child.stdin.end());
        child.stdin.on('error', () => {});
        child.on('exit', (code) => process.exit(code ?? 1));"#;
    holdshort_testkit::CommandLine::new("node").args(["-e", script]).arg(tape).args(line.words())
}
