//! Addresses in a text: what says where something goes. Mail addresses, URLs and host names, account numbers, paths.

/// Kind of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A mail address.
    Mail,
    /// A URL or the name of a host.
    Url,
    /// An account, card, phone or other number that only looks right as a whole.
    Account,
    /// A path with more than one part.
    Path,
}

impl Kind {
    /// The kind as destinations name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Url => "url",
            Self::Account => "account",
            Self::Path => "path",
        }
    }
}

impl Kind {
    /// The kind of an address that only stands in a text that is carried along.
    pub(crate) fn mentioned(self) -> &'static str {
        match self {
            Self::Mail => "mentioned-mail",
            Self::Url => "mentioned-url",
            Self::Account => "mentioned-account",
            Self::Path => "mentioned-path",
        }
    }
}

/// An address found in a folded text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    pub(crate) kind: Kind,
    /// The address without what may be written one way or another.
    pub(crate) value: String,
    /// First byte and end in the text.
    pub(crate) at: usize,
    pub(crate) end: usize,
}

/// Fewest characters of a number that counts as an account: shorter ones are amounts, years, ids.
const ACCOUNT_CHARS_MIN: usize = 8;
/// Fewest digits among them.
const ACCOUNT_DIGITS_MIN: usize = 5;
/// Groups that an account number may be written in.
const ACCOUNT_GROUPS_MAX: usize = 12;

/// The addresses of a folded text, in their order.
pub(crate) fn atoms(folded: &str) -> Vec<Atom> {
    let chunks: Vec<(usize, &str)> = chunks(folded).collect();
    let mut atoms = Vec::new();
    let mut position = 0;
    while let Some((at, chunk)) = chunks.get(position).copied() {
        if let Some((kind, value)) = classify(chunk) {
            atoms.push(Atom { kind, value, at, end: at + chunk.len() });
        } else if let Some((value, length, end)) = grouped(chunks.get(position..).unwrap_or_default()) {
            atoms.push(Atom { kind: Kind::Account, value, at, end });
            position += length - 1;
        }
        position += 1;
    }
    atoms
}

/// The address that a whole folded value is.
pub(crate) fn whole(folded: &str) -> Option<(Kind, String)> {
    let value = folded.trim();
    if let Some(found) = (!value.contains(' ')).then(|| classify(trim(value))).flatten() {
        return Some(found);
    }
    // `Ann Lee <ann@x.com>`, as mails name people.
    if let Some((name, address)) = value.strip_suffix('>').and_then(|head| head.rsplit_once('<')) {
        // A name holds no other address, and no border between two.
        if name.contains(['@', ',', ';', '<', '>', ':']) || !atoms(name).is_empty() {
            return None;
        }
        return classify(address).filter(|(kind, _)| *kind == Kind::Mail);
    }
    // A number of more groups is none, so that one chunk more says all that the rest would.
    let chunks: Vec<(usize, &str)> = chunks(value).take(ACCOUNT_GROUPS_MAX + 1).collect();
    let (account, length, _) = grouped(&chunks)?;
    (length == chunks.len()).then_some((Kind::Account, account))
}

/// The host of the canonical form of a URL.
pub(crate) fn host(url: &str) -> &str {
    url.split(['/', '?', '#', ':']).next().unwrap_or(url)
}

/// What stands between blanks and brackets, without the punctuation around it.
fn chunks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_border = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '<' | '>'
                    | '"'
                    | '\''
                    | '('
                    | ')'
                    | '['
                    | ']'
                    | '{'
                    | '}'
                    | ','
                    | ';'
                    | '|'
                    | '`'
                    | '\u{201c}'
                    | '\u{201d}'
                    | '\u{3002}'
                    | '\u{ff0c}'
            )
    };
    let pieces = text.split(is_border).filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| {
            let trimmed = trim(piece);
            (trimmed.as_ptr().addr().saturating_sub(text.as_ptr().addr()), trimmed)
        })
        .filter(|(_, piece)| !piece.is_empty())
}

fn trim(piece: &str) -> &str {
    let tail = piece.trim_end_matches(['.', ',', ':', ';', '!', '?', '*', '_', '=']);
    let head = tail.trim_start_matches(['*', '=', ':', '.', '!', '?']);
    // `account:us133`, `iban=us133`: what stands behind the sign is the value.
    match head.rsplit_once(['=', ':']) {
        Some((name, value))
            if !head.contains("//")
                && name.chars().all(char::is_alphabetic)
                && !matches!(name, "http" | "https")
                && value.len() > 3 =>
        {
            value
        }
        _ => head,
    }
}

