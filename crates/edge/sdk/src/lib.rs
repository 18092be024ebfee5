//! Typed client of a running service, over its unix socket or over HTTP on loopback.
//!
//! [`RemoteAuthority`] is the [`holdshort_enforce::Authority`] of an enforcement point in another process; [`Client`]
//! has the rest of the contract for the command line. What is absent: TLS. A bearer token leaves this host over nothing
//! that this crate opens.

mod approvals;
mod authority;
mod client;
mod error;
mod retention;
mod transport;

pub use authority::RemoteAuthority;
pub use client::Client;
pub use error::ClientError;
pub use transport::{Endpoint, EndpointError};
