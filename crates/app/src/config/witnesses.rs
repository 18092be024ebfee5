//! `[witnesses]`: who beside us sees the log's checkpoints: witnesses that cosign them, and places where they are published.

use super::Sensitive;
use holdshort_ledger::WitnessPolicy;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Shortest period between two submissions or publications.
const PERIOD_MIN: Duration = Duration::from_millis(100);
/// Longest.
const PERIOD_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Most places of publication.
const PUBLISH_MAX: usize = 16;

/// Who beside us sees the log's checkpoints. Nothing here is waited for by a decision, a record or the log's own checkpoint.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Witnesses {
    /// File with a C2SP tlog-policy, relative to this file: its witnesses that have a URL are asked to cosign, and its quorum
    /// says when a checkpoint counts as witnessed. Excludes `witness` and `quorum`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<PathBuf>,
    /// Witnesses that are asked to cosign (C2SP tlog-witness), in place of a policy file. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) witness: Vec<WitnessEntry>,
    /// How many of `witness` have to have cosigned a checkpoint. Default: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quorum: Option<u32>,
    /// Names, as in their keys, of the witnesses that are mirrors (C2SP tlog-mirror): the log's entries are uploaded to them, and
    /// they cosign what they have stored. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) mirrors: Vec<String>,
    /// How often a new checkpoint is submitted, such as `10s` or `1m`. Default: `10s`.
    pub(crate) every: Every,
    /// How long one submission may take. Default: `10s`.
    pub(crate) timeout: Every,
    /// People are told (`[[notify]]`, event `alarm`) when the quorum is not met, or a place of publication cannot be reached, for
    /// longer than this: for witnesses counted from the latest witnessed checkpoint, for a place from the start of the service. Default: `1h`.
    pub(crate) tell_after: Every,
    /// Places where checkpoints are published, for whoever audits the log later against what they kept. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) publish: Vec<Publish>,
}

impl Default for Witnesses {
    fn default() -> Self {
        Self {
            policy: None,
            witness: Vec::new(),
            quorum: None,
            mirrors: Vec::new(),
            every: Every::default(),
            timeout: Every::default(),
            tell_after: Every(Duration::from_secs(3_600)),
            publish: Vec::new(),
        }
    }
}

/// A witness.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WitnessEntry {
    /// Where it takes checkpoints: its submission prefix, before `/add-checkpoint`. Required.
    pub(crate) url: String,
    /// Its key, `name+id+base64`, Ed25519 (0x04) or ML-DSA-44 (0x06), from whoever runs it. Required.
    pub(crate) key: String,
}

/// A place where checkpoints are published.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publish {
    /// What it is. Required.
    pub(crate) to: PublishTo,
    /// The file, relative to this one; its directory must be there. Checkpoints are only ever appended to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<PathBuf>,
    /// Where a `webhook` goes: `https://..`, or `http://` to this host; or the place of a `syslog` collector:
    /// `udp://HOST:PORT`, `tcp://HOST:PORT`, `unix:///PATH`. A text, or `{ from = "NAME" }` to take it from the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<Sensitive>,
    /// Environment variable with the secret that a `webhook` is signed with. Default: none, it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_env: Option<String>,
    /// How often a new checkpoint is published. Default: `1m`.
    #[serde(default = "Every::minute")]
    pub(crate) every: Every,
}

/// What a place of publication is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PublishTo {
    /// A file that grows, for a disk or a share that the log's keeper cannot rewrite.
    File,
    /// A collector of RFC 5424 messages; gets the checkpoint with the log's Ed25519 signature.
    Syslog,
    /// An HTTP endpoint that gets the signed note as JSON.
    Webhook,
}

/// A period, written like `10s`, `1m`, `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub(crate) struct Every(#[schemars(with = "String")] pub(crate) Duration);

impl Every {
    fn minute() -> Self {
        Self(Duration::from_secs(60))
    }
}

impl Default for Every {
    fn default() -> Self {
        Self(Duration::from_secs(10))
    }
}

