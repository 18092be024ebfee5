//! A log of decisions and outcomes, sealed as the service seals them.

use crate::bench::replay::{request, snapshot};
use crate::clock;
use crate::failure::Failure;
use crate::service::export_source::LogSource;
use futures_util::future::try_join_all;
use holdshort_decide::{SessionView, Snapshot, decide};
use holdshort_ledger::{KEY_ID_BYTES, seal};
use holdshort_model::{BuildInfo, DecisionRecord, Outcome, OutcomeStatus, Record, RecordId};
use holdshort_store::keys::{Keys, NamedKey, Owner};
use holdshort_store::log::{Log, LogOptions};
use std::path::Path;
use std::time::{Duration, Instant};

/// Steps of the steady load in a second: so many records come at once.
const STEPS: u64 = 100;

pub(super) struct Load {
    log: Log,
    keys: Keys,
    snapshot: Snapshot,
}

impl Load {
    pub(super) fn new(scratch: &Path) -> Result<Self, Failure> {
        let options = LogOptions::new(scratch.join("log"), scratch.join("log.key"), "bench/holdshort/export");
        let (log, _) = Log::open(options).map_err(Failure::internal)?;
        let keys = Keys::open(&scratch.join("keys.db")).map_err(Failure::internal)?;
        Ok(Self { log, keys, snapshot: snapshot()? })
    }

    pub(super) fn source(&self) -> Result<LogSource, Failure> {
        LogSource::live(&self.log, &self.keys).map_err(Failure::internal)
    }

    /// Durable records.
    pub(super) fn written(&self) -> u64 {
        self.log.size()
    }

    /// Writes records, every second one the outcome of the decision before.
    pub(super) fn write(&self, count: u64) -> Result<(), Failure> {
        for number in 0..count {
            let payload = self.payload(number)?;
            // Waits where the queue is full, and for the last one, so that all are durable.
            if number + 1 == count || self.log.enqueue(payload.clone()).is_err() {
                self.log.append_blocking(payload).map_err(Failure::internal)?;
            }
        }
        Ok(())
    }

    /// Writes records at a rate, and gives for each when it was acknowledged.
    pub(super) fn steady(&self, rate: u64, count: u64) -> Result<Vec<Instant>, Failure> {
        let payloads: Result<Vec<Vec<u8>>, Failure> = (0..count).map(|number| self.payload(number)).collect();
        let mut payloads = payloads?.into_iter();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
        runtime.block_on(async {
            let mut acknowledged = Vec::new();
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(STEPS).unwrap_or(1));
            while payloads.len() > 0 {
                ticks.tick().await;
                let step = payloads.by_ref().take(usize::try_from(rate / STEPS).unwrap_or(1).max(1));
                let appends = step.map(|payload| async {
                    self.log.append(payload).await.map(|appended| (appended.index, Instant::now()))
                });
                acknowledged.extend(try_join_all(appends).await.map_err(Failure::internal)?);
            }
            acknowledged.sort_unstable();
            Ok(acknowledged.into_iter().map(|(_, at)| at).collect())
        })
    }

    pub(super) fn close(self) -> Result<(), Failure> {
        self.log.close_blocking().map_err(Failure::internal)
    }

    fn payload(&self, number: u64) -> Result<Vec<u8>, Failure> {
        let now_ms = clock::now_ms();
        let id = RecordId::from_parts(now_ms, u128::from(number / 2));
        let request = request(number / 2);
        let owner = Owner::Subject { agent: "bench".into(), user: None, session: request.session.to_string() };
        let record = match number % 2 {
            0 => {
                let view = SessionView::active(request.session.clone());
                let now_ns = i64::try_from(now_ms).unwrap_or(i64::MAX).saturating_mul(1_000_000);
                let (decision, facts) = decide(&self.snapshot, &view, &request, id, now_ns);
                Record::Decision(Box::new(DecisionRecord {
                    version: 1,
                    sequence: 0,
                    previous: None,
                    received_ms: now_ms,
                    deciding_ns: 1,
                    request,
                    facts,
                    decision,
                    build: BuildInfo { version: env!("CARGO_PKG_VERSION").into() },
                }))
            }
            _ => Record::Outcome(Outcome {
                decision: id,
                session: request.session,
                status: OutcomeStatus::Ok,
                digest: None,
                bytes: 800,
                duration_us: 1_000,
            }),
        };
        let text = serde_json::to_vec(&record).map_err(Failure::internal)?;
        let NamedKey { id, key } = self.keys.key_of(&owner, now_ms).map_err(Failure::internal)?;
        let nonce = clock::random::<KEY_ID_BYTES>().map_err(Failure::internal)?;
        seal(&text, id, &key, &nonce).map_err(Failure::internal)
    }
}