fn classify(chunk: &str) -> Option<(Kind, String)> {
    let may_be =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'/' | b'@' | b'\\' | b':') || !byte.is_ascii();
    if chunk.len() < 3 || chunk.len() > 2_048 || !chunk.bytes().any(may_be) {
        return None;
    }
    if let Some(rest) = chunk.strip_prefix("mailto:") {
        // What else a mail link asks for, such as a copy to somebody, is a part of where it goes.
        return if rest.contains('?') { Some((Kind::Mail, rest.to_owned())) } else { classify(rest) };
    }
    // Browsers read `https:x.com` and `https:\\x.com` as well.
    if let Some(rest) = chunk.strip_prefix("https:").or_else(|| chunk.strip_prefix("http:")) {
        let rest = rest.trim_start_matches(['/', '\\']);
        return (!rest.is_empty()).then(|| (Kind::Url, url(rest)));
    }
    if let Some((scheme, rest)) = chunk.split_once("://") {
        let named = scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        return (named && !rest.is_empty()).then(|| (Kind::Url, url(rest)));
    }
    if let Some((local, domain)) = chunk.rsplit_once('@')
        && !local.is_empty()
        && is_domain(domain)
    {
        return Some((Kind::Mail, chunk.to_owned()));
    }
    let host = chunk.split(['/', '?', '#', ':']).next().unwrap_or_default();
    if host.starts_with("www.") && host.len() > 6 || is_domain(host) && is_public_suffix(host) {
        return Some((Kind::Url, url(chunk)));
    }
    if is_path(chunk) {
        return Some((Kind::Path, chunk.to_owned()));
    }
    account(chunk).map(|value| (Kind::Account, value))
}

/// One way to write a URL: no scheme, no `www.`, no slash at the end, no user.
fn url(rest: &str) -> String {
    let rest = rest.trim_end_matches('/');
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    // Readers of URLs do not agree on where the host is then: it is no host that anybody named.
    if authority.contains('\\') {
        return rest.to_owned();
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.strip_prefix("www.").unwrap_or(host).trim_end_matches('.');
    format!("{host}{path}")
}

fn is_domain(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    let label = |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    labels.len() > 1
        && labels.iter().all(label)
        && labels.last().is_some_and(|last| last.len() > 1 && last.chars().all(char::is_alphabetic))
}

// A bare name with a dot is a host only with an ending that files and abbreviations do not have.
fn is_public_suffix(host: &str) -> bool {
    #[rustfmt::skip]
    const ENDINGS: &[&str] = &[
        "ai", "app", "at", "au", "be", "biz", "blog", "br", "ca", "cc", "ch", "cloud", "club", "cn", "co", "com", "cz",
        "de", "dev", "dk", "edu", "es", "eu", "example", "fi", "fr", "gov", "gr", "hk", "hu", "ie", "in", "info", "int", "invalid", "io",
        "it", "jp", "kr", "link", "local", "localhost", "me", "mil", "mx", "net", "news", "nl", "no", "nz", "online", "onion", "org",
        "pl", "pro", "pt", "ro", "ru", "se", "sg", "shop", "site", "space", "store", "tech", "test", "top", "tr", "tv", "tw",
        "ua", "uk", "us", "website", "xyz", "za",
    ];
    host.rsplit('.').next().is_some_and(|last| ENDINGS.binary_search(&last).is_ok())
}

fn is_path(chunk: &str) -> bool {
    let rooted = chunk.starts_with(['/', '~']) || chunk.get(1..3).is_some_and(|drive| drive == ":\\" || drive == ":/");
    let parts = chunk.split(['/', '\\']).filter(|part| !part.is_empty()).count();
    let extension = chunk
        .rsplit_once('.')
        .is_some_and(|(_, ending)| (1..=5).contains(&ending.len()) && ending.chars().all(char::is_alphanumeric));
    (rooted && parts > 0) || (parts > 1 && extension)
}

/// An account number in one piece; hyphens, dots and slashes between its groups do not count.
fn account(chunk: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '/' | '+' | '_');
    if !chunk.chars().all(plain) || is_date(chunk) || is_amount(chunk) {
        return None;
    }
    let value: String = chunk.chars().filter(char::is_ascii_alphanumeric).collect();
    let digits = value.chars().filter(char::is_ascii_digit).count();
    (value.len() >= ACCOUNT_CHARS_MIN && digits >= ACCOUNT_DIGITS_MIN).then_some(value)
}

