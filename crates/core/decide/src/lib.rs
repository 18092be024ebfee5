//! The decision: snapshot, grants, policies, combine.
