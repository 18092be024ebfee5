//! The configured channels: built, and given what they are for.

use crate::config::{ChannelType, Loaded, MailProtection, Notify, NotifyEvent, NotifyLevel, Report, Sensitive};
use crate::failure::Failure;
use async_trait::async_trait;
use holdshort_model::{Level, Notice, NoticeKind};
use holdshort_notify::{Channel, Collector, EmailTarget, MailTls, Payload, SyslogTarget, Target, Trust, WebhookTarget};
use holdshort_server::{Notifier, NotifyError};
use std::path::Path;
use std::sync::Arc;

/// A channel and what goes to it.
struct Routed {
    channel: Channel,
    config: Notify,
}

#[async_trait]
impl Notifier for Routed {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn takes(&self, notice: &Notice) -> bool {
        let Notify { levels, events, owners, .. } = &self.config;
        let owner = notice.subject.owner.as_deref();
        (levels.is_empty() || levels.contains(&level(notice.level)))
            && (events.is_empty() || event(notice.kind).is_none_or(|event| events.contains(&event)))
            && (owners.is_empty() || owner.is_some_and(|owner| owners.iter().any(|known| known == owner)))
            && self.channel.reaches(notice)
    }

    async fn send(&self, notice: &Notice) -> Result<(), NotifyError> {
        let sent = self.channel.send(notice).await;
        sent.map_err(|error| NotifyError { class: error.class(), text: error.to_string() })
    }
}

/// Why a channel cannot be built.
#[derive(Debug)]
enum Unbuilt {
    /// An environment variable is not set.
    Unset(String),
    /// It cannot be right.
    Wrong(String),
}

impl std::fmt::Display for Unbuilt {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unset(variable) => write!(out, "the environment variable `{variable}` is not set"),
            Self::Wrong(what) => out.write_str(what),
        }
    }
}

/// The channels of the configuration.
///
/// # Errors
/// When one cannot be right, or an environment variable is not set.
pub(crate) fn notifiers(loaded: &Loaded) -> Result<Vec<Arc<dyn Notifier>>, Failure> {
    let build = |config: &Notify| {
        let channel = channel(config).map_err(|why| Failure::config(format!("notify `{}`: {why}", config.name)))?;
        Ok(Arc::new(Routed { channel, config: config.clone() }) as Arc<dyn Notifier>)
    };
    loaded.config.notify.iter().map(build).collect()
}

/// Looks at the channels without sending anything. What is secret may be elsewhere: a variable that is not set here is said,
/// and no problem.
pub(crate) fn check(loaded: &Loaded, report: &mut Report) {
    for (index, config) in loaded.config.notify.iter().enumerate() {
        let place = format!("notify[{index}]");
        match channel(config) {
            Ok(_) => {}
            Err(Unbuilt::Wrong(what)) => report.problem(&place, format_args!("`{}`: {what}", config.name), ""),
            Err(why @ Unbuilt::Unset(_)) => {
                report.note(&place, format_args!("{why}: `{}` is not checked", config.name));
            }
        }
        let url = config.url.as_ref().and_then(|url| Sensitive::resolve(url, variable).ok());
        if config.kind == ChannelType::Syslog
            && let Some(url) = url
        {
            check_collector(&place, &url, report);
        }
    }
    let takes = |config: &Notify| {
        config.owners.is_empty() && (config.events.is_empty() || config.events.contains(&NotifyEvent::Alarm))
    };
    let watched = !loaded.config.witnesses.is_empty();
    if watched && !loaded.config.notify.iter().any(takes) {
        report.note(
            "witnesses",
            "nobody is told when a witness contradicts the log: no `notify` takes the event `alarm`",
        );
    }
}

