//! A session as the tests drive it: calls are weighed, permitted and come back, as the service does it.

// Each test binary uses its own part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

use holdshort_history::{Decided, Flow, Pending, Rules, Settled, State};
use holdshort_model::{Effect, Facts, OutcomeStatus, Provenance, RecordId};
use serde_json::{Value, json};

/// A tool: its definition, and what its calls do.
#[derive(Clone)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) verbs: Vec<&'static str>,
    pub(crate) definition: Value,
}

/// A tool whose parameters are required texts.
pub(crate) fn tool(name: &str, verbs: &[&'static str], description: &str, parameters: &[&str]) -> Tool {
    let texts: serde_json::Map<String, Value> =
        parameters.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    let definition = json!({
        "name": name, "description": description,
        "inputSchema": {"type": "object", "properties": texts, "required": parameters},
    });
    Tool { name: name.to_owned(), verbs: verbs.to_vec(), definition }
}

/// A session with what the person asked for.
pub(crate) struct Session {
    pub(crate) state: State,
    pub(crate) rules: Rules,
    pub(crate) intent: Option<String>,
    pub(crate) workspace: Option<String>,
    /// Destinations that a person approved before: kind and folded value.
    pub(crate) known: Vec<(String, String)>,
    pub(crate) calls: u64,
}

impl Session {
    pub(crate) fn new(intent: &str) -> Self {
        Self { intent: Some(intent.to_owned()), ..Self::silent() }
    }

    /// A session whose request nobody passed on.
    pub(crate) fn silent() -> Self {
        Self {
            state: State::default(),
            rules: Rules::default(),
            intent: None,
            workspace: None,
            known: Vec::new(),
            calls: 0,
        }
    }

    /// What is known of a call before its past is weighed.
    pub(crate) fn bare(&self, tool: &Tool, args: Value) -> Facts {
        let effects: Vec<Value> = tool
            .verbs
            .iter()
            .map(|verb| json!({"verb": verb, "resource": {"kind": "tool"}, "certainty": "derived"}))
            .collect();
        let mut facts: Facts = serde_json::from_value(json!({
            "subject": {
                "agent": {"id": "a", "class": "coding"}, "session": "session",
                "authenticated_by": "token", "standing": "active",
            },
            "action": {"kind": "tool.call", "server": "s", "name": tool.name, "effects": effects, "args": null},
            "context": {"time": 1, "enforcement_point": "test"},
        }))
        .unwrap();
        facts.action.args = args;
        facts.context.intent.clone_from(&self.intent);
        facts.context.workspace.clone_from(&self.workspace);
        facts
    }

    pub(crate) fn flow(&self, tool: &Tool, args: Value) -> Flow {
        let facts = self.bare(tool, args);
        self.weigh(tool, &facts)
    }

    pub(crate) fn weigh(&self, tool: &Tool, facts: &Facts) -> Flow {
        let known = |kind: &str, value: &str| {
            self.known.iter().any(|(one, other)| (one.as_str(), other.as_str()) == (kind, value))
        };
        let pending = Pending { facts, definition: Some(&tool.definition), known: &known, now_ns: 1 };
        self.state.weigh(&self.rules, &pending)
    }

    /// A call that is permitted and still under way.
    pub(crate) fn start(&mut self, tool: &Tool, args: Value) -> RecordId {
        let mut facts = self.bare(tool, args);
        let flow = self.weigh(tool, &facts);
        (facts.labels, facts.provenance) = (flow.labels, flow.provenance);
        (facts.request, facts.history) = (flow.request, flow.history);
        self.calls += 1;
        let id = RecordId::from_parts(self.calls, 0);
        let decided =
            Decided { id, facts: &facts, enforced: Effect::Allow, definition: Some(&tool.definition), now_ns: 1 };
        self.state.decided(&self.rules, &decided);
        id
    }

    pub(crate) fn finish(&mut self, decision: RecordId, parts: &[&str], claimed: bool) {
        let settled = Settled { decision, status: OutcomeStatus::Ok, parts, truncated: false, claimed, now_ns: 1 };
        self.state.settled(&self.rules, &settled);
    }

    /// A call that comes back with an output.
    pub(crate) fn call(&mut self, tool: &Tool, args: Value, output: &str) {
        let id = self.start(tool, args);
        self.finish(id, &[output], false);
    }

    /// The provenance of one argument.
    pub(crate) fn of(&self, tool: &Tool, args: Value, pointer: &str) -> Option<Provenance> {
        self.flow(tool, args).provenance.remove(pointer)
    }
}
