//! What somebody searches for across events: people, hosts, files, addresses.

use crate::summary::{LIST_MAX, public_id};
use holdshort_model::{DecisionRecord, one_line};
use serde_json::{Value, json};

/// Longest value, in characters.
const VALUE_CHARS_MAX: usize = 512;

/// The observables of a decision, each once.
pub(super) fn of(record: &DecisionRecord) -> Vec<Value> {
    let mut found: Vec<(&str, u32, &str, String)> = Vec::new();
    let mut add = |name, (id, kind), value: &str| {
        let entry = (name, id, kind, one_line(value, VALUE_CHARS_MAX));
        if !value.is_empty() && found.len() < LIST_MAX && !found.contains(&entry) {
            found.push(entry);
        }
    };
    if let Some(user) = &record.request.subject.user {
        add("actor.user.name", (4, "User Name"), user);
    }
    for effect in &record.facts.action.effects {
        let resource = &effect.resource;
        if let Some(host) = &resource.host {
            let kind = if host.parse::<std::net::IpAddr>().is_ok() { (2, "IP Address") } else { (1, "Hostname") };
            add("resources.hostname", kind, host);
        }
        if let Some(path) = &resource.path {
            add("resources.uid", (45, "File Path"), path);
        }
        match resource.id.as_deref().map(public_id) {
            Some(id) if id.contains("://") => add("resources.uid", (6, "URL String"), &id),
            Some(id) if resource.kind == "mail" && id.contains('@') => add("resources.uid", (5, "Email Address"), &id),
            _ => {}
        }
    }
    let observable = |(name, id, kind, value): (&str, u32, &str, String)| json!({ "name": name, "type_id": id, "type": kind, "value": value });
    found.into_iter().map(observable).collect()
}
