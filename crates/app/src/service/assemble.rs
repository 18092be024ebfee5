//! Puts the decision service of a data directory together: lock, database, log, snapshot.

use crate::config::{Loaded, RecordArguments, SharedDisk};
use crate::failure::{Failure, io_failure};
use crate::place::DataDir;
use crate::service::declared::DeclaredAgents;
use crate::service::key_care::KeyCare;
use crate::service::keys::{Opened, open_keys};
use crate::service::lock::DataLock;
use crate::service::notify::notifiers;
use crate::service::old_records::OldRecords;
use crate::service::recorder::LogRecorder;
use crate::service::retention::Keeper;
use crate::service::seals::Seals;
use crate::service::space::SpaceWatch;
use crate::{clock, snapshot};
use holdshort_inventory::Pins;
use holdshort_server::{Arguments, Erasure as _, Service, ServiceConfig, StartError, Stores, SystemClock};
use holdshort_store::keys::Keys;
use holdshort_store::log::{Log, LogError, LogOptions};
use holdshort_store::sqlite::StateDb;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::time::Duration;

/// A service that decides and records, not yet reachable from outside.
pub(crate) struct Assembled {
    /// The service.
    pub(crate) service: Arc<Service>,
    /// Its log.
    pub(crate) log: Log,
    /// The keys of its records.
    pub(crate) keys: Keys,
    /// The administrator's token.
    pub(crate) admin_token: String,
    keeper: Keeper,
    space: SpaceWatch,
    care: KeyCare,
    _lock: DataLock,
}

impl Assembled {
    /// Takes the data directory, opens what is in it or makes it, and starts the service.
    ///
    /// # Errors
    /// When another service has the directory (1), the configuration or a policy is wrong (64), or the disk refuses (70).
    pub(crate) async fn start(loaded: &Loaded, data: &DataDir) -> Result<Self, Failure> {
        // Everything that can be wrong in files is checked before anything is made or taken.
        let notifiers = notifiers(loaded)?;
        let pins = Arc::new(Pins::new(loaded.config.pins.first_use, []));
        let is_new = !data.fingerprint_key().exists();
        let mut snapshot = snapshot::build(loaded, Some(data), Arc::default(), pins.clone())?;
        data.prepare()?;
        let lock = DataLock::take(data)?;
        if is_new {
            crate::detectors::ensure_key(data)?;
            snapshot = snapshot::build(loaded, Some(data), Arc::default(), pins)?;
        }
        let database = Arc::new(StateDb::open(&data.database()).map_err(Failure::internal)?);
        let log = open_log(data, loaded)?;
        let Opened { keys, overdue } = open_keys(data, &log)?;
        let seals = Seals::new(keys.clone(), loaded.config.record.seal, database.clone(), data);
        if !overdue.is_empty() {
            seals.destroy(&overdue, clock::now_ms()).await.map_err(Failure::internal)?;
            tracing::warn!(keys = overdue.len(), "an erasure that is on record was not done; it is now");
        }
        keys.note_carried_out(log.size()).map_err(Failure::internal)?;
        database.clear_traces().map_err(Failure::internal)?;
        let old_records = OldRecords::new(data, Some(keys.clone()), loaded.config.log);
        Keeper::before(&old_records);
        let declared = DeclaredAgents::new(database.clone(), loaded.config.clone());
        let stores = Stores {
            agents: Arc::new(declared),
            pins: database.clone(),
            destinations: database.clone(),
            standings: database.clone(),
            approvals: database.clone(),
            people: database.clone(),
            modes: database.clone(),
            snapshots: database.clone(),
            baselines: database.clone(),
            incidents: database.clone(),
            outbox: database,
        };
        let recorder = Arc::new(LogRecorder::new(log.clone(), Arc::new(seals)));
        let started = Service::start(config(loaded), snapshot, stores, recorder, Arc::new(SystemClock)).await;
        let service = started.map_err(|error| match error {
            StartError::Agents(_) => Failure::config(error),
            StartError::Store(_) | StartError::Journal(_) => Failure::internal(error),
        })?;
        service.notify_by(notifiers);
        service.erase_sessions(&overdue).await.map_err(Failure::internal)?;
        let finished = service.finish_erasures().await.map_err(Failure::internal)?;
        if finished > 0 {
            tracing::warn!(erasures = finished, "what was being erased when the service ended is erased now");
        }
        let care = KeyCare::start(service.clone(), &log, &keys);
        let settings = loaded.config.log;
        let space = SpaceWatch::start(service.clone(), &log, settings.keep_free.0);
        let keeper = Keeper::start(&service, old_records)?;
        Ok(Self { service, log, keys, admin_token: admin_token(data)?, keeper, space, care, _lock: lock })
    }

