//! Comma-separated values with a header that names the columns, as a first line or as the last comment before the data.

use super::feed::{About, FeedError, Sink, lines, time_ms};
use super::indicator::Kind;

/// Most columns.
const COLUMNS_MAX: usize = 64;

/// Columns that hold the indicator, the best first.
const VALUES: [&str; 11] = [
    "ioc_value",
    "indicator",
    "value",
    "url",
    "domain",
    "hostname",
    "dst_ip",
    "ip",
    "ip_address",
    "sha256_hash",
    "sha256",
];
const KINDS: [&str; 4] = ["ioc_type", "indicator_type", "type", "kind"];
const CONFIDENCES: [&str; 2] = ["confidence_level", "confidence"];
const SEEN: [&str; 6] = ["last_seen_utc", "last_online", "last_seen", "dateadded", "first_seen_utc", "first_seen"];
const UNTIL: [&str; 2] = ["valid_until", "expires"];

/// Which column holds what.
struct Header {
    value: usize,
    kind: Option<usize>,
    confidence: Option<usize>,
    seen: Vec<usize>,
    until: Option<usize>,
    columns: usize,
}

pub(super) fn read(bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), FeedError> {
    let mut header: Option<Header> = None;
    let mut missing = None;
    lines(bytes, sink, |line, text, sink| {
        let comment = text.strip_prefix('#').map(str::trim);
        match (&header, comment) {
            (_, None) if text.is_empty() => {}
            // The last comment before the data may be the header.
            (_, Some(comment)) => {
                if let Some(found) = fields(comment).as_deref().and_then(Header::new) {
                    header = Some(found);
                }
            }
            (Some(known), None) => row(line, text, known, sink),
            (None, None) => match fields(text).as_deref().and_then(Header::new) {
                Some(found) => header = Some(found),
                None => {
                    missing.get_or_insert(line);
                }
            },
        }
    });
    match missing {
        Some(line) => {
            let why =
                format!("no header before it names a column with indicators, such as `{}`", VALUES[..4].join("`, `"));
            Err(FeedError::Format { line, format: "CSV", why })
        }
        None => Ok(()),
    }
}

impl Header {
    fn new(names: &[String]) -> Option<Self> {
        let names: Vec<String> = names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let at = |wanted: &[&str]| wanted.iter().find_map(|want| names.iter().position(|name| name == want));
        // One word is a comment, unless the file has a single column.
        let value = at(&VALUES)?;
        let seen = SEEN.iter().filter_map(|want| names.iter().position(|name| name == want)).collect();
        Some(Self {
            value,
            kind: at(&KINDS),
            confidence: at(&CONFIDENCES),
            seen,
            until: at(&UNTIL),
            columns: names.len(),
        })
    }
}

fn row(line: usize, text: &str, header: &Header, sink: &mut Sink<'_>) {
    let Some(fields) = fields(text) else {
        return sink.reject(line, format!("an open quotation mark, or more than {COLUMNS_MAX} columns"));
    };
    if fields.len() < header.columns {
        return sink.reject(line, format!("{} columns, the header names {}", fields.len(), header.columns));
    }
    let field = |at: usize| fields.get(at).map(|field| field.trim()).filter(|field| !field.is_empty());
    let kind = match header.kind.and_then(field).map(kind) {
        Some(Err(unknown)) => return sink.reject(line, unknown),
        Some(Ok(kind)) => kind,
        None => None,
    };
    let about = About {
        kind,
        confidence: header.confidence.and_then(field).and_then(|text| text.parse::<u8>().ok()).map(|own| own.min(100)),
        seen_ms: header.seen.iter().find_map(|at| field(*at).and_then(time_ms)),
        until_ms: header.until.and_then(field).and_then(time_ms),
    };
    if header.until.and_then(field).is_some() && about.until_ms.is_none() {
        return sink.reject(line, "its end of validity is no time");
    }
    sink.offer(line, field(header.value).unwrap_or_default(), about);
}

/// The kind that feeds mean by `text`; `Ok(None)` when the indicator says it itself.
pub(super) fn kind(text: &str) -> Result<Option<Kind>, String> {
    match text.to_ascii_lowercase().as_str() {
        "domain" | "hostname" | "domain-name" => Ok(Some(Kind::Domain)),
        "ip" | "ip:port" | "ip-dst" | "ip-src" | "ipv4" | "ipv6" | "address" | "network" | "cidr" => {
            Ok(Some(Kind::Address))
        }
        "url" | "uri" => Ok(Some(Kind::Url)),
        "hash" | "md5" | "sha1" | "sha256" | "sha512" | "md5_hash" | "sha1_hash" | "sha256_hash" | "sha512_hash" => {
            Ok(Some(Kind::Hash))
        }
        "" => Ok(None),
        other => {
            let short: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
            Err(format!("indicators of type `{short}` are not looked for"))
        }
    }
}

// The fields of a line (RFC 4180), blanks before a quotation mark allowed. `None`: too many, or a quotation mark is open.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        if fields.len() >= COLUMNS_MAX {
            return None;
        }
        let (field, after) = match rest.trim_start().strip_prefix('"') {
            Some(inside) => quoted(inside)?,
            None => match rest.split_once(',') {
                Some((field, after)) => (field.trim().to_owned(), Some(after)),
                None => (rest.trim().to_owned(), None),
            },
        };
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return Some(fields),
        }
    }
}

// A field behind its quotation mark, and what follows the comma after it.
fn quoted(inside: &str) -> Option<(String, Option<&str>)> {
    let mut field = String::new();
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => {
                let after = after.trim_start();
                return match after.strip_prefix(',') {
                    Some(after) => Some((field, Some(after))),
                    None => after.is_empty().then_some((field, None)),
                };
            }
        }
    }
}
