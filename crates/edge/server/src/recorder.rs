//! What the service needs of a log: append durably, append later, read back.

use async_trait::async_trait;
use holdshort_api::{NewErasure, RecordsPage, RecordsQuery};
use holdshort_model::{AgentId, ErasureKind, LifecycleRecord, Receipt, Record, SessionId};
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Longest record that a recorder takes, in bytes; the ledger's segments hold no longer ones, sealed as they may be.
pub const RECORD_BYTES_MAX: usize = (1 << 20) - 128;

/// Names of events: a person made a destination known, or forgot it.
pub(crate) const DESTINATION_ADDED: &str = "destination-added";
pub(crate) const DESTINATION_FORGOTTEN: &str = "destination-forgotten";
/// In the place of a session, for the key of these records: they are an agent's and a person's, in whatever session. No session
/// is called so: requests with such characters are refused.
pub(crate) const DESTINATIONS: &str = "\u{1}destinations";

/// Whose record it is. A recorder that seals does it with a key of this session, so that it can be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordOwner {
    /// A session in which an agent acts for a person.
    Subject {
        /// The agent.
        agent: AgentId,
        /// The person, where known.
        user: Option<String>,
        /// The session.
        session: SessionId,
    },
    /// A session, where the record does not name everybody.
    Session {
        /// The agent, where known.
        agent: Option<AgentId>,
        /// The session.
        session: SessionId,
    },
}

impl RecordOwner {
    /// Whose record it is; none for what has to do with no session. The one place that says which records can be erased.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let of_session = |agent: Option<&AgentId>, session: &SessionId| {
            Some(Self::Session { agent: agent.cloned(), session: session.clone() })
        };
        match record {
            Record::Decision(decision) => {
                let (subject, session) = (&decision.request.subject, decision.request.session.clone());
                Some(Self::Subject { agent: subject.agent.clone(), user: subject.user.clone(), session })
            }
            Record::Outcome(outcome) => of_session(None, &outcome.session),
            Record::Declassification(lowered) => of_session(Some(&lowered.agent), &lowered.session),
            Record::Approval(approval) => of_session(Some(&approval.agent), &approval.session),
            // What is done for people and by people, and what the service does, is nobody's session. A step of a playbook
            // does not name the session; whoever takes it knows.
            Record::ToolChange(_)
            | Record::Policy(_)
            | Record::Standing(_)
            | Record::Response(_)
            | Record::Promotion(_)
            | Record::Erasure(_) => None,
            Record::Lifecycle(lifecycle) => Self::of_destination(lifecycle),
        }
    }

    /// A destination that a person made known or forgot tells with whom somebody has to do, and goes with them.
    fn of_destination(record: &LifecycleRecord) -> Option<Self> {
        if !matches!(record.event.as_str(), DESTINATION_ADDED | DESTINATION_FORGOTTEN) {
            return None;
        }
        let text = |name: &str| record.detail.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let user = text("user").map(str::to_owned);
        Some(Self::Subject { agent: text("agent")?.into(), user, session: DESTINATIONS.into() })
    }
}

/// A key that can be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedKey {
    /// Its id in hex, as it stands in the records.
    pub id: String,
    /// The agent, where known.
    pub agent: Option<AgentId>,
    /// The session that it belongs to.
    pub session: SessionId,
}

/// An erasure that was asked for and is not known to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intended {
    /// Its number.
    pub number: i64,
    /// What was asked for.
    pub wanted: NewErasure,
    /// Who asked.
    pub by: String,
}

/// As long as it is there, nothing is sealed with keys that are about to be destroyed.
pub type RetiredKeys = Box<dyn Send + Sync>;

/// Destroys the keys of sealed records.
#[async_trait]
pub trait Erasure: Send + Sync + 'static {
    /// Keeps what is about to be erased, name included: a crash must not make anybody ask again. Gives its number.
    ///
    /// # Errors
    /// When it cannot be kept.
    async fn intend(&self, wanted: &NewErasure, by: &str) -> Result<i64, RecorderError>;

    /// Forgets what was intended, without traces.
    ///
    /// # Errors
    /// When that is not done.
    async fn end_intent(&self, number: i64) -> Result<(), RecorderError>;

    /// What was intended and not ended.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn intended(&self) -> Result<Vec<Intended>, RecorderError>;

    /// From when this answers, nothing is sealed with these keys any more, and all that was sealed with them was handed to the
    /// log. Sessions that go on have fresh ones.
    ///
    /// # Errors
    /// When it cannot be done.
    async fn retire(&self, keys: &[OwnedKey]) -> Result<RetiredKeys, RecorderError>;

    /// The keys of everything that a person, an agent or a session has on record.
    ///
    /// # Errors
    /// When the keys cannot be read.
    async fn keys(&self, kind: ErasureKind, name: &str) -> Result<Vec<OwnedKey>, RecorderError>;

    /// Destroys keys, durably and without traces, and whatever was read with them. Again is no harm.
    ///
    /// # Errors
    /// When it is not done, or not all of it.
    async fn destroy(&self, keys: &[OwnedKey], erased_ms: u64) -> Result<(), RecorderError>;
}

/// Resolves once the record is durable.
pub type Appending = Pin<Box<dyn Future<Output = Result<Receipt, RecorderError>> + Send>>;

/// Resolves once records of an owner can be taken in.
pub type Preparing = Pin<Box<dyn Future<Output = Result<(), RecorderError>> + Send>>;

/// Writes records.
pub trait Recorder: Send + Sync + 'static {
    /// Starts to append a record of at most [`RECORD_BYTES_MAX`]; the answer resolves once the record is durable.
    ///
    /// The answer is polled once at once, and that poll takes the record in: the order of first polls is the order in
    /// the log. Dropping the answer after it does not take the record back.
    fn append(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Appending;

    /// Takes the record in; it becomes durable with the next append or soon after.
    ///
    /// # Errors
    /// When the log cannot take it.
    fn enqueue(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Result<(), RecorderError>;

    /// Gets ready for records of an owner, so that taking one in does not have to wait; none when it is ready.
    fn prepare(&self, _owner: &RecordOwner) -> Option<Preparing> {
        None
    }

    /// The way to erase what was recorded; none when records are not sealed.
    fn erasure(&self) -> Option<Arc<dyn Erasure>> {
        None
    }

    /// As [`Recorder::append`], for a record that a log keeps room for when its disk is nearly full.
    fn append_kept(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Appending {
        self.append(record, owner)
    }

    /// As [`Recorder::enqueue`], for a record that a log keeps room for when its disk is nearly full.
    ///
    /// # Errors
    /// When the log cannot take it.
    fn enqueue_kept(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Result<(), RecorderError> {
        self.enqueue(record, owner)
    }
}

/// Reads records back.
#[async_trait]
pub trait RecordReader: Send + Sync + 'static {
    /// One page. `query.limit` is set and within bounds.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn page(&self, query: RecordsQuery) -> Result<RecordsPage, RecorderError>;
}

/// The log cannot be written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecorderError {
    /// It does not work.
    #[error("the log does not work: {0}")]
    Down(String),
    /// Its disk is nearly full. It goes on by itself when there is room.
    #[error("the log takes nothing more: {0}")]
    Full(String),
    /// Nothing can be looked for that way.
    #[error("{0}")]
    Query(String),
}
