//! Mirrors as real processes that logs upload to: honest and lying clients, bodies that are cut off, changed, packed and too much,
//! kill -9 in the middle, and a service whose log is uploaded, also after somebody rewrote it with the stolen key.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use flate2::Compression;
use flate2::write::GzEncoder;
use holdshort_ledger::{
    AddCheckpoint, Checkpoint, ConsistencyProof, CosignerKey, MirrorInfo, Note, Tile, UploadHeader, encode_package,
    origin_digest, parse_cosignatures,
};
use holdshort_store::log::{DirectoryTiles, Log, LogOptions};
use holdshort_testkit::{log_audit, tiles_audit};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::{Home, Service, text};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(120);

/// `holdshort mirror --listen`, running. Killed at the end.
struct Mirror {
    child: Child,
    url: String,
    key: CosignerKey,
    logs: Value,
}

impl Mirror {
    fn start(folder: &Path, log: &Path, listen: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
        command.args(["mirror", "--json", "--listen", listen, "--name", "mirror.example/m1", "--log"]).arg(log);
        command.arg("--to").arg(folder.join("mirror"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let key = CosignerKey::parse(said["key"].as_str().unwrap()).unwrap();
        Self { child, url: said["url"].as_str().unwrap().to_owned(), key, logs: said["logs"].clone() }
    }

    fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Most memory that the process has had, in MiB.
    fn peak_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer: status, head and body.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn info(&self) -> MirrorInfo {
        assert!(self.head.contains("content-type: text/x.tlog.mirror-info"), "{} {}", self.status, self.head);
        MirrorInfo::parse(&self.body).unwrap()
    }
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A server that refuses early may reset what is still on its way.
    let _ = stream.read_to_end(&mut bytes);
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("{}", text(&bytes)));
    let head = text(&bytes[..at]).to_lowercase();
    Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head, body: bytes[at + 4..].to_vec() }
}

