//! E-mail through an SMTP server.

use crate::endpoint::is_loopback;
use crate::text::{commands, headline, lines};
use crate::{SendError, TargetError};
use holdshort_model::Notice;
use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

/// How long the server may take for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Mailboxes, and the server that takes mail for them.
#[derive(Clone)]
pub struct EmailTarget {
    /// Name or address of the server.
    pub host: String,
    /// Its port; none = 465 with TLS from the start, 587 with STARTTLS, 25 without.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: MailTls,
    /// User name and password.
    pub credentials: Option<(String, String)>,
    /// Who it comes from.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// Whether the agent's owner gets it as well, where the owner's id is an address.
    pub to_owner: bool,
    /// Whether clear text to another host is good enough.
    pub insecure: bool,
}

impl fmt::Debug for EmailTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailTarget").field("host", &self.host).finish_non_exhaustive()
    }
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// TLS from the start.
    Implicit,
    /// STARTTLS, and nothing is sent when the server does not offer it.
    Starttls,
    /// Clear text.
    None,
}

pub(crate) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    to_owner: bool,
}

impl Email {
    pub(crate) fn new(target: EmailTarget) -> Result<Self, TargetError> {
        let EmailTarget { host, port, tls, credentials, from, to, to_owner, insecure } = target;
        if tls == MailTls::None && !is_loopback(&host) && (!insecure || credentials.is_some()) {
            return Err(TargetError::ClearText);
        }
        let from = mailbox(&from)?;
        let to = to.iter().map(|text| mailbox(text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() && !to_owner {
            return Err(TargetError::Nobody);
        }
        let parameters = || TlsParameters::new(host.clone()).map_err(|error| TargetError::Tls(error.to_string()));
        let (protection, usual) = match tls {
            MailTls::Implicit => (Tls::Wrapper(parameters()?), 465),
            MailTls::Starttls => (Tls::Required(parameters()?), 587),
            MailTls::None => (Tls::None, 25),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port.unwrap_or(usual))
            .tls(protection)
            .hello_name(ClientId::Domain("holdshort.localdomain".into()))
            .timeout(Some(ANSWER_MAX));
        if let Some((user, password)) = credentials {
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(Self { transport: builder.build(), from, to, to_owner })
    }

    pub(crate) fn reaches(&self, notice: &Notice) -> bool {
        !self.to.is_empty() || self.owner(notice).is_some()
    }

    pub(crate) async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        let message = self.message(notice).ok_or(SendError::Unsendable)?;
        self.transport.send(message).await.map(drop).map_err(|error| match error.status() {
            Some(code) => SendError::Status(code.into()),
            None if error.is_timeout() => SendError::Late,
            None if error.is_tls() => SendError::Tls,
            // The server offers no TLS, or no way to log in that we know.
            None if error.is_client() => SendError::Tls,
            None if error.is_response() => SendError::Broken,
            None => SendError::Unreachable,
        })
    }

    fn message(&self, notice: &Notice) -> Option<Message> {
        let mut message = MessageBuilder::new()
            .from(self.from.clone())
            .subject(headline(notice))
            .message_id(Some(format!("<{}@holdshort>", notice.id)))
            .header(ContentType::TEXT_PLAIN)
            // RFC 3834: no out-of-office notes for this.
            .raw_header(header("Auto-Submitted", "auto-generated")?);
        for mailbox in self.to.iter().cloned().chain(self.owner(notice)) {
            message = message.to(mailbox);
        }
        let mut body = format!("{}\n\n", headline(notice));
        for (what, value) in lines(notice) {
            let _ = writeln!(body, "{what}: {value}");
        }
        for command in commands(notice) {
            let _ = write!(body, "\n{command}\n");
        }
        let _ = write!(body, "\nThis message carries no arguments and no results; the log of Holdshort has them.\n");
        message.body(body).ok()
    }

    fn owner(&self, notice: &Notice) -> Option<Mailbox> {
        let owner = notice.subject.owner.as_deref().filter(|_| self.to_owner)?;
        let address: Address = owner.parse().ok()?;
        let known = self.to.iter().any(|mailbox| mailbox.email == address);
        (!known).then(|| Mailbox::new(None, address))
    }
}

fn header(name: &str, value: &str) -> Option<HeaderValue> {
    Some(HeaderValue::new(HeaderName::new_from_ascii(name.to_owned()).ok()?, value.to_owned()))
}

fn mailbox(text: &str) -> Result<Mailbox, TargetError> {
    text.parse().map_err(|_| TargetError::Mailbox(text.to_owned()))
}
