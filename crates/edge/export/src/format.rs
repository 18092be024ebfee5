//! Formats, and the items that are made of events.

use crate::event::{Arguments, Event, Key};
use crate::otlp::Spans;
use crate::{cef, hec, ocsf};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde::Serialize;

/// What events are made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OCSF 1.9.0, JSON.
    Ocsf,
    /// OpenTelemetry log records and spans.
    Otlp,
    /// Common Event Format.
    Cef,
    /// Events of Splunk's HTTP Event Collector.
    Hec,
    /// Our own records, JSON.
    Json,
}

impl Format {
    /// Its name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ocsf => "ocsf",
            Self::Otlp => "otlp",
            Self::Cef => "cef",
            Self::Hec => "hec",
            Self::Json => "json",
        }
    }
}

/// What is sent of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Index of the record.
    pub index: u64,
    /// Hash of its leaf.
    pub leaf: [u8; 32],
    /// The key that the record is sealed with.
    pub key: Option<Key>,
    /// What is sent.
    pub payload: Payload,
}

/// The content of an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// One line of JSON, without its end.
    Json(String),
    /// One line of CEF, and what the head of its message says.
    Cef {
        /// The line.
        line: String,
        /// Severity of syslog.
        severity: u8,
        /// Time, in milliseconds since 1970.
        at_ms: u64,
    },
    /// A log record, except with spans that nobody waits for any longer; and the spans that are complete.
    Otlp(Box<(Option<LogRecord>, Vec<Span>)>),
}

impl Item {
    /// What stands in it of this one record, and of no other; none when nothing does.
    pub(crate) fn alone(&self) -> Option<Self> {
        let mut alone = self.clone();
        if let Payload::Otlp(parts) = &mut alone.payload {
            parts.0.as_ref()?;
            parts.1.clear();
        }
        Some(alone)
    }

    /// About how many bytes it takes on the wire.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.payload {
            Payload::Json(line) | Payload::Cef { line, .. } => line.len(),
            Payload::Otlp(parts) => {
                let log = parts.0.as_ref().map_or(0, prost::Message::encoded_len);
                parts.1.iter().map(prost::Message::encoded_len).sum::<usize>() + log
            }
        }
    }
}

/// Makes items of events, in the order of the log: outcomes are joined with their decisions.
#[derive(Debug)]
pub struct Encoder {
    format: Format,
    arguments: Arguments,
    line_bytes_max: usize,
    events: ocsf::Events,
    spans: Spans,
}

impl Encoder {
    /// An encoder. `line_bytes_max` is the longest line of CEF.
    #[must_use]
    pub fn new(format: Format, arguments: Arguments, line_bytes_max: usize) -> Self {
        Self { format, arguments, line_bytes_max, events: ocsf::Events::default(), spans: Spans::default() }
    }

    /// The item of an event.
    pub fn push(&mut self, event: &Event) -> Item {
        let payload = match self.format {
            Format::Ocsf => Payload::Json(json_line(&self.events.push(event, self.arguments))),
            Format::Hec => Payload::Json(json_line(&hec::event(event, self.arguments))),
            Format::Json => Payload::Json(json_line(&hec::json(event, self.arguments))),
            Format::Cef => Payload::Cef {
                line: cef::line(event, self.line_bytes_max),
                severity: cef::syslog_severity(event.level()),
                at_ms: event.time_ms(),
            },
            Format::Otlp => {
                let (log, spans) = self.spans.push(event, self.arguments);
                Payload::Otlp(Box::new((Some(log), spans)))
            }
        };
        Item { index: event.index, leaf: event.leaf, key: event.key, payload }
    }

    /// What is not waited for any longer at this time, in milliseconds since 1970. It goes along with the place of the
    /// last record that was sent.
    pub fn overdue(&mut self, now_ms: u64, index: u64, leaf: [u8; 32]) -> Option<Item> {
        let spans = self.spans.overdue(now_ms);
        (!spans.is_empty()).then(|| Item { index, leaf, key: None, payload: Payload::Otlp(Box::new((None, spans))) })
    }

    /// A place to come back to: what follows is the next batch.
    pub(crate) fn mark(&mut self) {
        self.events.mark();
        self.spans.mark();
    }

    /// Back to the mark, as far as records from `index` on are concerned: they come again.
    pub(crate) fn rewind(&mut self, index: u64) {
        self.events.rewind(index);
        self.spans.rewind(index);
    }

    /// Forgets what was sealed with keys that are gone.
    pub(crate) fn forget(&mut self, mut gone: impl FnMut(&Key) -> bool) {
        self.events.forget(&mut gone);
        self.spans.forget(&mut gone);
    }

    /// Whether records before the place where it begins have to be seen, to join what comes after.
    #[must_use]
    pub const fn looks_back(&self) -> bool {
        matches!(self.format, Format::Otlp | Format::Ocsf)
    }
}

/// One line of JSON. What some readers take for the end of a line stands as an escape, which means the same.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    // The first bytes of U+0085, U+2028 and U+2029. Outside of texts JSON has neither.
    if !text.as_bytes().contains(&0xC2) && !text.as_bytes().contains(&0xE2) {
        return text;
    }
    text.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
