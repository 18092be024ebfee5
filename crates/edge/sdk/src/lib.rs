//! Typed client of a running service.