fn is_date(chunk: &str) -> bool {
    let date = chunk.split(['t', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split(['-', '/', '.']).collect();
    parts.len() == 3
        && parts.iter().all(|part| (1..=4).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit()))
}

fn is_amount(chunk: &str) -> bool {
    let (whole, fraction) = chunk.rsplit_once('.').unwrap_or((chunk, ""));
    let is_number = |text: &str| text.bytes().all(|c| c.is_ascii_digit() || c == b',' || c == b'-');
    chunk.contains(['.', ','])
        && is_number(whole)
        && fraction.len() <= 8
        && fraction.bytes().all(|c| c.is_ascii_digit())
}

/// An account number in groups: `us13 3000 0001 2121`. The value, how many chunks it has, where it ends.
fn grouped(chunks: &[(usize, &str)]) -> Option<(String, usize, usize)> {
    // `gb29 nwbk 6016`: a bank's code has no digits.
    let iban = chunks.first().is_some_and(|(_, first)| {
        first.len() == 4
            && first.bytes().take(2).all(|c| c.is_ascii_lowercase())
            && first.bytes().skip(2).all(|c| c.is_ascii_digit())
    });
    let is_group = |group: &str| {
        iban && group.len() == 4 && group.bytes().all(|c| c.is_ascii_alphanumeric())
            || group.len() <= 8
                && group.bytes().all(|c| c.is_ascii_alphanumeric())
                && group.bytes().any(|c| c.is_ascii_digit())
    };
    let mut value = String::new();
    let (mut length, mut end) = (0, 0);
    for (at, chunk) in chunks.iter().take(ACCOUNT_GROUPS_MAX) {
        // Only one blank between groups: figures of a table stand further apart.
        if !is_group(chunk) || (length > 0 && *at != end + 1) {
            break;
        }
        value.push_str(chunk);
        (length, end) = (length + 1, at + chunk.len());
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    (length > 1 && value.len() >= 12 && digits >= ACCOUNT_DIGITS_MIN).then_some((value, length, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expect) in [
            ("pay uk12345678901234567890 now", "Account:uk12345678901234567890"),
            ("iban:us133000000121212121212.", "Account:us133000000121212121212"),
            ("us13 3000 0001 2121 2121 212", "Account:us133000000121212121212"),
            ("see www.x-y.com/a, or https://u@b.org/p?q=1", "Url:x-y.com/a Url:b.org/p?q=1"),
            ("mail ann@x.com (bob@y.co.uk)", "Mail:ann@x.com Mail:bob@y.co.uk"),
            ("on 2022-01-01 98.70 and 1,000,000.00 e.g. file.txt v1.2.3", ""),
            ("read /etc/passwd and a/b.txt", "Path:/etc/passwd Path:a/b.txt"),
            ("ask @bob in #general", ""),
            ("call +41-79-123-45-67", "Account:41791234567"),
            ("evil.com", "Url:evil.com"),
        ] {
            let found: Vec<String> = atoms(text).iter().map(|atom| format!("{:?}:{}", atom.kind, atom.value)).collect();
            assert_eq!(found.join(" "), expect, "{text}");
        }
    }

    #[test]
    fn whole_values() {
        assert_eq!(whole("us13 3000 0001 2121"), Some((Kind::Account, "us13300000012121".into())));
        assert_eq!(whole("pay us133000000121212121212"), None);
        assert_eq!(whole("www.a.com"), Some((Kind::Url, "a.com".into())));
        assert_eq!(whole("general"), None);
        // As many groups as a number may have, and one more, with what stands between them and behind them.
        let groups = |count: usize| (0..count).map(|group| format!("{:02}", 10 + group)).collect::<Vec<_>>().join(" ");
        let twelve = groups(12).replace(' ', "");
        assert_eq!(whole(&groups(12)), Some((Kind::Account, twelve)));
        for long in [13, 14, 2_000] {
            assert_eq!(whole(&groups(long)), None, "{long}");
        }
        for (text, is_account) in [
            ("us13  3000 0001 2121", false),
            ("us13 3000, 0001 2121", false),
            ("us13 3000 0001 2121.", true),
            ("us13 3000 0001 2121 \u{e9}", false),
            ("us13 3000 0001 2121 ()", true),
            ("(us13 3000 0001 2121)", true),
        ] {
            assert_eq!(whole(text).is_some(), is_account, "{text}");
        }
    }
}
