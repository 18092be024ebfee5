//! A host as it is written, and as the WHATWG URL standard reads it.

use unicode_security::MixedScript as _;
use url::Url;

// RFC 1035: 253; longer ones cannot be contacted.
const HOST_BYTES_MAX: usize = 253;
// Longer URLs are read up to here.
const URL_BYTES_MAX: usize = 8 * 1024;

/// A host that was written somewhere.
pub(super) struct Host {
    /// As it will be contacted: lower case, punycode, addresses in their usual notation.
    pub(super) text: String,
    /// A name, not an address.
    pub(super) name: bool,
    /// What is odd about how it was written.
    pub(super) odd: Vec<String>,
}

/// Reads a host, a host with port, or a URL.
pub(super) fn parse(written: &str) -> Host {
    let written = cut(written, URL_BYTES_MAX);
    let trimmed = written.trim();
    let mut odd = Vec::new();
    let mut say = |kind: &str| odd.push(kind.to_owned());
    let authority = authority(trimmed);
    let (user, bare) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    // `git@host` and `ssh://git@host` name an account and no password.
    if user.is_some_and(|user| user != "git" && (trimmed.contains("://") || user.contains(':'))) {
        say("userinfo");
    }
    if trimmed.contains('\\') || trimmed.contains(['\t', '\n', '\r']) {
        say("separators");
    }
    // `git@host:path`: what follows is no port.
    let copied = user.is_some() && !trimmed.contains("://") && !bare.starts_with('[');
    let bare = if copied { bare.split(':').next().unwrap_or_default() } else { without_port(bare) };
    if bare.contains('%') {
        say("encoded-host");
    }
    if is_plain(bare) {
        return Host { text: bare.to_ascii_lowercase(), name: true, odd };
    }
    let url = Url::parse(&format!("http://{}/", bracketed(bare)));
    let parsed = url.as_ref().ok().and_then(Url::host);
    let (text, name) = match parsed {
        Some(url::Host::Domain(name)) => (name.trim_end_matches('.').to_owned(), true),
        Some(url::Host::Ipv4(address)) => {
            let text = address.to_string();
            if text != bare {
                say("numeric-address");
            }
            (text, false)
        }
        Some(url::Host::Ipv6(address)) => (address.to_string(), false),
        None => {
            say("unparseable");
            (cut(&bare.to_lowercase(), HOST_BYTES_MAX).to_owned(), true)
        }
    };
    if name {
        let unicode = idna::domain_to_unicode(&text).0;
        if !bare.is_ascii() {
            say("unicode-host");
        } else if text.split('.').any(|label| label.starts_with("xn--")) {
            say("punycode");
        }
        if unicode.split('.').any(|label| !label.is_single_script()) {
            say("mixed-scripts");
        }
        if text.len() > HOST_BYTES_MAX {
            say("over-long");
        }
    }
    Host { text: cut(&text, HOST_BYTES_MAX).to_owned(), name, odd }
}

// Whether the standard reads `bare` as the name that it is, in lower case, and nothing about it is odd: labels of letters,
// figures, hyphens and low lines of ASCII that are no punycode, the last of which is no number.
fn is_plain(bare: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
    };
    let last = bare.rsplit('.').next().unwrap_or_default();
    bare.len() <= HOST_BYTES_MAX
        && last.starts_with(|first: char| first.is_ascii_alphabetic())
        && bare.split('.').all(label)
}

// What stands between the scheme and the path, as browsers read it: backslashes are slashes.
fn authority(written: &str) -> &str {
    let after = match written.split_once(':') {
        Some((scheme, rest))
            if rest.starts_with(['/', '\\'])
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) =>
        {
            rest.trim_start_matches(['/', '\\'])
        }
        Some(("mailto", rest)) => rest,
        _ => written.trim_start_matches(['/', '\\']),
    };
    after.split(['/', '\\', '?', '#']).next().unwrap_or_default()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((before, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && (!before.contains(':') || before.ends_with(']')) =>
        {
            before
        }
        _ => host,
    }
}

// `::1` is written without brackets where there is no port.
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn plain_names_are_what_the_standard_reads(bare in "([a-zA-Z0-9_-]{1,8}[.]){0,4}[a-zA-Z0-9_-]{0,6}") {
            if is_plain(&bare) {
                let url = Url::parse(&format!("http://{bare}/")).unwrap();
                let name = bare.to_ascii_lowercase();
                prop_assert_eq!(url.host(), Some(url::Host::Domain(name.as_str())));
                prop_assert!(idna::domain_to_unicode(&name).0.split('.').all(|label| label.is_single_script()));
            }
        }
    }

    #[test]
    fn what_is_not_plain() {
        for bare in
            ["", "a..b", "a.", "xn--a.b", "a.XN--b", "1.2.3.4", "a.0x7f", "a.1", "b\u{fc}cher.de", "a%2eb", "[::1]"]
        {
            assert!(!is_plain(bare), "{bare}");
        }
        assert!(is_plain("api.partner-7.example.org") && is_plain("localhost") && is_plain("_dmarc.Example.org"));
    }
}
