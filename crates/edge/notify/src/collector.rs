//! Collectors of syslog messages, RFC 5424: over UDP (RFC 5426), TCP with octet counting (RFC 6587), TLS (RFC 5425), or
//! a unix datagram socket. None of them says that it took a message in.

use crate::{SendError, TargetError, Trust};
use rustls::pki_types::ServerName;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, lookup_host};
use tokio_rustls::TlsConnector;

/// Facility 10: security messages (RFC 5424, table 1).
const FACILITY: u8 = 10;
/// Longest datagram, in bytes: what RFC 5424, 6.1 says receivers should take.
const DATAGRAM_BYTES_MAX: usize = 2_048;
/// Longest message over TCP, in bytes.
const FRAME_BYTES_MAX: usize = 16 << 10;
/// The last millisecond of the year 9999, since 1970.
const TIME_MS_MAX: u64 = 253_402_300_799_999;
/// Longest host name (RFC 5424, 6).
const HOST_CHARS_MAX: usize = 255;
/// How long the other side may take to end a connection after we did.
const CLOSE_MAX: Duration = Duration::from_secs(3);
/// Most of what the other side says that is read: nothing of it counts.
const SAID_BYTES_MAX: u64 = 4 << 10;

/// A collector at `udp://HOST:PORT`, `tcp://HOST:PORT`, `tls://HOST:PORT` or `unix:///PATH`.
pub struct Collector {
    place: Place,
    host: String,
}

enum Place {
    Udp(String),
    Tcp(String),
    Tls(String, ServerName<'static>, TlsConnector),
    Unix(PathBuf),
}

impl Collector {
    /// A collector. Opens nothing yet.
    ///
    /// # Errors
    /// When the place is none, or TLS cannot be set up.
    pub fn new(place: &str, trust: &Trust) -> Result<Self, TargetError> {
        let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let host: String = node.chars().filter(char::is_ascii_graphic).take(HOST_CHARS_MAX).collect();
        let host = if host.is_empty() { "-".to_owned() } else { host };
        let (scheme, rest) = place.split_once("://").ok_or(TargetError::Place)?;
        let place = match scheme {
            "unix" if rest.starts_with('/') => Place::Unix(rest.into()),
            "udp" if is_address(rest) => Place::Udp(rest.into()),
            "tcp" if is_address(rest) => Place::Tcp(rest.into()),
            "tls" if is_address(rest) => {
                let name = rest.rsplit_once(':').map_or(rest, |(name, _)| name).trim_matches(['[', ']']);
                let name = ServerName::try_from(name.to_owned()).map_err(|_| TargetError::Place)?;
                Place::Tls(rest.into(), name, TlsConnector::from(Arc::new(trust.client()?)))
            }
            _ => return Err(TargetError::Place),
        };
        Ok(Self { place, host })
    }

    /// Whether messages go to another host, or may, in clear text.
    #[must_use]
    pub fn is_clear_text(&self) -> bool {
        let host = |address: &str| address.rsplit_once(':').map_or(String::new(), |(host, _)| host.to_owned());
        match &self.place {
            Place::Udp(address) | Place::Tcp(address) => !crate::endpoint::is_loopback(&host(address)),
            Place::Tls(..) | Place::Unix(_) => false,
        }
    }

    /// Longest message that may be sent, in bytes.
    #[must_use]
    pub const fn bytes_max(&self) -> usize {
        match self.place {
            Place::Udp(_) | Place::Unix(_) => DATAGRAM_BYTES_MAX,
            Place::Tcp(_) | Place::Tls(..) => FRAME_BYTES_MAX,
        }
    }

    /// The head of a message (RFC 5424, 6.2), up to the blank before the structured data. `kind` is a word of ours.
    #[must_use]
    pub fn header(&self, severity: u8, at_ms: u64, kind: &str) -> String {
        // Later years cannot be written, and the attempt would end the thread.
        let time = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at_ms.min(TIME_MS_MAX)));
        let (priority, host, process) = (FACILITY * 8 + severity.min(7), &self.host, std::process::id());
        format!("<{priority}>1 {time} {host} holdshort {process} {kind} ")
    }

    /// Sends messages once, in their order.
    ///
    /// # Errors
    /// In which way it failed; some of them may have arrived.
    pub async fn send(&self, messages: &[String]) -> Result<(), SendError> {
        match &self.place {
            Place::Udp(address) => {
                let to = lookup_host(address).await.map_err(unreachable)?.next().ok_or(SendError::Unreachable)?;
                let from = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(from).await.map_err(unreachable)?;
                for message in messages {
                    socket.send_to(message.as_bytes(), to).await.map_err(unreachable)?;
                }
                Ok(())
            }
            Place::Unix(path) => {
                let socket = UnixDatagram::unbound().map_err(unreachable)?;
                for message in messages {
                    socket.send_to(message.as_bytes(), path).await.map_err(unreachable)?;
                }
                Ok(())
            }
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).await.map_err(unreachable)?;
                frames(stream, messages).await
            }
            Place::Tls(address, name, connector) => {
                let stream = TcpStream::connect(address).await.map_err(unreachable)?;
                let stream = connector.connect(name.clone(), stream).await.map_err(|_| SendError::Tls)?;
                frames(stream, messages).await
            }
        }
    }
}

// One connection for what there is to send. Whether the other side has read it all shows when it ends the connection
// after us: by an end if it has, by a reset if it has not. One that does neither gets the benefit of the doubt.
async fn frames(mut stream: impl AsyncRead + AsyncWrite + Unpin, messages: &[String]) -> Result<(), SendError> {
    let broken = |_: io::Error| SendError::Broken;
    for message in messages {
        stream.write_all(format!("{} ", message.len()).as_bytes()).await.map_err(broken)?;
        stream.write_all(message.as_bytes()).await.map_err(broken)?;
    }
    stream.flush().await.map_err(broken)?;
    stream.shutdown().await.map_err(broken)?;
    let mut said = Vec::new();
    let ending = stream.take(SAID_BYTES_MAX);
    tokio::pin!(ending);
    match tokio::time::timeout(CLOSE_MAX, ending.read_to_end(&mut said)).await {
        Ok(Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => Err(SendError::Broken),
        // Many end a connection without the end of TLS before it, which is not missed here.
        _ => Ok(()),
    }
}

fn is_address(text: &str) -> bool {
    let port = |port: &str| port.parse::<u16>().is_ok_and(|port| port != 0);
    text.rsplit_once(':').is_some_and(|(host, number)| !host.is_empty() && !host.contains(['/', '@']) && port(number))
}

fn unreachable(_: io::Error) -> SendError {
    SendError::Unreachable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_too_late_for_a_head() {
        let collector = Collector::new("udp://127.0.0.1:9", &Trust::default()).unwrap();
        for at_ms in [TIME_MS_MAX, TIME_MS_MAX + 1, u64::MAX] {
            let head = collector.header(4, at_ms, "cef");
            assert!(head.starts_with("<84>1 9999-12-31T23:59:59.999Z "), "{head}");
        }
    }
}
