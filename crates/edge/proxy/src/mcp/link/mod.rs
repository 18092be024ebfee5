//! Connections to upstream servers. The only code that sends upstream, and it takes permits only.

mod http;
mod stdio;
mod withdrawal;

pub(crate) use http::{PROTOCOL_VERSION, SESSION_ID, media_type};
pub(crate) use stdio::{read_line, write_line};
pub(crate) use withdrawal::Withdrawal;

use super::config::{Limits, TransportConfig};
use holdshort_enforce::Permitted;
use holdshort_wire::mcp::{Message, headers::ParamHeader};
use tokio::sync::mpsc;

/// An upstream that failed us, in words that the agent may read.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum UpstreamFault {
    /// It could not be started or reached.
    #[error("the upstream server cannot be reached: {0}")]
    Unreachable(String),
    /// It went away before it answered.
    #[error("the upstream server closed the connection before it answered")]
    Closed,
    /// It said nothing for too long.
    #[error("the upstream server did not answer within {0} s")]
    Silent(u64),
    /// It answered something that is not MCP, or over a limit.
    #[error("the upstream server answered with something that cannot be passed on: {0}")]
    Garbage(String),
    /// It refused on the level of HTTP.
    #[error("the upstream server answered HTTP {0}")]
    Status(u16),
    /// The session at the upstream is over (HTTP 404).
    #[error("the upstream server has ended the session")]
    SessionGone,
    /// The agent may not use it: it was isolated.
    #[error("{0}")]
    Contained(String),
}

/// What comes back on a request: messages that belong to it, the last one the response.
pub(crate) type Replies = mpsc::Receiver<Result<Reply, UpstreamFault>>;

/// One thing that comes back on a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A message.
    Message(Message),
    /// The server closed the stream and wants to be asked again after this time; the link does that by itself.
    Pause(std::time::Duration),
}

/// Messages of one request that may wait for a slow reader, before the upstream is held back.
const REPLIES_QUEUE: usize = 64;

/// One connection to an upstream.
pub(crate) enum Link {
    Stdio(Box<stdio::StdioLink>),
    Http(http::HttpLink),
}

impl Link {
    /// Connects. Messages that belong to no request go to `events`.
    pub(crate) async fn connect(
        transport: &TransportConfig,
        limits: Limits,
        events: mpsc::Sender<Message>,
    ) -> Result<Self, UpstreamFault> {
        match transport {
            TransportConfig::Stdio { program, args, env, cwd } => {
                let link = stdio::StdioLink::spawn(program, args, env, cwd.as_deref(), limits, events)?;
                Ok(Self::Stdio(Box::new(link)))
            }
            TransportConfig::Http { url, headers } => {
                http::HttpLink::new(url.clone(), headers.clone(), limits, events).map(Self::Http)
            }
        }
    }

    /// The message in the bytes that this connection will send. To be called before the gate is asked.
    pub(crate) fn shape(&self, message: Message) -> Message {
        match self {
            Self::Stdio(_) => message.on_one_line(),
            Self::Http(_) => message,
        }
    }

    /// Sends a request. The replies end with the response or a fault. `mirrored` are the arguments that 2026-07-28
    /// repeats in headers; `None` for the session era.
    pub(crate) async fn request(&self, permit: Permitted<Message>, mirrored: Option<&[ParamHeader]>) -> Replies {
        match self {
            Self::Stdio(link) => link.request(permit).await,
            Self::Http(link) => link.request(permit, mirrored).await,
        }
    }

    /// Sends a notification, or the client's response to a request of the server.
    pub(crate) async fn send(&self, permit: Permitted<Message>) -> Result<(), UpstreamFault> {
        match self {
            Self::Stdio(link) => link.send(permit).await,
            Self::Http(link) => link.send(permit).await,
        }
    }

    /// Takes back what was sent before. Needs no permit: see [`Withdrawal`].
    pub(crate) async fn withdraw(&self, withdrawal: Withdrawal) -> Result<(), UpstreamFault> {
        match self {
            Self::Stdio(link) => link.withdraw(withdrawal).await,
            Self::Http(link) => link.withdraw(withdrawal).await,
        }
    }

    /// After `initialize`: HTTP links note the session and open the stream for messages without a request.
    pub(crate) fn initialized(&self, protocol_version: &str) {
        if let Self::Http(link) = self {
            link.initialized(protocol_version);
        }
    }

    /// False once the connection is of no use any more.
    pub(crate) fn alive(&self) -> bool {
        match self {
            Self::Stdio(link) => link.alive(),
            Self::Http(link) => link.alive(),
        }
    }

    /// Ends the connection: the child gets its standard input closed and then a signal, the HTTP session a DELETE.
    pub(crate) async fn close(&self) {
        match self {
            Self::Stdio(link) => link.close().await,
            Self::Http(link) => link.close().await,
        }
    }
}
