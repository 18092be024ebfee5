//! Where items go. A sink sends once, in order, and says how it went.

mod file;
mod http;
mod syslog;

pub use file::{Rotation, text as lines};

use crate::error::{ExportError, Failed};
use crate::format::{Format, Item};
use file::File;
use holdshort_notify::Trust;
use http::Http;
use std::path::PathBuf;
use std::time::Duration;
use syslog::Syslog;

/// Longest time for one attempt, from looking the host up to the end of the answer.
const SEND_MAX: Duration = Duration::from_secs(30);
/// Longest line of CEF in a file, in bytes.
const LINE_BYTES_MAX: usize = 16 << 10;

/// Where items go.
#[derive(Clone)]
pub enum SinkTarget {
    /// Lines at the end of a file.
    File {
        /// The file.
        path: PathBuf,
        /// When the next one is begun.
        rotation: Rotation,
    },
    /// Requests.
    Http {
        /// Where; the address of the collector, or of its endpoint.
        url: String,
        /// What they are authorised with.
        token: Option<String>,
        /// Whose certificates are believed.
        trust: Trust,
        /// Whether http to another host is good enough.
        insecure: bool,
        /// Whether bodies are compressed.
        gzip: bool,
    },
    /// Messages to a syslog collector.
    Syslog {
        /// `udp://HOST:PORT`, `tcp://HOST:PORT`, `tls://HOST:PORT` or `unix:///PATH`.
        place: String,
        /// Whose certificates are believed.
        trust: Trust,
        /// Whether clear text to another host is good enough.
        insecure: bool,
    },
}

impl std::fmt::Debug for SinkTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A URL may be a secret, and a token is one.
        f.write_str(match self {
            Self::File { .. } => "File",
            Self::Http { .. } => "Http",
            Self::Syslog { .. } => "Syslog",
        })
    }
}

/// What the other side took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Bytes of it, before compression.
    pub bytes: usize,
    /// Records of it that the other side says it does not keep. It does not say which.
    pub rejected: u64,
    /// What it said of them, or warned of.
    pub said: Option<String>,
}

/// A way out.
pub struct Sink(Kind, Duration);

enum Kind {
    File(File),
    Http(Box<Http>),
    Syslog(Syslog),
}

impl Sink {
    /// A sink. Opens nothing yet.
    ///
    /// # Errors
    /// What cannot be right about the target, and a format that does not go there.
    pub fn new(format: Format, target: SinkTarget) -> Result<Self, ExportError> {
        let refused = |to, known| ExportError::Combination { format: format.as_str(), to, known };
        let kind = match (target, format) {
            (SinkTarget::File { path, rotation }, _) => Kind::File(File::new(path, rotation)?),
            (SinkTarget::Http { .. }, Format::Cef) => {
                return Err(refused("an HTTP endpoint", "a file or a syslog collector"));
            }
            (SinkTarget::Http { url, token, trust, insecure, gzip }, _) => {
                Kind::Http(Box::new(Http::new(format, &url, token.as_deref(), &trust, (insecure, gzip))?))
            }
            (SinkTarget::Syslog { place, trust, insecure }, Format::Cef) => {
                Kind::Syslog(Syslog::new(&place, &trust, insecure)?)
            }
            (SinkTarget::Syslog { .. }, _) => return Err(refused("syslog", "a file or an HTTP endpoint")),
        };
        Ok(Self(kind, SEND_MAX))
    }

    /// The longest line of CEF that goes through, in bytes.
    #[must_use]
    pub fn line_bytes_max(&self) -> usize {
        match &self.0 {
            Kind::File(_) | Kind::Http(_) => LINE_BYTES_MAX,
            Kind::Syslog(syslog) => syslog.line_bytes_max(),
        }
    }

    /// Sends items once.
    ///
    /// # Errors
    /// In which way it failed; some or all may have arrived.
    pub async fn send(&mut self, items: &[Item]) -> Result<Taken, Failed> {
        if items.is_empty() {
            return Ok(Taken::default());
        }
        let bytes = |bytes| Taken { bytes, ..Taken::default() };
        let sending = async {
            match &mut self.0 {
                Kind::File(file) => file.send(items).map(bytes),
                Kind::Http(http) => http.send(items).await,
                Kind::Syslog(syslog) => syslog.send(items).await.map(bytes),
            }
        };
        tokio::time::timeout(self.1, sending).await.unwrap_or(Err(Failed::Late))
    }

    /// The same with another time for an attempt than 30 seconds.
    #[must_use]
    pub fn with_patience(self, longest: Duration) -> Self {
        Self(self.0, longest)
    }

    /// Makes what was sent last: called before a cursor goes behind it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn settle(&mut self) -> Result<(), Failed> {
        match &mut self.0 {
            Kind::File(file) => file.settle(),
            Kind::Http(_) | Kind::Syslog(_) => Ok(()),
        }
    }
}
