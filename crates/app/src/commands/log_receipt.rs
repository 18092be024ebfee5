//! `log prove --receipt` and its check: COSE receipts (RFC 9942), for verifiers that speak COSE.

use super::log::{directory, unreadable};
use super::log_prove::{hex, locate, read_bounded};
use crate::cli::{ProveArgs, VerifyProofArgs};
use crate::failure::{Code, Failure, Outcome, named_file};
use crate::out;
use holdshort_ledger::{
    Checkpoint, Disclosure, Entry, NOTE_BYTES_MAX, Note, PAYLOAD_BYTES_MAX, Proved, Receipt, ReceiptError,
    ReceiptProof, ReceiptSigner, ReceiptVerifier,
};
use holdshort_store::log;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Longest key that is read, in bytes: PEM of an Ed25519 key has about 120.
const KEY_BYTES_MAX: usize = 4_096;
/// Longest disclosure that is read, in bytes: the form's byte, salt, key and payload.
const DISCLOSURE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 64;
/// First byte of a COSE_Sign1 with its tag: a C2SP proof begins with a letter.
const SIGN1: u8 = 0xd2;

/// Whether a proof is a receipt rather than a C2SP proof file, or is at least to be checked as one.
pub(super) fn is_receipt(arguments: &VerifyProofArgs, proof: &[u8]) -> bool {
    let claimed = [&arguments.record, &arguments.entry, &arguments.older].iter().any(|file| file.is_some());
    claimed || proof.first() == Some(&SIGN1)
}

pub(super) fn prove(arguments: &ProveArgs) -> Outcome {
    let directory = arguments.directory.clone().map_or_else(|| directory(&arguments.place), Ok)?;
    let signer = signer(arguments, &directory)?;
    let out =
        arguments.out.as_deref().ok_or_else(|| Failure::usage("a receipt is binary: name its file with `--out`"))?;
    let told = match (&arguments.record, &arguments.older) {
        (_, Some(older)) => {
            let older = read_older(older, &directory)?;
            let (receipt, newer) = log::consistency_receipt(&directory, &older, &signer).map_err(unreadable)?;
            fs::write(out, receipt.encode()).map_err(named_file("write", out))?;
            format!("that the log's {} records continue the {} of the older checkpoint", newer.size, older.size)
        }
        (Some(record), None) => {
            let index = locate(&directory, record)?;
            let (receipt, disclosure) =
                log::inclusion_receipt(&directory, index, !arguments.bare, &signer).map_err(unreadable)?;
            let disclosure = super::log_disclose::with_its_key(&directory, index, disclosure)?;
            fs::write(out, receipt.encode()).map_err(named_file("write", out))?;
            if let Some(file) = &arguments.record_out {
                fs::write(file, disclosure.encode()).map_err(named_file("write", file))?;
            }
            format!("for record {index}, whose entry is {}", hex(disclosure.entry().as_bytes()))
        }
        (None, None) => return Err(Failure::usage("name a record, or an older checkpoint with `--older`")),
    };
    out::line(format_args!("`{}` is the receipt {told}", out.display()))?;
    out::line("    check it with `holdshort log verify-proof` and a copy of the log's `log.cose.pub`")?;
    Ok(ExitCode::SUCCESS)
}

fn signer(arguments: &ProveArgs, directory: &Path) -> Result<ReceiptSigner, Failure> {
    let file = match &arguments.receipt_key {
        Some(file) => file.clone(),
        None => log::receipt_key_file(&arguments.place.data(&arguments.place.load()?)?.log_key()),
    };
    log::receipt_signer(&file, directory).map_err(|error| {
        Failure::refused(format!("no receipt can be signed: {error}")).hint(
            "the key is made when the service starts, as `log.cose.key` beside `log.key`; name it with `--receipt-key`",
        )
    })
}

/// An older checkpoint of this log: only what the log signed is worth a receipt.
fn read_older(file: &Path, directory: &Path) -> Result<Checkpoint, Failure> {
    let key = super::log::read_key(&directory.join(log::PUBLIC_KEY_FILE))?;
    let note = read_bounded(file, NOTE_BYTES_MAX)?;
    Checkpoint::open(&note, &key).map_err(|error| {
        Failure::usage(format!("`{}` is not a checkpoint of this log: {error}", file.display()))
            .hint("a copy of the log's `checkpoint` that was kept is one")
    })
}

/// What a receipt is checked against.
enum Claim {
    /// An entry, and what was recorded, where that is known.
    Entry(Entry, Option<Vec<u8>>),
    Older(Checkpoint),
}

