//! Notifications that a client asked for: `subscriptions/listen` where it cannot simply be relayed, and the session
//! era's `resources/subscribe` on stateless upstreams.

use super::bridge::greet;
use super::exchange::{SUBSCRIPTION, Step};
use super::guard::Refused;
use super::session::{Core, Era, Out, lock};
use bytes::Bytes;
use holdshort_wire::mcp::{Id, Message, code};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

/// Resources that one client may follow.
const URIS_MAX: usize = 1_000;
/// Pause before a broken stream of an upstream is opened again; it doubles up to the longest.
const REOPEN_PAUSE: Duration = Duration::from_millis(500);
const REOPEN_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Changes that a listening client wants to hear of, and the capability that announces each.
const LISTS: [(&str, &str, &str); 3] = [
    ("toolsListChanged", "notifications/tools/list_changed", "tools"),
    ("promptsListChanged", "notifications/prompts/list_changed", "prompts"),
    ("resourcesListChanged", "notifications/resources/list_changed", "resources"),
];

/// A stateless client that listens.
pub(crate) struct Listener {
    id: Id,
    methods: Vec<&'static str>,
    uris: BTreeSet<String>,
    out: Out,
    stop: Arc<Notify>,
}

impl Core {
    /// Passes a server's notification to the clients that asked for it.
    pub(crate) fn tell_listeners(&self, index: usize, message: &Message) {
        let outward = self.outward(index, message);
        let Ok(message) = Message::parse(outward) else { return };
        let mut params = message.params().unwrap_or_default();
        let uri = params.get("uri").and_then(Value::as_str).map(str::to_owned);
        for listener in lock(&self.listeners).values() {
            let wanted = match (message.method(), &uri) {
                ("notifications/resources/updated", Some(uri)) => listener.uris.contains(uri),
                (method, _) => listener.methods.contains(&method),
            };
            if wanted {
                stamp(&mut params, &listener.id);
                if let Ok(stamped) = Message::notification(message.method(), &params) {
                    let _ = listener.out.try_send(stamped.raw().clone());
                }
            }
        }
    }

    /// Ends all listening.
    pub(crate) fn stop_all_listening(&self) {
        lock(&self.listeners).values().for_each(|listener| listener.stop.notify_one());
    }

    /// Ends the listening under a request id. False when there is none.
    pub(crate) fn stop_listening(&self, id: &Id) -> bool {
        let listeners = lock(&self.listeners);
        let listener = listeners.values().find(|listener| listener.id == *id);
        if let Some(listener) = listener {
            listener.stop.notify_one();
        }
        listener.is_some()
    }
}

fn stamp(params: &mut Value, id: &Id) {
    let Some(params) = params.as_object_mut() else { return };
    let meta = params.entry("_meta").or_insert_with(|| Value::Object(Map::new()));
    if let (Some(meta), Ok(id)) = (meta.as_object_mut(), serde_json::from_str(id.as_json())) {
        meta.insert(SUBSCRIPTION.into(), id);
    }
}

