//! One client with its links: what both fronts and both eras share.

use super::config::{EraChoice, Limits, UpstreamConfig};
use super::federation::Prefix;
use super::guard::{Guard, Refused};
use super::link::{Link, UpstreamFault};
use super::seen::of_question;
use bytes::Bytes;
use holdshort_model::{ActionKind, Digest};
use holdshort_wire::mcp::headers::{self, ParamHeader};
use holdshort_wire::mcp::{Direction, Id, Kind, Message, code};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;
use tokio::sync::{Notify, mpsc};

/// Messages on their way to the client, for one request or for the whole session.
pub(crate) type Out = mpsc::Sender<Bytes>;

/// Messages without a request that wait for a client that does not listen. The oldest are dropped.
const OUTBOX_MAX: usize = 256;
/// Requests of servers that may wait for one client's answers.
const ASKED_MAX: usize = 1_000;
/// Events of a link that may wait for the session.
const EVENTS_QUEUE: usize = 64;

/// Which protocol is spoken on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// 2025-11-25 and older.
    Session,
    /// 2026-07-28.
    Stateless,
}

/// An upstream of the gateway, with what was learned about it.
pub(crate) struct Upstream {
    pub(crate) config: UpstreamConfig,
    /// What it is spoken to in, for clients of either era: one that speaks both is spoken to in the client's.
    for_session: OnceLock<Era>,
    for_stateless: OnceLock<Era>,
    /// Which arguments of which tool are mirrored in headers, from the lists that came by.
    mirrored: Mutex<HashMap<String, Arc<[ParamHeader]>>>,
}

/// Tools whose mirrored arguments are remembered for one upstream.
const MIRRORED_MAX: usize = 10_000;

impl Upstream {
    pub(crate) fn new(config: UpstreamConfig) -> Self {
        let era = match config.era {
            EraChoice::Auto => OnceLock::new(),
            EraChoice::Session => OnceLock::from(Era::Session),
            EraChoice::Stateless => OnceLock::from(Era::Stateless),
        };
        Self { config, for_session: era.clone(), for_stateless: era, mirrored: Mutex::default() }
    }

    fn learned(&self, client: Era) -> &OnceLock<Era> {
        match client {
            Era::Session => &self.for_session,
            Era::Stateless => &self.for_stateless,
        }
    }

    /// Notes the `x-mcp-header` declarations of a tool list.
    pub(crate) fn note_tools(&self, response: &Message) {
        let Ok(result) = response.params() else { return };
        let Some(tools) = result.get("tools").and_then(Value::as_array) else { return };
        let mut mirrored = lock(&self.mirrored);
        for tool in tools {
            let Some(name) = tool.get("name").and_then(Value::as_str) else { continue };
            if mirrored.len() < MIRRORED_MAX || mirrored.contains_key(name) {
                let declared = tool.get("inputSchema").map(headers::declared).unwrap_or_default();
                mirrored.insert(name.to_owned(), declared.into());
            }
        }
    }

    /// The mirrored arguments of a tool; `None` when its definition never came by.
    pub(crate) fn mirrored(&self, tool: &str) -> Option<Arc<[ParamHeader]>> {
        lock(&self.mirrored).get(tool).cloned()
    }
}

/// One upstream as one client uses it.
pub(crate) struct Route {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) prefix: Option<Prefix>,
    client: Era,
    link: tokio::sync::Mutex<Option<Arc<Link>>>,
    /// What the server said of itself when the gateway itself greeted it, and on which link.
    pub(crate) greeted: tokio::sync::Mutex<Option<(Weak<Link>, Arc<Value>)>>,
}

impl Route {
    pub(crate) fn name(&self) -> &str {
        &self.upstream.config.name
    }

    /// The era that the upstream is spoken to in, where that is known by now.
    pub(crate) fn learned(&self) -> Option<Era> {
        self.upstream.learned(self.client).get().copied()
    }

