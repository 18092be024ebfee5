//! Rego v1 on regorus: parse, check, cut into slices, compile to bytecode, run.
//!
//! Reading order: `source` (text to syntax tree), `policy` (what a file says), `check` (what it may not say),
//! `guard` (when it can fire), `group` and `compile` (slices to programs), `vm` (programs to findings), `example`.

mod argument;
mod builtins;
mod check;
mod compile;
#[cfg(test)]
mod differential;
mod dimension;
mod example;
mod group;
mod guard;
mod guarded;
mod index;
mod metadata;
mod negated;
mod output;
mod policy;
mod replica;
mod schema;
mod sequences;
mod source;
mod syntax;
mod vm;

pub(crate) use example::{base, facts_over, run as run_examples};
pub(crate) use negated::negated;
pub(crate) use policy::{load, read, short};
pub(crate) use vm::RegoEngine;
