//! A temporary home for the real binary, and the running service in it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A directory with a configuration on free ports and a data directory.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new(configuration: &str) -> Self {
        let home = Self(tempfile::Builder::new().prefix("hs").tempdir().unwrap());
        home.configure(configuration);
        home
    }

    /// Replaces the configuration.
    pub(crate) fn configure(&self, text: &str) {
        let listen = "[api]\nlisten = \"127.0.0.1:0\"\n[mcp]\nlisten = \"127.0.0.1:0\"\n";
        std::fs::write(self.path().join("holdshort.toml"), format!("{text}{listen}")).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
        let own = arguments.iter().take_while(|argument| **argument != "--").count();
        command.args(&arguments[..own]);
        if !matches!(arguments[0], "policy") {
            command.arg("--config").arg(self.path().join("holdshort.toml")).arg("--data").arg(self.data());
        }
        command
            .args(&arguments[own..])
            .env_remove("HOLDSHORT_AGENT")
            .env_remove("HOLDSHORT_TOKEN")
            .env_remove("HOLDSHORT_SERVICE")
            .env("HOLDSHORT_LOG", "warn");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn whereabouts(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.data().join("service.json")).unwrap()).unwrap()
    }
}

/// A running service. Ends with it, as on Ctrl-C.
pub(crate) struct Service<'a> {
    home: &'a Home,
    child: Option<Child>,
    whereabouts: Value,
}

impl<'a> Service<'a> {
    /// Starts one and waits until it says that it is running.
    pub(crate) fn start(home: &'a Home) -> Self {
        let mut child = home.command(&["serve"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("is running"), "{line}");
        Self { home, child: Some(child), whereabouts: home.whereabouts() }
    }

    /// One that somebody else started.
    pub(crate) fn running(home: &'a Home) -> Self {
        Self { home, child: None, whereabouts: home.whereabouts() }
    }

    pub(crate) fn address(&self) -> &str {
        self.whereabouts["api"].as_str().unwrap()
    }

    pub(crate) fn pid(&self) -> u64 {
        self.whereabouts["pid"].as_u64().unwrap()
    }

    pub(crate) fn admin_token(&self) -> String {
        std::fs::read_to_string(self.home.data().join("admin.token")).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &self.admin_token(), "").1
    }

    /// The same as somebody else.
    pub(crate) fn get_as(&self, path: &str, token: &str) -> (u16, Value) {
        self.ask("GET", path, token, "")
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, token, &body.to_string())
    }

    fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
        let address = self.whereabouts["api"].as_str().unwrap().trim_start_matches("http://");
        let authorization = format!("authorization: Bearer {token}\r\n");
        exchange(TcpStream::connect(address).unwrap(), method, path, &authorization, body)
    }

    /// The first records, asked for over the unix socket.
    pub(crate) fn page_over_socket(&self) -> Value {
        let stream = UnixStream::connect(self.whereabouts["socket"].as_str().unwrap()).unwrap();
        exchange(stream, "GET", "/v1/records", "", "").1
    }

    /// Ends one that somebody else started: it is not our child, so its end shows in the closed socket.
    pub(crate) fn end(&self, signal: &str) {
        let pid = self.pid().to_string();
        let mut stream = UnixStream::connect(self.whereabouts["socket"].as_str().unwrap()).unwrap();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let mut rest = Vec::new();
        // A killed process resets the connection: that is its end as well.
        let _ = stream.read_to_end(&mut rest);
        // It seals its log after that; a directory that is removed meanwhile would come back.
        let deadline = Instant::now() + Duration::from_secs(30);
        while is_alive(&pid) {
            assert!(Instant::now() < deadline, "process {pid} does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = child.id().to_string();
            let told = Command::new("kill").args(["-INT", &pid]).status().unwrap();
            assert!(told.success() && child.wait().unwrap().success());
        }
    }
}

/// Whether a process runs; one that is dead and was not waited for does not.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| !fields.trim_start().starts_with('Z'))
}

/// One request and its answer.
fn exchange(mut stream: impl Read + Write, method: &str, path: &str, authorization: &str, body: &str) -> (u16, Value) {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}connection: close\r\n");
    let rest = format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all((head + &rest).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