    /// Records the end, seals the log and lets go of the directory.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        // It may be waiting for a record to be written, so that it is waited for elsewhere.
        let keeper = self.keeper;
        tokio::task::spawn_blocking(move || drop(keeper)).await.map_err(Failure::internal)?;
        drop(self.space);
        self.care.stop().await;
        let recorded = self.service.stop().await.map_err(Failure::internal);
        let closed = self.log.close().await.map_err(Failure::internal);
        recorded.and(closed)
    }
}

fn config(loaded: &Loaded) -> ServiceConfig {
    let limits = &loaded.config.limits;
    ServiceConfig {
        deadline: Duration::from_millis(limits.decision_deadline_ms),
        arguments: match loaded.config.record.arguments {
            RecordArguments::Full => Arguments::Full,
            RecordArguments::Digest => Arguments::Digest,
        },
        argument_bytes_max: limits.argument_bytes_max,
        sessions_max: limits.sessions_max,
        history_bytes: limits.history_bytes,
        session_idle: Duration::from_secs(limits.session_idle_s),
        narrow: loaded.config.containment.narrow.into(),
        approvals: loaded.config.approvals.into(),
        response: (&loaded.config.response).into(),
    }
}

fn open_log(data: &DataDir, loaded: &Loaded) -> Result<Log, Failure> {
    let options = log_options(data, loaded)?;
    let (log, report) = Log::open(options).map_err(|error| match error {
        LogError::Damaged(damage) => {
            Failure::internal(format!("the log in `{}` is damaged: {damage}", data.log().display()))
                .hint("keep the directory as it is for an investigation, and start with another one: `--data`")
        }
        LogError::Shared { .. } => Failure::config(error),
        LogError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            Failure::internal(format!("the disk of `{}` is full", data.log().display())).hint("make room")
        }
        other => Failure::internal(other),
    })?;
    if report.created {
        tracing::info!(origin = log.origin(), "log made");
    } else {
        tracing::info!(size = report.size, torn_bytes = report.torn_bytes, "log opened");
    }
    Ok(log)
}

/// How the log of a data directory is opened.
pub(crate) fn log_options(data: &DataDir, loaded: &Loaded) -> Result<LogOptions, Failure> {
    let keep_free = loaded.config.log.keep_free.0;
    let accept_shared = loaded.config.log.shared_disk == SharedDisk::Accept;
    Ok(LogOptions { keep_free, accept_shared, ..LogOptions::new(data.log(), data.log_key(), origin()?) })
}

/// Name of a new log: unique, so that checkpoints of two installations cannot be taken for one another's.
fn origin() -> Result<String, Failure> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let host: String = name.chars().take(64).map(plain).collect();
    let unique = u32::from_be_bytes(clock::random()?);
    Ok(format!("{host}/holdshort/{unique:08x}"))
}

/// Reads the administrator's token, or makes it at the first start.
fn admin_token(data: &DataDir) -> Result<String, Failure> {
    let path = data.admin_token();
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_failure("read", &path)(error)),
    }
    let token = holdshort_inventory::Token::from_random(clock::random()?);
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(io_failure("write", &path))?;
    file.write_all(token.text().as_bytes()).and_then(|()| file.sync_all()).map_err(io_failure("write", &path))?;
    Ok(token.text().to_owned())
}
