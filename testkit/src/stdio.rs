//! A peer on a pipe, driven line by line: the way in which a client runs a stdio server.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{DEADLINE, Reaped, collect};

/// A child process that speaks one JSON-RPC message per line; ended when this value is dropped.
#[derive(Debug)]
pub struct StdioPeer {
    child: Reaped,
    stdin: Option<std::process::ChildStdin>,
    lines: Receiver<Vec<u8>>,
    stderr: Arc<Mutex<String>>,
}

impl StdioPeer {
    /// Starts a program with its three streams as pipes.
    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let stderr = collect(child.stderr.take().expect("stderr is a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            while let Ok(1..) = stdout.read_until(b'\n', &mut line) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        Self { child: Reaped(child), stdin, lines, stderr }
    }

    /// Writes bytes as they are; the caller ends lines. False when the child no longer reads.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        let stdin = self.stdin.as_mut().expect("stdin is still open");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).is_ok()
    }

    /// Writes a message and its line end.
    pub fn send(&mut self, message: &Value) {
        assert!(self.write(format!("{message}\n").as_bytes()), "the child has closed its stdin\n{}", self.stderr());
    }

    /// The next line with its line end, or `None` when the child has closed its stdout.
    ///
    /// # Panics
    /// When nothing comes for [`DEADLINE`].
    pub fn line(&self) -> Option<Vec<u8>> {
        self.line_within(DEADLINE).unwrap_or_else(|| panic!("the child was silent for {DEADLINE:?}\n{}", self.stderr()))
    }

    /// The next line as in [`Self::line`], or `None` when nothing comes for so long: to show that a peer stays silent.
    pub fn line_within(&self, wait: Duration) -> Option<Option<Vec<u8>>> {
        match self.lines.recv_timeout(wait) {
            Ok(line) => Some(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Some(None),
            Err(RecvTimeoutError::Timeout) => None,
        }
    }

    /// The next message.
    pub fn receive(&self) -> Value {
        let line = self.line().unwrap_or_else(|| panic!("the child has closed its stdout\n{}", self.stderr()));
        serde_json::from_slice(&line)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", String::from_utf8_lossy(&line)))
    }

    /// Sends a request and returns its answer; messages that come before it are skipped.
    pub fn request(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.receive();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    /// The handshake of the session era; returns the result of `initialize`.
    pub fn initialize(&mut self) -> Value {
        let client = json!({"name": "holdshort-testkit", "version": "1.0.0"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        let answer = self.request(0, "initialize", params);
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        answer["result"].clone()
    }

    /// Closes its stdin, which ends a stdio server.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for its end after [`Self::close_stdin`].
    ///
    /// # Panics
    /// When it still runs after [`DEADLINE`].
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.0.try_wait().expect("the child is ours") {
                return status;
            }
            assert!(Instant::now() < end, "the child did not end in {DEADLINE:?}\n{}", self.stderr());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.child.end();
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }
}
