//! Addresses and names that lead to no place on the public internet (IANA special-purpose registries, RFC 6890, 6761).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

// Addresses at which clouds tell a machine its own credentials.
const METADATA4: [[u8; 4]; 5] =
    [[169, 254, 169, 254], [169, 254, 170, 2], [169, 254, 170, 23], [100, 100, 100, 200], [168, 63, 129, 16]];
const METADATA6: [[u16; 8]; 3] =
    [[0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23]];
const METADATA_NAMES: [&str; 4] =
    ["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "metadata.azure.internal"];
const LOCAL_ENDS: [&str; 9] =
    ["localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain", "corp", "svc.cluster.local"];
// Names that lead to the address that is written in them.
const EMBEDDING: [&str; 5] = ["nip.io", "sslip.io", "xip.io", "traefik.me", "localtest.me"];

/// What is special about an address, written as usual.
pub(super) fn special(host: &str) -> Option<&'static str> {
    match host.parse().ok()? {
        IpAddr::V4(address) => special4(address),
        IpAddr::V6(address) => special6(address),
    }
}

/// What is special about a name.
pub(super) fn special_name(host: &str) -> Option<&'static str> {
    let ends = |end: &str| host.strip_suffix(end).is_some_and(|left| left.is_empty() || left.ends_with('.'));
    if METADATA_NAMES.contains(&host) {
        return Some("metadata");
    }
    if ends("localhost") || ends("localtest.me") || ends("localdomain") {
        return Some("loopback");
    }
    if let Some(address) = embedded(host) {
        return special4(address);
    }
    if ends("onion") {
        return Some("onion");
    }
    (LOCAL_ENDS.iter().any(|end| ends(end)) || !host.contains('.')).then_some("local-name")
}

/// Whether a name says to which address it leads.
pub(super) fn embeds(host: &str) -> bool {
    EMBEDDING.iter().any(|end| host.strip_suffix(end).is_some_and(|left| left.is_empty() || left.ends_with('.')))
}

// `10.0.0.1.nip.io`, `app-10-0-0-1.sslip.io`, `0a000001.nip.io`.
fn embedded(host: &str) -> Option<Ipv4Addr> {
    if !embeds(host) {
        return None;
    }
    let parts: Vec<&str> = host.split(['.', '-']).collect();
    let dotted = parts.windows(4).find_map(|four| four.join(".").parse().ok());
    let hex = || {
        parts
            .iter()
            .filter(|part| part.len() == 8)
            .find_map(|part| u32::from_str_radix(part, 16).ok())
            .map(Ipv4Addr::from)
    };
    dotted.or_else(hex)
}

fn special4(address: Ipv4Addr) -> Option<&'static str> {
    let octets = address.octets();
    if METADATA4.contains(&octets) {
        return Some("metadata");
    }
    match octets {
        [127, ..] => Some("loopback"),
        [0, ..] => Some("unspecified"),
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Some("private"),
        [169, 254, ..] => Some("link-local"),
        [100, 64..=127, ..] => Some("shared"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("documentation"),
        [198, 18..=19, ..] => Some("benchmarking"),
        [192, 88, 99, _] => Some("relay"),
        [192, 0, 0, _] => Some("reserved"),
        [224..=239, ..] => Some("multicast"),
        [255, 255, 255, 255] => Some("broadcast"),
        [240..=255, ..] => Some("reserved"),
        _ => None,
    }
}

fn special6(address: Ipv6Addr) -> Option<&'static str> {
    let parts = address.segments();
    if METADATA6.contains(&parts) {
        return Some("metadata");
    }
    if address.is_loopback() {
        return Some("loopback");
    }
    if address.is_unspecified() {
        return Some("unspecified");
    }
    let four = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    // An IPv4 address inside is judged as one; the way there is special too.
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] => special4(four(high, low)).or(Some("mapped")),
        [0, 0, 0, 0, 0xffff, 0, high, low] => special4(four(high, low)).or(Some("mapped")),
        [0, 0, 0, 0, 0, 0, high, low] => special4(four(high, low)).or(Some("mapped")),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => special4(four(high, low)).or(Some("nat64")),
        [0x64, 0xff9b, 1, ..] => Some("nat64"),
        [0x2002, high, low, ..] => special4(four(high, low)).or(Some("6to4")),
        [0x2001, 0, .., high, low] => special4(four(!high, !low)).or(Some("teredo")),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("documentation"),
        [0x2001, 2, 0, ..] => Some("benchmarking"),
        [0x2001, 0..=0x1ff, ..] => Some("reserved"),
        [0xfc00..=0xfdff, ..] => Some("private"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xfec0..=0xfeff, ..] => Some("private"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        [0x100, 0, 0, 0, ..] => Some("reserved"),
        [0x2000..=0x3fff, ..] => None,
        _ => Some("reserved"),
    }
}
