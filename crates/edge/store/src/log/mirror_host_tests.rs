//! A mirror that is uploaded to: logs that we wrote and logs of others, clients that are honest, slow, many and lying, and what
//! a crash or a failed write leaves.

use super::super::fault::{Fault, FaultDisk, memory};
use super::super::layout::LOCK_FILE;
use super::super::mirror_stock::Stock;
use super::super::source::SourceTiles;
use super::super::tests::{data, fill, options};
use super::super::*;
use super::*;
use holdshort_ledger::{
    Checkpoint, ConsistencyProof, Edge, Hash, MirrorInfo, Note, SigningKey, Tile, UploadReader, VerifierKey,
    encode_package,
};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const NAME: &str = "mirror.example/m1";

/// A log of others that is being uploaded: any entries, signed with a key of ours.
struct Foreign {
    directory: PathBuf,
    key: SigningKey,
    stock: Stock,
    /// Changes what is written from now on.
    story: u8,
}

impl Foreign {
    fn new(data: &TempDir, name: &str) -> Self {
        let directory = data.path().join(name);
        fs::create_dir_all(&directory).unwrap();
        let stock = Stock::open(Arc::new(RealDisk), &directory, 0).unwrap();
        let key = SigningKey::from_seed("log.example/foreign", &[7; 32]).unwrap();
        Self { directory, key, stock, story: 0 }
    }

    /// Entries of all lengths, none of them in our format.
    fn entry(&self, index: u64) -> Vec<u8> {
        let length = if index == 3 { 65_535 } else { usize::try_from(index % 50).unwrap() };
        (0..length).map(|at| u8::try_from((at + usize::from(self.story)) % 251).unwrap()).collect()
    }

    fn grow(&mut self, size: u64) -> &mut Self {
        for index in self.stock.size()..size {
            let entry = self.entry(index);
            self.stock.push(&entry).unwrap();
        }
        let root = self.stock.root_at(size).unwrap();
        let note = Checkpoint { origin: self.key.verifier().name().to_owned(), size, root }.sign(&self.key).unwrap();
        self.stock.store(size, &note.to_string()).unwrap();
        self
    }

    fn log(&self) -> MirroredLog {
        MirroredLog { key: self.key.verifier(), cosigner: None }
    }
}

/// What a client of a log directory sends.
struct Client<'a>(&'a Path);

impl Client<'_> {
    fn note(&self) -> Note {
        Note::parse(&fs::read(self.0.join(CHECKPOINT_FILE)).unwrap()).unwrap()
    }

    fn size(&self) -> u64 {
        Checkpoint::parse_text(self.note().text()).unwrap().size
    }

    fn checkpoint(&self, old_size: u64) -> String {
        let (note, size) = (self.note(), self.size());
        let mut source = DirectorySource::new(self.0);
        let proof = ConsistencyProof::make(old_size, size, &mut SourceTiles(&mut source)).unwrap().hashes;
        AddCheckpoint { old_size, proof, note }.to_string()
    }

    fn header(&self, start: u64, end: u64) -> UploadHeader {
        let origin = Checkpoint::parse_text(self.note().text()).unwrap().origin;
        UploadHeader { origin, start, end, ticket: Vec::new() }
    }

    /// The packages of `start..end`, proved in the tree of `end` entries; the directory may have more.
    fn packages(&self, start: u64, end: u64) -> Vec<Package> {
        let mut source = DirectorySource::new(self.0);
        let mut tiles = SourceTiles(&mut source);
        let header = self.header(start, end);
        let (mut edge, mut memory) = (Edge::default(), Memory::default());
        let mut entries = Vec::new();
        while edge.size() < end {
            let tile = Tile::of_tree(0, edge.size() >> 8, self.size()).unwrap();
            for entry in tiles.entries(tile).unwrap().into_iter().take(usize::try_from(end - edge.size()).unwrap()) {
                edge.push(Hash::leaf(&entry), &mut |tile, hashes| drop(memory.0.insert(tile, hashes.to_vec())));
                entries.push(entry);
            }
        }
        edge.partial_tiles().for_each(|(tile, hashes)| drop(memory.0.insert(tile, hashes.to_vec())));
        let mut reader = UploadReader::default();
        reader.push(&header.encode().unwrap());
        for range in header.packages() {
            let at = |index: u64| usize::try_from(index).unwrap();
            let entries: Vec<&[u8]> = entries[at(range.start)..at(range.end)].iter().map(Vec::as_slice).collect();
            reader.push(&encode_package(range, &entries, end, &mut memory).unwrap());
        }
        std::iter::from_fn(|| reader.package().unwrap()).collect()
    }

    /// Submits and uploads everything, from where the mirror says.
    fn push(&self, host: &MirrorHost, time_s: u64) -> String {
        let known = match host.add_checkpoint(self.checkpoint(0).as_bytes()) {
            MirrorReply::Outdated(known) => known,
            MirrorReply::Pending => self.size(),
            other => panic!("{other:?}"),
        };
        assert_eq!(host.add_checkpoint(self.checkpoint(known).as_bytes()), MirrorReply::Pending);
        let next = info(host, &self.header(0, 0)).next;
        match upload(host, self, next, self.size(), time_s) {
            MirrorReply::Cosigned(lines) => lines,
            other => panic!("{other:?}"),
        }
    }
}

