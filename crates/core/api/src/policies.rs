//! `GET /v1/policies` and `POST /v1/policies/reload`.

use holdshort_model::{Digest, Mode};
use serde::{Deserialize, Serialize};

/// The policies in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoliciesAnswer {
    /// Digest of the snapshot in force.
    pub snapshot: Digest,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// The policies of the snapshot.
    pub policies: Vec<PolicySummary>,
}

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySummary {
    /// Package, such as `holdshort.rules.mass_delete`.
    pub id: String,
    /// Title from the metadata.
    pub title: String,
    /// Whether it is enforced.
    pub mode: Mode,
}

/// Body of `POST /v1/policies/{name}/mode`: a person promotes a policy to `enforce`, or puts it back to `observe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyModeChange {
    /// The mode from the next action on.
    pub mode: Mode,
    /// Why; goes into the record.
    pub reason: String,
}

/// What came of a reload. A refused candidate is answered with status 422.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadAnswer {
    /// False: the candidate was refused, the last good snapshot stays.
    pub accepted: bool,
    /// Digest of the snapshot in force now.
    pub snapshot: Digest,
    /// What is wrong with a refused candidate, each with file, line and hint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<String>,
}
