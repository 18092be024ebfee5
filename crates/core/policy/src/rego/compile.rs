//! From modules to bytecode: one program for each group of slices.

use super::policy::{Loaded, Unit};
use super::source::from_engine;
use crate::diagnostic::Diagnostic;
use regorus::languages::rego::compiler::Compiler;
use regorus::{Engine, Rc, Value};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// Package of the entry points that are added to a program; each is the array of what some rules give.
const PARTS_PACKAGE: &str = "holdshort.parts";
/// Package of the entry point that collects those of them that [`RUN`] names.
const ENTRY_PACKAGE: &str = "holdshort.entry";
/// Where in `data` the machine finds which parts it is to run. No policy can read it: [`super::check`] knows `data.org` only.
pub(super) const RUN: &str = "run";

/// The bytecode of one group of slices.
pub(crate) struct Program {
    pub(crate) code: Arc<regorus::rvm::Program>,
    /// What the entry points answer for, in this order. With two or more, one more entry point runs several of them.
    pub(crate) parts: Vec<Vec<Unit>>,
    /// Which rule each instruction belongs to.
    pub(crate) origins: Origins,
}

/// Where the bodies of rules begin. The spans that regorus keeps name the file of whoever called a rule instead.
pub(crate) struct Origins {
    /// First instructions of bodies with the path of the rule, such as `data.holdshort.rules.mass_delete.deny`; sorted.
    bodies: Vec<(u32, String)>,
}

impl Origins {
    fn of(code: &regorus::rvm::Program) -> Self {
        let mut bodies = Vec::new();
        for rule in &code.rule_infos {
            let begins = rule.definitions.iter().flatten().chain(rule.destructuring_blocks.iter().flatten());
            bodies.extend(begins.map(|begin| (*begin, rule.name.clone())));
        }
        bodies.sort_unstable();
        Self { bodies }
    }

    /// The path of the rule to which an instruction belongs; empty for one of none.
    pub(crate) fn rule_at(&self, instruction: usize) -> String {
        let before = self.bodies.partition_point(|(begin, _)| usize::try_from(*begin).is_ok_and(|b| b <= instruction));
        let last = before.checked_sub(1).and_then(|at| self.bodies.get(at));
        last.map(|(_, rule)| rule.clone()).unwrap_or_default()
    }
}

impl Program {
    /// Compiles the units of some parts together with the packages that they refer to.
    pub(crate) fn compile(loaded: &Loaded, parts: &[Vec<Unit>]) -> Result<Self, Diagnostic> {
        let mut engine = Engine::new();
        let roots: BTreeSet<usize> = parts.iter().flatten().map(|unit| unit.policy).collect();
        let mut last = String::new();
        for index in loaded.closure(roots) {
            let Some(policy) = loaded.policies.get(index) else { continue };
            last.clone_from(&policy.file.path);
            engine
                .add_policy(policy.file.path.clone(), policy.guarded.clone())
                .map_err(|error| from_engine(&last, "parse-error", &error.to_string()))?;
        }
        let fault = |error: String| from_engine(&last, "compile-error", &error);
        let mut names: Vec<String> =
            (0..parts.len()).map(|number| format!("data.{PARTS_PACKAGE}.{}", name(number))).collect();
        engine.add_policy("parts".into(), part_rules(loaded, parts)).map_err(|error| fault(error.to_string()))?;
        if parts.len() > 1 {
            let text = format!(
                "package {ENTRY_PACKAGE}\nall := [part | some name in data.{RUN}; part := data.{PARTS_PACKAGE}[name]]\n"
            );
            engine.add_policy("entry".into(), text).map_err(|error| fault(error.to_string()))?;
            names.push(format!("data.{ENTRY_PACKAGE}.all"));
        }
        engine.add_data(loaded.data.clone()).map_err(|error| fault(error.to_string()))?;
        let first: Rc<str> = names.first().map_or("", String::as_str).into();
        let policy = engine.compile_with_entrypoint(&first).map_err(|error| fault(error.to_string()))?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let code = Compiler::compile_from_policy(&policy, &names).map_err(|error| fault(error.to_string()))?;
        let origins = Origins::of(&code);
        Ok(Self { code: lightened(code), parts: parts.to_vec(), origins })
    }
}

/// The name of a part.
pub(super) fn name(part: usize) -> String {
    format!("p{part}")
}

/// The machine copies what is known of a rule whenever it calls it. What says nothing is left out: the machine reads a
/// missing entry as the one that is taken away here.
fn lightened(code: Arc<regorus::rvm::Program>) -> Arc<regorus::rvm::Program> {
    let mut code = Arc::unwrap_or_clone(code);
    for rule in &mut code.rule_infos {
        rule.name = String::new();
        if rule.else_bodies.iter().flatten().all(|is_else| !is_else) {
            rule.else_bodies = Vec::new();
        }
        if rule.destructuring_blocks.iter().all(Option::is_none) {
            rule.destructuring_blocks = Vec::new();
        }
    }
    Arc::new(code)
}

/// One rule for each part, whose value is the array of the sets of its units.
fn part_rules(loaded: &Loaded, parts: &[Vec<Unit>]) -> String {
    let mut text = format!("package {PARTS_PACKAGE}\n");
    for (number, units) in parts.iter().enumerate() {
        let rules: Vec<String> = units
            .iter()
            .filter_map(|unit| Some(format!("data.{}.{}", loaded.policies.get(unit.policy)?.info.id, unit.rule)))
            .collect();
        // One reference a line: regorus refuses lines of more than 1,024 columns. Writing to a `String` does not fail.
        let _ = writeln!(text, "{} := [{}]", name(number), rules.join(",\n"));
    }
    text
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
