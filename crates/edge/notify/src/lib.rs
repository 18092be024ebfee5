//! Tells people what happened: webhooks, Slack, e-mail, syslog.
//!
//! A [`Channel`] sends one [`Notice`] and says whether that worked; who is told, when, and what is tried again is
//! decided elsewhere. Every message is text and nothing else: names of tools and sessions are what agents and servers
//! chose, so none of them can become a header, a link, a mention or a line of its own.
//! What is absent: nothing follows a redirect, no notice depends on more of an answer than its status, and nothing is sent
//! in clear text to another host, unless the configuration says so.

mod collector;
mod email;
mod endpoint;
mod error;
mod post;
mod signature;
mod slack;
mod syslog;
mod text;
mod trust;
mod webhook;

pub use collector::Collector;
pub use email::{EmailTarget, MailTls};
pub use endpoint::url as endpoint;
pub use error::{SendError, TargetError};
pub use post::{Answer, Poster};
pub use signature::{DELIVERY, SIGNATURE, TIMESTAMP, sign};
pub use syslog::SyslogTarget;
pub use trust::Trust;
pub use webhook::{Payload, WebhookTarget};

use email::Email;
use holdshort_model::Notice;
use std::time::Duration;
use syslog::Syslog;
use webhook::Webhook;

/// Longest time for one attempt, from looking the host up to the end of the answer.
const SEND_MAX: Duration = Duration::from_secs(15);

/// Where a channel leads.
#[derive(Clone, Debug)]
pub enum Target {
    /// An HTTP endpoint: our own payload, or one that Slack and what is compatible with it understand.
    Webhook(WebhookTarget),
    /// Mailboxes, through an SMTP server.
    Email(EmailTarget),
    /// A syslog collector.
    Syslog(SyslogTarget),
}

/// A way to tell people.
pub struct Channel(Kind);

enum Kind {
    Webhook(Webhook),
    Email(Email),
    Syslog(Syslog),
}

impl Channel {
    /// A channel. Opens nothing yet.
    ///
    /// # Errors
    /// What cannot be right about the target.
    pub fn new(target: Target) -> Result<Self, TargetError> {
        Ok(Self(match target {
            Target::Webhook(target) => Kind::Webhook(Webhook::new(target)?),
            Target::Email(target) => Kind::Email(Email::new(target)?),
            Target::Syslog(target) => Kind::Syslog(Syslog::new(&target)?),
        }))
    }

    /// Whether this notice has somebody to go to here.
    pub fn reaches(&self, notice: &Notice) -> bool {
        match &self.0 {
            Kind::Webhook(_) | Kind::Syslog(_) => true,
            Kind::Email(email) => email.reaches(notice),
        }
    }

    /// Sends a notice once.
    ///
    /// # Errors
    /// In which way it failed. Then it may have arrived all the same: receivers tell repetitions by the notice's id.
    pub async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        let sending = async {
            match &self.0 {
                Kind::Webhook(webhook) => webhook.send(notice).await,
                Kind::Email(email) => email.send(notice).await,
                Kind::Syslog(syslog) => syslog.send(notice).await,
            }
        };
        tokio::time::timeout(SEND_MAX, sending).await.unwrap_or(Err(SendError::Late))
    }
}
