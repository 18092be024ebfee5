//! The service and what it holds.

use crate::approvals::Approvals;
use crate::baselines::{Baselines, save_regularly};
use crate::budget::Budget;
use crate::change::tokens_good;
use crate::clock::{Clock, Ids, ms};
use crate::config::ServiceConfig;
use crate::containment::Containment;
use crate::journal::Journal;
use crate::people::Registry;
use crate::promotion::modes;
use crate::recorder::Recorder;
use crate::response::{Response, announce};
use crate::sessions::Sessions;
use crate::snapshots;
use arc_swap::ArcSwap;
use holdshort_api::{
    AgentSummary, DecisionEvent, PinSummary, PoliciesAnswer, PolicySummary, SessionsPage, TokenSummary,
};
use holdshort_decide::Snapshot;
use holdshort_enforce::Fault;
use holdshort_inventory::{
    AgentStore, Agents, ApprovalStore, BaselineStore, DestinationStore, Destinations, IncidentStore,
    NotificationOutbox, PersonStore, PinEntry, PinStore, Pins, PolicyModeStore, SnapshotStore, StandingStore,
    StoreError, TokenRefusal, difference,
};
use holdshort_model::{AgentId, FailMode, LifecycleRecord, PolicyRecord, Record, SessionId};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Mutex, broadcast};

/// Sessions that `GET /v1/sessions` lists.
const SESSIONS_LISTED_MAX: usize = 1_000;
/// Decisions that a listener of events may be behind before it misses some.
const EVENTS_BEHIND_MAX: usize = 1_024;

/// Where agents, pins and known destinations are kept.
#[derive(Clone)]
pub struct Stores {
    /// Agents and the hashes of their tokens.
    pub agents: Arc<dyn AgentStore + Send + Sync>,
    /// Pins of tool definitions.
    pub pins: Arc<dyn PinStore + Send + Sync>,
    /// Destinations that people approved.
    pub destinations: Arc<dyn DestinationStore + Send + Sync>,
    /// Questions to people.
    pub approvals: Arc<dyn ApprovalStore + Send + Sync>,
    /// People who answer, and the hashes of their tokens.
    pub people: Arc<dyn PersonStore + Send + Sync>,
    /// What was taken from whom.
    pub standings: Arc<dyn StandingStore + Send + Sync>,
    /// Modes of policies that people changed.
    pub modes: Arc<dyn PolicyModeStore + Send + Sync>,
    /// What decided.
    pub snapshots: Arc<dyn SnapshotStore + Send + Sync>,
    /// What is usual for agents and classes.
    pub baselines: Arc<dyn BaselineStore + Send + Sync>,
    /// What people have to look at.
    pub incidents: Arc<dyn IncidentStore + Send + Sync>,
    /// Messages to people that were not delivered yet.
    pub outbox: Arc<dyn NotificationOutbox + Send + Sync>,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored agents do not go together.
    #[error("the registered agents do not go together: {0}")]
    Agents(String),
    /// The log does not take the first record.
    #[error(transparent)]
    Journal(#[from] Fault),
}

/// The local decision point.
pub struct Service {
    pub(crate) config: ServiceConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
    pub(crate) sessions: Sessions,
    pub(crate) budget: Budget,
    pub(crate) journal: Arc<Journal>,
    pub(crate) containment: Arc<Containment>,
    pub(crate) approvals: Arc<Approvals>,
    pub(crate) people: Registry,
    pub(crate) baselines: Arc<Baselines>,
    pub(crate) response: Response,
    pub(crate) witnesses: std::sync::OnceLock<tokio::sync::watch::Receiver<holdshort_api::WitnessesPage>>,
    pub(crate) exposed: crate::exposed::Exposed,
    pub(crate) old_records: std::sync::OnceLock<Arc<dyn crate::retention::OldRecords>>,
    pub(crate) stores: Stores,
    pub(crate) events: broadcast::Sender<Arc<DecisionEvent>>,
    /// Held by whoever derives a new snapshot from the present one.
    pub(crate) changing: Mutex<()>,
    /// Held by an erasure from its beginning to its end, which may take long: nobody else waits for it.
    pub(crate) erasing: Mutex<()>,
    probing: Mutex<()>,
    snapshot: ArcSwap<Snapshot>,
    since_ms: AtomicU64,
}

impl Service {
    /// Loads agents, pins and known destinations from the stores into the snapshot, and records the start with the snapshot's digest.
    ///
    /// # Errors
    /// When the stores cannot be read or the log does not take records.
    pub async fn start(
        config: ServiceConfig,
        snapshot: Snapshot,
        stores: Stores,
        recorder: Arc<dyn Recorder>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StartError> {
        let agents = load_agents(&stores).map_err(|error| match error {
            LoadError::Store(error) => StartError::Store(error),
            LoadError::Entries(text) => StartError::Agents(text),
        })?;
        let pins = Pins::new(snapshot.pins().first_use(), stores.pins.pins()?);
        let destinations = Destinations::new(stores.destinations.destinations()?);
        let snapshot = snapshot.with_agents(Arc::new(agents)).with_pins(Arc::new(pins));
        let snapshot = snapshot.with_destinations(Arc::new(destinations));
        let snapshot = snapshot.with_modes(&modes(stores.modes.policy_modes()?));
        // If we crash after this, a snapshot is kept that no record names.
        snapshots::keep(&*stores.snapshots, &snapshot, "start", ms(clock.now_ns()))?;
        let journal = Journal::new(recorder, clock.clone());
        let kept = stores.standings.clone();
        let containment = Containment::load(config.narrow, kept, journal.clone(), clock.now_ns())?;
        let kept = stores.approvals.clone();
        let approvals = Approvals::load(config.approvals, kept, journal.clone(), clock.clone())?;
        let people = Registry::load(stores.people.clone())?;
        let baselines = Arc::new(Baselines::load(&*stores.baselines)?);
        let (incidents, outbox) = (stores.incidents.clone(), stores.outbox.clone());
        let response = Response::start(&config.response, incidents, outbox, journal.clone(), clock.clone(), Ids)?;
        let now_ms = ms(clock.now_ns());
        let idle_ms = u64::try_from(config.session_idle.as_millis()).unwrap_or(u64::MAX);
        let service = Arc::new(Self {
            sessions: Sessions::new(config.sessions_max, idle_ms),
            budget: Budget::new(config.history_bytes),
            ids: Ids,
            journal,
            containment,
            approvals,
            people,
            baselines,
            response,
            witnesses: std::sync::OnceLock::new(),
            exposed: crate::exposed::Exposed::default(),
            old_records: std::sync::OnceLock::new(),
            stores,
            events: broadcast::Sender::new(EVENTS_BEHIND_MAX),
            changing: Mutex::default(),
            erasing: Mutex::default(),
            probing: Mutex::default(),
            since_ms: AtomicU64::new(now_ms),
            config,
            clock,
            snapshot: ArcSwap::from_pointee(snapshot),
        });
        // Nothing is permitted without a record of its own; on a nearly full disk these two come when there is room.
        let started = service.journal.lifecycle("start", serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }));
        service.journal.write_or_owe(started).await?;
        service.journal.write_or_owe(service.snapshot_record("start")).await?;
        tokio::spawn(save_regularly(Arc::downgrade(&service)));
        tokio::spawn(announce(Arc::downgrade(&service), service.approvals.subscribe()));
        Ok(service)
    }

