//! Runs the compiled slices: which can match, on which copy, and what comes out.

use super::compile::{Program, private_copy};
use super::guard::{Dimension, Guard};
use super::output::finding;
use super::policy::{Loaded, Unit};
use crate::bundle::INSTRUCTIONS_MAX;
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Exclusion, Trace};
use crate::input::{InputBuilder, from_json};
use crate::{EvalError, Finding, PolicyInfo};
use holdshort_model::Facts;
use regorus::Value;
use regorus::rvm::RegoVM;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

/// Rego policies, compiled.
pub(crate) struct RegoEngine {
    infos: Vec<PolicyInfo>,
    slices: Vec<Slice>,
    index: GuardIndex,
    replicas: Vec<Mutex<Replica>>,
}

/// Rules with the same guard; they share a program.
struct Slice {
    guard: Guard,
    units: Vec<Unit>,
}

/// A private copy of everything that evaluation touches, so that threads do not contend for reference counts.
struct Replica {
    input: InputBuilder,
    data: Value,
    programs: Vec<Arc<regorus::rvm::Program>>,
    /// Virtual machines by slice; one that failed is thrown away and made anew.
    machines: Vec<Option<RegoVM>>,
}

impl RegoEngine {
    /// Compiles every slice, once for each replica.
    pub(crate) fn build(loaded: &Loaded, replicas: usize) -> Result<Self, Diagnostic> {
        let mut by_guard: BTreeMap<Guard, Vec<Unit>> = BTreeMap::new();
        for (unit, guard) in loaded.policies.iter().flat_map(|policy| &policy.units) {
            by_guard.entry(guard.clone()).or_default().push(*unit);
        }
        Self::build_slices(loaded, by_guard, replicas)
    }

    /// The same without slicing: every rule is evaluated for every action. The reference for tests.
    #[cfg(test)]
    pub(crate) fn build_unsliced(loaded: &Loaded) -> Result<Self, Diagnostic> {
        let units = loaded.policies.iter().flat_map(|policy| &policy.units).map(|(unit, _)| *unit).collect();
        Self::build_slices(loaded, BTreeMap::from([(Guard { alternatives: vec![Vec::new()] }, units)]), 1)
    }

    fn build_slices(
        loaded: &Loaded,
        by_guard: BTreeMap<Guard, Vec<Unit>>,
        replicas: usize,
    ) -> Result<Self, Diagnostic> {
        let slices: Vec<Slice> = by_guard
            .into_iter()
            .filter(|(_, units)| !units.is_empty())
            .map(|(guard, units)| Slice { guard, units })
            .collect();
        let replicas: Result<Vec<_>, Diagnostic> =
            (0..replicas).map(|_| Ok(Mutex::new(Replica::build(loaded, &slices)?))).collect();
        Ok(Self {
            infos: loaded.policies.iter().map(|policy| policy.info.clone()).collect(),
            index: GuardIndex::new(&slices),
            slices,
            replicas: replicas?,
        })
    }

