//! `replay --traces`: decides the steps of recorded runs online, as if each were about to happen.

use crate::cli::ReplayArgs;
use crate::failure::{Failure, Outcome};
use crate::{clock, out};
use holdshort_decide::{SessionView, Snapshot, decide};
use holdshort_inventory::Pins;
use holdshort_model::{
    Action, ActionKind, Authentication, Claims, Context, Decision, Effect, Reason, Request, SessionId, Subject,
    ToolDefinition,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Largest trace, in bytes: a run of a few thousand steps with long outputs.
const TRACE_BYTES_MAX: u64 = 64 << 20;
/// Server that the tools of a trace are taken to belong to.
const SERVER: &str = "trace";
/// Agent of a trace that names none.
const AGENT: &str = "trace";

/// One recorded run.
#[derive(Debug, Deserialize)]
struct Trace {
    id: Value,
    prompt: String,
    #[serde(default)]
    agent: Option<String>,
    tools: Vec<Tool>,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Tool {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    schema: Option<Value>,
    #[serde(default)]
    annotations: Option<Value>,
}

/// A call. Its `output` and `error` belong to what happens after a decision, which no signal reads yet.
#[derive(Debug, Deserialize)]
struct Step {
    tool: String,
    #[serde(default)]
    args: Value,
}

#[derive(Debug, Serialize)]
struct Answer {
    id: Value,
    decisions: Vec<StepDecision>,
}

#[derive(Debug, Serialize)]
struct StepDecision {
    /// What would happen.
    effect: Effect,
    /// What was decided, policies and grants that are only observed included.
    decided: Effect,
    risk: u8,
    level: holdshort_model::Level,
    reasons: Vec<Reason>,
}

pub(super) fn run(arguments: &ReplayArgs) -> Outcome {
    let snapshot = super::decide::offline(&arguments.place)?;
    let mut input = open(&arguments.traces)?;
    for number in 1_u64.. {
        let mut line = Vec::new();
        let read = input.by_ref().take(TRACE_BYTES_MAX + 1).read_until(b'\n', &mut line);
        read.map_err(|error| Failure::usage(format!("cannot read the traces: {error}")))?;
        match line.as_slice() {
            [] => break,
            long if long.len() as u64 > TRACE_BYTES_MAX => {
                return Err(Failure::usage(format!("line {number}: a trace has more than {TRACE_BYTES_MAX} bytes")));
            }
            blank if blank.iter().all(u8::is_ascii_whitespace) => {}
            text => out::json(&replay(&snapshot, &parse(text, number)?, number)?)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = File::open(path).map_err(|error| {
        Failure::usage(format!("cannot read `{}`: {error}", path.display())).hint("name a file with one trace a line")
    })?;
    Ok(Box::new(BufReader::new(file)))
}

fn parse(line: &[u8], number: u64) -> Result<Trace, Failure> {
    serde_json::from_slice(line).map_err(|error| {
        Failure::usage(format!("line {number}: not a trace: {error}"))
            .hint("a trace has `id`, `prompt`, `tools` and `steps`; see docs/reference/cli.md")
    })
}

/// Decides the steps in their order. A step that is not allowed was not executed, so nothing of it is carried on.
fn replay(snapshot: &Snapshot, trace: &Trace, number: u64) -> Result<Answer, Failure> {
    let session = SessionId::from(format!("trace-{number}"));
    let agent = trace.agent.as_deref().unwrap_or(AGENT);
    let subject = Subject {
        agent: agent.into(),
        user: None,
        delegation: Vec::new(),
        authenticated_by: Authentication::Operator,
        claims: Claims::default(),
    };
    let snapshot = with_tools(snapshot, &trace.tools)?;
    let mut view = SessionView::active(session.clone());
    let mut decisions = Vec::with_capacity(trace.steps.len());
    for step in &trace.steps {
        let action = Action {
            kind: ActionKind::ToolCall,
            server: Some(SERVER.to_owned()),
            name: step.tool.clone(),
            args: step.args.clone(),
            digest: None,
        };
        let context = Context {
            intent: Some(trace.prompt.clone()),
            enforcement_point: "replay".to_owned(),
            ..Context::default()
        };
        let request = Request { subject: subject.clone(), action, context, session: session.clone() };
        let (decision, _) = decide(&snapshot, &view, &request, clock::record_id()?, clock::now_ns());
        view.sequence += 1;
        let Decision { effect, enforced, risk, reasons, .. } = decision;
        let (risk, level) = (risk.score, risk.level);
        decisions.push(StepDecision { effect: enforced, decided: effect, risk, level, reasons });
    }
    Ok(Answer { id: trace.id.clone(), decisions })
}

/// The snapshot with the trace's tools pinned as they are: they were in use when the trace was recorded.
fn with_tools(snapshot: &Snapshot, tools: &[Tool]) -> Result<Snapshot, Failure> {
    let definitions: Vec<ToolDefinition> = tools.iter().map(Tool::definition).collect();
    let mut pins = Pins::new(holdshort_inventory::FirstUse::Trust, []);
    pins.observe(SERVER, &definitions, 0).map_err(Failure::usage)?;
    Ok(snapshot.with_pins(Arc::new(pins)))
}

impl Tool {
    fn definition(&self) -> ToolDefinition {
        let mut fields = Map::new();
        fields.insert("name".into(), self.name.clone().into());
        let rest = [
            ("description", self.description.clone().map(Value::String)),
            ("inputSchema", self.schema.clone()),
            ("annotations", self.annotations.clone()),
        ];
        fields.extend(rest.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        ToolDefinition { name: self.name.clone(), definition: Value::Object(fields) }
    }
}
