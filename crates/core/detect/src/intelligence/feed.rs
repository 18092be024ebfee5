//! Feeds: files that name indicators, in the formats that people publish. All bounded; each line that is left out is counted.

use super::indicator::{self, Kind, Refused, Value};
use super::{csv, misp, stix};

/// Largest feed of lines, in bytes.
pub const FEED_BYTES_MAX: usize = 256 << 20;
/// Largest feed in JSON, in bytes: it is held in memory as a whole.
pub const JSON_BYTES_MAX: usize = 64 << 20;
/// Longest line, in bytes.
pub(super) const LINE_BYTES_MAX: usize = 16 << 10;
/// Most indicators of all feeds together.
pub const ENTRIES_MAX: usize = 4_000_000;
/// Most lines that a report names.
pub const NAMED_MAX: usize = 20;

/// Format of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One indicator a line, of any kind; comments begin with `#` or `;`.
    Plain,
    /// A hosts file: an address, then names.
    Hosts,
    /// Comma-separated values with a header, such as URLhaus and ThreatFox publish.
    Csv,
    /// A MISP event, or several.
    Misp,
    /// A STIX 2.1 bundle: indicators with simple patterns.
    Stix,
}

/// A feed as it was read from its file.
#[derive(Clone, Copy)]
pub struct Feed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its format.
    pub format: Format,
    /// How sure it is at most, 0 to 100.
    pub confidence: u8,
    /// How long an indicator holds after it was last seen, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// When the file was last changed, in milliseconds since 1970: indicators without a date were seen then.
    pub changed_ms: u64,
    /// The file.
    pub bytes: &'a [u8],
}

/// One indicator of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it names.
    pub value: Value,
    /// How sure the feed is, 0 to 100.
    pub confidence: u8,
    /// When it ends to hold, in milliseconds since 1970.
    pub until_ms: Option<u64>,
}

/// What became of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Indicators that hold.
    pub entries: usize,
    /// Indicators that hold no longer.
    pub expired: usize,
    /// Lines or objects that were left out.
    pub rejected: usize,
    /// The first of them.
    pub named: Vec<Rejected>,
}

/// Something that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Number of the line, or of the attribute or object, from 1.
    pub line: usize,
    /// Why.
    pub why: String,
}

/// Why a feed as a whole cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// Too many bytes.
    #[error("{found} bytes, over {max}")]
    Bytes {
        /// How many there are.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// Too many indicators.
    #[error("more than {ENTRIES_MAX} indicators in all feeds")]
    Entries,
    /// Not in its format.
    #[error("line {line}: not {format}: {why}")]
    Format {
        /// Number of the line, from 1.
        line: usize,
        /// What was expected.
        format: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Something is in it, and none of it is an indicator.
    #[error("line {line}: no indicator in the whole feed: {why}")]
    Nothing {
        /// The first line that was left out.
        line: usize,
        /// Why it was.
        why: String,
    },
}

/// Reads `feed` and hands every indicator that holds at `now_ms` to `take`, which says whether there is room for it.
///
/// # Errors
/// Why nothing of the feed can be used.
pub fn read(feed: &Feed<'_>, now_ms: u64, take: &mut dyn FnMut(Entry) -> bool) -> Result<Report, FeedError> {
    let max = if matches!(feed.format, Format::Misp | Format::Stix) { JSON_BYTES_MAX } else { FEED_BYTES_MAX };
    if feed.bytes.len() > max {
        return Err(FeedError::Bytes { found: feed.bytes.len(), max });
    }
    let mut sink = Sink { feed, now_ms, take, report: Report::default(), full: false };
    match feed.format {
        Format::Plain => lines(feed.bytes, &mut sink, plain),
        Format::Hosts => lines(feed.bytes, &mut sink, hosts),
        Format::Csv => csv::read(feed.bytes, &mut sink)?,
        Format::Misp => misp::read(feed.bytes, &mut sink)?,
        Format::Stix => stix::read(feed.bytes, &mut sink)?,
    }
    let Sink { report, full, .. } = sink;
    if full {
        return Err(FeedError::Entries);
    }
    match report.named.first() {
        Some(first) if report.entries + report.expired == 0 => {
            Err(FeedError::Nothing { line: first.line, why: first.why.clone() })
        }
        _ => Ok(report),
    }
}

/// What a reader has found about one indicator besides its text.
#[derive(Clone, Copy, Default)]
pub(super) struct About {
    pub(super) kind: Option<Kind>,
    pub(super) confidence: Option<u8>,
    pub(super) seen_ms: Option<u64>,
    pub(super) until_ms: Option<u64>,
}

/// Where readers put what they find.
pub(super) struct Sink<'a> {
    feed: &'a Feed<'a>,
    now_ms: u64,
    take: &'a mut dyn FnMut(Entry) -> bool,
    report: Report,
    full: bool,
}

