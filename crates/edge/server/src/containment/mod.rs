//! Containment: what was taken from whom, asked before every action, and how it gets stricter.
//!
//! In memory first: whoever calls [`Containment::lower`] has the next action refused when it returns, whatever the log
//! and the database do. Both learn of it afterwards, see [`lanes`]. The way back is [`crate::Service::release`] alone.

mod erasing;
mod lanes;
mod people;
mod points;

use crate::clock::ms;
use crate::journal::Journal;
use holdshort_inventory::{Agents, Lowered, StandingStore, Standings, StoreError, UNKNOWN_CLASS};
use holdshort_model::{
    AgentId, Containment as Wanted, Decision, Mode, Record, Scope, SessionId, Standing, StandingEntry, StandingRecord,
    StandingView, Subject,
};
use lanes::Lanes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

/// Longest reason that a policy's decision gives, in characters.
const REASON_CHARS_MAX: usize = 300;
/// A restart gives other numbers than before, so that whoever waits for a change notices it. Milliseconds since 1970
/// times this stay below 2^53, which JSON carries exactly.
const NUMBERS_A_MS: u64 = 1_024;

/// What a policy's `narrow` takes grants from. `isolate` and `terminate` always hold for the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NarrowTo {
    /// The session in which the action was decided. Who can open another session has the grants back there.
    Session,
    /// The agent, in all its sessions.
    #[default]
    Agent,
}

/// The standings in force.
pub(crate) struct Containment {
    standings: RwLock<Standings>,
    /// False as long as nothing was taken from anybody: then asking costs next to nothing.
    any: AtomicBool,
    number: watch::Sender<u64>,
    lanes: Arc<Lanes>,
    narrow: NarrowTo,
}

/// Something that was taken away just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    /// What changed, and how.
    pub(crate) change: StandingRecord,
    /// Its number, for [`Containment::kept`].
    pub(crate) number: u64,
}

impl Containment {
    /// Loads what was kept.
    ///
    /// # Errors
    /// When the store cannot be read. Nothing may start then.
    pub(crate) fn load(
        narrow: NarrowTo,
        store: Arc<dyn StandingStore + Send + Sync>,
        journal: Arc<Journal>,
        now_ns: i64,
    ) -> Result<Arc<Self>, StoreError> {
        let standings = Standings::new(store.standings()?);
        let containment = Arc::new(Self {
            any: AtomicBool::new(!standings.is_empty()),
            standings: RwLock::new(standings),
            number: watch::Sender::new(ms(now_ns).saturating_mul(NUMBERS_A_MS)),
            lanes: Lanes::new(),
            narrow,
        });
        lanes::start(&containment, store, journal);
        Ok(containment)
    }

    /// What is left to a subject in a session: the join over the agent, everybody it acts on behalf of, their classes,
    /// the session, and everybody.
    pub(crate) fn view(&self, agents: &Agents, subject: &Subject, session: &SessionId) -> StandingView {
        if !self.any.load(Ordering::Acquire) {
            return StandingView::default();
        }
        let class = |agent: &AgentId| agents.by_id(agent).map_or(UNKNOWN_CLASS, |entry| entry.class.as_str());
        let chain = std::iter::once(&subject.agent).chain(&subject.delegation).map(|agent| (agent, class(agent)));
        self.standings.read().unwrap_or_else(PoisonError::into_inner).view(session, chain)
    }

