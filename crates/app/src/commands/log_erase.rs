//! `log erase`: records are made unreadable for ever.

use super::control::{Control, refused, unchanged, with};
use crate::cli::EraseArgs;
use crate::failure::{Failure, Outcome};
use crate::{out, render};
use holdshort_api::{Erased, NewErasure};
use holdshort_model::ErasureKind;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

pub(super) fn run(arguments: EraseArgs) -> Outcome {
    let EraseArgs { place, output, user, agent, session, because, yes } = arguments;
    let (kind, name) = match (user, agent, session) {
        (Some(name), None, None) => (ErasureKind::User, name),
        (None, Some(name), None) => (ErasureKind::Agent, name),
        (None, None, Some(name)) => (ErasureKind::Session, name),
        _ => return Err(Failure::usage("name one of `--user`, `--agent`, `--session`")),
    };
    if !yes {
        confirm(kind, &name)?;
    }
    let wanted = NewErasure { kind, name, reason: because };
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

fn tell(wanted: &NewErasure, erased: &Erased) -> Result<(), Failure> {
    let name = render::safe(&wanted.name);
    if erased.keys == 0 {
        return Err(Failure::refused(format!("nothing on record is sealed for the {} `{name}`", wanted.kind.as_str()))
            .hint(
                "it was erased before, was never there, or was recorded with `seal = false` or by an earlier version",
            ));
    }
    let Erased { keys, sessions } = erased;
    out::line(format_args!("erased: {keys} keys of {sessions} sessions; what they sealed cannot be read any more"))?;
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
