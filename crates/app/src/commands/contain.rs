//! `contain` and `release`: taken away now, given back by a person.

use super::control::{Control, refused, unchanged, with_person};
use super::standing::{print, safe};
use crate::cli::{ContainArgs, ReleaseArgs, WhomArgs};
use crate::failure::{Failure, Outcome};
use crate::out;
use crate::service::kill;
use holdshort_api::{NewStanding, Release, Released, StandingChange, Whom};
use holdshort_inventory::Role;
use holdshort_model::{Scope, Standing};
use serde_json::json;
use std::process::ExitCode;

pub(super) fn contain(arguments: ContainArgs) -> Outcome {
    let ContainArgs { place, output, person, whom, isolate: _, terminate, narrow, reason, offline } = arguments;
    let whom = whom.whom()?;
    let standing = match (terminate, narrow.is_empty()) {
        (true, _) => Standing::Terminated,
        (false, false) => Standing::Narrowed,
        (false, true) => Standing::Isolated,
    };
    if offline {
        if standing != Standing::Isolated {
            return Err(Failure::usage("`--offline` writes the kill file, which isolates: `--offline --isolate`"));
        }
        let data = place.data(&place.load()?)?;
        let (path, scope) = (data.kill_file(), Scope::from(whom));
        data.prepare()?;
        kill::write(&path, &scope)?;
        match output.json {
            true => out::json(&json!({ "file": path, "scope": scope }))?,
            false => out::line(format_args!(
                "wrote {} to {}; a service that runs obeys within 100 ms",
                scope,
                path.display()
            ))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let named = match &whom {
        Whom::Agent { agent } | Whom::Session { agent, .. } => Some(agent.clone()),
        _ => None,
    };
    let new = NewStanding { whom, standing, removed: narrow, reason };
    with_person(&place, &person, Role::Release, async |control, by| {
        let change = control.contain(&new, by).await?;
        if output.json {
            return out::json(&change);
        }
        print(std::slice::from_ref(&change.after))?;
        if let Some(agent) = &named {
            // It holds all the same. Only who sees agents can say that there is none of this name.
            let known = control.agents().await.map_or(true, |agents| agents.iter().any(|one| one.id == *agent));
            if !known {
                out::line(format_args!(
                    "no agent is registered as `{}`; it holds for whoever comes under that name",
                    safe(agent.as_str())
                ))?;
            }
        }
        if !change.changed {
            out::line("it was taken away already")?;
        }
        if !change.kept {
            out::line("it holds; the log or the database does not take it yet, see `holdshort standing`")?;
        }
        Ok(())
    })
}

pub(super) fn release(arguments: ReleaseArgs) -> Outcome {
    let ReleaseArgs { place, output, person, whom, grant, reason } = arguments;
    let wanted = Release { whom: whom.whom()?, grants: grant, reason };
    let kill_file = place.data(&place.load()?)?.kill_file();
    with_person(&place, &person, Role::Release, async |control, by| {
        let released = control.release(&wanted, by).await?;
        if output.json {
            return out::json(&released);
        }
        let Released { after, .. } = &released;
        match after.standing {
            Standing::Active => out::line(format_args!("released {}", safe(&after.scope.to_string())))?,
            _ => print(std::slice::from_ref(after))?,
        }
        if kill_file.symlink_metadata().is_ok() {
            out::line(format_args!("`{}` is still there: the next start isolates again", kill_file.display()))?;
        }
        Ok(())
    })
}

impl WhomArgs {
    fn whom(self) -> Result<Whom, Failure> {
        match self {
            Self { all: true, agent: None, class: None, session: None } => Ok(Whom::All {}),
            Self { all: false, agent: None, class: Some(class), session: None } => Ok(Whom::Class { class }),
            Self { all: false, agent: Some(agent), class: None, session: None } => {
                Ok(Whom::Agent { agent: agent.into() })
            }
            Self { all: false, agent: Some(agent), class: None, session: Some(session) } => {
                Ok(Whom::Session { agent: agent.into(), session: session.into() })
            }
            _ => Err(Failure::usage("name one of: an agent, an agent with `--session`, `--class`, `--all`")),
        }
    }
}

impl Control {
    async fn contain(&self, new: &NewStanding, by: &str) -> Result<StandingChange, Failure> {
        match self {
            Self::Remote(client) => client.contain(new).await.map_err(|error| {
                let late = error.is_unreachable();
                let failure = refused(error);
                if late { failure.hint("isolate through the kill file: add `--offline`") } else { failure }
            }),
            Self::Local(local) => local.service.contain(new.clone(), by).await.map_err(unchanged),
        }
    }

    async fn release(&self, wanted: &Release, by: &str) -> Result<Released, Failure> {
        match self {
            Self::Remote(client) => client.release(wanted).await.map_err(refused),
            Self::Local(local) => local.service.release(wanted.clone(), by).await.map_err(unchanged),
        }
    }
}
