//! Lists on their way to the agent: what may not be used is not listed, and definitions are compared with their pins.

use super::federation::Prefix;
use super::guard::{Guard, Refused};
use holdshort_model::{ActionKind, ToolDefinition};
use holdshort_wire::json;
use holdshort_wire::mcp::Message;
use serde_json::Value;

/// What a list method lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListMethod {
    /// Member of the result that holds the list.
    pub(crate) key: &'static str,
    /// Member of an element that names it.
    pub(crate) name: &'static str,
    /// What using an element would be.
    pub(crate) kind: ActionKind,
}

/// The list methods of MCP.
pub(crate) fn list_method(method: &str) -> Option<ListMethod> {
    let (key, name, kind) = match method {
        "tools/list" => ("tools", "name", ActionKind::ToolCall),
        "resources/list" => ("resources", "uri", ActionKind::ResourceRead),
        "resources/templates/list" => ("resourceTemplates", "uriTemplate", ActionKind::ResourceRead),
        "prompts/list" => ("prompts", "name", ActionKind::PromptGet),
        _ => return None,
    };
    Some(ListMethod { key, name, kind })
}

/// The elements of a list result that the agent may see, as JSON texts with their names prefixed where asked for.
/// `None` when the result can be passed on as it is.
async fn visible(
    guard: &Guard,
    server: &str,
    list: ListMethod,
    elements: &[&serde_json::value::RawValue],
    prefix: Option<&Prefix>,
) -> Result<Option<Vec<String>>, Refused> {
    let mut named = Vec::with_capacity(elements.len());
    let mut definitions = Vec::with_capacity(elements.len());
    for element in elements {
        // A definition that could be read in two ways, or that has no name, is not shown.
        let Ok(definition) = json::strict(element.get()) else { continue };
        let Some(name) = definition.get(list.name).and_then(Value::as_str).map(str::to_owned) else { continue };
        if json::members(element.get()).is_err() {
            continue;
        }
        named.push((element.get(), name.clone()));
        definitions.push(ToolDefinition { name, definition });
    }
    let listings = guard.inspect(server, list.kind, definitions).await?;
    let shown: Vec<_> =
        named.iter().zip(&listings).filter(|(_, listing)| listing.listed).map(|(element, _)| element).collect();
    if shown.len() == elements.len() && prefix.is_none() {
        return Ok(None);
    }
    let texts = shown.into_iter().map(|(text, name)| match prefix {
        None => (*text).to_owned(),
        Some(prefix) => prefix.rename(text, list, name),
    });
    Ok(Some(texts.collect()))
}

/// Filters one page of a list. `private`: also forbids shared caches to keep it, since it depends on the caller.
pub(crate) async fn filter(
    guard: &Guard,
    server: &str,
    response: Message,
    list: ListMethod,
    private: bool,
) -> Result<Message, Refused> {
    let text = response.body();
    let members = json::members(text).map_err(|error| Refused::internal(format!("upstream's list: {error}")))?;
    unambiguous(members.iter().map(|(key, _)| key.as_ref()), list.key)?;
    let mut edits = Vec::new();
    for (key, value) in &members {
        let Some(span) = json::span(text, value.get()) else { continue };
        match key.as_ref() {
            key if key == list.key => {
                let elements = json::elements(value.get())
                    .map_err(|error| Refused::internal(format!("upstream's list: {error}")))?;
                if let Some(shown) = visible(guard, server, list, &elements, None).await? {
                    edits.push((span, format!("[{}]", shown.join(","))));
                }
            }
            "cacheScope" if private && value.get() != "\"private\"" => edits.push((span, "\"private\"".to_owned())),
            "ttlMs" if private && value.get() != "0" => edits.push((span, "0".to_owned())),
            _ => {}
        }
    }
    if edits.is_empty() {
        return Ok(response);
    }
    let body = json::splice(text, edits);
    response.with_body(&body).map_err(|error| Refused::internal(error.to_string()))
}

/// INVARIANT: a client that ignores case must not find a list that was not filtered, under `Tools` beside or in place of
/// `tools`.
fn unambiguous<'a>(mut keys: impl Iterator<Item = &'a str>, list: &str) -> Result<(), Refused> {
    match keys.find(|key| *key != list && json::same_key(key, list)) {
        None => Ok(()),
        Some(_) => Err(Refused::internal(format!("upstream's list: `{list}` is spelled in another case"))),
    }
}

/// The visible elements of one page for a merged list, and the cursor of the next page.
pub(crate) async fn page(
    guard: &Guard,
    server: &str,
    response: &Message,
    list: ListMethod,
    prefix: &Prefix,
) -> Result<(Vec<String>, Option<String>), Refused> {
    let broken = |error: json::JsonError| Refused::internal(format!("upstream's list: {error}"));
    let members = json::members(response.body()).map_err(broken)?;
    let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| value.get());
    let elements = member(list.key).map(json::elements).transpose().map_err(broken)?.unwrap_or_default();
    let shown = visible(guard, server, list, &elements, Some(prefix)).await?.unwrap_or_default();
    let cursor = member("nextCursor").and_then(|text| serde_json::from_str(text).ok());
    Ok((shown, cursor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_only_another_parser_would_see_is_refused() {
        for (keys, good) in [
            (vec!["tools", "nextCursor"], true),
            (vec!["nextCursor"], true),
            (vec!["Tools"], false),
            (vec!["tool\u{17f}"], false),
        ] {
            assert_eq!(unambiguous(keys.iter().copied(), "tools").is_ok(), good, "{keys:?}");
        }
    }
}