    /// A copy that no other thread is using, the calling thread's usual one first.
    fn replica(&self) -> Option<MutexGuard<'_, Replica>> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(std::thread::current().id());
        let count = self.replicas.len().max(1);
        let home = usize::try_from(hash % count as u64).unwrap_or(0);
        let order = self.replicas.iter().cycle().skip(home).take(count);
        for replica in order {
            match replica.try_lock() {
                Ok(guard) => return Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Some(recovered(replica, poisoned.into_inner())),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let replica = self.replicas.get(home)?;
        Some(replica.lock().unwrap_or_else(|poisoned| recovered(replica, poisoned.into_inner())))
    }

    fn run(&self, facts: &Facts, chosen: &[usize]) -> Result<Vec<Finding>, EvalError> {
        let mut findings = Vec::new();
        let no_replica = || self.blame("", &Fault::Engine("there is no copy to run on".into()));
        let mut replica = self.replica().ok_or_else(no_replica)?;
        let input = replica.input.build(facts);
        for index in chosen {
            let Some(slice) = self.slices.get(*index) else { continue };
            let results = replica.execute(*index, &input).map_err(|(source, fault)| self.blame(&source, &fault))?;
            let mut units = slice.units.iter();
            for group in &results {
                for result in group.as_array().map(|array| array.as_slice()).unwrap_or_default() {
                    if let Some(unit) = units.next() {
                        self.collect(*unit, result, &mut findings)?;
                    }
                }
            }
            if let Some(unit) = units.next() {
                return Err(self.no_message(*unit, &Value::Undefined));
            }
        }
        drop(replica);
        // The elements of a set come sorted, and the sort is stable.
        findings.sort_by(|(left, left_finding), (right, right_finding)| {
            (left, &left_finding.message).cmp(&(right, &right_finding.message))
        });
        Ok(findings.into_iter().map(|(_, finding)| finding).collect())
    }

    fn collect(&self, unit: Unit, result: &Value, into: &mut Vec<(Unit, Finding)>) -> Result<(), EvalError> {
        let Value::Set(set) = result else { return Err(self.no_message(unit, result)) };
        for item in set.iter_sorted() {
            let finding = self.infos.get(unit.policy).and_then(|info| finding(info, unit.rule, item));
            into.push((unit, finding.ok_or_else(|| self.no_message(unit, item))?));
        }
        Ok(())
    }

    fn no_message(&self, unit: Unit, found: &Value) -> EvalError {
        let policy = self.infos.get(unit.policy).map_or("unknown", |info| &info.id).to_owned();
        let mut found = match found {
            Value::Undefined => "nothing".to_owned(),
            value => format!("`{value}`"),
        };
        if found.chars().count() > 200 {
            found = found.chars().take(200).chain("...".chars()).collect();
        }
        EvalError::Output { policy, rule: unit.rule, found }
    }

    /// The policy whose source the machine was executing when it failed.
    fn blame(&self, source: &str, fault: &Fault) -> EvalError {
        let info = self.infos.iter().find(|info| info.file == source);
        let policy = info.map_or("unknown", |info| &*info.id).to_owned();
        match fault {
            Fault::Budget => EvalError::Budget { policy, limit: INSTRUCTIONS_MAX },
            Fault::Engine(message) => EvalError::Engine { policy, message: message.clone() },
        }
    }
}

fn recovered<'a>(replica: &'a Mutex<Replica>, mut guard: MutexGuard<'a, Replica>) -> MutexGuard<'a, Replica> {
    // A thread panicked while it used this copy: its machines are in an unknown state.
    guard.machines.iter_mut().for_each(|machine| *machine = None);
    replica.clear_poison();
    guard
}

impl Engine for RegoEngine {
    fn evaluate(&self, facts: &Facts) -> Result<Vec<Finding>, EvalError> {
        self.run(facts, &self.index.candidates(facts, &self.slices))
    }

    fn explain(&self, facts: &Facts) -> Result<Trace, EvalError> {
        let chosen = self.index.candidates(facts, &self.slices);
        let findings = self.run(facts, &chosen)?;
        let name = |unit: &Unit| self.infos.get(unit.policy).map_or_else(String::new, |info| info.id.to_string());
        let mut evaluated = BTreeSet::new();
        let mut excluded = BTreeSet::new();
        for (index, slice) in self.slices.iter().enumerate() {
            for unit in &slice.units {
                match chosen.contains(&index) {
                    true => drop(evaluated.insert(name(unit))),
                    false => drop(excluded.insert(Exclusion {
                        policy: name(unit),
                        rule: unit.rule.to_string(),
                        guard: slice.guard.broken(facts),
                    })),
                }
            }
        }
        Ok(Trace { findings, evaluated: evaluated.into_iter().collect(), excluded: excluded.into_iter().collect() })
    }
}

enum Fault {
    Budget,
    Engine(String),
}

impl Replica {
    fn build(loaded: &Loaded, slices: &[Slice]) -> Result<Self, Diagnostic> {
        let programs: Result<Vec<_>, Diagnostic> =
            slices.iter().map(|slice| Ok(Program::compile(loaded, &slice.units)?.code)).collect();
        let mut replica = Self {
            input: InputBuilder::new(),
            data: private_copy(&loaded.data),
            programs: programs?,
            machines: Vec::new(),
        };
        replica.machines = (0..slices.len()).map(|_| None).collect();
        for (program, machine) in replica.programs.iter().zip(&mut replica.machines) {
            *machine = Some(machine_for(program, &replica.data).map_err(|fault| {
                Diagnostic::of_file("", "compile-error", fault).hint("no rule may stand where `data.org` stands")
            })?);
        }
        Ok(replica)
    }

