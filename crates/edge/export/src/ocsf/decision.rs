//! A decision as an event of the class that its action belongs to, and an outcome as the end of an API call.

use super::class::{API, DATASTORE, Draft, HTTP, PROCESS, object};
use super::verdict;
use crate::event::{Arguments, Event};
use crate::summary::{LIST_MAX, name, public_id, public_name, resource, succeeded};
use holdshort_model::{
    ActionKind, AgentId, DecisionRecord, Effect, Outcome, OutcomeStatus, Resource, SessionId, Verb, one_line,
};
use serde_json::{Value, json};

/// Longest name of a resource, in characters.
const NAME_CHARS_MAX: usize = 512;

/// What is kept of a decision until its outcome.
#[derive(Clone, Debug)]
pub(super) struct Act {
    agent: AgentId,
    user: Option<String>,
    server: Option<String>,
    name: String,
    point: String,
}

impl Act {
    pub(super) fn of(record: &DecisionRecord) -> Self {
        let request = &record.request;
        Self {
            agent: request.subject.agent.clone(),
            user: request.subject.user.as_deref().map(short),
            server: request.action.server.as_deref().map(short),
            name: public_name(record),
            point: short(&request.context.enforcement_point),
        }
    }
}

/// A text of others, on one line.
fn short(text: &str) -> String {
    one_line(text, NAME_CHARS_MAX)
}

pub(super) fn decided(record: &DecisionRecord, event: &Event, arguments: Arguments) -> Draft {
    let full = arguments == Arguments::Full;
    let request = &record.request;
    let argument = |name: &str| request.action.args.get(name).and_then(Value::as_str).filter(|_| full);
    let act = Act::of(record);
    let mut draft = match request.action.kind {
        ActionKind::ShellCommand => {
            let mut draft = Draft::of(PROCESS, (1, "Launch"));
            let process = [
                // Nothing runs yet: the decision stands for the process.
                ("uid", json!(record.decision.id)),
                ("name", json!(act.name)),
                ("cmd_line", json!(argument("command"))),
                ("working_directory", json!(argument("cwd"))),
            ];
            draft.set("process", object(process));
            // Which machine it is only its enforcement point could say, and does not.
            draft.set("device", json!({ "type_id": 0, "type": "Unknown", "name": point(&act) }));
            draft
        }
        ActionKind::DbStatement => {
            let mut draft = Draft::of(DATASTORE, datastore(record));
            let database = act.server.clone().unwrap_or_else(|| act.name.clone());
            draft.set("database", json!({ "name": database, "type_id": 0, "type": act.name }));
            if let Some(statement) = argument("statement") {
                let query = json!({ "uid": record.decision.id, "query_string": statement });
                draft.set("query_info", query);
            }
            draft.set("src_endpoint", source(&act));
            draft
        }
        ActionKind::HttpRequest => {
            let mut draft = Draft::of(HTTP, http(&act.name));
            draft.set("http_request", http_request(record, &act));
            draft.set("src_endpoint", source(&act));
            let host = record.facts.action.effects.iter().find_map(|effect| effect.resource.host.as_deref());
            draft.set("dst_endpoint", host.map(|host| json!({ "hostname": host })));
            draft
        }
        _ => {
            let mut draft = Draft::of(API, api(record));
            draft.set("api", called(record, &act, full));
            draft.set("src_endpoint", source(&act));
            draft.set("dst_endpoint", act.server.as_ref().map(|server| json!({ "svc_name": server })));
            draft.set("resources", resources(record));
            let trace = request.context.trace.as_deref().filter(|trace| !trace.is_empty());
            draft.set("trace", trace.map(|uid| json!({ "uid": uid })));
            draft
        }
    };
    draft.set("actor", actor(&act, Some(&request.session)));
    draft.set("ai_agent", ai_agent(record));
    verdict::decided(&mut draft, &record.decision);
    status(&mut draft, record);
    draft.set("start_time", record.received_ms);
    draft.set("observables", super::observables::of(record));
    draft.set("unmapped", unmapped(record, event));
    draft
}

