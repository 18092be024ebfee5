//! What the stories have in common: a witness that runs, something that only says so, a log, and the words of a configuration.

use crate::support::{Home, Service};
use holdshort_ledger::{AddCheckpoint, Checkpoint, ConsistencyProof, Note};
use holdshort_store::log::{DirectoryTiles, Log, LogOptions};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// `holdshort witness`, running. Killed at the end.
pub(crate) struct Witness {
    child: Child,
    pub(crate) url: String,
    pub(crate) keys: Vec<String>,
}

impl Witness {
    pub(crate) fn start(folder: &Path, name: &str, log: &Path, listen: &str) -> Self {
        Self::start_with(folder, name, log, listen, &[])
    }

    pub(crate) fn start_with(folder: &Path, name: &str, log: &Path, listen: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
        command
            .args(["witness", "--json", "--listen", listen, "--name", &format!("{name}.example/w"), "--log"])
            .arg(log);
        command.arg("--state").arg(folder.join(name)).arg("--key").arg(folder.join(format!("{name}.key")));
        command.args(more);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let keys = said["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect();
        Self { child, url: said["url"].as_str().unwrap().to_owned(), keys }
    }

    pub(crate) fn listen(&self) -> String {
        self.url.split_once("://").unwrap().1.to_owned()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end, which somebody else brought about.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        until("the end of the witness", || self.child.try_wait().unwrap()).code()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request to `url`, and its answer: status, head and body.
pub(crate) fn ask(url: &str, method: &str, path: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
}

/// Something that listens, and answers each request with what `reply` makes of its body; with `None` it never answers.
pub(crate) fn pretender(reply: impl Fn(&str) -> Option<(u16, String)> + Send + 'static) -> String {
    pretender_with(String::new(), reply)
}

/// The same, with more lines in the head of each answer.
pub(crate) fn pretender_with(more: String, reply: impl Fn(&str) -> Option<(u16, String)> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut head, mut reader) = (String::new(), BufReader::new(stream.try_clone().unwrap()));
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let length = head
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.lines().next().unwrap().trim().parse::<usize>().unwrap());
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            match reply(&String::from_utf8_lossy(&body)) {
                Some((status, answer)) => {
                    let length = answer.len();
                    let head =
                        format!("HTTP/1.1 {status} x\r\n{more}connection: close\r\ncontent-length: {length}\r\n\r\n");
                    let _ = stream.write_all((head + &answer).as_bytes());
                }
                None => held.push(stream),
            }
        }
    });
    url
}

pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn plain(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdshort")).args(arguments).output().unwrap()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// A home whose log exists, and its key.
pub(crate) fn home() -> (Home, PathBuf) {
    let home = Home::new("");
    drop(Service::start(&home));
    let key = home.path().join("kept.pub");
    fs::copy(home.data().join("log/log.pub"), &key).unwrap();
    (home, key)
}

pub(crate) fn configuration(witnesses: &[(&str, &str)], quorum: usize) -> String {
    let mut text = format!("[witnesses]\nquorum = {quorum}\nevery = \"100ms\"\ntimeout = \"1s\"\n");
    for (url, key) in witnesses {
        text += &format!("[[witnesses.witness]]\nurl = \"{url}\"\nkey = \"{key}\"\n");
    }
    text
}

pub(crate) fn policy(folder: &Path, witnesses: &[(&str, &str)], threshold: &str) -> PathBuf {
    let lines: String = witnesses.iter().map(|(name, key)| format!("witness {name} {key}\n")).collect();
    let names: Vec<&str> = witnesses.iter().map(|(name, _)| *name).collect();
    let file = folder.join(format!("{threshold}.policy"));
    fs::write(&file, format!("{lines}group g {threshold} {}\nquorum g\n", names.join(" "))).unwrap();
    file
}

/// Waits until everything that is sealed is witnessed, and gives the state.
pub(crate) fn witnessed(service: &Service<'_>, least: u64) -> Value {
    until("a quorum", || {
        let page = service.get("/v1/witnesses");
        let (size, seen) = (page["size"].as_u64().unwrap(), page["witnessed"].as_u64().unwrap());
        (seen == size && seen >= least).then_some(page)
    })
}

pub(crate) fn decide(home: &Home, service: &Service<'_>, token: &mut Option<String>) {
    let token = token.get_or_insert_with(|| {
        let added = home.run(&["agents", "add", "tidy", "--class", "assistant", "--owner", "ada", "--json"]);
        let issued: Value = serde_json::from_slice(&added.stdout).unwrap();
        issued["token"].as_str().unwrap().to_owned()
    });
    let question = json!({
        "subject": {"agent": "tidy"}, "session": "s1",
        "action": {"kind": "tool.call", "server": "mail", "name": "list_messages", "args": {}},
    });
    let (status, ruling) = service.post("/v1/decide", token, &question);
    assert_eq!(status, 200, "{ruling}");
}

/// A log of records without a service, and requests about it.
pub(crate) struct Records(pub(crate) PathBuf);

impl Records {
    pub(crate) fn key(&self) -> PathBuf {
        self.0.join("log/log.pub")
    }

    pub(crate) fn fill(&self, size: u64) {
        let options = LogOptions::new(self.0.join("log"), self.0.join("log.key"), "example.com/records");
        let (log, report) = Log::open(options).unwrap();
        (report.size..size).for_each(|index| log.enqueue(format!("record {index}").into_bytes()).unwrap());
        log.close_blocking().unwrap();
    }

    pub(crate) fn request(&self, old_size: u64) -> String {
        let note = Note::parse(&fs::read(self.0.join("log/checkpoint")).unwrap()).unwrap();
        let size = Checkpoint::parse_text(note.text()).unwrap().size;
        let proof =
            ConsistencyProof::make(old_size, size, &mut DirectoryTiles::new(&self.0.join("log"))).unwrap().hashes;
        AddCheckpoint { old_size, proof, note }.to_string()
    }
}
