//! Keyed fingerprints: the same value has the same one, and nobody without the key can try values against it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;

/// Key of the fingerprints (HMAC-SHA-256, RFC 2104). Whoever has it can test guesses against fingerprints: it is a secret.
#[derive(Clone)]
pub struct FingerprintKey {
    keyed: Hmac<Sha256>,
}

impl FingerprintKey {
    /// A key of 32 random bytes, which the caller keeps for as long as fingerprints are to be comparable.
    pub fn new(key: &[u8; 32]) -> Self {
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self { keyed: Hmac::new(&block.into()) }
    }

    /// Fingerprint of `value`, all 32 bytes.
    pub fn fingerprint(&self, value: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(value);
        mac.finalize().into_bytes().into()
    }

    /// The first 16 hex digits of the fingerprint of `value`, as records and signals show it.
    pub fn short(&self, value: &[u8]) -> String {
        hex(self.fingerprint(value).get(..8).unwrap_or_default())
    }
}

impl Default for FingerprintKey {
    /// The key of zeros: fingerprints are comparable, and hide nothing from who guesses values. For tests and offline use.
    fn default() -> Self {
        Self::new(&[0; 32])
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(***)")
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| DIGITS.get(usize::from(digit)).map(|digit| char::from(*digit)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4231, test case 2 has a short key; padded with zeros to 32 bytes it is the same HMAC key.
    #[test]
    fn fingerprints_are_hmac_sha256() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let key = FingerprintKey::new(&key);
        assert_eq!(key.short(b"what do ya want for nothing?"), "5bdcc146bf60754e");
        assert_eq!(key.fingerprint(b"what do ya want for nothing?")[31], 0x43);
        assert_eq!(format!("{key:?}"), "FingerprintKey(***)");
    }
}
