//! Runs the compiled slices: which can match, on which copy, and what comes out.

use super::compile::Program;
use super::group::{Group, grouped};
use super::guard::Guard;
use super::index::{GuardIndex, Slice};
use super::output::finding;
use super::policy::{Loaded, Unit};
use super::replica::{Fault, Replica, execute, machine_for};
use crate::bundle::INSTRUCTIONS_MAX;
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Exclusion, Trace};
use crate::input::{InputBuilder, Sections, from_json};
use crate::{EvalError, Finding, PolicyInfo};
use holdshort_model::Facts;
use regorus::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Mutex, MutexGuard, TryLockError};

/// Rego policies, compiled.
pub(crate) struct RegoEngine {
    infos: Vec<PolicyInfo>,
    slices: Vec<Slice>,
    index: GuardIndex,
    groups: Vec<Group>,
    replicas: Vec<Mutex<Replica>>,
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
        let (groups, programs): (Vec<Group>, Vec<Program>) = grouped(loaded, &slices)?.into_iter().unzip();
        let mut copies = vec![Mutex::new(Replica::of(loaded, programs)?)];
        for _ in 1..replicas {
            copies.push(Mutex::new(Replica::again(loaded, &groups)?));
        }
        Ok(Self {
            infos: loaded.policies.iter().map(|policy| policy.info.clone()).collect(),
            index: GuardIndex::new(&slices),
            slices,
            groups,
            replicas: copies,
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
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let no_replica = || self.blame("", &Fault::Engine("there is no copy to run on".into()));
        let parts = self.groups.iter().map(|group| group.parts_of(chosen));
        let runs: Vec<(usize, Vec<usize>)> = parts.enumerate().filter(|(_, parts)| !parts.is_empty()).collect();
        let reads = runs.iter().filter_map(|(number, parts)| Some(self.groups.get(*number)?.reads(parts)));
        let mut replica = self.replica().ok_or_else(no_replica)?;
        let input = replica.input.build(facts, reads.fold(Sections::default(), Sections::with));
        let mut answered: Vec<(Unit, Finding)> = Vec::new();
        for (number, parts) in runs {
            let Some(group) = self.groups.get(number) else { continue };
            let results = replica.run(number, &parts, &input);
            let results = results.map_err(|(rule, fault)| self.blame(&rule, &fault))?;
            for (part, result) in parts.iter().zip(&results) {
                let units = group.parts.get(*part).map(Vec::as_slice).unwrap_or_default();
                self.collect_part(units, result, &mut answered)?;
            }
        }
        drop(replica);
        // The elements of a set come sorted, and the sort is stable.
        answered.sort_by(|(left, left_finding), (right, right_finding)| {
            (left, &left_finding.message).cmp(&(right, &right_finding.message))
        });
        Ok(answered.into_iter().map(|(_, finding)| finding).collect())
    }

    // A part that has no answer for one of its units is an error: nothing may be left out.
    fn collect_part(&self, units: &[Unit], part: &Value, into: &mut Vec<(Unit, Finding)>) -> Result<(), EvalError> {
        let results = part.as_array().map(|array| array.as_slice()).unwrap_or_default();
        for (at, unit) in units.iter().enumerate() {
            self.collect(*unit, results.get(at).unwrap_or(&Value::Undefined), into)?;
        }
        Ok(())
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

    /// The policy in whose rule the machine was when it failed.
    fn blame(&self, rule: &str, fault: &Fault) -> EvalError {
        let path = rule.strip_prefix("data.").unwrap_or_default();
        let is_in = |info: &&PolicyInfo| path.strip_prefix(&*info.id).is_some_and(|rest| rest.starts_with('.'));
        let policy = self.infos.iter().find(is_in).map_or("unknown", |info| &*info.id).to_owned();
        match fault {
            Fault::Budget => EvalError::Budget { policy, limit: INSTRUCTIONS_MAX },
            Fault::Engine(message) => EvalError::Engine { policy, message: message.clone() },
        }
    }
}

fn recovered<'a>(replica: &'a Mutex<Replica>, mut guard: MutexGuard<'a, Replica>) -> MutexGuard<'a, Replica> {
    // A thread panicked while it used this copy: its machines are in an unknown state.
    guard.reset();
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

/// Runs a program of one policy once, with other data. For examples.
pub(super) fn try_out(
    program: &Program,
    info: &PolicyInfo,
    data: &Value,
    facts: &Facts,
) -> Result<Vec<Finding>, EvalError> {
    let engine = RegoEngine {
        infos: vec![info.clone()],
        slices: Vec::new(),
        index: GuardIndex::new(&[]),
        groups: Vec::new(),
        replicas: Vec::new(),
    };
    // Helpers of other packages count as the policy's own here.
    let rule = format!("data.{}.", info.id);
    let machine = machine_for(&program.code, data);
    let mut machine = machine.map_err(|message| engine.blame(&rule, &Fault::Engine(message)))?;
    let input = InputBuilder::new().build(facts, Sections::ALL);
    let mut findings = Vec::new();
    for (entry, units) in program.parts.iter().enumerate() {
        let result = execute(&mut machine, &program.origins, entry, &input);
        let result = result.map_err(|(_, fault)| engine.blame(&rule, &fault))?;
        let units: Vec<Unit> = units.iter().map(|unit| Unit { policy: 0, rule: unit.rule }).collect();
        engine.collect_part(&units, &result, &mut findings)?;
    }
    Ok(findings.into_iter().map(|(_, finding)| finding).collect())
}

/// `{"org": ...}` for an example.
pub(super) fn organisation(org: serde_json::Map<String, serde_json::Value>) -> Value {
    from_json(&serde_json::json!({ "org": org }))
}
