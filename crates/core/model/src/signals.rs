//! Signs: what content, destination, habit and people's answers say of an action. `input.signals` of the policy contract.
//!
//! Evidence only: no sign allows anything, and none holds a value that was found, only where and of which kind.

use serde::{Deserialize, Serialize};

/// Most findings of one kind that a scan names; over it [`Content::truncated`] is set.
pub const FOUND_MAX: usize = 32;

/// `input.signals`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Signals {
    /// What is in the arguments of the action, decoded forms included.
    #[serde(flatten)]
    pub content: Content,
    /// What was in the results that the session has seen so far.
    pub seen: SeenContent,
    /// The hosts that the action reaches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<DestinationSignal>,
    /// How unusual the action is for this agent.
    pub anomaly: Anomaly,
    /// What people answered when this agent asked before.
    pub approvals: ApprovalHistory,
}

/// What a scan of some text found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Content {
    /// Text that reads like an instruction to a model.
    pub injection: Injection,
    /// Credentials, keys and tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretSignal>,
    /// Data about persons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub personal_data: Vec<PersonalData>,
    /// Hosts, addresses, URLs and hashes that threat intelligence names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intelligence: Vec<Indicator>,
    /// Threat rules that match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleMatch>,
    /// Something was not scanned, or not everything that was found is named: over a limit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// Text that reads like an instruction to a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Injection {
    /// How sure the text model is, 0 to 100. Below 50 it says nothing.
    pub percent: u8,
    /// Exact signs: `chat-template`, `hidden-text`, `bidi`, `tag-characters`, ...
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// An exact sign and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// What it is.
    pub kind: String,
    /// JSON pointer into the arguments, or `part/N` of a result.
    pub at: String,
}

/// A credential that was found. Its value is nowhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretSignal {
    /// Id of the rule, such as `aws-access-token`; the name that the organisation gave it for its own secrets.
    pub rule: String,
    /// JSON pointer into the arguments, or `part/N` of a result.
    pub at: String,
    /// First 16 hex digits of its keyed fingerprint (HMAC-SHA-256): the same secret has the same one.
    pub fingerprint: String,
    /// True for one of the secrets that the organisation declared as its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
    /// How sure it is, 0 to 100.
    pub confidence: u8,
    /// How it was hidden: `base64`, `hex`, `percent`, ...; absent when it stood there plainly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoded: Option<String>,
}

/// Data about persons of one kind at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PersonalData {
    /// Kind: `email`, `phone`, `iban`, `payment-card`, `us-ssn`, ...
    pub kind: String,
    /// JSON pointer into the arguments, or `part/N` of a result.
    pub at: String,
    /// How many different ones.
    pub count: u32,
    /// How sure it is, 0 to 100.
    pub confidence: u8,
}

/// Something that threat intelligence names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Indicator {
    /// Name of the feed.
    pub feed: String,
    /// What matched: `domain`, `address`, `network`, `url`, `hash`.
    pub kind: String,
    /// JSON pointer into the arguments, or `part/N` of a result.
    pub at: String,
    /// How sure the feed is, 0 to 100.
    pub confidence: u8,
}

/// A threat rule that matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleMatch {
    /// Id of the rule.
    pub rule: String,
    /// JSON pointer into the arguments, or `part/N` of a result.
    pub at: String,
    /// `low`, `medium`, `high` or `critical`, as its author says.
    pub severity: crate::Level,
    /// Whether the rule counts: rules that are not stable are only observed.
    pub counts: bool,
}

/// What was in all results that a session has seen. It only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenContent {
    /// The highest [`Injection::percent`] of a result.
    pub injection: u8,
    /// Kinds of exact signs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// Rules of the secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// One of the organisation's own secrets was among them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_secret: bool,
    /// Kinds of personal data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub personal_data: Vec<String>,
    /// Feeds that named something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intelligence: Vec<String>,
    /// Threat rules that count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Results that were received and are still being scanned.
    pub unscanned: u32,
    /// Something was never scanned.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl SeenContent {
    /// What a session that was given up counts as: nobody knows what it saw.
    pub fn forgotten() -> Self {
        Self { truncated: true, ..Self::default() }
    }

    /// Takes in what a scan of a result found. Joins in any order give the same.
    pub fn join(&mut self, found: &Content) {
        self.injection = self.injection.max(found.injection.percent);
        self.own_secret |= found.secrets.iter().any(|secret| secret.own);
        self.truncated |= found.truncated;
        merge(&mut self.marks, found.injection.marks.iter().map(|mark| &mark.kind));
        merge(&mut self.secrets, found.secrets.iter().map(|secret| &secret.rule));
        merge(&mut self.personal_data, found.personal_data.iter().map(|data| &data.kind));
        merge(&mut self.intelligence, found.intelligence.iter().map(|hit| &hit.feed));
        merge(&mut self.rules, found.rules.iter().filter(|rule| rule.counts).map(|rule| &rule.rule));
        for names in [&self.marks, &self.secrets, &self.personal_data, &self.intelligence, &self.rules] {
            self.truncated |= names.len() >= FOUND_MAX;
        }
    }
}

