//! From [`Facts`] to the `input` document, without a detour over JSON text.
//!
//! The shape is serde's shape of `Facts`; a test compares the two. Keys and enum values are made once for each copy
//! of the programs and then only counted, so that threads share neither allocations nor reference counts.

use holdshort_model::{ActionEffect, ActionFacts, Agent, Authentication, Certainty, ContextFacts, Facts, Pin};
use holdshort_model::{Resource, Standing, SubjectFacts, ToolFacts};
use regorus::Value;
use regorus::value::Object;
use serde_json::Value as Json;

mod flow;
mod sections;
mod signals;

pub(crate) use flow::{asks, integrity, origin, role};
pub(crate) use sections::Sections;
pub(crate) use signals::level;

/// Keys and enum values that every input document uses.
macro_rules! words {
    ($($word:ident)*) => {
        struct Keys { $($word: Value),* }

        impl Keys {
            fn new() -> Self {
                Self { $($word: Value::from(stringify!($word))),* }
            }
        }
    };
}

words! {
    action actions active address agent annotations anomaly approvals approved args asks at authenticated_by because
    categories certainty character claims class cold confidence confidentiality context count counts coverage decoded
    definition delegation destinations digest document domain effects enforcement_point events expired feed
    fingerprint flooding form history holds host id in_flight injection integrity intelligence intent kind known
    labels level listed listed_confidence looks_like marks name novelty odd origin own own_secret owner parts path pending percent
    personal_data pin points program provenance reach record refused refused_same removed request required resource
    reversible risk rivals role rule rules score secrets seen sequences server session severity signal signals since
    sources span special standing steered_by subject surprise time tool trace truncated trust unscanned user value
    verb version volume why witnesses workspace
}

/// Makes input documents.
pub(crate) struct InputBuilder {
    keys: Keys,
    kinds: Vec<Value>,
    verbs: Vec<Value>,
    quiet: signals::Quiet,
}

impl InputBuilder {
    pub(crate) fn new() -> Self {
        let keys = Keys::new();
        Self {
            quiet: signals::Quiet::new(&keys),
            keys,
            kinds: holdshort_model::ActionKind::ALL.into_iter().map(|kind| Value::from(kind.as_str())).collect(),
            verbs: holdshort_model::Verb::ALL.into_iter().map(|verb| Value::from(verb.as_str())).collect(),
        }
    }

    /// The `input` document of these facts, as far as somebody reads it.
    pub(crate) fn build(&self, facts: &Facts, read: Sections) -> Value {
        let k = &self.keys;
        let mut input = Object::new();
        if read.have("subject") {
            input.insert(k.subject.clone(), self.subject(&facts.subject));
        }
        if read.have("action") {
            input.insert(k.action.clone(), self.action(&facts.action));
        }
        if let Some(tool) = facts.tool.as_ref().filter(|_| read.have("tool")) {
            input.insert(k.tool.clone(), self.tool(tool));
        }
        if read.have("context") {
            input.insert(k.context.clone(), self.context(&facts.context));
        }
        flow::insert(k, &mut input, facts, read);
        signals::insert(k, &self.quiet, &mut input, facts, read);
        whole(input)
    }

    fn subject(&self, subject: &SubjectFacts) -> Value {
        let k = &self.keys;
        let mut object = Object::new();
        object.insert(k.agent.clone(), self.agent(&subject.agent));
        insert_text(&mut object, &k.user, subject.user.as_deref());
        let delegation: Vec<Value> = subject.delegation.iter().map(|id| Value::from(id.as_str())).collect();
        object.insert(k.delegation.clone(), Value::from(delegation));
        object.insert(k.session.clone(), Value::from(subject.session.as_str()));
        object.insert(k.authenticated_by.clone(), Value::from(authentication(subject.authenticated_by)));
        object.insert(k.standing.clone(), Value::from(standing(subject.standing)));
        insert_texts(&mut object, &k.removed, &subject.removed);
        whole(object)
    }

