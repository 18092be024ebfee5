//! `log erase`: records are made unreadable for ever.

use super::control::{Control, refused, unchanged, with};
use crate::cli::EraseArgs;
use crate::count::count;
use crate::failure::{Failure, Outcome};
use crate::place::Place;
use crate::service::seals::scope;
use crate::service::start::is_running;
use crate::{out, render};
use holdshort_api::{Erased, NewErasure};
use holdshort_model::ErasureKind;
use holdshort_store::keys::Keys;
use holdshort_store::sqlite::StateDb;
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
        let erased = Erased { keys: 0, sessions: 0, elsewhere: 0 };
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
    // What a crash interrupted is for whoever starts next.
    let is_unfinished = !keys.intents().map_err(Failure::internal)?.is_empty();
    let scope = scope(wanted.kind, wanted.name.clone());
    if is_unfinished || !keys.select(&scope).map_err(Failure::internal)?.is_empty() || !data.database().exists() {
        return Ok(false);
    }
    let state = StateDb::open(&data.database()).map_err(Failure::internal)?;
    if state.may_name(&wanted.name).map_err(Failure::internal)? {
        return Ok(false);
    }
    // An earlier erasure may have left traces.
    keys.clear_traces().map_err(Failure::internal)?;
    state.clear_traces().map_err(Failure::internal)?;
    Ok(true)
}

fn tell(wanted: &NewErasure, erased: &Erased) -> Result<(), Failure> {
    let name = render::safe(&wanted.name);
    if erased.keys == 0 && erased.elsewhere == 0 {
        return Err(Failure::refused(format!("nothing on record is sealed for the {} `{name}`", wanted.kind.as_str()))
            .hint(
                "it was erased before, was never there, or was recorded with `seal = false` or by an earlier version",
            ));
    }
    let Erased { keys, sessions, elsewhere } = erased;
    let (keys, sessions) = (count(*keys, "key"), count(*sessions, "session"));
    out::line(format_args!("erased: {keys} of {sessions}; what was sealed cannot be read any more"))?;
    if *elsewhere > 0 {
        let things = count(*elsewhere, "thing");
        out::line(format_args!(
            "erased besides: {things} (questions, incidents, messages, destinations, what was usual)"
        ))?;
    }
    out::line("    `holdshort log verify` and every proof hold as before")?;
    out::line(
        "not reached: copies of `keys.db` - whoever brings one back, and the log with it, reads all of it again -,",
    )?;
    out::line("    what was exported, notified or sent on, who is isolated, and the entries of agents and people;")?;
    out::line("    see docs/guides/erasure.md")
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