    pub(crate) fn learn(&self, era: Era) {
        let _ = self.upstream.learned(self.client).set(era);
    }

    /// The connection that there is, or was.
    pub(crate) async fn link(&self) -> Option<Arc<Link>> {
        self.link.lock().await.clone()
    }

    pub(crate) fn era(&self) -> Era {
        self.learned().unwrap_or(Era::Session)
    }
}

/// What the client said of itself at the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hello {
    pub(crate) version: String,
    pub(crate) capabilities: Value,
    pub(crate) info: Value,
    pub(crate) log_level: Option<String>,
}

/// A request of the client that is under way.
pub(crate) struct Call {
    pub(crate) client_id: Id,
    pub(crate) upstream_id: Id,
    pub(crate) route: usize,
    pub(crate) out: Out,
    /// Where questions of the server go that come outside the call's own stream.
    pub(crate) questions: mpsc::Sender<Message>,
}

/// A request of a server that waits for the client's answer.
pub(crate) struct Asked {
    pub(crate) route: usize,
    pub(crate) original: Id,
    pub(crate) kind: ActionKind,
    pub(crate) method: String,
    /// Set when the gateway itself waits for the answer (see `bridge`).
    pub(crate) waiting: Option<tokio::sync::oneshot::Sender<Message>>,
}

/// Messages without a request, for a client that listens now, later or never.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: Mutex<VecDeque<Bytes>>,
    added: Notify,
    pub(crate) listened: AtomicBool,
}

impl Outbox {
    pub(crate) fn push(&self, message: Bytes) {
        let mut queue = lock(&self.queue);
        if queue.len() == OUTBOX_MAX {
            queue.pop_front();
            tracing::warn!("a client does not read its messages; the oldest was dropped");
        }
        queue.push_back(message);
        drop(queue);
        self.added.notify_one();
    }

    pub(crate) async fn next(&self) -> Bytes {
        loop {
            if let Some(message) = lock(&self.queue).pop_front() {
                return message;
            }
            self.added.notified().await;
        }
    }
}

/// An open stream at an upstream, and the resources that it follows.
type Following = (Option<tokio::task::AbortHandle>, BTreeSet<String>);

/// One client with its links.
pub(crate) struct Core {
    pub(crate) guard: Guard,
    pub(crate) routes: Vec<Arc<Route>>,
    pub(crate) federated: bool,
    /// The era that the client speaks.
    pub(crate) era: Era,
    /// Several HTTP requests share one child, so that their ids have to be made unique.
    pub(crate) shared: bool,
    pub(crate) limits: Limits,
    pub(crate) outbox: Outbox,
    pub(crate) streams: super::streams::Streams,
    /// What was taken from the agent, as far as this session knows.
    pub(crate) contained: super::containment::Contained,
    hello: Mutex<Hello>,
    calls: Mutex<HashMap<u64, Call>>,
    asked: Mutex<HashMap<Id, Asked>>,
    pub(crate) parked: Mutex<HashMap<String, super::bridge::Parked>>,
    /// Calls that a stateless client will make again once a person answered, by their state.
    pub(crate) waiting: Mutex<HashMap<String, super::approval::Waiting>>,
    /// Calls that wait for a person and can be cancelled, by the client's id.
    pub(crate) cancellable: Mutex<HashMap<Id, Arc<Notify>>>,
    /// Calls that came again and are under way.
    pub(crate) returned: Mutex<HashSet<Digest>>,
    pub(crate) listeners: Mutex<HashMap<u64, super::listen::Listener>>,
    /// Streams at stateless upstreams that are open for a session client, with the resources that it follows.
    pub(crate) following: Mutex<HashMap<usize, Following>>,
    counter: AtomicU64,
    used: Mutex<Instant>,
    /// Whether the client is gone for good.
    left: tokio::sync::watch::Sender<bool>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(crate) fn new(
        guard: Guard,
        upstreams: &[Arc<Upstream>],
        federated: bool,
        era: Era,
        shared: bool,
        limits: Limits,
    ) -> Arc<Self> {
        let route = |upstream: &Arc<Upstream>| {
            Arc::new(Route {
                upstream: upstream.clone(),
                prefix: federated.then(|| Prefix::new(&upstream.config.name)),
                client: era,
                link: tokio::sync::Mutex::new(None),
                greeted: tokio::sync::Mutex::new(None),
            })
        };
        Arc::new(Self {
            guard,
            routes: upstreams.iter().map(route).collect(),
            federated,
            era,
            shared,
            limits,
            outbox: Outbox::default(),
            streams: Default::default(),
            contained: Default::default(),
            hello: Mutex::default(),
            calls: Mutex::default(),
            asked: Mutex::default(),
            parked: Mutex::default(),
            waiting: Mutex::default(),
            cancellable: Mutex::default(),
            returned: Mutex::default(),
            listeners: Mutex::default(),
            following: Mutex::default(),
            counter: AtomicU64::new(1),
            used: Mutex::new(Instant::now()),
            left: Default::default(),
        })
    }