/// Tiles in memory.
#[derive(Default)]
struct Memory(std::collections::BTreeMap<Tile, Vec<Hash>>);

impl holdshort_ledger::TileReader for Memory {
    type Error = String;

    fn read(&mut self, tile: Tile) -> Result<Vec<Hash>, String> {
        self.0.get(&tile).cloned().ok_or_else(|| tile.path())
    }
}

/// What an upload that asks for nothing is told.
fn info(host: &MirrorHost, header: &UploadHeader) -> MirrorInfo {
    let header = UploadHeader { start: u64::MAX, end: u64::MAX, ..header.clone() };
    match host.begin(&header) {
        Err(MirrorReply::Elsewhere(info)) => info,
        other => panic!("{other:?}"),
    }
}

fn upload(host: &MirrorHost, client: &Client<'_>, start: u64, end: u64, time_s: u64) -> MirrorReply {
    let mut upload = match host.begin(&client.header(start, end)) {
        Ok(upload) => upload,
        Err(reply) => return reply,
    };
    for package in client.packages(start, end) {
        if let Err(reply) = host.take(&mut upload, &package) {
            return reply;
        }
    }
    host.finish(&upload, time_s)
}

fn open(data: &TempDir, log: &MirroredLog) -> MirrorHost {
    MirrorHost::open(&data.path().join("mirror"), &data.path().join("m.key"), NAME, std::slice::from_ref(log)).unwrap()
}

fn folder(data: &TempDir, log: &MirroredLog) -> PathBuf {
    data.path().join("mirror").join(origin_digest(log.key.name()))
}

/// Everything that is served is that of a log with this many entries, signed by both.
fn assert_serves(data: &TempDir, log: &MirroredLog, size: u64) {
    let folder = folder(data, log);
    let checked = verify_public(&mut DirectorySource::new(&folder), &log.key, &VerifyOptions::default(), &mut |_| {});
    assert_eq!(checked.unwrap().size, size);
    let note = Note::parse(&fs::read(folder.join(CHECKPOINT_FILE)).unwrap()).unwrap();
    let key = fs::read_to_string(folder.join("mirror.pub")).unwrap();
    assert!(CosignerKey::parse(key.trim()).unwrap().verify(&note).is_ok());
    assert_eq!(key, fs::read_to_string(data.path().join("mirror/mirror.pub")).unwrap());
}

#[test]
fn logs_of_ours_and_of_others_are_taken_at_every_size_and_over_restarts() {
    let (data, mut time) = (data(), 1_700_000_000);
    let options = options(&data);
    let mut foreign = Foreign::new(&data, "foreign");
    let mut ours = None;
    for size in [1, 255, 256, 257, 700, 9_000, 9_000, 66_000] {
        fill(&options, size).close_blocking().unwrap();
        foreign.grow(size);
        let own = keys::read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap();
        let own = MirroredLog { key: own, cosigner: None };
        let logs = [own.clone(), foreign.log()];
        let host = MirrorHost::open(&data.path().join("mirror"), &data.path().join("m.key"), NAME, &logs).unwrap();
        for (log, directory) in [(&own, &options.directory), (&logs[1], &foreign.directory)] {
            let lines = Client(directory).push(&host, time);
            let note = fs::read_to_string(folder(&data, log).join(CHECKPOINT_FILE)).unwrap();
            assert!(note.ends_with(&lines) && lines.lines().count() == 1, "{lines}");
            let note = Note::parse(note.as_bytes()).unwrap();
            assert_eq!(host.key().verify(&note).unwrap(), if size == 9_000 { time.min(1_700_000_005) } else { time });
            assert_serves(&data, log, size);
            let mut copy = DirectorySource::new(&folder(&data, log));
            assert_eq!(compare(&mut copy, &mut DirectorySource::new(directory), &log.key).unwrap(), size);
        }
        assert!(host.logs().iter().all(|(_, signed, here)| (*signed, *here) == (size, size)));
        time += 1;
        ours = Some(own);
    }
    // The pulling mirror does not go over what is pending here.
    let refused = Mirror::open(&folder(&data, &ours.unwrap()), foreign.key.verifier(), &data.path().join("k"), NAME);
    assert!(matches!(refused, Err(LogError::Key { .. })), "{refused:?}");
}

