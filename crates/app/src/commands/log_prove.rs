//! `log prove` and `log verify-proof`: one record in one file, checked with nothing of the log but its key.

use super::log::{directory, open, read_key, unreadable};
use super::log_disclose::with_its_key;
use super::log_kept::{check_log, cosigned_json, cosigned_lines, read_policy};
use crate::cli::{ProveArgs, VerifyProofArgs};
use crate::failure::{Code, Failure, Outcome, named_file};
use crate::{out, render};
use holdshort_ledger::{PROOF_FILE_BYTES_MAX, TlogProof, TlogProofError};
use holdshort_model::{Record, RecordId};
use holdshort_store::log::{self, LogError, Wrong};
use holdshort_store::records::LoggedRecord;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn prove(arguments: &ProveArgs) -> Outcome {
    if arguments.receipt {
        return super::log_receipt::prove(arguments);
    }
    let directory = arguments.directory.clone().map_or_else(|| directory(&arguments.place), Ok)?;
    let index = locate(&directory, arguments.record.as_deref().unwrap_or_default())?;
    let prove = if arguments.witnessed { log::prove_witnessed } else { log::prove };
    let mut proof = prove(&directory, index, !arguments.bare).map_err(|error| match error {
        LogError::Damaged(damage)
            if arguments.witnessed && matches!(damage.wrong, Wrong::Uncovered(_) | Wrong::Missing) =>
        {
            Failure::refused(format!("no quorum of witnesses has seen record {index} yet: {damage}")).hint(
                "newer records are cosigned within `witnesses.every`; without `--witnessed` the log alone vouches",
            )
        }
        other => unreadable(other),
    })?;
    if !arguments.bare {
        let disclosure = proof.disclosure().map_err(Failure::internal)?;
        proof.extra = Some(with_its_key(&directory, index, disclosure)?.encode());
    }
    let text = proof.to_string();
    match &arguments.out {
        None => out::raw(&text)?,
        Some(file) => {
            fs::write(file, text).map_err(named_file("write", file))?;
            out::line(format_args!("record {index} is proved by `{}`", file.display()))?;
            out::line("    check it with `holdshort log verify-proof` and a copy of the log's `log.pub`")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The index of a record that is named by its index or by the id of its decision.
pub(super) fn locate(directory: &Path, wanted: &str) -> Result<u64, Failure> {
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
    let bytes = read_bounded(&arguments.file, PROOF_FILE_BYTES_MAX)?;
    if super::log_receipt::is_receipt(arguments, &bytes) {
        return super::log_receipt::verify(arguments, &bytes);
    }
    let key = read_key(&arguments.key)?;
    let checked = TlogProof::parse(&bytes).and_then(|proof| {
        let disclosure = proof.disclosure()?;
        let checkpoint = proof.verify(&disclosure.entry().leaf(), &key)?;
        Ok((proof, disclosure.entry(), disclosure.record()?, checkpoint))
    });
    let (proof, entry, record, checkpoint) = match checked {
        Ok(checked) => checked,
        Err(error) if arguments.output.json => {
            out::json(&json!({ "ok": false, "wrong": error.to_string() }))?;
            return Ok(Code::Refused.into());
        }
        Err(error) => return Err(refused(&arguments.file, &error)),
    };
    let index = proof.index;
    let cosigned = match &arguments.witness_policy {
        None => None,
        Some(path) => {
            let policy = read_policy(path)?;
            check_log(&policy, &key)?;
            Some((policy.check(&proof.checkpoint), policy.quorum()))
        }
    };
    let met = cosigned.as_ref().is_none_or(|(cosigned, _)| cosigned.met);
    let (origin, size, root) = (&checkpoint.origin, checkpoint.size, checkpoint.root.to_string());
    if arguments.output.json {
        let mut value = json!({
            "ok": met, "origin": origin, "index": index, "size": size, "root": root, "record": record.as_deref().map(as_json),
            "entry": hex(entry.as_bytes()),
        });
        if let Some(object) = value.as_object_mut() {
            object.extend(cosigned.map(|(cosigned, _)| ("witnesses".to_owned(), cosigned_json(&cosigned))));
        }
        out::json(&value)?;
        return Ok(if met { ExitCode::SUCCESS } else { Code::Refused.into() });
    }
    if let Some((cosigned, quorum)) = cosigned.as_ref().filter(|(cosigned, _)| !cosigned.met) {
        let why: Vec<String> = cosigned.missing.iter().map(|(name, why)| format!("`{name}` {why}")).collect();
        let missing = why.join(", ");
        return Err(Failure::refused(format!(
            "the proof's checkpoint does not meet the quorum of {quorum}: {missing}"
        ))
        .hint("the log alone vouches for it; ask for one that was made with `log prove --witnessed`"));
    }
    out::line(format_args!("ok: record {index} of {size} of `{origin}`, root {root}"))?;
    for line in cosigned.iter().flat_map(|(cosigned, _)| cosigned_lines(cosigned)) {
        out::line(format_args!("  {line}"))?;
    }
    tell_record(Some(index), record.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// What was recorded, as JSON.
pub(super) fn as_json(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap_or_else(|_| String::from_utf8_lossy(payload).into_owned().into())
}

/// Prints what was recorded, where the proof says it, with its place in the log, where that is proved.
pub(super) fn tell_record(index: Option<u64>, record: Option<&[u8]>) -> Result<(), Failure> {
    out::line(told(index, record))
}

fn told(index: Option<u64>, record: Option<&[u8]>) -> String {
    let Some(payload) = record else {
        return "    the proof does not say what was recorded, only that its commitment stands there".to_owned();
    };
    match (serde_json::from_slice::<Record>(payload), index) {
        (Ok(known), Some(index)) => render::record_line(index, &known),
        (Ok(known), None) => render::record_line("-", &known),
        (Err(_), _) => format!("    {}", String::from_utf8_lossy(payload).escape_debug()),
    }
}

fn refused(file: &Path, error: &TlogProofError) -> Failure {
    let failure = Failure::refused(format!("`{}` proves nothing: {error}", file.display()));
    match error {
        TlogProofError::Checkpoint(_) => failure.hint("`--key` must be the key of the log that the proof is from"),
        TlogProofError::Proof(_) => failure.hint("record, place or path were changed after the proof was made"),
        _ => failure,
    }
}

/// Reads a file of at most `bytes_max` bytes, and one more.
pub(super) fn read_bounded(file: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let opened = File::open(file).map_err(named_file("read", file))?;
    let bytes_max = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    // One byte more than the limit, so that the parser says that it is too long.
    opened.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(named_file("read", file))?;
    Ok(bytes)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_not_proved_is_not_said() {
        let record = br#"{"type":"lifecycle","time_ms":0,"event":"stop","detail":null}"#;
        assert!(told(Some(41), Some(record)).starts_with("    41 1970-"), "{}", told(Some(41), Some(record)));
        assert!(told(None, Some(record)).starts_with("     - 1970-"), "{}", told(None, Some(record)));
        assert!(told(None, None).contains("only that its commitment"));
        assert!(!told(None, Some("\u{9b}31m".as_bytes())).contains('\u{9b}'));
    }
}