    /// Records the end and what was refused and could not be recorded before.
    ///
    /// # Errors
    /// When the log does not take records.
    pub async fn stop(&self) -> Result<(), Fault> {
        self.journal.flush().await;
        // A log or a database that does not answer must not hold the end up.
        let _ = tokio::time::timeout(self.config.deadline, self.containment.all_kept()).await;
        let _ = tokio::time::timeout(self.config.deadline, self.approvals.all_kept()).await;
        let _ = tokio::time::timeout(self.config.deadline, self.save_baselines()).await;
        self.response.settle(self.config.deadline).await;
        self.record("stop", Value::Null).await
    }

    /// The snapshot in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The agent whose token this is.
    ///
    /// # Errors
    /// Why the token is refused.
    pub fn authenticate(&self, token: &str) -> Result<AgentId, TokenRefusal> {
        self.snapshot.load().agents().by_token(token, self.now_ms()).map(|entry| entry.id.clone())
    }

    /// Whether the agent has this session.
    pub fn has_session(&self, agent: &AgentId, session: &SessionId) -> bool {
        self.sessions.find(agent, session).is_some()
    }

    /// Decisions from now on, as they become durable.
    pub fn events(&self) -> broadcast::Receiver<Arc<DecisionEvent>> {
        self.events.subscribe()
    }

    /// The fail modes that are in force now. Tries to write what waits to be recorded, so that a log that works
    /// again is noticed.
    pub async fn faults_now(&self) -> Vec<FailMode> {
        // One at a time: whoever asks often must not fill up a log that hangs.
        if self.journal.is_down()
            && let Ok(_probing) = self.probing.try_lock()
        {
            let probe = self.record("probe", Value::Null);
            // A log that does not answer is down.
            let _ = tokio::time::timeout(self.config.deadline, probe).await;
        }
        if self.approvals.is_down()
            && let Ok(_probing) = self.probing.try_lock()
        {
            let _ = tokio::time::timeout(self.config.deadline, self.approvals.all_kept()).await;
        }
        let mut faults = Vec::new();
        if self.journal.is_down() {
            faults.push(FailMode::RecorderDown);
        }
        if self.journal.is_full() {
            faults.push(FailMode::RecorderFull);
        }
        if self.approvals.is_down() {
            faults.push(FailMode::ApprovalsDown);
        }
        if self.snapshot.load().policies().is_none() {
            faults.push(FailMode::NoPolicy);
        }
        faults
    }