impl Serialize for Every {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Every {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let period = humantime::parse_duration(&text).ok().filter(|period| (PERIOD_MIN..=PERIOD_MAX).contains(period));
        period
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is not a period from 100ms to 7d, such as `10s`")))
    }
}

impl WitnessEntry {
    /// The name in its key, which says whose it is, in messages too.
    fn name(&self, index: usize) -> Result<String, String> {
        let place = |field| format!("`witnesses.witness[{index}].{field}`");
        // What is read here alone is read in a policy, where white space would make several words of it.
        let alone = |text: &str| WitnessPolicy::parse(format!("{text}\nquorum none\n").as_bytes());
        let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        if !is_word(&self.key) || alone(&format!("witness w {}", self.key)).is_err() {
            let hint = "the line `name+id+base64` that whoever runs the witness hands out, Ed25519 or ML-DSA-44";
            return Err(format!("{}: is not a witness's key; it is {hint}", place("key")));
        }
        if !is_word(&self.url) {
            return Err(format!("{}: is no address such as `https://witness.example.com/w1`", place("url")));
        }
        alone(&format!("witness w {} {}", self.key, self.url)).map_err(|error| {
            let what = error.to_string();
            format!("{}: {}", place("url"), what.strip_prefix("line 1: ").unwrap_or(&what))
        })?;
        Ok(self.key.split('+').next().unwrap_or_default().to_owned())
    }
}

impl Witnesses {
    /// Whether nobody is asked, and nothing published.
    pub(crate) fn is_empty(&self) -> bool {
        self.policy.is_none() && self.witness.is_empty() && self.publish.is_empty()
    }

    /// The policy that the entries make, when they are given in place of a file.
    ///
    /// # Errors
    /// What is wrong, with the key that it stands under.
    pub(crate) fn own_policy(&self) -> Result<Option<WitnessPolicy>, String> {
        let count = self.witness.len();
        if count == 0 {
            return Ok(None);
        }
        let (mut text, mut names) = (String::new(), String::new());
        for (index, entry) in self.witness.iter().enumerate() {
            let name = entry.name(index)?;
            let _ = writeln!(text, "witness {name}#{index} {} {}", entry.key, entry.url);
            let _ = write!(names, " {name}#{index}");
            let same = |before: &WitnessEntry| before.key.split('+').next() == Some(&*name);
            if self.quorum != Some(1)
                && let Some(before) = self.witness.iter().take(index).position(same)
            {
                return Err(format!(
                    "`witnesses.witness[{index}].key`: is of `{name}`, as `witnesses.witness[{before}]` is: one witness would count \
                     twice; leave one out, or write a `policy` with `group NAME any ...`"
                ));
            }
        }
        if let Some(quorum) = self.quorum.filter(|quorum| !(1..=count).contains(&(*quorum as usize))) {
            return Err(format!(
                "`witnesses.quorum`: {quorum} of {count} witnesses is nothing that can be reached and missed"
            ));
        }
        let quorum = self.quorum.map_or_else(|| count.to_string(), |quorum| quorum.to_string());
        let _ = write!(text, "group witnesses/{count} {quorum}{names}\nquorum witnesses/{count}\n");
        let parsed = WitnessPolicy::parse(text.as_bytes());
        parsed
            .map(Some)
            .map_err(|error| format!("`witnesses`: {error} (line N is the Nth `witness`, the next is `quorum`)"))
    }
}

