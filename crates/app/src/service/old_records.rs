//! What is done with the old records of a log directory, by the running service and by the command line.

use crate::config::LogSettings;
use crate::count::count;
use crate::place::DataDir;
use crate::render;
use holdshort_api::{ArchiveRecords, ArchivedRecords, DropRecords, DroppedRecords, RetentionAnswer, RetentionTier};
use holdshort_store::keys::Keys;
use holdshort_store::log::{
    ClockState, DropPlan, Dropped, LogError, PAUSE_MAX, REASON_CHARS_MAX, Reader, Retention, Tier,
};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock that goes on by less is believed, however short the records are kept that somebody drops by hand.
const PAUSE_MIN: Duration = Duration::from_secs(86_400);

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// Why nothing was archived or dropped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Kept {
    /// It asks for something that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// There is nothing that old.
    #[error("{0}")]
    Nothing(&'static str),
    /// It is not what was agreed to, or the clock is doubted.
    #[error("{0}")]
    Refused(String),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// The old records of one data directory.
#[derive(Clone, Debug)]
pub(crate) struct OldRecords {
    directory: PathBuf,
    key_file: PathBuf,
    keys: Option<Keys>,
    settings: LogSettings,
}

impl OldRecords {
    /// `keys`: with them the times of sealed records can be read.
    pub(crate) fn new(data: &DataDir, keys: Option<Keys>, settings: LogSettings) -> Self {
        Self { directory: data.log(), key_file: data.log_key(), keys, settings }
    }

    /// Takes charge of them. One at a time.
    pub(crate) fn open(&self) -> Result<Retention, LogError> {
        Ok(Retention::open(&self.directory)?.with_keys(self.keys.clone()))
    }

    pub(crate) fn settings(&self) -> LogSettings {
        self.settings
    }

    /// How long records are kept, for whoever has to judge a pause.
    pub(crate) fn kept(&self) -> Duration {
        self.settings.drop_after.0.unwrap_or(PAUSE_MAX)
    }

    /// Compresses segments. Between two of them it asks whether to go on.
    pub(crate) fn archive(
        &self,
        wanted: &ArchiveRecords,
        now: SystemTime,
        go_on: &dyn Fn() -> bool,
    ) -> Result<ArchivedRecords, Kept> {
        let before = before(now, Duration::from_millis(wanted.older_than_ms))?;
        let done = self.open()?.archive(before, wanted.dry_run, go_on)?;
        Ok(ArchivedRecords {
            dry_run: wanted.dry_run,
            segments: done.segments,
            records: done.records,
            bytes_before: done.bytes_before,
            bytes_after: done.bytes_after,
        })
    }

    /// What would go.
    pub(crate) fn plan(&self, retention: &Retention, wanted: &DropRecords, now: SystemTime) -> Result<DropPlan, Kept> {
        if !Dropped::is_reason(&wanted.because) {
            return Err(Kept::Invalid(format!("a reason is one line of 1 to {REASON_CHARS_MAX} characters")));
        }
        let plan = match (wanted.older_than_ms, wanted.before) {
            (None, Some(index)) => retention.plan_drop_to(index)?,
            (Some(age_ms), None) => {
                let age = Duration::from_millis(age_ms);
                let state = retention.judge_clock(now, self.kept().min(age.max(PAUSE_MIN)))?;
                if let Some(doubt) = doubt(state) {
                    return Err(Kept::Refused(format!("nothing was dropped: {doubt}")));
                }
                retention.plan_drop(before(now, age)?)?
            }
            _ => return Err(Kept::Invalid("name an age or the record to keep from, one of them".to_owned())),
        };
        let plan = plan.ok_or(Kept::Nothing("no finished segment of records is that old; nothing was dropped"))?;
        match wanted.first_kept {
            Some(agreed) if agreed != plan.first => Err(Kept::Refused(format!(
                "records before {} would go by now, not those before {agreed} that were agreed to; nothing was dropped",
                plan.first
            ))),
            _ => Ok(plan),
        }
    }

    /// Drops what was planned: on record first, then the signed statement, then the files. `record` makes the record durable and
    /// gives its index.
    pub(crate) fn drop_records<E: From<LogError>>(
        &self,
        retention: &Retention,
        plan: &DropPlan,
        (because, by): (&str, &str),
        record: impl FnOnce(Value) -> Result<u64, E>,
    ) -> Result<DroppedRecords, E> {
        let index = record(json!({
            "first_kept": plan.first, "records": plan.records(), "segments": plan.segments.len(),
            "because": because, "by": by,
        }))?;
        let (because, time_ms) = (because.to_owned(), crate::clock::now_ms());
        let statement = Dropped { first: plan.first, time_ms, record: index, because };
        retention.drop_records(plan, &statement, &self.key_file)?;
        Ok(DroppedRecords { record: Some(index), ..answer(plan) })
    }

    /// Where the records are, and what is waited for.
    pub(crate) fn state(&self, now: SystemTime) -> Result<RetentionAnswer, LogError> {
        let retention = self.open()?;
        let finished = retention.finished()?;
        let tier = |tier: Tier| {
            finished.iter().filter(|segment| segment.tier == tier).fold(RetentionTier::default(), |sum, segment| {
                RetentionTier {
                    segments: sum.segments.saturating_add(1),
                    records: sum.records.saturating_add(segment.records),
                    bytes: sum.bytes.saturating_add(segment.bytes),
                }
            })
        };
        let first_kept = Reader::open(&self.directory)?.first()?;
        let behind = finished.last().map(|last| last.first.saturating_add(last.records));
        let oldest = finished.first().map(|oldest| retention.written(oldest)).transpose()?;
        let drops = oldest.zip(self.settings.drop_after.0).and_then(|(oldest, after)| oldest.checked_add(after));
        Ok(RetentionAnswer {
            live: tier(Tier::Live),
            archived: tier(Tier::Archived),
            first_kept,
            unfinished_from: behind.unwrap_or(first_kept),
            oldest_ms: oldest.map(ms),
            archive_after_ms: self.settings.archive_after.0.map(millis),
            drop_after_ms: self.settings.drop_after.0.map(millis),
            drops_ms: drops.map(ms),
            waits_for: doubt(retention.judge_clock(now, self.kept())?),
        })
    }
}

/// What goes, before it is on record.
pub(crate) fn answer(plan: &DropPlan) -> DroppedRecords {
    DroppedRecords {
        first_kept: plan.first,
        records: plan.records(),
        segments: plan.segments.len() as u64,
        bytes: plan.bytes(),
        newest_ms: plan.newest.map(ms),
        record: None,
    }
}

/// Why a clock is not believed; none when it is.
pub(crate) fn doubt(state: ClockState) -> Option<String> {
    match state {
        ClockState::Good => None,
        ClockState::Behind { than } => Some(format!(
            "the clock is behind: it was {} already. Set it right, or wait until it has come so far",
            render::time(ms(than))
        )),
        ClockState::Jumped { since, at_most } => Some(format!(
            "the clock has gone on by more than {} since {}, when it was last believed. If that is right, say so: `holdshort log retention --clock-is-right`",
            period(at_most),
            render::time(ms(since))
        )),
    }
}

fn before(now: SystemTime, age: Duration) -> Result<SystemTime, Kept> {
    now.checked_sub(age).ok_or_else(|| Kept::Invalid("that is before time began".to_owned()))
}

fn ms(time: SystemTime) -> u64 {
    millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A time in words, in days where it is some.
pub(crate) fn period(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(DAY_S) => count(seconds / DAY_S, "day"),
        _ => humantime::format_duration(duration).to_string(),
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
