//! Foreign formats to and from the model. Every parser here faces an attacker: bounded, strict, and it says where.
//!
//! Parsing keeps the original bytes: what is allowed is forwarded byte for byte, and a change is a splice.

pub mod json;
pub mod mcp;
pub mod sse;
