//! `standing`: what was taken from whom.

use super::control::{Control, refused, with_person};
use crate::cli::StandingArgs;
use crate::failure::{Failure, Outcome};
use crate::{out, render};
use holdshort_api::StandingPage;
use holdshort_inventory::Role;
use holdshort_model::{Standing, StandingEntry};

pub(super) fn run(arguments: &StandingArgs) -> Outcome {
    let StandingArgs { place, output, person } = arguments;
    with_person(place, person, Role::Read, async |control, _| {
        let page = control.standings().await?;
        if output.json {
            return page.entries.iter().try_for_each(out::json);
        }
        match page.entries.is_empty() {
            true => out::line("nothing was taken away from anybody")?,
            false => print(&page.entries)?,
        }
        if page.unkept {
            out::line("the log or the database does not take all of it yet; it holds, and a restart would forget it")?;
        }
        Ok(())
    })
}

impl Control {
    async fn standings(&self) -> Result<StandingPage, Failure> {
        match self {
            Self::Remote(client) => client.standings().await.map_err(refused),
            Self::Local(local) => Ok(local.service.standings()),
        }
    }
}

pub(super) fn print(entries: &[StandingEntry]) -> Result<(), Failure> {
    let row = |entry: &StandingEntry| {
        let standing = match entry.standing {
            Standing::Active => "active",
            Standing::Narrowed => "narrowed",
            Standing::Isolated => "isolated",
            Standing::Terminated => "terminated",
        };
        let removed = if entry.removed.is_empty() { "-".to_owned() } else { entry.removed.join(", ") };
        let (whom, since) = (entry.scope.to_string(), render::time(entry.since_ms));
        [whom.as_str(), standing, &removed, &since, &entry.by, &entry.reason].map(safe).to_vec()
    };
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    out::table(&["WHOM", "STANDING", "GRANTS TAKEN", "SINCE", "BY", "WHY"], &rows)
}

/// Names and reasons may be what an agent wrote: none of them reaches the terminal as a control sequence.
pub(super) fn safe(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
