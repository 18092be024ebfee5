//! HTTP clients of the gateway: every byte and header is the test's own.

use holdshort_testkit::raw::{Answer, Connection, post};
use serde_json::{Value, json};

/// The messages of an answer, whether it is JSON or an event stream.
pub fn messages(answer: &Answer) -> Vec<Value> {
    texts(answer).iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

fn texts(answer: &Answer) -> Vec<String> {
    let body = String::from_utf8(answer.body.clone()).unwrap();
    match answer.header("content-type") {
        Some("text/event-stream") => data(&body),
        _ => vec![body],
    }
}

fn data(stream: &str) -> Vec<String> {
    let (mut decoder, mut events) = (holdshort_wire::sse::Decoder::new(usize::MAX), Vec::new());
    decoder.push(stream.as_bytes(), &mut events).unwrap();
    events.into_iter().map(|event| event.data).filter(|data| !data.is_empty()).collect()
}

/// One agent at one endpoint.
#[derive(Clone, Debug)]
pub struct Client {
    authority: String,
    path: String,
    token: Option<String>,
    pub session: Option<String>,
    pub capabilities: Value,
}

impl Client {
    pub fn new(authority: &str, path: &str, token: Option<&str>) -> Self {
        let (authority, path) = (authority.to_owned(), path.to_owned());
        Self { authority, path, token: token.map(str::to_owned), session: None, capabilities: json!({}) }
    }

    /// The same endpoint for another agent.
    pub fn as_agent(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    pub fn with_capabilities(self, capabilities: Value) -> Self {
        Self { capabilities, ..self }
    }

    /// The bytes of a POST; what `headers` name is not added.
    pub fn request_bytes(&self, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut all = headers.to_vec();
        let mut add = |name: &'static str, value: Option<&'static str>| {
            if let Some(value) = value
                && !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
            {
                all.push((name, value));
            }
        };
        add("content-type", Some("application/json"));
        add("accept", Some("application/json, text/event-stream"));
        if let Some(bearer) = &bearer {
            all.push(("authorization", bearer));
        }
        if let Some(session) = &self.session {
            all.push(("mcp-session-id", session));
        }
        let bytes = post(&self.authority, &all, body);
        let path = format!("POST {} HTTP/1.1", self.path);
        let end = bytes.windows(2).position(|pair| pair == b"\r\n").unwrap();
        [path.as_bytes(), &bytes[end..]].concat()
    }

    /// Posts exactly this.
    pub fn post(&self, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let mut connection = Connection::open(&self.authority);
        connection.write(&self.request_bytes(headers, body.as_ref()));
        connection.answer().expect("the gateway always answers")
    }

    /// A request of the session era as text; the texts of all messages that come back, the response last.
    pub fn say(&self, body: &str) -> Vec<String> {
        texts(&self.post(&[], body))
    }

    /// A request of the session era; its response.
    pub fn ask(&self, id: impl Into<Value>, method: &str, params: Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params });
        messages(&self.post(&[], message.to_string())).pop().expect("a response")
    }

    /// Opens a session.
    pub fn open(mut self) -> Self {
        let (answer, _) = self.initialize("2025-11-25");
        self.session = Some(answer.header("mcp-session-id").expect("a session").to_owned());
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(self.post(&[], initialized).status, 202);
        self
    }

    /// Says `initialize`.
    pub fn initialize(&self, version: &str) -> (Answer, Value) {
        let info = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": version, "capabilities": self.capabilities, "clientInfo": info });
        let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let answer = self.post(&[], message.to_string());
        let said = messages(&answer).pop().unwrap();
        (answer, said)
    }

    /// The `_meta` of a stateless request.
    pub fn meta(&self) -> Value {
        json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": self.capabilities })
    }

    /// Params with the envelope of the stateless era.
    pub fn enveloped(&self, mut params: Value) -> Value {
        let mut meta = self.meta();
        if let Some(more) = params.get("_meta").and_then(Value::as_object) {
            meta.as_object_mut().unwrap().extend(more.clone());
        }
        params["_meta"] = meta;
        params
    }

    /// The bytes of a stateless request with its mirroring headers.
    pub fn modern_bytes(&self, id: impl Into<Value>, method: &str, params: Value) -> Vec<u8> {
        let params = self.enveloped(params);
        let message = json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params });
        let name = ["name", "uri", "taskId"].iter().find_map(|key| params.get(key).and_then(Value::as_str));
        let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        headers.extend(name.map(|name| ("mcp-name", name)));
        self.request_bytes(&headers, message.to_string().as_bytes())
    }

    /// A stateless request; the whole answer.
    pub fn modern(&self, id: impl Into<Value>, method: &str, params: Value) -> Answer {
        let mut connection = Connection::open(&self.authority);
        connection.write(&self.modern_bytes(id, method, params));
        connection.answer().expect("the gateway always answers")
    }

    /// A stateless request; its response.
    pub fn request(&self, id: impl Into<Value>, method: &str, params: Value) -> Value {
        messages(&self.modern(id, method, params)).pop().expect("a response")
    }

    /// A stateless tool call.
    pub fn call(&self, id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
        self.request(id, "tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// Starts a request whose answer is read as it comes.
    pub fn start(&self, bytes: &[u8]) -> Incoming {
        let mut connection = Connection::open(&self.authority);
        connection.write(bytes);
        Incoming { connection, head: None, text: String::new() }
    }

    /// GET of the session's stream.
    pub fn listen(&self) -> Incoming {
        let text = String::from_utf8(self.request_bytes(&[("accept", "text/event-stream")], b"")).unwrap();
        self.start(text.replacen("POST", "GET", 1).as_bytes())
    }
}

/// An answer that is read while it is written. Dropping it closes the connection.
pub struct Incoming {
    connection: Connection,
    head: Option<Answer>,
    text: String,
}

impl Incoming {
    /// Waits for status and headers.
    pub fn head(&mut self) -> &Answer {
        self.head.get_or_insert_with(|| self.connection.head().expect("an answer"))
    }

    /// The next message; `None` at the end.
    pub fn next(&mut self) -> Option<Value> {
        self.head();
        let end = std::time::Instant::now() + super::DEADLINE;
        loop {
            assert!(std::time::Instant::now() < end, "nothing but keep-alives");
            if let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                match data(&event).first() {
                    Some(data) => return Some(serde_json::from_str(data).unwrap()),
                    None => continue,
                }
            }
            let chunk = self.connection.chunk()?;
            self.text.push_str(&String::from_utf8(chunk).unwrap());
        }
    }

    /// The next message with this method.
    pub fn until(&mut self, method: &str) -> Value {
        loop {
            let message = self.next().unwrap_or_else(|| panic!("the stream ended before `{method}`"));
            if message["method"] == method {
                return message;
            }
        }
    }

    /// The response: the last message of the stream.
    pub fn response(mut self) -> Value {
        if self.head().header("content-type") == Some("application/json") {
            let head = self.head().clone();
            return self.connection.body(head).json();
        }
        loop {
            let message = self.next().expect("the stream ended before the response");
            if message.get("method").is_none() {
                return message;
            }
        }
    }
}