#[test]
fn a_copy_that_was_pulled_is_gone_on_with_by_uploads() {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    let key = keys::read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap();
    let log = MirroredLog { key: key.clone(), cosigner: None };
    drop(open(&data, &log));
    fs::remove_dir_all(folder(&data, &log)).unwrap();
    let mut mirror = Mirror::open(&folder(&data, &log), key, &data.path().join("m.key"), NAME).unwrap();
    mirror.step(&mut DirectorySource::new(&options.directory), 1_000).unwrap();
    drop(mirror);
    fill(&options, 600).close_blocking().unwrap();
    let host = open(&data, &log);
    assert_eq!(host.logs()[0].1, 300);
    let client = Client(&options.directory);
    assert!(matches!(host.add_checkpoint(client.checkpoint(0).as_bytes()), MirrorReply::Outdated(300)));
    client.push(&host, 1_001);
    assert_serves(&data, &log, 600);
    // Its own cosignature, whose key the copy has since it was pulled, has to be there.
    fill(&options, 700).close_blocking().unwrap();
    let own = SigningKey::parse(fs::read_to_string(&options.key_file).unwrap().trim()).unwrap();
    let mut request = AddCheckpoint::parse(client.checkpoint(600).as_bytes()).unwrap();
    request.note = request.note.retaining(|one| one.id == own.verifier().id());
    assert_eq!(host.add_checkpoint(request.to_string().as_bytes()), MirrorReply::Unsigned);
}

/// The log as it was with `common` entries, then another story up to `size`, under the same key.
fn other_story(data: &TempDir, common: u64, size: u64) -> Foreign {
    let mut other = Foreign::new(data, &format!("other-{common}-{size}"));
    other.grow(common);
    other.story = 1;
    other.grow(size);
    other
}

#[test]
fn another_story_is_refused_kept_as_evidence_and_its_place_can_be_told() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    log.grow(700);
    let host = open(&data, &log.log());
    Client(&log.directory).push(&host, 100);
    let folder = folder(&data, &log.log());
    // Shorter than what is here: nothing is proved to the mirror, but it has the entries.
    let shorter = other_story(&data, 300, 600);
    assert_eq!(host.add_checkpoint(Client(&shorter.directory).checkpoint(0).as_bytes()), MirrorReply::Outdated(700));
    let evidence = fs::read(folder.join(CONTRADICTION_FILE)).unwrap();
    assert_eq!(evidence, fs::read(shorter.directory.join(CHECKPOINT_FILE)).unwrap());
    // An older state of the same story accuses nobody.
    fs::remove_file(folder.join(CONTRADICTION_FILE)).unwrap();
    let mut older = Foreign::new(&data, "older");
    older.grow(650);
    assert_eq!(host.add_checkpoint(Client(&older.directory).checkpoint(0).as_bytes()), MirrorReply::Outdated(700));
    assert!(!folder.join(CONTRADICTION_FILE).exists());
    let same = other_story(&data, 300, 700);
    let refused = MirrorReply::Refused { known: 700, contradiction: true };
    assert_eq!(host.add_checkpoint(Client(&same.directory).checkpoint(700).as_bytes()), refused);
    assert!(folder.join(CONTRADICTION_FILE).exists());
    let longer = other_story(&data, 300, 900);
    let refused = MirrorReply::Refused { known: 700, contradiction: false };
    assert_eq!(host.add_checkpoint(Client(&longer.directory).checkpoint(700).as_bytes()), refused);
    assert_eq!(fs::read_dir(folder.join("refused")).unwrap().count(), 1);
    let key = log.key.verifier();
    let found = compare(&mut DirectorySource::new(&folder), &mut DirectorySource::new(&longer.directory), &key);
    assert!(
        matches!(found, Err(CompareError::Exposed(found)) if found.from == Some(301)),
        "entry 300 is empty in both"
    );
    assert_serves(&data, &log.log(), 700);
}

