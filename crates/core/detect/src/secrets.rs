//! Credentials: the rules of gitleaks as data, run only where one of their keywords stands.
//!
//! A rule has one of three shapes, and each is looked for in a small place around the keyword, so that the cost grows with
//! the length of the text and not with the number of rules:
//! - a token that bears its keyword (`ghp_...`): in the stretch without blanks and quotes around the keyword;
//! - an assignment (`datadog_key = "..."`): from the keyword on;
//! - everything else (`-----BEGIN ... PRIVATE KEY-----`, `curl -u ...`): in a window.

mod finder;
mod judge;
mod own;
mod rule;
mod set;

pub(crate) use finder::{Fuel, Hit, find};
pub(crate) use own::{Own, Tries, parts};
pub(crate) use set::{RuleSet, builtin};

pub use own::{OWN_BYTES_MAX, OWN_BYTES_MIN, OWN_LENGTHS_MAX, OWN_MAX};

#[cfg(test)]
mod tests;
