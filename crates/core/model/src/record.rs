//! What is written to the ledger.

use crate::{
    AgentId, Answer, ApprovalState, Decision, Digest, Exception, Facts, Labels, Mode, Pin, RecordId, Request,
    SessionId, StandingEntry, Step,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a record stands in a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Origin line of the log's checkpoint (C2SP tlog-checkpoint).
    pub log: String,
    /// Index of the entry, from 0.
    pub index: u64,
}

/// One record of the ledger, serialised as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Record {
    /// A decision, written before the action runs.
    Decision(Box<DecisionRecord>),
    /// What came of a permitted action.
    Outcome(Outcome),
    /// A tool definition that appeared or changed.
    ToolChange(ToolChange),
    /// A policy snapshot that took effect, or was refused.
    Policy(PolicyRecord),
    /// A person lowered what a session carries.
    Declassification(Box<DeclassificationRecord>),
    /// An approval was asked for, answered, used or ended.
    Approval(Box<ApprovalRecord>),
    /// A standing was lowered, or released by a person.
    Standing(Box<StandingRecord>),
    /// A step of a playbook.
    Response(ResponseRecord),
    /// A person changed the mode of a policy.
    Promotion(PromotionRecord),
    /// A person had records made unreadable for ever.
    Erasure(ErasureRecord),
    /// Start, stop, or a fault of the service.
    Lifecycle(LifecycleRecord),
}

/// Record of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Version of this format: 1.
    pub version: u32,
    /// Number of the record in its session, from 0.
    pub sequence: u64,
    /// Digest of the session's previous record; absent for the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// When the request arrived, in milliseconds since 1970.
    pub received_ms: u64,
    /// How long deciding took, in nanoseconds.
    pub deciding_ns: u64,
    /// What was asked. Arguments are replaced by their digest when the configuration says so.
    pub request: Request,
    /// What was known.
    pub facts: Facts,
    /// What was decided.
    pub decision: Decision,
    /// The program that decided.
    pub build: BuildInfo,
}

/// The program that made a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    /// Version of Holdshort.
    pub version: String,
}

/// What came of a permitted action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
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
}

/// Longest time that an action is taken to have run, in milliseconds.
const DURATION_MS_MAX: u64 = 86_400_000;

impl Outcome {
    /// When the action ended, in milliseconds since 1970: so long after its decision was made as it took. How long it took
    /// may be the agent's own word, so no more than a day of it is believed.
    pub fn ended_ms(&self) -> u64 {
        self.decision.time_ms().saturating_add((self.duration_us / 1_000).min(DURATION_MS_MAX))
    }
}

/// How a permitted action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeStatus {
    /// The upstream answered with a result.
    Ok,
    /// The upstream answered with a result that says `isError`.
    ToolError,
    /// The upstream answered with a protocol error.
    Error,
    /// The upstream wants more input before it answers (MRTR `input_required`).
    InputRequired,
    /// The upstream did not answer in time.
    Timeout,
    /// The upstream went away or answered garbage.
    UpstreamFault,
    /// The client went away or cancelled.
    Cancelled,
    /// A notification: there is no answer.
    Sent,
}

/// A tool definition that appeared, changed or collides with another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolChange {
    /// When it was seen, in milliseconds since 1970.
    pub time_ms: u64,
    /// Upstream server.
    pub server: String,
    /// Name of the tool.
    pub tool: String,
    /// What it is compared with the pin.
    pub pin: Pin,
    /// Digest of the pinned definition, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
    /// Digest of the definition now.
    pub after: Digest,
    /// The difference, one line for each JSON pointer that differs, bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub difference: Vec<String>,
}

/// A policy snapshot that took effect or was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// Digest of the snapshot in force afterwards.
    pub snapshot: Digest,
    /// False: the candidate was refused and the last good one stays.
    pub accepted: bool,
    /// Who changed it: `file`, `api` or `start`.
    pub source: String,
    /// Diagnostics of a refused candidate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<String>,
}

/// A person lowered what a session carries. Durable before it takes effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclassificationRecord {
    /// Id of the record.
    pub id: RecordId,
    /// What was read before this is lowered, and nothing later; in nanoseconds since 1970.
    pub at_ns: i64,
    /// The agent whose session it is.
    pub agent: AgentId,
    /// The session.
    pub session: SessionId,
    /// What is lowered: `integrity`, or the name of a level or category.
    pub what: String,
    /// Why, in the person's words.
    pub reason: String,
    /// Who did it: how the caller was authenticated.
    pub by: String,
    /// What the session carried.
    pub before: Labels,
    /// What it carries afterwards.
    pub after: Labels,
}

/// What became of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRecord {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// The approval.
    pub id: RecordId,
    /// What happened: `asked`, `answered`, `used`, `expired`, `remembered`, `revoked`.
    pub event: String,
    /// How it stands afterwards.
    pub state: ApprovalState,
    /// What it is bound to.
    pub binding: Digest,
    /// The decision that asked, or that used it.
    pub decision: RecordId,
    /// The agent.
    pub agent: AgentId,
    /// Its session.
    pub session: SessionId,
    /// The answer, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// What was remembered or revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<Exception>,
}

/// A standing that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingRecord {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What was left before; absent when nothing had been taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<StandingEntry>,
    /// What is left now.
    pub after: StandingEntry,
    /// True when a person gave it back.
    pub released: bool,
}

/// A step of a playbook that was carried out, or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseRecord {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// The decision.
    pub decision: RecordId,
    /// The step.
    pub step: Step,
    /// The incident, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<RecordId>,
    /// Whether it was done.
    pub done: bool,
    /// In words, without payloads: what was put aside, who was told, what failed.
    pub text: String,
}

/// A policy whose mode a person changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionRecord {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// The policy.
    pub policy: String,
    /// Its mode before.
    pub before: Mode,
    /// Its mode now.
    pub after: Mode,
    /// Who.
    pub by: String,
    /// Why, in the person's words.
    pub reason: String,
}

/// Keys that a person destroys: what was sealed with them cannot be read any more. Durable before they are destroyed, and
/// says nothing about whose records they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureRecord {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What was named: one person, one agent, one session. Not which.
    pub scope: ErasureKind,
    /// Ids of the keys, in hex, as they stand in the sealed records.
    pub keys: Vec<String>,
    /// Who.
    pub by: String,
    /// Why, in the person's words.
    pub reason: String,
}

/// What an erasure goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureKind {
    /// One person's sessions, with whatever agent.
    User,
    /// One agent's sessions.
    Agent,
    /// One session.
    Session,
}

impl ErasureKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Agent => "agent",
            Self::Session => "session",
        }
    }
}

/// Start, stop or fault of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LifecycleRecord {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What happened: `start`, `stop`, `recorder-down`, `agent-added`, ...
    pub event: String,
    /// Details, without secrets.
    #[serde(default)]
    pub detail: Value,
}
