//! The shape of the `input` document: which fields exist, and which values an enumeration has.
//!
//! A test lays it beside what serde makes of [`holdshort_model::Facts`].

use crate::diagnostic::suggest;
use serde_json::Value as Json;

/// Shape of a part of the document.
#[derive(Debug)]
pub(crate) enum Shape {
    /// An object with these fields and no others.
    Object(&'static [(&'static str, Shape)]),
    /// An array of such elements.
    Array(&'static Shape),
    /// An object with keys that only the action knows, such as JSON pointers.
    Map(&'static Shape),
    /// A text, number or boolean.
    Scalar,
    /// One of these texts.
    Enum(&'static [&'static str]),
    /// Whatever the tool or the server sent.
    Any,
}

use Shape::{Any, Array, Enum, Map, Object, Scalar};

/// Fields of the contract that this version does not supply.
const LATER: [&str; 2] = ["posture", "version"];

/// Kinds of actions, as `input.action.kind` has them.
const KINDS: &[&str] = &[
    "tool.call",
    "resource.read",
    "resource.subscribe",
    "prompt.get",
    "completion.complete",
    "sampling.create",
    "elicitation.create",
    "roots.list",
    "task.read",
    "task.update",
    "catalog.list",
    "shell.command",
    "db.statement",
    "http.request",
    "protocol",
    "unknown",
];

/// Verbs of effects.
const VERBS: &[&str] = &["read", "write", "delete", "execute", "send", "spend", "delegate", "grant"];

/// The whole document.
pub(crate) static INPUT: Shape = Object(&[
    (
        "subject",
        Object(&[
            (
                "agent",
                Object(&[
                    ("id", Scalar),
                    ("class", Scalar),
                    ("owner", Object(&[("id", Scalar), ("active", Scalar)])),
                    ("claims", Object(&[("name", Scalar), ("version", Scalar), ("program", Scalar)])),
                ]),
            ),
            ("user", Scalar),
            ("delegation", Array(&Scalar)),
            ("session", Scalar),
            ("authenticated_by", Enum(&["token", "os-user", "operator", "none"])),
            ("standing", Enum(&["active", "narrowed", "isolated", "terminated"])),
            ("removed", Array(&Scalar)),
        ]),
    ),
    (
        "action",
        Object(&[
            ("kind", Enum(KINDS)),
            ("server", Scalar),
            ("name", Scalar),
            ("effects", Array(&EFFECT)),
            ("args", Any),
            ("digest", Scalar),
        ]),
    ),
    (
        "tool",
        Object(&[
            ("server", Scalar),
            ("name", Scalar),
            ("pin", Enum(&["match", "new", "changed", "shadowed"])),
            ("annotations", Any),
            ("definition", Scalar),
        ]),
    ),
    (
        "context",
        Object(&[
            ("intent", Scalar),
            ("time", Scalar),
            ("workspace", Scalar),
            ("enforcement_point", Scalar),
            ("trace", Scalar),
        ]),
    ),
    (
        "labels",
        Object(&[
            ("integrity", Enum(INTEGRITY)),
            ("confidentiality", Scalar),
            ("categories", Array(&Scalar)),
            ("since", Scalar),
            ("sources", Array(&Scalar)),
        ]),
    ),
    ("provenance", Map(&PROVENANCE)),
    (
        "request",
        Object(&[
            ("known", Scalar),
            ("asks", Enum(&["call", "step", "open", "no"])),
            ("because", Array(&Scalar)),
            ("steered_by", Array(&Scalar)),
        ]),
    ),
    (
        "history",
        Object(&[
            ("actions", Scalar),
            ("in_flight", Scalar),
            ("counts", Map(&Scalar)),
            ("sequences", Map(&SEQUENCE)),
            ("truncated", Scalar),
        ]),
    ),
    ("signals", SIGNALS),
    (
        "risk",
        Object(&[
            ("score", Scalar),
            ("level", LEVEL),
            (
                "parts",
                Array(&Object(&[("signal", Scalar), ("points", Scalar), ("confidence", Scalar), ("why", Scalar)])),
            ),
        ]),
    ),
]);

