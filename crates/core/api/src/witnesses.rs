//! `/v1/witnesses`: how far others vouch for the log.

use serde::{Deserialize, Serialize};

/// What is known of the witnesses that are asked to cosign the log's checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessesPage {
    /// Who has to have cosigned, in words; none when nobody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<String>,
    /// Records that the log's own checkpoint covers.
    pub size: u64,
    /// Records that a checkpoint with a quorum covers; the rest is vouched for by the log alone.
    pub witnessed: u64,
    /// The witnesses.
    pub witnesses: Vec<WitnessSummary>,
}

/// One witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessSummary {
    /// Name of its key.
    pub name: String,
    /// Where checkpoints are submitted.
    pub url: String,
    /// Records that it cosigned last, as far as it told us.
    pub size: u64,
    /// When it cosigned last, in milliseconds since 1970, since the service was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosigned_ms: Option<u64>,
    /// Why it did not cosign the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Whether it holds another history of this log, which is on record.
    pub conflict: bool,
}
