//! Where clients come in.

pub(crate) mod http;
mod sse;
pub mod stdio;

pub(crate) use sse::{Body, event_stream};
