//! Scripted counterparts and faults for tests.
