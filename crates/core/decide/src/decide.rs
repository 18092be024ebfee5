//! The pipeline: subject, standing, effects, grants, policies, one answer.

use crate::combine::{Heard, Voice, combine};
use crate::listing::probe;
use crate::memo::Probe;
use crate::risk::assess;
use crate::{Coverage, SessionView, Snapshot, UnknownAgent};
use holdshort_effects::{Question, Target, effects_of, normalise};
use holdshort_history::{Flow, Pending, State};
use holdshort_inventory::{FirstUse, UNKNOWN_CLASS};
use holdshort_model::{
    ActionFacts, ActionKind, Anomaly, ApprovalHistory, Containment, ContextFacts, Decision, Effect, Facts, FailMode,
    HistoryFacts, Labels, Mode, Obligation, Pin, Reason, RecordId, Request, RequestFacts, Resource, Risk, Signals,
    Standing, Step, SubjectFacts, ToolFacts,
};
use holdshort_policy::{Finding, Rule};
use serde_json::Value;
use std::collections::BTreeMap;

/// Time as the judgement of a tool as such sees it stands still for this long (one minute), so that its answer can be
/// remembered.
pub const PROBE_WINDOW_NS: i64 = 60_000_000_000;

/// Decides a request. `now_ns`: nanoseconds since 1970. `id`: drawn by the caller.
///
/// A call of a tool that would not be listed (see [`crate::listed`]) is refused whatever its arguments.
pub fn decide(
    snapshot: &Snapshot,
    session: &SessionView<'_>,
    request: &Request,
    id: RecordId,
    now_ns: i64,
) -> (Decision, Facts) {
    let mut facts = facts(snapshot, session, request, now_ns);
    past(snapshot, session, &mut facts, now_ns);
    facts.signals = signals(snapshot, session, &facts);
    let coverage = coverage(snapshot, &facts, Scope::Action);
    facts.risk = assess(&snapshot.fixed.risk, &facts, coverage.lacking());
    let mut weighed = weigh(snapshot, &facts, session.because.as_deref(), coverage);
    if let (ActionKind::ToolCall, Some(server)) = (request.action.kind, &request.action.server) {
        let found = probe(snapshot, session, &request.subject, server, &request.action.name, now_ns);
        weighed.tool(&found);
        if let Some(tool) = &mut facts.tool {
            tool.could = Some(found.could.clone());
        }
    }
    weighed.fault(request);
    (weighed.decision(snapshot, &facts, id), facts)
}

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// An action with its arguments.
    Action,
    /// A tool as such.
    Tool,
}

/// What the sources said.
pub(crate) struct Weighed {
    pub(crate) heard: Heard,
    pub(crate) reasons: Vec<Reason>,
    containment: Containment,
    removed: Vec<String>,
    obligations: Vec<Obligation>,
    playbook: Vec<Step>,
}

/// Everything that is known about a request.
pub(crate) fn facts(snapshot: &Snapshot, session: &SessionView<'_>, request: &Request, now_ns: i64) -> Facts {
    let (subject, action, context) = (&request.subject, &request.action, &request.context);
    let server = action.server.as_deref();
    let is_tool = action.kind == ActionKind::ToolCall;
    let workspace = context.workspace.as_deref().map(|raw| normalise(raw, None).text);
    let entry = server.filter(|_| is_tool).and_then(|server| snapshot.pins.entry(server, &action.name));
    let definition = entry.map(|entry| &entry.latest.definition);
    let effects = effects_of(&Question {
        kind: action.kind,
        server,
        name: &action.name,
        args: &action.args,
        definition,
        trusted: server.is_some_and(|server| snapshot.is_trusted(server)),
        catalog: &snapshot.fixed.catalog,
        workspace: workspace.as_deref(),
    });
    let tool = server.filter(|_| is_tool).map(|server| ToolFacts {
        server: server.to_owned(),
        name: action.name.clone(),
        pin: snapshot.pins.pin(server, &action.name),
        annotations: definition.and_then(|definition| definition.get("annotations")).cloned().unwrap_or(Value::Null),
        definition: entry.map(|entry| entry.latest.digest),
        could: None,
    });
    Facts {
        subject: SubjectFacts {
            agent: snapshot.agents.resolve(&subject.agent, &subject.claims),
            user: subject.user.clone(),
            delegation: subject.delegation.iter().map(ToString::to_string).collect(),
            session: session.id.clone(),
            authenticated_by: subject.authenticated_by,
            standing: session.standing,
            removed: session.removed.clone(),
        },
        action: ActionFacts {
            kind: action.kind,
            server: action.server.clone(),
            name: action.name.clone(),
            effects,
            args: action.args.clone(),
            digest: action.digest,
        },
        tool,
        context: ContextFacts {
            intent: context.intent.clone(),
            time: now_ns,
            workspace,
            enforcement_point: context.enforcement_point.clone(),
            trace: context.trace.clone(),
        },
        labels: Labels::default(),
        provenance: BTreeMap::new(),
        request: RequestFacts::default(),
        history: HistoryFacts::default(),
        signals: Signals::default(),
        risk: Risk::default(),
    }
}

