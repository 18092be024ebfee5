//! `log prove` and `log verify-proof`: one record in one file, checked with nothing of the log but its key.

use super::log::{directory, open, read_key, unreadable};
use crate::cli::{ProveArgs, VerifyProofArgs};
use crate::failure::{Code, Failure, Outcome, io_failure};
use crate::{out, render};
use holdshort_ledger::{Disclosure, PROOF_FILE_BYTES_MAX, TlogProof, TlogProofError};
use holdshort_model::{Record, RecordId};
use holdshort_store::log;
use holdshort_store::records::LoggedRecord;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn prove(arguments: &ProveArgs) -> Outcome {
    let directory = arguments.directory.clone().map_or_else(|| directory(&arguments.place), Ok)?;
    let index = locate(&directory, &arguments.record)?;
    let text = log::prove(&directory, index, !arguments.bare).map_err(unreadable)?.to_string();
    match &arguments.out {
        None => out::raw(&text)?,
        Some(file) => {
            fs::write(file, text).map_err(io_failure("write", file))?;
            out::line(format_args!("record {index} is proved by `{}`", file.display()))?;
            out::line("    check it with `holdshort log verify-proof` and a copy of the log's `log.pub`")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The index of a record that is named by its index or by the id of its decision.
fn locate(directory: &Path, wanted: &str) -> Result<u64, Failure> {
    let reader = open(directory)?;
    let is_wanted = |id: RecordId, record: &LoggedRecord| matches!(record.parse(), Some(Record::Decision(decision)) if decision.decision.id == id);
    let found = match (wanted.parse::<u64>(), wanted.parse::<RecordId>()) {
        (Ok(index), _) => Some(index).filter(|index| *index < reader.size()),
        (Err(_), Ok(id)) => {
            let mut records = reader.backwards(u64::MAX);
            let found = records.find(|record| record.as_ref().map_or(true, |record| is_wanted(id, record)));
            found.transpose().map_err(unreadable)?.map(|record| record.index())
        }
        _ => None,
    };
    found.ok_or_else(|| {
        Failure::refused(format!("there is no record `{wanted}`")).hint(format!(
            "the last checkpoint covers {} records, counted from 0; a new record is covered within a second",
            reader.size()
        ))
    })
}

pub(super) fn verify(arguments: &VerifyProofArgs) -> Outcome {
    let key = read_key(&arguments.key)?;
    let bytes = read_proof(&arguments.file)?;
    let checked = TlogProof::parse(&bytes).and_then(|proof| {
        let disclosure = proof.disclosure()?;
        let checkpoint = proof.verify(&disclosure.entry().leaf(), &key)?;
        Ok((proof.index, disclosure, checkpoint))
    });
    let (index, disclosure, checkpoint) = match checked {
        Ok(checked) => checked,
        Err(error) if arguments.output.json => {
            out::json(&json!({ "ok": false, "wrong": error.to_string() }))?;
            return Ok(Code::Refused.into());
        }
        Err(error) => return Err(refused(&arguments.file, &error)),
    };
    let (origin, size, root) = (&checkpoint.origin, checkpoint.size, checkpoint.root.to_string());
    let record = match &disclosure {
        Disclosure::Record { payload, .. } => Some(payload.as_slice()),
        Disclosure::Entry(_) => None,
    };
    if arguments.output.json {
        let record: Option<Value> = record.map(|payload| {
            serde_json::from_slice(payload).unwrap_or_else(|_| String::from_utf8_lossy(payload).into_owned().into())
        });
        out::json(&json!({
            "ok": true, "origin": origin, "index": index, "size": size, "root": root, "record": record,
            "entry": hex(disclosure.entry().as_bytes()),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    out::line(format_args!("ok: record {index} of {size} of `{origin}`, root {root}"))?;
    match record {
        None => out::line("    the proof does not say what was recorded, only that its commitment stands there")?,
        Some(payload) => match serde_json::from_slice::<Record>(payload) {
            Ok(known) => out::line(render::record_line(index, &known))?,
            Err(_) => out::line(format_args!("    {}", String::from_utf8_lossy(payload).escape_debug()))?,
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(file: &Path, error: &TlogProofError) -> Failure {
    let failure = Failure::refused(format!("`{}` proves nothing: {error}", file.display()));
    match error {
        TlogProofError::Checkpoint(_) => failure.hint("`--key` must be the key of the log that the proof is from"),
        TlogProofError::Proof(_) => failure.hint("record, place or path were changed after the proof was made"),
        _ => failure,
    }
}

fn read_proof(file: &Path) -> Result<Vec<u8>, Failure> {
    let opened = File::open(file).map_err(io_failure("read", file))?;
    let bytes_max = u64::try_from(PROOF_FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    // One byte more than the limit, so that the parser says that it is too long.
    opened.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(io_failure("read", file))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
