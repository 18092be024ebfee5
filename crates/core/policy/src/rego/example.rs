//! Examples: what a policy says about itself, tried out whenever it is loaded.
//!
//! They stand in the policy as a rule `examples`: an array of objects with `name`, `input`, `expect` and, where the
//! policy reads `data.org`, `org`. The input is a fragment laid over [`base`]; `expect` lists the rules that fire.

use super::check::World;
use super::compile::Program;
use super::policy::{Draft, EXAMPLES, Loaded, Unit};
use super::schema;
use super::source::place;
use super::syntax::{is_constant, scalar};
use super::vm;
use crate::diagnostic::{Diagnostic, suggest};
use crate::{EvalError, Rule};
use holdshort_model::Facts;
use regorus::Value;
use regorus::unstable::{Expr, ExprRef, Rule as RuleNode, RuleHead};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// A hint at what an example looks like.
const FORM: &str = r#"{"name": "...", "input": {...}, "expect": ["deny"]}; `"expect": []` when nothing fires"#;

/// One example of a policy.
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) place: (u32, u32),
    facts: Box<Facts>,
    org: Map<String, Json>,
    pub(crate) expect: BTreeSet<Rule>,
}

/// What came of an example.
pub(crate) struct ExampleOutcome {
    pub(crate) name: String,
    pub(crate) place: (u32, u32),
    pub(crate) expect: BTreeSet<Rule>,
    /// The rules that fired with their messages.
    pub(crate) fired: Result<Vec<(Rule, String)>, EvalError>,
}

impl ExampleOutcome {
    /// The diagnostic of an example that failed.
    pub(crate) fn fault(&self, path: &str) -> Option<Diagnostic> {
        let fault = |message: String| Some(Diagnostic::at(path, self.place, "failing-example", message));
        match &self.fired {
            Err(error) => fault(format!("example `{}` failed: {error}", self.name)),
            Ok(fired) => {
                let rules: BTreeSet<Rule> = fired.iter().map(|(rule, _)| *rule).collect();
                if rules == self.expect {
                    return None;
                }
                fault(format!("example `{}` expects {}, and {} fired", self.name, list(&self.expect), list(&rules)))
            }
        }
    }
}

fn list(rules: &BTreeSet<Rule>) -> String {
    match rules.is_empty() {
        true => "nothing".to_owned(),
        false => rules.iter().map(|rule| format!("`{rule}`")).collect::<Vec<_>>().join(" and "),
    }
}

/// The facts over which an example's input is laid: a coding agent calls a known tool that does nothing.
pub(crate) fn base() -> Json {
    json!({
        "subject": {
            "agent": {"id": "example-agent", "class": "coding", "claims": {}},
            "delegation": [], "session": "example-session", "authenticated_by": "token", "standing": "active"
        },
        "action": {"kind": "tool.call", "server": "example", "name": "example", "effects": [], "args": {}},
        "tool": {"server": "example", "name": "example", "pin": "match", "annotations": {}},
        "context": {"time": 1_767_225_600_000_000_000_i64, "workspace": "/home/dev/project", "enforcement_point": "example"},
        "history": {"actions": 0, "in_flight": 0},
        "risk": {"score": 0, "level": "low", "parts": []}
    })
}