// What the session's past means for the action.
fn past(snapshot: &Snapshot, session: &SessionView<'_>, facts: &mut Facts, now_ns: i64) {
    let known = |kind: &str, value: &str| {
        let SubjectFacts { agent, user, .. } = &facts.subject;
        snapshot.destinations.knows(&agent.id, user.as_deref().unwrap_or_default(), kind, value)
    };
    let flow = flow(snapshot, session, facts, &known, now_ns);
    (facts.labels, facts.provenance) = (flow.labels, flow.provenance);
    (facts.request, facts.history) = (flow.request, flow.history);
}

/// What the session's past says of the action; `known`: see [`Pending::known`].
pub(crate) fn flow(
    snapshot: &Snapshot,
    session: &SessionView<'_>,
    facts: &Facts,
    known: &dyn Fn(&str, &str) -> bool,
    now_ns: i64,
) -> Flow {
    let server = facts.tool.as_ref().map(|tool| tool.server.as_str());
    let definition = server.and_then(|server| snapshot.definition(server, &facts.action.name));
    let pending = Pending { facts, definition, known, now_ns };
    match session.state {
        Some(state) => state.weigh(snapshot.rules(), &pending),
        None => State::default().weigh(snapshot.rules(), &pending),
    }
}

/// What content, destinations, habit and people's answers say of it.
fn signals(snapshot: &Snapshot, session: &SessionView<'_>, facts: &Facts) -> Signals {
    let agent = &facts.subject.agent.id;
    let user = facts.subject.user.as_deref().unwrap_or_default();
    let known = |host: &str| snapshot.destinations.knows(agent, user, "host", host);
    let detectors = &snapshot.fixed.detectors;
    let reached = facts.action.effects.iter().filter(|effect| effect.resource.kind != "file").filter_map(|effect| {
        let Resource { id, host, .. } = &effect.resource;
        // The address as it is written says more than the host that was read from it.
        id.as_deref().filter(|id| id.contains("://")).or(host.as_deref())
    });
    let mut content = detectors.scan_args(&facts.action.args);
    detectors.exempt(facts.action.server.as_deref().unwrap_or_default(), &mut content);
    Signals {
        content,
        seen: session.seen.cloned().unwrap_or_default(),
        destinations: detectors.destinations(reached, &known),
        anomaly: session.habits.map_or_else(Anomaly::default, |habits| habits.anomaly(facts)),
        approvals: session.habits.map_or_else(ApprovalHistory::default, |habits| habits.approvals(facts)),
    }
}

/// Whether grants cover what it does.
pub(crate) fn coverage(snapshot: &Snapshot, facts: &Facts, scope: Scope) -> Coverage {
    let class = facts.subject.agent.class.as_str();
    let targets = targets(facts);
    let unknown = class == UNKNOWN_CLASS && snapshot.fixed.unknown_agent == UnknownAgent::Observe;
    let default = if unknown { Mode::Observe } else { Mode::Enforce };
    let (grants, removed) = (&snapshot.fixed.grants, &facts.subject.removed);
    match scope {
        Scope::Action => grants.coverage(class, removed, &targets, default),
        Scope::Tool => grants.coverage_of_tool(class, removed, &targets, default),
    }
}

fn targets(facts: &Facts) -> Vec<Target<'_>> {
    let action = &facts.action;
    let target = |effect| Target {
        effect,
        server: action.server.as_deref(),
        tool: (action.kind == ActionKind::ToolCall).then_some(action.name.as_str()),
        workspace: facts.context.workspace.as_deref(),
    };
    action.effects.iter().map(target).collect()
}

