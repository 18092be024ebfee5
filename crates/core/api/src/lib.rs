//! Our HTTP contract as types: the bodies of requests and answers that are not already in `model`.
//!
//! `POST /v1/decide` takes a [`holdshort_model::Request`] and answers with a [`holdshort_model::Ruling`];
//! `POST /v1/tools` takes a [`holdshort_model::ToolsSeen`].
//! Everything that a caller sends refuses unknown fields; everything that we send may gain fields.

mod agents;
mod approvals;
mod destinations;
mod erasures;
mod error;
mod events;
mod health;
mod incidents;
mod labels;
mod outcomes;
mod people;
mod pins;
mod policies;
mod records;
mod retention;
mod sessions;
mod standing;
mod witnesses;

pub use agents::{AgentSummary, AgentsPage, IssuedToken, NewAgent, NewToken, TokenSummary, TokensPage};
pub use approvals::{
    APPROVAL_WAIT_S_MAX, APPROVALS_PAGE_MAX, AnswerGiven, ApprovalEvent, ApprovalQuery, ApprovalView, ApprovalsPage,
    ApprovalsQuery, ApprovalsWhich, ExceptionsPage, NewAnswer, RevokeException,
};
pub use destinations::{DestinationSummary, DestinationsPage, NewDestination};
pub use erasures::{Erased, NewErasure};
pub use error::{ErrorAnswer, ErrorBody, code};
pub use events::DecisionEvent;
pub use health::{Health, Readiness};
pub use incidents::{
    ChannelState, ChannelTested, ChannelsPage, CloseIncident, IncidentSummary, IncidentsPage, IncidentsQuery,
};
pub use labels::{Declassified, Declassify, SessionLabels};
pub use outcomes::OutcomeReport;
pub use people::{IssuedPersonToken, NewPerson, PeoplePage, PersonSummary};
pub use pins::{AcceptPin, PinSummary, PinsPage, ToolsAnswer};
pub use policies::{PoliciesAnswer, PolicyModeChange, PolicySummary, ReloadAnswer};
pub use records::{RECORDS_PAGE_DEFAULT, RECORDS_PAGE_MAX, RecordEntry, RecordsPage, RecordsQuery};
pub use retention::{ArchiveRecords, ArchivedRecords, DropRecords, DroppedRecords, RetentionAnswer, RetentionTier};

/// The contract as OpenAPI 3.1, as `GET /openapi.json` answers it.
pub const OPENAPI: &str = include_str!("../openapi.json");

pub use sessions::{SessionSummary, SessionsPage};
pub use standing::{
    NewStanding, Release, Released, StandingChange, StandingChanges, StandingChangesQuery, StandingPage,
    StandingQuestion, Whom,
};
pub use witnesses::{WitnessSummary, WitnessesPage};
