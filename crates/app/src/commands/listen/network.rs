//! Who a caller is: the address of the connection, or what a proxy that is believed says of it.

use http::HeaderMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use thiserror::Error;

/// Most proxies in a row that are followed.
const HOPS_MAX: usize = 16;
/// Where a proxy says for whom it asks; the nearest proxy writes last.
const FORWARDED: &str = "x-forwarded-for";

/// Addresses with one beginning, as `10.0.0.0/8`; a single address is a network of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum NetworkError {
    #[error("not an address or network such as `192.0.2.7` or `10.0.0.0/8`")]
    Form,
    #[error("a network ends in zeros: this address lies inside one; did you mean `{0}`?")]
    Inside(IpAddr),
    #[error(
        "this is everybody: whoever is believed can say that they are somebody else; name the proxy's own addresses"
    )]
    Everybody,
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            None => (text, None),
            Some((address, bits)) => (address, Some(bits)),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        // Callers are compared in their short form, in which no such address is left.
        if address != address.to_canonical() {
            return Err(NetworkError::Form);
        }
        let most = width(address);
        let bits = match bits {
            None => most,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().ok().filter(|bits| *bits <= most).ok_or(NetworkError::Form)?
            }
            Some(_) => return Err(NetworkError::Form),
        };
        if bits == 0 {
            return Err(NetworkError::Everybody);
        }
        let first = masked(address, bits);
        if first != address { Err(NetworkError::Inside(first)) } else { Ok(Self { address, bits }) }
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && masked(address, self.bits) == self.address
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let cleared = u32::from(width(address).saturating_sub(bits));
    match address {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() & u32::MAX.checked_shl(cleared).unwrap_or(0)).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & u128::MAX.checked_shl(cleared).unwrap_or(0)).into()),
    }
}

/// The proxies that are believed about callers.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies(Vec<Network>);

impl Proxies {
    pub(super) fn new(networks: &[Network]) -> Self {
        Self(networks.to_vec())
    }

    pub(super) fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Who asks: the last hop that is none of these proxies. What stands before it was written by whoever it is, or by
    /// somebody whom nobody here knows.
    ///
    /// INVARIANT: what an untrusted peer writes changes nothing. What a proxy writes and we cannot read counts for the proxy.
    pub(super) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut caller = peer;
        let said = headers.get_all(FORWARDED).iter().rev();
        let hops = said.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops.take(HOPS_MAX) {
            let read = || std::str::from_utf8(hop).ok().and_then(|hop| address(hop.trim()));
            let Some(before) = self.trust(caller).then(read).flatten() else { break };
            caller = before;
        }
        caller
    }
}

/// An address, with a port or without: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::1`, `[2001:db8::1]:80`, `[2001:db8::1]`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let parsed = match bare {
        Some(bare) => bare.parse().ok().filter(IpAddr::is_ipv6),
        None => text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip())),
    };
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// Whose calls are counted together: of IPv6 the network of 64 bits, since whoever has one has all of its addresses.
pub(super) fn bucket(caller: IpAddr) -> IpAddr {
    match caller.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        address @ IpAddr::V6(_) => masked(address, 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_written_in_one_way() {
        for (text, expected) in [
            ("10.0.0.0/8", None),
            ("192.0.2.7", None),
            ("192.0.2.7/32", None),
            ("2001:db8::/32", None),
            ("::1", None),
            ("10.0.0.1/8", Some(NetworkError::Inside(ip("10.0.0.0")))),
            ("2001:db8::1/64", Some(NetworkError::Inside(ip("2001:db8::")))),
            ("0.0.0.0/0", Some(NetworkError::Everybody)),
            ("::/0", Some(NetworkError::Everybody)),
            ("10.0.0.0/33", Some(NetworkError::Form)),
            ("10.0.0.0/+8", Some(NetworkError::Form)),
            ("10.0.0.0/", Some(NetworkError::Form)),
            ("::ffff:10.0.0.0/104", Some(NetworkError::Form)),
            ("proxy.example", Some(NetworkError::Form)),
        ] {
            assert_eq!(text.parse::<Network>().err(), expected, "{text}");
        }
    }

    #[test]
    fn the_caller_is_the_last_hop_that_nobody_vouches_for() {
        let proxies = Proxies::new(&["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()]);
        let check = |peer: &str, said: &[&str], expected: &str| {
            let mut headers = HeaderMap::new();
            said.iter().for_each(|value| {
                headers.append(FORWARDED, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            });
            assert_eq!(proxies.caller(ip(peer), &headers), ip(expected), "{peer} {said:?}");
        };
        check("127.0.0.1", &["192.0.2.1"], "192.0.2.1");
        check("127.0.0.1", &["192.0.2.1:443"], "192.0.2.1");
        check("127.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1");
        check("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1");
        check("127.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1");
        // Through two of ours; what the caller wrote itself stands before it.
        check("127.0.0.1", &["198.51.100.9, 192.0.2.1, 10.1.2.3"], "192.0.2.1");
        check("127.0.0.1", &["198.51.100.9", "192.0.2.1", "10.1.2.3"], "192.0.2.1");
        // Nobody else is believed.
        check("192.0.2.1", &["198.51.100.9"], "192.0.2.1");
        check("192.0.2.1", &["127.0.0.1"], "192.0.2.1");
        check("11.0.0.1", &["198.51.100.9"], "11.0.0.1");
        // What cannot be read is the proxy's.
        for unreadable in ["", "unknown", "192.0.2.1 192.0.2.2", "[192.0.2.1]", "192.0.2.1:x", "\u{e9}", "_hidden"] {
            check("127.0.0.1", &[unreadable], "127.0.0.1");
            check("127.0.0.1", &["198.51.100.9", unreadable], "127.0.0.1");
            check("127.0.0.1", &[&format!("198.51.100.9,{unreadable}, 10.1.2.3")], "10.1.2.3");
        }
        check("127.0.0.1", &[], "127.0.0.1");
        // However long the way.
        check("127.0.0.1", &[&format!("192.0.2.1{}", ", 10.0.0.1".repeat(HOPS_MAX))], "10.0.0.1");
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_are_one() {
        assert_eq!(bucket(ip("2001:db8::1")), bucket(ip("2001:db8:0:0:ffff::")));
        assert_ne!(bucket(ip("2001:db8::1")), bucket(ip("2001:db8:0:1::1")));
        assert_eq!(bucket(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_ne!(bucket(ip("192.0.2.1")), bucket(ip("192.0.2.2")));
    }
}
