//! Takes decisions out of the queue and does what is left, one after the other.

use super::evidence::{Answer, Captured};
use super::{Note, Shared, Task, notices};
use crate::recorder::RecordOwner;
use holdshort_inventory::{Happening, definition_digest};
use holdshort_model::{Agent, Approval, Containment, Effect, IncidentEntry, RecordId, ResponseRecord, Step, one_line};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;

/// What is taken out at once: the incidents that it changes are kept once.
const BATCH_MAX: usize = 256;

/// Longest text of a note, in characters.
const NOTE_CHARS_MAX: usize = 300;

/// Runs until the service ends.
pub(super) async fn run(shared: Arc<Shared>, mut queue: mpsc::Receiver<Task>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let (mut changed, mut waiting) = (BTreeSet::new(), Vec::new());
        for task in batch.drain(..) {
            match task {
                Task::Decision(answer) => decision(&shared, *answer, &mut changed).await,
                Task::Note(note) => self::note(&shared, note, &mut changed),
                Task::Approval(approval) => self::approval(&shared, &approval.0, approval.1.as_ref()).await,
                Task::Done(done) => waiting.push(done),
            }
        }
        shared.open.keep(&shared.store, changed).await;
        shared.book.confess();
        // Whoever asked may be gone.
        for done in waiting {
            let _: Result<(), ()> = done.send(());
        }
    }
}

async fn decision(shared: &Shared, mut answer: Answer, changed: &mut BTreeSet<RecordId>) {
    let agents = answer.evidence.agents();
    match answer.evidence.captured.take() {
        Some(captured) => playbook(shared, answer, &captured, changed).await,
        None => {
            if let Some(id) = shared.open.newest(&agents) {
                shared.open.add(id, happening(&answer, vec![line(&answer)]));
                changed.insert(id);
            }
        }
    }
}

/// The steps, in their order, each on record.
async fn playbook(shared: &Shared, answer: Answer, captured: &Captured, changed: &mut BTreeSet<RecordId>) {
    let now_ms = shared.book.now_ms();
    let has = |step| answer.playbook.contains(&step);
    let joined = shared.open.joined(&answer.evidence.agents(), now_ms);
    // Named before it is opened, so that those who are told can look it up.
    let incident = match has(Step::OpenIncident) {
        true => joined.or_else(|| shared.book.ids.next(shared.book.clock.now_ns())),
        false => joined,
    };
    let evidence = serde_json::to_value(captured).unwrap_or_default();
    let mut entries = vec![line(&answer)];
    for step in Step::ALL.into_iter().filter(|step| has(*step)) {
        let (done, text) = match step {
            Step::Capture => (true, captured_text(&evidence)),
            Step::Contain => contained_text(&answer),
            Step::Notify => notify(shared, &answer, captured, incident).await,
            Step::OpenIncident => open(shared, &answer, &evidence, incident, joined.is_some()).await,
        };
        if step != Step::OpenIncident {
            entries.push(IncidentEntry { what: word(step, done).into(), text: text.clone(), ..line(&answer) });
        }
        let (decision, time_ms) = (answer.decision, shared.book.now_ms());
        let (agent, session) = (Some(answer.evidence.agent.clone()), answer.evidence.session.clone());
        let owner = RecordOwner::Session { agent, session };
        shared.book.step(ResponseRecord { time_ms, decision, step, incident, done, text }, Some(&owner));
    }
    if let Some(id) = incident
        && shared.open.add(id, happening(&answer, entries))
    {
        changed.insert(id);
    }
}

fn word(step: Step, done: bool) -> &'static str {
    match (step, done) {
        (Step::Capture, _) => "captured",
        (Step::Contain, true) => "contained",
        (Step::Contain, false) => "not-contained",
        (Step::Notify, true) => "notified",
        (Step::Notify, false) => "notify-failed",
        (Step::OpenIncident, _) => "opened",
    }
}

