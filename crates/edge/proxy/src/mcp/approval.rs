//! Calls that wait for a person.
//!
//! A client of the session era is kept waiting, up to a limit, and hears about it when it asked for progress. A client of
//! 2026-07-28 gets an `input_required` result with a `requestState` of our own and calls again. The state is a random
//! token that is good once, for this client and this call; it grants nothing. What counts is the decision that is made
//! anew when the call comes again.

use super::guard::{Refused, Running};
use super::session::{Core, Era, Out, lock};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use holdshort_enforce::{Permitted, Suspended};
use holdshort_model::{ApprovalState, Digest, OutcomeStatus, RecordId};
use holdshort_wire::json;
use holdshort_wire::mcp::{CLIENT_CAPABILITIES, Id, Message, code};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Begins every state of ours: upstreams have states of their own.
const PREFIX: &str = "holdshort-approval.";
/// Key of the notice that an `input_required` result of ours carries.
const NOTICE: &str = "holdshort_approval";
/// Calls of one client that may wait for a person.
const WAITING_MAX: usize = 64;
/// How long a state is good.
const WAITING_FOR: Duration = Duration::from_secs(24 * 3600);
/// How often a waiting client hears that it still waits.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// Methods whose result may be `input_required`; of others the client does not expect it.
const CAN_WAIT: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// What a rewritten call looks like; also see [`super::guard`].
pub(crate) type Checked = Result<(Permitted<Message>, Running), Box<Suspended<Message>>>;

/// A call that a stateless client will make again.
pub(crate) struct Waiting {
    /// Digest of method and params without what a retry adds.
    call: Digest,
    /// `requestState` and `inputResponses` that were meant for the upstream.
    carried: Map<String, Value>,
    since: Instant,
}

/// What a call says about its own waiting.
pub(crate) struct Caller {
    id: Id,
    method: String,
    params: Value,
}

impl Caller {
    pub(crate) fn of(message: &Message) -> Option<Self> {
        let (id, method) = (message.id()?.clone(), message.method().to_owned());
        CAN_WAIT.contains(&method.as_str()).then(|| message.params().ok())?.map(|params| Self { id, method, params })
    }

    fn progress_token(&self) -> Option<&Value> {
        self.params.get("_meta")?.get("progressToken")
    }
}

impl Core {
    /// Waits for a person, as long as the client's era allows. Gives the permit of the decision that is made then.
    pub(crate) async fn wait_for_person(
        self: &Arc<Self>,
        suspended: Box<Suspended<Message>>,
        caller: Option<Caller>,
        out: &Out,
    ) -> Result<(Permitted<Message>, Running), Refused> {
        let Some(caller) = caller else { return Err(Refused::from(suspended.refusal())) };
        let wait = match self.era {
            Era::Session => self.limits.approval_wait,
            // It calls again by itself: a round is held so that this does not become a busy loop.
            Era::Stateless => self.limits.approval_wait.min(ROUND),
        };
        // Whoever can show the notice shows it at once; the retry is what waits.
        let notices = self.era == Era::Stateless && declares_elicitation(&caller.params) && !self.returns(&caller);
        let until = Instant::now() + if notices { Duration::ZERO } else { wait };
        let cancelled = self.cancellable(&caller.id);
        let mut suspended = suspended;
        let mut beat = 0u64;
        if !notices {
            self.tell_progress(&caller, suspended.approval(), beat, out).await;
        }
        loop {
            let asked = Instant::now();
            let left = until.saturating_duration_since(asked).min(PROGRESS_EVERY);
            let state = tokio::select! {
                state = self.guard.wait(&suspended, left) => state?,
                () = cancelled.told.notified() => return Err(Refused::internal("cancelled")),
                () = self.abandoned(out) => return Err(Refused::internal("cancelled")),
                cut = self.contained() => return Err(cut.refused(None)),
            };
            match state {
                ApprovalState::Approved => match self.guard.resume(suspended).await? {
                    Ok(permitted) => return Ok(permitted),
                    // Something changed since: that is a new question, for as long as there is time.
                    Err(again) => suspended = again,
                },
                ApprovalState::Pending => {}
                ApprovalState::Refused => return Err(self.say_no(suspended).await),
                ApprovalState::Expired | ApprovalState::Used => {
                    return Err(Refused::after(state, suspended.approval()));
                }
            }
            if Instant::now() >= until {
                break;
            }
            // A service that does not wait must not be asked in a busy loop.
            tokio::time::sleep(left.saturating_sub(asked.elapsed())).await;
            beat += 1;
            self.tell_progress(&caller, suspended.approval(), beat, out).await;
        }
        match self.era {
            Era::Session => Err(Refused::from(suspended.refusal())),
            Era::Stateless => Err(self.ask_again(&caller, suspended)),
        }
    }

