//! One indicator: parsed, in the one form that is compared, refused when it would name half of the world.

use percent::unreserved;
use psl::Psl as _;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Longest indicator, in bytes.
const INDICATOR_BYTES_MAX: usize = 4096;
/// Longest name of a host (RFC 1035).
pub(super) const HOST_BYTES_MAX: usize = 253;
/// Shortest prefix of a network of IPv4 and of IPv6.
const PREFIX_MIN: (u8, u8) = (8, 19);

/// What an indicator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A domain and every name below it.
    Domain,
    /// One address.
    Address,
    /// All addresses with one prefix.
    Network,
    /// One URL.
    Url,
    /// The MD5, SHA-1, SHA-256 or SHA-512 of a file.
    Hash,
}

impl Kind {
    /// Its name, as signals show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Address => "address",
            Self::Network => "network",
            Self::Url => "url",
            Self::Hash => "hash",
        }
    }
}

/// A parsed indicator. Its text is the form that is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Lower case, punycode, at least two labels.
    Domain(String),
    /// The address with everything after the prefix cleared, and the length of the prefix.
    Network(IpAddr, u8),
    /// Host, port unless it is usual, path, query.
    Url(String),
    /// The bytes of the hash.
    Hash(Vec<u8>),
}

impl Value {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Domain(_) => Kind::Domain,
            Self::Network(IpAddr::V4(_), 32) | Self::Network(IpAddr::V6(_), 128) => Kind::Address,
            Self::Network(..) => Kind::Network,
            Self::Url(_) => Kind::Url,
            Self::Hash(_) => Kind::Hash,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(name) => f.write_str(name),
            Self::Network(address, _) if self.kind() == Kind::Address => write!(f, "{address}"),
            Self::Network(address, prefix) => write!(f, "{address}/{prefix}"),
            Self::Url(url) => write!(f, "http://{url}"),
            Self::Hash(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// Why something is no indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing there.
    #[error("empty")]
    Empty,
    /// Too long.
    #[error("longer than {INDICATOR_BYTES_MAX} bytes")]
    Long,
    /// Not of the kind that was expected, or of none.
    #[error("not {0}")]
    NotA(&'static str),
    /// Loopback, private, reserved, local.
    #[error("a local, private or reserved {0}")]
    Special(&'static str),
    /// It would name what nobody meant.
    #[error("too broad: {0}")]
    Broad(&'static str),
}

/// Reads an indicator of the kind `kind`, or of whatever kind it looks like. Forms such as `hxxp://evil[.]example` are read.
///
/// # Errors
/// Why it is refused.
pub fn parse(kind: Option<Kind>, text: &str) -> Result<Value, Refused> {
    let text = text.trim();
    match text.len() {
        0 => return Err(Refused::Empty),
        1..=INDICATOR_BYTES_MAX => {}
        _ => return Err(Refused::Long),
    }
    let text = &armed(text);
    match kind {
        Some(Kind::Domain) => domain(text),
        Some(Kind::Address | Kind::Network) => network(text).unwrap_or(Err(Refused::NotA("an address or network"))),
        Some(Kind::Url) => url(text),
        Some(Kind::Hash) => hash(text).unwrap_or(Err(Refused::NotA("an MD5, SHA-1, SHA-256 or SHA-512"))),
        None => match network(text).or_else(|| hash(text)) {
            Some(value) => value,
            None if text.contains('/') => url(text),
            None => domain(text),
        },
    }
}

// Undoes what keeps people from clicking.
fn armed(text: &str) -> String {
    let plain = text.replace("[.]", ".").replace("(.)", ".").replace("[:]", ":").replace("[://]", "://");
    match plain.get(..4).filter(|head| head.eq_ignore_ascii_case("hxxp")) {
        Some(_) => format!("http{}", plain.get(4..).unwrap_or_default()),
        None => plain,
    }
}

fn domain(text: &str) -> Result<Value, Refused> {
    let below = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
    let name = host_name(below).ok_or(Refused::NotA("a domain, address, URL or hash"))?;
    let (_, last) = name.rsplit_once('.').ok_or(Refused::Broad("a single label"))?;
    if matches!(last, "localhost" | "local" | "internal" | "arpa" | "test" | "invalid" | "lan" | "home") {
        return Err(Refused::Special("name"));
    }
    match psl::List.suffix(name.as_bytes()) {
        Some(suffix) if suffix.as_bytes() == name.as_bytes() => Err(Refused::Broad("a public suffix")),
        _ => Ok(Value::Domain(name)),
    }
}

/// `text` as a name of a host: lower case, punycode, well-formed.
pub(super) fn host_name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let name = if text.is_ascii() { text.to_ascii_lowercase() } else { idna::domain_to_ascii(text).ok()? };
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    (name.len() <= HOST_BYTES_MAX && !numeric && name.split('.').all(label)).then_some(name)
}

// `None`: it does not look like one.
fn network(text: &str) -> Option<Result<Value, Refused>> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse::<u8>().ok()?)),
        None => (address_and_port(text)?, None),
    };
    let (address, whole, least) = match plain_address(address) {
        IpAddr::V4(v4) => (IpAddr::V4(v4), 32, PREFIX_MIN.0),
        IpAddr::V6(v6) => (IpAddr::V6(v6), 128, PREFIX_MIN.1),
    };
    let prefix = prefix.unwrap_or(whole);
    if prefix > whole {
        return Some(Err(Refused::NotA("an address or network")));
    }
    if prefix < least {
        return Some(Err(Refused::Broad("a network of a continent")));
    }
    if special(address, prefix) {
        return Some(Err(Refused::Special("address")));
    }
    Some(Ok(Value::Network(masked(address, prefix), prefix)))
}