const LEVEL: Shape = Enum(&["low", "medium", "high", "critical"]);

const SIGNALS: Shape = Object(&[
    ("injection", Object(&[("percent", Scalar), ("marks", Array(&Object(&[("kind", Scalar), ("at", Scalar)])))])),
    (
        "secrets",
        Array(&Object(&[
            ("rule", Scalar),
            ("at", Scalar),
            ("fingerprint", Scalar),
            ("own", Scalar),
            ("confidence", Scalar),
            ("decoded", Scalar),
        ])),
    ),
    ("personal_data", Array(&Object(&[("kind", Scalar), ("at", Scalar), ("count", Scalar), ("confidence", Scalar)]))),
    ("intelligence", Array(&Object(&[("feed", Scalar), ("kind", Scalar), ("at", Scalar), ("confidence", Scalar)]))),
    ("rules", Array(&Object(&[("rule", Scalar), ("at", Scalar), ("severity", LEVEL), ("counts", Scalar)]))),
    ("truncated", Scalar),
    (
        "seen",
        Object(&[
            ("injection", Scalar),
            ("marks", Array(&Scalar)),
            ("secrets", Array(&Scalar)),
            ("own_secret", Scalar),
            ("personal_data", Array(&Scalar)),
            ("intelligence", Array(&Scalar)),
            ("rules", Array(&Scalar)),
            ("unscanned", Scalar),
            ("truncated", Scalar),
        ]),
    ),
    (
        "destinations",
        Array(&Object(&[
            ("host", Scalar),
            ("domain", Scalar),
            ("known", Scalar),
            ("looks_like", Scalar),
            ("special", Scalar),
            ("odd", Array(&Scalar)),
            ("listed", Scalar),
            ("listed_confidence", Scalar),
        ])),
    ),
    (
        "anomaly",
        Object(&[
            ("cold", Scalar),
            ("events", Scalar),
            ("novelty", Scalar),
            ("surprise", Scalar),
            ("volume", Scalar),
            ("why", Array(&Scalar)),
        ]),
    ),
    (
        "approvals",
        Object(&[
            ("pending", Scalar),
            ("approved", Scalar),
            ("refused", Scalar),
            ("expired", Scalar),
            ("refused_same", Scalar),
            ("flooding", Scalar),
        ]),
    ),
]);

const INTEGRITY: &[&str] = &["trusted", "untrusted"];

/// One sequence; its address tells the map of sequences apart from other maps.
pub(crate) static SEQUENCE: Shape = Object(&[("holds", Scalar), ("value", Scalar), ("witnesses", Array(&Scalar))]);

static PROVENANCE: Shape = Object(&[
    ("role", Enum(&["target", "content", "setting"])),
    ("origin", Enum(&["request", "field", "named", "prose", "instruction", "nowhere", "unknown"])),
    (
        "sources",
        Array(&Object(&[
            ("kind", Enum(&["user", "system", "tool", "memory"])),
            ("id", Scalar),
            ("trust", Enum(INTEGRITY)),
            ("character", Enum(&["field", "cell", "entry", "prose", "instruction"])),
            ("reach", Enum(&["named", "topic", "linked", "elsewhere"])),
            ("document", Scalar),
            ("span", Array(&Scalar)),
            ("form", Scalar),
        ])),
    ),
    ("coverage", Scalar),
    ("required", Scalar),
    ("address", Scalar),
    ("record", Scalar),
    ("rivals", Scalar),
    ("known", Scalar),
]);