    fn agent(&self, agent: &Agent) -> Value {
        let k = &self.keys;
        let mut object = Object::new();
        object.insert(k.id.clone(), Value::from(agent.id.as_str()));
        object.insert(k.class.clone(), Value::from(agent.class.as_str()));
        if let Some(owner) = &agent.owner {
            let mut value = Object::new();
            value.insert(k.id.clone(), Value::from(owner.id.as_str()));
            value.insert(k.active.clone(), Value::Bool(owner.active));
            object.insert(k.owner.clone(), whole(value));
        }
        let mut claims = Object::new();
        insert_text(&mut claims, &k.name, agent.claims.name.as_deref());
        insert_text(&mut claims, &k.version, agent.claims.version.as_deref());
        insert_text(&mut claims, &k.program, agent.claims.program.as_deref());
        object.insert(k.claims.clone(), whole(claims));
        whole(object)
    }

    fn action(&self, action: &ActionFacts) -> Value {
        let k = &self.keys;
        let mut object = Object::new();
        let kind = self.kinds.get(action.kind as usize).cloned();
        object.insert(k.kind.clone(), kind.unwrap_or_else(|| Value::from(action.kind.as_str())));
        insert_text(&mut object, &k.server, action.server.as_deref());
        object.insert(k.name.clone(), Value::from(action.name.as_str()));
        let effects: Vec<Value> = action.effects.iter().map(|effect| self.effect(effect)).collect();
        object.insert(k.effects.clone(), Value::from(effects));
        object.insert(k.args.clone(), from_json(&action.args));
        if let Some(digest) = &action.digest {
            object.insert(k.digest.clone(), Value::from(digest.to_string()));
        }
        whole(object)
    }

    fn effect(&self, effect: &ActionEffect) -> Value {
        let k = &self.keys;
        let mut object = Object::new();
        let verb = self.verbs.get(effect.verb as usize).cloned();
        object.insert(k.verb.clone(), verb.unwrap_or_else(|| Value::from(effect.verb.as_str())));
        object.insert(k.resource.clone(), self.resource(&effect.resource));
        if let Some(reversible) = effect.reversible {
            object.insert(k.reversible.clone(), Value::Bool(reversible));
        }
        if let Some(count) = effect.count {
            object.insert(k.count.clone(), Value::from(count));
        }
        object.insert(k.certainty.clone(), Value::from(certainty(effect.certainty)));
        whole(object)
    }

    fn resource(&self, resource: &Resource) -> Value {
        let k = &self.keys;
        let mut object = Object::new();
        object.insert(k.kind.clone(), Value::from(resource.kind.as_str()));
        insert_text(&mut object, &k.id, resource.id.as_deref());
        insert_text(&mut object, &k.host, resource.host.as_deref());
        insert_text(&mut object, &k.path, resource.path.as_deref());
        if !resource.labels.is_empty() {
            let labels: Vec<Value> = resource.labels.iter().map(|label| Value::from(label.as_str())).collect();
            object.insert(k.labels.clone(), Value::from(labels));
        }
        whole(object)
    }

    fn tool(&self, tool: &ToolFacts) -> Value {
        let k = &self.keys;
        let mut object = Object::new();
        object.insert(k.server.clone(), Value::from(tool.server.as_str()));
        object.insert(k.name.clone(), Value::from(tool.name.as_str()));
        object.insert(k.pin.clone(), Value::from(pin(tool.pin)));
        object.insert(k.annotations.clone(), from_json(&tool.annotations));
        if let Some(digest) = &tool.definition {
            object.insert(k.definition.clone(), Value::from(digest.to_string()));
        }
        whole(object)
    }

