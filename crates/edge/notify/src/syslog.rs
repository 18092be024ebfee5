//! Notices as messages of RFC 5424.

use crate::collector::Collector;
use crate::text::{commands, headline, level, lines};
use crate::{SendError, TargetError, Trust};
use holdshort_model::{Level, Notice, one_line};
use std::fmt::Write as _;

/// Longest parameter of structured data, in characters: four of them at four bytes each stay well below a datagram.
const PARAMETER_CHARS_MAX: usize = 64;

/// A collector: `udp://HOST:PORT`, `tcp://HOST:PORT`, `tls://HOST:PORT` or `unix:///PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogTarget {
    /// Where.
    pub place: String,
}

pub(crate) struct Syslog {
    collector: Collector,
}

impl Syslog {
    pub(crate) fn new(target: &SyslogTarget) -> Result<Self, TargetError> {
        Ok(Self { collector: Collector::new(&target.place, &Trust::default())? })
    }

    pub(crate) async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        self.collector.send(&[self.message(notice, self.collector.bytes_max())]).await
    }

    fn message(&self, notice: &Notice, bytes_max: usize) -> String {
        let severity = match notice.level {
            Level::Low => 6,
            Level::Medium => 4,
            Level::High => 3,
            Level::Critical => 2,
        };
        let mut text = self.collector.header(severity, notice.at_ms, notice.kind.as_str());
        // 32473 is the number that RFC 5612 sets aside: we have none of our own.
        text.push_str("[holdshort@32473");
        let id = |id: Option<holdshort_model::RecordId>| id.map(|id| id.to_string()).unwrap_or_default();
        let alarm = notice.alarm.as_ref().map(|alarm| alarm.event.clone()).unwrap_or_default();
        // Nobody acted in an alarm.
        let acted = |text: String| if notice.alarm.is_none() { text } else { String::new() };
        let parameters = [
            ("id", notice.id.to_string()),
            ("level", level(notice.level).to_owned()),
            ("alarm", alarm),
            ("score", acted(notice.score.to_string())),
            ("count", notice.count.to_string()),
            ("agent", acted(notice.subject.agent.to_string())),
            ("owner", notice.subject.owner.clone().unwrap_or_default()),
            ("session", acted(notice.subject.session.to_string())),
            ("tool", acted(notice.action.name.clone())),
            ("decision", acted(notice.decision.to_string())),
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
