//! `log`: reads and verifies the records of a directory, beside a service that may be writing them.

use crate::cli::{LogCommand, Output};
use crate::failure::{Failure, Outcome, named_file};
use crate::place::{DataDir, Place};
use crate::{out, render};
use holdshort_ledger::VerifierKey;
use holdshort_model::{Record, RecordId};
use holdshort_store::index::{Facet, Filter, Order, Search};
use holdshort_store::keys::{KEYS_FILE, Keys, KeysError};
use holdshort_store::log::{CHECKPOINT_FILE, LogError, Wrong};
use holdshort_store::records::{Content, LoggedRecord, Records};
use holdshort_store::sqlite::OpenError;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) fn run(command: LogCommand) -> Outcome {
    match command {
        LogCommand::Tail(arguments) => super::log_tail::run(&arguments),
        LogCommand::Show { place, output, record } => show(&place.data(&place.load()?)?, output, &record),
        LogCommand::Search(arguments) => super::log_search::run(&arguments),
        LogCommand::Index(arguments) => super::log_index::run(&arguments),
        LogCommand::Verify(arguments) => super::log_verify::run(&arguments),
        LogCommand::Export(arguments) => super::log_export::run(&arguments),
        LogCommand::Erase(arguments) => super::log_erase::run(arguments),
        LogCommand::Archive(arguments) => super::log_retention::archive(&arguments),
        LogCommand::Drop(arguments) => super::log_retention::drop_records(&arguments),
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
    let keys = match Keys::open_existing(&directory.with_file_name(KEYS_FILE)) {
        // Whoever may read the log and not the keys sees that there are records, and not what they say.
        Err(KeysError::Open(OpenError::Unwritable { .. })) => None,
        found => found.map_err(Failure::internal)?,
    };
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

fn dropped(index: u64) -> Failure {
    Failure::refused(format!("record {index} was dropped on purpose"))
        .hint(format!("`holdshort log prove {index} --bare` proves that it stood there"))
}

fn show(data: &DataDir, output: Output, wanted: &str) -> Outcome {
    let reader = open(&data.log())?;
    let found = match (wanted.parse::<u64>(), wanted.parse::<RecordId>()) {
        (Ok(index), _) if index < reader.size() => {
            let found = reader.forwards(index).next().transpose().map_err(unreadable)?;
            if found.as_ref().is_some_and(|found| found.index() > index) {
                return Err(dropped(index));
            }
            found.map(Ok)
        }
        (Err(_), Ok(id)) => {
            let index = super::log_index::fresh(data, &reader);
            let filter = Filter::default().ids([id]).any(Facet::Type, ["decision"]);
            let carries = Search::new(&reader, index.as_ref(), &filter, Order::NewestFirst, 0..u64::MAX);
            // What rests on the decision may carry its id too.
            carries.into_iter().find(|record| match record.as_ref().map(LoggedRecord::parse) {
                Ok(Some(Record::Decision(decision))) => decision.decision.id == id,
                Ok(_) => false,
                Err(_) => true,
            })
        }
        _ => None,
    };
    let missing = || {
        Failure::refused(format!("there is no record `{wanted}`")).hint(format!(
            "records go from 0 to {}; one of a running service is seen here with the next checkpoint, within a second",
            reader.size().saturating_sub(1)
        ))
    };
    let record = found.ok_or_else(missing)?.map_err(unreadable)?;
    let mut value = entry(&record);
    if let (Some(erased_ms), Some(fields)) = (reader.erased_ms(&record), value.as_object_mut()) {
        fields.insert("erased_ms".into(), erased_ms.into());
    }
    if output.json {
        out::json(&value)?;
    } else {
        out::line(out::json_pretty(&value)?)?;
    }
    Ok(ExitCode::SUCCESS)
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
