//! How a receiver knows that a webhook comes from us and is fresh.
//!
//! `X-Holdshort-Signature: v1=HEX`, where HEX is the HMAC-SHA-256 (RFC 2104) with the shared secret over the bytes of
//! `X-Holdshort-Timestamp` (seconds since 1970), a full stop, and the body. A receiver compares in constant time and
//! refuses what is older than some minutes; `X-Holdshort-Delivery` is the same in every attempt.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt::Write as _;

/// Header with the signature.
pub const SIGNATURE: &str = "x-holdshort-signature";
/// Header with the time of the attempt.
pub const TIMESTAMP: &str = "x-holdshort-timestamp";
/// Header with the id of the message.
pub const DELIVERY: &str = "x-holdshort-delivery";

/// The value of [`SIGNATURE`] for a body that is sent at `timestamp`.
pub fn sign(secret: &[u8], timestamp: u64, body: &[u8]) -> String {
    let mut text = String::from("v1=");
    // Keys of every length are good for HMAC: there is no error to be had.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) {
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_other_programs_compute() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac topsecret
        let expected = "v1=6a939b0c71853d606167625a15168ee9188c6a511c773ef4f42d307f3849e50f";
        assert_eq!(sign(b"topsecret", 1_700_000_000, b"{\"a\":1}"), expected);
        assert_ne!(sign(b"topsecret", 1_700_000_001, b"{\"a\":1}"), expected);
        assert_ne!(sign(b"other", 1_700_000_000, b"{\"a\":1}"), expected);
    }
}