/// Reads the examples of a policy.
pub(crate) fn read(draft: &Draft<'_>, required: bool, world: &World<'_>, faults: &mut Vec<Diagnostic>) -> Vec<Example> {
    let path = draft.file.path.as_str();
    let rule = draft.module.policy.iter().find(|rule| super::syntax::head_name(rule) == EXAMPLES);
    let Some(rule) = rule else {
        if required {
            let at = place(draft.module.package.refr.span());
            faults.push(Diagnostic::at(path, at, "missing-examples", "the policy has no examples").hint(FORM));
        }
        return Vec::new();
    };
    let at = place(rule.span());
    let items = match &**rule {
        RuleNode::Spec { head: RuleHead::Compr { assign: Some(assign), .. }, bodies, .. } if bodies.is_empty() => {
            match &*assign.value {
                Expr::Array { items, .. } => Some(items),
                _ => None,
            }
        }
        _ => None,
    };
    let Some(items) = items else {
        faults.push(Diagnostic::at(path, at, "bad-example", "`examples` is no array of literals").hint(FORM));
        return Vec::new();
    };
    let mut examples = Vec::new();
    for item in items {
        match example(draft, item, world) {
            Ok(example) => examples.push(example),
            Err(fault) => faults.push(fault),
        }
    }
    let complete = examples.len() == items.len();
    if required && complete {
        for (missing, what) in [(false, "at which a rule fires"), (true, "at which nothing fires")] {
            if !examples.iter().any(|example: &Example| example.expect.is_empty() == missing) {
                let message = format!("the policy has no example {what}");
                faults.push(Diagnostic::at(path, at, "missing-examples", message).hint(FORM));
            }
        }
    }
    examples
}

fn example(draft: &Draft<'_>, item: &ExprRef, world: &World<'_>) -> Result<Example, Diagnostic> {
    let path = draft.file.path.as_str();
    let at = place(item.span());
    let wrong = |message: String| Diagnostic::at(path, at, "bad-example", message).hint(FORM);
    if !is_constant(item) {
        return Err(wrong("an example is made of literals only".into()));
    }
    let Some(Json::Object(mut fields)) = json_of(item) else { return Err(wrong("an example is an object".into())) };
    let Some(Json::String(name)) = fields.remove("name") else { return Err(wrong("an example has a `name`".into())) };
    let input = fields.remove("input").unwrap_or_else(|| json!({}));
    let expect = match fields.remove("expect") {
        Some(Json::Array(names)) => names.iter().map(rule_named).collect::<Result<BTreeSet<Rule>, String>>(),
        _ => Err("`expect` lists the rules that fire".into()),
    };
    let expect = expect.map_err(|message| wrong(format!("example `{name}`: {message}")))?;
    let org = match fields.remove("org") {
        None => Map::new(),
        Some(Json::Object(org)) => org,
        Some(_) => return Err(wrong(format!("example `{name}`: `org` is an object"))),
    };
    if let Some((other, _)) = fields.iter().next() {
        let hint = suggest(other, ["name", "input", "expect", "org"]);
        return Err(wrong(format!("example `{name}`: `{other}` is no field of an example")).hint(hint));
    }
    let mut facts = facts_over(base(), input).map_err(|fault| wrong(format!("example `{name}`: {fault}")))?;
    let sequences = &mut facts.history.sequences;
    if let Some(other) = sequences.keys().find(|name| !world.sequences.contains_key(*name)) {
        let hint = suggest(other, world.sequences.keys().map(String::as_str));
        return Err(wrong(format!("example `{name}`: no policy declares the sequence `{other}`")).hint(hint));
    }
    for name in world.sequences.keys() {
        // A session in which nothing has happened.
        sequences.entry(name.clone()).or_default();
    }
    Ok(Example { name, place: at, facts: Box::new(facts), org, expect })
}

fn rule_named(name: &Json) -> Result<Rule, String> {
    let text = name.as_str().unwrap_or_default();
    Rule::named(text).ok_or_else(|| format!("`expect` has {name}, which is no rule"))
}

/// Facts from a fragment of the input document and what it is laid over.
pub(crate) fn facts_over(mut below: Json, fragment: Json) -> Result<Facts, String> {
    if let Some((place, unknown, hint)) = schema::unknown_field(&fragment) {
        return Err(format!("`{place}` has no field `{unknown}`; {hint}"));
    }
    overlay(&mut below, fragment);
    serde_json::from_value(below).map_err(|error| format!("`input`: {error}"))
}

