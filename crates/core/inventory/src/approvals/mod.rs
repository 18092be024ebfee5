//! Approvals: which exact action a person's answer is for, and what becomes of a question.
//!
//! Values only. [`Book`] holds the questions and their answers, and says what has to be kept; whoever owns it keeps that
//! through an [`ApprovalStore`] before anything is told to an agent.
//!
//! INVARIANT: nothing here loosens a refusal. An answer turns an Ask into an Allow, once, and only for the action that the
//! person looked at. A final state stays.

mod answer;
mod binding;
mod book;
mod conformance;
mod exceptions;
mod limits;
mod past;
mod readable;
mod state;
mod store;

#[cfg(test)]
mod tests;

pub use answer::{AnswerError, REASON_CHARS_MAX, Wanted};
pub use binding::{APPROVALS_POLICY, as_recorded, asking, binding, lift, refuse};
pub use book::{Book, ERASED_SESSION, Reply};
pub use conformance::check_approval_store;
pub use limits::ApprovalLimits;
pub use state::{is_final, may_become, same_person};
pub use store::{ApprovalChange, ApprovalStore, Kept};
