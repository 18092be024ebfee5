//! From modules to bytecode: one program for each slice.

use super::policy::{Loaded, Unit};
use super::source::from_engine;
use crate::diagnostic::Diagnostic;
use regorus::languages::rego::compiler::Compiler;
use regorus::{Engine, Rc, Value};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// Package of the entry points that are added to a slice.
const ENTRY_PACKAGE: &str = "holdshort.entry";
/// Rules that one entry point collects. A frame of the virtual machine has 255 registers.
const ENTRY_RULES_MAX: usize = 64;

/// The bytecode of one slice.
pub(crate) struct Program {
    pub(crate) code: Arc<regorus::rvm::Program>,
    /// Units whose results the entry points give, in this order.
    pub(crate) units: Vec<Unit>,
}

impl Program {
    /// Compiles the units of a slice together with the packages that they refer to.
    pub(crate) fn compile(loaded: &Loaded, units: &[Unit]) -> Result<Self, Diagnostic> {
        let mut engine = Engine::new();
        let roots: BTreeSet<usize> = units.iter().map(|unit| unit.policy).collect();
        let mut last = String::new();
        for index in loaded.closure(roots) {
            let Some(policy) = loaded.policies.get(index) else { continue };
            last.clone_from(&policy.file.path);
            engine
                .add_policy(policy.file.path.clone(), policy.guarded.clone())
                .map_err(|error| from_engine(&last, "parse-error", &error.to_string()))?;
        }
        let (entries, text) = entry_points(loaded, units);
        engine
            .add_policy("entry".into(), text)
            .and_then(|_| engine.add_data(loaded.data.clone()))
            .map_err(|error| from_engine(&last, "compile-error", &error.to_string()))?;
        let first: Rc<str> = entries.first().map_or("", String::as_str).into();
        let policy = engine
            .compile_with_entrypoint(&first)
            .map_err(|error| from_engine(&last, "compile-error", &error.to_string()))?;
        let names: Vec<&str> = entries.iter().map(String::as_str).collect();
        let code = Compiler::compile_from_policy(&policy, &names)
            .map_err(|error| from_engine(&last, "compile-error", &error.to_string()))?;
        Ok(Self { code, units: units.to_vec() })
    }
}

/// One rule for each group of units, whose value is the array of their sets.
fn entry_points(loaded: &Loaded, units: &[Unit]) -> (Vec<String>, String) {
    let mut text = format!("package {ENTRY_PACKAGE}\n");
    let mut names = Vec::new();
    for (number, group) in units.chunks(ENTRY_RULES_MAX).enumerate() {
        let rules: Vec<String> = group
            .iter()
            .filter_map(|unit| Some(format!("data.{}.{}", loaded.policies.get(unit.policy)?.info.id, unit.rule)))
            .collect();
        // One reference a line: regorus refuses lines of more than 1,024 columns. Writing to a `String` does not fail.
        let _ = writeln!(text, "out{number} := [{}]", rules.join(",\n"));
        names.push(format!("data.{ENTRY_PACKAGE}.out{number}"));
    }
    (names, text)
}

/// `{"org": ...}` as a value of the engine that shares nothing with another copy.
pub(crate) fn private_copy(data: &Value) -> Value {
    match data {
        Value::String(text) => Value::from(&**text),
        Value::Array(items) => Value::from(items.iter().map(private_copy).collect::<Vec<Value>>()),
        Value::Object(fields) => {
            let mut object = regorus::value::Object::new();
            for (key, value) in fields.iter_sorted() {
                object.insert(private_copy(key), private_copy(value));
            }
            object.into_value()
        }
        other => other.clone(),
    }
}