    fn context(&self, context: &ContextFacts) -> Value {
        let k = &self.keys;
        let mut object = Object::new();
        insert_text(&mut object, &k.intent, context.intent.as_deref());
        object.insert(k.time.clone(), Value::from(context.time));
        insert_text(&mut object, &k.workspace, context.workspace.as_deref());
        object.insert(k.enforcement_point.clone(), Value::from(context.enforcement_point.as_str()));
        insert_text(&mut object, &k.trace, context.trace.as_deref());
        whole(object)
    }
}

/// As `Object::into_value`, without packing it for reading: an input document is read a few times and dropped.
fn whole(object: Object) -> Value {
    Value::Object(regorus::Rc::new(object))
}

fn insert_text(object: &mut Object, key: &Value, text: Option<&str>) {
    if let Some(text) = text {
        object.insert(key.clone(), Value::from(text));
    }
}

fn insert_texts(object: &mut Object, key: &Value, texts: &[String]) {
    if !texts.is_empty() {
        let texts: Vec<Value> = texts.iter().map(|text| Value::from(text.as_str())).collect();
        object.insert(key.clone(), Value::from(texts));
    }
}

/// A JSON value as a value of the engine.
pub(crate) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => from_number(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<Value>>()),
        Json::Object(fields) => {
            let mut object = Object::new();
            for (key, value) in fields {
                object.insert(Value::from(key.as_str()), from_json(value));
            }
            whole(object)
        }
    }
}

fn from_number(number: &serde_json::Number) -> Value {
    if let Some(whole) = number.as_u64() {
        return Value::from(whole);
    }
    if let Some(whole) = number.as_i64() {
        return Value::from(whole);
    }
    Value::from_numeric_string(&number.to_string()).unwrap_or(Value::Undefined)
}

/// Text form of a pin, as serde writes it.
pub(crate) fn pin(pin: Pin) -> &'static str {
    match pin {
        Pin::Match => "match",
        Pin::New => "new",
        Pin::Changed => "changed",
        Pin::Shadowed => "shadowed",
    }
}

/// Text form of a certainty, as serde writes it.
pub(crate) fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Declared => "declared",
        Certainty::Derived => "derived",
        Certainty::Unprovable => "unprovable",
        Certainty::Unknown => "unknown",
    }
}