/// Asks every source. What is left to the subject is in the facts; `because`: why, in words.
///
/// INVARIANT: beside the snapshot it goes by the facts alone, so that what is on record can be decided again.
pub(crate) fn weigh(snapshot: &Snapshot, facts: &Facts, because: Option<&str>, coverage: Coverage) -> Weighed {
    let heard = Heard { standing: facts.subject.standing, sound: true, asked: Vec::new(), lacking: None };
    let mut weighed = Weighed {
        heard,
        reasons: Vec::new(),
        containment: Containment::None,
        removed: Vec::new(),
        obligations: Vec::new(),
        playbook: Vec::new(),
    };
    weighed.standing(facts.subject.standing, because);
    weighed.agent(snapshot, facts);
    weighed.pins(snapshot, facts);
    weighed.grants(snapshot, facts, coverage);
    weighed.policies(snapshot, facts);
    weighed
}

impl Weighed {
    fn standing(&mut self, standing: Standing, because: Option<&str>) {
        let Some(taken) = taken(standing) else { return };
        let message = match because {
            Some(because) => format!("{taken}: {because}"),
            None => taken.to_owned(),
        };
        self.reasons.push(reason("standing", message, Effect::Deny, Mode::Enforce));
    }

    fn agent(&mut self, snapshot: &Snapshot, facts: &Facts) {
        let agent = &facts.subject.agent;
        if agent.class == UNKNOWN_CLASS && snapshot.fixed.unknown_agent == UnknownAgent::Refuse {
            let message =
                format!("nobody registered the agent `{}`; register it with `holdshort agents add`", agent.id);
            self.say(&fail_mode(FailMode::UnknownAgent), message, Effect::Deny, Mode::Enforce);
        }
    }

    fn pins(&mut self, snapshot: &Snapshot, facts: &Facts) {
        let Some(tool) = &facts.tool else { return };
        if tool.pin == Pin::New && snapshot.pins.first_use() == FirstUse::Ask {
            let message =
                format!("the tool `{}` of `{}` is new; a person has to accept its definition", tool.name, tool.server);
            self.say("pins", message, Effect::Ask, Mode::Enforce);
        }
    }

    fn grants(&mut self, snapshot: &Snapshot, facts: &Facts, coverage: Coverage) {
        let (class, action, grants) = (facts.subject.agent.class.as_str(), &facts.action, &snapshot.fixed.grants);
        let Coverage::Lacking { position, mode } = coverage else { return };
        self.heard.lacking = Some(mode);
        let Some(effect) = action.effects.get(position) else { return };
        let what = effect.resource.path.as_ref().or(effect.resource.id.as_ref()).map_or("it", String::as_str);
        let what: String = what.chars().take(200).collect();
        let kind = &effect.resource.kind;
        let instead = match grants.allowed_instead(class, effect.verb) {
            allowed if allowed.is_empty() => format!("it may {} nothing", effect.verb.as_str()),
            allowed => format!("it may {} `{}`", effect.verb.as_str(), allowed.join("`, `")),
        };
        let message = format!(
            "no grant lets an agent of class `{class}` {} the {kind} `{what}`; {instead}",
            effect.verb.as_str()
        );
        self.reasons.push(reason("grants", message, Effect::Deny, mode));
    }

    fn policies(&mut self, snapshot: &Snapshot, facts: &Facts) {
        let Some(policies) = &snapshot.policies else {
            let message = "no policy is loaded; nothing is allowed until one is".to_owned();
            return self.unsound(FailMode::NoPolicy, message);
        };
        match policies.evaluate(facts) {
            Err(error) => self.unsound(FailMode::PolicyError, error.to_string()),
            Ok(findings) => findings.into_iter().for_each(|finding| self.finding(finding)),
        }
    }

