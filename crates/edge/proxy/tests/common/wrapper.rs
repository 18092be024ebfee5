//! The stdio wrapper in process, on pipes.

use super::{DEADLINE, Recorder, runtime};
use holdshort_enforce::Gate;
use holdshort_model::{Authentication, Claims, Subject};
use holdshort_proxy::mcp::{Limits, RefusalStyle, UpstreamConfig, stdio};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const PIPE_BYTES: usize = 64 << 10;

/// A client on a pipe before a wrapper. Dropped: its input ends, and with it the server behind.
pub struct Wrapper {
    input: Option<DuplexStream>,
    output: BufReader<DuplexStream>,
    served: Option<JoinHandle<std::io::Result<stdio::Ended>>>,
    runtime: Option<Runtime>,
}

impl Wrapper {
    pub fn new(authority: &Arc<Recorder>, upstream: UpstreamConfig) -> Self {
        Self::with(authority, upstream, Limits::default())
    }

    pub fn with(authority: &Arc<Recorder>, upstream: UpstreamConfig, limits: Limits) -> Self {
        let runtime = runtime();
        let subject = Subject {
            agent: "alice".into(),
            user: None,
            delegation: Vec::new(),
            authenticated_by: Authentication::OsUser,
            claims: Claims::default(),
        };
        let options = stdio::StdioOptions {
            upstream,
            subject,
            session: "stdio".into(),
            workspace: None,
            intent: None,
            believes_meta: false,
            refusal: RefusalStyle::Error,
            limits,
        };
        let (input, theirs) = tokio::io::duplex(PIPE_BYTES);
        let (ours, output) = tokio::io::duplex(PIPE_BYTES);
        let served = runtime.spawn(stdio::run(Gate::new(authority.clone()), options, theirs, ours));
        Self { input: Some(input), output: BufReader::new(output), served: Some(served), runtime: Some(runtime) }
    }

    fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.as_ref().unwrap().handle().clone()
    }

    /// Writes a line.
    pub fn write(&mut self, line: impl AsRef<[u8]>) {
        let runtime = self.runtime();
        let input = self.input.as_mut().unwrap();
        runtime.block_on(async { input.write_all(&[line.as_ref(), b"\n"].concat()).await }).unwrap();
    }

    /// The next line without its end; `None` when the wrapper has ended.
    pub fn line(&mut self) -> Option<String> {
        let (runtime, mut line) = (self.runtime(), String::new());
        let read = async { tokio::time::timeout(DEADLINE, self.output.read_line(&mut line)).await };
        let size = runtime.block_on(read).expect("a line in time").unwrap();
        (size > 0).then(|| line.trim_end_matches('\n').to_owned())
    }

    pub fn receive(&mut self) -> Value {
        serde_json::from_str(&self.line().expect("the wrapper has ended")).unwrap()
    }

    /// Sends a request and gives its response.
    pub fn ask(&mut self, id: impl Into<Value>, method: &str, params: Value) -> Value {
        let id = id.into();
        self.write(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
        loop {
            let message = self.receive();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    pub fn open(mut self) -> Self {
        let info = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
        let answer = self.ask(0, "initialize", params);
        assert!(answer.get("result").is_some(), "{answer}");
        self.write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        self
    }
}

impl Drop for Wrapper {
    fn drop(&mut self) {
        drop(self.input.take());
        if let (Some(runtime), Some(served)) = (self.runtime.take(), self.served.take()) {
            let ended = runtime.block_on(async { tokio::time::timeout(DEADLINE, served).await });
            runtime.shutdown_background();
            if !std::thread::panicking() {
                ended.expect("the wrapper ends with its input").unwrap().unwrap();
            }
        }
    }
}