// Sorted, without repetition, bounded.
fn merge<'a>(names: &mut Vec<String>, more: impl Iterator<Item = &'a String>) {
    for name in more {
        if let Err(at) = names.binary_search(name)
            && names.len() < FOUND_MAX
        {
            names.insert(at, name.clone());
        }
    }
}

/// A host that the action reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct DestinationSignal {
    /// The host as it will be contacted: lower case, punycode.
    pub host: String,
    /// Its registrable domain (public suffix list); absent for addresses and names without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// True when a person approved it, or the organisation lists it.
    pub known: bool,
    /// The known domain that it looks like and is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looks_like: Option<String>,
    /// A loopback, private, link-local, metadata or otherwise special address, in whatever notation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub special: Option<String>,
    /// Odd notation: `userinfo`, `mixed-scripts`, `numeric-address`, `encoded-host`, ...
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub odd: Vec<String>,
    /// The feed that names it: the host, a domain above it, its network, or the page that the action opens there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<String>,
    /// How sure that feed is, 0 to 100; 0 when no feed names it.
    #[serde(skip_serializing_if = "is_zero")]
    pub listed_confidence: u8,
}

fn is_zero(value: &u8) -> bool {
    *value == 0
}

/// How unusual an action is for the agent that takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Anomaly {
    /// Too little is known of this agent for the figures to say much.
    pub cold: bool,
    /// Actions that the figures rest on.
    pub events: u64,
    /// How new the tool, its destination and the class of data are, 0 to 100.
    pub novelty: u8,
    /// How surprising this tool is after the one before, 0 to 100.
    pub surprise: u8,
    /// How far the volume is from what is usual, 0 to 100.
    pub volume: u8,
    /// In words, the strongest first, at most four.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

impl Default for Anomaly {
    fn default() -> Self {
        Self { cold: true, events: 0, novelty: 0, surprise: 0, volume: 0, why: Vec::new() }
    }
}

/// What people answered when this agent asked before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalHistory {
    /// Questions that wait for an answer.
    pub pending: u32,
    /// Approved in the last 30 days.
    pub approved: u32,
    /// Refused in the last 30 days.
    pub refused: u32,
    /// Not answered in time, in the last 30 days.
    pub expired: u32,
    /// Refused for the same tool in the last 24 hours.
    pub refused_same: u32,
    /// The agent asks faster than people can answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub flooding: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(injection: u8, rules: &[&str]) -> Content {
        let secret = |rule: &&str| SecretSignal {
            rule: (*rule).to_owned(),
            at: "/a".into(),
            fingerprint: String::new(),
            own: *rule == "own",
            confidence: 100,
            decoded: None,
        };
        Content {
            injection: Injection { percent: injection, marks: Vec::new() },
            secrets: rules.iter().map(secret).collect(),
            ..Content::default()
        }
    }

    #[test]
    fn joins_only_grow_and_their_order_does_not_matter() {
        let (one, other) = (content(70, &["b", "a"]), content(20, &["a", "own"]));
        let mut forth = SeenContent::default();
        forth.join(&one);
        forth.join(&other);
        let mut back = SeenContent::default();
        back.join(&other);
        back.join(&one);
        assert_eq!(forth, back);
        assert_eq!((forth.injection, forth.own_secret, forth.secrets.len()), (70, true, 3));
        let mut again = forth.clone();
        again.join(&one);
        assert_eq!(again, forth);
    }

    #[test]
    fn what_is_over_the_bound_is_said() {
        let names: Vec<String> = (0..FOUND_MAX + 5).map(|n| format!("{n:03}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut seen = SeenContent::default();
        seen.join(&content(0, &names));
        assert!(seen.truncated && seen.secrets.len() == FOUND_MAX);
    }
}
