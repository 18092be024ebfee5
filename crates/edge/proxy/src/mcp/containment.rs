//! What a session does when something is taken from its agent.
//!
//! The decision service refuses every action of a contained agent by itself. Here, what is already under way ends: calls
//! get the refusal, their cancellation goes upstream, tasks are cancelled, connections are closed, lists are hidden.
//! INVARIANT: nothing that the agent wrote goes upstream on the way; see [`Withdrawal`].

use super::guard::{Refused, Running};
use super::link::{Link, UpstreamFault, Withdrawal};
use super::session::{Core, Era, lock};
use holdshort_enforce::{Authority, Fault, Refusal};
use holdshort_model::{Effect, Mode, OutcomeStatus, Reason, RecordId, Standing, StandingView};
use holdshort_wire::mcp::{Direction, Id, Kind, Message};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Tasks of one session that are remembered; beyond it the oldest is forgotten. Its server ends with the connection.
const TASKS_MAX: usize = 1_024;
/// How long cancelling may take before the connections are closed.
const WITHDRAW_MAX: Duration = Duration::from_secs(1);
/// How long an upstream that is being connected may hold its closing up.
const CLOSE_MAX: Duration = Duration::from_secs(15);
/// How often a standing that cannot be had is asked for again, and the pause between.
const ASK_MAX: u32 = 5;
const ASK_PAUSE: Duration = Duration::from_millis(200);
/// Shortest time between two questions for changes, and the longest after failures.
const CHANGE_PAUSE: Duration = Duration::from_millis(50);
const CHANGE_PAUSE_MAX: Duration = Duration::from_secs(1);
/// What the refusal of a call is called in records and answers.
const POLICY: &str = "standing";

/// What a session knows of its standing.
#[derive(Default)]
pub(crate) struct Contained {
    seen: Mutex<StandingView>,
    cut: watch::Sender<Option<Arc<Cut>>>,
    tasks: Mutex<Vec<Task>>,
}

/// Why nothing goes on.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    because: String,
    /// Whether the session itself is over.
    pub(crate) ends: bool,
}

/// A task at an upstream that a call of this session began.
struct Task {
    route: usize,
    id: String,
    running: Running,
}

/// What becomes of a session whose standing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It goes on, with what is left.
    GoesOn,
    /// The client has to begin anew, or to end.
    Ends,
}

impl Cut {
    /// What a call gets that was under way.
    pub(crate) fn refused(&self, decision: Option<RecordId>) -> Refused {
        refused(&self.because, decision)
    }

    /// In words.
    pub(crate) fn because(&self) -> &str {
        &self.because
    }
}

/// A refusal because of a standing.
pub(crate) fn refused(because: &str, decision: Option<RecordId>) -> Refused {
    let reason =
        Reason { policy: POLICY.into(), message: because.to_owned(), effect: Effect::Deny, mode: Mode::Enforce };
    Refused::from(Refusal { decision, effect: Effect::Deny, approval: None, reasons: vec![reason], fail_mode: None })
}

impl Core {
    /// Set while nothing of this session may go on.
    pub(crate) fn cut(&self) -> Option<Arc<Cut>> {
        self.contained.cut.borrow().clone()
    }

