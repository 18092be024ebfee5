//! `log`: reads and verifies the records of a directory, beside a service that may be writing them.

use crate::cli::{EffectChoice, LogCommand, Output, SearchArgs};
use crate::failure::{Code, Failure, Outcome, io_failure};
use crate::place::Place;
use crate::remote::Whereabouts;
use crate::{out, render};
use holdshort_ledger::{Checkpoint, VerifierKey};
use holdshort_model::{Effect, Record, RecordId};
use holdshort_store::log::{CHECKPOINT_FILE, LogError, PUBLIC_KEY_FILE, RECORDS_DIRECTORY, VerifyOptions, verify};
use holdshort_store::records::{Content, LoggedRecord, Records};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How often `tail -f` looks for a new checkpoint. The log writes at most one a second.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

pub(super) fn run(command: LogCommand) -> Outcome {
    match command {
        LogCommand::Tail { place, output, lines, follow } => tail(&directory(&place)?, output, lines, follow),
        LogCommand::Show { place, output, record } => show(&directory(&place)?, output, &record),
        LogCommand::Search { place, output, filter } => search(&directory(&place)?, output, &filter),
        LogCommand::Verify { place, output, log, token, key, older } => {
            let local = match log.as_deref().map(Whereabouts::parse).transpose()? {
                None => directory(&place)?,
                // A copy without records, such as a mirror's, is checked by its public files like one that is far away.
                Some(Whereabouts::Directory(named)) if token.is_none() && has_records(&named) => named,
                Some(whereabouts) => {
                    let known = super::log_audit::Known { key: key.as_deref(), older: older.as_deref() };
                    return super::log_audit::verify(&whereabouts, token.as_deref(), output, &known);
                }
            };
            check(&local, output, key.as_deref(), older.as_deref())
        }
        LogCommand::Audit(arguments) => super::log_audit::audit(&arguments),
        LogCommand::Prove(arguments) => super::log_prove::prove(&arguments),
        LogCommand::VerifyProof(arguments) => super::log_prove::verify(&arguments),
    }
}

pub(crate) fn directory(place: &Place) -> Result<PathBuf, Failure> {
    Ok(place.data(&place.load()?)?.log())
}

/// The records of a log directory.
pub(crate) fn open(directory: &Path) -> Result<Records, Failure> {
    if !directory.join(CHECKPOINT_FILE).exists() {
        return Err(Failure::usage(format!("there is no log in `{}`", directory.display()))
            .hint("start the service once, or name its data directory with `--data`"));
    }
    Records::open(directory).map_err(unreadable)
}

pub(crate) fn unreadable(error: LogError) -> Failure {
    match error {
        LogError::Damaged(damage) => Failure::refused(format!("the log is damaged: {damage}")),
        other => Failure::internal(other),
    }
}

/// Whether a directory holds records, or is none at all, which the check of records says best.
fn has_records(directory: &Path) -> bool {
    directory.join(RECORDS_DIRECTORY).exists() || !directory.join("mirror.pub").exists()
}

fn tail(directory: &Path, output: Output, lines: usize, follow: bool) -> Outcome {
    let reader = open(directory)?;
    let mut next = reader.size();
    let newest: Result<Vec<_>, _> = reader.backwards(u64::MAX).take(lines).collect();
    for record in newest.map_err(unreadable)?.iter().rev() {
        print(record, output)?;
    }
    if !follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        std::thread::sleep(FOLLOW_EVERY);
        let reader = open(directory)?;
        let fresh = reader.size().saturating_sub(next);
        for record in reader.forwards(next).take(usize::try_from(fresh).unwrap_or(usize::MAX)) {
            print(&record.map_err(unreadable)?, output)?;
            next += 1;
        }
    }
}