    /// The results of the entry points of a slice, or the source file and the fault.
    fn execute(&mut self, slice: usize, input: &Value) -> Result<Vec<Value>, (String, Fault)> {
        let fault = |message: &str| (String::new(), Fault::Engine(message.to_owned()));
        let program = self.programs.get(slice).ok_or_else(|| fault("no such slice"))?;
        let slot = self.machines.get_mut(slice).ok_or_else(|| fault("no such slice"))?;
        let machine = match slot {
            Some(machine) => machine,
            None => slot.insert(machine_for(program, &self.data).map_err(|message| fault(&message))?),
        };
        match run(machine, program, input) {
            Ok(results) => Ok(results),
            Err(error) => {
                *slot = None;
                Err(error)
            }
        }
    }
}

/// A machine with the program and data loaded.
pub(super) fn machine_for(program: &Arc<regorus::rvm::Program>, data: &Value) -> Result<RegoVM, String> {
    let mut machine = RegoVM::new();
    machine.set_max_instructions(INSTRUCTIONS_MAX);
    machine.load_program(program.clone());
    machine.set_data(data.clone()).map_err(|error| error.to_string())?;
    Ok(machine)
}

fn run(machine: &mut RegoVM, program: &regorus::rvm::Program, input: &Value) -> Result<Vec<Value>, (String, Fault)> {
    machine.set_input(input.clone());
    let mut results = Vec::with_capacity(program.entry_points.len());
    for entry in 0..program.entry_points.len() {
        match machine.execute_entry_point_by_index(entry) {
            Ok(value) => results.push(value),
            Err(error) => {
                let source = program
                    .get_instruction_span(machine.get_pc())
                    .and_then(|span| program.get_source_name(span.source_index))
                    .unwrap_or_default()
                    .to_owned();
                return Err((source, fault(&error)));
            }
        }
    }
    machine.set_input(Value::Null);
    Ok(results)
}

fn fault(error: &regorus::rvm::vm::VmError) -> Fault {
    match error {
        regorus::rvm::vm::VmError::InstructionLimitExceeded { .. } => Fault::Budget,
        other => {
            let text = other.to_string();
            let message = text.rsplit_once("error: ").map_or(text.as_str(), |(_, message)| message);
            Fault::Engine(message.trim().chars().take(300).collect())
        }
    }
}

/// Finds the slices that can match without looking at all of them.
struct GuardIndex {
    always: Vec<usize>,
    /// For each dimension, the slices by one of the values of their first clause.
    by_value: Vec<(Dimension, HashMap<String, Vec<usize>>)>,
}

impl GuardIndex {
    fn new(slices: &[Slice]) -> Self {
        let mut always = Vec::new();
        let mut maps: BTreeMap<Dimension, HashMap<String, Vec<usize>>> = BTreeMap::new();
        for (index, slice) in slices.iter().enumerate() {
            if slice.guard.is_always() {
                always.push(index);
                continue;
            }
            for clause in slice.guard.alternatives.iter().filter_map(|clauses| clauses.first()) {
                for value in &clause.values {
                    maps.entry(clause.dimension).or_default().entry(value.clone()).or_default().push(index);
                }
            }
        }
        Self { always, by_value: maps.into_iter().collect() }
    }

    fn candidates(&self, facts: &Facts, slices: &[Slice]) -> Vec<usize> {
        let mut chosen = self.always.clone();
        for (dimension, map) in &self.by_value {
            dimension.any(facts, |value| {
                if let Some(indexes) = map.get(value) {
                    let holds = |index: &&usize| slices.get(**index).is_some_and(|slice| slice.guard.holds(facts));
                    chosen.extend(indexes.iter().filter(holds));
                }
                false
            });
        }
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }
}

/// The findings of one policy for an example: same compiler, same machine, its own data.
pub(super) fn try_out(
    program: &Program,
    info: &PolicyInfo,
    data: &Value,
    facts: &Facts,
) -> Result<Vec<Finding>, EvalError> {
    let engine = RegoEngine {
        infos: vec![info.clone()],
        slices: Vec::new(),
        index: GuardIndex { always: Vec::new(), by_value: Vec::new() },
        replicas: Vec::new(),
    };
    let machine = machine_for(&program.code, data);
    let mut machine = machine.map_err(|message| engine.blame(&info.file, &Fault::Engine(message)))?;
    let input = InputBuilder::new().build(facts);
    let results = run(&mut machine, &program.code, &input).map_err(|(_, fault)| engine.blame(&info.file, &fault))?;
    let mut findings = Vec::new();
    let results = results.iter().flat_map(|group| group.as_array().map(|a| a.to_vec()).unwrap_or_default());
    for (unit, result) in program.units.iter().zip(results) {
        engine.collect(Unit { policy: 0, rule: unit.rule }, &result, &mut findings)?;
    }
    Ok(findings.into_iter().map(|(_, finding)| finding).collect())
}

/// `{"org": ...}` for an example.
pub(super) fn organisation(org: serde_json::Map<String, serde_json::Value>) -> Value {
    from_json(&serde_json::json!({ "org": org }))
}