#[test]
fn entries_that_are_not_the_signed_ones_are_refused_and_not_stored() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    log.grow(700);
    let (host, directory) = (open(&data, &log.log()), log.directory.clone());
    let client = Client(&directory);
    assert_eq!(host.add_checkpoint(client.checkpoint(0).as_bytes()), MirrorReply::Pending);
    let (header, packages) = (client.header(0, 700), client.packages(0, 700));
    for at in 0..packages.len() {
        let mut lie = packages[at].clone();
        let last = lie.bundle.len() - 1;
        lie.bundle[last] ^= 1;
        let mut upload = host.begin(&header).unwrap();
        for package in &packages[..at] {
            host.take(&mut upload, package).unwrap();
        }
        assert_eq!(host.take(&mut upload, &lie), Err(MirrorReply::Unproved(packages[at].range.start)));
        let size = u64::try_from(at).unwrap() * 256;
        assert_eq!(host.logs()[0], (log.key.verifier().name(), 0, size));
        // What came before it counts, and nothing is signed.
        let info = MirrorInfo { size: 700, next: size, ticket: Vec::new() };
        let expected = if at == 0 { None } else { Some(MirrorReply::Partial(info)) };
        let ended = host.finish(&upload, 100);
        assert!(expected.map_or(matches!(ended, MirrorReply::Malformed(_)), |expected| ended == expected));
    }
    assert!(!folder(&data, &log.log()).join(CHECKPOINT_FILE).exists());
    // In the middle of a bundle, the part that is here counts as much as what is sent.
    client.push(&host, 100);
    log.grow(760);
    assert_eq!(host.add_checkpoint(Client(&log.directory).checkpoint(700).as_bytes()), MirrorReply::Pending);
    let mut other = Foreign::new(&data, "lie");
    other.story = 2;
    other.grow(760);
    let lie = Client(&other.directory).packages(700, 760);
    let mut upload = host.begin(&client.header(700, 760)).unwrap();
    assert_eq!(host.take(&mut upload, &lie[0]), Err(MirrorReply::Unproved(700)));
    Client(&log.directory).push(&host, 101);
    assert_serves(&data, &log.log(), 760);
}

#[test]
fn where_an_upload_may_begin_and_end_is_told() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    log.grow(300);
    let host = open(&data, &log.log());
    let directory = log.directory.clone();
    let client = Client(&directory);
    let elsewhere = |size, next| Err(MirrorReply::Elsewhere(MirrorInfo { size, next, ticket: Vec::new() }));
    let begin = |start, end| host.begin(&client.header(start, end)).map(|_| start);
    assert_eq!(begin(0, 0), elsewhere(0, 0), "nothing is pending");
    assert_eq!(host.add_checkpoint(client.checkpoint(0).as_bytes()), MirrorReply::Pending);
    assert_eq!(begin(0, 0), elsewhere(300, 0));
    assert_eq!(begin(0, 299), elsewhere(300, 0));
    assert_eq!(begin(1, 300), elsewhere(300, 0), "a gap");
    assert_eq!(begin(0, 300), Ok(0));
    let mut other = client.header(0, 300);
    other.origin = "log.example/another".into();
    assert_eq!(host.begin(&other).err(), Some(MirrorReply::UnknownLog));
    client.push(&host, 100);
    assert_eq!(begin(300, 300), Ok(300), "it is signed again");
    assert!(matches!(upload(&host, &client, 300, 300, 100), MirrorReply::Cosigned(_)));
    log.grow(20_000);
    assert_eq!(host.add_checkpoint(client.checkpoint(300).as_bytes()), MirrorReply::Pending);
    // The older pending checkpoint counts until a newer one is signed.
    assert_eq!(begin(300, 300), Ok(300));
    assert!(matches!(upload(&host, &client, 300, 20_000, 100), MirrorReply::Cosigned(_)));
    assert_eq!(begin(300, 300), elsewhere(20_000, 20_000), "what is signed does not go back");
    assert_eq!(begin(0, 20_000), elsewhere(20_000, 20_000), "too far back");
    assert_eq!(begin(19_000, 20_000), Ok(19_000));
    // Of many pending checkpoints the last ones are known.
    for size in 20_001..20_020 {
        log.grow(size);
        assert_eq!(host.add_checkpoint(client.checkpoint(size - 1).as_bytes()), MirrorReply::Pending);
    }
    drop(host);
    let host = open(&data, &log.log());
    let begin = |start, end| host.begin(&client.header(start, end)).map(|_| start);
    assert_eq!(begin(20_000, 20_019), Ok(20_000));
    assert_eq!(begin(20_000, 20_004), Ok(20_000));
    assert_eq!(begin(20_000, 20_003), elsewhere(20_019, 20_000));
}

