//! A 2026-07-28 client before an upstream of the session era.
//!
//! The gateway holds the session. A request of the server becomes an `input_required` result; the call stays open
//! here, and the client's retry with the answer goes on with it. The state is a single-use token of our own.

use super::greet::{Greeting, greet, server_info};
use crate::mcp::approval::call_digest;
use crate::mcp::catalog;
use crate::mcp::exchange::{Flight, Step};
use crate::mcp::guard::Refused;
use crate::mcp::seen::of_question;
use crate::mcp::session::{Core, Out, lock};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use holdshort_model::{ActionKind, Digest};
use holdshort_wire::json;
use holdshort_wire::mcp::{CLIENT_CAPABILITIES, Direction, Id, Kind, Message, STATELESS, code};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls of one session that may wait for an answer of the client.
const PARKED_MAX: usize = 64;
/// How long a call waits for the client's answer.
const PARKED_FOR: Duration = Duration::from_secs(600);
/// Key of the one question that an `input_required` result of ours carries.
const QUESTION: &str = "question";
/// Code of the session era for a resource that does not exist, as it stands in JSON.
const RESOURCE_NOT_FOUND: &str = "-32002";
/// Methods whose result may be `input_required` (2026-07-28, multi round-trip requests). A client does not expect it of
/// any other, such as of the list that is under way while a server asks for roots.
const CAN_ASK: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// A call that waits for the client's answer to a question of the server.
pub(crate) struct Parked {
    flight: Flight,
    question: Message,
    kind: ActionKind,
    /// Digest of method and params without the answer: a retry must be the same call.
    call: Digest,
    since: Instant,
}

impl Parked {
    /// The call that waits.
    pub(crate) fn into_flight(self) -> Flight {
        self.flight
    }
}

/// One request of a stateless client on an upstream of the session era.
pub(crate) async fn as_session(
    core: &Arc<Core>,
    index: usize,
    message: Message,
    out: &Out,
) -> Result<Message, Refused> {
    let params = message.params().map_err(|error| Refused::new(code::INVALID_PARAMS, error.to_string()))?;
    let id = message.id().cloned().ok_or_else(|| Refused::internal("a request without an id"))?;
    if message.method() == "server/discover" {
        return discover_result(&id, &[greet(core, index).await?]);
    }
    let call = call_digest(message.method(), &params);
    let flight = match params.get("requestState") {
        Some(state) => resume(core, state, &params, call, id).await?,
        None => core.launch(index, plain(&message)?, out).await?,
    };
    drive(core, flight, call, &params, out).await
}

async fn drive(
    core: &Arc<Core>,
    mut flight: Flight,
    call: Digest,
    params: &Value,
    out: &Out,
) -> Result<Message, Refused> {
    loop {
        let question = match core.drive(&mut flight, out).await? {
            Step::Response(response) => {
                let response = core.settle(&flight, response).await?;
                return modern(response, flight.method());
            }
            Step::Asked(question) => question,
        };
        let index = flight.index;
        let original = question.id().cloned();
        if question.method() == "ping" {
            let pong = original.map(|id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}"));
            core.answer_server(index, pong.unwrap_or_default().into()).await;
            continue;
        }
        if !CAN_ASK.contains(&flight.method()) || !declared(params, question.method()) {
            let asked = question.method();
            let refused = Refused::new(code::METHOD_NOT_FOUND, format!("the client does not take `{asked}` now"));
            core.answer_server(index, refused.error(original.as_ref())).await;
            continue;
        }
        let kind = question.meaning(Direction::ToClient).map_or(ActionKind::Unknown, |(meaning, _)| meaning.kind);
        let checked = core.guard.check(question.clone(), core.route(index)?.name(), Direction::ToClient).await;
        match checked {
            Err(refused) => core.answer_server(index, refused.error(original.as_ref())).await,
            Ok((_permit, running)) => {
                let seen = of_question(&question);
                core.guard.report(&running, holdshort_model::OutcomeStatus::Sent, Some(seen)).await;
                return park(core, Parked { flight, question, kind, call, since: Instant::now() }).await;
            }
        }
    }
}

/// The request without what only the stateless era knows: a server of the session era may take it for a version.
fn plain(message: &Message) -> Result<Message, Refused> {
    let Ok(Value::Object(mut params)) = message.params() else { return Ok(message.clone()) };
    let Some(Value::Object(meta)) = params.get_mut("_meta") else { return Ok(message.clone()) };
    let before = meta.len();
    meta.retain(|key, _| !key.starts_with("io.modelcontextprotocol/"));
    if meta.len() == before {
        return Ok(message.clone());
    }
    let meta = Value::Object(meta.clone()).to_string();
    let members =
        json::members(message.body()).map_err(|error| Refused::new(code::INVALID_PARAMS, error.to_string()))?;
    let old = members.iter().find(|(key, _)| key == "_meta").map(|(_, value)| value.get());
    let Some(span) = old.and_then(|old| json::span(message.body(), old)) else { return Ok(message.clone()) };
    Ok(message.with_body(&json::splice(message.body(), vec![(span, meta)]))?)
}

/// Whether this request declared that the client answers such questions.
fn declared(params: &Value, method: &str) -> bool {
    let capability = match method {
        "sampling/createMessage" => "sampling",
        "elicitation/create" => "elicitation",
        "roots/list" => "roots",
        _ => return false,
    };
    params.get("_meta").and_then(|meta| meta.get(CLIENT_CAPABILITIES)).is_some_and(|all| all.get(capability).is_some())
}

