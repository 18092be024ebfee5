//! When records were written, by what they say themselves.

use super::error::Damage;
use super::segments::{Scan, Segment, Step};
use crate::keys::{Found, Keys};
use holdshort_ledger::Sealed;
use serde::Deserialize;
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// Records at an end of a segment that are looked at for one that can be read.
const LOOKED_AT_MAX: usize = 256;
/// Readable ones of them of which the latest counts: the clock may have been set back in between.
const COMPARED_MAX: usize = 16;

/// Reads the times of records: of those that lie open, and with keys of sealed ones.
#[derive(Debug, Default)]
pub(crate) struct Times {
    keys: Option<Keys>,
}

/// What a record says about its time. Some types have none.
#[derive(Deserialize)]
struct Said {
    time_ms: Option<u64>,
    received_ms: Option<u64>,
}

impl Times {
    pub(crate) fn new(keys: Option<Keys>) -> Self {
        Self { keys }
    }

    /// The time that a payload says; none when it says none or cannot be read.
    pub(crate) fn of(&self, payload: &[u8]) -> Option<SystemTime> {
        if payload.first() == Some(&b'{') {
            return said(payload);
        }
        let (keys, sealed) = (self.keys.as_ref()?, Sealed::parse(payload).ok()?);
        match keys.find(&sealed.key_id()) {
            Ok(Found::Key(key)) => said(&sealed.open_with(&key).ok()?),
            _ => None,
        }
    }

    /// The time of the newest records of a segment; none when none of them can be read.
    pub(crate) fn newest(&self, segment: &Segment) -> Result<Option<SystemTime>, Damage> {
        let mut scan = Scan::open(segment)?;
        let mut offsets = VecDeque::with_capacity(LOOKED_AT_MAX);
        let mut offset = scan.offset();
        while scan.skip()?.is_some() {
            if offsets.len() == LOOKED_AT_MAX {
                offsets.pop_front();
            }
            offsets.push_back(offset);
            offset = scan.offset();
        }
        let mut found = Vec::new();
        for offset in offsets.into_iter().rev() {
            scan.seek(offset)?;
            let Step::Frame(_) = scan.step()? else { break };
            found.extend(self.of(scan.payload()));
            if found.len() == COMPARED_MAX {
                break;
            }
        }
        Ok(found.into_iter().max())
    }

    /// The time of the first record of a segment that can be read.
    pub(crate) fn oldest(&self, segment: &Segment) -> Result<Option<SystemTime>, Damage> {
        let mut scan = Scan::open(segment)?;
        for _ in 0..LOOKED_AT_MAX {
            let Step::Frame(_) = scan.step()? else { break };
            if let Some(time) = self.of(scan.payload()) {
                return Ok(Some(time));
            }
        }
        Ok(None)
    }
}

fn said(json: &[u8]) -> Option<SystemTime> {
    let Said { time_ms, received_ms } = serde_json::from_slice(json).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(received_ms.or(time_ms)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_its_time_or_none() {
        let times = Times::default();
        let at = |ms| Some(SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
        for (payload, expected) in [
            (r#"{"type":"lifecycle","time_ms":7}"#, at(7)),
            (r#"{"type":"decision","received_ms":8,"request":{"time_ms":9}}"#, at(8)),
            (r#"{"type":"outcome","decision":"x"}"#, None),
            (r#"{"time_ms":18446744073709551615}"#, None),
            (r#"{"time_ms":-1}"#, None),
            ("{", None),
            ("", None),
            ("\u{e1}sealed", None),
        ] {
            let found = times.of(payload.as_bytes());
            assert!(found == expected || found > at(1 << 60), "{payload}: {found:?}");
        }
    }
}