#[test]
fn a_client_that_is_ahead_and_one_that_is_behind_both_come_to_their_end() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    let directory = log.grow(300).directory.clone();
    let client = Client(&directory);
    let host = open(&data, &log.log());
    assert_eq!(host.add_checkpoint(client.checkpoint(0).as_bytes()), MirrorReply::Pending);
    let behind = (client.header(0, 300), client.packages(0, 300));
    log.grow(70_000);
    assert_eq!(host.add_checkpoint(client.checkpoint(300).as_bytes()), MirrorReply::Pending);
    let mut first = host.begin(&behind.0).unwrap();
    host.take(&mut first, &behind.1[0]).unwrap();
    let mut second = host.begin(&client.header(0, 70_000)).unwrap();
    let packages = client.packages(0, 70_000);
    packages[..260].iter().for_each(|package| host.take(&mut second, package).unwrap());
    assert_eq!(host.logs()[0].2, 260 * 256);
    // Its last package ends in the middle of a bundle that is full by now.
    host.take(&mut first, &behind.1[1]).unwrap();
    assert!(matches!(host.finish(&first, 100), MirrorReply::Cosigned(_)));
    assert_serves(&data, &log.log(), 300);
    packages[260..].iter().for_each(|package| host.take(&mut second, package).unwrap());
    assert!(matches!(host.finish(&second, 101), MirrorReply::Cosigned(_)));
    assert_serves(&data, &log.log(), 70_000);
    let late = host.finish(&first, 102);
    assert!(matches!(late, MirrorReply::Elsewhere(MirrorInfo { size: 70_000, next: 70_000, .. })), "{late:?}");
    assert!(!folder(&data, &log.log()).join("tile/entries/001.p").exists(), "partial bundles go with their checkpoint");
}

#[test]
fn of_many_clients_at_once_each_is_answered_by_the_rules_and_the_copy_is_whole() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    let host = open(&data, &log.log());
    let mut uploads = Vec::new();
    let mut known = 0;
    for size in [100, 256, 700, 1_500, 3_000, 3_001] {
        log.grow(size);
        let client = Client(&log.directory);
        assert_eq!(host.add_checkpoint(client.checkpoint(known).as_bytes()), MirrorReply::Pending);
        uploads.push((client.header(0, size), client.packages(0, size)));
        known = size;
    }
    let replies: Vec<MirrorReply> = std::thread::scope(|scope| {
        let all = uploads.iter().cycle().take(24);
        let asked: Vec<_> = all
            .map(|(header, packages)| {
                let host = &host;
                scope.spawn(move || {
                    let mut upload = match host.begin(header) {
                        Ok(upload) => upload,
                        Err(reply) => return reply,
                    };
                    for package in packages {
                        if let Err(reply) = host.take(&mut upload, package) {
                            return reply;
                        }
                    }
                    host.finish(&upload, 100)
                })
            })
            .collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (at, reply) in replies.iter().enumerate() {
        let longest = at % uploads.len() == uploads.len() - 1;
        let cosigned = matches!(reply, MirrorReply::Cosigned(_));
        assert!(cosigned || !longest && matches!(reply, MirrorReply::Elsewhere(_)), "{at}: {reply:?}");
    }
    assert_eq!(host.logs()[0], (log.key.verifier().name(), 3_001, 3_001));
    assert_serves(&data, &log.log(), 3_001);
}

#[test]
fn a_clock_that_is_not_set_or_behind_signs_nothing() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    log.grow(300);
    let host = open(&data, &log.log());
    let client = Client(&log.directory);
    assert_eq!(host.add_checkpoint(client.checkpoint(0).as_bytes()), MirrorReply::Pending);
    assert!(matches!(upload(&host, &client, 0, 300, 0), MirrorReply::Unavailable(_)));
    assert!(matches!(upload(&host, &client, 300, 300, 100), MirrorReply::Cosigned(_)));
    log.grow(400);
    let (client, host) = (Client(&log.directory), (drop(host), open(&data, &log.log())).1);
    assert_eq!(host.add_checkpoint(client.checkpoint(300).as_bytes()), MirrorReply::Pending);
    assert!(matches!(upload(&host, &client, 300, 400, 99), MirrorReply::Unavailable(_)));
    assert_serves(&data, &log.log(), 300);
    assert!(matches!(upload(&host, &client, 400, 400, 100), MirrorReply::Cosigned(_)));
}

