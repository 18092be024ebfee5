//! `[detect]`: what content is scanned for, besides what is built in.

use super::load::nearest;
use holdshort_detect::intelligence::Format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::PathBuf;

/// Hex digits of a fingerprint.
const FINGERPRINT_DIGITS: usize = 64;

/// What content is scanned for. What is found is evidence for the risk score and for policies; it never allows anything.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Detect {
    /// Whether arguments and results are scanned at all. Default: true.
    pub(crate) scan: bool,
    /// Whether the text model looks for injected instructions. Default: true.
    pub(crate) injection: bool,
    /// Whether the built-in threat rules are used: the stable Agent Threat Rules. Default: true.
    pub(crate) builtin_rules: bool,
    /// Domains of the organisation and of who it deals with, such as `example.org`: names that look like one of them and
    /// are not are a sign. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) own_domains: Vec<String>,
    /// The organisation's own secrets, as `holdshort secrets fingerprint` prints them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) own_secrets: Vec<OwnSecretEntry>,
    /// Findings that are expected, so that they are no sign. Own secrets are never exempt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) exempt: Vec<ExemptEntry>,
    /// Threat intelligence. Watched: a change takes hold on the next action; with a feed that cannot be read the last
    /// good state stays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) feeds: Vec<FeedEntry>,
    /// More threat rules, in the form that `holdshort rules import` writes. A rule replaces one of the same id that came
    /// before. Watched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<RulesEntry>,
}

impl Default for Detect {
    fn default() -> Self {
        Self {
            scan: true,
            injection: true,
            builtin_rules: true,
            own_domains: Vec::new(),
            own_secrets: Vec::new(),
            exempt: Vec::new(),
            feeds: Vec::new(),
            rules: Vec::new(),
        }
    }
}

/// One of the organisation's own secrets. Its value is nowhere.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnSecretEntry {
    /// Its name in records and policies. Required.
    pub(crate) name: String,
    /// Its fingerprint: 64 hex digits. It holds for the data directory that it was made for. Required.
    pub(crate) fingerprint: String,
    /// Its length in bytes. Required.
    pub(crate) bytes: usize,
}

/// A finding that is expected.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExemptEntry {
    /// Id of a rule for secrets or of a threat rule, or a kind of personal data such as `email`. Required.
    pub(crate) rule: String,
    /// The MCP server at which it is expected. Default: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
}

/// A feed of threat intelligence: a file that something else keeps up to date.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedEntry {
    /// Its name in records and policies. Required.
    pub(crate) name: String,
    /// The file, relative to this one. Required.
    pub(crate) path: PathBuf,
    /// Its format. Required.
    pub(crate) format: FeedFormat,
    /// How sure the feed is at most, 0 to 100. What an indicator says of itself can lower it. Default: 80.
    #[serde(default = "confidence")]
    pub(crate) confidence: u8,
    /// How long an indicator holds after it was last seen, in days; one without a date was last seen when the file was
    /// written. Default: for as long as it is in the feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ttl_days: Option<u32>,
}

fn confidence() -> u8 {
    80
}

/// Format of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FeedFormat {
    /// One domain, address, network, URL or hash a line.
    Plain,
    /// A hosts file.
    Hosts,
    /// Comma-separated values with a header, such as URLhaus and ThreatFox publish.
    Csv,
    /// A MISP event in JSON.
    Misp,
    /// A STIX 2.1 bundle with simple patterns.
    Stix,
}

impl From<FeedFormat> for Format {
    fn from(format: FeedFormat) -> Self {
        match format {
            FeedFormat::Plain => Self::Plain,
            FeedFormat::Hosts => Self::Hosts,
            FeedFormat::Csv => Self::Csv,
            FeedFormat::Misp => Self::Misp,
            FeedFormat::Stix => Self::Stix,
        }
    }
}

/// A file of threat rules.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesEntry {
    /// The file, relative to this one. Required.
    pub(crate) path: PathBuf,
}

impl Detect {
    /// Everything that is wrong and shows without reading a file.
    pub(crate) fn check(&self, servers: &[&str], problems: &mut Vec<String>) {
        let mut names = HashSet::new();
        for feed in &self.feeds {
            if feed.name.is_empty() || !names.insert(feed.name.as_str()) {
                problems.push(format!("`detect.feeds`: two entries have the name `{}`, or one has none", feed.name));
            }
            if feed.confidence > 100 {
                problems.push(format!("`detect.feeds`: the confidence of `{}` is over 100", feed.name));
            }
            if feed.ttl_days == Some(0) {
                problems.push(format!("`detect.feeds`: with `ttl_days = 0` nothing in `{}` would hold", feed.name));
            }
        }
        for secret in self.own_secrets.iter().filter(|secret| secret.bytes_of_fingerprint().is_none()) {
            problems.push(format!(
                "`detect.own_secrets`: the fingerprint of `{}` is not {FINGERPRINT_DIGITS} hex digits; `holdshort secrets fingerprint` makes one",
                secret.name
            ));
        }
        let servers_named = self.exempt.iter().filter_map(|exempt| exempt.server.as_deref());
        for server in servers_named.filter(|server| !servers.is_empty() && !servers.contains(server)) {
            if let Some(meant) = nearest(server, servers) {
                problems.push(format!("`detect.exempt`: there is no server `{server}`; did you mean `{meant}`?"));
            }
        }
    }
}

impl OwnSecretEntry {
    /// The fingerprint as bytes.
    pub(crate) fn bytes_of_fingerprint(&self) -> Option<[u8; 32]> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let pair = |pair: &[u8]| match pair {
            [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = self.fingerprint.as_bytes().chunks(2).map(pair).collect();
        bytes?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load::parse;

    #[test]
    fn what_cannot_work_is_refused() {
        let check = |text: &str, expected: &str| {
            let message = parse(text, "f").unwrap_err().to_string();
            assert!(message.contains(expected), "{text}\n{message}");
        };
        let feed = "[[detect.feeds]]\nname = \"a\"\npath = \"x\"\nformat = \"plain\"\n";
        check(&format!("{feed}{feed}"), "two entries have the name `a`");
        check(&format!("{feed}confidence = 101\n"), "is over 100");
        check(&format!("{feed}ttl_days = 0\n"), "nothing in `a` would hold");
        check("[[detect.feeds]]\nname = \"a\"\npath = \"x\"\nformat = \"plane\"\n", "did you mean `plain`?");
        check("[[detect.own_secrets]]\nname = \"a\"\nfingerprint = \"zz\"\nbytes = 20\n", "is not 64 hex digits");
        let upstream = "[[upstream]]\nname = \"mail\"\ncommand = \"x\"\n";
        check(&format!("{upstream}[[detect.exempt]]\nrule = \"email\"\nserver = \"mial\"\n"), "did you mean `mail`?");
        check("[detect]\nscann = true\n", "did you mean `scan`?");
    }
}
