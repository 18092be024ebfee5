//! `log audit`: a log by its public files, against what was kept of it elsewhere: older checkpoints, a copy, witnesses.

use super::log_kept::{self, read_kept, read_policy};
use crate::cli::AuditArgs;
use crate::failure::{Code, Failure, Outcome};
use crate::out;
use crate::remote::{self, Steady, Whereabouts};
use holdshort_ledger::{Checkpoint, VerifierKey};
use holdshort_store::log::{self, CompareError, Source};
use serde_json::{Value, json};
use std::process::ExitCode;

/// What was checked, in words.
type Checked = Vec<String>;

pub(super) fn audit(arguments: &AuditArgs) -> Outcome {
    let mut source = Steady::new(Whereabouts::parse(&arguments.log)?.open(arguments.token.as_deref())?);
    let key = remote::key(arguments.key.as_deref(), &mut source)?;
    match check(arguments, &mut source, &key) {
        Ok((checkpoint, checked, witnesses)) => tell(arguments, &checkpoint, &checked, witnesses),
        Err(failure) if arguments.output.json && failure.code() == Code::Refused => {
            let text = failure.to_string();
            let wrong = text.strip_prefix("error: ").unwrap_or(&text).split("\n hint: ").next().unwrap_or_default();
            out::json(&json!({ "ok": false, "wrong": wrong }))?;
            Ok(Code::Refused.into())
        }
        Err(failure) => Err(failure),
    }
}

fn check(
    arguments: &AuditArgs,
    source: &mut dyn Source,
    key: &VerifierKey,
) -> Result<(Checkpoint, Checked, Option<Value>), Failure> {
    let mut checked = Checked::new();
    let kept = arguments.older.as_deref().map(|path| read_kept(path, key)).transpose()?;
    if let Some(kept) = &kept {
        let looked_at = kept.audit(source, key).map_err(|damage| {
            let located = kept.locate(source, key, &damage);
            let failure = Failure::refused(format!("the log does not pass: {damage}{located}"))
                .hint("keep the checkpoint that it has now: signed, it is evidence. No answer: see `--token`");
            remote::judged(&damage, failure)
        })?;
        let all = looked_at == kept.checkpoints.len();
        let some = if all { String::new() } else { format!("{looked_at} of ") };
        checked.push(format!("it continues {some}{}; `log verify` checks each entry", kept.describe()));
    }
    if let Some(copy) = &arguments.copy {
        let mut copy = Steady::new(Whereabouts::parse(copy)?.open(None)?);
        let size = log::compare(&mut copy, source, key).map_err(differs)?;
        checked.push(format!("it continues the copy of {size} records"));
    }
    let mut witnesses = None;
    if let Some(path) = &arguments.witness_policy {
        let policy = read_policy(path)?;
        let coverage = log_kept::coverage(source, key, &policy, kept.as_ref())?;
        checked.extend(log_kept::coverage_lines(&coverage, &policy));
        witnesses = Some(log_kept::coverage_json(&coverage));
    }
    let unreadable = |damage| remote::judged(&damage, Failure::refused(format!("the log does not pass: {damage}")));
    let (_, checkpoint) = log::fetch_checkpoint(source, key).map_err(unreadable)?;
    Ok((checkpoint, checked, witnesses))
}

fn differs(error: CompareError) -> Failure {
    let hint = match &error {
        CompareError::Exposed(_) => "keep the checkpoints of both: each is signed by the log",
        CompareError::Stale { .. } => {
            "a cache may serve it; otherwise the log was put back, and its next checkpoint shows it"
        }
        CompareError::Copy(_) => "the copy is no evidence against the log before it passes `log verify` itself",
        CompareError::Log(_) => "nothing was found against the log; try again, and see `log verify` for the place",
    };
    let failure = Failure::refused(&error).hint(hint);
    match &error {
        CompareError::Copy(damage) | CompareError::Log(damage) => remote::judged(damage, failure),
        CompareError::Exposed(_) | CompareError::Stale { .. } => failure,
    }
}

fn tell(arguments: &AuditArgs, checkpoint: &Checkpoint, checked: &Checked, witnesses: Option<Value>) -> Outcome {
    let pinned = arguments.key.is_some();
    let (size, origin, root) = (checkpoint.size, &checkpoint.origin, checkpoint.root.to_string());
    if arguments.output.json {
        let what = checked.first();
        let mut value = json!({
            "ok": true, "origin": origin, "size": size, "root": root, "key_pinned": pinned, "checked": what,
        });
        if let Some(object) = value.as_object_mut() {
            object.extend(witnesses.map(|witnesses| ("witnesses".to_owned(), witnesses)));
        }
        out::json(&value)?;
        return Ok(ExitCode::SUCCESS);
    }
    out::line(format_args!("ok: {size} records of `{origin}`, root {root}"))?;
    for (at, line) in checked.iter().enumerate() {
        out::line(format_args!("    {}{line}", if at == 0 { "checked: " } else { "" }))?;
    }
    if !pinned {
        out::line("    the key is the log's own; `--key` checks against one that was kept elsewhere")?;
    }
    Ok(ExitCode::SUCCESS)
}