/// Everything that is wrong, each with the key that it stands under.
pub(super) fn validate(witnesses: &Witnesses, problems: &mut Vec<String>) {
    if witnesses.policy.is_some() && (!witnesses.witness.is_empty() || witnesses.quorum.is_some()) {
        problems.push("`witnesses`: `policy` excludes `witness` and `quorum`, which it has itself".into());
    }
    if witnesses.quorum.is_some() && witnesses.witness.is_empty() && witnesses.policy.is_none() {
        problems
            .push("`witnesses.quorum`: there are no witnesses to count; name them in `[[witnesses.witness]]`".into());
    }
    problems.extend(witnesses.own_policy().err());
    super::mirrors::validate(witnesses, problems);
    if witnesses.publish.len() > PUBLISH_MAX {
        problems.push(format!("`witnesses.publish`: more than {PUBLISH_MAX} places"));
    }
    for (index, publish) in witnesses.publish.iter().enumerate() {
        let key = format!("witnesses.publish[{index}]");
        let is_file = publish.to == PublishTo::File;
        let given = [
            ("path", publish.path.is_some(), is_file, is_file),
            ("url", publish.url.is_some(), !is_file, !is_file),
            ("secret_env", publish.secret_env.is_some(), publish.to == PublishTo::Webhook, false),
        ];
        for (name, given, may, must) in given {
            if given && !may {
                problems.push(format!("`{key}.{name}`: has no effect on `{}`", publish.to.as_str()));
            } else if must && !given {
                problems.push(format!("`{key}`: `{}` needs `{name}`", publish.to.as_str()));
            }
        }
    }
}

impl PublishTo {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Syslog => "syslog",
            Self::Webhook => "webhook",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load::parse;

    fn key(name: &str, seed: u8) -> String {
        let cosigner =
            holdshort_ledger::Cosigner::from_seed(holdshort_ledger::CosignerAlgorithm::Ed25519, name, &[seed; 32]);
        cosigner.unwrap().key().to_string()
    }

    fn check(text: &str, expected: &str) {
        let message = parse(text, "f").unwrap_err().to_string();
        assert!(message.contains(expected), "{text}\n{message}");
    }

    #[test]
    fn what_cannot_work_or_has_no_effect_is_refused() {
        check("[witnesses]\nevery = \"soon\"", "is not a period");
        check("[witnesses]\nevery = \"1ms\"", "is not a period");
        check("[witnesses]\nquorum = 1", "no witnesses to count");
        check("[[witnesses.witness]]\nurl = \"https://w.example\"\nkey = \"x\"", "not a witness's key");
        let of = |url: &str, key: &str| format!("[[witnesses.witness]]\nurl = \"{url}\"\nkey = \"{key}\"\n");
        let one = |url: &str| of(url, &key("w.example/w", 1));
        check(&one("w.example"), "`witnesses.witness[0].url`: `w.example` does not begin with");
        check(&one("https://"), "is no address");
        check(&one("https://u:p@w.example"), "a user, a password");
        check(&one("https://w.example quorum"), "`witnesses.witness[0].url`: is no address");
        check(&format!("{}{}", one("https://w.example"), one("https://v.example")), "count twice");
        let newer = of("https://w.example", &key("w.example/w", 2));
        check(&format!("{}{newer}", one("https://w.example")), "`witnesses.witness[1].key`: is of `w.example/w`");
        check(
            &format!("[witnesses]\nquorum = 2\n{}", one("https://w.example")),
            "`witnesses.quorum`: 2 of 1 witnesses",
        );
        check(
            &format!("[witnesses]\nquorum = 0\n{}", one("https://w.example")),
            "`witnesses.quorum`: 0 of 1 witnesses",
        );
        check("[witnesses]\npolicy = \"p\"\nquorum = 1", "excludes");
        check("[[witnesses.publish]]\nto = \"file\"", "needs `path`");
        check("[[witnesses.publish]]\nto = \"syslog\"\npath = \"x\"", "has no effect on `syslog`");
        check("[[witnesses.publish]]\nto = \"syslog\"\nurl = \"udp://h:1\"\nsecret_env = \"X\"", "has no effect");
        check("[[witnesses.publish]]\nto = \"pigeon\"", "pigeon");
    }

    #[test]
    fn nothing_is_asked_for_by_default_and_a_period_is_written_as_it_is_read() {
        let config = parse("", "f").unwrap().witnesses;
        assert!(config.own_policy().unwrap().is_none() && config.publish.is_empty());
        let config = parse("[witnesses]\nevery = \"90s\"", "f").unwrap();
        assert!(toml::to_string(&config.witnesses).unwrap().contains("every = \"1m 30s\""));
    }
}
