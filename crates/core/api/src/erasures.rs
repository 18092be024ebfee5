//! `POST /v1/erasures`: a person makes records unreadable for ever.

use holdshort_model::ErasureKind;
use serde::{Deserialize, Serialize};

/// Body of `POST /v1/erasures`: whose records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewErasure {
    /// What `name` is.
    pub kind: ErasureKind,
    /// The person, agent or session. Not recorded.
    pub name: String,
    /// Why; goes into the record, so it should name nobody.
    pub reason: String,
}

/// What was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Keys that were destroyed; 0 when nothing on record was sealed for that name.
    pub keys: u64,
    /// Sessions that they belonged to.
    pub sessions: u64,
    /// What was erased besides the log: questions and remembered answers, known destinations, incidents, messages that wait,
    /// reasons of standings, and what was usual for an agent.
    pub elsewhere: u64,
}
