//! `destinations`: what agents may reach without a question, because a person approved it before.

use super::control::{Control, refused, unchanged, with};
use crate::cli::{DestinationArgs, DestinationsCommand, Output};
use crate::failure::{Failure, Outcome};
use crate::{out, render};
use holdshort_api::{DestinationSummary, NewDestination};
use serde_json::json;

pub(super) fn run(command: DestinationsCommand) -> Outcome {
    match command {
        DestinationsCommand::List { place, output, agent } => with(&place, async |control| {
            let mut all = control.destinations().await?;
            all.retain(|one| agent.as_ref().is_none_or(|agent| one.agent.as_str() == agent));
            print(&all, output)
        }),
        DestinationsCommand::Add { place, output, destination } => {
            with(&place, async |control| print(&[control.add_destination(&destination.into()).await?], output))
        }
        DestinationsCommand::Forget { place, output, destination } => with(&place, async |control| {
            let wanted = NewDestination::from(destination);
            control.forget_destination(&wanted).await?;
            let NewDestination { agent, user, kind, value, .. } = wanted;
            match output.json {
                true => out::json(&json!({ "agent": agent, "user": user, "kind": kind, "forgotten": value })),
                false => out::line(format_args!("forgot the {kind} {} of {agent}", safe(&value))),
            }
        }),
    }
}

impl From<DestinationArgs> for NewDestination {
    fn from(arguments: DestinationArgs) -> Self {
        let DestinationArgs { agent, user, kind, value } = arguments;
        Self { agent: agent.into(), user, kind: kind.as_str().to_owned(), value, via: None }
    }
}

impl Control {
    async fn destinations(&self) -> Result<Vec<DestinationSummary>, Failure> {
        match self {
            Self::Remote(client) => client.destinations().await.map(|page| page.destinations).map_err(refused),
            Self::Local(local) => Ok(local.service.destinations().destinations),
        }
    }

    pub(super) async fn add_destination(&self, new: &NewDestination) -> Result<DestinationSummary, Failure> {
        match self {
            Self::Remote(client) => client.add_destination(new).await.map_err(refused),
            Self::Local(local) => local.service.add_destination(new.clone(), OPERATOR).await.map_err(unchanged),
        }
    }

    async fn forget_destination(&self, wanted: &NewDestination) -> Result<(), Failure> {
        match self {
            Self::Remote(client) => client.forget_destination(wanted).await.map_err(refused),
            Self::Local(local) => local.service.forget_destination(wanted.clone(), OPERATOR).await.map_err(unchanged),
        }
    }
}

/// Whoever runs the command line on the data directory itself.
const OPERATOR: &str = "operator";

fn print(destinations: &[DestinationSummary], output: Output) -> Result<(), Failure> {
    if output.json {
        return destinations.iter().try_for_each(out::json);
    }
    let row = |one: &DestinationSummary| {
        let user = if one.user.is_empty() { "-" } else { &one.user };
        let since = render::time(one.since_ms);
        let texts = [one.agent.as_str(), user, &one.kind, &one.value, &since, &one.by, &one.via];
        texts.map(safe).to_vec()
    };
    let rows: Vec<Vec<String>> = destinations.iter().map(row).collect();
    out::table(&["AGENT", "USER", "KIND", "VALUE", "SINCE", "BY", "VIA"], &rows)
}

/// Values are what an agent asked for: none of them reaches the terminal as a control sequence.
fn safe(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
