//! One request on one link: prepared, checked, sent, and everything that belongs to it relayed.

use super::approval::Caller;
use super::catalog;
use super::containment::Cut;
use super::guard::{Refused, Running, status_of};
use super::link::{Link, Replies, Reply, UpstreamFault};
use super::seen::{self, Aside};
use super::session::{Call, Core, Era, Out, Registered, Upstream};
use holdshort_enforce::Permitted;
use holdshort_model::OutcomeStatus;
use holdshort_wire::json;
use holdshort_wire::mcp::headers::ParamHeader;
use holdshort_wire::mcp::{Direction, Id, Kind, Message};
use serde_json::{Value, json};
use std::sync::Arc;

/// Questions of a server that may wait for one call.
const QUESTIONS_QUEUE: usize = 8;

/// A request that was sent and waits for its response.
pub(crate) struct Flight {
    pub(crate) index: usize,
    method: String,
    replies: Replies,
    questions: tokio::sync::mpsc::Receiver<Message>,
    running: Running,
    client_id: Id,
    upstream_id: Id,
    /// Progress token at the upstream and the client's own, where they differ.
    token: Option<(Id, Id)>,
    /// What was said beside the response.
    aside: Aside,
    _registered: Registered,
}

/// How a flight goes on.
pub(crate) enum Step {
    /// The response, with the client's id.
    Response(Message),
    /// The server asks the client something before it answers.
    Asked(Message),
}

impl Core {
    /// Runs one request of the client on one upstream that speaks the same era.
    pub(crate) async fn relay(self: &Arc<Self>, index: usize, message: Message, out: &Out) -> Result<Message, Refused> {
        let route = self.route(index)?;
        if self.era == Era::Stateless {
            self.check_answers(route.name(), &message).await?;
        }
        let mut flight = self.launch(index, message, out).await?;
        loop {
            match self.drive(&mut flight, out).await? {
                Step::Response(response) => {
                    let response = self.settle(&flight, response).await?;
                    if self.era == Era::Stateless {
                        self.check_questions(route.name(), &response).await?;
                    }
                    return Ok(response);
                }
                Step::Asked(question) => self.ask_client(index, question, Some(out)).await,
            }
        }
    }

    /// Prepares, checks and sends a request.
    pub(crate) async fn launch(self: &Arc<Self>, index: usize, message: Message, out: &Out) -> Result<Flight, Refused> {
        let route = self.route(index)?;
        let link = match self.link(index).await {
            Err(UpstreamFault::Contained(because)) => {
                return Err(self.refuse(message, route.name(), &because).await);
            }
            link => link?,
        };
        let method = message.method().to_owned();
        let caller = Caller::of(&message);
        let client_id = message.id().cloned().ok_or_else(|| Refused::internal("a request without an id"))?;
        let (message, token) = self.prepare(&link, route.era(), message)?;
        let upstream_id = message.id().cloned().unwrap_or_else(|| client_id.clone());
        let (sender, questions) = tokio::sync::mpsc::channel(QUESTIONS_QUEUE);
        let call = Call {
            client_id: client_id.clone(),
            upstream_id: upstream_id.clone(),
            route: index,
            out: out.clone(),
            questions: sender,
        };
        let registered = self.register(call)?;
        let (permit, running) = match self.guard.check_call(message, route.name()).await? {
            Ok(permitted) => permitted,
            Err(suspended) => self.wait_for_person(suspended, caller, out).await?,
        };
        // Isolated while it was decided: the permit is not used.
        if let Some(cut) = self.cut() {
            self.guard.report(&running, OutcomeStatus::Cancelled, None).await;
            return Err(cut.refused(Some(permit.decision())));
        }
        let modern = route.learned() == Some(Era::Stateless) || method == "server/discover";
        let mirrored = modern.then(|| mirrored(&permit, &route.upstream));
        let replies = link.request(permit, mirrored.as_deref()).await;
        Ok(Flight {
            index,
            method,
            replies,
            questions,
            running,
            client_id,
            upstream_id,
            token,
            aside: Aside::default(),
            _registered: registered,
        })
    }

    /// Makes ids unique where several clients share a child, or a session at the upstream: there an id stands for one
    /// request. Everything else stays byte for byte.
    fn prepare(&self, link: &Link, era: Era, message: Message) -> Result<(Message, Option<(Id, Id)>), Refused> {
        let message = link.shape(message);
        let ids_are_shared = matches!(link, Link::Stdio(_)) || era == Era::Session;
        if !(self.shared && ids_are_shared) {
            return Ok((message, None));
        }
        let mut message = message.with_id(&self.fresh_id())?;
        let mut token = None;
        if let Some((span, own)) = progress_token(message.body()) {
            let fresh = self.fresh_id();
            let body = json::splice(message.body(), vec![(span, fresh.as_json().to_owned())]);
            message = message.with_body(&body)?;
            token = Some((fresh, own));
        }
        Ok((message, token))
    }

