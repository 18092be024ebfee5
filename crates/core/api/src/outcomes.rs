//! Reports of what came of actions.

use holdshort_model::{Digest, Outcome, OutcomeStatus, RecordId, Seen, SessionId};
use serde::{Deserialize, Serialize};

/// Body of `POST /v1/outcomes`: what is recorded of an outcome, and the text that the agent gets to see, which is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeReport {
    /// The decision that permitted it.
    pub decision: RecordId,
    /// The session.
    pub session: SessionId,
    /// How it ended.
    pub status: OutcomeStatus,
    /// Digest of the result's bytes, where there is a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Size of the result in bytes.
    pub bytes: u64,
    /// From permit to end, in microseconds.
    pub duration_us: u64,
    /// What the agent gets to see; absent = nothing, unless `bytes` says that something came back. Over
    /// [`holdshort_model::SEEN_BYTES_MAX`] the rest is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
}

impl From<(Outcome, Option<Seen>)> for OutcomeReport {
    fn from((outcome, seen): (Outcome, Option<Seen>)) -> Self {
        let Outcome { decision, session, status, digest, bytes, duration_us } = outcome;
        Self { decision, session, status, digest, bytes, duration_us, seen }
    }
}

impl From<OutcomeReport> for (Outcome, Option<Seen>) {
    fn from(report: OutcomeReport) -> Self {
        let OutcomeReport { decision, session, status, digest, bytes, duration_us, seen } = report;
        (Outcome { decision, session, status, digest, bytes, duration_us }, seen)
    }
}