    /// Whether less is left than a decision went by: what it permits may not run any more.
    pub(crate) fn is_less_than(
        &self,
        decided: &StandingView,
        agents: &Agents,
        subject: &Subject,
        session: &SessionId,
    ) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let now = self.view(agents, subject, session);
        now.standing > decided.standing || now.removed.iter().any(|grant| decided.removed.binary_search(grant).is_err())
    }

    /// Takes away what a decision takes away, at once. To be called under the lock of the session, so that its next
    /// action is weighed against it.
    pub(crate) fn apply(&self, decision: &Decision, agent: &AgentId, session: &SessionId, now_ms: u64) {
        let (scope, standing) = match (decision.containment, self.narrow) {
            (Wanted::None, _) => return,
            (Wanted::Narrow, NarrowTo::Session) => {
                (Scope::Session { agent: agent.clone(), session: session.clone() }, Standing::Narrowed)
            }
            (Wanted::Narrow, NarrowTo::Agent) => (Scope::Agent { agent: agent.clone() }, Standing::Narrowed),
            (Wanted::Isolate, _) => (Scope::Agent { agent: agent.clone() }, Standing::Isolated),
            (Wanted::Terminate, _) => (Scope::Agent { agent: agent.clone() }, Standing::Terminated),
        };
        let reason = decision.reasons.iter().find(|reason| reason.mode == Mode::Enforce);
        let reason = reason.map_or_else(String::new, |reason| {
            let text = format!("{}: {}", reason.policy, reason.message);
            text.chars().take(REASON_CHARS_MAX).collect()
        });
        let removed = decision.removed.clone();
        // Narrowing that names no grant takes nothing away.
        if standing == Standing::Narrowed && removed.is_empty() {
            return;
        }
        let by = "policy".to_owned();
        let decision = Some(decision.id);
        self.lower(StandingEntry { scope, standing, removed, since_ms: now_ms, by, reason, decision }, now_ms);
    }

    /// Takes something away at once. `None` when it was gone already.
    pub(crate) fn lower(&self, entry: StandingEntry, now_ms: u64) -> Option<Applied> {
        let mut standings = self.standings.write().unwrap_or_else(PoisonError::into_inner);
        let Lowered { before, after } = standings.lower(entry)?;
        self.any.store(true, Ordering::Release);
        let scope = after.scope.clone();
        tracing::warn!(%scope, standing = ?after.standing, by = %after.by, "contained");
        let change = StandingRecord { time_ms: now_ms, before, after, released: false };
        // Under the lock, so that the log has the changes in their order.
        let number = self.lanes.add(Some(Record::Standing(Box::new(change.clone()))), scope);
        drop(standings);
        self.tell();
        Some(Applied { change, number })
    }

    /// Gives back what a person releases, if what holds is still what the record of the release says. The answer is the
    /// number of the change; `None` when something else holds by now, and nothing was given back.
    fn give_back(&self, before: &StandingEntry, grants: &[String], now_ms: u64) -> Option<u64> {
        let mut standings = self.standings.write().unwrap_or_else(PoisonError::into_inner);
        let scope = before.scope.clone();
        let present = standings.entry(&scope).cloned();
        if present.as_ref() != Some(before) || standings.release(&scope, grants).is_none() {
            // The log says that it was given back, and it was not: the last word is what holds.
            if let Some(after) = present {
                let change = StandingRecord { time_ms: now_ms, before: None, after, released: false };
                self.lanes.add(Some(Record::Standing(Box::new(change))), scope);
            }
            return None;
        }
        self.any.store(!standings.is_empty(), Ordering::Release);
        let number = self.lanes.add(None, scope);
        drop(standings);
        self.tell();
        Some(number)
    }

    /// The entry of exactly this scope.
    pub(crate) fn entry(&self, scope: &Scope) -> Option<StandingEntry> {
        self.standings.read().unwrap_or_else(PoisonError::into_inner).entry(scope).cloned()
    }

    /// Everything that was taken away.
    pub(crate) fn entries(&self) -> Vec<StandingEntry> {
        self.standings.read().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The number of the latest change.
    pub(crate) fn numbers(&self) -> watch::Receiver<u64> {
        self.number.subscribe()
    }

    /// Waits until a change is on record and stored.
    pub(crate) async fn kept(&self, number: u64) {
        self.lanes.kept(number).await;
    }

    /// Waits until every change so far is on record and stored.
    pub(crate) async fn all_kept(&self) {
        self.lanes.kept(self.lanes.latest()).await;
    }

    /// Whether the log or the database does not take what was taken away.
    pub(crate) fn is_unkept(&self) -> bool {
        self.lanes.failing()
    }

    fn tell(&self) {
        self.number.send_modify(|number| *number += 1);
    }
}

impl Drop for Containment {
    fn drop(&mut self) {
        self.lanes.wake();
    }
}
