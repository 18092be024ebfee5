//! STIX 2.1: indicators of a bundle whose patterns compare single values. What joins conditions with AND, or in time, is
//! left out: one half of it alone says nothing.

use super::feed::{About, FeedError, Sink, time_ms};
use super::indicator::Kind;
use serde::Deserialize;

/// Most comparisons of one pattern.
const COMPARISONS_MAX: usize = 1024;

#[derive(Deserialize)]
struct Bundle {
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    pattern: Option<String>,
    #[serde(default)]
    pattern_type: Option<String>,
    #[serde(default)]
    valid_until: Option<String>,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    confidence: Option<u8>,
    #[serde(default)]
    revoked: bool,
}

pub(super) fn read(bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), FeedError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let wrong = |line: usize, why: String| FeedError::Format { line, format: "a STIX bundle", why };
    let bundle: Bundle = serde_json::from_slice(bytes).map_err(|error| wrong(error.line(), error.to_string()))?;
    for (n, object) in bundle.objects.iter().enumerate().filter(|(_, object)| object.kind == "indicator") {
        if sink.is_full() {
            break;
        }
        offer(n + 1, object, sink);
    }
    Ok(())
}

fn offer(line: usize, object: &Object, sink: &mut Sink<'_>) {
    if object.revoked {
        return sink.reject(line, "revoked");
    }
    if !matches!(object.pattern_type.as_deref(), None | Some("stix")) {
        return sink.reject(line, "a pattern in another language than STIX");
    }
    let until_ms = match object.valid_until.as_deref().map(time_ms) {
        Some(None) => return sink.reject(line, "`valid_until` is no time"),
        Some(time) => time,
        None => None,
    };
    let about = About {
        kind: None,
        confidence: object.confidence.map(|own| own.min(100)),
        seen_ms: object.modified.as_deref().and_then(time_ms),
        until_ms,
    };
    match comparisons(object.pattern.as_deref().unwrap_or_default()) {
        Ok(found) => found.iter().for_each(|(kind, text)| sink.offer(line, text, About { kind: Some(*kind), ..about })),
        Err(why) => sink.reject(line, why),
    }
}

/// The values of a pattern that holds when one of them is seen.
pub(super) fn comparisons(pattern: &str) -> Result<Vec<(Kind, String)>, String> {
    let mut reader = Reader { rest: pattern };
    let mut found = Vec::new();
    loop {
        reader.expect("[")?;
        loop {
            found.push(reader.comparison()?);
            if found.len() > COMPARISONS_MAX {
                return Err(format!("more than {COMPARISONS_MAX} comparisons"));
            }
            if !reader.word("OR") {
                break;
            }
        }
        reader.expect("]")?;
        if !reader.word("OR") {
            break;
        }
    }
    match reader.rest.trim() {
        "" => Ok(found),
        _ => Err("more than single values joined with OR".into()),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn comparison(&mut self) -> Result<(Kind, String), String> {
        self.rest = self.rest.trim_start();
        // Quotation marks in a path name a hash, and hold no `=` or blank.
        let end = self.rest.find(|c: char| c == '=' || c == '!' || c == '<' || c == '>' || c.is_whitespace());
        let end = end.ok_or("a comparison without a value")?;
        let (path, rest) = self.rest.split_at(end);
        self.rest = rest;
        let kind = kind(path)?;
        if !(self.word("=") || kind == Kind::Network && self.word("ISSUBSET")) {
            return Err("another comparison than `=`".into());
        }
        let text = self.text()?;
        Ok((kind, text))
    }

    fn text(&mut self) -> Result<String, String> {
        let inside = self.rest.trim_start().strip_prefix('\'').ok_or("a value that is no text")?;
        let mut text = String::new();
        let mut chars = inside.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\'' => {
                    self.rest = inside.get(at + 1..).unwrap_or_default();
                    return Ok(text);
                }
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                c => text.push(c),
            }
        }
        Err("an open quotation mark".into())
    }

    fn expect(&mut self, mark: &str) -> Result<(), String> {
        if self.word(mark) { Ok(()) } else { Err("more than single values joined with OR".into()) }
    }

    fn word(&mut self, word: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(word);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }
}

fn kind(path: &str) -> Result<Kind, String> {
    match path {
        "domain-name:value" => Ok(Kind::Domain),
        "ipv4-addr:value" | "ipv6-addr:value" => Ok(Kind::Network),
        "url:value" => Ok(Kind::Url),
        _ if path.starts_with("file:hashes.") => Ok(Kind::Hash),
        _ => {
            let short: String = path.chars().filter(|c| !c.is_control()).take(40).collect();
            Err(format!("`{short}` is not looked for"))
        }
    }
}
