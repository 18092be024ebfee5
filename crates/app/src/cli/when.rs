//! A time as people give it: a date, or how long ago.

use crate::clock;
use std::time::{Duration, UNIX_EPOCH};

/// A moment, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When(pub(crate) u64);

/// Reads a stretch of time: `7d`, `12h 30m`.
pub(crate) fn period(text: &str) -> Result<Duration, String> {
    let wrong = |_| format!("`{text}` is no stretch of time; write how long, such as `7d` or `12h 30m`");
    humantime::parse_duration(text).map_err(wrong)
}

impl When {
    /// Reads `7d`, `12h 30m`, `2026-08-01` or `2026-08-01T12:00:00Z`; dates are in UTC.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::parse_at(text, clock::now_ms())
    }

    fn parse_at(text: &str, now_ms: u64) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is no time; write how long ago, such as `7d`, or a date, such as `2026-08-01T12:00:00Z`")
        };
        if let Ok(age) = humantime::parse_duration(text) {
            return Ok(Self(now_ms.saturating_sub(millis(age))));
        }
        let text = if text.len() == "2026-08-01".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
        let time = humantime::parse_rfc3339_weak(&text).map_err(|_| wrong())?;
        Ok(Self(time.duration_since(UNIX_EPOCH).map(millis).unwrap_or(0)))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long() {
        assert_eq!(period("12h 30m"), Ok(Duration::from_secs(45_000)));
        for wrong in ["", "x", "7", "2026-08-01"] {
            assert!(period(wrong).unwrap_err().contains("such as `7d`"), "{wrong}");
        }
    }

    #[test]
    fn a_date_or_how_long_ago() {
        let now = 1_785_585_600_000;
        let read = |text: &str| When::parse_at(text, now).map(|when| when.0);
        assert_eq!(read("1d"), Ok(now - 86_400_000));
        assert_eq!(read("9999999y"), Ok(0));
        assert_eq!(read("2026-08-01T12:00:00Z"), Ok(now));
        assert_eq!(read("2026-08-01T12:00:00.250Z"), Ok(now + 250));
        assert_eq!(read("2026-08-01 12:00:00"), Ok(now));
        assert_eq!(read("2026-08-01"), Ok(now - 43_200_000));
        for wrong in ["", "yesterday", "2026-13-01", "7", "2026-08-01T25:00:00Z"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
