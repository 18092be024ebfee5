//! Time and randomness: the core takes both as values.

use crate::failure::Failure;
use holdshort_model::RecordId;
use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970. A clock before that is taken for 1970: times are written down, nothing rests on them.
pub(crate) fn now_ns() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(now_ns() / 1_000_000).unwrap_or(0)
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Failure::internal(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// A fresh id.
pub(crate) fn record_id() -> Result<RecordId, Failure> {
    Ok(RecordId::from_parts(now_ms(), u128::from_be_bytes(random()?)))
}