async fn park(core: &Arc<Core>, parked: Parked) -> Result<Message, Refused> {
    let mut bytes = [0u8; 24];
    getrandom::fill(&mut bytes).map_err(|error| Refused::internal(format!("no randomness: {error}")))?;
    let state = URL_SAFE_NO_PAD.encode(bytes);
    let question = parked.question.params().unwrap_or_default();
    let result = json!({
        "resultType": "input_required",
        "inputRequests": { QUESTION: { "method": parked.question.method(), "params": question } },
        "requestState": state,
    });
    let response = Message::result(parked.flight.client_id(), &result.to_string())?;
    let overdue: Vec<_> = {
        let mut all = lock(&core.parked);
        let overdue: Vec<_> =
            all.iter().filter(|(_, one)| one.since.elapsed() > PARKED_FOR).map(|(k, _)| k.clone()).collect();
        let overdue: Vec<_> = overdue.into_iter().filter_map(|key| all.remove(&key)).collect();
        if all.len() >= PARKED_MAX {
            return Err(Refused::new(code::INVALID_REQUEST, "too many calls of this session wait for an answer"));
        }
        all.insert(state, parked);
        overdue
    };
    for old in overdue {
        let refused = Refused::new(code::INTERNAL, "the client did not answer in time");
        core.answer_server(old.flight.index, refused.error(old.question.id())).await;
    }
    Ok(response)
}

/// Goes on with a parked call. The token is used up, whatever comes next.
async fn resume(core: &Arc<Core>, state: &Value, params: &Value, call: Digest, id: Id) -> Result<Flight, Refused> {
    let parked = state.as_str().and_then(|state| lock(&core.parked).remove(state));
    let invalid = |what: &str| Refused::new(code::INVALID_PARAMS, format!("`requestState` {what}")).in_band();
    let parked = parked.ok_or_else(|| invalid("is unknown, expired or was used before"))?;
    let index = parked.flight.index;
    let answer = params.get("inputResponses").and_then(|answers| answers.get(QUESTION));
    let problem = match answer {
        _ if parked.call != call => Some(invalid("belongs to another call")),
        _ if parked.since.elapsed() > PARKED_FOR => Some(invalid("is expired")),
        None => Some(Refused::new(code::INVALID_PARAMS, format!("`inputResponses.{QUESTION}` is missing")).in_band()),
        Some(_) => None,
    };
    if let Some(problem) = problem {
        core.answer_server(index, problem.error(parked.question.id())).await;
        return Err(problem);
    }
    let original = parked.question.id().cloned().ok_or_else(|| Refused::internal("a question without an id"))?;
    let answer = Message::result(&original, &answer.map(Value::to_string).unwrap_or_default())?;
    let route = core.route(index)?;
    match core.guard.check_answer(answer, parked.kind, parked.question.method(), route.name()).await {
        Err(refused) => {
            core.answer_server(index, refused.error(Some(&original))).await;
            Err(refused)
        }
        Ok((permit, running)) => {
            core.link(index).await?.send(permit).await?;
            core.guard.report(&running, holdshort_model::OutcomeStatus::Sent, None).await;
            let mut flight = parked.flight;
            flight.continue_as(id);
            Ok(flight)
        }
    }
}

/// An error of the session era with the code that 2026-07-28 has for a resource that does not exist (SEP-2164).
fn not_found(response: Message) -> Result<Message, Refused> {
    let members = json::members(response.body()).map_err(|error| Refused::internal(error.to_string()))?;
    let found = members.iter().find(|(key, _)| key == "code").map(|(_, value)| value.get());
    let span = found.filter(|found| *found == RESOURCE_NOT_FOUND).and_then(|code| json::span(response.body(), code));
    let Some(span) = span else { return Ok(response) };
    let body = json::splice(response.body(), vec![(span, code::INVALID_PARAMS.to_string())]);
    Ok(response.with_body(&body)?)
}

/// A response with the members that the stateless era requires, and its code for a missing resource.
fn modern(response: Message, method: &str) -> Result<Message, Refused> {
    if !matches!(response.kind(), Kind::Result(_)) {
        return if method == "resources/read" { not_found(response) } else { Ok(response) };
    }
    let members = json::members(response.body()).map_err(|error| Refused::internal(error.to_string()))?;
    let has = |name: &str| members.iter().any(|(key, _)| key == name);
    let mut added = String::new();
    if !has("resultType") {
        added.push_str("\"resultType\":\"complete\"");
    }
    if catalog::list_method(method).is_some() || method == "resources/read" {
        for (name, value) in [("ttlMs", "0"), ("cacheScope", "\"private\"")] {
            if !has(name) {
                added.push_str(&format!("{}\"{name}\":{value}", if added.is_empty() { "" } else { "," }));
            }
        }
    }
    if added.is_empty() {
        return Ok(response);
    }
    if !members.is_empty() {
        added.push(',');
    }
    let open = response.body().find('{').map_or(0, |at| at + 1);
    let body = json::splice(response.body(), vec![(open..open, added)]);
    Ok(response.with_body(&body)?)
}

/// The answer to `server/discover` made from what the upstreams said of themselves.
pub(crate) fn discover_result(id: &Id, greetings: &[Greeting]) -> Result<Message, Refused> {
    let mut capabilities = crate::mcp::federation::merge_capabilities(greetings.iter().map(|one| &**one));
    if let Some(capabilities) = capabilities.as_object_mut() {
        capabilities.remove("tasks");
    }
    let instructions: Vec<_> = greetings.iter().filter_map(|one| one.get("instructions")?.as_str()).collect();
    let mut result = json!({
        "supportedVersions": [STATELESS],
        "capabilities": capabilities,
        "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
        "_meta": { "io.modelcontextprotocol/serverInfo": server_info(greetings) },
    });
    if let (false, Some(result)) = (instructions.is_empty(), result.as_object_mut()) {
        result.insert("instructions".into(), instructions.join("\n\n").into());
    }
    Ok(Message::result(id, &result.to_string())?)
}
