//! Several upstreams behind one endpoint: names carry the upstream as a prefix.
//!
//! Tools and prompts are `<upstream>__<name>`, resources `<upstream>+<uri>`, tasks `<upstream>+<id>`. An upstream's
//! name has no `__` and no `+`, so that the first one always ends the prefix.

use super::bridge::{discover_result, greet, initialize_result};
use super::catalog::{self, ListMethod};
use super::guard::Refused;
use super::listen;
use super::session::{Core, Era, Out};
use holdshort_model::ActionKind;
use holdshort_wire::json;
use holdshort_wire::mcp::{Id, Kind, Message, code};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Pages of one upstream's list that are fetched for the merged list.
const PAGES_MAX: usize = 100;

/// Prefix of one upstream.
#[derive(Clone, Debug)]
pub(crate) struct Prefix(String);

/// Which member of the params carries the name, and how it is prefixed.
const NAMED: [(&str, &[&str], &str); 10] = [
    ("tools/call", &["name"], "__"),
    ("prompts/get", &["name"], "__"),
    ("resources/read", &["uri"], "+"),
    ("resources/subscribe", &["uri"], "+"),
    ("resources/unsubscribe", &["uri"], "+"),
    ("completion/complete", &["ref", "name"], "__"),
    ("tasks/get", &["taskId"], "+"),
    ("tasks/result", &["taskId"], "+"),
    ("tasks/update", &["taskId"], "+"),
    ("tasks/cancel", &["taskId"], "+"),
];

impl Prefix {
    pub(crate) fn new(server: &str) -> Self {
        Self(server.to_owned())
    }

    fn named(&self, separator: &str, name: &str) -> String {
        format!("{}{separator}{name}", self.0)
    }

    /// The listed element with its name prefixed; every other byte stays.
    pub(crate) fn rename(&self, element: &str, list: ListMethod, name: &str) -> String {
        let separator = if list.kind == ActionKind::ResourceRead { "+" } else { "__" };
        replace_member(element, &[list.name], &json::quote(&self.named(separator, name)))
            .unwrap_or_else(|| element.to_owned())
    }

    /// A result or notification with the URIs that it hands out prefixed, so that the agent can use them here.
    pub(crate) fn outward(&self, message: &Message) -> Option<Message> {
        let mut body: Value = json::strict(message.body()).ok()?;
        if !prefix_uris(&mut body, &self.0, 0) {
            return None;
        }
        message.with_body(&body.to_string()).ok()
    }
}

/// Splits a prefixed request: the upstream's name, and the message as the upstream is to see it.
pub(crate) fn route(message: &Message) -> Option<(String, Message)> {
    let method = message.method();
    let mut candidates =
        NAMED.iter().filter(|(m, _, _)| *m == method).map(|(_, path, sep)| (*path, *sep)).collect::<Vec<_>>();
    if method == "completion/complete" {
        candidates.push((&["ref", "uri"], "+"));
    }
    for (path, separator) in candidates {
        let Some(text) = member(message.body(), path) else { continue };
        let Ok(Value::String(name)) = serde_json::from_str(text) else { continue };
        let (server, inner) = name.split_once(separator)?;
        let body = replace_member(message.body(), path, &json::quote(inner))?;
        return Some((server.to_owned(), message.with_body(&body).ok()?));
    }
    None
}

/// The client's `initialize` at all upstreams. One that fails is left out; that is logged, and its tools are absent.
pub(crate) async fn initialize(core: &Arc<Core>, message: &Message, params: &Value) -> Result<Message, Refused> {
    let greetings = greet_all(core).await?;
    let id = message.id().cloned().ok_or_else(|| Refused::internal("a request without an id"))?;
    let asked = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
    Ok(Message::result(&id, &initialize_result(asked, &greetings).to_string())?)
}

