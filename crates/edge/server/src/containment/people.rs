//! What people take away and give back: through the API, the command line, the kill file, a signal.

use crate::change::ChangeError;
use crate::service::Service;
use holdshort_api::{NewStanding, Release, Released, StandingChange, StandingPage};
use holdshort_model::{Record, Scope, Standing, StandingEntry, StandingRecord};

/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 1_000;

impl Service {
    /// Everything that was taken away.
    pub fn standings(&self) -> StandingPage {
        StandingPage { entries: self.containment.entries(), unkept: self.standings_unkept() }
    }

    /// Isolates at once, without waiting for the log or the database: for the kill switches that must work when nothing
    /// else does. False when everything was taken away already. May be called from any thread.
    pub fn kill(&self, scope: Scope, by: &str, reason: &str) -> bool {
        let now_ms = self.now_ms();
        let (standing, removed, decision) = (Standing::Isolated, Vec::new(), None);
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let entry = StandingEntry { scope, standing, removed, since_ms: now_ms, by, reason, decision };
        self.containment.lower(entry, now_ms).is_some()
    }

    /// Takes something away. It holds when this returns, and from before the first wait; whether it is on record and
    /// stored by then stands in the answer. `by`: who.
    ///
    /// # Errors
    /// When it takes nothing away, or no reason is given.
    pub async fn contain(&self, new: NewStanding, by: &str) -> Result<StandingChange, ChangeError> {
        let NewStanding { whom, standing, removed, reason } = new;
        let reason = self::reason(&reason)?;
        match (standing, removed.is_empty()) {
            (Standing::Active, _) => {
                return Err(ChangeError::Invalid(
                    "`standing` has to take something away; to give back is a release".into(),
                ));
            }
            (Standing::Narrowed, true) => {
                return Err(ChangeError::Invalid("`removed` has to name the grants that are taken away".into()));
            }
            _ => {}
        }
        let (scope, now_ms) = (Scope::from(whom), self.now_ms());
        let (by, decision) = (by.to_owned(), None);
        let entry = StandingEntry { scope: scope.clone(), standing, removed, since_ms: now_ms, by, reason, decision };
        let Some(applied) = self.containment.lower(entry, now_ms) else {
            let holds = self.containment.entry(&scope);
            let holds = holds.ok_or_else(|| ChangeError::Conflict(format!("nothing was taken from {scope}")))?;
            return Ok(StandingChange { before: Some(holds.clone()), after: holds, changed: false, kept: true });
        };
        let kept = tokio::time::timeout(self.config.deadline, self.containment.kept(applied.number)).await.is_ok();
        self.note_standing(&applied.change, None);
        let StandingRecord { before, after, .. } = applied.change;
        Ok(StandingChange { before, after, changed: true, kept })
    }

    /// Gives back. `by`: the person.
    ///
    /// INVARIANT: the record is durable before anything is given back. If we crash in between, then the log says that it
    /// was given back and it still holds: the person looks and releases again.
    ///
    /// # Errors
    /// When no reason is given, nothing of it was taken away, it changed meanwhile, or the record is not durable.
    pub async fn release(&self, wanted: Release, by: &str) -> Result<Released, ChangeError> {
        let Release { whom, grants, reason } = wanted;
        let reason = self::reason(&reason)?;
        let scope = Scope::from(whom);
        let missing = || ChangeError::Missing(format!("nothing was taken from {scope}"));
        let before = self.containment.entry(&scope).ok_or_else(missing)?;
        let left: Vec<String> = match grants.is_empty() {
            true => Vec::new(),
            false => before.removed.iter().filter(|grant| !grants.contains(grant)).cloned().collect(),
        };
        if !grants.is_empty() && left.len() == before.removed.len() {
            return Err(ChangeError::Missing(format!("none of these grants was taken from {scope}")));
        }
        let everything = grants.is_empty() || (left.is_empty() && before.standing <= Standing::Narrowed);
        let now_ms = self.now_ms();
        let after = StandingEntry {
            scope: scope.clone(),
            standing: if everything { Standing::Active } else { before.standing },
            removed: left,
            since_ms: now_ms,
            by: by.to_owned(),
            reason,
            decision: None,
        };
        let change = StandingRecord { time_ms: now_ms, before: Some(before.clone()), after, released: true };
        let record = Record::Standing(Box::new(change.clone()));
        let receipt = self.journal.write(&record).await?;
        let number = self.containment.give_back(&before, &grants, now_ms).ok_or_else(|| {
            let what = format!("what was taken from {scope} changed meanwhile; look at it and release again");
            ChangeError::Conflict(what)
        })?;
        tracing::warn!(%scope, by, "released");
        self.note_standing(&change, Some(receipt.index));
        let kept = tokio::time::timeout(self.config.deadline, self.containment.kept(number)).await.is_ok();
        Ok(Released { before, after: change.after, receipt, kept })
    }
}

fn reason(text: &str) -> Result<String, ChangeError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_CHARS_MAX {
        return Err(ChangeError::Invalid(format!("`reason` has to have 1 to {REASON_CHARS_MAX} characters")));
    }
    Ok(text.to_owned())
}
