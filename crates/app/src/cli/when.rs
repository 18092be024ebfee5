//! A time as people give it: a date, or how long ago.

use crate::clock;
use std::time::{Duration, UNIX_EPOCH};

const DAY_MS: u64 = 86_400_000;

/// A moment, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When(pub(crate) u64);

/// Reads a stretch of time: `7d`, `12h 30m`.
pub(crate) fn period(text: &str) -> Result<Duration, String> {
    let wrong = |_| format!("`{text}` is no stretch of time; write how long, such as `7d` or `12h 30m`");
    humantime::parse_duration(text).map_err(wrong)
}

impl When {
    /// Reads `7d`, `12h 30m`, `today`, `yesterday`, `2026-08-01`, `2026-08-01T12:00:00Z` or one with an offset such as `+02:00`.
    /// Days begin at midnight UTC, and a time without an offset is one in UTC.
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
        let today_ms = now_ms - now_ms % DAY_MS;
        match text {
            "today" => return Ok(Self(today_ms)),
            "yesterday" => return Ok(Self(today_ms.saturating_sub(DAY_MS))),
            _ => {}
        }
        let (date, east_ms) = offset(text).unwrap_or((text, 0));
        let date = if date.len() == "2026-08-01".len() { format!("{date}T00:00:00Z") } else { date.to_owned() };
        let time = humantime::parse_rfc3339_weak(&date).map_err(|_| wrong())?;
        Ok(Self(time.duration_since(UNIX_EPOCH).map(millis).unwrap_or(0).saturating_add_signed(-east_ms)))
    }
}

/// Takes an offset such as `+02:00` off a date with a time; so many milliseconds are the clocks there ahead of UTC.
fn offset(text: &str) -> Option<(&str, i64)> {
    let (date, offset) = text.split_at_checked(text.len().checked_sub("+02:00".len())?)?;
    let sign = match offset.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let number = |at: usize| -> Option<i64> {
        let digits = offset.get(at..at.checked_add(2)?)?;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (hours, minutes) = (number(1)?, number(4)?);
    let is_local = date.contains(':') && date.ends_with(|last: char| last.is_ascii_digit());
    let is_one = is_local && offset.get(3..4) == Some(":") && hours < 24 && minutes < 60;
    is_one.then_some((date, sign * (hours * 60 + minutes) * 60_000))
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
        assert_eq!(read("2026-08-01T14:00:00+02:00"), Ok(now));
        assert_eq!(read("2026-08-01T05:30:00.5-06:30"), Ok(now + 500));
        assert_eq!(read("today"), Ok(now - 43_200_000));
        assert_eq!(read("yesterday"), Ok(now - 43_200_000 - 86_400_000));
        for wrong in [
            "",
            "tomorrow",
            "2026-13-01",
            "7",
            "2026-08-01T25:00:00Z",
            "2026-08-01+02:00",
            "2026-08-01T12:00:00+2:00",
            "2026-08-01T12:00:00+24:00",
            "2026-08-01T12:00:00Z+02:00",
            "2026-08-01T12:00:00+\u{e9}1:00",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
