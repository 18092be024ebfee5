//! The decision service: decides, records, and answers over HTTP and a unix socket.
//!
//! [`Service`] is the local [`holdshort_enforce::Authority`]: it looks the snapshot up for every action, decides with
//! `decide`, and answers only after its [`Recorder`] made the record durable. [`serve`] puts the HTTP API before it.
//! What is absent: no policy engine, no database and no log format are known here; they come in through traits.

mod approvals;
mod arguments;
mod authority;
mod baselines;
mod budget;
mod chain;
mod change;
mod clock;
mod config;
mod containment;
mod deciding;
mod declassify;
mod destinations;
mod erasure;
mod exposed;
mod faults;
mod flight;
mod forgotten;
mod http;
mod inspect;
mod journal;
mod listen;
mod metrics;
mod people;
mod promotion;
mod recorder;
mod reload;
mod report;
mod response;
mod retention;
mod service;
mod sessions;
mod snapshots;
mod witnesses;

pub use crate::http::{Access, Parts, Peer, SnapshotSource};
pub use approvals::{ApprovalsConfig, Approvers};
pub use change::ChangeError;
pub use clock::{Clock, SystemClock};
pub use config::{Arguments, ServiceConfig};
pub use containment::NarrowTo;
pub use listen::{Activity, ListenError, Listener, Presence, UnixSocket, serve};
pub use recorder::{
    Appending, Erasure, Intended, OwnedKey, Preparing, RECORD_BYTES_MAX, RecordOwner, RecordReader, Recorder,
    RecorderError, RetiredKeys,
};
pub use reload::Candidate;
pub use response::{Alarm, Notifier, NotifyError, ResponseConfig};
pub use retention::OldRecords;
pub use service::{Service, StartError, Stores};
