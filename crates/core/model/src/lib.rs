//! The vocabulary of Holdshort: what is asked, what is known, what was decided, what is recorded.
//!
//! Values only. Nothing here decides, reads a clock, draws a random number or touches the outside.
//! One word has one meaning, the same in code, API, console and docs (`docs/glossary.md`).

mod action;
mod decision;
mod digest;
mod facts;
mod flow;
mod ids;
mod record;
mod request;
mod seen;
mod sequence;
mod subject;
mod tool;

pub use action::{ActionEffect, ActionKind, Certainty, Resource, Verb};
pub use decision::{Containment, Decision, Effect, FailMode, Level, Mode, Obligation, Reason, Risk, RiskPart, Ruling};
pub use digest::{Digest, DigestError};
pub use facts::{ActionFacts, ContextFacts, Facts, SubjectFacts};
pub use flow::{
    ArgumentRole, Asks, Character, HistoryFacts, Integrity, Labels, Origin, Provenance, Reach, RequestFacts,
    SequenceFacts, SourceKind, ValueSource,
};
pub use ids::{AgentId, RecordId, SessionId};
pub use record::{
    BuildInfo, DecisionRecord, DeclassificationRecord, LifecycleRecord, Outcome, OutcomeStatus, PolicyRecord, Receipt,
    Record, ToolChange,
};
pub use request::{Action, Context, Request, Subject};
pub use seen::{SEEN_BYTES_MAX, SEEN_PARTS_MAX, Seen};
pub use sequence::{
    EventPattern, LabelPattern, Measure, SEQUENCE_LIST_MAX, SEQUENCE_WINDOW_NS_MAX, SequenceError, SequenceOperator,
    SequenceOutcome, SequenceSpec, SequenceWindow,
};
pub use subject::{Agent, Authentication, Claims, Owner, Standing};
pub use tool::{Pin, ToolDefinition, ToolFacts, ToolListing, ToolsSeen};
