//! Which records.

use crate::cli::When;
use crate::commands::log;
use crate::failure::Failure;
use holdshort_inventory::IncidentStore as _;
use holdshort_model::{AgentId, DecisionRecord, Record, RecordId, SessionId};
use holdshort_store::log::LogError;
use holdshort_store::records::{Content, LoggedRecord, Records};
use holdshort_store::sqlite::StateDb;

/// A stretch of the log: what every part of it has to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretch {
    from_ms: u64,
    to_ms: Option<u64>,
    agents: Option<Vec<AgentId>>,
    sessions: Option<Vec<SessionId>>,
    first: u64,
    last: Option<u64>,
}

/// What a stored record is.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A decision of the stretch.
    Decision(Box<DecisionRecord>),
    /// Something else, or outside.
    Other,
    /// Nothing that this version reads.
    Unreadable,
    /// Something whose key was destroyed.
    Erased,
    /// Something whose key is not at hand.
    Closed,
}

impl Stretch {
    /// Only what is from then on.
    #[must_use]
    pub(crate) fn since(mut self, since: Option<When>) -> Self {
        self.from_ms = since.map_or(0, |when| when.0);
        self
    }

    /// Only one agent.
    #[must_use]
    pub(crate) fn agent(mut self, agent: Option<&str>) -> Self {
        self.agents = agent.map(|agent| vec![agent.into()]);
        self
    }

    /// Only one session.
    #[must_use]
    pub(crate) fn session(mut self, session: Option<&str>) -> Self {
        self.sessions = session.map(|session| vec![session.into()]);
        self
    }

    /// Only these indices, both included.
    #[must_use]
    pub(crate) fn between(mut self, first: Option<u64>, last: Option<u64>) -> Self {
        (self.first, self.last) = (first.unwrap_or(0), last);
        self
    }

    /// The whole path of an incident: everything that its sessions did until its last line, from their beginning on. Of an
    /// incident without sessions: what its agents did from its opening on.
    ///
    /// # Errors
    /// When there is no such incident.
    pub(crate) fn incident(mut self, database: &StateDb, id: &str) -> Result<Self, Failure> {
        let missing =
            || Failure::refused(format!("there is no incident `{id}`")).hint("`holdshort incidents list` shows them");
        let id: RecordId = id.parse().map_err(|_| missing())?;
        let incident = database.incident(id).map_err(Failure::internal)?.ok_or_else(missing)?;
        self.to_ms = Some(incident.last_ms.max(incident.opened_ms));
        match incident.sessions.is_empty() {
            true => (self.agents, self.from_ms) = (Some(incident.agents), incident.opened_ms),
            false => self.sessions = Some(incident.sessions),
        }
        Ok(self)
    }

    /// The records that may belong to it.
    pub(crate) fn records(&self, reader: &Records) -> impl Iterator<Item = Result<LoggedRecord, LogError>> + use<> {
        let end = self.end(reader);
        let count = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX);
        // Where records were dropped, it begins later and ends at the same one.
        let before = move |record: &Result<LoggedRecord, LogError>| record.as_ref().map_or(true, |it| it.index() < end);
        reader.forwards(self.first).take(count).take_while(before)
    }

    /// How many records may belong to it; about, where some were dropped.
    pub(crate) fn count(&self, reader: &Records) -> u64 {
        self.end(reader).saturating_sub(self.first.max(reader.first().unwrap_or(0)))
    }

    fn end(&self, reader: &Records) -> u64 {
        self.last.map_or(u64::MAX, |last| last.saturating_add(1)).min(reader.size())
    }

    /// Index of the first record that was kept, where some that may belong to the stretch were dropped.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn dropped(&self, reader: &Records) -> Result<Option<u64>, Failure> {
        /// Records that are looked at for a time; erased ones have none.
        const LOOKED_AT: usize = 1_000;
        let first = reader.first().map_err(log::unreadable)?;
        if first <= self.first {
            return Ok(None);
        }
        for record in reader.forwards(first).take(LOOKED_AT) {
            // What comes before the first record that is left is older than it.
            if let Some(record) = record.map_err(log::unreadable)?.parse() {
                return Ok((log::time_ms(&record) > self.from_ms).then_some(first));
            }
        }
        Ok(Some(first))
    }

    /// Reads a record.
    pub(crate) fn read(&self, logged: &LoggedRecord) -> Entry {
        match logged.parse() {
            None if matches!(logged.content, Content::Erased) => Entry::Erased,
            None if matches!(logged.content, Content::Closed) => Entry::Closed,
            None => Entry::Unreadable,
            Some(Record::Decision(record)) if self.has(&record) => Entry::Decision(record),
            Some(_) => Entry::Other,
        }
    }

    fn has(&self, record: &DecisionRecord) -> bool {
        let (request, received_ms) = (&record.request, record.received_ms);
        received_ms >= self.from_ms
            && self.to_ms.is_none_or(|to_ms| received_ms <= to_ms)
            && self.agents.as_ref().is_none_or(|agents| agents.contains(&request.subject.agent))
            && self.sessions.as_ref().is_none_or(|sessions| sessions.contains(&request.session))
    }
}
