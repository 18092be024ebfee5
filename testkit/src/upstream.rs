//! An upstream inside the test: answers what the test says, remembers what came.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// `POST /mcp HTTP/1.1`.
    pub line: String,
    /// Names in lower case, values as they were, in their order.
    pub headers: Vec<(String, String)>,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
}

impl UpstreamRequest {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

type Received = Arc<Mutex<Vec<UpstreamRequest>>>;

/// An HTTP/1.1 server on a free port of 127.0.0.1, stopped when this value is dropped.
#[derive(Debug)]
pub struct ScriptedUpstream {
    port: u16,
    received: Received,
    stopped: Arc<AtomicBool>,
}

impl ScriptedUpstream {
    /// Calls `answer` for every request; what it writes to the connection is the answer, byte for byte. When it
    /// returns false, the connection is closed.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn start(answer: impl Fn(&UpstreamRequest, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of this machine is free");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let received = Received::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let upstream = Self { port, received: Arc::clone(&received), stopped: Arc::clone(&stopped) };
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (received, answer) = (Arc::clone(&received), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &received, &*answer));
            }
        });
        upstream
    }

    /// Answers every request with 200 and this JSON made from it.
    pub fn answering(answer: impl Fn(&serde_json::Value) -> serde_json::Value + Send + Sync + 'static) -> Self {
        Self::start(move |request, stream| {
            let body = answer(&request.json()).to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).is_ok()
        })
    }

    /// `http://127.0.0.1:PORT/mcp`.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.authority())
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// All requests so far, in the order in which they were complete.
    pub fn received(&self) -> Vec<UpstreamRequest> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for ScriptedUpstream {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is stopped.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

fn serve(stream: TcpStream, received: &Received, answer: &dyn Fn(&UpstreamRequest, &mut TcpStream) -> bool) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        received.lock().unwrap().push(request.clone());
        if !answer(&request, &mut writer) {
            writer.shutdown(std::net::Shutdown::Both).ok();
            break;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<UpstreamRequest> {
    let line = read_line(reader)?;
    let mut headers = Vec::new();
    while let Some(header) = read_line(reader).filter(|header| !header.is_empty()) {
        let (name, value) = header.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = UpstreamRequest { line, headers, body: Vec::new() };
    if request.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = usize::from_str_radix(read_line(reader)?.trim(), 16).ok()?;
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk).ok()?;
            read_line(reader)?;
            if size == 0 {
                break;
            }
            request.body.extend(chunk);
        }
    } else if let Some(length) = request.header("content-length").and_then(|value| value.parse().ok()) {
        request.body = vec![0; length];
        reader.read_exact(&mut request.body).ok()?;
    }
    Some(request)
}

fn read_line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(1..) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        _ => None,
    }
}