fn address_and_port(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    text.parse().ok().or_else(with_port)
}

/// IPv4 inside of IPv6 is IPv4.
pub(super) fn plain_address(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// `address` with everything after the first `prefix` bits cleared.
pub(super) fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

// Ranges that are somebody's own, or nobody's (IANA special-purpose address registries).
const SPECIAL_V4: [(Ipv4Addr, u8); 11] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];
const SPECIAL_V6: [(Ipv6Addr, u8); 5] = [
    (Ipv6Addr::UNSPECIFIED, 128),
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

// Whether the network shares an address with a special one.
fn special(address: IpAddr, prefix: u8) -> bool {
    let meets = |other: IpAddr, length: u8| {
        let shorter = prefix.min(length);
        masked(address, shorter) == masked(other, shorter)
    };
    match address {
        IpAddr::V4(_) => SPECIAL_V4.iter().any(|(range, length)| meets(IpAddr::V4(*range), *length)),
        IpAddr::V6(_) => SPECIAL_V6.iter().any(|(range, length)| meets(IpAddr::V6(*range), *length)),
    }
}

fn url(text: &str) -> Result<Value, Refused> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&with_scheme).map_err(|_| Refused::NotA("a URL"))?;
    let compared = compared(&url).ok_or(Refused::NotA("a URL of http, https, ftp or ws"))?;
    match url.host() {
        Some(Host::Ipv4(v4)) if special(IpAddr::V4(v4), 32) => Err(Refused::Special("address")),
        Some(Host::Ipv6(v6)) if special(plain_address(IpAddr::V6(v6)), 128) => Err(Refused::Special("address")),
        Some(Host::Domain(name)) if !name.trim_end_matches('.').contains('.') => Err(Refused::Special("name")),
        _ => Ok(Value::Url(compared)),
    }
}

/// The form in which URLs are compared: no scheme, no credentials, no fragment, unreserved characters not escaped.
pub(super) fn compared(url: &Url) -> Option<String> {
    if !matches!(url.scheme(), "http" | "https" | "ftp" | "ws" | "wss") {
        return None;
    }
    let host = url.host_str()?.trim_end_matches('.');
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = url.query().map(|query| format!("?{}", unreserved(query))).unwrap_or_default();
    Some(format!("{host}{port}{}{query}", unreserved(url.path())))
}

// `None`: it does not look like one.
fn hash(text: &str) -> Option<Result<Value, Refused>> {
    let bytes = hash_bytes(text)?;
    // Of the empty file, and of nothing at all.
    let empty = ["d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709"];
    let longer = ["e3b0c44298fc1c149afbf4c8996fb924", "cf83e1357eefb8bdf1542850d66d8007"];
    let lower = text.to_ascii_lowercase();
    if empty.contains(&lower.as_str()) || longer.iter().any(|head| lower.starts_with(head)) {
        return Some(Err(Refused::Broad("the hash of an empty file")));
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Some(Err(Refused::Broad("zeros")));
    }
    Some(Ok(Value::Hash(bytes)))
}