/// Lays `over` over `below`: objects field by field, everything else whole; null removes. Effects get a certainty,
/// sequences and signs what they lack.
fn overlay(below: &mut Json, over: Json) {
    merge(below, over);
    if let Some(action) = below.pointer_mut("/action").and_then(Json::as_object_mut) {
        // Without arguments a tool is judged for a listing.
        action.entry("args").or_insert(Json::Null);
    }
    let effects = below.pointer_mut("/action/effects").and_then(Json::as_array_mut);
    for effect in effects.into_iter().flatten().filter_map(Json::as_object_mut) {
        effect.entry("certainty").or_insert_with(|| json!("derived"));
    }
    let sequences = below.pointer_mut("/history/sequences").and_then(Json::as_object_mut);
    for sequence in sequences.into_iter().flat_map(Map::values_mut).filter_map(Json::as_object_mut) {
        sequence.entry("holds").or_insert_with(|| json!(false));
        sequence.entry("value").or_insert_with(|| json!(0));
    }
    for (list, lacking) in signs() {
        let found = below.pointer_mut(list).and_then(Json::as_array_mut);
        for sign in found.into_iter().flatten().filter_map(Json::as_object_mut) {
            for (field, value) in &lacking {
                sign.entry(field.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

// What an example need not say of a sign.
fn signs() -> [(&'static str, Map<String, Json>); 6] {
    let fields = |value: Json| value.as_object().cloned().unwrap_or_default();
    [
        ("/signals/injection/marks", fields(json!({"at": "/text"}))),
        ("/signals/secrets", fields(json!({"at": "/text", "fingerprint": "0".repeat(16), "confidence": 100}))),
        ("/signals/personal_data", fields(json!({"at": "/text", "count": 1, "confidence": 100}))),
        ("/signals/intelligence", fields(json!({"feed": "example", "at": "/text", "confidence": 100}))),
        ("/signals/rules", fields(json!({"at": "/text", "severity": "medium", "counts": true}))),
        ("/risk/parts", fields(json!({"points": 0, "confidence": 100, "why": ""}))),
    ]
}

fn merge(below: &mut Json, over: Json) {
    match (below, over) {
        (Json::Object(below), Json::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    below.remove(&key);
                } else {
                    merge(below.entry(key).or_insert(Json::Null), value);
                }
            }
        }
        (below, over) => *below = over,
    }
}

/// A literal as JSON. Deep nesting is bounded by the parser.
fn json_of(expr: &Expr) -> Option<Json> {
    match expr {
        Expr::Array { items, .. } | Expr::Set { items, .. } => {
            items.iter().map(|item| json_of(item)).collect::<Option<Vec<_>>>().map(Json::Array)
        }
        Expr::Object { fields, .. } => {
            let fields = fields.iter().map(|(_, key, value)| match scalar(key)? {
                Value::String(name) => Some((name.to_string(), json_of(value)?)),
                _ => None,
            });
            fields.collect::<Option<Map<_, _>>>().map(Json::Object)
        }
        other => serde_json::from_str(&scalar(other)?.to_json_str().ok()?).ok(),
    }
}

/// Runs the examples of a policy, by itself and with the data that each example gives.
pub(crate) fn run(loaded: &Loaded, index: usize) -> Result<Vec<ExampleOutcome>, Diagnostic> {
    let Some(policy) = loaded.policies.get(index).filter(|policy| !policy.units.is_empty()) else {
        return Ok(Vec::new());
    };
    let units: Vec<Unit> = policy.units.iter().map(|(unit, _)| *unit).collect();
    let program = Program::compile(loaded, &[units])?;
    let mut defaults = Map::new();
    for other in loaded.closure(BTreeSet::from([index])) {
        let org = loaded.policies.get(other).map(|policy| policy.org.clone());
        defaults.extend(org.into_iter().flatten());
    }
    let outcomes = policy.examples.iter().map(|example| {
        let mut org = defaults.clone();
        org.extend(example.org.clone());
        let data = vm::organisation(org);
        let fired = vm::try_out(&program, &policy.info, &data, &example.facts);
        let fired = fired.map(|found| found.into_iter().map(|finding| (finding.rule, finding.message)).collect());
        ExampleOutcome { name: example.name.clone(), place: example.place, expect: example.expect.clone(), fired }
    });
    Ok(outcomes.collect())
}
