//! Finding out what an upstream speaks, and the handshakes that the gateway does itself.

use super::to_stateless::stamp;
use crate::mcp::exchange::Step;
use crate::mcp::guard::Refused;
use crate::mcp::session::{Core, Era, Hello, Out};
use holdshort_wire::mcp::{Kind, Message, SESSION_VERSIONS, STATELESS, VERSION, code};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The newest version of the session era.
pub(crate) const SESSION_VERSION: &str = "2025-11-25";

/// How long an upstream may think about a question that it may not know. Some servers say nothing to what they do
/// not understand.
const PROBE_MAX: Duration = Duration::from_secs(10);

/// What an upstream said of itself: the result of `initialize` or `server/discover`.
pub(crate) type Greeting = Arc<Value>;

/// Makes sure that an upstream was greeted on its present link, in the era that it speaks.
pub(crate) async fn greet(core: &Arc<Core>, index: usize) -> Result<Greeting, Refused> {
    let route = core.route(index)?;
    let mut greeted = route.greeted.lock().await;
    let link = core.link(index).await?;
    if let Some((on, greeting)) = greeted.as_ref()
        && on.upgrade().is_some_and(|on| Arc::ptr_eq(&on, &link))
    {
        return Ok(greeting.clone());
    }
    drop(link);
    let greeting: Greeting = match route.learned() {
        Some(Era::Stateless) => discover(core, index).await?,
        Some(Era::Session) => open(core, index).await?,
        None if core.era == Era::Session => match open(core, index).await {
            Ok(result) => {
                route.learn(Era::Session);
                result
            }
            Err(refused) => {
                // If it does not speak the other era either, its first word stands.
                let result = discover(core, index).await.map_err(|_| refused)?;
                route.learn(Era::Stateless);
                result
            }
        },
        None => match tokio::time::timeout(PROBE_MAX, discover(core, index)).await {
            Ok(Ok(result)) => {
                route.learn(Era::Stateless);
                result
            }
            Ok(Err(_)) | Err(_) => {
                let result = open(core, index).await?;
                route.learn(Era::Session);
                result
            }
        },
    }
    .into();
    let link = core.link(index).await?;
    *greeted = Some((Arc::downgrade(&link), greeting.clone()));
    Ok(greeting)
}

/// Asks a stateless upstream what it is.
async fn discover(core: &Arc<Core>, index: usize) -> Result<Value, Refused> {
    let hello = core.hello().clone();
    let request = Message::request(&core.fresh_id(), "server/discover", &json!({}))?;
    let result = ask(core, index, stamp(&request, &hello)?).await?;
    let speaks = result.get("supportedVersions").and_then(Value::as_array);
    if speaks.is_some_and(|versions| versions.iter().any(|version| version == STATELESS)) {
        return Ok(result);
    }
    Err(Refused::new(code::UNSUPPORTED_VERSION, format!("the upstream server does not speak {STATELESS}")))
}

/// Opens a session at an upstream of the session era.
async fn open(core: &Arc<Core>, index: usize) -> Result<Value, Refused> {
    let hello = core.hello().clone();
    let params = json!({
        "protocolVersion": SESSION_VERSION,
        "capabilities": session_capabilities(&hello.capabilities),
        "clientInfo": client_info(&hello),
    });
    let result = ask(core, index, Message::request(&core.fresh_id(), "initialize", &params)?).await?;
    let version = result.get("protocolVersion").and_then(Value::as_str).unwrap_or(SESSION_VERSION).to_owned();
    initialized(core, index, &version).await?;
    Ok(result)
}

/// Ends the handshake of a session that the gateway opened.
pub(crate) async fn initialized(core: &Arc<Core>, index: usize, version: &str) -> Result<(), Refused> {
    let (route, link) = (core.route(index)?, core.link(index).await?);
    let message = Message::notification("notifications/initialized", &json!({}))?;
    let (permit, _) = core.guard.check(message, route.name(), holdshort_wire::mcp::Direction::ToServer).await?;
    link.send(permit).await?;
    link.initialized(version);
    Ok(())
}

/// One request of the gateway's own; its result. An error of the upstream is an error here.
async fn ask(core: &Arc<Core>, index: usize, request: Message) -> Result<Value, Refused> {
    let (out, _nobody): (Out, _) = mpsc::channel(64);
    let mut flight = core.launch(index, request, &out).await?;
    loop {
        match core.drive(&mut flight, &out).await? {
            Step::Asked(question) => {
                let refused = Refused::new(code::METHOD_NOT_FOUND, "not before the session is open");
                core.answer_server(index, refused.error(question.id())).await;
            }
            Step::Response(response) => {
                let response = core.settle(&flight, response).await?;
                return match response.kind() {
                    Kind::Result(_) => response.params().map_err(|error| Refused::internal(error.to_string())),
                    _ => Err(Refused::internal(format!("the upstream server answered {}", response.body()))),
                };
            }
        }
    }
}