    /// Relays what belongs to a flight until something has to be decided.
    pub(crate) async fn drive(self: &Arc<Self>, flight: &mut Flight, out: &Out) -> Result<Step, Refused> {
        loop {
            if let Some(cut) = self.cut() {
                return Err(self.cut_short(flight, &cut).await);
            }
            let silence = self.limits.upstream_silence;
            let reply = tokio::select! {
                reply = tokio::time::timeout(silence, flight.replies.recv()) => reply,
                Some(question) = flight.questions.recv() => return Ok(Step::Asked(question)),
                cut = self.contained() => return Err(self.cut_short(flight, &cut).await),
                () = self.abandoned(out) => {
                    self.give_up(flight, OutcomeStatus::Cancelled, "the client went away").await;
                    return Err(Refused::internal("cancelled"));
                }
            };
            let fault = match reply {
                Ok(Some(Ok(Reply::Pause(retry)))) => {
                    self.streams.pause(&flight.client_id, retry);
                    continue;
                }
                Ok(Some(Ok(Reply::Message(message)))) => match message.kind() {
                    Kind::Result(_) | Kind::Error(_) => return Ok(Step::Response(message)),
                    Kind::Request(_) => return Ok(Step::Asked(message)),
                    Kind::Notification => {
                        flight.aside.note(&message);
                        let _ = out.send(self.outward(flight.index, &flight.own_token(message))).await;
                        continue;
                    }
                },
                Ok(Some(Err(fault))) => fault,
                Ok(None) => UpstreamFault::Closed,
                Err(_) => {
                    self.give_up(flight, OutcomeStatus::Timeout, "no answer in time").await;
                    return Err(UpstreamFault::Silent(silence.as_secs()).into());
                }
            };
            let status = match fault {
                UpstreamFault::Silent(_) => OutcomeStatus::Timeout,
                _ => OutcomeStatus::UpstreamFault,
            };
            self.guard.report(&flight.running, status, flight.aside.seen()).await;
            return Err(fault.into());
        }
    }

    /// Lets the session learn of the response, records the outcome, filters lists, and gives the response the client's id.
    pub(crate) async fn settle(self: &Arc<Self>, flight: &Flight, response: Message) -> Result<Message, Refused> {
        self.note_task(flight.index, &response, &flight.running);
        let seen = seen::of_response(&flight.method, &response, &flight.aside);
        let status = status_of(&response);
        self.guard.report_result(&flight.running, status, Some(response.raw()), Some(seen)).await;
        let route = self.route(flight.index)?;
        let mut response = response;
        if let (Kind::Result(_), Some(list)) = (response.kind(), catalog::list_method(&flight.method)) {
            if list.key == "tools" {
                route.upstream.note_tools(&response);
            }
            if !self.federated {
                let private = self.era == Era::Stateless;
                response = catalog::filter(&self.guard, route.name(), response, list, private).await?;
            }
        }
        if let (Kind::Result(_), Some(prefix), None) =
            (response.kind(), &route.prefix, catalog::list_method(&flight.method))
        {
            response = prefix.outward(&response).unwrap_or(response);
        }
        if response.id() != Some(&flight.client_id) && response.id().is_some() {
            response = response.with_id(&flight.client_id)?;
        }
        Ok(response)
    }

    /// The agent was isolated. The upstream learns of it where all that is under way is taken back.
    async fn cut_short(&self, flight: &Flight, cut: &Cut) -> Refused {
        self.guard.report(&flight.running, OutcomeStatus::Cancelled, flight.aside.seen()).await;
        cut.refused(Some(flight.running.decision()))
    }

    /// Tells the upstream that nobody waits any more, and records it.
    async fn give_up(self: &Arc<Self>, flight: &Flight, status: OutcomeStatus, reason: &str) {
        self.guard.report(&flight.running, status, flight.aside.seen()).await;
        let Ok(upstream_id) = serde_json::from_str::<Value>(flight.upstream_id.as_json()) else { return };
        let params = json!({ "requestId": upstream_id, "reason": reason });
        let (Ok(route), Ok(cancelled)) =
            (self.route(flight.index), Message::notification("notifications/cancelled", &params))
        else {
            return;
        };
        let Ok(link) = self.link(flight.index).await else { return };
        // A stateless HTTP upstream learns it from the stream that closes.
        if matches!(&*link, Link::Http(_)) && route.era() == Era::Stateless {
            return;
        }
        if let Ok((permit, _)) = self.guard.check(cancelled, route.name(), Direction::ToServer).await {
            let _ = link.send(permit).await;
        }
    }