async fn greet_all(core: &Arc<Core>) -> Result<Vec<Arc<Value>>, Refused> {
    let greetings = futures_util::future::join_all((0..core.routes.len()).map(|index| greet(core, index))).await;
    let mut last = Refused::internal("no upstream server is configured");
    let mut reached = Vec::new();
    for (route, greeting) in core.routes.iter().zip(greetings) {
        match greeting {
            Ok(greeting) => reached.push(greeting),
            Err(refused) => {
                tracing::warn!(upstream = route.name(), error = refused.message(), "upstream left out");
                last = refused;
            }
        }
    }
    if reached.is_empty() { Err(last) } else { Ok(reached) }
}

/// One request of the client on the federated endpoint.
pub(crate) async fn request(core: &Arc<Core>, message: Message, out: &Out) -> Result<Message, Refused> {
    let id = message.id().cloned().ok_or_else(|| Refused::internal("a request without an id"))?;
    if let Some(list) = catalog::list_method(message.method()) {
        return merged_list(core, &message, list, &id).await;
    }
    let done = |result: Value| Message::result(&id, &result.to_string()).map_err(Refused::from);
    match (message.method(), core.era) {
        ("ping", Era::Session) => done(json!({})),
        ("logging/setLevel", Era::Session) => {
            for index in 0..core.routes.len() {
                let own = message.with_id(&core.fresh_id())?;
                if let Err(refused) = core.call(index, own, out).await {
                    tracing::debug!(error = refused.message(), "an upstream did not take the log level");
                }
            }
            done(json!({}))
        }
        ("server/discover", Era::Stateless) => discover_result(&id, &greet_all(core).await?),
        ("subscriptions/listen", Era::Stateless) => listen::listen(core, &message, out).await,
        _ => {
            let Some((server, inner)) = route(&message) else {
                return Err(unrouted(&message));
            };
            let index = core.routes.iter().position(|route| route.name() == server);
            core.call(index.ok_or_else(|| unrouted(&message))?, inner, out).await
        }
    }
}

fn unrouted(message: &Message) -> Refused {
    if NAMED.iter().any(|(method, _, _)| *method == message.method()) {
        let hint = "names on this endpoint start with the upstream's name: `<upstream>__<tool>`, `<upstream>+<uri>`";
        return Refused::new(code::INVALID_PARAMS, format!("no upstream has this name; {hint}")).in_band();
    }
    Refused::not_found(message.method())
}

/// Every upstream's whole list in one.
async fn merged_list(core: &Arc<Core>, message: &Message, list: ListMethod, id: &Id) -> Result<Message, Refused> {
    let lists =
        futures_util::future::join_all((0..core.routes.len()).map(|index| whole_list(core, index, message, list)));
    let mut elements = Vec::new();
    for (route, listed) in core.routes.iter().zip(lists.await) {
        match listed {
            Ok(listed) => elements.extend(listed),
            Err(refused) => tracing::warn!(upstream = route.name(), error = refused.message(), "list left out"),
        }
    }
    let stateless = if core.era == Era::Stateless {
        ",\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\""
    } else {
        ""
    };
    Ok(Message::result(id, &format!("{{\"{}\":[{}]{stateless}}}", list.key, elements.join(",")))?)
}

async fn whole_list(
    core: &Arc<Core>,
    index: usize,
    message: &Message,
    list: ListMethod,
) -> Result<Vec<String>, Refused> {
    let (out, _nobody): (Out, _) = mpsc::channel(64);
    let greeting = greet(core, index).await?;
    let capability = if list.kind == ActionKind::ResourceRead { "resources" } else { list.key };
    if greeting.get("capabilities").and_then(|all| all.get(capability)).is_none() {
        return Ok(Vec::new());
    }
    let route = core.route(index)?;
    let prefix = Prefix::new(route.name());
    let mut params = message.params().map_err(|error| Refused::new(code::INVALID_PARAMS, error.to_string()))?;
    let mut elements = Vec::new();
    for _ in 0..PAGES_MAX {
        let own = message.with_id(&core.fresh_id())?.with_body(&params.to_string())?;
        let response = core.call(index, own, &out).await?;
        if !matches!(response.kind(), Kind::Result(_)) {
            return Err(Refused::internal(format!("the upstream server answered {}", response.body())));
        }
        let (shown, cursor) = catalog::page(&core.guard, route.name(), &response, list, &prefix).await?;
        elements.extend(shown);
        match (cursor, params.as_object_mut()) {
            (Some(cursor), Some(params)) => params.insert("cursor".into(), cursor.into()),
            _ => return Ok(elements),
        };
    }
    Err(Refused::internal(format!("the list has more than {PAGES_MAX} pages")))
}

