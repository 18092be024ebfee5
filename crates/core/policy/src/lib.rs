//! Policies: what an organisation forbids, beyond what its grants already leave out.
//!
//! A [`PolicySet`] is loaded from a [`Bundle`] of Rego sources and answers one question: which rules fire for these
//! [`Facts`](holdshort_model::Facts)? It does not decide; `decide` combines the findings with grants and standing.
//! Everything that could fail later is refused while loading, with file, line and a hint: see [`PolicySet::load`].
//!
//! No I/O happens here: sources come in as values, and policies cannot call out.

mod bundle;
mod diagnostic;
mod engine;
mod finding;
mod info;
mod input;
mod matrix;

mod rego;
mod report;
mod set;

pub use bundle::{Bundle, LoadOptions, SourceFile};
pub use diagnostic::Diagnostic;
pub use engine::{Engine, Exclusion, Trace};
pub use finding::{EvalError, Finding, Rule};
pub use info::{PolicyInfo, Severity};

pub use matrix::{MatrixError, Probe, matrix, probes, strictest};
pub use report::{ExampleReport, PolicyReport, lint, test};
pub use set::PolicySet;
