//! `labels`: what a live session has read, and how a person lowers it. Sessions live in the service, so it has to run.

use super::control::refused;
use crate::cli::{LabelsCommand, Output};
use crate::failure::{Failure, Outcome};
use crate::place::Place;
use crate::service::start::is_running;
use crate::{out, render};
use holdshort_api::Declassify;
use holdshort_model::{Integrity, Labels};
use holdshort_sdk::{Client, Endpoint};
use std::process::ExitCode;

pub(super) fn run(command: LabelsCommand) -> Outcome {
    match command {
        LabelsCommand::Show { place, output, session, agent } => with(&place, async |client| {
            let shown = client.labels(&agent.into(), &session.into()).await.map_err(refused)?;
            if output.json { out::json(&shown) } else { print(&shown.labels) }
        }),
        LabelsCommand::Declassify { place, output, session, what, agent, reason } => with(&place, async |client| {
            let wanted = Declassify { what, reason };
            let lowered = client.declassify(&agent.into(), &session.into(), &wanted).await.map_err(refused)?;
            let Output { json } = output;
            if json {
                return out::json(&lowered);
            }
            out::line(format_args!("declassified `{}`; record {} of the log", wanted.what, lowered.receipt.index))?;
            print(&lowered.labels)
        }),
    }
}

fn with(place: &Place, work: impl AsyncFnOnce(&Client) -> Result<(), Failure>) -> Outcome {
    let data = place.data(&place.load()?)?;
    if !is_running(&data) {
        let failure =
            Failure::unreachable(format!("no service runs in `{}`, so no session lives there", data.root().display()));
        return Err(failure.hint("start one with `holdshort serve`, or name the other directory with `--data`"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot start: {error}")))?;
    let client = Client::new(Endpoint::Unix(data.socket()), None).map_err(Failure::internal)?;
    runtime.block_on(work(&client))?;
    Ok(ExitCode::SUCCESS)
}

fn print(labels: &Labels) -> Result<(), Failure> {
    // Names of tools are not ours: no text of a server reaches the terminal as a control sequence.
    let safe = |text: String| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { safe(text) };
    let integrity = match labels.integrity {
        Integrity::Trusted => "trusted",
        Integrity::Untrusted => "untrusted",
    };
    let since = labels.since.and_then(|since| u64::try_from(since / 1_000_000).ok()).map(render::time);
    let rows = [
        ("integrity", integrity.to_owned()),
        ("confidentiality", or_none(labels.confidentiality.clone())),
        ("categories", or_none(labels.categories.join(", "))),
        ("untrusted since", or_none(since.unwrap_or_default())),
        ("sources", or_none(labels.sources.join(", "))),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    out::table(&["LABEL", "VALUE"], &rows)
}
