//! Servers that print their address, and the end of child processes by their own id.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::CommandLine;

/// Longest wait for anything that a counterpart does. Far above what is needed: it only bounds a hang.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A running server, ended when this value is dropped.
#[derive(Debug)]
pub struct Server {
    child: Reaped,
    url: String,
    stderr: Arc<Mutex<String>>,
    // Servers of the testkit end with their standard input, also when this process is killed.
    _stdin: Option<ChildStdin>,
}

impl Server {
    /// Starts a server and waits until it has printed a line of JSON with its `url` on stdout.
    ///
    /// # Panics
    /// When it ends or stays silent for [`DEADLINE`]; with what it wrote to stderr.
    pub fn start(line: &CommandLine) -> Self {
        let mut command = line.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn(command)
    }

    /// The same for one of the testkit's own servers: it also ends when the test process is killed.
    pub fn start_ours(line: &CommandLine) -> Self {
        Self::start(&line.clone().arg("--exit-with-stdin"))
    }

    /// The same for a prepared command (environment, directory), whose three streams are pipes.
    pub fn spawn(mut command: std::process::Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = collect(child.stderr.take().expect("stderr is a pipe"));
        let child = Reaped(child);
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            // Reads on after the address, so that the server never blocks on a full pipe.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(url) = address(&line) {
                    sender.send(url).ok();
                }
            }
        });
        let url = match receiver.recv_timeout(DEADLINE) {
            Ok(url) => url,
            Err(RecvTimeoutError::Timeout) => {
                panic!("{name} printed no address in {DEADLINE:?}\n{}", stderr.lock().unwrap())
            }
            Err(RecvTimeoutError::Disconnected) => {
                panic!("{name} ended before it printed its address\n{}", stderr.lock().unwrap())
            }
        };
        Self { child, url, stderr, _stdin: stdin }
    }

    /// `http://127.0.0.1:PORT/mcp`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.child.end();
    }
}

fn address(line: &str) -> Option<String> {
    let said: serde_json::Value = serde_json::from_str(line).ok()?;
    said.get("url")?.as_str().map(str::to_owned)
}

/// Reads a stream to its end in the background.
pub(crate) fn collect(mut stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let target = Arc::clone(&text);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(size @ 1..) = stream.read(&mut buffer) {
            target.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..size]));
        }
    });
    text
}

/// A child process that does not outlive its owner, and leaves no zombie.
#[derive(Debug)]
pub(crate) struct Reaped(pub(crate) Child);

impl Reaped {
    pub(crate) fn end(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        self.end();
    }
}
