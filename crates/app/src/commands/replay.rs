//! `replay --traces`: decides the steps of recorded runs online, as if each were about to happen.
//!
//! INVARIANT: what a step returned is observed only when the step would have run, and nothing is carried from one trace
//! to the next. Ids and times are counted, not drawn, so that the same traces give the same answers.

use crate::cli::{AskChoice, ReplayArgs};
use crate::failure::{Failure, Outcome};
use crate::out;
use holdshort_decide::{SessionView, Snapshot, decide, destinations};
use holdshort_history::{Decided, Settled, State};
use holdshort_inventory::{Destinations, Pins};
use holdshort_model::{
    Action, ActionKind, Authentication, Claims, Context, Decision, Effect, Facts, OutcomeStatus, Reason, RecordId,
    Request, SeenContent, SessionId, StandingView, Subject, ToolDefinition,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
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
/// When every trace begins, in nanoseconds since 1970: noon (UTC) of Thursday, 1 January 2026. Traces carry no times.
const BEGIN_NS: i64 = 1_767_268_800_000_000_000;
/// From one step to the next, in nanoseconds: one second, which is quick for an agent, so that windows of time hold
/// more steps rather than fewer.
const STEP_NS: i64 = 1_000_000_000;

/// One recorded run.
#[derive(Debug, Deserialize)]
struct Trace {
    id: Value,
    prompt: String,
    #[serde(default)]
    agent: Option<String>,
    /// Absolute path of the folder that the agent worked in; a trace that does not say it may be anywhere.
    #[serde(default)]
    workspace: Option<String>,
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

/// A call with what came of it.
#[derive(Debug, Deserialize)]
struct Step {
    tool: String,
    #[serde(default)]
    args: Value,
    #[serde(default)]
    output: Value,
    #[serde(default)]
    error: Value,
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
    match &arguments.traces {
        Some(traces) => run_traces(arguments, traces),
        None => super::replay_log::run(arguments),
    }
}

fn run_traces(arguments: &ReplayArgs, traces: &Path) -> Outcome {
    let snapshot = super::decide::offline(&arguments.place)?;
    let mut input = open(traces)?;
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
            text => out::json(&replay(&snapshot, &parse(text, number)?, number, arguments.asks)?)?,
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

/// Decides the steps in their order.
fn replay(snapshot: &Snapshot, trace: &Trace, number: u64, asks: AskChoice) -> Result<Answer, Failure> {
    let mut run = Run {
        snapshot: with_tools(snapshot, &trace.tools)?,
        session: SessionId::from(format!("trace-{number}")),
        state: State::default(),
        seen: SeenContent::default(),
        standing: StandingView::default(),
        asks,
    };
    let decisions = (0..).zip(&trace.steps).map(|(at, step)| run.step(trace, step, at)).collect();
    Ok(Answer { id: trace.id.clone(), decisions })
}

/// A trace on its way.
struct Run {
    snapshot: Snapshot,
    session: SessionId,
    state: State,
    seen: SeenContent,
    standing: StandingView,
    asks: AskChoice,
}

impl Run {
    /// Decides one step, and lets the state learn of it. `at`: its number, from 0.
    fn step(&mut self, trace: &Trace, step: &Step, at: u32) -> StepDecision {
        let now_ns = BEGIN_NS.saturating_add(STEP_NS.saturating_mul(i64::from(at)));
        let id = RecordId::from_parts(u64::try_from(now_ns / 1_000_000).unwrap_or(0), u128::from(at));
        let mut view = SessionView::active(self.session.clone());
        (view.sequence, view.state, view.seen) = (u64::from(at), Some(&self.state), Some(&self.seen));
        (view.standing, view.removed) = (self.standing.standing, self.standing.removed.clone());
        let (decision, facts) = decide(&self.snapshot, &view, &self.request(trace, step), id, now_ns);
        let granted = decision.enforced == Effect::Ask && self.asks == AskChoice::Grant;
        let approved = granted.then(|| destinations(&self.snapshot, &view, &facts, id, "replay"));
        let enforced = if granted { Effect::Allow } else { decision.enforced };
        self.learn(step, id, &facts, (enforced, now_ns));
        if let Some(approved) = approved.filter(|approved| !approved.is_empty()) {
            let known = self.snapshot.destinations().iter().cloned();
            let known = Destinations::new(known.chain(approved));
            self.snapshot = self.snapshot.with_destinations(Arc::new(known));
        }
        self.standing.lower(&decision);
        let Decision { effect, enforced, risk, reasons, .. } = decision;
        StepDecision { effect: enforced, decided: effect, risk: risk.score, level: risk.level, reasons }
    }

    /// The state learns of the decision and, when the step ran, of what it returned.
    fn learn(&mut self, step: &Step, id: RecordId, facts: &Facts, (enforced, now_ns): (Effect, i64)) {
        let (rules, definition) = (self.snapshot.rules(), self.snapshot.definition(SERVER, &step.tool));
        self.state.decided(rules, &Decided { id, facts, enforced, definition, now_ns });
        if enforced != Effect::Allow {
            return;
        }
        let (output, error) = (text(&step.output), text(&step.error));
        let parts: Vec<&str> = [output.as_deref(), error.as_deref()].into_iter().flatten().collect();
        let status = if error.is_some() { OutcomeStatus::ToolError } else { OutcomeStatus::Ok };
        let texts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        self.seen.join(&self.snapshot.detectors().scan_parts(&texts, false));
        let parts = parts.as_slice();
        self.state.settled(rules, &Settled { decision: id, status, parts, truncated: false, claimed: false, now_ns });
    }

    fn request(&self, trace: &Trace, step: &Step) -> Request {
        let agent = trace.agent.as_deref().unwrap_or(AGENT);
        let subject = Subject {
            agent: agent.into(),
            user: None,
            delegation: Vec::new(),
            authenticated_by: Authentication::Operator,
            claims: Claims::default(),
        };
        let action = Action {
            kind: ActionKind::ToolCall,
            server: Some(SERVER.to_owned()),
            name: step.tool.clone(),
            args: step.args.clone(),
            digest: None,
        };
        let context = Context {
            intent: Some(trace.prompt.clone()),
            workspace: Some(trace.workspace.clone().unwrap_or_else(|| "/".to_owned())),
            enforcement_point: "replay".to_owned(),
            ..Context::default()
        };
        Request { subject, action, context, session: self.session.clone() }
    }
}

/// What an output or an error says to the agent; nothing when there is none.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(Cow::Borrowed(text)),
        other => Some(Cow::Owned(other.to_string())),
    }
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