fn authentication(authentication: Authentication) -> &'static str {
    match authentication {
        Authentication::Token => "token",
        Authentication::OsUser => "os-user",
        Authentication::Operator => "operator",
        Authentication::None => "none",
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Narrowed => "narrowed",
        Standing::Isolated => "isolated",
        Standing::Terminated => "terminated",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// Facts with every field filled.
    pub(crate) fn full() -> Facts {
        serde_json::from_value(json!({
            "subject": {
                "agent": {
                    "id": "a1", "class": "coding", "owner": {"id": "ann", "active": true},
                    "claims": {"name": "claude", "version": "2", "program": "/usr/bin/claude"}
                },
                "user": "ann", "delegation": ["a0"], "session": "s1", "authenticated_by": "os-user",
                "standing": "narrowed", "removed": ["files"]
            },
            "action": {
                "kind": "tool.call", "server": "files", "name": "write_file",
                "effects": [{
                    "verb": "write",
                    "resource": {"kind": "file", "id": "f", "host": "h", "path": "/p", "labels": ["secret"]},
                    "reversible": false, "count": 3, "certainty": "declared"
                }],
                "args": {"text": "x", "list": [1, -2, 0.5, null, true], "big": 18446744073709551615_u64},
                "digest": format!("sha256:{}", "a".repeat(64))
            },
            "tool": {
                "server": "files", "name": "write_file", "pin": "changed", "annotations": {"readOnlyHint": true},
                "definition": format!("sha256:{}", "b".repeat(64))
            },
            "context": {
                "intent": "tidy", "time": 1, "workspace": "/w", "enforcement_point": "mcp-http", "trace": "t"
            },
            "labels": {
                "integrity": "untrusted", "confidentiality": "internal", "categories": ["personal"], "since": 7,
                "sources": ["fetch#0"]
            },
            "provenance": {"/path": {
                "role": "target", "origin": "prose", "coverage": 100, "required": true, "address": true, "record": true, "rivals": 2,
                "known": false, "sources": [{
                    "kind": "tool", "id": "fetch#0", "trust": "untrusted", "character": "cell", "reach": "linked",
                    "document": true, "span": [3, 9], "form": "folded"
                }]
            }},
            "request": {"known": true, "asks": "step", "because": ["tidy"], "steered_by": ["fetch#0"]},
            "history": {
                "actions": 3, "in_flight": 1, "counts": {"write": 2}, "truncated": true,
                "sequences": {"p/s": {"holds": true, "value": 1.5, "witnesses": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}}
            },
            "signals": {
                "injection": {"percent": 80, "marks": [{"kind": "bidi", "at": "/text"}]},
                "secrets": [{
                    "rule": "aws", "at": "/text", "fingerprint": "00ff", "own": true, "confidence": 90, "decoded": "hex"
                }],
                "personal_data": [{"kind": "iban", "at": "/text", "count": 3, "confidence": 80}],
                "intelligence": [{"feed": "f", "kind": "domain", "at": "/text", "confidence": 70}],
                "rules": [{"rule": "r", "at": "/text", "severity": "high", "counts": true}],
                "truncated": true,
                "seen": {
                    "injection": 60, "marks": ["bidi"], "secrets": ["aws"], "own_secret": true,
                    "personal_data": ["iban"], "intelligence": ["f"], "rules": ["r"], "unscanned": 1, "truncated": true
                },
                "destinations": [{
                    "host": "a.example", "domain": "a.example", "known": true, "looks_like": "b.example",
                    "special": "private", "odd": ["userinfo"], "listed": "f", "listed_confidence": 70
                }],
                "anomaly": {
                    "cold": false, "events": 9, "novelty": 1, "surprise": 2, "volume": 3, "why": ["a new tool"]
                },
                "approvals": {
                    "pending": 1, "approved": 2, "refused": 3, "expired": 4, "refused_same": 5, "flooding": true
                }
            },
            "risk": {
                "score": 81, "level": "critical",
                "parts": [{"signal": "secrets", "points": 60, "confidence": 90, "why": "a key"}]
            }
        }))
        .unwrap()
    }

    #[test]
    fn the_document_has_the_shape_that_serde_gives() {
        let mut sparse = full();
        sparse.tool = None;
        sparse.subject.agent.owner = None;
        sparse.subject.user = None;
        sparse.action.effects[0].resource.labels.clear();
        sparse.action.effects[0].count = None;
        sparse.context.workspace = None;
        (sparse.labels, sparse.request, sparse.history) = Default::default();
        (sparse.signals, sparse.risk) = Default::default();
        sparse.subject.removed.clear();
        sparse.provenance.clear();
        for facts in [full(), sparse] {
            let expected = serde_json::to_value(&facts).unwrap();
            let built: Json =
                serde_json::from_str(&InputBuilder::new().build(&facts, Sections::ALL).to_json_str().unwrap()).unwrap();
            assert_eq!(built, expected);
        }
    }

    #[test]
    fn enum_words_are_serdes() {
        for value in [Pin::Match, Pin::New, Pin::Changed, Pin::Shadowed] {
            assert_eq!(serde_json::to_value(value).unwrap(), pin(value));
        }
        for value in [Certainty::Declared, Certainty::Derived, Certainty::Unprovable, Certainty::Unknown] {
            assert_eq!(serde_json::to_value(value).unwrap(), certainty(value));
        }
        flow::tests::words();
        use Authentication as A;
        for value in [A::Token, A::OsUser, A::Operator, A::None] {
            assert_eq!(serde_json::to_value(value).unwrap(), authentication(value));
        }
        use Standing as S;
        for value in [S::Active, S::Narrowed, S::Isolated, S::Terminated] {
            assert_eq!(serde_json::to_value(value).unwrap(), standing(value));
        }
    }
}
