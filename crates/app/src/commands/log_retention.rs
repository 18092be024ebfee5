//! `log archive`, `log drop`, `log verify-segment`.

use super::log::{check_exists, directory, unreadable};
use crate::cli::{ArchiveArgs, DropArgs, VerifySegmentArgs};
use crate::count::count;
use crate::failure::{Failure, Outcome, named_file};
use crate::remote::{self, Whereabouts};
use crate::service::assemble::log_options;
use crate::service::lock::DataLock;
use crate::{clock, out, render};
use holdshort_model::{LifecycleRecord, Record};
use holdshort_store::log::{self, DropPlan, Dropped, Log, LogError, REASON_CHARS_MAX, Retention};
use serde_json::json;
use std::fs::File;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

pub(super) fn archive(arguments: &ArchiveArgs) -> Outcome {
    let loaded = arguments.place.load()?;
    let age = arguments.older_than.or(loaded.config.log.archive_after.0);
    let age =
        age.ok_or_else(|| Failure::usage("`archive_after` is `never`").hint("name an age with `--older-than`"))?;
    let directory = directory(&arguments.place)?;
    check_exists(&directory)?;
    let retention = Retention::open(&directory).map_err(untouched)?;
    let done = retention.archive(before(age)?, arguments.dry_run, &|| true).map_err(untouched)?;
    let (segments, records) = (done.segments, done.records);
    let (bytes_before, bytes_after) = (done.bytes_before, done.bytes_after);
    if arguments.output.json {
        out::json(&json!({
            "dry_run": arguments.dry_run, "segments": segments, "records": records,
            "bytes_before": bytes_before, "bytes_after": bytes_after,
        }))?;
    } else if arguments.dry_run {
        let what = [count(segments, "segment"), count(records, "record"), count(bytes_before, "byte")].join(", ");
        out::line(format_args!("would archive {what}"))?;
    } else {
        let (segments, records) = (count(segments, "segment"), count(records, "record"));
        out::line(format_args!("archived {segments}, {records}: {bytes_before} bytes became {bytes_after}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn drop_records(arguments: &DropArgs) -> Outcome {
    let because = arguments.because.trim();
    if !Dropped::is_reason(because) {
        return Err(Failure::usage(format!("`--because` is one line of 1 to {REASON_CHARS_MAX} characters")));
    }
    let loaded = arguments.place.load()?;
    let data = arguments.place.data(&loaded)?;
    check_exists(&data.log())?;
    // Held until the end: it has to be on record first, and only one process writes records.
    let _held = DataLock::take(&data).map_err(|failure| {
        failure.hint("stop the service for this, or let it drop by itself: `drop_after` in `[log]`")
    })?;
    let retention = Retention::open(&data.log()).map_err(untouched)?;
    let Some(plan) = retention.plan_drop(before(arguments.older_than)?).map_err(untouched)? else {
        return Err(Failure::refused("no finished segment of records is that old; nothing was dropped"));
    };
    if !arguments.yes {
        confirm(&plan)?;
    }
    let (log, _) = Log::open(log_options(&data, &loaded)?).map_err(untouched)?;
    let detail = json!({
        "first_kept": plan.first, "records": plan.records(), "segments": plan.segments.len(),
        "because": because, "by": "operator",
    });
    let time_ms = clock::now_ms();
    let record = Record::Lifecycle(LifecycleRecord { time_ms, event: "records-dropped".into(), detail });
    let bytes = serde_json::to_vec(&record).map_err(Failure::internal)?;
    let appended = log.append_kept_blocking(bytes).map_err(untouched)?;
    log.close_blocking().map_err(untouched)?;
    // INVARIANT: it is on record, and covered by a checkpoint, before anything is removed.
    let statement = Dropped { first: plan.first, time_ms, record: appended.index, because: because.to_owned() };
    retention.drop_records(&plan, &statement, &data.log_key()).map_err(untouched)?;
    let (first, records, index) = (plan.first, plan.records(), appended.index);
    if arguments.output.json {
        out::json(&json!({ "first_kept": first, "records": records, "bytes": plan.bytes(), "record": index }))?;
    } else {
        let what = [count(records, "record"), count(plan.bytes(), "byte")].join(", ");
        out::line(format_args!("dropped {what}; kept from record {first} on"))?;
        out::line(format_args!("    on record {index}; `holdshort log verify` and every proof hold as before"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn verify_segment(arguments: &VerifySegmentArgs) -> Outcome {
    let whereabouts = match arguments.log.as_deref().map(Whereabouts::parse).transpose()? {
        None => Whereabouts::Directory(directory(&arguments.place)?),
        Some(whereabouts) => whereabouts,
    };
    File::open(&arguments.file).map_err(named_file("read", &arguments.file))?;
    let mut source = whereabouts.open(arguments.token.as_deref())?;
    let key = remote::key(arguments.key.as_deref(), source.as_mut())?;
    let found = log::verify_segment(&arguments.file, source.as_mut(), &key)
        .map_err(|damage| remote::judged(&damage, Failure::refused(format!("the segment does not pass: {damage}"))))?;
    let (first, records, size) = (found.first, found.records, found.checkpoint.size);
    let origin = &found.checkpoint.origin;
    if arguments.output.json {
        let root = found.checkpoint.root.to_string();
        out::json(
            &json!({ "ok": true, "first": first, "records": records, "origin": origin, "size": size, "root": root }),
        )?;
    } else {
        let (records, size) = (count(records, "record"), count(size, "record"));
        out::line(format_args!("ok: it holds {records} from {first} on, as `{origin}` with {size} has them"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn before(age: Duration) -> Result<SystemTime, Failure> {
    SystemTime::now().checked_sub(age).ok_or_else(|| Failure::usage("that is before time began"))
}

fn untouched(error: LogError) -> Failure {
    match error {
        LogError::Busy { .. } | LogError::Locked { .. } => Failure::refused(error),
        other => unreadable(other),
    }
}

/// Asks whoever sits at the terminal to write the number of records once more.
fn confirm(plan: &DropPlan) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage("nobody is there to confirm this").hint("add `--yes`; it cannot be undone"));
    }
    let newest = plan.segments.last().map_or(SystemTime::UNIX_EPOCH, |segment| segment.written);
    let newest = newest.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let written = render::time(u64::try_from(newest.as_millis()).unwrap_or(u64::MAX));
    let question = format!(
        "What {} records say is removed for good: all before record {}, the newest of {written}.\n\
         Write how many they are to go on: ",
        plan.records(),
        plan.first
    );
    let mut answer = String::new();
    let read = std::io::stderr().write_all(question.as_bytes()).and_then(|()| stdin.lock().read_line(&mut answer));
    read.map_err(|error| Failure::usage(format!("cannot read the answer: {error}")))?;
    match answer.trim() == plan.records().to_string() {
        true => Ok(()),
        false => Err(Failure::refused("not confirmed; nothing was dropped")),
    }
}
