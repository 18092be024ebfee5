//! `log`: reads and verifies the records of a directory, beside a service that may be writing them.

use crate::cli::{LogCommand, Output};
use crate::failure::{Failure, Outcome, named_file};
use crate::place::Place;
use crate::{out, render};
use holdshort_ledger::VerifierKey;
use holdshort_model::Record;
use holdshort_store::index::Row;
use holdshort_store::keys::{KEYS_FILE, Keys};
use holdshort_store::log::{CHECKPOINT_FILE, LogError, Wrong};
use holdshort_store::records::{Content, LoggedRecord, Records};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn run(command: LogCommand) -> Outcome {
    match command {
        LogCommand::Tail(arguments) => super::log_tail::run(&arguments),
        LogCommand::Show { place, output, record } => super::log_show::run(&place, output, &record),
        LogCommand::Search(arguments) => super::log_search::run(&arguments),
        LogCommand::Index(arguments) => super::log_index::run(&arguments),
        LogCommand::Verify(arguments) => super::log_verify::run(&arguments),
        LogCommand::Export(arguments) => super::log_export::run(&arguments),
        LogCommand::Erase(arguments) => super::log_erase::run(arguments),
        LogCommand::Archive(arguments) => super::log_retention::archive(&arguments),
        LogCommand::Drop(arguments) => super::log_retention::drop_records(&arguments),
        LogCommand::Retention(arguments) => super::log_retention::retention(&arguments),
        LogCommand::VerifySegment(arguments) => super::log_retention::verify_segment(&arguments),
        LogCommand::Audit(arguments) => super::log_audit::audit(&arguments),
        LogCommand::Prove(arguments) => super::log_prove::prove(&arguments),
        LogCommand::VerifyProof(arguments) => super::log_prove::verify(&arguments),
    }
}

pub(crate) fn directory(place: &Place) -> Result<PathBuf, Failure> {
    Ok(place.data(&place.load()?)?.log())
}

/// The records of a log directory, opened with the keys that lie beside it, where there are any.
pub(crate) fn open(directory: &Path) -> Result<Records, Failure> {
    check_exists(directory)?;
    let records = Records::open(directory).map_err(unreadable)?;
    // Whoever may read the log and not the keys sees that there are records, and not what they say.
    let keys = Keys::open_to_read(&directory.with_file_name(KEYS_FILE)).map_err(Failure::internal)?;
    Ok(records.with_keys(keys))
}

/// Checks that there is a log in the directory at all.
pub(super) fn check_exists(directory: &Path) -> Result<(), Failure> {
    if directory.join(CHECKPOINT_FILE).exists() {
        return Ok(());
    }
    Err(Failure::usage(format!("there is no log in `{}`", directory.display()))
        .hint("start the service once, or name its data directory with `--data`"))
}

pub(crate) fn unreadable(error: LogError) -> Failure {
    match error {
        LogError::Damaged(damage) => match (&damage.wrong, damage.place.index) {
            (Wrong::Dropped(_), Some(index)) => dropped(index),
            _ => Failure::refused(format!("the log is damaged: {damage}")),
        },
        other => Failure::internal(other),
    }
}

/// Said where records are missing in the middle, since they were dropped.
pub(super) fn dropped_note(from: u64, to: u64) -> String {
    format!("records {from} to {} were dropped on purpose before they were shown", to.saturating_sub(1))
}

pub(super) fn dropped(index: u64) -> Failure {
    Failure::refused(format!("record {index} was dropped on purpose"))
        .hint(format!("`holdshort log prove {index} --bare` proves that it stood there"))
}

pub(super) fn read_key(path: &Path) -> Result<VerifierKey, Failure> {
    let text = fs::read_to_string(path).map_err(named_file("read", path))?;
    VerifierKey::parse(text.trim()).map_err(|error| {
        Failure::usage(format!("`{}` holds no verification key: {error}", path.display()))
            .hint("a copy of `log.pub` is one")
    })
}

/// A record as it is printed: a line for people, or JSON.
pub(super) fn shown(record: &LoggedRecord, output: Output) -> Result<String, Failure> {
    match (record.parse(), sealed(record)) {
        (Some(known), _) if !output.json => Ok(render::record_line(record.index(), &known)),
        (None, Some(why)) if !output.json => Ok(format!("{:>8}  {why}", record.index())),
        // A record of a newer version is shown as it is.
        _ => out::json_text(&entry(record)),
    }
}

/// Refuses bounds, both included, that nothing is between.
pub(super) fn in_order(from: Option<u64>, to: Option<u64>) -> Result<(), Failure> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => {
            Err(Failure::usage(format!("`--from {from}` is behind `--to {to}`"))
                .hint("name the lower index with `--from`"))
        }
        _ => Ok(()),
    }
}

/// When something happened, in milliseconds since 1970.
pub(crate) fn time_ms(record: &Record) -> u64 {
    match record {
        Record::Decision(decision) => decision.received_ms,
        Record::Outcome(outcome) => outcome.ended_ms(),
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

/// A record as JSON: `record` is null where it cannot be read, and `sealed` says why. `time_ms` is when it happened, where
/// that can be read.
pub(crate) fn entry(record: &LoggedRecord) -> Value {
    let payload = record.payload().and_then(|payload| serde_json::from_slice(payload).ok());
    let mut value = json!({ "index": record.index(), "record": payload.unwrap_or(Value::Null) });
    if let (Some(time_ms), Some(fields)) = (Row::read(record, |row| row.time_ms), value.as_object_mut()) {
        fields.insert("time_ms".into(), time_ms.into());
    }
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