static EFFECT: Shape = Object(&[
    ("verb", Enum(VERBS)),
    (
        "resource",
        Object(&[("kind", Scalar), ("id", Scalar), ("host", Scalar), ("path", Scalar), ("labels", Array(&Scalar))]),
    ),
    ("reversible", Scalar),
    ("count", Scalar),
    ("certainty", Enum(&["declared", "derived", "unprovable", "unknown"])),
]);

impl Shape {
    /// The shape of a field, or the reason why there is none.
    pub(crate) fn field(&'static self, name: &str, place: &str) -> Result<&'static Self, (String, String)> {
        let names = match self {
            Object(fields) => match fields.iter().find(|(field, _)| *field == name) {
                Some((_, shape)) => return Ok(shape),
                None => fields,
            },
            Any => return Ok(&Any),
            Map(value) => return Ok(value),
            Array(_) => {
                return Err((format!("`{place}` is an array and has no field `{name}`"), "iterate with `some`".into()));
            }
            Scalar | Enum(_) => {
                return Err((format!("`{place}` is no object and has no field `{name}`"), "compare its value".into()));
            }
        };
        let message = match LATER.contains(&name) {
            true => format!("`{place}.{name}` is not supplied in this version"),
            false => format!("`{place}` has no field `{name}`"),
        };
        Err((message, suggest(name, names.iter().map(|(field, _)| *field))))
    }

    /// The shape of the elements, when this is iterated or indexed.
    pub(crate) fn element(&'static self) -> Option<&'static Self> {
        match self {
            Array(element) | Map(element) => Some(element),
            Any => Some(&Any),
            Object(_) | Scalar | Enum(_) => None,
        }
    }
}

/// The first field of an input fragment that the document does not have: where, which, and a hint.
pub(crate) fn unknown_field(fragment: &Json) -> Option<(String, String, String)> {
    walk(fragment, &INPUT, "input")
}

fn walk(value: &Json, shape: &'static Shape, place: &str) -> Option<(String, String, String)> {
    match (value, shape) {
        (Json::Object(fields), Object(_)) => fields.iter().find_map(|(name, value)| match shape.field(name, place) {
            Ok(shape) => walk(value, shape, &format!("{place}.{name}")),
            Err((_, hint)) => Some((place.to_owned(), name.clone(), hint)),
        }),
        (Json::Object(fields), Map(element)) => {
            fields.iter().find_map(|(name, value)| walk(value, element, &format!("{place}[{name:?}]")))
        }
        (Json::Array(items), Array(element)) => {
            items.iter().find_map(|item| walk(item, element, &format!("{place}[_]")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::tests::full;
    use holdshort_model::{ActionKind, Verb};

    /// Every field that the shape has is in the full document, and the other way round.
    fn same(value: &Json, shape: &'static Shape, place: &str) {
        match (value, shape) {
            (Json::Object(fields), Object(shapes)) => {
                let mut have: Vec<&str> = fields.keys().map(String::as_str).collect();
                let mut want: Vec<&str> = shapes.iter().map(|(name, _)| *name).collect();
                have.sort_unstable();
                want.sort_unstable();
                assert_eq!(have, want, "{place}");
                for (name, shape) in *shapes {
                    same(&fields[*name], shape, &format!("{place}.{name}"));
                }
            }
            (Json::Array(items), Array(element)) => items.iter().for_each(|item| same(item, element, place)),
            (Json::Object(fields), Map(element)) => fields.values().for_each(|value| same(value, element, place)),
            (Json::String(text), Enum(values)) => assert!(values.contains(&text.as_str()), "{place}: {text}"),
            (Json::String(_) | Json::Number(_) | Json::Bool(_), Scalar) | (_, Any) => {}
            other => panic!("{place}: {other:?}"),
        }
    }

    #[test]
    fn the_shape_is_that_of_the_facts() {
        same(&serde_json::to_value(full()).unwrap(), &INPUT, "input");
        assert_eq!(ActionKind::ALL.map(ActionKind::as_str), KINDS);
        assert_eq!(Verb::ALL.map(Verb::as_str), VERBS);
    }
}