#[test]
fn a_mirror_whose_copies_are_gone_or_not_what_it_signed_does_not_start() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    log.grow(300);
    let try_open = |log: &MirroredLog| {
        MirrorHost::open(&data.path().join("mirror"), &data.path().join("m.key"), NAME, std::slice::from_ref(log))
    };
    let host = open(&data, &log.log());
    assert!(matches!(try_open(&log.log()), Err(LogError::Locked { .. })));
    Client(&log.directory).push(&host, 100);
    drop(host);
    let folder = folder(&data, &log.log());
    let restore = |file: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let path = folder.join(file);
        let before = fs::read(&path).unwrap();
        let mut bytes = before.clone();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let found = try_open(&log.log());
        fs::write(&path, before).unwrap();
        found.map(drop)
    };
    let damaged = |found: Result<(), LogError>| matches!(found, Err(LogError::Damaged(_)));
    assert!(damaged(restore("checkpoint", &|bytes| bytes.truncate(bytes.len() / 2))));
    assert!(damaged(restore("checkpoint", &|bytes| *bytes = fs::read(log.directory.join("checkpoint")).unwrap())));
    assert!(damaged(restore("pending", &|bytes| bytes.truncate(bytes.len() / 2))));
    assert!(damaged(restore("pending", &|bytes| bytes.clear())));
    assert!(damaged(restore("tile/entries/001.p/44", &|bytes| bytes[9] ^= 1)));
    assert!(damaged(restore("tile/0/001.p/44", &|bytes| bytes[9] ^= 1)));
    assert!(damaged(restore("tile/1/000.p/1", &|bytes| bytes[9] ^= 1)));
    assert!(matches!(restore("mirror.pub", &|bytes| bytes[0] ^= 1), Err(LogError::Key { .. })));
    assert!(matches!(restore("log.pub", &|bytes| bytes[0] ^= 1), Err(LogError::Key { .. })));
    drop(try_open(&log.log()).unwrap());
    fs::remove_dir_all(data.path().join("mirror")).unwrap();
    assert!(try_open(&log.log()).unwrap_err().to_string().contains("copies are gone"));
}

/// A disk that gives back another bundle than was written to it, with its tile: what is signed is compared once more.
#[test]
fn pending_entries_that_the_disk_changed_are_never_signed_and_are_uploaded_again() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    log.grow(700);
    let client = Client(&log.directory);
    let host = open(&data, &log.log());
    assert_eq!(host.add_checkpoint(client.checkpoint(0).as_bytes()), MirrorReply::Pending);
    let mut begun = host.begin(&client.header(0, 700)).unwrap();
    client.packages(0, 700).iter().take(2).for_each(|package| host.take(&mut begun, package).unwrap());
    assert!(matches!(host.end_early(&begun), MirrorReply::Partial(MirrorInfo { size: 700, next: 512, .. })));
    drop(host);
    let mut other = Foreign::new(&data, "other");
    other.story = 5;
    other.grow(700);
    for file in ["tile/entries/001", "tile/0/001"] {
        fs::copy(other.directory.join(file), folder(&data, &log.log()).join(file)).unwrap();
    }
    let host = open(&data, &log.log());
    assert_eq!(host.logs()[0].2, 512, "each of the two fits the other");
    assert!(matches!(upload(&host, &client, 512, 700, 100), MirrorReply::Unavailable(_)));
    assert_eq!(host.logs()[0], (log.key.verifier().name(), 0, 0));
    client.push(&host, 100);
    assert_serves(&data, &log.log(), 700);
}