/// One request, of which only these bytes are sent: the body may be announced longer than it is.
fn ask(mirror: &Mirror, method: &str, path: &str, headers: &str, body: &[u8], announced: usize) -> Answer {
    let mut stream = connect(mirror.address());
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: m\r\nconnection: close\r\ncontent-length: {announced}\r\n{headers}\r\n"
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    if announced > body.len() {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    answer(stream)
}

const BINARY: &str = "content-type: application/octet-stream\r\n";

fn upload(mirror: &Mirror, body: &[u8]) -> Answer {
    ask(mirror, "POST", "/add-entries", BINARY, body, body.len())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn upload_packed(mirror: &Mirror, packed: &[u8]) -> Answer {
    ask(mirror, "POST", "/add-entries", &format!("{BINARY}content-encoding: gzip\r\n"), packed, packed.len())
}

fn get(mirror: &Mirror, path: &str) -> Answer {
    ask(mirror, "GET", path, "", b"", 0)
}

/// A log that this test writes, and how a client uploads it.
struct Written(TempDir);

impl Written {
    fn new(size: u64) -> Self {
        let written = Self(tempfile::tempdir().unwrap());
        written.grow(size);
        written
    }

    fn grow(&self, size: u64) {
        let options = LogOptions::new(self.at("log"), self.at("log.key"), "example.com/uploaded");
        let (log, report) = Log::open(options).unwrap();
        (report.size..size).for_each(|index| log.enqueue(format!("record {index}").into_bytes()).unwrap());
        log.close_blocking().unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn key(&self) -> PathBuf {
        self.at("log/log.pub")
    }

    fn copy(&self) -> PathBuf {
        self.at("mirror").join(origin_digest("example.com/uploaded"))
    }

    fn note(&self) -> Note {
        Note::parse(&fs::read(self.at("log/checkpoint")).unwrap()).unwrap()
    }

    fn size(&self) -> u64 {
        Checkpoint::parse_text(self.note().text()).unwrap().size
    }

    fn offer(&self, mirror: &Mirror, old_size: u64) -> Answer {
        let mut tiles = DirectoryTiles::new(&self.at("log"));
        let proof = ConsistencyProof::make(old_size, self.size(), &mut tiles).unwrap().hashes;
        let body = AddCheckpoint { old_size, proof, note: self.note() }.to_string();
        ask(mirror, "POST", "/add-checkpoint", "", body.as_bytes(), body.len())
    }

    fn header(&self, start: u64) -> UploadHeader {
        UploadHeader { origin: "example.com/uploaded".into(), start, end: self.size(), ticket: Vec::new() }
    }

    /// The body from `start` on, and where its packages end in it.
    fn body(&self, start: u64) -> (Vec<u8>, Vec<usize>) {
        let (header, mut tiles) = (self.header(start), DirectoryTiles::new(&self.at("log")));
        let (mut body, mut ends) = (header.encode().unwrap(), Vec::new());
        for range in header.packages() {
            let bundle = tiles.entries(Tile::of_tree(0, range.start >> 8, header.end).unwrap()).unwrap();
            let first = usize::try_from(range.start & 255).unwrap();
            let entries: Vec<&[u8]> =
                bundle[first..first + range.count()].iter().map(|entry| entry.as_bytes().as_slice()).collect();
            body.extend(encode_package(range, &entries, header.end, &mut tiles).unwrap());
            ends.push(body.len());
        }
        (body, ends)
    }

    /// What people and others who check logs say of the copy.
    fn assert_passes(&self, mirror: &Mirror, size: u64) {
        let copy = self.copy();
        let url = format!("{}/{}", mirror.url, origin_digest("example.com/uploaded"));
        let said = |output: Output| {
            assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
            text(&output.stdout)
        };
        let key = self.key();
        for place in [path(&copy), &url] {
            let verified: Value =
                serde_json::from_str(&said(plain(&["log", "verify", place, "--key", path(&key), "--json"]))).unwrap();
            assert_eq!(verified["size"], size, "{verified}");
            said(plain(&["log", "audit", path(&self.at("log")), "--key", path(&key), "--copy", place]));
        }
        let mut go = log_audit().command();
        assert_eq!(said(go.arg(&copy).output().unwrap()).trim(), format!("ok {size}"));
        let mut aics = tiles_audit().command();
        assert_eq!(said(aics.args([&copy, &key]).output().unwrap()).trim(), format!("ok {size}"));
        let note = Note::parse(&fs::read(copy.join("checkpoint")).unwrap()).unwrap();
        assert!(mirror.key.verify(&note).is_ok());
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn plain(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdshort")).args(arguments).output().unwrap()
}

#[test]
fn a_log_is_uploaded_in_parts_and_packed_and_others_verify_the_copy() {
    let log = Written::new(300);
    let mirror = Mirror::start(log.0.path(), &log.key(), "127.0.0.1:0");
    let asked = upload(&mirror, &log.header(0).encode().unwrap());
    assert_eq!((asked.status, asked.info()), (409, MirrorInfo { size: 0, next: 0, ticket: Vec::new() }));
    assert!(asked.head.contains("accept-encoding: gzip"));
    let offered = log.offer(&mirror, 0);
    assert_eq!((offered.status, offered.body.len()), (200, 0), "no cosignature before the entries are there");
    assert_eq!(get(&mirror, &format!("/{}/checkpoint", origin_digest("example.com/uploaded"))).status, 404);
    let (body, _) = log.body(0);
    let signed = upload(&mirror, &body);
    assert_eq!(signed.status, 200, "{}", text(&signed.body));
    let mut note = log.note();
    parse_cosignatures(&signed.body).unwrap().into_iter().for_each(|line| note.add(line).unwrap());
    assert!(mirror.key.verify(&note).is_ok());
    log.assert_passes(&mirror, 300);

    log.grow(20_000);
    let outdated = log.offer(&mirror, 0);
    assert_eq!((outdated.status, outdated.body.as_slice()), (409, b"300\n".as_slice()));
    assert!(outdated.head.contains("content-type: text/x.tlog.size"));
    assert_eq!(log.offer(&mirror, 300).status, 200);
    // Packed, and a part of it: as a client that keeps to 32 packages does.
    let (body, ends) = log.body(300);
    let part = upload_packed(&mirror, &gzip(&body[..ends[31]]));
    assert_eq!((part.status, part.info()), (202, MirrorInfo { size: 20_000, next: 33 * 256, ticket: Vec::new() }));
    log.assert_passes(&mirror, 300);
    let rest = upload_packed(&mirror, &gzip(&log.body(33 * 256).0));
    assert_eq!(rest.status, 200, "{}", text(&rest.body));
    log.assert_passes(&mirror, 20_000);
    // As any tiled log serves itself.
    let digest = origin_digest("example.com/uploaded");
    let tile = get(&mirror, &format!("/{digest}/tile/0/000"));
    assert!(tile.status == 200 && tile.body == fs::read(log.at("log/tile/0/000")).unwrap());
    assert!(tile.head.contains("application/octet-stream") && tile.head.contains("immutable"), "{}", tile.head);
    let bundle = get(&mirror, &format!("/{digest}/tile/entries/078.p/32"));
    assert!(bundle.status == 200 && bundle.body == fs::read(log.at("log/tile/entries/078.p/32")).unwrap());
    let checkpoint = get(&mirror, &format!("/{digest}/checkpoint"));
    assert!(checkpoint.head.contains("text/plain; charset=utf-8") && checkpoint.head.contains("no-store"));
    for nothing in ["pending", "lock", "tile/0/../../pending", "tile/0/0", "..%2fmirror.key", "mirror.key", ""] {
        assert_eq!(get(&mirror, &format!("/{digest}/{nothing}")).status, 404, "{nothing}");
    }
    assert_eq!(get(&mirror, "/0000/checkpoint").status, 404);
    assert_eq!(ask(&mirror, "PUT", "/add-entries", BINARY, b"", 0).status, 405);
    let other = LogOptions::new(log.at("other"), log.at("other.key"), "example.com/another");
    Log::open(other).unwrap().0.close_blocking().unwrap();
    let mut unknown = log.header(0);
    unknown.origin = "example.com/another".into();
    assert_eq!(upload(&mirror, &unknown.encode().unwrap()).status, 404);
}

#[test]
fn killed_in_the_middle_of_an_upload_it_goes_on_where_it_was() {
    let log = Written::new(20_000);
    let mut mirror = Mirror::start(log.0.path(), &log.key(), "127.0.0.1:0");
    assert_eq!(log.offer(&mirror, 0).status, 200);
    let (mut next, mut kills) = (0, 0);
    loop {
        let (body, ends) = log.body(next);
        if ends.len() <= 12 {
            let signed = upload(&mirror, &body);
            assert_eq!(signed.status, 200, "{}", text(&signed.body));
            break;
        }
        // Some packages, a part of the next one, and the process dies while it waits for the rest.
        let mut stream = connect(mirror.address());
        let head = format!("POST /add-entries HTTP/1.1\r\nhost: m\r\n{BINARY}content-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body[..ends[11] + 100]).unwrap();
        let here = |kills: usize| {
            let parallel = upload(&mirror, &log.header(20_000).encode().unwrap()).info();
            assert_eq!(parallel.size, 20_000, "{kills}");
            parallel.next
        };
        let began = Instant::now();
        while here(kills) < next + 11 * 256 {
            assert!(began.elapsed() < DEADLINE, "the packages are never taken");
        }
        mirror.kill();
        kills += 1;
        mirror = Mirror::start(log.0.path(), &log.key(), "127.0.0.1:0");
        let told = upload(&mirror, &log.header(20_000).encode().unwrap()).info();
        assert_eq!(mirror.logs[0]["next"], told.next);
        assert!(told.next >= next && told.next <= next + 12 * 256 && told.next.is_multiple_of(256), "{next} {told:?}");
        assert_eq!(mirror.logs[0]["size"], 0, "nothing was signed");
        // What was not durable is lost, and nothing else: a part that is answered is kept.
        let (body, ends) = log.body(told.next);
        let part = upload(&mirror, &body[..ends[3]]);
        assert_eq!((part.status, part.info().next), (202, told.next + 4 * 256));
        mirror.kill();
        mirror = Mirror::start(log.0.path(), &log.key(), "127.0.0.1:0");
        next = told.next + 4 * 256;
        assert_eq!(mirror.logs[0]["next"], next);
    }
    assert!(kills >= 3);
    log.assert_passes(&mirror, 20_000);
}

#[test]
fn bodies_that_are_cut_off_anywhere_give_what_was_whole() {
    let log = Written::new(600);
    let mirror = Mirror::start(log.0.path(), &log.key(), "127.0.0.1:0");
    assert_eq!(log.offer(&mirror, 0).status, 200);
    let (body, ends) = log.body(0);
    let first = ends[0];
    let cuts = [0, 1, 2, 21, 30, 40, 41, 42, 43, 100, first / 2, first - 1];
    for cut in cuts {
        for (sent, announced) in [(cut, body.len()), (cut, cut)] {
            let early = ask(&mirror, "POST", "/add-entries", BINARY, &body[..sent], announced);
            assert_eq!(early.status, 400, "cut at {cut}: {}", text(&early.body));
        }
    }
    for cut in [first, first + 1, ends[1] - 1, ends[1], ends[2] - 1] {
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let next = u64::try_from(whole).unwrap() * 256;
        let part = upload(&mirror, &body[..cut]);
        assert_eq!(
            (part.status, part.info()),
            (202, MirrorInfo { size: 600, next, ticket: Vec::new() }),
            "cut at {cut}"
        );
        let packed = gzip(&body[..cut]);
        assert_eq!(upload_packed(&mirror, &packed).status, 202);
        assert_eq!(upload_packed(&mirror, &packed[..packed.len() - 4]).status, 202, "cut in what is packed");
    }
    let more = [&body[..], b"x"].concat();
    assert_eq!(upload(&mirror, &more).status, 400, "more than the header names");
    assert_eq!(ask(&mirror, "POST", "/add-entries", "", &body, body.len()).status, 415);
    let unknown = format!("{BINARY}content-encoding: br\r\n");
    assert_eq!(ask(&mirror, "POST", "/add-entries", &unknown, &body, body.len()).status, 415);
    assert_eq!(upload_packed(&mirror, &body).status, 400, "not packed at all");
    assert!(!log.copy().join("checkpoint").exists());
    assert_eq!(upload_packed(&mirror, &gzip(&body)).status, 200);
    log.assert_passes(&mirror, 600);
}

#[test]
fn whatever_byte_is_changed_nothing_wrong_is_stored_or_signed() {
    let log = Written::new(300);
    let mirror = Mirror::start(log.0.path(), &log.key(), "127.0.0.1:0");
    assert_eq!(log.offer(&mirror, 0).status, 200);
    let (body, ends) = log.body(0);
    let mut seen = std::collections::BTreeMap::new();
    let header = log.header(0).encode().unwrap().len();
    for at in
        (0..header).chain((header..body.len()).step_by(29)).chain(ends[0] - 33..ends[0]).chain(ends[1] - 33..ends[1])
    {
        let mut changed = body.clone();
        changed[at] ^= 1 << (at % 8);
        let refused = upload(&mirror, &changed);
        *seen.entry(refused.status).or_insert(0) += 1;
        let expected = if at < header { &[400, 404, 409][..] } else { &[400, 422, 202][..] };
        assert!(expected.contains(&refused.status), "byte {at}: {} {}", refused.status, text(&refused.body));
    }
    assert!(seen[&422] > 100 && seen[&404] > 10, "{seen:?}");
    assert!(!log.copy().join("checkpoint").exists());
    // An empty body, and one of nonsense.
    assert_eq!(upload(&mirror, b"").status, 400);
    assert_eq!(upload(&mirror, &[0xff; 9_000]).status, 400);
    for nonsense in ["", "old 0\n\nx", "old 1\n\nx\n1\nAAAA\n"] {
        assert_eq!(ask(&mirror, "POST", "/add-checkpoint", "", nonsense.as_bytes(), nonsense.len()).status, 400);
    }
    assert_eq!(ask(&mirror, "POST", "/add-checkpoint", "", &[b'x'; 70_000], 70_000).status, 413);
    assert_eq!(upload(&mirror, &body).status, 200);
    log.assert_passes(&mirror, 300);
}

#[test]
fn bodies_that_grow_when_they_are_unpacked_cost_a_bounded_piece_of_memory() {
    let log = Written::new(600);
    let mirror = Mirror::start(log.0.path(), &log.key(), "127.0.0.1:0");
    assert_eq!(log.offer(&mirror, 0).status, 200);
    let longest = [&[0xff, 0xff][..], &vec![7; 65_535]].concat().repeat(256);
    let header = log.header(0).encode().unwrap();
    // A whole package of the longest kind, and a stream of 400 MiB that never is one: its entries are of no log.
    let package = gzip(&[&header[..], &longest, &[0]].concat());
    let stream = gzip(&[&header[..], &vec![0; 400 << 20]].concat());
    assert!(package.len() < 40_000 && stream.len() < 500_000);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..24)
            .map(|at| {
                scope.spawn({
                    let (mirror, body) = (&mirror, if at % 2 == 0 { &package } else { &stream });
                    move || upload_packed(mirror, body).status
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    // Refused as unproved, or for lack of room; never taken.
    assert!(statuses.iter().all(|status| [422, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&422));
    let peak = mirror.peak_mib();
    assert!(peak < 640, "{peak} MiB");
    assert_eq!(upload(&mirror, &log.body(0).0).status, 200);
    log.assert_passes(&mirror, 600);
}

#[test]
fn clients_that_only_hold_their_place_keep_nobody_out() {
    let log = Written::new(600);
    let mirror = Mirror::start(log.0.path(), &log.key(), "127.0.0.1:0");
    assert_eq!(log.offer(&mirror, 0).status, 200);
    let (body, ends) = log.body(0);
    let held: Vec<TcpStream> = (0..60)
        .map(|at| {
            let mut stream = connect(mirror.address());
            let head =
                format!("POST /add-entries HTTP/1.1\r\nhost: m\r\n{BINARY}content-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body[..[0, 20, 45, ends[0] - 1, ends[0] + 9][at % 5]]).unwrap();
            stream
        })
        .collect();
    assert_eq!(upload(&mirror, &body).status, 200);
    log.assert_passes(&mirror, 600);
    // Those that go on after it was signed are answered, too.
    for (at, mut stream) in held.into_iter().enumerate().skip(55) {
        stream.write_all(&body[[0, 20, 45, ends[0] - 1, ends[0] + 9][at % 5]..]).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(text(&status), "HTTP/1.1 200");
    }
}

/// A log that is put back to an earlier state and goes on in another way, signed with its own key.
#[test]
fn another_story_is_refused_and_its_first_record_can_be_named() {
    let log = Written::new(300);
    let mirror = Mirror::start(log.0.path(), &log.key(), "127.0.0.1:0");
    copy(&log.at("log"), &log.at("backup"));
    log.grow(700);
    assert_eq!(log.offer(&mirror, 0).status, 200);
    assert_eq!(upload(&mirror, &log.body(0).0).status, 200);
    let kept = fs::read(log.copy().join("checkpoint")).unwrap();
    copy(&log.at("backup"), &log.at("log"));
    log.grow(900);
    let refused = log.offer(&mirror, 700);
    assert_eq!(refused.status, 422, "{}", text(&refused.body));
    assert!(text(&refused.body).contains("the 700 records that are pending here"));
    assert_eq!(upload(&mirror, &log.header(700).encode().unwrap()).status, 409, "and nothing is uploaded for it");
    assert_eq!(fs::read(log.copy().join("checkpoint")).unwrap(), kept);
    assert_eq!(fs::read_dir(log.copy().join("refused")).unwrap().count(), 1);
    let url = format!("{}/{}", mirror.url, origin_digest("example.com/uploaded"));
    let key = log.key();
    let audited = plain(&["log", "audit", path(&log.at("log")), "--key", path(&key), "--copy", &url]);
    assert_eq!(audited.status.code(), Some(1));
    assert!(text(&audited.stderr).contains("rewritten from record 300 on"), "{}", text(&audited.stderr));
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

#[test]
fn what_cannot_work_is_said_before_it_starts() {
    let log = Written::new(3);
    let (key, to) = (log.key(), log.at("mirror"));
    let check = |arguments: &[&str], code: i32, expected: &str| {
        let said = plain(&[&["mirror", "--to", path(&to)], arguments].concat());
        assert_eq!(said.status.code(), Some(code), "{}", text(&said.stderr));
        assert!(text(&said.stderr).contains(expected), "{}", text(&said.stderr));
    };
    check(&[], 2, "--from");
    check(&["--listen", "127.0.0.1:0"], 2, "--log");
    check(&["--listen", "127.0.0.1:0", "--log", path(&key), "--from", "x"], 2, "cannot be used with");
    check(&["--listen", "127.0.0.1:0", "--log", path(&key)], 2, "a new mirror needs a name");
    let named = ["--listen", "127.0.0.1:0", "--name", "m.example/m", "--log"];
    check(&[&named[..], &[path(&log.at("log/log.mldsa.pub"))]].concat(), 2, "whose `log.pub` is not named");
    check(&[&named[..], &[path(&log.at("log/checkpoint"))]].concat(), 2, "holds no verification key");
    check(&[&named[..], &["nowhere.pub"]].concat(), 2, "nowhere.pub");
    let itself = ["--listen", "127.0.0.1:0", "--name", "example.com/uploaded", "--log", path(&key)];
    check(&itself, 2, "can be no mirror of its own");
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn decide(service: &Service<'_>, token: &str, times: usize) {
    for _ in 0..times {
        let question = json!({
            "subject": {"agent": "tidy"}, "session": "s1",
            "action": {"kind": "tool.call", "server": "mail", "name": "list_messages", "args": {}},
        });
        let (status, ruling) = service.post("/v1/decide", token, &question);
        assert_eq!(status, 200, "{ruling}");
    }
}

/// Waits until everything that is sealed has the mirror's cosignature.
fn mirrored(service: &Service<'_>, least: u64) -> Value {
    until("a cosignature", || {
        let page = service.get("/v1/witnesses");
        let (size, seen) = (page["size"].as_u64().unwrap(), page["witnessed"].as_u64().unwrap());
        (seen == size && seen >= least).then_some(page)
    })
}

#[test]
fn a_service_uploads_its_log_through_kills_and_the_mirror_counts_as_a_witness_and_exposes_a_rewritten_log() {
    let home = Home::new("");
    drop(Service::start(&home));
    let key = home.path().join("kept.pub");
    fs::copy(home.data().join("log/log.pub"), &key).unwrap();
    let mut mirror = Mirror::start(home.path(), &key, "127.0.0.1:0");
    let listen = mirror.address().to_owned();
    home.configure(&format!(
        "[witnesses]\nmirrors = [\"mirror.example/m1\"]\nevery = \"100ms\"\ntimeout = \"5s\"\n[[witnesses.witness]]\nurl = \"{}\"\nkey = \"{}\"\n",
        mirror.url, mirror.key
    ));
    let service = Service::start(&home);
    let added = home.run(&["agents", "add", "tidy", "--class", "assistant", "--owner", "ada", "--json"]);
    let issued: Value = serde_json::from_slice(&added.stdout).unwrap();
    let token = issued["token"].as_str().unwrap().to_owned();
    decide(&service, &token, 300);
    let page = mirrored(&service, 300);
    assert!(page["quorum"].as_str().unwrap().starts_with("1 of the 1"), "{page}");
    // It dies while the log grows, and comes back: decisions do not wait, and the copy catches up.
    mirror.kill();
    decide(&service, &token, 300);
    until("trouble", || service.get("/v1/witnesses")["witnesses"][0]["trouble"].is_string().then_some(()));
    let mut mirror = Mirror::start(home.path(), &key, &listen);
    let size = mirrored(&service, 600)["size"].as_u64().unwrap();
    drop(service);
    let log = home.data().join("log");
    let copied = home.path().join("mirror").join(mirror.logs[0]["path"].as_str().unwrap());
    let verified = plain(&["log", "verify", path(&copied), "--key", path(&key), "--json"]);
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert!(verified["size"].as_u64().unwrap() >= size, "{verified}");
    let policy = home.path().join("m.policy");
    fs::write(&policy, format!("witness M {}\nquorum M\n", mirror.key)).unwrap();
    let witnessed = plain(&["log", "verify", path(&log), "--key", path(&key), "--witness-policy", path(&policy)]);
    assert!(witnessed.status.success(), "{}", text(&witnessed.stderr));

    // Whoever has the key writes another story over the last records.
    copy(&log, &home.path().join("backup"));
    let service = Service::start(&home);
    decide(&service, &token, 40);
    mirrored(&service, size + 40);
    drop(service);
    mirror.kill();
    let verified = plain(&["log", "verify", path(&home.path().join("backup")), "--json"]);
    let common = serde_json::from_slice::<Value>(&verified.stdout).unwrap()["size"].as_u64().unwrap();
    copy(&home.path().join("backup"), &log);
    let _mirror = Mirror::start(home.path(), &key, &listen);
    let service = Service::start(&home);
    decide(&service, &token, 3);
    let trouble = until("a conflict", || {
        let one = service.get("/v1/witnesses")["witnesses"][0].take();
        (one["conflict"] == true).then_some(one)
    });
    assert!(trouble["trouble"].as_str().unwrap().contains("another history of this log"), "{trouble}");
    let record = until("the record", || {
        let found = home.run(&["log", "search", "--text", "witness-conflict", "--json"]);
        let lines = text(&found.stdout);
        lines.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok())
    });
    let detail = record.pointer("/record/detail").cloned().unwrap_or_else(|| panic!("{record}"));
    assert_eq!((&detail["proved"], &detail["differs_from"]), (&json!(true), &json!(common)), "{record}");
}