pub(super) fn verify(arguments: &VerifyProofArgs, bytes: &[u8]) -> Outcome {
    let key = read_key(&arguments.key)?;
    let claim = claim(arguments)?;
    let checked = check(bytes, &claim, &key);
    let (receipt, proved) = match checked {
        Ok(checked) => checked,
        Err(error) if arguments.output.json => {
            out::json(&json!({ "ok": false, "wrong": error.to_string() }))?;
            return Ok(Code::Refused.into());
        }
        Err(error) => return Err(refused(&arguments.file, &error)),
    };
    if arguments.output.json {
        out::json(&said(&receipt, &claim, proved))?;
    } else {
        tell(&receipt, &claim, proved)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(bytes: &[u8], claim: &Claim, key: &ReceiptVerifier) -> Result<(Receipt, Proved), ReceiptError> {
    let receipt = Receipt::parse(bytes)?;
    let proved = match claim {
        Claim::Entry(entry, _) => receipt.verify_inclusion(&entry.leaf(), key)?,
        Claim::Older(older) => receipt.verify_consistency(older, key)?,
    };
    Ok((receipt, proved))
}

/// A receipt holds neither the entry nor the older root: they come from whoever checks it.
fn claim(arguments: &VerifyProofArgs) -> Result<Claim, Failure> {
    let wrong = |file: &Path, what: &dyn std::fmt::Display| Failure::usage(format!("`{}`: {what}", file.display()));
    match (&arguments.entry, &arguments.record, &arguments.older) {
        (Some(file), ..) | (None, Some(file), _) => {
            let bytes = read_bounded(file, DISCLOSURE_BYTES_MAX)?;
            let disclosure = Disclosure::decode(&bytes).map_err(|error| wrong(file, &error))?;
            if arguments.entry.is_some() && !matches!(disclosure, Disclosure::Entry(_)) {
                return Err(wrong(file, &"is not an entry of 33 bytes; name salt and payload with `--record`"));
            }
            let record = disclosure.record().map_err(|error| wrong(file, &error))?;
            Ok(Claim::Entry(disclosure.entry(), record))
        }
        // The receipt's own signature covers the newer root; the older one counts as far as it is believed who kept it.
        (None, None, Some(file)) => {
            let note = Note::parse(&read_bounded(file, NOTE_BYTES_MAX)?).map_err(|error| wrong(file, &error))?;
            Ok(Claim::Older(Checkpoint::parse_text(note.text()).map_err(|error| wrong(file, &error))?))
        }
        (None, None, None) => Err(Failure::usage("a receipt does not say what it is for")
            .hint("name what `log prove --record-out` wrote with `--record`, an entry with `--entry`, or with `--older` the checkpoint that a log continues")),
    }
}

fn said(receipt: &Receipt, claim: &Claim, proved: Proved) -> Value {
    let mut said = json!({
        "ok": true, "origin": receipt.issuer(), "root": proved.root.to_string(), "size": proved.size,
    });
    let more = match (claim, receipt.proof()) {
        (Claim::Entry(entry, record), ReceiptProof::Inclusion(proof)) => json!({
            "index": proved.size.map(|_| proof.index),
            "entry": hex(entry.as_bytes()),
            "record": record.as_deref().map(super::log_prove::as_json),
        }),
        (Claim::Older(older), _) => json!({ "older": { "size": older.size, "root": older.root.to_string() } }),
        (Claim::Entry(..), ReceiptProof::Consistency(_)) => Value::Null,
    };
    if let (Some(said), Value::Object(more)) = (said.as_object_mut(), more) {
        said.extend(more);
    }
    said
}

fn tell(receipt: &Receipt, claim: &Claim, proved: Proved) -> Result<(), Failure> {
    let (root, origin) = (proved.root, receipt.issuer().unwrap_or("a log that it does not name"));
    match (claim, receipt.proof(), proved.size) {
        (Claim::Entry(_, record), ReceiptProof::Inclusion(proof), size) => {
            match size {
                Some(size) => {
                    out::line(format_args!("ok: record {} of {size} of `{origin}`, root {root}", proof.index))?;
                }
                // RFC 9942 leaves size and place unsigned: what is not proved is not said.
                None => out::line(format_args!("ok: the entry is in the tree of `{origin}` with root {root}"))?,
            }
            super::log_prove::tell_record(size.map(|_| proof.index), record.as_deref())
        }
        (Claim::Older(older), ..) => {
            let size = proved.size.map_or_else(|| "a tree".to_owned(), |size| format!("{size} records"));
            out::line(format_args!("ok: {size} of `{origin}` continue the {} before, root {root}", older.size))
        }
        (Claim::Entry(..), ReceiptProof::Consistency(_), _) => Ok(()),
    }
}

fn refused(file: &Path, error: &ReceiptError) -> Failure {
    let failure = Failure::refused(format!("`{}` proves nothing: {error}", file.display()));
    match error {
        ReceiptError::OtherKey => failure.hint("`--key` must be the receipt key of the log that the receipt is from"),
        ReceiptError::Signature => failure.hint("the entry is another one, or place, path or signature were changed"),
        _ => failure,
    }
}

fn read_key(file: &Path) -> Result<ReceiptVerifier, Failure> {
    let text = read_bounded(file, KEY_BYTES_MAX)?;
    ReceiptVerifier::parse(&String::from_utf8_lossy(&text)).map_err(|error| {
        Failure::usage(format!("`{}`: {error}", file.display())).hint("a copy of the log's `log.cose.pub` is one")
    })
}
