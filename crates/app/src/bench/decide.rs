//! Decisions in process: the library, the library filled up to a hundred policies, and that with everything on.

use super::{everything, repeat};
use crate::config::Loaded;
use crate::failure::Failure;
use crate::{clock, policies};
use holdshort_decide::{GrantEntry, Parts, SessionView, Snapshot, decide as decide_once};
use holdshort_inventory::{AgentEntry, Agents, FirstUse, Pins};
use holdshort_model::{
    Action, ActionKind, Authentication, Claims, Context, Effect, Request, Subject, ToolDefinition, Verb,
};
use holdshort_policy::{Bundle, PolicySet, SourceFile};
use holdshort_store::log::BenchCase;
use serde_json::{Value, json};
use std::hint::black_box;
use std::sync::Arc;

/// How many policies the larger case has.
const POLICIES: usize = 100;

/// Measures with `operations` decisions for each case.
pub(crate) fn decide(operations: u32) -> Result<Vec<BenchCase>, Failure> {
    let loaded = Loaded::read(None)?;
    let library = policies::bundle(&loaded)?;
    let small = measure("decide: the library", &library, &loaded, operations)?;
    let large = measure("decide: the library and more", &filled(&loaded)?, &loaded, operations)?;
    let mut cases = vec![small, large];
    cases.extend(everything::cases(&loaded, operations)?);
    Ok(cases)
}

/// The library, and more policies until they are a hundred.
pub(super) fn filled(loaded: &Loaded) -> Result<Bundle, Failure> {
    let mut filled = policies::bundle(loaded)?;
    filled.files.extend((filled.files.len()..=POLICIES).map(policy));
    Ok(filled)
}

fn measure(name: &str, bundle: &Bundle, loaded: &Loaded, operations: u32) -> Result<BenchCase, Failure> {
    let set = PolicySet::load(bundle, &policies::options(loaded)).map_err(|faults| policies::refused(&faults))?;
    let name = format!("{name}, {} policies", set.policies().len());
    let snapshot = snapshot(set)?;
    let args = json!({"path": "src/main.rs", "content": "fn main() {}", "note": "small"});
    let (request, id) = (sent("files", "write_file", args), clock::record_id()?);
    let session = SessionView::active(request.session.clone());
    let once = || decide_once(&snapshot, &session, black_box(&request), id, 1).0;
    match once() {
        decision if decision.enforced == Effect::Allow => {}
        decision => return Err(Failure::internal(format!("the measured request is refused: {:?}", decision.reasons))),
    }
    Ok(repeat(&name, operations, || drop(black_box(once()))))
}

// One in ten looks at every call, the others at a tool, a server or a verb, as written policies do.
fn policy(number: usize) -> SourceFile {
    let guard = match number % 10 {
        0 => "input.action.kind == \"tool.call\"".to_owned(),
        1..4 => format!("input.tool.server == \"server{number}\""),
        4..7 => "some effect in input.action.effects\n\teffect.verb == \"delete\"".to_owned(),
        _ => format!("input.action.name == \"tool{number}\""),
    };
    let fires = match number % 10 {
        1..4 => json!({"tool": {"server": format!("server{number}")}, "action": {"args": {"note": "forbidden"}}}),
        7..10 => json!({"action": {"name": format!("tool{number}"), "args": {"note": "forbidden"}}}),
        _ => json!({"action": {
            "args": {"note": "forbidden"},
            "effects": [{"verb": "delete", "resource": {"kind": "record"}}],
        }}),
    };
    let text = format!(
        "# METADATA\n# title: Bench {number}\npackage holdshort.rules.bench{number}\n\n\
         deny contains \"not here\" if {{\n\t{guard}\n\tcontains(input.action.args.note, \"forbidden\")\n}}\n\n\
         examples := {}\n",
        json!([
            {"name": "fires", "input": fires, "expect": ["deny"]},
            {"name": "rests", "input": {"action": {"args": {"note": "fine"}}}, "expect": []},
        ])
    );
    SourceFile { path: format!("bench{number}.rego"), text }
}

fn snapshot(policies: PolicySet) -> Result<Snapshot, Failure> {
    let grant = GrantEntry {
        name: "bench".into(),
        class: "coding".into(),
        verbs: vec![Verb::Read, Verb::Write],
        resources: vec!["file:${workspace}/**".into()],
        servers: vec!["*".into()],
        mode: holdshort_model::Mode::Enforce,
    };
    let agent =
        AgentEntry { id: "bench".into(), class: "coding".into(), owner: None, created_ms: 0, tokens: Vec::new() };
    let agents = Agents::new([agent]).map_err(|_| Failure::internal("the agent of the bench is not one"))?;
    let mut pins = Pins::new(FirstUse::Trust, []);
    let definition: Value =
        json!({"name": "write_file", "description": "Create or overwrite a file", "inputSchema": {"type": "object"}});
    pins.observe("files", &[ToolDefinition { name: "write_file".into(), definition }], 0).map_err(Failure::internal)?;
    let (policies, agents, pins) = (Some(Arc::new(policies)), Arc::new(agents), Arc::new(pins));
    let parts = Parts { policies, agents, pins, grants: vec![grant], ..Parts::default() };
    Snapshot::new(parts).map_err(|faults| Failure::internal(format!("{faults:?}")))
}

/// A call as the agent of the bench makes it.
pub(super) fn sent(server: &str, name: &str, args: Value) -> Request {
    Request {
        subject: Subject {
            agent: "bench".into(),
            user: None,
            delegation: Vec::new(),
            authenticated_by: Authentication::Operator,
            claims: Claims::default(),
        },
        action: Action {
            kind: ActionKind::ToolCall,
            server: Some(server.into()),
            name: name.into(),
            args,
            digest: None,
        },
        context: Context {
            workspace: Some("/home/bench".into()),
            enforcement_point: "bench".into(),
            ..Context::default()
        },
        session: "bench".into(),
    }
}
