//! `log erase`: records are made unreadable for ever.

use super::control::{Control, refused, unchanged, with};
use crate::cli::EraseArgs;
use crate::count::count;
use crate::failure::{Failure, Outcome};
use crate::place::Place;
use crate::service::start::is_running;
use crate::{clock, out, render};
use holdshort_api::{Erased, NewErasure};
use holdshort_model::ErasureKind;
use holdshort_store::keys::{Keys, Scope};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

pub(super) fn run(arguments: EraseArgs) -> Outcome {
    let EraseArgs { place, output, user, agent, session, because, yes } = arguments;
    let (kind, name) = match (user, agent, session) {
        (Some(name), None, None) => (ErasureKind::User, name),
        (None, Some(name), None) => (ErasureKind::Agent, name),
        (None, None, Some(name)) => (ErasureKind::Session, name),
        _ => return Err(Failure::usage("name one of `--user`, `--agent`, `--session`")),
    };
    if because.trim().is_empty() {
        return Err(Failure::usage("`--because` is empty").hint("say why: it is put on record"));
    }
    if !yes {
        confirm(kind, &name)?;
    }
    let wanted = NewErasure { kind, name, reason: because };
    if is_absent(&place, &wanted)? {
        let erased = Erased { keys: 0, sessions: 0 };
        let told = if output.json { out::json(&erased) } else { tell(&wanted, &erased) };
        return told.map(|()| ExitCode::SUCCESS);
    }
    with(&place, async |control| {
        let erased = match control {
            Control::Remote(client) => client.erase(&wanted).await.map_err(refused)?,
            Control::Local(local) => {
                local.service.erase(wanted.clone(), super::person::OPERATOR).await.map_err(unchanged)?
            }
        };
        if output.json {
            return out::json(&erased);
        }
        tell(&wanted, &erased)
    })
}

/// Whether no service runs and there is nothing to erase: then none is put together, which would go on record. One that
/// starts looks where the keys are when there are none.
fn is_absent(place: &Place, wanted: &NewErasure) -> Result<bool, Failure> {
    let data = place.data(&place.load()?)?;
    if is_running(&data) {
        return Ok(false);
    }
    let Some(keys) = Keys::open_existing(&data.keys()).map_err(Failure::internal)? else {
        return Ok(false);
    };
    let name = wanted.name.clone();
    let scope = match wanted.kind {
        ErasureKind::User => Scope::User(name),
        ErasureKind::Agent => Scope::Agent(name),
        ErasureKind::Session => Scope::Session(name),
    };
    let is_absent = keys.select(&scope).map_err(Failure::internal)?.is_empty();
    if is_absent {
        // An earlier erasure may have left traces.
        keys.erase(&[], clock::now_ms()).map_err(Failure::internal)?;
    }
    Ok(is_absent)
}

fn tell(wanted: &NewErasure, erased: &Erased) -> Result<(), Failure> {
    let name = render::safe(&wanted.name);
    if erased.keys == 0 {
        return Err(Failure::refused(format!("nothing on record is sealed for the {} `{name}`", wanted.kind.as_str()))
            .hint(
                "it was erased before, was never there, or was recorded with `seal = false` or by an earlier version",
            ));
    }
    let Erased { keys, sessions } = erased;
    let (keys, sessions) = (count(*keys, "key"), count(*sessions, "session"));
    out::line(format_args!("erased: {keys} of {sessions}; what was sealed cannot be read any more"))?;
    out::line("    `holdshort log verify` and every proof hold as before")?;
    out::line("not reached: copies of `keys.db`, what was exported, notified or sent on, open questions, incidents,")?;
    out::line("    and the entries of agents, people and destinations; see docs/guides/erasure.md")
}

/// Asks whoever sits at the terminal to write the name once more.
fn confirm(kind: ErasureKind, name: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage("nobody is there to confirm this").hint("add `--yes`; it cannot be undone"));
    }
    let mut asked = std::io::stderr();
    let name_shown = render::safe(name);
    let question = format!(
        "Every sealed record of the {} `{name_shown}` becomes unreadable for ever.\nWrite the name to go on: ",
        kind.as_str()
    );
    let mut answer = String::new();
    let read = asked.write_all(question.as_bytes()).and_then(|()| stdin.lock().read_line(&mut answer));
    read.map_err(|error| Failure::usage(format!("cannot read the answer: {error}")))?;
    match answer.trim() == name {
        true => Ok(()),
        false => Err(Failure::refused("not confirmed; nothing was erased")),
    }
}
