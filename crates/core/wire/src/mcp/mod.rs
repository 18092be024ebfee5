//! The Model Context Protocol: JSON-RPC messages of both eras, and what each method means.
//!
//! Eras: **session** (2025-11-25 and older: `initialize`, a session, server-sent requests) and **stateless**
//! (2026-07-28: every request carries its version and capabilities in `_meta`).

pub mod headers;
mod meaning;
mod message;
mod meta;

pub use meaning::{Direction, Meaning, meaning};
pub use message::{Id, Kind, Message, MessageError};
pub use meta::{
    CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, Meta, SESSION_VERSIONS, STATELESS, VERSION, client_info, meta,
};

/// Error codes that the gateway itself answers with.
pub mod code {
    /// Not JSON.
    pub const PARSE: i64 = -32700;
    /// Not a JSON-RPC request that we take.
    pub const INVALID_REQUEST: i64 = -32600;
    /// Nobody here knows the method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// Parameters of the wrong form.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The upstream failed.
    pub const INTERNAL: i64 = -32603;
    /// A policy refused the action.
    pub const REFUSED: i64 = -32001;
    /// A header says something else than the body (2026-07-28).
    pub const HEADER_MISMATCH: i64 = -32020;
    /// The request needs a capability that the client did not declare (2026-07-28).
    pub const MISSING_CAPABILITY: i64 = -32021;
    /// The protocol version is not supported (2026-07-28).
    pub const UNSUPPORTED_VERSION: i64 = -32022;
}