/// At every change of the disk the power goes, or the change fails: nothing that was answered is lost, nothing is signed that is
/// not durable, and the upload comes to its end after a restart.
#[test]
fn at_whatever_change_the_disk_fails_what_was_signed_is_durable_and_the_upload_goes_on() {
    for fault in [Fault::Crash, Fault::Broken] {
        let mut survived = false;
        for at in 0.. {
            let (data, disk) = (memory(), FaultDisk::default());
            let mut log = Foreign::new(&data, "log");
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let paths = (data.path().join("mirror"), data.path().join("m.key"));
            let host = MirrorHost::open_on(shared, &paths.0, (&paths.1, NAME), &[log.log()]).unwrap();
            log.grow(300);
            Client(&log.directory).push(&host, 100);
            log.grow(800);
            let client = Client(&log.directory);
            disk.plan(at, fault);
            let pending = host.add_checkpoint(client.checkpoint(300).as_bytes());
            let signed = matches!(upload(&host, &client, 300, 800, 101), MirrorReply::Cosigned(_));
            if disk.done() <= at {
                survived = signed;
                break;
            }
            assert!(fault == Fault::Crash || !signed, "change {at}: {:?}", disk.history());
            let refused = host.begin(&client.header(300, 800)).err();
            assert!(signed || refused.is_some(), "change {at}: nothing goes on after a failure");
            drop(host);
            if fault == Fault::Crash {
                disk.lose_power(at);
            }
            let host = open(&data, &log.log());
            let (_, mirrored, here) = host.logs()[0];
            assert!(mirrored == 300 || mirrored == 800 && here == 800, "change {at}");
            assert!(!signed || mirrored == 800, "change {at}: what was answered is durable");
            let newest = info(&host, &client.header(0, 0)).size;
            assert!(pending != MirrorReply::Pending || newest == 800, "change {at}: {:?}", disk.history());
            assert!(here >= mirrored && here <= newest, "change {at}");
            assert_serves(&data, &log.log(), mirrored);
            client.push(&host, 102);
            assert_serves(&data, &log.log(), 800);
        }
        assert!(survived, "{fault:?}");
    }
}

/// Whoever asks about an old checkpoint may be the one for whom entries are synced.
#[test]
fn a_sync_that_fails_while_a_stranger_asks_is_not_forgotten() {
    for at in 0.. {
        let (data, disk) = (memory(), FaultDisk::default());
        let mut log = Foreign::new(&data, "log");
        log.grow(100);
        let old = Client(&log.directory).checkpoint(0);
        log.grow(300);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let paths = (data.path().join("mirror"), data.path().join("m.key"));
        let host = MirrorHost::open_on(shared, &paths.0, (&paths.1, NAME), &[log.log()]).unwrap();
        Client(&log.directory).push(&host, 100);
        log.grow(800);
        let client = Client(&log.directory);
        assert_eq!(host.add_checkpoint(client.checkpoint(300).as_bytes()), MirrorReply::Pending);
        let mut begun = host.begin(&client.header(300, 800)).unwrap();
        let packages = client.packages(300, 800);
        packages[..2].iter().for_each(|package| host.take(&mut begun, package).unwrap());
        disk.plan(at, Fault::Broken);
        assert_eq!(host.add_checkpoint(old.as_bytes()), MirrorReply::Outdated(800));
        if disk.done() <= at {
            assert!(at > 4, "nothing was synced for the stranger");
            break;
        }
        let rest = packages[2..].iter().try_for_each(|package| host.take(&mut begun, package));
        assert!(rest.is_err() || matches!(host.finish(&begun, 101), MirrorReply::Unavailable(_)), "change {at}");
        drop(host);
        let host = open(&data, &log.log());
        assert_serves(&data, &log.log(), 300);
        client.push(&host, 102);
        assert_serves(&data, &log.log(), 800);
    }
}

