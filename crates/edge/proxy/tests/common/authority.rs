//! An authority in memory: decides by a closure, remembers every question in its order, and can fail.

use super::DEADLINE;
use async_trait::async_trait;
use holdshort_enforce::{Authority, Fault};
use holdshort_model::{
    Action, ActionKind, ApprovalState, Containment, Context, Decision, Digest, Effect, FailMode, Mode, Obligation,
    Outcome, OutcomeStatus, Pin, Reason, Receipt, RecordId, Request, Risk, Ruling, Seen, SessionId, Standing,
    StandingView, Subject, ToolListing, ToolsSeen,
};
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What the authority of a test says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    Allow,
    Deny,
    Ask,
    /// A person is asked, and answers with [`Recorder::answer`].
    Person,
    /// Allowed, once the argument `limit` is this.
    Limit(u64),
    /// Neither decides nor records.
    Fail(FailMode),
}

/// A question and its answer.
#[derive(Clone, Debug)]
pub struct Asked {
    pub request: Request,
    pub id: RecordId,
    pub said: Say,
}

impl Asked {
    /// `tool.call up/echo`, for comparisons that a person can read.
    pub fn brief(&self) -> String {
        let action = &self.request.action;
        let kind = serde_json::to_value(action.kind).unwrap();
        format!("{} {}/{}", kind.as_str().unwrap(), action.server.as_deref().unwrap_or("-"), action.name)
    }
}

#[derive(Default)]
pub struct Log {
    pub asked: Vec<Asked>,
    pub outcomes: Vec<Outcome>,
    /// What the agent was about to see, by decision.
    pub shown: Vec<(RecordId, Option<Seen>)>,
    pub seen: Vec<ToolsSeen>,
}

impl Log {
    /// Questions about actions of this kind.
    pub fn of(&self, kind: ActionKind) -> Vec<&Asked> {
        self.asked.iter().filter(|asked| asked.request.action.kind == kind).collect()
    }

    /// The texts that actions of this kind showed.
    pub fn shown(&self, kind: ActionKind) -> Vec<String> {
        let ids: Vec<_> = self.of(kind).iter().map(|asked| asked.id).collect();
        let shown = self.shown.iter().filter(|(id, _)| ids.contains(id));
        shown.filter_map(|(_, seen)| seen.clone()).flat_map(|seen| seen.parts).collect()
    }

    /// How the actions of this kind ended.
    pub fn ended(&self, kind: ActionKind) -> Vec<OutcomeStatus> {
        let ids: Vec<_> = self.of(kind).iter().map(|asked| asked.id).collect();
        self.outcomes.iter().filter(|outcome| ids.contains(&outcome.decision)).map(|outcome| outcome.status).collect()
    }
}

type Decide = Box<dyn Fn(&Request) -> Say + Send + Sync>;

/// The authority of a test.
pub struct Recorder {
    decide: Decide,
    log: Mutex<Log>,
    changed: Condvar,
    answer: tokio::sync::watch::Sender<ApprovalState>,
    /// What is left to everybody, and how often that changed.
    left: tokio::sync::watch::Sender<(u64, StandingView)>,
}

impl Recorder {
    pub fn new(decide: impl Fn(&Request) -> Say + Send + Sync + 'static) -> Arc<Self> {
        let answer = tokio::sync::watch::Sender::new(ApprovalState::Pending);
        let left = tokio::sync::watch::Sender::new((1, StandingView::default()));
        Arc::new(Self { decide: Box::new(decide), log: Mutex::default(), changed: Condvar::new(), answer, left })
    }

    /// What the person says who is asked.
    pub fn answer(&self, state: ApprovalState) {
        self.answer.send_replace(state);
    }

    /// Permits everything that the enforcement point could read.
    pub fn open() -> Arc<Self> {
        Self::new(|_| Say::Allow)
    }

    /// Refuses tools, resources and prompts of these names, permits the rest.
    pub fn without(names: &[&str]) -> Arc<Self> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Self::new(move |request| if names.contains(&request.action.name) { Say::Deny } else { Say::Allow })
    }

    pub fn look<T>(&self, with: impl FnOnce(&Log) -> T) -> T {
        with(&self.log.lock().unwrap())
    }

    /// Waits until the log shows something.
    pub fn wait<T>(&self, what: &str, mut found: impl FnMut(&Log) -> Option<T>) -> T {
        let mut log = self.log.lock().unwrap();
        loop {
            if let Some(found) = found(&log) {
                return found;
            }
            let (next, wait) = self.changed.wait_timeout(log, DEADLINE).unwrap();
            assert!(!wait.timed_out(), "never recorded: {what}");
            log = next;
        }
    }

    /// Questions about actions of this kind, as [`Asked::brief`].
    pub fn briefs(&self, kind: ActionKind) -> Vec<String> {
        self.look(|log| log.of(kind).iter().map(|asked| asked.brief()).collect())
    }

    /// Waits until an action of this kind ended so.
    pub fn wait_ended(&self, kind: ActionKind, status: OutcomeStatus) {
        self.wait(&format!("{kind:?} ended as {status:?}"), |log| log.ended(kind).contains(&status).then_some(()));
    }

    /// Digests of everything that was permitted to go to a server.
    pub fn permitted(&self) -> HashSet<Digest> {
        let permitted = |asked: &&Asked| asked.said == Say::Allow;
        self.look(|log| log.asked.iter().filter(permitted).filter_map(|asked| asked.request.action.digest).collect())
    }

    /// Whether some question was about exactly these bytes.
    pub fn permitted_bytes(&self, bytes: &str) -> bool {
        let digest = Some(Digest::of(bytes.as_bytes()));
        self.look(|log| log.asked.iter().any(|asked| asked.request.action.digest == digest))
    }

    pub fn is_isolated(&self) -> bool {
        self.left.borrow().1.standing >= Standing::Isolated
    }

    /// From now on this is left to everybody.
    pub fn leave(&self, standing: Standing) {
        let because = (standing > Standing::Active).then(|| "the test takes it away".to_owned());
        self.left.send_modify(|(number, left)| {
            *number += 1;
            *left = StandingView { standing, removed: Vec::new(), because };
        });
    }

    fn add(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.log.lock().unwrap());
        self.changed.notify_all();
    }
}

