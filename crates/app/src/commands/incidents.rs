//! `incidents` and `notify`: what people have to look at, and how they are told.

use super::control::{Control, refused, unchanged, with};
use crate::cli::{IncidentStateArg, IncidentsCommand, NotifyCommand, Output};
use crate::failure::{Failure, Outcome};
use crate::{out, render};
use holdshort_api::{ChannelState, ChannelTested, IncidentSummary, IncidentsPage, IncidentsQuery};
use holdshort_model::{Incident, IncidentState, Level, RecordId, one_line};
use std::process::ExitCode;

/// Whoever runs the command line on the data directory itself.
const OPERATOR: &str = "operator";
/// Longest text in a table, in characters.
const CELL_CHARS_MAX: usize = 500;

pub(super) fn incidents(command: IncidentsCommand) -> Outcome {
    match command {
        IncidentsCommand::List { place, output, state } => {
            let state = match state {
                IncidentStateArg::Open => Some(IncidentState::Open),
                IncidentStateArg::Closed => Some(IncidentState::Closed),
                IncidentStateArg::All => None,
            };
            with(&place, async |control| {
                let mut query = IncidentsQuery { state, before: None };
                let mut all = Vec::new();
                loop {
                    let IncidentsPage { incidents, next } = control.incidents(&query).await?;
                    all.extend(incidents);
                    match next {
                        Some(next) => query.before = Some(next),
                        None => return print_list(&all, output),
                    }
                }
            })
        }
        IncidentsCommand::Show { place, output, id } => {
            with(&place, async |control| print(&control.incident(id).await?, output))
        }
        IncidentsCommand::Close { place, output, id, reason } => with(&place, async |control| {
            let incident = control.close_incident(id, &reason).await?;
            match output.json {
                true => out::json(&incident),
                false => out::line(format_args!("closed {}: {}", incident.id, safe(&incident.title))),
            }
        }),
    }
}

pub(super) fn notify(command: NotifyCommand) -> Outcome {
    match command {
        NotifyCommand::List { place, output } => {
            with(&place, async |control| print_channels(&control.channels().await?, output))
        }
        NotifyCommand::Test { place, output, name } => {
            let mut delivered = false;
            with(&place, async |control| {
                let tested = control.test_channel(&name).await?;
                delivered = tested.delivered;
                print_tested(&tested, output)
            })?;
            Ok(if delivered { ExitCode::SUCCESS } else { ExitCode::from(1) })
        }
    }
}

impl Control {
    async fn incidents(&self, query: &IncidentsQuery) -> Result<IncidentsPage, Failure> {
        match self {
            Self::Remote(client) => client.incidents(query).await.map_err(refused),
            Self::Local(local) => local.service.incidents(query.state, query.before).await.map_err(unchanged),
        }
    }

    async fn incident(&self, id: RecordId) -> Result<Incident, Failure> {
        match self {
            Self::Remote(client) => client.incident(id).await.map_err(refused),
            Self::Local(local) => {
                let found = local.service.incident(id).await.map_err(unchanged)?;
                found.ok_or_else(|| Failure::refused(format!("there is no incident {id}")))
            }
        }
    }

    async fn close_incident(&self, id: RecordId, reason: &str) -> Result<Incident, Failure> {
        match self {
            Self::Remote(client) => client.close_incident(id, reason).await.map_err(refused),
            Self::Local(local) => local.service.close_incident(id, reason, OPERATOR).await.map_err(unchanged),
        }
    }

    async fn channels(&self) -> Result<Vec<ChannelState>, Failure> {
        match self {
            Self::Remote(client) => client.channels().await.map(|page| page.channels).map_err(refused),
            Self::Local(local) => Ok(local.service.channels().channels),
        }
    }

    async fn test_channel(&self, name: &str) -> Result<ChannelTested, Failure> {
        match self {
            Self::Remote(client) => client.test_channel(name).await.map_err(refused),
            Self::Local(local) => local.service.test_channel(name, OPERATOR).await.map_err(unchanged),
        }
    }
}