    /// The client is gone: what is under way is cancelled and recorded as such.
    pub(crate) fn leave(&self) {
        self.left.send_replace(true);
    }

    /// Resolves when nobody waits for what goes out here any more.
    pub(crate) async fn abandoned(&self, out: &Out) {
        let mut left = self.left.subscribe();
        tokio::select! {
            // In the stateless era a closed stream is how a client cancels.
            () = out.closed(), if self.era == Era::Stateless => {}
            _ = left.wait_for(|left| *left) => {}
        }
    }

    pub(crate) fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// How long nothing has happened; zero while a request is under way.
    pub(crate) fn idle(&self) -> std::time::Duration {
        if lock(&self.calls).is_empty() { lock(&self.used).elapsed() } else { std::time::Duration::ZERO }
    }

    pub(crate) fn hello(&self) -> MutexGuard<'_, Hello> {
        lock(&self.hello)
    }

    /// A number that was not given before in this session.
    pub(crate) fn fresh_number(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// An id that no client uses.
    pub(crate) fn fresh_id(&self) -> Id {
        Id::string(&format!("holdshort-{}", self.fresh_number()))
    }

    /// The link of a route, connected when it is needed first or has died.
    pub(crate) async fn link(self: &Arc<Self>, index: usize) -> Result<Arc<Link>, UpstreamFault> {
        if let Some(cut) = self.cut() {
            return Err(UpstreamFault::Contained(cut.because().to_owned()));
        }
        let route = self.route(index)?;
        let mut slot = route.link.lock().await;
        if let Some(link) = slot.as_ref().filter(|link| link.alive()) {
            return Ok(link.clone());
        }
        // A session that died at the upstream cannot be revived behind the client's back: it holds state there.
        if slot.is_some() && self.era == Era::Session {
            return Err(UpstreamFault::SessionGone);
        }
        self.may_connect().await?;
        let (events, receiver) = mpsc::channel(EVENTS_QUEUE);
        let link = Arc::new(Link::connect(&route.upstream.config.transport, self.limits, events).await?);
        tokio::spawn(consume_events(Arc::downgrade(self), index, receiver));
        *slot = Some(link.clone());
        Ok(link)
    }

    pub(crate) fn route(&self, index: usize) -> Result<Arc<Route>, UpstreamFault> {
        self.routes.get(index).cloned().ok_or_else(|| UpstreamFault::Unreachable("no such upstream".into()))
    }

    /// Registers a call for as long as the guard lives.
    pub(crate) fn register(self: &Arc<Self>, call: Call) -> Result<Registered, Refused> {
        let mut calls = lock(&self.calls);
        if calls.len() >= self.limits.in_flight_max {
            return Err(Refused::new(
                code::INVALID_REQUEST,
                "too many requests of this session are under way; wait for one",
            ));
        }
        if self.era == Era::Session && calls.values().any(|other| other.client_id == call.client_id) {
            return Err(Refused::new(code::INVALID_REQUEST, "a request with this id is still under way"));
        }
        let key = self.fresh_number();
        calls.insert(key, call);
        Ok(Registered { core: self.clone(), key })
    }

    /// Every request of the client that is under way: the upstream, and the id there.
    pub(crate) fn calls_under_way(&self) -> BTreeSet<(usize, Id)> {
        lock(&self.calls).values().map(|call| (call.route, call.upstream_id.clone())).collect()
    }

    /// Requests of servers that nobody answers any more.
    pub(crate) fn forget_asked(&self) {
        lock(&self.asked).clear();
    }

    /// The upstream and the id there of a request of the client.
    pub(crate) fn find_call(&self, client_id: &Id) -> Option<(usize, Id)> {
        let calls = lock(&self.calls);
        calls.values().find(|call| call.client_id == *client_id).map(|call| (call.route, call.upstream_id.clone()))
    }

    /// Notes a request of a server and gives the id under which the client gets it.
    pub(crate) fn note_asked(&self, asked: Asked) -> Id {
        let mut waiting = lock(&self.asked);
        // A client that never answers must not make us remember for ever; which one goes does not matter then.
        if waiting.len() >= ASKED_MAX
            && let Some(oldest) = waiting.keys().next().cloned()
        {
            waiting.remove(&oldest);
        }
        let id = if waiting.contains_key(&asked.original) { self.fresh_id() } else { asked.original.clone() };
        waiting.insert(id.clone(), asked);
        id
    }

    pub(crate) fn take_asked(&self, id: &Id) -> Option<Asked> {
        lock(&self.asked).remove(id)
    }

    /// A message of a server that belongs to no request: to a stream that the client has open, else to the outbox.
    async fn unsolicited(self: &Arc<Self>, index: usize, message: Message) {
        let newest = {
            let calls = lock(&self.calls);
            let newest = calls.iter().filter(|(_, call)| call.route == index).max_by_key(|(key, _)| **key);
            newest.map(|(_, call)| (call.out.clone(), call.questions.clone()))
        };
        let listened = self.outbox.listened.load(Ordering::Relaxed);
        let out = newest.as_ref().filter(|_| !listened).map(|(out, _)| out.clone());
        match message.kind() {
            Kind::Request(id) if self.era == Era::Stateless => {
                let id = id.clone();
                let asked = match &newest {
                    Some((_, questions)) => questions.try_send(message).is_ok(),
                    None => false,
                };
                if !asked {
                    let refused =
                        Refused::new(code::METHOD_NOT_FOUND, "no request is under way that could carry a question");
                    self.answer_server(index, refused.error(Some(&id))).await;
                }
            }
            Kind::Request(_) => self.ask_client(index, message, out.as_ref()).await,
            Kind::Notification if self.era == Era::Stateless => self.tell_listeners(index, &message),
            Kind::Notification => {
                let bytes = self.outward(index, &message);
                match out {
                    // A stream that is full or gone must not stop the other messages.
                    Some(out) if out.try_send(bytes.clone()).is_ok() => {}
                    _ => self.outbox.push(bytes),
                }
            }
            Kind::Result(_) | Kind::Error(_) => {}
        }
    }

    /// The bytes of a server's notification as the client is to see them.
    pub(crate) fn outward(&self, index: usize, message: &Message) -> Bytes {
        let prefix = self.routes.get(index).and_then(|route| route.prefix.as_ref());
        prefix.and_then(|prefix| prefix.outward(message)).map_or_else(|| message.raw().clone(), |m| m.raw().clone())
    }

    /// Puts a server's request before the client, if the gate permits it; else answers the server.
    pub(crate) async fn ask_client(self: &Arc<Self>, index: usize, message: Message, out: Option<&Out>) {
        let (Ok(route), Some(original)) = (self.route(index), message.id().cloned()) else { return };
        let kind = message.meaning(Direction::ToClient).map_or(ActionKind::Unknown, |(meaning, _)| meaning.kind);
        let method = message.method().to_owned();
        match self.guard.check(message, route.name(), Direction::ToClient).await {
            Ok((permit, running)) => {
                let id =
                    self.note_asked(Asked { route: index, original: original.clone(), kind, method, waiting: None });
                let message = permit.into_payload();
                let message = if id == original { Ok(message) } else { message.with_id(&id) };
                let Ok(message) = message else { return };
                let seen = of_question(&message);
                self.guard.report(&running, holdshort_model::OutcomeStatus::Sent, Some(seen)).await;
                match out {
                    Some(out) if out.send(message.raw().clone()).await.is_ok() => {}
                    _ => self.outbox.push(message.raw().clone()),
                }
            }
            Err(refused) => self.answer_server(index, refused.error(Some(&original))).await,
        }
    }

    /// An answer of the gateway's own to a request of a server.
    pub(crate) async fn answer_server(self: &Arc<Self>, index: usize, answer: Bytes) {
        let Ok(answer) = Message::parse(answer) else { return };
        let Ok(route) = self.route(index) else { return };
        let checked = self.guard.check_answer(answer, ActionKind::Protocol, "refusal", route.name()).await;
        if let (Ok((permit, _)), Ok(link)) = (checked, self.link(index).await) {
            let _ = link.send(permit).await;
        }
    }

    /// The client's response to a request of a server.
    pub(crate) async fn client_response(self: &Arc<Self>, message: Message) -> Result<(), Refused> {
        self.touch();
        let Some(asked) = message.id().and_then(|id| self.take_asked(id)) else {
            return Err(Refused::new(code::INVALID_REQUEST, "a response to a request that nobody made"));
        };
        if let Some(waiting) = asked.waiting {
            let _ = waiting.send(message);
            return Ok(());
        }
        let route = self.route(asked.route).map_err(Refused::from)?;
        let link = self.link(asked.route).await.map_err(Refused::from)?;
        let answer = link.shape(message.with_id(&asked.original)?);
        match self.guard.check_answer(answer, asked.kind, &asked.method, route.name()).await {
            Ok((permit, running)) => {
                let sent = link.send(permit).await;
                let status = if sent.is_ok() {
                    holdshort_model::OutcomeStatus::Sent
                } else {
                    holdshort_model::OutcomeStatus::UpstreamFault
                };
                self.guard.report(&running, status, None).await;
                sent.map_err(Refused::from)
            }
            Err(refused) => {
                self.answer_server(asked.route, refused.error(Some(&asked.original))).await;
                Err(refused)
            }
        }
    }

    /// Ends every link.
    pub(crate) async fn close(&self) {
        for (task, _) in lock(&self.following).drain().map(|(_, following)| following) {
            if let Some(task) = task {
                task.abort();
            }
        }
        for route in &self.routes {
            let link = route.link.lock().await.take();
            if let Some(link) = link {
                link.close().await;
            }
        }
    }
}

/// Keeps a call registered.
pub(crate) struct Registered {
    core: Arc<Core>,
    key: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.core.calls).remove(&self.key);
        self.core.touch();
    }
}

/// Boxed, because handling an event may open a link, whose events are handled here.
fn consume_events(
    core: Weak<Core>,
    index: usize,
    mut events: mpsc::Receiver<Message>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        while let Some(message) = events.recv().await {
            let Some(core) = core.upgrade() else { return };
            core.unsolicited(index, message).await;
        }
    })
}

impl From<UpstreamFault> for Refused {
    fn from(fault: UpstreamFault) -> Self {
        if let UpstreamFault::Contained(because) = &fault {
            return super::containment::refused(because, None);
        }
        let refused = Refused::internal(format!("Holdshort: {fault}"));
        if matches!(fault, UpstreamFault::SessionGone) { refused.session_gone() } else { refused }
    }
}
