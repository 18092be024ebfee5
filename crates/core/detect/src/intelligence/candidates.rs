//! What in a text looks like a host, an address, a URL or a hash: one pass.

use super::indicator::{HOST_BYTES_MAX, host_name, plain_address};
use std::net::IpAddr;
use url::{Host, Url};

/// Most names in other scripts that one text may hold before the rest of them is left out: each costs a microsecond.
const FOREIGN_MAX: usize = 4096;
/// Most URLs of one text that are parsed, for the same reason.
const URLS_MAX: usize = 16 * 1024;
/// Longest URL that is looked at.
const URL_BYTES_MAX: usize = 8 * 1024;
/// Shortest hash in hex: MD5.
const HASH_BYTES_MIN: usize = 32;

/// What looks like an indicator.
pub(super) enum Candidate<'a> {
    /// Name of a host: ASCII in any case, with a dot.
    Host(&'a str),
    /// An address.
    Address(IpAddr),
    /// A URL.
    Url(&'a Url),
    /// Hex digits.
    Hex(&'a str),
}

const DOT: u8 = 2;
const COLON: u8 = 4;
// Bytes of names, addresses and hashes; what else there is stands between them.
const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte: u8 = 0;
    // A constant function cannot use iterators; the table has a place for every byte.
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
        {
            classes[byte as usize] = match byte {
                b'.' => DOT,
                b':' => COLON,
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' => 1,
                _ => 0,
            };
        }
        byte += 1;
    }
    classes
}

/// Hands every candidate in `text` to `found`. `wants_url` says of a host in lower case whether its URLs are of interest;
/// `foreign`: names in other scripts are. False: some were left out.
pub(super) fn each(
    text: &str,
    foreign: bool,
    wants_url: &dyn Fn(&str) -> bool,
    found: &mut dyn FnMut(Candidate<'_>),
) -> bool {
    let mut pass = Pass { text, wants_url, found, urls: 0 };
    let mut start = None;
    let mut seen = 0;
    for (at, byte) in text.bytes().chain(std::iter::once(b' ')).enumerate() {
        let class = CLASSES.get(usize::from(byte)).copied().unwrap_or(0);
        match (class, start) {
            (0, None) => {}
            (0, Some(from)) => {
                if seen & (DOT | COLON) != 0 || at - from >= HASH_BYTES_MIN {
                    pass.token(from, at, seen);
                }
                (start, seen) = (None, 0);
            }
            (class, None) => (start, seen) = (Some(at), class),
            (class, Some(_)) => seen |= class,
        }
    }
    let complete = pass.urls <= URLS_MAX;
    if foreign && !text.is_ascii() { foreign_names(text, found) && complete } else { complete }
}

struct Pass<'a> {
    text: &'a str,
    wants_url: &'a dyn Fn(&str) -> bool,
    found: &'a mut dyn FnMut(Candidate<'_>),
    urls: usize,
}

impl Pass<'_> {
    fn token(&mut self, from: usize, to: usize, seen: u8) {
        let Some(token) = self.text.get(from..to) else { return };
        if seen & COLON == 0 {
            return self.word(token);
        }
        let hex = token.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.');
        if hex && token.matches(':').nth(1).is_some() {
            let bare = token.trim_end_matches(['.', ':']);
            let address = token.parse().or_else(|_| bare.parse());
            address
                .into_iter()
                .for_each(|address| (self.found)(Candidate::Address(plain_address(IpAddr::V6(address)))));
        }
        token.split(':').for_each(|word| self.word(word));
        let scheme = token.strip_suffix(':').and_then(|head| head.rsplit(':').next());
        let rest = self.text.get(to..).unwrap_or_default();
        if let Some(scheme) = scheme.filter(|_| rest.starts_with("//"))
            && ["http", "https", "ftp", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        {
            self.url(to - scheme.len() - 1, rest.get(2..).unwrap_or_default());
        }
    }

    fn word(&mut self, word: &str) {
        let word = word.trim_matches(['.', '-', '_']);
        if !word.contains('.') {
            let hash = word.len() >= HASH_BYTES_MIN && word.bytes().all(|b| b.is_ascii_hexdigit());
            return if hash {
                (self.found)(Candidate::Hex(word))
            };
        }
        if word.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            word.parse().into_iter().for_each(|address| (self.found)(Candidate::Address(IpAddr::V4(address))));
        } else if word.len() <= HOST_BYTES_MAX {
            (self.found)(Candidate::Host(word));
        }
    }

    // `rest`: what stands behind the two slashes. The host of a usual URL is found as a word of its own.
    fn url(&mut self, from: usize, rest: &str) {
        let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'<>`|{}^".contains(c);
        let rest = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default();
        let authority = rest.get(..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())).unwrap_or_default();
        let host = authority.split_once(':').map_or(authority, |(host, _)| host);
        let last = host.rsplit('.').next().unwrap_or_default();
        let odd = !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
            || authority.contains('@')
            || last.starts_with(|c: char| c.is_ascii_digit());
        let wanted = odd || (self.wants_url)(&host.trim_matches('.').to_ascii_lowercase());
        if !wanted || rest.len() > URL_BYTES_MAX {
            return;
        }
        self.urls += 1;
        if self.urls > URLS_MAX {
            return;
        }
        let end = self.text.len() - self.text.get(from..).map_or(0, str::len);
        let length = self.text.get(from..).and_then(|all| all.find("//")).unwrap_or(0) + 2 + rest.len();
        let Some(whole) = self.text.get(end..end + length) else { return };
        // A sentence may go on behind it.
        let bare = whole.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '*', '_']);
        for form in [Some(whole), (bare.len() < whole.len()).then_some(bare)].into_iter().flatten() {
            let Ok(url) = Url::parse(form) else { continue };
            match url.host() {
                Some(Host::Domain(name)) if odd => (self.found)(Candidate::Host(name.trim_end_matches('.'))),
                Some(Host::Ipv4(v4)) => (self.found)(Candidate::Address(IpAddr::V4(v4))),
                Some(Host::Ipv6(v6)) => (self.found)(Candidate::Address(plain_address(IpAddr::V6(v6)))),
                _ => {}
            }
            (self.found)(Candidate::Url(&url));
        }
    }
}

// Names that are not ASCII. False: some were left out.
fn foreign_names(text: &str, found: &mut dyn FnMut(Candidate<'_>)) -> bool {
    let between = |c: char| c.is_whitespace() || c.is_ascii() && !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    let dots = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];
    let names = text.split(between).map(|word| word.trim_matches(dots));
    let mut names = names.filter(|word| !word.is_ascii() && word.len() <= 4 * HOST_BYTES_MAX && word.contains(dots));
    for word in names.by_ref().take(FOREIGN_MAX) {
        host_name(word).iter().for_each(|name| found(Candidate::Host(name)));
    }
    names.next().is_none()
}
