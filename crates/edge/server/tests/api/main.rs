//! The service over real sockets, with the real database, real policies, and a log that can be made to fail.

mod actions;
mod agents;
mod faults;
mod http;
mod pins;
mod remote;
mod sockets;
mod support;
