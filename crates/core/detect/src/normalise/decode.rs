//! What a text says behind one layer of encoding.
//!
//! Not undone: a second layer, compression, ciphers, words spelled backwards, stretches that begin in the middle of a byte.

use super::{DECODED_BYTES_MAX, fold};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

// Shorter stretches are words and identifiers.
const BASE64_MIN: usize = 16;
const HEX_MIN: usize = 24;
// A line of this length that ends in the middle of a stretch goes on in the next one (MIME wraps at 76, PEM at 64).
const WRAP_MIN: usize = 60;
// What is looked at before a stretch is decoded.
const PROBE_BYTES: usize = 24;
// Longer names of entities are not read.
const ENTITY_MAX: usize = 10;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) struct Decoded {
    pub(super) layers: Vec<Found>,
    pub(super) truncated: bool,
}

pub(super) struct Found {
    pub(super) how: &'static str,
    pub(super) text: String,
    pub(super) marks: Vec<&'static str>,
}

/// One layer for each way of hiding that `text` uses.
pub(super) fn decode(text: &str) -> Decoded {
    let mut out = Out { bytes: DECODED_BYTES_MAX, truncated: false };
    let (base64, hex) = stretches(text, &mut out);
    let percent = if text.contains('%') { lines(text, '%', percent_line, &mut out) } else { String::new() };
    let entities = if text.contains('&') { lines(text, '&', entities_line, &mut out) } else { String::new() };
    let layers = [("base64", base64), ("hex", hex), ("percent", percent), ("entities", entities)];
    let layers = layers.into_iter().filter(|(_, text)| !text.is_empty()).map(|(how, text)| {
        let folded = fold::fold(&text);
        let (marks, same) = (folded.marks, matches!(folded.text, std::borrow::Cow::Borrowed(_)));
        let folded = if same { None } else { Some(folded.text.into_owned()) };
        Found { how, text: folded.unwrap_or(text), marks }
    });
    Decoded { layers: layers.collect(), truncated: out.truncated }
}

// How much may still be written.
struct Out {
    bytes: usize,
    truncated: bool,
}

impl Out {
    fn push(&mut self, to: &mut String, text: &str) {
        match self.bytes.checked_sub(text.len() + 1) {
            Some(left) => {
                self.bytes = left;
                to.push_str(text);
                to.push('\n');
            }
            None => self.truncated = true,
        }
    }
}

const fn class(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

const CLASS: [bool; 256] = {
    let mut table = [false; 256];
    let mut n = 0;
    while n < 256 {
        #[expect(clippy::indexing_slicing, reason = "in bounds at compile time")]
        {
            table[n] = class(n as u8);
        }
        n += 1;
    }
    table
};

fn in_class(byte: &u8) -> bool {
    CLASS.get(usize::from(*byte)).copied().unwrap_or_default()
}

// Stretches in base64 (both alphabets) and in hex.
fn stretches(text: &str, out: &mut Out) -> (String, String) {
    let (mut base64, mut hex) = (String::new(), String::new());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let Some(start) = rest.iter().position(in_class).map(|skip| at + skip) else { break };
        let mut end = run_end(bytes, start);
        at = end;
        if end - start < BASE64_MIN {
            continue;
        }
        let mut line = start;
        while end - line >= WRAP_MIN {
            let next = match bytes.get(end..) {
                Some([b'\n', ..]) => end + 1,
                Some([b'\r', b'\n', ..]) => end + 2,
                _ => break,
            };
            let more = run_end(bytes, next);
            if more == next {
                break;
            }
            (line, end) = (next, more);
        }
        at = end;
        let run = bytes.get(start..end).unwrap_or_default();
        if let Some(text) = from_hex(run) {
            out.push(&mut hex, &text);
        } else if let Some(text) = from_base64(run) {
            out.push(&mut base64, &text);
        }
    }
    (base64, hex)
}

fn run_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().position(|byte| !in_class(byte)).unwrap_or(rest.len())
}

fn from_hex(run: &[u8]) -> Option<String> {
    if run.len() < HEX_MIN || !run.iter().all(|byte| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace()) {
        return None;
    }
    let digits: Vec<u8> = run.iter().filter_map(|byte| digit(*byte)).collect();
    let bytes = digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |value, digit| value << 4 | digit)).collect();
    readable(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn from_base64(run: &[u8]) -> Option<String> {
    // A first look at the beginning: most long words, paths and binary data are no text.
    let mut first = [0; PROBE_BYTES];
    let mut plain = [0; PROBE_BYTES];
    let probe = run.get(..PROBE_BYTES.min(run.len() & !3))?;
    for (to, from) in first.iter_mut().zip(probe) {
        *to = standard(*from);
    }
    let decoded = BASE64.decode_slice(first.get(..probe.len())?, &mut plain).ok()?;
    readable_bytes(plain.get(..decoded)?, true).then_some(())?;
    readable(decode64(run)?)
}

// The alphabet for URLs differs in two characters.
fn standard(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

fn decode64(run: &[u8]) -> Option<Vec<u8>> {
    let mut plain: Vec<u8> = Vec::with_capacity(run.len());
    plain.extend(run.iter().filter(|byte| !byte.is_ascii_whitespace()).map(|byte| standard(*byte)));
    if plain.len() % 4 == 1 {
        plain.pop(); // the border of the stretch is not the border of the encoding
    }
    BASE64.decode(plain).ok()
}

fn readable(bytes: Vec<u8>) -> Option<String> {
    readable_bytes(&bytes, false).then_some(())?;
    String::from_utf8(bytes).ok()
}

// Text: valid UTF-8 (a cut last character is let pass in a probe) without control characters.
fn readable_bytes(bytes: &[u8], probe: bool) -> bool {
    if bytes.len() < 8 || bytes.iter().any(|byte| *byte < 32 && !byte.is_ascii_whitespace() || *byte == 127) {
        return false;
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => probe && error.error_len().is_none() && error.valid_up_to() > 0,
    }
}

// The lines that hold an escape, decoded.
fn lines(text: &str, sign: char, decode: fn(&str) -> Option<String>, out: &mut Out) -> String {
    let mut decoded = String::new();
    for line in text.split('\n').filter(|line| line.contains(sign)) {
        if let Some(line) = decode(line) {
            out.push(&mut decoded, &line);
        }
    }
    decoded
}

fn percent_line(line: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes();
    let mut any = false;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escape = match after {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                any = true;
                bytes.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => bytes.push(*first),
        }
    }
    any.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

fn entities_line(line: &str) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    let mut any = false;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        rest = after;
        let end = after.bytes().take(ENTITY_MAX).position(|byte| byte == b';');
        match end.and_then(|end| Some((entity(after.get(..end)?)?, after.get(end + 1..)?))) {
            Some((c, after)) => {
                any = true;
                text.push(c);
                rest = after;
            }
            None => text.push('&'),
        }
    }
    text.push_str(rest);
    any.then_some(text)
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        "commat" => Some('@'),
        "colon" => Some(':'),
        "sol" => Some('/'),
        "period" => Some('.'),
        "lowbar" => Some('_'),
        "vert" => Some('|'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}
