//! What can be wrong with a target, and how sending fails.

/// A target that cannot be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL that messages can be sent to.
    #[error("not a URL such as `https://hooks.example.org/path`")]
    Url,
    /// The URL carries a user name or a password.
    #[error("the URL carries credentials; sign with a secret instead")]
    Credentials,
    /// Clear text to another host.
    #[error("messages would go to another host in clear text; use TLS, or set `insecure = true`")]
    ClearText,
    /// Not a mailbox.
    #[error("`{0}` is not a mailbox such as `soc@example.org` or `SOC <soc@example.org>`")]
    Mailbox(String),
    /// Nobody to tell.
    #[error("there is nobody to tell; set `to` or `to_owner`")]
    Nobody,
    /// Not a place of a syslog collector.
    #[error("not a place such as `udp://127.0.0.1:514`, `tls://logs.example.org:6514` or `unix:///dev/log`")]
    Place,
    /// TLS cannot be set up here.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// A message that was not delivered. It holds nothing of what the other side said but a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The host cannot be found or does not take connections.
    #[error("cannot be reached")]
    Unreachable,
    /// It did not answer in time.
    #[error("did not answer in time")]
    Late,
    /// No TLS, or its certificate is not good.
    #[error("no TLS, or a certificate that is not believed here")]
    Tls,
    /// It broke off.
    #[error("broke off the exchange")]
    Broken,
    /// It answered with this code (HTTP status, SMTP reply).
    #[error("answered {0}")]
    Status(u16),
    /// Nobody is there to be told, or the message cannot be written down.
    #[error("there is nobody to send this to")]
    Unsendable,
}

impl SendError {
    /// The way in which it failed, in one word of a bounded set.
    pub fn class(&self) -> String {
        match self {
            Self::Unreachable => "unreachable".into(),
            Self::Late => "late".into(),
            Self::Tls => "tls".into(),
            Self::Broken => "broken".into(),
            Self::Status(code) => format!("status-{code}"),
            Self::Unsendable => "unsendable".into(),
        }
    }
}
