//! Sealed payloads: no panic on hostile bytes, nothing opens without its key, whoever has the key and packs nonsense gets an
//! error and no more memory than the header's bounded length, and what was sealed comes back.
#![no_main]

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use holdshort_ledger::{KeyId, OwnerKey, RecordKey, SEALABLE_BYTES_MAX, SEALED_HEADER_BYTES, Sealed, seal};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

const KEY: [u8; 32] = [7; 32];

fuzz_target!(|data: &[u8]| {
    if let Ok(sealed) = Sealed::parse(data) {
        assert!(sealed.open_with(&OwnerKey::new(KEY)).is_err(), "opened without its key");
    }
    if let Some(bytes) = nonsense(data)
        && let Ok(sealed) = Sealed::parse(&bytes)
        && let Ok(record) = sealed.open(&RecordKey::new(KEY))
    {
        assert_eq!(record.len(), u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize);
    }
    if data.len() <= SEALABLE_BYTES_MAX {
        let (id, key, nonce) = (KeyId::new([1; 16]), OwnerKey::new(KEY), [2; 16]);
        let bytes = seal(data, id, &key, &nonce).expect("short enough");
        assert_eq!(Sealed::parse(&bytes).expect("ours").open_with(&key).expect("our key"), data);
    }
});

/// Header and body as the input has them, with the commitment and the tag of somebody who has the key.
fn nonsense(data: &[u8]) -> Option<Vec<u8>> {
    let (header, body) = data.split_at_checked(SEALED_HEADER_BYTES)?;
    let mut bytes = header.to_vec();
    let commitment = Sha256::new().chain_update(b"holdshort/record-key-commitment/v1").chain_update(KEY).finalize();
    bytes[40..].copy_from_slice(&commitment);
    let mut body = body.to_vec();
    let cipher = Aes256Gcm::new((&KEY).into());
    let tag = cipher.encrypt_inout_detached(&Nonce::default(), &bytes, body.as_mut_slice().into()).ok()?;
    bytes.extend(body);
    bytes.extend_from_slice(&tag);
    Some(bytes)
}