// The record commits to the evidence by its digest; the incident holds it.
fn captured_text(evidence: &Value) -> String {
    let digest = definition_digest(evidence);
    format!("evidence {digest}: standing, labels, signals, risk, places of the records")
}

fn contained_text(answer: &Answer) -> (bool, String) {
    match answer.containment {
        Containment::None => (false, "the decision takes nothing away".into()),
        Containment::Narrow if answer.removed.is_empty() => (false, "no grant is involved that could be taken".into()),
        Containment::Narrow => (true, format!("grants taken away: {}", answer.removed.join(", "))),
        Containment::Isolate => (true, "isolated".into()),
        Containment::Terminate => (true, "terminated".into()),
    }
}

async fn notify(shared: &Shared, answer: &Answer, captured: &Captured, incident: Option<RecordId>) -> (bool, String) {
    let notice = |id| notices::of_decision(answer, captured, incident, id);
    // Messages are put together for an incident, else for the agent.
    let about = incident.map_or_else(|| answer.evidence.agent.to_string(), |id| id.to_string());
    let key = format!("{about} {} {:?}", answer.kind.as_str(), answer.level);
    shared.delivery.take(&key, notice).await
}

async fn open(
    shared: &Shared,
    answer: &Answer,
    evidence: &Value,
    incident: Option<RecordId>,
    joined: bool,
) -> (bool, String) {
    let Some(id) = incident else {
        return (false, "the system has no random numbers, so no incident can be named".into());
    };
    if joined {
        return (true, format!("carried on: incident {id}"));
    }
    match shared.open.open(id, &answer.title(), evidence.clone(), answer, &shared.store).await {
        Ok(()) => {
            shared.book.counts.incidents_total.fetch_add(1, Ordering::Relaxed);
            (true, format!("opened: incident {id}"))
        }
        Err(problem) => (false, problem),
    }
}

fn note(shared: &Shared, note: Note, changed: &mut BTreeSet<RecordId>) {
    let Note { agent, what, text, at_ms, index } = note;
    let agents = vec![agent];
    if let Some(id) = shared.open.newest(&agents) {
        let text = one_line(&text, NOTE_CHARS_MAX);
        let entries = vec![IncidentEntry { at_ms, what, text, decision: None, index }];
        let level = holdshort_model::Level::default();
        shared.open.add(id, Happening { agents, session: None, level, entries, now_ms: at_ms });
        changed.insert(id);
    }
}

async fn approval(shared: &Shared, approval: &Approval, agent: Option<&Agent>) {
    let key = format!("approval {}", approval.id);
    let (done, text) = shared.delivery.take(&key, |id| notices::of_approval(approval, agent, id)).await;
    // Without a channel people look by themselves: that is no failure of anything.
    if done {
        let (time_ms, decision) = (shared.book.now_ms(), approval.decision);
        let owner = RecordOwner::Session { agent: Some(approval.agent.clone()), session: approval.session.clone() };
        let record = ResponseRecord { time_ms, decision, step: Step::Notify, incident: None, done, text };
        shared.book.step(record, Some(&owner));
    }
}

fn line(answer: &Answer) -> IncidentEntry {
    let what = match answer.enforced {
        Effect::Allow => "told",
        Effect::Ask => "asked",
        Effect::Deny => "refused",
    };
    let text = match answer.reasons.first() {
        Some((policy, message)) => format!("`{}`: {message} ({policy})", answer.evidence.name),
        None => format!("`{}`", answer.evidence.name),
    };
    let (decision, index) = (Some(answer.decision), answer.index);
    IncidentEntry { at_ms: answer.evidence.at_ms, what: what.into(), text, decision, index }
}

pub(super) fn happening(answer: &Answer, entries: Vec<IncidentEntry>) -> Happening {
    Happening {
        agents: answer.evidence.agents(),
        session: Some(answer.evidence.session.clone()),
        level: answer.level,
        entries,
        now_ms: answer.evidence.at_ms,
    }
}