/// The end of an action. What was called is told by the decision, where it is still known.
pub(super) fn ended(outcome: &Outcome, act: Option<&Act>, event: &Event) -> Draft {
    let mut draft = Draft::of(API, (99, "Outcome"));
    let unknown = || Act {
        agent: AgentId::from("unknown"),
        user: None,
        server: None,
        name: "unknown".into(),
        point: String::new(),
    };
    let act = act.cloned().unwrap_or_else(unknown);
    let service = act.server.as_ref().map(|server| json!({ "name": server }));
    let response = object([("code", json!(null)), ("message", json!(name(&outcome.status)))]);
    let api = [
        ("operation", json!(act.name)),
        ("service", json!(service)),
        ("request", json!({ "uid": outcome.decision })),
        ("response", response),
    ];
    draft.set("api", object(api));
    draft.set("src_endpoint", source(&act));
    draft.set("dst_endpoint", act.server.as_ref().map(|server| json!({ "svc_name": server })));
    draft.set("actor", actor(&act, Some(&outcome.session)));
    draft.set(
        "ai_agent",
        object([("uid", json!(act.agent)), ("name", json!(act.agent)), ("instance_uid", json!(outcome.session))]),
    );
    let (id, word) = if succeeded(outcome.status) { (1, "Success") } else { (2, "Failure") };
    draft.set("status_id", id);
    draft.set("status", word);
    draft.set("status_code", name(&outcome.status));
    verdict::set(&mut draft, ((1, "Allowed"), if id == 1 { (1, "Allowed") } else { (27, "Error") }));
    draft.set("duration", outcome.duration_us / 1_000);
    draft.set("end_time", event.time_ms());
    let holdshort = [
        ("bytes", json!(outcome.bytes)),
        ("digest", json!(outcome.digest)),
        ("duration_us", json!(outcome.duration_us)),
        ("timeout", json!((outcome.status == OutcomeStatus::Timeout).then_some(true))),
    ];
    draft.set("unmapped", json!({ "holdshort": object(holdshort) }));
    draft
}

pub(super) fn actor(act: &Act, session: Option<&SessionId>) -> Value {
    let user = act.user.as_deref().map(|user| json!({ "name": user, "type_id": 1, "type": "User" }));
    object([
        ("app_uid", json!(act.agent)),
        ("app_name", json!(act.agent)),
        ("user", json!(user)),
        ("session", json!(session.map(|session| json!({ "uid": session })))),
    ])
}

fn ai_agent(record: &DecisionRecord) -> Value {
    let subject = &record.request.subject;
    object([
        ("uid", json!(subject.agent)),
        ("name", json!(subject.agent)),
        ("instance_uid", json!(record.request.session)),
        ("version", json!(subject.claims.version.as_deref().map(short))),
        ("type_id", json!(subject.claims.name.as_ref().map_or(0, |_| 99))),
        ("type", json!(subject.claims.name.as_deref().map_or_else(|| "Unknown".to_owned(), short))),
    ])
}

fn point(act: &Act) -> &str {
    if act.point.is_empty() { "holdshort" } else { &act.point }
}

fn source(act: &Act) -> Value {
    json!({ "name": act.agent, "svc_name": point(act) })
}

fn called(record: &DecisionRecord, act: &Act, full: bool) -> Value {
    let request = &record.request;
    let uid = request.context.request_id.clone().unwrap_or_else(|| record.decision.id.to_string());
    let data = json!(full.then_some(&request.action.args));
    let service = act.server.as_ref().map(|server| json!({ "name": server }));
    object([
        ("operation", json!(format!("{} {}", request.action.kind, act.name))),
        ("service", json!(service)),
        ("request", object([("uid", json!(uid)), ("data", data)])),
    ])
}

/// The gravest of what the action does: OCSF knows four of our verbs, the others keep their name.
fn api(record: &DecisionRecord) -> (u32, &'static str) {
    let order =
        [Verb::Delete, Verb::Grant, Verb::Spend, Verb::Send, Verb::Delegate, Verb::Execute, Verb::Write, Verb::Read];
    match gravest(record, &order) {
        Some(Verb::Delete) => (4, "Delete"),
        Some(Verb::Write) => (3, "Update"),
        Some(Verb::Read) => (2, "Read"),
        Some(other) => (99, other.as_str()),
        None => (0, "Unknown"),
    }
}

fn datastore(record: &DecisionRecord) -> (u32, &'static str) {
    match gravest(record, &[Verb::Delete, Verb::Write, Verb::Execute, Verb::Read]) {
        Some(Verb::Delete) => (7, "Delete"),
        Some(Verb::Write) => (5, "Write"),
        Some(Verb::Read) => (1, "Read"),
        _ => (4, "Query"),
    }
}