    /// The refusal of a person: decided anew, so that the agent reads why. Whatever that comes to, the call does not run.
    async fn say_no(&self, suspended: Box<Suspended<Message>>) -> Refused {
        let approval = suspended.approval();
        match self.guard.resume(suspended).await {
            Err(refused) => refused,
            Ok(Err(_)) => Refused::after(ApprovalState::Refused, approval),
            Ok(Ok((_permit, running))) => {
                self.guard.report(&running, OutcomeStatus::Cancelled, None).await;
                Refused::after(ApprovalState::Refused, approval)
            }
        }
    }

    async fn tell_progress(&self, caller: &Caller, approval: RecordId, beat: u64, out: &Out) {
        let Some(token) = caller.progress_token() else { return };
        let message = format!("waiting for a person to approve ({approval})");
        let params = json!({ "progressToken": token, "progress": beat, "message": message });
        if let Ok(message) = Message::notification("notifications/progress", &params) {
            let _ = out.send(message.raw().clone()).await;
        }
    }

    /// The answer that makes a stateless client call again.
    fn ask_again(&self, caller: &Caller, suspended: Box<Suspended<Message>>) -> Refused {
        let approval = suspended.approval();
        let refusal = suspended.refusal();
        let mut bytes = [0u8; 24];
        if let Err(error) = getrandom::fill(&mut bytes) {
            return Refused::internal(format!("no randomness: {error}"));
        }
        let state = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let carried = carried(&caller.params);
        let call = call_digest(&caller.method, &caller.params);
        {
            let mut all = lock(&self.waiting);
            all.retain(|_, one| one.since.elapsed() < WAITING_FOR);
            if all.len() >= WAITING_MAX {
                let refused = Refused::from(refusal);
                return refused.but("too many calls of this client wait for a person; wait for one of them");
            }
            all.insert(state.clone(), Waiting { call, carried, since: Instant::now() });
        }
        let refused = Refused::from(refusal);
        let mut result = json!({ "resultType": "input_required", "requestState": state });
        if declares_elicitation(&caller.params)
            && let Some(result) = result.as_object_mut()
        {
            // A notice and no question: nothing that comes back over the agent's own connection can approve.
            let params = json!({
                "mode": "form",
                "message": format!("{} Approve or refuse it in Holdshort (approval {approval}), then go on.", refused.message()),
                "requestedSchema": { "type": "object", "properties": {} },
            });
            result.insert(
                "inputRequests".into(),
                json!({ NOTICE: { "method": "elicitation/create", "params": params } }),
            );
        }
        refused.with_result(result)
    }

