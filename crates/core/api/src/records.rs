//! `GET /v1/records`: the log, page by page, and what was looked for in it.

use holdshort_model::{ActionKind, Effect, Level, RecordId, Verb};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Records on a page when the caller does not say.
pub const RECORDS_PAGE_DEFAULT: u32 = 100;
/// Most records on a page: 1,000 records of 64 KiB stay below 64 MiB.
pub const RECORDS_PAGE_MAX: u32 = 1_000;

/// Parameters of the query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordsQuery {
    /// First index to look at, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Records on the page, at most [`RECORDS_PAGE_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only indexes below this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// The newest come first; then `next` is the `before` of the next page. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_first: Option<bool>,
    /// Only records of this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Only records of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Only records of this person: for whom an agent acted, or who answered, released or changed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only records with this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Only records with this tool, or what else an action names; `server/name` for that of one server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Only actions of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ActionKind>,
    /// Only actions that do this to a resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<Verb>,
    /// Only decisions with this effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Only decisions of which this was enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced: Option<Effect>,
    /// Only decisions at this level of risk or above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Only records of this type, such as `approval`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub record_type: Option<String>,
    /// Only records of which this policy said something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Only records that carry this id, of a decision, an approval or an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RecordId>,
    /// Only what happened at this time or later, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Only what happened at this time or before, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Only records that say all of these words in their reasons, in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Only records whose JSON has this text in it, letter for letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}

/// A page of records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordsPage {
    /// The records that match.
    pub records: Vec<RecordEntry>,
    /// `from` of the next page, or its `before` when the newest come first; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One record with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordEntry {
    /// Index in the log, from 0.
    pub index: u64,
    /// When it happened, in milliseconds since 1970, of an outcome when it ended; absent where that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// The record (`holdshort_model::Record`); `null` when its payload was erased.
    pub record: Value,
}