fn gravest(record: &DecisionRecord, order: &[Verb]) -> Option<Verb> {
    order.iter().copied().find(|verb| record.facts.action.effects.iter().any(|effect| effect.verb == *verb))
}

fn http(method: &str) -> (u32, &'static str) {
    METHODS.iter().find(|(name, ..)| *name == method).map_or((99, "Other"), |(_, id, caption)| (*id, caption))
}

const METHODS: [(&str, u32, &str); 9] = [
    ("CONNECT", 1, "Connect"),
    ("DELETE", 2, "Delete"),
    ("GET", 3, "Get"),
    ("HEAD", 4, "Head"),
    ("OPTIONS", 5, "Options"),
    ("POST", 6, "Post"),
    ("PUT", 7, "Put"),
    ("TRACE", 8, "Trace"),
    ("PATCH", 9, "Patch"),
];

fn http_request(record: &DecisionRecord, act: &Act) -> Value {
    let method = METHODS.iter().find(|(name, ..)| *name == act.name).map(|(name, ..)| *name);
    let address = record.facts.action.effects.iter().find_map(|effect| effect.resource.id.as_deref());
    let url = address.map(|address| {
        let address = public_id(address);
        let host = record.facts.action.effects.iter().find_map(|effect| effect.resource.host.clone());
        let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_owned());
        object([("url_string", json!(address)), ("hostname", json!(host)), ("scheme", json!(scheme))])
    });
    object([("uid", json!(record.decision.id)), ("http_method", json!(method)), ("url", json!(url))])
}

fn resources(record: &DecisionRecord) -> Vec<Value> {
    let effects = record.facts.action.effects.iter();
    let named = effects.filter_map(|effect| resource(&effect.resource).map(|uid| detail(&effect.resource, &uid)));
    named.take(LIST_MAX).collect()
}

fn detail(resource: &Resource, uid: &str) -> Value {
    object([
        ("uid", json!(one_line(uid, NAME_CHARS_MAX))),
        ("type", json!(resource.kind)),
        ("hostname", json!(resource.host)),
        ("labels", json!(resource.labels)),
        ("role_id", json!(1)),
        ("role", json!("Target")),
    ])
}

fn status(draft: &mut Draft, record: &DecisionRecord) {
    let why = record.decision.reasons.first().map(|reason| reason.message.as_str()).unwrap_or_default();
    match record.decision.enforced {
        // How it ends is in the outcome.
        Effect::Allow => {}
        Effect::Ask => {
            draft.set("status_id", 99);
            draft.set("status", "Waiting");
        }
        Effect::Deny => {
            draft.set("status_id", 2);
            draft.set("status", "Failure");
        }
    }
    draft.set("status_detail", one_line(why, NAME_CHARS_MAX));
}

/// What OCSF has no place for.
fn unmapped(record: &DecisionRecord, event: &Event) -> Value {
    let DecisionRecord { request, facts, decision, .. } = record;
    let fields = [
        ("leaf", json!(event.leaf_hex())),
        ("effect", json!(decision.effect)),
        ("mode", json!(decision.mode)),
        ("containment", json!(decision.containment)),
        ("removed", json!(decision.removed)),
        ("playbook", json!(decision.playbook)),
        ("approval", json!(decision.approval)),
        ("approved_by", json!(decision.approved.as_ref().map(|approved| &approved.by))),
        (
            "obligations",
            json!(decision.obligations.iter().map(holdshort_model::Obligation::pointer).collect::<Vec<_>>()),
        ),
        ("verbs", json!(facts.action.effects.iter().map(|effect| effect.verb).take(LIST_MAX).collect::<Vec<_>>())),
        ("action_digest", json!(request.action.digest)),
        ("agent_class", json!(facts.subject.agent.class)),
        ("owner", json!(facts.subject.agent.owner.as_ref().map(|owner| &owner.id))),
        ("delegation", json!(request.subject.delegation)),
        ("session_sequence", json!(record.sequence)),
        ("session_previous", json!(record.previous)),
        ("integrity", json!(facts.labels.integrity)),
        ("confidentiality", json!(facts.labels.confidentiality)),
        ("deciding_ns", json!(record.deciding_ns)),
    ];
    json!({ "holdshort": object(fields) })
}
