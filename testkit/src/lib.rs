//! Real counterparts, scripted peers and faults for tests. Never part of a product binary.
//!
//! - [`Counterpart`]: where the real MCP servers, clients and fixtures are (`testkit/install` fetches them).
//! - [`Server`]: a counterpart over HTTP that says its address; [`StdioPeer`]: one on a pipe, driven line by line.
//! - [`Script`] and [`Conformance`]: runs of the official SDKs and of the public conformance suites against an address
//!   or a command, so that direct and through the gateway differ in one argument.
//! - [`raw`]: HTTP as bytes, for requests that no well-behaved client sends.
//! - [`ScriptedUpstream`]: an HTTP server inside the test, which answers what the test says and remembers what came.
//!
//! Everything blocks, with a deadline, on plain threads: in an asynchronous test call it through `spawn_blocking`.
//! A failure panics with what to do about it, because here a panic is a failed test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests call this: a panic is a failed test"
)]

mod conformance;
mod counterpart;
mod process;
pub mod raw;
mod script;
mod stdio;
mod upstream;

pub use conformance::{Conformance, Suite};
pub use counterpart::{
    CommandLine, Counterpart, foreign_witness, log_audit, mail_server, ocsf_validator, otlp_reader, receipt_check,
    root, tiles_audit,
};
pub use process::{DEADLINE, Server};
pub use script::{Driver, Script};
pub use stdio::StdioPeer;
pub use upstream::{ScriptedUpstream, UpstreamRequest};
