//! A private copy of everything that evaluation touches, so that threads do not contend for reference counts.

use super::compile::{Origins, Program, RUN, name, private_copy};
use super::group::Group;
use super::policy::Loaded;
use crate::bundle::INSTRUCTIONS_MAX;
use crate::diagnostic::Diagnostic;
use crate::input::InputBuilder;
use regorus::Value;
use regorus::rvm::RegoVM;
use regorus::value::Object;
use std::sync::Arc;

/// Programs, their machines and what they read.
pub(super) struct Replica {
    pub(super) input: InputBuilder,
    data: Value,
    /// By group.
    machines: Vec<Machine>,
}

/// Why a run of the machine gave nothing.
pub(super) enum Fault {
    /// The instructions were used up.
    Budget,
    /// What the engine says.
    Engine(String),
}

/// A fault, and the path of the rule in which the machine was.
pub(super) type Failed = (String, Fault);

struct Machine {
    program: Arc<regorus::rvm::Program>,
    origins: Origins,
    /// One that failed is thrown away and made anew.
    vm: Option<RegoVM>,
    /// The names of the parts, for the entry point that runs several.
    names: Vec<Value>,
    run: Value,
    org: (Value, Value),
}

impl Replica {
    /// Takes over programs that were compiled for nobody else.
    pub(super) fn of(loaded: &Loaded, programs: Vec<Program>) -> Result<Self, Diagnostic> {
        let data = private_copy(&loaded.data);
        let mut machines = Vec::with_capacity(programs.len());
        for program in programs {
            let vm = machine_for(&program.code, &data).map_err(|fault| {
                Diagnostic::of_file("", "compile-error", fault).hint("no rule may stand where `data.org` stands")
            })?;
            let org = data.as_object().ok().and_then(|fields| fields.iter().next());
            machines.push(Machine {
                names: (0..program.parts.len()).map(|part| Value::from(name(part))).collect(),
                program: program.code,
                origins: program.origins,
                vm: Some(vm),
                run: Value::from(RUN),
                org: org.map_or((Value::from("org"), Value::Undefined), |(key, value)| (key.clone(), value.clone())),
            });
        }
        Ok(Self { input: InputBuilder::new(), data, machines })
    }

    /// The same, compiled again.
    pub(super) fn again(loaded: &Loaded, groups: &[Group]) -> Result<Self, Diagnostic> {
        let programs = groups.iter().map(|group| Program::compile(loaded, &group.parts));
        Self::of(loaded, programs.collect::<Result<_, _>>()?)
    }

    /// Forgets machines that may be in an unknown state.
    pub(super) fn reset(&mut self) {
        self.machines.iter_mut().for_each(|machine| machine.vm = None);
    }

    /// What these parts of a group give, in their order; or the first fault.
    ///
    /// All of them are run at once. When that fails, each is run by itself, so that each has the whole budget and a fault
    /// is that of the policy that has it.
    pub(super) fn run(&mut self, group: usize, parts: &[usize], input: &Value) -> Result<Vec<Value>, Failed> {
        let Some(machine) = self.machines.get_mut(group) else { return Err(lost("no such group")) };
        if parts.len() > 1
            && let Ok(results) = machine.together(parts, input, &self.data)
        {
            return Ok(results);
        }
        parts.iter().map(|part| machine.entry(*part, input, &self.data)).collect()
    }
}

impl Machine {
    fn together(&mut self, parts: &[usize], input: &Value, data: &Value) -> Result<Vec<Value>, Failed> {
        let names: Option<Vec<Value>> = parts.iter().map(|part| self.names.get(*part).cloned()).collect();
        let names = Value::from(names.ok_or_else(|| lost("no such part"))?);
        let mut with_run = Object::new();
        with_run.insert(self.org.0.clone(), self.org.1.clone());
        with_run.insert(self.run.clone(), names);
        let results = self.entry(self.names.len(), input, &with_run.into_value());
        if let Some(vm) = &mut self.vm {
            vm.set_data(data.clone()).map_err(|error| lost(&error.to_string()))?;
        }
        let results = results?;
        let array = results.as_array().map_err(|_| lost("the parts gave no array"))?;
        if array.len() != parts.len() {
            return Err(lost("a part gave nothing"));
        }
        Ok(array.iter().cloned().collect())
    }

    fn entry(&mut self, entry: usize, input: &Value, data: &Value) -> Result<Value, Failed> {
        let vm = match &mut self.vm {
            Some(vm) => {
                vm.set_data(data.clone()).map_err(|error| lost(&error.to_string()))?;
                vm
            }
            None => self.vm.insert(machine_for(&self.program, data).map_err(|message| lost(&message))?),
        };
        let result = execute(vm, &self.origins, entry, input);
        if result.is_err() {
            self.vm = None;
        }
        result
    }
}

fn lost(message: &str) -> Failed {
    (String::new(), Fault::Engine(message.to_owned()))
}

/// A machine with the program and data loaded.
pub(super) fn machine_for(program: &Arc<regorus::rvm::Program>, data: &Value) -> Result<RegoVM, String> {
    let mut machine = RegoVM::new();
    machine.set_max_instructions(INSTRUCTIONS_MAX);
    machine.load_program(program.clone());
    machine.set_data(data.clone()).map_err(|error| error.to_string())?;
    Ok(machine)
}

/// The value of one entry point. A machine that failed is not to be used again.
pub(super) fn execute(machine: &mut RegoVM, origins: &Origins, entry: usize, input: &Value) -> Result<Value, Failed> {
    machine.set_input(input.clone());
    let result = machine.execute_entry_point_by_index(entry);
    let result = result.map_err(|error| (origins.rule_at(machine.get_pc()), fault(&error)));
    machine.set_input(Value::Null);
    result
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
