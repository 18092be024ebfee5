//! Syslog, RFC 5424: over UDP (RFC 5426), TCP with octet counting (RFC 6587), or a unix datagram socket.

use crate::text::{commands, headline, level, lines};
use crate::{SendError, TargetError};
use holdshort_model::{Level, Notice, one_line};
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, lookup_host};

/// Facility 10: security messages (RFC 5424, table 1).
const FACILITY: u8 = 10;
/// Longest datagram, in bytes: what RFC 5424, 6.1 says receivers should take.
const DATAGRAM_BYTES_MAX: usize = 2_048;
/// Longest message over TCP, in bytes.
const FRAME_BYTES_MAX: usize = 16 << 10;
/// Longest parameter of structured data, in characters: four of them at four bytes each stay well below a datagram.
const PARAMETER_CHARS_MAX: usize = 64;
/// Longest host name (RFC 5424, 6).
const HOST_CHARS_MAX: usize = 255;

/// A collector: `udp://HOST:PORT`, `tcp://HOST:PORT` or `unix:///PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogTarget {
    /// Where.
    pub place: String,
}

pub(crate) struct Syslog {
    place: Place,
    host: String,
}

enum Place {
    Udp(String),
    Tcp(String),
    Unix(PathBuf),
}

impl Syslog {
    pub(crate) fn new(target: SyslogTarget) -> Result<Self, TargetError> {
        let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let host: String = node.chars().filter(char::is_ascii_graphic).take(HOST_CHARS_MAX).collect();
        let host = if host.is_empty() { "-".to_owned() } else { host };
        let (scheme, rest) = target.place.split_once("://").ok_or(TargetError::Place)?;
        let place = match scheme {
            "unix" if rest.starts_with('/') => Place::Unix(rest.into()),
            "udp" if is_address(rest) => Place::Udp(rest.into()),
            "tcp" if is_address(rest) => Place::Tcp(rest.into()),
            _ => return Err(TargetError::Place),
        };
        Ok(Self { place, host })
    }

    pub(crate) async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        match &self.place {
            Place::Udp(address) => {
                let message = self.message(notice, DATAGRAM_BYTES_MAX);
                let to = lookup_host(address).await.map_err(unreachable)?.next().ok_or(SendError::Unreachable)?;
                let from = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(from).await.map_err(unreachable)?;
                socket.send_to(message.as_bytes(), to).await.map(drop).map_err(unreachable)
            }
            Place::Tcp(address) => {
                let message = self.message(notice, FRAME_BYTES_MAX);
                let mut stream = TcpStream::connect(address).await.map_err(unreachable)?;
                let frame = format!("{} {message}", message.len());
                stream.write_all(frame.as_bytes()).await.map_err(|_| SendError::Broken)?;
                stream.shutdown().await.map_err(|_| SendError::Broken)
            }
            Place::Unix(path) => {
                let message = self.message(notice, DATAGRAM_BYTES_MAX);
                let socket = UnixDatagram::unbound().map_err(unreachable)?;
                socket.send_to(message.as_bytes(), path).await.map(drop).map_err(unreachable)
            }
        }
    }

    fn message(&self, notice: &Notice, bytes_max: usize) -> String {
        let severity = match notice.level {
            Level::Low => 6,
            Level::Medium => 4,
            Level::High => 3,
            Level::Critical => 2,
        };
        let time = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(notice.at_ms));
        let (priority, host, process) = (FACILITY * 8 + severity, &self.host, std::process::id());
        let kind = notice.kind.as_str();
        let mut text = format!("<{priority}>1 {time} {host} holdshort {process} {kind} ");
        // 32473 is the number that RFC 5612 sets aside: we have none of our own.
        text.push_str("[holdshort@32473");
        let id = |id: Option<holdshort_model::RecordId>| id.map(|id| id.to_string()).unwrap_or_default();
        let parameters = [
            ("id", notice.id.to_string()),
            ("level", level(notice.level).to_owned()),
            ("score", notice.score.to_string()),
            ("count", notice.count.to_string()),
            ("agent", notice.subject.agent.to_string()),
            ("owner", notice.subject.owner.clone().unwrap_or_default()),
            ("session", notice.subject.session.to_string()),
            ("tool", notice.action.name.clone()),
            ("decision", notice.decision.to_string()),
            ("incident", id(notice.incident)),
            ("approval", id(notice.approval)),
            ("index", notice.index.map(|index| index.to_string()).unwrap_or_default()),
        ];
        for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(text, " {name}=\"{}\"", escape(&one_line(value, PARAMETER_CHARS_MAX)));
        }
        // The mark of UTF-8 comes before the message (RFC 5424, 6.4).
        let _ = write!(text, "] \u{feff}{}", headline(notice));
        for (what, value) in lines(notice) {
            let _ = write!(text, "; {what}: {value}");
        }
        for command in commands(notice) {
            let _ = write!(text, "; {command}");
        }
        cut(text, bytes_max)
    }
}

// At most so many bytes, never in the middle of a character. Structured data is shorter than every limit.
fn cut(mut text: String, bytes_max: usize) -> String {
    let mut at = bytes_max.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.truncate(at);
    text
}

/// Escapes what ends a parameter (RFC 5424, 6.3.3).
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
}

fn is_address(text: &str) -> bool {
    let port = |port: &str| port.parse::<u16>().is_ok_and(|port| port != 0);
    text.rsplit_once(':').is_some_and(|(host, number)| !host.is_empty() && !host.contains(['/', '@']) && port(number))
}

fn unreachable(_: io::Error) -> SendError {
    SendError::Unreachable
}
