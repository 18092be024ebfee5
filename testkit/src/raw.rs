//! HTTP as bytes: for requests that no well-behaved client sends, and for leaving in the middle of one.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::process::DEADLINE;

/// An answer with its headers as they were written, names in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, 400, ...
    pub status: u16,
    /// Names in lower case, values as they were, in their order.
    pub headers: Vec<(String, String)>,
    /// The body without chunk borders; what came of it when the peer closed early.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; the first message of an event stream counts as well.
    pub fn json(&self) -> serde_json::Value {
        let text = String::from_utf8_lossy(&self.body);
        let data = text.lines().find_map(|line| line.strip_prefix("data:")).unwrap_or(&text);
        serde_json::from_str(data).unwrap_or_else(|error| panic!("not JSON ({error}), status {}: {text}", self.status))
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects to `127.0.0.1:PORT`.
    pub fn open(authority: &str) -> Self {
        let stream =
            TcpStream::connect(authority).unwrap_or_else(|error| panic!("cannot connect to {authority}: {error}"));
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
        stream.set_nodelay(true).expect("no delay can be set");
        Self(BufReader::new(stream))
    }

    /// Writes bytes as they are. False when the peer has closed.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.0.get_mut().write_all(bytes).is_ok()
    }

    /// Status and headers of the next answer, or `None` when the peer closed without one.
    pub fn head(&mut self) -> Option<Answer> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not a status line: `{status_line}`"));
        let mut headers = Vec::new();
        while let Some(line) = self.line().filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("not a header: `{line}`"));
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Some(Answer { status, headers, body: Vec::new() })
    }

    /// The next answer with its whole body, or `None` when the peer closed without one.
    pub fn answer(&mut self) -> Option<Answer> {
        let head = self.head()?;
        Some(self.body(head))
    }

    /// The answer of a head that was read before, with its whole body.
    pub fn body(&mut self, head: Answer) -> Answer {
        let mut answer = head;
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                answer.body.extend(chunk);
            }
        } else if let Some(length) = answer.header("content-length").and_then(|value| value.parse().ok()) {
            self.0.by_ref().take(length).read_to_end(&mut answer.body).ok();
        } else if answer.status != 204 && answer.status != 202 {
            self.0.read_to_end(&mut answer.body).ok();
        }
        answer
    }

    /// The next chunk of a chunked body, to read a stream while it is open; `None` at its end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(self.line()?.split(';').next()?.trim(), 16).ok()?;
        let mut chunk = vec![0; size];
        self.0.read_exact(&mut chunk).ok()?;
        self.line();
        (size > 0).then_some(chunk)
    }

    /// The next whole line; `None` when the peer closed, or was killed and the system reset the connection.
    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.0.read_until(b'\n', &mut line) {
            Ok(_) if line.ends_with(b"\n") => {
                Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
            }
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer: {error}"),
        }
    }
}

/// A POST to `/mcp` with these headers and this body, as bytes; Host and Content-Length are added unless given.
pub fn post(authority: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let has = |name: &str| headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    let mut request = String::from("POST /mcp HTTP/1.1\r\n");
    if !has("host") {
        request.push_str(&format!("Host: {authority}\r\n"));
    }
    if !has("content-length") && !has("transfer-encoding") {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    [request.as_bytes(), body].concat()
}

/// Sends bytes on a connection of their own and returns the answer, or `None` when the peer closed without one.
pub fn exchange(authority: &str, request: &[u8]) -> Option<Answer> {
    let mut connection = Connection::open(authority);
    connection.write(request);
    connection.answer()
}
