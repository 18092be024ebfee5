//! A running service on ephemeral ports and temporary files.

use async_trait::async_trait;
use holdshort_api::{NewErasure, RecordEntry, RecordsPage, RecordsQuery};
use holdshort_decide::{GrantEntry, Parts as SnapshotParts, Snapshot, UnknownAgent};
use holdshort_inventory::{FirstUse, Pins};
use holdshort_model::{
    Action, ActionKind, Authentication, Claims, Context, Digest, ErasureKind, Receipt, Request, SessionId, Subject,
};
use holdshort_policy::{Bundle, LoadOptions, PolicySet, SourceFile};
use holdshort_sdk::{Client, Endpoint};
use holdshort_server::{
    Access, Activity, Appending, Candidate, Clock, Erasure, Intended, Listener, OwnedKey, Parts, Preparing,
    RecordOwner, RecordReader, Recorder, RecorderError, RetiredKeys, Service, ServiceConfig, SnapshotSource, Stores,
    serve,
};
use holdshort_store::sqlite::StateDb;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) const ADMIN: &str = "admin-token-of-this-test";

/// What the log does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Works,
    /// One more record, then it fails.
    WorksOnce,
    Fails,
    Hangs,
    /// The disk is nearly full.
    Full,
    /// So full that nothing is kept either.
    Filled,
}

/// A log in memory.
#[derive(Clone)]
pub(crate) struct Tape(Arc<Inner>);

struct Inner {
    mood: watch::Sender<Mood>,
    records: watch::Sender<Vec<Vec<u8>>>,
    /// Whether a session can get no key.
    keyless: AtomicBool,
    /// Ids of keys that were destroyed.
    destroyed: Mutex<Vec<String>>,
    /// What is to be erased.
    intended: Mutex<Vec<Intended>>,
    /// Whether keys are not destroyed yet.
    holds_on: watch::Sender<bool>,
}

impl Tape {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            mood: watch::Sender::new(Mood::Works),
            records: watch::Sender::new(Vec::new()),
            keyless: AtomicBool::new(false),
            destroyed: Mutex::default(),
            intended: Mutex::default(),
            holds_on: watch::Sender::new(false),
        }))
    }

    pub(crate) fn keyless(&self, keyless: bool) {
        self.0.keyless.store(keyless, Ordering::Relaxed);
    }

    pub(crate) fn hold_on(&self, holds_on: bool) {
        self.0.holds_on.send_replace(holds_on);
    }

    pub(crate) fn intended(&self) -> Vec<Intended> {
        self.0.intended.lock().unwrap().clone()
    }

    pub(crate) fn intend_now(&self, wanted: &NewErasure) {
        let intended = Intended { number: 7, wanted: wanted.clone(), by: "operator".into() };
        self.0.intended.lock().unwrap().push(intended);
    }

    pub(crate) fn destroyed(&self) -> Vec<String> {
        self.0.destroyed.lock().unwrap().clone()
    }

    pub(crate) fn mood(&self, mood: Mood) {
        self.0.mood.send_replace(mood);
    }

    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        self.0.records.borrow().clone()
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        self.bytes().iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect()
    }

    pub(crate) fn of_type(&self, kind: &str) -> Vec<Value> {
        self.records().into_iter().filter(|record| record["type"] == kind).collect()
    }

    /// Waits for a record.
    pub(crate) async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut records = self.0.records.subscribe();
        let find = |records: &Vec<Vec<u8>>| {
            records.iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).find(|record| wanted(record))
        };
        let found = records.wait_for(|records| find(records).is_some()).await.unwrap();
        find(&found).unwrap()
    }

    fn push(&self, record: Vec<u8>) -> Receipt {
        let mut index = 0;
        self.0.records.send_modify(|records| {
            index = records.len() as u64;
            records.push(record);
        });
        Receipt { log: "test.example/log".into(), index }
    }
}

impl Recorder for Tape {
    fn append(&self, record: Vec<u8>, _owner: Option<&RecordOwner>) -> Appending {
        let tape = self.clone();
        Box::pin(async move {
            let mut mood = tape.0.mood.subscribe();
            let mood = *mood.wait_for(|mood| *mood != Mood::Hangs).await.unwrap();
            match mood {
                Mood::Works | Mood::Hangs => Ok(tape.push(record)),
                Mood::WorksOnce => {
                    tape.mood(Mood::Fails);
                    Ok(tape.push(record))
                }
                Mood::Fails => Err(RecorderError::Down("no space left on device".into())),
                Mood::Full | Mood::Filled => Err(RecorderError::Full("12 MiB free".into())),
            }
        })
    }

