//! `[log]`: room on the disk, and what becomes of old records.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Shortest time after which records may be archived or dropped: a checkpoint covers them by then many times over.
const AFTER_MIN: Duration = Duration::from_secs(60);

/// The log on disk: how much room it leaves, and what becomes of old records.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// Room that stays free on the disk of the log, such as `256 MiB`. With less, every action is refused with `recorder-full`
    /// until there is room again; what ran is still recorded. Default: `256 MiB`.
    #[schemars(with = "String")]
    pub(crate) keep_free: Size,
    /// Age at which a finished segment of records is compressed, such as `7d`, or `never`. Reading, proving and verifying go on
    /// as before. Default: `7d`.
    #[schemars(with = "String")]
    pub(crate) archive_after: After,
    /// Age at which a segment's records are removed for good, such as `400d`, or `never`. Entries, tiles and checkpoints stay,
    /// so that every proof still holds. Default: `never`.
    #[schemars(with = "String")]
    pub(crate) drop_after: After,
    /// A log on a file system that other machines can write to, such as NFS, SMB, 9p or FUSE: `refuse`, or `accept` where locks hold and
    /// one machine at a time uses the directory. Default: `refuse`.
    pub(crate) shared_disk: SharedDisk,
}

/// What becomes of a log on a shared file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SharedDisk {
    /// It is not opened.
    #[default]
    Refuse,
    /// It is opened, and the lock is looked at more often.
    Accept,
}

/// Bytes more than the log that the index leaves free on the disk: it stops before the log has to.
const INDEX_MARGIN_BYTES: u64 = 128 << 20;

impl LogSettings {
    /// Bytes that the index leaves free.
    pub(crate) fn index_keep_free(&self) -> u64 {
        self.keep_free.0.saturating_add(INDEX_MARGIN_BYTES)
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            keep_free: Size(256 << 20),
            archive_after: After(Some(Duration::from_secs(7 * 86_400))),
            drop_after: After(None),
            shared_disk: SharedDisk::Refuse,
        }
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Size(pub(crate) u64);

/// A time after which something happens; none: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct After(pub(crate) Option<Duration>);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = text.trim().strip_prefix(digits).unwrap_or_default().trim();
        let factor = UNITS.into_iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
        let bytes = factor.zip(digits.parse::<u64>().ok()).and_then(|(factor, count)| count.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| format!("`{text}` is not a size such as `256 MiB`"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.into_iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor));
        let (unit, factor) = whole.unwrap_or(("B", 1));
        write!(out, "{} {unit}", self.0.checked_div(factor).unwrap_or_default())
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl TryFrom<String> for After {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        let after = humantime::parse_duration(&text);
        after.map(|after| Self(Some(after))).map_err(|_| format!("`{text}` is not a time such as `7d`, or `never`"))
    }
}

impl From<After> for String {
    fn from(after: After) -> Self {
        after.0.map_or_else(|| "never".to_owned(), |after| humantime::format_duration(after).to_string())
    }
}

/// What cannot work.
pub(super) fn validate(log: &LogSettings, problems: &mut Vec<String>) {
    for (key, After(after)) in [("archive_after", log.archive_after), ("drop_after", log.drop_after)] {
        if after.is_some_and(|after| after < AFTER_MIN) {
            problems.push(format!("`log.{key}`: less than a minute"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn sizes_and_times_are_read_and_written() {
        for (text, bytes) in [("256 MiB", 256 << 20), ("1GiB", 1 << 30), ("0 B", 0), ("1500 B", 1_500)] {
            assert_eq!(Size::try_from(text.to_owned()), Ok(Size(bytes)));
            assert_eq!(Size::try_from(Size(bytes).to_string()), Ok(Size(bytes)));
        }
        for text in ["", "5", "MiB", "-1 MiB", "1.5 MiB", "5 MB", "99999999999 GiB"] {
            assert!(Size::try_from(text.to_owned()).is_err(), "{text}");
        }
        let config = parse("[log]\narchive_after = \"never\"\ndrop_after = \"400d\"", "f").unwrap().log;
        assert_eq!((config.archive_after, config.drop_after.0), (After(None), Some(Duration::from_secs(400 * 86_400))));
        assert_eq!(String::from(config.archive_after), "never");
        let written = String::from(LogSettings::default().archive_after);
        assert_eq!(After::try_from(written), Ok(LogSettings::default().archive_after));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for (text, expected) in [
            ("keep_free = \"some\"", "not a size"),
            ("archive_after = \"soon\"", "not a time"),
            ("drop_after = \"5s\"", "less than a minute"),
            ("keep = \"1 B\"", "keep_free"),
            ("shared_disk = \"maybe\"", "accept"),
        ] {
            let error = parse(&format!("[log]\n{text}"), "f").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
