//! Carries records to the systems that security teams have: OCSF, OpenTelemetry, CEF over syslog, Splunk HEC.
//!
//! An [`Event`] is a record with its place in the log. A [`Format`] makes items of events, a [`Sink`] sends items once
//! and says how it went, and an [`Exporter`] follows a log: it sends in order, tries again, and keeps a cursor, so that
//! every record arrives at least once. What tells a repetition is the log and the index, which every item carries.
//! What is absent: nothing here writes to the log, and nothing that decides waits for anything here.

mod cef;
mod delivery;
mod error;
mod event;
mod format;
mod hec;
mod ocsf;
mod open;
mod otlp;
mod sink;
mod summary;

pub use delivery::{
    Alarm, Batching, Chunk, Cursor, CursorError, Exporter, Filter, From, Listener, Meter, Source, SourceError, State,
    render as render_meters,
};
pub use error::{ExportError, Failed};
pub use event::{Arguments, Body, Event, KINDS, Key, Unreadable};
pub use format::{Encoder, Format, Item, Payload};
pub use ocsf::VERSION as OCSF_VERSION;
pub use sink::{Rotation, Sink, SinkTarget, Taken, lines};