    /// The room on the log's disk changed: `state` is its name, `refuses` says whether actions are refused for it. The
    /// change goes on record, as long as there is room for that.
    pub async fn log_space(&self, state: &str, refuses: bool, detail: Value) {
        self.journal.set_full(refuses);
        let mut detail = detail;
        if let Some(fields) = detail.as_object_mut() {
            fields.insert("state".into(), state.into());
        }
        let free = detail.get("free_bytes").and_then(Value::as_u64);
        let written = self.note_in_log("log-space", detail).await;
        if let Err(fault) = &written {
            tracing::warn!(mode = fault.mode.as_str(), "the change of the room on the disk is not on record");
        }
        self.alarm(&crate::response::log_space(state, refuses, free, written.ok())).await;
    }

    /// Puts on record what happens to the log itself. Gives the index of the durable record.
    ///
    /// # Errors
    /// When the log does not take it.
    pub async fn note_in_log(&self, event: &str, detail: Value) -> Result<u64, Fault> {
        let record = self.journal.lifecycle(event, detail);
        self.journal.write(&record).await.map(|receipt| receipt.index)
    }

    /// Counters in the Prometheus text format.
    pub fn metrics_text(&self) -> String {
        let sessions = self.sessions.count(self.now_ms());
        let mut text = self.journal.metrics.render(sessions, self.budget.used(), self.budget.reduced());
        text.push_str(&self.response.metrics_text());
        crate::metrics::render_waiting(&mut text, self.approvals.pending(), &self.containment.entries());
        self.exposed.render(&mut text);
        text
    }

    /// Live sessions.
    pub fn sessions_page(&self) -> SessionsPage {
        let total = self.sessions.count(self.now_ms()) as u64;
        SessionsPage { sessions: self.sessions.latest(SESSIONS_LISTED_MAX), total }
    }

    /// Policies in force.
    pub fn policies(&self) -> PoliciesAnswer {
        let snapshot = self.snapshot.load();
        let policies = snapshot.policies().map(|set| set.policies()).unwrap_or_default().iter();
        let summaries = policies.map(|policy| PolicySummary {
            id: policy.id.to_string(),
            title: policy.title.clone(),
            mode: policy.mode,
        });
        PoliciesAnswer {
            snapshot: snapshot.digest(),
            since_ms: self.since_ms.load(Ordering::Relaxed),
            policies: summaries.collect(),
        }
    }

    /// Registered agents.
    pub fn agents(&self) -> Vec<AgentSummary> {
        let now_ms = self.now_ms();
        let summary = |entry: &holdshort_inventory::AgentEntry| AgentSummary {
            id: entry.id.clone(),
            class: entry.class.clone(),
            owner: entry.owner.clone(),
            created_ms: entry.created_ms,
            tokens: tokens_good(entry, now_ms),
        };
        self.snapshot.load().agents().iter().map(summary).collect()
    }

    /// The tokens of an agent; `None` when nobody registered it.
    pub fn tokens(&self, agent: &AgentId) -> Option<Vec<TokenSummary>> {
        let summary = |token: &holdshort_inventory::TokenEntry| TokenSummary {
            hash: token.hash,
            label: token.label.clone(),
            created_ms: token.created_ms,
            expires_ms: token.expires_ms,
            revoked: token.revoked,
        };
        let snapshot = self.snapshot.load();
        snapshot.agents().by_id(agent).map(|entry| entry.tokens.iter().map(summary).collect())
    }

    /// Tool definitions that were seen.
    pub fn pins(&self) -> Vec<PinSummary> {
        let snapshot = self.snapshot.load();
        snapshot.pins().iter().map(|entry| pin_summary(snapshot.pins(), entry)).collect()
    }

    /// Takes a snapshot into force. INVARIANT: the caller holds `changing`, and the change is recorded.
    pub(crate) fn put(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    pub(crate) fn mark_snapshot(&self) {
        self.since_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    pub(crate) fn now_ms(&self) -> u64 {
        ms(self.clock.now_ns())
    }

    pub(crate) async fn record(&self, event: &str, detail: Value) -> Result<(), Fault> {
        let record = LifecycleRecord { time_ms: self.now_ms(), event: event.into(), detail };
        self.journal.write(&Record::Lifecycle(record)).await.map(drop)
    }

    fn snapshot_record(&self, source: &str) -> Record {
        Record::Policy(PolicyRecord {
            time_ms: self.now_ms(),
            snapshot: self.snapshot.load().digest(),
            accepted: true,
            source: source.into(),
            diagnostics: Vec::new(),
        })
    }
}

pub(crate) fn pin_summary(pins: &Pins, entry: &PinEntry) -> PinSummary {
    let pinned = entry.pinned.as_ref();
    PinSummary {
        server: entry.server.clone(),
        tool: entry.tool.clone(),
        pin: pins.pin(&entry.server, &entry.tool),
        pinned: pinned.map(|seen| seen.digest),
        latest: entry.latest.digest,
        seen_ms: entry.latest.time_ms,
        difference: pinned.map_or_else(Vec::new, |seen| difference(&seen.definition, &entry.latest.definition)),
    }
}

pub(crate) enum LoadError {
    Store(StoreError),
    Entries(String),
}

pub(crate) fn load_agents(stores: &Stores) -> Result<Agents, LoadError> {
    let entries = stores.agents.agents().map_err(LoadError::Store)?;
    Agents::new(entries).map_err(|errors| {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        LoadError::Entries(texts.join("; "))
    })
}
