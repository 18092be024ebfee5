//! The MCP enforcement point: a gateway over streamable HTTP and a wrapper over stdio.
//!
//! ```text
//! front (http | stdio) --> session --> guard: Gate::check --> link (stdio | http) --> upstream
//!        ^                    |  rewrite first, decide on the final bytes, forward exactly those
//!        +---- relay <--------+------------------------------- replies, filtered lists, outcomes
//! ```
//! A *link* is one connection to one upstream server on behalf of one client session. A *session* is one client with
//! its links. Eras (see `holdshort_wire::mcp`) are negotiated with each side separately; `bridge` translates.

mod approval;
mod bridge;
mod catalog;
mod config;
mod containment;
mod dispatch;
mod envelope;
mod exchange;
mod federation;
mod front;
mod gateway;
mod guard;
mod intent;
mod link;
mod listen;
mod rounds;
mod seen;
mod session;
mod streams;

pub use config::{
    Authenticate, EraChoice, GatewayOptions, Limits, Principal, RefusalStyle, TransportConfig, UpstreamConfig,
};
pub use front::http::serve_http;
pub use front::stdio;
pub use gateway::Gateway;
