//! `[[notify]]` and `[response]`: who is told, and how incidents and messages are put together.

use super::{Sensitive, is_upstream_name};
use holdshort_inventory::OutboxRules;
use holdshort_server::ResponseConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Most channels: each has a task and a row in the metrics.
const CHANNELS_MAX: usize = 16;

/// A channel that people are told by. `holdshort notify test NAME` tries it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    /// Its name in records, metrics and commands: letters, digits, `-`, `.` and single `_`, at most 64. Required.
    pub(crate) name: String,
    /// What it is. Required.
    #[serde(rename = "type")]
    pub(crate) kind: ChannelType,
    /// Where a `webhook` or `slack` goes: `https://..`, or `http://` to this host; or the place of a `syslog` collector:
    /// `udp://HOST:PORT`, `tcp://HOST:PORT`, `tls://HOST:PORT`, `unix:///PATH`. A text, or `{ from = "NAME" }` to take it from the
    /// environment, which is the place for URLs that are secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<Sensitive>,
    /// Environment variable with the secret that a `webhook` or `slack` is signed with. Default: none, it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_env: Option<String>,
    /// Mail server of an `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// Port of the mail server. Default: 587; 465 with `tls = "implicit"`, 25 with `tls = "none"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    /// How the connection to the mail server is protected. Default: `starttls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<MailProtection>,
    /// User name at the mail server. Default: none, it needs no login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    /// Environment variable with the password at the mail server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password_env: Option<String>,
    /// Mailbox that an `email` comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// Mailboxes that an `email` goes to. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) to: Vec<String>,
    /// Whether an `email` also goes to the agent's owner, where the owner's id is an address. Default: false.
    #[serde(default)]
    pub(crate) to_owner: bool,
    /// Whether messages may go to another host in clear text. Default: false.
    #[serde(default)]
    pub(crate) insecure: bool,
    /// Only what has one of these levels of risk. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) levels: Vec<NotifyLevel>,
    /// Only these events. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) events: Vec<NotifyEvent>,
    /// Only what agents of these owners did. Default: all, agents without an owner too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) owners: Vec<String>,
}

/// What a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChannelType {
    /// An HTTP endpoint that gets the whole notice as JSON, signed.
    Webhook,
    /// An incoming webhook of Slack, or of what is compatible with it.
    Slack,
    /// Mailboxes.
    Email,
    /// A collector of RFC 5424 messages.
    Syslog,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MailProtection {
    /// TLS from the start.
    Implicit,
    /// STARTTLS; nothing is sent when the server does not offer it.
    Starttls,
    /// Clear text: to this host, or with `insecure` and without a password.
    None,
}

/// A level of risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NotifyLevel {
    /// Allow and watch.
    Low,
    /// A person approves.
    Medium,
    /// Refused, permissions removed.
    High,
    /// Isolated.
    Critical,
}

/// What people are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NotifyEvent {
    /// A policy wants people to know of something that was allowed.
    Allowed,
    /// A policy wants people to know of a question.
    Asked,
    /// A policy wants people to know of a refusal.
    Refused,
    /// Something was taken away.
    Contained,
    /// A question waits for an answer.
    Approval,
    /// Something is the matter with the installation: a witness contradicts the log, the log cannot be written, and the like.
    /// No agent did it, so a channel with `owners` does not get it.
    Alarm,
}

/// How incidents and messages are put together.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ResponseSettings {
    /// After so long a silence of an agent its next playbook opens a new incident, in seconds; before, it carries on the
    /// open one. Default: 86400 (a day).
    pub(crate) incident_window_s: u64,
    /// Messages about the same incident and of the same kind within this time become one with a count, in seconds.
    /// Default: 300.
    pub(crate) repeat_window_s: u64,
    /// Attempts in vain after which a message is given up. With the pauses below: about a day. Default: 100.
    pub(crate) attempts_max: u32,
    /// Pause after the first attempt in vain, in milliseconds; it doubles each time. Default: 1000.
    pub(crate) pause_first_ms: u64,
    /// Longest pause between attempts, in seconds. Default: 900.
    pub(crate) pause_max_s: u64,
}

impl Default for ResponseSettings {
    fn default() -> Self {
        Self {
            incident_window_s: 86_400,
            repeat_window_s: 300,
            attempts_max: 100,
            pause_first_ms: 1_000,
            pause_max_s: 900,
        }
    }
}

impl From<&ResponseSettings> for ResponseConfig {
    fn from(settings: &ResponseSettings) -> Self {
        Self {
            incident_window: Duration::from_secs(settings.incident_window_s),
            outbox: OutboxRules {
                repeat_ms: settings.repeat_window_s.saturating_mul(1_000),
                attempts_max: settings.attempts_max,
                pause_first_ms: settings.pause_first_ms,
                pause_max_ms: settings.pause_max_s.saturating_mul(1_000),
            },
        }
    }
}

