//! Event classes of OCSF 1.9.0 that records map to. <https://schema.ocsf.io/1.9.0/>

use serde_json::{Map, Value, json};

/// Version of the schema.
pub const VERSION: &str = "1.9.0";

/// An event class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) uid: u32,
    pub(super) category: u32,
    pub(super) name: &'static str,
    pub(super) category_name: &'static str,
}

const fn class(uid: u32, name: &'static str, category_name: &'static str) -> Class {
    Class { uid, category: uid / 1_000, name, category_name }
}

pub(super) const BASE: Class = class(0, "Base Event", "Uncategorized");
pub(super) const PROCESS: Class = class(1_007, "Process Activity", "System Activity");
pub(super) const FINDING: Class = class(2_004, "Detection Finding", "Findings");
pub(super) const ENTITY: Class = class(3_004, "Entity Management", "Identity & Access Management");
pub(super) const HTTP: Class = class(4_002, "HTTP Activity", "Network Activity");
pub(super) const LIFECYCLE: Class = class(6_002, "Application Lifecycle", "Application Activity");
pub(super) const API: Class = class(6_003, "API Activity", "Application Activity");
pub(super) const DATASTORE: Class = class(6_005, "Datastore Activity", "Application Activity");
pub(super) const ERROR: Class = class(6_008, "Application Error", "Application Activity");

/// An event under construction.
pub(super) struct Draft(Map<String, Value>);

impl Draft {
    /// Sets an attribute; nothing, an empty text or an empty list is left out.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(object) => object.is_empty(),
            _ => false,
        };
        if !empty {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// An event of a class with its activity: the id and the name, which is the source's own for 99.
    pub(super) fn of(class: Class, activity: (u32, &str)) -> Self {
        let (id, name) = activity;
        let mut draft = Self(Map::new());
        draft.set("class_uid", class.uid);
        draft.set("class_name", class.name);
        draft.set("category_uid", class.category);
        draft.set("category_name", class.category_name);
        draft.set("activity_id", id);
        draft.set("activity_name", name);
        draft.set("type_uid", class.uid * 100 + id);
        draft.set("type_name", format!("{}: {name}", class.name));
        draft
    }

    /// What it is an event of.
    pub(super) fn type_uid(&self) -> Option<u64> {
        self.0.get("type_uid").and_then(Value::as_u64)
    }

    pub(super) fn finish(self) -> Value {
        Value::Object(self.0)
    }
}

/// An object without what is empty.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let mut draft = Draft(Map::new());
    for (name, value) in fields {
        draft.set(name, value);
    }
    draft.finish()
}

/// Holdshort as a product.
pub(super) fn product() -> Value {
    json!({ "name": "Holdshort", "vendor_name": "Holdshort", "version": env!("CARGO_PKG_VERSION") })
}
