//! Hosts of URLs and addresses, as a client would reach them (WHATWG URL, the parts that decide about the host).
//!
//! What a client could read in two ways is not `certain`: user information before `@`, numbers that are addresses in
//! disguise (`0x7f.1`, `2130706433`), percent-encoding or foreign letters in the host. Only `*` matches such a host.
//! What is NOT checked here: what the name resolves to.

use crate::path::is_deceptive;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A host from an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Lower case, without port and without the dot at the end; IPv6 without brackets, compressed.
    pub name: String,
    /// Whether every client reads it like this.
    pub certain: bool,
}

/// The host of `scheme://host...`. `None` when the text is not of that form or has no host.
pub fn host_of_url(url: &str) -> Option<Host> {
    let trimmed = url.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let (scheme, rest) = trimmed.split_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if scheme.is_empty() || !scheme.chars().all(plain) || !rest.starts_with(['/', '\\']) {
        return None;
    }
    let deceptive = trimmed != url || rest.chars().any(is_deceptive) || !rest.starts_with("//");
    let rest: String = rest.chars().filter(|c| !is_deceptive(*c)).collect();
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let odd = rest.get(authority.len()..).is_some_and(|tail| tail.starts_with('\\'));
    let (user, place) = authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
    let mut host = host(without_port(place))?;
    host.certain &= user.is_none() && !deceptive && !odd;
    Some(host)
}

/// A bare host, with or without port: the value of a parameter named `host`.
pub(crate) fn host_of_name(text: &str) -> Option<Host> {
    if text.contains("://") {
        return host_of_url(text);
    }
    let name = text.trim();
    if name.is_empty() || name.contains(['/', '\\', '@', ' ']) {
        return None;
    }
    let mut host = host(without_port(name))?;
    host.certain &= name == text && !text.chars().any(is_deceptive);
    Some(host)
}

/// The domain of a mail address, with the address in lower case.
pub(crate) fn mail_address(text: &str) -> Option<(String, Host)> {
    let text = text.trim();
    // `Ann <ann@example.com>` (RFC 5322).
    let address = match (text.rfind('<'), text.strip_suffix('>')) {
        (Some(start), Some(inner)) => inner.get(start + 1..)?,
        _ => text,
    };
    let (local, domain) = address.rsplit_once('@')?;
    let plain = |c: char| !c.is_whitespace() && !is_deceptive(c) && !",;:<>()[]\\\"".contains(c);
    if local.is_empty() || address.len() > 320 || !local.chars().all(plain) || !domain.contains('.') {
        return None;
    }
    let mut host = host(domain)?;
    host.certain &= !local.contains('@') && !local.contains('%') && !local.contains('!');
    Some((format!("{}@{}", local.to_lowercase(), host.name), host))
}

fn without_port(place: &str) -> &str {
    if place.starts_with('[') {
        return place.split_inclusive(']').next().unwrap_or(place);
    }
    place.rsplit_once(':').map_or(place, |(host, _)| host)
}

fn host(text: &str) -> Option<Host> {
    let lower = text.to_lowercase();
    if let Some(inner) = lower.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Option<Ipv6Addr> = inner.parse().ok();
        let name = address.map_or_else(|| inner.to_owned(), |address| address.to_string());
        return Some(Host { name, certain: address.is_some() });
    }
    let name = lower.strip_suffix('.').unwrap_or(&lower);
    if name.is_empty() {
        return None;
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    let named = name.len() <= 253 && name.split('.').all(label);
    // WHATWG: a last label that is a number makes the whole host an IPv4 address, in whatever notation.
    let last = name.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|c| c.is_ascii_digit()) || last.starts_with("0x");
    let certain = named && (!numeric || name.parse::<Ipv4Addr>().is_ok());
    Some(Host { name: name.to_owned(), certain })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts() {
        for (url, name, certain) in [
            ("https://Example.COM/a?b#c", "example.com", true),
            ("http://example.com:8080", "example.com", true),
            ("https://example.com./x", "example.com", true),
            ("http://[2001:DB8::1]:80/", "2001:db8::1", true),
            ("http://127.0.0.1/", "127.0.0.1", true),
            ("https://good.com@evil.com/", "evil.com", false),
            ("https://user:pw@evil.com:1/@good.com", "evil.com", false),
            ("https://evil.com\\@good.com", "evil.com", false),
            ("https:\\\\evil.com", "evil.com", false),
            ("https:/evil.com/", "evil.com", false),
            ("http://2130706433/", "2130706433", false),
            ("http://0x7f.1/", "0x7f.1", false),
            ("http://127.1/", "127.1", false),
            ("http://ex%61mple.com/", "ex%61mple.com", false),
            ("http://ex\u{e4}mple.com/", "ex\u{e4}mple.com", false),
            ("http://a..b/", "a..b", false),
            ("ht\ttp://x", "", false),
            ("https://ev\til.com", "evil.com", false),
            (" https://evil.com", "evil.com", false),
            ("ftp://h/x", "h", true),
        ] {
            let expected = (!name.is_empty()).then(|| Host { name: name.into(), certain });
            assert_eq!(host_of_url(url), expected, "{url}");
        }
        for url in ["", "example.com", "mailto:a@b.c", "http://", "http:///", "://x", "C:x", "urn:a:b"] {
            assert_eq!(host_of_url(url), None, "{url}");
        }
    }

    #[test]
    fn addresses() {
        let address = |text| mail_address(text).map(|(address, host)| (address, host.certain));
        assert_eq!(address("Ann@Example.com"), Some(("ann@example.com".into(), true)));
        assert_eq!(address("Ann B <ann@example.com>"), Some(("ann@example.com".into(), true)));
        assert_eq!(address("a@good.com@evil.com").map(|(_, certain)| certain), Some(false));
        for text in ["", "@x.com", "ann", "ann@localhost", "a b@x.com", "a,b@x.com", "hello @ann"] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            let _ = (host_of_url(&text), host_of_name(&text), mail_address(&text), host_of_url(&format!("http://{text}")));
        }

        #[test]
        fn user_information_is_never_the_host(user in "[a-z.]{1,10}", host in "[a-z]{1,10}\\.com") {
            let found = host_of_url(&format!("https://{user}@{host}/")).unwrap();
            prop_assert_eq!(found, Host { name: host, certain: false });
        }
    }
}
