//! The configured channels: built, and given what they are for.

use crate::config::{ChannelType, Loaded, MailProtection, Notify, NotifyEvent, NotifyLevel, Sensitive};
use crate::failure::Failure;
use async_trait::async_trait;
use holdshort_model::{Level, Notice, NoticeKind};
use holdshort_notify::{Channel, EmailTarget, MailTls, Payload, SyslogTarget, Target, WebhookTarget};
use holdshort_server::{Notifier, NotifyError};
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

/// The channels of the configuration.
///
/// # Errors
/// When one cannot be right, or an environment variable is not set.
pub(crate) fn notifiers(loaded: &Loaded) -> Result<Vec<Arc<dyn Notifier>>, Failure> {
    let build = |config: &Notify| {
        let channel = target(config).and_then(|target| {
            Channel::new(target).map_err(|error| Failure::config(format!("notify `{}`: {error}", config.name)))
        })?;
        Ok(Arc::new(Routed { channel, config: config.clone() }) as Arc<dyn Notifier>)
    };
    loaded.config.notify.iter().map(build).collect()
}

fn target(config: &Notify) -> Result<Target, Failure> {
    let Notify { name, kind, url, secret_env, insecure, .. } = config;
    let unset = |variable: String| {
        Failure::config(format!("notify `{name}`: the environment variable `{variable}` is not set"))
    };
    let variable = |variable: &String| std::env::var(variable).map_err(|_| unset(variable.clone()));
    let url = || match url {
        Some(url) => Sensitive::resolve(url, |variable| std::env::var(variable).ok()).map_err(unset),
        None => Ok(String::new()),
    };
    Ok(match kind {
        ChannelType::Webhook | ChannelType::Slack => {
            let payload = if *kind == ChannelType::Slack { Payload::Slack } else { Payload::Notice };
            let secret = secret_env.as_ref().map(variable).transpose()?.map(String::into_bytes);
            if secret.as_ref().is_some_and(Vec::is_empty) {
                return Err(Failure::config(format!("notify `{name}`: the secret is empty")));
            }
            Target::Webhook(WebhookTarget { url: url()?, payload, secret, insecure: *insecure })
        }
        ChannelType::Syslog => Target::Syslog(SyslogTarget { place: url()? }),
        ChannelType::Email => {
            let password = config.password_env.as_ref().map(variable).transpose()?;
            Target::Email(EmailTarget {
                host: config.host.clone().unwrap_or_default(),
                port: config.port,
                tls: match config.tls.unwrap_or(MailProtection::Starttls) {
                    MailProtection::Implicit => MailTls::Implicit,
                    MailProtection::Starttls => MailTls::Starttls,
                    MailProtection::None => MailTls::None,
                },
                credentials: config.username.clone().zip(password),
                from: config.from.clone().unwrap_or_default(),
                to: config.to.clone(),
                to_owner: config.to_owner,
                insecure: *insecure,
            })
        }
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
            target(&config).and_then(|target| Channel::new(target).map_err(Failure::config)).err().unwrap().to_string()
        };
        assert!(error("type = \"slack\"\nurl = \"http://hooks.example.org/\"").contains("clear text"));
        let unset = error("type = \"webhook\"\nurl = \"https://h.example/\"\nsecret_env = \"HOLDSHORT_NOT_SET\"");
        assert!(unset.contains("`HOLDSHORT_NOT_SET` is not set"), "{unset}");
        assert!(error("type = \"slack\"\nurl = { from = \"HOLDSHORT_NOT_SET\" }").contains("is not set"));
    }
}
