//! What an organisation adds to the built-in detectors.

use crate::{FingerprintKey, OWN_BYTES_MAX, OWN_BYTES_MIN, injection, intelligence, rules, secrets};
use std::fmt;
use std::sync::Arc;

/// What [`Detectors::new`](crate::Detectors::new) compiles besides the built-in detectors.
#[derive(Default)]
pub struct Parts {
    /// Key of the fingerprints, of the organisation's own secrets too.
    pub key: FingerprintKey,
    /// The organisation's own secrets, as fingerprints.
    pub own_secrets: Vec<OwnSecret>,
    /// Domains of the organisation and of who it deals with: what looks like one of them and is not is said.
    pub known_domains: Vec<String>,
    /// Findings that are expected.
    pub exemptions: Vec<Exemption>,
    /// The text model of injected instructions.
    pub injection: Option<injection::Model>,
    /// Threat intelligence.
    pub intelligence: Option<Arc<intelligence::Intelligence>>,
    /// Threat rules.
    pub rules: Option<Arc<rules::Rules>>,
}

/// A secret of the organisation. Its value is not needed: only what it is recognised by.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnSecret {
    /// The name that people gave it; the `rule` of what is found.
    pub name: String,
    /// [`FingerprintKey::fingerprint`] of its bytes.
    pub fingerprint: [u8; 32],
    /// Its length in bytes.
    pub bytes: usize,
}

impl OwnSecret {
    /// Fingerprint and length of `value`; the value itself is not kept. Absent when it has blanks, quotation marks or backslashes in it, or is shorter than
    /// [`OWN_BYTES_MIN`](crate::OWN_BYTES_MIN) or longer than [`OWN_BYTES_MAX`](crate::OWN_BYTES_MAX): it would never be
    /// found. Of a key that spans lines, take its longest line.
    pub fn of(key: &FingerprintKey, name: &str, value: &str) -> Option<Self> {
        let fits = (OWN_BYTES_MIN..=OWN_BYTES_MAX).contains(&value.len()) && !value.bytes().any(secrets::parts);
        fits.then(|| Self { name: name.to_owned(), fingerprint: key.fingerprint(value.as_bytes()), bytes: value.len() })
    }
}

impl fmt::Debug for OwnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnSecret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Findings that are expected, so that they are not named. The organisation's own secrets are never exempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// Id of a rule for secrets or of a threat rule, or a kind of personal data.
    pub rule: String,
    /// The server at which it is expected; everywhere when absent.
    pub server: Option<String>,
}

/// Why detectors cannot be built: a fault of the configuration, unless it is said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectError {
    /// A built-in rule is broken: our fault.
    #[error("built-in rule `{rule}` does not compile: {reason}")]
    Rule {
        /// Id of the rule.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Too short to be told from other text, or too long to be looked for.
    #[error("own secret `{name}` has {bytes} bytes: expected {min} to {max}")]
    OwnSecretLength {
        /// Its name.
        name: String,
        /// Its length.
        bytes: usize,
        /// Shortest.
        min: usize,
        /// Longest.
        max: usize,
    },
    /// More own secrets, or more different lengths of them, than are looked for at once.
    #[error("{found} {what}: at most {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// Not a domain name.
    #[error("`{0}` is not a domain: expected a name such as `example.org`")]
    Domain(String),
    /// Names no rule and no kind of personal data.
    #[error("exemption of `{0}`: no rule and no kind of personal data has this name")]
    UnknownExemption(String),
}