    /// A notification of the client, to every upstream that it concerns.
    pub(crate) async fn client_notification(self: &Arc<Self>, message: Message) -> Result<(), Refused> {
        self.touch();
        let (targets, message) = match message.method() {
            "notifications/cancelled" => {
                let params = message.params().map_err(|error| Refused::new(-32602, error.to_string()))?;
                let id = params.get("requestId").and_then(|id| Id::from_json(&id.to_string()));
                if id.as_ref().is_some_and(|id| self.stop_listening(id) || self.cancel_wait(id)) {
                    return Ok(());
                }
                let Some((index, upstream_id)) = id.as_ref().and_then(|id| self.find_call(id)) else {
                    return Ok(()); // Too late: the request is done.
                };
                let message = if id.as_ref() == Some(&upstream_id) {
                    message
                } else {
                    let mut params = params;
                    if let (Some(slot), Ok(id)) =
                        (params.get_mut("requestId"), serde_json::from_str(upstream_id.as_json()))
                    {
                        *slot = id;
                    }
                    message.with_body(&params.to_string())?
                };
                (vec![index], message)
            }
            _ => ((0..self.routes.len()).collect(), message),
        };
        let mut refused = None;
        for index in targets {
            let route = self.route(index)?;
            if route.era() == Era::Stateless
                && self.era == Era::Session
                && message.method() != "notifications/cancelled"
            {
                continue; // What the session era notifies of, the stateless one states with every request.
            }
            let Ok(link) = self.link(index).await else { continue };
            match self.guard.check(link.shape(message.clone()), route.name(), Direction::ToServer).await {
                Err(no) => refused = Some(no),
                Ok((permit, running)) => {
                    let sent = link.send(permit).await;
                    let status = if sent.is_ok() { OutcomeStatus::Sent } else { OutcomeStatus::UpstreamFault };
                    self.guard.report(&running, status, None).await;
                    if message.method() == "notifications/initialized" {
                        link.initialized(&self.hello().version);
                    }
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }
}

impl Flight {
    /// Id of the request as the client knows it.
    pub(crate) fn client_id(&self) -> &Id {
        &self.client_id
    }

    /// The permitted action.
    pub(crate) fn running(&self) -> &Running {
        &self.running
    }

    /// Method of the request.
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// The flight goes on under the id of a client's retry.
    pub(crate) fn continue_as(&mut self, client_id: Id) {
        self.client_id = client_id;
    }

    /// A notification with the client's own progress token and subscription id, where they differ.
    fn own_token(&self, message: Message) -> Message {
        if self.upstream_id == self.client_id && self.token.is_none() {
            return message;
        }
        let Ok(mut params) = message.params() else { return message };
        let renumber = |slot: Option<&mut Value>, from: &Id, to: &Id| {
            let Some(slot) = slot.filter(|slot| Id::from_json(&slot.to_string()).as_ref() == Some(from)) else {
                return false;
            };
            *slot = serde_json::from_str(to.as_json()).unwrap_or_default();
            true
        };
        let mut changed = false;
        if let Some((upstream, own)) = &self.token {
            changed |= renumber(params.get_mut("progressToken"), upstream, own);
        }
        let subscription = params.get_mut("_meta").and_then(|meta| meta.get_mut(SUBSCRIPTION));
        changed |= renumber(subscription, &self.upstream_id, &self.client_id);
        if changed { message.with_body(&params.to_string()).unwrap_or(message) } else { message }
    }
}

/// Key of the subscription that a notification belongs to, in `_meta`.
pub(crate) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// The arguments of a tool call that headers repeat.
fn mirrored(permit: &Permitted<Message>, upstream: &Upstream) -> Arc<[ParamHeader]> {
    let message = permit.payload();
    if message.method() != "tools/call" {
        return Arc::default();
    }
    let params = message.params().unwrap_or_default();
    params.get("name").and_then(Value::as_str).and_then(|tool| upstream.mirrored(tool)).unwrap_or_default()
}

/// Where the progress token stands in the params, and what it is.
fn progress_token(params: &str) -> Option<(std::ops::Range<usize>, Id)> {
    let find = |text: &str, name: &str| -> Option<std::ops::Range<usize>> {
        let members = json::members(text).ok()?;
        members.iter().find(|(key, _)| key == name).and_then(|(_, value)| json::span(text, value.get()))
    };
    let meta = find(params, "_meta")?;
    let inner = find(params.get(meta.clone())?, "progressToken")?;
    let span = meta.start + inner.start..meta.start + inner.end;
    let id = Id::from_json(params.get(span.clone())?)?;
    Some((span, id))
}
