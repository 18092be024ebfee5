//! A client of the session era before a 2026-07-28 upstream.
//!
//! What the session said once is stated with every request; questions that come back as `input_required` are put to
//! the client as requests of the server, and the call is made again with the answers.

use crate::mcp::exchange::Step;
use crate::mcp::guard::Refused;
use crate::mcp::listen;
use crate::mcp::seen::of_question;
use crate::mcp::session::{Asked, Core, Hello, Out};
use holdshort_wire::mcp::{
    CLIENT_CAPABILITIES, CLIENT_INFO, Direction, Id, Kind, LOG_LEVEL, Message, STATELESS, VERSION, code,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Rounds of questions before a call counts as stuck. SDK clients stop at 10.
const ROUNDS_MAX: usize = 10;

/// One request of a session client on a stateless upstream.
pub(crate) async fn as_stateless(
    core: &Arc<Core>,
    index: usize,
    message: Message,
    out: &Out,
) -> Result<Message, Refused> {
    let id = message.id().cloned().ok_or_else(|| Refused::internal("a request without an id"))?;
    let params = message.params().map_err(|error| Refused::new(code::INVALID_PARAMS, error.to_string()))?;
    let done = |result: Value| Message::result(&id, &result.to_string()).map_err(Refused::from);
    match message.method() {
        "ping" => return done(json!({})),
        "logging/setLevel" => {
            core.hello().log_level = params.get("level").and_then(Value::as_str).map(str::to_owned);
            return done(json!({}));
        }
        "resources/subscribe" | "resources/unsubscribe" => {
            let uri = params.get("uri").and_then(Value::as_str);
            let uri =
                uri.ok_or_else(|| Refused::new(code::INVALID_PARAMS, "`params.uri` must be the URI of a resource"))?;
            listen::subscribe(core, index, uri, message.method() == "resources/subscribe").await?;
            return done(json!({}));
        }
        _ => {}
    }
    let hello = core.hello().clone();
    let mut round = stamp(&message, &hello)?;
    for _ in 0..ROUNDS_MAX {
        let response = run(core, index, round, out).await?.with_id(&id)?;
        let Some(result) = input_required(&response) else { return Ok(response) };
        let answers = ask_all(core, index, &result, out).await?;
        let mut params = params.clone();
        if let Some(params) = params.as_object_mut() {
            params.insert("inputResponses".into(), Value::Object(answers));
            match result.get("requestState") {
                Some(state) => params.insert("requestState".into(), state.clone()),
                None => params.remove("requestState"),
            };
        }
        let next = message.with_body(&params.to_string())?.with_id(&core.fresh_id())?;
        round = stamp(&next, &hello)?;
    }
    Err(Refused::internal("the upstream server keeps asking; the call was given up"))
}

async fn run(core: &Arc<Core>, index: usize, message: Message, out: &Out) -> Result<Message, Refused> {
    let mut flight = core.launch(index, message, out).await?;
    loop {
        match core.drive(&mut flight, out).await? {
            Step::Response(response) => return core.settle(&flight, response).await,
            Step::Asked(question) => {
                let refused = Refused::new(code::METHOD_NOT_FOUND, "this era has no requests from the server");
                core.answer_server(index, refused.error(question.id())).await;
            }
        }
    }
}

/// A request with the `_meta` that the stateless era wants. Bytes other than `_meta` stay as they are.
pub(crate) fn stamp(message: &Message, hello: &Hello) -> Result<Message, Refused> {
    let params = message.params().map_err(|error| Refused::new(code::INVALID_PARAMS, error.to_string()))?;
    let mut meta = params.get("_meta").and_then(Value::as_object).cloned().unwrap_or_default();
    meta.insert(VERSION.into(), STATELESS.into());
    meta.insert(
        CLIENT_CAPABILITIES.into(),
        if hello.capabilities.is_object() { hello.capabilities.clone() } else { json!({}) },
    );
    if hello.info.get("name").is_some() {
        meta.insert(CLIENT_INFO.into(), hello.info.clone());
    }
    if let Some(level) = &hello.log_level {
        meta.insert(LOG_LEVEL.into(), level.clone().into());
    }
    let meta = Value::Object(meta).to_string();
    let body = message.body();
    let members = holdshort_wire::json::members(if body.is_empty() { "{}" } else { body })
        .map_err(|error| Refused::new(code::INVALID_PARAMS, error.to_string()))?;
    let present = members.iter().find(|(key, _)| key == "_meta").map(|(_, value)| value.get());
    let body = match present.and_then(|present| holdshort_wire::json::span(body, present)) {
        Some(span) => holdshort_wire::json::splice(body, vec![(span, meta)]),
        None if members.is_empty() => format!("{{\"_meta\":{meta}}}"),
        None => {
            let end = body.rfind('}').unwrap_or_default();
            holdshort_wire::json::splice(body, vec![(end..end, format!(",\"_meta\":{meta}"))])
        }
    };
    Ok(message.with_body(&body)?)
}

/// The result when it asks for input.
fn input_required(response: &Message) -> Option<Value> {
    if !matches!(response.kind(), Kind::Result(_)) {
        return None;
    }
    let result = response.params().ok()?;
    (result.get("resultType").and_then(Value::as_str) == Some("input_required")).then_some(result)
}

/// Puts every question of a result to the client and collects the answers under the same keys.
async fn ask_all(core: &Arc<Core>, index: usize, result: &Value, out: &Out) -> Result<Map<String, Value>, Refused> {
    let mut answers = Map::new();
    let Some(questions) = result.get("inputRequests").and_then(Value::as_object) else { return Ok(answers) };
    for (key, question) in questions {
        let method = question.get("method").and_then(Value::as_str).unwrap_or_default();
        let params = question.get("params").cloned().unwrap_or_else(|| json!({}));
        let request = Message::request(&core.fresh_id(), method, &params)?;
        let answer = ask(core, index, request, out).await?;
        if let Kind::Result(_) = answer.kind() {
            let value = answer.params().map_err(|error| Refused::new(code::INVALID_PARAMS, error.to_string()))?;
            answers.insert(key.clone(), value);
        } else {
            return Err(Refused::new(
                code::INTERNAL,
                format!("the client did not answer `{method}`: {}", answer.body()),
            ));
        }
    }
    Ok(answers)
}

async fn ask(core: &Arc<Core>, index: usize, request: Message, out: &Out) -> Result<Message, Refused> {
    let (route, method) = (core.route(index)?, request.method().to_owned());
    let kind = request.meaning(Direction::ToClient).map_or(holdshort_model::ActionKind::Unknown, |(m, _)| m.kind);
    let original = request.id().cloned().unwrap_or_else(|| Id::number(0));
    let (permit, running) = core.guard.check(request, route.name(), Direction::ToClient).await?;
    let (waiting, answered) = oneshot::channel();
    let id = core.note_asked(Asked { route: index, original, kind, method: method.clone(), waiting: Some(waiting) });
    let seen = of_question(permit.payload());
    core.guard.report(&running, holdshort_model::OutcomeStatus::Sent, Some(seen)).await;
    let sent = out.send(permit.into_payload().raw().clone()).await;
    let answer = match sent {
        Ok(()) => tokio::time::timeout(core.limits.upstream_silence, answered).await.ok().and_then(Result::ok),
        Err(_) => None,
    };
    let Some(answer) = answer else {
        core.take_asked(&id);
        return Err(Refused::internal(format!("the client did not answer `{method}`")));
    };
    // The answer carries data out: the gate sees it as such, and the retry of the call that contains it once more.
    let (permit, running) = core.guard.check_answer(answer, kind, &method, route.name()).await?;
    core.guard.report(&running, holdshort_model::OutcomeStatus::Sent, None).await;
    Ok(permit.into_payload())
}