/// The bytes of a hash in hex: MD5, SHA-1, SHA-256, SHA-512.
pub(super) fn hash_bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some((digit(high)? * 16 + digit(low)?) as u8),
        _ => None,
    };
    matches!(text.len(), 32 | 40 | 64 | 128).then(|| text.as_bytes().chunks(2).map(pair).collect())?
}

mod percent {
    /// `text` with escaped unreserved characters (RFC 3986, 2.3) as they are, and other escapes in upper case.
    pub(super) fn unreserved(text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            let code = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok().map(|byte| (hex, byte)));
            match code {
                Some((_, byte)) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                    out.push(char::from(byte))
                }
                Some((hex, _)) => {
                    out.push('%');
                    out.push_str(&hex.to_ascii_uppercase());
                }
                None => out.push('%'),
            }
            rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_indicators_become() {
        let check = |text: &str, kind: &str, shown: &str| {
            let value = parse(None, text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((value.kind().as_str(), value.to_string().as_str()), (kind, shown), "{text}");
            assert_eq!(parse(None, shown), Ok(value), "{text}");
        };
        check("Evil.Example.COM.", "domain", "evil.example.com");
        check("*.evil.example", "domain", "evil.example");
        check("evil[.]example", "domain", "evil.example");
        check("bücher.example", "domain", "xn--bcher-kva.example");
        check("a_b.evil.example", "domain", "a_b.evil.example");
        check("bad.github.io", "domain", "bad.github.io");
        check("203.0.113.7", "address", "203.0.113.7");
        check("203.0.113.7:443", "address", "203.0.113.7");
        check("203.0.113.7/32", "address", "203.0.113.7");
        check("::ffff:203.0.113.7", "address", "203.0.113.7");
        check("203.0.113.7/24", "network", "203.0.113.0/24");
        check("2001:db8::1", "address", "2001:db8::1");
        check("[2001:db8::1]:80", "address", "2001:db8::1");
        check("2001:db8::1/32", "network", "2001:db8::/32");
        check("hxxps://user:pw@Evil.example:443/a/%7Eb%2f?x=1#y", "url", "http://evil.example/a/~b%2F?x=1");
        check("evil.example/a", "url", "http://evil.example/a");
        check("http://evil.example", "url", "http://evil.example/");
        check("http://203.0.113.7:8080/x", "url", "http://203.0.113.7:8080/x");
        check("900150983CD24FB0D6963F7D28E17F72", "hash", "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn what_is_refused() {
        let check = |text: &str, why: &str| {
            let refused = parse(None, text).unwrap_err().to_string();
            assert!(refused.contains(why), "{text}: {refused}");
        };
        for local in ["127.0.0.1", "10.1.2.3", "192.168.0.0/16", "169.254.169.254", "::1", "fe80::1", "fd00::/32"] {
            check(local, "reserved");
        }
        for local in
            ["http://127.0.0.1/", "http://localhost/x", "http://[::ffff:10.0.0.1]/", "printer.local", "x.localhost"]
        {
            check(local, "reserved");
        }
        check("0.0.0.0/0", "too broad");
        check("2000::/3", "too broad");
        check("172.0.0.0/8", "reserved");
        for suffix in ["co.uk", "github.io", "com.br"] {
            check(suffix, "public suffix");
        }
        check("com", "single label");
        check("", "empty");
        check(&"a".repeat(5000), "longer");
        check("not a domain", "not a domain");
        check("a..example.org", "not a");
        check("1.2.3", "not a");
        check("1.2.3.4/33", "not an address");
        check("d41d8cd98f00b204e9800998ecf8427e", "empty file");
        check(&"0".repeat(64), "zeros");
        check("javascript://evil.example/x", "not a URL");
        assert!(parse(Some(Kind::Hash), "zz").is_err() && parse(Some(Kind::Address), "evil.example").is_err());
    }
}