    /// A message of a client, with a state of ours taken out of it and what the upstream is to get put back in.
    /// The state is used up, whatever comes next.
    pub(crate) fn take_up(&self, message: Message) -> Result<Message, Refused> {
        if self.era != Era::Stateless || !message.body().contains(PREFIX) {
            return Ok(message);
        }
        let invalid = |what: &str| Refused::new(code::INVALID_PARAMS, format!("`requestState` {what}")).in_band();
        let params = message.params().map_err(|error| invalid(&error.to_string()))?;
        let Some(state) = params.get("requestState").and_then(Value::as_str).filter(|state| state.starts_with(PREFIX))
        else {
            return Ok(message);
        };
        let waiting = lock(&self.waiting).remove(state);
        let waiting = waiting.ok_or_else(|| invalid("is unknown, expired or was used before; call without it"))?;
        if waiting.call != call_digest(message.method(), &params) {
            return Err(invalid("belongs to another call; a changed call needs an approval of its own"));
        }
        let answer = params.get("inputResponses").and_then(|all| all.get(NOTICE)).and_then(|one| one.get("action"));
        if answer.is_some_and(|action| action != "accept") {
            return Err(Refused::new(code::REFUSED, "Holdshort: the wait for an approval was cancelled.").in_band());
        }
        let Value::Object(mut params) = params else { return Err(invalid("stands in no object")) };
        params.remove("requestState");
        params.remove("inputResponses");
        params.extend(waiting.carried);
        let mut returned = lock(&self.returned);
        if returned.len() >= WAITING_MAX {
            returned.clear();
        }
        returned.insert(waiting.call);
        drop(returned);
        Ok(message.with_body(&Value::Object(params).to_string())?)
    }

    /// Lets the client cancel a call that waits, for as long as the guard lives.
    fn cancellable(self: &Arc<Self>, id: &Id) -> Cancellable {
        let told = Arc::new(Notify::new());
        lock(&self.cancellable).insert(id.clone(), told.clone());
        Cancellable { core: self.clone(), id: id.clone(), told }
    }

    /// Ends the wait of a call that the client cancelled; false when it does not wait.
    pub(crate) fn cancel_wait(&self, id: &Id) -> bool {
        let waits = lock(&self.cancellable).get(id).cloned();
        waits.as_ref().inspect(|told| told.notify_one()).is_some()
    }

    // Whether this call was here before: then it is held instead of sent back at once.
    fn returns(&self, caller: &Caller) -> bool {
        lock(&self.returned).remove(&call_digest(&caller.method, &caller.params))
    }
}

/// A wait that the client can cancel.
struct Cancellable {
    core: Arc<Core>,
    id: Id,
    told: Arc<Notify>,
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        let mut all = lock(&self.core.cancellable);
        if all.get(&self.id).is_some_and(|told| Arc::ptr_eq(told, &self.told)) {
            all.remove(&self.id);
        }
    }
}

/// How long one round of a stateless client is held.
const ROUND: Duration = Duration::from_secs(20);

fn declares_elicitation(params: &Value) -> bool {
    params
        .get("_meta")
        .and_then(|meta| meta.get(CLIENT_CAPABILITIES))
        .is_some_and(|all| all.get("elicitation").is_some())
}

fn carried(params: &Value) -> Map<String, Value> {
    let members = ["requestState", "inputResponses"].into_iter();
    members.filter_map(|name| Some((name.to_owned(), params.get(name)?.clone()))).collect()
}

/// Digest of a call without what a retry adds.
pub(crate) fn call_digest(method: &str, params: &Value) -> Digest {
    let mut params = params.clone();
    if let Some(params) = params.as_object_mut() {
        for added in ["inputResponses", "requestState", "_meta"] {
            params.remove(added);
        }
    }
    Digest::of_parts([method.as_bytes(), params.to_string().as_bytes()])
}

/// The same call with other arguments: how obligations are carried out. Everything else stays byte for byte.
pub(crate) fn with_arguments(message: &Message, args: &Value) -> Option<Message> {
    if !matches!(message.method(), "tools/call" | "prompts/get") {
        return None;
    }
    let members = json::members(message.body()).ok()?;
    let (_, old) = members.iter().find(|(key, _)| key == "arguments")?;
    let span = json::span(message.body(), old.get())?;
    message.with_body(&json::splice(message.body(), vec![(span, args.to_string())])).ok()
}