fn print_list(incidents: &[IncidentSummary], output: Output) -> Result<(), Failure> {
    if output.json {
        return incidents.iter().try_for_each(out::json);
    }
    if incidents.is_empty() {
        return out::line("no incidents");
    }
    let row = |one: &IncidentSummary| {
        let agents: Vec<String> = one.agents.iter().map(|agent| safe(agent.as_str())).collect();
        vec![
            one.id.to_string(),
            state(one.state).to_owned(),
            level(one.level).to_owned(),
            render::time(one.opened_ms),
            one.lines.to_string(),
            agents.join(", "),
            safe(&one.title),
        ]
    };
    let rows: Vec<Vec<String>> = incidents.iter().map(row).collect();
    out::table(&["INCIDENT", "STATE", "LEVEL", "OPENED", "LINES", "AGENTS", "TITLE"], &rows)
}

fn print(incident: &Incident, output: Output) -> Result<(), Failure> {
    if output.json {
        return out::json(incident);
    }
    let list = |names: Vec<&str>| names.into_iter().map(safe).collect::<Vec<_>>().join(", ");
    out::line(format_args!("{}  {}  {}", incident.id, state(incident.state), level(incident.level)))?;
    out::line(safe(&incident.title))?;
    out::line(format_args!("agents: {}", list(incident.agents.iter().map(|agent| agent.as_str()).collect())))?;
    out::line(format_args!("sessions: {}", list(incident.sessions.iter().map(|session| session.as_str()).collect())))?;
    let rows: Vec<Vec<String>> = incident
        .timeline
        .iter()
        .map(|entry| {
            let record = entry.index.map(|index| index.to_string()).unwrap_or_else(|| "-".into());
            vec![render::time(entry.at_ms), safe(&entry.what), record, safe(&entry.text)]
        })
        .collect();
    out::line("")?;
    out::table(&["TIME", "WHAT", "RECORD", "TEXT"], &rows)?;
    if incident.omitted > 0 {
        out::line(format_args!("left out: {} lines, agents or sessions; the log has them all", incident.omitted))?;
    }
    let evidence = serde_json::to_string_pretty(&incident.evidence);
    let evidence = evidence.map_err(|error| Failure::internal(format!("cannot print the evidence: {error}")))?;
    out::line("\nevidence, as it was before anything was taken away:")?;
    // Line ends of JSON are ours; everything else that is not text is escaped in it, or shown as what it is.
    evidence.lines().try_for_each(|line| out::line(safe(line)))?;
    next(incident)
}

/// What a person can do about it.
fn next(incident: &Incident) -> Result<(), Failure> {
    if incident.state == IncidentState::Closed {
        return Ok(());
    }
    out::line("")?;
    if incident.timeline.iter().any(|entry| entry.what == "contained") {
        for agent in &incident.agents {
            out::line(format_args!("holdshort release {} --reason WHY", safe(agent.as_str())))?;
        }
    }
    out::line(format_args!("holdshort incidents close {} --reason WHY", incident.id))
}

fn print_channels(channels: &[ChannelState], output: Output) -> Result<(), Failure> {
    if output.json {
        return channels.iter().try_for_each(out::json);
    }
    if channels.is_empty() {
        return out::line("no channels: the configuration names them in `[[notify]]`");
    }
    let row = |one: &ChannelState| {
        let numbers = [one.waiting, one.sent, one.failed, one.given_up, one.dropped].map(|number| number.to_string());
        let health = if one.down { "down" } else { "up" };
        let mut row = vec![one.name.clone(), health.to_owned()];
        row.extend(numbers);
        row
    };
    let rows: Vec<Vec<String>> = channels.iter().map(row).collect();
    out::table(&["CHANNEL", "STATE", "WAITING", "SENT", "FAILED", "GIVEN UP", "DROPPED"], &rows)
}

fn print_tested(tested: &ChannelTested, output: Output) -> Result<(), Failure> {
    if output.json {
        return out::json(tested);
    }
    match &tested.problem {
        None => out::line(format_args!("`{}` took the message", tested.name)),
        Some(problem) => out::line(format_args!("`{}` {problem}", tested.name)),
    }
}

fn state(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => "open",
        IncidentState::Closed => "closed",
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Critical => "critical",
    }
}

/// Agents and servers chose some of these texts: none reaches the terminal as a control sequence.
fn safe(text: &str) -> String {
    one_line(text, CELL_CHARS_MAX)
}