impl Sink<'_> {
    pub(super) fn offer(&mut self, line: usize, text: &str, about: About) {
        match indicator::parse(about.kind, text) {
            Ok(value) => self.accept(value, about),
            Err(why) => self.reject(line, why.to_string()),
        }
    }

    fn accept(&mut self, value: Value, about: About) {
        let seen_ms = about.seen_ms.unwrap_or(self.feed.changed_ms);
        let aged_ms = self.feed.ttl_ms.map(|ttl_ms| seen_ms.saturating_add(ttl_ms));
        let until_ms = match (about.until_ms, aged_ms) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if until_ms.is_some_and(|until_ms| until_ms <= self.now_ms) {
            self.report.expired += 1;
            return;
        }
        let confidence = about.confidence.map_or(self.feed.confidence, |own| own.min(self.feed.confidence));
        self.report.entries += 1;
        self.full |= !(self.take)(Entry { value, confidence, until_ms });
    }

    pub(super) fn reject(&mut self, line: usize, why: impl Into<String>) {
        self.report.rejected += 1;
        if self.report.named.len() < NAMED_MAX {
            self.report.named.push(Rejected { line, why: why.into() });
        }
    }

    /// Whether there is no room for more.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }
}

/// The lines of a file that are text of a usual length, each with its number; the others are rejected.
pub(super) fn lines(bytes: &[u8], sink: &mut Sink<'_>, mut each: impl FnMut(usize, &str, &mut Sink<'_>)) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (n, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if sink.is_full() {
            return;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > LINE_BYTES_MAX {
            sink.reject(n + 1, format!("a line of {} bytes, over {LINE_BYTES_MAX}", line.len()));
            continue;
        }
        match std::str::from_utf8(line) {
            Ok(line) => each(n + 1, line.trim(), sink),
            Err(_) => sink.reject(n + 1, "not UTF-8"),
        }
    }
}

fn plain(line: usize, text: &str, sink: &mut Sink<'_>) {
    let text = uncommented(text);
    if !text.is_empty() {
        sink.offer(line, text, About::default());
    }
}

// A comment begins the line, or stands behind a blank: `#` and `;` may be part of a URL.
fn uncommented(text: &str) -> &str {
    if text.starts_with(['#', ';']) || text.starts_with("//") {
        return "";
    }
    let comment = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| text.find(mark)).min();
    text.get(..comment.unwrap_or(text.len())).unwrap_or_default().trim()
}

// Names that every system has in its own hosts file.
const OWN_NAMES: [&str; 10] = [
    "localhost",
    "localhost.localdomain",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
];

fn hosts(line: usize, text: &str, sink: &mut Sink<'_>) {
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    let mut words = text.split_ascii_whitespace();
    let Some(address) = words.next() else { return };
    if address.parse::<std::net::IpAddr>().is_err() {
        return sink.reject(line, "a line of a hosts file begins with an address");
    }
    let about = About { kind: Some(Kind::Domain), ..About::default() };
    let mut names = words.filter(|name| !OWN_NAMES.contains(name) && *name != "0.0.0.0").peekable();
    if names.peek().is_none() && text.split_ascii_whitespace().nth(1).is_none() {
        return sink.reject(line, Refused::Empty.to_string());
    }
    names.for_each(|name| sink.offer(line, name, about));
}

/// Milliseconds since 1970 of a time in RFC 3339, or as CSV feeds write it (UTC).
pub(super) fn time_ms(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches(" UTC");
    let time = humantime::parse_rfc3339_weak(text).ok()?;
    time.duration_since(std::time::UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_millis()).ok())
}
