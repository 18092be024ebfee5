//! The reference page of the configuration, from the types.

use crate::config::load::profile_text;
use crate::config::types::{Config, ProfileName};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// The page as Markdown. `docs/reference/configuration.md` is this text; a test compares them.
pub(crate) fn reference() -> String {
    let schema = SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<Config>();
    let schema = schema.to_value();
    let mut page = String::from(HEADER);
    let definitions = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    section(&mut page, &definitions, &schema, "");
    page.push_str("\n## Profiles\n");
    for (name, profile) in [("quickstart", ProfileName::Quickstart), ("strict", ProfileName::Strict)] {
        let _ = write!(page, "\n`profile = \"{name}\"`:\n```toml\n{}```\n", profile_text(profile));
    }
    page
}

const HEADER: &str = "\
# Configuration

<!-- Generated from the types by `holdshort config reference`; do not edit. -->

One TOML file: `--config FILE`, else `HOLDSHORT_CONFIG`, else `holdshort/config.toml` in `$XDG_CONFIG_HOME` (`~/.config`),
else the quickstart profile alone. It is parsed and checked before anything starts; an unknown key is an error that names
the file, the line and the nearest known name. `holdshort config check` prints the effective configuration, secrets as `***`.

";

/// Writes the fields of one object, then the objects in it, each under its path.
fn section(page: &mut String, definitions: &Map<String, Value>, schema: &Value, path: &str) {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    // Sorted here: whether JSON maps keep their order depends on the features of the whole build.
    let mut fields: Vec<(&String, &Value)> = properties.iter().collect();
    fields.sort_by_key(|(name, field)| (nested(definitions, field).is_some(), name.as_str()));
    if fields.iter().any(|(_, field)| nested(definitions, field).is_none()) {
        page.push_str("| key | values | meaning |\n|---|---|---|\n");
    }
    for (name, field) in &fields {
        if nested(definitions, field).is_none() {
            let meaning = one_line(description(field));
            let _ = writeln!(page, "| `{name}` | {} | {meaning} |", values(definitions, field));
        }
    }
    for (name, field) in fields {
        if let Some((list, inner)) = nested(definitions, field) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let title = if list { format!("[[{path}]]") } else { format!("[{path}]") };
            let _ = write!(page, "\n## `{title}`\n{}\n\n", one_line(description(field)));
            section(page, definitions, inner, &path);
        }
    }
}

/// The object behind a field that is a table or a list of tables.
fn nested<'a>(definitions: &'a Map<String, Value>, field: &'a Value) -> Option<(bool, &'a Value)> {
    let list = field.get("items");
    let target = resolve(definitions, list.unwrap_or(field));
    target.get("properties").map(|_| (list.is_some(), target))
}

fn resolve<'a>(definitions: &'a Map<String, Value>, schema: &'a Value) -> &'a Value {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    name.and_then(|name| definitions.get(name)).unwrap_or(schema)
}

fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// The values of a field in words: its type, or its variants with their meanings.
fn values(definitions: &Map<String, Value>, field: &Value) -> String {
    let target = resolve(definitions, field);
    if let Some(variants) = target.get("oneOf").and_then(Value::as_array) {
        let variant = |variant: &Value| {
            let name = variant.get("const").and_then(Value::as_str).unwrap_or_default();
            format!("`{name}`: {}", one_line(description(variant)))
        };
        return variants.iter().map(variant).collect::<Vec<_>>().join("<br>");
    }
    if let Some(items) = target.get("items") {
        return format!("list of {}", values(definitions, items));
    }
    if let Some(items) = target.get("additionalProperties").filter(|items| items.is_object()) {
        return format!("table of {}", values(definitions, items));
    }
    if let Some(either) = target.get("anyOf").and_then(Value::as_array) {
        // A value that may be left out.
        if let [one, null] = either.as_slice()
            && null.get("type").is_some_and(|kind| kind == "null")
        {
            return values(definitions, one);
        }
        return "string or `{ from = \"NAME\" }`".into();
    }
    match target.get("type") {
        Some(Value::String(kind)) => plural(kind),
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").map_or_else(|| "any".into(), plural)
        }
        _ => "any".into(),
    }
}

fn plural(kind: &str) -> String {
    match kind {
        "object" => "table".into(),
        other => other.to_owned(),
    }
}
