//! CEF as messages of RFC 5424.

use crate::error::{ExportError, Failed};
use crate::format::{Item, Payload};
use holdshort_notify::{Collector, Trust};

/// Kind of every message.
const KIND: &str = "cef";
/// What the head of a message may take, in bytes: priority, time, a host of 255, names.
const HEAD_BYTES_MAX: usize = 384;

pub(super) struct Syslog {
    collector: Collector,
}

impl Syslog {
    pub(super) fn new(place: &str, trust: &Trust, insecure: bool) -> Result<Self, ExportError> {
        let collector = Collector::new(place, trust)?;
        if collector.is_clear_text() && !insecure { Err(ExportError::ClearText) } else { Ok(Self { collector }) }
    }

    pub(super) fn line_bytes_max(&self) -> usize {
        self.collector.bytes_max() - HEAD_BYTES_MAX
    }

    /// Gives the bytes of the messages.
    pub(super) async fn send(&self, items: &[Item]) -> Result<usize, Failed> {
        let message = |item: &Item| match &item.payload {
            Payload::Cef { line, severity, at_ms } => {
                Some(format!("{}- {line}", self.collector.header(*severity, *at_ms, KIND)))
            }
            Payload::Json(_) | Payload::Otlp(_) => None,
        };
        let messages: Vec<String> = items.iter().filter_map(message).collect();
        self.collector.send(&messages).await?;
        Ok(messages.iter().map(String::len).sum())
    }
}
