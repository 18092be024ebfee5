//! `log archive`, `log drop`, `log retention`, `log verify-segment`.

use super::control::refused;
use super::log::{check_exists, directory, unreadable};
use super::person::OPERATOR;
use crate::cli::{ArchiveArgs, DropArgs, PersonArgs, RetentionArgs, VerifySegmentArgs};
use crate::config::Loaded;
use crate::count::count;
use crate::failure::{Failure, Outcome, named_file};
use crate::place::DataDir;
use crate::remote::{self, Whereabouts};
use crate::service::assemble::log_options;
use crate::service::lock::DataLock;
use crate::service::old_records::{Kept, OldRecords, answer, millis, period};
use crate::{clock, out, render};
use holdshort_api::{ArchiveRecords, DropRecords, DroppedRecords, RetentionAnswer, RetentionTier};
use holdshort_model::{LifecycleRecord, Record};
use holdshort_sdk::{Client, ClientError};
use holdshort_store::keys::Keys;
use holdshort_store::log::{self, Dropped, Log, LogError, REASON_CHARS_MAX};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// Longest time that the service may take: it compresses some ten MiB a second.
const WORK_TIMEOUT: Duration = Duration::from_secs(6 * 3_600);

pub(super) fn archive(arguments: &ArchiveArgs) -> Outcome {
    let loaded = arguments.place.load()?;
    let age = arguments.older_than.or(loaded.config.log.archive_after.0);
    let age =
        age.ok_or_else(|| Failure::usage("`archive_after` is `never`").hint("name an age with `--older-than`"))?;
    let data = arguments.place.data(&loaded)?;
    check_exists(&data.log())?;
    let wanted = ArchiveRecords { older_than_ms: millis(age), dry_run: arguments.dry_run };
    let done = match service(&data)? {
        Some(client) => block_on(client.archive_records(&wanted))?,
        None => old_records(&data, &loaded)?.archive(&wanted, SystemTime::now(), &|| true).map_err(kept)?,
    };
    let (segments, records) = (done.segments, done.records);
    let (bytes_before, bytes_after) = (done.bytes_before, done.bytes_after);
    if arguments.output.json {
        out::json(&done)?;
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
    let wanted = DropRecords {
        older_than_ms: arguments.older_than.map(millis),
        before: arguments.before,
        because: because.to_owned(),
        ..DropRecords::default()
    };
    let done = match service(&data)? {
        Some(client) => drop_remotely(&client, wanted, arguments.yes)?,
        None => drop_here(&data, &loaded, &wanted, arguments.yes)?,
    };
    if arguments.output.json {
        out::json(&done)?;
    } else {
        let what = [count(done.records, "record"), count(done.bytes, "byte")].join(", ");
        out::line(format_args!("dropped {what}; kept from record {} on", done.first_kept))?;
        let index = done.record.map_or_else(String::new, |index| format!("on record {index}; "));
        out::line(format_args!("    {index}`holdshort log verify` and every proof hold as before"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is agreed to is what goes: when it is something else by then, the service drops nothing.
fn drop_remotely(client: &Client, wanted: DropRecords, yes: bool) -> Result<DroppedRecords, Failure> {
    let plan = block_on(client.drop_records(&DropRecords { dry_run: true, ..wanted.clone() }))?;
    if !yes {
        confirm(&plan)?;
    }
    block_on(client.drop_records(&DropRecords { first_kept: Some(plan.first_kept), ..wanted }))
}

fn drop_here(data: &DataDir, loaded: &Loaded, wanted: &DropRecords, yes: bool) -> Result<DroppedRecords, Failure> {
    // Held until the end: it has to be on record first, and only one process writes records.
    let _held = DataLock::take(data)?;
    let old_records = old_records(data, loaded)?;
    let retention = old_records.open().map_err(untouched)?;
    let plan = old_records.plan(&retention, wanted, SystemTime::now()).map_err(kept)?;
    if !yes {
        confirm(&answer(&plan))?;
    }
    let dropped = old_records.drop_records(&retention, &plan, (&wanted.because, OPERATOR), |detail| {
        // INVARIANT: it is on record, and covered by a checkpoint, before anything is removed.
        on_record(data, loaded, "records-dropped", detail)
    });
    dropped.map_err(|Recording(failure)| failure)
}

pub(super) fn retention(arguments: &RetentionArgs) -> Outcome {
    let loaded = arguments.place.load()?;
    let data = arguments.place.data(&loaded)?;
    check_exists(&data.log())?;
    let state = match service(&data)? {
        Some(client) if arguments.clock_is_right => block_on(client.believe_clock())?,
        Some(client) => block_on(client.retention())?,
        None => {
            let (old_records, now) = (old_records(&data, &loaded)?, SystemTime::now());
            if arguments.clock_is_right {
                let _held = DataLock::take(&data)?;
                let retention = old_records.open().map_err(untouched)?;
                let noted = on_record(&data, &loaded, "clock-believed", json!({ "by": OPERATOR }));
                noted.map_err(|Recording(failure)| failure)?;
                retention.believe_clock(now).map_err(untouched)?;
            }
            old_records.state(now).map_err(untouched)?
        }
    };
    if arguments.output.json {
        out::json(&state)?
    } else {
        tell(&state)?
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(state: &RetentionAnswer) -> Result<(), Failure> {
    let tier = |name: &str, tier: &RetentionTier| {
        let parts = [count(tier.segments, "segment"), count(tier.records, "record"), count(tier.bytes, "byte")];
        out::line(format_args!("{name:<10} {}", parts.join(", ")))
    };
    tier("live", &state.live)?;
    tier("archived", &state.archived)?;
    out::line(format_args!("{:<10} {}", "dropped", count(state.first_kept, "record")))?;
    out::line(format_args!("{:<10} from record {} on", "unfinished", state.unfinished_from))?;
    if let Some(oldest_ms) = state.oldest_ms {
        out::line(format_args!("{:<10} segment ends with {}", "oldest", render::time(oldest_ms)))?;
    }
    let after = |after_ms: Option<u64>| {
        after_ms.map_or("never".to_owned(), |ms| format!("after {}", period(Duration::from_millis(ms))))
    };
    out::line(format_args!("{:<10} {}", "archives", after(state.archive_after_ms)))?;
    let next =
        state.drops_ms.map_or_else(String::new, |ms| format!(", the oldest segment from {} on", render::time(ms)));
    out::line(format_args!("{:<10} {}{next}", "drops", after(state.drop_after_ms)))?;
    match &state.waits_for {
        Some(waits_for) => out::line(format_args!("{:<10} {}", "waits", render::safe(waits_for))),
        None => Ok(()),
    }
}

/// The running service, which does it instead: the files are its own.
fn service(data: &DataDir) -> Result<Option<Client>, Failure> {
    let client = super::person::service(&PersonArgs::default(), None, data)?;
    Ok(client.map(|client| client.with_timeout(WORK_TIMEOUT)))
}

fn block_on<T>(asked: impl Future<Output = Result<T, ClientError>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::internal(format!("cannot start: {error}")))?.block_on(asked).map_err(refused)
}

fn old_records(data: &DataDir, loaded: &Loaded) -> Result<OldRecords, Failure> {
    let keys = Keys::open_existing(&data.keys()).map_err(Failure::internal)?;
    Ok(OldRecords::new(data, keys, loaded.config.log))
}

/// Puts something on record in a log that no service writes; durable and covered by a checkpoint.
fn on_record(data: &DataDir, loaded: &Loaded, event: &str, detail: Value) -> Result<u64, Recording> {
    let (log, _) = Log::open(log_options(data, loaded)?)?;
    let record = Record::Lifecycle(LifecycleRecord { time_ms: clock::now_ms(), event: event.to_owned(), detail });
    let bytes = serde_json::to_vec(&record).map_err(Failure::internal)?;
    let appended = log.append_kept_blocking(bytes)?;
    log.close_blocking()?;
    Ok(appended.index)
}

/// Why something is not on record.
struct Recording(Failure);

impl From<Failure> for Recording {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl From<LogError> for Recording {
    fn from(error: LogError) -> Self {
        Self(untouched(error))
    }
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

fn kept(error: Kept) -> Failure {
    match error {
        Kept::Invalid(what) => Failure::usage(what),
        Kept::Nothing(what) => Failure::refused(what),
        Kept::Refused(what) => Failure::refused(what),
        Kept::Log(error) => untouched(error),
    }
}

fn untouched(error: LogError) -> Failure {
    match error {
        LogError::Busy { .. } | LogError::Locked { .. } => Failure::refused(error),
        other => unreadable(other),
    }
}

/// Asks whoever sits at the terminal to write the number of records once more.
fn confirm(plan: &DroppedRecords) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage("nobody is there to confirm this").hint("add `--yes`; it cannot be undone"));
    }
    let newest = plan.newest_ms.map_or_else(String::new, |ms| format!(", the newest of {}", render::time(ms)));
    let question = format!(
        "What {} records say is removed for good: all before record {}{newest}.\n\
         Write how many they are to go on: ",
        plan.records, plan.first_kept
    );
    let mut answer = String::new();
    let read = std::io::stderr().write_all(question.as_bytes()).and_then(|()| stdin.lock().read_line(&mut answer));
    read.map_err(|error| Failure::usage(format!("cannot read the answer: {error}")))?;
    match answer.trim() == plan.records.to_string() {
        true => Ok(()),
        false => Err(Failure::refused("not confirmed; nothing was dropped")),
    }
}