/// One answer to `initialize` or `server/discover` out of several: capabilities are united.
pub(crate) fn merge_capabilities<'a>(results: impl Iterator<Item = &'a Value>) -> Value {
    let mut merged = Map::new();
    for capabilities in results.filter_map(|result| result.get("capabilities").and_then(Value::as_object)) {
        for (name, value) in capabilities {
            let entry = merged.entry(name.clone()).or_insert_with(|| json!({}));
            if let (Some(into), Some(from)) = (entry.as_object_mut(), value.as_object()) {
                for (key, value) in from {
                    let known_true = into.get(key) == Some(&Value::Bool(true));
                    if !known_true {
                        into.insert(key.clone(), value.clone());
                    }
                }
            }
        }
    }
    Value::Object(merged)
}

fn member<'a>(text: &'a str, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(text, |text, name| {
        let members = json::members(text).ok()?;
        members.into_iter().find(|(key, _)| key == name).map(|(_, value)| value.get())
    })
}

fn replace_member(text: &str, path: &[&str], new: &str) -> Option<String> {
    let old = member(text, path)?;
    Some(json::splice(text, vec![(json::span(text, old)?, new.to_owned())]))
}

/// Prefixes `uri` members of resource contents, links and updates. Returns whether anything changed.
fn prefix_uris(value: &mut Value, server: &str, depth: usize) -> bool {
    const DEPTH: usize = 4;
    if depth > DEPTH {
        return false;
    }
    match value {
        Value::Array(items) => {
            let mut changed = false;
            for item in items {
                changed |= prefix_uris(item, server, depth + 1);
            }
            changed
        }
        Value::Object(object) => {
            let mut changed = false;
            for (key, inner) in object.iter_mut() {
                match (key.as_str(), &mut *inner) {
                    ("uri", Value::String(uri)) => {
                        *uri = format!("{server}+{uri}");
                        changed = true;
                    }
                    ("contents" | "content" | "resource" | "messages", inner) => {
                        changed |= prefix_uris(inner, server, depth + 1);
                    }
                    _ => {}
                }
            }
            changed
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(method: &str, params: &str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        Message::parse(text).unwrap()
    }

    #[test]
    fn a_prefix_routes_and_is_taken_off_without_touching_other_bytes() {
        let (server, inner) =
            route(&message("tools/call", r#"{ "name" : "fs__read__x", "arguments":{"name":"fs__y"} }"#)).unwrap();
        assert_eq!(server, "fs");
        assert_eq!(inner.body(), r#"{ "name" : "read__x", "arguments":{"name":"fs__y"} }"#);
        let (server, inner) = route(&message("resources/read", r#"{"uri":"fs+file:///a+b"}"#)).unwrap();
        assert_eq!((server.as_str(), inner.body()), ("fs", r#"{"uri":"file:///a+b"}"#));
        let (_, inner) =
            route(&message("completion/complete", r#"{"ref":{"type":"ref/resource","uri":"fs+x://{y}"}}"#)).unwrap();
        assert_eq!(inner.body(), r#"{"ref":{"type":"ref/resource","uri":"x://{y}"}}"#);
    }

    #[test]
    fn without_a_prefix_there_is_no_route() {
        for (method, params) in [("tools/call", r#"{"name":"read"}"#), ("tools/call", "{}"), ("ping", "{}")] {
            assert!(route(&message(method, params)).is_none());
        }
    }

    #[test]
    fn uris_that_are_handed_out_are_prefixed() {
        let text = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"resource_link","uri":"a:b"},{"type":"text","text":"uri"}]}}"#;
        let out = Prefix::new("fs").outward(&Message::parse(text).unwrap()).unwrap();
        assert!(out.text().contains(r#""uri":"fs+a:b""#));
    }
}
