//! `GET /healthz` and `GET /readyz`: the two answers that need no credential.

use serde::{Deserialize, Serialize};

/// The process runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
    /// Version of the program.
    pub version: String,
}

/// Whether a decision could be made and recorded now. Status 200 when ready, 503 otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// True when nothing stands in the way.
    pub ready: bool,
    /// Names of the fail modes that are in force, such as `recorder-down`.
    pub faults: Vec<String>,
}
