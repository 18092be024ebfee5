//! Where clients come in.

pub(crate) mod http;
mod sse;
pub mod stdio;