    // What each rule means for the answer: the only place. The grants that a `narrow` without names means are filled in
    // where the action's grants are known.
    fn finding(&mut self, finding: Finding) {
        let Finding { policy, rule, message, mode, pointer, grants, value, text, steps, .. } = finding;
        let obligation = match (rule, pointer, value, text) {
            (Rule::Redact, Some(pointer), ..) => Some(Obligation::Redact { pointer }),
            (Rule::Constrain, Some(pointer), Some(value), _) => Some(Obligation::Constrain { pointer, value }),
            (Rule::Watermark, Some(pointer), _, Some(text)) => Some(Obligation::Watermark { pointer, text }),
            (Rule::Redact | Rule::Constrain | Rule::Watermark, ..) => {
                let message = format!("`{policy}` changes the arguments without saying where, or to what");
                return self.unsound(FailMode::PolicyError, message);
            }
            (Rule::Terminate | Rule::Isolate | Rule::Narrow | Rule::Deny, ..) => None,
            (Rule::Ask | Rule::Respond | Rule::Observe, ..) => None,
        };
        if mode == Mode::Enforce {
            self.containment = self.containment.max(rule.containment());
            self.removed.extend(grants);
            self.obligations.extend(obligation);
            self.playbook.extend(steps);
        }
        let mode = if rule == Rule::Observe { Mode::Observe } else { mode };
        self.say(&policy, message, rule.effect(), mode);
    }

    /// What was found for the tool as such.
    pub(crate) fn tool(&mut self, found: &Probe) {
        self.heard.sound &= found.sound;
        for reason in &found.refusals {
            self.add_unless_said(reason);
        }
    }

    /// The enforcement point cannot let it pass, whatever policies say: the attempt is on record with its reason.
    pub(crate) fn fault(&mut self, request: &Request) {
        let Some(fault) = request.context.fault else { return };
        let what = request.action.args.get("fault").and_then(Value::as_str).unwrap_or("it cannot be forwarded");
        self.unsound(fault, what.chars().take(300).collect());
    }

    fn unsound(&mut self, fail: FailMode, message: String) {
        self.heard.sound = false;
        self.reasons.push(reason(&fail_mode(fail), message, Effect::Deny, Mode::Enforce));
    }

    fn say(&mut self, source: &str, message: String, effect: Effect, mode: Mode) {
        self.heard.asked.push(Voice { effect, mode });
        self.reasons.push(reason(source, message, effect, mode));
    }

    // A refusal of the tool as such, unless the same source refuses the action itself, in the same mode.
    fn add_unless_said(&mut self, refusal: &Reason) {
        let same =
            |said: &Reason| said.policy == refusal.policy && said.effect == Effect::Deny && said.mode == refusal.mode;
        if !self.reasons.iter().any(same) {
            self.say(&refusal.policy, refusal.message.clone(), refusal.effect, refusal.mode);
        }
    }

    pub(crate) fn decision(mut self, snapshot: &Snapshot, facts: &Facts, id: RecordId) -> Decision {
        if self.containment == Containment::Narrow && self.removed.is_empty() {
            // "Those involved": what let the agent do this.
            let class = facts.subject.agent.class.as_str();
            self.removed = snapshot.fixed.grants.involved(class, &facts.subject.removed, &targets(facts));
        }
        let (effect, enforced) = combine(&self.heard);
        self.reasons.sort_by(|a, b| order(a).cmp(&order(b)));
        self.reasons.dedup();
        self.obligations.sort_by(|a, b| a.pointer().cmp(b.pointer()));
        self.obligations.dedup();
        self.removed.sort_unstable();
        self.removed.dedup();
        self.playbook.sort_unstable();
        self.playbook.dedup();
        Decision {
            id,
            effect,
            enforced,
            mode: if enforced < effect { Mode::Observe } else { Mode::Enforce },
            containment: self.containment,
            removed: self.removed,
            risk: facts.risk.clone(),
            reasons: self.reasons,
            obligations: self.obligations,
            approval: None,
            approved: None,
            playbook: self.playbook,
            snapshot: snapshot.digest(),
        }
    }
}

/// What is said of a standing that refuses everything.
pub(crate) fn taken(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::Active | Standing::Narrowed => None,
        Standing::Isolated => Some("the agent is isolated; a person has to release it"),
        Standing::Terminated => Some("the workflow was ended; a person has to release the agent"),
    }
}

// The strictest first, enforced before observed, then by name: the same reasons stand in the same order.
fn order(reason: &Reason) -> (std::cmp::Reverse<Effect>, bool, &str, &str) {
    (std::cmp::Reverse(reason.effect), reason.mode == Mode::Observe, &reason.policy, &reason.message)
}

fn reason(policy: &str, message: String, effect: Effect, mode: Mode) -> Reason {
    Reason { policy: policy.to_owned(), message, effect, mode }
}

fn fail_mode(fail: FailMode) -> String {
    format!("fail-mode/{}", fail.as_str())
}
