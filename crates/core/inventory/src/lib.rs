//! Which agents and tools exist, the pins of tool definitions, and the destinations that people approved.
//!
//! Values only: no store, no clock, no randomness. The edge loads entries through [`AgentStore`], [`PinStore`]
//! and [`DestinationStore`], builds the views [`Agents`], [`Pins`] and [`Destinations`], and swaps them into the snapshot that decides.
//! What is absent: nothing here authorises. A known agent with a good token is known, no more.

mod agents;
mod approvals;
mod baselines;
mod canonical;
pub mod conformance;
mod destinations;
mod difference;
mod incidents;
mod modes;
mod outbox;
mod people;
mod pins;
mod response_conformance;
mod snapshots;
mod standings;
mod store;
mod token;
mod whose;

pub use agents::{AgentEntry, Agents, AgentsError, TokenEntry, TokenRefusal, UNKNOWN_CLASS};
pub use approvals::{
    APPROVALS_POLICY, AnswerError, ApprovalChange, ApprovalLimits, ApprovalStore, Book, ERASED_SESSION, Kept,
    REASON_CHARS_MAX, Reply, Wanted, as_recorded, asking, binding, check_approval_store, is_final, lift, may_become,
    refuse, same_person,
};
pub use baselines::{BaselineEntry, BaselineOwner};
pub use canonical::definition_digest;
pub use destinations::{
    DESTINATION_BYTES_MAX, DESTINATIONS_MAX, DESTINATIONS_PER_AGENT_MAX, Destinations, DestinationsError,
    KnownDestination,
};
pub use difference::{DIFFERENCE_LINES_MAX, DIFFERENCE_SIDE_CHARS_MAX, difference};
pub use incidents::{
    Happening, INCIDENT_TEXT_CHARS_MAX, INCIDENTS_KEPT_MAX, INCIDENTS_OPEN_MAX, INVOLVED_MAX, IncidentStore, Incidents,
    TIMELINE_HEAD, TIMELINE_MAX, TooManyIncidents, erase_incident,
};
pub use modes::{PolicyMode, PolicyModeStore, check_policy_mode_store};
pub use outbox::{Failed, NotificationOutbox, OUTBOX_PER_CHANNEL_MAX, Outbox, OutboxEntry, OutboxRules, Taken};
pub use people::{PEOPLE_MAX, People, PeopleError, PersonEntry, PersonStore, Role, check_person_store};
pub use pins::{
    DEFINITION_BYTES_MAX, FirstUse, Observed, PinEntry, Pins, PinsError, SERVERS_MAX, Seen, TOOLS_PER_SERVER_MAX,
};
pub use snapshots::{PART, SNAPSHOTS_MAX, SnapshotEntry, SnapshotStore, check_snapshot_store};
pub use standings::{AGENTS_CONTAINED_MAX, Lowered, REMOVED_MAX, SESSIONS_PER_AGENT_MAX, Standings};
pub use store::{AgentStore, BaselineStore, DestinationStore, PinStore, StandingStore, StoreError};
pub use token::{Token, TokenError};
pub use whose::{ERASED, KnownSession, Whose};
