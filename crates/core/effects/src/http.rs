//! What an HTTP request does, by its method and its address.
//!
//! Every request carries something to a host: the address alone can hold data. What is NOT checked here: what a name
//! resolves to (the place that connects has to), what the server does with a `GET`, headers that change the method.

use crate::host::host_of_url;
use crate::path::is_file_uri;
use crate::roles;
use holdshort_model::{ActionEffect, Certainty, Resource, Verb};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Label of hosts of this machine.
pub const LOOPBACK: &str = "loopback";
/// Label of hosts that only a private network has, by address or by name.
pub const PRIVATE_NETWORK: &str = "private-network";
/// Label of the services that hand out a machine's credentials.
pub const METADATA: &str = "metadata-service";

/// The effects of a request. `url` is absolute, as the client would send it.
pub fn effects(method: &str, url: &str) -> Vec<ActionEffect> {
    if is_file_uri(url) {
        return vec![roles::effect_on(Verb::Read, roles::file(url, None), Some(1))];
    }
    let Some(host) = host_of_url(url) else {
        return vec![unprovable(Resource { kind: "url".to_owned(), id: Some(url.to_owned()), ..Resource::default() })];
    };
    let labels = labels(&host.name).iter().map(|label| (*label).to_owned()).collect();
    let resource =
        Resource { kind: "url".to_owned(), id: Some(url.to_owned()), host: Some(host.name), path: None, labels };
    let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
    // Method names are case-sensitive (RFC 9110, 9.1), but who is careless about it means the same.
    let verbs: &[Verb] = match (scheme.as_str(), method.to_ascii_uppercase().as_str()) {
        ("http" | "https", "GET" | "HEAD" | "OPTIONS") => &[Verb::Read, Verb::Send],
        ("http" | "https", "POST" | "PUT" | "PATCH") => &[Verb::Write, Verb::Send],
        ("http" | "https", "DELETE") => &[Verb::Delete, Verb::Send],
        // `CONNECT` opens a tunnel, a web socket carries anything, `MKCOL` is WebDAV's, and `BREW` is not known.
        _ => &[],
    };
    let certainty = if host.certain { Certainty::Derived } else { Certainty::Unknown };
    let on =
        |verb: Verb| ActionEffect { verb, resource: resource.clone(), reversible: None, count: Some(1), certainty };
    match verbs {
        [] => vec![unprovable(resource.clone()), on(Verb::Send)],
        verbs => verbs.iter().copied().map(on).collect(),
    }
}

fn unprovable(resource: Resource) -> ActionEffect {
    ActionEffect { verb: Verb::Execute, resource, reversible: None, count: None, certainty: Certainty::Unprovable }
}

/// What kind of place a host is, by its address in whatever notation, or by its name; nothing for the public Internet.
fn labels(host: &str) -> &'static [&'static str] {
    let address = host.parse::<IpAddr>().ok().or_else(|| loose_ipv4(host).map(IpAddr::V4));
    match address {
        Some(IpAddr::V4(address)) => labels_v4(address),
        Some(IpAddr::V6(address)) => labels_v6(address),
        None => labels_name(host),
    }
}

fn labels_name(host: &str) -> &'static [&'static str] {
    let below = |domain: &str| host.strip_suffix(domain).is_some_and(|start| start.is_empty() || start.ends_with('.'));
    // Names of the metadata services of Google and Amazon.
    if ["metadata.google.internal", "instance-data.ec2.internal", "metadata"].into_iter().any(below) {
        &[METADATA, PRIVATE_NETWORK]
    } else if below("localhost") {
        &[LOOPBACK, PRIVATE_NETWORK]
    } else if !host.contains('.')
        || ["local", "internal", "lan", "home.arpa", "corp", "intranet"].into_iter().any(below)
    {
        &[PRIVATE_NETWORK]
    } else {
        &[]
    }
}

// RFC 6890 and the address that the clouds answer at.
fn labels_v4(address: Ipv4Addr) -> &'static [&'static str] {
    let [a, b, ..] = address.octets();
    if matches!(address.octets(), [169, 254, 169, 254] | [169, 254, 170, 2] | [100, 100, 100, 200]) {
        &[METADATA, PRIVATE_NETWORK]
    } else if address.is_loopback() || a == 0 {
        &[LOOPBACK, PRIVATE_NETWORK]
    } else if address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || a == 100 && (64..128).contains(&b)
        || a == 198 && (18..20).contains(&b)
        || matches!(address.octets(), [192, 0, 0, _])
        || a >= 240
    {
        &[PRIVATE_NETWORK]
    } else {
        &[]
    }
}

fn labels_v6(address: Ipv6Addr) -> &'static [&'static str] {
    if address.is_loopback() || address.is_unspecified() {
        return &[LOOPBACK, PRIVATE_NETWORK];
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| labels_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match (a, b, c, d, e, f) {
        // IPv4-mapped, IPv4-compatible, IPv4-translated, NAT64 (RFC 6052).
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => v4(g, h),
        // Local NAT64 (RFC 8215), and 6to4 (RFC 3056).
        (0x64, 0xff9b, 1, ..) => &[PRIVATE_NETWORK],
        (0x2002, high, low, ..) => v4(high, low),
        (0xfd00, 0xec2, 0, 0, 0, 0) if (g, h) == (0, 0x254) => &[METADATA, PRIVATE_NETWORK],
        // Unique local, link-local, site-local, multicast.
        _ if a & 0xfe00 == 0xfc00 || a & 0xff80 == 0xfe80 || a & 0xff00 == 0xff00 => &[PRIVATE_NETWORK],
        _ => &[],
    }
}

/// An IPv4 address as browsers and `inet_aton` read it: one to four numbers, each decimal, octal or hexadecimal.
fn loose_ipv4(host: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u64> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, before) = parts.split_last()?;
    if before.len() > 3 || before.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 8 * (4 - u32::try_from(before.len()).ok()?);
    if *last >= 1_u64 << room {
        return None;
    }
    let high = before.iter().zip([24_u32, 16, 8]).map(|(part, shift)| part << shift).sum::<u64>();
    Some(Ipv4Addr::from(u32::try_from(high + last).ok()?))
}

fn number(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 16).ok() };
    }
    let radix = if text.len() > 1 && text.starts_with('0') { 8 } else { 10 };
    // `from_str_radix` takes a sign.
    text.bytes().all(|c| c.is_ascii_digit()).then(|| u64::from_str_radix(text, radix).ok())?
}