    /// Resolves when nothing may go on any more.
    pub(crate) async fn contained(&self) -> Arc<Cut> {
        let mut cut = self.contained.cut.subscribe();
        match cut.wait_for(Option::is_some).await.map(|cut| cut.clone()) {
            Ok(Some(cut)) => cut,
            // The sender lives as long as this does, and the value was just looked at.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Asked before an upstream is connected: an agent that is isolated starts no process and opens no session.
    pub(crate) async fn may_connect(&self) -> Result<(), UpstreamFault> {
        let cut = match self.guard.standing().await {
            Ok(left) => cut_of(&left),
            Err(fault) => Some(unknown(&fault)),
        };
        match cut {
            None => Ok(()),
            Some(cut) => Err(UpstreamFault::Contained(cut.because)),
        }
    }

    /// The refusal of a message that cannot even be prepared, since there is no connection for it. On record.
    pub(crate) async fn refuse(&self, message: Message, server: &str, because: &str) -> Refused {
        let checked = match message.kind() {
            Kind::Result(_) | Kind::Error(_) => {
                self.guard.check_answer(message, holdshort_model::ActionKind::Protocol, "response", server).await
            }
            Kind::Request(_) | Kind::Notification => self.guard.check(message, server, Direction::ToServer).await,
        };
        match checked {
            Err(refused) => refused,
            // Released this moment: the permit is given back, and the next attempt finds everything open.
            Ok((permit, running)) => {
                let decision = permit.decision();
                self.guard.report(&running, OutcomeStatus::Cancelled, None).await;
                refused(because, Some(decision))
            }
        }
    }

    /// Takes notice of what is left now.
    pub(crate) async fn examine(self: &Arc<Self>) -> After {
        let left = match self.ask_standing().await {
            Ok(left) => left,
            // INVARIANT: who cannot be asked about counts as isolated.
            Err(fault) => StandingView {
                standing: Standing::Isolated,
                removed: Vec::new(),
                because: Some(unknown(&fault).because),
            },
        };
        let before = std::mem::replace(&mut *lock(&self.contained.seen), left.clone());
        if (before.standing, &before.removed) == (left.standing, &left.removed) {
            return After::GoesOn;
        }
        let was_cut = self.cut().is_some();
        match cut_of(&left) {
            Some(cut) => {
                let ends = cut.ends;
                self.cut_off(cut);
                if ends { After::Ends } else { After::GoesOn }
            }
            None => {
                self.contained.cut.send_replace(None);
                self.tell_lists_changed();
                // What its upstreams knew of the session is gone.
                if was_cut && self.era == Era::Session { After::Ends } else { After::GoesOn }
            }
        }
    }

    async fn ask_standing(&self) -> Result<StandingView, Fault> {
        let mut asked = self.guard.standing().await;
        for _ in 1..ASK_MAX {
            if asked.is_ok() {
                break;
            }
            tokio::time::sleep(ASK_PAUSE).await;
            asked = self.guard.standing().await;
        }
        asked
    }

    /// Ends what is under way. Returns when nothing new can begin; winding up goes on beside.
    fn cut_off(self: &Arc<Self>, cut: Cut) {
        tracing::warn!(because = %cut.because, "a session is cut off");
        let mut calls = self.calls_under_way();
        self.contained.cut.send_replace(Some(Arc::new(cut)));
        calls.extend(self.calls_under_way());
        self.tell_lists_changed();
        self.stop_all_listening();
        let core = self.clone();
        tokio::spawn(async move { core.wind_up(calls).await });
    }

    async fn wind_up(self: Arc<Self>, calls: BTreeSet<(usize, Id)>) {
        lock(&self.waiting).clear();
        self.forget_asked();
        let parked: Vec<_> = lock(&self.parked).drain().map(|(_, parked)| parked.into_flight()).collect();
        for flight in &parked {
            self.guard.report(flight.running(), OutcomeStatus::Cancelled, None).await;
        }
        drop(parked);
        for (task, _) in lock(&self.following).drain().map(|(_, following)| following) {
            if let Some(task) = task {
                task.abort();
            }
        }
        let tasks = std::mem::take(&mut *lock(&self.contained.tasks));
        for task in &tasks {
            self.guard.report(&task.running, OutcomeStatus::Cancelled, None).await;
        }
        let routes = (0..self.routes.len()).map(|index| self.close_route(index, &calls, &tasks));
        futures_util::future::join_all(routes).await;
    }

    /// Takes back what one upstream has of this session, and closes the connection. The dead link stays in its place, so
    /// that a session of the older era is not begun anew behind the client's back.
    async fn close_route(&self, index: usize, calls: &BTreeSet<(usize, Id)>, tasks: &[Task]) {
        let Some(route) = self.routes.get(index) else { return };
        let Ok(link) = tokio::time::timeout(CLOSE_MAX, route.link()).await else { return };
        let Some(link) = link else { return };
        let era = route.era();
        // A stateless HTTP upstream learns of the end of a call from the stream that closes.
        let by_stream = matches!(&*link, Link::Http(_)) && era == Era::Stateless;
        let calls = calls.iter().filter(|(route, _)| *route == index && !by_stream);
        let calls = calls.filter_map(|(_, id)| Withdrawal::of_call(id));
        let tasks = tasks.iter().filter(|task| task.route == index);
        let tasks = tasks.filter_map(|task| Withdrawal::of_task(&self.fresh_id(), &task.id, era));
        let withdraw = async {
            for withdrawal in calls.chain(tasks) {
                if let Err(error) = link.withdraw(withdrawal).await {
                    tracing::info!(%error, upstream = route.name(), "a cancellation did not arrive");
                }
            }
        };
        // The connection is closed whether the upstream listens or not.
        let _ = tokio::time::timeout(WITHDRAW_MAX, withdraw).await;
        link.close().await;
    }

    fn tell_lists_changed(&self) {
        let Ok(changed) = Message::notification("notifications/tools/list_changed", &serde_json::json!({})) else {
            return;
        };
        match self.era {
            Era::Session => self.outbox.push(changed.raw().clone()),
            Era::Stateless => self.tell_listeners(0, &changed),
        }
    }

    /// Notes the task that a call began, or that one has ended.
    pub(crate) fn note_task(&self, route: usize, response: &Message, running: &Running) {
        let Kind::Result(_) = response.kind() else { return };
        // Most results are no task: they are not parsed for it.
        if !response.body().contains("task") {
            return;
        }
        let Ok(result) = response.params() else { return };
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let task = result.get("task").unwrap_or(&result);
        let begun = result.get("task").is_some() || result.get("resultType").and_then(Value::as_str) == Some("task");
        let related = || text(result.get("_meta")?.get("io.modelcontextprotocol/related-task")?, "taskId");
        let Some(id) = text(task, "taskId").or_else(related) else { return };
        let ended = match text(task, "status").as_deref() {
            Some("completed" | "failed" | "cancelled") => true,
            Some(_) => false,
            // The result of a task, and not the task.
            None => true,
        };
        let mut tasks = lock(&self.contained.tasks);
        let known = tasks.iter().position(|one| one.route == route && one.id == id);
        match known {
            Some(at) if ended => drop(tasks.remove(at)),
            None if begun && !ended => {
                if tasks.len() >= TASKS_MAX {
                    tasks.remove(0);
                }
                tasks.push(Task { route, id, running: *running });
            }
            Some(_) | None => {}
        }
    }
}

fn cut_of(left: &StandingView) -> Option<Cut> {
    let ends = match left.standing {
        Standing::Active | Standing::Narrowed => return None,
        Standing::Isolated => false,
        Standing::Terminated => true,
    };
    let because = left.because.clone().unwrap_or_else(|| "the agent is isolated; a person has to release it".into());
    Some(Cut { because, ends })
}

fn unknown(fault: &Fault) -> Cut {
    Cut { because: format!("what is left to the agent is not known: {}", fault.message), ends: false }
}

/// Calls `examine` whenever anybody's standing has changed. Ends with the task that it runs in.
pub(crate) async fn watch<F: Future<Output = ()>>(authority: Arc<dyn Authority>, examine: impl Fn() -> F) {
    let (mut seen, mut pause) = (0, CHANGE_PAUSE);
    loop {
        let asked = Instant::now();
        match authority.standing_changed(seen).await {
            Ok(number) if number != seen => {
                (seen, pause) = (number, CHANGE_PAUSE);
                examine().await;
            }
            // An authority that does not wait is not asked in a busy loop.
            Ok(_) => tokio::time::sleep(CHANGE_PAUSE.saturating_sub(asked.elapsed())).await,
            Err(fault) => {
                tracing::debug!(%fault, "changes of standing cannot be waited for");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(CHANGE_PAUSE_MAX);
            }
        }
    }
}
