//! Signs in content: secrets, personal data, injected instructions, odd destinations, threat intelligence, threat rules.
//!
//! Evidence only. Nothing here allows or refuses, nothing keeps or prints a value that it found.
//!
//! Each text is normalised once ([`Text`]), and every detector looks at that:
//! - `injection::Model::percent(&self, folded: &str) -> u8`
//! - `intelligence::Intelligence::find(&self, text: &Text, out: &mut Vec<Indicator>) -> bool`
//! - `rules::Rules::find(&self, text: &Text, field: Field, out: &mut Vec<RuleMatch>) -> bool`
//!
//! False is that not everything was looked at. Each of these three has `digest(&self) -> Digest` of what it holds. Detectors
//! may name a thing more than once and in any order: what is handed out is sorted, without repetition, and at most
//! [`holdshort_model::FOUND_MAX`] of a kind.

mod destination;
pub mod injection;
pub mod intelligence;
mod key;
mod normalise;
mod parts;
mod personal;
pub mod rules;
mod scan;
mod secrets;
mod table;

pub use key::FingerprintKey;
pub use normalise::{DECODED_BYTES_MAX, Field, Layer, Text};
pub use parts::{DetectError, Exemption, OwnSecret, Parts};
pub use scan::{LEAVES_MAX, SCAN_BYTES_MAX};
pub use secrets::{OWN_BYTES_MAX, OWN_BYTES_MIN, OWN_LENGTHS_MAX, OWN_MAX};

use holdshort_model::{Content, DestinationSignal, Digest};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// Everything that content is scanned with: compiled once, immutable, shared.
///
/// The default scans nothing and costs nothing.
#[derive(Clone, Default)]
pub struct Detectors {
    built: Option<Arc<scan::Built>>,
}

impl Detectors {
    /// The built-in detectors of secrets, personal data and destinations, and what `parts` adds.
    ///
    /// # Errors
    /// Everything that is wrong with `parts`, at once.
    pub fn new(parts: Parts) -> Result<Self, Vec<DetectError>> {
        Ok(Self { built: Some(Arc::new(scan::Built::new(parts)?)) })
    }

    /// Digest of the rules, lists, models and settings.
    pub fn digest(&self) -> Digest {
        self.built.as_ref().map_or_else(|| Digest::of(b""), |built| built.digest())
    }

    /// When something that threat intelligence names expires, in milliseconds since 1970: detectors that are built later
    /// may name less.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.built.as_ref().and_then(|built| built.next_expiry_ms())
    }

    /// Scans the arguments of an action, decoded forms included. Places are JSON pointers.
    pub fn scan_args(&self, args: &Value) -> Content {
        self.built.as_ref().map_or_else(Content::default, |built| built.scan_args(args))
    }

    /// Scans the parts of a result. Places are `part/N`. `truncated`: something was left out before.
    pub fn scan_parts(&self, parts: &[String], truncated: bool) -> Content {
        match &self.built {
            Some(built) => built.scan_parts(parts, truncated),
            None => Content { truncated, ..Content::default() },
        }
    }

    /// Looks at the hosts or URLs that an action reaches. `known`: whether a person or the organisation knows a host.
    pub fn destinations<'a>(
        &self,
        reached: impl Iterator<Item = &'a str>,
        known: &dyn Fn(&str) -> bool,
    ) -> Vec<DestinationSignal> {
        self.built.as_ref().map_or_else(Vec::new, |built| built.destinations(&mut { reached }, known))
    }

    /// Takes out of `content` what the organisation exempts for the server `server`: [`Parts::exemptions`].
    pub fn exempt(&self, server: &str, content: &mut Content) {
        if let Some(built) = &self.built {
            built.exempt(server, content);
        }
    }
}

impl fmt::Debug for Detectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detectors").field("digest", &self.digest()).finish()
    }
}