/// Everything that is wrong, each with the key that it stands under.
pub(super) fn validate(channels: &[Notify], response: &ResponseSettings, problems: &mut Vec<String>) {
    if channels.len() > CHANNELS_MAX {
        problems.push(format!("`notify`: more than {CHANNELS_MAX} channels"));
    }
    for (index, channel) in channels.iter().enumerate() {
        let key = format!("notify[{index}]");
        if !is_upstream_name(&channel.name) {
            problems.push(format!("`{key}.name`: `{}` is not a name such as `soc-mail`", channel.name));
        }
        if channels.iter().skip(index + 1).any(|other| other.name == channel.name) {
            problems.push(format!("`notify`: two entries have the name `{}`", channel.name));
        }
        for (name, given) in given(channel) {
            match (given, needs(channel.kind, name)) {
                (true, Need::Never) => {
                    problems.push(format!(
                        "`{key}.{name}`: has no effect on a channel of type `{}`",
                        channel.kind.as_str()
                    ));
                }
                (false, Need::Always) => {
                    problems.push(format!("`{key}`: a channel of type `{}` needs `{name}`", channel.kind.as_str()));
                }
                _ => {}
            }
        }
        if channel.username.is_some() != channel.password_env.is_some() {
            problems.push(format!("`{key}`: `username` and `password_env` belong together"));
        }
    }
    let positive = [("incident_window_s", response.incident_window_s), ("pause_first_ms", response.pause_first_ms)];
    let positive = positive.into_iter().chain([("pause_max_s", response.pause_max_s)]);
    for (key, _) in positive.chain([("attempts_max", response.attempts_max.into())]).filter(|(_, value)| *value == 0) {
        problems.push(format!("`response.{key}`: has to be at least 1"));
    }
}

enum Need {
    Always,
    Maybe,
    Never,
}

fn given(channel: &Notify) -> [(&'static str, bool); 11] {
    [
        ("url", channel.url.is_some()),
        ("secret_env", channel.secret_env.is_some()),
        ("host", channel.host.is_some()),
        ("port", channel.port.is_some()),
        ("tls", channel.tls.is_some()),
        ("username", channel.username.is_some()),
        ("password_env", channel.password_env.is_some()),
        ("from", channel.from.is_some()),
        ("to", !channel.to.is_empty()),
        ("to_owner", channel.to_owner),
        ("insecure", channel.insecure),
    ]
}

fn needs(kind: ChannelType, key: &str) -> Need {
    match (kind, key) {
        (ChannelType::Webhook | ChannelType::Slack | ChannelType::Syslog, "url") => Need::Always,
        (ChannelType::Webhook | ChannelType::Slack, "secret_env" | "insecure") => Need::Maybe,
        (ChannelType::Email, "host" | "from") => Need::Always,
        (ChannelType::Email, "url" | "secret_env") => Need::Never,
        (ChannelType::Email, _) => Need::Maybe,
        _ => Need::Never,
    }
}

impl ChannelType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Email => "email",
            Self::Syslog => "syslog",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load::parse;

    fn check(text: &str, expected: &str) {
        let message = parse(text, "f").unwrap_err().to_string();
        assert!(message.contains(expected), "{text}\n{message}");
    }

    const HOOK: &str = "[[notify]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"https://hooks.example.org/hunter2\"\n";

    #[test]
    fn what_cannot_work_or_has_no_effect_is_refused() {
        check("[[notify]]\nname = \"a\"\ntype = \"webhook\"", "needs `url`");
        check("[[notify]]\nname = \"a\"\ntype = \"email\"\nhost = \"h\"", "needs `from`");
        check("[[notify]]\nname = \"a b\"\ntype = \"syslog\"\nurl = \"udp://h:1\"", "is not a name");
        check(&format!("{HOOK}{HOOK}"), "two entries have the name `a`");
        check(
            &format!("{HOOK}to = [\"x@example.org\"]"),
            "`notify[0].to`: has no effect on a channel of type `webhook`",
        );
        check(
            "[[notify]]\nname=\"a\"\ntype=\"email\"\nhost=\"h\"\nfrom=\"a@b.example\"\nusername=\"u\"",
            "belong together",
        );
        check(&format!("{HOOK}levels = [\"hihg\"]"), "hihg");
        check("[response]\nattempts_max = 0", "at least 1");
        check(&HOOK.repeat(17), "more than 16 channels");
    }

    #[test]
    fn a_url_is_not_printed() {
        let loaded = parse(HOOK, "f").unwrap();
        let printed = format!("{loaded:?}{}", serde_json::to_string(&loaded).unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