#[async_trait]
impl Authority for Recorder {
    async fn rule(&self, request: Request) -> Result<Ruling, Fault> {
        // As the real decision point does: what the enforcement point cannot forward is refused.
        let nothing_left = self.left.borrow().1.standing >= Standing::Isolated;
        let said = if request.context.fault.is_some() || nothing_left { Say::Deny } else { (self.decide)(&request) };
        let limit = request.action.args.get("arguments").unwrap_or(&request.action.args).get("limit").cloned();
        let mut index = 0;
        self.add(|log| {
            index = log.asked.len() as u64;
            log.asked.push(Asked { request, id: record_id(index), said });
        });
        let effect = match said {
            Say::Fail(mode) => return Err(Fault::new(mode, "the test says so")),
            Say::Person if *self.answer.borrow() == ApprovalState::Approved => Effect::Allow,
            Say::Allow | Say::Limit(_) => Effect::Allow,
            Say::Ask | Say::Person => Effect::Ask,
            Say::Deny => Effect::Deny,
        };
        let reason =
            Reason { policy: "test.policy".into(), message: "the test forbids it".into(), effect, mode: Mode::Enforce };
        let decision = Decision {
            id: record_id(index),
            effect,
            enforced: effect,
            mode: Mode::Enforce,
            containment: Containment::None,
            removed: Vec::new(),
            risk: Risk::default(),
            reasons: if effect == Effect::Allow { Vec::new() } else { vec![reason] },
            obligations: match said {
                Say::Limit(max) if limit != Some(max.into()) => {
                    vec![Obligation::Constrain { pointer: "/limit".into(), value: max.into() }]
                }
                _ => Vec::new(),
            },
            approval: (said == Say::Person && effect == Effect::Ask).then(|| record_id(APPROVAL)),
            approved: None,
            playbook: Vec::new(),
            snapshot: Digest::of(b""),
        };
        Ok(Ruling { decision, receipt: Receipt { log: "test".into(), index } })
    }

    async fn report(&self, outcome: Outcome, seen: Option<Seen>) -> Result<(), Fault> {
        self.add(|log| {
            log.shown.push((outcome.decision, seen));
            log.outcomes.push(outcome);
        });
        Ok(())
    }

    async fn approval(&self, _: &Subject, id: RecordId, wait: Duration) -> Result<ApprovalState, Fault> {
        assert_eq!(id, record_id(APPROVAL));
        let mut answer = self.answer.subscribe();
        let answered = answer.wait_for(|state| *state != ApprovalState::Pending);
        let _ = tokio::time::timeout(wait, answered).await;
        Ok(*self.answer.borrow())
    }

    async fn standing(&self, _: &Subject, _: &SessionId) -> Result<StandingView, Fault> {
        Ok(self.left.borrow().1.clone())
    }

    async fn standing_changed(&self, seen: u64) -> Result<u64, Fault> {
        Ok(self.left.subscribe().wait_for(|(number, _)| *number != seen).await.unwrap().0)
    }

    /// The same predicate as for calls, with the arguments unknown.
    async fn inspect(&self, seen: ToolsSeen) -> Result<Vec<ToolListing>, Fault> {
        let judge = |name: &str| {
            let (kind, server) = (seen.kind, Some(seen.server.clone()));
            let action = Action { kind, server, name: name.to_owned(), args: serde_json::Value::Null, digest: None };
            let (subject, session) = (seen.subject.clone(), seen.session.clone());
            (self.decide)(&Request { subject, action, context: Context::default(), session })
        };
        let mut listings = Vec::new();
        for tool in &seen.tools {
            match judge(&tool.name) {
                Say::Fail(mode) => return Err(Fault::new(mode, "the test says so")),
                said => {
                    listings.push(ToolListing { name: tool.name.clone(), listed: said == Say::Allow, pin: Pin::Match })
                }
            }
        }
        self.add(|log| log.seen.push(seen));
        Ok(listings)
    }
}

/// The approval that a person is asked for.
pub const APPROVAL: u64 = 1_000_000;

fn record_id(index: u64) -> RecordId {
    RecordId::from_parts(1, u128::from(index))
}
