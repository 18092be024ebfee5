//! Addresses of mail (RFC 5321, without quoted and bare-address forms).

use super::Found;

const LOCAL_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 253;

// Domains that RFC 2606 and RFC 6761 keep for examples, and what never gets mail.
const RESERVED: [&str; 4] = ["example.com", "example.org", "example.net", "example.edu"];
// Mailboxes of machines.
const MACHINES: [&str; 8] =
    ["git", "noreply", "no-reply", "donotreply", "do-not-reply", "mailer-daemon", "root", "www-data"];
// Mailboxes of functions (RFC 2142 and usage): an address, hardly a person's.
const ROLES: [&str; 16] = [
    "info",
    "support",
    "sales",
    "admin",
    "contact",
    "help",
    "abuse",
    "postmaster",
    "webmaster",
    "security",
    "office",
    "team",
    "hello",
    "billing",
    "marketing",
    "press",
];

pub(super) fn find(text: &str, found: &mut Found) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) =
        bytes.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'@')).map(|at| from + at)
    {
        from = at + 1;
        if let Some((address, confidence)) = address(bytes, at) {
            found.add("email", address, confidence);
        }
    }
}

fn address(bytes: &[u8], at: usize) -> Option<(Vec<u8>, u8)> {
    let before = bytes.get(at.saturating_sub(LOCAL_BYTES_MAX + 1)..at)?;
    let local = before.iter().rev().take_while(|byte| local_byte(**byte)).count();
    let local = before.get(before.len() - local..)?;
    let local = local.get(local.iter().position(u8::is_ascii_alphanumeric)?..)?;
    // What stands before must not make it a part of a path, a URL with a user, or a package.
    let preceding = at.checked_sub(local.len() + 1).and_then(|at| bytes.get(at));
    if local.len() > LOCAL_BYTES_MAX || local.ends_with(b".") || matches!(preceding, Some(b'/' | b'@' | b'$' | b'\\')) {
        return None;
    }
    let after = bytes.get(at + 1..)?;
    let domain = after.iter().take(DOMAIN_BYTES_MAX).take_while(|byte| domain_byte(**byte)).count();
    let domain = after.get(..domain)?;
    let domain = domain.get(..domain.iter().rposition(u8::is_ascii_alphanumeric)? + 1)?;
    // `git@host:path`, `user@host/path` of a URL.
    if matches!(after.get(domain.len()), Some(b'@' | b'(')) {
        return None;
    }
    let domain = domain.to_ascii_lowercase();
    let text = std::str::from_utf8(&domain).ok()?;
    if text.split('.').any(|label| label.is_empty() || label.len() > 63) || !text.contains('.') {
        return None;
    }
    let known = psl::domain(&domain).is_some_and(|domain| domain.suffix().is_known());
    let reserved =
        RESERVED.iter().any(|name| text == *name || text.strip_suffix(name).is_some_and(|left| left.ends_with('.')));
    let top = text.rsplit('.').next()?;
    if !known || reserved || top.bytes().any(|byte| byte.is_ascii_digit()) && !top.starts_with("xn--") {
        return None;
    }
    let local = local.to_ascii_lowercase();
    let name = std::str::from_utf8(&local).ok()?;
    if MACHINES.contains(&name) {
        return None;
    }
    let confidence = if ROLES.contains(&name) { 40 } else { 90 };
    Some(([local.as_slice(), b"@", &domain].concat(), confidence))
}

fn local_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'')
}

fn domain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}
