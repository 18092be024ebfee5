//! `log audit`, and `log verify` of what is far away: a log by its public files, and against an older checkpoint.

use crate::cli::{AuditArgs, Output};
use crate::failure::{Code, Failure, Outcome, io_failure};
use crate::out;
use crate::remote::{self, Whereabouts};
use holdshort_ledger::{Checkpoint, NOTE_BYTES_MAX, VerifierKey};
use holdshort_store::log::{self, CHECKPOINT_FILE, Damage, VerifyOptions};
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// What is known from elsewhere.
pub(super) struct Known<'a> {
    pub(super) key: Option<&'a Path>,
    pub(super) older: Option<&'a Path>,
}

/// Checks every entry and tile.
pub(super) fn verify(whereabouts: &Whereabouts, token: Option<&Path>, output: Output, known: &Known<'_>) -> Outcome {
    let mut source = whereabouts.open(token)?;
    let key = remote::key(known.key, source.as_mut())?;
    let older = known.older.map(|path| read_older(path, &key)).transpose()?;
    let options = VerifyOptions { key: Some(key.clone()), older };
    let checked = log::verify_public(source.as_mut(), &key, &options, &mut |_| {});
    report(checked, output, known.key.is_some(), "entries and tiles; the records themselves are not served")
}

/// Checks that the tree begins with that of an older checkpoint.
pub(super) fn audit(arguments: &AuditArgs) -> Outcome {
    let mut source = Whereabouts::parse(&arguments.log)?.open(arguments.token.as_deref())?;
    let key = remote::key(arguments.key.as_deref(), source.as_mut())?;
    let older = read_older(&arguments.older, &key)?;
    let checked = log::audit(source.as_mut(), &key, &older);
    let what = format!("it continues the older checkpoint of {} records; `log verify` checks each entry", older.size);
    report(checked, arguments.output, arguments.key.is_some(), &what)
}

fn report(checked: Result<Checkpoint, Damage>, output: Output, pinned: bool, what: &str) -> Outcome {
    match checked {
        Ok(checkpoint) => {
            let (size, origin, root) = (checkpoint.size, &checkpoint.origin, checkpoint.root.to_string());
            if output.json {
                out::json(&json!({
                    "ok": true, "origin": origin, "size": size, "root": root, "key_pinned": pinned, "checked": what,
                }))?;
            } else {
                out::line(format_args!("ok: {size} records of `{origin}`, root {root}"))?;
                out::line(format_args!("    checked: {what}"))?;
                if !pinned {
                    out::line("    the key is the log's own; `--key` checks against one that was kept elsewhere")?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(damage) if output.json => {
            let (place, wrong) = (&damage.place, damage.wrong.to_string());
            let (file, offset, index) = (&place.file, place.offset, place.index);
            out::json(&json!({ "ok": false, "file": file, "offset": offset, "index": index, "wrong": wrong }))?;
            Ok(Code::Refused.into())
        }
        Err(damage) => Err(Failure::refused(format!("the log does not pass: {damage}"))
            .hint("keep the checkpoint that it has now: signed, it is evidence")),
    }
}

/// A checkpoint of the same log that was kept elsewhere.
fn read_older(path: &Path, key: &VerifierKey) -> Result<Checkpoint, Failure> {
    let mut note = Vec::new();
    let limit = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let opened = File::open(path).map_err(io_failure("read", path))?;
    opened.take(limit).read_to_end(&mut note).map_err(io_failure("read", path))?;
    Checkpoint::open(&note, key).map_err(|error| {
        Failure::refused(format!("the older checkpoint in `{}` is not one of this log: {error}", path.display()))
            .hint(format!("a copy of the log's `{CHECKPOINT_FILE}` file is one; a log with a new key is another log"))
    })
}
