//! Snapshots for tests: two agents, one server, policies as short sources.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside of a test function")]

use holdshort_decide::{GrantEntry, Parts, Server, Snapshot, UnknownAgent};
use holdshort_inventory::{AgentEntry, Agents, Pins};
use holdshort_model::{Action, ActionKind, Authentication, Claims, Context, Mode, Request, Subject, Verb};
use holdshort_policy::{Bundle, LoadOptions, PolicySet, SourceFile};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) struct World {
    policies: Option<Vec<SourceFile>>,
    modes: BTreeMap<String, Mode>,
    grants: Vec<GrantEntry>,
    unknown: UnknownAgent,
    pins: Pins,
}

impl Default for World {
    fn default() -> Self {
        Self {
            policies: Some(Vec::new()),
            modes: BTreeMap::new(),
            grants: vec![grant("coding-files", "coding", &["read", "write"], &["file:/w/**"], Mode::Enforce)],
            unknown: UnknownAgent::Refuse,
            pins: Pins::default(),
        }
    }
}

impl World {
    pub(crate) fn policies(mut self, sources: &[SourceFile]) -> Self {
        self.policies = Some(sources.to_vec());
        self
    }

    pub(crate) fn no_policies(mut self) -> Self {
        self.policies = None;
        self
    }

    pub(crate) fn mode(mut self, policy: &str, mode: Mode) -> Self {
        self.modes.insert(format!("holdshort.rules.{policy}"), mode);
        self
    }

    pub(crate) fn grants(mut self, grants: &[GrantEntry]) -> Self {
        self.grants = grants.to_vec();
        self
    }

    pub(crate) fn unknown(mut self, unknown: UnknownAgent) -> Self {
        self.unknown = unknown;
        self
    }

    pub(crate) fn pins(mut self, pins: Pins) -> Self {
        self.pins = pins;
        self
    }

    pub(crate) fn reversed(mut self) -> Self {
        self.policies.iter_mut().for_each(|files| files.reverse());
        self.grants.reverse();
        self
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let options = LoadOptions { modes: self.modes.clone(), ..LoadOptions::default() };
        let policies = self.policies.clone().map(|files| {
            let loaded = PolicySet::load(&Bundle { files, data: Value::Null }, &options);
            Arc::new(loaded.unwrap_or_else(|faults| panic!("{faults:#?}")))
        });
        let agent = |id: &str, class: &str| AgentEntry {
            id: id.into(),
            class: class.into(),
            owner: None,
            created_ms: 1,
            tokens: vec![],
        };
        let parts = Parts {
            policies,
            grants: self.grants.clone(),
            servers: BTreeMap::from([("fs".to_owned(), Server::default())]),
            unknown_agent: self.unknown,
            agents: Arc::new(Agents::new([agent("coder", "coding"), agent("clerk", "office")]).unwrap()),
            pins: Arc::new(self.pins.clone()),
            ..Parts::default()
        };
        Snapshot::new(parts).unwrap_or_else(|errors| panic!("{errors:#?}"))
    }
}

pub(crate) fn grant(name: &str, class: &str, verbs: &[&str], resources: &[&str], mode: Mode) -> GrantEntry {
    let verb = |text: &&str| Verb::ALL.into_iter().find(|verb| verb.as_str() == *text).unwrap();
    GrantEntry {
        name: name.into(),
        class: class.into(),
        verbs: verbs.iter().map(verb).collect(),
        resources: resources.iter().map(ToString::to_string).collect(),
        servers: vec!["*".into()],
        mode,
    }
}

pub(crate) fn request(agent: &str, kind: ActionKind, name: &str, args: Value) -> Request {
    let subject = Subject {
        agent: agent.into(),
        user: None,
        delegation: vec![],
        authenticated_by: Authentication::Token,
        claims: Claims::default(),
    };
    let action = Action { kind, server: Some("fs".into()), name: name.into(), args, digest: None };
    let context = Context { workspace: Some("/w".into()), enforcement_point: "test".into(), ..Context::default() };
    Request { subject, action, context, session: "session".into() }
}

fn source(name: &str, rule: &str, value: &str, when: &str, fires: &Value, rests: &Value) -> SourceFile {
    let head = format!("# METADATA\n# title: Test {name}\npackage holdshort.rules.{name}\n");
    let body = format!("{rule} contains {value} if {{\n\t{when}\n}}");
    let examples = json!([
        {"name": "fires", "input": fires, "expect": [rule]},
        {"name": "rests", "input": rests, "expect": []},
    ]);
    SourceFile { path: format!("{name}.rego"), text: format!("{head}\n{body}\n\nexamples := {examples}\n") }
}

/// A policy whose rule fires for every action of a kind.
pub(crate) fn policy(name: &str, rule: &str, kind: &str) -> SourceFile {
    let value = match rule {
        "redact" => r#"{"message": "no", "pointer": "/note"}"#,
        "narrow" => r#"{"message": "no", "grants": ["coding-files"]}"#,
        _ => r#""no""#,
    };
    let when = format!("input.action.kind == \"{kind}\"");
    source(name, rule, value, &when, &json!({"action": {"kind": kind}}), &json!({"action": {"kind": "roots.list"}}))
}

pub(crate) fn no_tool(tool: &str) -> SourceFile {
    let when = format!("input.action.name == \"{tool}\"");
    source(tool, "deny", r#""no""#, &when, &json!({"action": {"name": tool}}), &json!({"action": {"name": "other"}}))
}

pub(crate) fn only_without_arguments() -> SourceFile {
    let when = "input.action.kind == \"tool.call\"\n\tnot input.action.args.path";
    let (fires, rests) = (json!({"action": {"args": {"a": 1}}}), json!({"action": {"args": {"path": "/w/a"}}}));
    source("probe", "deny", r#""no""#, when, &fires, &rests)
}

pub(crate) fn only_this_session(session: &str) -> SourceFile {
    let when = format!("input.subject.session != \"{session}\"");
    let rests = json!({"subject": {"session": session}});
    source("session", "deny", r#""another session""#, &when, &json!({"subject": {"session": "x"}}), &rests)
}
