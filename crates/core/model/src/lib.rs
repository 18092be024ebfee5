//! The vocabulary of Holdshort: what is asked, what is known, what was decided, what is recorded.
//!
//! Values only. Nothing here decides, reads a clock, draws a random number or touches the outside.
//! One word has one meaning, the same in code, API, console and docs (`docs/glossary.md`).

mod action;
mod approval;
mod decision;
mod digest;
mod facts;
mod flow;
mod ids;
mod notice;
mod record;
mod record_text;
mod request;
mod response;
mod seen;
mod sequence;
mod signals;
mod standing;
mod subject;
mod tool;

pub use action::{ActionEffect, ActionKind, Certainty, Resource, Verb};
pub use approval::{Answer, Approval, ApprovalState, Approved, Exception};
pub use decision::{Containment, Decision, Effect, FailMode, Level, Mode, Obligation, Reason, Risk, RiskPart, Ruling};
pub use digest::{Digest, DigestError, is_digested};
pub use facts::{ActionFacts, ContextFacts, Facts, SubjectFacts};
pub use flow::{
    ArgumentRole, Asks, Character, HistoryFacts, Integrity, Labels, Origin, Provenance, Reach, RequestFacts,
    SequenceFacts, SourceKind, ValueSource,
};
pub use ids::{AgentId, RecordId, SessionId};
pub use notice::{Notice, NoticeAction, NoticeAlarm, NoticeKind, NoticeSubject, one_line};
pub use record::{
    ApprovalRecord, BuildInfo, DecisionRecord, DeclassificationRecord, ErasureKind, ErasureRecord, LifecycleRecord,
    Outcome, OutcomeStatus, PolicyRecord, PromotionRecord, Receipt, Record, ResponseRecord, StandingRecord, ToolChange,
};
pub use request::{Action, Context, Request, Subject};
pub use response::{Incident, IncidentEntry, IncidentState, Step};
pub use seen::{SEEN_BYTES_MAX, SEEN_PARTS_MAX, Seen};
pub use sequence::{
    EventPattern, LabelPattern, Measure, SEQUENCE_LIST_MAX, SEQUENCE_WINDOW_NS_MAX, SequenceError, SequenceOperator,
    SequenceOutcome, SequenceSpec, SequenceWindow,
};
pub use signals::{
    Anomaly, ApprovalHistory, Content, DestinationSignal, FOUND_MAX, Indicator, Injection, Mark, PersonalData,
    RuleMatch, SecretSignal, SeenContent, Signals,
};
pub use standing::{Scope, StandingEntry, StandingView};
pub use subject::{Agent, Authentication, Claims, Owner, Standing};
pub use tool::{Pin, ToolDefinition, ToolFacts, ToolListing, ToolsSeen};
