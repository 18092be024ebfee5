//! Network enforcement points. They turn foreign bytes into questions, ask the gate, and forward what it permits.

pub mod mcp;