/// The client's `initialize`: decides how each upstream is spoken to, and answers.
pub(crate) async fn initialize(core: &Arc<Core>, message: Message, out: &Out) -> Result<Message, Refused> {
    let params = message.params().map_err(|error| Refused::new(code::INVALID_PARAMS, error.to_string()))?;
    let text = |key: &str| params.get(key).and_then(Value::as_str).map(str::to_owned);
    let version = text("protocolVersion")
        .ok_or_else(|| Refused::new(code::INVALID_PARAMS, "`params.protocolVersion` must be a version"))?;
    let hello = Hello {
        version: version.clone(),
        capabilities: params.get("capabilities").cloned().unwrap_or_else(|| json!({})),
        info: params.get("clientInfo").cloned().unwrap_or_else(|| json!({})),
        log_level: None,
    };
    core.guard.note_claims(holdshort_wire::mcp::client_info(&hello.info));
    *core.hello() = hello;
    if core.federated {
        return super::super::federation::initialize(core, &message, &params).await;
    }
    let known = core.route(0)?.learned();
    if known != Some(Era::Stateless) {
        let relayed = core.relay(0, message.clone(), out).await;
        match (&relayed, known) {
            (Ok(response), _) if matches!(response.kind(), Kind::Result(_)) => {
                core.route(0)?.learn(Era::Session);
                let result = response.params().unwrap_or_default();
                if let Some(version) = result.get("protocolVersion").and_then(Value::as_str) {
                    core.hello().version = version.to_owned();
                }
                return relayed;
            }
            (Err(refused), _) if refused.by_policy() => return relayed,
            (_, Some(Era::Session)) => return relayed,
            _ => {}
        }
        // The upstream does not open sessions. If it does not speak the other era either, its first word stands.
        let discovered = discover(core, 0).await;
        if discovered.is_err() {
            return relayed;
        }
        core.route(0)?.learn(Era::Stateless);
    }
    let greeting = greet(core, 0).await?;
    let id = message.id().cloned().ok_or_else(|| Refused::internal("a request without an id"))?;
    let result = initialize_result(&version, &[greeting]);
    core.hello().version = result.get("protocolVersion").and_then(Value::as_str).unwrap_or(SESSION_VERSION).to_owned();
    Ok(Message::result(&id, &result.to_string())?)
}

/// The answer to `initialize` made from what the upstreams said of themselves.
pub(crate) fn initialize_result(asked: &str, greetings: &[Greeting]) -> Value {
    let version = if SESSION_VERSIONS.contains(&asked) { asked } else { SESSION_VERSION };
    let mut capabilities = super::super::federation::merge_capabilities(greetings.iter().map(|one| &**one));
    if let Some(capabilities) = capabilities.as_object_mut() {
        capabilities.remove("extensions");
    }
    let mut result = json!({
        "protocolVersion": version,
        "capabilities": capabilities,
        "serverInfo": server_info(greetings),
    });
    let instructions: Vec<_> =
        greetings.iter().filter_map(|one| one.get("instructions").and_then(Value::as_str)).collect();
    if let (false, Some(result)) = (instructions.is_empty(), result.as_object_mut()) {
        result.insert("instructions".into(), instructions.join("\n\n").into());
    }
    result
}

/// Who the client talks to: the upstream itself when there is one, else the gateway.
pub(crate) fn server_info(greetings: &[Greeting]) -> Value {
    let own = || json!({ "name": "holdshort", "version": env!("CARGO_PKG_VERSION") });
    let [greeting] = greetings else { return own() };
    let in_meta = greeting.get("_meta").and_then(|meta| meta.get("io.modelcontextprotocol/serverInfo"));
    greeting.get("serverInfo").or(in_meta).cloned().unwrap_or_else(own)
}

fn client_info(hello: &Hello) -> Value {
    if hello.info.get("name").is_some() {
        return hello.info.clone();
    }
    json!({ "name": "holdshort", "version": env!("CARGO_PKG_VERSION") })
}

/// A stateless client's capabilities in the form of the session era.
fn session_capabilities(capabilities: &Value) -> Value {
    let mut known = serde_json::Map::new();
    for name in ["sampling", "elicitation", "roots", "experimental"] {
        if let Some(value) = capabilities.get(name) {
            known.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(known)
}

/// Notes what a stateless client says of itself with a request.
pub(crate) fn note_hello(core: &Core, params: &Value) {
    let meta = params.get("_meta");
    let part = |key: &str| meta.and_then(|meta| meta.get(key)).cloned().unwrap_or_else(|| json!({}));
    let mut hello = core.hello();
    if hello.version.is_empty() {
        let version = meta.and_then(|meta| meta.get(VERSION)).and_then(Value::as_str).unwrap_or(STATELESS);
        *hello = Hello {
            version: version.to_owned(),
            capabilities: part(holdshort_wire::mcp::CLIENT_CAPABILITIES),
            info: part(holdshort_wire::mcp::CLIENT_INFO),
            log_level: None,
        };
    }
}