fn show(directory: &Path, output: Output, wanted: &str) -> Outcome {
    let reader = open(directory)?;
    let found = match (wanted.parse::<u64>(), wanted.parse::<RecordId>()) {
        (Ok(index), _) if index < reader.size() => reader.forwards(index).next(),
        (Err(_), Ok(id)) => reader.backwards(u64::MAX).find(|record| match record {
            Ok(record) => matches!(record.parse(), Some(Record::Decision(decision)) if decision.decision.id == id),
            Err(_) => true,
        }),
        _ => None,
    };
    let missing = || {
        Failure::refused(format!("there is no record `{wanted}`")).hint(format!(
            "records go from 0 to {}; one of a running service is seen here with the next checkpoint, within a second",
            reader.size().saturating_sub(1)
        ))
    };
    let record = found.ok_or_else(missing)?.map_err(unreadable)?;
    let value = entry(&record);
    if output.json {
        out::json(&value)?;
    } else {
        out::line(serde_json::to_string_pretty(&value).map_err(Failure::internal)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn search(directory: &Path, output: Output, filter: &SearchArgs) -> Outcome {
    let reader = open(directory)?;
    let mut found = 0;
    for record in reader.backwards(u64::MAX) {
        let record = record.map_err(unreadable)?;
        if matches(&record, filter) {
            print(&record, output)?;
            found += 1;
        }
        if found >= filter.limit {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a record is what is looked for. Only decisions have an effect, and few others know their agent.
fn matches(record: &LoggedRecord, filter: &SearchArgs) -> bool {
    let payload = record.payload().unwrap_or_default();
    let contains = |text: &String| String::from_utf8_lossy(payload).contains(text.as_str());
    if !filter.text.as_ref().is_none_or(contains) {
        return false;
    }
    let (session, agent, effect) = match record.parse() {
        Some(Record::Decision(decision)) => {
            let request = decision.request;
            (Some(request.session), Some(request.subject.agent), Some(decision.decision.effect))
        }
        Some(Record::Outcome(outcome)) => (Some(outcome.session), None, None),
        Some(Record::Declassification(lowered)) => (Some(lowered.session), Some(lowered.agent), None),
        _ => (None, None, None),
    };
    let wanted = |choice| match choice {
        EffectChoice::Allow => Effect::Allow,
        EffectChoice::Ask => Effect::Ask,
        EffectChoice::Deny => Effect::Deny,
    };
    let same = |asked: &Option<String>, found: Option<&str>| asked.as_deref().is_none_or(|asked| found == Some(asked));
    same(&filter.session, session.as_ref().map(|id| id.as_str()))
        && same(&filter.agent, agent.as_ref().map(|id| id.as_str()))
        && filter.effect.is_none_or(|choice| effect == Some(wanted(choice)))
}

fn check(directory: &Path, output: Output, key: Option<&Path>, older: Option<&Path>) -> Outcome {
    let key = key.map(read_key).transpose()?;
    let pinned = key.is_some();
    let older = older.map(|path| read_older(path, directory, key.as_ref())).transpose()?;
    match verify(directory, &VerifyOptions { key, older }, &mut |_| {}) {
        Ok(verified) => {
            let checkpoint = &verified.checkpoint;
            let (size, origin) = (checkpoint.size, &checkpoint.origin);
            let root = checkpoint.root.to_string();
            if output.json {
                out::json(&json!({
                    "ok": true, "origin": origin, "size": size, "root": root,
                    "unsealed": verified.unsealed, "torn_bytes": verified.torn_bytes, "key_pinned": pinned,
                }))?;
            } else {
                out::line(format_args!("ok: {size} records of `{origin}`, root {root}"))?;
                if verified.unsealed > 0 {
                    out::line(format_args!("    {} records behind the last checkpoint are sound", verified.unsealed))?;
                }
                if !pinned {
                    out::line("    the key is the log's own; `--key` checks against one that was kept elsewhere")?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(damage) => {
            let place = &damage.place;
            if output.json {
                let (file, offset, index) = (&place.file, place.offset, place.index);
                let wrong = damage.wrong.to_string();
                out::json(&json!({ "ok": false, "file": file, "offset": offset, "index": index, "wrong": wrong }))?;
                return Ok(Code::Refused.into());
            }
            Err(Failure::refused(format!("the log in `{}` is damaged: {damage}", directory.display()))
                .hint("this is the first damaged place; keep the directory as it is and compare it with a copy"))
        }
    }
}

pub(super) fn read_key(path: &Path) -> Result<VerifierKey, Failure> {
    let text = fs::read_to_string(path).map_err(io_failure("read", path))?;
    VerifierKey::parse(text.trim()).map_err(|error| {
        Failure::usage(format!("`{}` holds no verification key: {error}", path.display()))
            .hint("a copy of `log.pub` is one")
    })
}

/// A checkpoint that was kept elsewhere. Its signature counts as much as that of the log's own.
fn read_older(path: &Path, directory: &Path, key: Option<&VerifierKey>) -> Result<Checkpoint, Failure> {
    let note = fs::read(path).map_err(io_failure("read", path))?;
    let own = match key {
        Some(_) => None,
        None => Some(read_key(&directory.join(PUBLIC_KEY_FILE))?),
    };
    let Some(key) = key.or(own.as_ref()) else { return Err(Failure::internal("no key to check with")) };
    Checkpoint::open(&note, key).map_err(|error| {
        Failure::refused(format!("the older checkpoint in `{}` is not one of this log: {error}", path.display()))
            .hint("a copy of the log's `checkpoint` file is one; a log with a new key is another log")
    })
}

fn print(record: &LoggedRecord, output: Output) -> Result<(), Failure> {
    match (record.parse(), sealed(record)) {
        (Some(known), _) if !output.json => out::line(render::record_line(record.index(), &known)),
        (None, Some(why)) if !output.json => out::line(format_args!("{:>8}  {why}", record.index())),
        // A record of a newer version is shown as it is.
        _ => out::json(&entry(record)),
    }
}

/// When something happened, in milliseconds since 1970.
pub(crate) fn time_ms(record: &Record) -> u64 {
    match record {
        Record::Decision(decision) => decision.received_ms,
        Record::Outcome(outcome) => outcome.decision.time_ms(),
        Record::ToolChange(change) => change.time_ms,
        Record::Policy(policy) => policy.time_ms,
        Record::Declassification(lowered) => lowered.id.time_ms(),
        Record::Approval(approval) => approval.time_ms,
        Record::Standing(standing) => standing.time_ms,
        Record::Response(step) => step.time_ms,
        Record::Promotion(promotion) => promotion.time_ms,
        Record::Erasure(erasure) => erasure.time_ms,
        Record::Lifecycle(event) => event.time_ms,
    }
}

/// A record as JSON: `record` is null where it cannot be read, and `sealed` says why.
pub(crate) fn entry(record: &LoggedRecord) -> Value {
    let payload = record.payload().and_then(|payload| serde_json::from_slice(payload).ok());
    let mut value = json!({ "index": record.index(), "record": payload.unwrap_or(Value::Null) });
    if let (Some(why), Some(fields)) = (sealed(record), value.as_object_mut()) {
        fields.insert("sealed".into(), why.into());
    }
    value
}

/// Why a record cannot be read, where that is so.
pub(crate) fn sealed(record: &LoggedRecord) -> Option<String> {
    match &record.content {
        Content::Plain | Content::Opened(_) => None,
        Content::Erased => Some("erased".to_owned()),
        Content::Closed => Some("closed".to_owned()),
    }
}