/// Strangers send the log's own checkpoints with proofs that lead nowhere, until there is no room for evidence.
#[test]
fn checkpoints_that_turn_out_to_be_ours_make_room_for_evidence() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    log.grow(300);
    let directory = log.directory.clone();
    let client = Client(&directory);
    let host = open(&data, &log.log());
    client.push(&host, 100);
    let kept = folder(&data, &log.log()).join("refused");
    let refused = || {
        let files = fs::read_dir(&kept).into_iter().flatten();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let wrong = |client: &Client<'_>| {
        let mut request = AddCheckpoint::parse(client.checkpoint(300).as_bytes()).unwrap();
        request.proof.push(Hash::leaf(b"no"));
        request.to_string()
    };
    let unproved = MirrorReply::Refused { known: 300, contradiction: false };
    for size in 301..=364 {
        log.grow(size);
        assert_eq!(host.add_checkpoint(wrong(&client).as_bytes()), unproved);
    }
    assert_eq!(refused().len(), 64);
    let other = other_story(&data, 100, 500);
    let evidence = Client(&other.directory).checkpoint(300);
    assert_eq!(host.add_checkpoint(evidence.as_bytes()), unproved, "their proof is from another tree");
    assert!(!refused().iter().any(|file| file.starts_with("00000000000000000500-")), "there is no room");
    client.push(&host, 101);
    let unproved = MirrorReply::Refused { known: 364, contradiction: false };
    let evidence = Client(&other.directory).checkpoint(364);
    assert_eq!(host.add_checkpoint(evidence.as_bytes()), unproved);
    assert!(matches!(&refused()[..], [one] if one.starts_with("00000000000000000500-")), "{:?}", refused());
}

/// The lock file was removed, or the other process runs where locks are not shared.
#[test]
fn a_mirror_whose_directory_was_taken_over_signs_and_takes_nothing_more() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    log.grow(300);
    let client = Client(&log.directory);
    let before = open(&data, &log.log());
    assert_eq!(before.add_checkpoint(client.checkpoint(0).as_bytes()), MirrorReply::Pending);
    let mut begun = before.begin(&client.header(0, 300)).unwrap();
    client.packages(0, 300).iter().for_each(|package| before.take(&mut begun, package).unwrap());
    for folder in [data.path().join("mirror"), folder(&data, &log.log())] {
        fs::remove_file(folder.join(LOCK_FILE)).unwrap();
    }
    let after = open(&data, &log.log());
    assert!(matches!(before.finish(&begun, 100), MirrorReply::Unavailable(_)));
    client.push(&after, 100);
    let directory = log.directory.clone();
    log.grow(400);
    let more = Client(&directory).checkpoint(300);
    assert!(matches!(before.add_checkpoint(more.as_bytes()), MirrorReply::Unavailable(_)));
    Client(&directory).push(&after, 101);
    drop((before, after));
    assert_eq!(open(&data, &log.log()).logs()[0].1, 400);
    assert_serves(&data, &log.log(), 400);
}

#[test]
fn what_is_uploaded_in_part_is_there_after_a_restart() {
    let data = data();
    let mut log = Foreign::new(&data, "log");
    log.grow(70_000);
    let client = Client(&log.directory);
    let packages = client.packages(0, 70_000);
    let mut next = 0;
    for round in 0.. {
        let host = open(&data, &log.log());
        if round == 0 {
            assert_eq!(host.add_checkpoint(client.checkpoint(0).as_bytes()), MirrorReply::Pending);
        }
        let mut upload = host.begin(&client.header(next, 70_000)).unwrap();
        let from = usize::try_from(next / 256).unwrap();
        for package in packages.iter().skip(from).take(32) {
            host.take(&mut upload, package).unwrap();
        }
        match host.finish(&upload, 100) {
            MirrorReply::Partial(info) => {
                assert_eq!((info.size, info.next), (70_000, next + 32 * 256));
                next = info.next;
            }
            MirrorReply::Cosigned(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(next, 8 * 32 * 256);
    assert_serves(&data, &log.log(), 70_000);
}

/// The key of a log as an operator hands it over, for two logs of one name.
#[test]
fn each_origin_has_one_key() {
    let data = data();
    let log = Foreign::new(&data, "log").log();
    let again = MirroredLog { key: VerifierKey::parse(&log.key.to_string()).unwrap(), cosigner: None };
    let both = MirrorHost::open(&data.path().join("mirror"), &data.path().join("m.key"), NAME, &[log, again]);
    assert!(both.unwrap_err().to_string().contains("one name"));
}