    fn append_kept(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Appending {
        let tape = self.clone();
        if *self.0.mood.borrow() == Mood::Full {
            return Box::pin(async move { Ok(tape.push(record)) });
        }
        self.append(record, owner)
    }

    fn prepare(&self, _owner: &RecordOwner) -> Option<Preparing> {
        let keyless = self.0.keyless.load(Ordering::Relaxed);
        keyless.then(|| {
            Box::pin(std::future::ready(Err(RecorderError::Down("no key on this device".into())))) as Preparing
        })
    }

    fn erasure(&self) -> Option<Arc<dyn Erasure>> {
        Some(Arc::new(self.clone()))
    }

    fn enqueue_kept(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Result<(), RecorderError> {
        if *self.0.mood.borrow() == Mood::Full {
            self.push(record);
            return Ok(());
        }
        self.enqueue(record, owner)
    }

    fn enqueue(&self, record: Vec<u8>, _owner: Option<&RecordOwner>) -> Result<(), RecorderError> {
        match *self.0.mood.borrow() {
            Mood::Works | Mood::WorksOnce | Mood::Hangs => {
                self.push(record);
                Ok(())
            }
            Mood::Fails => Err(RecorderError::Down("no space left on device".into())),
            Mood::Full | Mood::Filled => Err(RecorderError::Full("12 MiB free".into())),
        }
    }
}

/// One person has one key, another one has many.
#[async_trait]
impl Erasure for Tape {
    async fn intend(&self, wanted: &NewErasure, by: &str) -> Result<i64, RecorderError> {
        let mut intended = self.0.intended.lock().unwrap();
        let number = 1 + intended.last().map_or(0, |one: &Intended| one.number);
        intended.push(Intended { number, wanted: wanted.clone(), by: by.to_owned() });
        Ok(number)
    }

    async fn end_intent(&self, number: i64) -> Result<(), RecorderError> {
        self.0.intended.lock().unwrap().retain(|one| one.number != number);
        Ok(())
    }

    async fn intended(&self) -> Result<Vec<Intended>, RecorderError> {
        Ok(self.0.intended.lock().unwrap().clone())
    }

    async fn retire(&self, keys: &[OwnedKey]) -> Result<RetiredKeys, RecorderError> {
        assert!(keys.is_empty() || self.of_type("erasure").is_empty(), "before it is on record");
        Ok(Box::new(()))
    }

    async fn keys(&self, kind: ErasureKind, name: &str) -> Result<Vec<OwnedKey>, RecorderError> {
        let count = match (kind, name) {
            (ErasureKind::User, "ada") => 1,
            // More than one record tells of.
            (ErasureKind::User, "of-many-sessions") => 5_000,
            _ => 0,
        };
        let key = OwnedKey { id: "ab".repeat(16), agent: Some("a".into()), session: "s".into() };
        Ok(vec![key; count])
    }

    async fn destroy(&self, keys: &[OwnedKey], _erased_ms: u64) -> Result<(), RecorderError> {
        if !keys.is_empty() {
            assert_eq!(self.of_type("erasure").len(), 1, "on record before it is gone");
            self.0.holds_on.subscribe().wait_for(|holds_on| !holds_on).await.unwrap();
        }
        self.0.destroyed.lock().unwrap().extend(keys.iter().map(|key| key.id.clone()));
        Ok(())
    }
}

#[async_trait]
impl RecordReader for Tape {
    async fn page(&self, query: RecordsQuery) -> Result<RecordsPage, RecorderError> {
        let from = query.from.unwrap_or(0);
        let limit = query.limit.unwrap() as usize;
        let all = self.records().into_iter().enumerate().skip(from as usize);
        let records: Vec<_> =
            all.take(limit).map(|(index, record)| RecordEntry { index: index as u64, time_ms: None, record }).collect();
        let next = from + records.len() as u64;
        Ok(RecordsPage { records, next: (next < self.records().len() as u64).then_some(next) })
    }
}

/// A clock that moves when it is told to.
pub(crate) struct StillClock(AtomicI64);

impl StillClock {
    pub(crate) fn forward_ms(&self, ms: i64) {
        self.0.fetch_add(ms * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for StillClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a reload finds.
pub(crate) struct Source(pub(crate) Mutex<Candidate>);

#[async_trait]
impl SnapshotSource for Source {
    async fn load(&self) -> Candidate {
        self.0.lock().unwrap().clone()
    }
}

/// A policy that refuses one tool.
pub(crate) fn refusing(tool: &str) -> SourceFile {
    let examples = json!([
        {"name": "fires", "input": {"action": {"name": tool}}, "expect": ["deny"]},
        {"name": "rests", "input": {"action": {"name": "other"}}, "expect": []},
    ]);
    let text = format!(
        "# METADATA\n# title: No {tool}\npackage holdshort.rules.no_{tool}\n\n\
         deny contains \"{tool} is refused\" if {{\n\tinput.action.name == \"{tool}\"\n}}\n\nexamples := {examples}\n"
    );
    SourceFile { path: format!("no_{tool}.rego"), text }
}

pub(crate) fn snapshot(files: Vec<SourceFile>, first_use: FirstUse) -> Snapshot {
    granting(files, first_use, Vec::new())
}

/// The same with grants.
pub(crate) fn granting(files: Vec<SourceFile>, first_use: FirstUse, grants: Vec<GrantEntry>) -> Snapshot {
    let policies = PolicySet::load(&Bundle { files, data: Value::Null }, &LoadOptions::default());
    let policies = policies.unwrap_or_else(|faults| panic!("{faults:#?}"));
    let parts = SnapshotParts {
        policies: Some(Arc::new(policies)),
        unknown_agent: UnknownAgent::Observe,
        pins: Arc::new(Pins::new(first_use, [])),
        grants,
        ..SnapshotParts::default()
    };
    Snapshot::new(parts).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// How a world is made.
pub(crate) struct Setup {
    pub(crate) config: ServiceConfig,
    pub(crate) snapshot: Snapshot,
    pub(crate) tape: Tape,
}

impl Default for Setup {
    fn default() -> Self {
        let snapshot = snapshot(vec![refusing("wipe")], FirstUse::Trust);
        Self { config: ServiceConfig::default(), snapshot, tape: Tape::new() }
    }
}

/// A running service.
pub(crate) struct World {
    pub(crate) tape: Tape,
    pub(crate) clock: Arc<StillClock>,
    pub(crate) service: Arc<Service>,
    pub(crate) source: Arc<Source>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) dir: PathBuf,
    _keep: Option<tempfile::TempDir>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let mut world = Self::within(keep.path(), setup).await;
        world._keep = Some(keep);
        world
    }

    /// In a directory that outlives the world.
    pub(crate) async fn within(dir: &Path, setup: Setup) -> Self {
        let tape = setup.tape;
        let clock = Arc::new(StillClock(AtomicI64::new(1_800_000_000_000_000_000)));
        let db = Arc::new(StateDb::open(&dir.join("state.db")).unwrap());
        let stores = Stores {
            agents: db.clone(),
            pins: db.clone(),
            destinations: db.clone(),
            standings: db.clone(),
            approvals: db.clone(),
            people: db.clone(),
            modes: db.clone(),
            snapshots: db.clone(),
            baselines: db.clone(),
            incidents: db.clone(),
            outbox: db,
        };
        let candidate = Arc::new(Source(Mutex::new(Ok(setup.snapshot.clone()))));
        let (recorder, time) = (Arc::new(tape.clone()), clock.clone());
        let service = Service::start(setup.config, setup.snapshot, stores, recorder, time.clone()).await.unwrap();
        let (log_dir, socket) = (dir.join("log"), dir.join("s.sock"));
        std::fs::create_dir_all(&log_dir).unwrap();
        let tcp = Listener::tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = tcp.address().unwrap();
        let unix = Listener::unix(&socket).await.unwrap();
        let activity = Activity::new(time);
        let parts = Parts {
            service: service.clone(),
            records: Arc::new(tape.clone()),
            policies: candidate.clone(),
            log_dir,
            access: Access { admin_token: ADMIN.into(), hosts: vec!["console.example".into()], origins: vec![] },
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let serving = tokio::spawn(serve(vec![tcp, unix], parts, activity.clone(), shutdown));
        let dir = dir.to_path_buf();
        let (source, stop) = (candidate, Some(stop));
        Self { tape, clock, service, source, activity, address, socket, dir, _keep: None, stop, serving }
    }

    pub(crate) fn operator(&self) -> Client {
        self.over_tcp(Some(ADMIN))
    }

    pub(crate) fn over_tcp(&self, token: Option<&str>) -> Client {
        Client::new(Endpoint::http(&format!("http://{}", self.address)).unwrap(), token).unwrap()
    }

    pub(crate) fn over_unix(&self) -> Client {
        Client::new(Endpoint::Unix(self.socket.clone()), None).unwrap()
    }

    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        (&mut self.serving).await.unwrap();
        self.service.stop().await.unwrap();
    }

    /// Sends a request as it is and gives status, head and body of the answer.
    pub(crate) async fn raw(&self, head: &str, body: &[u8]) -> (u16, String, Value) {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let head = format!("{}\r\nconnection: close\r\n\r\n", head.replace('\n', "\r\n"));
        stream.write_all(head.as_bytes()).await.unwrap();
        // The service may answer and hang up before it has read a body that it does not want.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or(Value::String(body.into())))
    }
}

pub(crate) fn request(agent: &str, session: &str, tool: &str) -> Request {
    let subject = Subject {
        agent: agent.into(),
        user: None,
        delegation: vec![],
        authenticated_by: Authentication::None,
        claims: Claims::default(),
    };
    let args = json!({"path": "/w/a.txt"});
    let action =
        Action { kind: ActionKind::ToolCall, server: Some("fs".into()), name: tool.into(), args, digest: None };
    Request { subject, action, context: Context::default(), session: SessionId::from(session) }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}