/// What a collector of syslog messages may not be meant to be.
pub(crate) fn check_collector(place: &str, url: &str, report: &mut Report) {
    let Ok(collector) = Collector::new(url, &Trust::default()) else { return };
    if collector.is_clear_text() {
        report.note(place, "goes to another host in clear text; `tls://` does not");
    }
    if let Some(path) = url.strip_prefix("unix://")
        && !Path::new(path).exists()
    {
        report.note(place, format_args!("nobody listens at `{path}` now"));
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn channel(config: &Notify) -> Result<Channel, Unbuilt> {
    Channel::new(target(config)?).map_err(|error| Unbuilt::Wrong(error.to_string()))
}

fn target(config: &Notify) -> Result<Target, Unbuilt> {
    let Notify { kind, url, secret_env, insecure, .. } = config;
    let set = |name: &String| variable(name).ok_or_else(|| Unbuilt::Unset(name.clone()));
    let url = || match url {
        Some(url) => Sensitive::resolve(url, variable).map_err(Unbuilt::Unset),
        None => Ok(String::new()),
    };
    Ok(match kind {
        ChannelType::Webhook | ChannelType::Slack => {
            let payload = if *kind == ChannelType::Slack { Payload::Slack } else { Payload::Notice };
            let secret = secret_env.as_ref().map(set).transpose()?.map(String::into_bytes);
            if secret.as_ref().is_some_and(Vec::is_empty) {
                return Err(Unbuilt::Wrong("the secret is empty".into()));
            }
            Target::Webhook(WebhookTarget { url: url()?, payload, secret, insecure: *insecure })
        }
        ChannelType::Syslog => Target::Syslog(SyslogTarget { place: url()? }),
        ChannelType::Email => Target::Email(EmailTarget {
            host: config.host.clone().unwrap_or_default(),
            port: config.port,
            tls: match config.tls.unwrap_or(MailProtection::Starttls) {
                MailProtection::Implicit => MailTls::Implicit,
                MailProtection::Starttls => MailTls::Starttls,
                MailProtection::None => MailTls::None,
            },
            credentials: match (&config.username, &config.password_env) {
                (Some(user), Some(password)) => Some((user.clone(), set(password)?)),
                _ => None,
            },
            from: config.from.clone().unwrap_or_default(),
            to: config.to.clone(),
            to_owner: config.to_owner,
            insecure: *insecure,
        }),
    })
}

fn level(level: Level) -> NotifyLevel {
    match level {
        Level::Low => NotifyLevel::Low,
        Level::Medium => NotifyLevel::Medium,
        Level::High => NotifyLevel::High,
        Level::Critical => NotifyLevel::Critical,
    }
}

fn event(kind: NoticeKind) -> Option<NotifyEvent> {
    match kind {
        NoticeKind::Allowed => Some(NotifyEvent::Allowed),
        NoticeKind::Asked => Some(NotifyEvent::Asked),
        NoticeKind::Refused => Some(NotifyEvent::Refused),
        NoticeKind::Contained => Some(NotifyEvent::Contained),
        NoticeKind::Approval => Some(NotifyEvent::Approval),
        NoticeKind::Alarm => Some(NotifyEvent::Alarm),
        NoticeKind::Test => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use holdshort_model::{Containment, Effect, Mode, NoticeAction, NoticeSubject, RecordId};

    fn notice(kind: NoticeKind, level: Level, owner: Option<&str>) -> Notice {
        let id = RecordId::from_parts(1, 1);
        Notice {
            id,
            kind,
            count: 1,
            at_ms: 1,
            last_ms: 1,
            level,
            title: "t".into(),
            incident: None,
            approval: None,
            alarm: None,
            decision: id,
            index: None,
            subject: NoticeSubject {
                agent: "a".into(),
                class: "c".into(),
                owner: owner.map(str::to_owned),
                user: None,
                delegation: vec![],
                session: "s".into(),
            },
            action: NoticeAction {
                kind: "tool.call".into(),
                server: None,
                name: "n".into(),
                effects: vec![],
                destinations: vec![],
            },
            effect: Effect::Deny,
            enforced: Effect::Deny,
            mode: Mode::Enforce,
            containment: Containment::None,
            removed: vec![],
            reasons: vec![],
            score: 1,
            parts: vec![],
            commands: vec![],
        }
    }

    #[test]
    fn what_goes_to_a_channel_is_what_it_is_configured_for() {
        let routed = |more: &str| {
            let text = format!("[[notify]]\nname = \"a\"\ntype = \"syslog\"\nurl = \"udp://127.0.0.1:9\"\n{more}");
            let config = parse(&text, "f").unwrap().notify.remove(0);
            Routed { channel: Channel::new(target(&config).unwrap()).unwrap(), config }
        };
        let refused = |level, owner| notice(NoticeKind::Refused, level, owner);
        let all = routed("");
        assert!(all.takes(&refused(Level::Low, None)) && all.takes(&notice(NoticeKind::Approval, Level::Low, None)));
        let grave = routed("levels = [\"high\", \"critical\"]");
        assert!(grave.takes(&refused(Level::High, None)) && !grave.takes(&refused(Level::Medium, None)));
        let contained = routed("events = [\"contained\"]");
        assert!(!contained.takes(&refused(Level::High, None)));
        assert!(contained.takes(&notice(NoticeKind::Contained, Level::Low, None)));
        let hers = routed("owners = [\"ada@example.org\"]");
        assert!(hers.takes(&refused(Level::Low, Some("ada@example.org"))));
        assert!(!hers.takes(&refused(Level::Low, Some("bob@example.org"))) && !hers.takes(&refused(Level::Low, None)));
    }

    #[test]
    fn clear_text_to_another_host_and_variables_that_are_not_set_are_named() {
        let error = |more: &str| {
            let config = parse(&format!("[[notify]]\nname = \"a\"\n{more}"), "f").unwrap().notify.remove(0);
            channel(&config).err().unwrap().to_string()
        };
        assert!(error("type = \"slack\"\nurl = \"http://hooks.example.org/\"").contains("clear text"));
        let unset = error("type = \"webhook\"\nurl = \"https://h.example/\"\nsecret_env = \"HOLDSHORT_NOT_SET\"");
        assert!(unset.contains("`HOLDSHORT_NOT_SET` is not set"), "{unset}");
        assert!(error("type = \"slack\"\nurl = { from = \"HOLDSHORT_NOT_SET\" }").contains("is not set"));
    }
}
