//! `mirror`: follows another log, stores what continues its own copy, and cosigns it. With `--listen`, logs come to it (see
//! `mirror_listen`).

use super::mirror_listen;
use crate::cli::MirrorArgs;
use crate::failure::{Code, Failure, Outcome};
use crate::out;
use crate::remote::{self, Whereabouts};
use holdshort_ledger::VerifierKey;
use holdshort_store::log::{
    CONTRADICTION_FILE, DirectorySource, LogError, Mirror, MirrorError, Mirrored, PUBLIC_KEY_FILE, Source, Wrong,
};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

pub(super) fn run(arguments: &MirrorArgs) -> Outcome {
    let Some(from) = &arguments.from else { return mirror_listen::run(arguments) };
    let mut source = Whereabouts::parse(from)?.open(arguments.token.as_deref())?;
    let key = known_key(arguments, source.as_mut())?;
    let name = arguments.name.clone().unwrap_or_else(|| format!("{}/mirror", key.name()));
    let key_file = arguments.mirror_key.clone().unwrap_or_else(|| beside(&arguments.to));
    let mut mirror = Mirror::open(&arguments.to, key, &key_file, &name).map_err(own)?;
    loop {
        match mirror.step(source.as_mut(), now_s()) {
            Ok(step) => report(&step, arguments)?,
            Err(MirrorError::Source(damage)) if !arguments.once => {
                tracing::warn!(%damage, "the log that is followed cannot be taken over now");
            }
            Err(MirrorError::Stale { stored, found }) if !arguments.once => {
                tracing::warn!(stored, found, "an older state of the log is served");
            }
            Err(error) => return failed(&error, arguments),
        }
        if arguments.once {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(arguments.every);
    }
}

/// The key that was named, or the one that the mirror was made with. A log is not believed about its own key.
fn known_key(arguments: &MirrorArgs, source: &mut dyn Source) -> Result<VerifierKey, Failure> {
    if arguments.key.is_some() {
        return remote::key(arguments.key.as_deref(), source);
    }
    if !arguments.to.join(PUBLIC_KEY_FILE).exists() {
        return Err(Failure::usage("a new mirror has to be told the key of the log that it follows")
            .hint("`--key FILE` with a copy of `log.pub` from somebody you believe"));
    }
    remote::key(None, &mut DirectorySource::new(&arguments.to))
}

/// `copy` has its key in `copy.key`.
pub(super) fn beside(directory: &std::path::Path) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

fn report(step: &Mirrored, arguments: &MirrorArgs) -> Result<(), Failure> {
    let (added, checkpoint) = (step.added, &step.checkpoint);
    let (size, origin) = (checkpoint.size, &checkpoint.origin);
    if arguments.output.json {
        let root = checkpoint.root.to_string();
        return out::json(&json!({ "ok": true, "added": added, "origin": origin, "size": size, "root": root }));
    }
    if added == 0 && !arguments.once {
        return Ok(());
    }
    out::line(format_args!("{added} records of `{origin}` are new, {size} are stored and cosigned"))
}

fn failed(error: &MirrorError, arguments: &MirrorArgs) -> Outcome {
    let unreachable = matches!(error, MirrorError::Source(damage) if matches!(damage.wrong, Wrong::Unreachable(_)));
    if arguments.output.json && !unreachable {
        let mut value = json!({ "ok": false, "wrong": error.to_string() });
        if let (MirrorError::Exposed(exposed), Some(object)) = (error, value.as_object_mut()) {
            object.insert("from".into(), exposed.from.into());
            object.insert("stored".into(), exposed.stored.size.into());
            object.insert("found".into(), exposed.found.size.into());
        }
        out::json(&value)?;
        return Ok(Code::Refused.into());
    }
    let failure = Failure::refused(error);
    Err(match error {
        MirrorError::Exposed(_) => failure.hint(format!(
            "both checkpoints are signed by the log and kept in `{}`: `checkpoint` and `{CONTRADICTION_FILE}`",
            arguments.to.display()
        )),
        MirrorError::Stale { .. } => failure.hint(
            "nothing was stored. A cache may serve it; if it stays so, the log was put back from a copy, and its next checkpoint shows it",
        ),
        MirrorError::Source(damage) => remote::judged(
            damage,
            failure.hint("nothing was stored; try again, and see `log verify` for the place"),
        ),
        MirrorError::Own(_) => failure,
    })
}

pub(super) fn own(error: LogError) -> Failure {
    match error {
        LogError::Damaged(damage) => Failure::refused(format!("the mirror's own copy is damaged: {damage}"))
            .hint("keep it as evidence, and begin a new one in another directory"),
        LogError::Key { .. } | LogError::Locked { .. } => Failure::usage(error),
        other => Failure::internal(other),
    }
}

pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
