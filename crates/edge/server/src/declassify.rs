//! What a session carries, and how a person lowers it.

use crate::change::ChangeError;
use crate::service::Service;
use holdshort_api::{Declassified, Declassify, SessionLabels};
use holdshort_enforce::Fault;
use holdshort_model::{AgentId, DeclassificationRecord, FailMode, Record, SessionId};

/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 1_000;
/// Longest name of a label, in characters.
const WHAT_CHARS_MAX: usize = 64;

impl Service {
    /// What a live session carries; `None` when it is not live.
    pub fn labels(&self, agent: &AgentId, session: &SessionId) -> Option<SessionLabels> {
        let snapshot = self.snapshot();
        let live = self.sessions.find(agent, session)?;
        let labels = live.live().state.labelling().labels(&snapshot.rules().labels);
        Some(SessionLabels { agent: agent.clone(), session: session.clone(), labels })
    }

    /// Lowers one label of a session. `by`: how the caller was authenticated.
    ///
    /// INVARIANT: the record is durable before the label falls. If we crash in between, the session is gone as well.
    ///
    /// # Errors
    /// When the session is not live or does not carry the label, no reason is given, or the record is not durable.
    pub async fn declassify(
        &self,
        agent: AgentId,
        session: SessionId,
        wanted: Declassify,
        by: &str,
    ) -> Result<Declassified, ChangeError> {
        let Declassify { what, reason } = wanted;
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
            return Err(ChangeError::Invalid(format!("`reason` has to have 1 to {REASON_CHARS_MAX} characters")));
        }
        let shown: String = what.chars().take(WHAT_CHARS_MAX).collect();
        let now_ns = self.clock.now_ns();
        let no_random =
            || Fault::new(FailMode::RecorderDown, "the system has no random numbers, so no record can be named");
        let id = self.ids.next(now_ns).ok_or_else(no_random)?;
        let missing = || ChangeError::Missing(format!("the agent `{agent}` has no live session `{session}`"));
        let live = self.sessions.find(&agent, &session).ok_or_else(missing)?;
        let lowering = live.live().state.lowering(self.snapshot().rules(), &what, now_ns);
        let lowering = lowering.ok_or_else(|| {
            ChangeError::Conflict(format!(
                "the session has read nothing that is `{shown}`, so there is nothing to lower"
            ))
        })?;
        let record = Box::new(DeclassificationRecord {
            id,
            at_ns: lowering.at_ns,
            agent,
            session,
            what,
            reason: reason.to_owned(),
            by: by.to_owned(),
            before: lowering.before,
            after: lowering.after,
        });
        let record = Record::Declassification(record);
        let receipt = self.journal.write(&record).await?;
        let mut session = live.live();
        if let Record::Declassification(record) = &record {
            session.state.declassified(record);
        }
        let labels = session.state.labelling().labels(&self.snapshot().rules().labels);
        Ok(Declassified { record: id, receipt, labels })
    }
}