/// Serves `subscriptions/listen` from what the links tell; ends when the client ends it.
pub(crate) async fn listen(core: &Arc<Core>, message: &Message, out: &Out) -> Result<Message, Refused> {
    let invalid = |what: &str| Refused::new(code::INVALID_PARAMS, what).in_band();
    let params = message.params().map_err(|error| invalid(&error.to_string()))?;
    let id = message.id().cloned().ok_or_else(|| Refused::internal("a request without an id"))?;
    let wanted = params.get("notifications").and_then(Value::as_object);
    let wanted = wanted.ok_or_else(|| invalid("`params.notifications` must be an object"))?;
    let uris: Vec<String> = wanted
        .get("resourceSubscriptions")
        .and_then(Value::as_array)
        .map(|uris| uris.iter().filter_map(|uri| uri.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    if uris.len() > URIS_MAX {
        return Err(invalid("too many resources in one subscription"));
    }
    let (mut honoured, mut methods, mut followed) = (Map::new(), Vec::new(), BTreeSet::new());
    let mut children = Vec::new();
    for index in 0..core.routes.len() {
        let Ok(greeting) = greet(core, index).await else { continue };
        let route = core.route(index)?;
        let can = |capability: &str, what: &str| {
            let capability = greeting.get("capabilities").and_then(|all| all.get(capability));
            capability.and_then(|one| one.get(what)) == Some(&Value::Bool(true))
        };
        for (name, method, capability) in LISTS {
            if wanted.get(name) == Some(&Value::Bool(true)) && can(capability, "listChanged") {
                honoured.insert(name.into(), true.into());
                methods.push(method);
            }
        }
        let here: Vec<(String, String)> = uris.iter().filter_map(|uri| own_uri(core, route.name(), uri)).collect();
        if can("resources", "subscribe") {
            if route.era() == Era::Session {
                for (shown, uri) in &here {
                    if own_request(core, index, "resources/subscribe", &json!({ "uri": uri })).await.is_ok() {
                        followed.insert(shown.clone());
                    }
                }
            } else {
                followed.extend(here.iter().map(|(shown, _)| shown.clone()));
            }
        }
        if route.era() == Era::Stateless {
            let uris: BTreeSet<String> = here.into_iter().map(|(_, uri)| uri).collect();
            children.push(follow(core, index, uris));
        }
    }
    if !followed.is_empty() {
        honoured.insert("resourceSubscriptions".into(), followed.iter().cloned().collect());
    }
    let mut acknowledged = json!({ "notifications": honoured });
    stamp(&mut acknowledged, &id);
    let acknowledged = Message::notification("notifications/subscriptions/acknowledged", &acknowledged)?;
    let _ = out.send(acknowledged.raw().clone()).await;
    let stop = Arc::new(Notify::new());
    let key = core.fresh_number();
    let idle = methods.is_empty() && followed.is_empty();
    let listener = Listener { id: id.clone(), methods, uris: followed, out: out.clone(), stop: stop.clone() };
    if !idle {
        lock(&core.listeners).insert(key, listener);
        tokio::select! {
            () = stop.notified() => {}
            () = out.closed() => {}
        }
        lock(&core.listeners).remove(&key);
    }
    for child in children {
        child.abort();
    }
    let mut result = json!({ "resultType": "complete" });
    stamp(&mut result, &id);
    Ok(Message::result(&id, &result.to_string())?)
}

/// A URI that a client asks about: as it is shown to the client, and as the upstream knows it.
fn own_uri(core: &Core, server: &str, uri: &str) -> Option<(String, String)> {
    if !core.federated {
        return Some((uri.to_owned(), uri.to_owned()));
    }
    let inner = uri.strip_prefix(server)?.strip_prefix('+')?;
    Some((uri.to_owned(), inner.to_owned()))
}

/// One request of the gateway's own on an open link; an error when it is refused or fails.
async fn own_request(core: &Arc<Core>, index: usize, method: &str, params: &Value) -> Result<(), Refused> {
    let (out, _nobody): (Out, _) = mpsc::channel(64);
    let request = Message::request(&core.fresh_id(), method, params)?;
    let response = core.relay(index, request, &out).await?;
    match response.kind() {
        holdshort_wire::mcp::Kind::Result(_) => Ok(()),
        _ => Err(Refused::internal(format!("the upstream server answered {}", response.body()))),
    }
}

/// A session client subscribes at a stateless upstream: the stream there is opened anew with the changed set.
pub(crate) async fn subscribe(core: &Arc<Core>, index: usize, uri: &str, on: bool) -> Result<(), Refused> {
    let uris = {
        let mut following = lock(&core.following);
        let (_, uris) = following.entry(index).or_default();
        if on && uris.len() >= URIS_MAX {
            return Err(Refused::new(code::INVALID_REQUEST, "too many subscriptions in this session"));
        }
        if on {
            uris.insert(uri.to_owned())
        } else {
            uris.remove(uri)
        };
        uris.clone()
    };
    follow_for_session(core, index, uris);
    Ok(())
}

/// Opens the stream of a stateless upstream for a session client, in place of the one before.
pub(crate) fn follow_for_session(core: &Arc<Core>, index: usize, uris: BTreeSet<String>) {
    let task = follow(core, index, uris.clone());
    if let (Some(old), _) = lock(&core.following).insert(index, (Some(task), uris)).unwrap_or_default() {
        old.abort();
    }
}

/// Listens at a stateless upstream; what comes goes where the client of this session gets its notifications.
fn follow(core: &Arc<Core>, index: usize, uris: BTreeSet<String>) -> tokio::task::AbortHandle {
    let weak = Arc::downgrade(core);
    let task = tokio::spawn(async move {
        let mut pause = REOPEN_PAUSE;
        loop {
            let (Some(core), began) = (weak.upgrade(), Instant::now()) else { return };
            if follow_once(&core, index, &uris).await.is_none() {
                return;
            }
            drop(core);
            if began.elapsed() > REOPEN_PAUSE_MAX {
                pause = REOPEN_PAUSE;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(REOPEN_PAUSE_MAX);
        }
    });
    task.abort_handle()
}

/// Listens until the stream ends. `None` when the server itself ended it, or it may not be opened at all.
async fn follow_once(core: &Arc<Core>, index: usize, uris: &BTreeSet<String>) -> Option<()> {
    let params = json!({ "notifications": {
        "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": uris,
    }});
    let (out, mut messages) = mpsc::channel::<Bytes>(64);
    let hello = core.hello().clone();
    let request = Message::request(&core.fresh_id(), "subscriptions/listen", &params).ok()?;
    let request = super::bridge::stamp(&request, &hello).ok()?;
    let mut flight = match core.launch(index, request, &out).await {
        Ok(flight) => flight,
        Err(refused) => return (!refused.by_policy()).then_some(()),
    };
    let tell = async {
        while let Some(bytes) = messages.recv().await {
            let Ok(message) = Message::parse(bytes) else { continue };
            if message.method() == "notifications/subscriptions/acknowledged" {
                continue;
            }
            match core.era {
                Era::Session => core.outbox.push(message.raw().clone()),
                Era::Stateless => core.tell_listeners(index, &message),
            }
        }
    };
    // Takes the senders along: what came before the end is still told. Questions do not exist in this era.
    let drive = async move {
        loop {
            match core.drive(&mut flight, &out).await {
                Ok(Step::Asked(_)) => {}
                Ok(Step::Response(_)) => return None,
                Err(_) => return Some(()),
            }
        }
    };
    tokio::join!(tell, drive).1
}
